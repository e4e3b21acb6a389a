#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Virtual environments: made in a sandbox from a real index, used, shared, changed; and all that may go wrong.

    test-venv.py BUILD --as root|other
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import index  # noqa: E402
from leashtest import PATIENCE, PYTHON, SKIP, Leash, RpcError, Tap, User, base_directory, wait_for  # noqa: E402

BUILD, WHO = sys.argv[1], sys.argv[3]
# What hostile setup code tries; each attempt tells how it went, and the package carries the report.
ATTEMPTS = """
import os, socket
REPORT = []
def attempt(what, fn):
    try:
        fn()
        REPORT.append(what + " worked")
    except BaseException as x:
        REPORT.append(what + " failed")
HOME = {home!r}
attempt("read", lambda: open(os.path.join(HOME, ".ssh", "id_ed25519")).read())
attempt("read project", lambda: open(os.path.join({base!r}, "project-secret")).read())
attempt("append", lambda: open(os.path.join(HOME, ".bashrc"), "a").write("evil"))
attempt("write outside", lambda: open(os.path.join({base!r}, "dropped"), "w").write("evil"))
def fetch(host, port):
    with socket.create_connection((host, port), 3) as s:
        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        assert b" 200 " in s.recv(100)
attempt("connect", lambda: fetch("127.0.0.1", {other}))
attempt("connect far", lambda: fetch("192.0.2.7", 80))
with open(os.path.join({report!r}), "w") as f:
    f.write("\\n".join(REPORT))
"""


class World:
    def __init__(self, tap):
        self.tap = tap
        self.base = base_directory("leash-py-")
        self.user = User.caller() if WHO == "root" else User.other()
        if self.user is None or (WHO == "root") != (self.user.uid == 0):
            print("1..0 # SKIP not possible here")
            raise SystemExit(SKIP)
        self.home = self.user.own(tempfile.mkdtemp(prefix="h-", dir=self.base))
        self.user.own(self.base)
        self.leash = Leash(BUILD, self.user, self.base)
        self.cache = os.path.join(self.base, "cache")
        self.leash.env["XDG_CACHE_HOME"] = self.cache
        self.work = self.user.own(tempfile.mkdtemp(prefix="w-", dir=self.base))
        os.mkdir(os.path.join(self.base, "index"))
        self.index = index.Index(os.path.join(self.base, "index"))
        self.fill()
        # Before there is a daemon: where mounts do not propagate, its sandboxes see none that comes later.
        self.small = os.path.join(self.base, "small")
        os.mkdir(self.small)
        options = f"size=16m,uid={self.user.uid},gid={self.user.gid},mode=0755"
        if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "leash-test", self.small],
                                              capture_output=True, check=False).returncode != 0:
            self.small = None

    def fill(self):
        d = self.index.folder
        index.wheel(d, "hello", "1.0", {"hello.py": "VALUE = 1\n"})
        index.wheel(d, "hello", "2.0", {"hello.py": "VALUE = 2\n"})
        index.wheel(d, "tool", "1.0", {"tool.py": "def main():\n    print('tool ran')\n",
                                       "tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n"},
                    requires=["hello>=1"])
        index.backend_sdist(d, "goodback", "1.0", "")
        index.backend_sdist(d, "failing", "1.0", "raise SystemExit('I do not build today')")
        index.backend_sdist(d, "filling", "1.0", "open('/dev/null')",
                            module="X = '" + "x" * (24 << 20) + "'\n")
        index.backend_sdist(d, "sleeping", "1.0", "import time; time.sleep(1000)")
        # Leaves somebody behind who goes on writing when the tools have ended.
        index.backend_sdist(d, "lingering", "1.0", """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for i in range(3000):
            try: open(os.path.join(%r, "late"), "w").close()
            except OSError: pass
            time.sleep(0.01)
    os._exit(0)
""" % os.path.join(self.work, "lingering"))

    def venv(self, *args, code=0, timeout=120):
        r = self.leash.run("venv", *args, timeout=timeout)
        if code is not None and r.returncode != code:
            raise AssertionError(f"exit {r.returncode}: {r.stdout}{r.stderr}")
        return r

    def create(self, *args, **kw):
        return self.venv("create", "--python", PYTHON, "--index-url", self.index.url, *args, **kw)

    def python(self, *args, **kw):
        return self.leash.run("python", "-C", self.work, *args, timeout=120, **kw)

    def left(self):
        """What lies where environments are made."""
        places = (os.path.join(self.cache, "leash-venv"), self.work)
        return sorted(n for p in places if os.path.isdir(p) for n in os.listdir(p))

    def end(self):
        self.leash.stop()
        self.index.close()
        if self.small:
            subprocess.run(["umount", "-l", self.small], check=False)
        self.user.remove()
        shutil.rmtree(self.base, ignore_errors=True)


