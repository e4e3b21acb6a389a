#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The administrator's exceptions: a confined caller is served when its user and its unit are named, and only as far as named."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from system import PATIENCE, SKIP, System, Tap, User  # noqa: E402

UNIT = f"leash-test-{os.getpid()}.service"


def group():
    """Where a unit of this name would be; whoever makes it here is root."""
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(os.path.join(top, "cgroup.procs")) and os.path.exists(os.path.join(top, "cgroup.controllers")):
            path = os.path.join(top, UNIT)
            try:
                os.mkdir(path)
                return path
            except OSError:
                return None
    return None


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    build, where = os.path.realpath(sys.argv[1]), group()
    if not where:
        print("1..0 # SKIP no control group can be made here")
        return SKIP
    t, user, other, w = Tap(), User.other(), User.other(2), None
    try:
        for bad in ("0:a.service:mounts", f"{user.uid}:a.service", f"{user.uid}:*:mounts"):
            r = subprocess.run([os.path.join(build, "leashd"), "--admit", bad, "--socket", "/nonexistent/x"], capture_output=True,
                               text=True, timeout=PATIENCE)
            t.ok(r.returncode != 0 and "UID:UNIT:CHECK" in r.stderr, f"--admit {bad} is refused", r.stderr)
        w = System(build, "--admit", f"{user.uid}:{UNIT}:no_new_privs")

        def call(who, *wrap, unit=False):
            enter = ["sh", "-c", f'echo $$ > {where}/cgroup.procs && exec "$@"', "sh"] if unit else []
            demote = ["setpriv", f"--reuid={who.uid}", f"--regid={who.gid}", "--clear-groups"]
            return subprocess.run([*enter, *demote, *wrap, w.leashctl, "run", "--fresh", "--", "echo", "served"], env=w.env(who),
                                  cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

        confined = ("setpriv", "--no-new-privs")
        r = call(user)
        t.ok(r.stdout == "served\n", "a free caller", r.stderr)
        r = call(user, *confined)
        t.ok(r.returncode == 125 and "no_new_privs" in r.stderr, "a confined one elsewhere is refused", r.stderr)
        r = call(user, *confined, unit=True)
        t.ok(r.stdout == "served\n", "in the unit it is served", r.stderr)
        r = call(other, *confined, unit=True)
        t.ok(r.returncode == 125 and "no_new_privs" in r.stderr, "another user there is refused", r.stderr)
        r = call(user, *confined, "unshare", "--user", "--map-current-user", unit=True)
        t.ok(r.returncode == 125 and ("user namespace" in r.stderr or "unshare" in r.stderr), "in a user namespace it is refused", r.stderr)
        r = call(user, *confined, "unshare", "--user", "--map-current-user", "--mount", unit=True)
        t.ok(r.returncode == 125 and ("namespace" in r.stderr or "unshare" in r.stderr), "in another mount namespace it is refused", r.stderr)
    finally:
        if w:
            w.remove()
        user.remove()
        other.remove()
        os.rmdir(where)
    return t.end()


if __name__ == "__main__":
    sys.exit(main())
