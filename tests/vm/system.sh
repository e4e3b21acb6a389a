#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The system service under a real systemd: a Debian tree with leash installed boots under QEMU (no KVM) with each
# kernel, runs inside-system.sh as a unit, and must end with DONE.
#
#   tests/vm/system.sh BUILD [VMLINUZ…]       without a kernel: those that fetch.sh has, or fetches
#
# Needs qemu-system-x86, mmdebstrap, e2fsprogs, meson. Exits with 77 where that, or the network, is missing.
# LEASH_VM_SECONDS: the time that one kernel may take (400). LEASH_VM_KEEP=DIR keeps the consoles there.
set -u
build=${1:?build folder}
shift
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/leash-vm
mirror=${LEASH_VM_MIRROR:-http://deb.debian.org/debian}
skip() { echo "system: skipped: $*"; exit 77; }
for tool in qemu-system-x86_64 mmdebstrap mkfs.ext4 meson; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ "$(id -u)" = 0 ] || skip 'the tree is made as root'
if [ $# = 0 ]; then
        mapfile -t kernels < <("$here/fetch.sh")
        [ ${#kernels[@]} -gt 0 ] || skip 'there are no kernels'
        set -- "${kernels[@]}"
fi

# One tree for all runs; what is in it decides its name.
packages=systemd,systemd-sysv,dbus,libjson-c5,libevent-core-2.1-7,libseccomp2,libsystemd0,util-linux,procps,passwd,python3-minimal,git
tree=$cache/tree-bookworm-$(printf %s "$packages" | cksum | cut -d' ' -f1).tar
if [ ! -f "$tree" ]; then
        mkdir -p "$cache"
        mmdebstrap --quiet --format=tar --variant=minbase --include=$packages bookworm "$tree.new" "$mirror" ||
                skip 'the tree cannot be made'
        mv "$tree.new" "$tree"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir "$root"
tar -x -f "$tree" -C "$root" --exclude=./dev/* || exit 1
DESTDIR=$root meson install -C "$build" --no-rebuild >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
cp "$here/inside-system.sh" "$root/usr/local/bin/"
: >"$root/etc/machine-id"
echo leash-vm >"$root/etc/hostname"
chroot "$root" useradd -m -s /bin/bash one
chroot "$root" useradd -m -s /bin/bash two
cat >"$root/etc/systemd/system/leash-test.service" <<'END'
[Unit]
After=multi-user.target dbus.service
[Service]
Type=oneshot
ExecStart=/bin/bash /usr/local/bin/inside-system.sh
StandardOutput=file:/dev/ttyS1
StandardError=inherit
ExecStopPost=systemctl --force --force poweroff
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
END
sed -i '/^After=/d' "$root/etc/systemd/system/leash-test.service"
sed -i 's/^\[Unit\]$/[Unit]\nAfter=dbus.service basic.target/' "$root/etc/systemd/system/leash-test.service"
ln -s ../leash-test.service "$root/etc/systemd/system/multi-user.target.wants/leash-test.service" 2>/dev/null ||
        { mkdir -p "$root/etc/systemd/system/multi-user.target.wants" &&
                ln -s ../leash-test.service "$root/etc/systemd/system/multi-user.target.wants/leash-test.service"; }
# Nothing here waits for a network, a disk check or a terminal.
for unit in systemd-networkd-wait-online.service getty@tty1.service serial-getty@ttyS0.service apt-daily.timer \
        apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
truncate -s 1200M "$work/disk.img"
mkfs.ext4 -q -d "$root" "$work/disk.img" || exit 1

passed=0 failed=0
for kernel; do
        name=$(basename "$kernel")
        [ "$name" = vmlinuz ] && name=$(basename "$(dirname "$kernel")")
        : >"$work/results"
        start=$SECONDS
        # 6.12 under QEMU 7.2's TCG wants no cx16.
        timeout "${LEASH_VM_SECONDS:-400}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max,-cx16 -smp 2 -m 1024 \
                -nographic -nodefaults -no-reboot -kernel "$kernel" \
                -append "root=/dev/nvme0n1 rw console=ttyS0 panic=-1 quiet systemd.unified_cgroup_hierarchy=1" \
                -drive file="$work/disk.img",if=none,id=d,format=raw,snapshot=on -device nvme,drive=d,serial=x \
                -serial file:"$work/console" -serial file:"$work/results" </dev/null
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
