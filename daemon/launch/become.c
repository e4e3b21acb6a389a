/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From root to a user, between fork and exec. The groups are those that the caller's kernel
 * credentials named (SO_PEERGROUPS), not what a directory says now: nobody gains through the daemon
 * a group that he had not got already.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/control.h"
#include "launch.h"

#define WARDEN_FD 3 /* where leash-warden looks for its requests */

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are passed to setgroups(2) as they came");

static _Noreturn void fail(const struct launch *l, const struct launch_request *rq,
                           const char *what) {
        log_event(&l->log, LOG_ERROR, LOG_SESSION_REFUSED, "cannot start a session",
                  LOG_INT("uid", rq->uid), LOG_STR("step", what),
                  LOG_STR("errno", strerror(errno)));
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
static void clean_environment(char **env, size_t n, char words[2][64]) {
        static const char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
        /* How much to log, and whether stderr is the journal. */
        static const char *const passed[2] = { "LEASH_LOG", "JOURNAL_STREAM" };
        size_t k = 0;

        env[k++] = (char *) (uintptr_t) path;
        env[k++] = (char *) (uintptr_t) "LANG=C.UTF-8";
        for (size_t i = 0; i < ELEMENTSOF(passed) && k + 1 < n; i++) {
                const char *value = getenv(passed[i]);
                if (value && (size_t) snprintf(words[i], sizeof words[i], "%s=%s", passed[i],
                                               value) < sizeof words[i])
                        env[k++] = words[i];
        }
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

/* Numbers from `from` on, in this order; what lies there now must not be one of them. */
static int place_fds(const int *fds, size_t n, int from) {
        int moved[2];

        for (size_t i = 0; i < n; i++) {
                moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, from + (int) n);
                if (moved[i] < 0)
                        return -errno;
        }
        for (size_t i = 0; i < n; i++)
                if (dup2(moved[i], from + (int) i) < 0)
                        return -errno;
        /* All of ours is close-on-exec already; what we were started with need not be. (Not marked
         * but closed: CLOSE_RANGE_CLOEXEC is Linux 5.11.) */
        return syscall(SYS_close_range, from + (int) n, ~0U, 0) < 0 ? -errno : 0;
}

/* Where there are no user namespaces, not for root either, leash-init works with the host's own
 * capabilities until it has built the sandbox's view. */
static bool user_namespaces_off(void) {
        char text[16];
        _cleanup_(fd_closep) int fd =
                open("/proc/sys/user/max_user_namespaces", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (n <= 0)
                return true; /* a kernel without them has no such file */
        text[n] = 0;
        return strtoul(text, NULL, 10) == 0;
}

/* CAP_SYS_ADMIN makes namespaces where users may not; mapping uid 0 takes CAP_SETFCAP as well
 * (Linux 5.12, user_namespaces(7)). */
static uint32_t warden_capabilities(uid_t uid) {
        uint32_t caps = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID;

        if (uid == 0)
                caps |= 1u << CAP_SETFCAP;
        if (user_namespaces_off())
                caps |= 1u << CAP_NET_ADMIN | 1u << CAP_SETPCAP;
        return caps;
}

/* What exec gives to uid 0 is what the bounding set leaves. */
static int limit_capabilities(uint32_t caps) {
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                if ((cap >= 32 || !(caps & 1u << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return -errno;
        return 0;
}

static _Noreturn void become_warden(const struct launch *l, const struct launch_request *rq,
                                    int requests) {
        char uid[16], gid[16];
        char *argv[] = { (char *) (uintptr_t) "leash-warden", uid, gid, NULL }, *env[] = { NULL };
        sigset_t none;

        snprintf(uid, sizeof uid, "%u", rq->uid);
        snprintf(gid, sizeof gid, "%u", rq->gid);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (setsid() < 0 || chdir("/") < 0)
                fail(l, rq, "warden");
        if (limit_capabilities(warden_capabilities(rq->uid)) < 0)
                fail(l, rq, "capabilities");
        if (setgroups(rq->n_groups, rq->groups) < 0 || setresgid(rq->gid, rq->gid, rq->gid) < 0)
                fail(l, rq, "groups");
        if (place_fds(&requests, 1, WARDEN_FD) < 0)
                fail(l, rq, "descriptors");
        execve(l->warden_path, argv, env);
        fail(l, rq, "execve");
}

pid_t become_warden_start(const struct launch *l, const struct launch_request *rq, int requests) {
        /* Not the session's child: the session waits for its own children only, and need not know
         * that this one exists. */
        pid_t pid = (pid_t) syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
                become_warden(l, rq, requests);
        return pid < 0 ? -errno : pid;
}

_Noreturn void become_session(const struct launch *l, const struct launch_request *rq, int control,
                              int warden) {
        const int fds[] = { control, warden };
        char *argv[8], *env[5], words[2][64];
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
        clean_environment(env, ELEMENTSOF(env), words);

        if (setsid() < 0 || chdir("/") < 0)
                fail(l, rq, "setsid");
        if (become_user(rq) < 0)
                fail(l, rq, "become the user");
        if (place_fds(fds, ELEMENTSOF(fds), CONTROL_FD) < 0)
                fail(l, rq, "descriptors");
        execve(l->session_path, argv, env);
        fail(l, rq, "execve");
}
