# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the API tests share: a leashd of their own on the null backend, and a client that speaks lines.

Only the standard library. The programs come from the environment: LEASHD is the path of leashd; leash-session
lies beside it.
"""
import array
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import unittest

LEASHD = os.environ.get("LEASHD", "")
# Under a sanitizer or valgrind: how much memory the daemon takes says nothing then.
SLOW = "LEASH_TEST_SLOW" in os.environ
BACKEND = os.environ.get("LEASH_TEST_BACKEND", "null")


# Seconds for what must happen, and soon; a loaded machine may take its time.
PATIENCE = 60


def wait_until(condition, seconds=PATIENCE, what="condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {seconds} s")


def running(marker):
    """Processes of this machine, in whatever namespace, that have this word on their command line."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if marker.encode() in words:
                found.append(int(name))
    return found


def marker():
    """A number of seconds that nobody else sleeps for."""
    return f"1000.{os.getpid()}{random.randrange(10 ** 9)}"


def alive(pid):
    """Runs, and is not just a zombie that nobody has reaped yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def busy(pid):
    """Seconds that it has been on a processor: what others had to wait for, however loaded the machine is."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.number = error["code"]
        self.message = error["message"]
        self.code = error.get("data", {}).get("code")
        self.pointer = error.get("data", {}).get("pointer", "")


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)  # blocks while the backlog is full
        self.sock.settimeout(PATIENCE)
        self.buffer = b""
        self.next_id = 0
        self.notes = []
        self.answers = {}
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def send(self, data, fds=()):
        if fds:
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            n = self.sock.sendmsg([data], control)
            data = data[n:]
        if data:
            self.sock.sendall(data)

    def taken(self):
        """Waits until the other end has read all that was sent."""
        wait_until(lambda: struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0] == 0, what="it is read")

    def read_line(self):
        """One line without its LF, or None at the end."""
        while b"\n" not in self.buffer:
            data, control, _, _ = self.sock.recvmsg(1 << 20, socket.CMSG_SPACE(16 * 4))
            for level, kind, payload in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    got = array.array("i")
                    got.frombytes(payload[: len(payload) - len(payload) % 4])
                    self.fds += got
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def read(self):
        line = self.read_line()
        return None if line is None else json.loads(line)

    def request(self, method, fds=(), **params):
        self.next_id += 1
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        self.send(json.dumps(message).encode() + b"\n", fds)
        return self.next_id

    def answer(self, number):
        while number not in self.answers:
            message = self.read()
            if message is None:
                raise ConnectionError("leashd closed the connection")
            if "id" not in message:
                self.notes.append(message)
            else:
                self.answers[message["id"]] = message
        message = self.answers.pop(number)
        if "error" in message:
            raise RpcError(message["error"])
        return message["result"]

    def call(self, method, fds=(), **params):
        return self.answer(self.request(method, fds, **params))

    def note(self, method, **match):
        """The next notification of that kind; others before it are dropped."""
        while True:
            while self.notes:
                message = self.notes.pop(0)
                params = message["params"]
                if message["method"] == method and all(params.get(k) == v for k, v in match.items()):
                    return params
            message = self.read()
            if message is None:
                raise ConnectionError("leashd closed the connection")
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self.notes.append(message)

    def run(self, *argv, **params):
        return self.call("process.run", argv=list(argv), **params)

    def error(self, method, fds=(), **params):
        try:
            result = self.call(method, fds, **params)
        except RpcError as e:
            return e
        raise AssertionError(f"{method} {params} should fail, gave {result}")


class Daemon:
    def __init__(self, *options, cache=None, env=None):
        self.dir = tempfile.mkdtemp(prefix="leash-api-")
        self.path = os.path.join(self.dir, "leash.sock")
        self.cache = cache or os.path.join(self.dir, "cache")
        self.log = open(os.path.join(self.dir, "log"), "w+b")
        environment = dict(os.environ, XDG_CACHE_HOME=self.cache, LEASH_LOG="debug", **(env or {}))
        self.process = subprocess.Popen(
            [LEASHD, "--user", "--socket", self.path, "--backend", BACKEND, *options],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)
        # Not by trying to connect: that would start a session.
        wait_until(lambda: "listening" in self.words() or self.process.poll() is not None, what="leashd starts")

    @property
    def session(self):
        return wait_until(lambda: children(self.process.pid), what="leash-session starts")[0]

    @property
    def work(self):
        return os.path.join(self.cache, "leash", "work")

    def client(self):
        return Client(self.path)

    def words(self):
        self.log.flush()
        with open(self.log.name, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        return self.process.returncode


class Case(unittest.TestCase):
    """One daemon for a class of tests, one connection for each test."""
    options = ()

    @classmethod
    def setUpClass(cls):
        if not LEASHD:
            raise unittest.SkipTest("LEASHD is not set: run this through meson test")
        cls.daemon = Daemon("--idle-exit", "0", *cls.options)

    @classmethod
    def tearDownClass(cls):
        words = cls.daemon.words()
        if os.environ.get("LEASH_TEST_LOG"):
            print(words)
        code = cls.daemon.stop()
        assert code == 0, f"leashd ended with {code}"
        assert "AddressSanitizer" not in words and "runtime error" not in words, words

    def setUp(self):
        self.c = self.daemon.client()
        self.addCleanup(self.c.close)

    def alone(self):
        """Waits until the connections of the tests before are gone: they are closed in the session's own time."""
        wait_until(lambda: self.c.call("leash.info")["connections"] == 1, what="others are gone")

    def small(self, limit=40 << 20):
        """The session holds what may wait (8 MiB a peer) and the line that is being made, not more."""
        if not SLOW:
            self.assertLess(resident(self.daemon.session), limit)

    def shrinks(self, limit):
        """What is free goes back to the kernel, in its own time."""
        if not SLOW:
            wait_until(lambda: resident(self.daemon.session) < limit, what=f"below {limit} bytes")

    def inside(self, path):
        """Waits for a file that a command makes: it runs now."""
        wait_until(lambda: os.path.exists(path), what=path)

    def fails(self, code, method, pointer=None, fds=(), **params):
        e = self.c.error(method, fds, **params)
        self.assertEqual(e.code, code, e)
        if pointer is not None:
            self.assertEqual(e.pointer, pointer, e)
        self.assertTrue(e.message)
        return e


def main():
    unittest.main(verbosity=2)
