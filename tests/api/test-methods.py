# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every method does what it says."""
import base64
import os
import time
import unittest

import leash
from leash import wait_until


class Info(leash.Case):
    def test_info(self):
        info = self.c.call("leash.info")
        self.assertEqual((info["platform"], info["backend"]), (leash.BACKEND, leash.BACKEND))
        self.assertEqual(info["mode"], "user")
        self.assertEqual(info["uid"], os.getuid())
        self.assertEqual(info["pid"], self.daemon.session)
        self.assertEqual(info["socket"], self.daemon.path)
        if leash.BACKEND == "null":
            self.assertEqual((info["denial_sources"], info["losses"]), ([], []))
        have = {m["name"]: m["available"] for m in info["mechanisms"]}
        if leash.BACKEND == "linux":
            limited = all(have[f"{name} controller"] for name in ("memory", "pids", "cpu"))
            self.assertEqual("cgroup_reason" in info, not limited)
        self.assertIn("seccomp filter", [m["name"] for m in info["mechanisms"]])
        self.assertGreaterEqual(info["connections"], 1)

    def test_discover(self):
        document = self.c.call("rpc.discover")
        self.assertTrue(document["openrpc"].startswith("1."))
        names = {m["name"] for m in document["methods"]}
        self.assertIn("process.run", names)
        self.assertIn("rpc.discover", names)

    def test_unknown(self):
        self.fails("method_not_found", "no.such")


class Sandbox(leash.Case):
    def test_life(self):
        made = self.c.call("sandbox.create", name="mine")
        self.assertRegex(made["sandbox"], r"^sb-[a-z2-7]{16}$")
        self.assertTrue(os.path.isdir(made["workdir"]))
        self.assertEqual(os.stat(made["workdir"]).st_mode & 0o7777, 0o700)
        self.assertTrue(made["workdir"].startswith(self.daemon.work + "/"))
        self.assertIn("tier", made["enforcement"])
        info = self.c.call("sandbox.get", sandbox=made["sandbox"])
        self.assertEqual((info["name"], info["state"], info["lifetime"], info["mine"]),
                         ("mine", "ready", "connection", True))
        self.assertEqual((info["level"], info["network"], info["processes"]), ("default", "deny", 0))
        self.assertIn(made["sandbox"], [s["sandbox"] for s in self.c.call("sandbox.list")["sandboxes"]])
        with self.daemon.client() as other:
            self.assertFalse(other.call("sandbox.get", sandbox=made["sandbox"])["mine"])
        self.assertEqual(self.c.call("sandbox.destroy", sandbox=made["sandbox"]), {})
        # The answer comes when nothing of it is left.
        self.assertFalse(os.path.exists(made["workdir"]))
        self.fails("not_found", "sandbox.get", "/sandbox", sandbox=made["sandbox"])
        self.fails("not_found", "sandbox.destroy", "/sandbox", sandbox=made["sandbox"])

    def test_given_workdir_stays(self):
        path = os.path.join(self.daemon.dir, "given")
        os.mkdir(path)
        link = os.path.join(self.daemon.dir, "link")
        os.symlink("given", link)
        made = self.c.call("sandbox.create", policy={"workdir": link})
        self.assertEqual(made["workdir"], path)
        self.assertEqual(self.c.run("pwd", sandbox=made["sandbox"])["stdout"], path + "\n")
        self.c.call("sandbox.destroy", sandbox=made["sandbox"])
        self.assertTrue(os.path.isdir(path))

    def test_keep_workdir(self):
        made = self.c.call("sandbox.create", keep_workdir=True)
        self.c.call("sandbox.destroy", sandbox=made["sandbox"])
        self.assertTrue(os.path.isdir(made["workdir"]))
        made = self.c.call("sandbox.create")
        self.c.call("sandbox.destroy", sandbox=made["sandbox"], keep_workdir=True)
        self.assertTrue(os.path.isdir(made["workdir"]))

    def test_stubborn_workdir_is_removed(self):
        made = self.c.call("sandbox.create")
        script = ("mkdir -p a/b/c; touch a/b/c/f; ln -s / a/root; ln -s /etc/passwd a/passwd; chmod 000 a/b; "
                  "i=0; d=deep; while [ $i -lt 100 ]; do d=$d/x; i=$((i+1)); done; mkdir -p $d; touch $d/f; "
                  "mkfifo fifo; touch -- '-rf' '.hidden'; chmod 000 deep a .")
        self.assertEqual(self.c.run("sh", "-c", script, sandbox=made["sandbox"])["exit"], {"code": 0})
        self.c.call("sandbox.destroy", sandbox=made["sandbox"])
        self.assertFalse(os.path.lexists(made["workdir"]))
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_detached(self):
        with self.daemon.client() as other:
            detached = other.call("sandbox.create", lifetime="detached")["sandbox"]
            bound = other.call("sandbox.create")["sandbox"]
        wait_until(lambda: bound not in [s["sandbox"] for s in self.c.call("sandbox.list")["sandboxes"]],
                   what="bound one ends")
        self.assertEqual(self.c.call("sandbox.get", sandbox=detached)["lifetime"], "detached")
        self.c.call("sandbox.destroy", sandbox=detached)

    def test_destroy_kills(self):
        sandbox = self.c.call("sandbox.create")["sandbox"]
        mark = leash.marker()
        run = self.c.request("process.run", sandbox=sandbox, argv=["sh", "-c", f"sleep {mark} & sleep {mark}"])
        started = self.c.call("process.start", sandbox=sandbox, argv=["sleep", mark])
        wait_until(lambda: len(leash.running(mark)) == 3, what="commands run")
        self.c.call("sandbox.destroy", sandbox=sandbox)
        wait_until(lambda: not leash.running(mark), what="commands die")
        result = self.c.answer(run)
        self.assertEqual((result["reason"], result["exit"]), ("destroyed", {"signal": 9}))
        note = self.c.note("process.exited", process=started["process"])
        self.assertEqual(note["reason"], "destroyed")


