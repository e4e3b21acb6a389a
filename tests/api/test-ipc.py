# SPDX-License-Identifier: MIT OR Apache-2.0
"""ipc.register and the calls that follow: by leash-ipc as a command, and over the sandbox's socket."""
import base64
import json
import os
import shutil
import signal
import time

import leash
from leash import wait_until

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "examples")
SEARCH = {
    "name": "web_search", "description": "Searches.\nLong.", "positional": ["query"],
    "params": {"type": "object", "required": ["query"], "additionalProperties": False, "properties": {
        "query": {"type": "string", "minLength": 1, "description": "what for"},
        "max_results": {"type": "integer", "minimum": 1, "maximum": 10},
        "ratio": {"type": "number"}, "safe": {"type": "boolean"},
        "tag": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "more": {"type": "object"}}}}

# A guest that speaks lines, for what leash-ipc would never say. Its script sees `send`, `read`, `ask`.
GUEST = """
import json, os, socket, sys, threading, time
s = socket.socket(socket.AF_UNIX); s.connect(os.environ["LEASH_IPC"]); f = s.makefile("rb")
def send(method, number=None, **params):
    m = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None: m["id"] = number
    s.sendall(json.dumps(m).encode() + b"\\n")
def read():
    line = f.readline()
    return json.loads(line) if line else None
def ask(name, number=1, **arguments):
    send("call", number, name=name, arguments=arguments)
    return read()
"""


