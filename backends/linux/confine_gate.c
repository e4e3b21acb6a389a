/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The gate's cage on Linux, from the outside in: no capabilities, no new privileges, not dumpable,
 * a Landlock domain that grants no path at all, and a list of the system calls that a proxy needs.
 * The list is of what is allowed: everything else, and whatever a coming kernel adds, gives EPERM.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../confine.h"
#include "allow_list.h"
#include "landlock.h"

/* By name, since not every machine has each; libseccomp skips those it has not. */
static const char *const calls[] = {
        /* the loop */
        "epoll_wait",
        "epoll_pwait",
        "epoll_pwait2",
        "epoll_ctl",
        "clock_gettime",
        "clock_gettime64",
        "gettimeofday",
        "restart_syscall",
        "getpid", /* for the log */
        "rt_sigreturn",
        "rt_sigprocmask",
        "setitimer",
        /* sockets that are there */
        "accept4",
        "connect",
        "getsockname",
        "getpeername",
        "getsockopt",
        "setsockopt",
        "shutdown",
        "recvfrom",
        "recvmsg",
        "recv",
        "sendto",
        "sendmsg",
        "send",
        "read",
        "write",
        "writev",
        "close",
        /* pipes between them */
        "pipe2",
        "splice",
        /* the rules: a sealed memfd */
        "lseek",
        "pread64",
        /* memory */
        "brk",
        "munmap",
        "mremap",
        "madvise",
        "getrandom",
        "futex",
        /* the end */
        "exit",
        "exit_group",
};

/* New sockets: Internet, streams and datagrams, nothing raw. */
static int add_sockets(scmp_filter_ctx ctx) {
        static const int families[] = { AF_INET, AF_INET6 }, types[] = { SOCK_STREAM, SOCK_DGRAM };
        const scmp_datum_t flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        int r = 0;
        for (size_t i = 0; i < ELEMENTSOF(families) && r >= 0; i++)
                for (size_t k = 0; k < ELEMENTSOF(types) && r >= 0; k++)
                        r = seccomp_rule_add(
                                ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
                                SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t) families[i]),
                                SCMP_A1_32(SCMP_CMP_EQ, (scmp_datum_t) types[k] | flags),
                                SCMP_A2_32(SCMP_CMP_EQ, 0));
        return r;
}

static int add_special(scmp_filter_ctx ctx) {
        static const int commands[] = { 3 /* F_GETFL */, 1031 /* F_SETPIPE_SZ */,
                                        1034 /* F_GET_SEALS */ };
        int r = add_sockets(ctx);
        for (size_t i = 0; i < ELEMENTSOF(commands) && r >= 0; i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                     SCMP_A1_32(SCMP_CMP_EQ, (scmp_datum_t) commands[i]));
        return r;
}

static void drop_capabilities(void) {
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                (void) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        (void) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        (void) syscall(SYS_capset, &head, none);
}

int confine_gate(struct error *e) {
        static const struct rlimit zero = { 0, 0 };
        int abi = landlock_query_abi();

        drop_capabilities();
        (void) setrlimit(RLIMIT_CORE, &zero);
        (void) setrlimit(RLIMIT_NPROC, &zero);
        /* RLIMIT_FSIZE stays: its log is a file as a rule, and SIGXFSZ would end it. It opens none.
         */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set(e, ERROR_INTERNAL, errno, "cannot give up privileges");
        if (abi > 0) {
                int fd = landlock_ruleset_new(abi, LANDLOCK_SCOPED);
                int r = fd < 0 ? fd : landlock_enter(fd, abi, LANDLOCK_COMMON);
                if (fd >= 0)
                        close(fd);
                if (r < 0)
                        return error_set(e, ERROR_INTERNAL, -r, "cannot enter a Landlock domain");
        }
        return allow_list_enter(calls, ELEMENTSOF(calls), add_special, "the gate's", e);
}
