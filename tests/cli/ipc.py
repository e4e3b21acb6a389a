#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""leashctl --ipc in real sandboxes, as root and as a user made for it, and in the native tier.

usage: ipc.py --build DIR [--as root|other] [--native]
"""
import argparse
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leashtest as lt  # noqa: E402


class Suite:
    def __init__(self, leash, base, native):
        self.tap, self.leash, self.native = lt.Tap(), leash, native
        self.work = leash.user.own(tempfile.mkdtemp(prefix="work-", dir=base))
        self.accept = ["--accept", "no_namespaces", "--accept", "no_deny_inside_allow"] if native else []

    def run(self, *args, command="run", **kw):
        return self.leash.run(command, *self.accept, "-C", self.work, *args, **kw)

    def is_(self, name, args, code=0, out=None, err=None, **kw):
        r = self.run(*args, **kw)
        good = r.returncode == code and (out is None or r.stdout == out) and (err is None or err in r.stderr)
        self.tap.ok(good, name, f"{args}\nstatus {r.returncode}\nstdout {r.stdout[:500]!r}\nstderr {r.stderr[:500]!r}")

    def words(self):
        show = "python3 -c 'import sys; print(sys.argv[1:])' 'a b' \"c\\\"d\" $HOME"
        self.is_("words are words, never text for a shell",
                 ["--ipc", f"show={show}", "--", "sh", "-c", "show '$(id); * `x`' '' --x -y"],
                 out=str(["a b", 'c"d', "$HOME", "$(id); * `x`", "", "--x", "-y"]) + "\n")
        self.is_("standard output, error output and the status",
                 ["--ipc", "f=sh -c 'echo out; echo err >&2; exit 7'", "--", "sh", "-c", "f 2>/dev/null; echo $?; f >/dev/null"],
                 code=7, out="out\n7\n", err="err")
        self.is_("a signal", ["--ipc", "f=sh -c 'kill -9 $$'", "--", "f"], code=137)
        self.is_("a program that is not there", ["--ipc", "f=/no/such/program", "--", "f"], code=1,
                 err="leashctl cannot run /no/such/program: No such file")
        self.is_("by leash-ipc, and the list", ["--ipc", "f=echo", "--ipc", "g=echo", "--", "sh", "-c", "leash-ipc f x; leash-ipc --list"],
                 out="x\ng\nf\n")
        self.is_("many at once", ["--ipc", "f=echo", "--", "sh", "-c", "for i in $(seq 50); do f $i & done | sort -n | md5sum; wait"],
                 out=subprocess.run("seq 50 | md5sum", shell=True, capture_output=True, text=True, check=True).stdout)

    def streams(self):
        with open(os.path.join(self.work, "bytes"), "wb") as f:
            f.write(bytes(range(256)) * 8192)
        self.is_("2 MiB of bytes there and back", ["--ipc", "through=cat", "--", "sh", "-c", "through < bytes | cmp - bytes && echo same"],
                 out="same\n")
        self.is_("output as it comes", ["--ipc", "f=sh -c 'echo one; read x; echo $x'", "--", "sh", "-c",
                                        "mkfifo p; exec 3<>p; f <p | { read a; echo two >p; echo $a; cat; }; rm p"], out="one\ntwo\n")
        self.is_("a reader that has had enough", ["--ipc", "f=yes", "--", "sh", "-c", "f | head -1"], out="y\n")
        self.is_("input that nobody wants", ["--ipc", "f=true", "--", "sh", "-c", "f < /dev/zero"], out="")
        self.is_("input that does not end", ["--ipc", "f=echo hi", "--", "sh", "-c", "mkfifo q; sleep 100 3>q & f <q; rm q; kill $!"],
                 out="hi\n")

    def life(self):
        name = f"1000.{os.getpid()}"
        self.is_("the caller's end is its end", ["--ipc", f"f=sleep {name}", "--", "sh", "-c", "timeout 0.3 f; echo $?"], out="124\n")
        self.tap.ok(lt.wait_for(lambda: not self.sleeps(name), lt.PATIENCE), "… and it has ended", self.sleeps(name))
        self.is_("the sandbox's end, too", ["--timeout", "1s", "--ipc", f"f=sleep {name}", "--", "f"], code=124)
        for how in (signal.SIGTERM, signal.SIGKILL):
            p = subprocess.Popen(self.leash.command("run", *self.accept, "-C", self.work, "--ipc", f"f=sleep {name}", "--", "f"),
                                 env=self.leash.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 **self.leash.how())
            began = lt.wait_for(lambda: self.sleeps(name), lt.PATIENCE)
            p.send_signal(how)
            p.communicate(timeout=lt.PATIENCE)
            self.tap.ok(began and lt.wait_for(lambda: not self.sleeps(name), lt.PATIENCE), f"nothing runs on after {how.name}", self.sleeps(name))

    @staticmethod
    def sleeps(name):
        return subprocess.run(["pgrep", "-f", f"^sleep {name}$"], capture_output=True, text=True).stdout

    def elsewhere(self):
        self.is_("level strict, no network", ["--level", "strict", "--ipc", "f=echo", "--", "f", "x"], out="x\n")
        self.is_("permissive" if not self.native or self.leash.user.uid else "permissive is refused to root",
                 ["--level", "permissive", "--ipc", "f=echo", "--", "f", "x"],
                 **({"out": "x\n"} if not self.native or self.leash.user.uid else {"code": 125}))
        self.is_("leashctl python", ["--ipc", "f=echo", "-c", "import subprocess; print(subprocess.check_output(['f', 'x']))"],
                 command="python", out="b'x\\n'\n")
        self.is_("--json", ["--json", "--ipc", "f=echo", "--", "f", "x"])
        self.is_("--keep", ["--ipc", "f=echo", "--", "sh", "-c", "echo $LEASH_SANDBOX | wc -c"], out="20\n")

    def mistakes(self):
        self.is_("a program's name", ["--ipc", "ls=echo", "--", "ls"], code=125, err="or say --ipc +ls=…")
        self.is_("… said twice", ["--ipc", "+ls=echo mine", "--", "ls", "x"], out="mine x\n")
        self.is_("a shell's word", ["--ipc", "cd=echo", "--", "true"], code=125, err="word of the shell")
        self.is_("the same name twice", ["--ipc", "f=echo", "--ipc", "f=cat", "--", "true"], code=125, err="registered already")
        for value, words in (("f", "NAME='COMMAND"), ("=echo", "NAME='COMMAND"), ("a/b=echo", "NAME='COMMAND"),
                             ("f=", "a command behind"), ("f='", "quote is not closed")):
            self.is_(f"--ipc {value}", ["--ipc", value, "--", "true"], code=2, err=words)
        r = self.leash.run("run", "--sandbox", "sb-x", "--ipc", "f=echo", "--", "true")
        self.tap.ok(r.returncode == 2 and "--ipc goes not together with --sandbox" in r.stderr, "--sandbox", r.stderr)

    def hostile(self):
        self.is_("the directory stays as it is", ["--ipc", "f=echo genuine", "--", "sh", "-c", """
