#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the host mounts while a sandbox runs does not appear in it, also where mounts spread by themselves, as on every
machine that systemd has booted (mount_namespaces(7), "shared").

usage: test-mounts.py BUILD
"""
import os
import subprocess
import sys

from system import PATIENCE, SKIP, System, Tap, User


class Shared:
    """A mount namespace in which each mount tells its copies what is mounted on it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-m", "--propagation", "shared", "sh", "-c", "echo; exec sleep 100000"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.holder.stdout.readline()
        subprocess.run([*self.prefix(), "mount", "--make-rshared", "/"], check=True)

    def prefix(self, uid=0, gid=0):
        return ["nsenter", "-m", f"--target={self.holder.pid}", "-S", str(uid), "-G", str(gid), "--"]

    def end(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


COMMAND = """
echo up; read x
cat {place}/new; touch {place}/made && echo wrote
grep -c ' {place} ' /proc/self/mountinfo; grep -c -E ' (shared|master):' /proc/self/mountinfo
cat {place}/old
"""


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    t = Tap()
    user, root = User.other(), User.caller()
    shared = Shared()
    w = System(os.path.realpath(sys.argv[1]), inside=shared)
    place = os.path.join(w.base, "place")
    os.mkdir(place)
    with open(os.path.join(place, "old"), "w", encoding="ascii") as f:
        f.write("what was there\n")
    os.chmod(os.path.join(place, "old"), 0o644)
    try:
        for who, kind in ((user, "user"), (root, "root")):
            for level in ("default", "strict"):
                work = os.path.join(w.base, f"{kind}-{level}")
                os.mkdir(work)
                user.own(work) if who is user else None
                p = w.popen(who, "run", "--level", level, "--read", place, "-C", work, "--", "sh", "-c", COMMAND.format(place=place),
                            stdin=subprocess.PIPE)
                t.ok(p.stdout.readline() == "up\n", f"{kind}, {level}: a command runs", p.poll() is None or p.communicate())
                mount = [*shared.prefix(), "sh", "-c", f"mount -t tmpfs -o mode=1777 later {place} && echo x > {place}/new"]
                subprocess.run(mount, check=True)
                twin = subprocess.run([*shared.prefix(who.uid, who.gid), "cat", f"{place}/new"], capture_output=True, text=True)
                t.ok(twin.stdout == "x\n", "  without a sandbox, what is mounted then is seen", twin.stderr)
                out, err = p.communicate("\n", timeout=PATIENCE)
                t.ok("x\n" not in out and "wrote" not in out and out.endswith("what was there\n"), "  inside, it is not", out + err)
                t.ok(out.split("\n")[-3:-2] == ["0"], "  no mount of the sandbox hears of others", out + err)
                subprocess.run([*shared.prefix(), "umount", place], check=True)
    finally:
        w.remove()
        shared.end()
        user.remove()
    return t.end()


sys.exit(main())
