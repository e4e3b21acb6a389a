#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Clients that misbehave without a flood: who never reads, who comes and goes a thousand times a second, who is stopped or dies
at the wrong moment, whose session crashes all the time. Another user is served all the while, and nothing grows.

usage: test-abuse.py BUILD
"""
import array
import json
import os
import signal
import socket
import sys
import time

import attacker as at
from system import PATIENCE, SKIP, Line, System, Tap, User, alive, scratch, wait_for

MIB = 1 << 20
INFO = b'{"jsonrpc":"2.0","id":1,"method":"leash.info","params":{}}\n'


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def latencies(w, user, seconds):
    """A new leashctl each time, as a user would; sorted, in ms, and how many got no answer."""
    times, failed = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        failed += w.run(user, "ps", timeout=PATIENCE).returncode != 0
        times.append((time.monotonic() - start) * 1000)
    return sorted(times), failed


def in_background(user, function, *args):
    pid = os.fork()
    if pid == 0:
        at.as_user(user, function, *args)
        os._exit(0)
    return pid


# Who never reads.

def deaf(consult, path):
    """A hundred connections that want to hear everything and read nothing, while there is much to hear."""
    ears = []
    for _ in range(100):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{}}\n')
        ears.append(s)
    line = Line(path)
    sandbox = line.call("sandbox.create", policy={"workdir": os.getcwd()})["result"]["sandbox"]
    runs = 0
    for _ in range(60):
        runs += "result" in line.call("process.run", sandbox=sandbox, argv=["/bin/true", *["x" * 1000] * 60])
    return runs, consult("what is there now?")


def never_reads(t, w, a, b, work):
    sizes, own = {}, {}

    def measure(_):
        sizes.update({pid: memory(pid) for pid in (w.daemon.pid, *w.sessions(b.uid))})
        own.update({pid: memory(pid) for pid in w.sessions(a.uid)})
        return latencies(w, b, 1)[1]
    os.chdir(work)
    runs, failed = at.as_user(a, deaf, w.socket, ask=measure) or (0, 1)
    os.chdir("/")
    t.ok(runs == 60 and failed == 0, "a hundred subscribers who never read: the user's own commands and the other user go on",
         (runs, failed))
    biggest = max(sizes.values(), default=0)
    t.ok(0 < biggest < 32 * MIB or w.sanitized(), f"and neither leashd nor his session grows over {biggest / MIB:.1f} MiB", sizes)
    limit = next(x["limit"] for x in json.loads(w.run(b, "call", "leash.status").stdout)["limits"] if x["name"] == "buffers, bytes")
    t.ok(own and max(own.values()) < limit + 32 * MIB, f"the user's own stays within his buffers ({max(own.values()) / MIB:.0f} MiB)", own)


# Who comes and goes.

def come_and_go(path, seconds):
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            if n % 3 == 0:
                s.send(INFO[:n % len(INFO)])
            n += 1
        except OSError:
            pass
        s.close()
    return n


def die(path, seconds):
    """Each caller has ended before anybody can look who it was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid = os.fork()
        if pid == 0:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.send(INFO)
            os._exit(0)
        os.waitpid(pid, 0)


def confined(path, seconds):
    """Refused each time, and each time leashd has something to say about it."""
    at.libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    return come_and_go(path, seconds)


def bound(calm):
    """In ms: much more than when nothing happens, on this machine."""
    return max(1000, 10 * calm[int(len(calm) * 0.95)])


def meanwhile(t, w, a, b, name, function, count=2):
    calm, _ = latencies(w, b, 0.5)
    size = os.path.getsize(w.log_path)
    pids = [in_background(a, function, w.socket, 4) for _ in range(count)]
    times, failed = latencies(w, b, 3)
    for pid in pids:
        os.waitpid(pid, 0)
    p95 = times[int(len(times) * 0.95)]
    t.ok(failed == 0 and p95 < bound(calm), f"{name}: the other user is served ({len(times)} calls, p95 {p95:.0f} ms)", (failed, times[-5:]))
    grown = os.path.getsize(w.log_path) - size
    t.ok(grown < 256 * 1024, f"  the log grows by {grown // 1024} KiB", w.log()[-1500:])
    rss = memory(w.daemon.pid)
    t.ok(rss < 32 * MIB or w.sanitized(), f"  leashd takes {rss / MIB:.1f} MiB")
    t.ok(wait_for(lambda: len(os.listdir(f"/proc/{w.daemon.pid}/fd")) < 60, PATIENCE), "  and holds no descriptor of it",
         len(os.listdir(f"/proc/{w.daemon.pid}/fd")))


# Whose socket is it?