class Host(leash.Client):
    """A client that answers: `handlers` by command, each gets the params of ipc.call; None: later."""

    def __init__(self, path):
        super().__init__(path)
        self.handlers, self.calls, self.cancelled, self.input, self.open = {}, [], {}, {}, {}
        self.take_input = True

    def read(self):
        while True:
            message = super().read()
            if message and message.get("method") == "ipc.cancel":
                self.cancelled[message["params"]["call"]] = message["params"]["reason"]
                continue
            if message is None or "id" not in message or "method" not in message:
                return message
            params = message["params"]
            if message["method"] == "ipc.input":
                data = params.get("data", "")
                data = base64.b64decode(data) if params.get("encoding") == "base64" else data.encode()
                self.input.setdefault(params["call"], []).append((data, params.get("eof", False)))
                if self.take_input:
                    self.reply(message["id"], {})
                continue
            self.calls.append(params)
            self.open[params["call"]] = message["id"]
            answer = self.handlers.get(params["command"], self.echo)(params)
            if answer is not None:
                self.finish(params["call"], answer)

    @staticmethod
    def echo(params):
        return {"text": json.dumps(params["arguments"], ensure_ascii=False)}

    def finish(self, call, answer):
        self.reply(self.open.pop(call), answer)

    def reply(self, number, answer):
        kind = "error" if "message" in answer else "result"
        self.send(json.dumps({"jsonrpc": "2.0", "id": number, kind: answer}).encode() + b"\n")

    def until(self, condition, seconds=leash.PATIENCE):
        """Reads on until it is so."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s")
            self.call("leash.info")


class Ipc(leash.Case):
    def setUp(self):
        self.c = Host(self.daemon.path)
        self.addCleanup(self.c.close)
        self.box = self.c.call("sandbox.create", policy={})["sandbox"]

    def register(self, *commands, **more):
        return self.c.call("ipc.register", sandbox=self.box, commands=[
            {"name": c} if isinstance(c, str) else c for c in commands], **more)

    def sh(self, script, **more):
        r = self.c.call("process.run", sandbox=self.box, argv=["sh", "-c", script], **more)
        return r["exit"].get("code", r["exit"]), r["stdout"], r["stderr"]

    def guest(self, script, **more):
        r = self.c.call("process.run", sandbox=self.box, argv=["python3", "-c", GUEST + script], **more)
        self.assertEqual((r["exit"], r["stderr"]), ({"code": 0}, ""))
        return [json.loads(line) for line in r["stdout"].splitlines()]

    def start(self, *argv, **more):
        return self.c.call("process.start", sandbox=self.box, argv=list(argv), **more)["process"]

    def quick(self, client):
        """How long the session works before this client has its answer."""
        session = self.daemon.session
        before = leash.busy(session)
        client.call("leash.info")
        took = leash.busy(session) - before
        if not leash.SLOW:
            self.assertLess(took, 1)


class Register(Ipc):
    def refused(self, code, pointer, *commands, words=""):
        e = self.fails(code, "ipc.register", sandbox=self.box, commands=[
            {"name": c} if isinstance(c, str) else c for c in commands])
        self.assertEqual(e.pointer, pointer)
        self.assertIn(words, e.message)

    def test_where_they_are(self):
        where = self.register("one", "two")
        code, out, _ = self.sh("echo $LEASH_IPC; command -v one; ls $(dirname $(command -v one)); leash-ipc --list")
        self.assertEqual(code, 0)
        self.assertEqual(out.split(), [where["socket"], where["directory"] + "/one", "leash-ipc", "one", "two",
                                       *sorted(["one", "two"], reverse=True)])

    def test_names(self):
        for name in ("", "-x", "1x", "a/b", "../x", "a b", "a.b", "é", "x" * 65, "_x"):
            self.refused("invalid_params", "/commands/0/name", name)
        self.refused("invalid_params", "/commands/0/name", "leash-ipc", words="leash's own")
        self.refused("invalid_params", "/commands/1/name", "fine", "cd", words="shell")
        self.refused("invalid_params", "/commands/0/name", "ls", words="shadow")
        self.assertEqual(self.sh("command -v fine")[0], 127)  # all or none
        self.register({"name": "ls", "shadow": True}, "x" * 64, "a-b_C9")
        self.assertEqual(self.sh("ls /x y; a-b_C9"), (0, '{"args": ["/x", "y"]}\n{"args": []}\n', ""))

    def test_twice(self):
        self.register("one")
        self.refused("invalid_params", "/commands/0/name", "one", words="already")
        self.refused("invalid_params", "/commands/1/name", "two", "two", words="already")
        self.register("two")

    def test_another_connection(self):
        self.register("one")
        with self.daemon.client() as other:
            for method, more in (("ipc.register", {"commands": [{"name": "one"}]}),
                                 ("ipc.register", {"commands": [{"name": "evil"}]}),
                                 ("ipc.unregister", {"names": ["one"]})):
                e = other.error(method, sandbox=self.box, **more)
                self.assertEqual((e.code, e.pointer), ("refused", "/sandbox"))
        self.assertEqual(self.sh("one")[:2], (0, '{"args": []}\n'))
        self.fails("not_found", "ipc.register", "/sandbox", sandbox="sb-none", commands=[])

    def test_schemas(self):
        def spec(params, **more):
            return {"name": "x", "params": params, **more}
        for pointer, words, command in (
                ("/params/type", "object", spec({})),
                ("/params/type", "object", spec({"type": "string"})),
                ("/params/type", "must be null, boolean", spec({"type": "text"})),
                ("/params/properties/a/pattern", "cannot check", spec({"type": "object", "properties": {"a": {"pattern": "^a"}}})),
                ("/params/properties/a/$ref", "lead", spec({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}})),
                ("/params/properties/a/$ref", "lead", spec({"type": "object", "properties": {"a": {"$ref": "http://x/"}}})),
                ("/params/properties/a/$ref", "lead", spec({"type": "object", "default": {"x": 1},
                                                           "properties": {"a": {"$ref": "#/default/x"}}})),
                ("/params/required", "names", spec({"type": "object", "required": [1]})),
                ("/params/properties/a/minimum", "number", spec({"type": "object", "properties": {"a": {"minimum": "1"}}})),
                ("/params/properties/a/multipleOf", "above 0", spec({"type": "object", "properties": {"a": {"multipleOf": 0}}})),
                ("/params/anyOf", "list of schemas", spec({"type": "object", "anyOf": []})),
                ("/positional/0", "properties", spec({"type": "object"}, positional=["q"])),
                ("/positional/1", "twice", {"name": "x", "positional": ["q", "q"]}),
                ("/stdin", "properties", spec({"type": "object"}, stdin="text")),
                ("/stream_stdin", "together", {"name": "x", "stdin": "text", "stream_stdin": True})):
            self.refused("invalid_params", "/commands/0" + pointer, command, words=words)
        self.refused("invalid_params", "/commands/0/nmae", {"name": "x", "nmae": 1})

    def test_many(self):
        self.register(*(f"cmd{i}" for i in range(256)))
        self.refused("limit_exceeded", "/commands/0", "one-more")
        self.assertEqual(self.sh("leash-ipc --list | wc -l; cmd255 x"), (0, '256\n{"args": ["x"]}\n', ""))

    def test_later_and_away(self):
        p = self.start("sh", "-c", "while ! one 2>/dev/null; do sleep 0.02; done", stdio={"stdout": "pipe"})
        time.sleep(0.1)
        self.register("one")
        self.assertEqual(self.c.note("process.output", process=p)["data"], '{"args": []}\n')
        self.c.call("ipc.unregister", sandbox=self.box, names=["one"])
        self.assertEqual(self.sh("command -v one; leash-ipc one"),
                         (127, "", "one: there is no command one; leash-ipc --list shows those there are\n"))
        self.fails("invalid_params", "ipc.unregister", "/names/0", sandbox=self.box, names=["one"])
        self.register("one")

    def test_none(self):
        where = "/dev/leash/bin" if leash.BACKEND == "linux" else "no"
        code, out, _ = self.sh(f"ls {where}; command -v leash-ipc")
        self.assertEqual((code, out), (127, ""))

    def test_path(self):
        """A PATH of the policy's or the command's own still begins with the commands."""
        self.register("one")
        r = self.c.call("process.run", sandbox=self.box, argv=["sh", "-c", "one"], environment={"PATH": "/usr/bin:/bin"})
        self.assertEqual(r["exit"], {"code": 0})
        box = self.c.call("sandbox.create", policy={"environment": {"set": {"PATH": "/usr/bin:/bin"}}})["sandbox"]
        self.c.call("ipc.register", sandbox=box, commands=[{"name": "one"}])
        r = self.c.call("process.run", sandbox=box, argv=["sh", "-c", "one; echo $PATH"])
        self.assertRegex(r["stdout"], r'^{"args": \[\]}\n/.*/bin:/usr/bin:/bin\n$')


class Call(Ipc):
    def test_words(self):
        self.register(SEARCH)
        for line, want in (
                ("'rust async'", {"query": "rust async"}),
                ("--query=x=y --max_results 3", {"query": "x=y", "max_results": 3}),
                ("x --max-results=3 --ratio -0.5 --safe", {"query": "x", "max_results": 3, "ratio": -0.5, "safe": True}),
                ("--no-safe -- --odd", {"safe": False, "query": "--odd"}),
                ("-- --help", {"query": "--help"}),
                ("--tag a x --tag=[b", {"tag": ["a", "[b"], "query": "x"}),
                ("-5", {"query": "-5"}),
                ("x --more '{\"a\": [1]}'", {"query": "x", "more": {"a": [1]}})):
            self.assertEqual((line, *self.sh("web_search " + line)), (line, 0, json.dumps(want) + "\n", ""))
        for line, words in (
                ("", "query: is missing"), ("''", "query: must have at least 1"),
                ("x --max_results 11", "max_results: must be at most 10, not 11"),
                ("x --max_results five", 'max_results: must be of type "integer", not "five"'),
                ("x y", "one operand too many"), ("x --max-result 1", "did you mean --max_results"),
                ("x --query y", "given twice"), ("x --max_results", "needs a value"), ("-x", "write -- before"),
                ("x --tag a --tag b --tag c --tag d", "tag: must have at most 3 items"),
                ("x --more 5", 'must be of type "object"')):
            code, out, err = self.sh("web_search " + line)
            self.assertEqual((code, out), (2, ""), line)
            self.assertIn(words, err)
            self.assertIn("usage: web_search [--max_results N]", err)
        self.assertEqual(len(self.c.calls), 8)  # the host saw the good ones only

    def test_help(self):
        self.register(SEARCH, {"name": "raw", "description": "Raw."})
        for line in ("web_search --help", "web_search x -h", "leash-ipc web_search --help"):
            code, out, err = self.sh(line)
            self.assertEqual((code, err), (0, ""))
            self.assertIn("usage: web_search [--max_results N] [--ratio NUMBER] [--safe] [--tag TEXT]...", out)
            self.assertIn("Searches.\nLong.", out)
            self.assertIn("  QUERY, --query TEXT\n        what for", out)
        self.assertEqual(self.sh("raw --help")[1], "usage: raw [ARG...]\n\nRaw.\n")
        self.assertEqual(self.sh("raw x --help")[1], '{"args": ["x", "--help"]}\n')
        self.assertEqual(self.sh("leash-ipc --list")[1], "raw\tRaw.\nweb_search\tSearches.\n")
        self.assertEqual(self.sh("leash-ipc")[0], 2)
        self.assertEqual(self.sh("leash-ipc --nonsense")[0], 2)
        self.assertEqual(len(self.c.calls), 1)

    def test_stdin_parameter(self):
        text = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}, "n": {"type": "integer"}}}
        self.register({"name": "summarize", "stdin": "text", "positional": ["n"], "params": text},
                      {"name": "maybe", "stdin": "text"},
                      {"name": "bytes", "stdin": "data", "params": {"type": "object", "properties": {
                          "data": {"type": "string", "contentEncoding": "base64"}}}})
        self.assertEqual(self.sh("printf 'a\\n\\n' | summarize 3")[1], '{"n": 3, "text": "a\\n\\n"}\n')
        self.assertEqual(self.sh("summarize --text x < /dev/zero")[1], '{"text": "x"}\n')  # not read
        self.assertEqual(self.sh("summarize < /dev/null")[1], '{"text": ""}\n')
        self.assertEqual(self.sh("maybe < /dev/null")[1], "{}\n")
        self.assertEqual(self.sh("printf 'a\\0\\377' | bytes")[1], '{"data": "YQD/"}\n')
        for sequence in ("\\0", "\\377"):
            code, _, err = self.sh(f"printf 'a{sequence}' | maybe")
            self.assertEqual(code, 2)
            self.assertIn("text: standard input is not UTF-8 text", err)
        # none of the old limits
        self.c.handlers["summarize"] = lambda p: {"text": str(len(p["arguments"]["text"]))}
        self.assertEqual(self.sh("head -c 16777216 /dev/zero | tr '\\0' x | summarize")[:2], (0, "16777216\n"))
        code, _, err = self.sh("head -c 16777217 /dev/zero | tr '\\0' x | summarize")
        self.assertEqual(code, 125)
        self.assertIn("larger than 16 MiB", err)

    def test_stdin_is_left_alone(self):
        """Where a command does not want it, a loop's input stays the loop's, and nothing waits for it."""
        self.register("one", {"name": "s", "stream_stdin": True})
        self.assertEqual(self.sh("printf 'a\\nb\\n' | while read x; do one $x; done")[1], '{"args": ["a"]}\n{"args": ["b"]}\n')
        p = self.start("sh", "-c", "one; s; one x >&2", stdio={"stdin": "pipe", "stdout": "pipe"})
        self.assertEqual(self.c.note("process.exited", process=p)["exit"], {"code": 0})
        self.assertEqual(len(self.c.calls), 5)

    def test_stream(self):
        """Input goes to the client as it comes, output comes back before the answer."""
        self.register({"name": "up", "stream_stdin": True})
        self.c.handlers["up"] = lambda p: None
        p = self.start("up", stdio={"stdin": "pipe", "stdout": "pipe", "stderr": "pipe"})
        self.c.until(lambda: self.c.calls)
        call = self.c.calls[0]["call"]
        self.assertTrue(self.c.calls[0]["stream_stdin"])
        self.c.call("process.write", process=p, data="one")
        self.c.until(lambda: self.c.input.get(call))
        self.c.call("ipc.output", call=call, data="ONE")
        self.assertEqual(self.c.note("process.output", process=p)["data"], "ONE")
        self.c.call("process.write", process=p, data=base64.b64encode(b"\0\xff").decode(), encoding="base64", eof=True)
        self.c.until(lambda: self.c.input[call][-1][1])
        self.assertEqual(b"".join(d for d, _ in self.c.input[call]), b"one\0\xff")
        self.c.call("ipc.output", call=call, stream="stderr", data="/wA=", encoding="base64")
        note = self.c.note("process.output", process=p, stream="stderr")
        self.assertEqual(base64.b64decode(note["data"]), b"\xff\0")
        self.c.finish(call, {"exit_code": 9})
        self.assertEqual(self.c.note("process.exited", process=p)["exit"], {"code": 9})
        self.fails("not_found", "ipc.output", call=call, data="x")

    def test_answers(self):
        for name, answer, want in (
                ("text", {"text": "a"}, (0, "a\n", "")), ("lf", {"text": "a\n"}, (0, "a\n", "")),
                ("none", {}, (0, "", "")), ("json", {"json": {"a": [1, "\u20ac\n"]}}, (0, '{"a":[1,"\u20ac\\n"]}\n', "")),
                ("code", {"text": "x", "exit_code": 255}, (255, "x\n", "")),
                ("error", {"code": 1, "message": "no such thing"}, (1, "", "error: no such thing\n")),
                ("odd", {"code": -32601, "message": "\u20ac \U0001f600\"\\"}, (1, "", "odd: \u20ac \U0001f600\"\\\n")),
                ("wrong", {"nonsense": 1}, (125, "", None)), ("worse", {"exit_code": 256}, (125, "", None))):
            self.register(name)
            self.c.handlers[name] = lambda p, answer=answer: answer
            code, out, err = self.sh(name)
            self.assertEqual((name, code, out), (name, *want[:2]))
            if want[2] is not None:
                self.assertEqual(err, want[2])
        self.register("bytes")
        self.c.handlers["bytes"] = lambda p: {"text": "AP8=", "encoding": "base64"}
        self.assertEqual(self.sh("bytes | od -An -tx1")[1].split(), ["00", "ff"])

    def test_huge_arguments(self):
        self.register("one", SEARCH)
        self.c.handlers["one"] = lambda p: {"text": str([len(x) for x in p["arguments"]["args"]])}
        self.assertEqual(self.sh("one $(head -c 100000 /dev/zero | tr '\\0' x) $(seq 20000 | tr '\\n' ,)")[1],
                         "[100000, 108894]\n")
        code, _, err = self.sh("web_search --more \"[$(head -c 60000 /dev/zero | tr '\\0' '[')\"")
        self.assertEqual(code, 2, err)
        self.assertEqual(self.sh("one $(printf '\\377')")[0], 2)

    def test_who_calls(self):
        self.register("one")
        p = self.start("sh", "-c", "echo $$; (exec sleep 1000 & exec sh -c one)", stdio={"stdout": "pipe"})
        q = self.start("sleep", "1000")
        self.c.until(lambda: self.c.calls)
        who = self.c.calls[0]["process"]
        self.assertEqual((who["name"], who["process"]), ("one", p))
        self.assertGreater(who["pid"], 1)
        self.c.call("process.signal", process=q, signal="KILL")

    def test_many_at_once(self):
        self.register("one")
        waiting = []
        self.c.handlers["one"] = lambda p: waiting.append(p) or None
        p = self.start("sh", "-c", "for i in $(seq 40); do one $i & done; wait", stdio={"stdout": "pipe"})
        self.c.until(lambda: len(waiting) == 40)
        for params in reversed(waiting):
            self.c.finish(params["call"], Host.echo(params))
        out = ""
        while out.count("\n") < 40:
            out += self.c.note("process.output", process=p)["data"]
        self.assertEqual(sorted(json.loads(line)["args"][0] for line in out.splitlines()), sorted(map(str, range(1, 41))))

    def test_ten_thousand(self):
        self.register("one")
        start = time.monotonic()
        out = self.guest("""
