# SPDX-License-Identifier: MIT OR Apache-2.0
# The user's own daemon as units of the user manager: started through its socket, with a delegated group, ended when it
# is unused, started again. The system's service is off meanwhile, or leashctl would ask that one.
systemctl stop leashd.socket leashd.service
loginctl enable-linger one || bad 'a user manager can be had'
await '[ "$(systemctl is-active user@1000.service)" = active ] && [ -S /run/user/1000/systemd/private ]'
mine() { as one XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$@"; }
user() { mine systemctl --user "$@"; }
mkdir -p /home/one/.config/systemd/user/leashd.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/libexec/leash/leashd --user --idle-exit 3\n' >/home/one/.config/systemd/user/leashd.service.d/idle.conf
chown -R one:one /home/one/.config
user daemon-reload
want 'enabled by its user' '*' "$(user enable --now leashd.socket)"
want 'the socket listens' active "$(user is-active leashd.socket)"
want 'the service waits to be needed' inactive "$(user is-active leashd.service)"
accept=$(mine leashctl call leash.info | tr -d ' \n' | grep -o '"losses":\[[^]]*\]' | grep -o '"name":"[a-z_]*"' | cut -d'"' -f4 | sed 's/^/--accept /' | tr '\n' ' ')
echo "# accepted: ${accept:-nothing}"
want 'one run' 'uid=1000(one)*' "$(mine leashctl run $accept --fresh -- id)"
want 'the service runs' active "$(user is-active leashd.service)"
want 'it is of user mode' '*"mode":"user"*' "$(mine leashctl call leash.info | tr -d ' \n')"
want 'in its unit' '*/leashd.service*' "$(cat /proc/"$(user show -P MainPID leashd.service)"/cgroup)"
out=$(mine leashctl run $accept --fresh --memory 64M -- python3 -c 'x = bytearray(256 << 20)'); rc=$?
want 'memory is limited by the delegated group' '137*memory*' "$rc $out"
out=$(mine leashctl run $accept --fresh --processes 20 -- bash -c 'for i in $(seq 100); do sleep 3 & done; wait')
want 'processes as well' '*Resource temporarily unavailable*' "$out"
main=$(user show -P MainPID leashd.service)
kill -9 "$main"
want 'after kill -9 the next caller is served' again "$(mine leashctl run $accept --fresh -- echo again)"
want 'by another leashd' yes "$([ "$(user show -P MainPID leashd.service)" != "$main" ] && echo yes)"
await '[ "$(user is-active leashd.service)" = inactive ]'
want 'unused, it ends' inactive "$(user is-active leashd.service)"
want 'and the socket still listens' active "$(user is-active leashd.socket)"
want 'so that it is there again' again "$(mine leashctl run $accept --fresh -- echo again)"
mine leashctl run $accept --fresh -- sleep 4244 >/dev/null &
await 'pgrep -fx "sleep 4244" >/dev/null'
user restart leashd.service
await '! pgrep -fx "sleep 4244" >/dev/null'
want 'a restart ends what ran (user mode)' '' "$(pgrep -fx 'sleep 4244')"
wait
want 'and serves anew' again "$(mine leashctl run $accept --fresh -- echo again)"
user stop leashd.socket leashd.service
await '[ -z "$(programs)" ]'
want 'stopped, nothing is left' '' "$(programs)"
want 'nor in its group' '' "$(find /sys/fs/cgroup/user.slice -type d -name 'leashd.service')"
user disable leashd.socket >/dev/null
loginctl disable-linger one
await '[ "$(systemctl is-active user@1000.service)" != active ]'
rm -rf /home/one/.config
systemctl start leashd.socket
