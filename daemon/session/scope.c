/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * User mode: a daemon that was started on demand runs in whatever group its first caller was in,
 * and may not divide that. So when a limit is asked for that only a control group holds, and not
 * before, the user's systemd is asked for a scope (leash-scope does it), once. What was prepared
 * before then was born elsewhere and is dropped.
 *
 * In system mode leash-launch has done it already.
 */
#include "scope.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"

#define PATIENCE_MS 6000 /* leash-scope has its own, which is shorter */

/* Is there a manager to ask? Looked at first, since most places without one are containers, where
 * nobody shall wait for a program that finds none. */
static bool has_manager(void) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char path[PATH_MAX];

        if (access("/run/systemd/system", F_OK) < 0) /* sd_booted(3) */
                return false;
        if (geteuid() == 0)
                return true;
        int n = runtime ? snprintf(path, sizeof path, "%s/systemd", runtime)
                        : snprintf(path, sizeof path, "/run/user/%u/systemd", (unsigned) geteuid());
        return n > 0 && (size_t) n < sizeof path && access(path, F_OK) == 0;
}

static bool run(const char *path, char **argv) {
        extern char **environ;
        siginfo_t info = { 0 };
        pid_t pid;

        if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0)
                return false;
        _cleanup_(fd_closep) int pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        int r;
        do
                r = pidfd < 0 ? 0 : poll(&p, 1, PATIENCE_MS);
        while (r < 0 && errno == EINTR);
        if (r <= 0)
                (void) kill(pid, SIGKILL);
        while (waitid(P_PID, (id_t) pid, &info, WEXITED) < 0 && errno == EINTR)
                ;
        return info.si_code == CLD_EXITED && info.si_status == 0;
}

void scope_ensure(struct session *s) {
        char path[PATH_MAX], self[16], parent[16];
        char *argv[] = { (char *) (uintptr_t) "leash-scope", self, parent, NULL };

        if (s->system || s->scope_tried || !s->backend->engine_regroup ||
            (s->facts.cgroup_memory && s->facts.cgroup_pids && s->facts.cgroup_cpu))
                return;
        s->scope_tried = true;
        if (!has_manager() || process_sibling("leash-scope", path, sizeof path) < 0)
                return;
        snprintf(self, sizeof self, "%d", (int) getpid());
        snprintf(parent, sizeof parent, "%d", (int) getppid()); /* leashd */
        if (!run(path, argv)) {
                log_write(&s->log, LOG_INFO, "systemd gives us no control group");
                return;
        }
        s->backend->engine_regroup(s->engine, &s->facts);
        s->prepared = 0;
}

static bool is_asked(const struct limit *l) {
        return l->kind == LIMIT_VALUE;
}

void scope_for(struct session *s, const struct policy *p) {
        const struct policy_limits *l = &p->limits;

        if (is_asked(&l->memory_bytes) || is_asked(&l->processes) || is_asked(&l->cpus))
                scope_ensure(s);
}
