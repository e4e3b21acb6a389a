/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection: bytes in, lines out. A peer is never freed while somebody up the stack may hold
 * it: it is marked dead and freed by its kick event, which runs when the loop is at rest.
 *
 * Back-pressure: with LIMIT_OUT_QUEUE_BYTES unread, nothing more is read from the peer and its
 * commands' streams are not read either; answers to what it asked before still queue. Notifications
 * that find no room cost the connection: there is no later at which they would still be true.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/list.h"
#include "events.h"
#include "ipc.h"
#include "process.h"
#include "sandbox.h"
#include "session.h"
#include "venv.h"
#include "worker.h"
#include "quota.h"

#define TURN_SECONDS 0.005 /* of one connection's requests; then others get their turn */

/* The first line is sent, or never will be. */
static bool drop_first(struct peer *p) {
        const struct out_line *l = out_first(&p->out);
        if (!l)
                return false;
        p->out_bytes -= l->len;
        out_pop(&p->out, p->session);
        return true;
}

void peer_kick(struct peer *p) {
        event_active(p->kick_event, EV_TIMEOUT, 1);
}

static void die(struct peer *p) {
        p->dead = true;
        peer_kick(p);
}

/* Where the user has no room left, what one has asked for already is its share. */
#define SHARE_BYTES (256u * 1024)

bool peer_is_full(const struct peer *p) {
        return p->out_bytes >= LIMIT_OUT_QUEUE_BYTES ||
               (p->out_bytes >= SHARE_BYTES && !quota_allows(p->session, QUOTA_BUFFER_BYTES, 1));
}

/* Reading stops while the queue is full. A peer that vanishes then is noticed by the write event.
 */
static void update_reading(struct peer *p) {
        bool want = !p->dead && !p->closing &&
                    (p->reading ? !peer_is_full(p) : p->out_bytes < LIMIT_OUT_QUEUE_BYTES / 2);
        if (want == p->reading)
                return;
        p->reading = want;
        if (!want) {
                (void) event_del(p->read_event);
                return;
        }
        (void) event_add(p->read_event, NULL);
        peer_kick(p); /* lines that wait in the frame */
}

static void flush(struct peer *p) {
        struct out_line *l;
        while (!p->dead && (l = out_first(&p->out))) {
                const size_t done = p->out.done;
                ssize_t n = socket_send(p->fd, l->data + done, l->len - done, l->fds, l->n_fds);
                if (n == -EAGAIN) {
                        (void) event_add(p->write_event, NULL);
                        break;
                }
                if (n < 0) {
                        die(p);
                        break;
                }
                fds_close(l->fds, l->n_fds); /* they went with the first byte */
                l->n_fds = 0;
                p->out.done += (size_t) n;
                if (p->out.done == l->len)
                        (void) drop_first(p);
        }
        if (p->closing && p->out.n == 0)
                die(p);
        update_reading(p);
}

static void send_line(struct peer *p, struct out_line *l) {
        bool first = p->out.n == 0;

        if (p->dead)
                return;
        if (!l || out_push(&p->out, l) < 0) {
                die(p);
                return;
        }
        p->out_bytes += l->len;
        if (first)
                flush(p);
        else
                update_reading(p);
}

void peer_send(struct peer *p, char *line, size_t len, const int *fds, size_t n_fds) {
        _cleanup_(out_line_freep) struct out_line *l = out_line_new(
                p->session, line, len, fds, n_fds < LIMIT_LINE_FDS ? n_fds : LIMIT_LINE_FDS);

        send_line(p, l);
}

int peer_notification(struct session *s, enum notification_id id, const void *params,
                      struct out_line **ret) {
        struct error e = ERROR_NULL;
        _cleanup_(json_unrefp) struct json *j = NULL;
        size_t len;

        if (shape_encode(notifications[id].params, params, &j, &e) < 0) {
                log_write(&s->log, LOG_ERROR, "cannot encode a notification",
                          LOG_STR("why", e.message));
                return -EINVAL;
        }
        char *line = rpc_format_request(NULL, notifications[id].name, j, &len);
        struct out_line *l = out_line_new(s, line, len, NULL, 0);
        if (!l)
                return -ENOMEM;
        *ret = l;
        return 0;
}

static void drop_if_full(struct peer *p) {
        if (p->dead || !peer_is_full(p))
                return;
        log_event(&p->session->log, LOG_WARN, LOG_CLIENT_DROPPED,
                  "a client does not read its notifications", LOG_INT("uid", p->session->user.uid),
                  LOG_INT("pid", p->pid));
        p->session->stats.clients_dropped++;
        die(p);
}

void peer_notify_line(struct peer *p, struct out_line *line) {
        drop_if_full(p);
        send_line(p, line);
}

void peer_notify(struct peer *p, enum notification_id id, const void *params) {
        drop_if_full(p);
        peer_notify_due(p, id, params);
}

