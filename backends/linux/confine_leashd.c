/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The cage of the system's leashd: what it takes to accept callers, to ask the kernel about them
 * and to pass them on. It can start no program, become nobody, open nothing for writing and make no
 * Internet socket. (No Landlock domain: from inside of one, the namespaces of a process outside
 * cannot be looked at, which is what a caller is judged by.)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../confine.h"
#include "allow_list.h"

static const char *const calls[] = {
        /* the loop */
        "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "clock_gettime",
        "clock_gettime64", "gettimeofday", "restart_syscall", "rt_sigreturn", "rt_sigprocmask",
        "rt_sigaction", "getpid", "geteuid", "getuid",
        /* callers and sessions */
        "accept4", "getsockopt", "sendmsg", "recvmsg", "recvfrom", "sendto", "shutdown", "connect",
        "getpeername", "getsockname", "read", "write", "close", "fcntl", "ioctl",
        /* who is it? */
        "fstat", "newfstatat", "fstatat64", "statx", "readlinkat", "lseek", "pidfd_open",
        "pidfd_send_signal",
        /* the end: the launcher is waited for, the socket's name removed */
        "wait4", "waitid", "flock", "unlink", "unlinkat", "lstat", "stat", "exit", "exit_group",
        /* memory */
        "brk", "munmap", "mremap", "madvise", "getrandom", "futex"
};

/* Nothing that could change a file: no access mode but reading, nothing made, nothing cut. */
static int add_open(scmp_filter_ctx ctx) {
        const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
        int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
        if (r >= 0 && seccomp_syscall_resolve_name("open") >= 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
        return r;
}

/* Unix sockets: pairs for sessions, one to the service manager. */
static int add_special(scmp_filter_ctx ctx) {
        int r = add_open(ctx);
        if (r >= 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                     SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
        /* Which of the kernel's denials wake us: leashd/audit_filter.c. */
        if (r >= 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                                     SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
                                     SCMP_A2_32(SCMP_CMP_EQ, SO_ATTACH_FILTER));
        if (r >= 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                                     SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
        /* How many callers a session's socket holds. */
        if (r >= 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                                     SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
                                     SCMP_A2_32(SCMP_CMP_EQ, SO_SNDBUF));
        return r;
}

/* Looking at another user's namespaces takes CAP_SYS_PTRACE; ptrace(2) itself is not on the list.
 */
static int keep_one_capability(void) {
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct one[2] = { { 0 }, { 0 } };
        one[0].effective = one[0].permitted = 1u << CAP_SYS_PTRACE;
        for (int cap = 0, has; (has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++) {
                if (has == 0 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
                        continue;
                /* A unit that leaves only what we need leaves no CAP_SETPCAP to drop it with. What
                 * the set bounds is execve(2), which the filter forbids. */
                if (errno != EPERM)
                        return -errno;
        }
        (void) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        return syscall(SYS_capset, &head, one) < 0 ? -errno : 0;
}

int confine_leashd(struct error *e) {
        static const struct rlimit zero = { 0, 0 };

        (void) setrlimit(RLIMIT_CORE, &zero);
        (void) setrlimit(RLIMIT_NPROC, &zero);
        if (keep_one_capability() < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set(e, ERROR_INTERNAL, errno, "cannot give up privileges");
        return allow_list_enter(calls, ELEMENTSOF(calls), add_special, "leashd's", e);
}
