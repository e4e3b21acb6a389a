#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs the unit tests of backends/linux on other kernels, as root and as nobody, with cgroup v2 and all
# controllers: each kernel boots under QEMU (no KVM, no disk, no modules) with an initramfs that holds the
# test programs, and must end with DONE.
#
#   tests/vm/kernels.sh BUILD VMLINUZ…
#
# Kernels: `apt-get download linux-image-…-cloud-amd64` (since 7.3 linux-binary-…), `dpkg -x` it, and take
# boot/vmlinuz-*. The floor is 5.10; 6.1 has Landlock ABI 2, 6.12 ABI 6, 7.3 ABI 11.
# Needs qemu-system-x86, busybox-static, util-linux.
set -u
build=${1:?build folder}
shift
for tool in qemu-system-x86_64 busybox setpriv ldd; do
        command -v "$tool" >/dev/null || { echo "kernels: $tool is not installed"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,dev,etc,proc,sys,tests,tmp}

# A program with the libraries it is linked to, at the same paths.
add() { # program destination
        cp "$1" "$root/$2/"
        ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
                mkdir -p "$root$(dirname "$library")"
                cp -L "$library" "$root$library"
        done
}

echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
add "$(command -v busybox)" bin
for name in sh mount mkdir chmod rm true; do ln -s busybox "$root/bin/$name"; done
add "$(command -v setpriv)" bin
found=0
for test in "$build"/tests/unit/linux/linux-test-*; do
        [ -f "$test" ] && [ -x "$test" ] || continue
        # Pure: the same on every kernel, and slow in an emulator.
        [[ $test == *-seccomp-table ]] && continue
        add "$test" tests
        found=1
done
[ "$found" = 1 ] || { echo "kernels: no tests in $build"; exit 2; }

cat >"$root/init" <<'END'
#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
mount -t tmpfs tmp /tmp; chmod 1777 /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
busybox ip link set lo up
exec >/dev/ttyS1 2>&1
echo "kernel $(busybox uname -r)"
export LEASH_SLOW=1 # an emulator's clock proves nothing
failed=0
for test in /tests/*; do
        $test || failed=1
        /bin/setpriv --reuid 65534 --regid 65534 --clear-groups $test || failed=1
done
# Once more where leash is in a group of its own, as under systemd: it has to divide it.
mkdir /sys/fs/cgroup/own
echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control
sh -c 'echo $$ >/sys/fs/cgroup/own/cgroup.procs; CK_FORK=no exec /tests/linux-test-cgroup' || failed=1
[ $failed = 0 ] && echo DONE || echo FAILED
busybox poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"

bad=0
for kernel in "$@"; do
        # Without cx16, or 6.12 hangs in QEMU 7.2's emulator.
        timeout 300 qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max,-cx16 -smp 2 -m 1024 \
                -nographic -nodefaults -no-reboot -kernel "$kernel" -initrd "$work/initrd" \
                -append "console=ttyS0 panic=-1 quiet lsm=landlock,yama" \
                -serial "file:$work/console" -serial "file:$work/results" </dev/null
        tr -d '\r' <"$work/results"
        # QEMU's exit status says nothing: a guest's panic is 0, too.
        if ! grep -q '^DONE' "$work/results"; then
                echo "kernels: not ok: $kernel"
                tail -n 20 "$work/console"
                bad=1
        fi
done
exit $bad
