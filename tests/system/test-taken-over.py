#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A user takes his own leash-session over and says what he likes to what runs with privilege: leash-warden, leash-init
before it has given its capabilities up, leashd. He must gain nothing by it, and the other user must not notice.

usage: test-taken-over.py BUILD
"""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

import attacker as at
from system import PATIENCE, SKIP, Forbidden, System, Tap, User, alive, scratch, uid_of, wait_for

ROUNDS = 150
TAKEN = []
CAPABILITIES = 1 << 21 | 1 << 12  # SYS_ADMIN, NET_ADMIN


def served(w, user):
    r = w.run(user, "run", "--fresh", "--", "echo", "served", timeout=PATIENCE)
    return r.stdout == "served\n"


def release(w, user):
    """Ends what was taken over. (With a descriptor of it left here, leashd would not see its end.)"""
    while TAKEN:
        os.close(TAKEN.pop())
    for pid in w.sessions(user.uid):
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda p=pid: not alive(p), PATIENCE)


def fresh(w, user):
    """A new session of the user's, taken over."""
    release(w, user)
    w.taken = getattr(w, "taken", 0) + 1
    if w.taken % 5 == 0:  # sessions that end are started again five times in ten seconds
        w.stop()
        w.start()
    wait_for(lambda: w.run(user, "ps").returncode == 0, PATIENCE, 0.2)  # too many starts in a row are refused for some seconds
    pid, control, warden = at.take_over(w, user)
    TAKEN.extend((control, warden))
    return pid, control, warden


# The warden.

def deputy(warden, kind, path):
    """The place for the answer is a socket to somebody who believes root."""
    s = socket.socket(socket.AF_UNIX, kind)
    s.connect(path)
    at.send(warden, at.request(at.FACTS), [s.fileno()])


def warden_deputy(t, w, a):
    """Root's service that knows its callers by their credentials."""
    for kind, name in ((socket.SOCK_DGRAM, "datagram"), (socket.SOCK_SEQPACKET, "packet")):
        path = os.path.join(w.base, name)
        s = socket.socket(socket.AF_UNIX, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        s.bind(path)
        os.chmod(path, 0o777)
        if kind == socket.SOCK_SEQPACKET:
            s.listen(4)
        _, _, warden = fresh(w, a)
        at.as_user(a, deputy, warden, kind, path)
        s.settimeout(2)
        heard = b""
        try:
            ear = s.accept()[0] if kind == socket.SOCK_SEQPACKET else s
            ear.settimeout(1)
            heard, control, _, _ = ear.recvmsg(4096, 256)
        except TimeoutError:
            pass
        t.ok(heard == b"", f"the warden says nothing, as root, through a {name} socket of the user's choice",
             heard and control)
        s.close()


def honest(warden):
    """What the session itself says: the twin of everything here."""
    ours, there = at.pair()
    at.send(warden, at.request(at.FACTS), [there.fileno()])
    there.close()
    facts = at.receive(ours)[0]
    control, pid = at.start(warden, at.USER)
    root = at.prepared(control)
    return len(facts) > 100, root >= 0, at.status(pid)["Uid"].split()


def nonsense(r):
    """A message that no session sends, and descriptors with it."""
    choice = r.randrange(5)
    version = at.WARDEN_VERSION + r.choice((0, 0, -1, 1))
    data = (at.request(r.randrange(6), r.choice((0, 1, 2, 3, 255, 1 << 31)), version), r.randbytes(12),
            r.randbytes(r.randrange(1, 12)), r.randbytes(r.randrange(13, 3000)), at.request(2, 1))[choice]
    kinds = [lambda: at.memfd(b"x"), lambda: os.open("/", os.O_PATH), lambda: os.open("/dev/null", os.O_RDWR),
             lambda: os.pipe()[1], lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).detach(),
             lambda: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach(),
             lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()]
    return data, [r.choice(kinds)() for _ in range(r.randrange(5))]


def warden_nonsense(warden, seed):
    r = random.Random(seed)
    sent = 0
    try:
        for _ in range(50):
            data, fds = nonsense(r)
            at.send(warden, data, fds)
            sent += 1
    except OSError:
        pass
    return sent


def warden_hog(warden, n):
    """As many children as there may be, and their sockets kept."""
    kept = []
    for _ in range(n):
        ours, pid = at.start(warden, at.USER)
        kept.append((ours, pid))
        if pid == 0:
            break
    return sum(pid > 0 for _, pid in kept), kept[-1][1]


