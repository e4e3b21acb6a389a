#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Denials that the kernel recorded (Landlock, Linux 6.15): each user hears of his own and of nobody else's, also while
another one's sandbox floods.

It needs the kernel's audit. Where that is off, it is switched on for the time of the test in CI only
(LEASH_MUST_WORK=1), since it is the machine's.

usage: test-audit.py BUILD
"""
import ctypes
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from system import PATIENCE, System, Tap, User, scratch, wait_for
from leashtest import MUST_WORK

GET, SET, ADD_RULE = 1000, 1001, 1011  # linux/audit.h
ACCESS, DOMAIN = 1423, 1424


class Kernel:
    """The audit system's own end."""

    def __init__(self):
        self.was_off = False

    @staticmethod
    def ask(kind, payload=b""):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as s:
            s.bind((0, 0))
            s.settimeout(2)
            s.send(struct.pack("=IHHII", 16 + len(payload), kind, 1 | 4, 1, 0) + payload)
            answers = []
            while not answers or (kind == GET and len(answers) < 2):
                answers.append(s.recv(8192))
            return answers

    def status(self):
        for answer in self.ask(GET):
            if struct.unpack_from("=H", answer, 4)[0] == GET:
                return struct.unpack_from("=10I", answer, 16)
        raise OSError("audit does not answer")

    def set(self, mask, enabled, backlog=0):
        self.ask(SET, struct.pack("=11I", mask, enabled, 0, 0, 0, backlog, 0, 0, 0, 0, 0))

    def prepare(self):
        """None, or why it cannot be."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(444, None, 0, 1) < 7:
            return "this kernel's Landlock writes no records (Linux 6.15)"
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as s:
                s.bind((0, 1))
            if self.status()[1]:
                return None
        except OSError as e:
            return f"audit cannot be read here: {e}"
        if not MUST_WORK:
            return "the kernel's audit is off, and it is this machine's (LEASH_MUST_WORK=1 switches it on meanwhile)"
        # "-a never,task": without it each program from now on would pay for audit, until the next boot. It stays.
        self.ask(ADD_RULE, struct.pack("=III", 1, 0, 0) + b"\xff" * 256 + bytes(256 * 3 + 4))
        self.set(1 | 16, 1, 1024)
        self.was_off = True
        return None

    def restore(self):
        if self.was_off:
            self.set(1 | 16, 0, 64)


class Listener:
    """What the kernel says, for the positive twins."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
        self.socket.bind((0, 1))
        self.socket.settimeout(3)

    def wait(self, pattern):
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                text = self.socket.recv(9000)[16:]
            except OSError:
                continue
            if re.search(pattern, text):
                return True
        return False


# Opening a FIFO for writing is nothing that a read-only mount would refuse: it is Landlock that does.
TRY = """
import os, sys
for path in sys.argv[2:] * int(sys.argv[1]):
    try:
        os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except PermissionError:
        pass
sys.exit(4)
"""

# A program that restricts itself: its domain is its own business.
SELF = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
libc.prctl(15, b"leash-init", 0, 0, 0)
attr = struct.pack("=Q", 1 << 2)
fd = libc.syscall(444, attr, 8, 0)
assert fd >= 0 and libc.syscall(446, fd, int(sys.argv[2])) == 0, ctypes.get_errno()
try:
    open(sys.argv[1])
    sys.exit("it could be read")
except PermissionError:
    sys.exit(5)
"""

FLOOD = """
import os, sys, time
end, n = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    for path in sys.argv[2:]:
        try:
            os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except PermissionError:
            n += 1
