#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that know nothing of proxies, in real sandboxes: leashctl, session, leash-init and leash-gate together.

The small Internet is that of world.py. What runs inside is plain Python sockets; it prints one JSON object.

usage: test-capture.py --as root|other
"""
import argparse
import contextlib
import ctypes
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "lib")]
import leashtest as lt  # noqa: E402
import world as w  # noqa: E402

PORT = 4321  # where nobody expects anything
QUICK = 2.8  # seconds; a refusal that runs into a time-out takes three at least

PRELUDE = r"""
import errno, json, os, socket, struct, sys, threading, time
out = {}
def say(name, fn):
    start = time.monotonic()
    try:
        got = fn()
    except socket.gaierror as e:
        got = "no such name" if e.errno in (socket.EAI_NONAME, socket.EAI_NODATA) else f"gai {e.errno}"
    except socket.timeout:
        got = "timeout"
    except OSError as e:
        got = errno.errorcode.get(e.errno, str(e))
    out[name] = [got, time.monotonic() - start]
def talk(s, text=b"hello"):
    s.settimeout(30)
    s.sendall(text)
    s.shutdown(socket.SHUT_WR)
    got = b""
    while more := s.recv(4096):
        got += more
    s.close()
    return got.decode() or "EOF"
def reach(host, port, family=socket.AF_UNSPEC):
    info = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
    s = socket.socket(info[0])
    s.settimeout(30)
    s.connect(info[4])
    return talk(s)
def datagram(host, port):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(30)
    s.connect((host, port))
    s.send(b"x")
    return s.recv(100).decode()
def serve(addr, port):
    s = socket.create_server((addr, port), family=socket.AF_INET6 if ":" in addr else socket.AF_INET)
    def run():
        while True:
            c, who = s.accept()
            while data := c.recv(4096):
                c.sendall(data)
            c.close()
    threading.Thread(target=run, daemon=True).start()
def ask(server, name, kind=1, stream=False):
    q = struct.pack(">HHHHHH", 4711, 0x100, 1, 0, 0, 0)
    for label in name.split("."):
        q += bytes([len(label)]) + label.encode()
    q += b"\0" + struct.pack(">HH", kind, 1)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    s.settimeout(30)
    s.connect((server, 53))  # a datagram from any other address would not be received
    s.send(struct.pack(">H", len(q)) + q if stream else q)
    a = s.recv(4096)
    a = a[2:] if stream else a
    return f"rcode {a[3] & 15} answers {struct.unpack('>H', a[6:8])[0]}"
def bind(kind, addr, port):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((addr, port))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return "bound"
"""


def without_netfilter():
    """In a child before exec: a seccomp filter as if this kernel had no nf_tables. AF_NETLINK 16, NETLINK_NETFILTER 12."""
    number, arch = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}[os.uname().machine]
    program = [(0x20, 0, 0, 4), (0x15, 0, 7, arch), (0x20, 0, 0, 0), (0x15, 0, 5, number),
               (0x20, 0, 0, 16), (0x15, 0, 3, 16), (0x20, 0, 0, 32), (0x15, 0, 1, 12),
               (0x06, 0, 0, 0x00050000 | 93), (0x06, 0, 0, 0x7FFF0000)]
    raw = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *p) for p in program))
    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
    arg = Program(len(program), ctypes.addressof(raw))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(arg), 0, 0) == 0, ctypes.get_errno()


class Suite:
    def __init__(self, build, user, base):
        self.tap, self.user, self.base = lt.Tap(), user, base
        self.leash = lt.Leash(build, user, base)
        self.work = user.own(tempfile.mkdtemp(prefix="work-", dir=base))

    def run(self, script, *options, leash=None):
        leash = leash or self.leash
        r = leash.run("run", "-C", self.work, *options, "--", lt.PYTHON, "-c",
                      PRELUDE + script + "\nprint(json.dumps(out))")
        try:
            return json.loads(r.stdout)
        except ValueError:
            return {"failed": [r.stdout + r.stderr, 0]}

    def start(self, leash, *args, **more):
        return subprocess.Popen([leash.leashctl, "run", *args], env=leash.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.user.demote(), **more)

    def check(self, title, got, **want):
        """want: name = what it must come to, or a tuple of possibilities; all of it soon."""
        for name, value in want.items():
            have, took = got.get(name, [got, 0])
            values = value if isinstance(value, tuple) else (value,)
            self.tap.ok(have in values and took < QUICK, f"{title}: {name.replace('_', ' ')}",
                        f"wanted {values}, got {have} after {took:.3f} s")


REFUSED = ("ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOTCONN")


def allowlist(t):
    got = t.run(f"""
