#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""python.* on the null backend: the session's side of it, also under the sanitizers. What a sandbox makes of it is tried
in tests/python."""
import os
import sys
import unittest

import leash

PYTHON = sys.executable


class Python(leash.Case):
    def setUp(self):
        super().setUp()
        self.started = os.path.join(self.daemon.dir, self.id())
        self.stays = f"import time; open({self.started!r}, 'w').close(); time.sleep(1000)"  # nothing is shut in here

    def refused(self, word, method, **params):
        with self.assertRaises(leash.RpcError) as x:
            self.c.call(method, **params)
        self.assertEqual(x.exception.code, word, x.exception)

    def box(self):
        return self.c.call("sandbox.create")["sandbox"]

    def test_run(self):
        box = self.box()
        for warm in (False, True):
            r = self.c.call("python.run", sandbox=box, python=PYTHON, warm=warm, args=["a"], stdin="in",
                            code="import sys; print(sys.argv[1], sys.stdin.read()); sys.exit(3)")
            self.assertEqual((r["stdout"], r["exit"]), ("a in\n", {"code": 3}))
        self.refused("invalid_params", "python.run", sandbox=box)
        self.refused("invalid_params", "python.run", sandbox=box, code="1", module="x")
        self.refused("invalid_params", "python.run", code="1", warm=True)
        self.refused("invalid_params", "python.run", sandbox=box, code="1", warm=True, imports=["a b"])
        self.refused("not_found", "python.run", sandbox="sb-none", code="1")

    def test_warm_many(self):
        box = self.box()
        for i in range(30):  # more kinds of them than may wait at one time
            r = self.c.call("python.run", sandbox=box, python=PYTHON, warm=True, code=f"print({i})", imports=["json"] * (i % 10))
            self.assertEqual(r["stdout"], f"{i}\n")
        ids = [self.c.request("python.run", sandbox=box, python=PYTHON, warm=True, code=f"print({i})") for i in range(30)]
        self.assertEqual([self.c.answer(n)["stdout"] for n in ids], [f"{i}\n" for i in range(30)])

    def test_warm_ends(self):
        box = self.box()
        self.refused("invalid_params", "python.run", sandbox=box, python=PYTHON, warm=True, code="1", imports=["no_such_module"])
        self.refused("gone", "python.run", sandbox=box, python="/bin/false", warm=True, code="1")
        self.refused("exec_not_found", "python.run", sandbox=box, python="/nowhere/python", warm=True, code="1")
        r = self.c.call("python.run", sandbox=box, python=PYTHON, warm=True, code="import time; time.sleep(1000)", timeout_ms=200)
        self.assertEqual(r["reason"], "timeout")
        n = self.c.request("python.run", sandbox=box, python=PYTHON, warm=True, code=self.stays)
        self.inside(self.started)
        self.c.call("sandbox.destroy", sandbox=box)
        self.assertEqual(self.c.answer(n)["reason"], "destroyed")
        other = self.daemon.client()
        box = self.box()
        os.unlink(self.started)
        other.request("python.run", sandbox=box, python=PYTHON, warm=True, code=self.stays)
        self.inside(self.started)
        other.close()
        r = self.c.call("python.run", sandbox=box, python=PYTHON, warm=True, code="print(1)")
        self.assertEqual(r["stdout"], "1\n")

    def test_session(self):
        s = self.c.call("python.session.start", python=PYTHON)["session"]

        def cell(code, **p):
            return self.c.call("python.session.run", session=s, code=code, **p)
        self.assertEqual(cell("x = 41\nx + 1")["result"], {"text/plain": "42"})
        self.assertEqual(cell("print('ä' * 3); x", stream=True)["result"], {"text/plain": "41"})
        self.assertEqual(cell("1/0")["error"]["name"], "ZeroDivisionError")
        r = cell("import time\nwhile True:\n  try: time.sleep(9)\n  except KeyboardInterrupt: pass", timeout_ms=200)
        self.assertTrue(r["state_lost"])
        self.assertEqual(cell("x")["status"], "error")
        self.c.call("python.session.reset", session=s)
        n = self.c.request("python.session.run", session=s, code=self.stays)
        self.inside(self.started)
        self.refused("wrong_state", "python.session.run", session=s, code="1")
        self.c.call("python.session.reset", session=s)
        with self.assertRaises(leash.RpcError):
            self.c.answer(n)
        self.refused("gone", "python.session.run", session=s, code="import os; os._exit(1)")
        self.refused("not_found", "python.session.run", session=s, code="1")
        self.refused("not_found", "python.session.close", session="py-none")

    def test_session_ends_with_its_connection(self):
        other = self.daemon.client()
        s = other.call("python.session.start", python=PYTHON)
        other.request("python.session.run", session=s["session"], code=self.stays)
        self.inside(self.started)
        other.close()
        leash.wait_until(lambda: s["sandbox"] not in [b["sandbox"] for b in self.c.call("sandbox.list")["sandboxes"]])
        self.refused("not_found", "python.session.run", session=s["session"], code="1")

    def test_lies(self):
        """A session's interpreter that says what it likes."""
        find = ("import os, stat\nC = [int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2 and os.path.exists('/proc/self/fd/' + n)"
                " and stat.S_ISSOCK(os.stat('/proc/self/fd/' + n).st_mode)][0]\n")
        for lie in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\0\0\0{", b"\x02\0\0\0[]", b"\x0d\0\0\0{\"status\": 1}", b"\x04\0\0\0null"):
            s = self.c.call("python.session.start", python=PYTHON)["session"]
            self.refused("gone", "python.session.run", session=s, code=find + f"os.write(C, {lie!r}); import time; time.sleep(100)")
        s = self.c.call("python.session.start", python=PYTHON)["session"]
        frame = "import struct, json\ndef say(**k):\n  d = json.dumps(k).encode(); os.write(C, struct.pack('<I', len(d)) + d)\n"
        r = self.c.call("python.session.run", session=s, code=find + frame + "for i in range(1000): say(id=i + 100, status='ok')\n"
                        "say(ready=True); say(failed='x'); say(id=1, exited=True, exit=9)\n1")
        self.assertIn("status", r)


if __name__ == "__main__":
    unittest.main()
