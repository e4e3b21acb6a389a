# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an operator sees: leashctl status, stats and logs."""
import json
import os
import tempfile
import unittest

import exposition
from support import Case, FakeCase, environment, wait_for

try:
    from prometheus_client.parser import text_string_to_metric_families as reference
except ImportError:
    reference = None

EVIL = 'a"b\\c\nd\x1b[31m\u202e'


def values(families, name, **labels):
    return [v for n, have, v in families[name][1] if labels.items() <= have.items()]


class NoDaemon(unittest.TestCase):
    def setUp(self):
        self.case = Case()
        self.case.dir = self.dir = tempfile.mkdtemp(prefix="leash-cli-")
        self.case.env = environment(XDG_RUNTIME_DIR=self.dir)

    def tearDown(self):
        # Nothing was started: not even the directory of the socket is there.
        self.assertEqual(os.listdir(self.dir), [])
        os.rmdir(self.dir)

    def test_status(self):
        if os.path.exists("/run/leash/leash.sock"):
            self.skipTest("a system daemon runs here")
        r = self.case.ctl("status", code=3)
        self.assertIn("no daemon", r.text)
        self.assertIn(self.dir, r.text)
        self.assertEqual(self.case.ctl("status", "-q", code=3).text, "")
        self.assertEqual(json.loads(self.case.ctl("status", "--json", code=3).text), {"running": False})

    def test_stats(self):
        if os.path.exists("/run/leash/leash.sock"):
            self.skipTest("a system daemon runs here")
        self.assertIn("no daemon", self.case.ctl("stats", code=3).text)
        up = exposition.parse(self.case.ctl("stats", "--prometheus").text)
        self.assertEqual(values(up, "leash_up"), [0])


class Status(Case):
    def test_what_runs(self):
        p = self.start("run", "sleep", "1000")
        self.addCleanup(p.communicate)
        self.addCleanup(p.kill)
        wait_for(lambda: " 1 " in self.ctl("status").text.partition("COMMANDS")[2])
        def used():
            s = json.loads(self.ctl("status", "--json").text)
            counts = {x["name"]: x["used"] for x in s["limits"]}
            return counts["connections"], counts["sandboxes"]
        wait_for(lambda: used() == (2, 1))  # those of before are closed in the session's own time
        r = self.ctl("status")
        for word in ("a daemon of your own", self.socket, f"{self.daemon.pid} (leashd)", "connections", "512",
                     "default", "deny", self.dir):
            self.assertIn(word, r.text)
        s = json.loads(self.ctl("status", "--json").text)
        self.assertEqual(s["daemon_pid"], self.daemon.pid)
        self.assertEqual([(x["workdir"], x["processes"]) for x in s["sandboxes"]], [(self.dir, 1)])

    def test_usage(self):
        self.ctl("status", "x", code=2)
        self.ctl("stats", "x", code=2)
        self.ctl("stats", "--json", "--prometheus", code=2)
        self.ctl("status", "--prometheus", code=2)


class Stats(Case):
    def scrape(self):
        text = self.ctl("stats", "--prometheus").text
        families = exposition.parse(text)
        if reference:
            theirs = {s for f in reference(text) for s in ((x.name, x.value) for x in f.samples)}
            ours = {(n, v) for _, samples in families.values() for n, _, v in samples}
            self.assertEqual(theirs, ours)
        return families

    def test_counters(self):
        before = self.scrape()
        self.ctl("run", "-q", "true")
        self.ctl("run", "-q", "false", code=1)
        self.ctl("run", "-q", "sh", "-c", "kill -9 $$", code=137)
        self.ctl("run", "-q", "--timeout", "100ms", "sleep", "60", code=124)
        self.ctl("run", "-q", "no-such-program", code=127)
        self.ctl("call", "no.such", code=125)
        # leashctl run has its answer before the last sandbox is gone
        wait_for(lambda: values(self.scrape(), "leash_sandboxes_running", level="default") == [0])
        after = self.scrape()

        def more(name, **labels):
            return sum(values(after, name, **labels)) - sum(values(before, name, **labels))

        self.assertEqual(values(after, "leash_up"), [1])
        self.assertEqual(more("leash_sandboxes_created_total", level="default"), 5)
        self.assertEqual(more("leash_sandboxes_created_total", level="strict"), 0)
        self.assertEqual(more("leash_commands_started_total"), 4)
        for reason in ("ok", "nonzero", "signalled", "timeout", "not_started"):
            self.assertEqual(more("leash_commands_ended_total", reason=reason), 1, reason)
        self.assertEqual(more("leash_requests_total", method="process.start"), 5)
        self.assertEqual(more("leash_requests_total", method="unknown"), 1)
        self.assertEqual(more("leash_request_errors_total", method="unknown", error="method_not_found"), 1)
        self.assertEqual(more("leash_request_errors_total", method="process.start", error="exec_not_found"), 1)
        counts = [v for n, _, v in after["leash_command_start_seconds"][1] if n.endswith("_count")]
        self.assertGreaterEqual(counts[0], 4)
        self.assertEqual(values(after, "leash_commands_running"), [0])
        self.assertGreater(values(after, "leash_session_resident_memory_bytes")[0], 1 << 20)
        self.assertTrue(all(labels["uid"] == str(os.getuid())
                            for _, samples in after.values() for _, labels, _ in samples))

    def test_for_people(self):
        self.ctl("run", "-q", "true")
        text = self.ctl("stats").text
        self.assertRegex(text, r"Commands that were started +[1-9]")
        self.assertRegex(text, r"Time until a command runs.* +[1-9][0-9]*; mean [0-9.]+ m?s")
        self.assertNotRegex(text, r"(?m) $")
        names = {m["name"] for m in json.loads(self.ctl("stats", "--json").text)["metrics"]}
        self.assertEqual(names | {"leash_up"}, set(self.scrape()))


