#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""python.run cold and warm, and python.session.*, in real sandboxes.

    test-run.py BUILD --as root|other
"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from leashtest import PATIENCE, PYTHON, SKIP, Leash, RpcError, Tap, User, base_directory, wait_for  # noqa: E402

BUILD, WHO = sys.argv[1], sys.argv[3]


class World:
    def __init__(self, tap):
        self.tap = tap
        self.base = base_directory("leash-pyrun-")
        self.user = User.caller() if WHO == "root" else User.other()
        if self.user is None or (WHO == "root") != (self.user.uid == 0):
            print("1..0 # SKIP not possible here")
            raise SystemExit(SKIP)
        self.user.own(self.base)
        self.leash = Leash(BUILD, self.user, self.base)
        self.leash.env["XDG_CACHE_HOME"] = os.path.join(self.base, "cache")
        self.work = self.user.own(tempfile.mkdtemp(prefix="w-", dir=self.base))
        self.rpc = self.leash.rpc()
        self.box = self.rpc.call("sandbox.create", {"policy": {"workdir": self.work}})["sandbox"]

    def run(self, **p):
        if "policy" not in p:
            p.setdefault("sandbox", self.box)
        p.setdefault("python", PYTHON)
        return self.rpc.call("python.run", p)

    def fails(self, method, word, **p):
        try:
            return False, self.rpc.call(method, p)
        except RpcError as x:
            return word in str(x), x

    def end(self):
        self.rpc.close()
        self.leash.stop()
        self.user.remove()
        shutil.rmtree(self.base, ignore_errors=True)