class Run(leash.Case):
    def test_streams_and_code(self):
        r = self.c.run("sh", "-c", "cat; echo bad >&2; exit 3", stdin="text\u00e4")
        self.assertEqual((r["stdout"], r["stderr"], r["encoding"]), ("text\u00e4", "bad\n", "utf-8"))
        self.assertEqual((r["exit"], r["reason"], r["truncated"]), ({"code": 3}, "exited", False))
        self.assertGreater(r["usage"]["max_rss_bytes"], 0)
        self.assertEqual((r["denials"], r["trust_created"]), ([], []))

    def test_no_stdin_is_dev_null(self):
        self.assertEqual(self.c.run("readlink", "/proc/self/fd/0")["stdout"], "/dev/null\n")
        self.assertEqual(self.c.run("cat", stdin="")["stdout"], "")

    def test_binary(self):
        data = bytes(range(256))
        r = self.c.run("cat", stdin=base64.b64encode(data).decode(), stdin_encoding="base64")
        self.assertEqual(r["encoding"], "base64")
        self.assertEqual(base64.b64decode(r["stdout"]), data)

    def test_large_stdin(self):
        text = "0123456789abcde\n" * 65536  # 1 MiB: many times a pipe
        r = self.c.run("cat", stdin=text, max_output_bytes=2 << 20)
        self.assertEqual(r["stdout"], text)
        self.assertEqual(self.c.run("true", stdin=text)["exit"], {"code": 0})

    def test_signal(self):
        r = self.c.run("sh", "-c", "kill -TERM $$")
        self.assertEqual((r["exit"], r["reason"]), ({"signal": 15}, "signalled"))

    def test_environment_and_cwd(self):
        sandbox = self.c.call("sandbox.create", policy={"environment": {"set": {"A": "1", "B": "1"}}})
        r = self.c.run("sh", "-c", "mkdir -p sub; echo $A $B $C $LEASH_SANDBOX", sandbox=sandbox["sandbox"],
                       environment={"B": "2", "C": "3"})
        self.assertEqual(r["stdout"], f"1 2 3 {sandbox['sandbox']}\n")
        for cwd in ("$WORKDIR/sub", sandbox["workdir"] + "/sub"):
            r = self.c.run("pwd", sandbox=sandbox["sandbox"], cwd=cwd)
            self.assertEqual(r["stdout"], sandbox["workdir"] + "/sub\n")
        self.fails("invalid_params", "process.run", "/cwd", argv=["pwd"], cwd="relative")
        self.fails("invalid_params", "process.run", "/environment/a=b", argv=["pwd"], environment={"a=b": "c"})
        self.fails("invalid_params", "process.run", argv=["pwd"], environment={"": "c"})

    def test_not_found_and_denied(self):
        e = self.fails("exec_not_found", "process.run", argv=["no-such-program"])
        self.assertIn("no-such-program", e.message)
        self.fails("exec_denied", "process.run", argv=["/etc/passwd"])
        self.fails("invalid_params", "process.run", "/argv", argv=[])
        self.fails("invalid_params", "process.run", "/argv", argv=[""])

    def test_timeout(self):
        r = self.c.run("sh", "-c", "echo early; sleep 1000", timeout_ms=1000)
        self.assertEqual((r["exit"], r["reason"], r["stdout"]), ({"signal": 9}, "timeout", "early\n"))
        r = self.c.run("sleep", "1000", policy={"limits": {"wall_seconds": 1}})
        self.assertEqual(r["reason"], "timeout")

    def test_truncate(self):
        r = self.c.run("sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo end >&2", max_output_bytes=1000)
        self.assertEqual((len(r["stdout"]), r["stderr"], r["truncated"]), (1000, "end\n", True))
        self.assertEqual(r["exit"], {"code": 0})

    def test_output_limit_kill(self):
        r = self.c.run("yes", max_output_bytes=1000, on_limit="kill")
        self.assertEqual((len(r["stdout"]), r["reason"], r["exit"]), (1000, "output_limit", {"signal": 9}))

    def test_background_child_holds_nothing_up(self):
        sandbox = self.c.call("sandbox.create")["sandbox"]
        begin = time.monotonic()
        mark = leash.marker()
        self.c.run("sh", "-c", f"sleep {mark} &", sandbox=sandbox)
        self.assertGreater(time.monotonic() - begin, 0.15)
        wait_until(lambda: len(leash.running(mark)) == 1, what="background child runs on")
        self.c.call("sandbox.destroy", sandbox=sandbox)
        wait_until(lambda: not leash.running(mark), what="background child dies")

    def test_own_sandbox_ends(self):
        with self.daemon.client() as c:
            mark = leash.marker()
            r = c.run("sh", "-c", f"pwd; sleep {mark} &")
            path = r["stdout"].strip()
            self.assertEqual(c.error("sandbox.get", sandbox=r["sandbox"]).code, "not_found")
            wait_until(lambda: not os.path.exists(path), what="workdir removed")
            wait_until(lambda: not leash.running(mark), what="child dies")
            r = c.run("pwd", keep_workdir=True)
            time.sleep(0.3)
            self.assertTrue(os.path.isdir(r["stdout"].strip()))

    def test_place(self):
        sandbox = self.c.call("sandbox.create")["sandbox"]
        self.fails("invalid_params", "process.run", "/sandbox", argv=["true"], sandbox=sandbox, policy={})
        self.fails("invalid_params", "process.run", "/keep_workdir", argv=["true"], sandbox=sandbox,
                   keep_workdir=True)
        self.fails("not_found", "process.run", "/sandbox", argv=["true"], sandbox="sb-none")
        self.assertEqual(self.c.run("true", profile="strict")["exit"], {"code": 0})
        self.fails("not_found", "process.run", "/profile", argv=["true"], profile="nothing")
        self.fails("invalid_params", "process.run", "/profile", argv=["true"], profile="../../etc/passwd")

    def test_parallel(self):
        sandbox = self.c.call("sandbox.create")["sandbox"]
        ids = [self.c.request("process.run", sandbox=sandbox,
                              argv=["sh", "-c", f"while ! test -e go; do sleep 0.2; done; echo {i}"]) for i in range(40)]
        wait_until(lambda: self.c.call("sandbox.get", sandbox=sandbox)["processes"] == 40, what="all run at once")
        self.c.run("touch", "go", sandbox=sandbox)
        for i, number in enumerate(ids):
            self.assertEqual(self.c.answer(number)["stdout"], f"{i}\n")

    def test_many_sandboxes(self):
        ids = [self.c.request("sandbox.create") for _ in range(100)]
        made = [self.c.answer(n) for n in ids]
        self.assertEqual(len({m["sandbox"] for m in made}), 100)
        for n in [self.c.request("sandbox.destroy", sandbox=m["sandbox"]) for m in made]:
            self.c.answer(n)
        self.assertEqual([m for m in made if os.path.exists(m["workdir"])], [])

    def test_signals_are_default_in_commands(self):
        # "yes" must die from SIGPIPE, and the soft limit of files is what leashd was started with.
        self.assertIn("141", self.c.run("bash", "-c", "yes | head -1; echo ${PIPESTATUS[0]}")["stdout"])
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if leash.BACKEND == "linux" and hard >= 4096:  # leash-init keeps some for what it passes
            soft = min(soft, hard - 1024)
        self.assertEqual(self.c.run("sh", "-c", "ulimit -Sn")["stdout"], f"{soft}\n")


