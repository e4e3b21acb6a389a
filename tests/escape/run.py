#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The escape suite: every attempt first without a sandbox, where it must succeed, then inside one at each level that it
applies to, where it must be refused and must leave the world outside as it was.

With --system through a leashd of root's that serves all users; with --forbidden as well where there are no user namespaces.

usage: run.py --build DIR --as root|other [--only SUBSTRING] [--level LEVEL]… [--twins-only] [--native|--system|--forbidden]
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile

for folder in ("lib", "system"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))
import leashtest as lt  # noqa: E402
import system  # noqa: E402
from scenes import scenes  # noqa: E402
from world import Hosts, World  # noqa: E402

# What the native tier cannot stop, with the guarantee that its caller gave up by name.
SEEN = "no_namespaces: processes and file names are visible"
CHANGED = "no_namespaces: modes, times and attributes of the user's files"
SHARED = "no_namespaces: the user's shared memory"
LOST = {
    **dict.fromkeys(("paths/see-home", "proc/cmdline", "proc/host-pids", "proc/keys", "proc/timer-list", "outside/getpriority",
                     "outside/getsid"), SEEN),
    **dict.fromkeys(("paths/chmod", "paths/chmod-descriptor", "paths/chown", "paths/utimes", "paths/utimes-descriptor",
                     "paths/setxattr", "paths/removexattr", "git/config-chmod", "git/hook-chmod"), CHANGED),
    **dict.fromkeys(("outside/shm", "outside/shm-id", "outside/semaphore", "outside/message-queue", "outside/posix-shm",
                     "scenes/temporary"), SHARED),
    **dict.fromkeys(("scenes/exhausted-inotify", "scenes/exhausted-watches"), "no_namespaces: the user's inotify instances and watches"),
    "limits/terminals": "no_namespaces: the machine's terminals",
    # Only who has CAP_SETPCAP may empty it; no_new_privs keeps anything from being gained by it.
    "privilege/bounding": "an ordinary user cannot empty the bounding set",
}
# Where leash itself refuses to start, and what it says then.
REFUSED_BEFORE = {"proc/input-directory": "directory"}
LEVELS = {"S": "strict", "D": "default", "P": "permissive"}


class Attempt:
    def __init__(self, line):
        name, levels, flags, options, doc = line.rstrip("\n").split("\t")
        self.name, self.levels, self.flags, self.doc = name, levels, flags, doc
        self.options = options.split()
        self.family = name.split("/")[0]


class Entered:
    """A machine without user namespaces, as this user in there."""

    def __init__(self, forbidden, user):
        self.forbidden, self.user = forbidden, user

    def prefix(self):
        return self.forbidden.prefix(self.user.uid, self.user.gid)


class SystemLeash(lt.Leash):
    """leashctl of this user's, with a leashd that is root's."""

    def __init__(self, build, user, base, forbidden=None):
        super().__init__(build, user, base, forbidden and Entered(forbidden, user))
        self.system = system.System(build, inside=forbidden)
        self.leashctl, self.socket_path = self.system.leashctl, self.system.socket
        self.env["LEASH_SOCKET"] = self.socket_path

    def command(self, *args):
        if self.system.daemon.poll() is not None:  # an attempt has killed it; who watches over it starts it again
            os.unlink(self.socket_path)
            self.system.start()
        return super().command(*args)

    def daemon_pid(self):
        return self.system.daemon.pid if self.system.daemon.poll() is None else None

    def stop(self):
        self.system.remove()


