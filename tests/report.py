#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs `meson test …` and ends with one line alone: N passed, N failed, N skipped.

The numbers come from meson's JSON log. A test program that speaks TAP or ends with the summary of the `check` library
counts with each of its cases, any other program counts as one. Each report that a sanitizer left in BUILD/sanitizer
(tests/lib/sanitizer.c) is a failure.

usage: report.py BUILD -- meson test -C BUILD …
"""
import json
import os
import re
import shutil
import subprocess
import sys

GOOD = {"OK", "EXPECTEDFAIL"}
SKIP = {"SKIP", "IGNORED"}
TAP = re.compile(r"^(not )?ok\b([^#\n]*)(#\s*(skip|todo)\b.*)?", re.I | re.M)
CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n+(?:OK|FAILED)(?: \((.*)\))?", re.M)


def count(test):
    """(passed, failed, skipped, lines to show) of one test program."""
    out = test.get("stdout") or ""
    good, skip = test["result"] in GOOD, test["result"] in SKIP
    passed = failed = skipped = 0
    notes = []
    for negated, name, directive, kind in TAP.findall(out):
        if kind.lower() == "skip":
            skipped += 1
            notes.append(f"skip: {test['name']}: {name.strip(' -')} {directive}")
        elif negated and kind.lower() != "todo":
            failed += 1
            notes.append(f"FAIL: {test['name']}: {name.strip(' -')}")
        else:
            passed += 1
    for checks, failures, errors in CHECK.findall(out):
        bad = int(failures) + int(errors)
        passed += int(checks) - bad
        failed += bad
    for ran, rest in UNITTEST.findall(out + (test.get("stderr") or "")):
        counts = dict(re.findall(r"(failures|errors|skipped)=(\d+)", rest))
        bad, left = int(counts.get("failures", 0)) + int(counts.get("errors", 0)), int(counts.get("skipped", 0))
        passed += int(ran) - bad - left
        failed += bad
        skipped += left
    if not passed + failed + skipped:
        passed, skipped = int(good), int(skip)
    if skip and not skipped:
        skipped = 1
        notes.append(f"skip: {test['name']}")
    if not good and not skip and not failed:
        failed = 1
        notes.append(f"FAIL: {test['name']}: {test['result']}")
    return passed, failed, skipped, notes


def main():
    build, command = sys.argv[1], sys.argv[3:]
    log = os.path.join(build, "meson-logs", "testlog.json")
    wrapped = [a for a in command if a.startswith("--wrapper")]
    if wrapped:  # meson names the log after the wrapper's first word
        program = command[command.index("--wrapper") + 1].split()[0]
        log = os.path.join(build, "meson-logs", f"testlog-{os.path.basename(program)}.json")
    if os.path.exists(log):
        os.unlink(log)  # never count an old run
    reports = os.path.join(build, "sanitizer")
    shutil.rmtree(reports, ignore_errors=True)
    os.mkdir(reports)
    os.chmod(reports, 0o1777)  # the tests' other user has something to say, too
    code = subprocess.call(command)
    total = [0, 0, 0]
    notes = []
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                p, f, s, n = count(json.loads(line))
                total = [total[0] + p, total[1] + f, total[2] + s]
                notes += n
    for name in sorted(os.listdir(reports)):
        with open(os.path.join(reports, name), encoding="utf-8", errors="replace") as report:
            text = report.read()
        print(text)
        # Killed while it looks for leaks, it complains of that only.
        if "ERROR:" in text or "runtime error:" in text:
            total[1] += 1
            notes.append(f"FAIL: sanitizer report {name}")
    if code and not total[1]:
        total[1] = 1
        notes.append(f"FAIL: {' '.join(command[:2])} ended with {code}")
    if not any(total):
        total[1] = 1
        notes.append("FAIL: no test ran")
    if notes:
        print("\n".join(notes))
    print("{} passed, {} failed, {} skipped".format(*total), flush=True)
    return 1 if code or total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
