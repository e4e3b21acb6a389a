# SPDX-License-Identifier: MIT OR Apache-2.0
"""A user who has taken his own leash-session over: its descriptors in a process of his that says what it likes."""
import array
import contextlib
import ctypes
import fcntl
import os
import re
import signal
import socket
import struct
import sys
import traceback

from system import PATIENCE, wait_for

CONTROL_FD, WARDEN_FD = 3, 4  # in a session: daemon/common/control.h
FACTS, START = 1, 2
NATIVE, USER, BARE = 0, 1, 2
STATUS, WELCOME = 2, 5
FDS, PLAN, PREPARED, READY, FAILED = 5, 1, 64, 65, 66

FRAME = struct.Struct("<IIQqii4Qi16s256s4x")
CONTROL = struct.Struct("<IIiIIIQ")
ROOT_RO, ROOT_RW, ROOT_EMPTY, BIND_RO, BIND_RW, TMPFS, DIR, FILE, SYMLINK, HIDE, READONLY, PIN, DEV, DEVICE, PROC, SYS = range(16)
SEALS = 15  # SEAL, SHRINK, GROW, WRITE

libc = ctypes.CDLL(None, use_errno=True)


def layout(name):
    """(format, names of the members) of a structure of proto/wire.h that has no arrays."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../proto/wire.h"), encoding="utf-8") as f:
        body = re.search(r"struct " + name + r" \{(.*?)\n\};", f.read(), re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    form, names = "<", []
    for kind, members in re.findall(r"(u?int(?:32|64)_t) ([^;]+);", body):
        for member in members.split(","):
            form += {"uint32_t": "I", "int32_t": "i", "uint64_t": "Q"}[kind]
            names.append(member.strip())
    return struct.Struct(form), names


MOUNT, MOUNT_MEMBERS = layout("wire_mount")
HEADER, HEADER_MEMBERS = layout("wire_plan")


def descriptor_of(pid, fd):
    """pidfd_getfd(2), which root may."""
    pidfd = os.pidfd_open(pid)
    got = libc.syscall(438, pidfd, fd, 0)
    os.close(pidfd)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return got


def take_over(w, user):
    """Stops the user's session; (its control socket, its socket to the warden). It never wakes up again."""
    pid = w.sessions(user.uid)[0]
    os.kill(pid, signal.SIGSTOP)
    return pid, descriptor_of(pid, CONTROL_FD), descriptor_of(pid, WARDEN_FD)


def enter_namespaces(pid):
    for fd in [os.open(f"/proc/{pid}/ns/{ns}", os.O_RDONLY) for ns in ("user", "mnt")]:
        if libc.setns(fd, 0) < 0:
            raise OSError(ctypes.get_errno(), "setns")