def bare_where_not_needed(warden):
    ours, pid = at.start(warden, at.BARE)
    return at.prepared(ours), pid


def warden(t, w, a, b):
    _, _, fd = fresh(w, a)
    facts, root, uids = at.as_user(a, honest, fd)
    t.ok(facts and root and set(uids) == {str(a.uid)}, "what a session says to its warden is answered",
         (facts, root, uids))
    root, pid = at.as_user(a, bare_where_not_needed, fd)
    t.ok(root == -1 and at.gone(pid), "nothing is built with the host's capabilities where user namespaces work", (root, pid))
    warden_deputy(t, w, a)
    alone = True
    for seed in range(6):
        _, _, fd = fresh(w, a)
        at.as_user(a, warden_nonsense, fd, seed)
        alone &= served(w, b)
    t.ok(alone, "nonsense to one user's warden is not the other one's business")
    release(w, a)

    def left():
        return [pid for pid in at.inits(w) if uid_of(pid) == a.uid]
    t.ok(wait_for(lambda: not left(), PATIENCE), "and nothing of it is left", left())


# leashd and leash-launch.

def talk(control, seconds, threads):
    """Status reports without end."""
    os.set_blocking(control, True)
    end = time.monotonic() + seconds
    others = []
    for _ in range(threads - 1):
        others.append(os.fork())
        if others[-1] == 0:
            break
    n = 0
    s = socket.socket(fileno=os.dup(control))
    word = at.CONTROL.pack(1, at.STATUS, 0, 0, 0, 1, 0)
    try:
        while time.monotonic() < end:
            s.send(word)
            n += 1
    except OSError:
        pass
    if 0 in others:
        os._exit(0)
    for pid in others:
        os.waitpid(pid, 0)
    return n


def daemon_words(t, w, a, b):
    _, control, _ = fresh(w, a)
    times, calm = [], []
    for _ in range(10):
        start = time.monotonic()
        w.run(b, "ps")
        calm.append(time.monotonic() - start)
    pid = os.fork()
    if pid == 0:
        at.as_user(a, talk, control, 4, 3)
        os._exit(0)
    time.sleep(0.3)
    end = time.monotonic() + 3
    good = True
    while time.monotonic() < end:
        start = time.monotonic()
        good &= w.run(b, "ps", timeout=PATIENCE).returncode == 0
        times.append(time.monotonic() - start)
    os.waitpid(pid, 0)
    times.sort()
    t.ok(good and times[-1] < max(2, 10 * max(calm)), f"a session that never stops talking keeps nobody waiting ({len(times)} calls, "
         f"longest {times[-1] * 1000:.0f} ms)", times[-5:])
    t.ok(served(w, a), "and its user gets another one")


def control_nonsense(control, seed):
    r = random.Random(seed)
    for _ in range(30):
        data = r.choice((r.randbytes(at.CONTROL.size), r.randbytes(3), r.randbytes(4000),
                         at.CONTROL.pack(1, r.choice((at.STATUS, at.WELCOME)), 0, 0, 0, r.randrange(2), r.getrandbits(64))))
        try:
            at.send(control, data, [0] * r.randrange(3))
        except OSError:
            return


def daemon_nonsense(t, w, a, b):
    alone = True
    before = len(os.listdir(f"/proc/{w.daemon.pid}/fd"))
    for seed in range(6):
        _, control, warden = fresh(w, a)
        at.as_user(a, control_nonsense, control, seed)
        alone &= served(w, b)
    t.ok(alone and w.daemon.poll() is None, "nonsense from one user's session is not the other one's business")
    wait_for(lambda: len(os.listdir(f"/proc/{w.daemon.pid}/fd")) <= before + 4, PATIENCE)
    after = len(os.listdir(f"/proc/{w.daemon.pid}/fd"))
    t.ok(after <= before + 4, "nor does leashd keep a descriptor of it", (before, after))


