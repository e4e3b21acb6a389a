/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What this host can enforce: filled once by a backend's probe (by trying, never by version
 * strings), read by plan_compile(). And the closed list of losses (decision 11).
 */
#pragma once

#include "base.h"

/* One row per mechanism: member, name for leash.info / doctor, what it is good for. */
#define FACT_LIST(X)                                                                               \
        X(user_namespaces, "user namespaces", "private views without privilege")                   \
        X(bare_namespaces, "privileged namespaces",                                                \
          "private views where user namespaces are forbidden")                                     \
        X(mount_namespaces, "mount namespaces", "private view of the disk, masks")                 \
        X(pid_namespaces, "pid namespaces", "host processes invisible, everything dies together")  \
        X(net_namespaces, "net namespaces", "private loopback, no way out")                        \
        X(ipc_namespaces, "ipc namespaces", "no shared memory with the host")                      \
        X(uts_namespaces, "uts namespaces", "own host name")                                       \
        X(cgroup_namespaces, "cgroup namespaces", "host's cgroup paths invisible")                 \
        X(fresh_proc, "fresh /proc", "a /proc that shows only the sandbox")                        \
        X(mount_setattr, "mount_setattr", "read-only for whole trees (Linux 5.12)")                \
        X(seccomp, "seccomp filter", "smaller kernel surface")                                     \
        X(seccomp_notify, "seccomp user notification", "names judged by a supervisor")             \
        X(seccomp_addfd_send, "seccomp ADDFD_SEND",                                                \
          "descriptors injected atomically (Linux 5.14)")                                          \
        X(pidfd_getfd, "pidfd_getfd", "sockets connected on behalf")                               \
        X(cgroup_v2, "cgroup v2 (writable)", "own group, kill of everything")                      \
        X(cgroup_memory, "memory controller", "limits.memory_bytes")                               \
        X(cgroup_pids, "pids controller", "limits.processes")                                      \
        X(cgroup_cpu, "cpu controller", "limits.cpus")                                             \
        X(cgroup_io, "io controller", "limits.io_weight")                                          \
        X(cgroup_kill, "cgroup.kill", "race-free kill")                                            \
        X(nproc_per_userns, "process count per user namespace", "limits.processes without cgroup") \
        X(nft_redirect, "nftables redirect", "transparent network capture")                        \
        X(audit, "audit records", "denials read from the kernel (Linux 6.15)")

struct facts {
        char platform[16]; /* "linux", "null", ... */
        char kernel[72];   /* release string: for people, never compared */
        char machine[32];
        bool privileged; /* uid 0 with its capabilities */
        unsigned uid;
#define FACT_MEMBER(member, name, good) bool member;
        FACT_LIST(FACT_MEMBER)
#undef FACT_MEMBER
        int landlock_abi; /* 0: none. -1: built but switched off at boot */
        uint32_t landlock_errata;
        uint64_t memory_bytes;   /* of the machine; 0 = unknown */
        char cgroup_path[256];   /* where sandboxes' groups may be made, or "" */
        char reason[512];        /* why the first missing wall is missing, for people */
        char cgroup_reason[256]; /* why control groups, or their controllers, are */
};

/* Without all of these there is no view: the native tier is what remains. */
static inline bool facts_native(const struct facts *f) {
        return (!f->user_namespaces && !f->bare_namespaces) || !f->mount_namespaces ||
               !f->pid_namespaces || !f->net_namespaces || !f->fresh_proc;
}

/* A loss is a broken guarantee, not a missing mechanism. */
enum loss {
        LOSS_NO_NAMESPACES, /* native tier: host processes, sockets, metadata are visible */
        LOSS_NO_CGROUP,     /* a limit was asked for that nothing else can hold */
        LOSS_NO_DENY_INSIDE_ALLOW,
        LOSS_NO_LANDLOCK, /* the second wall is missing */
        LOSS_NO_SECCOMP,
        LOSS_NO_UNIX_SOCKET_RULES,
        LOSS_NO_DENIED_NAMES, /* denied names that do not exist yet can be created */
        LOSS_NO_DISK_QUOTA,
        LOSS_NO_HARDWARE_FILTER,
        LOSS_N_,
};
struct loss_info {
        const char *name;      /* "no_namespaces" */
        const char *guarantee; /* what is no longer promised, one sentence */
        const char *needs;     /* which policy fields need it */
};
extern const struct loss_info losses[LOSS_N_];
int loss_from_name(const char *name); /* -1: unknown */
