# SPDX-License-Identifier: MIT OR Apache-2.0
# The service as an administrator and two users meet it.
systemctl start leashd.socket || bad 'the socket unit starts'
want 'the socket unit listens' active "$(systemctl is-active leashd.socket)"
want 'the service waits to be needed' inactive "$(systemctl is-active leashd.service)"
accept=$(losses)
echo "# accepted: ${accept:-nothing}"
want 'the first caller has started it' active "$(systemctl is-active leashd.service)"
want 'one user' 'uid=*one*' "$(as one leashctl run $accept --fresh -- id)"
want 'the service runs' active "$(systemctl is-active leashd.service)"
want 'another user' 'uid=*two*' "$(as two leashctl run $accept --fresh -- id)"
want 'root' 'uid=0(root)*' "$(leashctl run $accept --fresh -- id 2>&1 </dev/null)"
want 'the mode is system' '*"mode":"system"*' "$(as one leashctl call leash.info | tr -d ' \n')"
want 'a scope for each session below leash.slice' 3 "$(systemctl list-units --plain --no-legend 'leash-*.scope' | wc -l)"
scope=$(systemctl list-units --plain --no-legend 'leash-1000-*.scope' | cut -d' ' -f1)
want "in the user's slice" leash-1000.slice "$(systemctl show -P Slice "$scope")"
main=$(systemctl show -P MainPID leashd.service)

# Limits, as the kernel holds them.
out=$(as one leashctl run $accept --fresh --memory 64M -- python3 -c 'x = bytearray(256 << 20)'); rc=$?
want 'a memory hog is ended' '137*memory*' "$rc $out"
out=$(as one leashctl run $accept --fresh --processes 20 -- bash -c 'for i in $(seq 100); do sleep 5 & done; wait' ); rc=$?
want 'a fork bomb runs into its limit' '*Resource temporarily unavailable*' "$out"
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
want 'a restart gives a new leashd' gone "$(kill -0 "$main" 2>/dev/null || echo gone)"
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
wait
want 'and every sandbox' '' "$(pgrep -x sleep)"
stopped

# Where user namespaces are forbidden.
echo 0 >/proc/sys/user/max_user_namespaces
systemctl start leashd.socket
want 'without user namespaces: a full sandbox' '*"tier":"namespaces"*' "$(as one leashctl call leash.info | tr -d ' \n')"
want 'as the user' 'uid=*one*' "$(as one leashctl run $accept --fresh -- id)"
want 'that is closed' '*denied*' "$(as one leashctl run $accept --fresh -- sh -c 'touch /etc/x || echo denied' 2>&1)"
echo 10000 >/proc/sys/user/max_user_namespaces

