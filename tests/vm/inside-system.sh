#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# What system.sh runs in the machine: the service as an administrator and two users meet it.
set -u
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
bad() { n=$((n + 1)); echo "not ok $n - $1"; shift; printf '%s\n' "$@" | head -n 12 | sed 's/^/# /'; }
# want NAME PATTERN ACTUAL
want() { if [[ $3 == $2 ]]; then ok "$1"; else bad "$1" "wanted: $2" "got: $3"; fi; }
as() { local user=$1; shift; (cd / && setpriv --reuid="$user" --regid="$user" --init-groups env -i PATH="$PATH" HOME="/home/$user" USER="$user" "$@" </dev/null 2>&1); }
await() { for _ in $(seq 300); do eval "$1" && return 0; sleep 0.1; done; return 1; }

echo "# $(uname -r), $(systemctl --version | head -n 1)"
systemctl daemon-reload
systemctl start leashd.socket || bad 'the socket unit starts'
want 'the socket unit listens' active "$(systemctl is-active leashd.socket)"
want 'the service waits to be needed' inactive "$(systemctl is-active leashd.service)"
# Old kernels lack a wall: what is lost is accepted by name, and the rest has to hold.
accept=$(as one leashctl call leash.info | tr -d ' \n' | grep -o '"losses":\[[^]]*\]' | grep -o '"name":"[a-z_]*"' |
        cut -d'"' -f4 | sed 's/^/--accept /' | tr '\n' ' ')
echo "# accepted: ${accept:-nothing}"
want 'the first caller has started it' active "$(systemctl is-active leashd.service)"
want 'one user' 'uid=*one*' "$(as one leashctl run $accept --fresh -- id)"
want 'the service runs' active "$(systemctl is-active leashd.service)"
want 'another user' 'uid=*two*' "$(as two leashctl run $accept --fresh -- id)"
want 'root' 'uid=0(root)*' "$(leashctl run $accept --fresh -- id 2>&1 </dev/null)"
want 'the mode is system' '*"mode":"system"*' "$(as one leashctl call leash.info | tr -d ' \n')"
want 'a scope for each session below leash.slice' 3 "$(systemctl list-units --plain --no-legend 'leash-*.scope' | wc -l)"
scope=$(systemctl list-units --plain --no-legend 'leash-1000-*.scope' | cut -d' ' -f1)
want 'in leash.slice' leash.slice "$(systemctl show -P Slice "$scope")"
main=$(systemctl show -P MainPID leashd.service)

# Limits, as the kernel holds them.
out=$(as one leashctl run $accept --fresh --memory 64M -- python3 -c 'x = bytearray(256 << 20)'); rc=$?
want 'a memory hog is ended' '137*memory*' "$rc $out"
out=$(as one leashctl run $accept --fresh --processes 20 -- bash -c 'for i in $(seq 100); do sleep 5 & done; wait' ); rc=$?
want 'a fork bomb runs into its limit' '*Resource temporarily unavailable*' "$out"
start=$(date +%s%N)
as one leashctl run $accept --fresh --cpus 0.2 --timeout 4s -- python3 -c 'while True: pass' >/dev/null &
hog=$!
out=$(as two leashctl run $accept --fresh -- echo quick)
want 'another user is served beside a cpu hog' quick "$out"
wait $hog

# Restart with a command running.
as one leashctl run $accept --fresh -- sh -c 'sleep 8; echo lived' >/tmp/lived &
client=$!
await 'pgrep -x sleep >/dev/null'
systemctl restart leashd.service
want 'a restart gives a new leashd' 0 "$(kill -0 "$main" 2>/dev/null; echo $((1 - $?)))"
want 'callers are served at once' again "$(as one leashctl run $accept --fresh -- echo again)"
want 'by the same session' "$scope" "$(systemctl list-units --plain --no-legend 'leash-1000-*.scope' | cut -d' ' -f1)"
wait $client
want 'the command lived through it' lived "$(cat /tmp/lived)"

# A crash of leashd: the same.
as one leashctl run $accept --fresh -- sh -c 'sleep 8; echo lived' >/tmp/lived &
client=$!
await 'pgrep -x sleep >/dev/null'
kill -9 "$(systemctl show -P MainPID leashd.service)"
await '[ "$(systemctl is-active leashd.service)" = active ]'
want 'after kill -9 of leashd callers are served' again "$(as one leashctl run $accept --fresh -- echo again)"
wait $client
want 'and the command lived' lived "$(cat /tmp/lived)"

# The end.
as one leashctl run $accept --fresh -- sleep 1000 >/dev/null &
await 'pgrep -x sleep >/dev/null'
systemctl stop leashd.socket leashd.service
await '! pgrep -x leash-session >/dev/null'
want 'stop ends every session' '' "$(pgrep -x leash-session)"
want 'and every sandbox' '' "$(pgrep -x sleep; pgrep -x leash-init)"
await '[ -z "$(systemctl list-units --plain --no-legend "leash-*.scope")" ]'
want 'no scope is left' '' "$(systemctl list-units --plain --no-legend 'leash-*.scope')"
wait

# Where user namespaces are forbidden.
echo 0 >/proc/sys/user/max_user_namespaces
systemctl start leashd.socket
want 'without user namespaces: a full sandbox' '*"tier":"namespaces"*' "$(as one leashctl call leash.info | tr -d ' \n')"
want 'as the user' 'uid=*one*' "$(as one leashctl run $accept --fresh -- id)"
want 'that is closed' '*denied*' "$(as one leashctl run $accept --fresh -- sh -c 'touch /etc/x || echo denied' 2>&1)"
echo 10000 >/proc/sys/user/max_user_namespaces

echo "# $(systemd-analyze security --no-pager leashd.service 2>/dev/null | tail -n 1)"
journalctl --no-pager -q -o cat -u leashd.service 2>/dev/null | grep -vi 'info:' | tail -n 20 | sed 's/^/# journal: /'
systemctl list-units --failed --plain --no-legend | sed 's/^/# failed: /'
echo DONE
