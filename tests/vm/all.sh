#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Everything that is tried in virtual machines, one kernel after the other; the last line is the sum.
#
#   tests/vm/all.sh BUILD
set -u
build=${1:?build folder}
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
        "$@" 2>&1 | tee "$log"
        local rc=${PIPESTATUS[0]} p f s
        read -r p _ f _ s _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
        passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
        case $rc in
        0 | 77) ;;
        *) [ "${f:-0}" != 0 ] || failed=$((failed + 1)) ;;
        esac
}
run "$here/kernels.sh" "$build"
run "$here/system.sh" "$build" 5.10 6.1 6.12
LEASH_VM_LINTIAN=yes LEASH_VM_PARTS=package,system,upgrade,user,scope,limits,totals,audit,purge run "$here/system.sh" "$build" newest
LEASH_VM_PARTS=package,escape,purge LEASH_VM_SECONDS=2400 run "$here/system.sh" "$build" newest
# Killing is a matter of races: at the machine's own speed.
LEASH_VM_NSPAWN=yes LEASH_VM_PARTS=package,kill,purge run "$here/system.sh" "$build"
# Debian 13: a newer systemd, packages built for 12, an AppArmor that knows user namespaces.
LEASH_VM_SUITE=trixie LEASH_VM_PARTS=package,system,userns,apparmor,upgrade,purge run "$here/system.sh" "$build" newest
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
