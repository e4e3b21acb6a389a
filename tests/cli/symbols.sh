#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libleash.so gives what leash.h declares, all of it and nothing else; the manual has each function.
set -eu
library=$1 header=$2 manual=$3
case $library in *.a) dynamic= ;; *) dynamic=-D ;; esac
# sanitizers put symbols of their own into an object
list=$(nm $dynamic --defined-only --extern-only "$library" | grep -vE ' A LEASH_0$|:$|^$|asan|ubsan|__odr' || true)
have=$(echo "$list" | sed -nE 's/^[0-9a-f]+ T ([a-z_]+)(@.*)?$/\1/p' | sort)
all=$(echo "$list" | wc -l)
want=$(tr '\n' ' ' <"$header" | sed 's,#define LEASH_PUBLIC [^ ]* ,,' | grep -oE 'LEASH_PUBLIC [^;]*;' | sed -E 's/^[^(]*[ *](leash_[a-z_]+)\(.*/\1/' | sort)
[ -n "$want" ]
[ "$(echo "$have" | wc -l)" = "$all" ] || { echo "there are symbols of another kind"; echo "$list"; exit 1; }
[ "$have" = "$want" ] || { echo "declared:"; echo "$want"; echo "exported:"; echo "$have"; exit 1; }
for name in $want; do
        tr -d '\\' <"$manual" | grep -q "\*$name\*()*" || { echo "not in the manual: $name"; exit 1; }
done
