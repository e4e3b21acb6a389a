#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where user namespaces are forbidden, to root as well, the system daemon gives full sandboxes all the same.

usage: test-forbidden.py BUILD
"""
import json
import os
import sys

from system import SKIP, Forbidden, System, Tap, User, scratch

# What must fail inside, and succeeds without a sandbox (as the same user, where it is run as a twin).
ATTEMPTS = [
    ("make a user namespace", "unshare -U true"),
    ("make a mount namespace", "unshare -m true"),
    ("read a file of the host's /tmp", "cat {secret}"),
    ("write beside the working directory", "touch {outside}/x"),
    ("see a process of the host", "test -e /proc/{pid}/stat"),
    ("signal a process of the host", "kill -0 {pid}"),
    ("connect to the host's loopback", "exec 3<>/dev/tcp/127.0.0.1/{port}"),
]


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    import socket
    import subprocess
    import tempfile
    t = Tap()
    forbidden = Forbidden()
    if not forbidden.works:
        print("1..0 # SKIP cannot make a user namespace with all ids")
        return SKIP
    user, root = User.other(), User.caller()
    build = os.path.realpath(sys.argv[1])
    host = System(build)  # whose control groups the one in the user namespace sees
    host.run(user, "doctor")
    neighbours = host.sessions(user.uid)
    w = System(build, inside=forbidden)
    listener = socket.create_server(("127.0.0.1", 0))
    outside, work = scratch(user, w.base), scratch(user, w.base)
    secret = user.own(tempfile.mkstemp(prefix="leash-secret-")[1])
    witness = subprocess.Popen(["sleep", "1000"], user=user.uid, group=user.gid, extra_groups=[])
    try:
        r = subprocess.run([*forbidden.prefix(), "unshare", "-U", "true"], capture_output=True, text=True)
        t.ok(r.returncode != 0, "root itself cannot make a user namespace here", r.stderr)
        info = w.run(user, "call", "leash.info")
        facts = json.loads(info.stdout)
        t.ok(facts["tier"] == "namespaces", "the tier is that of the namespaces", info.stdout + info.stderr)
        for who, kind in ((user, "user"), (root, "root")):
            r = w.run(who, "run", "--fresh", "--", "sh", "-c", "id -u; grep ^Cap /proc/self/status; cat /proc/1/comm")
            out = r.stdout.split()
            t.ok(out[:1] == [str(who.uid)] and out[-1:] == ["leash-init"], f"{kind}: runs as himself, below pid 1",
                 r.stdout + r.stderr)
            t.ok(out[1:-1] == [x for c in ("Inh", "Prm", "Eff", "Bnd", "Amb") for x in (f"Cap{c}:", "0" * 16)],
                 f"{kind}: without a capability", r.stdout)
            r = w.run(who, "run", "--fresh", "--ipc", "f=echo", "--", "sh", "-c", "f host; touch /dev/leash/bin/g || f still")
            t.ok(r.stdout == "host\nstill\n", f"{kind}: host commands, in a directory that stays as it is", r.stdout + r.stderr)
        names = {"secret": secret, "outside": outside, "pid": witness.pid, "port": listener.getsockname()[1]}
        for what, command in ATTEMPTS:
            command = command.format(**names)
            r = w.run(user, "run", "-C", work, "--", "bash", "-c", command)
            twin = subprocess.run(["bash", "-c", command], capture_output=True, user=user.uid, group=user.gid,
                                  extra_groups=[]) if "unshare -m" not in command else None
            t.ok(r.returncode not in (0, 125), f"cannot {what}", r.stdout + r.stderr)
            t.ok(twin is None or twin.returncode == 0, "  and could without a sandbox", twin and twin.stderr)
        r = w.run(user, "run", "-C", work, "--", "sh", "-c", "echo x > made && mkdir -p .git/hooks; cat made")
        t.ok(r.stdout == "x\n" and os.path.exists(os.path.join(work, "made")), "the working directory can be written",
             r.stderr)
        with open("/proc/sys/user/max_user_namespaces", encoding="ascii") as f:
            t.ok(int(f.read()) > 0, "the machine's own limit is as it was")
        t.ok(neighbours and host.sessions(user.uid) == neighbours, "sessions of a leashd in another user namespace live on", host.log())
    finally:
        witness.kill()
        witness.wait()
        listener.close()
        w.remove()
        host.remove()
        forbidden.end()
        os.unlink(secret)
        user.remove()
    return t.end()


sys.exit(main())