n = 0
for i in range(10000):
    n += ask("one", i, args=[str(i)])["result"]["text"] == '{"args": ["%d"]}' % i
print(n)
""")
        self.assertEqual(out, [10000])
        print(f"10,000 calls to Python and back: {time.monotonic() - start:.2f} s")
        self.small()

    def test_examples(self):
        self.register({"name": "weather", "positional": ["city"], "params": {
            "type": "object", "required": ["city"], "additionalProperties": False,
            "properties": {"city": {"type": "string"}}}})
        self.c.handlers["weather"] = lambda p: {"json": {"degrees": 7}}
        for program, name in (("python3", "guest.py"), ("node", "guest.js")):
            if not shutil.which(program):
                self.assertFalse(os.environ.get("LEASH_MUST_WORK"), f"{program} is missing")
                print(f"# {program} is not installed: {name} is not run")
                continue
            with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
                text = f.read()
            flag = "-c" if program == "python3" else "-e"
            r = self.c.call("process.run", sandbox=self.box, argv=[program, flag, text])
            self.assertEqual(r["stdout"].splitlines()[0], "7", r["stderr"])
            self.assertIn(r["stdout"].splitlines()[1], ("city: is missing", "town: is not a known parameter"))


class Life(Ipc):
    def slow(self, *more):
        self.register({"name": "slow", "stream_stdin": True, "timeout_ms": 60000}, *more)
        self.c.handlers["slow"] = lambda p: None

    def test_caller_killed(self):
        self.slow()
        p = self.start("slow")
        self.c.until(lambda: self.c.calls)
        self.c.call("process.signal", process=p, signal="KILL")
        self.c.until(lambda: self.c.cancelled)
        call = self.c.calls[0]["call"]
        self.assertEqual(self.c.cancelled, {call: "caller_gone"})
        self.c.finish(call, {"text": "too late"})
        self.fails("not_found", "ipc.output", call=call, data="x")
        self.assertEqual(self.sh("leash-ipc --list")[0], 0)

    def test_sandbox_destroyed(self):
        self.slow()
        self.start("slow")
        self.c.until(lambda: self.c.calls)
        self.c.call("sandbox.destroy", sandbox=self.box)
        self.c.until(lambda: self.c.cancelled)
        self.assertEqual(list(self.c.cancelled.values()), ["sandbox_gone"])

    def test_timeout(self):
        self.register({"name": "never", "timeout_ms": 200})
        self.c.handlers["never"] = lambda p: None
        self.assertEqual(self.sh("never"), (124, "", "never: there was no answer in time\n"))
        self.c.until(lambda: self.c.cancelled)
        self.assertEqual(list(self.c.cancelled.values()), ["timeout"])

    def test_client_dies(self):
        """A detached sandbox outlives its client; its calls do not."""
        host = Host(self.daemon.path)
        box = host.call("sandbox.create", policy={}, lifetime="detached")["sandbox"]
        host.call("ipc.register", sandbox=box, commands=[{"name": "one"}])
        host.handlers["one"] = lambda p: None
        host.call("process.start", sandbox=box, argv=["sh", "-c", "one 2>said; echo $? >>said"])
        host.until(lambda: host.calls)
        host.close()
        def said():
            r = self.c.call("process.run", sandbox=box, argv=["cat", "said"])
            return r["stdout"].count("\n") == 2 and r["stdout"]
        self.assertEqual(wait_until(said), "one: the program that offers this command has gone\n125\n")
        r = self.c.call("process.run", sandbox=box, argv=["sh", "-c", "one; leash-ipc --list"])
        self.assertEqual((r["exit"], r["stdout"]), ({"code": 0}, "one\n"))
        self.assertIn("has gone", r["stderr"])
        self.c.call("sandbox.destroy", sandbox=box)

    def test_guest_cancels(self):
        self.slow()
        out = self.guest("""
