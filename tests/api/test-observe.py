# SPDX-License-Identifier: MIT OR Apache-2.0
"""leash.status, leash.stats, sandbox.logs: what an operator asks."""
import json
import os

import leash
from leash import wait_until


def metric(client, name, **labels):
    """The sum of a metric's samples that have these labels."""
    for m in client.call("leash.stats")["metrics"]:
        if m["name"] == name:
            return sum(s["value"] for s in m["samples"] if labels.items() <= s.get("labels", {}).items())
    raise AssertionError(f"no metric {name}")


class Status(leash.Case):
    def test_what_there_is(self):
        box = self.c.call("sandbox.create", name="a b")["sandbox"]
        s = self.c.call("leash.status")
        self.assertEqual((s["mode"], s["uid"], s["pid"]), ("user", os.getuid(), self.daemon.session))
        self.assertEqual(s["daemon_pid"], self.daemon.process.pid)
        self.assertEqual(s["socket"], self.daemon.path)
        self.assertEqual([(x["sandbox"], x["name"], x["mine"]) for x in s["sandboxes"]], [(box, "a b", True)])
        self.assertGreaterEqual(s["uptime_seconds"], 0)
        self.assertNotIn("admin", s)
        limits = {x["name"]: x for x in s["limits"]}
        self.assertEqual(limits["sandboxes"]["used"], 1)
        self.assertGreater(limits["history, bytes"]["used"], 0)
        for x in s["limits"]:
            self.assertLessEqual(x["used"], x["limit"], x)
        info = self.c.call("leash.info")
        for same in ("tier", "version", "landlock_abi", "denial_sources"):
            self.assertEqual(s[same], info[same])

    def test_ended_are_listed_newest_first(self):
        boxes = []
        for _ in range(10):
            boxes.append(self.c.call("sandbox.create")["sandbox"])
            self.c.call("sandbox.destroy", sandbox=boxes[-1])
        ended = [x["sandbox"] for x in self.c.call("leash.status")["ended"]]
        self.assertEqual(ended, boxes[::-1][: len(ended)])
        self.assertGreaterEqual(len(ended), 5)


class Stats(leash.Case):
    def test_requests_and_errors(self):
        before = metric(self.c, "leash_requests_total", method="sandbox.get")
        errors = metric(self.c, "leash_request_errors_total")
        self.c.error("sandbox.get", sandbox="sb-none")
        self.c.error("sandbox.get", no_such_field=1)
        self.assertEqual(metric(self.c, "leash_requests_total", method="sandbox.get"), before + 2)
        for error in ("not_found", "invalid_params"):
            self.assertEqual(metric(self.c, "leash_request_errors_total", method="sandbox.get", error=error), 1)
        self.assertEqual(metric(self.c, "leash_request_errors_total"), errors + 2)

    def test_unknown_methods_are_no_labels(self):
        for i in range(50):
            self.c.error(f"x.{i}\n\"")
        names = [s["labels"]["method"] for m in self.c.call("leash.stats")["metrics"]
                 if m["name"] == "leash_requests_total" for s in m["samples"]]
        self.assertEqual([n for n in names if n.startswith("x.")], [])
        self.assertGreaterEqual(metric(self.c, "leash_requests_total", method="unknown"), 50)

    def test_sandboxes_by_level(self):
        before = metric(self.c, "leash_sandboxes_created_total", level="strict")
        box = self.c.call("sandbox.create", policy={"level": "strict"})["sandbox"]
        self.assertEqual(metric(self.c, "leash_sandboxes_created_total", level="strict"), before + 1)
        self.assertEqual(metric(self.c, "leash_sandboxes_running", level="strict"), 1)
        self.c.call("sandbox.destroy", sandbox=box)
        self.assertEqual(metric(self.c, "leash_sandboxes_running", level="strict"), 0)
        failed = metric(self.c, "leash_sandboxes_failed_total", level="none")
        self.c.error("sandbox.create", policy={"workdir": "/"})
        self.assertEqual(metric(self.c, "leash_sandboxes_failed_total", level="none"), failed + 1)

    def test_clients(self):
        self.alone()
        before = metric(self.c, "leash_clients_total")
        with self.daemon.client() as other:
            other.call("leash.info")
            wait_until(lambda: metric(self.c, "leash_clients_connected") == 2, what="two are connected")
        wait_until(lambda: metric(self.c, "leash_clients_connected") == 1, what="the client is gone")
        self.assertEqual(metric(self.c, "leash_clients_total"), before + 1)

    def test_who_does_not_read_is_counted(self):
        before = metric(self.c, "leash_clients_dropped_total")
        deaf = self.daemon.client()
        self.addCleanup(deaf.close)
        deaf.call("events.subscribe")
        box = self.c.call("sandbox.create")["sandbox"]
        long = "x" * 100000
        for _ in range(400):
            self.c.run("true", long, sandbox=box)
            if metric(self.c, "leash_clients_dropped_total") > before:
                return
        self.fail("it was never dropped")

    def test_a_line_for_many_is_there_once(self):
        self.alone()
        deaf = [self.daemon.client() for _ in range(60)]
        for d in deaf:
            self.addCleanup(d.close)
            d.call("events.subscribe", kinds=["process.started"])
        box = self.c.call("sandbox.create")["sandbox"]
        self.c.run("true", sandbox=box)
        before = metric(self.c, "leash_session_resident_memory_bytes")
        for i in range(40):
            self.c.run("true", "x" * 60000, str(i), sandbox=box)
        grown = metric(self.c, "leash_session_resident_memory_bytes") - before
        self.assertLess(grown, 30 << 20, "60 queues of 2.4 MB each")
        for d in deaf:  # and nobody has lost anything
            texts = [json.loads(d.read_line())["params"]["argv"][-1] for _ in range(41)]
            self.assertEqual(texts[1:], [str(i) for i in range(40)])


