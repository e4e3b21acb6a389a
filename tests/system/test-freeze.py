#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""limits.disk_bytes in a directory of the disk, against code that moves its file out of the walk's way.

usage: test-freeze.py BUILD

The walk tells by inotify where it is (it opens each directory). Two directories with many names: whenever one is opened,
the large file, which is listed last or late, moves into the other. A walk of a sandbox that runs never meets it.
"""
import json
import os
import sys
import time

from system import PYTHON, SKIP, System, Tap, User, scratch

MIB = 1 << 20
ATTACK = r"""
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
mib, moves = int(sys.argv[1]), sys.argv[2] == 'moves'
for d in 'ab':
    os.mkdir(d)
    for i in range(1500):
        os.symlink('x', f'{d}/{i:050}')
fd = libc.inotify_init1(0)
watch = {}
for d in 'ab':
    watch[libc.inotify_add_watch(fd, d.encode(), 0x20)] = d  # IN_OPEN
at = 'a'
if sys.argv[3:] == ['fifo']:
    os.mkfifo('p')
    if os.fork() == 0:
        os.open('p', os.O_WRONLY)
    time.sleep(0.2)
big = os.open('a/big', os.O_CREAT | os.O_WRONLY)
if os.fork() == 0:
    for i in range(mib):
        os.write(big, os.urandom(1 << 20))
        if i % 16 == 0:
            os.fsync(big)
        time.sleep(0.004)
    os.fsync(big)
    open('done', 'w').close()
    time.sleep(100)
end = time.monotonic() + 12
while moves and time.monotonic() < end:
    data = os.read(fd, 65536)
    wd = struct.unpack_from('i', data, len(data) - 16)[0]
    if watch.get(wd) == at:
        other = 'ab'.replace(at, '')
        os.rename(f'{at}/big', f'{other}/big')
        at = other
while not moves and time.monotonic() < end:
    time.sleep(0.1)
print('outran', os.path.getsize(f'{at}/big') >> 20, os.path.exists('done'), flush=True)
"""


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    t = Tap()
    user = User.other()
    w = System(os.path.realpath(sys.argv[1]))
    try:
        info = json.loads(w.run(user, "call", "leash.info").stdout)
        facts = {m["name"]: m["available"] for m in info["mechanisms"]}
        work = scratch(user, "/var/tmp")

        def attack(disk, mib, how):
            begin = time.monotonic()
            r = w.run(user, "run", "--json", "-C", work, "--disk", disk, "--", PYTHON, "-c", ATTACK, str(mib), *how.split(), timeout=60)
            took = time.monotonic() - begin
            for d in ("a", "b"):
                os.system(f"rm -rf {work}/{d} {work}/done {work}/p")
            return json.loads(r.stdout or '{"stdout": "", "reason": ""}'), f"{took:.1f} s {r.stdout} {r.stderr}"

        r, text = attack("48M", 20, "moves")
        t.ok(r["reason"] == "exited" and "outran 20 True" in r["stdout"], "within the limit it may move as it likes", text)
        r, text = attack("48M", 200, "stays")
        t.ok(r["reason"] == "disk_limit", "a file that stays is found", text)
        if not facts.get("cgroup v2 (writable)"):
            t.skip("a file that is moved", "no control groups here: docs/security.md says what that means")
        else:
            r, text = attack("48M", 200, "moves")
            t.ok(r["reason"] == "disk_limit" and "outran" not in r["stdout"], "one that is moved out of the way, too", text)
            r, text = attack("48M", 200, "moves fifo")
            t.ok(r["reason"] == "disk_limit" and "outran" not in r["stdout"], "... though a call of it waits for the supervisor", text)
        os.rmdir(work)
    finally:
        w.remove()
        user.remove()
    return t.end()


sys.exit(main())
