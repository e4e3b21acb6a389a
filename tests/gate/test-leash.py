#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole way: leashctl, leashd, a real sandbox, leash-gate."""
import json
import os
import pty
import select
import signal
import subprocess
import textwrap
import time

import whole
import world
from whole import BARE
from world import BUILD, OTHER4, WEB4, WEB6, Dns, Server, echo, http_server

world.enter()
W = whole.Whole(hosts="93.184.216.34 listed.test\n")
TMP, ENV, WORK, leash, the_gate = W.tmp, W.env, W.work, W.run, W.gate
DNS = Dns({"good.test": [WEB4, WEB6], "evil.test": [OTHER4], "later.test": [WEB4]})
Server(WEB4, 80, http_server())
Server(WEB6, 80, http_server())
Server(WEB4, 7, echo)
EVIL = Server(OTHER4, 80, http_server())
Server("127.0.0.1", 5432, echo)
HIDDEN = Server("127.0.0.1", 9999, echo)


def curl(*argv):
    return ["curl", "-sS", "-m", "30", *argv]


def test_names():
    for before in ([], BARE):
        r = leash("--allow-host", "good.test", argv=before + curl("http://good.test/host"))
        assert r.stdout == b"good.test", r
        r = leash("--allow-host", "good.test", argv=before + curl("-f", "http://evil.test/"))
        assert r.returncode and b"--allow-host evil.test" in r.stderr, r
    r = leash("--allow-host", "good.test", argv=BARE + curl("-6", "http://good.test/host"))
    assert r.stdout == b"good.test", r
    r = leash("--allow-host", "listed.test", argv=curl("http://listed.test/host"))
    assert r.stdout == b"listed.test", r
    assert EVIL.count() == 0 and not [q for q in DNS.asked if q[0] == "evil.test"]


def test_deny():
    for before in ([], BARE):
        assert leash(argv=before + curl("http://good.test/")).returncode
    r = leash(argv=["sh", "-c", "env | grep -i _proxy"])
    assert r.returncode == 1 and not r.stdout, r


def test_allow():
    r = leash("--net", "allow", "--deny-host", "evil.test", argv=curl("http://good.test/host", "http://evil.test/"))
    assert b"good.test" in r.stdout and b"denies it" in r.stdout, r
    script = ("import socket,sys\n"
              "for a,p in (('127.0.0.1',9999),('169.254.169.254',80),('10.0.0.1',80),('::1',9999),('0.0.0.0',9999)):\n"
              "  s=socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET); s.settimeout(3)\n"
              "  try:\n    s.connect((a,p)); s.sendall(b'x'); assert s.recv(1)==b''\n"
              "  except (ConnectionError, TimeoutError): pass\n"
              "  else: pass\n"
              "u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.settimeout(2); u.connect(('93.184.216.34',443))\n"
              "try:\n  u.send(b'x'); u.recv(1); print('BAD')\n"
              "except ConnectionRefusedError: print('quick')\n"
              "except OSError as e: print(e)\n")
    r = leash("--net", "allow", argv=["python3", "-c", script])
    assert b"quick" in r.stdout and not r.returncode, r
    assert HIDDEN.count() == 0


def test_own_loopback():
    script = ("import socket,threading\ns=socket.create_server(('127.0.0.1',8000))\n"
              "threading.Thread(target=lambda: s.accept()[0].sendall(b'mine'),daemon=True).start()\n"
              "print(socket.create_connection(('127.0.0.1',8000)).recv(9))")
    for mode in ("deny", "allow"):
        r = leash("--net", mode, argv=["python3", "-c", script])
        assert b"mine" in r.stdout, r


def test_local_port():
    script = ("import socket\nfor a in ('127.0.0.1','localhost'):\n s=socket.create_connection((a,5432),3); s.sendall(b'hi')"
              "; print(s.recv(9))")
    for mode in ("deny", "allow"):
        r = leash("--net", mode, "--local-port", "5432", argv=["python3", "-c", script])
        assert r.stdout.count(b"hi") == 2, r


def test_json_and_events():
    events = W.events()
    r = leash("--json", "--allow-host", "good.test", argv=["sh", "-c", "curl -s http://good.test/; curl -sf http://evil.test/"])
    denials = json.loads(r.stdout)["denials"]
    assert [d for d in denials if d["kind"] == "host" and d["host"] == "evil.test:80" and d["field"] == "/network/allow"], r
    seen = until_destroyed(events)
    said = [(e["network"]["verdict"], e["network"]["host"], e["network"]["port"]) for e in seen if e["kind"] == "network"]
    assert ("allow", "good.test", 80) in said and ("deny", "evil.test", 80) in said, seen


def until_destroyed(events, box=None):
    """All events up to the end of this sandbox, or of the first one that is made meanwhile."""
    seen = []
    for line in events.stdout:
        seen.append(json.loads(line))
        box = box or (seen[-1]["sandbox"] if seen[-1]["kind"] == "sandbox.created" else None)
        if box and (seen[-1]["kind"], seen[-1]["sandbox"]) == ("sandbox.destroyed", box):
            break
    events.terminate()
    events.communicate()
    return seen