class Logs(leash.Case):
    def kinds(self, box, **more):
        return [e["kind"] for e in self.c.call("sandbox.logs", sandbox=box, **more)["events"]]

    def test_life(self):
        box = self.c.call("sandbox.create", name="n", policy={"level": "strict", "limits": {"wall_seconds": 60}})["sandbox"]
        self.c.run("sh", "-c", "exit 3", sandbox=box)
        self.c.error("process.run", sandbox=box, argv=["no-such-program"])
        r = self.c.call("sandbox.logs", sandbox=box)
        self.assertFalse(r.get("ended", False))
        self.assertEqual(r["dropped"], 0)
        first, *_, last = r["events"]
        plan = first["plan"]
        self.assertEqual((first["kind"], plan["level"], plan["name"], plan["limits"]),
                         ("sandbox.created", "strict", "n", {"wall_seconds": 60}))
        self.assertEqual([e["kind"] for e in r["events"]],
                         ["sandbox.created", "process.started", "process.exited", "process.failed"])
        self.assertEqual(r["events"][2]["reason"], "exited")
        self.assertEqual(last["argv"], ["no-such-program"])
        self.assertIn("not found", last["why"])
        self.c.call("sandbox.destroy", sandbox=box)
        r = self.c.call("sandbox.logs", sandbox=box)
        self.assertTrue(r["ended"])
        self.assertEqual(r["events"][-1]["why"], "a client asked for it")

    def test_after(self):
        box = self.c.call("sandbox.create")["sandbox"]
        self.c.run("true", sandbox=box)
        numbers = [e["number"] for e in self.c.call("sandbox.logs", sandbox=box)["events"]]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(self.kinds(box, after=numbers[0]), ["process.started", "process.exited"])
        self.assertEqual(self.kinds(box, after=numbers[-1]), [])

    def test_why_it_ended(self):
        other = self.daemon.client()
        box = other.call("sandbox.create")["sandbox"]
        other.close()
        wait_until(lambda: self.c.call("sandbox.logs", sandbox=box).get("ended"), what="it ends")
        self.assertEqual(self.c.call("sandbox.logs", sandbox=box)["events"][-1]["why"], "its connection has ended")

    def test_same_as_events(self):
        self.c.call("events.subscribe")
        box = self.c.call("sandbox.create")["sandbox"]
        self.c.run("true", sandbox=box)
        self.c.call("sandbox.destroy", sandbox=box)
        seen = [n["params"] for n in self.c.notes if n["params"].get("sandbox") == box]
        self.assertEqual(seen, self.c.call("sandbox.logs", sandbox=box)["events"])

    def test_a_flood_is_bounded_and_counted(self):
        box = self.c.call("sandbox.create")["sandbox"]
        quiet = self.c.call("sandbox.create")["sandbox"]
        for _ in range(40):
            for number in [self.c.request("process.run", sandbox=box, argv=["true", "x" * 500]) for _ in range(20)]:
                self.c.answer(number)
        r = self.c.call("sandbox.logs", sandbox=box)
        self.assertGreater(r["dropped"], 0)
        self.assertEqual(r["dropped"] + len(r["events"]), 1 + 2 * 800)
        self.assertEqual(r["events"][0]["kind"], "sandbox.created")
        self.assertGreater(metric(self.c, "leash_history_dropped_total"), 0)
        self.assertLessEqual(metric(self.c, "leash_history_bytes"), 2 << 20)
        self.assertEqual(self.kinds(quiet), ["sandbox.created"])

    def test_old_ones_are_forgotten(self):
        first = self.c.call("sandbox.create")["sandbox"]
        self.c.call("sandbox.destroy", sandbox=first)
        for _ in range(70):
            self.c.call("sandbox.destroy", sandbox=self.c.call("sandbox.create")["sandbox"])
        self.fails("not_found", "sandbox.logs", "/sandbox", sandbox=first)

    def test_arguments(self):
        self.fails("not_found", "sandbox.logs", "/sandbox", sandbox="sb-none")
        self.fails("invalid_params", "sandbox.logs", "/sandbox")
        self.fails("invalid_params", "sandbox.logs", "/after", sandbox="x", after=-1)


if __name__ == "__main__":
    leash.main()
