#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""`make bench`: what the gate costs, beside haproxy, tinyproxy and srt's proxy where they are installed, in one run.

Everything runs in a network namespace of its own; the gate's clients in a second one, as in a sandbox. Each proxy has one
thread (haproxy is told so; the others have no choice but tinyproxy, which has one per connection). All take turns in every
round and the median of the rounds counts, so that the machine's noise hits all alike.

What is compared: "gate" has a CONNECT to answer before the request, as tinyproxy and srt have; haproxy's tcp mode has none, and
is one exchange ahead. "haproxy, CONNECT" is its http mode, which passes the CONNECT on and becomes a tunnel when the server
agrees: the client has as many exchanges as with the gate, but haproxy one more with the server. A haproxy that answered CONNECT
itself, which there is none of, would be between the two. "gate, captured" does what haproxy's tcp mode does, "gate, http" what its http mode does: those two are alike.
tinyproxy has a thread for each connection, on every processor. A process reads the gate's events, as a session does.

usage: gate.py --build DIR [--json FILE] [--rounds N] [--seconds S]
"""
import argparse
import atexit
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gate"))
parser = argparse.ArgumentParser()
parser.add_argument("--build", required=True)
parser.add_argument("--json")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--tunnels", type=int, default=1000)
args = parser.parse_args()
os.environ["LEASH_BUILD"] = os.path.realpath(args.build)
import whole  # noqa: E402
import world  # noqa: E402
from world import WEB4, Dns  # noqa: E402

world.enter()
LOAD = os.path.join(os.environ["LEASH_BUILD"], "tests", "bench", "load")
TARGET, NAME = f"{WEB4}:8080", "good.test:8080"
HAPROXY = """
global
  nbthread 1
  maxconn 4000
defaults
  timeout connect 20s
  timeout client 1h
  timeout server 1h
listen tcp
  bind 127.0.0.1:9001
  mode tcp
  option splice-auto
  server s {target}
listen http
  bind 127.0.0.1:9002
  mode http
  http-reuse safe
  server s {target}
listen tunnel
  bind 127.0.0.1:9005
  mode http
  server s {target}