say("name_on_an_odd_port", lambda: reach("web.test", {PORT}, socket.AF_INET))
say("name_over_IPv6", lambda: reach("six.test", {PORT}, socket.AF_INET6))
say("only_if_there_is_an_address", lambda: bool(socket.getaddrinfo("web.test", 1, socket.AF_INET,
                                                                   flags=socket.AI_ADDRCONFIG)))
say("upper_case_name", lambda: reach("WEB.test", {PORT}))
say("denied_name", lambda: reach("evil.test", {PORT}))
say("name_on_a_denied_port", lambda: reach("port.test", {PORT} + 1))
say("address_without_a_rule", lambda: reach("{w.WEB4}", {PORT}))
say("IPv6_address_without_a_rule", lambda: reach("{w.WEB6}", {PORT}))
say("address_with_a_rule", lambda: reach("{w.OTHER4}", {PORT}))
say("metadata_address", lambda: reach("169.254.169.254", 80))
say("UDP_443", lambda: datagram("{w.WEB4}", 443))
say("UDP_443_over_IPv6", lambda: datagram("{w.WEB6}", 443))
""", *RULES)
    t.check("allowlist", got, name_on_an_odd_port="hello", name_over_IPv6="hello", only_if_there_is_an_address=True,
            upper_case_name="hello",
            denied_name="no such name", name_on_a_denied_port=REFUSED, address_without_a_rule=REFUSED,
            IPv6_address_without_a_rule=REFUSED, address_with_a_rule="hello", metadata_address=REFUSED,
            UDP_443="ECONNREFUSED", UDP_443_over_IPv6="ECONNREFUSED")


def resolvers(t, dns):
    got = t.run("""
for name, server in (("resolv_conf", "127.0.0.1"), ("stub", "127.0.0.53"), ("foreign", "8.8.8.8"), ("IPv6", "::1"),
                     ("foreign_IPv6", "2001:4860:4860::8888")):
    say(name, lambda: ask(server, "web.test"))
    say(name + "_by_TCP", lambda: ask(server, "web.test", stream=True))
say("denied", lambda: ask("8.8.8.8", "secret.evil.test"))
say("file", lambda: open("/etc/resolv.conf").read().split("\\n")[1])
say("change_it", lambda: open("/etc/resolv.conf", "w") and "changed")
say("long_way", lambda: open("/etc/hosts").read().count("localhost") > 0)
""", *RULES)
    one = "rcode 0 answers 1"
    t.check("any name server answers", got, resolv_conf=one, stub=one, foreign=one, IPv6=one, foreign_IPv6=one,
            resolv_conf_by_TCP=one, stub_by_TCP=one, foreign_by_TCP=one, IPv6_by_TCP=one, foreign_IPv6_by_TCP=one,
            denied=("rcode 3 answers 0", "rcode 5 answers 0"), file="nameserver 127.0.0.1",
            change_it=("EROFS", "EACCES", "EPERM"), long_way=True)
    t.tap.ok(not any("evil" in name for name, _ in dns.asked), "no question about a denied name left", dns.asked)


def own_servers(t):
    got = t.run("""
for addr, port in (("127.0.0.1", 8080), ("0.0.0.0", 9090), ("::1", 8081), ("127.0.0.1", 80)):
    serve(addr, port)
say("on_loopback", lambda: reach("127.0.0.1", 8080))
say("by_name", lambda: reach("localhost", 8080, socket.AF_INET))
say("on_every_address", lambda: reach("127.0.0.2", 9090))
say("on_IPv6_loopback", lambda: reach("::1", 8081))
say("on_port_80", lambda: reach("127.0.0.1", 80))
say("at_no_address", lambda: reach("0.0.0.0", 9090))
def outgoing(host):
    u = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    u.connect((host, 9))
    return u.getsockname()[0]
