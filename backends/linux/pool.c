/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Prepared sandboxes: leash-init processes that already have their namespaces (decision 17).
 * Creating those is most of what a sandbox costs, and no plan changes it.
 */
#include "linux.h"
#include "warden.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define STACK_BYTES ENGINE_STACK_BYTES
#define PREPARE_TIMEOUT_MS                                                     \
        10000 /* a loaded machine may be slow; one that hangs must not hang us \
               */

/* In the new namespaces, in the session's memory (vfork): system calls only. */
_borrowed_stack_ static int child(void *argument) {
        birth(argument);
        _exit(127);
}

int engine_watch(struct engine *en, int fd) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        return epoll_ctl(en->watch, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int prepared_start(const struct engine *en, char *stack, struct prepared *ret, struct error *e) {
        _cleanup_close_ int ours = -1, theirs = -1, pidfd = -1;
        struct birth b = {
                .init = en->init, .uid = geteuid(), .gid = getegid(), .tier = engine_tier(en)
        };
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make a socket pair: %s",
                                 strerror(errno));
        ours = pair[0];
        theirs = b.control = pair[1];
        if (en->warden >= 0) {
                int r = warden_start(en->warden, b.tier, theirs, &pid, &pidfd, e);

                if (r < 0)
                        return r;
                goto started;
        }
        /* No exit signal: it is awaited through its pidfd, and SIGCHLD belongs to the program. */
        pid = clone(child, stack + STACK_BYTES,
                    birth_flags(b.tier) | CLONE_VM | CLONE_VFORK | CLONE_PIDFD, &b, &pidfd);
        if (pid < 0)
                return error_set(e, ERROR_IO, errno, "cannot make namespaces for a sandbox: %s%s%s",
                                 strerror(errno), en->facts.reason[0] ? "; " : "",
                                 en->facts.reason);
        if (b.err) {
                siginfo_t info;

                waitid(P_PIDFD, (id_t) pidfd, &info, WEXITED | __WALL);
                return error_set(e, ERROR_IO, b.err, "cannot start leash-init: %s",
                                 strerror(b.err));
        }
started:
        *ret = (struct prepared){
                .pid = pid,
                .pidfd = TAKE_FD(pidfd),
                .control = TAKE_FD(ours),
                .root = -1,
                .ipc = -1,
                .store = -1,
        };
        return 0;
}

int prepared_await(struct prepared *p, struct error *e) {
        struct pollfd poll_control = { .fd = p->control, .events = POLLIN };
        struct wire_frame f;
        int fds[FRAME_FDS_MAX], r;
        size_t n_fds = 0;

        if (p->root >= 0)
                return 0;
        do
                r = poll(&poll_control, 1, PREPARE_TIMEOUT_MS);
        while (r < 0 && errno == EINTR);
        if (r == 0)
                return error_set(e, ERROR_TIMEOUT, ETIMEDOUT,
                                 "leash-init did not get ready in time");
        r = frame_receive(p->control, &f, fds, ELEMENTSOF(fds), &n_fds);
        if (r <= 0)
                return error_set(e, ERROR_IO, r < 0 ? -r : EPIPE,
                                 "leash-init ended before it was ready");
        if (wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION) == 0 && f.type == WIRE_PREPARED &&
            (n_fds == 1 || n_fds == 3)) {
                p->root = fds[0];
                p->ipc = n_fds > 1 ? fds[1] : -1;
                p->store = n_fds > 1 ? fds[2] : -1;
                return 0;
        }
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]);
        if (wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION) == 0 && f.type == WIRE_FAILED)
                return frame_error(&f, NULL, e);
        return error_set(e, ERROR_INTERNAL, EBADMSG, "leash-init sent nonsense");
}

/* Everything in the sandbox dies with its pid 1; in the native tier init has to be alive to kill
 * the rest, and does so when its control socket closes. Waiting can take a while: pool_reap() does
 * it. */
