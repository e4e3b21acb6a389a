# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes a virtual environment; runs inside the sandbox that was made for that.

stdin: one JSON object (target, system_site_packages, packages, requirements, index_url, trusted, uv).
stdout: a JSON object a line, for the session; the first one is said before any foreign code runs.
stderr: what the tools say. Exit status: 0, or 1 when something failed.
"""
import json
import os
import subprocess
import sys
import tempfile

OUT = os.dup(1)
os.dup2(2, 1)


def say(**what):
    os.write(OUT, (json.dumps(what) + "\n").encode())


def phase_of(line):
    """What a line of pip or uv tells of how far it is."""
    word = line.strip().split(" ")
    if word[0] in ("Collecting", "Downloading", "Obtaining") and len(word) > 1:
        return ("collect" if word[0] == "Collecting" else "download"), word[1].rsplit("/", 1)[-1]
    if word[0] == "Building" and len(word) > 1:
        return "build", word[-2] if word[-1].startswith("(") and len(word) > 2 else word[1]
    if line.startswith("Installing collected packages: "):
        return "install", line.split(": ", 1)[1].strip()
    if word[0] in ("Resolved", "Prepared", "Installed"):
        return "install", " ".join(word[1:3])
    return None, None


def run(argv, env):
    with subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as tool:
        for raw in tool.stdout:
            os.write(2, raw)
            phase, text = phase_of(raw.decode("utf-8", "replace"))
            if phase:
                say(phase=phase, text=text[:200])
    return tool.returncode == 0


def write_lists(spec):
    folder = tempfile.mkdtemp()
    lists = list(spec["requirements"])
    if spec["packages"]:
        lists.append("\n".join(spec["packages"]) + "\n")
    argv = []
    for i, text in enumerate(lists):
        name = os.path.join(folder, "%d.txt" % i)
        with open(name, "w", encoding="utf-8") as f:
            f.write(text)
        argv += ["-r", name]
    return argv


def settings(spec):
    """An environment in which nothing but the request says what is installed from where."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_"))}
    env.update(PIP_CONFIG_FILE=os.devnull, PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1",
               PIP_NO_CACHE_DIR="1", PIP_RETRIES="2", PIP_PROGRESS_BAR="off", PIP_ROOT_USER_ACTION="ignore",
               UV_NO_CONFIG="1", UV_NO_CACHE="1", UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never",
               UV_LINK_MODE="copy", UV_COMPILE_BYTECODE="1")
    if spec["index_url"]:
        env.update(PIP_INDEX_URL=spec["index_url"], UV_DEFAULT_INDEX=spec["index_url"],
                   UV_INDEX_URL=spec["index_url"])
    if spec["trusted"]:
        env.update(PIP_TRUSTED_HOST=spec["trusted"], UV_INSECURE_HOST=spec["trusted"])
    for bundle in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"):
        if os.path.exists(bundle):  # the administrator's authorities, not only those that pip brings
            env.update(PIP_CERT=bundle, SSL_CERT_FILE=bundle)
            break
    return env


def failed(target):
    """Not every tool says that the disk was full."""
    disk = os.statvfs(target)
    if disk.f_bavail * disk.f_frsize < 1 << 20:
        print("ERROR: No space left on the device of %s" % target, file=sys.stderr)
    return 1


def main():
    spec = json.load(sys.stdin)
    target, uv = spec["target"], spec["uv"]
    say(version="%d.%d.%d" % sys.version_info[:3], prefix=os.path.realpath(sys.base_prefix),
        installer="uv" if uv else "pip")
    env = settings(spec)
    site = ["--system-site-packages"] if spec["system_site_packages"] else []
    say(phase="create", text="Python %d.%d.%d" % sys.version_info[:3])
    if uv:
        made = run([uv, "venv", "--allow-existing", "--python", sys.executable, *site, target], env)
    else:
        made = run([sys.executable, "-m", "venv", *site, target], env)
    if not made:
        return failed(target)
    lists = write_lists(spec)
    python = os.path.join(target, "bin", "python")
    if not lists:
        return 0
    if uv:
        return 0 if run([uv, "pip", "install", "--python", python, *lists], env) else failed(target)
    return 0 if run([python, "-m", "pip", "install", *lists], env) else failed(target)


if __name__ == "__main__":
    sys.exit(main())
