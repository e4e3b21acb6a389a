#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""catalog.py SOURCE: the journal's catalogue, docs/operating.md and the code agree. Each id is in all of them,
written somewhere, with the fields that its text speaks of; and the manual has each metric."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = sys.argv[1]


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
        return f.read()


def entries(text):
    """{id: text} of a catalogue."""
    found = {}
    for part in re.split(r"^-- ", text, flags=re.M)[1:]:
        number, _, rest = part.partition("\n")
        assert number not in found, f"{number} is there twice"
        found[number] = rest
    return found


def calls():
    """{name: the text of each log_event() with that id}"""
    found = {}
    for folder, _, names in os.walk(os.path.join(SOURCE, "daemon")):
        for name in names:
            if name.endswith(".c") and not folder.endswith("common"):
                text = read(folder, name)
                for m in re.finditer(r"log_event\((?:[^;\"]|\"(?:[^\"\\]|\\.)*\")*;", text):
                    for word in re.findall(r"\bLOG_([A-Z_]+)\b", m[0]):
                        found.setdefault(word, []).append(m[0])
    return found


def check(ids, catalog, code):
    wrong = []
    for name, number in ids.items():
        if not re.fullmatch(r"[0-9a-f]{32}", number):
            wrong.append(f"{name}: {number} is no id")
        if name not in code:
            wrong.append(f"{name} is never written")
        if number not in catalog:
            wrong.append(f"{name} ({number}) is not in the catalogue")
            continue
        text = catalog[number]
        for head in ("Subject: ", "Defined-By: leash\n", "Documentation: man:"):
            if head not in text:
                wrong.append(f"{name}: no {head.strip()} in the catalogue")
        for field in re.findall(r"@([A-Z_]+)@", text):
            key = {"LEASH_USER_ID": "uid"}.get(field, field[len("LEASH_"):].lower())
            for call in code.get(name, []):
                if not re.search(rf'LOG_(?:STR|INT)\(\s*"{key}"', call):
                    wrong.append(f"{name}: the catalogue speaks of {field}, and a record has none: {call[:120]}")
    wrong += [f"{n} is in the catalogue only" for n in set(catalog) - set(ids.values())]
    if len(set(ids.values())) != len(ids):
        wrong.append("an id is given twice")
    return wrong


def unmentioned(manual, ids, events):
    metrics = re.findall(r'^\s+\{ "(leash_[a-z_]+)"', read("daemon", "session", "stats.c"), flags=re.M)
    assert len(metrics) > 20, metrics
    return [f"docs/operating.md does not have {word}" for word in [*metrics, *ids, *events] if f"`{word}`" not in manual]


def compiles(path):
    """systemd's own reading of it, where there is systemd."""
    if not shutil.which("journalctl"):
        return []
    with tempfile.TemporaryDirectory() as root:
        for folder in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
            os.makedirs(os.path.join(root, folder))
        shutil.copy(path, os.path.join(root, "usr/lib/systemd/catalog"))
        p = subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
        return [f"journalctl: {p.stdout}"] if p.returncode != 0 or p.stdout.strip() else []


def main():
    header = read("daemon", "common", "log_id.h").replace("\\\n", " ")
    ids = dict(re.findall(r'\bX\(([A-Z_]+),\s*"[a-z_.]+",\s*"([^"]*)"\)', header))
    catalog = entries(read("systemd", "leash.catalog"))
    code = calls()
    manual = read("docs", "operating.md")
    events = re.findall(r'\bX\([A-Z_]+,\s*"([a-z_.]+)"', header)
    wrong = check(ids, catalog, code) + unmentioned(manual, ids.values(), events) + compiles(os.path.join(SOURCE, "systemd", "leash.catalog"))
    print("\n".join(wrong))
    # That this can fail: each kind of difference is found when it is made.
    name, number = next(iter(ids.items()))
    text = catalog[number]
    for made in (check({**ids, "NEW": "0" * 32}, catalog, code), check(ids, {**catalog, "1" * 32: text}, code),
                 check(ids, {**catalog, number: text + "@LEASH_NOTHING@"}, code),
                 check(ids, catalog, {k: v for k, v in code.items() if k != name}),
                 check({**ids, "TWICE": number}, catalog, {**code, "TWICE": code[name]})):
        assert len(made) > len(check(ids, catalog, code)), "a difference was not found"
    assert unmentioned(manual.replace(f"`{number}`", ""), ids.values(), events)
    assert len(ids) == len(events) > 10
    sys.exit(1 if wrong else 0)


main()
