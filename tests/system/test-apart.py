#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What one user can learn of another's sandboxes, and do to them: by each method that takes an identifier, from outside and
from inside a sandbox of his own.

usage: test-apart.py BUILD
"""
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

import attacker as at
from system import PATIENCE, SKIP, Line, System, Tap, User, alive, scratch, uid_of, wait_for

libc = ctypes.CDLL(None, use_errno=True)
NOBODYS = {"sandbox": "sb-aaaaaaaaaaaaaaaa", "process": "pr-aaaaaaaaaaaaaaaa", "session": "py-aaaaaaaaaaaaaaaa", "call": "nobodys"}
OWN = ("sandbox", "process", "session", "call")  # what identifiers name
# What else each method wants to be told before it looks for the object.
MORE = {
    "process.run": {"argv": ["/bin/true"]}, "process.start": {"argv": ["/bin/true"]}, "process.write": {"data": "x"},
    "process.resize": {"rows": 3, "cols": 3}, "process.signal": {"signal": "KILL"},
    "policy.check": {"queries": [{"path": "/etc/passwd", "access": "read"}]}, "ipc.register": {"commands": [{"name": "x"}]},
    "ipc.unregister": {"names": ["x"]}, "ipc.output": {"data": "x"}, "python.run": {"code": "1"}, "python.session.run": {"code": "1"},
}


def verbs(path):
    """Every method with a parameter that names somebody's object, from the daemon's own description."""
    found = []
    for m in Line(path).call("rpc.discover")["result"]["methods"]:
        found += [(m["name"], p["name"]) for p in m["params"] if p["name"] in OWN]
    return found


def try_verbs(path, objects):
    """(method, parameter, answer for another's object, answer for one that nobody has)."""
    results = []
    for method, name in verbs(path):
        answers = []
        for ident in (objects.get(name), NOBODYS[name]):
            answer = Line(path).call(method, **{**MORE.get(method, {}), name: ident})
            text = json.dumps(answer.get("error") or {"SERVED": answer.get("result")}, sort_keys=True)
            answers.append(text.replace(str(ident), "IT"))
        results.append((method, name, *answers))
    return results


def own_verbs(path, sandbox):
    return "result" in Line(path).call("sandbox.get", sandbox=sandbox)


def begin(consult, path):
    """The first user's: a command that goes on, and what it is called."""
    line = Line(path)
    sandbox = line.call("sandbox.create", policy={"workdir": os.getcwd()})["result"]["sandbox"]
    null = {"stdin": "null", "stdout": "null", "stderr": "null"}
    script = "echo x > /tmp/left; echo x > /dev/shm/left; exec sleep 1000"
    process = line.call("process.start", sandbox=sandbox, argv=["/bin/sh", "-c", script], stdio=null)["result"]["process"]
    time.sleep(0.3)
    consult((sandbox, process))
    good = "result" in line.call("sandbox.get", sandbox=sandbox)
    running = [p for p in line.call("process.list", sandbox=sandbox)["result"]["processes"] if p["process"] == process]
    ended = "result" in line.call("process.signal", process=process, signal="KILL")
    return good, len(running), ended


def methods(t, w, b, objects):
    results = at.as_user(b, try_verbs, w.socket, objects)
    t.ok(results and len(results) > 20, f"{len(results or [])} methods take the name of somebody's object", results)
    for method, name, theirs, nobodys in results or []:
        t.ok("SERVED" not in theirs, f"{method}, another's {name}: refused", theirs)
        t.ok(theirs == nobodys, "  and answered as one that there is not", f"{theirs}\n{nobodys}")


# From outside.

def look(pids):
    """What of /proc/PID tells more than that there is a process."""
    seen = []
    for pid in pids:
        for name in ("environ", "mem", "maps", "auxv", "stack", "syscall", "io", "personality", "root/etc/passwd", "cwd/.", "fd", "map_files",
                     "ns/net", "exe", "fdinfo/3"):
            path = f"/proc/{pid}/{name}"
            with contextlib.suppress(OSError):
                if name in ("fd", "map_files"):
                    seen.append((path, os.listdir(path)))
                elif name in ("exe", "ns/net"):
                    seen.append((path, os.readlink(path)))
                elif name == "cwd/.":
                    seen.append((path, os.listdir(path)))
                else:
                    fd = os.open(path, os.O_RDONLY)
                    if name != "mem":
                        os.read(fd, 1)
                    seen.append(path)
    return seen


def touch(pids):
    """What would end, stop, slow down or trace one."""
    done = []
    zero = (ctypes.c_uint64 * 2)(0, 0)
    for pid in pids:
        acts = {
            "kill": lambda p=pid: os.kill(p, 0), "stop": lambda p=pid: os.kill(p, signal.SIGSTOP),
            "group": lambda p=pid: os.killpg(os.getpgid(p), 0),
            "pidfd": lambda p=pid: signal.pidfd_send_signal(os.pidfd_open(p), 0),
            "nice": lambda p=pid: os.setpriority(os.PRIO_PROCESS, p, 19),
            "affinity": lambda p=pid: os.sched_setaffinity(p, {0}),
            "idle": lambda p=pid: os.sched_setscheduler(p, os.SCHED_IDLE, os.sched_param(0)),
            "limit": lambda p=pid: check(libc.prlimit(p, 7, zero, None)),
            "trace": lambda p=pid: check(libc.ptrace(0x4206, p, None, None)),  # SEIZE
            "oom": lambda p=pid: write(f"/proc/{p}/oom_score_adj", "1000"),
            "name": lambda p=pid: write(f"/proc/{p}/comm", "x"),
            "descriptor": lambda p=pid: check(libc.syscall(438, os.pidfd_open(p), 0, 0)),
            "memory": lambda p=pid: check(libc.syscall(310, p, None, 0, None, 0, 0) - 1),
        }
        for name, act in acts.items():
            with contextlib.suppress(OSError, ValueError):
                act()
                done.append((pid, name))
    return done


def check(r):
    if r < 0:
        raise OSError(ctypes.get_errno(), "refused")


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def group_files(groups):
    """Files of the first user's control groups that let themselves be written, and new groups in them."""
    done = []
    for group in groups:
        for folder, _, files in os.walk(group):
            for name in files:
                with contextlib.suppress(OSError):
                    os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
                    done.append(os.path.join(folder, name))
            with contextlib.suppress(OSError):
                os.mkdir(os.path.join(folder, "of-another"))
                done.append(folder)
    return done


def outside(t, w, a, b):
    mine = [pid for pid in w.processes() if pid != w.daemon.pid and uid_of(pid) == a.uid]
    roots = [pid for pid in w.processes() if uid_of(pid) == 0]  # leashd, leash-launch, the wardens
    t.ok(len(mine) >= 3 and len(roots) >= 3, "there are processes of the first user's and of root's", w.processes())
    t.ok(len(look(mine)) > 10, "root can look into them", look(mine)[:3])
    seen = at.as_user(b, look, mine + roots)
    t.ok(seen == [], "the second user cannot: memory, environment, descriptors, files", seen)
    done = at.as_user(b, touch, mine + roots)
    t.ok(done == [], "nor signal, trace, slow down or limit them", done)
    witness = subprocess.Popen(["sleep", "1000"], user=a.uid, group=a.gid, extra_groups=[])
    time.sleep(0.1)
    own = at.as_user(a, lambda: [name for _, name in touch([witness.pid])])
    t.ok({"kill", "stop", "nice", "limit", "trace"} <= set(own or []), "to an ordinary process of his the first one does all that", own)
    witness.kill()
    witness.wait()
    top = [json.loads(w.run(a, "call", "leash.status").stdout).get("cgroup")]
    if top[0]:
        done = at.as_user(b, group_files, top)
        t.ok(done == [], "the second user cannot write to the first one's control groups", done)
        t.ok(at.as_user(a, group_files, top) != [], "their owner can")
    else:
        t.skip("control groups", "there are none")
    with contextlib.suppress(OSError):
        os.rmdir(os.path.join(top[0] or "/", "of-another"))
    done = at.as_user(b, lambda: [p for p in (w.base, w.socket, w.log_path, "/run/leash", "/etc/leash") if os.access(p, os.W_OK) and p != w.socket])
    t.ok(done == [], "nor what belongs to the service", done)


# From inside.

PROBE = """
ls /tmp /dev/shm /var/tmp | grep -c left
grep -c of-the-first /proc/net/unix
test -S {run}/sock && echo sees
for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done | grep -c '^sleep 100[0]'
"""


def inside(t, w, a, b, work):
    """Abstract and other sockets of the first user's, and what his sandbox has left in its own /tmp."""
    place = scratch(a, w.base)
    os.chmod(place, 0o700)
    for name in ("\0of-the-first", os.path.join(place, "sock")):
        s = socket.socket(socket.AF_UNIX)
        s.bind(name)
        s.listen()
        if name[0] == "/":
            os.chmod(name, 0o777)
            os.chown(name, a.uid, a.gid)
        KEPT.append(s)
    r = w.run(b, "run", "-C", work, "--", "sh", "-c", PROBE.format(run=place))
    t.ok(r.stdout.split() == ["0", "0", "0"], "from a sandbox of the second user's: no file, socket or process of the first one's",
         r.stdout + r.stderr)
    twin = at.as_user(b, lambda: "of-the-first" in open("/proc/net/unix", encoding="utf-8").read())
    t.ok(twin, "  without a sandbox, the abstract socket is seen")


KEPT = []


def counters(t, w, a, b):
    """What the second user is told of the service does not change with what the first one does."""
    def told():
        metrics = json.loads(w.run(b, "call", "leash.stats").stdout)["metrics"]
        return {m["name"]: json.dumps(m["samples"]) for m in metrics
                if not any(word in m["name"] for word in ("memory", "cpu", "seconds", "requests", "connections", "clients", "uptime"))}
    wait_for(lambda: json.loads(w.run(b, "ps", "--json").stdout)["sandboxes"] == [], PATIENCE)  # of before
    told()
    before = told()
    for _ in range(5):
        w.run(a, "run", "--fresh", "--", "true")
    after = told()
    t.ok(before == after and len(before) > 3, "the second user's numbers tell nothing of the first one's",
         {k: (before.get(k), after[k]) for k in after if before.get(k) != after[k]})
    mine = json.loads(w.run(a, "call", "leash.stats").stdout)["metrics"]
    created = [s["value"] for m in mine if m["name"] == "leash_sandboxes_created_total" for s in m["samples"]]
    t.ok(sum(created) >= 5, "the first one's own tell him", created)


def hoard(consult, path, n):
    """As many sandboxes and connections as one can get."""
    lines, made = [], 0
    for _ in range(n):
        try:
            line = Line(path)
            lines.append(line)
            made += "result" in line.call("sandbox.create", policy={"workdir": os.getcwd()})
        except (OSError, EOFError):
            break
    consult(made)
    return made


def exhaustion(t, w, a, b, work):
    """The second user takes all that he can get; the first one is served, and in time."""
    def first(made=None):
        if made is not None:
            t.ok(made > 100, f"the second user holds {made} sandboxes", made)
        times = []
        for _ in range(20):
            start = time.monotonic()
            r = w.run(a, "run", "--fresh", "--", "echo", "served", timeout=PATIENCE)
            times.append(time.monotonic() - start)
            if r.stdout != "served\n":
                return r.stderr
        return sorted(times)
    calm, answer = first(), []
    os.chdir(work)
    at.as_user(b, hoard, w.socket, 200, ask=lambda made: answer.append(first(made)))
    os.chdir("/")
    t.ok(answer and isinstance(answer[0], list) and answer[0][10] < max(3, 5 * calm[10]), "and the first one runs commands meanwhile",
         answer)


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    t = Tap()
    a, b = User.other(), User.other(2)
    w = System(os.path.realpath(sys.argv[1]))
    try:
        of_a, of_b = scratch(a, w.base), scratch(b, w.base)

        def meanwhile(what):
            sandbox, process = what
            methods(t, w, b, {"sandbox": sandbox, "process": process, "session": NOBODYS["session"], "call": NOBODYS["call"]})
            t.ok(at.as_user(a, own_verbs, w.socket, sandbox), "their owner is served, from another connection as well")
            outside(t, w, a, b)
            inside(t, w, a, b, of_b)
            counters(t, w, a, b)
        os.chdir(of_a)
        good, running, ended = at.as_user(a, begin, w.socket, ask=meanwhile, seconds=280) or (False, 0, False)
        os.chdir("/")
        t.ok(good and running == 1 and ended, "and the command goes on until its owner ends it", (good, running, ended))
        exhaustion(t, w, a, b, of_b)
        t.ok(all(alive(pid) for pid in w.sessions()), "all sessions live")
    finally:
        w.remove()
        a.remove()
        b.remove()
    return t.end()


sys.exit(main())
