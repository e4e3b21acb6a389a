# SPDX-License-Identifier: MIT OR Apache-2.0
# What all sandboxes of one user together may take (users.* of leashd.json), held by his slice.
accept=$(losses)
slice=/sys/fs/cgroup/leash.slice/leash-1000.slice
install -d /etc/leash
config() { echo "$1" >/etc/leash/leashd.json; }
config '{"users":{"processes":120,"memory_bytes":209715200}}'
systemctl restart leashd.service
want 'one user' served "$(as one leashctl run $accept --fresh -- echo served)"
want 'his slice has the processes' 120 "$(cat $slice/pids.max)"
want 'and the memory' 209715200 "$(cat $slice/memory.max)"
want 'which systemd knows' 120 "$(systemctl show -P TasksMax leash-1000.slice)"
want 'root sees all users' '*1000*120*200M*' "$(leashctl status --all 2>&1 | grep '^1000 ')"
out=$(as one leashctl run $accept --fresh -- bash -c 'for i in $(seq 200); do sleep 100 & done; exit 3')
want 'a bomb is told whose limit it was' '*users.processes*' "$out"
out=$(as one leashctl run $accept --fresh -- python3 -c 'x = bytearray(400 << 20)')
want 'a hog is told whose limit it was' '*users.memory_bytes*' "$out"
want 'another user has his own' served "$(as two leashctl run $accept --fresh -- bash -c 'for i in $(seq 80); do sleep 1 & done; wait; echo served')"
as one leashctl run $accept --fresh -- sleep 1000 >/dev/null &
await 'pgrep -u one -x sleep >/dev/null'
config '{"users":{"processes":250}}'
systemctl reload leashd.service && ok 'the service is reloaded' || bad 'the service is reloaded'
await '[ "$(cat $slice/pids.max)" = 250 ]'
want 'a reload reaches who is there' '250 max' "$(cat $slice/pids.max) $(cat $slice/memory.max)"
config '{"users":{"processes":"many"}}'
systemctl reload leashd.service 2>/dev/null && bad 'a reload of what is wrong fails' || ok 'a reload of what is wrong fails'
want 'and says why' '*/users/processes*' "$(journalctl -q -o cat -u leashd.service | tail -n 5)"
want 'the service goes on' active "$(systemctl is-active leashd.service)"
want 'with what held before' 250 "$(cat $slice/pids.max)"
systemctl kill -s HUP leashd.service
await 'journalctl -q -o cat LEASH_EVENT=config.refused | grep -q leash'
want 'by SIGHUP: a record with the place' /users/processes "$(journalctl -q -o json LEASH_EVENT=config.refused | grep -o '"LEASH_WHERE":"[^"]*"' | cut -d'"' -f4 | sort -u)"
config '{"users":{"processes":260}}'
systemctl restart leashd.service
await '[ "$(cat $slice/pids.max)" = 260 ]'
want 'so does a restart' 260 "$(cat $slice/pids.max)"
rm /etc/leash/leashd.json
systemctl reload leashd.service
await '[ "$(cat $slice/pids.max)" = max ]'
want 'without the file there is none' max "$(cat $slice/pids.max)"
share=$(($(getconf _PHYS_PAGES) * $(getconf PAGESIZE) / 100 * 80 / 4096))
want 'but four fifths of the memory for a session' $share $(($(cat $slice/leash-1000-*.scope/memory.max | head -n 1) / 4096))
want 'his sandbox has not noticed' sleep "$(pgrep -u one -x -l sleep | cut -d' ' -f2)"
systemctl stop leashd.socket leashd.service
stopped
rmdir /etc/leash
rm -rf /run/systemd/system.control/leash-*.slice.d
systemctl daemon-reload

# The same without systemd's slices, by the suite, which hides systemd.
mkdir -p /tmp/vm-build && cp /usr/libexec/leash/* /usr/bin/leashctl /tmp/vm-build/
while read -r line; do
        case $line in
        'ok '*) ok "${line#ok * - }" ;;
        'not ok '*) bad "${line#not ok * - }" ;;
        '#'*) echo "$line" ;;
        esac
done < <(python3 /srv/leash-vm/system/test-totals.py /tmp/vm-build 2>&1)
rm -rf /tmp/vm-build