print(n)
sys.exit(4)
"""


def fifo(base, name):
    path = os.path.join(base, name) if isinstance(name, str) else os.path.join(os.fsencode(base), name)
    os.mkfifo(path)
    os.chmod(path, 0o666)
    return path


def result(r):
    try:
        return json.loads(r.stdout)
    except ValueError:
        return {"denials": [], "stderr": r.stdout + r.stderr}


def run_json(w, user, *argv, **kw):
    return result(w.run(user, "run", "--json", "--fresh", "--", *argv, **kw))


def told(t, w, a, path):
    info = json.loads(w.run(a, "doctor", "--json").stdout)
    t.ok("audit" in info["denial_sources"] and info["audit"] == "on", "audit is a source of denials", info)
    out = subprocess.run([sys.executable, "-c", "import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR))", path],
                         capture_output=True, text=True, check=False)
    t.ok(out.returncode == 0, "the same open succeeds without a sandbox", out.stderr)
    r = run_json(w, a, "python3", "-c", TRY, "20", path)
    d = r["denials"]
    t.ok(len(d) == 1 and (d[0]["path"], d[0]["access"], d[0].get("field")) == (path, "write", "/filesystem/write"),
         "a refusal of the kernel's is in the result, with the field that would allow it", r)
    t.ok(d and 10 <= d[0]["count"] <= 20, "repeats are one line and a number", r)
    r = w.run(a, "run", "--fresh", "--", "python3", "-c", TRY, "1", path)
    t.ok(f"write {path}" in r.stderr and f"--write {path}" in r.stderr, "leashctl prints it, and the option", r.stderr)


def names(t, w, a):
    """Names that would be fields of a record, and lines of one, if they were believed."""
    hostile = (b'a" domain=1 status=allocated pid=1 uid=0 comm="leash-init', b"b\nc \xff\x01\x1b[2J", b"2F746D70", b"<too_long>")
    for name in hostile:
        path = fifo(w.base, name)
        hexed = TRY.replace("sys.argv[2:]", "[bytes.fromhex(sys.argv[2])]")
        r = w.run(a, "run", "--json", "--fresh", "--", "python3", "-c", hexed, "1", path.hex())
        d = result(r)["denials"]
        want = path.decode("ascii", "replace").replace("\ufffd", "?")
        t.ok(len(d) == 1 and d[0].get("path") == want, f"a path is data: {name!r}", r.stdout + r.stderr)


def own_domains(t, w, a, path):
    heard = Listener()
    out = subprocess.run([sys.executable, "-c", SELF, path, "0"], check=False, capture_output=True)
    t.ok(out.returncode == 5 and heard.wait(rb'status=allocated .*comm="leash-init"'),
         "a program that restricts itself is recorded by the kernel", out.stderr)
    p = w.popen(a, "events", "--follow", "--json")
    box = w.popen(a, "run", "--fresh", "--", "sh", "-c", "echo up; sleep 4; exit 3")
    box.stdout.readline()
    for flags in ("0", "2"):
        subprocess.run(["/usr/bin/python3", "-c", SELF, path, flags], check=False, capture_output=True, user=a.uid, group=a.gid)
    for flags in ("0", "2"):
        r = run_json(w, a, "python3", "-c", SELF, path, flags)
        t.ok(r.get("exit") == {"code": 5} and r["denials"] == [],
             f"what a program inside forbids itself is no denial of leash's (flags {flags})", r)
    _, err = box.communicate(timeout=PATIENCE)
    t.ok("refused" not in err, "nor is what a program of the same user forbids itself outside, whatever it calls itself", err)
    p.terminate()
    out, _ = p.communicate(timeout=PATIENCE)
    t.ok("process.started" in out and '"denied"' not in out, "and no event tells of either", out)


def own_only(t, w, a, b, base):
    """b follows his events and runs his own, while a's sandbox does what it can."""
    mine, theirs = fifo(base, "of-a"), fifo(base, "of-b")
    many = [fifo(base, f"flood-{i}") for i in range(40)]
    events = w.popen(b, "events", "--follow", "--json")
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(events.stdout), daemon=True)
    reader.start()
    flood = w.popen(a, "run", "--json", "--fresh", "--", "python3", "-c", FLOOD, "6", mine, *many)
    time.sleep(1.5)
    before = time.monotonic()
    found = [run_json(w, b, "python3", "-c", TRY, "3", theirs) for _ in range(10)]
    took = (time.monotonic() - before) / len(found)
    heard = sum(any(d.get("path") == theirs for d in r["denials"]) for r in found)
    t.ok(all(d.get("path") == theirs for r in found for d in r["denials"]), "the second user's results have his own denials only", found)
    out, err = flood.communicate(timeout=60)
    r = json.loads(out)
    n = int(r["stdout"])
    listed = sum(d["count"] for d in r["denials"])
    print(f"# {n} denials in 6 s; the other user heard of {heard} in 10 runs of his meanwhile, {took * 1000:.0f} ms each")
    t.ok(heard >= 1, "and hears of them during the first one's flood", found)
    t.ok(0 < len(r["denials"]) <= 64 and r.get("denials_lost", 0) > 0, "the flood is cut and counted", r)
    t.ok(listed + r.get("denials_lost", 0) <= n, "and no more is counted than there was", (n, listed, r.get("denials_lost")))
    wait_for(lambda: any(theirs in line for line in seen), PATIENCE)
    events.terminate()
    reader.join(10)
    t.ok(any(theirs in line for line in seen), "events tell the second user of his own", seen[-3:])
    t.ok(not any(mine in line or "flood-" in line for line in seen), "and never of the first one's", seen)
    _, err = events.communicate(timeout=PATIENCE) if events.poll() is None else ("", "")
    return n


def cost(t, w, before, denials):
    with open(f"/proc/{w.daemon.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") - before
    with open(f"/proc/{w.daemon.pid}/status", encoding="ascii") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
    print(f"# leashd used {used:.2f} s for {denials} denials; it has {rss} kB")
    t.ok(used < 3 and (rss < 32 * 1024 or w.sanitized()), "a flood costs leashd little", (used, rss))


def cpu(w):
    with open(f"/proc/{w.daemon.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    kernel = Kernel()
    why = kernel.prepare()
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    t = Tap()
    a, b = User.other(), User.other(2)
    w = System(os.path.realpath(sys.argv[1]))
    try:
        # The first connection says how things stand.
        base = scratch(a, w.base)
        path = fifo(w.base, "fifo with blanks")
        plain = fifo(w.base, "fifo")
        for user in (a, b):
            w.run(user, "run", "--fresh", "--", "true")
        told(t, w, a, plain)
        told_b = run_json(w, b, "python3", "-c", TRY, "1", path)
        t.ok(len(told_b["denials"]) == 1, "the second user is told of his", told_b)
        names(t, w, a)
        own_domains(t, w, a, plain)
        os.chmod(base, 0o755)
        before = cpu(w)
        n = own_only(t, w, a, b, base)
        cost(t, w, before, n)
    finally:
        w.remove()
        a.remove()
        b.remove()
        kernel.restore()
    return t.end()


sys.exit(main())
