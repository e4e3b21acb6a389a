/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection from inside a sandbox: bytes in, lines out, as peer.c does it for clients, with
 * the manners that hostile ones need. Lines are handled in turns, so that no sandbox keeps the
 * loop; what a guest does not read stops it from being heard.
 */
#include "ipc.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"

#define TURN_SECONDS 0.002
#define OUT_HIGH (256u * 1024) /* more waits for the guest to read */

void ipc_conn_kick(struct ipc_conn *c) {
        event_active(c->kick_event, EV_TIMEOUT, 1);
}

static void die(struct ipc_conn *c) {
        c->dead = true;
        ipc_conn_kick(c);
}

bool ipc_conn_is_full(const struct ipc_conn *c) {
        return evbuffer_get_length(c->out) >= OUT_HIGH;
}

static struct peer *owner_of(const struct ipc_conn *c) {
        return c->ipc->sandbox->owner;
}

static void wait_for_peer(struct ipc_conn *c, bool wait) {
        struct peer *p = owner_of(c);
        if (wait == c->waits_for_peer)
                return;
        c->waits_for_peer = wait;
        if (p)
                p->ipc_waiting += wait ? 1 : (size_t) -1;
}

/* Not with a full queue of its own, nor while its calls would find no room. */
static void update_reading(struct ipc_conn *c) {
        const struct peer *p = owner_of(c);
        bool full = p && peer_is_full(p);
        bool want = !c->dead && !ipc_conn_is_full(c) && !full;
        wait_for_peer(c, !c->dead && full);
        if (want == c->reading)
                return;
        c->reading = want;
        if (!want) {
                (void) event_del(c->read_event);
                return;
        }
        (void) event_add(c->read_event, NULL);
        ipc_conn_kick(c); /* lines that wait in the frame */
}

static void flush(struct ipc_conn *c) {
        struct ipc_call *x, *next;
        while (!c->dead && evbuffer_get_length(c->out) > 0) {
                if (evbuffer_write(c->out, c->fd) >= 0)
                        continue;
                if (errno == EAGAIN)
                        (void) event_add(c->write_event, NULL);
                else
                        die(c);
                break;
        }
        for (x = LIST_FIRST(&c->calls); x && !ipc_conn_is_full(c); x = next) {
                next = LIST_NEXT(x, link);
                ipc_call_drained(x);
        }
        update_reading(c);
}

static void send_line(struct ipc_conn *c, char *line, size_t len) {
        bool first = evbuffer_get_length(c->out) == 0;
        if (c->dead || !line || evbuffer_add(c->out, line, len) < 0) {
                free(line);
                if (!c->dead)
                        die(c);
                return;
        }
        free(line);
        if (evbuffer_get_length(c->out) > LIMIT_OUT_QUEUE_BYTES * 2)
                die(c); /* answers and output that nobody waits with: see ipc_call_output() */
        else if (first)
                flush(c);
        else
                update_reading(c);
}

void ipc_conn_reply(struct ipc_conn *c, const char *id, const struct shape *shape,
                    const void *result) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        size_t len;
        if (result && shape_encode(shape, result, &j, &e) < 0) {
                ipc_conn_fail(c, id, &e);
                return;
        }
        char *line = rpc_format_result(id, j, &len);
        send_line(c, line, len);
}

void ipc_conn_fail(struct ipc_conn *c, const char *id, const struct error *e) {
        size_t len;
        char *line = rpc_format_error(id, e, &len);
        send_line(c, line, len);
}

void ipc_conn_notify(struct ipc_conn *c, enum guest_notification_id id, const void *params) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        size_t len;
        if (shape_encode(guest_notifications[id].params, params, &j, &e) < 0) {
                log_write(&c->ipc->sandbox->session->log, LOG_ERROR, "cannot encode for a guest",
                          LOG_STR("why", e.message));
                return;
        }
        char *line = rpc_format_request(NULL, guest_notifications[id].name, j, &len);
        send_line(c, line, len);
}

/* requests */