class Policy(leash.Case):
    def test_check(self):
        r = self.c.call("policy.check", policy={"filesystem": {"deny": ["/opt/secret"]}}, queries=[
            {"path": "/opt/secret/x"}, {"path": "/usr/bin/env", "access": "execute"},
            {"path": "$WORKDIR/a", "access": "write"}, {"host": "Example.COM.", "port": 80}])["verdicts"]
        self.assertEqual([v["verdict"] for v in r], ["deny", "allow", "allow", "deny"])
        self.assertIn("deny", r[0]["field"])
        self.assertEqual((r[3]["host"], r[3]["port"]), ("example.com", 80))

    def test_check_errors(self):
        self.fails("invalid_params", "policy.check", "/queries/1/path", queries=[{"path": "/a"}, {"path": "a"}])
        self.fails("invalid_params", "policy.check", "/queries/0", queries=[{}])
        self.fails("invalid_params", "policy.check", "/queries/0", queries=[{"path": "/a", "host": "b"}])
        self.assertTrue(self.fails("invalid_params", "policy.check", queries=[{"host": "0x7f.1"}])
                        .pointer.startswith("/queries/0/host"))

    def test_check_of_a_sandbox(self):
        sandbox = self.c.call("sandbox.create")
        r = self.c.call("policy.check", sandbox=sandbox["sandbox"],
                        queries=[{"path": sandbox["workdir"] + "/f", "access": "write"}])
        self.assertEqual(r["verdicts"][0]["verdict"], "allow")

    def test_explain(self):
        r = self.c.call("policy.explain", policy={"level": "strict"})
        self.assertIn("strict", r["text"])
        self.assertEqual(r["policy"]["level"], "strict")
        self.assertIn("layers", r["enforcement"])
        # Nothing was made for it.
        self.assertEqual([n for n in os.listdir(self.daemon.work) if "-" in n and not n.endswith(".keep")], [])

    def test_pointers(self):
        cases = [({"workdir": "/no/such/dir"}, "/policy/workdir"), ({"workdir": "/etc/passwd"}, "/policy/workdir"),
                 ({"workdir": "relative"}, "/policy/workdir"), ({"level": "nice"}, "/policy/level"),
                 ({"filesystem": {"read": ["/a", "../b"]}}, "/policy/filesystem/read/1"),
                 ({"limits": {"memory_bytes": 0}}, "/policy/limits/memory_bytes"),
                 ({"nonsense": 1}, "/policy/nonsense")]
        for policy, pointer in cases:
            with self.subTest(pointer=pointer, policy=policy):
                self.fails("invalid_params", "sandbox.create", pointer, policy=policy)

    def test_workdir_symlink_is_refused(self):
        path = os.path.join(self.daemon.dir, "planted")
        os.mkdir(path)
        os.symlink("/etc", os.path.join(path, "innocent"))
        policy = {"workdir": path, "filesystem": {"write": ["$WORKDIR/innocent"]}}
        self.fails("invalid_params", "sandbox.create", "/policy/filesystem/write/0", policy=policy)


