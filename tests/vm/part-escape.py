#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""In the machine of system.sh: the escape suite (tests/escape), against the service that the packages installed instead of a
daemon of the suite's own.

usage: part-escape.py --build DIR --as root|other [--only SUBSTRING] [--level LEVEL]

LEASH_VM_LOSSES: what is accepted, in words.
"""
import contextlib
import os
import subprocess
import sys

sys.path[:0] = ["/srv/leash-vm/escape", "/srv/leash-vm/lib", "/srv/leash-vm/system"]
import leashtest as lt  # noqa: E402


class Installed(lt.Leash):
    system = True  # all users' sandboxes are made by root's leashd

    def __init__(self, build, user, base, native=None):
        super().__init__(build, user, base, native)
        self.socket_path = self.env["LEASH_SOCKET"] = "/run/leash/leash.sock"

    def daemon_pid(self):
        out = subprocess.run(["systemctl", "show", "-P", "MainPID", "leashd.service"], capture_output=True, text=True, check=True).stdout
        return int(out) or None

    def processes(self):
        # Sessions descend from leash-launch, which is in another unit.
        found = super().processes()
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == self.user.uid and os.readlink(f"/proc/{name}/exe").endswith("/leash-session"):
                    found[int(name)] = "leash-session"
            with contextlib.suppress(OSError), open(f"/proc/{name}/comm", encoding="ascii", errors="replace") as f:
                if f.read() == "leash-init\n":
                    found[int(name)] = "leash-init"
        return found

    def stop(self):
        pass


lt.Leash = Installed
import run  # noqa: E402

class Suite(run.Suite):
    """On an old kernel, with what is lost there accepted by name."""

    def __init__(self, *args):
        super().__init__(*args)
        lost = os.environ.get("LEASH_VM_LOSSES", "").split()
        self.losses += lost
        self.accept += [word for loss in lost for word in ("--accept", loss)]


run.Suite = Suite

# Here sandboxes are to outlive leashd (decision 14), as part-system.sh and part-kill.py see.
every = run.scenes
run.scenes = lambda *args: [s for s in every(*args) if not s.name.endswith("killed-leashd")]

sys.exit(run.main())
