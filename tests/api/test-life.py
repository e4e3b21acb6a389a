# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who ends when: connections, sessions, leashd itself; what is left behind; who may call."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import leash
from leash import Client, Daemon, alive, running, wait_until

PR_SET_NO_NEW_PRIVS = 38


class Life(unittest.TestCase):
    def daemon(self, *options, **more):
        d = Daemon(*options, **more)
        self.addCleanup(d.stop)
        return d

    def start(self, client, **more):
        """A command with a child in another session; the working directory, and the word to find them by.
        The null backend does not hold children once the session was killed, so there is none."""
        mark = leash.marker()
        child = "" if leash.BACKEND == "null" else f"setsid sleep {mark} &"
        r, w = os.pipe()
        client.call("process.start", [w], argv=["sh", "-c", f"pwd; {child} exec sleep {mark}"],
                    stdio={"stdout": {"fd": 0}}, **more)
        os.close(w)
        with os.fdopen(r, "rb") as f:
            path = f.readline().decode().strip()
        wait_until(lambda: len(running(mark)) == 1 + bool(child), what="command and child run")
        return path, mark

    def test_connection_lost(self):
        d = self.daemon()
        c = d.client()
        path, mark = self.start(c)
        c.close()
        wait_until(lambda: not running(mark) and not os.path.exists(path), what="command and directory are gone")

    def test_connection_lost_during_run_in_foreign_sandbox(self):
        d = self.daemon()
        with d.client() as owner:
            sandbox = owner.call("sandbox.create")["sandbox"]
            c = d.client()
            c.request("process.run", argv=["sleep", "1000"], sandbox=sandbox)
            wait_until(lambda: owner.call("sandbox.get", sandbox=sandbox)["processes"] == 1, what="runs")
            c.close()
            wait_until(lambda: owner.call("sandbox.get", sandbox=sandbox)["processes"] == 0, what="killed")

    def test_client_killed(self):
        d = self.daemon()
        code = ("import leash, sys; c = leash.Client(sys.argv[1]); "
                "c.call('process.start', argv=['sleep', sys.argv[2]]); print(1, flush=True); c.read()")
        mark = leash.marker()
        child = subprocess.Popen([sys.executable, "-c", code, d.path, mark], stdout=subprocess.PIPE,
                                 cwd=os.path.dirname(os.path.abspath(__file__)))
        child.stdout.readline()
        self.assertTrue(running(mark))
        child.kill()
        child.wait()
        child.stdout.close()
        wait_until(lambda: not running(mark), what="command dies")

    def test_leashd_killed(self):
        d = self.daemon()
        with d.client() as c:
            path, mark = self.start(c)
            session = d.session
            d.process.kill()
            d.process.wait()
            wait_until(lambda: not alive(session) and not running(mark), what="session and command end")
            self.assertFalse(os.path.exists(path))
            self.assertEqual(os.listdir(d.work), [])
            self.assertEqual(c.note("process.exited")["reason"], "destroyed")
            self.assertIsNone(c.read())

    def test_session_killed(self):
        d = self.daemon()
        c = d.client()
        path, mark = self.start(c)
        os.kill(d.session, signal.SIGKILL)
        with self.assertRaises((ConnectionError, TypeError)):
            c.call("leash.info")["version"]
        c.close()
        wait_until(lambda: not running(mark), what="command dies")
        # The next caller gets a new session, which removes what the old one left.
        with d.client() as again:
            again.call("leash.info")
            wait_until(lambda: not os.path.exists(path), what="leftovers are removed")

    def test_session_that_keeps_dying(self):
        d = self.daemon()
        refused, begin = 0, time.monotonic()
        while refused < 2 and time.monotonic() - begin < leash.PATIENCE:
            with d.client() as c:
                try:
                    c.send(b'{"jsonrpc":"2.0","id":1,"method":"leash.info"}\n')
                    answer = c.read()
                    if "error" in answer:
                        self.assertIn("keeps dying", answer["error"]["message"])
                        refused += 1
                        continue
                    pid = answer["result"]["pid"]
                    os.kill(pid, signal.SIGKILL)
                    wait_until(lambda: not alive(pid), what="session dies")
                except (ConnectionError, TypeError):
                    pass
        self.assertGreater(refused, 0)
        if time.monotonic() - begin < 10:  # five in ten seconds
            self.assertLess(d.words().count("started a session"), 7)

    def test_leftovers_of_the_dead_are_removed_and_others_kept(self):
        d = self.daemon()
        c = d.client()
        self.addCleanup(c.close)
        path, mark = self.start(c)
        kept = c.call("sandbox.create", keep_workdir=True)
        c.call("sandbox.destroy", sandbox=kept["sandbox"])
        subprocess.run(["sh", "-c", f"cd {path} && mkdir -p a/b && touch a/b/c && chmod 000 a"], check=True)
        # Another session beside it leaves the living one's directory alone.
        other = self.daemon(cache=d.cache)
        with other.client() as o:
            o.run("true")
            time.sleep(0.3)  # it has had its time to do the wrong thing
        self.assertTrue(os.path.exists(path))
        session = d.session
        os.kill(d.process.pid, signal.SIGSTOP)  # so that nothing tidies up
        os.kill(session, signal.SIGKILL)
        wait_until(lambda: not alive(session) and not running(mark), what="session dies")
        third = self.daemon(cache=d.cache)
        with third.client() as o:
            o.call("leash.info")
            wait_until(lambda: not os.path.exists(path), what="leftovers are removed")
            self.assertTrue(os.path.exists(kept["workdir"]))
        os.kill(d.process.pid, signal.SIGCONT)

    def test_terminated(self):
        for signo in (signal.SIGTERM, signal.SIGINT):
            d = self.daemon()
            with d.client() as c:
                path, mark = self.start(c)
                d.process.send_signal(signo)
                self.assertEqual(d.process.wait(leash.PATIENCE), 0)
                wait_until(lambda: not running(mark), what="commands die")
                self.assertFalse(os.path.exists(path) or os.path.exists(d.path))

    def test_idle_exit(self):
        d = self.daemon("--idle-exit", "1")
        with d.client() as c:
            c.call("sandbox.create")
            time.sleep(1.5)
            c.call("leash.info")  # a connection is use
            detached = c.call("sandbox.create", lifetime="detached")["sandbox"]
        time.sleep(1.5)
        with d.client() as c:
            c.call("sandbox.destroy", sandbox=detached)  # and so is a sandbox
            begin = time.monotonic()
        self.assertEqual(d.process.wait(leash.PATIENCE), 0)
        self.assertGreater(time.monotonic() - begin, 0.7)
        self.assertFalse(os.path.exists(d.path))
        self.assertEqual(os.listdir(d.work), [])

    def test_never_used(self):
        d = self.daemon("--idle-exit", "1")
        self.assertEqual(leash.children(d.process.pid), [])  # a session is started on first need
        self.assertEqual(d.process.wait(leash.PATIENCE), 0)

    def test_no_wake_ups_when_idle(self):
        d = self.daemon()
        with d.client() as c:
            sandbox = c.call("sandbox.create")
            c.run("true", sandbox=sandbox["sandbox"])

            def switches(pid):
                with open(f"/proc/{pid}/status", encoding="ascii") as f:
                    return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
            pids = (d.process.pid, d.session)


            def still():
                before = [switches(p) for p in pids]
                time.sleep(3)
                return [switches(p) for p in pids] == before
            wait_until(still, what="nobody wakes up for three seconds")  # once all that is over is tidied up

    def test_memory_when_idle(self):
        d = self.daemon()
        with d.client() as c:
            for _ in range(50):
                c.run("true")
                c.call("rpc.discover")

        def total():
            kib = 0
            for pid in (d.process.pid, d.session):
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                    kib += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            return kib
        if not leash.SLOW:
            wait_until(lambda: total() < 6 * 1024, what="less than 6 MiB")


