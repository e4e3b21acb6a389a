# SPDX-License-Identifier: MIT OR Apache-2.0
"""What leashctl makes of answers that only a real sandbox gives: denials, trust, losses, hostile names."""
import json
import os
import subprocess
import unittest

from support import LEASHCTL, FakeCase


def usage():
    return {"wall_seconds": 0, "user_seconds": 0, "system_seconds": 0, "max_rss_bytes": 0}


class Report(FakeCase):
    def ends(self, exit=None, reason="exited", denials=(), trust=(), sources=("notify",)):
        """The answer and the end of the command stand in one write."""
        self.fake.handlers["process.start"] = lambda params, fds: {
            "process": "p", "sandbox": "s", "workdir": "/w", "pid": 2, "pty": False}
        self.fake.after["process.start"] = [{"jsonrpc": "2.0", "method": "process.exited", "params": {
            "process": "p", "sandbox": "s", "exit": exit or {"code": 1}, "reason": reason, "usage": usage(),
            "denials": list(denials), "trust_created": list(trust), "truncated": False}}]
        self.fake.handlers["leash.info"] = lambda params, fds: {
            "version": "9", "mode": "user", "platform": "linux", "kernel": "6", "machine": "m", "backend": "b",
            "tier": "native", "reason": "because", "cgroup_reason": "no groups here", "socket": "s", "uid": 0, "pid": 1,
            "sandboxes": 0, "connections": 1, "prepared": 0, "landlock_abi": 6, "mechanisms": [
                {"name": "seccomp filter", "available": True, "good_for": "g"},
                {"name": "cgroup", "available": False, "good_for": "h"}],
            "losses": [{"name": "no_cgroup", "guarantee": "A limit holds."}], "denial_sources": list(sources)}

        # As level default: everything may be read, nothing outside written, no host talked to.
        self.fake.handlers["policy.check"] = lambda params, fds: {"verdicts": [
            {"verdict": "allow" if "path" in q and q.get("access") != "write" else "deny"} for q in params["queries"]]}

    WRITE = {"kind": "path", "path": "/etc/hosts", "access": "write", "pid": 2, "process": "sh",
             "rule": "read-only", "field": "filesystem.write", "count": 2}
    SECRET = {"kind": "path", "path": "/home/u/.ssh/id", "access": "read", "pid": 2, "process": "cat",
              "rule": "protect_credentials", "field": "/security/protect_credentials", "count": 1}

    def test_denials_name_the_option(self):
        self.ends(denials=[self.WRITE, self.SECRET])
        r = self.ctl("run", "x", code=1)
        self.assertIn("write /etc/hosts", r.error)
        self.assertIn("--write /etc/hosts", r.error)
        self.assertIn("x2", r.error)
        self.assertIn("read-only", r.error)
        self.assertIn("--no-protect credentials", r.error)
        self.assertEqual(r.text, "")

    def test_a_rule_that_is_the_path_is_told_once(self):
        self.ends(denials=[dict(self.SECRET, rule="/home/u/.ssh/id")])
        self.assertIn("read /home/u/.ssh/id (cat) ", self.ctl("run", "x", code=1).error)

    def test_hosts(self):
        self.ends(denials=[{"kind": "host", "host": "example.com", "rule": "network.mode=deny",
                            "field": "network.allow", "count": 1}])
        self.assertIn("--allow-host example.com", self.ctl("run", "x", code=1).error)

    def test_system_calls(self):
        call = {"kind": "syscall", "syscall": "ptrace", "pid": 3, "process": "strace", "rule": "steers another process", "count": 4}
        self.ends(denials=[dict(call, field="/security/allow_debug"), dict(call, syscall="mount")])
        first, second = [line for line in self.ctl("run", "x", code=1).error.splitlines() if "syscall" in line]
        self.assertIn("syscall ptrace (strace, steers another process) x4", first)
        self.assertTrue(first.endswith("--debug"), first)
        self.assertTrue(second.endswith("syscall mount (strace, steers another process) x4"), second)  # nothing allows it

    def test_a_question_without_a_terminal(self):
        for quiet in ((), ("-q",)):
            self.ends()
            self.fake.after["process.start"].insert(0, {
                "jsonrpc": "2.0", "id": 7, "method": "network.decide",
                "params": {"sandbox": "s", "host": "example.com", "port": 80, "protocol": "http"}})
            p = subprocess.run([LEASHCTL, "run", *quiet, "--net", "ask", "--", "x"], env=self.env, cwd=self.base,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               timeout=60, start_new_session=True)
            told = b"no terminal to ask on" in p.stderr and b"refused example.com:80" in p.stderr
            self.assertEqual(told, not quiet, p.stderr)

    def test_many_denials_are_cut(self):
        self.ends(denials=[dict(self.WRITE, path=f"/etc/{i}") for i in range(60)])
        r = self.ctl("run", "x", code=1)
        self.assertLess(r.error.count("\n"), 15)
        self.assertIn("60 things", r.error)

    def test_only_after_a_failure(self):
        self.ends(exit={"code": 0}, denials=[self.WRITE])
        self.assertEqual(self.ctl("run", "x").error, "")

    def test_quiet(self):
        self.ends(denials=[self.WRITE], trust=["/w/.git/hooks/x"])
        self.assertEqual(self.ctl("run", "--quiet", "x", code=1).error, "")

    def test_names_cannot_drive_the_terminal(self):
        self.ends(denials=[dict(self.WRITE, path="/tmp/\033[2J\n\u202etxt", process="a\033]0;t\007")])
        r = self.ctl("run", "x", code=1)
        for bad in ("\033", "\007", "\u202e"):
            self.assertNotIn(bad, r.error)
        self.assertIn("\\x1b[2J\\n\\u{202e}", r.error)

    def test_without_a_source_one_ready_line(self):
        for sources in ((), ("gate",)):
            self.ends(sources=sources)
            r = self.ctl("run", "--read", "/a b", "--memory", "1G", "tool", "-o", "/out/file", code=1)
            self.assertEqual(r.error.count("\n"), 1)
            self.assertIn("leashctl check --read '/a b' --path /out/file --write", r.error)
            self.assertNotIn("--memory", r.error)

    def test_with_a_source_silence_is_no_claim(self):
        self.ends()
        for args in (("x",), ("grep", "x", "./file"), ("false",)):
            self.assertEqual(self.ctl("run", *args, code=1).error, "")

    def test_a_path_outside_is_suspect_anyhow(self):
        self.ends()
        for args in (("touch", "/etc/x"), ("sh", "-c", "echo 1 >/etc/x; true"), ("tool", "--out=/etc/x"),
                     ("/bin/tool", "/etc/x", "-v")):
            self.assertIn("--path /etc/x --write", self.ctl("run", *args, code=1).error)

    def test_a_url_points_to_the_network(self):
        self.ends()
        for args in (("curl", "https://me@example.com:8443/a/b"), ("sh", "-c", "wget http://example.com:8443/x; true")):
            r = self.ctl("run", *args, code=1)
            self.assertIn("leashctl check --host example.com:8443; to allow it: --allow-host example.com:8443", r.error)
            self.assertNotIn("--path", r.error)
        self.assertNotIn("--host", self.ctl("run", "--net", "allow", "curl", "https://example.com/", code=1).error)

    def test_a_url_is_asked_about_as_a_host(self):
        self.ends()
        for args, want in ((("curl", "https://a.example/x/y"), "check --host a.example; "),
                           (("sh", "-c", "wget http://u@b.example; true"), "check --host b.example:80; "),
                           (("git", "clone", "https://c.example:8443/r.git", "-q"), "check --host c.example:8443; ")):
            self.assertIn(want, self.ctl("run", *args, code=1).error)
        r = self.ctl("run", "--read", "/x", "--deny-host", "a.example", "curl", "https://a.example", code=1)
        self.assertIn("check --deny-host a.example --host a.example; to allow", r.error)

    def test_registries_are_asked_about(self):
        self.ends()
        for args, want in ((("npm", "install", "left-pad"), "--allow-host registry.npmjs.org\n"),
                           (("python3", "-m", "pip", "install", "six"),
                            "--allow-host pypi.org --allow-host '*.pythonhosted.org'; for packages that leash installs"),
                           (("/usr/bin/cargo", "fetch"), "--allow-host static.crates.io\n")):
            self.assertIn(want, self.ctl("run", *args, code=1).error)
        for args in (("npm", "test"), ("echo", "npm", "install"), ("pip", "--version")):
            self.assertNotIn("--allow-host", self.ctl("run", *args, code=1).error)
        # Through a gate, what was refused is known; but what the sandbox's own loopback lacks is not.
        self.assertNotIn("--allow-host", self.ctl("run", "--net", "allow", "npm", "install", code=1).error)
        self.assertIn("check --net allow --host localhost:80",
                      self.ctl("run", "--net", "allow", "curl", "http://localhost/", code=1).error)

    def test_trusted_files_that_have_gone(self):
        there = os.path.join(self.base, ".envrc")
        open(there, "w").close()
        self.ends(exit={"code": 0}, trust=[there, there + "-2"])
        error = self.ctl("run", "x").error
        self.assertIn(f"{there}, {there}-2 (not there any more);", error)

    def verdicts(self, *words):
        self.fake.handlers["policy.check"] = lambda params, fds: {"verdicts": [{"verdict": w} for w in words]}

    def test_the_policy_is_asked_before_the_sandbox_is_suspected(self):
        self.ends()
        self.verdicts("allow", "allow")
        self.assertEqual(self.ctl("run", "cat", "/etc/x", code=1).error, "")
        self.verdicts("deny", "deny")
        self.assertIn("--path /etc/x\n", self.ctl("run", "cat", "/etc/x", code=1).error)
        self.verdicts("allow", "deny")
        self.assertIn("--path /etc/x --write\n", self.ctl("run", "cat", "/etc/x", code=1).error)
        self.verdicts("allow")
        self.assertEqual(self.ctl("run", "curl", "https://a.example", code=1).error, "")

    def test_trust_is_told_after_success_too(self):
        self.ends(exit={"code": 0}, trust=["/w/.git/hooks/pre-commit"])
        self.assertIn("/w/.git/hooks/pre-commit", self.ctl("run", "x").error)

    def test_reasons(self):
        for reason, exit, code, word in (("timeout", {"signal": 9}, 124, "--timeout"),
                                         ("cpu_limit", {"signal": 24}, 124, "--cpu-time"),
                                         ("out_of_memory", {"signal": 9}, 137, "--memory"),
                                         ("output_limit", {"signal": 9}, 137, "output"),
                                         ("destroyed", {"signal": 9}, 137, "destroyed")):
            self.ends(exit=exit, reason=reason)
            self.assertIn(word, self.ctl("run", "x", code=code).error)

    def test_json_has_all(self):
        self.ends(denials=[self.WRITE])
        r = self.ctl("run", "--json", "x", code=1)
        self.assertEqual(json.loads(r.text)["denials"][0]["path"], "/etc/hosts")
        self.assertEqual(r.error, "")

    def test_answers_of_a_newer_daemon(self):
        self.ends(exit={"code": 3})
        self.fake.after["process.start"][0]["params"]["news"] = [1]
        self.ctl("run", "-q", "x", code=3)

    def test_loss(self):
        def refuse(params, fds):
            raise Exception(3, "unenforceable", "this host cannot limit memory", "/policy/limits/memory_bytes")
        self.fake.handlers["process.start"] = refuse
        r = self.ctl("run", "--memory", "1G", "x", code=125)
        self.assertIn("--memory: this host cannot limit memory", r.error)

    def test_doctor(self):
        self.ends()
        r = self.ctl("doctor")
        for text in ("no_cgroup", "--accept no_cgroup", "because", "no groups here", "native", "ABI 6"):
            self.assertIn(text, r.text)

    def test_doctor_without_walls(self):
        """Where no sandbox can be made, nothing is said to be enforced."""
        self.ends()
        able = self.fake.handlers["leash.info"]
        self.fake.handlers["leash.info"] = lambda params, fds: {**able(params, fds), "losses": []}
        self.assertIn("enforced in full", self.ctl("doctor").text)
        self.fake.handlers["leash.info"] = lambda params, fds: {**able(params, fds), "losses": [], "tier": "none"}
        r = self.ctl("doctor")
        self.assertNotIn("enforced in full", r.text)
        self.assertIn("no sandbox can be made here", r.text)

    def test_request(self):
        """One connection, one request; only what was said is in it."""
        self.ends(exit={"code": 0})
        self.ctl("run", "--net", "allow", "--", "ls", "-l")
        self.assertEqual(self.fake.connections, 1)
        self.assertEqual(len(self.fake.calls), 1)
        method, params = self.fake.calls[0]
        self.assertEqual(method, "process.start")
        self.assertEqual(params["argv"], ["ls", "-l"])
        self.assertEqual(params["overrides"], {"network": {"mode": "allow"}})
        self.assertEqual(list(params["policy"]), ["workdir"])
        self.assertEqual(params["stdio"], {"stdin": {"fd": 0}, "stdout": {"fd": 1}, "stderr": {"fd": 2}})
        self.assertNotIn("environment", params)


if __name__ == "__main__":
    unittest.main()
