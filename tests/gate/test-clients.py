#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The programs that people use, in real sandboxes, against real servers: by an allowed name, by a denied one, by address,
with the proxy's variables and without. Each must work, too, where there is no sandbox at all: a machine on which the client
itself is broken says nothing about leash. What is not installed is skipped by name."""
import os
import pwd
import shutil
import subprocess
import sys
import textwrap

import whole
import world
from servers import Authority, Redis, Sshd, Web, make_index, make_repository, resets, slow
from whole import BARE
from world import OTHER4, WEB4, WEB6, Dns, Server, echo

world.enter()
W = whole.Whole()
A = Authority(W.tmp)
CA = A.ca  # in the host's /tmp, which is not the sandbox's: leashctl brings it along
shutil.copy(CA, W.path("w", "ca.crt"))
ROOT = W.path("srv")
os.mkdir(ROOT)
make_index(ROOT, "https://good.test")
REPO = make_repository(ROOT)
DNS = Dns({"good.test": [WEB4, WEB6], "denied.test": [OTHER4], "example.test": [WEB4]})
CONTEXT = A.context("good.test", "denied.test")
WEB, PLAIN, SIX = Web(WEB4, 443, ROOT, CONTEXT), Web(WEB4, 80, ROOT), Web(WEB6, 443, ROOT, CONTEXT)
DENIED = Server(OTHER4, 443, echo), Server(OTHER4, 80, echo), Server(OTHER4, 22, echo), Server(OTHER4, 6379, echo)
Server(WEB4, 7001, slow)
Server(WEB4, 7002, resets)
CERTS = {"SSL_CERT_FILE": CA, "NODE_EXTRA_CA_CERTS": CA, "CURL_CA_BUNDLE": CA, "GIT_SSL_CAINFO": CA, "PIP_CERT": CA,
         "CARGO_HTTP_CAINFO": CA, "npm_config_cafile": CA}
ALLOW = ["--allow-host", "good.test"]
MUST_WORK = bool(os.environ.get("LEASH_MUST_WORK"))  # as in tests/lib/leashtest.py
SERVERS = {"redis-server", "redis-cli", "wget", "keytool", "cargo", "go"}  # that CI need not have


def without(*tools):
    missing = [t for t in tools if not shutil.which(t)]
    assert not (MUST_WORK and set(missing) - SERVERS), f"there must be {missing}"
    return f"no {', '.join(missing)} here" if missing else None


def fresh():
    for name in os.listdir(W.work):
        if name != "ca.crt":
            path = W.path("w", name)
            subprocess.run(["chmod", "-R", "u+w", path], check=False)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def put(name, text):
    with open(W.path("w", name), "w", encoding="ascii") as f:
        f.write(textwrap.dedent(text))


def plain():
    """Outside: as inside, but for the sandbox. A toolchain of rustup's stays where it is."""
    os.makedirs(W.path("home"), exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": W.path("home"), "LANG": "C.UTF-8", **CERTS}
    rustup = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
    return {**env, "RUSTUP_HOME": rustup} if os.path.isdir(rustup) else env


def works(script, expect, files=None, deny=True, ways=("outside", "proxy", "captured")):
    """`script` is shell; $HOST is the name. Outside, then inside both ways, then the denied name inside both ways."""
    for way in ways:
        for host in ("good.test",) if way == "outside" or not deny else ("good.test", "denied.test"):
            fresh()
            for name, text in (files or {}).items():
                put(name, text.replace("$HOST", host))
            argv = ["env", f"HOST={host}", "bash", "-c", "set -e\n" + script]
            before = [d.count() for d in DENIED], len(DNS.asked)
            if way == "outside":
                r = subprocess.run(argv, cwd=W.work, env=plain(), capture_output=True, timeout=100)
            else:
                r = W.run(*ALLOW, argv=(BARE if way == "captured" else []) + argv, env=CERTS, timeout=100)
            if host == "good.test":
                assert r.returncode == 0 and expect in r.stdout, (way, r)
            else:
                assert r.returncode != 0 and expect not in r.stdout, (way, host, r)
                assert [d.count() for d in DENIED] == before[0], "it was reached"
                assert not [q for q in DNS.asked[before[1]:] if "denied" in q[0]], "a packet left for a denied name"
                assert b"denied.test" in r.stderr, ("nobody says what was refused", r)


def test_curl():
    return without("curl") or works("curl -sSf -m 20 https://$HOST/", b"served")


def test_curl_clear():
    return without("curl") or works("curl -sSf -m 20 http://$HOST/", b"served")


def test_curl_six():
    return without("curl") or works("curl -6 -sSf -m 20 https://$HOST/", b"served", ways=("outside", "captured"))


def test_wget():
    return without("wget") or works("wget -q -t 1 -T 20 --ca-certificate=$SSL_CERT_FILE -O - https://$HOST/", b"served")


def test_python():
    return works("python3 -c \"import os, urllib.request as u; print(u.urlopen('https://' + os.environ['HOST']).read())\"", b"served")


def test_node_fetch():
    return without("node") or works("node f.js", b"served", {"f.js": """
        fetch('https://' + process.env.HOST + '/').then(r => r.text()).then(console.log)
          .catch(e => { console.error(e.cause); process.exit(1); })
        """})


def test_git_https():
    return without("git") or works("""
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git clone -q https://$HOST/git/r.git c
        cd c; git log --oneline; git commit -q --allow-empty -m "second $RANDOM"; git push -q origin HEAD:refs/heads/b$RANDOM$RANDOM
        echo pushed""", b"pushed")


def test_ssh():
    """As the manual says it: the key and the host's key lie in the working directory."""
    if why := without("ssh", "ssh-keygen") or (None if os.path.exists("/usr/sbin/sshd") else "no sshd here"):
        return why
    sshd = Sshd(W.tmp, WEB4, 22)
    W.servers.append(sshd.process)
    with open(W.path("client"), encoding="ascii") as f:
        key = f.read()
    user = pwd.getpwuid(os.getuid()).pw_name
    files = {"key": key, "known": f"good.test {sshd.known}\n"}
    ssh = "chmod 600 key; export GIT_SSH_COMMAND=\"ssh -o BatchMode=yes -i $PWD/key -o UserKnownHostsFile=$PWD/known -o ConnectTimeout=20\"; "
    works(ssh + f"$GIT_SSH_COMMAND {user}@$HOST echo in-by-ssh", b"in-by-ssh", files)
    works(ssh + f"git clone -q ssh://{user}@$HOST{REPO} c; git -C c log --oneline", b"first", files)


def test_pip():
    """The interpreter itself, not a shim of pyenv's, which wants to write where it may not after each pip."""
    python, make = sys.executable, ""
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        python, make = "v/bin/python", "python3 -m venv v; "  # Debian has pip for virtual environments only
    return works(f"{make}{python} -m pip -q --disable-pip-version-check --retries 0 install --target t "
                 f"--index-url https://$HOST/pip/ leash-probe; PYTHONPATH=t {python} -c 'import leash_probe; print(\"got\", leash_probe.answer)'",
                 b"got 42")


def test_npm():
    return without("npm", "node") or works("npm install -s --no-audit --no-fund --fetch-retries 0 --registry https://$HOST/npm/ leash-probe || "
                                           "{ cat ~/.npm/_logs/* | grep -i error >&2; exit 1; };"
                                           "node -e 'console.log(\"got\", require(\"leash-probe\"))'", b"got 42",
                                           {"package.json": '{"name": "x", "version": "1.0.0"}'})


def test_apt():
    """A repository without a signature, and directories of its own."""
    for scheme in ("http", "https"):
        if why := without("apt-get") or works("""
        mkdir -p a/etc/apt.conf.d a/etc/preferences.d a/etc/trusted.gpg.d a/lists/partial a/cache/archives/partial; touch a/status
        echo "deb [trusted=yes] $SCHEME://$HOST/apt ./" >a/etc/sources.list
        apt="apt-get -q -o Dir::Etc=$PWD/a/etc -o Dir::State=$PWD/a -o Dir::State::lists=$PWD/a/lists -o Dir::State::status=$PWD/a/status
             -o Dir::Cache=$PWD/a/cache -o APT::Sandbox::User= -o Acquire::Retries=0 -o Acquire::https::CaInfo=$PWD/ca.crt"
        $apt update; cd a; $apt download leash-probe; ls""".replace("$SCHEME", scheme), b"leash-probe_1.0_all.deb"):
            return why
    return None


def test_cargo():
    """A sparse index; Debian 12's cargo (1.66) has it behind a switch."""
    script = ("export RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_SPARSE_REGISTRY=true CARGO_HOME=$PWD/.c; mkdir -p .c; mv config.toml .c; cargo fetch -q;"
              "ls .c/registry/src/*/")
    return without("cargo") or works(script, b"leash-probe-1.0.0", {
        "Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nleash-probe = "1.0.0"\n[lib]\npath = "l.rs"\n',
        "l.rs": "", "config.toml": '[net]\nretry = 0\n[source.crates-io]\nreplace-with = "t"\n[source.t]\nregistry = "sparse+https://$HOST/cargo/"\n'})


def test_go():
    return without("go") or works(
        "export GOPROXY=https://$HOST/go GONOSUMDB='*' GOSUMDB=off GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPATH=$PWD/p GOCACHE=$PWD/k;"
        "go run .", b"got 42",
        {"go.mod": "module x\n\ngo 1.19\n\nrequire example.test/probe v1.0.0\n",
         "main.go": 'package main\n\nimport ("fmt"; "example.test/probe")\n\nfunc main() { fmt.Println("got", probe.Answer) }\n'})


def test_java():
    return without("java", "keytool") or works(
        "keytool -importcert -noprompt -alias t -file ca.crt -keystore t.p12 -storetype PKCS12 -storepass changeit 2>/dev/null;"
        "java -Djavax.net.ssl.trustStore=t.p12 -Djavax.net.ssl.trustStorePassword=changeit F.java", b"served", {"F.java": """
        import java.net.*;
        public class F {
          public static void main(String[] a) throws Exception {
            var c = new URL("https://" + System.getenv("HOST") + "/").openConnection();
            c.setConnectTimeout(20000);
            System.out.println(new String(c.getInputStream().readAllBytes()));
          }
        }
        """})


WEBSOCKET = """
    import base64, os, socket, ssl, urllib.request
    host = os.environ["HOST"]
    proxy = urllib.request.getproxies().get("https")
    if proxy and os.environ.get("LEASH_SANDBOX"):
        s = socket.create_connection(("127.0.0.1", 3128))
        s.sendall(f"CONNECT {host}:443 HTTP/1.1\\r\\nHost: {host}:443\\r\\n\\r\\n".encode())
        answer = s.recv(4096)
        assert b" 200 " in answer, answer
    else:
        s = socket.create_connection((host, 443))
    s = ssl.create_default_context().wrap_socket(s, server_hostname=host)
    s.sendall((f"GET /ws HTTP/1.1\\r\\nHost: {host}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
               "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode() + "\\r\\n\\r\\n").encode())
    got = b""
    while b"\\r\\n\\r\\n" not in got:
        got += s.recv(4096)
    assert b" 101 " in got, got
    mask = os.urandom(4)
    s.sendall(b"\\x81" + bytes([128 | 5]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(b"hello")))
    while b"HELLO" not in got:
        got += s.recv(4096)
    print("frame came back")
"""


def test_websocket():
    return works("python3 ws.py", b"frame came back", {"ws.py": WEBSOCKET})


def test_redis():
    if why := without("redis-server", "redis-cli"):
        return why
    W.servers.append(Redis(W.tmp, WEB4).process)
    return works("timeout 20 redis-cli -h $HOST set k v; redis-cli -h $HOST get k | grep -c v", b"OK\n1")


def test_slow_and_resetting():
    works("exec 3<>/dev/tcp/$HOST/7001; echo >&3; cat <&3", b"slow but sure", deny=False)
    works("""python3 -c '
import os, socket
s = socket.create_connection((os.environ["HOST"], 7002)); s.sendall(b"x")
try: s.recv(1); print("ended in good order")
except ConnectionResetError: print("was reset")'""", b"was reset", deny=False)


def test_by_address():
    script = ["curl", "-sSf", "-m", "10", f"http://{WEB4}/"]
    for before in ([], BARE):
        assert W.run("--allow-host", WEB4, argv=before + script).stdout == b"served"
        r = W.run(*ALLOW, argv=before + script)
        assert r.returncode and r.stdout == b"" and WEB4.encode() in r.stderr, r
        r = W.run("--net", "allow", argv=before + script)
        assert r.stdout == b"served", r
        r = W.run("--net", "allow", "--deny-host", "93.184.216.0/24", argv=before + script)
        assert r.returncode and r.stdout == b"", r


W.main(globals())