def launch(t, w):
    """leash-launch, by itself: what leashd could say, had somebody taken it over."""
    r = random.Random(3)
    groups = bytes(4 * 1024)
    cases = {
        "nothing but noise": (r.randbytes(4116), 1), "half a request": (struct.pack("<IIIII", 1, 1, 1, 1, 0), 1),
        "too many groups": (struct.pack("<IIIII", 1, 1, 1, 1, 1025) + groups, 1),
        "no user": (struct.pack("<IIIII", 1, 1, 0xffffffff, 1, 0) + groups, 1),
        "no group": (struct.pack("<IIIII", 1, 1, 1, 0xffffffff, 0) + groups, 1),
        "no socket": (struct.pack("<IIIII", 1, 1, 1, 1, 0) + groups, 0),
        "two sockets": (struct.pack("<IIIII", 1, 1, 1, 1, 0) + groups, 2),
        "another version": (struct.pack("<IIIII", 2, 1, 1, 1, 0) + groups, 1),
        "another type": (struct.pack("<IIIII", 1, 7, 1, 1, 0) + groups, 1),
    }
    for what, (data, n) in cases.items():
        ours, theirs = at.pair()
        keep = os.dup(theirs.fileno())
        p = subprocess.Popen(["bash", "-c", f"exec {w.bin}/leash-launch 3<&{keep}"], pass_fds=[keep], stderr=subprocess.PIPE,
                             text=True)
        os.close(keep)
        theirs.close()
        fds = [os.open("/dev/null", os.O_RDWR) for _ in range(n)]
        at.send(ours.fileno(), data, fds)
        try:
            _, err = p.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            p.kill()
            err = "hung"
        t.ok(p.returncode == 0 and "nonsense" in err and "started a session" not in err, f"leash-launch is told {what}: it ends",
             (p.returncode, err))
        ours.close()


# leash-init with capabilities of the host.

def bare_born(consult, warden):
    ours, pid = at.start(warden, at.BARE)
    return at.prepared(ours), consult(pid)