send("call", "a", name="slow", no_stdin=True)
time.sleep(0.1); send("cancel", 7, id="a"); print(json.dumps([read(), read()]))
send("cancel", 8, id="a"); print(json.dumps(read()))
""")
        (gone, done), none = out
        self.assertEqual((gone["id"], gone["error"]["data"]["code"], done["id"], done["result"]), ("a", "gone", 7, {}))
        self.assertEqual(none["error"]["data"]["code"], "not_found")
        self.c.until(lambda: self.c.cancelled)

    def test_slow_reader(self):
        """Who does not read stops the output of its call, and nothing else."""
        self.slow("one")
        p = self.start("sh", "-c", "slow | { while ! test -e go; do sleep 0.1; done; wc -c; }", stdio={"stdout": "pipe"})
        self.c.until(lambda: self.c.calls)
        call = self.c.calls[0]["call"]
        chunk, sent, pending = "x" * 65536, 0, []
        while sent < 64:
            pending.append(self.c.request("ipc.output", call=call, data=chunk))
            sent += 1
        self.assertEqual(self.sh("one")[0], 0)
        blocked = [n for n in pending if n not in self.c.answers]
        self.assertTrue(blocked, "all of 4 MiB was taken at once")
        self.small()
        self.sh("touch go")
        for n in pending:
            self.c.answer(n)
        self.c.finish(call, {})
        self.assertEqual(self.c.note("process.output", process=p)["data"].strip(), str(64 * 65536))

    def test_slow_taker(self):
        """A client that does not take input is not sent more."""
        self.slow()
        self.c.take_input = False
        self.start("sh", "-c", "exec slow < /dev/zero")
        self.c.until(lambda: self.c.input)
        time.sleep(0.2)
        self.c.call("leash.info")
        self.assertEqual(sum(map(len, self.c.input.values())), 1)
        self.small()

    def test_client_that_does_not_read(self):
        """Calls wait in the guest, the session stays small, others are served, the connection lives."""
        self.register({"name": "one"})
        self.start("python3", "-c", GUEST + """
