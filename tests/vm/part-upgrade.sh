# SPDX-License-Identifier: MIT OR Apache-2.0
# To the next version with commands running and callers calling: nothing is lost.
apt() { apt-get -y -q -o Dpkg::Use-Pty=0 "$@" >/tmp/vm-apt 2>&1 || { bad "apt-get $*" "$(tail -n 20 /tmp/vm-apt)"; return 1; }; }
systemctl start leashd.socket
accept=$(losses)
before=$(systemctl show -P MainPID leashd.service)
socket=$(stat -c %i /run/leash/leash.sock)
running=()
for user in one two; do
        as $user leashctl run $accept --fresh -- sh -c 'sleep 4242; echo lived' >/tmp/vm-lived-$user &
        running+=($!)
done
await '[ "$(pgrep -fxc "sleep 4242")" = 2 ]'
scopes=$(units 'leash-*.scope' | cut -d' ' -f1)
# Callers that come meanwhile wait, and are not turned away.
rm -f /tmp/vm-stop
(
        calls=0 refused=0
        while [ ! -e /tmp/vm-stop ]; do
                calls=$((calls + 1))
                [ "$(as two leashctl run $accept --fresh -- echo served)" = served ] || refused=$((refused + 1))
        done
        echo "$calls $refused" >/tmp/vm-calls
) &
caller=$!
apt install --only-upgrade leashd leashctl libleash0 libleash-dev && ok 'apt upgrades them'
touch /tmp/vm-stop
wait $caller
read -r calls refused </tmp/vm-calls
want "none of $calls callers was turned away meanwhile" 0 "$refused"
want 'nor given a daemon of his own' '' "$(ls -d /tmp/leash-100* 2>/dev/null)"
want 'the socket is the same' "$socket" "$(stat -c %i /run/leash/leash.sock)"
want 'it is the next version' '*+1' "$(dpkg-query -W -f '${Version}' leashd)"
after=$(systemctl show -P MainPID leashd.service)
want 'leashd is a new process' yes "$([ "$before" != "$after" ] && [ -n "$after" ] && echo yes)"
want 'of the new file' /usr/libexec/leash/leashd "$(readlink /proc/$after/exe)"
want 'the sessions are the same' "$scopes" "$(units 'leash-*.scope' | cut -d' ' -f1)"
want 'the commands run' 2 "$(pgrep -fxc 'sleep 4242')"
pkill -fx 'sleep 4242'
wait "${running[@]}"
want 'and come to their end' '*lived *lived' "$(cat /tmp/vm-lived-one) $(cat /tmp/vm-lived-two)"
want 'new callers are served' again "$(as one leashctl run $accept --fresh -- echo again)"
