/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A control group of their own for some processes, by asking systemd for a transient scope: the
 * only way to one that systemd will not tear down (CGROUP_DELEGATION.md). Linked where libsystemd
 * is. */
#pragma once

#include "../../policy/base.h"

struct transient_scope {
        const char *unit; /* "leash-….scope" */
        const char *description, *slice;
        const uint32_t *pids;
        size_t n_pids;
        uint64_t memory_max; /* bytes; 0 = none. Drop-ins of the administrator's come after it. */
        bool user;           /* of the user's own manager */
};

/* Asks, and waits until the first of the processes is in it: then `ret` is the group's path below
 * the mount of cgroup v2. */
int transient_scope_start(const struct transient_scope *s, char *ret, size_t size);
/* A limit of a unit of the system's manager, from now on and for units that come into it later;
 * UINT64_MAX: none. Until the next boot. */
int transient_limit(const char *unit, const char *property, uint64_t n);
