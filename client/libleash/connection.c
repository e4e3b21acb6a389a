/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection: lines out with their descriptors, lines in to whoever waits for them.
 *
 * The socket stays blocking and every call says MSG_DONTWAIT where it must not wait: a blocking
 * call is then one sendmsg and one recvmsg, and an event loop sees the same object through
 * leash_dispatch().
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* Answers may carry both streams of a command in full, at worst as six bytes for one (a control
 * character is \u00XX in JSON), and some room for the rest. */
#define LINE_MAX_IN ((size_t) LIMIT_OUTPUT_MAX * 2 * 6 + LIMIT_LINE_BYTES)

int leash_fail(struct leash *l, const struct error *e, int r) {
        l->error = *e;
        if (l->error.code == ERROR_NONE) {
                l->error.code = ERROR_INTERNAL;
                snprintf(l->error.message, sizeof(l->error.message), "%s", strerror(-r));
        }
        return r;
}

int error_to_errno(const struct error *e) {
        static const int numbers[ERROR_N_] = {
                [ERROR_PARSE] = EBADMSG,
                [ERROR_REQUEST] = EBADMSG,
                [ERROR_METHOD] = ENOSYS,
                [ERROR_PARAMS] = EINVAL,
                [ERROR_INTERNAL] = EREMOTEIO,
                [ERROR_NOT_FOUND] = ENOENT,
                [ERROR_CONFLICT] = EINVAL,
                [ERROR_UNENFORCEABLE] = EOPNOTSUPP,
                [ERROR_UNSUPPORTED] = EOPNOTSUPP,
                [ERROR_LIMIT] = EDQUOT,
                [ERROR_GONE] = ESRCH,
                [ERROR_REFUSED] = EPERM,
                [ERROR_TIMEOUT] = ETIMEDOUT,
                [ERROR_IO] = EIO,
                [ERROR_EXEC_NOT_FOUND] = ENOENT,
                [ERROR_EXEC_DENIED] = EACCES,
                [ERROR_STATE] = EBUSY,
        };

        if (e->err > 0)
                return -e->err;
        return e->code < ERROR_N_ && numbers[e->code] ? -numbers[e->code] : -EPROTO;
}

/* Everybody who waits learns that no answer will come. The list is cut off first: a callback may
 * start the next request. */
static void fail_pending(struct leash *l, int r) {
        struct pending *p = TAKE(l->pending);

        l->pending_last = &l->pending;
        while (p) {
                struct pending *next = p->next;
                if (p->fn)
                        p->fn(l, r, NULL, NULL, 0, p->userdata);
                free(p);
                p = next;
        }
}

static void drop_in(struct leash *l) {
        int fds[LIMIT_LINE_FDS];
        size_t n;

        while (l->in && (n = frame_take_fds(l->in, fds, ELEMENTSOF(fds))) > 0)
                close_all(fds, n);
        l->in = frame_free(l->in);
}

static void lost(struct leash *l, int r) {
        if (l->fd < 0)
                return;
        close(TAKE_FD(l->fd));
        queue_drop(l);
        if (l->error.code == ERROR_NONE)
                error_set(&l->error, ERROR_GONE, -r, "the connection to leashd broke: %s",
                          strerror(-r));
        fail_pending(l, r);
        process_connection_lost(l);
        ipc_connection_lost(l);
}

/* Takes the line. */
static int enqueue(struct leash *l, char *line, size_t len, const int *fds, size_t n_fds) {
        if (!line)
                return -ENOMEM;
        if (l->fd < 0) {
                free(line);
                return -ENOTCONN;
        }
        int r = queue_add(l, line, len, fds, n_fds);
        if (r < 0)
                return r;
        r = queue_flush(l);
        if (r < 0)
                lost(l, r);
        return r;
}

