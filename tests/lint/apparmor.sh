#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The AppArmor profile through apparmor_parser, which needs no AppArmor in the kernel for that. `userns` is a word since
# 4.0: an older parser gets the rest of the profile.
#
#   apparmor.sh PROFILE        77 where there is no parser
set -u
profile=${1:?profile}
command -v apparmor_parser >/dev/null || { echo 'apparmor: apparmor_parser is not installed'; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for line in 'abi <abi/4.0>,' '  userns,'; do
        [ "$(grep -cFx -- "$line" "$profile")" = 1 ] || { echo "apparmor: $profile does not say \"$line\" once"; exit 1; }
done
major=$(apparmor_parser --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "${major:-0}" -ge 4 ]; then
        cp "$profile" "$scratch/profile"
else
        grep -vFx -e 'abi <abi/4.0>,' -e '  userns,' "$profile" >"$scratch/profile"
fi
# It says that it cannot cache for a kernel without AppArmor; what is wrong with the profile comes with its status.
apparmor_parser --skip-kernel-load --skip-cache "$scratch/profile" >"$scratch/said" 2>&1 || { cat "$scratch/said"; exit 1; }
names=$(apparmor_parser --names --skip-cache "$scratch/profile" 2>/dev/null)
[ "$names" = leash-session ] || { echo "apparmor: it is the profile of: $names"; exit 1; }
