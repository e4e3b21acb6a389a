# SPDX-License-Identifier: MIT OR Apache-2.0
# Each switch by which a distribution or an administrator takes user namespaces from ordinary users: a daemon of one's own then
# refuses, names what is lost and runs when that is accepted; the system's service gives full sandboxes all the same.
tier() { as one leashctl call leash.info | tr -d ' \n' | grep -o '"tier":"[a-z]*"'; }
# The user's own daemon has seen the machine as it was.
quit() {
        pkill -u one leashd
        await '[ -z "$(programs)" ]'
        rm -rf /tmp/leash-1000
}
# A private home may be written; nothing of it comes out.
closed() { as one leashctl run "$@" --fresh -- sh -c 'touch /home/one/made; touch /etc/x || echo denied'; [ ! -e /home/one/made ] || echo open; rm -f /home/one/made; }
want 'a twin: the user may write there' yes "$(as one sh -c 'touch /home/one/made && rm /home/one/made && echo yes')"
for switch in kernel/unprivileged_userns_clone=0 user/max_user_namespaces=0 kernel/apparmor_restrict_unprivileged_userns=1; do
        file=/proc/sys/${switch%=*}
        name=${switch#*/}
        [ -w "$file" ] || { echo "# this kernel has no $name"; continue; }
        was=$(cat "$file")
        systemctl stop leashd.socket leashd.service
        want "before $name: a user namespace" yes "$(as one unshare -r echo yes)"
        want "before $name: a daemon of one's own makes them" '"tier":"namespaces"' "$(tier)"
        quit
        echo "${switch#*=}" >"$file"
        [[ $name == apparmor* ]] || want "$name: no user namespace" '*unshare*' "$(as one unshare -r echo yes)"
        accept=$(losses)
        out=$(as one leashctl run --fresh -- echo ran); rc=$?
        if [ "$(tier)" = '"tier":"none"' ]; then # no Landlock either
                want "$name: refused, since nothing would hold it" '125*neither namespaces nor Landlock*' "$rc $out"
                want "$name: whatever is accepted" '*neither namespaces nor Landlock*' "$(as one leashctl run $accept --accept no_namespaces --fresh -- echo ran)"
        else
                want "$name: the native tier" '"tier":"native"' "$(tier)"
                want "$name: refused, with the word that goes on" '125*--accept no_namespaces*' "$rc $out"
                want "$name: accepted, it runs" 'uid=1000*' "$(as one leashctl run $accept --fresh -- id)"
                want "$name: and is closed" '*denied' "$(closed $accept)"
        fi
        want "$name: doctor says which switch" "*${name%=*}*" "$(as one leashctl doctor | grep -A 1 'Why something')"
        quit
        systemctl start leashd.socket
        accept=$(losses)
        want "$name: the system's service makes them" '"tier":"namespaces"' "$(tier)"
        want "$name: for its users" 'uid=1000*' "$(as one leashctl run $accept --fresh -- id)"
        want "$name: closed" '*denied' "$(closed $accept)"
        systemctl stop leashd.socket leashd.service
        echo "$was" >"$file"
done
systemctl start leashd.socket