def making_and_using(w):
    t = w.tap
    venv = os.path.join(w.work, ".venv")
    r = w.create(venv, "--package", "tool")
    t.ok(r.stdout.strip() == venv and os.path.isfile(os.path.join(venv, "bin", "tool")), "made where asked, with its scripts",
         r.stdout + r.stderr)
    with open(os.path.join(venv, "bin", "tool"), encoding="utf-8") as f:
        first = f.readline()
    t.ok(first.startswith(f"#!{venv}/bin/python"), "the scripts name the interpreter in its final place", first)
    t.ok(os.stat(venv).st_uid == w.user.uid, "it is the user's own")
    r = w.python("--venv", venv, "--index-url", w.index.url, "--python", PYTHON, "--package", "tool", "-c",
                 "import hello, os, sys; print(hello.VALUE, sys.prefix, os.environ['VIRTUAL_ENV'], "
                 "[p for p in os.environ['PATH'].split(':') if '/dev/' not in p][0])")
    t.ok(r.stdout.split() == ["2", venv, venv, venv + "/bin"], "code in it imports, VIRTUAL_ENV and PATH are set",
         r.stdout + r.stderr)
    r = w.python("--venv", venv, "-c", "import hello; print(hello.VALUE)")
    t.ok(r.stdout.strip() == "2", "named by its path alone it is used as it is", r.stdout + r.stderr)
    before = len(w.index.asked)
    r = w.create(venv, "--package", "tool")
    t.ok("there already" in r.stderr and len(w.index.asked) == before, "the same again is used again, and asks nobody")
    inode = os.stat(venv).st_ino
    r = w.create(venv, "--package", "hello==1.0")
    out = subprocess.run([venv + "/bin/python", "-c", "import hello; print(hello.VALUE)"], capture_output=True, text=True,
                         check=False).stdout
    t.ok(out.strip() == "1" and os.stat(venv).st_ino != inode and not os.path.exists(venv + "/bin/tool"),
         "other packages: made anew", out)
    t.ok(w.left() == sorted(w.left()) and not [n for n in w.left() if n.startswith(".leash") or n.endswith(".lock")],
         "nothing lies about", w.left())


def requirements(w):
    t = w.tap
    path = os.path.join(w.work, "requirements.txt")
    with open(path, "w", encoding="utf-8") as f:
        f.write("# what we need\nhello == 1.0\n")
    first = w.create("--requirements", path).stdout.strip()
    with open(path, "w", encoding="utf-8") as f:
        f.write("hello == 2.0\n")
    second = w.create("--requirements", path).stdout.strip()
    t.ok(first != second and os.path.dirname(first) == os.path.join(w.cache, "leash-venv"),
         "a requirements file counts by what is in it", (first, second))
    with open(path, "w", encoding="utf-8") as f:
        f.write("hello\n--extra-index-url http://127.0.0.1:1/\n")
    r = w.create("--requirements", path, code=None)
    t.ok(r.returncode == 2 and "line 2" in r.stderr and "--requirements" in r.stderr, "one with options is refused", r.stderr)
    os.unlink(path)


def read_only(w):
    t = w.tap
    tool = ["--package", "tool", "--index-url", w.index.url, "--python", PYTHON]
    code = ("import os, sys, hello\n"
            "for name in ('hello.py', 'evil.pth', '../../../bin/python', '../../../pyvenv.cfg'):\n"
            "    p = os.path.join(os.path.dirname(hello.__file__), name)\n"
            "    for what in (lambda: open(p, 'a'), lambda: os.unlink(p), lambda: os.rename(p, p + 'x'),\n"
            "                 lambda: os.symlink('x', p + 'y')):\n"
            "        try: what(); print('WORKED', name)\n"
            "        except OSError: pass\n"
            "try: os.rename(sys.prefix, sys.prefix + '-old'); print('WORKED rename')\n"
            "except OSError: pass\n"
            "print('done')\n")
    r = w.python(*tool, "-c", code)
    t.ok(r.stdout.split() == ["done"], "a shared one cannot be changed from inside", r.stdout + r.stderr)
    venv = os.path.join(w.work, "ro")
    w.create(venv, "--package", "tool")
    r = w.python("--venv", venv, "--no-pip-install", *tool, "-c", code)
    t.ok(r.stdout.split() == ["done"], "nor one in the working directory, without allow_pip_install", r.stdout + r.stderr)
    t.ok("ro" in os.listdir(w.work) and "ro-old" not in os.listdir(w.work), "it is where it was")
    r = w.python("--venv", venv, "--pip-install", *tool, "-c", code)
    t.ok("WORKED" in r.stdout, "twin: with it, the very same code changes it", r.stdout + r.stderr)
    r = w.leash.run("run", "-C", w.work, "--venv", venv, "--no-pip-install", *tool, "--", "sh", "-c",
                    "echo $PYTHONDONTWRITEBYTECODE; command -v python; command -v tool")
    t.ok(r.stdout.split() == ["1", venv + "/bin/python", venv + "/bin/tool"], "run finds its programs, and writes no byte code",
         r.stdout + r.stderr)


