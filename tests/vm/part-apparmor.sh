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
        fi
        pkill leashd
        await '[ -z "$(programs)" ]'
        rm -rf /tmp/leash-1000 # of the user's own daemon
        systemctl start leashd.socket
fi
