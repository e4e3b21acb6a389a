# SPDX-License-Identifier: MIT OR Apache-2.0
"""The tools, one row each. `must`: CI installs it, so that a skip there is a failure. `slow`: it takes seconds of its own."""
import os


class Case:
    def __init__(self, name, needs, script, expect=(), files=None, must=False, options=(), env=None, seconds=120,
                 tty=False, types=(), after=None, twin_optional=False, to_files=False, root=True, slow=False):
        self.name, self.needs, self.script = name, needs.split(), script
        self.expect = [expect] if isinstance(expect, str) else expect
        self.files, self.must, self.options, self.env = files or {}, must, options, env or {}
        self.seconds, self.tty, self.types, self.after = seconds, tty, types, after
        self.twin_optional, self.to_files, self.root, self.slow = twin_optional, to_files, root, slow
        self.prepare = "" if tty else "set -e\n"


GIT = """
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.c GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.c
"""

PYTHON_MP = """
import multiprocessing as mp, sys
def square(x): return x * x
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with mp.get_context(method).Pool(2) as pool:
            assert pool.map(square, range(4)) == [0, 1, 4, 9]
    q = mp.Queue(); q.put(7); assert q.get() == 7
    lock = mp.Lock()
    with lock: print("all methods")
    from multiprocessing import shared_memory
    s = shared_memory.SharedMemory(create=True, size=16); s.buf[0] = 5; s.close(); s.unlink()
"""
PYTHON_ASYNC = """
import asyncio
async def serve(r, w):
    w.write(await r.readline()); await w.drain(); w.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*server.sockets[0].getsockname())
    w.write(b"echoed\\n"); print((await r.readline()).decode().strip())
    p = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    print((await p.communicate())[0].decode().strip())
    server = await asyncio.start_unix_server(serve, "s.sock")
    r, w = await asyncio.open_unix_connection("s.sock")
    w.write(b"by path\\n"); print((await r.readline()).decode().strip())
asyncio.run(main())
"""
PYTHON_SQLITE = """
import sqlite3, threading
db = sqlite3.connect("x.db"); db.execute("pragma journal_mode=wal")
db.execute("create table t(a)"); db.executemany("insert into t values(?)", [(i,) for i in range(1000)]); db.commit()
print("sum", sqlite3.connect("x.db").execute("select sum(a) from t").fetchone()[0])
"""
PYTHON_VARIOUS = """
import os, pwd, socket, subprocess, sys, tempfile, threading, ssl, ctypes, select, signal, time
print(pwd.getpwuid(os.getuid()).pw_name == os.environ["USER"])
print(subprocess.check_output(["sh", "-c", "echo sub"]).decode().strip())
with tempfile.TemporaryDirectory() as d: open(d + "/x", "w").write("x")
print(socket.gethostbyname("localhost")); print([n for _, n in socket.if_nameindex()])
ssl.create_default_context(); ctypes.CDLL(None).getpid()
e = select.epoll(); e.close(); a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
t = threading.Thread(target=time.sleep, args=(0.01,)); t.start(); t.join()
print(os.cpu_count() > 0, len(os.sched_getaffinity(0)) > 0, "fine")
"""
NODE = """
const { Worker, isMainThread, parentPort } = require('worker_threads');
if (!isMainThread) { parentPort.postMessage('from worker'); return; }
const cp = require('child_process'), fs = require('fs'), net = require('net'), os = require('os');
console.log(cp.execSync('echo child').toString().trim(), cp.spawnSync('echo', ['sync']).stdout.toString().trim());
os.networkInterfaces(); os.cpus(); os.userInfo();
fs.mkdirSync('w');
const done = []; const step = n => { done.push(n); if (done.length == 4) { console.log(done.sort().join(',')); process.exit(0); } };
const watcher = fs.watch('w', () => { watcher.close(); step('watch'); });
setTimeout(() => fs.writeFileSync('w/f', 'x'), 50);
new Worker(__filename).on('message', () => step('worker'));
const server = net.createServer(s => s.end('hi')).listen(0, '127.0.0.1', () =>
  net.connect(server.address().port).on('data', () => step('net')));
const f = cp.fork('forked.js'); f.on('message', () => step('fork'));
"""
C_MAIN = """#include <stdio.h>
int answer(void);
int main(void) { printf("answer %d\\n", answer()); return 0; }
"""
MAKEFILE = """
objects = a0.o a1.o a2.o a3.o a4.o a5.o a6.o a7.o
all: prog
\t./prog
prog: main.o $(objects)
\t$(CC) -o $@ $^
a%.o: a.c
\t$(CC) -DN=$* -c -o $@ $<
"""
JAVA = """
import java.net.*; import java.nio.file.*; import java.util.concurrent.*;
public class Main {
  public static void main(String[] a) throws Exception {
    ExecutorService e = Executors.newFixedThreadPool(4);
    System.out.println("sum " + (e.submit(() -> 20).get() + e.submit(() -> 22).get()));
    e.shutdown();
    ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    new Socket(s.getInetAddress(), s.getLocalPort()).close();
    Files.writeString(Path.of("out.txt"), "x");
    System.out.println(new ProcessBuilder("echo", "child").start().waitFor());
  }
}
"""
GO = """package main
import ("fmt"; "net"; "os/exec"; "sync")
func main() {
  var wg sync.WaitGroup; n := make(chan int, 8)
  for i := 0; i < 8; i++ { wg.Add(1); go func(i int) { defer wg.Done(); n <- i }(i) }
  wg.Wait(); close(n); s := 0; for i := range n { s += i }
  l, err := net.Listen("tcp", "127.0.0.1:0"); if err != nil { panic(err) }; l.Close()
  out, err := exec.Command("echo", "child").Output(); if err != nil { panic(err) }
  fmt.Print("sum ", s, " ", string(out))
}
"""
RUST = """
use std::{net::*, process::Command, thread};
fn main() {
    let s: i32 = (0..4).map(|i| thread::spawn(move || i)).map(|t| t.join().unwrap()).sum();
    let l = TcpListener::bind("127.0.0.1:0").unwrap();
    TcpStream::connect(l.local_addr().unwrap()).unwrap();
    let o = Command::new("echo").arg("child").output().unwrap();
    println!("sum {} {}", s, String::from_utf8_lossy(&o.stdout).trim());
}
#[test]
fn one() { assert_eq!(1, 1); }
"""
HTTP = r"""
: >log
python3 -u -m http.server --bind 127.0.0.1 0 >log 2>&1 &
for i in $(seq 300); do port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' log); [ "$port" ] && break; sleep 0.1; done
curl -sf http://127.0.0.1:$port/index.html
curl -sf http://localhost:$port/index.html
kill %1
"""
JOBS = r"""
set -m
sleep 1000 & sleep 1001 &
jobs | grep -c Running
kill -STOP %1; for i in $(seq 300); do jobs | grep -q Stopped && break; sleep 0.1; done; jobs | grep -c Stopped
kill -CONT %1; kill %1 %2; wait; echo ended
"""


