# SPDX-License-Identifier: MIT OR Apache-2.0
# One user's hogs, each with the reason that it ends for, while the other user and root are still served. In the
# machine all controllers of cgroup v2 are there.
systemctl start leashd.socket
accept=$(losses)
reason() { grep -o '"reason":"[a-z_]*"' <<<"$1" | cut -d'"' -f4; }
# What the user runs, but for leash's own programs.
left() { pgrep -u one -l . | grep -v ' leash-'; }
# hog NAME REASON OPTIONS… -- COMMAND…: in a directory of the user's own, with another user's calls beside it.
hog() {
        local name=$1 expected=$2 out most=0
        shift 2
        install -d -o one -g one /home/one/hog
        (cd /home/one/hog && setpriv --reuid=one --regid=one --init-groups env -i PATH="$PATH" HOME=/home/one USER=one \
                timeout 120 leashctl run --json $accept "$@" </dev/null >/tmp/vm-hog 2>&1) &
        local pid=$!
        while kill -0 $pid 2>/dev/null; do
                local t=$(date +%s%N)
                out=$(as two timeout 60 leashctl run $accept --fresh -- echo beside)
                [ "$out" = beside ] || bad "$name: another user is served meanwhile" "$out"
                t=$((($(date +%s%N) - t) / 1000000))
                [ $t -gt $most ] && most=$t
        done
        wait $pid
        want "$name: the reason" "$expected" "$(reason "$(cat /tmp/vm-hog)")"
        [[ $(cat /tmp/vm-hog) == *survived* ]] && bad "$name: went on" "$(cat /tmp/vm-hog)"
        # A minute is what hangs; an emulator's clock says no more.
        [ $most -lt 20000 ] && ok "$name: the machine answers meanwhile (at most $most ms)" || bad "$name: the machine answers meanwhile" "$most ms"
        await '[ -z "$(left)" ]'
        want "$name: nothing of it is left" '' "$(left)"
        rm -rf /home/one/hog
}
hog 'memory hog' out_of_memory --memory 64M -- python3 -c 'x = [bytearray(1 << 20) for _ in range(512)]; print("survived")'
hog 'memory hog with children' out_of_memory --memory 64M -- sh -c 'for i in 1 2 3 4; do python3 -c "x = bytearray(40 << 20); import time; time.sleep(100)" & done; wait; echo survived'
hog 'memory hog by files' out_of_memory --memory 64M -- sh -c 'dd if=/dev/zero of=/dev/shm/hog bs=1M count=300 2>/dev/null; echo survived'
hog 'fork bomb' timeout --processes 64 --timeout 8s -- bash -c 'f() { f | f & sleep 0.1; f; }; while :; do f; done 2>/dev/null; echo survived'
hog 'cpu hog' cpu_limit --cpu-time 2s -- python3 -c 'while True: pass'
# limits.cpu_seconds is of each process; what many take together is held by their control group until time is up.
hog 'cpu hog of many' timeout --cpus 0.5 --timeout 8s --processes 64 -- sh -c 'for i in 1 2 3 4 5 6 7 8; do sh -c "while :; do :; done" & done; wait; echo survived'
hog 'disk filler in the work directory' disk_limit --disk 32M -- sh -c 'i=0; while dd if=/dev/zero of=file$i bs=1M count=8 2>/dev/null; do i=$((i + 1)); done; sleep 5; echo survived'
hog 'disk filler in /tmp' disk_limit --disk 16M -- sh -c 'dd if=/dev/zero of=/tmp/file bs=1M count=100 2>/dev/null && echo survived; exit 1'
hog 'disk filler by many names' disk_limit --disk 4M -- sh -c 'i=0; while [ $i -lt 100000 ]; do : >file$i || exit 1; i=$((i + 1)); done; sleep 5; echo survived'
want 'none of it reached the machine' '' "$(dmesg | grep -i 'out of memory: killed' | grep -v 'Memory cgroup')"
rm -f /tmp/vm-hog