class Profiles(leash.Case):
    def test_file(self):
        home = os.path.expanduser("~")
        where = os.path.join(home, ".config", "leash", "profiles")
        name = f"api-test-{os.getpid()}"
        os.makedirs(where, exist_ok=True)
        file = os.path.join(where, name + ".json")
        self.addCleanup(lambda: os.path.exists(file) and os.unlink(file))
        with open(file, "w", encoding="utf-8") as f:
            f.write('{"level": "strict", "environment": {"set": {"FROM": "profile", "BOTH": "profile"}}}')
        r = self.c.run("sh", "-c", "echo $FROM $BOTH", profile=name, policy={"environment": {"set": {"BOTH": "x"}}})
        self.assertIn("x", r["stdout"])
        self.assertEqual(self.c.call("policy.explain", profile=name)["policy"]["level"], "strict")
        with open(os.path.join(where, name + ".json"), "w", encoding="utf-8") as f:
            f.write('{"environment": {"pass": ["MINE", "SET", "MISSING"], "set": {"SET": "profile"}}}')
        self.fails("invalid_params", "process.run", argv=["true"], profile=name)
        r = self.c.run("env", profile=name, client_environment={"MINE": "1", "SET": "2", "OTHER": "3"})
        lines = r["stdout"].splitlines()
        self.assertIn("MINE=1", lines)
        self.assertIn("SET=profile", lines)
        self.assertFalse([v for v in lines if v.startswith(("OTHER=", "MISSING="))])
        with open(file, "w", encoding="utf-8") as f:
            f.write('{"level": "strict", "filesystem": {"reed": []}}')
        e = self.fails("invalid_params", "policy.explain", profile=name)
        self.assertEqual(e.pointer, "/profile/filesystem/reed")
        self.assertIn(name, e.message)
        os.unlink(file)
        os.mkfifo(file)
        self.fails("io_error", "policy.explain", profile=name)


if __name__ == "__main__":
    leash.main()
