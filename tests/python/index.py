# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real packages and a package index on loopback (PEP 503), made from nothing but the standard library."""
import base64
import functools
import hashlib
import html
import http.server
import io
import os
import re
import shutil
import tarfile
import threading
import zipfile


def wheel(folder, name, version, files, requires=()):
    """A pure wheel (PEP 427). files: path -> text."""
    base = f"{name}-{version}"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires)
    content = dict(files)
    content[f"{base}.dist-info/METADATA"] = meta
    content[f"{base}.dist-info/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    path = os.path.join(folder, f"{base}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w") as z:
        for member, text in content.items():
            data = text.encode()
            z.writestr(member, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{member},sha256={digest},{len(data)}\n"
        z.writestr(f"{base}.dist-info/RECORD", record + f"{base}.dist-info/RECORD,,\n")
    return path


def sdist(folder, name, version, files):
    """A source distribution: what it builds with, it says itself."""
    base = f"{name}-{version}"
    path = os.path.join(folder, base + ".tar.gz")
    content = {"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", **files}
    with tarfile.open(path, "w:gz") as t:
        for member, text in content.items():
            data = text.encode()
            entry = tarfile.TarInfo(f"{base}/{member}")
            entry.size, entry.mode = len(data), 0o644
            t.addfile(entry, io.BytesIO(data))
    return path


# A build back end (PEP 517) of a few lines, which lies in the package itself: no setuptools needed.
BACKEND = '''
import base64, hashlib, os, sys, zipfile
HOOK = {hook!r}
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    exec(HOOK, {{}})
    name = "{name}-{version}-py3-none-any.whl"
    files = {{"{name}.py": {module!r},
             "{name}-{version}.dist-info/METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
             "{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}}
    record = ""
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as z:
        for member, text in files.items():
            z.writestr(member, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += "%s,sha256=%s,%d\\n" % (member, digest, len(text.encode()))
        z.writestr("{name}-{version}.dist-info/RECORD", record + "{name}-{version}.dist-info/RECORD,,\\n")
    return name
def get_requires_for_build_wheel(config_settings=None):
    return []
'''


def backend_sdist(folder, name, version, hook, module="VALUE = 42\n"):
    """Whose build back end runs `hook`."""
    return sdist(folder, name, version, {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": BACKEND.format(hook=hook, name=name, version=version, module=module)})


def setup_sdist(folder, name, version, hook, module="VALUE = 42\n"):
    """The old way: setup.py runs `hook`."""
    return sdist(folder, name, version, {
        "setup.py": f"{hook}\nfrom setuptools import setup\nsetup(name={name!r}, version={version!r}, "
                    f"py_modules=[{name!r}])\n",
        f"{name}.py": module})


SYSTEM_WHEELS = "/usr/share/python-wheels"  # Debian's own, for ensurepip: setuptools is among them


class Index:
    """/simple/NAME/ lists the files of `folder` that belong to NAME."""

    def __init__(self, folder, setuptools=True):
        self.folder = folder
        self.asked = []
        if setuptools and os.path.isdir(SYSTEM_WHEELS):
            for name in os.listdir(SYSTEM_WHEELS):
                if name.startswith("setuptools"):
                    shutil.copy(os.path.join(SYSTEM_WHEELS, name), folder)
        # wheel: what pip wants beside setuptools for a setup.py. Debian has its files, not its wheel.
        index = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                index.asked.append(self.path)
                m = re.fullmatch(r"/simple/([^/]+)/?", self.path)
                if not m:
                    return super().do_GET()
                files = index.files(m.group(1))
                if not files:
                    return self.send_error(404)
                body = "".join(f'<a href="/{html.escape(f)}">{html.escape(f)}</a>\n' for f in files).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.server.handle_error = lambda *_: None  # a sandbox that is killed in the middle is no news
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/simple"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def files(self, name):
        normal = re.sub(r"[-_.]+", "-", name).lower()
        return sorted(f for f in os.listdir(self.folder)
                      if f.endswith((".whl", ".tar.gz")) and re.sub(r"[-_.]+", "-", f.split("-")[0]).lower() == normal)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
