#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Limits as a user meets them: a command that wants too much ends, with the right reason, and one that does not goes on.

usage: limits.py --build DIR --as root|other
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leashtest as lt  # noqa: E402

FILL = "head -c {0} /dev/zero | tr '\\0' x > {1}"


class Limits:
    def __init__(self, build, user, base):
        self.user, self.base = user, base
        self.tap = lt.Tap()
        self.leash = lt.Leash(build, user, base)

    def project(self):
        return self.user.own(tempfile.mkdtemp(prefix="leash-limits-", dir=self.user.home))

    def run(self, script, *options):
        r = self.leash.run("run", "--json", *options, "--", "/bin/sh", "-c", script, timeout=120)
        try:
            return json.loads(r.stdout)
        except ValueError:
            return {"failed": r.stdout + r.stderr}

    def ends(self, name, script, *options, works=()):
        """With the limit it ends for that reason; with a larger one the same script runs to its end. The kernel's own word is
        as clear, where what had no room is gone again by the end. WHILE: what is measured is not noticed at once."""
        r = self.run(script.replace("WHILE", "100"), *options)
        self.tap.ok((r.get("reason") == "disk_limit" or "No space left on device" in r.get("stderr", "")) and
                    r.get("exit", {"code": 0}) != {"code": 0}, f"{name}: ends", r)
        r = self.run(script.replace("WHILE", "4"), *works)
        self.tap.ok(r.get("exit") == {"code": 0}, f"{name}: with more it works", r)

    def disk_hard(self):
        fresh, more = ("--fresh", "--disk", "8M"), ("--fresh", "--disk", "64M")
        for place in ("f", "/tmp/f", "/var/tmp/f", "/dev/shm/f", "$HOME/f"):
            self.ends(f"a large file {place}", FILL.format("16M", place), *fresh, works=more)
        self.ends("two places share it", f"{FILL.format('5M', '/tmp/a')} && {FILL.format('5M', '/dev/shm/b')}", *fresh, works=more)
        self.ends("files without a name", f"exec 3>/tmp/f && rm /tmp/f && {FILL.format('16M', '/proc/self/fd/3')}", *fresh, works=more)
        self.ends("space that is only reserved", "fallocate -l 16M f", *fresh, works=more)
        self.ends("names", "i=0; while [ $i -lt 6000 ]; do : > /tmp/$i || exit 1; i=$((i+1)); done", *fresh, works=more)
        r = self.run("truncate -s 1G f && ls", *fresh)
        self.tap.ok(r.get("stdout") == "f\n" and r.get("reason") == "exited", "a hole takes no space", r)
        r = self.leash.run("explain", *fresh)
        self.tap.ok("8388608  (hard" in r.stdout, "explain calls it hard", r.stdout[:2000] + r.stderr)

    def disk_soft(self):
        where = self.project()
        with open(os.path.join(where, "mine"), "wb") as f:
            f.write(b"x" * (32 << 20))
        self.user.own(f.name)
        here, more = ("-C", where, "--disk", "16M"), ("-C", where, "--disk", "1G")
        self.ends("a large file here", FILL.format("40M", "f") + "; sleep WHILE; rm f", *here, works=more)
        self.ends("space that is only reserved, here", "fallocate -l 40M g; sleep WHILE; rm g", *here, works=more)
        self.ends("names here", "mkdir d; for d in 1 2 3 4; do mkdir d/$d; seq -f d/$d/%g 3000 | xargs touch; done; sleep WHILE; rm -r d",
                  "-C", where, "--disk", "4M", works=more)
        self.ends("a directory that cannot be listed", f"mkdir h; chmod 300 h; {FILL.format('40M', 'h/f')}; sleep WHILE; rm h/f; rmdir h",
                  *here, works=more)
        self.ends("files without a name here", f"exec 3>u && rm u && {FILL.format('40M', '/proc/self/fd/3')}; sleep WHILE", *here, works=more)
        r = self.run(f"{FILL.format('10M', 'l')}; for i in 1 2 3 4 5; do ln l l$i; done; truncate -s 1G hole; sleep 7; cat mine > /dev/null; "
                     "rm l* hole; echo fine", *here)
        self.tap.ok(r.get("stdout") == "fine\n", "links, holes and what was there before count for nothing", r)
        r = self.run("sleep 1; rm mine; " + FILL.format("40M", "f") + "; sleep 6; rm f; echo fine", *here)
        self.tap.ok(r.get("stdout") == "fine\n", "what is removed makes room", r)
        kept = self.run(FILL.format("40M", "f") + "; sleep 100", "--fresh", "--keep", "--disk", "16M")
        self.tap.ok(kept.get("reason") == "disk_limit", "a fresh directory that stays", kept)
        r = self.leash.run("explain", *here)
        self.tap.ok("16777216  (private directories; soft" in r.stdout, "explain calls it soft", r.stdout[:2000] + r.stderr)
        shutil.rmtree(where)

    def disk_in_the_end(self):
        """A sandbox that lives on ends as a whole, with all that still runs in it."""
        rpc = self.leash.rpc()
        try:
            made = rpc.call("sandbox.create", {"policy": {"limits": {"disk_bytes": 8 << 20}}})
            self.tap.ok(made["enforcement"].get("disk") == "soft", "a directory that a client can see is measured", made)
            box = {"sandbox": made["sandbox"]}
            r = rpc.call("process.run", {**box, "argv": ["/bin/sh", "-c", "echo hello > f; cat f"]})
            with open(os.path.join(made["workdir"], "f"), encoding="ascii") as f:
                self.tap.ok(r["reason"] == "exited" and f.read() == "hello\n", "… and can be seen", r)
            r = rpc.call("process.run", {**box, "argv": ["/bin/sh", "-c", "(trap '' HUP; exec head -c 1G /dev/zero > g) & sleep 50"]})
            self.tap.ok(r["reason"] == "disk_limit", "a child in the background fills it", r)
            self.tap.ok(lt.wait_for(lambda: not rpc.call("sandbox.list")["sandboxes"], lt.PATIENCE), "the sandbox is gone")
            self.tap.ok(lt.wait_for(lambda: not os.path.exists(made["workdir"]), lt.PATIENCE), "and so is its directory")
        finally:
            rpc.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--as", dest="who", choices=("root", "other"), required=True)
    args = parser.parse_args()
    if args.who == "root" and os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    user = lt.User.caller() if args.who == "root" or os.geteuid() != 0 else lt.User.other()
    if not user:
        print("1..0 # SKIP no unprivileged user can be made here")
        return 0
    base = lt.base_directory("leash-limits-")
    suite = Limits(args.build, user, base)
    try:
        suite.disk_hard()
        suite.disk_soft()
        suite.disk_in_the_end()
    finally:
        suite.leash.stop()
        shutil.rmtree(base, ignore_errors=True)
        user.remove()
    return suite.tap.end()


if __name__ == "__main__":
    sys.exit(main())
