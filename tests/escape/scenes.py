# SPDX-License-Identifier: MIT OR Apache-2.0
"""Attempts that take more than one act: what one sandbox leaves for the next, what the host does meanwhile, and what is still there
when the curtain has fallen. Each has its twin, too: the same acts without a sandbox must do the harm."""
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

import leashtest as lt


class Scene:
    """One act per method; `level` is None for the twin, which runs the same commands without a sandbox."""

    def __init__(self, suite, levels, name, doc, act, at=("strict", "default", "permissive"), twin=True):
        self.suite, self.levels, self.name, self.doc, self.act = suite, levels, "scenes/" + name, doc, act
        self.at, self.has_twin = at, twin

    def once(self, level):
        with self.suite.world("scenes") as world:
            world.use(world.hosts.victims[1])
            return self.act(Stage(self.suite, world, level))

    def play(self):
        """The act returns what went wrong for the host, or nothing."""
        tap = self.suite.tap
        if self.has_twin:
            try:
                if not self.once(None):
                    tap.ok(False, "twin " + self.name, self.doc + "\nwithout a sandbox it must succeed, but did not")
                    return
            except Lacking as e:
                tap.skip("twin " + self.name, str(e))
                return
            except (OSError, subprocess.SubprocessError) as e:
                tap.ok(False, "twin " + self.name, repr(e))
                return
        for level in self.levels:
            if level not in self.at:
                continue
            try:
                harm = self.once(level)
            except Lacking as e:
                tap.skip(f"{level} {self.name}", " ".join(str(e).split())[:160])
            except Unplayable as e:
                tap.ok(False, f"{level} {self.name}", f"{self.doc}\n{e}")
            except (lt.RpcError, OSError, EOFError, subprocess.SubprocessError) as e:
                tap.ok(False, f"{level} {self.name}", f"{self.doc}\n{e!r}")
            else:
                if harm and self.suite.native and self.name in self.suite.lost:
                    tap.ok(True, f"{level} {self.name} (named loss: {self.suite.lost[self.name]})")
                    continue
                tap.ok(not harm, f"{level} {self.name}", f"{self.doc}\n{harm}")


class Lacking(Exception):
    """Refused before anything ran, since this host lacks the means: the promise is kept."""


class Unplayable(Exception):
    """The sandbox failed to start: neither an escape nor a refusal."""


class Stage:
    def __init__(self, suite, world, level):
        self.suite, self.world, self.level = suite, world, level
        self.user, self.leash = suite.user, suite.leash

    def command(self, argv, options=(), where=None):
        if self.level is None:
            return list(argv)
        return self.leash.command("run", "--quiet", "--level", self.level, *self.suite.accept, *options,
                                  "-C", where or self.world.work, "--", *argv)

    def how(self):
        return self.user.demote() if self.level is None else self.leash.how()

    def sh(self, script, options=(), may_refuse=False, where=None):
        """One command to its end; its output."""
        r = subprocess.run(self.command(["/bin/sh", "-c", script], options, where), cwd=where or self.world.work, env=self.leash.env,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120,
                           **self.how())
        if r.returncode == 125 and not may_refuse:
            raise Unplayable(r.stderr)
        return r.stdout

    def start(self, argv, options=(), **how):
        return subprocess.Popen(self.command(argv, options), cwd=self.world.work, env=self.leash.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                **(how or self.how()))

    def host(self, script):
        """What the user does outside."""
        subprocess.run(["/bin/sh", "-ec", script], cwd=self.world.work, env=self.leash.env, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, **self.user.demote())

    def path(self, name):
        return os.path.join(self.world.work, name)

    def read(self, path):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
        return None