def bare_lowered(t, w, a, holder):
    _, _, fd = fresh(w, a)

    def look(pid):
        s = at.status(pid)
        return {k: s[k] for k in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid")}
    root, s = at.as_user(a, bare_born, fd, enter=holder, ask=look)
    t.ok(root >= 0 and int(s["CapPrm"], 16) == int(s["CapEff"], 16) == CAPABILITIES,
         "before a plan is read, two capabilities are left", s)
    t.ok(not any(int(s[c], 16) for c in ("CapInh", "CapBnd", "CapAmb")) and s["NoNewPrivs"] == "1" and s["Seccomp"] == "2",
         "none can be gained, and a filter keeps init in its namespaces", s)


def plan_files(warden):
    """What is no plan, in every way that it can be none."""
    good = at.Plan().mount(at.ROOT_EMPTY).mount(at.PROC, "/proc")
    page = at.Plan()
    # A list of no mounts at the very end of the file: what enters the view looks at the first one.
    page_end = page.bytes(n_mounts=0, at_mounts=4096, size=4096)
    files = {
        "good": lambda: at.memfd(good.bytes()),
        "not sealed": lambda: at.memfd(good.bytes(), 0),
        "sealed against growing alone": lambda: at.memfd(good.bytes(), 5),
        "sealed against later writing alone": lambda: at.memfd(good.bytes(), 0x10 | 7),
        "no mount": lambda: at.memfd(page_end),
        "another version": lambda: at.memfd(good.bytes(version=9)),
        "cut": lambda: at.memfd(good.bytes()[:-1]),
        "too many mounts": lambda: at.memfd(good.bytes(n_mounts=1 << 21)),
        "more mounts than there is file": lambda: at.memfd(good.bytes(n_mounts=100)),
        "empty": lambda: at.memfd(b""),
        "a socket": lambda: at.pair()[0].detach(),
        "a directory": lambda: os.open("/", os.O_RDONLY),
        "a path": lambda: os.open("/", os.O_PATH),
        "a device": lambda: os.open("/dev/zero", os.O_RDWR),
        "a pipe": lambda: os.pipe()[0],
        "a file of the kernel": lambda: os.open("/proc/self/maps", os.O_RDONLY),
    }
    said = {}
    for name, make in files.items():
        ours, pid = at.start(warden, at.BARE)
        at.prepared(ours)
        said[name] = at.submit(ours, b"", raw=make())
        ours.close()
    return said


def bare_plans(t, w, a, holder):
    _, _, fd = fresh(w, a)
    said = at.as_user(a, plan_files, fd, enter=holder) or {}
    for name, (kind, err, text) in said.items():
        good = kind == at.READY if name == "good" else kind == at.FAILED and text in ("plan", "mounts")
        t.ok(good, f"a plan that is {name}" + (": built" if name == "good" else ": refused"), (kind, err, text))
    t.ok(len(said) == 16, "all of them were tried", said)


def swap_masks(consult, warden, beneath):
    """The staging tree is the user's own: a link where the masks were would lead init below a mount."""
    ours, pid = at.start(warden, at.BARE)
    root = at.prepared(ours)
    fd = os.open("sys", os.O_PATH | os.O_DIRECTORY, dir_fd=root)
    try:
        os.rename("mask", "was", src_dir_fd=fd, dst_dir_fd=fd)
        os.symlink("../" + beneath, "mask", dir_fd=fd)
        swapped = True
    except OSError as e:
        swapped = repr(e)
    source = os.open("etc", os.O_PATH | os.O_DIRECTORY, dir_fd=root)
    plan = at.Plan().mount(at.ROOT_EMPTY).mount(at.BIND_RO, "/x", fd=0).mount(at.HIDE, "/x").mount(at.DEV, "/dev")
    kind = at.submit(ours, plan.bytes(), [source])
    return swapped, kind, consult(pid)


def bare_masks(t, w, a, holder):
    where = os.path.join(w.base, "covered")
    place = os.path.join(where, "d", "place")
    os.makedirs(place)
    with open(os.path.join(place, "beneath"), "w", encoding="ascii") as f:
        f.write("what a mount covers\n")
    subprocess.run([*FORBIDDEN.prefix(), "mount", "-t", "tmpfs", "covers", place], check=True)
    _, _, fd = fresh(w, a)

    def look(pid):
        try:
            return os.listdir(f"/proc/{pid}/root/x")
        except OSError as e:
            return repr(e)
    swapped, kind, seen = at.as_user(a, swap_masks, fd, where.lstrip("/"), enter=holder, ask=look)
    t.ok(kind[0] == at.READY and seen == [], "a link in the staging tree shows nothing that the host has covered",
         (swapped, kind, seen))
    subprocess.run([*FORBIDDEN.prefix(), "umount", place], check=True)


def sources(root, others):
    """Descriptors of every kind, as the user can get them."""
    kinds = [lambda: os.open("/", os.O_PATH, dir_fd=root), lambda: os.open("etc", os.O_PATH, dir_fd=root),
             lambda: os.open("etc/passwd", os.O_RDONLY, dir_fd=root), lambda: os.open("tmp", os.O_PATH, dir_fd=root),
             lambda: os.open("dev/null", os.O_PATH, dir_fd=root), lambda: os.open("dev", os.O_PATH, dir_fd=root),
             lambda: os.open("bin", os.O_PATH | os.O_NOFOLLOW, dir_fd=root), lambda: os.open("proc", os.O_PATH, dir_fd=root),
             lambda: os.open("proc/self/ns/mnt", os.O_RDONLY, dir_fd=root), lambda: os.open("sys", os.O_PATH, dir_fd=root),
             lambda: os.open("/proc/self/ns/mnt", os.O_RDONLY), lambda: os.open("/proc/self/root", os.O_PATH),
             lambda: os.open("/proc/self/fd", os.O_PATH), lambda: os.pidfd_open(os.getpid()),
             lambda: at.memfd(b"x"), lambda: os.pipe()[0], lambda: at.pair()[0].detach(),
             lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).detach(),
             lambda: os.eventfd(0), lambda: os.open(others, os.O_PATH),
             lambda: os.open(others.lstrip("/"), os.O_PATH, dir_fd=root)]
    fds = []
    for make in kinds:
        try:
            fds.append(make())
        except OSError:
            fds.append(os.open("/dev/null", os.O_RDONLY))
    return fds


TARGETS = ["/", "/etc", "/etc/passwd", "/x", "/x/y/z", "/tmp", "/proc", "/proc/self", "/proc/self/fd/3", "/proc/1/root", "/dev", "/sys",
           "/sys/fs/cgroup", "..", "", "x", "/../../x", "//", "/bin", "/" + "a" * 300, "/dev/null", "/dev/pts", "/run/x", "/proc/sys"]


def random_plan(r, n_fds, others):
    p = at.Plan()
    p.flags = r.choice((0, 0, 0, 1 << 3, r.getrandbits(11)))
    p.mount(r.choice((at.ROOT_RO, at.ROOT_RW, at.ROOT_EMPTY, at.ROOT_EMPTY)))
    p.mount(at.DEV, "/dev")
    for _ in range(r.randrange(12)):
        p.mount(r.choice(range(at.BIND_RO, at.SYS + 1)), r.choice([*TARGETS, others, others + "/secret"]),
                r.choice((None, "x", "/", others, "../" * 20 + "etc")), r.randrange(-1, n_fds + 1),
                r.choice((0, 0o755, 0o4755, 0o7777, 0xffffffff)), r.choice((0, 1, 1, 1, 3, 7)))
    return p