threading.Thread(target=lambda: [read() for _ in range(10**9)], daemon=True).start()
for i in range(10**9):
    send("call", i, name="one", arguments={"args": ["x" * 1000000]})
    if i % 60 == 59: send("cancel", None, id=i)
""")
        time.sleep(1)
        with self.daemon.client() as other:
            self.quick(other)
        self.small(120 << 20)
        self.c.handlers["one"] = lambda p: {}
        self.c.call("sandbox.destroy", sandbox=self.box)

    def test_nothing_is_left(self):
        before = leash.open_files(self.daemon.session)
        for _ in range(3):
            box = self.c.call("sandbox.create", policy={})["sandbox"]
            self.c.call("ipc.register", sandbox=box, commands=[{"name": "one"}])
            self.c.call("process.run", sandbox=box, argv=["one"])
            self.c.call("sandbox.destroy", sandbox=box)
        wait_until(lambda: leash.open_files(self.daemon.session) <= before + 20)


class Hostile(Ipc):
    def code(self, answer):
        return answer["error"]["data"]["code"] if answer and "error" in answer else answer

    def test_lines(self):
        self.register("one", SEARCH)
        out = self.guest("""
def raw(text):
    s.sendall(text + b"\\n"); print(json.dumps(read()))
raw(b"nonsense"); raw(b"{}"); raw(b'[]'); raw(b'\\xff'); raw(b'{"jsonrpc":"2.0","id":1,"method":"evil"}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"one","arguments":{},"argv":[]}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"web_search","arguments":[]}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"web_search","arguments":{"query":"x","y":1}}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"one","arguments":{"args":[1]}}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"one","arguments":{"x":[]}}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"call","params":{"name":"../one"}}')
raw(b'{"jsonrpc":"2.0","method":"call","params":{"name":"one"}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"input","params":{"id":1,"data":"x"}}')
raw(b'{"jsonrpc":"2.0","id":1,"method":"input","params":{"id":[[]],"data":"x"}}')
raw(b"[" * 100000)
s.sendall(b'{"jsonrpc":"2.0","id":1,"result":{}}\\n{"jsonrpc":"2.0","id":"d1","result":{"text":"evil"}}\\n')
print(json.dumps(ask("one", 5, args=["still"])))
""")
        self.assertEqual([self.code(a) for a in out[:-1]], [
            "parse_error", "invalid_request", "invalid_request", "parse_error", "method_not_found", "invalid_params",
            "invalid_params", "invalid_params", "invalid_params", "invalid_params", "invalid_params", "not_found",
            "invalid_request", "not_found", "not_found", "invalid_request"])
        self.assertEqual(out[-1]["result"]["text"], '{"args": ["still"]}')
        self.assertEqual(len(self.c.calls), 1)

    def test_too_long(self):
        self.register("one")
        out = self.guest("""