static int list(struct ipc_conn *c, const char *id, struct arena *a, struct error *e) {
        struct guest_list_result result = { .commands = { .set = true }, .text = "" };
        struct guest_command *rows = arena_array(a, c->ipc->n_entries + 1, sizeof *rows);
        const struct ipc_entry *x;

        if (!rows)
                return error_nomem(e);
        LIST_FOREACH(x, &c->ipc->entries, link) {
                struct guest_command *row = &rows[result.commands.n++];
                char *usage = host_command_usage(&x->command);
                const char *about = x->command.description ? x->command.description : "";
                *row = (struct guest_command){ .name = x->command.name,
                                               .description = x->command.description,
                                               .usage = usage ? arena_strdup(a, usage) : NULL,
                                               .params = x->command.params };
                free(usage);
                result.text = arena_printf(a, "%s%s%s%.*s\n", result.text, row->name,
                                           *about ? "\t" : "", (int) strcspn(about, "\n"), about);
                if (!row->usage || !result.text)
                        return error_nomem(e);
        }
        result.commands.items = rows;
        ipc_conn_reply(c, id, guest_methods[GUEST_LIST].result, &result);
        return 0;
}

static int cancel(struct ipc_conn *c, const char *id, const struct guest_id *p, struct error *e) {
        struct ipc_call *x = ipc_call_by_id(c, p->id);
        struct error gone = ERROR_NULL;
        if (!x)
                return error_set(e, ERROR_NOT_FOUND, ENOENT, "there is no such call");
        error_set(&gone, ERROR_GONE, ECANCELED, "the call was cancelled");
        ipc_conn_fail(c, x->id, &gone);
        ipc_call_cancel(x, IPC_CANCEL_CALLER);
        if (id)
                ipc_conn_reply(c, id, NULL, NULL);
        return 0;
}

static int handle(struct ipc_conn *c, struct rpc_message *m, struct error *e) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        int method = guest_method_find(m->method);
        if (method < 0)
                return error_set(e, ERROR_METHOD, ENOSYS,
                                 "there is no such method: call, list, input, cancel");
        if (!m->id && method != GUEST_CANCEL)
                return error_set(e, ERROR_REQUEST, EINVAL, "%s needs an id", m->method);
        void *params = a ? arena_alloc(a, guest_methods[method].params->size) : NULL;
        if (!params)
                return error_nomem(e);
        int r = shape_decode(guest_methods[method].params, m->params, a, params, e);
        if (r < 0)
                return r;
        switch ((enum guest_method_id) method) {
        case GUEST_CALL:
                return ipc_call_new(c, m->id, params, e);
        case GUEST_LIST:
                return list(c, m->id, a, e);
        case GUEST_INPUT:
                return ipc_call_input(c, m->id, params, e);
        case GUEST_CANCEL:
                return cancel(c, m->id, params, e);
        case GUEST_METHOD_N_:
                break;
        }
        return -EINVAL;
}

static void handle_line(struct ipc_conn *c, const struct frame_line *line) {
        struct rpc_message m = { 0 };
        struct error e = ERROR_NULL;
        int r = rpc_parse(line->text, line->len, &m, &e);
        bool answer = r >= 0 && (m.kind == RPC_RESULT || m.kind == RPC_ERROR);
        if (r >= 0 && !answer)
                r = handle(c, &m, &e);
        if (r < 0)
                ipc_conn_fail(c, m.id, &e);
        rpc_message_done(&m);
}

/* bytes */

static void set_partial(struct ipc_conn *c, size_t n) {
        c->ipc->partial_bytes += n - c->partial;
        c->partial = n;
}

static void give_up(struct ipc_conn *c, const struct error *e) {
        size_t len;
        char *line = rpc_format_error(NULL, e, &len);
        if (line) /* as far as it goes: the end follows */
                (void) socket_send(c->fd, line, len, NULL, 0);
        free(line);
        die(c);
}

static void handle_lines(struct ipc_conn *c) {
        double until = clock_monotonic() + TURN_SECONDS;
        do {
                struct frame_line line = { 0 };
                struct error e = ERROR_NULL;
                update_reading(c); /* the last line's call may have filled the peer */
                if (c->dead || !c->reading)
                        return;
                int r = frame_next(c->frame, &line, &e);
                if (r < 0)
                        give_up(c, &e);
                if (r == 0 && frame_is_empty(c->frame))
                        set_partial(c, 0);
                if (r <= 0)
                        return;
                set_partial(c, c->partial > line.len ? c->partial - line.len - 1 : 0);
                c->line_bytes = line.len;
                handle_line(c, &line);
        } while (clock_monotonic() < until);
        ipc_conn_kick(c);
}