def hostile(w):
    """setup.py and a build back end that try to get out."""
    t = w.tap
    ssh = os.path.join(w.user.home, ".ssh")
    made = not os.path.exists(ssh)
    if os.path.exists(os.path.join(ssh, "id_ed25519")):
        t.skip("hostile setup code", "there is a real key in the home")
        return
    secret, project = os.path.join(ssh, "id_ed25519"), os.path.join(w.base, "project-secret")
    bashrc = os.path.join(w.user.home, ".bashrc")
    had = os.path.exists(bashrc)
    os.makedirs(ssh, exist_ok=True)
    for path in (secret, project) + (() if had else (bashrc,)):
        with open(path, "a", encoding="utf-8") as f:
            f.write("secret\n")
        w.user.own(path)
    w.user.own(ssh)
    with open(bashrc, encoding="utf-8") as f:
        untouched = f.read()
    other = index.Index(w.user.own(tempfile.mkdtemp(dir=w.base)), setuptools=False)
    try:
        for kind, make in (("back end", index.backend_sdist), ("setup.py", index.setup_sdist)):
            name = "evil" + kind[0]
            # The report goes where it may: into the environment, which is thrown away with the twin's.
            report = os.path.join(w.work, "env-" + name, "report")
            hook = ATTEMPTS.format(home=w.user.home, base=w.base, other=other.port, report=report)
            make(w.index.folder, name, "1.0", hook)
            other.asked.clear()
            r = w.create(os.path.dirname(report), "--package", name, "--json", code=None)
            if r.returncode != 0:
                t.ok(False, f"{kind}: installed", r.stdout + r.stderr)
                continue
            with open(report, encoding="utf-8") as f:
                lines = f.read().split("\n")
            t.ok(lines == ["read failed", "read project failed", "append failed", "write outside failed", "connect failed",
                           "connect far failed"], f"{kind}: every attempt fails", lines)
            seen = {(d.get("access"), d.get("path") or d.get("host")) for d in json.loads(r.stdout)["denials"]}
            t.ok(("read", secret) in seen and ("write", bashrc) in seen and ("connect", "192.0.2.7:80") in seen,
                 f"{kind}: and is reported", seen)
            with open(bashrc, encoding="utf-8") as f:
                t.ok(f.read() == untouched and not os.path.exists(os.path.join(w.base, "dropped")) and not other.asked,
                     f"{kind}: nothing has changed outside")
            # The twin: the same hook as the same user, without a sandbox.
            if not os.environ.get("LEASH_NO_TWIN"):
                os.makedirs(os.path.dirname(report), exist_ok=True)
                code = hook.replace('"192.0.2.7", 80', f'"127.0.0.1", {other.port}')
                subprocess.run([PYTHON, "-c", code], check=True, **w.user.demote())
                with open(report, encoding="utf-8") as f:
                    lines = f.read().split("\n")
                t.ok(all(line.endswith("worked") for line in lines) and len(lines) == 6, f"{kind}: twin: outside all of it works",
                     lines)
                with open(bashrc, "w", encoding="utf-8") as f:
                    f.write(untouched)
                os.unlink(os.path.join(w.base, "dropped"))
    finally:
        other.close()
        os.unlink(secret)
        if made:
            os.rmdir(ssh)
        if not had:
            os.unlink(bashrc)


def background(w):
    venv = os.path.join(w.work, "lingering")
    w.create(venv, "--package", "lingering")
    os.unlink(os.path.join(venv, "late")) if os.path.exists(os.path.join(venv, "late")) else None
    subprocess.run(["sleep", "0.5"], check=True)
    w.tap.ok(not os.path.exists(os.path.join(venv, "late")), "who was left behind in the sandbox writes no more")