try: s.sendall(b"x" * (5 << 20))
except OSError: pass
print(json.dumps([read(), read()]))
""")
        self.assertEqual((self.code(out[0][0]), out[0][1]), ("limit_exceeded", None))

    def test_unfinished_lines(self):
        """Many half lines: refused together long before they cost much."""
        self.register("one")
        out = self.guest("""
all, refused = [], 0
for i in range(20):
    t = socket.socket(socket.AF_UNIX); t.connect(os.environ["LEASH_IPC"]); t.settimeout(10)
    try: t.sendall(b"x" * (3 << 20))
    except OSError: refused += 1
    all.append(t)
print(json.dumps(refused > 5))
for t in all: t.close()
for i in range(300):  # until their end has been seen
    last = ask("one", args=[])
    if "result" in last: break
    time.sleep(0.1)
print(json.dumps(last))
""")
        self.assertTrue(out[0])
        self.assertIn("result", out[1])
        self.small(60 << 20)

    def test_many_connections(self):
        """Beyond the limit they wait in connect(2), and get their turn."""
        self.register("one")
        out = self.guest("""
def one(i):
    t = socket.socket(socket.AF_UNIX); t.connect(os.environ["LEASH_IPC"]); g = t.makefile("rb")
    t.sendall(b'{"jsonrpc":"2.0","id":1,"method":"list"}\\n'); got.append(json.loads(g.readline()))
    time.sleep(0.3)