say("on_the_address_it_finds", lambda: reach(outgoing("8.8.8.8"), 9090))
serve(outgoing("2001:4860:4860::8888"), 9091)
say("on_the_IPv6_address_it_finds", lambda: reach(outgoing("2001:4860:4860::8888"), 9091))
say("nobody_there", lambda: reach("127.0.0.1", 8999))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
def echo():
    data, who = u.recvfrom(10)
    u.sendto(b"pong", who)
threading.Thread(target=echo, daemon=True).start()
say("datagrams", lambda: datagram(*u.getsockname()))
""", *RULES)
    t.check("servers of its own", got, on_loopback="hello", by_name="hello", on_every_address="hello",
            on_IPv6_loopback="hello", on_port_80="hello", at_no_address="hello", nobody_there="ECONNREFUSED",
            on_the_address_it_finds="hello", on_the_IPv6_address_it_finds="hello", datagrams="pong")


def remembered(t):
    """What the kernel keeps of a connection: nothing within loopback, where only some ports are redirected."""
    got = t.run(f"""
def source(to, port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(30)
    s.bind(("127.0.0.1", port))
    s.connect(to)
    return s
web = (socket.gethostbyname("web.test"), {PORT})
def original(port):
    with socket.create_server(("127.0.0.1", 0)) as server:
        s = source(server.getsockname(), port)
        c = server.accept()[0]
        s.sendall(b"hello")
        assert c.recv(9) == b"hello"
        c.sendall(b"back")
        assert s.recv(9) == b"back"
        return len(c.getsockopt(socket.SOL_IP, 80, 16))  # SO_ORIGINAL_DST
def again():
    s = source(web)
    port = s.getsockname()[1]
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    return talk(source(("127.0.0.1", 3129), port))
say("own_server", lambda: original(0))
say("captured_from_loopback", lambda: talk(source(web)))
say("the_same_port_to_the_gate_itself", again)
def resolver():
    s = source(("127.0.0.53", 53))
    s.sendall(b"\\0\\x0c\\0\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0")
    return len(s.recv(100)) > 0
say("resolver_from_loopback", resolver)
""", *RULES)
    t.check("loopback", got, own_server="ENOENT", captured_from_loopback="hello",
            the_same_port_to_the_gate_itself=(*REFUSED, "EOF"), resolver_from_loopback=True)


def unchangeable(t):
    got = t.run("""
S, D = socket.SOCK_STREAM, socket.SOCK_DGRAM
for port in (3128, 3129, 3130):
    say(f"take_port_{port}", lambda: bind(S, "127.0.0.1", port))
say("take_datagrams", lambda: bind(D, "127.0.0.1", 3130))
say("netfilter", lambda: socket.socket(16, socket.SOCK_RAW, 12) and "made")
say("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 6) and "made")
say("packet", lambda: socket.socket(17, socket.SOCK_RAW, 0) and "made")
say("transparent", lambda: socket.socket().setsockopt(socket.SOL_IP, 19, 1) or "set")
def route(kind, family):
    s = socket.socket(16, socket.SOCK_RAW, 0)
    s.settimeout(30)
    body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 255, 3, 254, 2, 0) + struct.pack("=HHI", 8, 4, 1)
    s.send(struct.pack("=IHHII", 16 + len(body), kind, 1 | 4, 1, 0) + body)
    error = struct.unpack("=i", s.recv(4096)[16:20])[0]
    return errno.errorcode[-error] if error else "done"
say("delete_route", lambda: route(25, socket.AF_INET))
say("delete_IPv6_route", lambda: route(25, socket.AF_INET6))
say("sysctl", lambda: open("/proc/sys/net/ipv4/ip_forward", "w") and "opened")
""", *RULES)
    no = ("EPERM", "EACCES", "EAFNOSUPPORT", "EPROTONOSUPPORT")
    t.check("a command cannot", got, take_port_3128="EADDRINUSE", take_port_3129="EADDRINUSE",
            take_port_3130="EADDRINUSE", take_datagrams="EADDRINUSE", netfilter=no, raw=no, packet=no, transparent=no,
            delete_route="EPERM", delete_IPv6_route="EPERM", sysctl=("EROFS", "EACCES", "EPERM", "ENOENT"))


WAYS = """
def mptcp():
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.settimeout(30)
    s.connect((WEB4, PORT))
    return talk(s)
def fast_open():
    s = socket.socket()
    s.sendto(b"hel", 0x20000000, (WEB4, PORT))  # MSG_FASTOPEN
    return talk(s, b"lo")
def fast_open_connect():
    s = socket.socket()
    s.settimeout(30)
    s.setsockopt(socket.SOL_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
    s.connect((WEB4, PORT))
    return talk(s)
def mapped():
    s = socket.socket(socket.AF_INET6)
    s.settimeout(30)
    s.connect(("::ffff:" + WEB4, PORT))
    return talk(s)
def source_route():
    s = socket.socket()
    s.settimeout(30)
    s.setsockopt(socket.SOL_IP, socket.IP_OPTIONS, b"\\x83\\x07\\x04" + socket.inet_aton(WEB4) + b"\\0")
    s.connect((WEB4, PORT))
    return talk(s)
def twice():
    s = socket.socket()
    s.settimeout(30)
    s.connect((OTHER4, PORT))
    libc = __import__("ctypes").CDLL(None)
    libc.connect(s.fileno(), b"\\0" * 16, 16)  # AF_UNSPEC: not connected any more
    s.connect((WEB4, PORT))
    return talk(s)
def ping(kind):
    s = socket.socket(socket.AF_INET, kind, 1)
    s.settimeout(2)
    head = struct.pack(">BBHHH", 8, 0, 0, 7, 1)
    check = 0xffff - sum(struct.unpack(">4H", head)) % 0xffff
    s.sendto(struct.pack(">BBHHH", 8, 0, check, 7, 1), (WEB4, 0))
    return "hello" if s.recv(100) else "EOF"
def abstract():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect("\\0leash-test-abstract")
    return talk(s)
def host_loopback(family, host):
    s = socket.socket(family)
    s.settimeout(30)
    s.connect((host, LOCAL))
    return talk(s)
def make(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()
    return "hello"
say("multipath TCP", mptcp)
say("fast open", fast_open)
say("fast open by connect", fast_open_connect)
say("an IPv4-mapped address", mapped)
say("a source route", source_route)
say("a socket that was connected elsewhere before", twice)
say("datagrams", lambda: datagram(WEB4, PORT))
say("datagrams over IPv6", lambda: datagram(WEB6, PORT))
say("ping", lambda: ping(socket.SOCK_DGRAM))
say("raw ping", lambda: ping(socket.SOCK_RAW))
say("an abstract socket of the host", abstract)
say("the host's loopback", lambda: host_loopback(socket.AF_INET, "127.0.0.1"))
say("the host's loopback as no address", lambda: host_loopback(socket.AF_INET, "0.0.0.0"))
say("the host's loopback as a mapped address", lambda: host_loopback(socket.AF_INET6, "::ffff:127.0.0.1"))
for name, family, kind, protocol in (("vsock", 40, 1, 0), ("packet", 17, 3, 0), ("netlink route", 16, 3, 0), ("netlink audit", 16, 3, 9),
                                     ("netlink netfilter", 16, 3, 12), ("SCTP", 2, 1, 132), ("UDP-Lite", 2, 2, 136), ("DCCP", 2, 6, 33),
                                     ("L2TP", 2, 2, 115), ("raw IPv6", 10, 3, 255), ("XDP", 44, 3, 0), ("kernel crypto", 38, 5, 0),
                                     ("TIPC", 30, 1, 0), ("RDS", 21, 5, 0), ("SMC", 43, 1, 0), ("CAN", 29, 3, 1), ("Bluetooth", 31, 3, 1),
                                     ("IPsec keys", 15, 3, 2), ("X.25", 9, 5, 0), ("infrared", 23, 1, 0), ("KCM", 41, 2, 0)):
    say("a socket of " + name, lambda: make(family, kind, protocol))
"""


def ways_out(t, local):
    """The same program without a sandbox first: what does not work there says nothing here."""
    script = f"WEB4, WEB6, OTHER4, PORT, LOCAL = {w.WEB4!r}, {w.WEB6!r}, {w.OTHER4!r}, {PORT}, {local}\n" + WAYS
    r = subprocess.run([lt.PYTHON, "-c", PRELUDE + script + "\nprint(json.dumps(out))"], capture_output=True, text=True, check=True,
                       env=t.leash.env, **t.user.demote())
    outside, inside = json.loads(r.stdout), t.run(script, *RULES)
    # Of netlink the kernel's own picture of the sandbox's namespace may be read: that leads nowhere.
    harmless = {"a socket of netlink route"}
    always = {"an IPv4-mapped address", "datagrams", "an abstract socket of the host", "the host's loopback",
              "a socket that was connected elsewhere before"}
    for name, (got, _) in outside.items():
        have = inside.get(name, [inside, 0])
        if got != "hello":
            t.tap.skip(f"a way out: {name}", f"without a sandbox: {got}", must=name in always)
        elif name not in harmless:
            t.tap.ok(have[0] != "hello" and not str(have[0]).startswith("{"), f"a way out: {name}", have)


def local_ports(t, port):
    script = f"""
say("the_port", lambda: reach("127.0.0.1", {port}))
say("by_name", lambda: reach("localhost", {port}))
say("over_IPv6", lambda: reach("::1", {port}))
say("another_port", lambda: reach("127.0.0.1", {port} + 1))
say("elsewhere", lambda: reach("{w.WEB4}", {PORT}))
say("a_name", lambda: reach("web.test", {PORT}))
"""
    got = t.run(script, "--local-port", str(port))
    t.check("local_ports alone", got, the_port="hello", by_name="hello", over_IPv6="hello", another_port="ECONNREFUSED",
            elsewhere=REFUSED, a_name="no such name")
    got = t.run(script, "--local-port", str(port), *RULES)
    t.check("local_ports beside rules", got, the_port="hello", another_port="ECONNREFUSED", elsewhere=REFUSED,
            a_name="hello")


def deny(t):
    got = t.run(f"""
say("address", lambda: reach("{w.WEB4}", {PORT}))
say("IPv6_address", lambda: reach("{w.WEB6}", {PORT}))
say("name", lambda: bool(socket.getaddrinfo("web.test", 80)))
say("proxy", lambda: reach("127.0.0.1", 3128))
serve("127.0.0.1", 8080)
say("own_server", lambda: reach("127.0.0.1", 8080))
say("listeners", lambda: open("/proc/net/tcp").read().count(" 00000000:0000 0A "))
""")
    t.check("deny", got, address="ENETUNREACH", IPv6_address="ENETUNREACH", proxy="ECONNREFUSED", own_server="hello",
            name=("no such name", f"gai {-3}"), listeners=1)


def apart(t):
    """A server in one sandbox; a client in another one."""
    other = t.user.own(tempfile.mkdtemp(prefix="other-", dir=t.base))
    flag = os.path.join(other, "there")
    first = t.start(t.leash, "-C", other, *RULES, "--", lt.PYTHON, "-c",
                    PRELUDE + "serve('0.0.0.0', 7070); open('there', 'w').close(); time.sleep(1000)")
    try:
        t.tap.ok(lt.wait_for(lambda: os.path.exists(flag), lt.PATIENCE), "two sandboxes: the first serves")
        got = t.run(f"""
say("loopback", lambda: reach("127.0.0.1", 7070))
say("by_an_address", lambda: reach("{w.WEB4}", 7070))
say("by_another", lambda: reach("{w.OTHER4}", 7070))
""", *RULES)
        t.check("two sandboxes", got, loopback="ECONNREFUSED", by_an_address=REFUSED, by_another=REFUSED)
    finally:
        first.kill()
        first.wait()


def without_nft(t, build):
    """Where the kernel has no nf_tables: the ports that rules name, and the usual ones."""
    leash = lt.Leash(build, t.user, t.base)
    started = t.start(leash, "-C", t.work, "--", "true", preexec_fn=without_netfilter)
    t.tap.ok(started.wait(lt.PATIENCE) == 0, "without nf_tables: a session starts")
    try:
        got = t.run(f"""
say("a_port_of_a_rule", lambda: reach("port.test", {PORT}, socket.AF_INET))
say("a_common_port", lambda: reach("web.test", 80, socket.AF_INET))
say("denied_name", lambda: reach("evil.test", 80))
say("address_without_a_rule", lambda: reach("{w.WEB4}", 80))
say("another_port", lambda: reach("web.test", 4000, socket.AF_INET))
say("any_resolver", lambda: ask("8.8.8.8", "web.test"))
say("stub", lambda: ask("127.0.0.53", "web.test"))
say("UDP_443", lambda: datagram("{w.WEB4}", 443))
say("redirected", lambda: " 0100007F:0C39 " in open("/proc/net/tcp").read())
serve("127.0.0.1", 8080)
say("own_server", lambda: reach("127.0.0.1", 8080))
""", *RULES, leash=leash)
        t.check("without nf_tables", got, a_port_of_a_rule="hello", a_common_port="hello", denied_name="no such name",
                address_without_a_rule=REFUSED, another_port="ECONNREFUSED", any_resolver="rcode 0 answers 1",
                stub="rcode 0 answers 1", UDP_443="ECONNREFUSED", redirected=False, own_server="hello")
    finally:
        leash.stop()


def dangling(t, build):
    """systemd-resolved: the file is a link into /run, and the sandbox has a /run of its own."""
    etc = os.path.join(t.base, "etc")

    def copy(source, target):  # useradd(8) in another test makes files there and takes them away
        with contextlib.suppress(FileNotFoundError):
            return shutil.copy2(source, target, follow_symlinks=False)
    shutil.copytree("/etc", etc, symlinks=True, copy_function=copy)
    os.remove(os.path.join(etc, "resolv.conf"))
    run = tempfile.mkdtemp(prefix="leash-test-resolve-", dir="/run")
    os.chmod(run, 0o755)
    shutil.copy("/etc/resolv.conf", run + "/stub-resolv.conf")
    os.symlink(".." + run + "/stub-resolv.conf", os.path.join(etc, "resolv.conf"))
    w.run("mount", "--bind", etc, "/etc")
    leash = lt.Leash(build, t.user, t.base)
    try:
        got = t.run(f"""
say("name", lambda: reach("web.test", {PORT}, socket.AF_INET))
say("denied_name", lambda: reach("evil.test", {PORT}))
say("there", lambda: os.path.exists("/etc/resolv.conf") and open("/etc/resolv.conf").read().count("127.0.0.1"))
""", *RULES, leash=leash)
        t.check("a link into /run", got, name="hello", denied_name="no such name", there=(False, 1))
    finally:
        leash.stop()
        w.run("umount", "/etc")
        shutil.rmtree(run)


RULES = ["--allow-host", "web.test", "--allow-host", "six.test", "--allow-host", f"port.test:{PORT}",
         "--allow-host", f"{w.OTHER4}:{PORT}"]


def echo_datagrams(addr):
    with socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((addr, PORT))
        while True:
            s.sendto(b"hello", s.recvfrom(100)[1])


def echo_streams(s):
    while True:
        w.echo(s.accept()[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--as", dest="who", choices=["root", "other"], default="root")
    args = parser.parse_args()
    if args.who == "root" and os.getuid() != 0:
        print("1..0 # SKIP not root")
        return lt.SKIP
    w.enter()
    user = lt.User.caller() if args.who == "root" else lt.User.other()
    if user is None:
        print("1..0 # SKIP no other user can be made")
        return lt.SKIP
    base = lt.base_directory("leash-capture-")
    resolv = os.path.join(base, "resolv.conf")
    with open(resolv, "w", encoding="ascii") as f:
        f.write("nameserver 127.0.0.1\n")
    w.run("mount", "--bind", resolv, os.path.realpath("/etc/resolv.conf"))
    dns = w.Dns({"web.test": [w.WEB4], "six.test": [w.WEB6], "port.test": [w.WEB4], "evil.test": [w.WEB4]})
    for addr, port in ((w.WEB4, PORT), (w.WEB4, PORT + 1), (w.WEB6, PORT), (w.OTHER4, PORT), (w.WEB4, 80)):
        w.Server(addr, port, w.echo)
    local = w.Server("127.0.0.1", 0, w.echo).port
    for addr in (w.WEB4, w.WEB6):
        threading.Thread(target=echo_datagrams, args=(addr,), daemon=True).start()
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0leash-test-abstract")
    abstract.listen()
    threading.Thread(target=echo_streams, args=(abstract,), daemon=True).start()
    t = Suite(w.BUILD, user, base)
    try:
        allowlist(t)
        resolvers(t, dns)
        own_servers(t)
        remembered(t)
        unchangeable(t)
        ways_out(t, local)
        local_ports(t, local)
        deny(t)
        apart(t)
        without_nft(t, w.BUILD)
        if args.who == "root":
            dangling(t, w.BUILD)
    finally:
        t.leash.stop()
        shutil.rmtree(base, ignore_errors=True)
        user.remove()
    return t.tap.end()


if __name__ == "__main__":
    sys.exit(main())
