#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the Debian packages of this working tree, each in two versions, the second being the first's successor
# (VERSION+1, the same files), and makes a repository of them. Prints its folder. What was built from the same files
# before is taken from the cache; only the last one is kept.
#
#   packages.sh [CACHE]     default: $XDG_CACHE_HOME/leash-vm, or ~/.cache/leash-vm
#
# Exits with 77 where dpkg-buildpackage or debhelper is missing. LEASH_VM_LINTIAN=yes: lintian must find nothing, where
# it is installed.
set -u
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/leash-vm}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
for tool in dpkg-buildpackage dh dpkg-scanpackages git; do
        command -v $tool >/dev/null || { echo "packages: $tool is not installed" >&2; exit 77; }
done
self=$(realpath "$0")
cd "$top" || exit 1
files() { git ls-files -z --cached --others --exclude-standard -- . ':!tests/vm' ':!.ci'; }
# This script too: it makes what is kept.
key=$( { files | xargs -0 sha256sum 2>/dev/null; sha256sum <"$self"; } | sha256sum | cut -c 1-16)
repo=$cache/repo-$key
lint() {
        [ "${LEASH_VM_LINTIAN:-no}" = yes ] && command -v lintian >/dev/null || return 0
        # Whoever runs this as root is told of it; that is no finding.
        lintian -EvIL +pedantic --fail-on error,warning,info,pedantic "$repo"/first/*.changes 2>&1 |
                grep -Ev '^N:|^running with root privileges' >&2
        return "${PIPESTATUS[0]}"
}
if [ -d "$repo" ]; then
        lint || exit 1
        echo "$repo"
        exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/leash" "$cache" "$work/repo/first"
files | xargs -0 tar -c --ignore-failed-read -f - | tar -x -C "$work/leash" || exit 1
(cd "$work/leash" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -b -us -uc) >"$work/log" 2>&1 ||
        { tail -n 40 "$work/log" >&2; exit 1; }
for deb in "$work"/*.deb; do
        case $deb in *-dbgsym_*) continue ;; esac
        cp "$deb" "$work/repo/"
        version=$(dpkg-deb -f "$deb" Version)
        dpkg-deb -R "$deb" "$work/next" || exit 1
        sed -i "s/^Version: .*/Version: $version+1/; s/(= $version)/(= $version+1)/g" "$work/next/DEBIAN/control"
        dpkg-deb --root-owner-group -b "$work/next" "$work/repo/" >/dev/null || exit 1
        rm -rf "$work/next"
done
(cd "$work/repo" && dpkg-scanpackages -m . >Packages 2>"$work/log") || { cat "$work/log" >&2; exit 1; }
# What lintian looks at.
cp "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$work/repo/first/"
rm -rf "$cache"/repo-*
mv "$work/repo" "$repo"
lint || exit 1
echo "$repo"
