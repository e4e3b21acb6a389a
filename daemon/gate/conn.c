/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a connection: accepted, understood, decided, connected, relayed, ended. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate.h"

#define DRAIN_MAX 16 /* pieces of GATE_SCRATCH that a refused program may still send */

static void on_client(struct gate *g, struct io *io) {
        conn_run(OWNER(io, struct conn, client));
}

void conn_on_up(struct gate *g, struct io *io) {
        conn_run(OWNER(io, struct conn, up));
}

static void on_timer(struct gate *g, struct timer *t) {
        struct conn *c = OWNER(t, struct conn, timer);
        if (c->state == CONN_HTTP && t->class == TIMER_HEAD && c->head.end > c->head.at)
                http_answer(c, 408, "The request did not come to its end in time.");
        else
                conn_end(c, c->state == CONN_TUNNEL ? ETIMEDOUT : 0);
}

/* Who speaks first has mostly done so when we come to accept it: no round of the loop for that. */
static void read_early(struct conn *c, int fd) {
        if (buffer_room(&c->head, GATE_BUFFER) < 0)
                return;
        ssize_t n = recv(fd, c->head.data, c->head.size, 0);
        if (n > 0)
                c->head.end = (size_t) n;
        else
                buffer_done(&c->head); /* nothing yet; an end, or an error, is reported again */
}

struct conn *conn_new(struct gate *g, struct sandbox *sb, int fd, enum gate_via via) {
        struct conn *c = NULL;
        /* Some more than there may be: they get an answer that says so. */
        if (sb->n_conns < sb->quota.connections + GATE_SPARE_CONNS && g->n_conns < g->max_conns)
                c = calloc(1, sizeof(*c));
        if (!c) {
                struct io refused = { .fd = fd };
                io_reset(&refused);
                return NULL;
        }
        c->gate = g;
        c->sb = sb;
        c->via = (uint8_t) via;
        c->up.fd = -1;
        c->timer.fn = on_timer;
        c->started = g->now;
        c->out = (struct half){
                .from = &c->client, .to = &c->up, .quota = &sb->quota, .pipe = { -1, -1 }
        };
        c->in = (struct half){
                .from = &c->up, .to = &c->client, .quota = &sb->quota, .pipe = { -1, -1 }
        };
        if (via == GATE_VIA_HTTP)
                read_early(c, fd);
        if (io_open(g, &c->client, fd, on_client) < 0) {
                close(fd);
                buffer_done(&c->head);
                free(c);
                return NULL;
        }
        TAILQ_INSERT_TAIL(&sb->conns, c, link);
        sb->n_conns++;
        g->n_conns++;
        timer_set(g, &c->timer, TIMER_HEAD);
        if (c->head.end > 0)
                conn_again(c);
        return c;
}

void conn_again(struct conn *c) {
        if (c->again || c->dead)
                return;
        c->again = true;
        TAILQ_INSERT_TAIL(&c->gate->again, c, again_link);
}

static void describe(const struct conn *c, struct gate_frame *f) {
        f->sandbox = c->sb->number;
        f->via = c->via;
        f->port = c->port;
        memcpy(f->host, c->host.name, sizeof(f->host));
        (void) snprintf(f->address, sizeof(f->address), "%.47s", c->address.name);
        (void) snprintf(f->rule, sizeof(f->rule), "%s", c->decision.rule ? c->decision.rule : "");
        (void) snprintf(f->field, sizeof(f->field), "%s",
                        c->decision.field ? c->decision.field : "");
        (void) snprintf(f->why, sizeof(f->why), "%s", c->decision.why);
}

void conn_event(struct conn *c, bool allowed, int err) {
        struct gate_frame f = GATE_FRAME(GATE_EVENT);
        describe(c, &f);
        f.verdict = allowed ? GATE_ALLOWED : GATE_DENIED;
        f.err = err;
        f.bytes_in = c->in.bytes;
        f.bytes_out = c->out.bytes;
        f.micros = clock_micros() - c->started;
        if (c->connected)
                f.connect_micros = c->connected - c->started;
        control_send(c->gate, &f);
        /* What is told of a program that ends is to arrive before its end does. */
        if (!allowed || err || c->sb->n_conns == 1)
                control_hurry(c->gate);
        c->open = false;
}

void conn_close_up(struct conn *c) {
        if (c->open)
                conn_event(c, true, 0);
        io_close(&c->up);
        half_release(c->gate, &c->out);
        half_release(c->gate, &c->in);
        c->in.bytes = c->out.bytes = 0;
        c->in.ended = false;
        c->out.out.at = c->out.out.checked = c->out.out.end = 0;
}