class Socket(unittest.TestCase):
    def test_given_descriptor(self):
        with tempfile.TemporaryDirectory() as where:
            path = os.path.join(where, "leash.sock")
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            early = Client(path)  # before leashd exists
            pid = os.fork()
            if pid == 0:
                os.dup2(os.dup(listener.fileno()), 3)
                os.set_inheritable(3, True)
                env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", XDG_CACHE_HOME=where + "/cache")
                os.execve(leash.LEASHD, [leash.LEASHD, "--user", "--backend", leash.BACKEND, "--idle-exit", "1"], env)
            listener.close()
            self.assertEqual(early.call("leash.info")["socket"], path)
            early.close()
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            self.assertFalse(os.path.exists(path))

    def test_one_at_a_time_and_stale_socket(self):
        d = Daemon()
        self.addCleanup(d.stop)
        with d.client() as c:
            c.call("leash.info")  # the session is there: none holds the socket between fork and exec later
        second = subprocess.run([leash.LEASHD, "--user", "--socket", d.path], stderr=subprocess.PIPE, timeout=leash.PATIENCE,
                                check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(b"already", second.stderr)
        d.process.kill()
        d.process.wait()
        self.assertTrue(os.path.exists(d.path))  # left behind
        env = dict(os.environ, XDG_CACHE_HOME=d.cache)
        third = subprocess.Popen([leash.LEASHD, "--user", "--socket", d.path, "--backend", leash.BACKEND,
                                  "--idle-exit", "1"], env=env)

        def answers():
            with socket.socket(socket.AF_UNIX) as s:
                return s.connect_ex(d.path) == 0
        wait_until(answers, what="the new one answers")
        self.assertEqual(third.wait(leash.PATIENCE), 0)

    def test_default_path_is_private(self):
        with tempfile.TemporaryDirectory() as where:
            env = dict(os.environ, XDG_RUNTIME_DIR=where, XDG_CACHE_HOME=where + "/cache")
            p = subprocess.Popen([leash.LEASHD, "--user", "--backend", leash.BACKEND, "--idle-exit", "1"], env=env)
            path = where + "/leash/leash.sock"
            wait_until(lambda: os.path.exists(path), what="socket")
            self.assertEqual(os.stat(where + "/leash").st_mode & 0o777, 0o700)
            self.assertEqual(os.stat(path).st_mode & 0o077, 0)
            self.assertEqual(p.wait(leash.PATIENCE), 0)

    def test_wrong_usage(self):
        # Without --user it is the system's daemon, which only root may be.
        for arguments in ([[]] if os.getuid() != 0 else []) + [
                          ["--user", "x"], ["--user", "--idle-exit", "-1"], ["--user", "--idle-exit", "1s"],
                          ["--nonsense"]]:
            p = subprocess.run([leash.LEASHD, *arguments], stderr=subprocess.PIPE, timeout=leash.PATIENCE, check=False)
            self.assertEqual(p.returncode, 2, arguments)
            self.assertTrue(p.stderr.strip())
        p = subprocess.run([leash.LEASHD, "--user", "--socket", "relative"], stderr=subprocess.PIPE, timeout=leash.PATIENCE,
                           check=False)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"absolute", p.stderr)


