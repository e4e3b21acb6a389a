/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leash-launch: takes requests from leashd, one fork each, and waits for what it started. See
 * launch.h. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"
#include "launch.h"

#define SWEEPS 100
#define SWEEP_MS 20
#define END_SECONDS 10 /* a session that removes large directories needs a moment */

/* The session's process, still root: what both of its parts share is made here. */
static _Noreturn void child(const struct launch *l, const struct launch_request *rq, int control,
                            int lines) {
        int pair[2];

        if (lines_become(l, lines) < 0) {
                log_event(&l->log, LOG_ERROR, LOG_SESSION_REFUSED, "cannot start a session",
                          LOG_INT("uid", rq->uid), LOG_STR("errno", strerror(errno)));
                _exit(127);
        }

        int r = scope_enter(l, rq);
        if (r < 0)
                log_event(&l->log, LOG_WARN, LOG_SESSION_UNLIMITED,
                          "no control group for a session", LOG_INT("uid", rq->uid),
                          LOG_STR("errno", strerror(-r)));
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
            become_warden_start(l, rq, pair[1]) < 0) {
                log_event(&l->log, LOG_ERROR, LOG_SESSION_REFUSED, "cannot start a warden",
                          LOG_INT("uid", rq->uid), LOG_STR("errno", strerror(errno)));
                _exit(127);
        }
        (void) close(pair[1]);
        become_session(l, rq, control, pair[0]);
}

static void start(struct launch *l, const struct launch_request *rq, int control) {
        if (l->n_children == CHILDREN_MAX) {
                log_event(&l->log, LOG_ERROR, LOG_LIMIT_REACHED, "too many sessions",
                          LOG_STR("limit", "sessions"), LOG_INT("uid", rq->uid));
                return;
        }
        int pair[2];
        (void) lines_open(l, pair); /* without, it is not heard */
        _cleanup_(fd_closep) int ours = pair[0], theirs = pair[1];
        pid_t pid = fork();
        if (pid == 0)
                child(l, rq, control, theirs);
        if (pid < 0) {
                log_event(&l->log, LOG_ERROR, LOG_SESSION_REFUSED, "cannot fork",
                          LOG_INT("uid", rq->uid), LOG_STR("errno", strerror(errno)));
                return;
        }
        l->children[l->n_children++] =
                (struct child){ .pid = pid, .uid = rq->uid, .lines = TAKE_FD(ours) };
        log_event(&l->log, LOG_INFO, LOG_SESSION_STARTED, "started a session",
                  LOG_INT("uid", rq->uid), LOG_INT("pid", pid));
}

static bool is_well_formed(const struct launch_request *rq, ssize_t n, size_t n_fds) {
        if (n != (ssize_t) sizeof *rq || rq->version != LAUNCH_VERSION)
                return false;
        if (rq->type == LAUNCH_WAIT || rq->type == LAUNCH_RELOAD)
                return n_fds == 0;
        return rq->type == LAUNCH_START && n_fds == 1 && rq->n_groups <= LAUNCH_GROUPS_MAX &&
               rq->uid != (uint32_t) -1 && rq->gid != (uint32_t) -1;
}

/* Whether leashd is still there. */
static bool on_request(struct launch *l) {
        struct launch_request rq;
        int fds[1];
        size_t n_fds = 0;

        ssize_t n = socket_recv(l->requests, &rq, sizeof rq, fds, 1, &n_fds);
        if (n == -EAGAIN)
                return true;
        _cleanup_(fd_closep) int control = n_fds == 1 ? fds[0] : -1;
        if (!is_well_formed(&rq, n, n_fds)) {
                if (n != 0) /* not its end */
                        log_write(&l->log, LOG_ERROR, "leashd sent nonsense: ending",
                                  LOG_INT("result", n));
                return false;
        }
        if (rq.type == LAUNCH_WAIT)
                l->ending = true;
        else if (rq.type == LAUNCH_RELOAD)
                totals_reload(l);
        else
                start(l, &rq, control);
        return true;
}

static void on_children(struct launch *l) {
        struct signalfd_siginfo info;
        int status;
        pid_t pid;

        while (read(l->signals, &info, sizeof info) > 0)
                ;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                for (size_t i = 0; i < l->n_children; i++) {
                        if (l->children[i].pid != pid)
                                continue;
                        log_event(&l->log, status == 0 ? LOG_INFO : LOG_WARN,
                                  status == 0 ? LOG_SESSION_ENDED : LOG_SESSION_CRASHED,
                                  status == 0 ? "a session ended" : "a session broke down",
                                  LOG_INT("uid", l->children[i].uid), LOG_INT("pid", pid),
                                  LOG_INT("status", status));
                        lines_end(l, &l->children[i]);
                        scope_end(l->children[i].uid, pid);
                        l->children[i] = l->children[--l->n_children];
                        break;
                }
        l->alone = pid < 0 && errno == ECHILD;
        /* Also when a warden ended, which was the last in its session's group. */
        (void) scope_sweep(l);
}

