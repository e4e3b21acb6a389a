#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A thousand sandboxes at once, created and destroyed with nothing left; no wake-ups when idle; a soak of short commands.

usage: run.py --build DIR [--count N] [--only SUBSTRING]
"""
import argparse
import contextlib
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leashtest as lt  # noqa: E402


class Stress:
    def __init__(self, build, count):
        self.count = count
        self.base = lt.base_directory("leash-stress-")
        self.leash = lt.Leash(build, lt.User.caller(), self.base)
        self.work = os.path.join(self.base, "work")
        os.mkdir(self.work)
        self.tap = lt.Tap()
        self.rpc = self.leash.rpc()

    def resident(self):
        """The daemon and its sessions; the rest are sandboxes and those prepared."""
        return [pid for pid, line in self.leash.processes().items()
                if os.path.basename(line.split(" ")[0]) in ("leashd", "leash-session")]

    def ourselves(self):
        """What could leak: descriptors, processes, mounts, directories, control groups."""
        fds = {}
        for pid in self.resident():
            with contextlib.suppress(OSError):
                fds[pid] = len(os.listdir(f"/proc/{pid}/fd"))
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            mounts = sum(1 for _ in f)
        groups = sorted(name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names
                        if "leash" in name or name.startswith("sb-"))
        places = {p: sorted(os.listdir(p)) for p in (self.leash.runtime, self.leash.runtime + "/leash", self.work)
                  if os.path.isdir(p)}
        return {"descriptors": sum(fds.values()), "mounts": mounts, "groups": groups, "directories": places}

    def inits(self):
        return sum(1 for line in self.leash.processes().values() if "leash-init" in line.split(" ")[0])

    def memory(self):
        total = 0
        for pid in self.resident():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return total

    def settle(self):
        """Prepared sandboxes go away after some seconds of idleness."""
        lt.wait_for(lambda: self.inits() == 0, lt.PATIENCE, 0.2)

    def many(self):
        """Requests are sent in waves, not one by one: at once means at once."""
        self.rpc.call("sandbox.destroy", {"sandbox": self.rpc.call("sandbox.create", {})["sandbox"]})
        self.settle()
        before, memory = self.ourselves(), self.memory()
        start = time.monotonic()
        ids, numbers = [], []
        for i in range(self.count):
            # Half with a directory of their own, which has to be removed, too.
            policy = {"workdir": self.work} if i % 2 else {}
            numbers.append(self.rpc.send("sandbox.create", {"policy": policy}))
            if len(numbers) == 64:
                ids += [self.rpc.wait(n)["sandbox"] for n in numbers]
                numbers = []
        ids += [self.rpc.wait(n)["sandbox"] for n in numbers]
        created = time.monotonic() - start
        alive = len(self.rpc.call("sandbox.list")["sandboxes"])
        self.tap.ok(alive >= self.count and len(set(ids)) == self.count,
                    f"{self.count} sandboxes at once ({created:.1f} s, {self.count / created:.0f} per second)",
                    f"{alive} listed, {len(set(ids))} ids")
        last = self.rpc.call("process.run", {"sandbox": ids[-1], "argv": ["/bin/echo", "here"]})
        first = self.rpc.call("process.run", {"sandbox": ids[0], "argv": ["/bin/echo", "here"]})
        self.tap.ok(last["stdout"] == first["stdout"] == "here\n", "the first and the last of them run commands", [first, last])
        per = sum(1 for _ in self.leash.processes()) - len(self.resident())
        self.tap.ok(per <= self.count * 2 + 64, f"no more than two processes each ({per})", per)

        start = time.monotonic()
        for chunk in (ids[i:i + 64] for i in range(0, len(ids), 64)):
            for n in [self.rpc.send("sandbox.destroy", {"sandbox": s}) for s in chunk]:
                self.rpc.wait(n)
        self.tap.ok(self.rpc.call("sandbox.list")["sandboxes"] == [], f"all destroyed ({time.monotonic() - start:.1f} s)",
                    "some are still listed")
        self.settle()
        self.tap.ok(self.inits() == 0, "no process left", self.leash.processes())
        lt.wait_for(lambda: self.ourselves() == before, lt.PATIENCE, 0.2)
        after = self.ourselves()
        self.tap.ok(after == before, "no descriptor, mount, directory or control group left", f"before {before}\nafter {after}")
        lt.wait_for(lambda: self.memory() - memory < 4096, 20, 0.2)
        grown = self.memory() - memory
        self.tap.ok(grown < 4096, f"memory went back ({grown} KiB more than before)", grown)

    def lost(self):
        """The connection goes away with all of them open."""
        rpc = self.leash.rpc()
        numbers = [rpc.send("sandbox.create", {"policy": {"workdir": self.work}}) for _ in range(50)]
        ids = [rpc.wait(n)["sandbox"] for n in numbers]
        rpc.send("process.run", {"sandbox": ids[0], "argv": ["/bin/sleep", "100"]})
        rpc.close()
        gone = lt.wait_for(lambda: not self.rpc.call("sandbox.list")["sandboxes"], lt.PATIENCE)
        self.tap.ok(gone, "a lost connection takes its sandboxes with it", self.rpc.call("sandbox.list"))

    def soak(self):
        """Thousands of commands through one sandbox and one session: nothing grows."""
        sandbox = self.rpc.call("sandbox.create", {"policy": {"workdir": self.work}})["sandbox"]

        def run(n):
            for _ in range(n // 16):
                numbers = [self.rpc.send("process.run", {"sandbox": sandbox, "argv": ["/bin/true"]}) for _ in range(16)]
                for number in numbers:
                    self.rpc.wait(number)
        run(256)
        before, memory = self.ourselves(), self.memory()
        run(2048)
        lt.wait_for(lambda: self.ourselves()["descriptors"] == before["descriptors"] and self.memory() - memory < 1024, 20, 0.2)
        after, grown = self.ourselves(), self.memory() - memory
        self.tap.ok(before["descriptors"] == after["descriptors"], "2,000 commands leave no descriptor", f"{before}\n{after}")
        self.tap.ok(grown < 1024, f"2,000 commands leave no memory ({grown} KiB)", grown)
        self.rpc.call("sandbox.destroy", {"sandbox": sandbox})

    def switches(self):
        total = {}
        for pid, line in self.leash.processes().items():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                for row in f:
                    if row.startswith("voluntary_ctxt_switches"):
                        total[f"{pid} {os.path.basename(line.split(' ')[0])}"] = int(row.split()[1])
        return total

    def idle(self):
        """With a client connected and a sandbox open, nobody wakes up for nothing."""
        sandbox = self.rpc.call("sandbox.create", {"policy": {"workdir": self.work}})["sandbox"]
        time.sleep(12)  # the pool's idle time is over then
        for _ in range(3):  # on a slow machine a little later
            before = self.switches()
            time.sleep(5)
            after = self.switches()
            woken = {who: after[who] - before.get(who, 0) for who in after if after[who] != before.get(who)}
            if sum(woken.values()) <= 2:
                break
        self.tap.ok(sum(woken.values()) <= 2, f"no wake-ups in five idle seconds of {len(after)} processes", woken)
        self.rpc.call("sandbox.destroy", {"sandbox": sandbox})

    def run(self, only):
        try:
            for part in (self.idle, self.soak, self.lost, self.many):
                if only in part.__name__:
                    try:
                        part()
                    except (lt.RpcError, EOFError, OSError, KeyError) as e:
                        self.tap.ok(False, part.__name__, repr(e))
            return self.tap.end()
        finally:
            self.rpc.close()
            self.leash.stop()
            shutil.rmtree(self.base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    return Stress(os.path.realpath(args.build), args.count).run(args.only)


if __name__ == "__main__":
    sys.exit(main())