got, threads = [], [threading.Thread(target=one, args=(i,)) for i in range(300)]
for t in threads: t.start()
for t in threads: t.join()
print(len([g for g in got if "result" in g]))
""")
        self.assertEqual(out, [300])

    def test_many_calls(self):
        self.register({"name": "slow"})
        self.c.handlers["slow"] = lambda p: None
        out = self.guest("""
for i in range(70): send("call", i, name="slow", arguments={"args": []})
print(json.dumps([read() for i in range(6)]))
send("call", 3, name="slow", arguments={"args": []}); print(json.dumps(read()))
""")
        self.assertEqual([self.code(a) for a in out[0]], ["limit_exceeded"] * 6)
        self.assertEqual(self.code(out[1]), "limit_exceeded")
        self.c.until(lambda: len(self.c.cancelled) == 64)

    def test_held(self):
        """Calls that keep much and never end are refused before they cost much."""
        self.register({"name": "fed", "stdin": "text"}, {"name": "slow"})
        self.c.handlers["slow"] = lambda p: None
        out = self.guest("""
codes = []
def more(n, **params):
    send("call", n, **params)
    while True:
        a = read()
        if a.get("id") == "x" or "error" in a or "result" in a: break
        if a.get("method") == "read": return codes.append("held")
    codes.append(a["error"]["data"]["code"])
