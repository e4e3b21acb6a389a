# SPDX-License-Identifier: MIT OR Apache-2.0
# Where AppArmor takes user namespaces from whoever has no profile that grants them (upstream since 6.7, Ubuntu's
# default), a daemon of one's own needs apparmor/leash-session. The parser has to know `userns` (4.0; Debian 13).
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
                want 'and leash-session is in it' '*leash-session*' "$(as one leashctl run --fresh -- true; cat /proc/$(pgrep -x leash-session)/attr/current)"
        fi
        systemctl start leashd.socket
fi