def cold(w):
    t = w.tap
    r = w.run(code="import sys; print(sys.argv[1:], sys.stdin.read()); sys.exit(3)", args=["a", "-b"], stdin="in")
    t.ok(r["stdout"] == "['a', '-b'] in\n" and r["exit"] == {"code": 3}, "code, arguments, stdin, exit", r)
    folder = w.user.own(tempfile.mkdtemp(dir=w.base))
    for name, text in (("tool.py", "import beside, sys, os\nprint(beside.X, sys.argv[1], os.getcwd())\n"), ("beside.py", "X = 7\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    # In strict, nothing of the disk is there but the system.
    policy = {"level": "strict", "workdir": w.work}
    r = w.run(script=os.path.join(folder, "tool.py"), args=["x"], policy=policy)
    t.ok(r["stdout"] == f"7 x {w.work}\n", "a script sees its own directory", r)
    r = w.run(code=f"import os; print(os.path.exists({folder!r}))", policy=policy)
    t.ok(r["stdout"] == "False\n", "twin: nobody else does", r)
    r = w.run(module="json.tool", stdin="{}")
    t.ok(r["stdout"].strip() == "{}", "a module", r)
    for name, word, p in (("neither code nor script", "one of code", {}), ("both", "one of code", {"code": "1", "module": "x"}),
                          ("a module like an option", "module's name", {"module": "-c"}),
                          ("too much code", "warm", {"code": "#" * 200000}),
                          ("imports without warm", "only with warm", {"code": "1", "imports": ["os"]}),
                          ("an interpreter like an option", "interpreter", {"code": "1", "python": "-c"}),
                          ("one that is not there", "", {"code": "1", "python": "/nowhere/python"}),
                          ("a script that is not there", "No such file", {"script": "/nowhere.py", "policy": {"workdir": w.work}})):
        p = {"python": PYTHON, **p}
        if "policy" not in p:
            p["sandbox"] = w.box
        t.ok(*(lambda x: (x[0], f"refused: {name}", x[1]))(w.fails("python.run", word, **p)))


def warm(w):
    t = w.tap

    def run(code, **p):
        return w.run(code=code, warm=True, **p)

    r = run("import sys, os; print(sys.argv, sys.stdin.read(), os.getcwd(), __name__)", args=["x"], stdin="in")
    t.ok(r["stdout"] == f"['-c', 'x'] in {w.work} __main__\n", "as a cold one would see it", r)
    first = run("import os; print(os.getppid())")["stdout"]
    t.ok(first == run("import os; print(os.getppid())")["stdout"], "the same interpreter waits")
    t.ok(run("import json; print('json' in dir())", imports=["json"])["stdout"] == "True\n", "with imports")
    run("import json; json.changed = 1; open('left', 'w'); globals()['x'] = 1; import os; os.environ['Y'] = 'y'; os.chdir('/')",
        imports=["json"])
    r = run("import json, os; print(hasattr(json, 'changed'), 'x' in globals(), 'Y' in os.environ, os.getcwd() == '/', os.path.exists('left'))",
            imports=["json"])
    t.ok(r["stdout"] == "False False False False True\n", "a call leaves nothing to the next one, but files", r)
    for code, want in (("raise SystemExit(5)", {"code": 5}), ("raise SystemExit('why')", {"code": 1}), ("1/0", {"code": 1}),
                       ("import os; os._exit(9)", {"code": 9}), ("import os, signal; os.kill(os.getpid(), 15)", {"signal": 15}),
                       ("import sys; sys.exit(None)", {"code": 0}), ("def", {"code": 1})):
        bare = subprocess.run([PYTHON, "-c", code], capture_output=True, check=False)
        r = run(code)
        same = {"code": bare.returncode} if bare.returncode >= 0 else {"signal": -bare.returncode}
        t.ok(r["exit"] == want == same, f"ends as without leash: {code}", (r, bare))
    bare = subprocess.run([PYTHON, "-c", "def f():\n  1/0\nf()"], capture_output=True, text=True, check=False).stderr
    r = run("def f():\n  1/0\nf()")
    t.ok(r["stderr"] == bare, "the same traceback", (r["stderr"], bare))
    r = run("import atexit; atexit.register(print, 'bye'); import threading, time; "
            "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()")
    t.ok(r["stdout"] == "thread\nbye\n", "threads are waited for, exit functions are run", r)
    r = run("import time; time.sleep(100)", timeout_ms=300)
    t.ok(r["reason"] == "timeout" and r["exit"] == {"signal": 9}, "a time limit", r)
    r = run("print('x' * 5000)", max_output_bytes=100)
    t.ok(r["stdout"] == "x" * 100 and r["truncated"], "an output limit", r)
    big = "y = '" + "z" * 1000000 + "'\nprint(len(y))"
    t.ok(run(big)["stdout"] == "1000000\n", "more code than an argument may have")
    numbers = [w.rpc.send("python.run", {"sandbox": w.box, "python": PYTHON, "warm": True,
                                         "code": f"import time; time.sleep(0.2); print({i})"}) for i in range(20)]
    t.ok([w.rpc.wait(n)["stdout"] for n in numbers] == [f"{i}\n" for i in range(20)], "twenty at once")
    values = {run("import random; print(random.random())")["stdout"] for _ in range(3)}
    t.ok(len(values) == 3, "random numbers differ", values)
    ok, x = w.fails("python.run", "No module named 'nosuch'", sandbox=w.box, python=PYTHON, code="1", warm=True, imports=["nosuch"])
    t.ok(ok, "a module that is not there", x)
    ok, x = w.fails("python.run", "goes only with a sandbox", code="1", warm=True)
    t.ok(ok, "warm without a sandbox", x)
    # Hostile calls.
    r = run("import os, signal\nfor n in (15, 9):\n  try: os.kill(os.getppid(), n); print('sent')\n  except OSError as x: print(type(x).__name__)")
    isolated = "PermissionError\nPermissionError\n"
    t.ok(r["stdout"] == isolated, "a call cannot signal the interpreter that waits", r)
    r = run("import os\nbase = '/proc/%d/' % os.getppid()\n"
            "for n in ['mem', 'environ', 'maps'] + ['fd/' + x for x in os.listdir(base + 'fd')]:\n"
            "  for what in (lambda: open(base + n, 'rb').read(1), lambda: n.startswith('fd') and os.readlink(base + n)):\n"
            "    try:\n      if what(): print('read', n)\n    except OSError: pass")
    t.ok(r["stdout"] == "", "nor look into it", r)
    r = run("import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])")
    t.ok(r["stdout"] == "['0', '1', '2']\n", "it has its own streams and nothing else", r)
    r = run("import os, time\nif os.fork() == 0:\n  os.setsid(); time.sleep(1000)\nprint('parent')")
    t.ok(r["stdout"] == "parent\n", "a child that stays behind holds nothing up", r)
    other = w.rpc.call("sandbox.create", {"policy": {"workdir": w.work}})["sandbox"]
    started = os.path.join(w.work, "started")
    n = w.rpc.send("python.run", {"sandbox": other, "python": PYTHON, "warm": True,
                                  "code": "import time; open('started', 'w').close(); time.sleep(1000)"})
    t.ok(wait_for(lambda: os.path.exists(started), PATIENCE), "another sandbox's runs")
    os.unlink(started)
    w.rpc.call("sandbox.destroy", {"sandbox": other})
    r = w.rpc.wait(n)
    t.ok(r["reason"] == "destroyed", "it dies with its sandbox", r)


def sessions(w):
    t = w.tap
    s = w.rpc.call("python.session.start", {"sandbox": w.box, "python": PYTHON, "imports": ["json"]})["session"]

    def cell(code, **p):
        return w.rpc.call("python.session.run", {"session": s, "code": code, **p})

    r = cell("x = 41\nprint('out')\nimport sys; print('err', file=sys.stderr)\nx + 1")
    t.ok(r["result"] == {"text/plain": "42"} and r["stdout"] == "out\n" and r["stderr"] == "err\n" and r["status"] == "ok",
         "a cell: output and the value of the last expression", r)
    t.ok(cell("x")["result"] == {"text/plain": "41"}, "variables stay")
    r = cell("class A:\n  def _repr_html_(self): return '<b>'\n  def _repr_png_(self): return b'abc'\n  def _repr_json_(self): return {'a': 1}\n"
             "  def _repr_svg_(self): 1/0\nA()")
    t.ok({k: v for k, v in r["result"].items() if k != "text/plain"} ==
         {"text/html": "<b>", "image/png": "YWJj", "application/json": '{"a": 1}'}, "rich results", r)
    r = cell("def f():\n  return 1/0\nf()")
    t.ok(r["status"] == "error" and r["error"]["name"] == "ZeroDivisionError" and "return 1/0" in r["error"]["traceback"] and
         "worker" not in r["error"]["traceback"], "an error, with its traceback and the line", r)
    t.ok(cell("def")["error"]["name"] == "SyntaxError", "a cell that is no Python")
    r = cell("import sys; sys.exit(3)")
    t.ok(r["status"] == "error" and r["error"]["name"] == "SystemExit" and cell("x")["result"]["text/plain"] == "41",
         "SystemExit does not end the session", r)
    r = cell("import time; time.sleep(100)", timeout_ms=300)
    t.ok(r["status"] == "timeout" and not r["state_lost"] and cell("x")["result"]["text/plain"] == "41", "a time limit interrupts", r)
    n = w.rpc.send("python.session.run", {"session": s, "code": "try:\n  open('started', 'w').close()\n  time.sleep(1000)\nfinally:\n  print('cleaned up')"})
    wait_for(lambda: os.path.exists(os.path.join(w.work, "started")), PATIENCE)
    ok, x = w.fails("python.session.run", "runs already", session=s, code="1")
    t.ok(ok, "one cell at a time", x)
    w.rpc.call("python.session.interrupt", {"session": s})
    r = w.rpc.wait(n)
    t.ok(r["status"] == "interrupted" and r["stdout"] == "cleaned up\n", "interrupt", r)
    ok, x = w.fails("python.session.interrupt", "no cell runs", session=s)
    t.ok(ok, "nothing to interrupt", x)
    w.rpc.notifications.clear()
    r = cell("for i in range(3):\n  print('ä', i, flush=True); time.sleep(0.05)", stream=True)
    streamed = "".join(m["params"]["data"] for m in w.rpc.notifications if m["method"] == "python.output")
    t.ok(streamed == r["stdout"] == "ä 0\nä 1\nä 2\n", "streamed", (streamed, r))
    r = cell("print('x' * 10000)", max_output_bytes=10)
    t.ok(r["stdout"] == "x" * 10 and r["truncated"], "an output limit", r)
    r = cell("'x' * (3 << 20)")
    t.ok(r["truncated"] and len(r["result"]["text/plain"]) <= 1 << 20, "a result that is too large is cut")
    r = cell("while True:\n  try: time.sleep(100)\n  except KeyboardInterrupt: pass", timeout_ms=200)
    t.ok(r["status"] == "timeout" and r["state_lost"], "a cell that does not heed it loses the state, and says so", r)
    r = cell("x")
    t.ok(r["status"] == "error" and r["error"]["name"] == "NameError" and r["count"] == 1, "the session goes on, anew", r)
    cell("y = 1")
    w.rpc.call("python.session.reset", {"session": s})
    t.ok(cell("y")["error"]["name"] == "NameError", "reset")
    # Hostile cells: whatever they write to the socket of the session.
    for name, code in (("silence", "import os; os._exit(3)"), ("garbage", "os.write(CONTROL, b'\\xff' * 100)"),
                       ("a lie", "os.write(CONTROL, b'\\x02\\0\\0\\0[]')"), ("an endless frame", "os.write(CONTROL, b'\\xff\\xff\\x1f\\0'); time.sleep(100)")):
        bad = w.rpc.call("python.session.start", {"sandbox": w.box, "python": PYTHON})["session"]
        code = ("import os, stat, time\n"
                "CONTROL = [int(n) for n in os.listdir('/proc/self/fd') if n not in '012' and os.path.exists('/proc/self/fd/' + n) "
                "and stat.S_ISSOCK(os.stat('/proc/self/fd/' + n).st_mode)][0]\n") + code
        if name == "an endless frame":
            r = w.rpc.call("python.session.run", {"session": bad, "code": code, "timeout_ms": 300})
            t.ok(r["status"] == "timeout", f"hostile: {name}", r)
            continue
        ok, x = w.fails("python.session.run", "", session=bad, code=code)
        t.ok(ok and x.error["data"]["code"] == "gone", f"hostile: {name}", x)
        ok, x = w.fails("python.session.run", "no Python session", session=bad, code="1")
        t.ok(ok, "it is over then", x)
    t.ok(cell("6 * 7")["result"]["text/plain"] == "42", "the others go on")
    w.rpc.call("python.session.close", {"session": s})
    t.ok(wait_for(lambda: w.fails("python.session.run", "no Python session", session=s, code="1")[0], PATIENCE), "close")
    own = w.rpc.call("python.session.start", {"policy": {}, "python": PYTHON})
    boxes = {b["sandbox"] for b in w.rpc.call("sandbox.list")["sandboxes"]}
    t.ok(own["sandbox"] in boxes, "a sandbox of its own")
    w.rpc.call("python.session.close", {"session": own["session"]})
    t.ok(wait_for(lambda: own["sandbox"] not in {b["sandbox"] for b in w.rpc.call("sandbox.list")["sandboxes"]}, PATIENCE), "which ends with it")
    ok, x = w.fails("python.session.start", "No module named 'nosuch'", sandbox=w.box, python=PYTHON, imports=["nosuch"])
    t.ok(ok, "imports that fail", x)
    ok, x = w.fails("python.session.start", "", sandbox=w.box, python="/bin/false")
    t.ok(ok and x.error["data"]["code"] == "gone", "an interpreter that is none", x)


def denials(w):
    secret = os.path.join(w.work, "secret")
    with open(secret, "w", encoding="utf-8") as f:
        f.write("s")
    w.user.own(secret)
    box = w.rpc.call("sandbox.create", {"policy": {"workdir": w.work, "filesystem": {"deny": ["$WORKDIR/secret"]}}})["sandbox"]
    code = "open('secret').read()"
    seen = [w.rpc.call("python.run", {"sandbox": box, "python": PYTHON, "code": code, **p})["denials"] for p in ({}, {"warm": True})]
    s = w.rpc.call("python.session.start", {"sandbox": box, "python": PYTHON})["session"]
    seen += [w.rpc.call("python.session.run", {"session": s, "code": c})["denials"] for c in (code, "1")]
    w.tap.ok([[d["path"] for d in x] for x in seen] == [[secret], [secret], [secret], []], "what is refused is reported, where it belongs", seen)
    w.rpc.call("sandbox.destroy", {"sandbox": box})
    r = w.run(code=code + "; print('read')", warm=True)
    w.tap.ok(r["stdout"] == "read\n", "twin: without the rule it is read", r)


def main():
    tap = Tap()
    w = World(tap)
    try:
        for part in (cold, warm, sessions, denials):
            try:
                part(w)
            except (AssertionError, RpcError, OSError, KeyError, EOFError) as x:
                tap.ok(False, part.__name__, repr(x))
    finally:
        w.end()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
