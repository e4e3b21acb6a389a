#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh BUILD SECONDS: every fuzz target for some time, beginning with its corpus. What it finds lies in
# BUILD/fuzz/TARGET/; a crash ends the run with its input there, ready to be added to tests/corpus.
set -eu
build=$(cd "$1" && pwd)
seconds=${2:-60}
corpus=$(cd "$(dirname "$0")/../corpus" && pwd)
found=0
# Undefined behaviour ends the run, too; else it would be a line that nobody reads.
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
for program in "$build"/tests/fuzz/fuzz-*; do
        [ -f "$program" ] && [ -x "$program" ] || continue
        name=$(basename "$program")
        found=1
        mkdir -p "$build/fuzz/$name"
        echo "== $name, $seconds s"
        "$program" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 -timeout=5 -rss_limit_mb=2048 \
                -artifact_prefix="$build/fuzz/$name/" "$build/fuzz/$name" "$corpus/${name#fuzz-}"
done
[ "$found" = 1 ] || { echo "no fuzz targets in $build: configure with -Dfuzzers=true and clang" >&2; exit 1; }
