# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of the command line share: a daemon on the null backend, and one made of Python."""
import array
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("LEASH_BUILD", os.getcwd())
LEASHCTL = os.path.join(BUILD, "leashctl")
# The null backend needs no rights; LEASH_BACKEND=linux tries the same in real sandboxes.
BACKEND = os.environ.get("LEASH_BACKEND", "null")
LEASHD = os.path.join(BUILD, "leashd")


def wait_for(what, seconds=60):
    """Polls until what() is true; a slow machine may take its time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def listens(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


def environment(**more):
    keep = ("PATH", "HOME", "USER", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    env = {k: v for k, v in os.environ.items() if k in keep}
    env.update({k: v for k, v in more.items() if v is not None})
    return env


class Case(unittest.TestCase):
    """One daemon for all tests of a class, one directory for each test."""

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="leash-cli-")
        cls.socket = os.path.join(cls.base, "s")
        cls.log = open(os.path.join(cls.base, "log"), "wb")
        cls.daemon = subprocess.Popen(
            [LEASHD, "--user", "--backend", BACKEND, "--socket", cls.socket],
            env=environment(XDG_CACHE_HOME=cls.base), stdin=subprocess.DEVNULL, stdout=cls.log, stderr=cls.log)
        wait_for(lambda: listens(cls.socket))

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        cls.daemon.wait()
        cls.log.close()
        shutil.rmtree(cls.base)

    def setUp(self):
        self.dir = os.path.realpath(tempfile.mkdtemp(dir=self.base))
        self.env = environment(LEASH_SOCKET=self.socket)

    def start(self, *args, **kw):
        kw.setdefault("env", self.env)
        kw.setdefault("cwd", self.dir)
        for stream in ("stdout", "stderr"):
            kw.setdefault(stream, subprocess.PIPE)
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([LEASHCTL, *args], **kw)

    def asked(self, method):
        """How often anybody has."""
        metrics = json.loads(self.ctl("stats", "--json").text)["metrics"]
        return sum(s["value"] for m in metrics if m["name"] == "leash_requests_total"
                   for s in m["samples"] if s["labels"]["method"] == method)

    def follow(self, *args, **kw):
        """A leashctl that hears of events, from now on."""
        before = self.asked("events.subscribe")
        p = self.start(*args, **kw)
        wait_for(lambda: self.asked("events.subscribe") > before)
        return p

    def quiet(self):
        """Waits for the end of the sandboxes of the tests before: leashctl has its answer earlier."""
        wait_for(lambda: json.loads(self.ctl("ps", "--json").text)["sandboxes"] == [])

    def ctl(self, *args, code=0, data=None, **kw):
        """Runs leashctl; the result has text in stdout and stderr."""
        if data is not None:
            kw["stdin"] = subprocess.PIPE
        p = self.start(*args, **kw)
        out, err = p.communicate(data, timeout=60)
        result = subprocess.CompletedProcess(args, p.returncode, out, err)
        result.text, result.error = (x.decode("utf-8", "replace") if x is not None else None for x in (out, err))
        if code is not None:
            self.assertEqual(p.returncode, code, (result.text, result.error))
        return result


class Fake:
    """A daemon that says what the test wants. handlers: method -> fn(params, fds) -> result, or an Exception
    whose args are (number, code, message, pointer). `after`: lines to send right behind an answer."""

    def __init__(self, path):
        self.path, self.handlers, self.after, self.drop = path, {}, {}, 0
        self.calls, self.connections = [], 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.drop > 0:
                self.drop -= 1
                c.close()
                continue
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with c:
            self.read(c)

    def read(self, c):
        buf, fds = b"", []
        while True:
            try:
                data, control, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(16 * 4))
            except OSError:
                return
            for _, _, raw in control:
                a = array.array("i")
                a.frombytes(raw[:len(raw) // 4 * 4])
                fds += list(a)
            if not data:
                return
            buf += data
            while b"\n" in buf:
                line, buf = buf.split(b"\n", 1)
                self.answer(c, json.loads(line), fds)
                for fd in fds:
                    os.close(fd)
                fds = []

    def answer(self, c, m, fds):
        if "method" not in m:  # the answer to a question of ours
            self.calls.append((None, m.get("result")))
            return
        self.calls.append((m["method"], m.get("params")))
        reply = {"jsonrpc": "2.0", "id": m["id"]}
        try:
            result = self.handlers[m["method"]](m.get("params"), fds)
            reply["result"] = result
        except Exception as e:
            number, code, message, pointer = e.args
            reply["error"] = {"code": number, "message": message,
                              "data": {"code": code, "pointer": pointer}}
        lines = [reply] + self.after.get(m["method"], [])
        c.sendall(b"".join(json.dumps(x).encode() + b"\n" for x in lines))

    def close(self):
        # Closed under the thread's feet, its number would soon be the next test's listener, and that test would
        # get this one's answers.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class FakeCase(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="leash-cli-")
        self.fake = Fake(os.path.join(self.base, "s"))
        self.env = environment(LEASH_SOCKET=self.fake.path)

    def tearDown(self):
        self.fake.close()
        shutil.rmtree(self.base)

    def ctl(self, *args, code=0, env=None):
        p = subprocess.run([LEASHCTL, *args], env=env or self.env, cwd=self.base, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        p.text, p.error = p.stdout.decode(), p.stderr.decode()
        self.assertEqual(p.returncode, code, (p.text, p.error))
        return p
