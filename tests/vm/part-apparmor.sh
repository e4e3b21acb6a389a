# SPDX-License-Identifier: MIT OR Apache-2.0
# Where AppArmor takes user namespaces from whoever has no profile that grants them (Ubuntu's kernels; Debian's lack the
# switch), a daemon of one's own needs apparmor/leash-session. The parser has to know `userns` (4.0; Debian 13).
if ! apparmor_parser --version 2>/dev/null | grep -Eq 'version ([4-9]|[1-9][0-9])'; then
        echo '# apparmor: no apparmor_parser 4.0 here'
elif [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
        echo '# apparmor: this kernel has none'
else
        systemctl stop leashd.socket leashd.service
        restrict=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
        want 'the profile is valid' '' "$(apparmor_parser -Q -K "$parts/apparmor-leash-session" 2>&1)"
        echo "# restrict: $(cat $restrict 2>&1)"
        tier() { as one leashctl call leash.info | tr -d ' \n' | grep -o '"tier":"[a-z]*"'; }
        if [ -w $restrict ]; then
                echo 1 >$restrict
                want 'without it: no namespaces for a user' '*native*' "$(tier)"
                pkill leashd
                await '[ -z "$(programs)" ]'
                apparmor_parser -r -K "$parts/apparmor-leash-session" || bad 'the profile is loaded'
                want 'with it: namespaces' '"tier":"namespaces"' "$(tier)"
                want 'and a sandbox' 'uid=1000*' "$(as one leashctl run --fresh -- id)"
                want 'in which there is no further one' '*denied*' "$(as one leashctl run --fresh -- sh -c 'unshare -r true || echo denied')"
                pkill leashd
                await '[ -z "$(programs)" ]'
                apparmor_parser -R "$parts/apparmor-leash-session"
                systemctl start leashd.socket
                want 'the system service needs none' '"tier":"namespaces"' "$(tier)"
                want 'nor do its users' 'uid=1000*' "$(as one leashctl run --fresh -- id)"
                echo 0 >$restrict
        else
                apparmor_parser -r -K "$parts/apparmor-leash-session" && ok 'the profile is loaded' || bad 'the profile is loaded'
                want 'a sandbox of a daemon of one'"'"'s own' 'uid=1000*' "$(as one leashctl run --fresh -- id)"
                want 'and leash-session is in it' '*leash-session*' "$(cat /proc/"$(pgrep -o -x leash-session)"/attr/current)"
                apparmor_parser -R "$parts/apparmor-leash-session"
                pkill leashd
                await '[ -z "$(programs)" ]'
                # What the switch makes of programs without a profile, for those that are started in this one: everything but
                # user namespaces, and at exec the profile that a program has, or the same.
                cat >/tmp/vm-restricted <<'PROFILE'
abi <abi/4.0>,
profile leash-test-restricted flags=(attach_disconnected,mediate_deleted) {
  / r,
  /** rwlkm,
  /** pix,
  capability, network, mount, umount, pivot_root, ptrace, signal, dbus, unix, mqueue, change_profile,
}
PROFILE
                want 'a profile without user namespaces' '' "$(apparmor_parser -r -K /tmp/vm-restricted 2>&1)"
                in_it() { as one aa-exec -p leash-test-restricted -- "$@"; }
                in_tier() { in_it leashctl call leash.info | tr -d ' \n' | grep -o '"tier":"[a-z]*"'; }
                want 'a twin: outside of it there are some' yes "$(as one unshare -r echo yes)"
                want 'in it there are none' '*unshare*' "$(in_it unshare -r echo yes)"
                want 'nor for a daemon of one'"'"'s own' '"tier":"native"' "$(in_tier)"
                want 'which refuses' '*--accept no_namespaces*' "$(in_it leashctl run --fresh -- echo ran)"
                pkill leashd
                await '[ -z "$(programs)" ]'
                apparmor_parser -r -K "$parts/apparmor-leash-session" || bad 'the profile is loaded again'
                want 'with the profile for leash-session there are' '"tier":"namespaces"' "$(in_tier)"
                want 'and a sandbox' 'uid=1000*' "$(in_it leashctl run --fresh -- id)"
                want 'that is closed' '*denied' "$(in_it leashctl run --fresh -- sh -c 'touch /etc/x || echo denied')"
                pkill leashd
                await '[ -z "$(programs)" ]'
                apparmor_parser -R "$parts/apparmor-leash-session"
                systemctl start leashd.socket
                want 'the system service needs none' '"tier":"namespaces"' "$(in_tier)"
                want 'nor do its users' 'uid=1000*' "$(in_it leashctl run --fresh -- id)"
                apparmor_parser -R /tmp/vm-restricted
                systemctl stop leashd.socket leashd.service
        fi
        pkill leashd
        await '[ -z "$(programs)" ]'
        rm -rf /tmp/leash-1000 # of the user's own daemon
        systemctl start leashd.socket
fi
