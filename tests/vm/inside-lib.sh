#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# What the parts of system.sh share, in the machine. Run by itself it is the machine's one test unit: it runs the
# parts that the kernel's command line names (leash.parts=a,b) and ends with DONE.
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
parts=/usr/local/lib/leash-vm
n=0
ok() { n=$((n + 1)); echo "ok $n - $part: $1"; }
bad() { n=$((n + 1)); echo "not ok $n - $part: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/# /'; }
# What the machine was started with: of the kernel in a machine, of the first process in a container.
said() { { tr '\0 ' '\n\n' </proc/1/environ | sed -n "s|^LEASH_${1^^}=|leash.$1=|p" | grep . || grep -o "leash\.$1=[^ ]*" /proc/cmdline; } | sed 's/^[^=]*=//'; }
# want NAME PATTERN ACTUAL
want() { if [[ $3 == $2 ]]; then ok "$1"; else bad "$1" "wanted: $2" "got: $3"; fi; }
# A user's shell line, as after a login; no terminal and no bus.
as() { local user=$1; shift; (cd / && setpriv --reuid="$user" --regid="$user" --init-groups env -i PATH="$PATH" HOME="/home/$user" USER="$user" "$@" </dev/null 2>&1); }
await() { for _ in $(seq 300); do eval "$1" && return 0; sleep 0.1; done; return 1; }
units() { systemctl list-units --plain --no-legend "$@"; }
# Processes of leash's programs; leashctl is a client.
programs() { for p in /proc/[0-9]*; do case $(readlink "$p/exe" 2>/dev/null) in */libexec/leash/*) echo "${p#/proc/} $(tr '\0' ' ' <"$p/cmdline")" ;; esac; done; }
# Everything that leash makes outside of its own packages: what is here at the end and was not at the start is left over.
traces() {
        find /run /tmp /var/tmp /dev/shm /etc /var/lib /home/*/.cache/leash/work -xdev -iname '*leash*' \
                ! -path '*/leash-vm*' ! -path '*/leash-test*' ! -path '/tmp/vm-*' ! -path '/var/lib/dpkg/*' ! -path '/var/lib/apt/*' \
                ! -path '/run/systemd/units/*' ! -path '/run/systemd/propagate*' 2>/dev/null
        find /sys/fs/cgroup -type d -iname '*leash*' ! -name 'leash-test*'
        cut -d' ' -f5- /proc/self/mountinfo | grep -i leash
        grep -i 'leash' /proc/net/unix
        units --all '*leash*' | grep -v leash-test
        programs
}
# stopped: `systemctl stop` has left nothing behind.
stopped() {
        await '[ -z "$(programs)" ]'
        want 'stop ends every program' '' "$(programs)"
        await '[ -z "$(units "leash-*.scope")" ]'
        want 'no scope is left' '' "$(units 'leash-*.scope')"
        want 'no group' '' "$(find /sys/fs/cgroup/leash.slice -mindepth 1 -type d 2>/dev/null)"
        want 'no mount' '' "$(cut -d' ' -f5- /proc/1/mountinfo | grep -i leash)"
        want 'no socket' '' "$(grep -i leash /proc/net/unix)"
}
# Old kernels lack a wall: what is lost is accepted by name, and the rest has to hold.
losses() { as one leashctl call leash.info | tr -d ' \n' | grep -o '"losses":\[[^]]*\]' | grep -o '"name":"[a-z_]*"' | cut -d'"' -f4 | sed 's/^/--accept /' | tr '\n' ' '; }

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
        part=vm
        echo "# $(uname -r), $(systemctl --version | head -n 1)"
        for part in $(said parts | tr , ' '); do
                began=$SECONDS
                . "$parts/part-$part.sh"
                echo "# $part: $((SECONDS - began)) s"
        done
        journalctl --no-pager -q -o cat -u 'leash*' 2>/dev/null |
                grep -Ev 'info:|(Start|Stopp)(ing|ed) leash|Created slice|(Listening|Closed) |Deactivated succ|Reload(ing|ed) ' | tail -n 20 | sed 's/^/# journal: /'
        units --failed | sed 's/^/# failed: /'
        echo DONE
fi
