#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh BUILD SECONDS: every fuzz target for some time, beginning with its corpus, as many at once as there are
# processors. What it finds lies in BUILD/fuzz/TARGET/; a crash fails the run with its input there, ready to be added to
# tests/corpus.
set -eu
build=$(cd "$1" && pwd)
seconds=${2:-60}
corpus=$(cd "$(dirname "$0")/../corpus" && pwd)
# Undefined behaviour ends the run, too; else it would be a line that nobody reads.
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1 build seconds corpus
programs=$(find "$build/tests/fuzz" -maxdepth 1 -name 'fuzz-*' -type f -perm -u+x | sort)
[ -n "$programs" ] || { echo "no fuzz targets in $build: configure with -Dfuzzers=true and clang" >&2; exit 1; }
# shellcheck disable=SC2016 # the inner shell's variables
printf '%s\n' "$programs" | xargs -P "$(nproc)" -I '{}' sh -c '
        name=$(basename "{}")
        mkdir -p "$build/fuzz/$name"
        rc=0
        "{}" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 -timeout=5 -rss_limit_mb=2048 \
                -artifact_prefix="$build/fuzz/$name/" "$build/fuzz/$name" "$corpus/${name#fuzz-}" \
                >"$build/fuzz/$name.log" 2>&1 || rc=1
        { echo "== $name, $seconds s"; cat "$build/fuzz/$name.log"; } # one after the other, not mixed
        exit $rc'