def as_user(user, function, *args, enter=None, ask=None, seconds=100):
    """Runs it in a child that is the user (inside of another machine's namespaces, where given); what it returned, or None.
    With `ask`, the function's first argument passes a question to that one out here, which is root, and gives its answer."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            signal.alarm(seconds)
            if enter:
                enter_namespaces(enter)
            os.setgroups([])
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
            f = theirs.makefile("rw")

            def consult(what):
                f.write(f"?{what!r}\n")
                f.flush()
                return eval(f.readline())
            f.write(f"={function(*([consult] if ask else []), *args)!r}\n")
            f.flush()
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
        finally:
            os._exit(0)
    theirs.close()
    result = None
    with ours, ours.makefile("rw") as f:
        for line in f:  # our own repr()
            if line[0] == "=":
                result = eval(line[1:])
                break
            f.write(f"{ask(eval(line[1:]))!r}\n")
            f.flush()
    os.waitpid(pid, 0)
    return result


def send(fd, data, fds=()):
    s = socket.socket(fileno=os.dup(fd))
    with s:
        s.setblocking(True)
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def receive(s, size=8192, seconds=20):
    """(bytes, descriptors); nothing at the end, or when nothing comes."""
    s.settimeout(seconds)
    fds = array.array("i")
    try:
        data, control, _, _ = s.recvmsg(size, socket.CMSG_SPACE(64 * 4))
    except (OSError, TimeoutError):
        return b"", []
    for level, kind, text in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(text[:len(text) - len(text) % 4])
    return data, list(fds)


def version_of(header, name):
    """What this build speaks; a message of another version is refused before anything else is looked at."""
    with open(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, header), encoding="ascii") as f:
        return int(re.search(rf"^#define {name} (\d+)u$", f.read(), re.MULTILINE)[1])


WARDEN_VERSION = version_of("backends/linux/warden.h", "WARDEN_VERSION")


def request(kind, tier=0, version=WARDEN_VERSION):
    return struct.pack("<III", version, kind, tier)


def start(warden, tier):
    """A leash-init of ours: our end of its control socket, its pid and the root that it shows."""
    ours, theirs = pair()
    reply, there = pair()
    send(warden, request(START, tier), [there.fileno(), theirs.fileno()])
    theirs.close()
    there.close()
    answer, fds = receive(reply)
    pid = struct.unpack_from("<i", answer, 8)[0] if len(answer) >= 12 else 0
    for fd in fds:
        os.close(fd)
    reply.close()
    return ours, pid


def prepared(ours):
    data, fds = receive(ours)
    kind = struct.unpack_from("<I", data, 4)[0] if len(data) == FRAME.size else 0
    return fds[0] if kind == PREPARED and fds else -1


def frame(kind, ident=0, value=0):
    return FRAME.pack(1, kind, ident, value, 0, 0, 0, 0, 0, 0, 0, b"", b"")


class Plan:
    """The file of a plan, byte by byte."""

    def __init__(self):
        self.mounts, self.flags = [], 0

    def mount(self, kind, target=None, content=None, fd=-1, mode=0, flags=0):
        self.mounts.append({"kind": kind, "mode": mode, "flags": flags, "fd": fd, "target": target, "content": content})
        return self

    def bytes(self, n_mounts=None, at_mounts=None, size=None, version=1):
        texts = HEADER.size + len(self.mounts) * MOUNT.size
        rows, strings = bytearray(), bytearray()
        for m in self.mounts:
            m = dict(m)
            for member in ("target", "content"):
                text, m[member] = m[member], 0
                if text is not None:
                    m[member] = texts + len(strings)
                    strings += text.encode() + b"\0"
            rows += MOUNT.pack(*[m.get(member, 0) for member in MOUNT_MEMBERS])
        total = size or texts + len(strings) + 1
        header = {"version": version, "flags": self.flags, "size": total,
                  "mounts": HEADER.size if at_mounts is None else at_mounts,
                  "n_mounts": len(self.mounts) if n_mounts is None else n_mounts}
        return (HEADER.pack(*[header.get(member, 0) for member in HEADER_MEMBERS]) + rows + strings).ljust(total, b"\0")


def memfd(data, seals=SEALS):
    fd = os.memfd_create("plan", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with contextlib.suppress(BrokenPipeError):
        os.write(fd, data)
    if seals:
        fcntl.fcntl(fd, 1033, seals)  # F_ADD_SEALS
    return fd


def submit(ours, data, fds=(), seals=SEALS, raw=None):
    """Sends the plan; (READY, FAILED or 0, errno, what it says)."""
    plan = memfd(data, seals) if raw is None else raw
    try:
        for i in range(0, len(fds), 16):
            send(ours.fileno(), frame(FDS), fds[i:i + 16])
        send(ours.fileno(), frame(PLAN), [plan])
    except OSError:
        return 0, 0, "gone"
    finally:
        if raw is None:
            os.close(plan)
    data, got = receive(ours, seconds=PATIENCE)
    for fd in got:
        os.close(fd)
    if len(data) != FRAME.size:
        return 0, 0, "gone"
    fields = FRAME.unpack(data)
    return fields[1], fields[4], fields[12].split(b"\0")[0].decode(errors="replace")


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def inits(w):
    found = []
    for pid in w.processes():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
            if f.read().strip() == "leash-init":
                found.append(pid)
    return found


def gone(pid, seconds=PATIENCE):
    return wait_for(lambda: not os.path.exists(f"/proc/{pid}"), seconds)
