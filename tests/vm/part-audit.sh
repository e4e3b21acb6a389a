# SPDX-License-Identifier: MIT OR Apache-2.0
# The kernel's own records of denials, behind the walls of leashd's unit: the switch in leashd.json, and a record for each
# of two users. Opening a FIFO for writing is nothing that a read-only mount refuses; it is Landlock that does.
systemctl start leashd.socket
accept=$(losses)
audit() { as one leashctl doctor --json | grep -o '"audit":"[a-z]*"' | cut -d'"' -f4; }
# Until the daemon that has read the file answers.
set_audit() {
        printf '{"audit": "%s"}\n' "$1" >/etc/leash/leashd.json
        systemctl restart leashd
        as one timeout 60 leashctl run $accept --fresh -- true
}
write='import os, sys
try: os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
except PermissionError: sys.exit(3)'
denied() { as "$1" timeout 60 leashctl run --json $accept --fresh -- python3 -c "$write" "$2" | grep -o '"path":"[^"]*"' | cut -d'"' -f4; }
mkdir -p /etc/leash
mkfifo -m 666 /srv/of-one /srv/of-two
set_audit auto
was=$(audit)
if [ "$was" = unsupported ]; then
        want 'a kernel without such records' "$was" unsupported
else
        want 'audit is off, and stays so' off "$was"
        want 'and nobody is told anything' '' "$(denied one /srv/of-one)"
        set_audit on
        want 'leashd.json switches audit on' on "$(audit)"
        want 'a denial in the result' /srv/of-one "$(denied one /srv/of-one)"
        want "the other user's" /srv/of-two "$(denied two /srv/of-two)"
        systemctl restart leashd
        want 'and after a restart' /srv/of-one "$(denied one /srv/of-one)"
        set_audit off
        want 'leashd.json keeps them from being written' disabled "$(audit)"
        want 'then nothing is told' '' "$(denied one /srv/of-one)"
fi
rm -f /srv/of-one /srv/of-two /etc/leash/leashd.json
systemctl restart leashd
