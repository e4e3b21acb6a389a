# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the suites share: a daemon of their own, a user of their own, a line of RPC, TAP."""
import array
import contextlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time

SKIP = 77
# Seconds for what must happen, and soon; a loaded machine may take its time. Where speed is tested, a test says so itself.
PATIENCE = 60
# An interpreter that every user can start: the one that runs this may lie in somebody's home.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
MUST_WORK = bool(os.environ.get("LEASH_MUST_WORK"))


class Tap:
    """One line per case. In CI a skip of what CI has installed is a failure (must=True)."""

    def __init__(self):
        self.count = self.failed = 0
        self.start = time.monotonic()

    def ok(self, good, name, detail=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {' '.join(name.split())}")
        if not good:
            for line in str(detail).splitlines():
                print(f"# {line}")
        sys.stdout.flush()

    def skip(self, name, why, must=False):
        if must and MUST_WORK:
            self.ok(False, name, f"skipped, which CI does not accept: {why}")
            return
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {' '.join(str(why).split())}", flush=True)

    def end(self):
        print(f"1..{self.count}")
        print(f"# {self.count} cases, {self.failed} failed, {time.monotonic() - self.start:.1f} s", flush=True)
        return 1 if self.failed else 0


class User:
    """Who runs the client: root, the caller, or somebody made for this run and removed after it."""

    def __init__(self, name, uid, gid, home, made=False):
        self.name, self.uid, self.gid, self.home, self.made = name, uid, gid, home, made

    @staticmethod
    def caller():
        p = pwd.getpwuid(os.getuid())
        return User(p.pw_name, p.pw_uid, p.pw_gid, p.pw_dir)

    @staticmethod
    def other(number=1):
        """An unprivileged user, or None where none can be made. Tests that need several number them."""
        if os.getuid() != 0:
            return User.caller()
        if not shutil.which("useradd"):
            return None
        end = time.monotonic() + PATIENCE
        while True:  # another test may hold the lock on /etc/passwd
            # Process numbers come again, and a test that was killed may have left its user.
            name = f"leash-t{os.getpid()}-{number}{random.choice(string.ascii_lowercase)}"
            r = subprocess.run(["useradd", "-m", "-U", "-s", "/bin/bash", name], capture_output=True, text=True)
            if r.returncode == 0:
                break
            if time.monotonic() > end:
                print(f"# useradd: {r.stderr.strip()}")
                return None
            time.sleep(0.2)
        p = pwd.getpwnam(name)
        return User(name, p.pw_uid, p.pw_gid, p.pw_dir, made=True)

    def demote(self):
        """Keyword arguments for subprocess."""
        if os.getuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path):
        if os.getuid() != self.uid:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return path

    def remove(self):
        """With all that is left of it: what has its number now would be the next one's."""
        if not self.made:
            return
        wait_for(lambda: not self.kill(), PATIENCE)
        for place in ("/tmp", "/var/tmp", "/dev/shm"):  # what the twins' tools leave there: java, tmux
            for name in os.listdir(place):
                path = os.path.join(place, name)
                with contextlib.suppress(OSError):
                    if os.lstat(path).st_uid == self.uid:
                        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        wait_for(lambda: subprocess.run(["userdel", "-f", "-r", self.name], capture_output=True).returncode in (0, 6), PATIENCE, 0.2)

    def kill(self):
        """Its processes; how many there were."""
        found = 0
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == self.uid and alive(name):
                    os.kill(int(name), signal.SIGKILL)
                    found += 1
        return found


