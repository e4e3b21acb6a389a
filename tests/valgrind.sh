#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# A wrapper for `meson test`: programs run under valgrind, scripts as they are (their shell is not what we test).
[ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ] || exec "$@"
# valgrind says a page about each system call that it does not know; the test says itself whether it minds.
exec valgrind --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --quiet "$@" \
        2> >(grep -vE '^--[0-9]+-- ' >&2)