def pipes(*options):
    """Reading a directory of the home is allowed; somebody outside reads from a pipe in it."""
    def act(s):
        top = os.path.join(s.suite.hosts.home, "to-read")
        s.host(f"rm -rf {top}; mkdir -p {top}/below; mkfifo -m 666 {top}/below/pipe; ln -s below/pipe {top}/link")
        fd = os.open(top + "/below/pipe", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            name = f"{top}/below/pipe"
            script = "; ".join(f"timeout 5 sh -c 'echo evil {how}'" for how in (
                f"> {name}", f">> {name}", f"1<> {name}", f"> {top}/link", f"> /proc/self/root{name}",
                f"| tee {name}", f"| dd of={name}"))
            argv = ["/bin/sh", "-c", script]
            if s.level:
                argv = s.leash.command("run", "--quiet", "--level", s.level, *s.suite.accept, "--read", top,
                                       *(options or ("-C", s.world.work)), "--", *argv)
            r = subprocess.run(argv, cwd=s.world.work, env=s.leash.env, stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, errors="replace", timeout=120, **s.how())
            if r.returncode == 125:
                raise Unplayable(r.stderr)
            with contextlib.suppress(BlockingIOError):
                if os.read(fd, 4096):
                    return "somebody outside has read from his pipe what was written inside"
        finally:
            os.close(fd)
            shutil.rmtree(top)
        return ""
    return act


# What one sandbox plants for the next.

def planted(options, spell="planted"):
    def act(s):
        s.sh(f"ln -s {s.world.out} planted")
        s.sh(f"echo escaped > {spell}/target", [o.replace("@work@", s.world.work) for o in options], may_refuse=True)
        return "" if s.read(s.world.out + "/target") == "untouched\n" else "a file outside was written"
    return act


def planted_read(s):
    s.sh(f"ln -s {s.suite.hosts.home} planted")
    out = s.sh("cat planted/secret", ["--read", "$WORKDIR/planted"], may_refuse=True)
    return "the home was read" if "LEASH-SECRET" in out else ""


def planted_workdir(s):
    """The next client is told to work in a directory below, which has become a link to somewhere else."""
    s.sh(f"mv sub old-sub; ln -s {s.world.out} sub")
    if s.level is None:
        s.sh("echo escaped > sub/target")
    else:
        s.sh("echo escaped > sub/target", ["--write", "$WORKDIR/sub"], may_refuse=True)
    return "" if s.read(s.world.out + "/target") == "untouched\n" else "a file outside was written"


def planted_gitfile(s):
    """A .git file names a directory that leash would bind in, writable, as a worktree's repository."""
    shutil.rmtree(s.path(".git"))
    s.sh(f"echo gitdir: {s.world.out} > .git")
    s.sh(f"echo escaped > {s.world.out}/target", may_refuse=True)
    return "" if s.read(s.world.out + "/target") == "untouched\n" else "a directory outside became writable"


def planted_repository(s):
    """The same with somebody else's real repository."""
    other = s.world.out + "/repo/.git"
    s.host(f"mkdir -p {other}/objects {other}/refs {other}/worktrees/w && echo 'ref: refs/heads/main' > {other}/HEAD"
           f" && echo ../.. > {other}/worktrees/w/commondir && echo /elsewhere/.git > {other}/worktrees/w/gitdir")
    shutil.rmtree(s.path(".git"))
    s.sh(f"echo gitdir: {other}/worktrees/w > .git")
    s.sh(f"echo escaped > {other}/objects/evil", may_refuse=True)
    return "another repository was written" if os.path.exists(other + "/objects/evil") else ""


def planted_commondir(s):
    """A repository made inside says that its common directory is elsewhere."""
    shutil.rmtree(s.path(".git"))
    s.sh(f"mkdir -p .git/objects .git/refs; echo ref: refs/heads/main > .git/HEAD; echo {s.world.out} > .git/commondir")
    s.sh(f"echo escaped > {s.world.out}/target", may_refuse=True)
    return "" if s.read(s.world.out + "/target") == "untouched\n" else "a directory outside became writable"


def planted_worktrees(s):
    """The working directory lies in a directory called worktrees, as git would make one: a repository made inside says that what is
    above that is its common directory."""
    tree = s.world.base + "/worktrees/w"
    s.host(f"mkdir -p {tree}")
    s.sh(f"mkdir sub; echo gitdir: .. > sub/.git; echo {s.world.base} > commondir; echo ref: refs/heads/main > HEAD; mkdir objects refs",
         where=tree)
    s.sh(f"echo escaped > {s.world.out}/target", may_refuse=True, where=tree)
    return "" if s.read(s.world.out + "/target") == "untouched\n" else "the directories around became writable"


def planted_module(s):
    """A submodule's .git file points outside."""
    shutil.rmtree(s.path("sub/.git"))
    s.sh(f"echo gitdir: {s.world.out} > sub/.git")
    s.sh(f"echo escaped > {s.world.out}/target", may_refuse=True)
    return "" if s.read(s.world.out + "/target") == "untouched\n" else "a directory outside became writable"


# What the host does while the sandbox runs.

def replaced(what, how, attack, options):
    """The host replaces something that is protected, as git and editors do; the protection must follow."""
    def act(s):
        p = s.start(["/bin/sh", "-c", f"touch ready; while [ ! -e go ]; do sleep 0.02; done; {attack}; echo done"], options)
        try:
            if not lt.wait_for(lambda: os.path.exists(s.path("ready")) or p.poll() is not None, lt.PATIENCE) or p.poll() is not None:
                raise Unplayable((p.communicate()[1] or b"").decode(errors="replace"))
            s.host(how)
            s.host("touch go")
            out = p.communicate(timeout=lt.PATIENCE)[0].decode(errors="replace")
        finally:
            p.kill()
            p.wait()
        return what(s, out)
    return act


def between(what, how, attack, options):
    """The same again between two sandboxes of the same kind: the second one may have been built before."""
    def act(s):
        names = {s.sh("echo $LEASH_SANDBOX", options) for _ in range(4)}
        if s.level is not None and len(names) != 4:
            return f"sandboxes share a name: {names}"
        s.host(how)
        return what(s, s.sh(attack, options))
    return act


def config_touched(s, out):
    return "git's configuration was changed" if "evil" in (s.read(s.path(".git/config")) or "evil") else ""


def hook_made(s, out):
    return "a hook was made" if os.path.exists(s.path(".git/hooks/pre-commit")) else ""


def env_read(s, out):
    return "a denied file was read" if "LEASH-SECRET" in out else ""


def env_written(s, out):
    return "a denied file was written" if "evil" in (s.read(s.path(".env")) or "evil") else ""


# What is still there afterwards.

def token(s):
    return f"{s.world.name}-linger"


def running(mark, settled=False):
    """What `escape --linger MARK` left. While that still forks, a look into /proc can miss the old one and the new."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit():
                with open(f"/proc/{name}/cmdline", "rb") as f:
                    argv = f.read().split(b"\0")
                if len(argv) > 2 and argv[1] == b"--linger" and argv[2] == mark.encode() and lt.alive(int(name)):
                    if settled:
                        with open(f"/proc/{name}/comm", "rb") as f:
                            if f.read() != b"lingering\n":
                                continue
                    found.append(int(name))
    return found


def end(pids):
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def lingering(s):
    s.sh(f"./escape --linger {token(s)}")  # comes back when it has settled
    lt.wait_for(lambda: not running(token(s)), 0.3 if s.level is None else lt.PATIENCE)
    left = running(token(s))
    end(left)
    return f"processes left: {left}" if left else ""


def bereaved(whom):
    """The client, the session or the daemon is killed; nothing that ran for it may survive."""
    def act(s):
        p = s.start(["/bin/sh", "-c", f"./escape --linger {token(s)}; exec sleep 300"])
        try:
            if not lt.wait_for(lambda: running(token(s), settled=True) or p.poll() is not None, lt.PATIENCE) or p.poll() is not None:
                raise Unplayable((p.communicate()[1] or b"").decode(errors="replace"))
            targets = {"leashctl": [p.pid]}.get(whom) if s.level else [p.pid]
            if targets is None:
                mine = s.leash.processes()
                daemon = next(iter(mine), None)
                targets = [daemon] if daemon and whom == "leashd" else [
                    pid for pid, line in mine.items() if line.split(" ")[0].endswith("leash-session")]
            if not targets:
                raise Unplayable(f"no {whom} found among {s.leash.processes()}")
            for pid in targets:
                os.kill(pid, signal.SIGKILL)
            lt.wait_for(lambda: not running(token(s)), 0.3 if s.level is None else lt.PATIENCE)
            left = running(token(s))
            end(left)
            return f"processes left: {left}" if left else ""
        finally:
            p.kill()
            p.communicate()
    return act


def ghosts(s):
    """Placeholders for names that are denied must not show on the host, neither while it runs nor after."""
    for name in (".vscode", ".git", "sub"):
        shutil.rmtree(s.path(name))
    os.unlink(s.path(".bashrc"))
    before = sorted(os.listdir(s.world.work))
    deny = ["--deny", "$WORKDIR/new.env", "--deny", "$WORKDIR/deep/er/name", "--deny", "$WORKDIR/**/*.key"]
    p = s.start(["/bin/sh", "-c", "echo ready; exec sleep 1000"], deny)
    if p.stdout.readline() != b"ready\n":
        raise Unplayable(p.communicate()[1].decode(errors="replace"))
    during = sorted(os.listdir(s.world.work))
    p.terminate()
    p.communicate(timeout=lt.PATIENCE)
    lt.wait_for(lambda: sorted(os.listdir(s.world.work)) == before, 5)
    after = sorted(os.listdir(s.world.work))
    return "" if before == during == after else f"before {before}\nduring {during}\nafter {after}"


def mounts(s):
    def mine():
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            return sorted(line.split(" ", 5)[4] for line in f)
    # Whoever else mounts something on this machine meanwhile does not do it each time.
    for _ in range(5):
        before = mine()
        s.sh("true")
        if lt.wait_for(lambda: mine() == before, 2):
            return ""
    return f"mounts differ: {set(mine()) ^ set(before)}"


def fresh(s):
    if s.level is None:
        return ""
    r = s.leash.run("run", "--level", s.level, *s.suite.accept, "--fresh", "--", "/bin/sh", "-c",
                    "mkdir -p a/b; echo x > a/b/c; chmod 0 a/b; pwd")
    if r.returncode == 125:
        raise Unplayable(r.stderr)
    where = r.stdout.strip()
    if not where.startswith("/"):
        raise Unplayable(f"no directory was named: {r.stdout}{r.stderr}")
    lt.wait_for(lambda: not os.path.lexists(where), lt.PATIENCE)
    return f"{where} is still there" if os.path.lexists(where) else ""


def temporary(s):
    # The twins of several suites may run at once.
    paths = [f"{place}/ghost-{s.world.name}" for place in ("/tmp", "/dev/shm", "/var/tmp")]
    s.sh(f"touch {' '.join(paths)} 2>/dev/null; true")
    left = [path for path in paths if os.path.lexists(path)]
    for path in left:
        os.unlink(path)
    return f"left behind: {left}" if left else ""


def refused(s, p):
    """The native tier gives no sockets to listen on; elsewhere they have to work, or the scene shows nothing."""
    err = (p.communicate()[1] or b"").decode(errors="replace")
    if s.suite.native and s.level and "PermissionError" in err:
        return ""
    raise Unplayable(err)


def inbound(s):
    """A listener inside must not be reachable from outside: neither by loopback nor by the host's address."""
    # None that the kernel would give to anybody else here, whom the host would then reach in its place.
    while True:
        port = random.randrange(12000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("0.0.0.0", port))
            break
    code = (f"import socket\ns=socket.socket()\ns.bind(('0.0.0.0',{port}))\ns.listen()\nopen('there','w').close()\n"
            f"while True: s.accept()[0].sendall(b'{s.world.name}')\n")
    p = s.start([lt.PYTHON, "-c", code])
    try:
        if not lt.wait_for(lambda: os.path.exists(s.path("there")) or p.poll() is not None, lt.PATIENCE) or p.poll() is not None:
            return refused(s, p)
        for address in ("127.0.0.1", s.suite.hosts.address):
            with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=3) as c:
                if c.recv(100) == s.world.name.encode():
                    return f"the host reached the listener at {address}:{port}"
        return ""
    finally:
        p.kill()
        p.communicate()


