#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two users and root on one system daemon: each is served as himself, and none reaches another's sandboxes.

usage: test-users.py BUILD
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time

from attacker import as_user, descriptor_of
from system import PATIENCE, PYTHON, SKIP, System, Tap, User, alive, scratch, wait_for


def identities(t, w, a, b, root):
    for user in (root, a, b):
        r = w.run(user, "run", "--fresh", "--", "sh", "-c", "id -u; id -g; cat /proc/self/status; env")
        out = r.stdout.split("\n")
        t.ok(r.returncode == 0 and out[:2] == [str(user.uid), str(user.gid)], f"{user.kind}: runs as himself",
             r.stdout + r.stderr)
        t.ok("SECRET" not in r.stdout, f"{user.kind}: nothing of the daemon's environment", r.stdout)
        caps = [line for line in out if line.startswith("Cap")]
        t.ok(len(caps) == 5 and all(int(line.split()[1], 16) == 0 for line in caps),
             f"{user.kind}: the command has no capability in any set", caps)
    for user in (a, b):
        mine = w.sessions(user.uid)
        t.ok(len(mine) == 1, f"{user.kind}: one session", mine)
        with open(f"/proc/{mine[0]}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        t.ok(set(status["Uid"].split()) == {str(user.uid)} and set(status["Gid"].split()) == {str(user.gid)} and
             status["Groups"].split() == [], f"{user.kind}: the session is the user in every id", status)
        t.ok(all(int(status[c], 16) == 0 for c in ("CapPrm", "CapEff", "CapInh", "CapAmb")),
             f"{user.kind}: the session has no capability", status)
        with open(f"/proc/{mine[0]}/environ", "rb") as f:
            env = f.read()
        t.ok(b"SECRET" not in env and b"root" not in env, f"{user.kind}: the session's environment is clean", env)


def groups(t, w, a):
    """A group that only the second caller has: a file tells who may read it."""
    gid = 61234
    secret = os.path.join(w.base, "of-the-group")
    with open(secret, "w", encoding="ascii") as f:
        f.write("known\n")
    os.chown(secret, 0, gid)
    os.chmod(secret, 0o040)
    work = scratch(a, w.base)
    args = ("run", "-C", work, "--read", secret, "--", "cat", secret)
    with_group, without = w.run(a, *args, groups=[gid]), w.run(a, *args)
    t.ok(with_group.stdout == "known\n", "a caller's own group opens the file", with_group.stderr)
    t.ok(without.returncode != 0 and "known" not in without.stdout,
         "the same user without the group does not get it from the session of the other caller", without.stdout)
    t.ok(w.run(a, *args, groups=[gid]).stdout == "known\n", "and the first one still has it")


