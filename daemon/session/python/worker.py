# SPDX-License-Identifier: MIT OR Apache-2.0
"""An interpreter that waits inside a sandbox: for calls that each run in a copy of it ("warm"), or for the
cells of one session that keeps its variables ("session").

argv: MODE IMPORT…. Standard input is a Unix socket to leash-session:
  here  16 bytes (op, argument, id; little endian) with descriptors beside them. 1 = run: the first descriptor
        holds the order as JSON; warm: the others are the call's stdin, stdout, stderr. 2 = signal (warm).
  back  4 bytes of length and that much JSON.
"""
import array
import json
import os
import select
import signal
import socket
import struct
import sys

MODE, IMPORTS = sys.argv[1], sys.argv[2:]
RUN, SIGNAL = 1, 2
FRAME_MAX = 2 << 20
CONTROL = socket.socket(fileno=os.dup(0))
CONTROL.set_inheritable(False)
CONTROL.setblocking(True)
NULL = os.open("/dev/null", os.O_RDONLY)
os.dup2(NULL, 0)
os.close(NULL)
sys.stdin = open(0, closefd=False)  # pylint: disable=consider-using-with,unspecified-encoding


def say(**what):
    data = json.dumps(what).encode()
    if len(data) > FRAME_MAX:
        data = json.dumps({"id": what.get("id", 0), "status": "error", "truncated": True,
                           "error": {"name": "ValueError", "value": "the result is too large"}}).encode()
    data = struct.pack("<I", len(data)) + data
    while data:  # write(2), not send(2): the sandbox judges where messages go, and this goes nowhere new
        data = data[os.write(CONTROL.fileno(), data):]


def hear():
    data, control, _, _ = CONTROL.recvmsg(16, socket.CMSG_LEN(4 * 4), socket.MSG_WAITALL)
    fds = []
    for level, kind, payload in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            a = array.array("i")
            a.frombytes(payload[:len(payload) - len(payload) % 4])
            fds += a
    if len(data) < 16:
        os._exit(0)  # leash-session has gone, or wants us to
    op, argument, number = struct.unpack("<IIQ", data)
    return op, argument, number, fds


def read_order(fd):
    with open(fd, "rb") as f:
        return json.loads(f.read())


def preload():
    for name in IMPORTS:
        try:
            __import__(name)
        except BaseException as x:  # whatever a module does, the caller hears which one it was
            say(failed="%s: %s: %s" % (name, type(x).__name__, x))
            os._exit(1)


def main_module():
    module = type(sys)("__main__")
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    return module.__dict__


# warm

class Isolation:
    """A call may neither trace nor signal the interpreter that waits, nor the other calls: it enters a Landlock
    domain of its own (landlock(7)), and dies with its parent."""
    CREATE, RESTRICT = 444, 446  # the numbers are the same everywhere
    MAKE_BLOCK, SCOPE_SIGNAL = 1 << 11, 1 << 1  # a domain has to forbid something: what was forbidden anyway

    def __init__(self):
        import ctypes
        self.libc = ctypes.CDLL(None, use_errno=True)
        abi = self.libc.syscall(self.CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))
        attr = (ctypes.c_uint64 * 3)(self.MAKE_BLOCK, 0, self.SCOPE_SIGNAL if abi >= 6 else 0)
        size = 24 if abi >= 6 else 8
        self.fd = self.libc.syscall(self.CREATE, attr, ctypes.c_size_t(size), ctypes.c_uint(0)) if abi >= 1 else -1
        self.number = ctypes.c_int
        self.works = self.fd >= 0

    def enter(self):
        self.libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if self.fd >= 0 and self.libc.syscall(self.RESTRICT, self.number(self.fd), 0) != 0:
            os.write(2, b"leash: this call could not be isolated from the others\n")
            os._exit(125)


def reseed():
    """random does it by itself (os.register_at_fork); numpy's global state would repeat itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def run_order(order):
    import runpy
    sys.argv = [order.get("script") or ("-m" if order.get("module") else "-c")] + order.get("args", [])
    if order.get("script"):
        sys.path[0:0] = [os.path.dirname(order["script"])]
        runpy.run_path(order["script"], run_name="__main__")
    elif order.get("module"):
        sys.path[0:0] = [""]
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    else:
        sys.path[0:0] = [""]
        exec(compile(order["code"], "<string>", "exec"), main_module())


def foreign(tb):
    """Without the frames of this file, and of runpy, which nobody asked about."""
    while tb is not None and (tb.tb_frame.f_globals is globals() or tb.tb_frame.f_globals.get("__name__") == "runpy"):
        tb = tb.tb_next
    return tb


def exit_code(fn, *args):
    """As the interpreter itself would end (Py_RunMain)."""
    import traceback
    try:
        fn(*args)
        return 0
    except SystemExit as x:
        if x.code is None or isinstance(x.code, int):
            return (x.code or 0) & 0xff
        print(x.code, file=sys.stderr)
        return 1
    except BaseException as x:
        traceback.print_exception(type(x), x, foreign(x.__traceback__))
        return 130 if isinstance(x, KeyboardInterrupt) else 1


def leave(code):
    import atexit
    import threading
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        code = code or 120
    os._exit(code)


def call(order_fd, fds, isolation):
    """In the copy."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    order = read_order(order_fd)
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    isolation.enter()
    os.closerange(3, 1024)
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    os.environ.update(order.get("environment", {}))
    code = 0
    try:
        os.chdir(order["cwd"])
    except OSError as x:
        print("leash: %s" % x, file=sys.stderr)
        code = 126
    reseed()
    leave(code or exit_code(run_order, order))