def committed(where):
    """What was committed inside is there outside."""
    return "" if os.path.exists(where + "/r/.git/refs/heads/main") or os.path.exists(where + "/r/.git/packed-refs") else \
        "no commit to be seen outside"


CASES = [
    Case("git-init-commit", "git", GIT + "git init -q -b main r; cd r; echo x > f; git add f; git commit -qm m; git log --oneline | wc -l",
         "1", must=True, after=committed),
    Case("git-worktree", "git", GIT + "git init -q -b main r; cd r; git commit -q --allow-empty -m m; git worktree add -q ../w; cd ../w;"
         "echo x > f; git add f; git commit -qm n; git -C ../r branch | grep -c w", "1", must=True),
    Case("git-gc", "git", GIT + "git init -q -b main r; cd r; for i in 1 2 3 4 5; do echo $i > f; git add f; git commit -qm $i; done;"
         "git gc -q; git fsck; git log --oneline | wc -l", "5", must=True),
    Case("git-clone-local", "git", GIT + "git init -q -b main r; cd r; git commit -q --allow-empty -m m; cd ..; git clone -q r c;"
         "git clone -q file://$PWD/r d; git -C d log --oneline | wc -l", "1", must=True),
    Case("git-merge-stash-rebase", "git", GIT + "git init -q -b main r; cd r; echo a > f; git add f; git commit -qm a; git checkout -qb t;"
         "echo b > g; git add g; git commit -qm b; git checkout -q main; echo c > h; git add h; git commit -qm c; git rebase -q main t;"
         "git checkout -q main; git merge -q t; echo d >> f; git stash -q; git stash pop -q; git status --short", "M f", must=True),
    Case("python-multiprocessing", "python3", "python3 m.py", "all methods", {"m.py": PYTHON_MP}, must=True),
    Case("python-venv", "python3", "python3 -m venv --without-pip v; v/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'",
         "True", must=True),
    Case("python-venv-pip", "python3", "python3 -m venv v; v/bin/pip --version", "pip", seconds=240, twin_optional=True, slow=True),
    Case("python-sqlite3", "python3", "python3 m.py", "sum 499500", {"m.py": PYTHON_SQLITE}, must=True),
    Case("python-asyncio", "python3", "python3 m.py", ["echoed", "child", "by path"], {"m.py": PYTHON_ASYNC}, must=True),
    Case("python-various", "python3", "python3 m.py", ["True", "sub", "127.0.0.1", "fine"], {"m.py": PYTHON_VARIOUS}, must=True),
    Case("node", "node", "node main.js", ["child sync", "fork,net,watch,worker"],
         {"main.js": NODE, "forked.js": "process.send('x')"}, must=True),
    Case("npm-run", "npm node", "npm run -s hello; npm test -s", ["hello from npm", "tested"],
         {"package.json": '{"name":"x","version":"1.0.0","scripts":{"hello":"node -e \\"console.log(\'hello from npm\')\\"",'
                          '"test":"echo tested"}}'}, must=True),
    Case("gcc", "gcc", "gcc -O2 -o prog main.c a.c -DN=42 && ./prog", "answer 42",
         {"main.c": C_MAIN, "a.c": "int answer(void) { return N; }\n"}, must=True),
    Case("clang", "clang", "clang -O2 -o prog main.c a.c -DN=42 && ./prog", "answer 42",
         {"main.c": C_MAIN, "a.c": "int answer(void) { return N; }\n"}),
    Case("make-j", "make gcc", "make -j4 CC=gcc", "answer 0",
         {"main.c": C_MAIN.replace("answer", "answer0"), "a.c": "#define P(a, b) a##b\n#define Q(a, b) P(a, b)\nint Q(answer, N)(void) { return N; }\n",
          "Makefile": MAKEFILE.replace("./prog", "./prog | sed 's/answer0/answer/'")}, must=True),
    Case("cargo", "cargo", "cargo build -q --offline && cargo run -q --offline && cargo test -q --offline", ["sum 6 child", "1 passed"],
         {"Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n', "src/main.rs": RUST}, seconds=240, slow=True),
    Case("java", "javac java", "javac Main.java && java Main", ["sum 42", "0"], {"Main.java": JAVA}, must=True, seconds=240, slow=True),
    Case("go", "go", "go build -o prog . && ./prog && go vet .", "sum 28 child", {"main.go": GO, "go.mod": "module x\n\ngo 1.19\n"},
         env={"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}, seconds=240, slow=True),
    Case("sqlite3", "sqlite3", "sqlite3 x.db 'pragma journal_mode=wal; create table t(a); insert into t values(1),(2); select sum(a) from t;'",
         "3", must=True),
    Case("tar", "tar gzip", "mkdir d; echo x > d/f; ln -s f d/l; tar czf t.tgz d; rm -r d; tar xzf t.tgz; cat d/l", "x", must=True),
    Case("ps", "ps", "ps ax | head; ps -ef | grep -c bash", must=True),
    Case("top", "top", "top -b -n 1 | head -1", "top -", must=True),
    Case("find-xargs", "find xargs", "for i in $(seq 100); do echo $i > f$i; done; find . -name 'f*' -print0 | xargs -0 -P4 -n5 cat | wc -l", "100"),
    Case("ssh", "ssh", "ssh -V 2>&1; ssh -G example.org | grep -i '^hostname'", "hostname example.org", must=True),
    Case("curl-loopback", "curl python3", HTTP, "served", {"index.html": "served\n"}, must=True),
    Case("temporary-files", "mktemp", "f=$(mktemp); echo x > $f; cat $f; d=$(mktemp -d); rmdir $d; echo $TMPDIR; df /tmp | tail -1", "x"),
    Case("id", "id", "id -un; whoami; echo $HOME; cd; pwd"),
    Case("job-control", "bash", JOBS, ["2", "ended"], must=True),
    Case("streams-to-files", "python3", "echo one >> /dev/stdout; echo oops >> /dev/stderr; echo two;"
         " python3 -c 'open(\"/dev/stdout\", \"a\").write(\"three\")'", ["one", "two", "three"], must=True, to_files=True),
    # As Chromium's own sandbox does. The kernel maps uid 0 only for those with CAP_SETFCAP: refused for root, see policy/compile.c.
    Case("user-namespaces", "unshare", "unshare -Ur id -u; unshare -Urpfn sh -c 'echo pid $$; ls /sys/class/net 2>/dev/null; cat /proc/net/dev | wc -l'",
         ["0", "pid 1"], options=["--userns"], root=False, twin_optional=True),
    Case("script", "script", "script -qc 'tty; test -t 1 && echo terminal' /dev/null", ["/dev/pts/", "terminal"], must=True),
    Case("terminal", "bash", "tty; test -t 0 && test -t 1 && echo terminal; stty size >/dev/null && echo sized", ["/dev/pts/", "terminal", "sized"],
         tty=True, must=True),
    # What is typed, and when: as somebody who reads first. The job says itself that it is in the foreground.
    Case("terminal-job-control", "bash", "PS1='go> ' bash --norc -i", ["first-9", "Stopped", "last-6"], tty=True, must=True,
         types=[("go> ", "sh -c 'echo first-$((4+5)); exec sleep 1000'\n"), ("first-9", "\x1a"), ("Stopped.*go> ", "kill -9 %1; while jobs | grep -q .; do sleep 0.1; done; echo last-$((3+3))\n"),
                ("last-6", "exit\n")]),
    Case("terminal-interrupt", "bash", "trap 'echo got-int; exit 0' INT; echo ready-$((1+1)); while :; do sleep 0.1; done", ["got-int"], tty=True, must=True,
         types=[("ready-2", "\x03")]),
    Case("tmux", "tmux", "tmux -S ./t.sock new-session -d 'echo in-tmux > out; sleep 1000'; for i in $(seq 300); do [ -s out ] && break; sleep 0.1; done;"
         "tmux -S ./t.sock list-sessions; tmux -S ./t.sock kill-server; cat out", "in-tmux", must=True),
    # In a directory of its own: the twin must not end the server of who runs this.
    Case("tmux-tmp", "tmux", "export TMUX_TMPDIR=$(mktemp -d /tmp/tmux-XXXXXX); tmux new-session -d 'echo in-tmux > out; sleep 1000'; for i in $(seq 300); do [ -s out ] && break; sleep 0.1; done;"
         "tmux kill-server; rm -r $TMUX_TMPDIR; cat out", "in-tmux", must=True),
]
