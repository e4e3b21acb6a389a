#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs leash on other kernels: each boots under QEMU (no KVM, no disk, no modules) with an initramfs that
# holds the programs and the unit tests of backends/linux, has cgroup v2 with all controllers, and must end
# with DONE. As root and as ordinary users:
#
#   inside.sh     tools and escapes, with namespaces, then where those are forbidden (the native tier)
#   limits.sh     memory, processes and processor time
#   unit tests    of backends/linux
#
#   tests/vm/kernels.sh BUILD [VMLINUZ…]       without a kernel: those that fetch.sh has, or fetches
#
# Needs qemu-system-x86, busybox-static, util-linux. Exits with 77 where that, or the network, is missing.
# LEASH_VM_SECONDS: the time that one kernel may take (600). LEASH_VM_UNIT=yes adds the unit tests, which take as
# long again.
set -u
build=${1:?build folder}
shift
here=$(dirname "$0")
skip() { echo "kernels: skipped: $*"; echo '0 passed, 0 failed, 1 skipped'; exit 77; }
for tool in qemu-system-x86_64 busybox setpriv ldd; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
done
if [ $# = 0 ]; then
        mapfile -t kernels < <("$here/fetch.sh")
        [ ${#kernels[@]} -gt 0 ] || skip 'there are none'
        set -- "${kernels[@]}"
fi
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

printf '%s\n' 'root:x:0:0::/root:/bin/sh' 'user:x:1000:1000::/home/user:/bin/sh' \
        'nobody:x:65534:65534::/nonexistent:/bin/sh' >"$root/etc/passwd"
printf '%s\n' root:x:0: user:x:1000: nogroup:x:65534: >"$root/etc/group"
add "$(command -v busybox)" bin
for name in sh mount mkdir; do ln -s busybox "$root/bin/$name"; done
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

# What a user starts, and what inside.sh needs of a system.
for program in leashd leash-session leash-init leashctl; do
        add "$build/$program" bin
done
cp "$here/inside.sh" "$here/limits.sh" "$root/bin/"
chmod +x "$root"/bin/*.sh

cat >"$root/init" <<'END'
#!/bin/sh
# The first root file system is one that nobody can pivot from: make another.
if [ ! -e /moved ]; then
        mkdir /new
        mount -t tmpfs -o mode=0755 root /new
        busybox cp -a /bin /etc /init /lib* /usr /tests /new/ 2>/dev/null
        mkdir -p /new/dev /new/proc /new/sys /new/tmp /new/srv /new/root /new/run /new/var/tmp /new/home/user
        : >/new/moved
        exec busybox switch_root /new /init
fi
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
busybox --install -s /bin
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs tmp /tmp; chmod 1777 /tmp /srv /var/tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
chown user:user /home/user
echo root:x:1:::::: >/etc/shadow; chmod 600 /etc/shadow
exec >/dev/ttyS1 2>&1 </dev/null
echo "kernel $(uname -r)"
export LEASH_SLOW=1 # an emulator's clock proves nothing
export PATH=/bin:/usr/bin
failed=0
# With a slash: busybox's shell prefers its own.
as_user() { HOME=/home/user USER=user /bin/setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
as_root() { HOME=/root USER=root "$@"; }
if grep -q leash.unit /proc/cmdline; then
        for test in /tests/*; do
                $test || failed=1
                /bin/setpriv --reuid 65534 --regid 65534 --clear-groups $test || failed=1
        done
        # Once more where leash is in a group of its own, as under systemd: it has to divide it.
        mkdir /sys/fs/cgroup/own
        echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control
        sh -c 'echo $$ >/sys/fs/cgroup/own/cgroup.procs; CK_FORK=no exec /tests/linux-test-cgroup' || failed=1
fi
case $(uname -r) in 5.*) landlock="--accept no_landlock" ;; *) landlock= ;; esac
as_root inside.sh namespaces $landlock || failed=1
as_user inside.sh namespaces $landlock || failed=1
killall leashd; sleep 1
echo "+memory +pids +cpu" >/sys/fs/cgroup/cgroup.subtree_control
# leashd alone in a group that is its own, as in a systemd scope with Delegate=yes.
for who in root user; do
        group=/sys/fs/cgroup/$who
        mkdir $group
        chown $who $group $group/cgroup.procs $group/cgroup.subtree_control $group/cgroup.threads
done
in_group() { # name
        sh -c 'echo $$ >/sys/fs/cgroup/$0/cgroup.procs && exec "$@"' "$@" &
        sleep 1
}
HOME=/root USER=root in_group root leashd --user --socket /tmp/leash-0/leash.sock
as_root limits.sh $landlock || failed=1
HOME=/home/user USER=user in_group user /bin/setpriv --reuid 1000 --regid 1000 --clear-groups \
        leashd --user --socket /tmp/leash-1000/leash.sock
as_user limits.sh $landlock || failed=1
# From here on without user namespaces. What runs still has seen more. Root makes a full sandbox all the same.
killall leashd; sleep 1
echo 0 >/proc/sys/user/max_user_namespaces
as_root inside.sh namespaces $landlock || failed=1
if [ -z "$landlock" ]; then
        as_user inside.sh native --accept no_namespaces --accept no_deny_inside_allow || failed=1
else
        as_user leashctl run -C /home/user/work -- true >/tmp/said 2>&1
        grep -q 'neither namespaces nor Landlock' /tmp/said || { echo "no walls: not refused"; cat /tmp/said; failed=1; }
        as_user leashctl doctor >/tmp/said 2>&1
        grep -q 'sysctl user.max_user_namespaces' /tmp/said && grep -q 'no sandbox can be made' /tmp/said &&
                ! grep -q 'enforced in full' /tmp/said || { echo "no walls: doctor says otherwise"; cat /tmp/said; failed=1; }
fi
[ $failed = 0 ] && echo DONE || echo FAILED
poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"

[ "${LEASH_VM_UNIT:-no}" = no ] && unit= || unit=leash.unit
good=0 bad=0
for kernel in "$@"; do
        # Without cx16, or 6.12 hangs in QEMU 7.2's emulator.
        timeout "${LEASH_VM_SECONDS:-600}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi \
                -cpu max,-cx16 -smp 2 -m 1024 -nographic -nodefaults -no-reboot \
                -kernel "$kernel" -initrd "$work/initrd" \
                -append "console=ttyS0 panic=-1 quiet lsm=landlock,yama $unit" \
                -serial "file:$work/console" -serial "file:$work/results" </dev/null
        tr -d '\r' <"$work/results"
        # QEMU's exit status says nothing: a guest's panic is 0, too.
        if ! grep -q '^DONE' "$work/results"; then
                echo "kernels: not ok: $kernel"
                tail -n 20 "$work/console"
                bad=$((bad + 1))
        else
                good=$((good + 1))
        fi
done
echo "$good passed, $bad failed, 0 skipped"
[ $bad = 0 ]
