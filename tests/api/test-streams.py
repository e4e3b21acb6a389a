# SPDX-License-Identifier: MIT OR Apache-2.0
"""process.start: pipes, descriptors, ptys, back-pressure, waiting, events."""
import base64
import os
import pty
import socket
import termios
import time

import leash
from leash import wait_until


def collect(client, process, stream="stdout"):
    """All output of a stream until the process has exited, and the exit."""
    data = []
    while True:
        if not client.notes:
            message = client.read()
            if "id" in message:
                client.answers[message["id"]] = message
                continue
            client.notes.append(message)
        message = client.notes.pop(0)
        params = message["params"]
        if params.get("process") != process:
            continue
        if message["method"] == "process.exited":
            return b"".join(data), params
        if message["method"] == "process.output" and params["stream"] == stream:
            text = params["data"]
            data.append(base64.b64decode(text) if params["encoding"] == "base64" else text.encode())


class Streams(leash.Case):
    def start(self, *argv, fds=(), **params):
        return self.c.call("process.start", fds, argv=list(argv), **params)

    def test_pipe(self):
        p = self.start("sh", "-c", "echo out; echo err >&2; cat; exit 4",
                       stdio={"stdin": "pipe", "stdout": "pipe", "stderr": "pipe"})
        self.assertRegex(p["process"], r"^pr-[a-z2-7]{16}$")
        self.assertFalse(p["pty"])
        self.c.call("process.write", process=p["process"], data="one ")
        self.c.call("process.write", process=p["process"], data=base64.b64encode(b"two").decode(), encoding="base64")
        self.c.call("process.write", process=p["process"], eof=True)
        data, end = collect(self.c, p["process"])
        self.assertEqual(data, b"out\none two")
        self.assertEqual((end["exit"], end["reason"]), ({"code": 4}, "exited"))
        # Asked for later it is still known, to everybody.
        self.assertEqual(self.c.call("process.wait", process=p["process"])["exit"], {"code": 4})
        self.assertEqual(self.c.error("process.write", process=p["process"], data="x").code, "gone")

    def test_characters_are_not_torn(self):
        text = "\u20ac\U0001f600\u00e4" * 40000
        p = self.start("cat", stdio={"stdin": "pipe", "stdout": "pipe"})
        number = self.c.request("process.write", process=p["process"], data=text, eof=True)
        parts, done = [], False
        while not done:
            message = self.c.read()
            if message.get("method") == "process.output":
                self.assertEqual(message["params"]["encoding"], "utf-8")
                parts.append(message["params"]["data"])
            elif message.get("method") == "process.exited":
                done = True
            elif message.get("id") == number:
                self.assertIn("result", message)
        self.assertEqual("".join(parts), text)

    def test_binary_and_tail(self):
        p = self.start("printf", r"ok\303", stdio={"stdout": "pipe"})
        data, _ = collect(self.c, p["process"])
        self.assertEqual(data, b"ok\xc3")

    def test_null_is_the_default(self):
        p = self.start("sh", "-c", "exec readlink /proc/self/fd/0 /proc/self/fd/2 >out")
        _, end = collect(self.c, p["process"])
        self.assertEqual(end["exit"], {"code": 0})
        self.fails("wrong_state", "process.write", process=self.start("sleep", "1000")["process"], data="x")

    def test_descriptors(self):
        read_end, write_end = os.pipe()
        text_read, text_write = os.pipe()
        os.write(text_write, b"from the client")
        os.close(text_write)
        p = self.start("sh", "-c", "cat; echo; ls -l /proc/self/fd | wc -l >&2", fds=[text_read, write_end],
                       stdio={"stdin": {"fd": 0}, "stdout": {"fd": 1}, "stderr": {"fd": 1}})
        os.close(text_read)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as f:
            lines = f.read().splitlines()  # ends only when nobody else holds the other end
        self.assertEqual(lines[0], b"from the client")
        self.assertLessEqual(int(lines[1]), 5)  # "total", 0, 1, 2 and ls's own
        self.assertEqual(self.c.call("process.wait", process=p["process"])["exit"], {"code": 0})

    def test_bad_descriptors(self):
        master, slave = pty.openpty()
        directory = os.open("/", os.O_RDONLY)
        path_only = os.open("/etc/passwd", os.O_PATH)
        a, b = os.pipe()
        for fd in (master, slave, directory, path_only, a, b):
            self.addCleanup(os.close, fd)
        self.c.call("leash.info")  # it is up
        before = leash.open_files(self.daemon.session)
        for fd in (slave, directory, path_only):
            self.fails("invalid_params", "process.start", "/stdio/stdin", [fd], argv=["cat"],
                       stdio={"stdin": {"fd": 0}})
        self.fails("invalid_params", "process.start", "/stdio/stdout", [b], argv=["true"], stdio={"stdout": {"fd": 1}})
        self.fails("invalid_params", "process.start", "/stdio", [a, b], argv=["true"], stdio={"stdout": {"fd": 1}})
        self.fails("invalid_params", "process.start", "/stdio", [a], argv=["true"])
        self.fails("invalid_params", "process.run", None, [a], argv=["true"])
        self.fails("method_not_found", "no.such", None, [a])
        wait_until(lambda: leash.open_files(self.daemon.session) <= before, what="refused descriptors are closed")

    def test_pty(self):
        p = self.start("sh", "-c", "tty; stty size; read x; stty size; echo got $x; exit 5",
                       stdio={"stdin": "pty", "stdout": "pty", "stderr": "pty"}, pty={"rows": 10, "cols": 20})
        self.assertTrue(p["pty"])
        self.assertEqual(len(self.c.fds), 1)
        master = self.c.fds[0]
        self.assertEqual(termios.tcgetwinsize(master) if hasattr(termios, "tcgetwinsize") else (10, 20), (10, 20))
        seen = b""
        while b"10 20" not in seen:
            seen += os.read(master, 1000)
        self.assertTrue(seen.startswith(b"/dev/pts/"))
        self.c.call("process.resize", process=p["process"], rows=33, cols=44)
        os.write(master, b"word\n")
        while b"got word" not in seen:
            seen += os.read(master, 1000)
        self.assertIn(b"33 44", seen)
        self.assertEqual(self.c.call("process.wait", process=p["process"])["exit"], {"code": 5})

    def test_pty_mistakes(self):
        self.fails("invalid_params", "process.start", "/pty", argv=["true"], pty={"rows": 1, "cols": 1})
        self.fails("wrong_state", "process.resize", process=self.start("sleep", "1000")["process"], rows=1, cols=1)

    def test_signals(self):
        for name, number in (("TERM", 15), ("SIGUSR1", 10), ("9", 9), ("sigint", 2)):
            p = self.start("sleep", "1000")
            self.c.call("process.signal", process=p["process"], signal=name)
            self.assertEqual(self.c.call("process.wait", process=p["process"])["exit"], {"signal": number})
        p = self.start("sleep", "1000")
        for bad in ("", "TERMX", "0", "-1", "999", "15x"):
            self.fails("invalid_params", "process.signal", "/signal", process=p["process"], signal=bad)
        self.fails("not_found", "process.signal", "/process", process="pr-none", signal="TERM")

    def test_wait(self):
        p = self.start("cat", stdio={"stdin": "pipe"})
        self.fails("timeout", "process.wait", process=p["process"], timeout_ms=50)
        with self.daemon.client() as other:  # any connection of the user
            first = other.request("process.wait", process=p["process"])
            second = other.request("process.wait", process=p["process"], timeout_ms=50000)
            other.taken()
            self.c.call("process.write", process=p["process"], eof=True)
            self.assertEqual(other.answer(first)["exit"], {"code": 0})
            self.assertEqual(other.answer(second)["exit"], {"code": 0})

    def test_timeout_and_list(self):
        sandbox = self.c.call("sandbox.create")["sandbox"]
        for limit in ({}, {"timeout_ms": 100}):
            p = self.start("sleep", "1000", sandbox=sandbox, **limit)
            if not limit:
                rows = self.c.call("process.list", sandbox=sandbox)["processes"]
                self.assertEqual([(r["process"], r["argv"], r["running"]) for r in rows],
                                 [(p["process"], ["sleep", "1000"], True)])
                self.assertEqual(self.c.call("sandbox.get", sandbox=sandbox)["processes"], 1)
                self.c.call("process.signal", process=p["process"], signal="KILL")
            self.assertEqual(self.c.note("process.exited", process=p["process"])["reason"], "timeout" if limit else "signalled")
            self.assertFalse([r for r in self.c.call("process.list", sandbox=sandbox)["processes"] if r["running"]])
        self.fails("not_found", "process.list", "/sandbox", sandbox="sb-none")

    def test_start_fails(self):
        self.fails("exec_not_found", "process.start", argv=["no-such-program"])

    def test_streamed_limit(self):
        p = self.start("yes", stdio={"stdout": "pipe"}, max_output_bytes=5000, on_limit="kill")
        data, end = collect(self.c, p["process"])
        self.assertEqual((len(data), end["reason"], end["truncated"]), (5000, "output_limit", True))

    def test_slow_reader_slows_the_command(self):
        p = self.start("sh", "-c", "yes | head -c 50000000", stdio={"stdout": "pipe"})
        time.sleep(1)
        self.small()
        data, end = collect(self.c, p["process"])
        self.assertEqual(len(data), 50000000)
        self.assertEqual(end["exit"], {"code": 0})

    def test_command_that_does_not_read(self):
        p = self.start("sleep", "1000", stdio={"stdin": "pipe"})
        ids = [self.c.request("process.write", process=p["process"], data="x" * 1000000) for _ in range(12)]
        e = None
        for number in reversed(ids):  # the last ones are refused, the first ones wait
            try:
                self.c.answer(number)
            except leash.RpcError as error:
                e = error
                break
        self.assertEqual(e.code, "limit_exceeded")
        self.c.call("process.signal", process=p["process"], signal="KILL")
        with self.assertRaises(leash.RpcError) as caught:
            self.c.answer(ids[1])
        self.assertEqual(caught.exception.code, "gone")