class Identity(leash.Case):
    """Decision 3: who is confined already gets nothing."""

    def speak(self, *prefix, before="pass"):
        code = (f"import os, ctypes, leash, sys\n{before}\n"
                "c = leash.Client(sys.argv[1])\nprint(c.read() if len(sys.argv) > 2 else c.call('leash.info')['mode'])")
        p = subprocess.run([*prefix, sys.executable, "-c", code, self.daemon.path,
                            *(["refused"] if prefix or before != "pass" else [])],
                           cwd=os.path.dirname(os.path.abspath(__file__)), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=leash.PATIENCE, check=False, text=True)
        if p.returncode != 0 and ("unshare" in p.stderr or "bwrap" in p.stderr):
            self.skipTest(f"not possible here: {p.stderr.strip()}")
        return p.stdout

    def test_plain(self):
        self.assertEqual(self.speak(), "user\n")

    def refused(self, words, *prefix, **more):
        text = self.speak(*prefix, **more)
        self.assertIn("'refused'", text)
        self.assertIn(words, text)

    def test_no_new_privs(self):
        self.refused("no_new_privs", before=f"ctypes.CDLL(None).prctl({PR_SET_NO_NEW_PRIVS}, 1, 0, 0, 0)")

    def test_seccomp(self):
        # SECCOMP_SET_MODE_FILTER needs no_new_privs or CAP_SYS_ADMIN; one instruction that allows everything.
        if os.getuid() != 0:
            self.skipTest("only root can have a filter without no_new_privs")
        self.refused("seccomp", before=(
            "class F(ctypes.Structure):\n _fields_ = [('c', ctypes.c_ushort), ('t', ctypes.c_ubyte), "
            "('f', ctypes.c_ubyte), ('k', ctypes.c_uint)]\n"
            "class P(ctypes.Structure):\n _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.POINTER(F))]\n"
            "f = F(6, 0, 0, 0x7fff0000)\np = P(1, ctypes.pointer(f))\n"
            "assert ctypes.CDLL(None).prctl(22, 2, ctypes.byref(p)) == 0"))

    def test_user_namespace(self):
        self.refused("user namespace", "unshare", "--user", "--map-current-user")

    def test_mount_namespace(self):
        self.refused("namespace", "unshare", "--user", "--map-current-user", "--mount")
        if os.getuid() == 0:
            self.refused("mount namespace", "unshare", "--mount")

    def test_pid_namespace(self):
        if os.getuid() != 0:
            self.skipTest("needs root")
        self.refused("pid namespace", "unshare", "--pid", "--fork")

    def test_other_user(self):
        if os.getuid() != 0:
            self.skipTest("needs root")
        os.chmod(self.daemon.dir, 0o755)
        os.chmod(self.daemon.path, 0o777)
        self.refused("another user", before="os.setuid(65534)")


if __name__ == "__main__":
    leash.main()
