#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every way out that we could think of."""
import os
import socket
import ssl
import struct
import subprocess
import time

import world
from world import OTHER4, WEB4, WEB6, Dns, Server, echo, http_server, read_head

world.enter()
FLIP = []


def flip():
    """Public when it is judged, private when it is connected to: whoever asks twice loses."""
    FLIP.append(1)
    return [WEB4] if len(FLIP) % 2 else ["127.0.0.1"]


DNS = Dns({"good.test": [WEB4, WEB6], "evil.test": [OTHER4], "xn--god-noa.test": [OTHER4], "flip.test": flip, "four.test": [WEB4],
           "loop.test": ["127.0.0.1"], "any.test": ["0.0.0.0"], "meta.test": ["169.254.169.254"],
           "link.test": ["169.254.1.1"], "priv.wild.test": ["10.0.0.5"], "cgnat.wild.test": ["100.64.0.1"],
           "mapped.test": ["::ffff:127.0.0.1"], "nat64.test": ["64:ff9b::7f00:1"], "sixtofour.test": ["2002:7f00:1::1"],
           "mixed.test": ["127.0.0.1", WEB4], "multi.test": ["224.0.0.1"], "ula.wild.test": ["fd00::5"]})
LOG, EVIL_LOG = [], []
WEB = Server(WEB4, 80, http_server(LOG))
ECHO = Server(WEB4, 7, echo)
TLS = Server(WEB4, 443, echo)
EVIL = Server(OTHER4, 80, http_server(EVIL_LOG))
HOST = Server("127.0.0.1", 80, http_server())
SECRET = Server("127.0.0.1", 9999, echo)
PROXY = {v: "http://127.0.0.1:3128" for v in ("http_proxy", "https_proxy")}


def ask_raw(b, raw, timeout=20):
    """What comes back for some bytes to the proxy, until it is silent or closes."""
    s = b.proxy()
    s.settimeout(timeout)
    s.sendall(raw)
    got = b""
    try:
        while data := s.recv(65536):
            got += data
            if b"\r\n\r\n" in got and got.endswith(b"ok"):
                break
    except (TimeoutError, ConnectionResetError):
        pass
    s.close()
    return got


def one(s):
    """One answer, whole."""
    head, rest = read_head(s)
    n = int(head.lower().split("content-length:")[1].split("\r\n")[0])
    while len(rest) < n:
        rest += s.recv(4096)
    return head.encode()


def refused(b, raw):
    servers = WEB, EVIL, HOST, ECHO
    before = [s.count() for s in servers]
    got = ask_raw(b, raw, 1)
    assert not got or got[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5") or got[:2] in (b"\x05\x00", b"\x05\xff", b"\0\x5b"), (raw, got)
    assert [s.count() for s in servers] == before, raw


def closed(b, addr, port):
    try:
        assert b.connect(addr, port).recv(1) == b""
    except ConnectionError:
        pass


def test_odd_names(gate, new):
    b = new(allow=["good.test", "*.good.test"])
    for name in ("evil.test\0.good.test", "evil.test%00.good.test", "good.test@evil.test", "evil.test#good.test",
                 "evil.test?good.test", "g\u00f6od.test", "xn--god-noa.test", "good.test.evil.test", "agood.test",
                 "evil.test\t", "evil.test\r\nX: good.test", "good..test", ".good.test", "-.good.test ", "", "*", "*.good.test",
                 "good.test.."):
        raw = name.encode()
        refused(b, b"CONNECT " + raw + b":80 HTTP/1.1\r\nHost: " + raw + b"\r\n\r\n")
        refused(b, b"GET http://" + raw + b"/ HTTP/1.1\r\nHost: " + raw + b"\r\n\r\n")
        if len(raw) < 256:
            refused(b, b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(raw)]) + raw + b"\0\x50")
    for name in ("good.test.", "GOOD.TEST", "Good.Test"):  # the same name, in other words
        assert " 200 " in b.tunnel(name + ":7")[1], name


def test_odd_addresses(gate, new):
    b = new("allow")
    for name in ("127.0.0.1", "0.0.0.0", "0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.0.0.1.",
                 "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
                 "169.254.169.254", "[fe80::1]", "[fe80::1%25lo]", "10.0.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1",
                 "255.255.255.255", "[fd00::1]", "[ff02::1]", "198.18.0.1", "localhost", "x.localhost", "127.0.0.53"):
        raw = name.encode()
        refused(b, b"CONNECT " + raw + b":80 HTTP/1.1\r\nHost: " + raw + b":80\r\n\r\n")
        refused(b, b"GET http://" + raw + b"/ HTTP/1.1\r\nHost: " + raw + b"\r\n\r\n")
    for a in ("127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1"):
        refused(b, b"\x05\x01\x00\x05\x01\x00\x01" + socket.inet_aton(a) + b"\0\x50")
    for a in ("::1", "::", "::ffff:127.0.0.1", "fe80::1"):
        refused(b, b"\x05\x01\x00\x05\x01\x00\x04" + socket.inet_pton(socket.AF_INET6, a) + b"\0\x50")


