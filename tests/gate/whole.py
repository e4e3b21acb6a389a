# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole of leash in the small Internet of world.py: leashctl, leashd, a session, real sandboxes, leash-gate."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leashtest as lt  # noqa: E402
from leashtest import listens  # noqa: E402
from world import BUILD, PATIENCE, run, wait_for  # noqa: E402

PROXY_NAMES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
BARE = ["env", *(x for v in PROXY_NAMES for x in ("-u", v))]  # a program that knows of no proxy


def processes():
    """pid -> (parent, name)"""
    found = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                with open(f"/proc/{p}/stat", encoding="ascii", errors="replace") as f:
                    stat = f.read()
            except OSError:
                continue
            fields = stat.rsplit(")", 1)[1].split()
            if fields[0] not in "ZX":  # nobody has looked yet that it has ended
                found[int(p)] = int(fields[1]), stat.split("(", 1)[1].rsplit(")", 1)[0]
    return found


class Whole:
    """Call world.enter() first. /etc/resolv.conf and /etc/hosts are the test's own."""

    def __init__(self, hosts=""):
        self.tmp = tempfile.mkdtemp(prefix="leash-gate-")
        os.chmod(self.tmp, 0o755)
        for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"), ("hosts", "127.0.0.1 localhost\n" + hosts)):
            with open(self.path(name), "w", encoding="ascii") as f:
                f.write(text)
            run("mount", "--bind", self.path(name), os.path.realpath("/etc/" + name))
        # What a developer's environment may say of proxies and authorities is for each test to say.
        self.env = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TERM", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LEASH_LOG") if k in os.environ}
        self.env["LEASH_SOCKET"] = self.path("s")
        self.work = self.path("w")
        self.servers = []  # processes that end with the test
        os.mkdir(self.work)
        self.leashctl = os.path.join(BUILD, "leashctl")
        with open(self.path("log"), "wb") as log:
            self.leashd = subprocess.Popen([os.path.join(BUILD, "leashd"), "--user", "--socket", self.path("s")],
                                           env=self.env, start_new_session=True, stderr=log)
        wait_for(lambda: listens(self.path("s")))

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def call(self, method, **params):
        return json.loads(subprocess.check_output([self.leashctl, "call", method, json.dumps(params)], env=self.env))

    def asked(self, method):
        """How often anybody has."""
        return sum(s["value"] for m in self.call("leash.stats")["metrics"] if m["name"] == "leash_requests_total"
                   for s in m["samples"] if s["labels"]["method"] == method)

    def events(self):
        """leashctl events --follow --json, which hears of all from now on."""
        before = self.asked("events.subscribe")
        p = subprocess.Popen([self.leashctl, "events", "--follow", "--json"], env=self.env, stdout=subprocess.PIPE)
        wait_for(lambda: self.asked("events.subscribe") > before)
        return p

    def path(self, *names):
        return os.path.join(self.tmp, *names)

    def argv(self, *options, argv):
        return [self.leashctl, "run", "-C", self.work, *options, "--", *argv]

    def run(self, *options, argv, env=None, timeout=120, input=None):
        return subprocess.run(self.argv(*options, argv=argv), env={**self.env, **(env or {})}, capture_output=True,
                              timeout=timeout, start_new_session=True, input=input)

    def start(self, *options, argv, **more):
        return subprocess.Popen(self.argv(*options, argv=argv), env=self.env, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, start_new_session=True, **more)

    def child(self, name, parent=None):
        """The pid of the session, or of what the session started."""
        return next((p for p, (up, n) in processes().items() if n == name and up == (parent or self.leashd.pid)), None)

    def gate(self):
        session = self.child("leash-session")
        return session and self.child("leash-gate", session)

    def stop(self):
        for server in self.servers:
            server.terminate()
            server.wait(PATIENCE)
        gate = self.gate()
        self.leashd.terminate()
        self.leashd.wait(PATIENCE)
        left = gate and not lt.wait_for(lambda: not lt.alive(gate), PATIENCE)
        if left:
            print("FAILED: the gate is left behind")
        sys.stderr.write(self.log())
        shutil.rmtree(self.tmp, ignore_errors=True)
        return not left

    def main(self, namespace):
        """Runs every test_* function; a string that one returns says why it was skipped."""
        failed = 0
        for name, fn in list(namespace.items()):
            if not name.startswith("test_") or (len(sys.argv) > 1 and not any(a in name for a in sys.argv[1:])):
                continue
            start = time.time()
            try:
                why = fn()
                print("skip" if why else "ok", name, why or "", f"{time.time() - start:.1f} s", flush=True)
            except Exception:
                import traceback
                traceback.print_exc()
                print("FAILED", name, flush=True)
                failed += 1
        stopped = self.stop()  # also after a failure: what is left holds the streams that the test runner waits for
        sys.exit(1 if failed or not stopped else 0)
