#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Prints the paths of the kernels that kernels.sh boots, one a line, after fetching those that are missing:
# Debian's cloud kernels, whose drivers for QEMU are built in. apt does it, in a root of its own, so that the
# machine's sources and lists stay as they are.
#
#   fetch.sh [CACHE [NAME…]]    default: $XDG_CACHE_HOME/leash-vm, or ~/.cache/leash-vm, and all of them
set -u
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/leash-vm}
mirror=${LEASH_VM_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# name, suite, what the packages are called. The newest has its file in a package of another name.
kernels=(
        '5.10 bullseye ^linux-image-5[.]10[.0-9-]*-cloud-amd64$'
        '6.1 bookworm ^linux-image-6[.]1[.][.0-9-]*-cloud-amd64$'
        '6.12 bookworm-backports ^linux-image-6[.]12[.].*-cloud-amd64$'
        'newest trixie-backports ^linux-(image|binary)-[0-9][.].*-cloud-amd64$'
)

if [ $# -gt 1 ]; then
        wanted=()
        for row in "${kernels[@]}"; do
                for name in "${@:2}"; do [ "${row%% *}" = "$name" ] && wanted+=("$row"); done
        done
        kernels=("${wanted[@]}")
fi
skip() { echo "fetch: $*" >&2; exit 77; }
found() { find "$cache/$1" -name 'vmlinuz*' -type f 2>/dev/null | head -n 1; }

missing=0
for row in "${kernels[@]}"; do
        [ -n "$(found "${row%% *}")" ] || missing=1
done
if [ $missing = 1 ]; then
        command -v apt-get >/dev/null && command -v dpkg >/dev/null || skip 'no apt here to fetch kernels with'
        [ -r $keyring ] || skip "no $keyring here"
        mkdir -p "$cache"/apt/{lists/partial,archives/partial} || exit 1
        : >"$cache/apt/sources"
        : >"$cache/apt/status"
        for row in "${kernels[@]}"; do
                read -r _ suite _ <<<"$row"
                echo "deb [signed-by=$keyring arch=amd64] $mirror $suite main" >>"$cache/apt/sources"
        done
        options=(-o Dir::State::Lists="$cache/apt/lists" -o Dir::State::Status="$cache/apt/status"
                 -o Dir::Cache="$cache/apt" -o Dir::Cache::Archives="$cache/apt/archives"
                 -o Dir::Etc::SourceList="$cache/apt/sources" -o Dir::Etc::SourceParts=/dev/null
                 -o APT::Architecture=amd64 -o APT::Sandbox::User= -o Acquire::Retries=2)
        apt-get "${options[@]}" -qq update >&2 || skip 'the package lists cannot be fetched'
        for row in "${kernels[@]}"; do
                read -r name suite pattern <<<"$row"
                [ -n "$(found "$name")" ] && continue
                # The last by version; "binary" before "image", which then is empty.
                package=$(apt-cache "${options[@]}" pkgnames linux- | grep -E "$pattern" |
                        sed 's/-image-/ 1 /; s/-binary-/ 2 /' | sort -k 3V -k 2n | tail -n 1 |
                        sed 's/ 1 /-image-/; s/ 2 /-binary-/')
                [ -n "$package" ] || { echo "fetch: $suite has no such kernel: $pattern" >&2; continue; }
                (cd "$cache/apt/archives" && apt-get "${options[@]}" -qq download "$package" >&2) ||
                        { echo "fetch: cannot download $package" >&2; continue; }
                mkdir -p "$cache/$name"
                # Only the kernel: its modules are not needed, and are large.
                dpkg --fsys-tarfile "$cache/apt/archives/$package"_*.deb |
                        tar -x -C "$cache/$name" --wildcards '*/vmlinuz*'
                rm -f "$cache/apt/archives/$package"_*.deb
        done
fi
for row in "${kernels[@]}"; do
        file=$(found "${row%% *}")
        [ -n "$file" ] && echo "$file"
done
