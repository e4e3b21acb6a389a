/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The link to leash-launch, which starts sessions for a leashd that itself cannot any more. Either
 * our child, or a unit of its own that is reached by a socket: then leashd's unit can have walls
 * that no session inherits.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"
#include "leashd.h"

static void on_gone(evutil_socket_t fd, short what, void *userdata) {
        struct leashd *d = userdata;
        /* It never speaks, so this is its end. Without it no session can be started: whoever
         * watches over us shall start us anew. */
        log_event(&d->log, LOG_ERROR, LOG_HELPER_GONE, "leash-launch is gone: ending",
                  LOG_INT("pid", d->launcher.pid));
        d->failed = true;
        (void) event_base_loopbreak(d->base);
}

static _Noreturn void become_launcher(const struct leashd *d, const char *path, int fd) {
        char *argv[10], files[16];
        size_t n = 0;
        sigset_t none;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        snprintf(files, sizeof files, "%u", d->soft_files);
        argv[n++] = (char *) (uintptr_t) "leash-launch";
        argv[n++] = (char *) (uintptr_t) "--soft-files";
        argv[n++] = files;
        if (d->backend) {
                argv[n++] = (char *) (uintptr_t) "--backend";
                argv[n++] = (char *) (uintptr_t) d->backend;
        }
        if (d->socket_path) {
                argv[n++] = (char *) (uintptr_t) "--socket";
                argv[n++] = (char *) (uintptr_t) d->socket_path;
        }
        argv[n] = NULL;
        if (fd == LAUNCH_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, LAUNCH_FD) >= 0)
                execv(path, argv);
        _exit(127);
}

static int watch(struct leashd *d, int fd, struct error *e) {
        d->launcher.event = event_new(d->base, fd, EV_READ, on_gone, d);
        if (!d->launcher.event || event_add(d->launcher.event, NULL) < 0 ||
            fd_set_nonblock(fd, true) < 0)
                return error_nomem(e);
        return 0;
}

int launcher_connect(struct leashd *d, pid_t *ret_free, struct error *e) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        struct ucred maker;
        socklen_t len = sizeof maker;

        if (d->launcher.path[0] != '/' || strlen(d->launcher.path) >= sizeof sa.sun_path)
                return error_set(e, ERROR_PARAMS, 0,
                                 "--launcher takes an absolute path shorter than %zu bytes",
                                 sizeof sa.sun_path);
        snprintf(sa.sun_path, sizeof sa.sun_path, "%s", d->launcher.path);
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &sa, sizeof sa) < 0)
                return error_set(e, ERROR_IO, errno, "leash-launch cannot be reached at %s: %s",
                                 d->launcher.path, strerror(errno));
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &len) < 0)
                return error_set(e, ERROR_IO, errno, "cannot tell who made %s", d->launcher.path);
        if (maker.uid != 0 || maker.pid <= 0)
                return error_set(e, ERROR_REFUSED, EPERM, "%s is not root's: not talking to it",
                                 d->launcher.path);
        int r = watch(d, fd, e);
        if (r < 0)
                return r;
        d->launcher.fd = TAKE_FD(fd);
        *ret_free = maker.pid;
        return 0;
}

int launcher_start(struct leashd *d, struct error *e) {
        char path[PATH_MAX];
        int pair[2];

        if (process_sibling("leash-launch", path, sizeof path) < 0)
                return error_set(e, ERROR_INTERNAL, ENOENT, "leash-launch is not installed");
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make a socket pair");
        _cleanup_(fd_closep) int ours = pair[0], theirs = pair[1];
        int r = watch(d, ours, e);
        if (r < 0)
                return r;
        pid_t pid = fork();
        if (pid < 0)
                return error_set(e, ERROR_IO, errno, "cannot fork");
        if (pid == 0)
                become_launcher(d, path, theirs);
        d->launcher.pid = pid;
        d->launcher.fd = TAKE_FD(ours);
        return 0;
}

int launcher_session(struct leashd *d, const struct identity *who, int control, struct error *e) {
        struct launch_request rq = { .version = LAUNCH_VERSION,
                                     .type = LAUNCH_START,
                                     .uid = who->uid,
                                     .gid = who->gid,
                                     .n_groups = (uint32_t) who->n_groups };

        memcpy(rq.groups, who->groups, who->n_groups * sizeof rq.groups[0]);
        ssize_t n = socket_send(d->launcher.fd, &rq, sizeof rq, &control, 1);
        return n > 0 ? 0
                     : error_set(e, n == -EAGAIN ? ERROR_LIMIT : ERROR_INTERNAL, (int) -n,
                                 "cannot ask for a session: %s", strerror((int) -n));
}

void launcher_reload(struct leashd *d) {
        const struct launch_request rq = { .version = LAUNCH_VERSION, .type = LAUNCH_RELOAD };

        /* A full queue is full of sessions to start; SIGHUP can be sent again. */
        if (d->launcher.fd >= 0 && socket_send(d->launcher.fd, &rq, sizeof rq, NULL, 0) < 0)
                log_write(&d->log, LOG_WARN, "leash-launch is too busy to reload");
}

void launcher_end(struct leashd *d, bool wait) {
        struct launch_request rq = { .version = LAUNCH_VERSION, .type = LAUNCH_WAIT };

        if (d->launcher.event)
                event_free(TAKE(d->launcher.event));
        if (d->launcher.fd < 0)
                return;
        (void) fd_set_nonblock(d->launcher.fd, false);
        if (wait)
                (void) socket_send(d->launcher.fd, &rq, sizeof rq, NULL, 0);
        d->launcher.fd = fd_close(d->launcher.fd); /* it ends, but for what is asked above */
        while (d->launcher.pid > 0 && waitpid(d->launcher.pid, NULL, 0) < 0 && errno == EINTR)
                ;
        d->launcher.pid = 0;
}
