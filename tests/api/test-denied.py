# SPDX-License-Identifier: MIT OR Apache-2.0
"""Refused system calls in results and events: the right name, process and field; and floods of them."""
import os
import platform
import time
import unittest

import leash

# name, what makes it (in Python, for eval), the errno; with field: what it takes to be allowed.
NUMBERS = {"x86_64": {"bpf": 321, "perf_event_open": 298, "keyctl": 250}, "aarch64": {"bpf": 280, "perf_event_open": 241, "keyctl": 219}}
HEAD = """
import ctypes, errno, os, socket, sys, time
c = ctypes.CDLL(None, use_errno=True)
def said(r):
    return errno.errorcode[ctypes.get_errno()] if r < 0 else "done"
def libc(name, *args):
    return said(getattr(c, name)(*args))
def number(*args):
    return said(c.syscall(*args))
def caught(f, *args):
    try:
        f(*args)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]
"""
CALLS = [
    ("ptrace", "libc('ptrace', 16, 1, 0, 0)", "EPERM", "/security/allow_debug"),
    ("process_vm_readv", "libc('process_vm_readv', 1, 0, 0, 0, 0, 0)", "EPERM", "/security/allow_debug"),
    ("personality", "libc('personality', 0x40000)", "EPERM", "/security/allow_debug"),
    ("personality", "libc('personality', 0x400000)", "EPERM", None),
    ("unshare", "libc('unshare', 0x10000000)", "EPERM", "/security/allow_userns"),
    ("setns", "libc('setns', 0, 0)", "EPERM", "/security/allow_userns"),
    ("chroot", "caught(os.chroot, '/')", "EPERM", "/security/allow_userns"),
    ("mount", "libc('mount', b'a', b'/', b'tmpfs', 0, 0)", "EPERM", None),
    ("umount2", "libc('umount2', b'/', 0)", "EPERM", None),
    ("clock_adjtime", "libc('adjtimex', 0)", "EPERM", None),
    ("clock_settime", "caught(time.clock_settime, 0, 0)", "EPERM", None),
    ("syslog", "libc('klogctl', 10, 0, 0)", "EPERM", None),
    ("swapon", "libc('swapon', b'/', 0)", "EPERM", None),
    ("socket", "caught(socket.socket, 17, 3, 0)", "EAFNOSUPPORT", None),  # packets
    ("socket", "caught(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)", "EPERM", None),  # ping
    ("socket", "caught(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 1)", "EPROTONOSUPPORT", None),
    ("socket", "caught(socket.socket, 16, 3, 12)", "EPROTONOSUPPORT", None),
    ("chmod", "caught(os.chmod, '/tmp', 0o4755)", "EPERM", None),
]
for name_, nr in NUMBERS.get(platform.machine(), {}).items():
    CALLS.append((name_, f"number({nr}, 0, 0, -1, -1, 0)", "EPERM", None))
# Programs try these, and do without: nobody hears of them.
SILENT = ["number(425, 1, 0)",  # io_uring_setup
          "number(435, 0, 0)",  # clone3
          "number(437, -100, 0, 0, 0)",  # openat2
          "number(457, 0, 0, 0, 0)",  # statmount
          "caught(socket.socket, socket.AF_INET, socket.SOCK_STREAM, 262)",  # multipath TCP
          "caught(socket.socketpair, 38)"]


def tried(calls):
    return HEAD + "\n".join(f"print({c})" for c in calls)


def is_root():
    return os.geteuid() == 0


