# SPDX-License-Identifier: MIT OR Apache-2.0
"""Finding leashd, and starting it when it is needed."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from support import LEASHCTL, LEASHD, FakeCase, environment, wait_for


class OnDemand(unittest.TestCase):
    """leashctl beside a leashd that is the real one on the null backend."""

    def setUp(self):
        self.base = os.path.realpath(tempfile.mkdtemp(prefix="leash-start-"))
        self.runtime = os.path.join(self.base, "run")
        os.mkdir(self.runtime, 0o700)
        self.leashctl = os.path.join(self.base, "leashctl")
        shutil.copy(LEASHCTL, self.leashctl)
        self.leashd = os.path.join(self.base, "leashd")
        with open(self.leashd, "w") as f:
            f.write(f'#!/bin/sh\nexec "{LEASHD}" "$@" --backend null\n')
        os.chmod(self.leashd, 0o755)
        self.env = environment(XDG_RUNTIME_DIR=self.runtime, XDG_CACHE_HOME=self.base, SECRET="of the caller")
        self.pids = set()

    def tearDown(self):
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.base, ignore_errors=True)

    def run_ctl(self, *args, **kw):
        return subprocess.run([self.leashctl, *args], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, **kw)

    def daemons(self):
        """Those of this test: by their program's name and their XDG_RUNTIME_DIR."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
                with open(f"/proc/{pid}/environ", "rb") as f:
                    mine = f"XDG_RUNTIME_DIR={self.runtime}".encode() in f.read().split(b"\0")
            except OSError:
                continue
            if mine and os.path.basename(words[0]) == b"leashd":
                self.pids.add(int(pid))
                yield int(pid)

    def one_daemon(self):
        pids = list(self.daemons())
        self.assertEqual(len(pids), 1, pids)
        return pids[0]

    def test_started_when_needed(self):
        r = self.run_ctl("run", "echo", "hi")
        self.assertEqual((r.returncode, r.stdout), (0, b"hi\n"), r.stderr)
        pid = self.one_daemon()
        with open(f"/proc/{pid}/environ", "rb") as f:
            env = f.read()
        self.assertNotIn(b"SECRET", env)
        self.assertIn(b"LISTEN_FDS=1", env)
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.assertEqual(os.stat(self.runtime + "/leash").st_mode & 0o777, 0o700)
        self.assertEqual(self.run_ctl("run", "true").returncode, 0)
        self.assertEqual(self.one_daemon(), pid)

    def test_many_at_once_start_one(self):
        running = [subprocess.Popen([self.leashctl, "run", "true"], env=self.env, stdin=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE) for _ in range(12)]
        for p in running:
            _, err = p.communicate(timeout=60)
            self.assertEqual(p.returncode, 0, err)
        self.one_daemon()

    def test_started_again_after_a_kill(self):
        self.run_ctl("run", "true")
        first = self.one_daemon()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: first not in self.daemons())
        self.assertTrue(os.path.exists(self.runtime + "/leash/leash.sock"))
        r = self.run_ctl("run", "echo", "again")
        self.assertEqual((r.returncode, r.stdout), (0, b"again\n"), r.stderr)
        self.assertNotEqual(self.one_daemon(), first)

    def test_ps_starts_nothing(self):
        r = self.run_ctl("ps")
        self.assertEqual(r.returncode, 0)
        self.assertFalse(os.path.exists(self.runtime + "/leash/leash.sock"))

    def test_a_daemon_that_fails_is_told(self):
        with open(self.leashd, "w") as f:
            f.write("#!/bin/sh\necho broken >&2\nexit 1\n")
        r = self.run_ctl("run", "true")
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"leashd.log", r.stderr)
        self.assertEqual(r.stderr.count(b"\n"), 1)
        with open(self.runtime + "/leash/leashd.log") as f:
            self.assertIn("broken", f.read())

    def test_a_daemon_that_is_missing_is_told(self):
        os.unlink(self.leashd)
        if os.path.exists("/usr/local/libexec/leash/leashd"):
            self.skipTest("leash is installed here")
        r = self.run_ctl("run", "true")
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"leashd", r.stderr)

    def test_a_place_that_others_can_write_is_refused(self):
        os.mkdir(self.runtime + "/leash")
        os.chmod(self.runtime + "/leash", 0o777)
        r = self.run_ctl("run", "true")
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"only you", r.stderr)
        os.rmdir(self.runtime + "/leash")
        os.mkdir(self.base + "/elsewhere", 0o700)
        os.symlink(self.base + "/elsewhere", self.runtime + "/leash")
        self.assertEqual(self.run_ctl("run", "true").returncode, 125)


class Retry(FakeCase):
    def test_once_when_nothing_was_answered(self):
        self.fake.drop = 1
        self.fake.handlers["x"] = lambda params, fds: {"ok": True}
        self.assertIn('"ok"', self.ctl("call", "x").text)
        self.assertEqual(self.fake.connections, 2)

    def test_not_for_ever(self):
        self.fake.drop = 100
        r = self.ctl("call", "x", code=125)
        self.assertEqual(self.fake.connections, 2)
        self.assertIn("before it answered", r.error)

    def test_a_command_is_started_once(self):
        """The descriptors go over the second connection, too."""
        self.fake.drop = 1
        self.fake.handlers["process.start"] = lambda params, fds: {
            "process": "p", "sandbox": "s", "workdir": "/", "pid": len(fds), "pty": False}
        self.fake.after["process.start"] = [{"jsonrpc": "2.0", "method": "process.exited", "params": {
            "process": "p", "sandbox": "s", "exit": {"code": 5}, "reason": "exited",
            "usage": {"wall_seconds": 0, "user_seconds": 0, "system_seconds": 0, "max_rss_bytes": 0},
            "denials": [], "trust_created": [], "truncated": False}}]
        self.ctl("run", "-q", "x", code=5)
        self.assertEqual([m for m, _ in self.fake.calls], ["process.start"])


if __name__ == "__main__":
    unittest.main()
