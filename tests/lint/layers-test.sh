#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The include lint must be able to fail: each planted breach has to be named.
set -u
lint=$(realpath "$(dirname "$0")/layers.sh")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
spdx='/* SPDX-License-Identifier: MIT OR Apache-2.0 */'
failed=0

expect() { # file content
        rm -rf "${root:?}"/*
        mkdir -p "$root/policy" "$root/proto" "$root/backends/linux" "$root/daemon" "$root/client" "$root/tests"
        for header in policy/policy.h proto/rpc.h backends/backend.h daemon/daemon.h; do
                echo "$spdx" >"$root/$header"
        done
        printf '%s\n' '#include "../policy/policy.h"' | sed "1i $spdx" >"$root/proto/good.c"
        "$lint" "$root" >/dev/null || { echo "not ok - the clean tree is refused"; failed=1; return; }
        printf '%s\n%s\n' "$spdx" "$2" >"$root/$1"
        if "$lint" "$root" >/dev/null; then
                echo "not ok - missed in $1: $2"
                failed=1
        else
                echo "ok - $1: $2"
        fi
}

expect policy/a.c '#include "../proto/rpc.h"'
expect proto/a.c '#include "backends/backend.h"'
expect client/a.c '#include "../daemon/daemon.h"'
expect client/a.c '#include "../backends/backend.h"'
expect daemon/a.c '#include <json-c/json.h>'
expect client/a.c '#include <event2/event.h>'
expect proto/a.c '#include <seccomp.h>'
expect policy/a.c '#include <fcntl.h>'
expect policy/a.c 'void f(void) { printf("x"); }'
expect daemon/a.c '#ifdef __APPLE__'
expect policy/a.c "const char *p = \"$root/x\";"
echo "1..11"
exit $failed