/* leashd has closed the control sockets: sessions end by themselves. */
static void wait_for_all(struct launch *l) {
        time_t deadline = process_seconds() + END_SECONDS;
        bool killed = false;

        for (on_children(l); !l->alone; on_children(l)) { /* wardens as well */
                struct pollfd p = { .fd = l->signals, .events = POLLIN };
                (void) poll(&p, 1, 1000);
                if (process_seconds() < deadline)
                        continue;
                if (killed)
                        break;
                for (size_t i = 0; i < l->n_children; i++)
                        (void) kill(l->children[i].pid, SIGKILL);
                killed = true;
        }
        /* What was killed in there takes a moment, and is not ours to wait for. */
        for (unsigned i = 0; i < SWEEPS && !scope_sweep(l); i++)
                (void) poll(NULL, 0, SWEEP_MS);
}

/* leashd: our parent, or behind a socket that only root can connect to. Root inside of a sandbox
 * has that number, too, but not our user namespace. */
static bool is_from_root(int fd) {
        struct stat theirs, ours;
        struct ucred peer;
        socklen_t len = sizeof peer;
        char path[48];

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0 ||
            peer.pid <= 0)
                return false;
        snprintf(path, sizeof path, "/proc/%d/ns/user", (int) peer.pid);
        return stat(path, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
               theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static int parse(struct launch *l, int argc, char **argv) {
        static const struct option options[] = {
                { "backend", required_argument, NULL, 'b' },
                { "socket", required_argument, NULL, 's' },
                { "soft-files", required_argument, NULL, 'f' },
                { 0 },
        };
        struct stat st;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'b')
                        l->backend = optarg;
                else if (c == 's')
                        l->socket_path = optarg;
                else if (c == 'f')
                        l->soft_files = (unsigned) strtoul(optarg, NULL, 10);
                else
                        return -EINVAL;
        }
        if (fstat(LAUNCH_FD, &st) < 0 || !S_ISSOCK(st.st_mode) || !is_from_root(LAUNCH_FD))
                return -EINVAL;
        (void) fcntl(LAUNCH_FD, F_SETFD, FD_CLOEXEC);
        l->requests = LAUNCH_FD;
        return fd_set_nonblock(LAUNCH_FD, true);
}

static int serve(struct launch *l) {
        sigset_t children;

        sigemptyset(&children);
        sigaddset(&children, SIGCHLD);
        /* leashd tells us when to end: a terminal's or a service manager's signal to the whole
         * group must not come first. */
        sigaddset(&children, SIGINT);
        sigaddset(&children, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &children, NULL);
        l->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
        if (l->signals < 0 || totals_start(l) < 0)
                return 1;
        (void) scope_sweep(l);
        for (bool there = true; there && !l->ending;) {
                struct pollfd *p = l->polled;
                p[0] = (struct pollfd){ .fd = l->requests, .events = POLLIN };
                p[1] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
                if (poll(p, 2 + l->n_children, lines_await(l, p + 2) ? 1000 : -1) < 0 &&
                    errno != EINTR)
                        return 1;
                for (size_t i = 0; i < l->n_children; i++) /* before their order changes */
                        if (p[2 + i].revents)
                                lines_take(l, &l->children[i]);
                if (p[1].revents)
                        on_children(l);
                if (p[0].revents)
                        there = on_request(l);
        }
        if (l->ending)
                wait_for_all(l);
        return 0;
}

int main(int argc, char **argv) {
        struct launch *l = calloc(1, sizeof *l); /* its table is too large for a stack */

        if (!l)
                return 1;
        l->log = log_open("leash-launch", &l->log_rate);
        process_prepare();
        if (parse(l, argc, argv) < 0 ||
            process_sibling("leash-session", l->session_path, sizeof l->session_path) < 0 ||
            process_sibling("leash-warden", l->warden_path, sizeof l->warden_path) < 0) {
                fputs("leash-launch is started by leashd, or for it by leash-launch.socket\n",
                      stderr);
                free(l);
                return 2;
        }
        int r = serve(l);
        free(l);
        return r;
}
