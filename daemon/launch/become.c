/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From root to a user, between fork and exec. The groups are those that the caller's kernel
 * credentials named (SO_PEERGROUPS), not what a directory says now: nobody gains through the daemon
 * a group that he had not got already.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/control.h"
#include "launch.h"

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are passed to setgroups(2) as they came");

static _Noreturn void fail(const struct launch *l, const struct launch_request *rq,
                           const char *what) {
        log_write(&l->log, LOG_ERROR, "cannot start a session", LOG_INT("uid", rq->uid),
                  LOG_STR("step", what), LOG_STR("errno", strerror(errno)));
        _exit(127);
}

/* Everything at once, and checked: a set-uid that half worked is how privileges leak. */
static int become_user(const struct launch_request *rq) {
        uid_t r, e, s;
        gid_t gr, ge, gs;

        if (setgroups(rq->n_groups, rq->groups) < 0 || setresgid(rq->gid, rq->gid, rq->gid) < 0 ||
            setresuid(rq->uid, rq->uid, rq->uid) < 0)
                return -errno;
        if (getresuid(&r, &e, &s) < 0 || getresgid(&gr, &ge, &gs) < 0 || r != rq->uid ||
            e != rq->uid || s != rq->uid || gr != rq->gid || ge != rq->gid || gs != rq->gid) {
                errno = EPERM;
                return -errno;
        }
        /* The way back must be shut. */
        if (rq->uid != 0 && setuid(0) == 0) {
                errno = EPERM;
                return -errno;
        }
        return 0;
}

/* What a login shell's programs count on, and nothing of root's. */
static void clean_environment(char **env, size_t n, char *log_word, size_t size) {
        static const char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
        const char *level = getenv("LEASH_LOG");
        size_t k = 0;

        env[k++] = (char *) (uintptr_t) path;
        env[k++] = (char *) (uintptr_t) "LANG=C.UTF-8";
        if (level && k + 1 < n && (size_t) snprintf(log_word, size, "LEASH_LOG=%s", level) < size)
                env[k++] = log_word;
        env[k] = NULL;
}

static void usual_limits(const struct launch *l) {
        struct rlimit rl;
        if (l->soft_files > 0 && getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
            rl.rlim_max >= l->soft_files) {
                rl.rlim_cur = l->soft_files;
                (void) setrlimit(RLIMIT_NOFILE, &rl);
        }
}

_Noreturn void become_session(const struct launch *l, const struct launch_request *rq,
                              int control) {
        char *argv[8], *env[4], log_word[32];
        size_t n = 0;
        sigset_t none;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        usual_limits(l);
        argv[n++] = (char *) (uintptr_t) "leash-session";
        argv[n++] = (char *) (uintptr_t) "--system";
        if (l->backend) {
                argv[n++] = (char *) (uintptr_t) "--backend";
                argv[n++] = (char *) (uintptr_t) l->backend;
        }
        if (l->socket_path) {
                argv[n++] = (char *) (uintptr_t) "--socket";
                argv[n++] = (char *) (uintptr_t) l->socket_path;
        }
        argv[n] = NULL;
        clean_environment(env, ELEMENTSOF(env), log_word, sizeof log_word);

        if (setsid() < 0 || chdir("/") < 0)
                fail(l, rq, "setsid");
        if (become_user(rq) < 0)
                fail(l, rq, "become the user");
        if (control == CONTROL_FD ? fcntl(control, F_SETFD, 0) < 0 : dup2(control, CONTROL_FD) < 0)
                fail(l, rq, "dup2");
        /* All of ours is close-on-exec already; what we were started with need not be. */
        if (syscall(SYS_close_range, CONTROL_FD + 1, ~0U, 0) < 0)
                fail(l, rq, "close_range");
        execve(l->session_path, argv, env);
        fail(l, rq, "execve");
}