"""
TINYPROXY = "Port 9003\nListen 127.0.0.1\nMaxClients 4000\nTimeout 3600\nLogLevel Critical\nConnectPort 8080\n"
SRT = """
import {{ createHttpProxyServer }} from '{path}';
createHttpProxyServer({{ filter: () => true }}).listen(9004, '127.0.0.1');
"""


def srt():
    """Its proxy as a program: where npm has put the package, or LEASH_BENCH_SRT says it lies."""
    if not shutil.which("node"):
        return None
    roots = [os.environ.get("LEASH_BENCH_SRT", "")]
    if shutil.which("npm"):
        roots.append(subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=False).stdout.strip())
    for root in roots:
        path = os.path.join(root, "@anthropic-ai", "sandbox-runtime", "dist", "sandbox", "http-proxy.js")
        if os.path.exists(path):
            return path
    return None


class Bench:
    def __init__(self):
        atexit.register(self.stop)
        self.tmp = tempfile.mkdtemp(prefix="leash-bench-")
        self.processes, self.gate, self.box, self.whole = [], None, None, None
        self.dns = Dns({"good.test": [WEB4]})
        self.start([LOAD, "serve", WEB4, "8080"], (WEB4, 8080))
        self.gate = world.Gate([LOAD, "sink"])
        self.box = world.Box(self.gate, allow=["good.test"])
        # Ports of connections that have ended are used again at once, or the first to be measured takes them all.
        tune = "cd /proc/sys/net/ipv4; echo 1 >tcp_tw_reuse; echo 10000 65535 >ip_local_port_range"
        for prefix in ([], self.box.argv()):
            subprocess.run([*prefix, "sh", "-c", tune], check=True)
        self.pids = {"gate": self.gate.process.pid}
        # name -> (prefix, via, target) for each kind of load
        inside = self.box.argv()
        rcode, [synthetic] = self.box.lookup("good.test")
        assert rcode == 0
        self.captured = f"{synthetic}:8080"
        self.ways = {
            "direct": {k: ([], "direct", TARGET) for k in ("stream", "new", "kept")},
            "gate": {"stream": (inside, "connect=127.0.0.1:3128", NAME), "new": (inside, "connect=127.0.0.1:3128", NAME),
                     "kept": (inside, "http=127.0.0.1:3128", NAME)},
            "gate, captured": {"stream": (inside, "direct", self.captured), "new": (inside, "direct", self.captured)},
            "gate, http": {"new": (inside, "http=127.0.0.1:3128", NAME)},
        }
        if path := shutil.which("haproxy"):
            conf = self.file("haproxy.cfg", HAPROXY.format(target=TARGET))
            self.pids["haproxy"] = self.start([path, "-f", conf], ("127.0.0.1", 9001))
            self.ways["haproxy tcp"] = {k: ([], "at=127.0.0.1:9001", TARGET) for k in ("stream", "new", "kept")}
            self.ways["haproxy, CONNECT"] = {k: ([], "connect=127.0.0.1:9005", TARGET) for k in ("stream", "new")}
            self.ways["haproxy http"] = {k: ([], "at=127.0.0.1:9002", TARGET) for k in ("stream", "new", "kept")}
        if path := shutil.which("tinyproxy"):
            conf = self.file("tinyproxy.conf", TINYPROXY)
            self.pids["tinyproxy"] = self.start([path, "-d", "-c", conf], ("127.0.0.1", 9003))
            self.ways["tinyproxy"] = {"stream": ([], "connect=127.0.0.1:9003", TARGET),
                                      "new": ([], "connect=127.0.0.1:9003", TARGET), "kept": ([], "http=127.0.0.1:9003", TARGET)}
            self.ways["tinyproxy, http"] = {"new": ([], "http=127.0.0.1:9003", TARGET)}
        if path := srt():
            script = self.file("srt.mjs", SRT.format(path=path))
            self.pids["srt"] = self.start(["node", script], ("127.0.0.1", 9004))
            self.ways["srt"] = {"stream": ([], "connect=127.0.0.1:9004", TARGET),
                                "new": ([], "connect=127.0.0.1:9004", TARGET), "kept": ([], "http=127.0.0.1:9004", TARGET)}
        self.out = {"rounds": args.rounds, "seconds": args.seconds, "cpu_us": {}}

    def file(self, name, text):
        path = os.path.join(self.tmp, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def start(self, argv, where):
        p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(p)
        end = time.time() + 10
        while True:
            try:
                socket.create_connection(where, 1).close()
                return p.pid
            except OSError:
                assert p.poll() is None and time.time() < end, argv
                time.sleep(0.05)

    def load(self, prefix, *argv, **more):
        return subprocess.run([*prefix, LOAD, *map(str, argv)], capture_output=True, text=True, check=False, **more)

    def cpu(self, name):
        """µs of processor time that this proxy has used so far, threads that have ended included: tells more than a rate on
        a busy machine."""
        pid = self.pids.get(name.split(" ")[0].rstrip(","))
        if not pid:
            return 0
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")

    def rates(self, kind, clients):
        found = {name: [] for name, ways in self.ways.items() if kind in ways}
        used = {name: [] for name in found}
        for _ in range(args.rounds):
            for name, values in found.items():
                prefix, via, target = self.ways[name][kind]
                before = self.cpu(name)
                r = self.load(prefix, kind, via, target, args.seconds, clients)
                if r.returncode == 0 and not r.stderr:
                    values.append(float(r.stdout))
                    used[name].append((self.cpu(name) - before) / max(1, values[-1] * args.seconds))
        self.out["cpu_us"][kind] = {name: round(statistics.median(v), 2) for name, v in used.items() if any(v)}
        return {name: statistics.median(v) if len(v) > args.rounds / 2 else None for name, v in found.items()}

    def set_ups(self):
        rows = [("direct", [], "direct", TARGET), ("captured", self.box.argv(), "direct", self.captured)]
        return rows + [("haproxy tcp", [], "at=127.0.0.1:9001", TARGET)] if "haproxy" in self.pids else rows

    def latency(self):
        """ns from connect to the first answer, one connection after another. In a sandbox, connect(2) is judged, too."""
        w = whole.Whole()
        self.whole = w
        inside = ["--allow-host", "good.test"]
        server = f"{LOAD} serve 127.0.0.1 8081 & trap 'kill $!' EXIT; sleep 0.3; "
        rows = {}
        shutil.copy(LOAD, w.path("w", "load"))
        for _ in range(args.rounds):
            for name, prefix, via, target in self.set_ups():
                r = self.load(prefix, "latency", via, target, 300)
                rows.setdefault(name, []).extend(map(int, r.stdout.split()))
        r = w.run(*inside, argv=["bash", "-c", server.replace(LOAD, "./load") + "./load latency direct 127.0.0.1:8081 1000;"
                                 "echo; A=$(getent ahostsv4 good.test | head -1 | cut -d' ' -f1); ./load latency direct $A:8080 1000"])
        own, captured = r.stdout.decode().split("\n\n")
        rows["sandbox, its own loopback"], rows["sandbox, captured"] = [[int(x) for x in t.split()] for t in (own, captured)]
        self.out["latency_p10_us"] = {name: round(sorted(v)[len(v) // 10] / 1000, 1) for name, v in rows.items()}
        return {name: round(statistics.median(v) / 1000, 1) for name, v in rows.items()}

    def memory(self, name):
        """KiB that each idle tunnel costs: private memory of the process. What the kernel's sockets hold is alike for all."""
        prefix, via, target = self.ways[name]["stream"]
        pid = self.pids[name.split(" ")[0].rstrip(",")]

        def private():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                return sum(int(x.split()[1]) for x in f if x.startswith("Private_"))
        before = private()
        p = subprocess.Popen([*prefix, LOAD, "hold", via, target, str(args.tunnels)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if p.stdout.readline() != b"held\n":
            p.wait()
            return None
        time.sleep(1)
        after = private()
        p.stdin.close()
        p.wait()
        return round((after - before) / args.tunnels, 2)

    def goals(self):
        o = self.out
        goals = []

        def goal(text, value, limit, at_least):
            if value is not None:
                goals.append({"goal": text, "value": round(value, 2), "reached": value >= limit if at_least else value <= limit})

        def ratio(table, a, b):
            return table[a] / table[b] if table.get(a) and table.get(b) else None
        goal("CONNECT throughput ≥ 1 × haproxy tcp", ratio(o["stream"], "gate", "haproxy tcp"), 1, True)
        goal("new CONNECTs ≥ 0.8 × haproxy tcp, without", ratio(o["new"], "gate", "haproxy tcp"), 0.8, True)
        goal("new CONNECTs ≥ 0.8 × haproxy's, passed on", ratio(o["new"], "gate", "haproxy, CONNECT"), 0.8, True)
        goal("new captured ones ≥ 0.8 × haproxy tcp", ratio(o["new"], "gate, captured", "haproxy tcp"), 0.8, True)
        goal("new requests ≥ 0.8 × haproxy http", ratio(o["new"], "gate, http", "haproxy http"), 0.8, True)
        goal("new CONNECTs ≥ 2 × tinyproxy", ratio(o["new"], "gate", "tinyproxy"), 2, True)
        goal("the same, by processor time", ratio(o["cpu_us"]["new"], "tinyproxy", "gate"), 2, True)
        goal("new requests ≥ 2 × tinyproxy", ratio(o["new"], "gate, http", "tinyproxy, http"), 2, True)
        added = o["latency_us"]["captured"] - o["latency_us"]["direct"]
        goal("capture adds ≤ 100 µs", added, 100, False)
        goal("idle tunnel ≤ 20 KiB", o["memory_kib"]["gate"], 20, False)
        o["goals"] = goals

    def table(self):
        o = self.out
        print(f"\n{'':<28}{'GiB/s':>9}{'new/s':>10}{'kept/s':>10}{'KiB/tunnel':>12}{'CPU µs: new':>13}{'kept':>7}")
        for name in self.ways:
            def cell(table, scale, form, width):
                value = table.get(name)
                return format("-" if value is None else format(value / scale, form), f">{width}")
            print(f"{name:<28}" + cell(o["stream"], 2**30, ".2f", 9) + cell(o["new"], 1, ".0f", 10) + cell(o["kept"], 1, ".0f", 10)
                  + cell(o["memory_kib"], 1, ".1f", 12) + cell(o["cpu_us"]["new"], 1, ".0f", 13) + cell(o["cpu_us"]["kept"], 1, ".0f", 7))
        print(f"\n{'µs to the first answer':<40}{'median':>9}{'p10':>9}")
        for name, value in o["latency_us"].items():
            print(f"{name:<40}{value:>9.1f}{o['latency_p10_us'][name]:>9.1f}")
        print()
        for g in o["goals"]:
            print(f"{g['goal']:<44}{g['value']:>9}  {'reached' if g['reached'] else 'NOT reached'}")

    def run(self):
        self.out["stream"] = self.rates("stream", 2)
        self.out["new"] = self.rates("new", 4)
        self.out["kept"] = self.rates("kept", 4)
        self.out["memory_kib"] = {n: self.memory(n) for n in self.ways if n in ("gate", "haproxy tcp", "tinyproxy", "srt")}
        self.out["latency_us"] = self.latency()
        self.goals()
        self.table()
        if args.json:
            with open(args.json, "w", encoding="utf-8") as f:
                json.dump(self.out, f, indent=2)

    def stop(self):
        for p in self.processes:
            p.kill()
        if self.whole:
            self.whole.stop()
        if self.box:
            self.box.close()
        if self.gate:
            self.gate.close()
        shutil.rmtree(self.tmp, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
bench = Bench()
bench.run()
