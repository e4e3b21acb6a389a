#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""kill -9 of each program at random moments, with commands running: what depends on it ends, the next caller is served,
and nothing is left at the end: no process, no control group, no directory.

usage: test-kill.py BUILD [ROUNDS]
"""
import contextlib
import glob
import os
import random
import signal
import subprocess
import sys
import time

from system import PATIENCE, SKIP, System, Tap, User, wait_for

PROGRAMS = ("leashd", "leash-launch", "leash-warden", "leash-session", "leash-init")


def ours(w):
    """All processes of this daemon's programs, by their executable; also those that lost their parent."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                path = os.readlink(f"/proc/{name}/exe").removesuffix(" (deleted)")
                if path.startswith(w.bin + "/") and not path.endswith("/leashctl"):
                    found[int(name)] = os.path.basename(path)
    return found


def serve(w, users, patience=PATIENCE):
    """Whether each is served, sooner or later: callers of what was just killed are told so, and try again."""
    for user in users:
        end = time.monotonic() + patience
        while w.run(user, "run", "--fresh", "--", "echo", "served").stdout != "served\n":
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
    return True


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 25
    seed = int(os.environ.get("LEASH_TEST_SEED", random.randrange(1 << 30)))
    random.seed(seed)
    print(f"# LEASH_TEST_SEED={seed}")
    t = Tap()
    users = [User.other(), User.other(2)]
    w = System(os.path.realpath(sys.argv[1]))
    try:
        counts = dict.fromkeys(PROGRAMS, 0)
        clients = []
        for i in range(rounds):
            for user in users:
                clients.append(w.popen(user, "run", "--fresh", "--", "sh", "-c", "sleep 1000 & sleep 1000"))
            time.sleep(random.random() * 0.1)
            name = PROGRAMS[i % len(PROGRAMS)]
            victims = [pid for pid, program in ours(w).items() if program == name]
            if victims:
                counts[name] += 1
                with contextlib.suppress(ProcessLookupError):
                    os.kill(random.choice(victims), signal.SIGKILL)
            if name in ("leashd", "leash-launch"):  # what a service manager does
                w.daemon.wait(PATIENCE)
                w.start()
            # A start limit of five in ten seconds holds for sessions, too: patience.
            if not serve(w, users):
                t.ok(False, f"round {i}: after {name} was killed, both users are served", w.log()[-1500:])
                break
        t.ok(all(counts.values()), f"each program was killed: {counts}")
        w.stop()
        for p in clients:
            try:
                p.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                p.kill()
        t.ok(wait_for(lambda: not ours(w), PATIENCE), "no process is left", ours(w))
        uids = {str(u.uid) for u in users}

        def groups():
            return [g for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") for g in glob.glob(f"{top}/leash/*/*-*")
                    if g.rpartition("/")[2].split("-")[0] in uids]
        t.ok(wait_for(lambda: not groups(), 5), "no control group", groups())
        w.start()
        t.ok(serve(w, users), "both users are served at the end")
        wait_for(lambda: not [d for u in users for d in glob.glob(f"{u.home}/.cache/leash/work/*-*")], PATIENCE)
        left = [d for u in users for d in glob.glob(f"{u.home}/.cache/leash/work/*-*")]
        t.ok(not left, "no working directory, once a session has looked", left)
    finally:
        w.remove()
        for user in users:
            user.remove()
    return t.end()


sys.exit(main())
