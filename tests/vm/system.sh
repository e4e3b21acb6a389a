#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The system service under a real systemd: a Debian tree boots under QEMU (no KVM) with each kernel, gets leash's
# packages from a repository with apt, goes through the parts (part-*.sh), and must end with DONE.
#
#   tests/vm/system.sh BUILD [KERNEL…]      a vmlinuz, or a name that fetch.sh knows; without one: all that it knows
#
# Needs qemu-system-x86, mmdebstrap, e2fsprogs, dpkg-dev, debhelper. Exits with 77 where that, or the network, is missing.
# LEASH_VM_PARTS: what is done (package,system,upgrade,purge). LEASH_VM_SUITE: the tree (bookworm).
# LEASH_VM_ONLY=WORD,…: of the escape suite (part escape) the attempts whose names hold one of the words.
# LEASH_VM_NSPAWN=yes: boots the tree once with systemd-nspawn instead, under the kernel that is here. Quick (200 kills in
# a minute and a half), but limits are only as good as the controllers that the host gives.
# LEASH_VM_SECONDS: the time that one kernel may take (900). LEASH_VM_KEEP=DIR keeps the consoles there.
set -u
build=${1:?build folder}
shift
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/leash-vm
mirror=${LEASH_VM_MIRROR:-http://deb.debian.org/debian}
suite=${LEASH_VM_SUITE:-bookworm}
parts=${LEASH_VM_PARTS:-package,system,upgrade,purge}
skip() { echo "system: skipped: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 77; }
nspawn=${LEASH_VM_NSPAWN:-no}
[ "$nspawn" = no ] && tools='qemu-system-x86_64 mkfs.ext4' || tools=systemd-nspawn
for tool in $tools mmdebstrap; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ "$(id -u)" = 0 ] || skip 'the tree is made as root'
kernels=() names=()
[ "$nspawn" = no ] || set -- /proc/version # any file: it is the kernel that is here
for kernel; do [ -e "$kernel" ] && kernels+=("$kernel") || names+=("$kernel"); done
if [ ${#kernels[@]} = 0 ] || [ ${#names[@]} -gt 0 ]; then
        mapfile -t -O ${#kernels[@]} kernels < <("$here/fetch.sh" "$cache" "${names[@]}")
        [ ${#kernels[@]} -gt 0 ] || skip 'there are no kernels'
fi
repo=$("$here/packages.sh" "$cache")
case $? in 0) ;; 77) skip 'the packages cannot be built here' ;; *) echo '0 passed, 1 failed, 0 skipped'; exit 1 ;; esac

# One tree for all runs; what is in it decides its name.
packages=systemd,systemd-sysv,libpam-systemd,dbus,dbus-user-session,init-system-helpers,util-linux,procps,passwd,python3,git
packages+=,libseccomp2,libjson-c-dev,libsystemd0,libevent-core-2.1-7
[ "$suite" = bookworm ] || packages+=t64,apparmor
tree=$cache/tree-$suite-$(printf %s "$packages" | cksum | cut -d' ' -f1).tar
if [ ! -f "$tree" ]; then
        mkdir -p "$cache"
        mmdebstrap --quiet --format=tar --variant=minbase --include=$packages "$suite" "$tree.new" "$mirror" ||
                skip 'the tree cannot be made'
        rm -f "$cache/tree-$suite-"*.tar
        mv "$tree.new" "$tree"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir "$root"
tar -x -f "$tree" -C "$root" --exclude=./dev/* || exit 1
mkdir -p "$root/srv/repo" "$root/usr/local/lib/leash-vm"
cp "$repo"/*.deb "$repo/Packages" "$root/srv/repo/"
echo 'deb [trusted=yes] file:/srv/repo ./' >"$root/etc/apt/sources.list"
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/*
cp "$here"/inside-lib.sh "$here"/part-* "$root/usr/local/lib/leash-vm/"
cp "$here/../../apparmor/leash-session" "$root/usr/local/lib/leash-vm/apparmor-leash-session"
case ,$parts, in
*,escape,* | *,totals,*)
        # The suite as it is here, with the programs of the packages in place of the build's.
        mkdir -p "$root/srv/leash-vm/build/tests/escape"
        cp -r "$here/../lib" "$here/../escape" "$here/../system" "$root/srv/leash-vm/"
        cp "$build/tests/escape/escape" "$root/srv/leash-vm/build/tests/escape/"
        ln -s /usr/bin/leashctl "$root/srv/leash-vm/build/leashctl"
        for program in leashd leash-init leash-session; do ln -s "/usr/libexec/leash/$program" "$root/srv/leash-vm/build/$program"; done
        ;;
esac
: >"$root/etc/machine-id"
echo leash-vm >"$root/etc/hostname"
chroot "$root" useradd -m -s /bin/bash one
chroot "$root" useradd -m -s /bin/bash two
cat >"$root/etc/systemd/system/leash-test.service" <<'UNIT'
[Unit]
After=dbus.service systemd-logind.service basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash /usr/local/lib/leash-vm/inside-lib.sh
StandardOutput=file:/dev/ttyS1
StandardError=inherit
ExecStopPost=systemctl --force --force poweroff
TimeoutStartSec=infinity
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../leash-test.service "$root/etc/systemd/system/multi-user.target.wants/leash-test.service"
# Nothing here waits for a network, a disk check or a terminal.
for unit in systemd-networkd-wait-online.service getty@tty1.service serial-getty@ttyS0.service apt-daily.timer \
        apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer dpkg-db-backup.timer; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# What runs there writes its results to a serial port, or to a file where there is none.
: >"$work/results"
if [ "$nspawn" = no ]; then
        truncate -s 1600M "$work/disk.img"
        mkfs.ext4 -q -d "$root" "$work/disk.img" || exit 1
        rm -rf "$root"
fi
boot() { # KERNEL
        # 6.12 under QEMU 7.2's TCG wants no cx16.
        timeout "${LEASH_VM_SECONDS:-900}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max,-cx16 -smp 2 -m 1024 \
                -nographic -nodefaults -no-reboot -kernel "$1" \
                -append "root=/dev/nvme0n1 rw console=ttyS0 panic=-1 quiet systemd.unified_cgroup_hierarchy=1 leash.parts=$parts leash.only=${LEASH_VM_ONLY:-}" \
                -drive file="$work/disk.img",if=none,id=d,format=raw,snapshot=on -device nvme,drive=d,serial=x \
                -serial file:"$work/console" -serial file:"$work/results"
}
# The tree boots as a machine of its own: /proc/sys can be written, and nothing is filtered that a machine could do.
boot_here() {
        sed -i "s|^StandardOutput=.*|StandardOutput=file:/results|" "$root/etc/systemd/system/leash-test.service"
        SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 timeout "${LEASH_VM_SECONDS:-900}" systemd-nspawn -q --register=no --keep-unit \
                --private-network --boot -D "$root" --setenv=LEASH_PARTS="$parts" --setenv=LEASH_ONLY="${LEASH_VM_ONLY:-}" \
                --system-call-filter="@mount landlock_create_ruleset landlock_add_rule landlock_restrict_self pidfd_getfd process_vm_readv" \
                >"$work/console" 2>&1
        cat "$root/results" >"$work/results"
}

passed=0 failed=0
for kernel in "${kernels[@]}"; do
        name=$(basename "$kernel")
        [ "$name" = vmlinuz ] && name=$(basename "$(dirname "$kernel")")
        name=${name#vmlinuz-}
        [ "$nspawn" = no ] || name=$(uname -r)
        : >"$work/results"
        start=$SECONDS
        if [ "$nspawn" = no ]; then boot "$kernel"; else boot_here; fi </dev/null
        tr -d '\r' <"$work/results" >"$work/out"
        [ -n "${LEASH_VM_KEEP:-}" ] && cp "$work/out" "$LEASH_VM_KEEP/$name.results" &&
                cp "$work/console" "$LEASH_VM_KEEP/$name.console"
        ok=$(grep -c '^ok ' "$work/out")
        bad=$(grep -c '^not ok ' "$work/out")
        grep -v '^ok ' "$work/out" | sed "s/^/$name: /"
        if ! grep -qx DONE "$work/out"; then
                echo "not ok $name: did not come to its end"
                tail -n 20 "$work/console"
                bad=$((bad + 1))
        fi
        echo "$name: $ok ok, $bad not ok, $((SECONDS - start)) s"
        passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
