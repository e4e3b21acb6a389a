# SPDX-License-Identifier: MIT OR Apache-2.0
# The escape suite, through the system's service: all of it, or the attempts whose names hold one of the words of leash.only=.
systemctl start leashd.socket
words=$(said only | tr , ' ')
LEASH_VM_LOSSES=$(losses | sed "s/--accept //g")
export LEASH_VM_LOSSES
attempts() { # WORD
        local who first line skipped
        for who in other root; do
                first=$n skipped=0
                while read -r line; do
                        case $line in
                        'ok '*'# SKIP'*) skipped=1; echo "# ${line#*- }" ;;
                        'ok '*) n=$((n + 1)); echo "ok $n - $part: ${line#*- }" ;;
                        'not ok '*) n=$((n + 1)); echo "not ok $n - $part: ${line#*- }" ;;
                        *) echo "# ${line#\# }" ;;
                        esac
                done < <(python3 "$parts/part-escape.py" --build /srv/leash-vm/build --as $who --level default --only "$1" 2>&1)
                want "attempts were made as $who${1:+: $1}" yes "$([ $((n - first + ($2 == 0 ? skipped : 0))) -gt "$2" ] && echo yes || echo $((n - first)))"
        done
}
if [ -z "$words" ]; then
        attempts '' 400
else
        for word in $words; do attempts "$word" 0; done
fi
