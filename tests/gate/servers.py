# SPDX-License-Identifier: MIT OR Apache-2.0
"""What developers' tools talk to, served from a directory: an authority and certificates by openssl, HTTPS with git's
own smart HTTP behind it, package indexes of pip, npm, cargo and go, a WebSocket, an sshd, a redis."""
import base64
import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tarfile
import threading
import time
import zipfile

from world import run


class Authority:
    """A private one: what a corporation's looks like to a program that does not know it."""

    def __init__(self, directory):
        self.dir = directory
        self.ca = os.path.join(directory, "ca.crt")
        self.sh("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
                "-subj", "/CN=Test authority", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def sh(self, *argv, **more):
        run("openssl", *argv, cwd=self.dir, stderr=subprocess.DEVNULL, **more)

    def context(self, *names):
        stem = names[0]
        with open(os.path.join(self.dir, "ext"), "w", encoding="ascii") as f:
            f.write("subjectAltName=" + ",".join("DNS:" + n for n in names) + "\nextendedKeyUsage=serverAuth\n")
        self.sh("req", "-newkey", "rsa:2048", "-nodes", "-keyout", stem + ".key", "-out", stem + ".csr", "-subj", "/CN=" + stem)
        self.sh("x509", "-req", "-in", stem + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "ext", "-out", stem + ".crt")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.dir, stem + ".crt"), os.path.join(self.dir, stem + ".key"))
        return context


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args, **more):
        super().__init__(*args, directory=self.root, **more)

    def log_message(self, *args):
        self.log.append(self.requestline)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/git/"):
            self.git()
        elif path == "/ws":
            self.websocket()
        elif path == "/slow":
            self.whole(b"at last", pause=2)
        elif path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "https://denied.test/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def do_POST(self):
        if self.path.startswith("/git/"):
            self.git()
        else:
            self.whole(self.body())

    def whole(self, data, pause=0):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.flush()
        time.sleep(pause)
        self.wfile.write(data)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while n := int(self.rfile.readline(), 16):
                data += self.rfile.read(n)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def git(self):
        """git-http-backend(1), as CGI."""
        path, _, query = self.path.partition("?")
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": os.path.join(self.root, "git"), "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": path[len("/git"):], "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "someone",
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        out = subprocess.run(["git", "http-backend"], env=env, input=self.body(), capture_output=True, check=False).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split(" ")[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def websocket(self):
        """RFC 6455: one text frame comes, and goes back in capitals."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        n = self.rfile.read(2)[1] & 127
        mask = self.rfile.read(4)
        text = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(n))).upper()
        self.wfile.write(b"\x81" + bytes([len(text)]) + text)
        self.close_connection = True


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, addr, port, root, context=None):
        self.log = []
        self.address_family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        super().__init__((addr, port), type("Handler", (Handler,), {"root": root, "log": self.log}))
        self.context = context
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def server_bind(self):  # the original looks up our own name
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


def make_index(root, base):
    """One package of each kind, called leash-probe."""
    def put(path, data):
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def tgz(files):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as t:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                t.addfile(info, io.BytesIO(text.encode()))
        return out.getvalue()
    put("index.html", "served")
    # PEP 503, and a wheel as PEP 427 has it
    wheel, name = io.BytesIO(), "leash_probe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr("leash_probe.py", "answer = 42\n")
        z.writestr("leash_probe-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: leash-probe\nVersion: 1.0\n")
        z.writestr("leash_probe-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("leash_probe-1.0.dist-info/RECORD", "leash_probe.py,,\nleash_probe-1.0.dist-info/METADATA,,\n"
                   "leash_probe-1.0.dist-info/WHEEL,,\nleash_probe-1.0.dist-info/RECORD,,\n")
    put("pip/leash-probe/" + name, wheel.getvalue())
    put("pip/leash-probe/index.html", f'<!DOCTYPE html><html><body><a href="{name}">{name}</a></body></html>')
    # npm: a packument
    manifest = {"name": "leash-probe", "version": "1.0.0", "main": "index.js"}
    tar = tgz({"package/package.json": json.dumps(manifest), "package/index.js": "module.exports = 42;\n"})
    put("npm/tar/leash-probe-1.0.0.tgz", tar)
    put("npm/leash-probe", json.dumps({"name": "leash-probe", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
        **manifest, "dist": {"tarball": base + "/npm/tar/leash-probe-1.0.0.tgz", "shasum": hashlib.sha1(tar).hexdigest()}}}}))
    # apt: a flat repository; the package only has to be fetched
    deb = b"!<arch>\n"
    put("apt/leash-probe_1.0_all.deb", deb)
    put("apt/Packages", "Package: leash-probe\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <n@example.test>\nDescription: a probe\n"
        f"Filename: ./leash-probe_1.0_all.deb\nSize: {len(deb)}\nSHA256: {hashlib.sha256(deb).hexdigest()}\n")
    # cargo: a sparse index
    crate = tgz({"leash-probe-1.0.0/Cargo.toml": '[package]\nname = "leash-probe"\nversion = "1.0.0"\nedition = "2021"\n',
                 "leash-probe-1.0.0/src/lib.rs": "pub fn answer() -> i32 { 42 }\n"})
    put("cargo/config.json", json.dumps({"dl": base + "/cargo/dl/{crate}-{version}.crate"}))
    put("cargo/dl/leash-probe-1.0.0.crate", crate)
    put("cargo/le/as/leash-probe", json.dumps({"name": "leash-probe", "vers": "1.0.0", "deps": [], "features": {}, "yanked": False,
                                               "cksum": hashlib.sha256(crate).hexdigest()}) + "\n")
    # go: the module proxy's protocol
    module = "module example.test/probe\n"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as z:
        z.writestr("example.test/probe@v1.0.0/go.mod", module)
        z.writestr("example.test/probe@v1.0.0/probe.go", "package probe\n\nconst Answer = 42\n")
    put("go/example.test/probe/@v/list", "v1.0.0\n")
    put("go/example.test/probe/@v/v1.0.0.info", json.dumps({"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}))
    put("go/example.test/probe/@v/v1.0.0.mod", module)
    put("go/example.test/probe/@v/v1.0.0.zip", zipped.getvalue())


def make_repository(root):
    """git/r.git, with one commit, that may be pushed to."""
    bare, work = os.path.join(root, "git", "r.git"), os.path.join(root, "seed")
    run("git", "init", "-q", "-b", "main", work)
    run("git", "-C", work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    run("git", "clone", "-q", "--bare", work, bare)
    run("git", "-C", bare, "config", "http.receivepack", "true")
    shutil.rmtree(work)
    return bare


class Sshd:
    """OpenSSH's own, for one key; None of it where it cannot run."""

    def __init__(self, directory, addr, port):
        self.dir = directory
        for name in ("host", "client"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(directory, name))
        with open(os.path.join(directory, "host.pub"), encoding="ascii") as f:
            self.known = " ".join(f.read().split()[:2])
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        with open(os.path.join(directory, "sshd_config"), "w", encoding="ascii") as f:
            f.write(f"ListenAddress {addr}\nPort {port}\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/client.pub\n"
                    "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nPidFile none\nLogLevel ERROR\n")
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", os.path.join(directory, "sshd_config")],
                                        stderr=subprocess.PIPE)
        wait_for_port(addr, port, self.process)


class Redis:
    def __init__(self, directory, addr, port=6379):
        self.process = subprocess.Popen(["redis-server", "--bind", addr, "--port", str(port), "--protected-mode", "no", "--save", "",
                                         "--dir", directory], stdout=subprocess.DEVNULL)
        wait_for_port(addr, port, self.process)


def wait_for_port(addr, port, process):
    end = time.time() + 20
    while True:
        try:
            socket.create_connection((addr, port), 1).close()
            return
        except OSError:
            assert process.poll() is None and time.time() < end, (addr, port, process.args)
            time.sleep(0.05)


def slow(c):
    """Answers a byte at a time."""
    c.recv(100)
    for byte in b"slow but sure":
        c.sendall(bytes([byte]))
        time.sleep(0.1)


def resets(c):
    c.recv(100)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
