#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real tools at level default, each in a project directory of its own: what people do all day must simply work.

Each case is a shell script that runs inside; it must end with 0 and print what is expected. The same script runs without a
sandbox first: a machine on which the tool itself is broken says nothing about leash.

usage: run.py --build DIR --as root|other [--only SUBSTRING] [--quick|--slow]
"""
import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leashtest as lt  # noqa: E402
from cases import CASES  # noqa: E402


class Suite:
    def __init__(self, build, user, base):
        self.user, self.base = user, base
        self.tap = lt.Tap()
        self.leash = lt.Leash(build, user, base)

    def project(self, case):
        # A home directory holds projects, as a rule; that is the harder case, too.
        where = self.user.own(tempfile.mkdtemp(prefix="leash-tool-", dir=self.user.home))
        for name, text in case.files.items():
            path = os.path.join(where, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        for folder, directories, files in os.walk(where):
            for name in directories + files:
                self.user.own(os.path.join(folder, name))
        return where

    def has(self, tool):
        """Is it on this user's PATH? A tool in somebody else's home is not."""
        r = subprocess.run(["/bin/sh", "-c", f"command -v {tool}"], env=self.leash.env, capture_output=True,
                           **self.user.demote())
        return r.returncode == 0

    def run(self, case, where, inside):
        options = ["--level", "default", *case.options, "-C", where]
        argv = [self.leash.leashctl, "run", *options, "--"] if inside else []
        argv += ["/bin/bash", "-c", case.prepare + case.script]
        if case.tty:
            return self.on_terminal(argv, where, case)
        if case.to_files:
            return self.to_files(argv, where, case)
        r = subprocess.run(argv, cwd=where, env={**self.leash.env, **case.env}, stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, errors="replace", timeout=case.seconds, **self.user.demote())
        return r.returncode, r.stdout, r.stderr

    def to_files(self, argv, where, case):
        """Streams that are files of the host's, in no view."""
        place = tempfile.mkdtemp(prefix="streams-", dir=self.base)
        os.chmod(place, 0o755)
        with open(place + "/out", "a+", encoding="utf-8") as out, open(place + "/err", "a+", encoding="utf-8") as err:
            for f in (out, err):
                os.fchmod(f.fileno(), 0o666)
            r = subprocess.run(argv, cwd=where, env={**self.leash.env, **case.env}, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                               timeout=case.seconds, **self.user.demote())
            out.seek(0)
            err.seek(0)
            return r.returncode, out.read(), err.read()

    def on_terminal(self, argv, where, case):
        """A real terminal on all three, as for somebody who types."""
        master, slave = pty.openpty()
        self.user.own(os.ttyname(slave))
        code = "import os,sys,fcntl,termios;os.setsid();fcntl.ioctl(0,termios.TIOCSCTTY,0);os.execvp(sys.argv[1],sys.argv[1:])"
        p = subprocess.Popen([lt.PYTHON, "-c", code, *argv], cwd=where, stdin=slave, stdout=slave, stderr=slave,
                             env={**self.leash.env, "TERM": "xterm", **case.env}, **self.user.demote())
        os.close(slave)
        out, end, typed = b"", time.monotonic() + case.seconds, list(case.types)
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    chunk = os.read(master, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                out += chunk
            if typed and re.search(typed[0][0].encode(), out, re.S):
                os.write(master, typed.pop(0)[1].encode())
            if p.poll() is not None and not select.select([master], [], [], 0)[0]:
                break
        p.kill() if p.poll() is None and time.monotonic() >= end else None
        code = p.wait()
        os.close(master)
        return code, out.decode(errors="replace").replace("\r\n", "\n"), ""

    def play(self, case):
        for tool in case.needs:
            if not self.has(tool):
                self.tap.skip(case.name, f"{tool} is not installed for {self.user.name}", must=case.must)
                return
        results = []
        for inside in (False, True):
            where = self.project(case)
            try:
                code, out, err = self.run(case, where, inside)
                good = code == 0 and all(e in out for e in case.expect)
                if good and case.after and inside:
                    err = case.after(where) or ""
                    good = not err
                results.append((good, f"exit {code}\n{out[-3000:]}\n{err[-3000:]}"))
            except subprocess.TimeoutExpired as e:
                results.append((False, f"hung for {e.timeout} s\n{(e.stdout or b'')[-2000:]}\n{(e.stderr or b'')[-2000:]}"))
            finally:
                subprocess.run(["chmod", "-R", "u+w", where], check=False)  # go makes its cache read-only
                shutil.rmtree(where, ignore_errors=True)
            if not inside and not results[0][0]:
                if case.twin_optional:
                    self.tap.skip(case.name, "does not work here without a sandbox either")
                else:
                    self.tap.ok(False, case.name, "without a sandbox: " + results[0][1])
                return
        self.tap.ok(results[1][0], case.name, results[1][1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--as", dest="who", choices=("root", "other"), required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true", help="without those that take long")
    parser.add_argument("--slow", action="store_true", help="those that take long")
    args = parser.parse_args()
    if args.who == "root" and os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return 0
    user = lt.User.caller() if args.who == "root" else lt.User.other()
    if user is None:
        print("1..0 # SKIP no unprivileged user can be made here")
        return 0
    base = lt.base_directory("leash-tools-")
    suite = Suite(args.build, user, base)
    try:
        for case in CASES:
            left_out = args.quick and case.slow or args.slow and not case.slow
            if args.only in case.name and not left_out and (case.root or args.who != "root"):
                suite.play(case)
        return suite.tap.end()
    finally:
        suite.leash.stop()
        user.remove()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