def neighbours(s):
    """Two sandboxes of the same user see nothing of each other: no process, no file in /tmp, no port, no socket."""
    # The twins of several suites may run at once, for several users.
    name, file = f"leash-neighbour-{os.getpid()}", f"/tmp/neighbour-{os.getpid()}"
    code = (f"import socket\nopen('{file}','w').write('LEASH-SECRET')\n"
            f"a=socket.socket(socket.AF_UNIX)\na.bind('\\0{name}')\na.listen()\n"
            "open('ready','w').write('x')\na.accept()\n")
    p = s.start([lt.PYTHON, "-c", code])
    try:
        if not lt.wait_for(lambda: os.path.exists(s.path("ready")) or p.poll() is not None, lt.PATIENCE) or p.poll() is not None:
            return refused(s, p)
        seen = name.replace("-", "[-]", 1)
        out = s.sh(f"cat {file} 2>/dev/null; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '{seen}'")
        with contextlib.suppress(OSError):
            os.unlink(file)
        return "" if out.strip() == "0" else f"a neighbour was seen: {out}"
    finally:
        p.kill()
        p.communicate()


def flood(s):
    """Output without end must not pile up in the daemon."""
    if s.level is None:
        return ""
    rpc = s.leash.rpc()
    try:
        r = rpc.call("process.run", {"policy": {"level": s.level, "workdir": s.world.work, "accept": s.suite.losses}, "max_output_bytes": 65536,
                                     "argv": ["/bin/sh", "-c", "head -c 50000000 /dev/zero | tr '\\0' x"]})
        biggest = 0
        for pid in s.leash.processes():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        biggest = max(biggest, int(line.split()[1]))
        if len(r["stdout"]) > 65536 or not r["truncated"]:
            return f"{len(r['stdout'])} bytes came back, truncated: {r['truncated']}"
        limit = 200_000 if s.leash.sanitized() else 40_000
        return f"a process of ours grew to {biggest} kB" if biggest > limit else ""
    finally:
        rpc.close()


