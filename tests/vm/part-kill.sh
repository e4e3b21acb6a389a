# SPDX-License-Identifier: MIT OR Apache-2.0
# kill -9 of each program, 200 times in all.
systemctl start leashd.socket
traces >/tmp/vm-quiet
while read -r line; do
        case $line in
        'ok '*) ok "${line#ok }" ;;
        'not ok '*) bad "${line#not ok }" "$(journalctl -q --no-pager -o cat -u 'leash*' -n 12)" ;;
        *) echo "# $line" ;;
        esac
done < <(python3 "$parts/part-kill.py" "${LEASH_VM_KILLS:-200}" $(losses) 2>&1)
want 'leashd runs' active "$(systemctl is-active leashd.service)"
systemctl stop leashd.socket leashd.service
stopped
# Units that are there and not active are the package's; the slice of the scopes stays, empty.
want 'and nothing anywhere else' '' "$(traces | grep -vxFf /tmp/vm-quiet | grep -Ev ' inactive +dead |leash\.slice( |$)')"
systemctl start leashd.socket