def bad_input(w):
    t = w.tap
    before = w.left()

    def refused(name, word, *args, code=125):
        r = w.create(*args, code=None)
        t.ok(r.returncode == code and word in r.stderr and w.left() == before, name,
             f"{r.returncode} {r.stderr} {sorted(set(w.left()) ^ set(before))}")

    p = os.path.join(w.work, "bad")
    refused("a package that does not exist", "No matching distribution found for nosuch", p, "--package", "nosuch")
    refused("the same without a path", "nosuch", "--package", "nosuch")
    refused("a package that does not build", "I do not build today", p, "--package", "failing")
    refused("an interpreter that is none", "", p, "--python", "/bin/ls")
    refused("an interpreter that is not there", "No such file", p, "--python", "/nowhere/python", code=2)
    refused("an interpreter that cannot be executed", "cannot be executed", p, "--python", "/etc/passwd", code=2)
    refused("an index that nobody serves", "", p, "--package", "hello", "--index-url", "http://127.0.0.1:9/")
    refused("an index with a name that there is not", "environment: nowhere.invalid cannot be reached", p,
            "--package", "hello", "--index-url", "https://nowhere.invalid/simple")
    refused("a parent that is not there", "make that directory first", os.path.join(w.work, "a", "b"), code=2)
    refused("too long", "took longer than 3 s", p, "--package", "sleeping", "--timeout", "3s")
    for what in ("a file", "a directory with something", "half an environment"):
        if what == "a file":
            open(p, "w", encoding="utf-8").close()
            word, code = "no directory", 2
        else:
            os.mkdir(p)
            name = "pyvenv.cfg" if what.startswith("half") else "thesis.txt"
            open(os.path.join(p, name), "w", encoding="utf-8").close()
            word, code = "half made" if what.startswith("half") else "no virtual environment", 125
        w.user.own(p)
        before = w.left()
        refused(f"a path where there is {what}", word, p, code=code)
        if os.path.isdir(p):
            shutil.rmtree(p)
        else:
            os.unlink(p)
    os.symlink(w.user.home, p)
    before = w.left()
    refused("a path that is a symbolic link", "symbolic link", p, code=2)
    os.unlink(p)
    os.mkdir(p)
    w.user.own(p)
    r = w.create(p, "--package", "hello")
    t.ok(r.returncode == 0 and os.path.exists(p + "/bin/python"), "twin: an empty directory will do", r.stderr)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", p + "2"], check=True, **w.user.demote())
    before = w.left()
    refused("an environment of somebody else's making", "leash did not make", p + "2", "--package", "hello")
    r = w.python("--venv", p + "2", "-c", "import sys; print(sys.prefix)")
    t.ok(r.stdout.strip() == p + "2", "twin: to run in, it will do", r.stdout + r.stderr)
    free = [n for n in (".aws", ".kube", ".gnupg", ".azure") if not os.path.exists(os.path.join(w.user.home, n))]
    if free:
        r = w.create(os.path.join(w.user.home, free[0]), code=None)
        t.ok(r.returncode == 2 and "protected" in r.stderr and not os.path.exists(os.path.join(w.user.home, free[0])),
             "a path in a protected place", r.stderr)


def full_disk(w):
    if not w.small:
        w.tap.skip("a full disk", "cannot mount one")
        return
    r = w.create(os.path.join(w.small, "v"), "--package", "filling", code=None)
    w.tap.ok(r.returncode == 125 and "No space left" in r.stderr and os.listdir(w.small) == [],
             "a full disk", f"{r.returncode} {r.stderr} {os.listdir(w.small)}")