def test_names_that_lead_inside(gate, new):
    names = ["loop.test", "any.test", "meta.test", "link.test", "mapped.test", "nat64.test", "sixtofour.test",
             "multi.test"]
    wild = ["priv.wild.test", "cgnat.wild.test", "ula.wild.test"]
    for b in (new("allow"), new(allow=names + ["*.wild.test"])):
        before = HOST.count()
        for name in names + wild:
            s, head, _ = b.tunnel(name + ":80")
            assert " 403 " in head, (name, head)
            assert " 403 " in ask_raw(b, f"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()).decode()
        assert HOST.count() == before
    b = new(allow=["mixed.test"])
    assert " 200 " in b.tunnel("mixed.test:7")[1]  # the other address is fine


def test_rebinding(gate, new):
    DNS.ttl = 0
    b = new("allow")
    before = HOST.count()
    for _ in range(6):
        b.tunnel("flip.test:80")
        time.sleep(0.3)
    assert HOST.count() == before
    DNS.ttl = 60


def test_another_host_on_a_kept_connection(gate, new):
    b = new(allow=["good.test"])
    s = b.proxy()
    s.sendall(b"GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n")
    assert b"200 OK" in one(s)
    s.sendall(b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n")
    assert b" 403 " in one(s)
    # pipelined
    got = ask_raw(b, b"GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n"
                  b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", 1)
    assert EVIL.count() == 0, got
    # Host says another
    refused(b, b"GET http://good.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n")
    refused(b, b"GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\nHost: evil.test\r\n\r\n")


def test_captured_host(gate, new):
    b = new(allow=["good.test"])
    for opener in (lambda: b.connect(b.lookup("good.test")[1][0], 80), lambda: b.tunnel("good.test:80")[0]):
        s = opener()
        s.sendall(b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
        assert b"200 OK" in one(s)
        s.sendall(b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        assert b" 403 " in one(s)
        n = len(LOG)
        s = opener()
        for byte in b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n":  # byte by byte
            s.sendall(bytes([byte]))
        assert b" 403 " in one(s)
        assert len(LOG) == n
        s = opener()
        s.sendall(b"GET http://evil.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n")
        assert b" 4" in s.recv(4096)[:16]


def test_smuggling(gate, new):
    b = new(allow=["good.test"])
    inner = b"GET http://evil.test/x HTTP/1.1\r\nHost: evil.test\r\n\r\n"
    head = b"POST http://good.test/ HTTP/1.1\r\nHost: good.test\r\n"
    for extra in (b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(inner),
                  b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
                  b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding : chunked\r\n",
                  b"Transfer-Encoding: xchunked\r\n", b"Content-Length: +%d\r\n" % len(inner),
                  b"Content-Length: 0x10\r\n", b"X: y\r\n Content-Length: 5\r\n", b"X\r\n", b"Content-Length: 1,2\r\n",
                  b"Transfer-Encoding:\x0bchunked\r\n", b"X: a\0b\r\n", b"X: a\rb\r\n"):
        refused(b, head + extra + b"\r\n" + inner)
    refused(b, b"GET http://good.test/ HTTP/1.1\nHost: good.test\n\n")
    refused(b, b"GET http://good.test/ HTTP/2.0\r\nHost: good.test\r\n\r\n")
    refused(b, b"GET http://u:p@evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n")
    refused(b, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    refused(b, b"GET http://good.test/" + b"x" * 70000 + b" HTTP/1.1\r\nHost: good.test\r\n\r\n")
    got = ask_raw(b, head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, 1)
    assert EVIL.count() == 0, got
    assert not any("/x" in x for x in LOG)


def hello(name, split=None):
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    t = ctx.wrap_bio(i, o, server_hostname=name)
    try:
        t.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return o.read()


def test_sni(gate, new):
    b = new(allow=["good.test"])

    def through(raw, pieces):
        s = b.tunnel("good.test:443")[0]
        s.settimeout(20)
        try:
            for i in range(0, len(raw), pieces):
                s.sendall(raw[i:i + pieces])
            return s.recv(65536)
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            return b""
    for pieces in (100000, 1, 7):
        assert through(hello("good.test"), pieces).startswith(b"\x16\x03"), pieces
        assert through(hello(None), pieces)[:1] == b"\x16", "no SNI: the name that opened it decides"
        assert through(hello("evil.test"), pieces) == b"", pieces
        assert through(hello("good.test.evil.test"), pieces) == b""
    # cut into two records
    raw = hello("evil.test")
    body = raw[5:]
    two = b"\x16\x03\x01" + struct.pack(">H", 40) + body[:40] + b"\x16\x03\x01" + struct.pack(">H", len(body) - 40) + body[40:]
    assert through(two, 100000) == b""
    raw = hello("good.test")
    assert through(raw[:1] + b"\x09\x09" + raw[3:], 100000) in (b"", raw[:1] + b"\x09\x09" + raw[3:])


def with_extension(raw, number, body):
    """A ClientHello of one record, with one more extension (RFC 8446 section 4.1.2)."""
    at = 5 + 4 + 2 + 32
    at += 1 + raw[at]
    at += 2 + struct.unpack(">H", raw[at:at + 2])[0]
    at += 1 + raw[at]
    extensions = raw[at + 2:] + struct.pack(">HH", number, len(body)) + body
    inner = raw[9:at] + struct.pack(">H", len(extensions)) + extensions
    return raw[:3] + struct.pack(">H", len(inner) + 4) + b"\x01" + struct.pack(">I", len(inner))[1:] + inner


def test_encrypted_client_hello(gate, new):
    """The outer name is the provider's. Grease says the real one, and passes."""
    b = new(allow=["good.test"])
    ech = b"\0" + struct.pack(">HHBH", 1, 1, 7, 32) + os.urandom(32) + struct.pack(">H", 128) + os.urandom(128)
    for name, through in (("good.test", True), ("provider.test", False), ("evil.test", False)):
        raw = with_extension(hello(name), 0xfe0d, ech)
        for opener in (lambda: b.tunnel("good.test:443")[0], lambda: b.connect(b.lookup("good.test")[1][0], 443)):
            s = opener()
            try:
                s.sendall(raw)
                got = s.recv(65536)
            except ConnectionError:
                got = b""
            assert got == (raw if through else b""), (name, got[:20])


def test_dns_tunnel(gate, new):
    b = new(allow=["good.test"])
    asked = len(DNS.asked)
    for name in ("c2VjcmV0.evil.test", "a.good.test", "secret.good.test.evil.test", "evil.test"):
        for kind in (1, 28, 16, 15, 2, 6, 255, 65, 12, 10):
            for stream in (False, True) if kind in (1, 16) else (False,):
                rcode, found = b.lookup(name, kind, stream)
                assert rcode in (3, 5) and not found, (name, kind, rcode)
    for kind in (16, 15, 2, 10):
        assert b.lookup("good.test", kind) == (0, [])
    assert not [q for q in DNS.asked[asked:] if q[0] != "good.test"], DNS.asked[asked:]
    s = b.socket(socket.SOCK_DGRAM)
    s.settimeout(0.3)
    s.connect(("198.18.255.1", 53))
    for junk in (b"", b"x", b"\0" * 11, b"\0" * 12, b"\xff" * 600, b"\0\1\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"):
        s.send(junk)
    try:
        while True:
            s.recv(1000)
    except (TimeoutError, ConnectionRefusedError):
        pass
    assert b.lookup("good.test")[0] == 0


def test_captured_addresses(gate, new):
    b = new(allow=["good.test"])
    for addr, port in ((OTHER4, 80), (WEB4, 80), ("169.254.169.254", 80), ("10.0.0.1", 22), ("198.18.77.77", 80),
                       ("fd6c:6561:7368::9999", 80), ("fd6c:6561:7368:0:1::1", 80), (WEB6, 80), ("::ffff:10.0.0.1", 80)):
        s = b.socket(family=socket.AF_INET6 if ":" in addr else socket.AF_INET)
        try:
            s.connect((addr, port))
            s.sendall(b"GET / HTTP/1.1\r\nHost: good.test\r\n\r\n")
            got = s.recv(100)
        except ConnectionError:
            got = b""
        assert got == b"", (addr, got)
    # the gate's own ports, from inside: nothing is behind them
    closed(b, "127.0.0.1", world.TCP_PORT)
    try:
        b.connect("127.0.0.1", 9999)
        raise AssertionError("the host's loopback")
    except ConnectionRefusedError:
        pass


def test_socks(gate, new):
    b = new(allow=["good.test"])
    refused(b, b"\x04\x01\0\x50\0\0\0\x01x\0good.test\0")
    refused(b, b"\x05\x01\x02")
    refused(b, b"\x05\x01\x00\x05\x03\x00\x03\x09good.test\0\x50")  # UDP
    refused(b, b"\x05\x01\x00\x05\x02\x00\x03\x09good.test\0\x50")  # BIND
    refused(b, b"\x05\x01\x00\x05\x01\x00\x09\x09good.test\0\x50")
    refused(b, b"\x05\x01\x00\x05\x01\x00\x03\x0aevil.test\0\0\x50")
    refused(b, b"\x05\x01\x00\x05\x01\x00\x03\x00\0\x50")
    got = ask_raw(b, b"\x05\x01\x00\x05\x01\x00\x03\x09evil.test\0\x50", 1)
    assert got[:4] == b"\x05\x00\x05\x02", got


def test_ports(gate, new):
    b = new(allow=["good.test:7"])
    assert " 200 " in b.tunnel("good.test:7")[1]
    for port in ("80", "443", "0", "65536", "7x", "", "-1", "07777777"):
        refused(b, f"CONNECT good.test:{port} HTTP/1.1\r\nHost: good.test:{port}\r\n\r\n".encode())
    a = b.lookup("good.test")[1][0]
    closed(b, a, 80)


def test_empty_lists(gate, new):
    b = new(allow=[])
    assert " 403 " in b.tunnel("good.test:80")[1] and b.lookup("good.test")[0] == 3
    b = new("deny")
    assert " 403 " in b.tunnel("good.test:80")[1] and b.lookup("good.test")[0] == 3
    b = new("allow", deny=["good.test"])
    assert " 403 " in b.tunnel("good.test:80")[1]
    b = new("allow", deny=[WEB4 + "/32"])
    assert " 403 " in b.tunnel("four.test:80")[1], "a name that leads to a denied address"


def test_two_boxes(gate, new):
    a, b = new(allow=["good.test"]), new(allow=["evil.test"])
    addr = a.lookup("good.test")[1][0]
    closed(b, addr, 80)
    assert " 403 " in b.tunnel("good.test:80")[1] and " 200 " in a.tunnel("good.test:7")[1]


def test_blocking_listener(gate, new):
    """A leash-init that was taken over makes its listener block: nobody else's connections wait for it."""
    a, b = new(allow=["good.test"]), new(allow=["good.test"])
    assert " 200 " in a.tunnel("good.test:7")[1]
    for fd in a.fds:
        os.set_blocking(fd, True)
    for port in (world.PROXY_PORT, world.TCP_PORT, world.DNS_PORT):
        crowd = [a.socket() for _ in range(32)]  # so many at once that the gate looks for one more
        for c in crowd:
            c.setblocking(False)
            c.connect_ex(("127.0.0.1", port))
    took = []
    for _ in range(5):
        start = time.time()
        assert " 200 " in b.tunnel("good.test:7")[1]
        took.append(time.time() - start)
    assert min(took) < 0.5, took  # the machine may be busy, too
    gate.log.seek(0)
    assert b"blocks" in gate.log.read()


def test_redirect(gate, new):
    b = new(allow=["good.test"])
    for env in (PROXY, {}):
        r = b.run("curl", "-sSL", "-m", "30", "http://good.test/redirect", env=env)
        assert r.returncode or b"leash refused" in r.stdout, r
    assert not [x for x in EVIL_LOG if "evil" in x]


def test_garbage(gate, new):
    b = new(allow=["good.test"])
    for i in range(40):
        ask_raw(b, os.urandom(300), 0.05)
    s = [b.proxy() for _ in range(200)]  # that say nothing
    assert " 200 " in b.tunnel("good.test:7")[1]
    for x in s:
        x.close()


def test_confined(gate, new):
    b = new(allow=["good.test"])
    assert " 200 " in b.tunnel("good.test:7")[1]
    status = open(f"/proc/{gate.process.pid}/status").read()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    assert all(int(line.split()[1], 16) == 0 for line in status.splitlines() if line.startswith("Cap")), status


def test_answers_of_servers(gate, new):
    """What hostile servers send back."""
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"garbage\r\n\r\n", b"",
               b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n"
               b"Connection: upgrade\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 3, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000]
    for i, raw in enumerate(answers):
        def fn(c, raw=raw):
            read_head(c)
            c.sendall(raw)
        Server(WEB4, 9000 + i, fn)
        b = new(allow=["good.test"])
        got = ask_raw(b, f"GET http://good.test:{9000 + i}/ HTTP/1.1\r\nHost: good.test:{9000 + i}\r\n\r\n".encode(), 3)
        assert b"hello!" not in got and (not got or b" 502 " in got or i in (3, 5)), (i, got[:200])
    assert gate.process.poll() is None


world.main(globals())