@unittest.skipUnless(leash.BACKEND == "linux", "the null backend refuses nothing")
class Refused(leash.Case):
    def python(self, code, **params):
        return self.c.run("python3", "-c", code, **params)

    def test_each_has_its_name(self):
        self.c.call("events.subscribe", kinds=["denied"])
        r = self.python(tried(c for _, c, _, _ in CALLS))
        self.assertEqual(r["stdout"].split(), [e for _, _, e, _ in CALLS], r["stderr"])
        told = [(d["syscall"], d.get("field")) for d in r["denials"]]
        fields = [None if f == "/security/allow_userns" and is_root() else f for _, _, _, f in CALLS]
        self.assertEqual(told, list(zip([n for n, _, _, _ in CALLS], fields)))
        for d in r["denials"]:
            self.assertEqual((d["kind"], d["process"], d["count"]), ("syscall", "python3", 1))
            self.assertNotIn("path", d)
            self.assertTrue(d["rule"])
            self.assertGreater(d["pid"], 1)
        self.assertEqual(r["denials_lost"] if "denials_lost" in r else 0, 0)
        seen = [n["params"]["denial"]["syscall"] for n in self.c.notes if n["params"].get("process") == r["process"]]
        self.assertEqual(seen, [n for n, _, _, _ in CALLS])

    def test_probes_are_silent(self):
        r = self.python(tried(SILENT))
        self.assertNotIn("done", r["stdout"])
        self.assertEqual(r["denials"], [])

    def test_what_is_allowed_is_not_told(self):
        """The twin, and the field keeps its word."""
        calls = [c for _, c, _, f in CALLS if f == "/security/allow_debug"]
        self.assertNotIn("done", self.python(tried(calls))["stdout"])
        # A process that nobody may trace (pid 1) is the kernel's to refuse, and so is not told.
        r = self.python(tried(calls), policy={"security": {"allow_debug": True}})
        self.assertIn("done", r["stdout"])
        self.assertEqual(r["denials"], [])
        if not is_root():
            r = self.python(tried(["libc('unshare', 0x10000000)"]), policy={"security": {"allow_userns": True}})
            self.assertEqual((r["stdout"].split(), r["denials"]), (["done"], []))

    def test_two_commands_in_one_sandbox(self):
        box = self.c.call("sandbox.create")["sandbox"]
        self.c.call("events.subscribe", kinds=["denied"])
        waits = "import os\nos.mkdir('%s')\nwhile not os.path.isdir('%s'): time.sleep(0.01)\n"
        first = HEAD + waits % ("a", "b") + "print(os.getpid(), libc('mount', b'a', b'/', b'tmpfs', 0, 0))"
        second = HEAD + waits % ("b", "a") + "print(os.getpid(), libc('swapon', b'/', 0))"
        numbers = [self.c.request("process.run", sandbox=box, argv=["python3", "-c", code]) for code in (first, second)]
        for number, syscall in zip(numbers, ("mount", "swapon")):
            r = self.c.answer(number)
            pid, said = r["stdout"].split()
            self.assertEqual(said, "EPERM", r)
            self.assertEqual([(d["syscall"], d["pid"]) for d in r["denials"]], [(syscall, int(pid))])
            event = next(n["params"] for n in self.c.notes if n["params"]["process"] == r["process"])
            self.assertEqual((event["denial"]["syscall"], event["denial"]["pid"]), (syscall, int(pid)))

    def test_what_was_left_running(self):
        """Of a command that has ended there is an event, and no other command's result has it."""
        box = self.c.call("sandbox.create")["sandbox"]
        self.c.call("events.subscribe", kinds=["denied"], sandbox=box)
        late = HEAD + "time.sleep(0.5)\nlibc('mount', b'a', b'/', b'tmpfs', 0, 0)"
        r = self.c.run("sh", "-c", f'python3 -c "{late}" >/dev/null 2>&1 </dev/null &', sandbox=box)
        self.assertEqual((r["exit"], r["denials"]), ({"code": 0}, []))
        other = self.c.run("sleep", "2", sandbox=box)
        self.assertEqual(other["denials"], [])
        event = self.c.note("event", kind="denied")
        self.assertEqual((event["denial"]["syscall"], event.get("process")), ("mount", None))

    def test_a_flood_is_counted(self):
        box = self.c.call("sandbox.create")["sandbox"]
        self.c.call("events.subscribe", kinds=["denied"], sandbox=box)
        n = 20000
        r = self.python(HEAD + f"f = c.ptrace\nfor i in range({n}): f(16, 1, 0, 0)", sandbox=box)
        self.assertEqual([(d["syscall"], d["count"]) for d in r["denials"]], [("ptrace", n)])
        self.assertEqual(len(self.c.notes), 1)
        r = self.c.call("sandbox.logs", sandbox=box)
        self.assertEqual([e["denials"] for e in r["events"] if e["kind"] == "process.exited"], [n])

    def test_a_crowd_is_counted(self):
        """More to say than there are words for: cut, and the rest is counted."""
        code = HEAD + "for i in range(400):\n  if os.fork() == 0:\n    libc('ptrace', 16, 1, 0, 0)\n    os._exit(0)\n  os.wait()"
        r = self.python(code)
        self.assertLessEqual(len(r["denials"]), 64)
        self.assertGreater(r["denials_lost"], 0)
        self.assertEqual(sum(d["count"] for d in r["denials"]) + r["denials_lost"], 400)

    def test_others_have_their_turn(self):
        """While eight threads do nothing but to be refused, a command beside them is served, and one in another sandbox."""
        box = self.c.call("sandbox.create")["sandbox"]
        code = HEAD + ("import threading\nf = c.ptrace\ndef go():\n  while True: f(16, 1, 0, 0)\n"
                       "for i in range(8): threading.Thread(target=go).start()")
        flood = self.c.call("process.start", sandbox=box, argv=["python3", "-c", code],
                            stdio={"stdin": "null", "stdout": "null", "stderr": "null"})["process"]
        time.sleep(0.5)
        judged = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do mkdir made && rmdir made || exit 1; done"]
        for where in ({"sandbox": box}, {}):
            start = time.monotonic()
            self.assertEqual(self.c.run(*judged, **where)["exit"], {"code": 0})
            self.assertLess(time.monotonic() - start, 10)
        self.c.call("process.signal", process=flood, signal="KILL")

    def test_a_signal_does_not_change_the_answer(self):
        """A handler that comes while the supervisor is asked: the call is made again, or is refused as ever."""
        code = HEAD + ("import signal\nn = 0\ndef tick(*_):\n  global n\n  n += 1\nsignal.signal(signal.SIGALRM, tick)\n"
                       "signal.siginterrupt(signal.SIGALRM, False)\nsignal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\n"
                       "print(*{libc('ptrace', 16, 1, 0, 0) for i in range(5000)}, n > 0)")
        self.assertEqual(self.python(code)["stdout"].split(), ["EPERM", "True"])


if __name__ == "__main__":
    leash.main()
