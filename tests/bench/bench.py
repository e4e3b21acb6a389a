#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""`make bench`: what a sandbox costs, beside doing without one and beside others, measured in one run.

All subjects take turns in every round, so that the machine's noise hits all alike. Medians, 99th percentiles, ratios; a
table for people, JSON for machines.

usage: bench.py --build DIR [--json FILE] [--rounds N] [--seconds N]
"""
import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leashtest as lt  # noqa: E402
import service  # noqa: E402

BWRAP = ["--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "/bin/true"]


def others(work):
    """Whoever is installed; nothing is fetched."""
    found = {}
    if path := shutil.which("bwrap"):
        found["bwrap"] = [path, *BWRAP]
    if path := shutil.which("firejail"):
        found["firejail"] = [path, "--quiet", "--noprofile", "--net=none", "--private-tmp", "/bin/true"]
    if path := shutil.which("srt"):
        found["srt"] = [path, "/bin/true"]
    if path := shutil.which("codex"):
        found["codex"] = [path, "sandbox", "linux", "/bin/true"]
    for name, argv in list(found.items()):
        r = subprocess.run(argv, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        if r.returncode:
            print(f"{name} is installed but does not run here: {r.stderr.decode(errors='replace').strip()[:120]}")
            del found[name]
    return found


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def pss(pid):
    """Proportional set size in KiB."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


