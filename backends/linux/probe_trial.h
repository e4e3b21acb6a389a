/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The part of the probe that runs in a child, and what it found. */
#pragma once

#include "../../policy/base.h"

#define TRIAL_LIST(X)         \
        X(user_namespaces)    \
        X(mount_namespaces)   \
        X(pid_namespaces)     \
        X(net_namespaces)     \
        X(ipc_namespaces)     \
        X(uts_namespaces)     \
        X(cgroup_namespaces)  \
        X(fresh_proc)         \
        X(mount_setattr)      \
        X(seccomp)            \
        X(seccomp_notify)     \
        X(seccomp_addfd_send) \
        X(pidfd_getfd)        \
        X(nproc_per_userns)   \
        X(nft_redirect)

/* Lies in memory shared with the child, so that what it found before it died is not lost. Per
 * trial: 0 it works, TRIAL_NOT_MADE, else the errno. */
struct trials {
#define TRIAL_MEMBER(name) int name;
        TRIAL_LIST(TRIAL_MEMBER)
#undef TRIAL_MEMBER
};
#define TRIAL_NOT_MADE (-1)

struct trial_user { /* whose sandboxes: our own ids, or, for root, anybody's */
        unsigned uid, gid;
};

/* Forks, tries, waits. -errno when it cannot even do that. */
int trials_run(bool privileged, const struct trial_user *u, struct trials *ret);