class Logs(Case):
    def last(self):
        return wait_for(lambda: json.loads(self.ctl("status", "--json").text)["ended"])[0]["sandbox"]

    def ended(self):
        """Of the sandbox that a run before this made: gone, in its own time."""
        wait_for(lambda: json.loads(self.ctl("status", "--json").text)["sandboxes"] == [])
        return self.last()

    def test_of_one_that_has_ended(self):
        self.ctl("run", "-q", "sh", "-c", "exit 3", code=3)
        box = self.ended()
        lines = self.ctl("logs", box).text.splitlines()
        self.assertEqual([line.split()[1] for line in lines],
                         ["sandbox.created", "process.started", "process.exited", "sandbox.destroyed"])
        self.assertIn("level default, network deny", lines[0])
        self.assertIn("sh -c 'exit 3'", lines[1])
        self.assertRegex(lines[2], r"exit 3 after [0-9.]+ m?s")
        self.assertIn("its command has ended", lines[3])
        self.assertEqual(self.ctl("logs", "-f", box).text.splitlines(), lines)
        events = [json.loads(line) for line in self.ctl("logs", "--json", box).text.splitlines()]
        self.assertEqual([e["number"] for e in events], sorted(e["number"] for e in events))
        self.assertEqual((events[2]["exit"], events[2]["reason"]), ({"code": 3}, "exited"))
        only = self.ctl("logs", "--kind", "process.exited", box).text
        self.assertEqual(only, lines[2] + "\n")

    def test_failures_and_limits(self):
        self.ctl("run", "-q", "no-such-program", code=127)
        self.assertRegex(self.ctl("logs", self.ended()).text, r"process.failed .* no-such-program.*not found")
        self.ctl("run", "-q", "--timeout", "100ms", "sleep", "60", code=124)
        self.assertIn("signal 9 (timeout)", self.ctl("logs", self.ended()).text)

    def test_what_comes_from_inside_is_escaped(self):
        self.ctl("run", "-q", "sh", "-c", ": '\n\x1b[31mforged\u202e'", "a\nb", code=None)
        box = self.ended()
        text = self.ctl("logs", box).text
        self.assertEqual(text.count("\n"), 4)
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\u202e", text)
        self.assertIn("\\x1b[31mforged\\u{202e}", text)

    def test_follow(self):
        p = self.start("run", "-q", "sh", "-c", "while ! test -e go; do sleep 0.05; done")
        box = wait_for(lambda: [x for x in json.loads(self.ctl("status", "--json").text)["sandboxes"]
                                if x["processes"] == 1])[0]["sandbox"]
        follow = self.start("logs", "-f", box)
        self.assertIn(b"sandbox.created", follow.stdout.readline())
        self.assertIn(b"process.started", follow.stdout.readline())
        open(os.path.join(self.dir, "go"), "w").close()
        out, _ = follow.communicate(timeout=30)
        p.communicate(timeout=30)
        self.assertEqual(follow.returncode, 0)
        self.assertEqual([line.split()[1] for line in out.splitlines()], [b"process.exited", b"sandbox.destroyed"])

    def test_usage(self):
        self.ctl("logs", code=2)
        r = self.ctl("logs", "sb-none", code=125)
        self.assertTrue(r.error.startswith("leashctl: nothing is known of a sandbox sb-none"), r.error)
        self.assertIn("since this session started", r.error)


