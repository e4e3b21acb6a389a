# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs one of docs/examples/ against a daemon and looks at what it says."""
import os
import subprocess
import sys
import unittest

from support import BUILD, Case

PROGRAM, NAME = os.path.abspath(sys.argv[1]), sys.argv[2]
WANT = {
    "run": ["status 0, exited: 42"],
    "poll": ["one (stdout): 1", "one (stdout): 2", "one (stdout): 3", "one: exited, status 0",
             "two (stderr): oops", "two: exited, status 3"],
    "ipc": ['{"degrees":7}', '{"degrees":7}', "weather: this city is under water", "weather: city: is missing",
            "usage: weather CITY", "2", "3 calls"],
    "agent": ["{'code': 0} exited ['42']",
              # nothing is enforced here: root may append to the file, others may not
              "{'code': 0} exited []" if os.access("/etc/hosts", os.W_OK) else
              """{'code': 1} exited ["PermissionError: [Errno 13] Permission denied: '/etc/hosts'"]"""],
}


class Example(Case):
    def test_it(self):
        self.env["PATH"] = BUILD + ":" + self.env["PATH"]
        p = subprocess.run([PROGRAM], env=self.env, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=60)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertEqual(sorted(p.stdout.decode().splitlines()), sorted(WANT[NAME]))
        none = subprocess.run([PROGRAM], env=dict(self.env, LEASH_SOCKET="/no/such"), stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(none.returncode, 1)
        self.assertIn(b"/no/such", none.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