def control_groups(*users):
    return [g for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") for u in users for g in glob.glob(f"{top}/leash/{u.uid}/{u.uid}-*")]


def few_groups(t, w, a):
    """A session's control group is its user's, who must not fill the kernel with groups that nobody removes."""
    w.run(a, "run", "--fresh", "--", "true")
    if not control_groups(a):
        t.skip("groups below a session's", "no control groups here")
        return
    top = control_groups(a)[0]
    script = """if 1:
        import os
        os.mkdir("side"); print("made")
        try: os.mkdir("side/below"); print("deeper")
        except OSError as e: print(e.strerror)
        try:
            for i in range(9000): os.mkdir(f"side{i}")
            print("many")
        except OSError as e: print(e.strerror)"""
    r = subprocess.run([PYTHON, "-c", script], cwd=top, capture_output=True, text=True, **a.demote())
    out = r.stdout.split("\n") + ["", "", ""]
    t.ok(out[0] == "made", "a user makes a group beside his sandboxes'", r.stderr)
    t.ok(out[1] == "Resource temporarily unavailable", "but none in it", r.stdout)
    t.ok(out[2] == "Resource temporarily unavailable", "nor without end", r.stdout)
    for pid in w.sessions(a.uid):
        os.kill(pid, signal.SIGKILL)
    t.ok(wait_for(lambda: not os.path.exists(top), PATIENCE), "and they are gone with his session", os.path.exists(top) and os.listdir(top))


def own_streams(t, w, a):
    """A session is its user's process: what it has open is his."""
    w.run(a, "run", "--fresh", "--", "true")
    session = w.sessions(a.uid)[0]

    def write(path):
        try:
            with open(path, "ab"):
                return True
        except PermissionError:
            return False

    def steal():
        fds = [descriptor_of(session, fd) for fd in range(3)]
        os.write(fds[2], b"leashd[1] info: forged\x1b[2J\n" + b"x" * 60000 + b"\nleashd[1] info: again\n")
        return [(os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in fds]
    t.ok(as_user(a, write, w.log_path) is False, "root's log is not the user's to write")
    got = as_user(a, steal) or []
    log = os.stat(w.log_path)
    t.ok(len(got) == 3 and (log.st_dev, log.st_ino) not in got, "his session does not have it open", got)
    t.ok(wait_for(lambda: "forged" in w.log(), PATIENCE), "what he says through it is heard")
    lines = w.log().split("\n")
    t.ok(any(f"uid {a.uid}: leashd[1] info: forged?[2J" == line for line in lines) and "\x1b" not in w.log() and
         not any(line.startswith("leashd[1]") for line in lines), "as his, and printable", [x[:100] for x in lines[-5:]])
    t.ok(w.run(a, "run", "--fresh", "--", "echo", "served").stdout == "served\n", "and he is served")


def apart(t, w, a, b):
    """A long command of a's: b must not see, stop, enter or end it."""
    p = w.popen(a, "run", "--fresh", "--", "sh", "-c", "echo up; exec sleep 1000")
    t.ok(p.stdout.readline() == "up\n", "a command of the first user's runs")
    listing = w.run(a, "ps", "--json")
    boxes = json.loads(listing.stdout)["sandboxes"]
    t.ok(len(boxes) == 1, "its owner sees the sandbox from another connection", listing.stdout)
    ident = boxes[0]["sandbox"]
    r = w.run(b, "ps", "--json")
    t.ok(r.returncode == 0 and ident not in r.stdout, "the second user does not", r.stdout + r.stderr)
    for verb in (("kill", ident), ("run", "--sandbox", ident, "--", "true"), ("events", "--sandbox", ident)):
        r = w.run(b, *verb)
        t.ok(r.returncode != 0 and p.poll() is None, f"the second user cannot {' '.join(verb)}".replace(ident, "ID"),
             r.stdout + r.stderr)
    answer = w.run(b, "kill", ident).stderr.replace(ident, "ID")
    other = "sb-" + "".join(sorted(ident[3:]))
    none = w.run(b, "kill", other).stderr.replace(other, "ID")
    t.ok(answer == none, "another's identifier is answered as one that there is not", f"{answer}\n{none}")
    r = w.run(a, "kill", ident)
    t.ok(r.returncode == 0, "its owner can", r.stderr)
    p.communicate(timeout=PATIENCE)


def read_only(t, w, a):
    """What the view's read-only mounts refuse is told, unless the file's own permissions refuse it as well."""
    mine = os.path.join(scratch(a, w.base), "mine")
    with open(mine, "w", encoding="ascii") as f:
        f.write("before\n")
    os.chown(mine, a.uid, a.gid)
    others = os.path.join(w.base, "roots")
    with open(others, "w", encoding="ascii") as f:
        f.write("before\n")
    beside = os.path.join(os.path.dirname(mine), "new")
    script = f"echo x >> {mine}; echo x >> {others}; mkdir {beside}; rm {mine}; mkdir -p {w.base}; cat {mine}; exit 3"
    work = scratch(a, w.base)  # with something to protect, so there is a supervisor
    r = w.run(a, "run", "--json", "-C", work, "--", "sh", "-c", script)
    seen = [(d["path"], d["access"], d["process"], d.get("field")) for d in json.loads(r.stdout)["denials"]]
    t.ok(seen == [(mine, "write", "sh", "/filesystem/write"), (beside, "write", "mkdir", "/filesystem/write"),
                  (mine, "write", "rm", "/filesystem/write")], "what a read-only mount refused is told, with the field that allows it", r.stdout)
    r = w.run(a, "run", "--json", "-C", work, "--write", os.path.dirname(mine), "--", "sh", "-c", script)
    t.ok(json.loads(r.stdout)["denials"] == [] and os.path.isdir(beside) and not os.path.exists(mine),
         "and with that field it is done", r.stdout)


def sessions_die(t, w, a, b):
    p = w.popen(b, "run", "--fresh", "--", "sh", "-c", "echo up; read x; echo done", stdin=-1)
    p.stdout.readline()
    for pid in w.sessions(a.uid):
        os.kill(pid, signal.SIGKILL)
    for _ in range(5):
        r = w.run(a, "run", "--fresh", "--", "echo", "again")
        if r.returncode == 0:  # or the daemon has just handed it to the dying one
            break
    t.ok(r.stdout == "again\n", "a killed session is started again", r.stderr)
    out, err = p.communicate("\n", timeout=PATIENCE)
    t.ok(out == "done\n", "and the other user's went on", err)


def stopped(t, w, a, b):
    """A user who stops his own session cannot hold up the others."""
    w.run(a, "run", "--fresh", "--", "true")
    frozen = w.sessions(a.uid)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    waiting = [w.popen(a, "ps") for _ in range(100)]
    r = w.run(b, "run", "--fresh", "--", "echo", "served", timeout=PATIENCE)
    t.ok(r.stdout == "served\n", "a hundred callers of a stopped session do not keep another user waiting", r.stderr)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    for p in waiting:
        p.communicate(timeout=60)
    t.ok(w.run(a, "run", "--fresh", "--", "true").returncode == 0, "and it serves again when it goes on")


def alone(t, w, a):
    """leashd without --user is root's."""
    p = subprocess.run([os.path.join(w.bin, "leashd"), "--socket", os.path.join(a.home, "s")], capture_output=True,
                       text=True, timeout=PATIENCE, user=a.uid, group=a.gid, extra_groups=[])
    t.ok(p.returncode == 2 and "--user" in p.stderr, "a user cannot start a daemon for all", p.stderr)


def caged(t, w, a):
    """leashd itself, and that nothing of its cage is in a session or a sandbox."""
    def status(pid):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    mine = status(w.daemon.pid)
    t.ok(int(mine["CapPrm"], 16) == 1 << 19 and int(mine["CapBnd"], 16) == 0,
         "leashd has CAP_SYS_PTRACE and no other capability", mine)
    t.ok(mine["Seccomp"] == "2" and mine["NoNewPrivs"] == "1", "leashd is under its filter", mine)
    w.run(a, "run", "--fresh", "--", "true")
    theirs = status(w.sessions(a.uid)[0])
    t.ok(theirs["Seccomp"] == "0" and theirs["NoNewPrivs"] == "0", "a session is not", theirs)
    out = w.run(a, "run", "--fresh", "--", "sh", "-c", "ls /proc/self/task | wc -l; python3 -c 'print(6*7)' || echo 42")
    t.ok(out.stdout.split()[-1:] == ["42"], "a sandboxed command forks and executes as ever", out.stderr)


def confined(t, w, a):
    """Callers that are in a sandbox already (decision 3)."""
    r = w.run(a, "ps", prefix=("setpriv", "--no-new-privs"))
    t.ok(r.returncode != 0 and "confined already" in r.stderr, "a caller with no_new_privs is refused", r.stderr)
    r = w.run(a, "ps", prefix=("unshare", "-U", "--map-current-user"))
    t.ok(r.returncode != 0 and "namespace" in r.stderr, "a caller in another user namespace is refused", r.stderr)
    t.ok(w.run(a, "ps").returncode == 0, "the same call without them is not")


def idle(t, w, a, b):
    p = w.popen(b, "run", "--fresh", "--", "sh", "-c", "echo up; read x; echo done", stdin=-1)
    p.stdout.readline()
    w.run(a, "run", "--fresh", "--", "true")
    t.ok(wait_for(lambda: not w.sessions(a.uid), PATIENCE), "an unused session ends")
    t.ok(w.sessions(b.uid) != [] and p.poll() is None, "a used one stays")
    p.communicate("\n", timeout=PATIENCE)


def container(t, w, a):
    """A leashd in another pid namespace that shares the control groups: it finds groups whose processes it cannot see."""
    p = w.popen(a, "run", "--fresh", "--", "sh", "-c", "echo up; read x; echo done", stdin=-1)
    p.stdout.readline()
    path = os.path.join(w.base, "container")
    other = subprocess.Popen(["unshare", "-p", "-f", "--kill-child", "--mount-proc", os.path.join(w.bin, "leashd"), "--socket", path],
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t.ok(wait_for(lambda: os.path.exists(path), PATIENCE), "a leashd starts in a container")
    time.sleep(0.5)
    out, err = p.communicate("\n", timeout=PATIENCE)
    t.ok(out == "done\n", "and the sessions of this one go on", err)
    other.kill()  # and leashd with it
    other.wait()


def ends(t, w, a, b):
    p = w.popen(a, "run", "--fresh", "--", "sh", "-c", "echo up; exec sleep 1000")
    p.stdout.readline()
    t.ok(wait_for(lambda: any(line.startswith("sleep 1000") for line in w.processes().values()), PATIENCE),
         "a command runs while the daemon is stopped")
    before = w.processes()
    t.ok(w.stop() == 0, "the daemon ends as it should", w.log()[-2000:])
    t.ok(wait_for(lambda: not any(alive(pid) for pid in before), PATIENCE), "and nothing of it is left",
         [before[pid] for pid in before if alive(pid)])
    p.communicate(timeout=PATIENCE)
    t.ok(not os.path.exists(w.socket), "nor its socket")
    t.ok(not control_groups(a, b), "nor a control group", control_groups(a, b))


def main():
    if os.getuid() != 0:
        print("1..0 # SKIP needs root")
        return SKIP
    build = os.path.realpath(sys.argv[1])
    t = Tap()
    root, a, b = User.caller(), User.other(), User.other(2)
    root.kind, a.kind, b.kind = "root", "first user", "second user"
    w = System(build, "--idle-exit", "8")
    try:
        identities(t, w, a, b, root)
        groups(t, w, a)
        apart(t, w, a, b)
        few_groups(t, w, a)
        own_streams(t, w, a)
        read_only(t, w, a)
        alone(t, w, a)
        caged(t, w, a)
        confined(t, w, a)
        sessions_die(t, w, a, b)
        stopped(t, w, a, b)
        idle(t, w, a, b)
        container(t, w, a)
        ends(t, w, a, b)
    finally:
        w.remove()
        a.remove()
        b.remove()
    return t.end()


sys.exit(main())
