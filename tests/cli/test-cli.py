# SPDX-License-Identifier: MIT OR Apache-2.0
"""leashctl without a terminal: exit codes, streams, signals, every command."""
import json
import os
import signal
import subprocess
import unittest

from support import BACKEND, LEASHCTL, Case, wait_for


class ExitCodes(Case):
    def test_own(self):
        for code in (0, 1, 3, 255):
            self.ctl("run", "-q", "--", "sh", "-c", f"exit {code}", code=code)

    def test_signal(self):
        for signo in (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1):
            self.ctl("run", "-q", "sh", "-c", f"kill -{int(signo)} $$", code=128 + signo)

    def test_time_limit(self):
        r = self.ctl("run", "--timeout", "300ms", "sleep", "1000", code=124)
        self.assertIn("--timeout", r.error)

    def test_leash_failed(self):
        r = self.ctl("run", "true", code=125, env={"LEASH_SOCKET": "/no/such/socket"})
        self.assertEqual(r.error.count("\n"), 1)
        self.assertTrue(r.error.startswith("leashctl: "), r.error)
        self.assertIn("/no/such/socket", r.error)

    def test_not_executable_and_not_found(self):
        plain = os.path.join(self.dir, "plain")
        with open(plain, "w") as f:
            f.write("no program\n")
        self.ctl("run", plain, code=126)
        self.assertIn("no-such-program", self.ctl("run", "no-such-program", code=127).error)

    def test_usage(self):
        for args in ([], ["rnu"], ["run"], ["run", "--memry", "1G", "true"], ["run", "--memory", "much", "true"],
                     ["check"], ["call"], ["kill"], ["ps", "x"], ["run", "--fresh", "-C", ".", "true"],
                     ["run", "--allow-host", "a b", "true"], ["python", "missing.py"], ["call", "x", "{"]):
            r = self.ctl(*args, code=2)
            self.assertTrue(r.error.startswith("leashctl: "), (args, r.error))
            self.assertEqual(r.text, "")


class Streams(Case):
    def test_bytes_pass(self):
        data = bytes(range(256)) * 20000
        r = self.ctl("run", "cat", data=data)
        self.assertEqual(r.stdout, data)

    def test_descriptors_are_handed_over(self):
        """No byte goes through leash: the command has the very file that leashctl was given."""
        path = os.path.join(self.dir, "file")
        with open(path, "w+") as f:
            r = self.ctl("run", "readlink", "/proc/self/fd/0", "/proc/self/fd/1", stdin=f, stdout=f)
            f.seek(0)
            self.assertEqual(f.read(), f"{path}\n{path}\n", r.error)

    def test_streams_stay_apart(self):
        r = self.ctl("run", "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((r.text, r.error), ("out\n", "err\n"))

    def test_closed_streams(self):
        p = subprocess.run(["sh", "-c", '"$0" run sh -c "cat; echo x; exit 5" <&- >&-', LEASHCTL],
                           env=self.env, cwd=self.dir, timeout=60, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 5, p.stderr)

    def test_broken_pipe(self):
        """`leashctl run yes | head` ends, as `yes | head` does."""
        p = subprocess.run(["sh", "-c", '"$0" run -q yes | head -n 1', LEASHCTL], env=self.env,
                           cwd=self.dir, timeout=60, stdout=subprocess.PIPE)
        self.assertEqual(p.stdout, b"y\n")

    def test_json(self):
        r = self.ctl("run", "--json", "sh", "-c", "cat; echo err >&2; exit 4", code=4, data=b"in \xc3\xbc\n")
        result = json.loads(r.text)
        self.assertEqual(result["exit"], {"code": 4})
        self.assertEqual((result["stdout"], result["stderr"], result["reason"]), ("in ü\n", "err\n", "exited"))
        self.assertEqual(result["encoding"], "utf-8")
        self.assertEqual(r.error, "")

    def test_json_binary_and_much(self):
        r = self.ctl("run", "--json", "printf", r"\377")
        result = json.loads(r.text)
        self.assertEqual((result["stdout"], result["encoding"]), ("/w==", "base64"))
        r = json.loads(self.ctl("run", "--json", "head", "-c", "3000000", "/dev/zero").text)
        self.assertTrue(r["truncated"])

    def test_json_errors(self):
        r = json.loads(self.ctl("run", "--json", "no-such-program", code=127).text)
        self.assertEqual(r["error"]["code"], "exec_not_found")
        r = json.loads(self.ctl("run", "--json", "--memory", "x", "true", code=2).text)
        self.assertEqual(r["error"]["code"], "invalid_params")


class Signals(Case):
    def trapping(self, script):
        p = self.start("run", "-q", "sh", "-c", script)
        self.assertEqual(p.stdout.readline(), b"ready\n")
        return p

    def test_forwarded(self):
        for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2"):
            p = self.trapping(f"trap 'echo got; exit 9' {name}; echo ready; while :; do sleep 0.05; done")
            p.send_signal(getattr(signal, "SIG" + name))
            out, err = p.communicate(timeout=60)
            self.assertEqual((p.returncode, out), (9, b"got\n"), (name, err))

    def test_second_interrupt_kills(self):
        p = self.trapping("trap 'echo heard' INT; echo ready; while :; do sleep 0.05; done")
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.stdout.readline(), b"heard\n")
        self.assertIsNone(p.poll(), "one interrupt is the command's to ignore")
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 128 + signal.SIGKILL)

    def test_killed_leashctl_takes_the_command_along(self):
        mark = f"1000.{os.getpid()}"  # ours among all that sleep on this machine

        def sleepers():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        if f.read() == b"sleep\0%s\0" % mark.encode():
                            return True
                except OSError:
                    pass
            return False
        p = self.trapping(f"echo ready; exec sleep {mark}")
        wait_for(sleepers)
        p.kill()
        p.communicate()
        wait_for(lambda: not sleepers())