def flags(s):
    """The open file that a command has as its output is its caller's, too, and stays so when it has ended."""
    code = "import fcntl\nfcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | 0o4000)\n"
    ours, theirs = os.pipe()
    try:
        before = os.get_blocking(theirs)
        r = subprocess.run(s.command([lt.PYTHON, "-c", code]), cwd=s.world.work, env=s.leash.env, stdin=subprocess.DEVNULL, stdout=theirs,
                           stderr=subprocess.PIPE, text=True, timeout=120, **s.how())
        if r.returncode:
            raise Unplayable(r.stderr)
        return "" if os.get_blocking(theirs) == before else "O_NONBLOCK was left on the caller's pipe"
    finally:
        os.close(ours)
        os.close(theirs)


STOPPER = "import os, signal\nwhile True:\n    try: os.kill(-1, signal.SIGSTOP)\n    except OSError: pass\n"


def stopped(s):
    """A command that stops all others all the time does not stop the sandbox from being used, or its own time limit."""
    if s.level is None:
        return ""
    policy = {"level": s.level, "workdir": s.world.work, "accept": s.suite.losses}
    null = {"stdin": "null", "stdout": "null", "stderr": "null"}
    rpc, other = s.leash.rpc(), s.leash.rpc()
    try:
        sandbox = rpc.call("sandbox.create", {"policy": policy})["sandbox"]
        first = rpc.call("process.start", {"sandbox": sandbox, "argv": [lt.PYTHON, "-c", STOPPER], "stdio": null, "timeout_ms": 3000})
        start = time.monotonic()
        for _ in range(20):
            other.call("process.start", {"sandbox": sandbox, "argv": ["/bin/true"], "stdio": null})
        end = rpc.call("process.wait", {"process": first["process"]})
        lasted = time.monotonic() - start
        rpc.call("sandbox.destroy", {"sandbox": sandbox})
        return "" if end["reason"] == "timeout" and lasted < 45 else f"{end} after {lasted:.1f} s"
    finally:
        rpc.close()
        other.close()