class Hostile(FakeCase):
    """A daemon that has been taken over, or whose strings came from inside."""

    def test_labels_and_names(self):
        self.fake.handlers["leash.stats"] = lambda p, f: {"uid": 7, "metrics": [
            {"name": "leash_x_total", "kind": "counter", "help": "a\\b\nleash_forged 1",
             "samples": [{"labels": {"evil": EVIL.replace("\x1b", ""), "a b": "x", "c:d": "y"}, "value": 1.5}]},
            {"name": "leash_up 1\nforged", "kind": "gauge", "help": "", "samples": [{"value": 1}]},
            {"name": "leash_odd", "kind": "gauge", "help": "h", "samples": [{"value": 1e300}, {
                "labels": {"n": "1"}, "value": 0.1}]}]}
        text = self.ctl("stats", "--prometheus").text
        families = exposition.parse(text)
        self.assertEqual(set(families), {"leash_up", "leash_x_total", "leash_odd"})
        self.assertEqual(families["leash_x_total"][1][0][1], {"uid": "7", "evil": EVIL.replace("\x1b", "")})
        self.assertIn("0.1\n", text)
        if reference:
            have = {s.labels.get("evil") for f in reference(text) for s in f.samples}
            self.assertIn(EVIL.replace("\x1b", ""), have)
        shown = self.ctl("stats").text
        self.assertNotIn("\x1b", shown)
        self.assertNotIn("\u202e", shown)

    def test_logs(self):
        self.fake.handlers["sandbox.logs"] = lambda p, f: {"dropped": 5, "ended": True, "events": [
            {"kind": "sandbox.created", "time": 1.0, "path": EVIL, "plan": {
                "name": EVIL, "tier": EVIL, "losses": [EVIL, "no_cgroup"], "limits": {"memory_bytes": 1 << 30, "cpus": 1.5}}},
            {"kind": "denied", "time": 1.0, "process": EVIL, "denial": {
                "kind": "path", "path": EVIL, "access": EVIL, "count": 1}},
            {"kind": "network", "time": 1.0, "network": {
                "host": EVIL, "address": EVIL, "protocol": EVIL, "verdict": EVIL, "rule": EVIL, "error": EVIL}},
            {"kind": EVIL, "time": 1.0, "argv": [EVIL], "why": EVIL}]}
        text = self.ctl("logs", "x").text
        self.assertEqual(text.count("\n"), 5)
        for bad in ("\x1b", "\u202e"):
            self.assertNotIn(bad, text)
        self.assertIn("memory_bytes 1.0G, cpus 1.5", text)
        self.assertRegex(text, ", lost .* no_cgroup")
        self.assertIn("5 events are not kept", text.splitlines()[1])
        lines = self.ctl("logs", "--json", "x").text.splitlines()
        self.assertEqual(json.loads(lines[1]), {"dropped": 5})
        self.assertEqual(json.loads(lines[4])["why"], EVIL)

    def test_status(self):
        self.fake.handlers["leash.status"] = lambda p, f: {
            "version": EVIL, "mode": EVIL, "socket": EVIL, "uid": 1, "pid": 2, "uptime_seconds": 3.5, "tier": EVIL,
            "reason": EVIL, "landlock_abi": 6, "cgroup": EVIL, "losses": [EVIL],
            "denial_sources": [EVIL], "ended": [{"sandbox": EVIL, "ended": 1.0}], "limits": [
                {"name": EVIL, "used": 1, "limit": 2, "source": EVIL}],
            "admin": {"floor": {"hosts": [EVIL], "limits": {"processes": 7, "memory_bytes": 1 << 30}}},
            "sandboxes": [{"sandbox": EVIL, "name": EVIL, "workdir": EVIL, "state": "ready", "processes": 1,
                           "age_seconds": 1.0, "mine": False, "memory_bytes": 5 << 20,
                           "enforcement": {"tier": "native", "layers": [], "losses": []}}]}
        self.assertEqual(self.ctl("status", "-q").text, "")
        text = self.ctl("status").text
        for bad in ("\x1b", "\u202e", "b\\c\nd"):
            self.assertNotIn(bad, text)
        for good in ("5.0M", "hosts: a", "limits: memory_bytes 1.0G, processes 7", "\\x1b[31m"):
            self.assertIn(good, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
