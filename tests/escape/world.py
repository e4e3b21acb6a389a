# SPDX-License-Identifier: MIT OR Apache-2.0
"""What lies outside of the sandbox and must stay as it is: files, listeners, processes, shared objects."""
import contextlib
import ctypes
import errno
import hashlib
import os
import pty
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import threading

import leashtest as lt

SECRET = "LEASH-SECRET\n"
libc = ctypes.CDLL(None, use_errno=True)

VICTIM = r"""
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1 & 0xffffffffffffffff), 0, 0, 0)  # where Yama is on
heard = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for s in (signal.SIGUSR1, signal.SIGIO, signal.SIGTERM, signal.SIGHUP):
    signal.signal(s, lambda n, _: os.write(heard, b"signal %d\n" % n))  # a file object is not reentrant
memory = ctypes.create_string_buffer(b"LEASH-SECRET", 8192)
fd = os.open("secret", os.O_RDONLY)
os.setpgid(0, 0)
print(ctypes.addressof(memory), fd, flush=True)
while True:
    signal.pause()
"""


class Victim:
    """A process of the same user with a secret wherever a process can have one."""

    def __init__(self, hosts, where):
        self.heard = os.path.join(where, "heard")
        for name, text in (("heard", ""), ("secret", SECRET)):
            with open(os.path.join(where, name), "w", encoding="ascii") as f:
                f.write(text)
            hosts.user.own(os.path.join(where, name))
        self.process = subprocess.Popen([lt.PYTHON, "-c", VICTIM, self.heard, "LEASH-SECRET"], cwd=where,
                                        env={"LEASH_VICTIM": "LEASH-SECRET"}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, **hosts.user.demote())
        self.address, self.fd = self.process.stdout.readline().split()

    def state(self):
        pid = self.process.pid
        if self.process.poll() is not None:
            return "dead"
        with open(self.heard, encoding="ascii") as f:
            heard = f.read()
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            comm = f.read()
        with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as f:
            oom = f.read()
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            stopped = f.read().rsplit(")", 1)[1].split()[0] in "tT"
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:
            limits = f.read()
        return (heard, comm, oom, stopped, os.getpriority(os.PRIO_PROCESS, pid), sorted(os.sched_getaffinity(pid)),
                os.sched_getscheduler(pid), limits, libc.syscall(252, 1, pid))  # ioprio_get

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Hosts:
    """What lives as long as the suite: listeners, victims, System V objects, a terminal."""

    def __init__(self, suite):
        self.user, self.base = suite.user, suite.base
        self.id = f"{os.getpid()}-{os.urandom(3).hex()}"
        self.ears = {}  # name -> socket
        self.tcp4 = self.listen("tcp4", socket.AF_INET, socket.SOCK_STREAM, ("0.0.0.0", 0))[1]
        self.tcp6 = 0
        with contextlib.suppress(OSError):
            self.tcp6 = self.listen("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::", 0))[1]
        self.abstract = f"@leash-escape-{self.id}"
        self.listen("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.abstract[1:])
        self.listen("abstract-dgram", socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + self.abstract[1:] + "-dgram")
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("0.0.0.0", 0))
        self.udp4 = self.udp.getsockname()[1]
        self.udp_heard = 0
        threading.Thread(target=self.answer, daemon=True).start()
        self.address = self.own_address()
        self.home = self.directory(self.user.home, ".leash-escape-" + self.id)
        self.tmp = self.directory("/tmp", "leash-escape-" + self.id)
        self.run = self.directory("/run" if os.access("/run", os.W_OK) else suite.leash.runtime, "leash-escape-" + self.id)
        self.made, self.folders = [self.home, self.tmp, self.run], []
        for name, where in (("home", self.home), ("tmp", self.tmp), ("run", self.run)):
            self.write(os.path.join(where, "secret"), SECRET)
            self.write(os.path.join(where, "target"), "untouched\n")
            self.listen("unix-" + name, socket.AF_UNIX, socket.SOCK_STREAM, os.path.join(where, "stream"))
        self.ssh = self.plant(".ssh")
        self.aws = self.plant(".aws")
        self.ipc()
        self.master, slave = pty.openpty()
        self.pty = os.ttyname(slave)
        self.slave = slave
        self.user.own(self.pty)
        os.set_blocking(self.master, False)
        # Two of them: what a twin does to one must not hide what happens to the other.
        self.victims = [Victim(self, self.directory(self.base, "victim-" + n)) for n in ("twin", "inside")]
        self.suid = "-"
        if os.getuid() == 0 and not os.statvfs(self.base).f_flag & os.ST_NOSUID:
            self.suid = os.path.join(self.base, "suid")
            shutil.copy(suite.program, self.suid)
            os.chmod(self.suid, 0o4755)

    def directory(self, parent, name):
        path = os.path.join(parent, name)
        os.mkdir(path, 0o755)
        return self.user.own(path)

    def write(self, path, text, mode=0o644):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        return self.user.own(path)

    def plant(self, folder):
        """A secret of a name that nobody has, in a folder that may be there already."""
        where = os.path.join(self.user.home, folder)
        with contextlib.suppress(FileExistsError):
            os.mkdir(where, 0o700)
            self.user.own(where)
            self.folders.append(where)
        path = self.write(os.path.join(where, "leash-escape-" + self.id), SECRET, 0o600)
        self.made.append(path)
        return path

    def listen(self, name, family, kind, where):
        s = socket.socket(family, kind)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if name == "tcp4":
            s.setsockopt(socket.IPPROTO_TCP, 23, 16)  # TCP_FASTOPEN, where the host has it on
        s.bind(where)
        if kind != socket.SOCK_DGRAM:
            s.listen(4096)
        s.setblocking(False)
        if family == socket.AF_UNIX and isinstance(where, str) and where[0] == "/":
            os.chmod(where, 0o777)
            self.user.own(where)
        self.ears[name] = s
        return s.getsockname()

    def answer(self):
        with contextlib.suppress(OSError):
            while True:
                _, peer = self.udp.recvfrom(64)
                self.udp_heard += 1
                self.udp.sendto(b"heard", peer)

    def own_address(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        return "127.0.0.2"

    def ipc(self):
        self.key = 0x1EA50000 | (os.getpid() & 0xFFFF)
        flags = 0o1666  # IPC_CREAT, for everybody
        self.shm = libc.shmget(self.key, 4096, flags)
        self.sem = libc.semget(self.key, 1, flags)
        self.msg = libc.msgget(self.key, flags)
        libc.shmat.restype = ctypes.c_void_p
        at = libc.shmat(self.shm, None, 0)
        ctypes.memmove(at, b"LEASH-SECRET", 12)
        libc.shmdt(ctypes.c_void_p(at))
        self.queue = f"/leash-escape-{self.id}"
        old = os.umask(0)
        self.mq = libc.mq_open(self.queue.encode(), os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666, None)
        os.umask(old)
        self.shm_name = f"/leash-escape-{self.id}"
        self.write("/dev/shm" + self.shm_name, SECRET, 0o666)

    def heard(self):
        """Everything that arrived anywhere since the last call."""
        found = []
        for name, s in self.ears.items():
            while True:
                try:
                    if s.type == socket.SOCK_DGRAM:
                        s.recv(64)
                    else:
                        s.accept()[0].close()
                except BlockingIOError:
                    break
                found.append(name)
        if self.udp_heard:
            self.udp_heard = 0
            found.append("udp4")
        with contextlib.suppress(OSError):
            if os.read(self.master, 4096):
                found.append("terminal")
        buffer = ctypes.create_string_buffer(65536)
        if libc.msgrcv(self.msg, buffer, 1024, 0, 0o4000 | 0o10000) >= 0:
            found.append("message queue")
        if self.mq >= 0 and libc.mq_receive(self.mq, buffer, 65536, None) >= 0:
            found.append("POSIX queue")
        if libc.semctl(self.sem, 0, 12) == 7:  # GETVAL
            libc.semctl(self.sem, 0, 16, 0)
            found.append("semaphore")
        return sorted(set(found))

    def close(self):
        for victim in self.victims:
            victim.end()
        for s in self.ears.values():
            s.close()
        self.udp.close()
        libc.shmctl(self.shm, 0, None)
        libc.semctl(self.sem, 0, 0)
        libc.msgctl(self.msg, 0, None)
        libc.mq_unlink(self.queue.encode())
        with contextlib.suppress(OSError):
            os.unlink("/dev/shm" + self.shm_name)
        for path in reversed(self.made):
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        for path in self.folders:  # another suite of this user's may have something in there by now
            with contextlib.suppress(OSError):
                os.rmdir(path)
        os.close(self.master)
        os.close(self.slave)


class World:
    """A fresh working directory and a fresh outside for one attempt."""

    # In the working directory, what each family must leave alone.
    GUARDED = {
        "git": (".git", ".git/config", ".git/config.worktree", ".git/commondir", ".git/hooks/**", ".vscode/**",
                ".bashrc", ".mcp.json", ".claude", "sub", "sub/.git", "sub/.git/config", "sub/.git/hooks/**"),
        "names": (".env", "new.env", "vault/**", "made", "sub/k.pem", "a/b/k.pem"),
    }

    def __init__(self, suite, family, name):
        self.suite, self.hosts, self.user, self.family = suite, suite.hosts, suite.user, family
        self.base = self.user.own(tempfile.mkdtemp(prefix="w", dir=suite.base))
        os.chmod(self.base, 0o755)
        self.work, self.out = self.base + "/work", self.base + "/out"
        self.name = name
        self.ears = []
        self.build()

    def file(self, path, text=SECRET, mode=0o644):
        return self.hosts.write(os.path.join(self.base, path), text, mode)

    def build(self):
        for d in ("work", "out", "out/dir", "out/empty", "work/sub", "work/sub/.git", "work/sub/.git/hooks",
                  "work/.git", "work/.git/hooks", "work/.git/objects", "work/.git/refs", "work/.git/refs/heads",
                  "work/sub/.git/objects", "work/sub/.git/refs", "work/.vscode", "work/keys", "work/vault"):
            self.hosts.directory(self.base, d)
        self.file("out/secret", mode=0o600)
        self.file("out/dir/secret")
        self.file("out/target", "untouched\n", 0o600)
        with contextlib.suppress(OSError):
            os.setxattr(self.out + "/target", "user.mark", b"1")
        os.mkfifo(self.out + "/fifo", 0o666)
        self.user.own(self.out + "/fifo")
        self.fifo = os.open(self.out + "/fifo", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        for repository in ("work/.git", "work/sub/.git"):
            self.file(repository + "/HEAD", "ref: refs/heads/main\n")
            self.file(repository + "/config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n")
            self.file(repository + "/hooks/pre-commit.sample", "#!/bin/sh\nexit 0\n")
        self.file("work/.vscode/tasks.json", "{}\n")
        self.file("work/.bashrc", "# mine\n")
        self.file("work/.env")
        self.file("work/keys/id.pem")
        self.file("work/vault/secret")
        for name, target in (("link-secret", self.out + "/secret"), ("link-dir", self.out), ("link-git", ".git")):
            os.symlink(target, os.path.join(self.work, name))
            self.user.own(os.path.join(self.work, name))
        os.link(self.suite.program, self.work + "/escape")
        if self.hosts.suid != "-":
            os.link(self.hosts.suid, self.work + "/suid-program")
        if self.family == "sockets":
            for name, kind in (("stream", socket.SOCK_STREAM), ("dgram", socket.SOCK_DGRAM),
                               ("seqpacket", socket.SOCK_SEQPACKET)):
                self.hosts.listen(self.name + name, socket.AF_UNIX, kind, os.path.join(self.out, name))
                self.ears.append(self.name + name)

    def keys(self, victim):
        h = self.hosts
        return {
            "id": self.name, "work": self.work, "out": self.out, "home": h.home, "home_secret": h.home + "/secret",
            "home_target": h.home + "/target", "ssh_secret": h.ssh, "aws_secret": h.aws, "tmp": h.tmp, "run": h.run,
            "victim": victim.process.pid, "victim_address": int(victim.address), "victim_fd": int(victim.fd),
            "tcp4": h.tcp4, "tcp6": h.tcp6, "udp4": h.udp4, "address": h.address, "abstract": h.abstract,
            "leashd": self.suite.leash.socket_path, "ipc_key": h.key, "shm_id": h.shm, "queue": h.queue,
            "shm_name": h.shm_name, "pty": h.pty, "suid": h.suid,
        }

    def expand(self, text):
        keys = self.keys(self.hosts.victims[1])
        return re.sub(r"@(\w+)@", lambda m: str(keys[m.group(1)]), text)

    def use(self, victim):
        self.victim = victim
        self.file("work/.world", "".join(f"{k} {v}\n" for k, v in self.keys(victim).items()))

    def __enter__(self):
        self.use(self.hosts.victims[0])
        self.hosts.heard()
        return self

    def __exit__(self, *_):
        os.close(self.fifo)
        for name in self.ears:
            self.hosts.ears.pop(name).close()
        self.hosts.heard()
        for leftover in (f"/usr/local/bin/leash-escape-{self.name}", f"/dev/leash-escape-{self.name}"):
            with contextlib.suppress(OSError):
                os.unlink(leftover)
        # A twin may have put the host's files anywhere; they are all below.
        lt.wait_for(lambda: subprocess.run(["rm", "-rf", self.base], stderr=subprocess.DEVNULL, check=False).returncode == 0, 20)
        for where in (self.hosts.tmp, self.hosts.run, self.hosts.home):
            with contextlib.suppress(OSError):
                os.unlink(where + "/new")
            self.hosts.write(where + "/target", "untouched\n")

    @staticmethod
    def fingerprint(path):
        try:
            st = os.lstat(path)
        except OSError as e:
            return errno.errorcode[e.errno]
        what = [stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_ino]
        if not stat.S_ISDIR(st.st_mode):
            what += [st.st_size, st.st_mtime_ns, st.st_nlink]
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                what.append(hashlib.sha256(f.read()).hexdigest()[:12])
            with contextlib.suppress(OSError):
                what.append(os.listxattr(path))
        elif stat.S_ISLNK(st.st_mode):
            what.append(os.readlink(path))
        return what

    def tree(self, top):
        found = {top: self.fingerprint(top)}
        for folder, directories, files in os.walk(top):
            for name in directories + files:
                path = os.path.join(folder, name)
                found[path] = self.fingerprint(path)
        return found

    def snapshot(self):
        """Before the sandboxed run; switches to the victim that no twin has touched."""
        if self.hosts.victims[1].process.poll() is not None:
            self.hosts.victims[1] = Victim(self.hosts, os.path.dirname(self.hosts.victims[1].heard))
        self.use(self.hosts.victims[1])
        self.hosts.heard()
        return self.picture()

    def picture(self):
        seen = self.tree(self.out)
        for where in (self.hosts.home, self.hosts.tmp, self.hosts.run):
            seen.update(self.tree(where))
        for path in (self.hosts.ssh, self.hosts.aws, f"/usr/local/bin/leash-escape-{self.name}",
                     f"/dev/leash-escape-{self.name}", "/dev/shm" + self.hosts.shm_name, self.work):
            seen[path] = self.fingerprint(path)
        for name in self.GUARDED.get(self.family, ()):
            path = os.path.join(self.work, name.removesuffix("/**"))
            seen.update(self.tree(path) if name.endswith("/**") else {path: self.fingerprint(path)})
        seen["host name"] = os.uname().nodename
        seen["victim"] = self.victim.state()
        return seen

    def harm(self, before):
        """What differs, as text; empty when nothing does."""
        after = self.picture()
        lines = [f"{key}: was {before.get(key)}, is {after.get(key)}"
                 for key in sorted({*before, *after}, key=str) if before.get(key) != after.get(key)]
        if heard := self.hosts.heard():
            lines.append("heard by the host: " + ", ".join(heard))
        with contextlib.suppress(OSError):
            if os.read(self.fifo, 64):
                lines.append("the host's fifo got something")
        return "\n".join(lines)