def callers():
    """Ten thousand, or half of the threads that a small machine lets one user have: then others of his can still fork."""
    with open("/proc/sys/kernel/threads-max", encoding="ascii") as f:
        return min(10000, int(f.read()) // 4)


def crowded(s):
    """Ten thousand callers of a sandbox's supervisor: its other commands, and other sandboxes, have their turn all the same."""
    if s.level is None:
        return ""
    policy = {"level": s.level, "workdir": s.world.work, "accept": s.suite.losses}
    null = {"stdin": "null", "stdout": "null", "stderr": "null"}
    judged = ["/bin/sh", "-c", "mkdir made && rmdir made && echo done"]
    rpc = s.leash.rpc()
    try:
        sandbox = rpc.call("sandbox.create", {"policy": policy})["sandbox"]
        rpc.call("process.start", {"sandbox": sandbox, "argv": ["./escape", "--hold", "judged", str(callers())],
                                   "stdio": {**null, "stdout": "pipe"}})
        while not any(m["method"] == "process.output" for m in rpc.notifications):  # when all are there
            rpc.notifications.append(rpc.line())
        for who, where in (("a command beside them", {"sandbox": sandbox}), ("another sandbox", {"policy": policy})):
            start = time.monotonic()
            r = rpc.call("process.run", {**where, "argv": judged, "timeout_ms": 50000})
            lasted = time.monotonic() - start
            if r["stdout"] != "done\n" or lasted > 45:
                return f"{who}: {r} after {lasted:.1f} s"
        peaks = []
        for pid in s.leash.processes():
            text = ""
            with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                text = f.read()
            peak = re.search(r"^VmHWM:\s*(\d+) kB$", text, re.MULTILINE)  # one that is ending has no memory any more
            if peak and text.startswith("Name:\tleash-init\n"):
                peaks.append(int(peak[1]))
        if not peaks or max(peaks) > 8000:
            return f"the supervisors' peaks: {peaks} kB"
        rpc.call("sandbox.destroy", {"sandbox": sandbox})
        return ""
    finally:
        rpc.close()


def fork_bomb(s):
    """A bomb is stopped with its sandbox, and the host stays answerable."""
    if s.level is None:
        return ""
    start = time.monotonic()
    r = s.leash.run("run", "--level", s.level, *s.suite.accept, "--processes", "64", "--timeout", "2s", "-C", s.world.work, "--", "/bin/sh",
                    "-c", "f() { f | f & f; }; f")
    if r.returncode == 125:
        raise Lacking(r.stderr)
    lasted = time.monotonic() - start
    return f"it took {lasted:.1f} s to stop it" if lasted > 45 else ""


# Parts of a repository beside its own configuration, which git follows all the same.

EVIL = "[core]\\n fsmonitor = evil\\n"


def repository(path, more=""):
    return f"mkdir -p {path}/objects {path}/refs {path}/hooks; echo ref: refs/heads/main > {path}/HEAD; printf '[core]\\n{more}' > {path}/config;"


def followed(build, attack, files, where=None):
    """The host has built something; an attack writes to one of the files that git will follow."""
    def act(s):
        place = where and s.world.base + "/" + where
        s.host(build.replace("@base@", s.world.base))
        s.sh(attack.replace("@base@", s.world.base), ["--protect", "workspace"], where=place)
        changed = [f for f in files if "evil" in (s.read(s.world.base + "/" + f) or "")]
        return f"git will follow {changed}" if changed else ""
    return act


# However a repository comes into being, or goes elsewhere, its caller is told of it.
MADE = {
    "mkdir -p a/.git": "a/.git",
    "mkdir b; echo gitdir: ../evil > b/.git": "b/.git",
    "mkdir -p c evil; ln -s ../evil c/.git": "c/.git",
    "mkdir -p d/evil/hooks; touch d/evil/config; mv d/evil d/.git": "d/.git",
    "mkdir -p e/.git; touch e/.git/config; mv e/.git e/bare": "e/bare",
    "mkdir -p f/x/.git; mv f/x f/y": "f/y/.git",
    "mkdir g; echo ref: refs/heads/main > g/HEAD": "g/HEAD",
    "mkdir g; echo ref: refs/heads/main > g/head; mv g/head g/HEAD": "g/HEAD",
    "mkdir g; echo ref: refs/heads/main > g/head; ln g/head g/HEAD": "g/HEAD",
    "mkdir -p h/v; touch h/v/settings.json; mv h/v h/.vscode": "h/.vscode",
    "mkdir -p i/.cargo; touch i/.cargo/config.toml": "i/.cargo/config.toml",
}


def reported(s):
    missing = []
    for script, path in MADE.items() if s.level else ():
        rpc = s.leash.rpc()
        policy = {"level": s.level, "workdir": s.world.work, "accept": s.suite.losses, "security": {"protect_workspace": True}}
        try:
            r = rpc.call("process.run", {"policy": policy, "argv": ["/bin/sh", "-c", script]})
        finally:
            rpc.close()
        if s.path(path) not in r["trust_created"]:
            missing.append((script, r["trust_created"]))
        s.host("rm -rf a b c d e f g h i evil")
    return f"not told: {missing}" if missing else ""


WORKTREE = (repository(".git/modules/m") + "mkdir -p .git/worktrees/wt ../wt; echo ../.. > .git/worktrees/wt/commondir;"
            "echo @base@/wt/.git > .git/worktrees/wt/gitdir; echo ref: refs/heads/wt > .git/worktrees/wt/HEAD;"
            "echo gitdir: @base@/work/.git/worktrees/wt > ../wt/.git")


# What the kernel counts for a user, not for a sandbox.

def exhausted(what, file=""):
    def act(s):
        name = s.path(file) if file else ""
        who = s.user.demote()
        if s.level is None and s.user.uid == 0 and what != "lease":
            # Nobody else's: what is root's is needed by whatever else runs here.
            uid = 0x40000000 + os.getpid()
            who = {"user": uid, "group": uid, "extra_groups": []}
            os.chown(s.world.work, uid, uid)
        p = s.start(["./escape", "--hold", what, *([file] if file else [])], **(who if s.level is None else {}))
        try:
            taken = p.stdout.readline().decode()
            if not taken:
                raise Unplayable(p.communicate()[1].decode(errors="replace"))
            last = None

            def left():
                nonlocal last
                last = subprocess.run([s.suite.program, "--probe", what, name], capture_output=True, text=True, **who)
                return last.returncode == 0
            if s.level is None:
                lt.wait_for(lambda: not left(), 20)
            else:
                lt.wait_for(left, 2 if s.suite.native and what.startswith("inotify") else 20)  # … which is lost there
            return f"{taken.strip()} taken, and for others: {last.stdout}" if last.returncode else ""
        finally:
            p.kill()
            p.communicate()
    return act


def passing(s):
    """Descriptors that nobody receives are counted for the user, and leash passes some, too: it must go on working."""
    few = ["/bin/sh", "-c", "ulimit -Sn 256; exec \"$@\"", "sh"]
    p = s.start(["./escape", "--hold", "descriptors"])
    try:
        taken = p.stdout.readline().decode()
        if not taken:
            raise Unplayable(p.communicate()[1].decode(errors="replace"))
        if s.level is None:
            r = subprocess.run([*few, s.suite.program, "--probe", "descriptors"], capture_output=True, text=True, **s.user.demote())
        else:
            argv = s.leash.command("run", "--quiet", "--level", s.level, *s.suite.accept, "-C", s.world.work, "--", "true")
            r = subprocess.run([*few, *argv], env=s.leash.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                               **s.how())
        return f"{taken.strip()} taken, and then: {r.stdout}{r.stderr}" if r.returncode else ""
    finally:
        p.kill()
        p.communicate()


# Host commands.

# The same directory for the twin, as an ordinary one: there each of these acts does its harm.
TWIN = ("mkdir -p twin/bin; printf '#!/bin/sh\\necho genuine\\n' > twin/bin/leash-ipc; chmod +x twin/bin/leash-ipc; "
        "ln -s leash-ipc twin/bin/hostcmd; PATH=$PWD/twin/bin:$PATH; ")
TROJAN = "printf '#!/bin/sh\\necho evil\\n' > evil; chmod +x evil; d=$(dirname $(command -v hostcmd)); "


def trojan(attack):
    """After the attack, a command that is run later must still be the host's."""
    def act(s):
        script = TROJAN + f"({attack}) 2>/dev/null; hash -r; sh -c hostcmd"
        if s.level is None:
            out = s.sh(TWIN + script)
        else:
            out = s.sh(script, ["--ipc", "hostcmd=echo genuine"])
            if not out:
                raise Unplayable("hostcmd said nothing")
        return "" if out == "genuine\n" else f"hostcmd said {out!r}"
    return act


ASK = """
import glob, json, os, socket
places = glob.glob("/proc/[0-9]*/root/dev/leash/socket") + glob.glob(os.path.expanduser("~/.cache/leash/work/*/socket"))
for place in places:
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    try:
        s.connect(place)
        s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "call", "params": {"name": "victim", "argv": [], "no_stdin": True}}).encode() + b"\\n")
        if "LEASH-SECRET" in s.makefile().readline(): print("REACHED")
    except OSError:
        pass
"""


def foreign_calls(s):
    """The host commands of another sandbox of the same user are out of reach. That sandbox is there for the twin, too."""
    if getattr(s.suite.leash, "system", None) and not s.suite.forbidden and s.user.uid != 0:
        raise Lacking("the system service's user namespaces are root's: the user cannot reach that socket from outside either")
    p = subprocess.Popen(s.leash.command("run", "--quiet", *s.suite.accept, "--ipc", "victim=echo LEASH-SECRET", "-C", s.world.work, "--", "sh",
                                         "-c", "victim > called; sleep 1000"),
                         cwd=s.world.work, env=s.leash.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, **s.leash.how())
    try:
        if not lt.wait_for(lambda: s.read(s.path("called")) or p.poll() is not None, lt.PATIENCE) or p.poll() is not None:
            raise Unplayable((p.communicate()[1] or b"").decode(errors="replace"))
        with open(s.path("ask.py"), "w", encoding="utf-8") as f:
            f.write(ASK)
        s.user.own(s.path("ask.py"))
        return "another sandbox's command was called" if "REACHED" in s.sh(f"{lt.PYTHON} ask.py") else ""
    finally:
        p.kill()
        p.communicate()


TROJANS = {
    "write": "cat evil > $d/leash-ipc",
    "replace": "rm -f $d/hostcmd; cp evil $d/hostcmd",
    "rename": "mv evil $d/hostcmd",
    "link": "ln -sf $PWD/evil $d/hostcmd",
    "directory": "mv $d ${d}2; mkdir $d; cp evil $d/hostcmd",
    "above": "mv ${d%/bin} ${d%/bin}2; mkdir -p $d; cp evil $d/hostcmd",
    "mode": "chmod -R u+w ${d%/bin}; cat evil > $d/leash-ipc",
    "by-proc": "cp evil /proc/self/root$d/hostcmd",
}


# Any small library of the system.
LIBRARY = "$(ls /lib/*/libresolv.so.2 /usr/lib/*/libresolv.so.2 /lib64/libresolv.so.2 /usr/lib/libresolv.so.2 2>/dev/null | head -n 1)"

GIT = ["--protect", "workspace"]
DENY = ["--deny", "$WORKDIR/.env"]


def scenes(suite, levels):
    low = ("strict", "default")

    def scene(*args, **kw):
        return Scene(suite, levels, *args, **kw)
    return [
        scene("pipe-below", "a pipe of the host's below what may only be read", pipes(), low),
        scene("pipe-below-fresh", "the same from a directory of its own", pipes("--fresh"), low),
        scene("planted-write", "a symlink left by the last command is named as writable", planted(["--write", "$WORKDIR/planted"]), low),
        scene("planted-write-absolute", "the same, by its absolute name", planted(["--write", "@work@/planted"]), low),
        scene("planted-write-below", "the same, for a name below", planted(["--write", "$WORKDIR/planted/target"]), low),
        scene("planted-read", "a symlink left by the last command is named as readable", planted_read, low),
        scene("planted-directory", "a directory below has become a symlink", planted_workdir, low),
        scene("planted-gitfile", "a .git file names a directory outside", planted_gitfile, low),
        scene("planted-repository", "a .git file names somebody's repository", planted_repository, low),
        scene("planted-commondir", "a commondir file names a directory outside", planted_commondir, low),
        scene("planted-worktrees", "the directory around is called worktrees, and a repository inside names what is above",
              planted_worktrees, low),
        scene("planted-module", "a submodule's .git file names a directory outside", planted_module, low),
        scene("replaced-config", "the host replaces .git/config while it runs",
              replaced(config_touched, "cp .git/config c; mv c .git/config", "echo evil >> .git/config", GIT)),
        scene("replaced-config-twice", "the host replaces .git/config twice",
              replaced(config_touched, "cp .git/config c; mv c .git/config; cp .git/config c; mv c .git/config",
                       "echo evil > e; mv e .git/config", GIT)),
        scene("replaced-hooks", "the host replaces .git/hooks while it runs",
              replaced(hook_made, "mv .git/hooks .git/h; mkdir .git/hooks", "echo evil > .git/hooks/pre-commit", GIT)),
        scene("replaced-git", "the host replaces .git while it runs",
              replaced(hook_made, "cp -r .git g; mv .git old; mv g .git", "echo evil > .git/hooks/pre-commit", GIT)),
        scene("replaced-denied", "the host replaces a denied file while it runs",
              replaced(env_read, "cp .env e; mv e .env", "cat .env", DENY)),
        scene("replaced-denied-write", "the host replaces a denied file; writing it",
              replaced(env_written, "cp .env e; mv e .env", "echo evil >> .env", DENY)),
        scene("replaced-denied-library", "the host replaces a denied file; loading it as a library",
              replaced(env_read, f"cp {LIBRARY} l; mv l .env",
                       "LD_PRELOAD=$PWD/.env /bin/true 2>&1 | grep -q 'cannot be preloaded' || echo LEASH-SECRET loaded", DENY)),
        scene("made-denied", "the host makes a denied file while it runs",
              replaced(env_read, "cp .env e; mv e late.env", "cat late.env", ["--deny", "$WORKDIR/late.env"])),
        scene("between-config", "the host replaces .git/config between two runs",
              between(config_touched, "cp .git/config c; mv c .git/config", "echo evil >> .git/config", GIT)),
        scene("between-git", "the host replaces .git between two runs",
              between(hook_made, "cp -r .git g; mv .git old; mv g .git", "echo evil > .git/hooks/pre-commit", GIT)),
        scene("between-denied", "the host replaces a denied file between two runs",
              between(env_read, "cp .env e; mv e .env", "cat .env", DENY)),
        scene("between-denied-write", "the host replaces a denied file between two runs; writing it",
              between(env_written, "cp .env e; mv e .env", "echo evil >> .env", DENY)),
        scene("between-made", "the host makes a denied file between two runs",
              between(env_read, "cp .env e; mv e late.env", "cat late.env", ["--deny", "$WORKDIR/late.env"])),
        scene("reported", "a repository in a form that is not reported", reported, low, twin=False),
        scene("worktree-common", "the common directory of the user's other worktree",
              followed(WORKTREE, "echo @base@/evil > .git/worktrees/wt/commondir", ["work/.git/worktrees/wt/commondir"])),
        scene("worktree-moved", "the same by another directory in its place",
              followed(WORKTREE, "mkdir .git/worktrees/x; echo evil > .git/worktrees/x/commondir; mv .git/worktrees/wt .git/worktrees/y;"
                       "mv .git/worktrees/x .git/worktrees/wt", ["work/.git/worktrees/wt/commondir"])),
        scene("worktree-config", "a configuration of the user's other worktree",
              followed(WORKTREE, f"printf '{EVIL}' > .git/worktrees/wt/config.worktree", ["work/.git/worktrees/wt/config.worktree"])),
        scene("worktree-modules", "from a worktree, a submodule of the main one",
              followed(WORKTREE, f"printf '{EVIL}' > @base@/work/.git/modules/m/config", ["work/.git/modules/m/config"], "wt")),
        scene("worktree-other", "from a worktree, another one",
              followed(WORKTREE + "; cp -r .git/worktrees/wt .git/worktrees/other", "echo evil > @base@/work/.git/worktrees/other/commondir",
                       ["work/.git/worktrees/other/commondir"], "wt")),
        scene("module-hidden", "a submodule whose name begins with a dot",
              followed(repository(".git/modules/.vim/x"), f"printf '{EVIL}' > .git/modules/.vim/x/config", ["work/.git/modules/.vim/x/config"])),
        scene("module-nested", "a submodule's submodule",
              followed(repository(".git/modules/m") + repository(".git/modules/m/modules/n"),
                       f"printf '{EVIL}' > .git/modules/m/modules/n/config", ["work/.git/modules/m/modules/n/config"])),
        scene("module-deep", "a submodule's .git file, some directories down",
              followed(repository(".git/modules/m", "worktree = ../../../a/b/c\\n") +
                       "mkdir -p a/b/c; echo gitdir: ../../../.git/modules/m > a/b/c/.git",
                       "echo gitdir: evil > a/b/c/.git; mv a/b/c a/b/d; mkdir a/b/c; echo gitdir: evil > a/b/c/.git", ["work/a/b/c/.git"])),
        scene("below-hidden", "a repository in a directory whose name begins with a dot",
              followed(repository(".vim/.git"), f"printf '{EVIL}' > .vim/.git/config", ["work/.vim/.git/config"])),
        scene("crowd", "a repository among thousands of directories",
              followed("seq -f dir-%g 6000 | xargs mkdir;" + repository("zzz/.git") + repository("aaa/.git"),
                       f"for f in */.git/config; do printf '{EVIL}' > $f; done", ["work/zzz/.git/config", "work/aaa/.git/config"]), low),
        scene("lingering", "a daemonised process outlives its command", lingering),
        scene("killed-leashctl", "the client is killed", bereaved("leashctl")),
        scene("killed-session", "the session is killed", bereaved("leash-session")),
        scene("killed-leashd", "the daemon is killed", bereaved("leashd")),
        scene("ghosts", "placeholders on the host", ghosts, twin=False),
        scene("mounts", "mounts left on the host", mounts, twin=False),
        scene("fresh", "a throw-away directory stays", fresh, twin=False),
        scene("temporary", "files in /tmp and /dev/shm stay", temporary, low),
        scene("inbound", "a listener inside is reachable from outside", inbound),
        scene("neighbours", "another sandbox of the same user", neighbours, low),
        # Without user namespaces nothing divides what the kernel counts there (docs/security.md).
        *([] if suite.forbidden else [
            scene("exhausted-inotify", "all inotify instances of the user are taken", exhausted("inotify")),
            scene("exhausted-watches", "all inotify watches of the user are taken", exhausted("inotify-watches", "."))]),
        scene("exhausted-signals", "all queued signals and timers of the user are taken", exhausted("signals")),
        scene("lease", "the host waits for a lease before it may write a file", exhausted("lease", ".env")),
        *([scene("passing", "all descriptors on their way that the user may have are taken", passing)] if suite.user.uid else []),
        *(scene("trojan-" + name, "a host command is replaced: " + attack, trojan(attack)) for name, attack in TROJANS.items()),
        # In the native tier the user's own processes outside are turned away as well, and from another user namespace
        # nobody looks into a sandbox.
        scene("foreign-calls", "host commands of another sandbox", foreign_calls, twin=not suite.leash.native),
        scene("flood", "output without end", flood, twin=False),
        scene("flags", "O_NONBLOCK is left behind on a shared pipe", flags),
        scene("stopped", "a command stops what is about to start", stopped, twin=False),
        scene("crowded", "ten thousand callers of the supervisor", crowded, ("default",), twin=False),
        scene("fork-bomb", "processes without end", fork_bomb, twin=False),
    ]
