#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""leash-launch behind a socket, as its unit has it: leashd may be shut in, and sessions are not; callers are compared with
whoever made the socket; nobody but a root of the system's is listened to, by either of the two.

usage: test-launcher.py BUILD
"""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from system import PATIENCE, PYTHON, SKIP, System, Tap, User, listens, wait_for

# As systemd would: a mount namespace, no_new_privs, and a bounding set without CAP_SETPCAP.
SHUT_IN = ("unshare", "-m", "setpriv", "--no-new-privs", "--bounding-set", "-all,+sys_ptrace,+audit_read", "--inh-caps", "-all")
CONNECT = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.settimeout(float(sys.argv[2]))
try:
    print("closed" if s.recv(1) == b"" else "data")
except TimeoutError:
    print("listens")
except ConnectionResetError:
    print("closed")
"""


class Launcher:
    """What leash-launch.socket does with Accept=yes."""

    def __init__(self, w):
        self.path, self.w, self.started = os.path.join(w.base, "launch.sock"), w, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection, open(self.w.log_path, "ab") as log:
                fd = connection.fileno()
                program = os.path.join(self.w.bin, "leash-launch")
                self.started.append(subprocess.Popen(["sh", "-c", f'exec "$@" 3<&{fd} {fd}<&-' if fd != 3 else 'exec "$@"', "sh", program,
                                                      "--socket", self.w.socket], pass_fds=(fd,), stdin=subprocess.DEVNULL,
                                                     stdout=log, stderr=log, start_new_session=True,
                                                     env={"PATH": "/usr/bin:/bin", "LEASH_LOG": "info"}))

    def running(self):
        return [p.pid for p in self.started if p.poll() is None]

    def close(self):
        self.listener.close()
        for p in self.started:
            if p.poll() is None:
                p.kill()
            p.wait()


class Apart(System):
    """leashd shut in; where its launcher is, is told by `launcher`."""

    launcher = None

    def start(self):
        options = [*self.options, *(["--launcher", self.launcher.path] if self.launcher else [])]
        with open(self.log_path, "ab") as log:
            self.daemon = subprocess.Popen([*SHUT_IN, os.path.join(self.bin, "leashd"), "--socket", self.socket, *options],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                           env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LEASH_LOG": "info"})
        wait_for(lambda: listens(self.socket) or self.daemon.poll() is not None, PATIENCE)


def namespace(pid, name="mnt"):
    return os.readlink(f"/proc/{pid}/ns/{name}")


def session(w, user):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/exe") == os.path.join(w.bin, "leash-session") and os.stat(f"/proc/{name}").st_uid == user.uid:
                    return int(name)
            except OSError:
                pass
    return None


def status(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return next(line.split()[1] for line in f if line.startswith(key + ":"))


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    t = Tap()
    user, root = User.other(), User.caller()
    w = Apart(os.path.realpath(sys.argv[1]))
    try:
        r = w.run(user, "run", "--fresh", "--", "echo", "served")
        t.ok("served" not in r.stdout, "without a launcher of its own, a leashd that is shut in serves nobody", r)
        w.stop()
        w.launcher = Launcher(w)
        w.start()
        r = w.run(user, "run", "--fresh", "--", "echo", "served")
        t.ok(r.stdout == "served\n", "with one it serves a user", [r, w.log()[-2000:]])
        r = w.run(root, "run", "--fresh", "--", "echo", "served")
        t.ok(r.stdout == "served\n", "and root", r)
        t.ok(namespace(w.daemon.pid) != namespace("self"), "leashd is in a mount namespace of its own")
        pid = session(w, user)
        t.ok(pid and namespace(pid) == namespace("self"), "the session is in the system's")
        t.ok(pid and status(pid, "NoNewPrivs") == "0" and status(w.daemon.pid, "NoNewPrivs") == "1", "and has no part in leashd's no_new_privs")
        t.ok(pid and status(pid, "CapBnd") == status("self", "CapBnd"), "nor in its bounding set")
        for what, prefix, words in (("in another mount namespace", ("unshare", "-m"), "mount namespace"),
                                    ("with no_new_privs", ("setpriv", "--no-new-privs"), "no_new_privs")):
            r = w.run(root, "run", "--fresh", "--", "echo", "served", prefix=prefix)
            t.ok("served" not in r.stdout and words in r.stderr, f"a caller {what} is refused", r)
        # It is leashd's own namespace, but not the system's.
        r = w.run(root, "run", "--fresh", "--", "echo", "served", prefix=("nsenter", "-m", f"--target={w.daemon.pid}"))
        t.ok("served" not in r.stdout, "also one in leashd's own", r)

        sleeper = w.popen(user, "run", "--fresh", "--", "sleep", "1000")
        wait_for(lambda: len(w.launcher.running()) == 1, PATIENCE)
        os.kill(w.launcher.running()[0], signal.SIGKILL)
        t.ok(w.daemon.wait(PATIENCE) == 1, "when leash-launch is gone, leashd fails")
        sleeper.communicate(timeout=PATIENCE)
        w.start()
        r = w.run(user, "run", "--fresh", "--", "echo", "served")
        t.ok(r.stdout == "served\n", "the next one has another", r)
        t.ok(len(w.launcher.running()) == 1, "one for each leashd", w.launcher.running())

        talk = [sys.executable, "-c", CONNECT, w.launcher.path, "60"]
        r = subprocess.run([*talk[:-1], "3"], capture_output=True, text=True, timeout=100, check=False)
        t.ok(r.stdout == "listens\n", "leash-launch listens to root", r)
        r = subprocess.run(["unshare", "-Ur", *talk], capture_output=True, text=True, timeout=100, check=False)
        t.ok(r.stdout == "closed\n", "not to a root in a user namespace", r)
        r = subprocess.run([PYTHON, *talk[1:]], capture_output=True, text=True, timeout=100, check=False, **user.demote())
        t.ok("PermissionError" in r.stderr, "a user does not come by the socket", r)
        w.stop()
        t.ok(wait_for(lambda: not w.launcher.running(), PATIENCE), "leash-launch ends with its leashd", w.launcher.running())

        theirs = os.path.join(w.base, "theirs")
        os.mkdir(theirs)
        user.own(theirs)
        fake = subprocess.Popen([PYTHON, "-c", "import socket, sys, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
                                 "s.bind(sys.argv[1]); s.listen(); print(flush=True); time.sleep(100)", os.path.join(theirs, "launch.sock")],
                                stdout=subprocess.PIPE, **user.demote())
        fake.stdout.readline()
        r = subprocess.run([os.path.join(w.bin, "leashd"), "--socket", w.socket, "--launcher", os.path.join(theirs, "launch.sock")],
                           capture_output=True, text=True, timeout=PATIENCE, check=False)
        t.ok(r.returncode == 1 and "not root's" in r.stderr, "leashd does not talk to a launcher that is not root's", r)
        fake.kill()
        fake.wait()
        fake.stdout.close()
    finally:
        if w.launcher:
            w.launcher.close()
        w.remove()
        user.remove()
    time.sleep(0.1)
    return t.end()


sys.exit(main())
