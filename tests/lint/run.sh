#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Every static check: include layers, formatting, clang-tidy, cppcheck. A tool that is not installed is named, and
# fails the run only where LEASH_MUST_WORK is set (CI).
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${1:-build}
bad=0
need() {
        command -v "$1" >/dev/null && return 0
        echo "lint: $1 is not installed, its check is left out" >&2
        [ -z "${LEASH_MUST_WORK:-}" ] || bad=1
        return 1
}

echo "lint: layers"
tests/lint/layers.sh || bad=1

mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t units < <(git ls-files '*.c' | grep -v '^tests/fuzz/' | while read -r f; do
        # Only what this build compiles: clang-tidy needs the flags.
        grep -q "\"file\": \".*${f//./\\.}\"" "$build/compile_commands.json" && echo "$f"
done)

if need clang-format; then
        echo "lint: clang-format"
        clang-format --dry-run -Werror "${sources[@]}" || bad=1
fi
if need clang-tidy; then
        echo "lint: clang-tidy"
        # clang does not know gcc's flags that meson recorded; that is no finding.
        printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" \
                --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument \
                --extra-arg=-Wno-unused-command-line-argument \
                --extra-arg=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang 2>/dev/null || bad=1
fi
if need cppcheck; then
        echo "lint: cppcheck"
        cppcheck --quiet --std=c11 --language=c --inline-suppr --error-exitcode=1 -j "$(nproc)" \
                --enable=warning,portability --suppressions-list=tests/lint/cppcheck.suppress \
                -D__linux__ -D__x86_64__ -D_GNU_SOURCE policy proto backends daemon client || bad=1
fi
exit $bad