class Suite:
    def __init__(self, build, user, base, native=None, leash=None):
        self.build, self.user, self.base = build, user, base
        self.tap = lt.Tap()
        self.native, self.lost = native, LOST
        self.forbidden = bool(leash and leash.native)
        self.losses = ["no_namespaces", "no_deny_inside_allow"] if native else []
        self.accept = [word for loss in self.losses for word in ("--accept", loss)]
        self.leash = leash or lt.Leash(build, user, base, native)
        self.program = os.path.join(base, "escape")
        shutil.copy2(os.path.join(build, "tests", "escape", "escape"), self.program)
        os.chmod(self.program, 0o755)
        lines = subprocess.run([self.program, "--list"], capture_output=True, text=True, check=True).stdout
        self.attempts = [Attempt(line) for line in lines.splitlines()]
        self.hosts = Hosts(self)
        self.serial = 0

    def world(self, family):
        self.serial += 1
        return World(self, family, f"{os.getpid()}-{self.serial}")

    def verdict(self, world, command, attempt, how):
        """Runs it the way a careless host would: a log outside as output, a descriptor and a variable too many."""
        env = {**self.leash.env, "LEASH_ESCAPE_SECRET": "LEASH-SECRET"}
        with open(os.path.join(world.base, "log"), "ab") as log:
            os.fchmod(log.fileno(), 0o666)
            source = os.open(world.out if attempt.name in REFUSED_BEFORE else os.devnull, os.O_RDONLY)
            leak = os.open(world.out + "/secret", os.O_RDONLY)
            try:
                r = subprocess.run(command, cwd=world.work, env=env, stdin=source, stdout=subprocess.PIPE,
                                   stderr=log, pass_fds=(leak,), timeout=100, **how)
                code, out = r.returncode, r.stdout.decode(errors="replace")
            except subprocess.TimeoutExpired as e:
                code, out = "hung", (e.stdout or b"").decode(errors="replace")
            finally:
                os.close(source)
                os.close(leak)
        with open(os.path.join(world.base, "log"), errors="replace", encoding="utf-8") as log:
            return code, out, log.read()

    def twin(self, attempt):
        """'works', 'not here', 'needs root', or a complaint."""
        if "U" in attempt.flags and self.user.uid == 0:
            return "not here"
        if "R" in attempt.flags and self.user.uid != 0:
            return "needs root"
        with self.world(attempt.family) as world:
            # The daemon hears only those of its own namespaces.
            prefix = self.leash.native.prefix() if self.leash.native and "leashd" in attempt.name else []
            prefix += ["/bin/sh", "-c", 'cd "$0"; exec "$@"', world.work] if prefix else []  # nsenter(1) has moved
            code, out, err = self.verdict(world, [*prefix, "./escape", attempt.name, ".world"], attempt,
                                          {} if prefix else self.user.demote())
        if "ESCAPED" in out:
            return "works"
        if "NOT-HERE" in out:
            return "not here"
        return f"without a sandbox it must succeed, but: {code} {out}{err}"

    def inside(self, attempt, level, twin):
        name = f"{level} {attempt.name}"
        with self.world(attempt.family) as world:
            options = [world.expand(o) for o in attempt.options]
            before = world.snapshot()
            code, out, err = self.verdict(world, self.leash.command("run", "--quiet", "--level", level, *self.accept, *options,
                                                                   "-C", world.work, "--", "./escape", attempt.name, ".world"),
                                          attempt, self.leash.how())
            harm = world.harm(before)
        if self.native and (harm or "ESCAPED" in out) and attempt.name in LOST:
            self.tap.ok(True, f"{name} (named loss: {LOST[attempt.name]})")
            return
        detail = f"{attempt.doc}\n{code} {out}\n{err}"
        if harm or ("ESCAPED" in out and "H" not in attempt.flags):
            self.tap.ok(False, name, f"{detail}\n{harm}")
        elif "REFUSED" in out or "NOT-HERE" in out or "ESCAPED" in out:
            self.tap.ok(True, name + ("" if twin == "works" else f" (twin: {twin})"))
        elif "K" in attempt.flags and isinstance(code, int) and (code == 124 or code >= 128):
            self.tap.ok(True, f"{name} (ended with {code})")
        elif code == 125 and attempt.name in REFUSED_BEFORE and REFUSED_BEFORE[attempt.name] in err:
            self.tap.ok(True, f"{name} (refused to start)")
        elif code == 125 and attempt.family == "limits":
            # Refused before anything ran: the promise is kept, this host lacks the means.
            self.tap.skip(name, "refused to start: " + " ".join(err.split())[:160])
        else:
            self.tap.ok(False, name, "no verdict: " + detail)

    def siblings(self, attempts, level):
        """Commands in one sandbox must not reach each other either."""
        with self.world("proc") as world:
            rpc = self.leash.rpc()
            try:
                policy = {"level": level, "workdir": world.work}
                policy["accept"] = self.losses
                sandbox = rpc.call("sandbox.create", {"policy": policy})["sandbox"]
                rpc.call("process.start", {"sandbox": sandbox, "argv": ["/bin/sleep", "1000"],
                                           "stdio": {"stdin": "null", "stdout": "null", "stderr": "null"}})
                for attempt in attempts:
                    r = rpc.call("process.run", {"sandbox": sandbox, "argv": ["./escape", attempt.name, ".world"]})
                    self.tap.ok("REFUSED" in r["stdout"], f"{level} {attempt.name} against a sibling", r)
                rpc.call("sandbox.destroy", {"sandbox": sandbox})
            except (lt.RpcError, EOFError, OSError, KeyError) as e:
                self.tap.ok(False, f"{level} siblings", repr(e))
            finally:
                rpc.close()

    def refuses(self, level, why):
        """Nothing is started at all at this level, and it says why."""
        with self.world("paths") as world:
            r = self.leash.run("run", "--level", level, *self.accept, "-C", world.work, "--", "true")
            self.tap.ok(r.returncode == 125 and why in r.stderr, f"{level} is refused: {why}", f"{r.returncode} {r.stderr}")

    def run(self, only, levels, twins_only):
        chosen = [a for a in self.attempts if only in a.name]
        # The daemon has to be there to be attacked, and stays as long as somebody is connected.
        connection = None if twins_only else self.leash.rpc()
        twins = {}
        for attempt in chosen:
            twins[attempt.name] = twin = self.twin(attempt)
            if twin not in ("works", "not here", "needs root"):
                self.tap.ok(False, f"twin {attempt.name}", f"{attempt.doc}\n{twin}")
            elif twins_only:
                (self.tap.skip if twin != "works" else lambda n, _: self.tap.ok(True, n))(f"twin {attempt.name}", twin)
        if twins_only:
            return
        for attempt in chosen:
            if twins[attempt.name] == "not here":
                self.tap.skip(attempt.name, "not on this kernel, or not for this user")
                continue
            for letter in attempt.levels:
                if LEVELS[letter] in levels:
                    self.inside(attempt, LEVELS[letter], twins[attempt.name])
        connection.close()
        if siblings := [a for a in chosen if "B" in a.flags]:
            for level in levels:
                self.siblings(siblings, level)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--as", dest="who", choices=("root", "other"), required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--level", choices=tuple(LEVELS.values()), action="append")
    parser.add_argument("--twins-only", action="store_true")
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--system", action="store_true")
    parser.add_argument("--forbidden", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if args.who == "root" and os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    user = lt.User.caller() if args.who == "root" else lt.User.other()
    if user is None:
        print("1..0 # SKIP no unprivileged user can be made here")
        return 0
    base = lt.base_directory("leash-escape-")
    suite = native = forbidden = leash = None
    try:
        if args.native:
            native = lt.NoNamespaces(user) if os.getuid() == 0 and shutil.which("nsenter") else None
            if not native or not native.works:
                print("1..0 # SKIP cannot forbid namespaces here")
                return 0
        if args.system or args.forbidden:
            if os.getuid() != 0:
                print("1..0 # SKIP needs root")
                return 0
            forbidden = system.Forbidden() if args.forbidden else None
            if forbidden and not forbidden.works:
                print("1..0 # SKIP cannot make a user namespace with all ids")
                return 0
            leash = SystemLeash(os.path.realpath(args.build), user, base, forbidden)
        suite = Suite(os.path.realpath(args.build), user, base, native, leash)
        levels = args.level or list(LEVELS.values())
        if native and user.uid == 0 and "permissive" in levels:
            levels.remove("permissive")
            suite.refuses("permissive", "without namespaces, level permissive would let root change the host itself")
        suite.run(args.only, levels, args.twins_only)
        for scene in scenes(suite, [] if args.twins_only else levels):
            if args.only in scene.name:
                scene.play()
        return suite.tap.end()
    finally:
        if suite:
            suite.leash.stop()
            suite.hosts.close()
        elif leash:
            leash.stop()
        for place in (native, forbidden):
            if place:
                place.end()
        user.remove()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