def at_once(w):
    """Two clients of one daemon; and two daemons."""
    t = w.tap
    a, b = w.leash.rpc(), w.leash.rpc()
    other = Leash(BUILD, w.user, w.base)
    other.env["XDG_CACHE_HOME"] = w.cache
    c = other.rpc()
    order = {"packages": ["goodback"], "index_url": w.index.url, "python": PYTHON}
    built = len([x for x in w.index.asked if x.endswith("goodback-1.0.tar.gz")])
    waiting = [(x, x.send("python.create_venv", order)) for x in (a, b, c)]
    results = [x.wait(n) for x, n in waiting]
    built = len([x for x in w.index.asked if x.endswith("goodback-1.0.tar.gz")]) - built
    t.ok(len({r["venv"]["path"] for r in results}) == 1 and sum(not r["reused"] for r in results) == 1 and built == 1,
         "three who ask at once get one, made once", (results, built))
    path = os.path.join(w.work, "contested")
    one = a.send("python.create_venv", {**order, "path": path})
    two = b.send("python.create_venv", {**order, "path": path, "packages": ["hello"]})
    errors = []
    for x, n in ((a, one), (b, two)):
        try:
            x.wait(n)
        except RpcError as e:
            errors.append(str(e))
    t.ok(len(errors) == 1 and "just now" in errors[0], "who asks for something else there meanwhile is told so", errors)
    before = w.left()
    asked = len([x for x in w.index.asked if "sleeping" in x])
    n = a.send("python.create_venv", {**order, "path": path + "2", "packages": ["sleeping"]})
    b.call("events.subscribe", {"kinds": ["venv.progress", "sandbox.destroyed"]})
    wait_for(lambda: len([x for x in w.index.asked if "sleeping" in x]) > asked, PATIENCE)  # pip asks for it
    subprocess.run(["sleep", "1"], check=True)  # … and builds it, or is about to
    del n
    a.close()
    while not [m for m in b.notifications if m["params"]["kind"] == "venv.progress" and m["params"]["venv"]["phase"] == "failed"]:
        b.notifications.append(b.line())
    t.ok(wait_for(lambda: w.left() == before, PATIENCE), "when all who wait have gone, it is given up and leaves nothing", w.left())
    for x in (b, c):
        x.close()
    other.stop()


def listing(w):
    t = w.tap
    r = json.loads(w.leash.run("venv", "list", "--json").stdout)["venvs"]
    t.ok(len(r) > 3 and all(os.path.exists(v["path"] + "/bin/python") for v in r if v["cached"]), "list", r)
    mine = [v for v in r if v["path"] == os.path.join(w.work, ".venv")]
    cached = [v for v in r if v["cached"]]
    x = w.leash.run("venv", "remove", mine[0]["path"], cached[0]["key"][:10])
    t.ok(x.returncode == 0 and not os.path.exists(mine[0]["path"]) and not os.path.exists(cached[0]["path"]),
         "remove by path and by key", x.stderr)
    left = json.loads(w.leash.run("venv", "list", "--json").stdout)["venvs"]
    t.ok(len(left) == len(r) - 2, "they are no longer listed")
    x = w.leash.run("venv", "remove", "/etc")
    t.ok(x.returncode == 125 and os.path.isdir("/etc"), "nothing else can be removed", x.stderr)


def presets(w):
    t = w.tap
    r = w.leash.run("python", "-C", w.work, "--profile", "python-dev", "--python", PYTHON, "-c",
                    "import sys, os; print(sys.prefix, os.environ['PYTHONUNBUFFERED'])", timeout=120)
    t.ok(r.stdout.split() == [os.path.join(w.work, ".venv"), "1"], "python-dev: an environment beside the project",
         r.stdout + r.stderr)
    have = subprocess.run([PYTHON, "-c", "import numpy"], capture_output=True, check=False).returncode == 0
    if not have:
        t.skip("python-data-science", "no numpy", must=True)
        return
    for name in ("pandas", "matplotlib", "scikit-learn"):
        index.wheel(w.index.folder, name.replace("-", "_"), "1.0", {name.replace("-", "_") + ".py": "VALUE = 7\n"})
    r = w.leash.run("python", "--fresh", "--profile", "python-data-science", "--python", PYTHON, "--index-url", w.index.url,
                    "-c", "import numpy, pandas; print(numpy.arange(4).sum(), pandas.VALUE, numpy.__file__)", timeout=120)
    t.ok(r.stdout.split()[:2] == ["6", "7"] and "/usr/" in r.stdout, "python-data-science: the system's numpy, the rest installed",
         r.stdout + r.stderr)


def main():
    tap = Tap()
    if not os.path.isdir(index.SYSTEM_WHEELS) or subprocess.run(
            [PYTHON, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode != 0:
        tap.skip("virtual environments", "python3-venv is not installed", must=True)
        return tap.end()
    w = World(tap)
    try:
        for part in (making_and_using, requirements, read_only, hostile, background, bad_input, full_disk, at_once, listing, presets):
            try:
                part(w)
            except (AssertionError, RpcError, OSError, subprocess.SubprocessError, EOFError) as x:
                tap.ok(False, part.__name__, repr(x))
    finally:
        w.end()
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