void prepared_kill(struct engine *en, struct prepared *p) {
        if (p->pidfd >= 0) {
                if (!engine_is_native(en))
                        syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
                if (en->n_dying == en->max_dying) {
                        size_t max = en->max_dying ? en->max_dying * 2 : 64;
                        int *more = realloc(en->dying, max * sizeof(int));

                        if (!more) { /* then wait here: a zombie would stay for good */
                                siginfo_t info;

                                waitid(P_PIDFD, (id_t) p->pidfd, &info, WEXITED | __WALL);
                                close(p->pidfd);
                                p->pidfd = -1;
                        } else {
                                en->dying = more;
                                en->max_dying = max;
                        }
                }
        }
        if (p->pidfd >= 0) {
                en->dying[en->n_dying++] = p->pidfd;
                (void) engine_watch(en, p->pidfd);
        }
        fd_closep(&p->control);
        fd_closep(&p->root);
        fd_closep(&p->ipc);
        fd_closep(&p->store);
        *p = PREPARED_NULL;
}

/* What the factory has made since. */
static void pool_collect(struct engine *en) {
        struct prepared p;

        while (en->factory.running && read(en->factory.done[0], &p, sizeof(p)) == sizeof(p)) {
                en->ordered--;
                if (p.control < 0) { /* it failed; the next claim will say why */
                        en->stale -= en->stale > 0;
                        continue;
                }
                if (en->stale > 0) {
                        en->stale--;
                        prepared_kill(en, &p);
                } else if (en->n_pool < en->pool_size)
                        en->pool[en->n_pool++] = p;
                else
                        prepared_kill(en, &p);
        }
}

void pool_reap(struct engine *en) {
        pool_collect(en);
        rehearse_trim(en, REHEARSED_SECONDS);
        for (size_t i = 0; i < en->n_dying;) {
                struct pollfd ended = { .fd = en->dying[i], .events = POLLIN };
                siginfo_t info = {};

                /* The warden's children are for it to wait for: then this says ECHILD. */
                if (waitid(P_PIDFD, (id_t) en->dying[i], &info, WEXITED | WNOHANG | __WALL) == 0
                            ? info.si_pid == 0
                            : poll(&ended, 1, 0) == 0) {
                        i++;
                        continue;
                }
                /* A child of the factory that has not executed yet holds a duplicate, and closing
                 * ours alone would leave it watched: ready for ever, and not to be waited for. */
                (void) epoll_ctl(en->watch, EPOLL_CTL_DEL, en->dying[i], NULL);
                close(en->dying[i]);
                en->dying[i] = en->dying[--en->n_dying];
        }
}

int pool_order(struct engine *en) {
        char order = 0;

        pool_collect(en);
        while (en->factory.running && en->n_pool + en->ordered < en->pool_size &&
               write(en->factory.orders[1], &order, 1) == 1)
                en->ordered++;
        return (int) (en->n_pool + en->ordered);
}

static struct prepared pool_take(struct engine *en, size_t i) {
        struct prepared p = en->pool[i];

        en->n_pool--;
        memmove(en->pool + i, en->pool + i + 1, (en->n_pool - i) * sizeof(*en->pool));
        return p;
}

bool pool_claim_now(struct engine *en, struct prepared *ret) {
        pool_collect(en);
        for (size_t i = 0; i < en->n_pool; i++) {
                struct pollfd reported = { .fd = en->pool[i].control, .events = POLLIN };
                struct prepared p;

                if (en->pool[i].root < 0 && poll(&reported, 1, 0) != 1)
                        continue;
                p = pool_take(en, i);
                if (prepared_await(&p, NULL) >= 0) {
                        *ret = p;
                        return true;
                }
                prepared_kill(en, &p);
                return false;
        }
        return false;
}

int pool_claim(struct engine *en, struct prepared *ret, struct error *e) {
        struct prepared p = PREPARED_NULL;
        int r;

        pool_collect(en);
        while (en->n_pool > 0) {
                p = pool_take(en, 0);
                r = prepared_await(&p, NULL);
                if (r >= 0) {
                        *ret = p;
                        en->n_pooled++;
                        return 0;
                }
                prepared_kill(en, &p); /* it died while it waited: take the next */
        }
        r = prepared_start(en, en->stack, &p, e);
        if (r < 0)
                return r;
        r = prepared_await(&p, e);
        if (r < 0) {
                prepared_kill(en, &p);
                return r;
        }
        *ret = p;
        en->n_fresh++;
        return 0;
}