class Events(leash.Case):
    def test_all_kinds(self):
        with self.daemon.client() as other:
            self.assertEqual(other.call("events.subscribe"), {})
            made = self.c.call("sandbox.create")
            run = self.c.run("sh", "-c", "exit 7", sandbox=made["sandbox"])
            self.c.call("sandbox.destroy", sandbox=made["sandbox"])
            event = other.note("event", kind="sandbox.created")
            self.assertEqual(event["sandbox"], made["sandbox"])
            self.assertLess(abs(event["time"] - time.time()), 60)
            event = other.note("event", kind="process.started")
            self.assertEqual((event["process"], event["argv"]), (run["process"], ["sh", "-c", "exit 7"]))
            self.assertEqual(other.note("event", kind="process.exited")["exit"], {"code": 7})
            self.assertEqual(other.note("event", kind="sandbox.destroyed")["sandbox"], made["sandbox"])

    def test_filters(self):
        first, second = self.c.call("sandbox.create"), self.c.call("sandbox.create")
        with self.daemon.client() as other:
            other.call("events.subscribe", sandbox=second["sandbox"], kinds=["process.exited"])
            self.c.run("true", sandbox=first["sandbox"])
            self.c.run("sh", "-c", "exit 9", sandbox=second["sandbox"])
            message = other.read()["params"]
            self.assertEqual((message["kind"], message["sandbox"], message["exit"]),
                             ("process.exited", second["sandbox"], {"code": 9}))
        self.fails("not_found", "events.subscribe", "/sandbox", sandbox="sb-none")
        self.fails("invalid_params", "events.subscribe", "/kinds/1", kinds=["denied", "nothing"])

    def test_too_many(self):
        for _ in range(64):
            self.c.call("events.subscribe", kinds=[])
        self.fails("limit_exceeded", "events.subscribe")

    def test_deaf_listener_is_dropped(self):
        deaf = self.daemon.client()
        self.addCleanup(deaf.close)
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.call("events.subscribe", kinds=["process.started"])
        connections = self.c.call("leash.info")["connections"]
        sandbox = self.c.call("sandbox.create")["sandbox"]
        argument = "x" * 100000
        for _ in range(120):
            self.c.run("true", argument, sandbox=sandbox)
        wait_until(lambda: self.c.call("leash.info")["connections"] < connections, what="dropped")
        self.small()


if __name__ == "__main__":
    leash.main()