class Policies(Case):
    def test_workdir(self):
        self.assertEqual(self.ctl("run", "pwd").text.strip(), self.dir)
        os.mkdir(os.path.join(self.dir, "sub"))
        os.symlink("sub", os.path.join(self.dir, "link"))
        self.assertEqual(self.ctl("run", "-C", "link", "pwd").text.strip(), self.dir + "/sub")

    def test_fresh_is_thrown_away(self):
        fresh = self.ctl("run", "--fresh", "sh", "-c", "pwd; echo x >file").text.strip()
        self.assertNotEqual(fresh, self.dir)
        wait_for(lambda: not os.path.exists(fresh))

    def test_keep(self):
        r = self.ctl("run", "--fresh", "--keep", "sh", "-c", "pwd; echo x >file")
        kept = r.text.strip()
        self.assertIn(kept, r.error)
        with open(os.path.join(kept, "file")) as f:
            self.assertEqual(f.read(), "x\n")
        os.unlink(os.path.join(kept, "file"))
        os.rmdir(kept)

    def test_environment(self):
        env = dict(self.env, SECRET="s", TOLD="t", TERM="xterm")
        r = self.ctl("run", "--env", "TOLD", "--env", "A=1=2", "env", env=env)
        lines = r.text.splitlines()
        self.assertIn("TOLD=t", lines)
        self.assertIn("A=1=2", lines)
        self.assertFalse([x for x in lines if x.startswith("SECRET=")])
        self.assertTrue([x for x in lines if x.startswith("LEASH_SANDBOX=")])

    def test_config(self):
        os.mkdir(os.path.join(self.dir, "conf"))
        path = os.path.join(self.dir, "conf", "policy.json")
        for there in ("conf/data", "conf/out", "more"):
            os.mkdir(os.path.join(self.dir, there))
        with open(path, "w") as f:
            json.dump({"level": "strict", "filesystem": {"read": ["data"], "write": ["out"]},
                       "environment": {"pass": ["TOLD"], "set": {"X": "file"}},
                       "limits": {"open_files": 100}}, f)
        env = dict(self.env, TOLD="t")
        r = self.ctl("explain", "--json", "--config", path, "--write", "more", "--file-size", "1G", env=env)
        policy = json.loads(r.text)["policy"]
        self.assertEqual(policy["level"], "strict")
        self.assertIn(self.dir + "/conf/data", policy["filesystem"]["read"])
        self.assertIn(self.dir + "/conf/out", policy["filesystem"]["write"])
        self.assertIn(self.dir + "/more", policy["filesystem"]["write"])
        self.assertEqual(policy["environment"]["set"]["TOLD"], "t")
        self.assertEqual((policy["limits"]["file_bytes"], policy["limits"]["open_files"]), (1 << 30, 100))
        self.assertEqual(policy["workdir"], self.dir)

    def test_what_is_granted_has_to_exist(self):
        for option in ("--read", "--write", "--exec"):
            r = self.ctl("run", option, "no-such", "true", code=2)
            self.assertIn(option + ": " + self.dir + "/no-such: no such file or directory", r.error)
        self.ctl("run", "--deny", "no-such", "true")

    def test_config_errors_name_file_and_field(self):
        path = os.path.join(self.dir, "p.json")
        for text, want in (("{", "p.json"), ('{"limits": {"memory_bytes": "1G"}}', "/limits/memory_bytes"),
                           ('{"levle": "strict"}', "levle"), ('{"network": {"mode": "deny", "allow": ["a.org"]}}',
                                                             "/network/allow")):
            with open(path, "w") as f:
                f.write(text)
            r = self.ctl("explain", "--config", path, code=None)
            self.assertIn(r.returncode, (2, 125))
            self.assertIn(want, r.error)

    def test_errors_speak_of_options(self):
        r = self.ctl("run", "--read", "/ok", "--read", "/bad\x01path", "true", code=2)
        self.assertIn("--read /bad\\x01path: ", r.error)
        r = self.ctl("run", "-C", "/etc", "true", code=125)
        self.assertTrue(r.error.startswith("leashctl: -C: /etc"), r.error)

    def test_check(self):
        r = self.ctl("check", "--path", "file", "--write", "--path", "/etc/hosts")
        self.assertEqual(r.text.count("allow"), 2, r.text)
        r = self.ctl("check", "--path", "/etc/hosts", "--write", code=1)
        self.assertIn("--write /etc/hosts", r.text)
        self.ctl("check", "--write", "/etc/hosts", "--path", "/etc/hosts", "--write")
        r = self.ctl("check", "--host", "example.com:443", code=1)
        self.assertIn("deny example.com:443", r.text)
        r = json.loads(self.ctl("check", "--json", "--path", "/etc/hosts").text)
        self.assertEqual(r["verdicts"][0]["verdict"], "allow")

    def test_explain(self):
        self.assertIn(self.dir, self.ctl("explain").text)


