#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""An agent framework's first client: one sandbox, many commands in it, JSON lines on a socket."""
import json, os, socket, subprocess

# leashctl knows where the daemon listens, and starts it when it is not running.
info = json.loads(subprocess.check_output(["leashctl", "doctor", "--json"]))
leash = socket.socket(socket.AF_UNIX)
leash.connect(info["socket"])
lines = leash.makefile("r", encoding="utf-8")  # "rw" would forget, at each write, lines that it has read ahead


def call(method, **params):
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n"
    leash.sendall(request.encode())
    answer = json.loads(lines.readline())
    if "error" in answer:
        raise RuntimeError(answer["error"]["message"])
    return answer["result"]


box = call("sandbox.create", policy={"workdir": os.getcwd(), "limits": {"wall_seconds": 600}})["sandbox"]
for code in ("print(6 * 7)", "open('/etc/hosts', 'a')"):
    r = call("process.run", sandbox=box, argv=["python3", "-c", code], timeout_ms=10_000)
    print(r["exit"], r["reason"], (r["stdout"] + r["stderr"]).splitlines()[-1:])