def warm():
    isolation = Isolation()
    wake, poke = os.pipe()
    for fd in (wake, poke):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(poke, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import runpy, traceback, atexit, threading  # noqa: F401  what each call would import again
    preload()
    import gc
    gc.collect()
    gc.freeze()  # the copies' collectors leave alone what they share
    say(ready=True, isolated=isolation.works)
    calls = {}
    poll = select.poll()
    poll.register(CONTROL, select.POLLIN)
    poll.register(wake, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if wake in ready:
            os.read(wake, 4096)
            reap(calls)
        if CONTROL.fileno() not in ready:
            continue
        op, argument, number, fds = hear()
        if op == RUN and len(fds) == 4:
            pid = os.fork()
            if pid == 0:
                call(fds[0], fds[1:], isolation)
            try:
                os.setpgid(pid, pid)
            except OSError:
                pass  # it has done so itself, or has gone
            calls[pid] = number
            say(id=number, pid=pid)
        elif op == SIGNAL:
            for pid, n in calls.items():
                if n == number:
                    os.killpg(pid, argument)
        for fd in fds:
            os.close(fd)


def reap(calls):
    while calls:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
        if pid == 0:
            return
        if pid in calls:
            say(id=calls.pop(pid), exited=True, exit=status, user_us=int(usage.ru_utime * 1e6), system_us=int(usage.ru_stime * 1e6),
                rss_bytes=usage.ru_maxrss * 1024)


# session

REPRS = (("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown"), ("_repr_latex_", "text/latex"),
         ("_repr_svg_", "image/svg+xml"), ("_repr_png_", "image/png"), ("_repr_jpeg_", "image/jpeg"),
         ("_repr_json_", "application/json"))
PART_MAX = 512 << 10


def as_text(mime, value):
    if isinstance(value, tuple):  # (data, metadata)
        value = value[0]
    if isinstance(value, bytes):
        import base64
        return base64.b64encode(value).decode()
    return value if isinstance(value, str) else json.dumps(value)


def bundle(value):
    """What a notebook would show, by IPython's protocol; a part that fails is left out."""
    parts, cut = {"text/plain": repr(value)}, False
    if not isinstance(value, type):
        for name, mime in REPRS:
            try:
                made = getattr(value, name, None)
                made = made() if made is not None else None
                if made is not None:
                    parts[mime] = as_text(mime, made)
            except Exception:
                pass
        try:
            made = getattr(value, "_repr_mimebundle_", None)
            made = made() if made is not None else {}
            made = made[0] if isinstance(made, tuple) else made
            parts.update((str(k), as_text(k, v)) for k, v in made.items())
        except Exception:
            pass
    kept, room = {}, FRAME_MAX // 4
    for mime, text in parts.items():
        if mime == "text/plain" and len(text) > PART_MAX:
            text, cut = text[:PART_MAX], True
        text = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        if len(text) <= min(PART_MAX, room):
            kept[mime] = text
            room -= len(text)
        else:
            cut = True
    return kept, cut


def run_cell(source, space, count):
    import ast
    import linecache
    name = "<cell %d>" % count
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)  # for tracebacks
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, name, "exec"), space)
    if last is None:
        return None
    value = eval(compile(last, name, "eval"), space)
    if value is not None:
        space["_"] = value
    return value


def answer_cell(number, source, space, count):
    import traceback
    try:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            value = run_cell(source, space, count)
            parts, cut = bundle(value) if value is not None else ({}, False)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        what = {"status": "ok", "result": parts, "truncated": cut}
    except BaseException as x:
        lines = traceback.format_exception(type(x), x, foreign(x.__traceback__))
        status = "interrupted" if isinstance(x, KeyboardInterrupt) else "error"
        text = "".join(lines)
        what = {"status": status, "error": {"name": type(x).__name__, "value": str(x)[:4096], "traceback": text[-65536:]}}
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    say(id=number, count=count, **what)


def session():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.argv = [""]
    sys.path[0:0] = [""]
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8")
    preload()
    space, count = main_module(), 0
    say(ready=True)
    while True:
        op, _, number, fds = hear()
        if op == RUN and fds:
            count += 1
            answer_cell(number, read_order(fds[0])["code"], space, count)
            fds = fds[1:]
        for fd in fds:
            os.close(fd)


if MODE == "warm":
    warm()
else:
    session()
