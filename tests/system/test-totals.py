#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""users.memory_bytes and users.processes: one user at his total, another one unaffected; reload; whose limit it was.

usage: test-totals.py BUILD

Where cgroup v2 has no memory and pids controllers, only that such a row is refused.
"""
import json
import os
import signal
import subprocess
import sys
import time

from system import SKIP, System, Tap, User, wait_for

CONFIG = "/etc/leash/leashd.json"
MIB = 1 << 20
# Holds so many processes, and says so; fails where it cannot.
HOLD = "import os,sys,time\nfor i in range(int(sys.argv[1])):\n if os.fork() == 0: time.sleep(100); os._exit(0)\nprint('up', flush=True)\ninput()\nos.kill(-1, 9)"
HOG = "x = bytearray(int(__import__('sys').argv[1]) << 20); print('up', flush=True); input()"


def write(config):
    text = config if isinstance(config, str) else json.dumps(config)
    with open(CONFIG + ".new", "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(CONFIG + ".new", 0o644)
    os.rename(CONFIG + ".new", CONFIG)


def has_controllers():
    try:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as f:
            return {"memory", "pids"} <= set(f.read().split())
    except OSError:
        return False


def group(user, name):
    with open(f"/sys/fs/cgroup/leash/{user.uid}/{name}", encoding="ascii") as f:
        return f.read().strip()


def run(w, user, *args, **kw):
    r = w.run(user, "run", "--json", "--fresh", *args, **kw)
    try:
        return json.loads(r.stdout)
    except ValueError:
        return {"error": r.stdout + r.stderr}


def hold(w, user, *args):
    p = w.popen(user, "run", "--fresh", "--", "/usr/bin/python3", "-c", *map(str, args), stdin=subprocess.PIPE)
    return p, p.stdout.readline() == "up\n"


def let_go(p):
    out, err = p.communicate("\n", timeout=30)
    return out + err


def unenforceable(t, w, a):
    for row in ("memory_bytes", "processes"):
        for accept in ([], ["no_cgroup"]):
            write({"users": {row: 100 * MIB if row == "memory_bytes" else 100}, "floor": {"accept": accept}})
            w.daemon.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            r = w.run(a, "run", "--fresh", "--", "true")
            t.ok((r.returncode == 0) == bool(accept) and (accept or f"/users/{row} " in r.stderr and "/floor/accept" in r.stderr),
                 f"users.{row} is {'left out where' if accept else 'refused unless'} that is accepted", r.stderr)


def processes(t, w, a, b):
    first, up = hold(w, a, HOLD, 60)
    t.ok(up, "60 processes of one user's")
    second, up = hold(w, b, HOLD, 60)
    t.ok(up, "and as many of another's")
    r = run(w, a, "--", "/usr/bin/python3", "-c", HOLD, "90")
    t.ok(r.get("reason") == "exited" and r["exit"].get("code") == 1 and "BlockingIOError" in r["stderr"] and
         r.get("limits_reached") == ["/users/processes"], "90 more in another sandbox are beyond his total, and that is said", r)
    r = w.run(a, "run", "--fresh", "--", "/usr/bin/python3", "-c", HOLD, "90")
    t.ok("users.processes" in r.stderr, "to people as well", r.stderr)
    r = run(w, a, "--processes", "20", "--", "/usr/bin/python3", "-c", HOLD, "40")
    t.ok(r.get("limits_reached") == ["/limits/processes"], "his sandbox's own limit is told from that", r)
    r = run(w, b, "--", "/usr/bin/python3", "-c", HOLD, "75", stdin=subprocess.DEVNULL)
    t.ok("BlockingIOError" not in r.get("stderr", ""), "the other user has room for 75 more", r)
    table = w.run(a, "status").stdout
    line = next((x for x in table.split("\n") if x.startswith("processes of all sandboxes")), "")
    t.ok(line.split()[-3:] and 60 < int(line.split()[-3]) <= 150 and line.split()[-2:] == ["150", "administrator"], "status shows both", table)
    text = w.run(a, "stats", "--prometheus").stdout
    t.ok(f'leash_user_processes_limit{{uid="{a.uid}"}} 150' in text, "so do stats", text)
    t.ok("leashctl:" not in let_go(first) and first.returncode == 0, "what ran has not noticed", first.returncode)
    let_go(second)


def memory(t, w, a, b):
    session = w.sessions(a.uid)
    beside, up = hold(w, b, HOG, 100)
    t.ok(up, "another user's command has 100 MiB")
    r = run(w, a, "--", "/usr/bin/python3", "-c", HOG, "400")
    t.ok(r.get("reason") == "out_of_memory" and r.get("limits_reached") == ["/users/memory_bytes"], "400 MiB are beyond the user's total", r)
    r = w.run(a, "run", "--fresh", "--", "/usr/bin/python3", "-c", HOG, "400")
    t.ok(r.returncode == 137 and "users.memory_bytes" in r.stderr, "to people as well", r.stderr)
    r = run(w, a, "--memory", "64M", "--", "/usr/bin/python3", "-c", HOG, "400")
    t.ok(r.get("reason") == "out_of_memory" and r.get("limits_reached") == ["/limits/memory_bytes"], "a sandbox's own limit is told from that", r)
    r = run(w, a, "--memory", "1G", "--", "/usr/bin/python3", "-c", HOG, "400")
    t.ok(r.get("reason") == "out_of_memory" and r.get("limits_reached") == ["/users/memory_bytes"], "one that is larger than the total is not it", r)
    r = run(w, a, "--", "sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=400; echo survived")
    t.ok("/users/memory_bytes" in r.get("limits_reached", []), "files in memory count as well, and a shell that lives on tells of it", r)
    t.ok(w.sessions(a.uid) == session, "his session has not been ended for it", (session, w.sessions(a.uid)))
    t.ok(w.run(a, "run", "--fresh", "--", "echo", "served").stdout == "served\n", "and he is served")
    t.ok("leashctl:" not in let_go(beside) and beside.returncode == 0, "the other user's command has not noticed", beside.returncode)


def reload(t, w, a):
    p, up = hold(w, a, HOLD, 10)
    t.ok(up and group(a, "pids.max") == "150", "a sandbox runs")
    write({"users": {"processes": 300, "memory_bytes": 300 * MIB}})
    w.daemon.send_signal(signal.SIGHUP)
    t.ok(wait_for(lambda: (group(a, "pids.max"), group(a, "memory.max")) == ("300", str(300 * MIB)), 10), "a reload reaches who is there")
    write('{"users": {"processes": "many"}}')
    w.daemon.send_signal(signal.SIGHUP)
    t.ok(wait_for(lambda: "leash-launch" in w.log() and "/users/processes" in w.log(), 10), "what is wrong is logged with its place", w.log()[-2000:])
    t.ok((group(a, "pids.max"), group(a, "memory.max")) == ("300", str(300 * MIB)), "and what held before holds")
    os.unlink(CONFIG)
    w.daemon.send_signal(signal.SIGHUP)
    t.ok(wait_for(lambda: (group(a, "pids.max"), group(a, "memory.max")) == ("max", "max"), 10), "without the file there is no total")
    t.ok(p.poll() is None and "leashctl:" not in let_go(p), "and the sandbox has run on")


def built_in(t, w, a):
    """Without a word of the administrator's: four fifths of the memory for a session."""
    share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") // 100 * 80
    w.run(a, "run", "--fresh", "--", "true")
    limit = int(group(a, f"{a.uid}-{w.sessions(a.uid)[0]}/memory.max"))
    t.ok(abs(limit - share) <= 4096, "80 % of the memory is the limit where none is set", (limit, share))
    r = run(w, a, "--", "/usr/bin/python3", "-c", HOG, str(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") * 90 // 100 // MIB), timeout=200)
    t.ok(r.get("reason") == "out_of_memory" and r.get("limits_reached") == ["/users/memory_bytes"], "and 90 % are too much", r)
    t.ok("control group" in next((x for x in w.run(a, "status").stdout.split("\n") if x.startswith("memory of all")), ""), "which status shows")


def everybody(t, w, a, b, real):
    """leashctl status --all"""
    root = User("root", 0, 0, "/root")
    p, up = hold(w, a, HOLD, 5)
    w.run(b, "run", "--fresh", "--", "true")
    r = w.run(root, "status", "--all", "--json")
    rows = {u["uid"]: u for u in json.loads(r.stdout)["users"]} if r.returncode == 0 else {}
    t.ok(up and rows.get(a.uid, {}).get("sandboxes") == 1 and rows[a.uid]["connections"] == 1 and rows.get(b.uid, {}).get("sandboxes") == 0 and
         0 in rows, "root is told how many each user has", r.stdout + r.stderr)
    if real:
        t.ok(5 < rows[a.uid]["processes"] < 150 and rows[a.uid]["processes_max"] == 150 and MIB < rows[a.uid]["memory_bytes"] < 200 * MIB and
             rows[a.uid]["memory_max"] == 200 * MIB, "and what he takes", r.stdout)
    table = w.run(root, "status", "--all").stdout
    t.ok(any(line.split()[:4] == [str(a.uid), "1", "1", "1"] for line in table.split("\n")), "as a table, too", table)
    r = w.run(a, "status", "--all")
    t.ok(r.returncode == 125 and "only root" in r.stderr and str(b.uid) not in r.stdout, "another user is not", r.stdout + r.stderr)
    let_go(p)
    t.ok(wait_for(lambda: f"{a.uid}" in w.run(root, "status", "--all").stdout and
                  [u for u in json.loads(w.run(root, "status", "--all", "--json").stdout)["users"] if u["uid"] == a.uid][0]["sandboxes"] == 0, 10),
         "when it has gone, it is not counted")


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    if os.environ.get("LEASH_TEST_INSIDE") != "1":
        os.environ["LEASH_TEST_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "slave", sys.executable, *sys.argv])
    os.makedirs("/etc/leash", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "leash-test", "/etc/leash"], check=True)
    if os.path.isdir("/run/systemd/system"):  # as where there is none: part-limits.sh has the slices
        subprocess.run(["mount", "-t", "tmpfs", "leash-test", "/run/systemd"], check=True)
    t = Tap()
    a, b = User.other(), User.other(2)
    real = has_controllers()
    write({"users": {"processes": 150, "memory_bytes": 200 * MIB}} if real else {})
    w = System(os.path.realpath(sys.argv[1]))
    try:
        if real:
            processes(t, w, a, b)
            memory(t, w, a, b)
            everybody(t, w, a, b, True)
            reload(t, w, a)
            built_in(t, w, a)
            w.stop()
            t.ok(wait_for(lambda: not os.path.exists(f"/sys/fs/cgroup/leash/{a.uid}"), 10), "the user's group goes with the sessions")
        else:
            everybody(t, w, a, b, False)
            unenforceable(t, w, a)
            t.skip("totals", "no memory and pids controllers in cgroup v2 here")
    finally:
        w.remove()
        a.remove()
        b.remove()
    return t.end()


sys.exit(main())