class Commands(Case):
    def test_ps_kill(self):
        self.quiet()
        self.assertIn("no sandboxes", self.ctl("ps").error)
        p = self.start("run", "-q", "sh", "-c", "echo ready; exec sleep 1000")
        p.stdout.readline()
        boxes = json.loads(self.ctl("ps", "--json").text)["sandboxes"]
        self.assertEqual(len(boxes), 1)
        listing = self.ctl("ps").text
        self.assertIn(boxes[0]["sandbox"], listing)
        self.assertIn("sleep 1000", listing)
        self.assertIn(self.dir, listing)
        self.ctl("kill", boxes[0]["sandbox"])
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 128 + signal.SIGKILL)
        self.assertIn("nosuch", self.ctl("kill", "nosuch", code=125).error)

    def test_run_in_a_sandbox_that_exists(self):
        box = json.loads(self.ctl("call", "sandbox.create",
                                  json.dumps({"policy": {"workdir": self.dir}, "lifetime": "detached"})).text)
        try:
            r = self.ctl("run", "--sandbox", box["sandbox"], "sh", "-c", "echo $LEASH_SANDBOX; pwd")
            self.assertEqual(r.text.split(), [box["sandbox"], self.dir])
            self.ctl("run", "--sandbox", box["sandbox"], "--read", "/", "true", code=2)
        finally:
            self.ctl("kill", box["sandbox"])

    def test_events(self):
        self.ctl("events")  # nothing is there: ends at once
        p = self.follow("events", "--follow", "--json")
        self.ctl("run", "-q", "sh", "-c", "exit 3", code=3)
        seen = {}
        while "sandbox.destroyed" not in seen:
            event = json.loads(p.stdout.readline())
            seen[event["kind"]] = event
        p.terminate()
        p.communicate()
        self.assertEqual(seen["process.started"]["argv"], ["sh", "-c", "exit 3"])
        self.assertEqual(seen["process.exited"]["exit"], {"code": 3})

    def test_events_end_with_the_last_sandbox(self):
        p = self.start("run", "-q", "sh", "-c", "echo ready; read x", stdin=subprocess.PIPE)
        p.stdout.readline()
        events = self.follow("events")
        self.assertIsNone(events.poll())
        p.communicate(b"go\n", timeout=60)
        out, _ = events.communicate(timeout=60)
        self.assertEqual(events.returncode, 0)
        self.assertIn(b"sandbox.destroyed", out)

    def test_doctor(self):
        text = self.ctl("doctor").text
        for word in ("Mechanisms", "seccomp filter", "Landlock", "Lost on this host"):
            self.assertIn(word, text)
        self.assertNotIn("\033", text)
        self.assertNotIn("✓", self.ctl("doctor", env=dict(self.env, LANG="C", LC_ALL="C")).text)
        self.assertIn("mechanisms", json.loads(self.ctl("doctor", "--json").text))

    def test_discover_and_call(self):
        self.assertIn("methods", json.loads(self.ctl("discover").text))
        self.assertIn("version", json.loads(self.ctl("call", "leash.info").text))
        r = self.ctl("call", "process.run", "-", data=json.dumps({"policy": {}, "argv": ["echo", "x"]}).encode())
        self.assertEqual(json.loads(r.text)["stdout"], "x\n")
        self.assertIn("/argv", self.ctl("call", "process.run", '{"policy": {}}', code=125).error)
        self.ctl("call", "no.such", code=125)

    def test_python(self):
        os.mkdir(os.path.join(self.dir, "lib"))
        with open(os.path.join(self.dir, "lib", "tool.py"), "w") as f:
            f.write("import sys\nprint(sys.argv[1:])\n")
        self.assertEqual(self.ctl("python", "lib/tool.py", "--json", "x").text, "['--json', 'x']\n")
        self.assertEqual(self.ctl("python", "-c", "print(6*7)").text, "42\n")
        self.assertEqual(self.ctl("python", "-", data=b"print(6*7)").text, "42\n")
        policy = self.ctl("python", "-q", "-c", "raise SystemExit(3)", code=3)
        self.assertEqual(policy.error, "")

    def test_shell_reads_a_script(self):
        self.assertEqual(self.ctl("shell", data=b"echo $((6*7)); exit 0\n").text, "42\n")
        self.assertEqual(self.ctl("shell", data=b"echo hi\n", env=dict(self.env, SHELL="/no/such/shell")).text, "hi\n")

    def test_help(self):
        overview = self.ctl("help").text
        for line in overview.split("\n\n")[2].splitlines():
            name = line.split()[0]
            text = self.ctl("help", name).text
            self.assertIn(f"leashctl {name}", text)
            self.assertEqual(self.ctl(name, "--help").text, text)
            for row in text.splitlines():
                self.assertLessEqual(len(row), 100, row)
                self.assertEqual(row, row.rstrip())
        self.assertGreaterEqual(self.ctl("help", "run").text.count("  leashctl run "), 4)
        self.assertTrue(self.ctl("version").text.startswith("leashctl "))
        self.assertIn("version", json.loads(self.ctl("--version", "--json").text))

    def test_suggestions(self):
        self.assertIn("did you mean run?", self.ctl("rnu", "ls", code=2).error)
        self.assertIn("leashctl run -- ls", self.ctl("ls", code=2).error)
        self.assertIn("did you mean --net?", self.ctl("--newtork", "x", code=2).error)
        self.assertIn("did you mean --cpu-time?", self.ctl("run", "--cpu-seconds", "1", "x", code=2).error)
        self.assertIn("see `leashctl help`\n", self.ctl("help", "nothing", code=2).error)
        self.assertIn("did you mean sandbox.list", self.ctl("call", "sandbox.lst", code=125).error)
        self.assertIn("not a URL", self.ctl("check", "--host", "https://example.com", code=2).error)

    def test_profiles(self):
        self.assertIn("python-dev", self.ctl("run", "--profile", "none", "true", code=125).error)

    def test_words_for_a_shell(self):
        for words in (("echo a | wc",), ("cd", "/"), ("A=b", "true")):
            self.assertIn("sh -c", self.ctl("run", *words, code=127).error)
        self.assertNotIn("sh -c", self.ctl("run", "no-such-program", code=127).error)

    def test_venv(self):
        for args, word in ((("venv",), "expected create"), (("venv", "crate"), "expected create"),
                           (("venv", "create", "a", "b"), "one more"), (("venv", "remove"), "which"),
                           (("venv", "list", "x"), "no operands"),
                           (("venv", "create", "--package=--index-url=x"), "--package: "),
                           (("venv", "create", "--index-url", "ftp://x"), "--index-url: "),
                           (("venv", "create", "/nowhere/x"), "--venv: "),
                           (("venv", "create", "--requirements", "none.txt"), "none.txt: No such file"),
                           (("venv", "create", "--python", "./none"), "none: No such file"),
                           (("venv", "create", "--python", "python0.1"), "no python0.1 on the PATH")):
            self.assertIn(word, self.ctl(*args, code=2).error)
        self.assertIn("leash has made no", self.ctl("venv", "remove", "x", code=125).error)
        if BACKEND == "null":  # it shows nothing anywhere, so what is made would not lie where it belongs
            self.assertIn("backend", self.ctl("venv", "create", "x", code=125).error)
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main()
