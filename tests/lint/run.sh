#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Every static check: include layers, formatting, clang-tidy, cppcheck. A tool that is not installed is named, and
# fails the run only where LEASH_MUST_WORK is set (CI).
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${1:-build}
bad=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
need() {
        command -v "$1" >/dev/null && return 0
        echo "lint: $1 is not installed, its check is left out" >&2
        [ -z "${LEASH_MUST_WORK:-}" ] || bad=1
        return 1
}

echo "lint: layers"
tests/lint/layers.sh || bad=1

if need clang-format; then
        echo "lint: clang-format"
        git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror || bad=1
fi
if need clang-tidy; then
        # What this build compiles, each file once, the longest first: so no core is left waiting at the end.
        python3 - "$build" "$scratch" <<'EOF' || bad=1
import json, os, sys
build, scratch = sys.argv[1:]
units = {}
for unit in json.load(open(os.path.join(build, "compile_commands.json"))):
    path = os.path.realpath(os.path.join(unit["directory"], unit["file"]))
    if path.endswith(".c") and os.path.exists(path):
        units.setdefault(path, unit)
json.dump(list(units.values()), open(os.path.join(scratch, "compile_commands.json"), "w"))
with open(os.path.join(scratch, "units"), "w") as out:
    for path in sorted(units, key=os.path.getsize, reverse=True):
        print(os.path.relpath(path), file=out)
EOF
        echo "lint: clang-tidy, $(wc -l <"$scratch/units") files"
        # clang does not know gcc's flags that meson recorded; that is no finding. Its notes on how many findings it
        # left out go to stderr, and so do its errors: they are shown when it fails without having found anything.
        tidy() {
                clang-tidy --quiet -p "$1" --extra-arg=-Wno-unknown-warning-option \
                        --extra-arg=-Wno-ignored-optimization-argument --extra-arg=-Wno-unused-command-line-argument \
                        --extra-arg=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang \
                        "${@:2}" >"$1/out.$$" 2>"$1/err.$$" && return
                if [ -s "$1/out.$$" ]; then cat "$1/out.$$"; else cat "$1/err.$$"; fi
                return 1
        }
        export -f tidy
        xargs -P "$(nproc)" -n 1 bash -c 'tidy "$@"' tidy "$scratch" <"$scratch/units" || bad=1
fi
if need cppcheck; then
        echo "lint: cppcheck"
        cppcheck --quiet --std=c11 --language=c --inline-suppr --error-exitcode=1 -j "$(nproc)" \
                --enable=warning,portability --suppressions-list=tests/lint/cppcheck.suppress \
                --include=tests/lint/cppcheck.h -D__linux__ -D__x86_64__ -D_GNU_SOURCE \
                policy proto backends daemon client || bad=1
fi
exit $bad
