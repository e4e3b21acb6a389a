/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One control group (v2) per sandbox: its memory, processes and cpu time, and the kill that nothing
 * survives (Documentation/admin-guide/cgroup-v2.rst).
 *
 * Everything happens at and below facts.cgroup_path, the group that leash was started in; what is
 * above belongs to someone else (systemd, CGROUP_DELEGATION.md).
 */
#pragma once

#include <sys/types.h>

#include "../../policy/error.h"
#include "../../policy/facts.h"

/* Fills the facts whose names begin with cgroup (but not cgroup_namespaces). *ret_why is set to a
 * sentence for people when something is missing, and left alone otherwise. */
void cgroup_probe(struct facts *f, const char **ret_why);

/* Once, before the first cgroup_new() that has limits: a group with controllers for its children
 * may have no processes of its own, so ours (and our parent's, if it is in it) move into a leaf
 * below; then the controllers that the facts name are switched on. Does nothing the second time. */
int cgroup_prepare(const struct facts *f, struct error *e);

struct cgroup_limits { /* 0 = none */
        uint64_t memory_bytes, processes, cpu_millis, io_weight;
};

/* Makes the group `name` (a single component). The descriptor is good for
 * clone3(CLONE_INTO_CGROUP). */
int cgroup_new(const struct facts *f, const char *name, const struct cgroup_limits *limits,
               int *ret_fd, struct error *e);
int cgroup_add(int fd, pid_t pid);

struct cgroup_usage {
        uint64_t oom_kills;     /* processes killed because of memory.max */
        uint64_t forks_refused; /* because of pids.max */
        uint64_t memory_peak;   /* 0 before Linux 5.19 */
        uint64_t cpu_us;
        uint64_t processes_peak;      /* 0 before Linux 6.1 */
        uint64_t io_read, io_written; /* of devices, not of caches */
};
void cgroup_usage(int fd, struct cgroup_usage *ret);
uint64_t cgroup_memory(int fd); /* bytes now; 0 without the controller */

/* All processes of the group, and what they start; soon. One that waits in the kernel for what no
 * signal ends (a disk, a supervisor) is frozen only once it is back. */
int cgroup_freeze(int fd);
bool cgroup_is_frozen(int fd); /* all of them */
void cgroup_thaw(int fd);
/* Kills all processes of the group and waits until none is left: 0, or -ETIMEDOUT. */
int cgroup_kill(int fd, unsigned timeout_ms);
/* How cgroup_kill() does it where there is no cgroup.kill (before Linux 5.14). */
int cgroup_kill_frozen(int fd, unsigned timeout_ms);
/* The group must be empty. Closes `fd` in any case. */
int cgroup_remove(const struct facts *f, const char *name, int fd);