for n in range(30): more(n, name="fed", argv=["--a", "x" * 1500000, "--b", "x" * 1500000])
print(json.dumps(codes))
""")
        self.assertEqual(out[0][:20] + out[0][-5:], ["held"] * 20 + ["limit_exceeded"] * 5)
        self.small(160 << 20)
        self.assertEqual(self.sh("echo a | fed")[1], '{"text": "a\\n"}\n')

    def test_all_calls(self):
        self.register({"name": "slow"})
        self.c.handlers["slow"] = lambda p: None
        out = self.guest("""
n = 0
for k in range(5):
    s = socket.socket(socket.AF_UNIX); s.connect(os.environ["LEASH_IPC"]); f = s.makefile("rb"); globals()[f"keep{k}"] = (s, f)
    for i in range(60): send("call", i, name="slow", arguments={"args": []})
answers = [json.loads(f.readline()) for i in range(44)]
print(json.dumps(sorted({a["error"]["message"] for a in answers})))
""")
        self.assertEqual(out[0], ["256 calls run in this sandbox already"])

    def test_descriptors(self):
        """What a guest sends beside its lines never arrives."""
        self.register("one")
        before = leash.open_files(self.daemon.session)
        out = self.guest("""
import array
fds = array.array("i", [0] * 100)
line = b'{"jsonrpc":"2.0","id":1,"method":"list"}\\n'
for i in range(20): s.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]); read()
print(json.dumps(ask("one", args=[])))
time.sleep(0.2)
""")
        self.assertIn("result", out[0])
        self.assertLess(leash.open_files(self.daemon.session), before + 50)

    def test_costly_values(self):
        """A value that is dear to check is refused, and the others do not notice."""
        self.register({"name": "u", "params": {"type": "object", "properties": {
            "a": {"type": "array", "uniqueItems": True}, "t": {"$ref": "#/$defs/t"}}, "$defs": {
                "t": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/t"}}]}}}})
        p = self.start("python3", "-c", GUEST + """
big = [["x" * 2000, i] for i in range(1500)]
while True: assert "too much" in ask("u", a=big)["error"]["message"]
""")
        with self.daemon.client() as other:
            for _ in range(30):
                self.quick(other)
                time.sleep(0.02)
        self.c.call("process.signal", process=p, signal="KILL")
        nested = "[" * 25 + "]" * 25
        self.assertEqual(self.sh(f"u --t '{nested}'")[0], 0)

    def test_talks_without_end(self):
        self.register("one")
        p = self.start("python3", "-c", GUEST + """
threading.Thread(target=lambda: [read() for _ in range(10**9)], daemon=True).start()
while True: s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"list"}\\n' * 1000)
""")
        time.sleep(0.2)
        with self.daemon.client() as other:
            for _ in range(10):
                self.quick(other)
        self.c.call("process.signal", process=p, signal="KILL")
        self.small()


if __name__ == "__main__":
    leash.main()
