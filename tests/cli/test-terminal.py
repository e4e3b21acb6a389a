# SPDX-License-Identifier: MIT OR Apache-2.0
"""leashctl on a terminal: a pty of the command's own, sizes, and the user's terminal as it was before."""
import fcntl
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import LEASHCTL, Case, environment, wait_for


class Terminal:
    """leashctl as the foreground job of a terminal."""

    def __init__(self, case, *args, rows=33, cols=77, stdin=None, stdout=None, stderr=None):
        self.master, self.slave = os.openpty()
        self.size(rows, cols)
        self.name = os.ttyname(self.slave)
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        pick = lambda given: self.slave if given is None else given

        def foreground():
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            [LEASHCTL, *args], env=dict(case.env, TERM="xterm"), cwd=case.dir, start_new_session=True,
            preexec_fn=foreground, pass_fds=(self.slave,),
            stdin=pick(stdin), stdout=pick(stdout), stderr=pick(stderr))

    def size(self, rows, cols):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not (m := re.search(pattern.encode(), self.output)):
            if time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} in {self.output!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 4096)
        self.output = self.output[m.end():]
        return m

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def stopped(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "T"

    def end(self, case, *codes):
        case.assertIn(self.process.wait(timeout=60), codes, self.output)
        case.assertEqual(termios.tcgetattr(self.slave), self.before)
        os.close(self.master)
        os.close(self.slave)


class OnATerminal(Case):
    def test_own_pty(self):
        t = Terminal(self, "run", "-q", "--", "sh", "-c",
                     "tty; stty size; echo TERM=$TERM; while [ \"$(stty size)\" = '33 77' ]; do sleep 0.05; done; stty size;"
                     "read x; test -t 2 && exit 7")
        m = t.read_until(r"(/dev/pts/\d+)\r\n")
        self.assertNotEqual(m.group(1).decode(), t.name)
        t.read_until("33 77\r\n")
        t.read_until("TERM=xterm\r\n")
        self.assertTrue(t.is_raw())
        t.size(40, 100)
        t.read_until("40 100\r\n")
        t.type("\n")
        t.end(self, 7)

    def test_interrupt_key_reaches_the_command(self):
        t = Terminal(self, "run", "-q", "sh", "-c", "trap 'echo got; exit 5' INT; echo ready; sleep 1000 & wait")
        t.read_until("ready")
        wait_for(t.is_raw)
        t.type("\x03")
        t.read_until("got")
        t.end(self, 5)

    def test_restored_after_signals(self):
        for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            t = Terminal(self, "run", "-q", "sh", "-c", "echo ready; exec sleep 1000")
            t.read_until("ready")
            wait_for(t.is_raw)
            t.process.send_signal(signo)
            t.end(self, 128 + signo)

    def test_restored_when_the_daemon_dies(self):
        t = Terminal(self, "run", "-q", "sh", "-c", "echo ready; exec sleep 1000")
        t.read_until("ready")
        wait_for(t.is_raw)
        self.daemon.kill()
        self.daemon.wait()
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        type(self).setUpClass()
        # the session may still tell that the command was killed, or the connection is gone first
        t.end(self, 125, 128 + signal.SIGKILL)

    def test_restored_when_it_cannot_start(self):
        t = Terminal(self, "run", "no-such-program")
        t.read_until("no-such-program")
        t.end(self, 127)

    def test_stop_and_go_on(self):
        t = Terminal(self, "run", "-q", "sh", "-c", "echo ready; read x; echo $x; exit 3")
        t.read_until("ready")
        wait_for(t.is_raw)
        t.process.send_signal(signal.SIGTSTP)
        wait_for(t.stopped)
        self.assertFalse(t.is_raw())
        t.process.send_signal(signal.SIGCONT)
        wait_for(t.is_raw)
        t.type("on\n")
        t.read_until("on\r\n")
        t.end(self, 3)

    def test_end_of_input(self):
        t = Terminal(self, "run", "-q", "cat")
        wait_for(t.is_raw)
        t.type("line\n\x04")
        t.read_until("line\r\nline\r\n")
        t.end(self, 0)

    def test_never_a_terminal(self):
        t = Terminal(self, "run", "-q", "-T", "sh", "-c", "test -t 0 || test -t 1 || test -t 2 || echo none; exit 4")
        t.read_until("none")
        t.end(self, 4)

    def test_output_to_a_file(self):
        """The terminal of stdin and stderr is relayed, not handed over; the file is handed over."""
        path = os.path.join(self.dir, "out")
        with open(path, "w") as f:
            t = Terminal(self, "run", "-q", "sh", "-c",
                         "for i in 0 1 2; do test -t $i && echo tty $i; done; cat; echo err >&2; exit 6", stdout=f)
        self.assertFalse(t.is_raw())
        t.type("typed\n\x04")
        t.read_until("err\r\n")
        t.end(self, 6)
        with open(path) as f:
            self.assertEqual(f.read(), "typed\n")

    def test_input_from_a_file(self):
        r, w = os.pipe()
        os.write(w, b"data\n")
        os.close(w)
        t = Terminal(self, "run", "-q", "sh", "-c", "cat; test -t 1 || echo pipe; exit 6", stdin=r)
        os.close(r)
        t.read_until("data\r\npipe\r\n")
        t.end(self, 6)

    def test_shell(self):
        self.env["SHELL"] = "/bin/sh"
        t = Terminal(self, "shell")
        t.read_until(r"\[leash:[^$\]]+\]")
        t.type("echo $((6*7)); exit 3\n")
        t.read_until("42\r\n")
        t.end(self, 3)

    def test_bash_prompt(self):
        if not os.path.exists("/bin/bash"):
            self.skipTest("no bash here")
        self.env["SHELL"] = "/bin/bash"
        t = Terminal(self, "shell")
        t.read_until(r"\[leash:[^$\]]+\] ")
        t.type("exit\n")
        t.end(self, 0)


class WithoutATerminal(Case):
    def test_forced(self):
        r = self.ctl("run", "-q", "-t", "sh", "-c", "tty; cat; exit 9", code=9, data=b"line\n")
        self.assertIn("/dev/pts/", r.text)
        self.assertEqual(r.text.count("line\r\n"), 2)  # the echo, and cat

    def test_no_colours(self):
        for args in (("doctor",), ("ps",), ("help", "run")):
            self.assertNotIn("\033", self.ctl(*args).text)


class Colours(Case):
    def colours(self, **env):
        self.env.update(env)
        t = Terminal(self, "doctor")
        m = t.read_until(r"(?s)(.*)Reports of what")
        t.read_until("\n.*\n")
        t.end(self, 0)
        return b"\033[" in m.group(1)

    def test_on_a_terminal(self):
        self.assertTrue(self.colours())

    def test_no_color(self):
        self.assertFalse(self.colours(NO_COLOR="1"))


if __name__ == "__main__":
    unittest.main()
