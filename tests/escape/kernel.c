/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Kernel surface: system calls that code in a sandbox has no business with. Most are made with
 * arguments that cannot do harm even where they are allowed; reaching the kernel's own code
 * (EINVAL, EFAULT, ENOENT, …) counts as success, the errno of a filter or of a missing privilege
 * does not.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/timex.h>
#include <sys/wait.h>

#include "escape.h"

/* glibc of Debian 12 knows not all of them; numbers since 424 are the same on every architecture.
 */
enum {
        NR_OPEN_TREE = 428,
        NR_MOVE_MOUNT = 429,
        NR_FSOPEN = 430,
        NR_FSMOUNT = 432,
        NR_FSPICK = 433,
        NR_CLONE3 = 435,
        NR_MOUNT_SETATTR = 442,
        NR_QUOTACTL_FD = 443,
        NR_MEMFD_SECRET = 447,
        NR_STATMOUNT = 457,
        NR_LISTMOUNT = 458,
};

static int unshare_flags(const char *arg) {
        return surface(unshare((int) strtol(arg, NULL, 0)));
}

/* The raw call, so that no library can soften it. Child ends at once. */
static int clone_flags(const char *arg) {
        unsigned long flags = strtoul(arg, NULL, 0) | 17 /* SIGCHLD */;
        long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
        if (pid == 0)
                _exit(0);
        if (pid > 0)
                waitpid((pid_t) pid, NULL, 0);
        return surface(pid);
}
static int clone3_flags(const char *arg) {
        uint64_t args[11] = { strtoull(arg, NULL, 0), [4] = 17 };
        long pid = syscall(NR_CLONE3, args, sizeof(args));
        if (pid == 0)
                _exit(0);
        if (pid > 0)
                waitpid((pid_t) pid, NULL, 0);
        return surface(pid);
}
static int enter(const char *arg) {
        int fd = open(arg, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : surface(setns(fd, 0));
}

static int mount_old(const char *arg) {
        return surface(mount("none", "/nonexistent", arg, 0, NULL));
}
static int remount(const char *arg) {
        return surface(mount(NULL, "/nonexistent", NULL, MS_REMOUNT | MS_BIND, NULL));
}
static int unmount(const char *arg) {
        return surface(umount2("/nonexistent", MNT_DETACH));
}
static int pivot(const char *arg) {
        return surface(syscall(SYS_pivot_root, "/nonexistent", "/nonexistent"));
}
static int change_root(const char *arg) {
        return surface(chroot("."));
}
static int fs_open(const char *arg) {
        return surface(syscall(NR_FSOPEN, arg, 0));
}
static int fs_mount(const char *arg) {
        return surface(syscall(NR_FSMOUNT, -1, 0, 0));
}
static int fs_pick(const char *arg) {
        return surface(syscall(NR_FSPICK, AT_FDCWD, ".", 0));
}
static int tree(const char *arg) {
        return surface(syscall(NR_OPEN_TREE, AT_FDCWD, ".", 1 /* OPEN_TREE_CLONE */));
}
static int move(const char *arg) {
        return surface(
                syscall(NR_MOVE_MOUNT, AT_FDCWD, "/nonexistent", AT_FDCWD, "/nonexistent", 0));
}
static int setattr(const char *arg) {
        uint64_t attr[4] = { 0, 1 };
        return surface(syscall(NR_MOUNT_SETATTR, AT_FDCWD, "/nonexistent", 0, attr, sizeof(attr)));
}
static int stat_mount(const char *arg) {
        return surface(syscall(NR_STATMOUNT, NULL, NULL, 0, 0));
}

static int bpf_map(const char *arg) {
        union bpf_attr a = {
                .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
        };
        return surface(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)));
}
static int perf(const char *arg) {
        struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
                                     .size = sizeof(a),
                                     .config = PERF_COUNT_SW_CPU_CLOCK };
        return surface(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
}
static int fault(const char *arg) {
        return surface(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}
static int ring(const char *arg) {
        char params[120] = "";
        return surface(syscall(SYS_io_uring_setup, 1, params));
}
static int ring_enter(const char *arg) {
        return surface(syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
}
static int ring_register(const char *arg) {
        return surface(syscall(SYS_io_uring_register, -1, 0, NULL, 0));
}
static int key_get(const char *arg) {
        return surface(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0));
}
static int key_add(const char *arg) {
        return surface(syscall(SYS_add_key, "user", "leash", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}
static int key_request(const char *arg) {
        return surface(syscall(SYS_request_key, "user", "leash-nonexistent", NULL, 0));
}
static int kexec(const char *arg) {
        /* Too many segments: EINVAL wherever the call is allowed. */
        return surface(syscall(SYS_kexec_load, 0, 1000000, NULL, 0));
}
static int kexec_file(const char *arg) {
        return surface(syscall(SYS_kexec_file_load, -1, -1, 0, "", ~0ul));
}
static int module_init(const char *arg) {
        return surface(syscall(SYS_init_module, NULL, 0, ""));
}
static int module_file(const char *arg) {
        return surface(syscall(SYS_finit_module, -1, "", 0));
}
static int module_delete(const char *arg) {
        return surface(syscall(SYS_delete_module, "leash_nonexistent", O_NONBLOCK));
}
static int handle_open(const char *arg) {
        char handle[136] = { 8 };
        return surface(syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY));
}
static int trace_me(const char *arg) {
        return surface(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
static int foreign_personality(const char *arg) {
        return surface(personality(ADDR_NO_RANDOMIZE));
}

/* A filter of one's own that is asked before older ones: lets go on what they would refuse. */
static int judge_oneself(int listener) {
        struct seccomp_notif request = { 0 };
        struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
                return -errno;
        answer.id = request.id;
        return result(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
}
static void *judge_thread(void *argument) {
        int *listener = argument;

        while (__atomic_load_n(listener, __ATOMIC_SEQ_CST) < 0)
                usleep(100);
        (void) judge_oneself(*listener);
        return NULL;
}
static int own_judge(const char *arg) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_personality, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
        static int listener = -1; /* of both threads */
        pthread_t t;
        long fd;

        if ((errno = pthread_create(&t, NULL, judge_thread, &listener)))
                return -errno;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, strtol(arg, NULL, 0), &program);
        if (fd < 0)
                return -errno;
        __atomic_store_n(&listener, (int) fd, __ATOMIC_SEQ_CST);
        return surface(personality(ADDR_NO_RANDOMIZE));
}
static int old_personality(const char *arg) {
        return surface(personality(PER_LINUX | READ_IMPLIES_EXEC));
}
static int fanotify(const char *arg) {
        return surface(fanotify_init(FAN_CLASS_NOTIF | 0x200 /* FAN_REPORT_FID */, O_RDONLY));
}
static int log_read(const char *arg) {
        return surface(klogctl(10 /* SIZE_BUFFER */, NULL, 0));
}
static int quota(const char *arg) {
        return surface(syscall(SYS_quotactl, QCMD(0x800009 /* Q_QUOTAON is 0x800002 */, 0),
                               "/nonexistent", 0, NULL));
}
static int account(const char *arg) {
        return surface(syscall(SYS_acct, "/nonexistent/file"));
}
static int swap_on(const char *arg) {
        return surface(swapon("/nonexistent", 0));
}
static int swap_off(const char *arg) {
        return surface(swapoff("/nonexistent"));
}
static int restart(const char *arg) {
        /* Wrong magic: EINVAL wherever the caller has the right. */
        return surface(syscall(SYS_reboot, 1, 2, 3, 4));
}
static int host_name(const char *arg) {
        char name[65] = "";
        if (gethostname(name, sizeof(name)) < 0)
                return -errno;
        return surface(sethostname(name, strlen(name)));
}
static int domain_name(const char *arg) {
        return surface(syscall(SYS_setdomainname, "x", (size_t) -1));
}
static int clock_set(const char *arg) {
        struct timespec bad = { 0, -1 };
        return surface(syscall(SYS_clock_settime, 0 /* CLOCK_REALTIME */, &bad));
}
static int clock_adjust(const char *arg) {
        struct timex t = { .modes = ADJ_TICK, .tick = 1 }; /* out of range */
        return surface(syscall(SYS_adjtimex, &t));
}
static int memory_policy(const char *arg) {
        return surface(syscall(SYS_set_mempolicy, 0, NULL, 0));
}
static int pages_move(const char *arg) {
        return surface(syscall(SYS_move_pages, 0, 0, NULL, NULL, NULL, 0));
}
static int splice_user(const char *arg) {
        return surface(syscall(SYS_vmsplice, -1, NULL, 0, 0));
}
static int secret_memory(const char *arg) {
        return surface(syscall(NR_MEMFD_SECRET, 0));
}
static int old_stat(const char *arg) {
        return surface(syscall(SYS_ustat, -1, NULL));
}
static int old_sysfs(const char *arg) {
        return surface(syscall(SYS_sysfs, 3));
}
static int name_to_handle(const char *arg) {
        char handle[136] = { 0 };
        int mount;
        return surface(syscall(SYS_name_to_handle_at, AT_FDCWD, ".", handle, &mount, 0));
}
#ifdef __x86_64__
/* Sixteen-bit segments: rarely used and often broken code of the kernel. */
static int segments(const char *arg) {
        char entry[16] = "";
        return surface(syscall(SYS_modify_ldt, 1, entry, sizeof(entry)));
}
static int ports(const char *arg) {
        return surface(syscall(SYS_iopl, 3));
}
static int port(const char *arg) {
        return surface(syscall(SYS_ioperm, 0x80, 1, 1));
}
/* The other two tables of system calls of the same kernel: a filter that forgets to look at the
 * architecture is none. 20 is getpid there, and 0x40000000 marks x32. */
static int compat(const char *arg) {
        long pid;
        __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
        return pid == getpid() ? 0 : pid == -ENOSYS && !inside ? NOT_HERE : -EPERM;
}
static int x32(const char *arg) {
        return surface(syscall(0x40000000 + SYS_getpid));
}
#endif

#define F(name, run, arg, flags, doc) \
        { name, run, arg, ALL, (flags) | KILLED, 0, doc }
// clang-format off
const struct attempt attempts_kernel[] = {
        F("unshare-user", unshare_flags, "0x10000000", 0, "a user namespace by unshare"),
        F("unshare-mount", unshare_flags, "0x00020000", ROOT, "a mount namespace by unshare"),
        F("unshare-net", unshare_flags, "0x40000000", ROOT, "a net namespace by unshare"),
        F("unshare-user-all", unshare_flags, "0x7e020000", 0, "all namespaces by unshare"),
        F("unshare-time", unshare_flags, "0x80", ROOT, "a time namespace by unshare"),
        F("clone-user", clone_flags, "0x10000000", 0, "a user namespace by clone"),
        F("clone-user-mount", clone_flags, "0x10020000", 0, "user and mount namespaces by clone"),
        F("clone-net", clone_flags, "0x50000000", 0, "user and net namespaces by clone"),
        F("clone-high-bits", clone_flags, "0x110000000", 0, "the same, with a bit that only the filter sees"),
        F("clone3-user", clone3_flags, "0x10000000", 0, "a user namespace by clone3"),
        F("setns-uts", enter, "/proc/self/ns/uts", ROOT, "enter a namespace"),
        F("setns-mount", enter, "/proc/self/ns/mnt", ROOT, "enter a mount namespace"),
        F("mount", mount_old, "tmpfs", ROOT, "mount"),
        F("remount", remount, 0, ROOT, "remount"),
        F("umount", unmount, 0, ROOT, "unmount"),
        F("pivot-root", pivot, 0, ROOT, "pivot_root"),
        F("chroot", change_root, 0, ROOT, "chroot"),
        F("fsopen", fs_open, "tmpfs", ROOT, "the new mount calls: fsopen"),
        F("fsmount", fs_mount, 0, ROOT, "the new mount calls: fsmount"),
        F("fspick", fs_pick, 0, ROOT, "the new mount calls: fspick"),
        F("open-tree", tree, 0, ROOT, "the new mount calls: open_tree"),
        F("move-mount", move, 0, ROOT, "the new mount calls: move_mount"),
        F("mount-setattr", setattr, 0, ROOT, "the new mount calls: mount_setattr"),
        F("statmount", stat_mount, 0, 0, "the new mount calls: statmount"),
        F("bpf", bpf_map, 0, ROOT, "load BPF"),
        F("perf-event", perf, 0, ROOT, "performance events"),
        F("userfaultfd", fault, 0, 0, "faults handled in user space"),
        F("io-uring", ring, 0, 0, "io_uring: calls that no filter sees"),
        F("io-uring-enter", ring_enter, 0, 0, "io_uring_enter"),
        F("io-uring-register", ring_register, 0, 0, "io_uring_register"),
        F("keyctl", key_get, 0, 0, "the user's keyring"),
        F("add-key", key_add, 0, 0, "add a key"),
        F("request-key", key_request, 0, 0, "have the kernel run a helper for a key"),
        F("kexec", kexec, 0, ROOT, "load another kernel"),
        F("kexec-file", kexec_file, 0, ROOT, "load another kernel from a file"),
        F("init-module", module_init, 0, ROOT, "load a module"),
        F("finit-module", module_file, 0, ROOT, "load a module from a file"),
        F("delete-module", module_delete, 0, ROOT, "unload a module"),
        F("open-by-handle", handle_open, 0, ROOT, "open a file by its handle"),
        F("name-to-handle", name_to_handle, 0, 0, "learn a file's handle"),
        F("ptrace", trace_me, 0, 0, "ptrace at all"),
        F("personality", foreign_personality, 0, 0, "switch off address randomisation"),
        F("own-judge", own_judge, "8", 0, "let go on what an older filter asks about"),
        F("personality-exec", old_personality, 0, 0, "make all memory executable"),
        F("fanotify", fanotify, 0, ROOT, "watch files by fanotify"),
        F("syslog", log_read, 0, ROOT, "read the kernel's log"),
        F("quotactl", quota, 0, ROOT, "quota administration"),
        F("acct", account, 0, ROOT, "process accounting"),
        F("swapon", swap_on, 0, ROOT, "swapon"),
        F("swapoff", swap_off, 0, ROOT, "swapoff"),
        F("reboot", restart, 0, ROOT, "reboot"),
        F("sethostname", host_name, 0, ROOT, "set the host's name"),
        F("setdomainname", domain_name, 0, ROOT, "set the domain's name"),
        F("clock-settime", clock_set, 0, 0, "set the clock"),
        F("adjtimex", clock_adjust, 0, ROOT, "adjust the clock"),
        F("set-mempolicy", memory_policy, 0, 0, "NUMA policy"),
        F("move-pages", pages_move, 0, 0, "move pages between nodes"),
        F("vmsplice", splice_user, 0, 0, "vmsplice"),
        F("memfd-secret", secret_memory, 0, 0, "memory that even the kernel cannot see"),
        F("ustat", old_stat, 0, 0, "an obsolete call: ustat"),
        F("sysfs", old_sysfs, 0, 0, "an obsolete call: sysfs"),
#ifdef __x86_64__
        F("modify-ldt", segments, 0, 0, "segment descriptors"),
        F("iopl", ports, 0, ROOT, "all I/O ports"),
        F("ioperm", port, 0, ROOT, "one I/O port"),
        F("int80", compat, 0, 0, "the 32-bit table of system calls"),
        F("x32", x32, 0, 0, "the x32 table of system calls"),
#endif
        ATTEMPT_END
};
// clang-format on
