# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a broken or hostile client sends: a clear answer, a connection that stays usable where it can, and a
daemon that neither blocks nor grows."""
import json
import os
import random
import socket
import time

import leash
from leash import wait_until


class Lines(leash.Case):
    def lines(self, *data):
        for d in data:
            self.c.send(d)

    def refused(self, line, number, code=None):
        self.lines(line + b"\n")
        answer = self.c.read()
        self.assertEqual(answer["error"]["code"], number, answer)
        if code is not None:
            self.assertEqual(answer["id"], code)
        self.usable()

    def usable(self):
        self.assertIn("version", self.c.call("leash.info"))

    def test_not_json(self):
        for line in (b"", b" ", b"hello", b"{", b"}", b"{]", b'{"jsonrpc":"2.0",}', b"nul", b'"\\ud800"',
                     b'{"jsonrpc":"2.0","id":1,"method":"leash.info"}{}', b"\x00", b"'x'", b'{"jsonrpc":"2.0","id":1,"method":"leash.info","params":{"a":NaN}}',
                     b'{"jsonrpc":"2.0","id":%d}' % (1 << 70) + b"x", b'{"params":{"a":%d}}' % (1 << 70),
                     b'{"jsonrpc":"2.0","id":1,"id":2,"method":"leash.info"}'):
            with self.subTest(line=line):
                self.refused(line, -32700)

    def test_not_utf8(self):
        for bad in (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"):
            with self.subTest(bad=bad):
                self.refused(b'{"jsonrpc":"2.0","id":7,"method":"process.run","params":{"argv":["' + bad + b'"]}}',
                             -32700)

    def test_not_a_request(self):
        for line in (b"[]", b"[1]", b'[{"jsonrpc":"2.0","id":1,"method":"leash.info"}]'):
            self.refused(line, -32600)
        self.refused(b'{"id":8,"method":"leash.info"}', -32600, 8)
        self.refused(b'{"jsonrpc":"1.0","id":"a","method":"leash.info"}', -32600, "a")
        self.refused(b'{"jsonrpc":"2.0","id":9,"method":5}', -32600, 9)
        self.refused(b'{"jsonrpc":"2.0","id":10}', -32600, 10)
        self.refused(b'{"jsonrpc":"2.0","id":11,"method":"leash.info","params":[1]}', -32602, 11)
        self.refused(b'{"jsonrpc":"2.0","id":12,"method":"leash.info","params":{"x":1}}', -32602, 12)

    def test_answers_that_nobody_asked_for(self):
        self.lines(b'{"jsonrpc":"2.0","id":1,"result":{}}\n', b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}\n')
        self.usable()

    def test_notifications_are_not_answered(self):
        self.lines(b'{"jsonrpc":"2.0","method":"leash.info"}\n', b'{"jsonrpc":"2.0","method":"no.such"}\n')
        self.usable()  # the next line read is the answer to that call

    def test_ids(self):
        for text in ("-5", '"\\u00e4\\""', "12345678901234567890123", "1.5e300"):
            self.lines(b'{"jsonrpc":"2.0","method":"sandbox.list","id":' + text.encode() + b"}\n")
            self.assertIn('"id":' + text, self.c.read_line().decode())

    def test_deep(self):
        for depth in (33, 100, 100000):
            self.refused(b'{"jsonrpc":"2.0","id":3,"method":"leash.info","params":' + b'{"a":' * depth + b"1" +
                         b"}" * depth + b"}", -32700)
            self.refused(b"[" * depth, -32600)

    def test_byte_by_byte(self):
        for byte in b'{"jsonrpc":"2.0","id":1,"method":"sandbox.list"}\n':
            self.lines(bytes([byte]))
        self.assertEqual(self.c.read()["result"], {"sandboxes": []})

    def test_interleaved(self):
        text = b'{"jsonrpc":"2.0","id":%d,"method":"sandbox.list"}\n'
        for i in range(20):
            data = b"".join(text % n for n in range(10))
            cut = random.Random(i).randrange(1, len(data))
            self.lines(data[:cut])
            time.sleep(0.002)
            self.lines(data[cut:])
            self.assertEqual([self.c.read()["id"] for _ in range(10)], list(range(10)))

    def test_huge_line(self):
        self.lines(b'{"jsonrpc":"2.0","id":1,"method":"process.run","params":{"argv":["')
        try:
            for _ in range(80):
                self.lines(b"x" * 65536)
        except OSError:
            pass
        answer = self.c.read()
        self.assertEqual(answer["error"]["data"]["code"], "limit_exceeded")
        with self.assertRaises((ConnectionResetError, TypeError)):
            self.c.read()["id"]  # the end, and a reset for what it did not take
        self.c = self.daemon.client()
        self.addCleanup(self.c.close)
        self.usable()

    def test_largest_line(self):
        r = self.c.run("wc", "-c", stdin="x" * (4 * 1024 * 1024 - 200))
        self.assertEqual(r["stdout"].strip(), str(4 * 1024 * 1024 - 200))

    def test_truncated(self):
        self.lines(b'{"jsonrpc":"2.0","id":1,"method":"leash.info"')
        self.c.sock.shutdown(socket.SHUT_WR)
        self.assertIsNone(self.c.read())

    def test_large_argv(self):
        self.fails("invalid_params", "process.run", argv=["x"] * 20000)
        self.fails("invalid_params", "process.run", argv=["true"] + ["x" * 300000] * 8)
        self.fails("invalid_params", "process.run", "/argv/1", argv=["true", "a\0b"])


class Descriptors(leash.Case):
    def setUp(self):
        super().setUp()
        self.alone()
        self.before = leash.open_files(self.daemon.session)

    def none_left(self):
        self.c.close()
        wait_until(lambda: leash.open_files(self.daemon.session) < self.before, what="descriptors are closed")

    def test_too_many(self):
        fds = [os.dup(0) for _ in range(40)]
        for fd in fds:
            self.addCleanup(os.close, fd)
        self.c.send(b'{"jsonrpc":"2.0","id":1,"method":"leash.info"}\n', fds)
        self.assertEqual(self.c.read()["error"]["code"], -32600)
        self.assertIsNone(self.c.read())
        self.none_left()

    def test_in_the_middle_of_a_line(self):
        self.c.send(b'{"jsonrpc":"2.0",')
        self.c.taken()  # or both come as one
        self.c.send(b'"id":1,"method":"leash.info"}\n', [0])
        self.assertIn("error", self.c.read())
        self.assertIsNone(self.c.read())
        self.none_left()

    def test_with_a_line_that_never_ends(self):
        self.c.send(b'{"jsonrpc":"2.0",', [0, 0, 0])
        self.c.taken()
        self.none_left()

    def test_with_garbage(self):
        self.c.send(b"garbage\n", [0, 0])
        self.assertEqual(self.c.read()["error"]["code"], -32700)
        self.c.send(b'{"jsonrpc":"2.0","id":1,"result":{}}\n', [0, 0])
        self.c.call("leash.info")
        wait_until(lambda: leash.open_files(self.daemon.session) <= self.before, what="descriptors are closed")


class Silent(leash.Case):
    def test_never_reads_answers(self):
        deaf = self.daemon.client()
        self.addCleanup(deaf.close)
        deaf.sock.setblocking(False)
        line = b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n'
        sent, end = 0, time.monotonic() + leash.PATIENCE
        idle = None
        while time.monotonic() < end:  # until leashd takes no more from it
            try:
                sent += deaf.sock.send(line * 100)
                idle = None
            except BlockingIOError:
                idle = idle or time.monotonic()
                if time.monotonic() - idle > 0.5:
                    break
                time.sleep(0.01)
        self.assertIsNotNone(idle, f"leashd took {sent} bytes without end")
        self.small()
        before = leash.busy(self.daemon.session)
        self.c.call("sandbox.list")  # others do not notice
        self.assertLess(leash.busy(self.daemon.session) - before, 1)
        # It comes back to its senses: everything that was taken is answered.
        deaf.sock.setblocking(True)
        deaf.sock.settimeout(leash.PATIENCE)
        for _ in range(sent // len(line)):
            self.assertIn(b'"result"', deaf.read_line())

    def test_vanishes_while_it_is_paused(self):
        deaf = self.daemon.client()
        deaf.call("sandbox.list")  # so that it is counted
        deaf.sock.setblocking(False)
        connections = self.c.call("leash.info")["connections"]
        try:
            for _ in range(300):
                deaf.sock.send(b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n' * 10)
        except BlockingIOError:
            pass
        time.sleep(0.3)
        deaf.close()
        wait_until(lambda: self.c.call("leash.info")["connections"] < connections, what="noticed")

    def test_too_many_requests(self):
        p = self.c.call("process.start", argv=["sleep", "1000"])
        ids = [self.c.request("process.wait", process=p["process"]) for _ in range(1100)]
        codes = []
        for number in ids[1024:]:
            with self.assertRaises(leash.RpcError) as caught:
                self.c.answer(number)
            codes.append(caught.exception.code)
        self.assertEqual(set(codes), {"limit_exceeded"})
        # Now even this is one too many; another connection can end it.
        with self.daemon.client() as other:
            other.call("process.signal", process=p["process"], signal="KILL")
        for number in ids[:1024]:
            self.assertEqual(self.c.answer(number)["exit"], {"signal": 9})

    def test_too_many_connections(self):
        many = []
        self.alone()
        try:
            for _ in range(520):
                many.append(self.daemon.client())
            refused = 0
            for c in many:
                c.send(b'{"jsonrpc":"2.0","id":1,"method":"sandbox.list"}\n')
            for c in many:
                try:
                    refused += "error" in c.read()
                except (ConnectionError, TypeError):
                    refused += 1
            self.assertEqual(refused, 520 - 511)  # self.c is one of 512
        finally:
            for c in many:
                c.close()
        wait_until(lambda: self.c.call("leash.info")["connections"] == 1, what="all closed")

    def test_a_crowd_leaves_nothing(self):
        self.c.run("true")
        before, fds = leash.resident(self.daemon.session), leash.open_files(self.daemon.session)
        made = [self.c.answer(n) for n in [self.c.request("sandbox.create") for _ in range(500)]]
        for n in [self.c.request("sandbox.destroy", sandbox=m["sandbox"]) for m in made]:
            self.c.answer(n)
        self.assertEqual([m for m in made if os.path.exists(m["workdir"])], [])
        wait_until(lambda: leash.open_files(self.daemon.session) <= fds, what="descriptors are closed")
        self.shrinks(before + (2 << 20))

    def test_does_not_grow(self):
        sandbox = self.c.call("sandbox.create")["sandbox"]

        def work():
            for _ in range(60):
                self.c.run("true", sandbox=sandbox)
                self.c.run("true")
                self.c.error("process.run", argv=["no-such-program"])
                self.c.call("policy.explain")
                with self.daemon.client() as other:
                    other.call("events.subscribe")
                    other.call("sandbox.create")
        work()
        self.alone()
        fds, rss = leash.open_files(self.daemon.session), leash.resident(self.daemon.session)
        for _ in range(3):
            work()
        wait_until(lambda: leash.open_files(self.daemon.session) <= fds, what="descriptors are closed")
        self.shrinks(rss + (1 << 20))


class Fields(leash.Case):
    """Each field of each method wrong in type, by what rpc.discover says about it."""
    wrong = {
        "string": [5, True, [], {}, None, 1.5], "integer": ["5", True, [], {}, None, 1.5, -1],
        "number": ["5", True, [], {}], "boolean": [0, "true", [], {}, None], "array": [5, "x", {}, True, None],
        "object": [5, "x", [], True],
    }

    def setUp(self):
        super().setUp()
        self.document = self.c.call("rpc.discover")
        self.schemas = self.document["components"]["schemas"]

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def good(self, schema, depth=0):
        """A value that the schema takes, with required members only."""
        schema = self.resolve(schema)
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return self.good(schema[key][0], depth)
        if "enum" in schema:
            return schema["enum"][0]
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            required = schema.get("required", [])
            return {n: self.good(s, depth + 1) for n, s in schema.get("properties", {}).items() if n in required}
        return {"string": "x", "integer": max(schema.get("minimum", 1), 1), "number": 1, "boolean": True,
                "array": []}.get(kind, "x")

    def mistakes(self, schema):
        schema = self.resolve(schema)
        kind = schema.get("type")
        if isinstance(kind, str) and "oneOf" not in schema and "anyOf" not in schema:
            yield from self.wrong.get(kind, [])
        if "enum" in schema:
            yield "no such word"
        if "maximum" in schema:
            yield schema["maximum"] + 1
        if "maxLength" in schema:
            yield "x" * (schema["maxLength"] + 1)

    def places(self, schema, pointer, depth=0):
        """(pointer, path, schema) of every field below."""
        schema = self.resolve(schema)
        for name, below in schema.get("properties", {}).items():
            yield pointer + [name], below
            if depth < 3:
                yield from self.places(below, pointer + [name], depth + 1)

    def test_every_field(self):
        tried = 0
        for method in self.document["methods"]:
            whole = {"type": "object", "properties": {p["name"]: p["schema"] for p in method.get("params", [])},
                     "required": [p["name"] for p in method.get("params", []) if p.get("required")]}
            base = self.good(whole)
            for path, schema in self.places(whole, []):
                for bad in self.mistakes(schema):
                    params = json.loads(json.dumps(base))
                    at = params
                    for name in path[:-1]:
                        at = at.setdefault(name, {})
                    at[path[-1]] = bad
                    e = self.c.error(method["name"], **params)
                    where = "/" + "/".join(path)
                    self.assertEqual(e.code, "invalid_params", f"{method['name']} {params}: {e}")
                    self.assertTrue(e.pointer.startswith(where) or where.startswith(e.pointer + "/"),
                                    f"{method['name']} {params}: {e}")
                    tried += 1
                params = json.loads(json.dumps(base))
                at = params
                for name in path[:-1]:
                    at = at.setdefault(name, {})
                at[path[-1] + "_"] = 1
                e = self.c.error(method["name"], **params)
                self.assertEqual(e.code, "invalid_params", e)
            for name in whole["required"]:
                params = {k: v for k, v in base.items() if k != name}
                e = self.c.error(method["name"], **params)
                self.assertEqual((e.code, e.pointer), ("invalid_params", "/" + name), e)
        self.assertGreater(tried, 500)


if __name__ == "__main__":
    leash.main()