void conn_end(struct conn *c, int err) {
        struct gate *g = c->gate;
        if (c->dead)
                return;
        c->dead = true;
        if (c->open)
                conn_event(c, true, err);
        ask_cancel(g, &c->asker);
        if (c->dial)
                dial_cancel(g, TAKE(c->dial));
        timer_clear(g, &c->timer);
        if (c->again)
                TAILQ_REMOVE(&g->again, c, again_link);
        c->again = false;
        if (err) {
                io_reset(&c->client);
                io_reset(&c->up);
        }
        c->client.fn = c->up.fn = NULL;
        http_done(c);
        half_done(g, &c->in);
        half_done(g, &c->out);
        buffer_done(&c->head);
        buffer_done(&c->early);
        TAILQ_REMOVE(&c->sb->conns, c, link);
        c->sb->n_conns--;
        TAILQ_INSERT_TAIL(&g->leaving, c, again_link);
}

void conn_leave(struct gate *g, struct conn *last) {
        struct conn *c;
        while ((c = TAILQ_FIRST(&g->leaving))) {
                TAILQ_REMOVE(&g->leaving, c, again_link);
                io_close(&c->client);
                io_close(&c->up);
                g->n_conns--;
                gate_bury(g, &c->grave);
                if (c == last)
                        break;
        }
}

void conn_answer(struct conn *c, const void *data, size_t n) {
        if (buffer_add(&c->in.out, data, n) < 0) {
                conn_end(c, ENOMEM);
                return;
        }
        c->state = CONN_CLOSING;
        timer_set(c->gate, &c->timer, TIMER_DNS);
        conn_again(c);
}

/* The answer must not be lost to the RST that unread bytes would cause (RFC 9112 section 9.6). */
static void run_closing(struct conn *c) {
        int r = half_flush(c->gate, &c->in);
        if (r < 0) {
                conn_end(c, -r);
                return;
        }
        if (r > 0 && !c->in.shut) {
                c->in.shut = true;
                (void) shutdown(c->client.fd, SHUT_WR);
        }
        for (unsigned i = 0; i < DRAIN_MAX && (c->client.ready & IO_IN); i++) {
                ssize_t n = recv(c->client.fd, c->gate->scratch, GATE_SCRATCH, 0);
                if (n < 0 && errno == EAGAIN)
                        c->client.ready &= ~IO_IN;
                else if (n <= 0) {
                        if (r > 0)
                                conn_end(c, n < 0 ? errno : 0);
                        else
                                c->client.ready &= ~IO_IN;
                        return;
                }
        }
}

ssize_t conn_read_head(struct conn *c, size_t max) {
        struct buffer *b = &c->head;
        ssize_t total = 0;
        while (c->client.ready & IO_IN) {
                size_t have = b->end - b->at;
                if (have >= max)
                        return -EMSGSIZE;
                if (buffer_room(b, have ? 4096 : GATE_BUFFER) < 0)
                        return -ENOMEM;
                size_t room = b->size - b->end;
                if (room > max - have)
                        room = max - have;
                ssize_t n = recv(c->client.fd, b->data + b->end, room, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        c->client.ready &= ~IO_IN;
                        if (!have)
                                buffer_done(b); /* an idle connection holds no memory */
                        return total;
                }
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EPIPE;
                b->end += (size_t) n;
                total += n;
                if ((size_t) n < room && !(c->client.ready & IO_HUP)) {
                        c->client.ready &= ~IO_IN; /* epoll(7): less than asked for is all */
                        break;
                }
        }
        return total;
}

static void run_first(struct conn *c) {
        ssize_t n = conn_read_head(c, HTTP_MAX_HEAD);
        if (n < 0 && n != -EMSGSIZE) {
                if (n != -EPIPE || c->head.end == c->head.at) {
                        conn_end(c, n == -EPIPE ? 0 : (int) -n);
                        return;
                }
        }
        if (c->head.end == c->head.at)
                return;
        uint8_t first = (uint8_t) c->head.data[c->head.at];
        if (first == 4 || first == 5) { /* no method begins with a control byte */
                c->state = CONN_SOCKS;
                c->via = GATE_VIA_SOCKS;
                socks_run(c);
                return;
        }
        if (http_begin(c, false) < 0)
                conn_end(c, ENOMEM);
        else
                http_run(c);
}

/* Nothing to relay yet: does the program still wait? */
static void run_dialing(struct conn *c) {
        if (!(c->client.ready & IO_HUP))
                return;
        if (c->asker.waits_for && c->via == GATE_VIA_SOCKS) { /* it was to have an answer first */
                conn_gave_up(c);
                return;
        }
        char byte;
        ssize_t n = recv(c->client.fd, &byte, 1, MSG_PEEK);
        int error = 0;
        socklen_t len = sizeof(error);
        (void) getsockopt(c->client.fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error || (n < 0 && errno != EAGAIN)) {
                if (c->asker.waits_for)
                        conn_gave_up(c);
                else
                        conn_end(c, ECONNRESET);
        }
        /* A half-close is none of our business: the request may be all that it had to say. */
}