class Bench:
    def __init__(self, args):
        self.args = args
        self.base = lt.base_directory("leash-bench-")
        self.leash = lt.Leash(args.build, lt.User.caller(), self.base)
        self.work = os.path.join(self.base, "work")
        os.mkdir(self.work)
        self.program = os.path.join(args.build, "tests", "bench", "bench")
        self.env = self.leash.env
        self.true = [self.leash.leashctl, "run", "-C", self.work, "--", "/bin/true"]
        self.out = {"machine": {"kernel": platform.release(), "processors": os.cpu_count(),
                                "memory_kib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024}}

    def tool(self, *args):
        r = subprocess.run([self.program, *map(str, args)], cwd=self.work, env=self.env, capture_output=True, text=True)
        if r.returncode:
            raise SystemExit(f"bench: {r.stderr}")
        return r.stdout

    def latency(self):
        subjects = {"leashctl run": self.true, **others(self.work)}
        path = os.path.join(self.base, "subjects")
        with open(path, "w", encoding="utf-8") as f:
            f.writelines("\t".join([name, *argv]) + "\n" for name, argv in subjects.items())
        times = {}
        for line in self.tool("latency", self.args.rounds, self.leash.socket_path, self.work, path).splitlines():
            name, ns = line.split("\t")
            times.setdefault(name, []).append(int(ns) / 1e6)
        bare = statistics.median(times["bare"])
        self.out["latency_ms"] = {name: {"median": round(statistics.median(v), 3), "p99": round(percentile(v, 0.99), 3),
                                         "ratio": round(statistics.median(v) / bare, 2), "rounds": len(v)}
                                  for name, v in times.items()}

    def cold(self):
        """No daemon, no session, nothing: the first command of the day."""
        times = []
        for _ in range(max(5, self.args.rounds // 20)):
            self.leash.stop()
            start = time.perf_counter()
            subprocess.run(self.true, env=self.env, cwd=self.work, check=True, stdin=subprocess.DEVNULL)
            times.append((time.perf_counter() - start) * 1e3)
        self.out["latency_ms"]["cold start"] = {
            "median": round(statistics.median(times), 3), "p99": round(max(times), 3), "rounds": len(times),
            "ratio": round(statistics.median(times) / self.out["latency_ms"]["bare"]["median"], 2)}

    def rates(self):
        workers = min(2, os.cpu_count())
        self.out["per_second"] = {"workers": workers}
        for kind in ("bare", "process.run", "sandbox"):
            self.out["per_second"][kind] = float(self.tool("rate", self.args.seconds, workers, self.leash.socket_path,
                                                           self.work, kind))

    def host_commands(self):
        """From inside to a C handler and back: over the socket, as a command; and /bin/true in there, for comparison."""
        folder = os.path.join(self.args.build, "tests", "bench")
        r = subprocess.run([os.path.join(folder, "bench-ipc"), os.path.join(folder, "bench-guest"), str(self.args.rounds)],
                           cwd=self.work, env={**self.env, "LEASH_SOCKET": self.leash.socket_path}, capture_output=True, text=True)
        if r.returncode:
            raise SystemExit(f"bench: {r.stderr}")
        times = {}
        for line in r.stdout.splitlines():
            name, ns = line.split("\t")
            times.setdefault(name, []).append(int(ns) / 1e6)
        self.out["host_command_ms"] = {name: {"median": round(statistics.median(v), 3), "p99": round(percentile(v, 0.99), 3)}
                                       for name, v in times.items()}

    def memory(self):
        rpc = self.leash.rpc()
        lt.wait_for(lambda: False, 1)
        resident = {pid: line for pid, line in self.leash.processes().items()
                    if os.path.basename(line.split(" ")[0]) in ("leashd", "leash-session")}
        idle = {os.path.basename(line.split(" ")[0]): pss(pid) for pid, line in resident.items()}
        pool = sum(pss(pid) for pid in self.leash.processes() if pid not in resident)
        many = 50
        ids = [rpc.call("sandbox.create", {"policy": {"workdir": self.work}})["sandbox"] for _ in range(many)]
        lt.wait_for(lambda: False, 1)
        loaded = sum(pss(pid) for pid in self.leash.processes())
        for name in ids:
            rpc.call("sandbox.destroy", {"sandbox": name})
        rpc.close()
        self.out["memory_kib"] = {"idle": idle, "idle daemon and session": sum(idle.values()), "prepared sandboxes": pool,
                                  "per idle sandbox": round((loaded - sum(idle.values()) - pool) / many)}

    def python(self):
        """One line of code, with numpy where it is installed: bare, cold, warm, in a session."""
        module = "numpy" if subprocess.run([lt.PYTHON, "-c", "import numpy"], capture_output=True, check=False).returncode == 0 \
            else "decimal"
        code = f"import {module}; print(6 * 7)"
        rpc = self.leash.rpc()
        box = rpc.call("sandbox.create", {"policy": {"workdir": self.work}})["sandbox"]
        session = rpc.call("python.session.start", {"sandbox": box, "python": lt.PYTHON, "imports": [module]})["session"]
        run = {"sandbox": box, "python": lt.PYTHON, "code": code}
        subjects = {
            "python3 -c": lambda: subprocess.run([lt.PYTHON, "-c", code], check=True, capture_output=True,
                                                 stdin=subprocess.DEVNULL, env=self.env, cwd=self.work),
            "python.run": lambda: rpc.call("python.run", run),
            "python.run warm": lambda: rpc.call("python.run", {**run, "warm": True, "imports": [module]}),
            "session cell": lambda: rpc.call("python.session.run", {"session": session, "code": code})}
        times = {name: [] for name in subjects}
        for i in range(max(10, self.args.rounds // 4) + 2):
            for name, fn in subjects.items():
                start = time.perf_counter()
                fn()
                if i >= 2:
                    times[name].append((time.perf_counter() - start) * 1e3)
        rpc.close()
        bare = statistics.median(times["python3 -c"])
        self.out["python_ms"] = {"module": module, **{
            name: {"median": round(statistics.median(v), 3), "p99": round(percentile(v, 0.99), 3), "rounds": len(v),
                   "ratio": round(statistics.median(v) / bare, 3)} for name, v in times.items()}}

    def table(self):
        latency = self.out["latency_ms"]
        print(f"\n{'milliseconds':<18}{'median':>10}{'p99':>10}{'× bare':>9}")
        for name, row in latency.items():
            print(f"{name:<18}{row['median']:>10.2f}{row['p99']:>10.2f}{row['ratio']:>9.2f}")
        python = self.out["python_ms"]
        print(f"\n{'Python, ' + python['module']:<18}{'median':>10}{'p99':>10}{'× bare':>9}")
        for name in list(python)[1:]:
            row = python[name]
            print(f"{name:<18}{row['median']:>10.2f}{row['p99']:>10.2f}{row['ratio']:>9.3f}")
        print(f"\n{'host command, ms':<18}{'median':>10}{'p99':>10}")
        for name, row in self.out["host_command_ms"].items():
            print(f"{name:<18}{row['median']:>10.3f}{row['p99']:>10.3f}")
        rates = self.out["per_second"]
        print(f"\n{'per second, ' + str(rates['workers']) + ' at once':<24}")
        for name in ("bare", "process.run", "sandbox"):
            print(f"{name:<18}{rates[name]:>10.0f}")
        print(f"\n{'KiB (PSS)':<24}")
        for name, value in self.out["memory_kib"].items():
            if name != "idle":
                print(f"{name:<26}{value:>6}")
        goals = [("process.run ≤ 1.5 × bare", latency["process.run"]["ratio"], 1.5),
                 ("leashctl run ≤ 4 × bare", latency["leashctl run"]["ratio"], 4),
                 ("cold start ≤ 30 ms", latency["cold start"]["median"], 30),
                 ("host command, socket ≤ 0.3 ms", self.out["host_command_ms"]["socket"]["median"], 0.3),
                 ("host command, command ≤ 2.5 ms", self.out["host_command_ms"]["command"]["median"], 2.5),
                 ("daemon and session ≤ 6144 KiB", self.out["memory_kib"]["idle daemon and session"], 6144),
                 ("idle sandbox ≤ 512 KiB", self.out["memory_kib"]["per idle sandbox"], 512)]
        goals.append(("python.run warm ≤ 5 ms", python["python.run warm"]["median"], 5))
        if "service" in self.out:
            service.table(self.out["service"])
            goals.append((f"system mode ≤ {service.REACH} × user mode", self.out["service"]["run_ms"]["ratio"], service.REACH))
        if "bwrap" in latency:
            goals.insert(2, ("leashctl run ≤ 0.5 × bwrap",
                             round(latency["leashctl run"]["median"] / latency["bwrap"]["median"], 2), 0.5))
        self.out["goals"] = {name: {"value": value, "reached": value <= goal} for name, value, goal in goals}
        print()
        for name, value, goal in goals:
            print(f"{name:<32}{value:>10}  {'reached' if value <= goal else 'NOT reached'}")

    def run(self):
        try:
            self.leash.run("run", "-C", self.work, "--", "/bin/true")
            keep = self.leash.rpc()  # so that the daemon does not end for want of clients
            self.latency()
            self.rates()
            self.python()
            self.host_commands()
            self.memory()
            keep.close()
            self.cold()
            if os.geteuid() == 0:
                self.leash.stop()
                self.out["service"] = service.Service(self.args.build, self.args.rounds, self.args.seconds).measure()
            self.table()
            if self.args.json:
                with open(self.args.json, "w", encoding="utf-8") as f:
                    json.dump(self.out, f, indent=2)
        finally:
            self.leash.stop()
            shutil.rmtree(self.base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=3)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    args.build = os.path.realpath(args.build)
    Bench(args).run()


if __name__ == "__main__":
    main()
