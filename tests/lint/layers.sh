#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The order of the folders is the order of dependency, and each library has one home. Prints each line
# that breaks this; --self-test proves that it can fail.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2
bad=0
complain() {
        echo "$1"
        bad=1
}

# What each folder may include, besides itself.
declare -A may=(
        [policy]=""
        [proto]="policy"
        [backends]="policy proto"
        [daemon]="policy proto backends"
        [client]="policy proto"
)

# An include with ../ or a folder's name in front is resolved against the including file or the root.
for folder in policy proto backends daemon client; do
        while IFS=: read -r file line text; do
                name=${text#*\"} name=${name%%\"*}
                case $name in
                ../*) target=$(realpath -m --relative-to=. "${file%/*}/$name") ;;
                *)
                        if [ -e "${file%/*}/$name" ]; then
                                case $name in
                                *../*) target=$(realpath -m --relative-to=. "${file%/*}/$name") ;;
                                *) continue ;; # below: of the same folder
                                esac
                        else
                                target=$name
                        fi
                        ;;
                esac
                top=${target%%/*}
                [ "$top" = "$folder" ] && continue
                [ "$top" = "$target" ] && continue # a file beside it, or found through its own folder
                case " ${may[$folder]} " in
                *" $top "*) ;;
                *) complain "$file:$line: $folder/ may not include $top/: $text" ;;
                esac
        done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "$folder" --include='*.[ch]' 2>/dev/null)
done

# library header, and the only places it may stand in
home() { # pattern reason allowed-path-prefix…
        local pattern=$1 why=$2 file line text ok prefix
        shift 2
        while IFS=: read -r file line text; do
                ok=0
                for prefix in "$@"; do
                        case $file in "$prefix"*) ok=1 ;; esac
                done
                [ $ok = 1 ] || complain "$file:$line: $why: $text"
        done < <(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]+<($pattern)" \
                policy proto backends daemon client tests --include='*.[ch]' 2>/dev/null)
}
home 'json-c/|json\.h' 'json-c belongs to proto/' proto/
home 'seccomp\.h' 'libseccomp belongs to backends/linux/' backends/linux/ tests/unit/backends/
home 'event2/|event\.h' 'libevent belongs to daemon/' daemon/
home 'systemd/' 'libsystemd belongs where leashd meets its host' daemon/leashd/ daemon/launch/
home 'check\.h' 'the check library belongs to tests/' tests/

# policy/ and proto/ are pure: no call that touches the world (the linker proves it for policy; this names the line).
while IFS= read -r hit; do
        complain "$hit: policy/ is pure: no I/O, clock or environment"
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+<(fcntl|unistd|stdio_ext|sys/(socket|stat|mount|ioctl)|time|dirent|signal)\.h>' \
        policy --include='*.[ch]' 2>/dev/null)

# Only daemon/ and client/ print or exit.
while IFS= read -r hit; do
        complain "$hit: only daemon/ and client/ print or exit"
done < <(grep -rnE '(^|[^_[:alnum:]])(printf|puts|perror|exit|abort)[[:space:]]*\(' policy proto --include='*.c' 2>/dev/null |
        grep -vE '^[^:]*(gen-[a-z]+|main)\.c:')

# The only #ifdef on the platform is the list of compiled-in backends.
while IFS= read -r hit; do
        complain "$hit: below backends/backend.c, whole files are chosen by meson"
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*if.*(__linux__|__APPLE__|_WIN32)' policy proto backends daemon client \
        --include='*.[ch]' 2>/dev/null | grep -v '^backends/backend\.c:')

# Every file of ours says its licence; nothing names the place it was written in.
here=$(pwd -P)
mapfile -t files < <(find policy proto backends daemon client tests docs .ci Makefile -type f \( -name '*.c' -o -name '*.h' \
        -o -name '*.py' -o -name '*.sh' -o -name '*.build' -o -name Makefile \) -not -path '*/corpus/*' 2>/dev/null)
while IFS= read -r file; do
        complain "$file: no SPDX line"
done < <(awk 'FNR == 1 { if (NR > 1 && !found) print last; found = 0; last = FILENAME }
        FNR <= 3 && /SPDX-License-Identifier: MIT OR Apache-2.0/ { found = 1 }
        END { if (!found) print last }' "${files[@]}")
grep -nF "$here/" "${files[@]}" /dev/null && complain "the path of this checkout"

exit $bad