d=$(dirname "$(command -v f)")
for act in "rm -f $d/f" "mv $d/f $d/g" "ln -sf /bin/false $d/f" "cp /bin/false $d/leash-ipc" "mv $d ${d}2" "rm -rf ${d%/bin}" \\
        "touch $d/evil" "mkdir $d/e" "mount -t tmpfs none $d" "mount --bind /bin $d" "unshare -rm mount -t tmpfs none $d"; do
        $act 2>/dev/null
done
ls $d | tr '\\n' ' '; f; leash-ipc f"""], out="f leash-ipc genuine\ngenuine\n")
        self.is_("two commands of one name", ["--ipc", "f=echo genuine", "--", "sh", "-c",
                                               "mkdir -p b; printf '#!/bin/sh\\necho evil' > b/f; chmod +x b/f; f; leash-ipc f"],
                 out="genuine\ngenuine\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--as", dest="who", choices=["root", "other"], default="other")
    parser.add_argument("--native", action="store_true")
    args = parser.parse_args()
    if args.who == "root" and os.getuid() != 0:
        return lt.SKIP
    user = lt.User.caller() if args.who == "root" else lt.User.other()
    if not user:
        return lt.SKIP
    base = lt.base_directory("leash-ipc-")
    native = lt.NoNamespaces(user) if args.native else None
    leash = None
    try:
        if native and not native.works:
            return lt.SKIP
        leash = lt.Leash(args.build, user, base, native)
        suite = Suite(leash, base, args.native)
        for part in (suite.words, suite.streams, suite.life, suite.elsewhere, suite.mistakes, suite.hostile):
            part()
        return suite.tap.end()
    finally:
        if leash:
            leash.stop()
        if native:
            native.end()
        user.remove()
        subprocess.run(["rm", "-rf", base], check=False)


if __name__ == "__main__":
    sys.exit(main())
