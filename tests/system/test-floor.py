#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The administrator's file: what it forbids is refused and named, what it allows goes on, and a reload takes effect
without touching what runs. In a mount namespace of its own, so that the machine's /etc stays as it is.

usage: test-floor.py BUILD
"""
import json
import os
import signal
import subprocess
import sys
import tempfile

from system import PATIENCE, SKIP, System, Tap, User, scratch, wait_for

CONFIG = "/etc/leash/leashd.json"
FLOOR = {
    "floor": {
        "levels": ["strict", "default"],
        "network_modes": ["deny", "allowlist"],
        "hosts": ["*.example.com", "pypi.org:443"],
        "protect": ["protect_credentials"],
        "limits": {"processes": 100, "wall_seconds": 600},
    },
    "users": {"sandboxes": 3, "connections": 6, "requests": 5, "buffer_bytes": 4 << 20},
}
# options, the row of the file that stands in the way (None: allowed)
CASES = [
    ((), None),
    (("--level", "strict"), None),
    (("--level", "permissive"), "levels"),
    (("--net", "allow"), "network_modes"),
    (("--allow-host", "pypi.org:443"), None),
    (("--allow-host", "a.b.example.com"), None),
    (("--allow-host", "*.b.example.com"), None),
    (("--allow-host", "pypi.org"), "hosts"),
    (("--allow-host", "example.com"), "hosts"),
    (("--allow-host", "*.org"), "hosts"),
    (("--allow-host", "evil.net"), "hosts"),
    (("--no-protect", "credentials"), "protect"),
    (("--no-protect", "history"), None),
    (("--processes", "50"), None),
    (("--processes", "200"), "limits/processes"),
]
BASE = ("--processes", "90", "--timeout", "60s")


def write(config):
    with open(CONFIG + ".new", "w", encoding="ascii") as f:
        json.dump(config, f)
    os.rename(CONFIG + ".new", CONFIG)


def reload(w):
    """What is handed to a session after that comes after what it is told of the file."""
    before = w.log().count("told to reload")
    w.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: w.log().count("told to reload") > before, PATIENCE)


def check_config(w, text):
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=w.base) as f:
        f.write(text)
        f.flush()
        return subprocess.run([os.path.join(w.bin, "leashd"), f"--check-config={f.name}"], capture_output=True, text=True,
                              timeout=PATIENCE)


def documents(t, w):
    r = check_config(w, json.dumps(FLOOR))
    t.ok(r.returncode == 0 and "can be used" in r.stdout, "--check-config: a good one", r.stdout + r.stderr)
    for text, what in (('{"floor": {"levels": ["none"]}}', "/floor/levels/0"), ('{"flor": {}}', "/flor"), ("{", ""),
                       ('{"floor": {"hosts": ["a b"]}}', "/floor/hosts/0"), ('{"users": {"sandboxes": 0}}', "/users/sandboxes"),
                       ('{"floor": {"deny": ["relative"]}}', ".json: /floor/deny/0: "),
                       ('{"floor": {"levels": ["stict"]}}', 'it must be one of "strict", "default", "permissive" (did you mean "strict"?)'),
                       ('{"floor": {"levels": []}}', "/floor/levels: is empty"),
                       ('{"floor": {"hosts": ["a.org"], "network_modes": ["allow"]}}', "/floor/network_modes: no policy would be allowed"),
                       ("null", "is null; it must be an object"), ('{\n"audit": "on"\n"users": {}}', "at line 3, byte 1")):
        r = check_config(w, text)
        t.ok(r.returncode == 1 and what in r.stderr, f"--check-config: {text}", r.stdout + r.stderr)


# Runs as the user: speaks lines to the socket, prints what comes.
CLIENT = """
import json, socket, sys
def connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1]); return s
def send(s, number, method, **params):
    s.sendall((json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\\n").encode())
mine = connect(); lines = mine.makefile("r")
send(mine, 1, "sandbox.create"); box = json.loads(lines.readline())["result"]["sandbox"]
"""
CONNECTIONS = CLIENT + """
more = []
for i in range(5): # each says something, so that none waits in the backlog unseen
    more.append(connect()); send(more[-1], 1, "sandbox.list"); more[-1].recv(1)
last = connect(); print(last.recv(4096).decode())
more.pop().close()
import time
for i in range(100): # when its end has been seen
    last = connect(); send(last, 1, "sandbox.list"); said = last.recv(4096).decode()
    if '"result"' in said: break
    last.close(); time.sleep(0.2)
print(said)
"""
REQUESTS = CLIENT + """
for i in range(2, 9): send(mine, i, "process.run", sandbox=box, argv=["sleep", "3"])
answers = [json.loads(lines.readline()) for _ in range(7)]
print(json.dumps([a for a in answers if "error" in a])); print(len([a for a in answers if "result" in a]))
send(mine, 10, "process.run", sandbox=box, argv=["echo", "again"]); print(lines.readline())
"""
BUFFERS = CLIENT + """
for k in range(5): # unless a slow machine runs them one after the other
    for i in range(2, 6): send(mine, i, "process.run", sandbox=box, argv=["head", "-c", "2M", "/dev/zero"], max_output_bytes=3 << 20)
    answers = [json.loads(lines.readline())["result"] for _ in range(4)]
    cut = len([a for a in answers if a["truncated"]])
    if cut: break
print(cut)
send(mine, 10, "process.run", sandbox=box, argv=["head", "-c", "2M", "/dev/zero"], max_output_bytes=3 << 20)
print(json.loads(lines.readline())["result"]["truncated"])
"""


def accounts(t, w, user):
    """What is counted for a user: each refusal names the row and its value, and what is given back can be had again."""
    def run(script):
        p = subprocess.run(["/usr/bin/python3", "-c", script, w.socket], user=user.uid, group=user.gid, extra_groups=[], cwd="/",
                           capture_output=True, text=True, timeout=120)
        return p.stdout.splitlines() + [p.stderr]
    out = run(CONNECTIONS)
    t.ok("too many connections" in out[0] and "6 is the most" in out[0] and "/users/connections" in out[0],
         "one connection too many", out)
    t.ok(any('"result"' in line for line in out[1:]), "another one has gone: it can be had", out)
    out = run(REQUESTS)
    t.ok(out[0].count("/users/requests") == 2 and "5 is the most" in out[0] and out[1] == "5", "two requests too many", out)
    t.ok("again" in out[2], "when they are answered there is room", out)
    out = run(BUFFERS)
    t.ok(int(out[0]) >= 1, "buffers are full: outputs are cut", out)
    t.ok(out[1] == "False", "when they are read there is room", out)


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    if os.environ.get("LEASH_TEST_INSIDE") != "1":
        os.environ["LEASH_TEST_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "slave", sys.executable, *sys.argv])
    os.makedirs("/etc/leash", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "leash-test", "/etc/leash"], check=True)
    t = Tap()
    user = User.other()
    write(FLOOR)
    w = System(os.path.realpath(sys.argv[1]))
    try:
        documents(t, w)
        work = scratch(user, w.base)
        for options, row in CASES:
            r = w.run(user, "run", "-C", work, *options, "--", "true")
            name = " ".join(options) or "nothing asked for"
            if row is None:
                t.ok(r.returncode == 0, f"allowed: {name}", r.stderr)
            else:
                t.ok(r.returncode == 125 and f"/floor/{row} " in r.stderr, f"refused: {name}", r.stderr)
        r = w.run(user, "run", "-C", work, "--", "sh", "-c", "for i in $(seq 150); do sleep 3 & done; wait")
        t.ok("fork" in r.stderr, "a limit that nobody asked for is the administrator's", r.stderr)
        accounts(t, w, user)
        running = [w.popen(user, "run", "--fresh", "--", "sh", "-c", "echo up; read x; echo done", stdin=-1)
                   for _ in range(3)]
        for p in running:
            p.stdout.readline()
        r = w.run(user, "run", "--fresh", "--", "true")
        t.ok(r.returncode == 125 and "and 3 is the most" in r.stderr and "/users/sandboxes" in r.stderr, "a fourth sandbox is refused", r.stderr)
        write({"floor": {"levels": ["strict"], "write": [work], "deny": [os.path.join(work, "hidden")]},
               "users": {"sandboxes": 5}})
        reload(w)
        with open(os.path.join(work, "hidden"), "w", encoding="ascii") as f:
            f.write("x")
        os.chmod(os.path.join(work, "hidden"), 0o644)
        r = w.run(user, "run", "-C", work, "--", "true")
        t.ok(r.returncode == 125 and "/floor/levels" in r.stderr, "after a reload: what it says now", r.stderr)
        r = w.run(user, "run", "-C", work, "--level", "strict", "--", "cat", "hidden")
        t.ok(r.returncode not in (0, 125) and "x" != r.stdout, "its denied paths are denied", r.stdout + r.stderr)
        with open(os.path.join(work, "shown"), "w", encoding="ascii") as f:
            f.write("x")
        r = w.run(user, "run", "-C", work, "--level", "strict", "--", "cat", "shown")
        t.ok(r.stdout == "x", "and the one beside it is not", r.stderr)
        other = scratch(user, w.base)
        r = w.run(user, "run", "-C", other, "--level", "strict", "--", "true")
        t.ok(r.returncode == 125 and "/floor/write" in r.stderr, "another working directory is refused", r.stderr)
        everywhere = os.path.join(other, "made")
        for levels, allowed in ((["permissive"], True), (None, False)):  # the first is the twin
            floor = {"levels": levels} if levels else {"write": [work]}
            write({"floor": floor, "users": {"sandboxes": 5}})
            reload(w)
            r = w.run(user, "run", "-C", work, "--level", "permissive", "--", "touch", everywhere)
            t.ok((r.returncode == 0) == allowed and os.path.exists(everywhere) == allowed and (allowed or "/floor/write" in r.stderr),
                 f"permissive {'writes elsewhere' if allowed else 'is refused where that is the floor'}", r.stderr)
            if allowed:
                os.unlink(everywhere)
        for accept in (["no_cgroup"], []):  # the first is the twin
            write({"floor": {"limits": {"processes": 100}, "accept": accept}, "users": {"sandboxes": 5}})
            reload(w)
            r = w.run(user, "run", "-C", work, "--accept", "no_cgroup", "--", "true")
            t.ok((r.returncode == 0) == bool(accept) and (accept or "/floor/limits/processes" in r.stderr),
                 f"a row is lost only where /floor/accept is {accept}", r.stderr)
            r = w.run(user, "run", "-C", work, "--accept", "no_hardware_filter", "--", "true")
            t.ok(r.returncode == 0, "what touches no row may be accepted", r.stderr)
        write({"floor": {"levels": ["strict"]}, "users": {"sandboxes": 5}})
        reload(w)
        for p in running:
            out, err = p.communicate("\n", timeout=PATIENCE)
            t.ok(out == "done\n", "what ran goes on", err)
        with open(CONFIG, "w", encoding="ascii") as f:
            f.write("{")
        reload(w)
        r = w.run(user, "run", "-C", work, "--", "true")
        t.ok(r.returncode == 125 and "/floor/levels" in r.stderr, "a broken file leaves what held before", r.stderr)
        w.stop()
        w.start()
        r = w.run(user, "run", "--fresh", "--", "true")
        t.ok(r.returncode == 125 and "of no use" in r.stderr, "started with a broken file: nobody gets a sandbox", r.stderr)
        os.chmod(CONFIG, 0o666)
        with open(CONFIG, "w", encoding="ascii") as f:
            f.write("{}")
        reload(w)
        r = w.run(user, "run", "--fresh", "--", "true")
        t.ok(r.returncode == 125 and "of no use" in r.stderr, "nor with one that anybody may write", r.stderr)
        os.unlink(CONFIG)
        reload(w)
        t.ok(w.run(user, "run", "--fresh", "--", "true").returncode == 0, "without a file, everything is as built in")
    finally:
        w.remove()
        user.remove()
    return t.end()


sys.exit(main())
