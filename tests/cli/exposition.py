# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prometheus' text format 0.0.4, read strictly: what its own parser lets pass is an error here, too."""
import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def unescape(text, where):
    out, i = "", 0
    while i < len(text):
        if text[i] == "\\":
            assert i + 1 < len(text) and text[i + 1] in '\\"n', f"{where}: a stray backslash"
            out += {"n": "\n"}.get(text[i + 1], text[i + 1])
            i += 2
            continue
        out += text[i]
        i += 1
    return out


def parse_labels(text, where):
    labels = {}
    while text:
        m = re.match(r'([^=]+)="((?:[^"\\\n]|\\.)*)"(,|\Z)', text)
        assert m, f"{where}: labels {text!r}"
        assert LABEL.match(m[1]) and m[1] not in labels, f"{where}: label {m[1]!r}"
        labels[m[1]] = unescape(m[2], where)
        text = text[m.end():]
    return labels


def parse(text):
    """{name: (kind, [(sample's name, labels, value), …])}"""
    families, current = {}, None
    assert text == "" or text.endswith("\n"), "the last line has no end"
    for number, line in enumerate(text.split("\n")[:-1], 1):
        where = f"line {number} {line!r}"
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", line), f"{where}: a control character"
        if line.startswith("# HELP "):
            name, _, _ = line[7:].partition(" ")
            assert NAME.match(name) and name not in families, where
            families[name] = [None, []]
            current = name
            continue
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == current and families[name] == [None, []], f"{where}: TYPE follows its HELP"
            assert kind in ("counter", "gauge", "histogram"), where
            families[name][0] = kind
            continue
        m = re.match(r"([^{ ]+)(?:\{(.*)\})? (\S+)\Z", line)
        assert m, where
        kind = families[current][0]
        assert m[1] in [current + s for s in SUFFIXES.get(kind, ("",))], f"{where}: not of {current}"
        labels = parse_labels(m[2] or "", where)
        families[current][1].append((m[1], labels, float(m[3])))
    for name, (kind, samples) in families.items():
        check(name, kind, samples)
    return families


def check(name, kind, samples):
    keys = [(n, tuple(sorted(labels.items()))) for n, labels, _ in samples]
    assert len(keys) == len(set(keys)), f"{name}: a sample is there twice"
    assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    assert all(v >= 0 for _, _, v in samples), f"{name}: below zero"
    if kind == "histogram":
        check_histogram(name, samples)


def check_histogram(name, samples):
    buckets = [(float(l["le"]), v) for n, l, v in samples if n.endswith("_bucket")]
    count = [v for n, _, v in samples if n == name + "_count"]
    assert buckets and buckets[-1][0] == math.inf, f"{name}: no last bucket"
    assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets), name
    assert count == [buckets[-1][1]], f"{name}: count and last bucket differ"