static void on_kick(evutil_socket_t fd, short what, void *userdata) {
        struct ipc_conn *c = userdata;
        if (!c->dead)
                handle_lines(c);
        if (c->dead)
                ipc_conn_free(c, IPC_CANCEL_CALLER);
}

/* The room for control data is that of credentials: descriptors that a guest sends have none, and
 * the kernel drops them. Should some come all the same, they are closed. */
static ssize_t receive(struct ipc_conn *c, char *buffer, size_t size) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        struct iovec iov = { buffer, size };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
        struct ucred who = { 0 };
        ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
                if (h->cmsg_level != SOL_SOCKET)
                        continue;
                if (h->cmsg_type == SCM_CREDENTIALS && h->cmsg_len == CMSG_LEN(sizeof who))
                        memcpy(&who, CMSG_DATA(h), sizeof who);
                for (size_t i = CMSG_LEN(0);
                     h->cmsg_type == SCM_RIGHTS && i + sizeof(int) <= h->cmsg_len;
                     i += sizeof(int)) {
                        int fd;
                        memcpy(&fd, (char *) h + i, sizeof fd);
                        fd_close(fd);
                }
        }
        return n > 0 && !ipc_caller_look(c, who.pid) ? -EPERM : n;
}

static void on_read(evutil_socket_t fd, short what, void *userdata) {
        struct ipc_conn *c = userdata;
        char *buffer = c->ipc->sandbox->session->buffer;
        struct error e = ERROR_NULL;
        ssize_t n = receive(c, buffer, SESSION_BUFFER);
        if (n == -EAGAIN || n == -EINTR)
                return;
        if (n == -EPERM) {
                error_set(&e, ERROR_REFUSED, EPERM, "these commands are another sandbox's");
                give_up(c, &e);
                return;
        }
        if (n <= 0) {
                die(c);
                return;
        }
        if (c->ipc->partial_bytes + (size_t) n > LIMIT_IPC_PARTIAL_BYTES) {
                error_set(&e, ERROR_LIMIT, ENOBUFS,
                          "the sandbox's connections have sent too much of unfinished lines");
                give_up(c, &e);
                return;
        }
        if (frame_feed(c->frame, buffer, (size_t) n, NULL, 0, &e) < 0) {
                give_up(c, &e);
                return;
        }
        set_partial(c, c->partial + (size_t) n);
        handle_lines(c);
}

static void on_write(evutil_socket_t fd, short what, void *userdata) {
        flush(userdata);
}

int ipc_conn_new(struct ipc *ipc, int fd) {
        struct event_base *base = ipc->sandbox->session->base;
        struct ipc_conn *c = calloc(1, sizeof *c);
        const int on = 1;
        if (!c)
                return -ENOMEM;
        c->ipc = ipc;
        c->fd = fd;
        LIST_INIT(&c->calls);
        LIST_INSERT_HEAD(&ipc->conns, c, link);
        ipc->n_conns++;
        c->frame = frame_new(LIMIT_LINE_BYTES);
        c->out = evbuffer_new();
        c->read_event = event_new(base, fd, EV_READ | EV_PERSIST, on_read, c);
        c->write_event = event_new(base, fd, EV_WRITE, on_write, c);
        c->kick_event = evtimer_new(base, on_kick, c);
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 || !c->frame || !c->out ||
            !c->read_event || !c->write_event || !c->kick_event ||
            event_add(c->read_event, NULL) < 0) {
                c->fd = -1;
                ipc_conn_free(c, IPC_CANCEL_CALLER);
                return -ENOMEM;
        }
        c->reading = true;
        return 0;
}

void ipc_conn_free(struct ipc_conn *c, enum ipc_cancel_reason why) {
        struct ipc *ipc = c->ipc;
        c->dead = true;
        wait_for_peer(c, false);
        while (!LIST_EMPTY(&c->calls))
                ipc_call_cancel(LIST_FIRST(&c->calls), why);
        set_partial(c, 0);
        LIST_REMOVE(c, link);
        ipc->n_conns--;
        c->frame = frame_free(c->frame);
        if (c->out)
                evbuffer_free(c->out);
        if (c->read_event)
                event_free(c->read_event);
        if (c->write_event)
                event_free(c->write_event);
        if (c->kick_event)
                event_free(c->kick_event);
        fd_close(c->fd);
        free(c);
        ipc_accept_again(ipc);
}