class NoNamespaces:
    """A user namespace in which none can be made, as in an unprivileged container: there the native tier remains."""

    HOLD = ("for n in user mnt pid net ipc uts cgroup; do echo 0 > /proc/sys/user/max_${n}_namespaces || exit 1; done;"
            "echo ready; exec sleep 100000")

    def __init__(self, user):
        self.user = user
        self.holder = subprocess.Popen(["unshare", "-U", "--map-current-user", "--keep-caps", "sh", "-c", self.HOLD],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **user.demote())
        self.works = self.holder.stdout.readline() == "ready\n"

    def prefix(self):
        """Enters it, as the user and without any capability."""
        return ["nsenter", f"--user=/proc/{self.holder.pid}/ns/user", "-S", str(self.user.uid), "-G", str(self.user.gid),
                "--", "setpriv", "--bounding-set=-all", "--inh-caps=-all"]

    def end(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def sanitized(folder):
    """Was it built with a sanitizer? Then how much memory it takes says nothing."""
    with open(os.path.join(folder, "leashd"), "rb") as f:
        return b"__asan_init" in f.read()


class Leash:
    """leashctl with a daemon of its own, started on demand as for anybody, and stopped at the end."""

    def __init__(self, build, user, base, native=None):
        self.user = user
        self.base = base
        self.native = native
        self.build = self.reachable(os.path.realpath(build))
        self.leashctl = os.path.join(self.build, "leashctl")
        self.runtime = user.own(tempfile.mkdtemp(prefix="run-", dir=base))
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "HOME": user.home,
            "USER": user.name,
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": self.runtime,
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LEASH_LOG"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.socket_path = os.path.join(self.runtime, "leash", "leash.sock")

    def reachable(self, build):
        """The build folder, or a copy of its programs where the user may go."""
        probe = subprocess.run(["test", "-x", os.path.join(build, "leashctl")], **self.user.demote())
        if probe.returncode == 0 or not os.path.exists(os.path.join(build, "leashctl")):
            return build
        copy = os.path.join(self.base, "bin")
        os.makedirs(copy, exist_ok=True)
        for folder, _, files in os.walk(build):
            for name in files:
                path = os.path.join(folder, name)
                if (folder == build and os.access(path, os.X_OK)) or ".so" in name:
                    target = os.path.join(copy, os.path.relpath(path, build))
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.copy2(path, target)
        return copy

    def sanitized(self):
        return sanitized(os.path.dirname(self.leashctl))

    def command(self, *args):
        """leashctl, and what has to stand before it; with how() as keyword arguments for subprocess."""
        return [*(self.native.prefix() if self.native else ()), self.leashctl, *args]

    def how(self):
        return {} if self.native else self.user.demote()

    def run(self, *args, env=None, timeout=60, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("capture_output", "stdout" not in kw and "stderr" not in kw)
        return subprocess.run(self.command(*args), env={**self.env, **(env or {})}, timeout=timeout,
                              errors="replace", **self.how(), **kw)

    def rpc(self):
        return Rpc(self)

    def daemon_pid(self):
        """Who holds the listening socket; None when nobody does. (Its peer credentials name the client that made it.)"""
        inodes = set()
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
            for word in map(str.split, f):
                if len(word) == 8 and word[7] == self.socket_path and word[3] == "00010000":
                    inodes.add(f"socket:[{word[6]}]")
        holders = {}
        for name in os.listdir("/proc") if inodes else ():
            with contextlib.suppress(OSError):
                if name.isdigit() and os.stat(f"/proc/{name}").st_uid in (self.user.uid, 0):
                    for fd in os.listdir(f"/proc/{name}/fd"):
                        with contextlib.suppress(OSError):
                            if os.readlink(f"/proc/{name}/fd/{fd}") in inodes:
                                holders[int(name)] = parent_of(name)
        # Between fork and exec its child has it, too; and numbers wrap.
        return next((pid for pid, parent in sorted(holders.items()) if parent not in holders), None)

    def processes(self):
        """The daemon and all that descends from it: {pid: command line}."""
        pid = self.daemon_pid()
        return {} if pid is None else descendants(pid)

    def stop(self):
        mine = self.processes()
        if not mine:
            return
        with contextlib.suppress(OSError):  # it may just have ended by itself
            os.kill(next(iter(mine)), signal.SIGTERM)
        if not wait_for(lambda: not any(alive(p) for p in mine), PATIENCE):
            for p in mine:
                with contextlib.suppress(OSError):
                    os.kill(p, signal.SIGKILL)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def listens(path):
    """Whether somebody listens on this socket, without a connection, which would be a client."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        return any(len(word) == 8 and word[7] == path and word[3] == "00010000" for word in map(str.split, f))


def descendants(root):
    parents, lines = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                parents[int(name)] = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{name}/cmdline", "rb") as f:
                lines[int(name)] = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    found = {root: lines.get(root, "")}
    grew = True
    while grew:
        grew = False
        for pid, parent in parents.items():
            if parent in found and pid not in found:
                found[pid] = lines.get(pid, "")
                grew = True
    return found


def wait_for(condition, seconds, step=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error.get("message", "") + " " + json.dumps(error.get("data", {})))
        self.error = error


class Rpc:
    """JSON-RPC over the daemon's socket. Connects as the suite's user, by way of a child that passes the socket back."""

    def __init__(self, leash):
        # The daemon knows a client by who connected; so somebody of that uid has to.
        if not self.listening(leash):
            leash.run("run", "--fresh", "--", "true")
        if os.getuid() == leash.user.uid and not leash.native:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(leash.socket_path)
        else:
            here, there = socket.socketpair()
            code = ("import array,socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                    "p=socket.socket(fileno=int(sys.argv[2]))\n"
                    "p.sendmsg([b'x'],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[s.fileno()]))])\n"
                    # The peer's identity must stay checkable as long as the connection is used.
                    "p.recv(1)\n")
            prefix = leash.native.prefix() if leash.native else []
            self.helper = subprocess.Popen([*prefix, PYTHON, "-c", code, leash.socket_path, str(there.fileno())],
                                           pass_fds=(there.fileno(),), **leash.how())
            there.close()
            _, control, _, _ = here.recvmsg(1, socket.CMSG_SPACE(4))
            fds = array.array("i")
            fds.frombytes(control[0][2][:4])
            self.sock = socket.socket(fileno=fds[0])
            self.here = here
        self.sock.settimeout(60)
        self.buffer = b""
        self.next = 0
        self.answers, self.notifications = {}, []

    @staticmethod
    def listening(leash):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(leash.socket_path)
            return True
        return False

    def line(self):
        while b"\n" not in self.buffer:
            chunk = self.sock.recv(1 << 20)
            if not chunk:
                raise EOFError("the daemon closed the connection")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def send(self, method, params=None, fds=()):
        self.next += 1
        text = json.dumps({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params or {}}) + "\n"
        if fds:
            sent = self.sock.sendmsg([text.encode()],
                                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
            self.sock.sendall(text.encode()[sent:])
        else:
            self.sock.sendall(text.encode())
        return self.next

    def wait(self, number):
        """Answers come in any order."""
        while number not in self.answers:
            message = self.line()
            if "method" in message:
                self.notifications.append(message)
            else:
                self.answers[message.get("id")] = message
        message = self.answers.pop(number)
        if "error" in message:
            raise RpcError(message["error"])
        return message["result"]

    def call(self, method, params=None, fds=()):
        return self.wait(self.send(method, params, fds))

    def close(self):
        self.sock.close()
        if hasattr(self, "helper"):
            self.here.close()
            self.helper.wait()


def base_directory(prefix):
    """A place on the ordinary disk that a sandbox at level default can see: not /tmp, not the home."""
    for place in ("/srv", "/var/tmp"):
        if os.access(place, os.W_OK):
            path = tempfile.mkdtemp(prefix=prefix, dir=place)
            os.chmod(path, 0o755)
            return path
    raise SystemExit(SKIP)
