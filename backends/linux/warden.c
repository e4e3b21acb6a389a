/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The session's side of the link to its warden. */
#include "warden.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../posix/socket.h"
#include "cgroup.h"

/* Namespaces take a millisecond, the facts some more; a machine may be loaded, and a warden that
 * was stopped must not stop us for good. */
#define ANSWER_MS 10000

/* The answer's descriptor (or -1) goes to *ret_fd. */
static int ask(int warden, const struct warden_request *rq, int control, struct warden_answer *ret,
               int *ret_fd, struct error *e) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make a socket pair: %s",
                                 strerror(errno));
        _cleanup_close_ int ours = pair[0], theirs = pair[1];
        int fds[] = { theirs, control }, r;
        size_t n_fds = 0;
        struct pollfd p = { .fd = ours, .events = POLLIN };
        ssize_t n = socket_send(warden, rq, sizeof(*rq), fds, control >= 0 ? 2 : 1);

        if (n < 0)
                return error_set(e, ERROR_IO, (int) -n, "leash-warden is gone: %s",
                                 strerror((int) -n));
        close(TAKE_FD(theirs)); /* then its end is seen here */
        do
                r = poll(&p, 1, ANSWER_MS);
        while (r < 0 && errno == EINTR);
        if (r == 0)
                return error_set(e, ERROR_TIMEOUT, ETIMEDOUT, "leash-warden does not answer");
        n = socket_recv(ours, ret, sizeof(*ret), ret_fd, 1, &n_fds);
        if (n_fds == 0)
                *ret_fd = -1;
        if (n != (ssize_t) sizeof(*ret) || ret->version != WARDEN_VERSION) {
                fd_closep(ret_fd);
                *ret_fd = -1;
                return error_set(e, ERROR_IO, EPIPE, "leash-warden is gone");
        }
        return 0;
}

int warden_facts(int warden, struct facts *ret, struct error *e) {
        const struct warden_request rq = { .version = WARDEN_VERSION, .type = WARDEN_FACTS };
        const char *why_no_cgroup = NULL;
        struct warden_answer answer;
        _cleanup_close_ int none = -1;
        int r = ask(warden, &rq, -1, &answer, &none, e);

        if (r < 0)
                return r;
        if (answer.err)
                return error_set(e, ERROR_IO, answer.err,
                                 "cannot try out what this host can do: %s", strerror(answer.err));
        /* Control groups are ours, not the warden's: the session makes them itself. */
        cgroup_probe(&answer.facts, &why_no_cgroup);
        (void) snprintf(answer.facts.cgroup_reason, sizeof(answer.facts.cgroup_reason), "%s",
                        why_no_cgroup ? why_no_cgroup : "");
        *ret = answer.facts;
        return 0;
}

int warden_start(int warden, enum birth_tier tier, int control, pid_t *ret_pid, int *ret_pidfd,
                 struct error *e) {
        const struct warden_request rq = { .version = WARDEN_VERSION,
                                           .type = WARDEN_START,
                                           .tier = (uint32_t) tier };
        struct warden_answer answer = {};
        _cleanup_close_ int pidfd = -1;
        int r = ask(warden, &rq, control, &answer, &pidfd, e);

        if (r < 0)
                return r;
        if (answer.err)
                return error_set(e, ERROR_IO, answer.err,
                                 "cannot make namespaces for a sandbox: %s", strerror(answer.err));
        if (pidfd < 0 || answer.pid <= 0)
                return error_set(e, ERROR_INTERNAL, EBADMSG, "leash-warden sent nonsense");
        *ret_pid = answer.pid;
        *ret_pidfd = TAKE_FD(pidfd);
        return 0;
}