int leash_request(struct leash *l, const char *method, struct json *params, const int *fds,
                  size_t n_fds, leash_json_reply_fn fn, void *userdata) {
        char id[24];
        size_t len = 0;

        l->error = ERROR_NULL;
        if (n_fds > LIMIT_LINE_FDS)
                return error_set(&l->error, ERROR_LIMIT, E2BIG,
                                 "at most %d descriptors fit beside a "
                                 "request",
                                 LIMIT_LINE_FDS);
        struct pending *p = calloc(1, sizeof(*p));
        if (!p)
                return error_nomem(&l->error);
        *p = (struct pending){ .id = ++l->last_id, .fn = fn, .userdata = userdata };
        snprintf(id, sizeof(id), "%llu", (unsigned long long) p->id);
        char *line = rpc_format_request(id, method, params, &len);
        int r = enqueue(l, line, len, fds, n_fds);
        if (r < 0) {
                free(p);
                error_set(&l->error, ERROR_IO, -r, "cannot send to leashd: %s", strerror(-r));
                return r;
        }
        *l->pending_last = p;
        l->pending_last = &p->next;
        return 0;
}

static struct pending *take_pending(struct leash *l, const char *id) {
        char *end = NULL;
        unsigned long long n = id ? strtoull(id, &end, 10) : 0;

        if (!id || *end)
                return NULL;
        for (struct pending **p = &l->pending; *p; p = &(*p)->next)
                if ((*p)->id == n) {
                        struct pending *found = *p;
                        *p = found->next;
                        if (!*p)
                                l->pending_last = p;
                        return found;
                }
        return NULL;
}

void forget_pending(struct leash *l, const void *userdata) {
        for (struct pending *p = l->pending; p; p = p->next)
                if (p->userdata == userdata) {
                        p->fn = NULL;
                        p->userdata = NULL;
                }
}

static void handle_answer(struct leash *l, struct rpc_message *m, const int *fds, size_t n_fds) {
        struct pending *p = take_pending(l, m->id);
        int r = 0;

        if (m->kind == RPC_ERROR) {
                l->error = m->error;
                r = error_to_errno(&m->error);
        }
        if (p && p->fn)
                p->fn(l, r, m->result, fds, n_fds, p->userdata);
        else
                close_all(fds, n_fds);
        free(p);
}

static void handle_notification(struct leash *l, struct rpc_message *m) {
        if (process_notify(l, m->method, m->params) > 0 ||
            ipc_notify(l, m->method, m->params) > 0 || decide_notify(l, m->method, m->params) > 0)
                return;
        if (l->notify_json)
                l->notify_json(l, m->method, m->params, l->notify_userdata);
        else if (l->notify) {
                char *text = m->params ? json_text(m->params) : NULL;
                l->notify(l, m->method, text ? text : "{}", l->notify_userdata);
                free(text);
        }
}

int leash_send(struct leash *l, char *line, size_t len) {
        int r = enqueue(l, line, len, NULL, 0);
        return r < 0 ? r : 0;
}

static int handle_line(struct leash *l, struct frame_line *line) {
        struct rpc_message m = { 0 };
        int r = rpc_parse(line->text, line->len, &m, &l->error);

        if (r < 0)
                close_all(line->fds, line->n_fds);
        else if (m.kind == RPC_RESULT || m.kind == RPC_ERROR)
                handle_answer(l, &m, line->fds, line->n_fds);
        else {
                close_all(line->fds, line->n_fds);
                if (m.kind == RPC_NOTIFICATION)
                        handle_notification(l, &m);
                else
                        r = answer_request(l, &m);
        }
        rpc_message_done(&m);
        return r;
}

static size_t take_control(struct msghdr *m, int *fds) {
        size_t n = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < k && n < LIMIT_LINE_FDS; i++)
                        memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
        return n;
}

/* 1: got bytes; 0: nothing there; -errno: the connection is gone. */
static int receive(struct leash *l, int flags) {
        char data[16 * 1024]; /* holds a usual answer; -ftrivial-auto-var-init pays per byte */
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(LIMIT_LINE_FDS * sizeof(int))];
        } control;
        struct iovec iov = { data, sizeof(data) };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        int fds[LIMIT_LINE_FDS];
        ssize_t n = recvmsg(l->fd, &m, flags | MSG_CMSG_CLOEXEC);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        size_t n_fds = take_control(&m, fds);
        if (n == 0)
                return -ECONNRESET;
        l->answered = true;
        int r = frame_feed(l->in, data, (size_t) n, fds, n_fds, &l->error);
        return r < 0 ? r : 1;
}

