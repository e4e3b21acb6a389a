/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The link to leash-launch, which starts sessions for a leashd that itself cannot any more. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"
#include "leashd.h"

static void on_gone(evutil_socket_t fd, short what, void *userdata) {
        struct leashd *d = userdata;
        /* It never speaks, so this is its end. Without it no session can be started: whoever
         * watches over us shall start us anew. */
        log_write(&d->log, LOG_ERROR, "leash-launch is gone: ending",
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

int launcher_start(struct leashd *d, struct error *e) {
        char path[PATH_MAX];
        int pair[2];

        if (process_sibling("leash-launch", path, sizeof path) < 0)
                return error_set(e, ERROR_INTERNAL, ENOENT, "leash-launch is not installed");
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make a socket pair");
        _cleanup_(fd_closep) int ours = pair[0], theirs = pair[1];
        d->launcher.event = event_new(d->base, ours, EV_READ, on_gone, d);
        if (!d->launcher.event || event_add(d->launcher.event, NULL) < 0 ||
            fd_set_nonblock(ours, true) < 0)
                return error_nomem(e);
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

void launcher_end(struct leashd *d, bool wait) {
        struct launch_request rq = { .version = LAUNCH_VERSION, .type = LAUNCH_WAIT };

        if (d->launcher.event)
                event_free(TAKE(d->launcher.event));
        if (d->launcher.pid <= 0)
                return;
        (void) fd_set_nonblock(d->launcher.fd, false);
        if (wait)
                (void) socket_send(d->launcher.fd, &rq, sizeof rq, NULL, 0);
        d->launcher.fd = fd_close(d->launcher.fd); /* it ends, but for what is asked above */
        while (waitpid(d->launcher.pid, NULL, 0) < 0 && errno == EINTR)
                ;
        d->launcher.pid = 0;
}
