#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# A pure library asks the system for nothing: no files, no clock, no environment, no locale, no other
# library. Usage: purity.sh [--also REGEX] LIBRARY.a...; --self-test proves that it can fail. --also names
# more symbols that the libraries may want.
set -u
set -o pipefail

# String, memory and formatting functions of libc, their fortified forms, and what compilers add (clang makes
# bcmp of a memcmp whose order nobody asks for).
allowed='bcmp|mem(chr|cmp|cpy|move|set|mem)|str(chr|rchr|cmp|ncmp|len|nlen|spn|cspn|str|chrnul)'
allowed+='|calloc|malloc|realloc|free|v?snprintf|__v?snprintf_chk|__mem(cpy|move|set)_chk'
allowed+='|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_'

check() {
        local symbols bad
        symbols=$(nm -A "$@" 2>/dev/null) || { echo "nm cannot read $*"; return 2; }
        # Undefined in one object and defined in another is the library's own.
        bad=$(awk 'NF < 2 { next } # between two libraries
                   { name = $NF; type = $(NF - 1) }
                   type == "U" { wanted[name] = $1 }
                   type != "U" { have[name] = 1 }
                   END { for (n in wanted) if (!(n in have)) print n, wanted[n] }' <<<"$symbols" |
                { grep -Ev "^($allowed) " || [ $? = 1 ]; } | sort) || { echo "cannot look at $*"; return 2; }
        [ -z "$bad" ] && return 0
        echo "not pure (symbol, where):"
        echo "$bad"
        return 1
}

if [ "${1:-}" = --self-test ]; then
        dir=$(mktemp -d)
        trap 'rm -rf "$dir"' EXIT
        failed=0
        echo 1..4
        try() { # number, expected status, C text
                echo "$3" >"$dir/$1.c"
                ${CC:-cc} -c -o "$dir/$1.o" "$dir/$1.c" && rm -f "$dir/$1.a" && ar rc "$dir/$1.a" "$dir/$1.o"
                check "$dir/$1.a" >/dev/null
                if [ $? = "$2" ]; then echo "ok $1"; else echo "not ok $1"; failed=1; fi
        }
        try 1 0 '#include <string.h>
                int f(const char *s); int g(const char *s) { return f(s); }
                int f(const char *s) { return strcmp(s, "x"); }'
        try 2 1 'int getpid(void); int f(void) { return getpid(); }'
        try 3 1 'char *getenv(const char *); char *f(void) { return getenv("HOME"); }'
        try 4 1 'int open(const char *, int, ...); int f(void) { return open("/", 0); }'
        exit $failed
fi
if [ "${1:-}" = --also ]; then
        allowed+="|$2"
        shift 2
fi
check "$@"
