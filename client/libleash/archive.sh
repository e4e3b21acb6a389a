#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# archive.sh OUT CORE.a OTHER.a…: all of CORE and what it needs of the others as one object, in which only what
# leash.h declares is visible: a static program must not meet our json_ref() or path_match().
set -eu
out=$1 core=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${LD:-ld}" -r -o "$work/libleash.o" --whole-archive "$core" --no-whole-archive --start-group "$@" --end-group
"${OBJCOPY:-objcopy}" --localize-hidden "$work/libleash.o"
rm -f "$out"
"${AR:-ar}" rcsD "$out" "$work/libleash.o"