static int handle_lines(struct leash *l) {
        struct frame_line line;
        int r;

        while (l->fd >= 0 && (r = frame_next(l->in, &line, &l->error)) != 0) {
                if (r > 0)
                        r = handle_line(l, &line);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int step(struct leash *l, int flags) {
        if (l->fd < 0)
                return -ENOTCONN;
        int r = queue_flush(l);
        if (r >= 0)
                r = receive(l, flags);
        if (r > 0)
                r = handle_lines(l);
        if (r < 0)
                lost(l, r);
        return r;
}

int leash_dispatch(struct leash *l) {
        return step(l, MSG_DONTWAIT);
}

int leash_wait(struct leash *l) {
        if (l->fd < 0)
                return -ENOTCONN;
        if (!l->out_first)
                return step(l, 0); /* nothing to write: wait in recvmsg itself */
        struct pollfd p = { .fd = l->fd, .events = POLLIN | POLLOUT };
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return -errno;
        return step(l, MSG_DONTWAIT);
}

int leash_get_fd(const struct leash *l) {
        return l->fd;
}

int leash_get_events(const struct leash *l) {
        return POLLIN | (l->out_first ? POLLOUT : 0);
}

int leash_reconnect(struct leash *l) {
        struct error e = ERROR_NULL;
        int fd = -1;
        int r = start_connect(l->socket, l->flags, &fd, &e);

        if (r < 0)
                return leash_fail(l, &e, r);
        drop_in(l);
        queue_drop(l);
        l->in = frame_new(LINE_MAX_IN);
        if (!l->in) {
                close(fd);
                return error_nomem(&l->error);
        }
        if (l->fd >= 0)
                close(l->fd);
        l->fd = fd;
        l->answered = false;
        l->error = ERROR_NULL;
        return 0;
}

/* leash.h promises a text for the one failure that has no connection to keep it. */
static _Thread_local char connect_error[sizeof(((struct error *) NULL)->message)];

const char *leash_connect_error(void) {
        return connect_error;
}

int leash_connect(const char *socket, unsigned flags, struct leash **ret) {
        struct leash *l = calloc(1, sizeof(*l));

        connect_error[0] = '\0';
        if (!l) {
                snprintf(connect_error, sizeof(connect_error), "out of memory");
                return -ENOMEM;
        }
        l->fd = -1;
        l->out_last = &l->out_first;
        l->pending_last = &l->pending;
        l->flags = flags;
        int r = 0;
        if (socket && !(l->socket = strdup(socket)))
                r = error_nomem(&l->error);
        if (r >= 0)
                r = leash_reconnect(l);
        if (r < 0) {
                snprintf(connect_error, sizeof(connect_error), "%s", l->error.message);
                leash_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

struct leash *leash_free(struct leash *l) {
        if (!l)
                return NULL;
        lost(l, -ECANCELED);
        queue_drop(l);
        fail_pending(l, -ECANCELED);
        process_connection_lost(l);
        ipc_connection_lost(l);
        drop_in(l);
        free(l->socket);
        free(l);
        return NULL;
}

const struct leash_error *leash_last_error(const struct leash *l) {
        /* A view of l->error; only this member changes. */
        struct leash_error *e = &((struct leash *) (uintptr_t) l)->public_error;

        *e = (struct leash_error){
                .code = l->error.code == ERROR_NONE ? "" : error_wire_name(l->error.code),
                .where = l->error.where,
                .fact = l->error.fact,
                .message = l->error.message,
                .number = l->error.code == ERROR_NONE ? 0 : error_number(l->error.code),
        };
        return e;
}

void leash_set_notify(struct leash *l, leash_notify_fn fn, void *userdata) {
        l->notify = fn;
        l->notify_json = NULL;
        l->notify_userdata = userdata;
}

void leash_set_notify_json(struct leash *l, leash_json_notify_fn fn, void *userdata) {
        l->notify_json = fn;
        l->notify = NULL;
        l->notify_userdata = userdata;
}
