/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Without a user namespace (argument "bare") init holds capabilities of the host while it reads a
 * plan, and whoever wrote the plan is only the user. What a bug there would be worth is lowered
 * beforehand, in three steps, each as early as may be:
 *
 *   before the first byte of a plan   this filter; CAP_SYS_ADMIN and CAP_NET_ADMIN are left
 *   before the first mount            CAP_SYS_ADMIN alone is left
 *   before the first command          none is left (confine_self())
 *
 * The filter shuts the ways out of our own namespaces, and what else CAP_SYS_ADMIN opens in the
 * kernel. It stays, as filters do; all of it is refused to commands anyhow (../seccomp_table.c).
 * Executing anything is no way: by then nothing is inheritable, ambient or in the bounding set.
 */
#include "init.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "../syscall_new.h"

#ifdef __x86_64__
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#error "which architecture does seccomp(2) see here?"
#endif

/* clone(2): the namespace flags, CLONE_NEWTIME is unshare(2)'s alone (in clone(2) the exit signal
 * lies there). */
#define NAMESPACES                                                                     \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
         CLONE_NEWPID | CLONE_NEWNET)

/* The other mount namespace is where the host can be changed, so setns(2) comes first. */
static const uint32_t refused[] = {
        SYS_setns,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_io_uring_setup,
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_kexec_load,
        SYS_quotactl,
        NEW_NR_QUOTACTL_FD,
        SYS_acct,
        SYS_swapon,
        SYS_swapoff,
        SYS_reboot,
        SYS_syslog,
        SYS_vhangup,
        SYS_fanotify_init,
        SYS_open_by_handle_at,
        SYS_add_key,
        SYS_request_key,
        SYS_keyctl,
        SYS_settimeofday,
        SYS_clock_settime,
        SYS_adjtimex,
        SYS_clock_adjtime,
#ifdef SYS_kexec_file_load
        SYS_kexec_file_load,
#endif
#ifdef __x86_64__
        SYS_iopl,
        SYS_ioperm,
        SYS_modify_ldt,
#endif
};

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
#define REFUSE(err) RETURN(SECCOMP_RET_ERRNO | (err))

int lower_filter(struct init *in) {
        /* Flags lie in the low half of the argument; these machines are little-endian. */
        const struct sock_filter head[] = {
                LOAD(arch),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
                RETURN(SECCOMP_RET_KILL_PROCESS),
                LOAD(nr),
#ifdef __x86_64__ /* the numbers of x32 */
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
                REFUSE(ENOSYS),
#endif
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEW_NR_CLONE3, 0, 1),
                REFUSE(ENOSYS),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 4),
                LOAD(args[0]),
                BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1),
                REFUSE(EPERM),
                RETURN(SECCOMP_RET_ALLOW),
        };
        struct sock_filter code[ELEMENTSOF(head) + 2 * ELEMENTSOF(refused) + 1];
        struct sock_fprog program = { .filter = code };
        size_t n = ELEMENTSOF(head);

        memcpy(code, head, sizeof(head));
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                code[n++] =
                        (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], 0, 1);
                code[n++] = (struct sock_filter) REFUSE(EPERM);
        }
        code[n++] = (struct sock_filter) RETURN(SECCOMP_RET_ALLOW);
        program.len = (unsigned short) n;
        /* Without seccomp the plan can only be one whose caller has accepted that loss. */
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 && errno != ENOSYS)
                return init_report(in, WIRE_STAGE_SECCOMP, errno, "filter of the builder");
        return 0;
}

int lower_capabilities(struct init *in, bool network) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct kept[2] = {};

        kept[0].effective = kept[0].permitted =
                1u << CAP_SYS_ADMIN | (network ? 1u << CAP_NET_ADMIN : 0);
        if (syscall(SYS_capset, &header, kept) < 0)
                return init_report(in, WIRE_STAGE_CREDENTIALS, errno, "capabilities");
        /* See confine_self(). */
        return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0
                       ? init_report(in, WIRE_STAGE_CREDENTIALS, errno, "dumpable")
                       : 0;
}
