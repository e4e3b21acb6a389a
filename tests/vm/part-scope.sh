# SPDX-License-Identifier: MIT OR Apache-2.0
# A user's own daemon that no unit started: it runs in the group of whoever was its first caller, and asks the user's
# manager for one of its own when a limit needs it, not before. The system's service is off meanwhile.
systemctl stop leashd.socket leashd.service
loginctl enable-linger one || bad 'a user manager can be had'
await '[ -S /run/user/1000/systemd/private ]'
group() { grep -o '0::.*' "/proc/$(pgrep -u "$1" -x leash-session)/cgroup"; }
# As after a login: a scope that the system's manager keeps, and the user may not divide.
login() { systemd-run --quiet --scope --slice=user-1000.slice --unit="leash-test-login-$RANDOM" setpriv --reuid=one --regid=one --init-groups env -i \
        PATH="$PATH" HOME=/home/one USER=one XDG_RUNTIME_DIR=/run/user/1000 bash -c "cd /home/one && $1" </dev/null 2>&1; }
accept=$(as one leashctl call leash.info | tr -d ' \n' | grep -o '"losses":\[[^]]*\]' | grep -o '"name":"[a-z_]*"' | cut -d'"' -f4 | sed 's/^/--accept /' | tr '\n' ' ')
as one leashctl call leash.info >/dev/null
await '[ -z "$(pgrep -u one leashd)" ] || kill $(pgrep -u one leashd)'
want 'a run without limits' fine "$(login "leashctl run $accept --fresh -- echo fine")"
want 'stays where it was' '*/leash-test-login-*.scope' "$(group one)"
out=$(login "leashctl run $accept --fresh --memory 64M -- python3 -c 'x = bytearray(256 << 20)'; echo rc \$?")
want 'memory is limited' '*memory*rc 137' "$out"
want 'by a scope of the user manager' '*/user@1000.service/app.slice/leash-1000-*.scope/leash.self' "$(group one)"
want 'processes as well' '*Resource temporarily unavailable*' "$(login "leashctl run $accept --fresh --processes 20 -- bash -c 'for i in \$(seq 60); do sleep 3 & done; wait'")"
want 'and processors' '*"out_of_memory"*' "$(login "leashctl run $accept --json --fresh --cpus 0.5 --memory 64M -- python3 -c 'x = bytearray(256 << 20)'" | tr -d ' \n')"
kill "$(pgrep -u one -x leashd)"
await '[ -z "$(pgrep -u one leash)" ]'
await '! ls -d /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/leash-* 2>/dev/null'
want 'ended, nothing is left' '' "$(find /sys/fs/cgroup/user.slice -type d -name 'leash-1000-*')"
loginctl disable-linger one
await '[ "$(systemctl is-active user@1000.service)" != active ]'
want 'without a manager the limit is refused, and says how to have it' '*leashctl doctor*' "$(as two leashctl run $accept --fresh --memory 64M -- true)"
await '[ -z "$(pgrep -u two leashd)" ] || kill $(pgrep -u two leashd)'
systemctl start leashd.socket