def on_terminal(answer, *argv):
    """leashctl on a terminal of its own; `answer` is typed when it asks. Returns stdout, and what the terminal showed."""
    out_r, out_w = os.pipe()
    pid, fd = pty.fork()
    if pid == 0:
        os.dup2(out_w, 1)
        os.execve(os.path.join(BUILD, "leashctl"),
                  ["leashctl", "run", "-C", WORK, "--net", "ask", "--", *argv], ENV)
    os.close(out_w)
    shown, out, asked = b"", b"", 0
    deadline = time.time() + world.PATIENCE
    fds = [fd, out_r]
    while fds and time.time() < deadline:
        for ready in select.select(fds, [], [], 1)[0]:
            try:
                data = os.read(ready, 4096)
            except OSError:
                data = b""
            if not data:
                fds.remove(ready)
            elif ready == fd:
                shown += data
            else:
                out += data
        if shown.count(b"[n]o: ") > asked:
            asked += 1
            os.write(fd, answer)
    os.kill(pid, signal.SIGKILL) if time.time() >= deadline else None
    os.waitpid(pid, 0)
    os.close(fd)
    os.close(out_r)
    return out, shown


def test_one_refusal_is_one_event():
    """However many commands run: the gate does not know whose connection it was."""
    call = W.call
    box = call("sandbox.create", lifetime="detached",
               policy={"workdir": WORK, "network": {"mode": "allowlist", "allow": ["good.test"]}})["sandbox"]
    other = subprocess.Popen([os.path.join(BUILD, "leashctl"), "run", "--sandbox", box, "sh", "-c", "echo up; sleep 1000"],
                             env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    other.stdout.readline()
    events = W.events()
    r = call("process.run", sandbox=box, argv=curl("http://evil.test/"))
    assert [d["host"] for d in r["denials"]] == ["evil.test:80"], r
    call("sandbox.destroy", sandbox=box)
    other.wait()
    denied = [e for e in until_destroyed(events, box) if e["kind"] == "denied"]
    assert [e["denial"]["host"] for e in denied] == ["evil.test:80"] and "process" not in denied[0], denied


def test_ask():
    out, shown = on_terminal(b"y\n", *curl("http://good.test/host"))
    assert out == b"good.test" and b"allow good.test:80?" in shown, (out, shown)
    out, shown = on_terminal(b"n\n", *curl("http://evil.test/host"))
    assert b"did not allow" in out, (out, shown)
    out, shown = on_terminal(b"a\n", "sh", "-c", "curl -s http://good.test/host; curl -s http://good.test/host")
    assert out == b"good.testgood.test" and shown.count(b"allow good.test") == 1, (out, shown)
    # Who asked has given up: the question goes, and the next one is put.
    out, shown = on_terminal(b"", "sh", "-c", "curl -s -m 3 http://evil.test/host; curl -s -m 3 https://evil.test/; echo done")
    assert out == b"done\n" and shown.count(b"has given up") == 2, (out, shown)
    assert b"allow evil.test:80?" in shown and b"allow evil.test:443?" in shown, shown
    r = leash("--net", "ask", argv=curl("http://good.test/host"))  # nobody to ask, and curl does not wait for ever
    assert b"did not allow" in r.stdout, r
    assert EVIL.count() == 0


def test_gate_dies():
    p = subprocess.Popen([os.path.join(BUILD, "leashctl"), "run", "-C", WORK, "--allow-host", "good.test", "--", "sh", "-c",
                          "curl -sS http://good.test/host; echo; read x; curl -sS http://good.test/host"], env=ENV,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert p.stdout.readline() == b"good.test\n"
    old = the_gate()
    os.kill(old, signal.SIGKILL)
    p.stdin.write(b"\n")
    p.stdin.close()
    assert p.stdout.read() == b"good.test"
    assert p.wait() == 0 and the_gate() not in (None, old)


def test_gate_keeps_dying():
    """Connections wait for two seconds; then they are reset, and new ones are refused until there is a gate again."""
    script = textwrap.dedent("""
        import socket, sys, time
        def ask():
            start = time.time()
            try:
                s = socket.create_connection(("127.0.0.1", 3128), 15)
                s.sendall(b"GET http://good.test/host HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n")
                data = s.recv(4096)
                got = "answer" if data else "closed"
            except ConnectionResetError: got = "reset"
            except ConnectionRefusedError: got = "refused"
            return got, time.time() - start
        for line in sys.stdin:
            print(*ask(), flush=True)
        """)
    p = W.start("--allow-host", "good.test", argv=["python3", "-c", script])

    def ask():
        p.stdin.write(b"\n")
        p.stdin.flush()
        got, took = p.stdout.readline().decode().split()
        return got, float(took)
    assert ask()[0] == "answer"
    gate = the_gate()
    refused = W.log().count("leash-gate keeps dying")
    for _ in range(30):  # more than the session starts again at once, on a slow machine, too
        died = time.time()
        os.kill(gate, signal.SIGKILL)
        old = gate
        world.wait_for(lambda: the_gate() not in (None, old) or W.log().count("leash-gate keeps dying") > refused)
        if (gate := the_gate()) in (None, old):
            break
    assert gate in (None, old), "it is started again and again"
    got, took = ask()
    late = time.time() - took - died > 1.5  # this machine was too slow for us
    assert (got == "reset" or late and got == "refused") and took < 8, (got, took)
    got, took = ask()
    assert got == "refused" and took < 5, (got, took)
    assert p.poll() is None, "the command lives on"
    world.wait_for(the_gate)
    world.wait_for(lambda: ask()[0] == "answer")
    p.stdin.close()
    assert p.wait(world.PATIENCE) == 0


def test_limits():
    """As the options say it."""
    for before in ([], BARE):
        r = leash("--allow-host", "good.test", "--net-bytes", "100K", argv=before + curl("http://good.test/bytes/1000000", "-o", "x"))
        assert r.returncode and b"network_bytes" in r.stderr, r
        start = time.time()
        r = leash("--allow-host", "good.test", "--net-rate", "1M", argv=before + curl("http://good.test/bytes/1500000", "-o", "x"))
        assert r.returncode == 0 and time.time() - start > 1, r
    script = ("import socket\ndef one():\n s = socket.create_connection(('good.test', 7), 30); s.sendall(b'x'); assert s.recv(1); return s\n"
              "a, b = one(), one()\ntry:\n  one()\nexcept (ConnectionError, AssertionError): print('two')")
    r = leash("--allow-host", "good.test", "--connections", "2", argv=["python3", "-c", script])
    assert r.stdout == b"two\n", r
    r = leash("--allow-host", "good.test", "--connections", "3", argv=["python3", "-c", script])
    assert r.returncode == 0 and r.stdout == b"", r


def test_resolv_conf_changes():
    r = leash("--allow-host", "later.test", argv=curl("http://later.test/host"))
    assert r.stdout == b"later.test"
    # the mount hides a rename, so the file is written in place
    with open(os.path.join(TMP, "hosts"), "w") as f:
        f.write(f"{OTHER4} later.test\n")
    with open("/etc/hosts", "a") as f:
        f.write("\n")
    before = EVIL.count()

    def elsewhere():
        leash("--allow-host", "later.test", argv=curl("http://later.test/host"))
        return EVIL.count() == before + 1
    world.wait_for(elsewhere)  # it waits a little, since more may change


def test_parent_proxy():
    seen = []

    def parent(c):
        head, _ = world.read_head(c)
        seen.append(head)
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nparent")
    Server("127.0.0.1", 8888, parent)
    r = leash("--allow-host", "good.test", "--allow-host", "far.test", argv=curl("http://far.test/", "http://good.test/host"),
              env={"http_proxy": "http://me:p%40ss@127.0.0.1:8888", "no_proxy": "good.test"})
    assert r.stdout == b"parentgood.test", (r, seen)
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in seen[0], seen
    # A profile is read by the session; the caller's proxy and authorities go with it all the same.
    place = next((d for d in (os.path.expanduser("~/.config"), "/etc/leash") if os.path.isdir(d)), None)
    if not place:
        return "nowhere to put a profile"
    world.run("mount", "-t", "tmpfs", "none", place)  # in the test's own namespace
    profiles = os.path.join(place, "leash/profiles" if place.endswith(".config") else "profiles")
    os.makedirs(profiles)
    authority, another = os.path.join(TMP, "ca.pem"), os.path.join(TMP, "another.pem")
    for path, text in ((authority, "an authority"), (another, "one of its own")):
        with open(path, "w") as f:
            f.write(text)
    for name, more in (("far", {}), ("own", {"proxy": "http://127.0.0.1:1", "certificates": {"CURL_CA_BUNDLE": another}})):
        with open(os.path.join(profiles, name + ".json"), "w") as f:
            json.dump({"network": {"allow": ["far.test", "good.test"], **more}}, f)
    env = {"http_proxy": "http://127.0.0.1:8888", "no_proxy": "good.test", "CURL_CA_BUNDLE": authority}
    script = ["sh", "-c", "curl -s http://far.test/; curl -s http://good.test/host; cat $CURL_CA_BUNDLE"]
    r = leash("--profile", "far", argv=script, env=env)
    assert r.stdout == b"parentgood.testan authority", r
    r = leash("--profile", "own", argv=script, env=env)
    assert b"parent" not in r.stdout and r.stdout.endswith(b"one of its own"), r
    r = leash("--profile", "far", argv=script)
    assert b"parent" not in r.stdout and b"good.test" in r.stdout, r
    return None


W.main(globals())
