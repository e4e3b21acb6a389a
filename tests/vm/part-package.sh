# SPDX-License-Identifier: MIT OR Apache-2.0
# The packages are installed as an administrator does it, from a repository.
traces >/tmp/vm-before
apt() { apt-get -y -q -o Dpkg::Use-Pty=0 "$@" >/tmp/vm-apt 2>&1 || { bad "apt-get $*" "$(tail -n 20 /tmp/vm-apt)"; return 1; }; }
apt update
version=$(sed -n '/^Package: leashd$/,/^$/s/^Version: //p' /srv/repo/Packages | grep -v '[+]1$')
apt install leashd="$version" leashctl="$version" libleash0="$version" libleash-dev="$version" && ok 'apt installs them' || {
        echo DONE # nothing else can be tried
        exit 1
}
want 'what is installed' "$version" "$(dpkg-query -W -f '${Version}' leashd)"
want 'the socket listens at once, and at each boot' 'active enabled' "$(systemctl is-active leashd.socket) $(systemctl is-enabled leashd.socket)"
want 'the service waits to be needed' inactive "$(systemctl is-active leashd.service)"
want 'the units of users are not enabled for them' disabled "$(systemctl --global is-enabled leashd.socket)"
systemd-analyze verify --man=no $(find /lib/systemd/system/ -maxdepth 1 -type f -name 'leash*.s*') >/tmp/vm-verify 2>&1
want 'systemd-analyze verify' '' "$(grep -i leash /tmp/vm-verify)"
systemd-analyze --user verify --man=no /usr/lib/systemd/user/leashd.s* >/tmp/vm-verify 2>&1
want 'systemd-analyze --user verify' '' "$(grep -i leash /tmp/vm-verify)"
score() { systemd-analyze security --no-pager "$1" 2>/dev/null | sed -n 's/.*level for .*: \([0-9.]*\).*/\1/p'; }
leashd=$(score leashd.service)
echo "# systemd-analyze security: leashd.service $leashd, leash-launch@.service $(score leash-launch@x.service)"
want 'leashd.service: at most 4.0' yes "$(awk -v s="${leashd:-10}" 'BEGIN { print s <= 4 ? "yes" : "no: " s }')"
