#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""In the machine of system.sh: kill -9 of each of leash's programs in turn, at random moments, with commands of two users
running. After each, both users are served. What a killed program held ends (decision 14): a warden, a session and their
sandboxes with the session; one sandbox with its init; connections with the gate; nothing with leashd and leash-launch.

usage: part-kill.py ROUNDS [--accept LOSS]…
"""
import contextlib
import os
import pwd
import random
import signal
import subprocess
import sys
import time

PROGRAMS = ("leashd", "leash-launch", "leash-warden", "leash-session", "leash-init", "leash-gate")
KEEPS = ("leashd", "leash-launch")
ACCEPT = sys.argv[2:]


def running():
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                path = os.readlink(f"/proc/{name}/exe").removesuffix(" (deleted)")
                if "/libexec/leash/" in path:
                    found[int(name)] = os.path.basename(path)
    return found


def popen(user, *args):
    who = pwd.getpwnam(user)
    return subprocess.Popen(["leashctl", "run", "-q", *ACCEPT, "--fresh", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, user=who.pw_uid, group=who.pw_gid, extra_groups=[], cwd="/", text=True,
                            env={"PATH": "/usr/bin:/bin", "HOME": who.pw_dir, "USER": user})


def served(user):
    with popen(user, "--", "echo", "served") as p:
        return p.stdout.read() == "served\n"


def patiently(condition, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def main():
    rounds = int(sys.argv[1])
    seed = random.randrange(1 << 30)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    counts = dict.fromkeys(PROGRAMS, 0)
    slept, lost, unserved, worst = 0, 0, 0, 0.0
    clients = {}
    start = time.monotonic()
    for i in range(rounds):
        for user in ("one", "two"):
            # One long command for each: it has to live through the kills that it should live through.
            if user not in clients or clients[user].poll() is not None:
                clients[user] = popen(user, "--allow-host", "example.com", "--", "sh", "-c", "sleep 100000 & sleep 100000")
        mark = {user: p for user, p in clients.items()}
        time.sleep(random.random() * 0.2)
        name = PROGRAMS[i % len(PROGRAMS)]
        # leash-init and leash-gate are there once a sandbox is.
        patiently(lambda n=name: n in running().values(), 20)
        victims = [pid for pid, program in running().items() if program == name]
        if victims:
            counts[name] += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(victims), signal.SIGKILL)
        t = time.monotonic()
        for user in ("one", "two"):
            if not patiently(lambda u=user: served(u)):
                unserved += 1
                print(f"not ok after kill {i} ({name}): {user} is not served", flush=True)
        worst = max(worst, time.monotonic() - t)
        if name in KEEPS:
            slept += 2
            lost += sum(p.poll() is not None for p in mark.values())
        if i % 20 == 19:
            print(f"{i + 1} kills, {time.monotonic() - start:.0f} s", flush=True)
        if unserved > 3:
            break
    print(("ok " if all(counts.values()) else "not ok ") + f"{sum(counts.values())} kills: {counts}")
    print(("ok " if not unserved else "not ok ") + f"both users were served after each; {time.monotonic() - start:.0f} s, {worst:.1f} s at most")
    print(("ok " if not lost else "not ok ") + f"of {slept} commands none ended with leashd or leash-launch (lost: {lost})")
    for p in clients.values():
        p.send_signal(signal.SIGTERM)
        p.wait()
    # Only sessions, their wardens and what waits in the pool may be there now; no sandbox of a caller that has gone.
    def asleep():
        return subprocess.run(["pgrep", "-fx", "sleep 100000"], capture_output=True, text=True, check=False).stdout.split()
    print(("ok " if patiently(lambda: not asleep()) else "not ok ") + f"no command is left {asleep()}")
    print(("ok " if patiently(lambda: sum(p == "leash-session" for p in running().values()) <= 2) else "not ok ") +
          f"a session for each user, no more: {sorted(running().values())}")


main()
