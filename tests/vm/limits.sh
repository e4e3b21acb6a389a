#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs inside the machine of kernels.sh, where all controllers of cgroup v2 are: what only a control group
# can hold. leashd runs already, in a group of its own.
#
#   limits.sh [--accept LOSS]…
accept=$*
user=$(id -u)
work=$HOME/limits
bad=0
mkdir -p "$work"

say() { echo "limits uid $user: $*"; }
check() { # what, text that the result must have
        grep -q -- "$2" /tmp/limits.$user && return
        bad=$((bad + 1))
        say "NOT OK: $1"
        cat /tmp/limits.$user
}
run() { timeout 60 leashctl run --json $accept -C "$work" "$@" >/tmp/limits.$user 2>&1 </dev/null; }

run --memory 32M -- sh -c 'dd if=/dev/zero of=/dev/shm/hog bs=1M count=100; echo survived'
check 'memory: the reason' '"reason":"out_of_memory"'
grep -q survived /tmp/limits.$user && { bad=$((bad + 1)); say 'NOT OK: memory: went on'; }
run --memory 64M -- sh -c 'dd if=/dev/zero of=/dev/shm/less bs=1M count=16 && echo survived'
check 'memory: within the limit' survived
check 'memory: what was used is told' '"sandbox": *{'

# Shells that start shells: without a limit there would be thousands.
run --processes 12 --timeout 20s -- sh -c 'f() { sleep 1 & f; }; f; echo none' 
check 'processes: a bomb' "can't fork"
ps -o args | grep -qx 'sleep 1' && { sleep 3; ps -o args | grep -qx 'sleep 1' && { bad=$((bad + 1)); say 'NOT OK: processes: left'; }; }
run --processes 12 -- sh -c 'sleep 0.1 & sleep 0.1 & wait; echo enough'
check 'processes: within the limit' enough

# A third of a processor: two seconds of work take six. The clock of an emulator is not to be trusted for more
# than the order.
run --cpus 0.3 -- sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done'
limited=$(grep -o '"wall_seconds":[0-9]*' /tmp/limits.$user | grep -o '[0-9]*$')
used=$(grep -o '"user_seconds":[0-9]*' /tmp/limits.$user | grep -o '[0-9]*$')
[ "${limited:-0}" -gt $((${used:-99} * 3 / 2)) ] || {
        bad=$((bad + 1))
        say "NOT OK: cpus: ${used}s of work took ${limited}s"
}

# Groups of sandboxes that have ended are gone; leash's own leaf stays.
sleep 1
left=$(find /sys/fs/cgroup -type d -name 'sb-*' 2>/dev/null | wc -l)
[ "$left" = 0 ] || {
        bad=$((bad + 1))
        say "NOT OK: $left groups are left"
}
[ $bad = 0 ] && say "memory, processes, cpus: held"
exit $bad
