# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of the system service share: a leashd of root's with a socket of its own, and users that call it."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))
from leashtest import PATIENCE, PYTHON, SKIP, Tap, User, alive, base_directory, descendants, listens, sanitized, wait_for  # noqa: E402,F401

PROGRAMS = ("leashd", "leash-launch", "leash-warden", "leash-session", "leash-init", "leash-gate", "leash-ipc", "leashctl")


class Line:
    """A connection; one call after the other."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.lines = self.sock.makefile()
        self.n = 0

    def call(self, method, **params):
        self.n += 1
        self.sock.sendall(json.dumps({"jsonrpc": "2.0", "id": self.n, "method": method, "params": params}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if answer.get("id") == self.n:
                return answer
        raise EOFError(method)


class Forbidden:
    """A machine that forbids user namespaces, as far as one can be made here: a user namespace with all ids, in which no
    further ones can be made, and with a mount namespace of its own."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-U", "-m", "sh", "-c", "echo; exec sleep 100000"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.works = self.holder.stdout.readline() == "\n"
        for name in ("uid_map", "gid_map") if self.works else ():
            with open(f"/proc/{self.holder.pid}/{name}", "w", encoding="ascii") as f:
                f.write("0 0 4294967295")
        self.works = self.works and subprocess.run(
            [*self.prefix(), "sh", "-c", "mount --make-rslave / && echo 0 > /proc/sys/user/max_user_namespaces"],
            check=False).returncode == 0

    def prefix(self, uid=0, gid=0):
        return ["nsenter", "-U", "-m", f"--target={self.holder.pid}", "-S", str(uid), "-G", str(gid), "--"]

    def end(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class System:
    """The daemon, from a copy of the build that every user can reach."""

    def __init__(self, build, *options, backend=None, inside=None):
        self.inside = inside
        self.base = base_directory("leash-system-")
        self.socket = os.path.join(self.base, "leash.sock")
        self.bin = os.path.join(self.base, "bin")
        os.mkdir(self.bin)
        for name in PROGRAMS:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(os.path.join(build, name), self.bin)
        self.leashctl = os.path.join(self.bin, "leashctl")
        self.log_path = os.path.join(self.base, "leashd.log")
        self.options = [*options, *(["--backend", backend] if backend else [])]
        self.daemon = None
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            # (nsenter execs: its pid is the daemon's.)
            self.daemon = subprocess.Popen([*(self.inside.prefix() if self.inside else ()), os.path.join(self.bin, "leashd"), "--socket", self.socket,
                                            *self.options],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                           env={"PATH": "/usr/bin:/bin", "LEASH_LOG": "info", "SECRET": "of root"})
        if not wait_for(lambda: listens(self.socket) or self.daemon.poll() is not None, PATIENCE):
            raise RuntimeError("leashd does not come up")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def env(self, user):
        return {"PATH": "/usr/bin:/bin", "HOME": user.home, "USER": user.name, "LANG": "C.UTF-8",
                "LEASH_SOCKET": self.socket}

    def popen(self, user, *args, groups=(), prefix=(), **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        demote = {} if user.uid == 0 else {"user": user.uid, "group": user.gid, "extra_groups": list(groups)}
        if self.inside:
            demote, prefix = {}, (*self.inside.prefix(user.uid, user.gid), *prefix)
        return subprocess.Popen([*prefix, self.leashctl, *args], env=self.env(user), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors="replace", **demote, **kw)

    def run(self, user, *args, timeout=60, **kw):
        p = self.popen(user, *args, **kw)
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
        return subprocess.CompletedProcess(args, p.returncode, out, err)

    def sanitized(self):
        return sanitized(self.bin)

    def processes(self):
        return descendants(self.daemon.pid)

    def sessions(self, user=None):
        """Pids of the leash-sessions, of one user or of all."""
        found = []
        for pid, line in self.processes().items():
            with contextlib.suppress(OSError):
                if line.startswith("leash-session") and user in (None, uid_of(pid)):
                    found.append(pid)
        return found

    def stop(self):
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        return self.daemon.returncode

    def remove(self):
        self.stop()
        shutil.rmtree(self.base, ignore_errors=True)


def uid_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("Uid:"):
                return int(line.split()[1])
    return None


def scratch(user, base):
    """A directory of this user's that a sandbox may work in."""
    path = tempfile.mkdtemp(prefix=f"of-{user.name}-", dir=base)
    os.chown(path, user.uid, user.gid)
    return path