void conn_run(struct conn *c) {
        switch (c->state) {
        case CONN_FIRST:
                if (c->via == GATE_VIA_HTTP)
                        run_first(c);
                break;
        case CONN_SOCKS:
                socks_run(c);
                break;
        case CONN_HTTP:
                http_run(c);
                break;
        case CONN_DIALING:
                run_dialing(c);
                break;
        case CONN_TUNNEL:
                relay_run(c);
                break;
        case CONN_CLOSING:
                run_closing(c);
                break;
        }
}

void conn_refuse(struct conn *c) {
        conn_event(c, false, 0);
        if (c->state == CONN_HTTP)
                http_refuse(c);
        else if (c->state == CONN_SOCKS || (c->state == CONN_DIALING && c->via == GATE_VIA_SOCKS))
                socks_refuse(c, 0);
        else
                conn_end(c, ECONNREFUSED);
}

void conn_gave_up(struct conn *c) {
        c->decision.verdict = VERDICT_DENY;
        c->decision.rule = "network.decide";
        (void) snprintf(c->decision.why, sizeof(c->decision.why),
                        "The program gave up before the client had answered.");
        conn_event(c, false, 0);
        conn_end(c, 0);
}

void conn_fail(struct conn *c, int err) {
        conn_event(c, true, err);
        if (c->state == CONN_HTTP) {
                char why[160];
                (void) snprintf(why, sizeof(why), "%.80s cannot be reached: %.40s.", c->host.name,
                                err == ENOENT ? "there is no such name" : strerror(err));
                if (c->parent_status == 407)
                        (void) snprintf(
                                why, sizeof(why),
                                "The proxy of network.proxy wants other credentials (407).");
                else if (c->parent_status > 0)
                        (void) snprintf(why, sizeof(why),
                                        "The proxy of network.proxy answered %u for %.80s.",
                                        c->parent_status, c->host.name);
                http_answer(c, err == ETIMEDOUT ? 504 : 502, why);
        } else if (c->via == GATE_VIA_SOCKS) {
                socks_refuse(c, err);
        } else {
                conn_end(c, err);
        }
}

static void begin_tunnel(struct conn *c) {
        int r = 0;
        if (c->state == CONN_HTTP)
                r = buffer_add(&c->in.out, http_connected, strlen(http_connected));
        else if (c->via == GATE_VIA_SOCKS)
                r = socks_granted(c);
        if (r >= 0 && c->early.end > 0)
                r = buffer_add(&c->in.out, c->early.data, c->early.end);
        buffer_done(&c->early);
        if (r < 0) {
                conn_end(c, -r);
                return;
        }
        http_done(c);
        c->state = CONN_TUNNEL;
        c->sniff = c->via != GATE_VIA_LOCAL;
        timer_set(c->gate, &c->timer, TIMER_IDLE);
        conn_again(c);
}

void conn_dialed(struct conn *c, int err) {
        static const int on = 1;
        if (err == 0) {
                (void) setsockopt(c->up.fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on));
                c->connected = clock_micros();
                c->open = true;
                if (c->state == CONN_HTTP && !http_is_connect(c))
                        http_dialed(c);
                else
                        begin_tunnel(c);
        } else if (err == EACCES) {
                conn_refuse(c);
        } else {
                conn_fail(c, err);
        }
}

static void go(struct conn *c) {
        bool clear = c->state == CONN_HTTP && !http_is_connect(c);
        timer_clear(c->gate, &c->timer); /* dial.c has its own */
        dial_start(c->gate, c, clear);
}

static void on_answer(struct gate *g, struct asker *a, bool yes) {
        struct conn *c = OWNER(a, struct conn, asker);
        if (yes) {
                c->decision.rule = "network.decide";
                go(c);
                return;
        }
        c->decision.verdict = VERDICT_DENY;
        c->decision.rule = "network.decide";
        (void) snprintf(c->decision.why, sizeof(c->decision.why),
                        "The client was asked and did not allow it.");
        conn_refuse(c);
}

void conn_target(struct conn *c, const struct host *h, uint16_t port) {
        c->host = *h;
        c->port = port;
        c->address = (struct host){ .kind = HOST_NAME };
        c->started = c->gate->now;
        c->connected = 0;
        if (c->state != CONN_HTTP)
                c->state = CONN_DIALING;
        if (!quota_admits(c->sb, &c->decision)) {
                conn_refuse(c);
                return;
        }
        rules_decide(c->sb, h, port, &c->decision);
        if (c->decision.verdict == VERDICT_ALLOW) {
                go(c);
        } else if (c->decision.verdict == VERDICT_ASK) {
                timer_clear(c->gate, &c->timer);
                c->asker.fn = on_answer;
                ask(c->gate, c->sb, h, port, c->via, &c->asker);
        } else {
                conn_refuse(c);
        }
}