def connect_and_pass(fd, path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    with socket.socket(fileno=fd) as there:
        there.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
        there.recv(1)


def use_passed(fd):
    s = socket.socket(fileno=fd)
    s.settimeout(20)
    s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"leash.status","params":{}}\n')
    return json.loads(s.makefile().readline()).get("result", {}).get("uid")


def passed_on(t, w, a, b):
    """A connection is the user's who made it, whoever uses it: nobody gets another's identity, or gives his own away unasked."""
    here, there = socket.socketpair()
    pid = in_background(a, connect_and_pass, there.fileno(), w.socket)
    there.close()
    _, control, _, _ = here.recvmsg(1, socket.CMSG_SPACE(4))
    fds = array.array("i")
    fds.frombytes(control[0][2][:4])
    uid = at.as_user(b, use_passed, fds[0])
    here.send(b"x")
    os.waitpid(pid, 0)
    os.close(fds[0])
    t.ok(uid == a.uid, "a connection that is passed on stays the user's who made it", uid)


# Who is stopped; whose session crashes.

def stopped(t, w, a, b, work):
    p = w.popen(a, "run", "-C", work, "--", "sh", "-c", "echo up; yes", stdin=-1)
    p.stdout.readline()
    os.kill(p.pid, signal.SIGSTOP)
    time.sleep(1)
    sizes = [memory(pid) for pid in (w.daemon.pid, *w.sessions(a.uid))]
    r = w.run(a, "run", "--fresh", "--", "echo", "served", timeout=PATIENCE)
    t.ok(r.stdout == "served\n", "a stopped client with much to read keeps not even its own user waiting", r.stderr)
    t.ok(max(sizes) < 64 * MIB or w.sanitized(), f"and nothing grows over {max(sizes) / MIB:.1f} MiB", sizes)
    t.ok(w.run(b, "ps").returncode == 0, "nor the other user")
    os.kill(p.pid, signal.SIGKILL)
    p.communicate()


def crash(path, sessions, seconds):
    """Calls, and kills what answers."""
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(1)
            s.connect(path)
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"leash.status","params":{}}\n')
            pid = json.loads(s.makefile().readline()).get("result", {}).get("pid")
            if pid:
                os.kill(pid, signal.SIGKILL)
                n += 1
        except (OSError, ValueError):
            pass
    return n


def crashing(t, w, a, b):
    p = w.popen(b, "run", "--fresh", "--", "sh", "-c", "echo up; read x; echo done", stdin=-1)
    p.stdout.readline()
    calm, _ = latencies(w, b, 0.5)
    size = os.path.getsize(w.log_path)
    pid = in_background(a, crash, w.socket, None, 6)
    times, failed = latencies(w, b, 5)
    os.waitpid(pid, 0)
    with open(w.log_path, encoding="utf-8", errors="replace") as f:
        f.seek(size)
        started = f.read().count("started a session")
    p95 = times[int(len(times) * 0.95)]
    t.ok(failed == 0 and p95 < bound(calm), f"a session that crashes all the time: the other user is served (p95 {p95:.0f} ms)", (failed, times[-5:]))
    t.ok(2 <= started <= 24, f"it is started again, but not without end ({started} records)", started)
    out, err = p.communicate("\n", timeout=PATIENCE)
    t.ok(out == "done\n", "and the other user's command went on", err)
    ok = wait_for(lambda: w.run(a, "ps").returncode == 0, PATIENCE, 0.5)
    t.ok(ok, "its user is served again when he lets it live")


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    t = Tap()
    a, b = User.other(), User.other(2)
    w = System(os.path.realpath(sys.argv[1]))
    try:
        work = scratch(a, w.base)
        latencies(w, b, 0.2)
        never_reads(t, w, a, b, work)
        meanwhile(t, w, a, b, "who connects and goes, thousands of times", come_and_go)
        meanwhile(t, w, a, b, "who dies before anybody looks", die)
        meanwhile(t, w, a, b, "who is refused, thousands of times", confined)
        passed_on(t, w, a, b)
        stopped(t, w, a, b, work)
        crashing(t, w, a, b)
        launcher = [pid for pid, line in w.processes().items() if line.startswith("leash-launch")]
        sizes = [memory(pid) for pid in (w.daemon.pid, *launcher)]
        t.ok(launcher and (max(sizes) < 32 * MIB or w.sanitized()), f"leashd and leash-launch take {[s // 1024 for s in sizes]} KiB", sizes)
        t.ok(all(alive(pid) for pid in (w.daemon.pid, *launcher)), "and live")
    finally:
        w.remove()
        a.remove()
        b.remove()
    return t.end()


sys.exit(main())
