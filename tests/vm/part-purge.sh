# SPDX-License-Identifier: MIT OR Apache-2.0
# Removed with a command running, then purged: nothing is left.
apt() { apt-get -y -q -o Dpkg::Use-Pty=0 "$@" >/tmp/vm-apt 2>&1 || { bad "apt-get $*" "$(tail -n 20 /tmp/vm-apt)"; return 1; }; }
systemctl start leashd.socket
as one leashctl run $(losses) --fresh -- sleep 4243 >/dev/null &
await 'pgrep -fx "sleep 4243" >/dev/null'
apt remove leashd leashctl libleash0 libleash-dev && ok 'apt removes them'
wait
stopped
apt purge leashd leashctl libleash0 libleash-dev && ok 'apt purges them'
want 'no file of theirs' '' "$(find / -xdev -iname '*leash*' ! -path '/proc/*' ! -path '/srv/repo/*' ! -path '*/.cache/leash*' ! -path '*leash-vm*' ! -path '*leash-test*' \
        ! -path '/tmp/vm-*' ! -path '/var/lib/apt/*' ! -path '/var/log/*' ! -path '/sys/*' 2>/dev/null)"
traces >/tmp/vm-after
want 'no other trace' '' "$(grep -vxFf /tmp/vm-before /tmp/vm-after)"