def build_at_random(consult, warden, seed, rounds, others):
    r = random.Random(seed)
    kinds = {}
    for _ in range(rounds):
        ours, pid = at.start(warden, at.BARE)
        root = at.prepared(ours)
        if root < 0:
            kinds["none"] = kinds.get("none", 0) + 1
            break
        fds = sources(root, others)
        said = at.submit(ours, random_plan(r, len(fds), others).bytes(), fds)
        kinds[said[0]] = kinds.get(said[0], 0) + 1
        bad = consult(pid) if said[0] == at.READY else None
        for fd in (*fds, root):
            os.close(fd)
        ours.close()
        if bad:
            return kinds, bad
    return kinds, None


def harm(pid):
    """Of a view that stands: has init a capability left, is there a mount that honours set-user-id files or devices?"""
    try:
        s = at.status(pid)
        with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="replace") as f:
            mounts = f.readlines()
    except OSError:
        return None  # it serves no view that has no /dev/null
    if any(int(s[c], 16) for c in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")) or s["NoNewPrivs"] != "1":
        return f"capabilities: {s}"
    for line in mounts:
        words = line.split()
        options = words[5].split(",")
        kind = words[words.index("-") + 1]
        if kind in ("devtmpfs", "devpts") or "/dev" in words[4]:
            continue
        devices = "noexec" in options  # what is bound to have devices in it, of those that the host has there
        if "nosuid" not in options or "nodev" not in options and not devices or any(w.startswith(("shared", "master")) for w in words):
            return line
    return None


def bare_random(t, w, a, b, holder):
    others = scratch(b, w.base)
    os.chmod(others, 0o700)
    with open(os.path.join(others, "secret"), "w", encoding="ascii") as f:
        f.write("the other user's\n")
    os.chmod(os.path.join(others, "secret"), 0o600)
    with open(f"/proc/{holder}/mountinfo", encoding="ascii") as f:
        mounts = f.read()
    built = refused = 0
    found = None
    for seed in range(ROUNDS // 50):
        _, _, fd = fresh(w, a)
        result = at.as_user(a, build_at_random, fd, seed, 50, others, enter=holder, ask=harm)
        kinds, found = result or ({}, "the attacker failed")
        built += kinds.get(at.READY, 0)
        refused += kinds.get(at.FAILED, 0)
        if found:
            break
    t.ok(not found, "plans at random never leave a capability, or a mount that honours set-user-id files", found)
    t.ok(built > 5 and refused > 5 and built + refused == ROUNDS, f"of them {built} were built and {refused} refused; none broke init",
         (built, refused))
    with open(f"/proc/{holder}/mountinfo", encoding="ascii") as f:
        t.ok(f.read() == mounts, "the machine's mounts are as they were")
    with open(os.path.join(others, "secret"), encoding="ascii") as f:
        t.ok(f.read() == "the other user's\n" and os.listdir(others) == ["secret"], "and the other user's files")


FORBIDDEN = None


def main():
    global FORBIDDEN
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    build = os.path.realpath(sys.argv[1])
    t = Tap()
    a, b = User.other(), User.other(2)
    w = System(build)
    try:
        warden(t, w, a, b)
        daemon_nonsense(t, w, a, b)
        daemon_words(t, w, a, b)
        launch(t, w)
    finally:
        release(w, a)
        w.remove()
    FORBIDDEN = Forbidden()
    w = System(build, inside=FORBIDDEN) if FORBIDDEN.works else None
    try:
        if w:
            holder = FORBIDDEN.holder.pid
            bare_lowered(t, w, a, holder)
            bare_plans(t, w, a, holder)
            bare_masks(t, w, a, holder)
            bare_random(t, w, a, b, holder)
            t.ok(served(w, b), "the other user is served as ever")
        else:
            t.skip("leash-init without user namespaces", "cannot make a user namespace with all ids", must=True)
    finally:
        if w:
            release(w, a)
            w.remove()
        FORBIDDEN.end()
        a.remove()
        b.remove()
    return t.end()


sys.exit(main())