void peer_notify_due(struct peer *p, enum notification_id id, const void *params) {
        if (p->dead)
                return;
        _cleanup_(out_line_freep) struct out_line *l = NULL;
        if (peer_notification(p->session, id, params, &l) != -EINVAL)
                send_line(p, l);
}

/* The bytes that follow cannot be understood: say why, then end. */
static void give_up(struct peer *p, const struct error *e) {
        size_t len;
        log_write(&p->session->log, LOG_INFO, "a client speaks no proper lines",
                  LOG_INT("pid", p->pid), LOG_STR("why", e->message));
        p->closing = true;
        char *line = rpc_format_error(NULL, e, &len);
        peer_send(p, line, len, NULL, 0);
        update_reading(p);
}

static void handle_lines(struct peer *p) {
        double until = clock_monotonic() + TURN_SECONDS;

        do {
                struct frame_line line = { 0 };
                struct error e = ERROR_NULL;
                if (p->dead || p->closing || !p->reading)
                        return;
                int r = frame_next(p->frame, &line, &e);
                if (r < 0)
                        give_up(p, &e);
                if (r <= 0)
                        return;
                dispatch_line(p, &line);
        } while (clock_monotonic() < until);
        peer_kick(p);
}

static void has_room(struct peer *p) {
        process_resume_streams(p);
        ipc_resume(p);
}

static void on_kick(evutil_socket_t fd, short what, void *userdata) {
        struct peer *p = userdata;
        if (!p->dead)
                handle_lines(p);
        if (p->dead)
                peer_free(p);
        else if (!peer_is_full(p))
                has_room(p);
}

static void on_read(evutil_socket_t fd, short what, void *userdata) {
        struct peer *p = userdata;
        char *buffer = p->session->buffer;
        int fds[LIMIT_LINE_FDS];
        size_t n_fds = 0;
        struct error e = ERROR_NULL;

        ssize_t n = socket_recv(p->fd, buffer, SESSION_BUFFER, fds, ELEMENTSOF(fds), &n_fds);
        if (n == -EAGAIN)
                return;
        if (n == -EMFILE) {
                error_set(&e, ERROR_REQUEST, EMFILE, "at most %d descriptors may come with a line",
                          LIMIT_LINE_FDS);
                give_up(p, &e);
                return;
        }
        if (n <= 0) {
                die(p);
                return;
        }
        if (frame_feed(p->frame, buffer, (size_t) n, fds, n_fds, &e) < 0) {
                fds_close(fds, n_fds);
                give_up(p, &e);
                return;
        }
        handle_lines(p);
}

static void on_write(evutil_socket_t fd, short what, void *userdata) {
        struct peer *p = userdata;
        flush(p);
        if (!p->dead && !peer_is_full(p))
                has_room(p);
}

int peer_new(struct session *s, int fd, pid_t pid) {
        if (!quota_allows(s, QUOTA_CONNECTIONS, 1))
                return -EMFILE;
        struct peer *p = calloc(1, sizeof *p);
        if (!p)
                return -ENOMEM;
        p->session = s;
        p->fd = fd;
        p->pid = pid;
        LIST_INIT(&p->requests);
        LIST_INIT(&p->calls);
        p->frame = frame_new(LIMIT_LINE_BYTES);
        p->read_event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_read, p);
        p->write_event = event_new(s->base, fd, EV_WRITE, on_write, p);
        p->kick_event = evtimer_new(s->base, on_kick, p);
        LIST_INSERT_HEAD(&s->peers, p, link);
        s->n_peers++;
        int r = fd_set_nonblock(fd, true);
        if (r < 0 || !p->frame || !p->read_event || !p->write_event || !p->kick_event ||
            event_add(p->read_event, NULL) < 0) {
                p->fd = -1;
                peer_free(p);
                return r < 0 ? r : -ENOMEM;
        }
        p->reading = true;
        session_update(s);
        return 0;
}

void peer_free(struct peer *p) {
        struct session *s = p->session;
        int fds[LIMIT_LINE_FDS];
        size_t n;

        LIST_REMOVE(p, link);
        s->n_peers--;
        p->dead = true;
        /* Requests live on in what will answer them, without anybody to hear it. */
        while (!LIST_EMPTY(&p->requests)) {
                struct request *rq = LIST_FIRST(&p->requests);
                LIST_REMOVE(rq, link);
                rq->peer = NULL;
        }
        calls_drop(p);
        ipc_resume(p); /* who waits until we have room need not */
        sandbox_peer_gone(s, p);
        process_peer_gone(s, p);
        venv_peer_gone(s);
        pysession_peer_gone(s, p);
        events_unsubscribe(p);
        while (drop_first(p))
                ;
        while (p->frame && (n = frame_take_fds(p->frame, fds, ELEMENTSOF(fds))) > 0)
                fds_close(fds, n);
        p->frame = frame_free(p->frame);
        if (p->read_event)
                event_free(p->read_event);
        if (p->write_event)
                event_free(p->write_event);
        if (p->kick_event)
                event_free(p->kick_event);
        fd_close(p->fd);
        free(p);
        session_update(s);
}
