#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the system service costs beside a user's own daemon: both at once, for one ordinary user, taking turns in every round.
As root; bench.py calls it, and it runs alone.

usage: service.py --build DIR [--rounds N] [--seconds N]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import leashtest as lt  # noqa: E402
from system import System, scratch  # noqa: E402

CLIENTS = 8
REACH = 1.1


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def memory(pid):
    """Proportional set size and the part that nobody shares, in KiB."""
    found = {"Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                name = line.split(":")[0]
                if name in found:
                    found[name] = int(line.split()[1])
    except OSError:
        pass
    return found["Pss"], found["Private_Clean"] + found["Private_Dirty"]


class Service:
    def __init__(self, build, rounds, seconds):
        self.rounds, self.seconds = rounds, seconds
        self.user = lt.User.other()
        self.system = System(build)  # a leashd of root's with a socket of its own
        self.program = os.path.join(self.system.bin, "bench")
        shutil.copy2(os.path.join(build, "tests", "bench", "bench"), self.program)
        self.work = scratch(self.user, self.system.base)
        self.own_socket = os.path.join(self.work, "own.sock")
        self.sockets = {"user": self.own_socket, "system": self.system.socket}
        self.demote = {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        self.env = {**self.system.env(self.user), "XDG_CACHE_HOME": self.work}
        self.own = subprocess.Popen([os.path.join(self.system.bin, "leashd"), "--user", "--socket", self.own_socket], env=self.env,
                                    cwd=self.work, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.demote)
        if not lt.wait_for(lambda: os.path.exists(self.own_socket), 10):
            raise RuntimeError("the user's leashd does not come up")

    def tool(self, *args):
        r = subprocess.run([self.program, *map(str, args)], cwd=self.work, env=self.env, capture_output=True, text=True, **self.demote)
        if r.returncode:
            raise RuntimeError(r.stderr)
        return r.stdout

    def latency(self):
        path = os.path.join(self.work, "subjects")
        with open(path, "w", encoding="utf-8") as f:
            for name, socket in self.sockets.items():
                f.write("\t".join([name, self.system.leashctl, "run", "--socket", socket, "-C", self.work, "--", "/bin/true"]) + "\n")
        times = {}
        for line in self.tool("latency", self.rounds, self.own_socket, self.work, path).splitlines():
            name, ns = line.split("\t")
            times.setdefault(name, []).append(int(ns) / 1e6)
        pairs = [s / u for s, u in zip(times["system"], times["user"])]
        return {name: {"median": round(statistics.median(times[name]), 3), "p99": round(percentile(times[name], 0.99), 3)}
                for name in self.sockets} | {"ratio": round(statistics.median(pairs), 3), "rounds": len(pairs)}

    def rates(self):
        """Sandboxes made, used for nothing and destroyed, by eight clients; turns, so that noise hits both."""
        found = {name: [] for name in self.sockets}
        for _ in range(3):
            for name, socket in self.sockets.items():
                found[name].append(float(self.tool("rate", self.seconds, CLIENTS, socket, self.work, "sandbox")))
        return {name: round(statistics.median(v), 1) for name, v in found.items()} | {"clients": CLIENTS}

    def memory(self):
        """One session more, for a user who did something once and is connected still."""
        user = lt.User.other(2)
        try:
            r = self.system.run(user, "run", "--fresh", "--", "/bin/true")
            if r.returncode:
                raise RuntimeError(r.stderr)
            lt.wait_for(lambda: False, 2)
            parts = {"leash-session": self.system.sessions(user.uid)}
            for pid, line in self.system.processes().items():
                name = os.path.basename(line.split(" ")[0])
                if name == "leash-warden" and user.uid == int(line.split()[1]):
                    parts[name] = [pid]
                elif name in ("leashd", "leash-launch"):
                    parts[name] = [pid]
            found = {name: dict(zip(("pss", "private"), memory(pids[0]))) for name, pids in parts.items() if pids}
            found["per user"] = {k: sum(found[n][k] for n in ("leash-session", "leash-warden") if n in found) for k in ("pss", "private")}
            return found
        finally:
            user.remove()

    def measure(self):
        try:
            for socket in self.sockets.values():  # both have a session, and prepared sandboxes
                for _ in range(3):
                    subprocess.run([self.system.leashctl, "run", "--socket", socket, "-C", self.work, "--", "/bin/true"], env=self.env,
                                   cwd=self.work, check=True, stdin=subprocess.DEVNULL, **self.demote)
            return {"run_ms": self.latency(), "sandboxes_per_second": self.rates(), "memory_kib": self.memory()}
        finally:
            self.own.terminate()
            self.own.wait()
            self.system.remove()
            self.user.remove()


def table(found):
    run, rates = found["run_ms"], found["sandboxes_per_second"]
    print(f"\n{'leashctl run, ms':<24}{'median':>10}{'p99':>10}")
    for name in ("user", "system"):
        print(f"{name + ' mode':<24}{run[name]['median']:>10.3f}{run[name]['p99']:>10.3f}")
    print(f"{'system / user, by pairs':<24}{run['ratio']:>10.3f}")
    print(f"\nsandboxes per second, {rates['clients']} clients: user {rates['user']:.0f}, system {rates['system']:.0f}")
    print(f"\n{'KiB, system mode':<24}{'PSS':>10}{'private':>10}")
    for name, row in found["memory_kib"].items():
        print(f"{name:<24}{row['pss']:>10}{row['private']:>10}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("service: needs root")
        return 77
    found = Service(os.path.realpath(args.build), args.rounds, args.seconds).measure()
    table(found)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(found, f, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
