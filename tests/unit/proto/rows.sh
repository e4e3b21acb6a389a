#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# rows.sh CC…: a field table compiles when each row's kind fits its member, and does not otherwise.
set -u
cd "$(dirname "$0")/../../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

compiles() {
        cat >"$dir/row.c" <<END
#include "$PWD/proto/row.h"
struct t {
        bool b; enum tri t; int64_t i; uint64_t u; double d; const char *s; enum level e;
        struct strings l; struct pairs p; struct limit m; struct usage o; struct usage *q; struct list k;
        struct stdio_spec io; struct bytes y; enum text_encoding c; struct json *j;
};
static const char *const words[] = { NULL, "a" };
extern const struct field fields[];
const struct field fields[] = { $1 };
const char *const *uses_words(void);
const char *const *uses_words(void) { return words; }
END
        $cc -std=gnu17 -D_GNU_SOURCE -fsyntax-only "$dir/row.c" >"$dir/log" 2>&1
}
cc="$*"
failed=0
good() { compiles "$1" || { echo "does not compile: $1"; cat "$dir/log"; failed=1; }; }
bad() { compiles "$1" && { echo "compiles: $1"; failed=1; }; }

args() { # KIND MEMBER: the row
        case $1 in
        INT | UINT | INTS) echo "FIELD_$1(struct t, $2, \"x\", 0, 0, 9, \"d\")" ;;
        STRING | STRINGS | PAIRS | LIMIT | LIMIT_MILLI) echo "FIELD_$1(struct t, $2, \"x\", 0, 9, \"d\")" ;;
        ENUM) echo "FIELD_ENUM(struct t, $2, \"x\", 0, words, \"d\")" ;;
        OBJECT | OPTIONAL | LIST | JSON) echo "FIELD_$1(struct t, $2, \"x\", 0, usage, \"d\")" ;;
        BYTES) echo "FIELD_BYTES(struct t, $2, c, \"x\", 0, \"d\")" ;;
        *) echo "FIELD_$1(struct t, $2, \"x\", 0, \"d\")" ;;
        esac
}

# kind:member that fits; every other member must not (an enum fits TRI only by its own type)
for pair in BOOL:b TRI:t INT:i UINT:u NUMBER:d STRING:s ENUM:e STRINGS:l INTS:l PAIRS:p LIMIT:m LIMIT_MILLI:m \
        OBJECT:o OPTIONAL:q LIST:k STDIO:io BYTES:y JSON:j; do
        kind=${pair%:*}
        member=${pair#*:}
        good "$(args "$kind" "$member")"
        # neighbours: a wider or narrower number, the pointer for the struct, another list
        for other in b i s q; do
                [ "$other" = "$member" ] || bad "$(args "$kind" "$other")"
        done
done
bad "$(args TRI e)"
bad "$(args OBJECT q)"
bad "FIELD_BYTES(struct t, y, e, \"x\", 0, \"d\")"
bad "FIELD_OBJECT(struct t, o, \"x\", 0, denial, \"d\")"
exit $failed
