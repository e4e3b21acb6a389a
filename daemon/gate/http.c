/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Clear HTTP, request by request: each is read whole, judged, and written anew; its body and the
 * answer are followed to their ends, so that nothing hides between two messages. The far connection
 * is kept while the next request goes to the same place. `fixed`: a captured connection, or a
 * tunnel to port 80, whose target is known; there Host must say the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gate.h"

#define PIECE (32u * 1024) /* of a body that is looked at */
#define BLIND (16u * 1024) /* less than that is not worth a pipe */
#define ROUNDS 32          /* steps before others get their turn */

enum { REQ_HEAD = 0, REQ_WAIT, REQ_BODY, REQ_DONE };
enum { RES_NONE = 0, RES_HEAD, RES_BODY, RES_DONE };

struct http {
        struct grave grave; /* steps look at it after they have ended it */
        bool fixed;
        bool parent;        /* requests go to the parent proxy, whole */
        bool keep;          /* the client may send another request */
        bool up_keep;       /* the server takes another one */
        bool fresh;         /* this is the first request on `up` */
        bool heard;         /* the server has answered something */
        struct buffer sent; /* its head, while it may have to be sent again */
        bool ended;         /* the client sends no more */
        uint8_t req, res;
        struct http_scan scan, res_scan;
        struct http_request q;
        size_t head_len;
        struct http_body body, res_body;
        bool unchunk; /* the answer, for a client that knows no chunks */
        struct http_asked asked;
        struct buffer from_up; /* not looked at yet */
        struct host up_host;
        uint16_t up_port;
};

int http_begin(struct conn *c, bool fixed) {
        c->http = calloc(1, sizeof(*c->http));
        if (!c->http)
                return -ENOMEM;
        c->http->fixed = fixed;
        c->http->fresh = fixed;
        c->state = CONN_HTTP;
        return 0;
}

void http_done(struct conn *c) {
        if (!c->http)
                return;
        buffer_done(&c->http->from_up);
        buffer_done(&c->http->sent);
        gate_bury(c->gate, &TAKE(c->http)->grave);
}

bool http_is_connect(const struct conn *c) {
        return c->http && c->http->q.connect;
}

static void consume(struct buffer *b, size_t n) {
        b->at += n;
        if (b->at == b->end)
                b->at = b->checked = b->end = 0;
}

static void answer(struct conn *c, const struct http_error *err) {
        char text[HTTP_MAX_ERROR];
        size_t n = 0;
        struct http *h = c->http;
        /* In the middle of an answer there is no place for another one. */
        if (h->res == RES_BODY) {
                conn_end(c, ECONNRESET);
                return;
        }
        if (http_error_write(err, text, sizeof(text), &n) < 0) {
                conn_end(c, ECONNRESET);
                return;
        }
        io_close(&c->up);
        http_done(c);
        conn_answer(c, text, n);
}

void http_answer(struct conn *c, unsigned status, const char *why) {
        const struct http_request *q = &c->http->q;
        const struct http_error err = { .status = status,
                                        .why = why,
                                        .json = q->wants_json,
                                        .head = q->head,
                                        .host = c->host.name[0] ? &c->host : NULL,
                                        .port = c->port };
        if (c->open)
                conn_event(c, true, 0);
        answer(c, &err);
}

void http_refuse(struct conn *c) {
        const struct http_request *q = &c->http->q;
        char why[sizeof(c->decision.why)];
        memcpy(why, c->decision.why, sizeof(why));
        const struct http_error err = { .status = 403,
                                        .why = why,
                                        .rule = c->decision.rule,
                                        .field = c->decision.field && c->decision.field[0]
                                                         ? c->decision.field
                                                         : NULL,
                                        .json = q->wants_json,
                                        .head = q->head,
                                        .host = &c->host,
                                        .port = c->port };
        answer(c, &err);
}

/* Does the kept connection still stand, with nothing unasked on it? */
static bool up_is_good(struct conn *c) {
        char byte;
        if (c->up.fd < 0)
                return false;
        return recv(c->up.fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

/* GET and its like, and no body: the head is all there is to repeat. */
static bool may_repeat(const struct http_request *q) {
        static const char *const methods[] = { "GET", "HEAD", "OPTIONS" };
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (q->method.len == strlen(methods[i]) &&
                    memcmp(q->method.at, methods[i], q->method.len) == 0)
                        return q->body == HTTP_BODY_NONE && !q->upgrade;
        return false;
}

/* A kept connection may end just when the next request is under way (RFC 9112 section 9.3.1). */
static bool repeat(struct conn *c) {
        struct http *h = c->http;
        if (h->fresh || h->heard || h->req != REQ_DONE || !h->sent.data)
                return false;
        conn_close_up(c);
        buffer_done(&h->from_up);
        h->req = REQ_WAIT;
        h->res = RES_NONE;
        timer_clear(c->gate, &c->timer);
        dial_start(c->gate, c, true); /* allowed already, to the same place */
        return true;
}

/* The head goes on. */
static void send_request(struct conn *c) {
        struct http *h = c->http;
        struct http_request *q = &h->q;
        struct error e = ERROR_NULL;
        const struct http_upstream up = {
                .keep_alive = true,
                .absolute = h->parent,
                .proxy_authorization = h->parent ? c->sb->parent.authorization : NULL,
        };
        size_t n;
        struct buffer *b = &c->out.out;
        if (buffer_room(b, h->head_len + HTTP_WRITE_EXTRA + 512) < 0 ||
            http_request_write(q, &up, b->data + b->end, b->size - b->end, &n, &e) < 0) {
                http_answer(c, 431, "The request's head is too large.");
                return;
        }
        b->end += n;
        b->checked = b->end;
        if (!h->fresh && may_repeat(q))
                (void) buffer_add(&h->sent, b->data + b->end - n, n);
        h->asked = (struct http_asked){ .head = q->head, .upgrade = q->upgrade, .minor = q->minor };
        h->keep = q->keep_alive;
        http_body_begin(&h->body, q->body, q->length);
        consume(&c->head, h->head_len);
        h->req = http_body_complete(&h->body) ? REQ_DONE : REQ_BODY;
        h->res = RES_HEAD;
        h->res_scan = HTTP_SCAN_NULL;
        h->heard = false;
        timer_set(c->gate, &c->timer, TIMER_IDLE);
        conn_again(c);
}

static void send_again(struct conn *c) {
        struct http *h = c->http;
        buffer_done(&c->out.out);
        c->out.out = h->sent;
        h->sent = (struct buffer){ 0 };
        h->req = REQ_DONE;
        h->res = RES_HEAD;
        h->res_scan = HTTP_SCAN_NULL;
        timer_set(c->gate, &c->timer, TIMER_IDLE);
        conn_again(c);
}

void http_dialed(struct conn *c) {
        struct http *h = c->http;
        h->up_host = c->host;
        h->up_port = c->port;
        h->parent = dial_uses_parent(c);
        h->fresh = true;
        if (h->sent.data)
                send_again(c);
        else
                send_request(c);
}

/* `fixed`: the target stands; what the request says must be that. */
static void judge_fixed(struct conn *c) {
        struct http_request *q = &c->http->q;
        if (q->connect) {
                http_answer(c, 501, "This is not a proxy.");
                return;
        }
        if (q->has_host &&
            (!rules_said(c->sb, &c->host, &q->host, c->port, "Host header", &c->decision))) {
                conn_refuse(c);
                return;
        }
        if (q->has_host && q->port != 0 && q->port != c->port) {
                http_answer(c, 421, "The Host header names another port.");
                return;
        }
        if (!q->has_host) {
                q->host = c->host;
                q->port = c->port;
                q->has_host = true;
        }
        if (!c->http->fresh && !up_is_good(c)) {
                conn_end(c, 0); /* the client asks again on a new connection */
                return;
        }
        send_request(c);
}

static void judge_proxied(struct conn *c) {
        struct http *h = c->http;
        struct http_request *q = &h->q;
        c->via = q->connect ? GATE_VIA_CONNECT : GATE_VIA_HTTP;
        if (!q->connect && q->form != HTTP_FORM_ABSOLUTE) {
                http_answer(c, 400, "This is a proxy: the request must name the whole URL.");
                return;
        }
        uint16_t port = q->port ? q->port : 80;
        if (!q->connect && h->up_port == port && host_same(&h->up_host, &q->host) &&
            up_is_good(c)) {
                send_request(c);
                return;
        }
        conn_close_up(c);
        h->req = REQ_WAIT;
        if (q->connect)
                consume(&c->head, h->head_len);
        conn_target(c, &q->host, port);
}

/* true: something was done. */
static bool step_head(struct conn *c) {
        struct http *h = c->http;
        struct error e = ERROR_NULL;
        ssize_t n = conn_read_head(c, HTTP_MAX_HEAD);
        if (n == -EPIPE)
                h->ended = true;
        else if (n < 0 && n != -EMSGSIZE) {
                conn_end(c, (int) -n);
                return true;
        }
        size_t have = c->head.end - c->head.at;
        if (have == 0) {
                if (h->ended)
                        conn_end(c, 0);
                return h->ended;
        }
        int r = http_request_read(&h->scan, c->head.data + c->head.at, have, &h->q, &e);
        if (r == 0) {
                if (h->ended)
                        conn_end(c, 0);
                else if (c->timer.class != TIMER_HEAD || c->timer.due == 0)
                        timer_set(c->gate, &c->timer, TIMER_HEAD);
                return h->ended;
        }
        if (r < 0) {
                memset(&h->q, 0, sizeof(h->q));
                http_answer(c, http_status(r), e.message);
                return true;
        }
        h->head_len = (size_t) r;
        h->scan = HTTP_SCAN_NULL;
        if (h->fixed)
                judge_fixed(c);
        else
                judge_proxied(c);
        return true;
}

/* Of `n` bytes `taken` are the body's, and `data` of them go on. */
static int feed(struct http_body *body, char *bytes, size_t n, bool plain, size_t *taken,
                size_t *data) {
        struct error e = ERROR_NULL;
        if (plain)
                return http_body_unchunk(body, bytes, n, taken, data, &e);
        int r = http_body_feed(body, bytes, n, taken, &e);
        if (r >= 0)
                *data = *taken;
        return r;
}

/* One direction of bodies, `plain`: without its chunks. `left` are bytes that were read already. 1:
 * complete, 0: not now, 2: something moved, < 0. */
static int step_body(struct conn *c, struct half *half, struct http_body *body, bool plain,
                     struct buffer *left) {
        struct error e = ERROR_NULL;
        size_t taken, data;
        int r = half_flush(c->gate, half);
        if (r <= 0)
                return r;
        if (http_body_complete(body) && half->in_pipe == 0)
                return 1;
        if (left->end > left->at) {
                size_t n = left->end - left->at;
                r = feed(body, left->data + left->at, n, plain, &taken, &data);
                if (r < 0)
                        return r;
                if (buffer_add(&half->out, left->data + left->at, data) < 0)
                        return -ENOMEM;
                consume(left, taken);
                return 2;
        }
        uint64_t blind = http_body_blind(body);
        if (blind >= BLIND || half->in_pipe > 0) {
                int64_t n = half_move(c->gate, half, blind);
                if (n > 0)
                        http_body_skip(body, (uint64_t) n);
                if (half->in_pipe == 0)
                        half_release(c->gate, half);
                if (n == 0 && half->ended && half->in_pipe == 0)
                        return http_body_end(body, &e) < 0 ? -ECONNRESET : 1;
                return n < 0 ? (int) n : n > 0 ? 2 : 0;
        }
        if (!(half->from->ready & IO_IN) || quota_room(c->gate, half->quota) == 0)
                return 0;
        if (buffer_room(&half->out, PIECE) < 0)
                return -ENOMEM;
        char *at = half->out.data + half->out.end;
        ssize_t n = recv(half->from->fd, at, PIECE, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                if (errno == EAGAIN)
                        half->from->ready &= ~IO_IN;
                return 0;
        }
        if (n < 0)
                return -errno;
        if (n == 0)
                return http_body_end(body, &e) < 0 ? -ECONNRESET : 1;
        r = feed(body, at, (size_t) n, plain, &taken, &data);
        if (r < 0)
                return r;
        half->out.end += data;
        half->out.checked = half->out.end;
        if (taken < (size_t) n && buffer_add(left, at + taken, (size_t) n - taken) < 0)
                return -ENOMEM;
        return 2;
}

static void become_tunnel(struct conn *c) {
        struct http *h = c->http;
        int r = buffer_add(&c->out.out, c->head.data + c->head.at, c->head.end - c->head.at);
        if (r >= 0)
                r = buffer_add(&c->in.out, h->from_up.data + h->from_up.at,
                               h->from_up.end - h->from_up.at);
        if (r < 0) {
                conn_end(c, -r);
                return;
        }
        buffer_done(&c->head);
        c->out.ended = h->ended;
        http_done(c);
        c->state = CONN_TUNNEL;
        c->sniff = false; /* judged by its Host */
        timer_set(c->gate, &c->timer, TIMER_IDLE);
        conn_again(c);
}

static void no_answer(struct conn *c) {
        http_answer(c, 502, "The server closed the connection without a whole answer.");
}

static void got_response(struct conn *c, struct http_response *p, size_t len) {
        struct http *h = c->http;
        struct error e = ERROR_NULL;
        struct buffer *b = &c->in.out;
        size_t n;
        bool keep = h->keep && p->body != HTTP_BODY_UNTIL_CLOSE && !p->unchunk;
        if (buffer_room(b, len + HTTP_WRITE_EXTRA + 512) < 0 ||
            http_response_write(p, keep || p->interim, b->data + b->end, b->size - b->end, &n, &e) <
                    0) {
                no_answer(c);
                return;
        }
        b->end += n;
        b->checked = b->end;
        consume(&h->from_up, len);
        h->res_scan = HTTP_SCAN_NULL;
        if (p->interim)
                return;
        if (p->tunnel) {
                become_tunnel(c);
                return;
        }
        h->keep = keep;
        h->unchunk = p->unchunk;
        h->up_keep = p->keep_alive;
        http_body_begin(&h->res_body, p->body, p->length);
        h->res = RES_BODY;
}

static bool step_response(struct conn *c) {
        struct http *h = c->http;
        struct buffer *b = &h->from_up;
        struct http_response p;
        struct error e = ERROR_NULL;
        bool ended = false;

        if (c->up.ready & IO_IN) {
                if (buffer_room(b, 4096) < 0) {
                        conn_end(c, ENOMEM);
                        return true;
                }
                ssize_t n = recv(c->up.fd, b->data + b->end, b->size - b->end, 0);
                if (n > 0)
                        b->end += (size_t) n;
                else if (n < 0 && errno == EAGAIN)
                        c->up.ready &= ~IO_IN;
                else if (n == 0 || errno != EINTR)
                        ended = true;
        }
        if (b->end == b->at) {
                if (ended && !repeat(c))
                        no_answer(c);
                return ended;
        }
        h->heard = true;
        buffer_done(&h->sent);
        int r = http_response_read(&h->res_scan, b->data + b->at, b->end - b->at, &h->asked, &p,
                                   &e);
        if (r == 0 && !ended && b->end - b->at <= HTTP_MAX_HEAD)
                return (c->up.ready & IO_IN) != 0;
        if (r <= 0) {
                no_answer(c);
                return true;
        }
        got_response(c, &p, (size_t) r);
        return true;
}

/* Both are through: the next request, or the end. */
static bool step_next(struct conn *c) {
        struct http *h = c->http;
        if (half_flush(c->gate, &c->in) <= 0)
                return false;
        if (!h->keep || h->ended) {
                conn_close_up(c);
                http_done(c);
                conn_answer(c, "", 0);
                return true;
        }
        if (!h->up_keep || h->from_up.end > h->from_up.at) {
                if (h->fixed) {
                        conn_close_up(c);
                        http_done(c);
                        conn_answer(c, "", 0);
                        return true;
                }
                conn_close_up(c);
        }
        buffer_done(&h->from_up);
        buffer_done(&c->in.out);
        buffer_done(&c->out.out);
        h->req = REQ_HEAD;
        h->res = RES_NONE;
        h->fresh = false;
        timer_set(c->gate, &c->timer, TIMER_KEEP);
        return c->head.end > c->head.at || (c->client.ready & IO_IN);
}

static bool step(struct conn *c) {
        struct http *h = c->http;
        bool moved = false;
        int r = half_flush(c->gate, &c->in);
        if (r < 0) {
                conn_end(c, -r);
                return true;
        }
        if (h->req == REQ_HEAD)
                return step_head(c);
        if (h->req == REQ_WAIT) {
                /* A half-close is the client's right, but somebody is not to be asked for one that
                 * has gone, and nothing else would tell. */
                if (c->asker.waits_for && (c->client.ready & IO_HUP))
                        conn_gave_up(c);
                return false;
        }
        if (h->req == REQ_BODY) {
                r = step_body(c, &c->out, &h->body, false, &c->head);
                if (r == 1)
                        h->req = REQ_DONE;
                if (r < 0) { /* no more of it; the server may have answered already */
                        h->req = REQ_DONE;
                        h->keep = false;
                        if (r == -EPROTO || r == -EMSGSIZE) {
                                conn_end(c, EPROTO);
                                return true;
                        }
                }
                moved = r != 0;
        } else if (half_flush(c->gate, &c->out) < 0) {
                h->keep = false;
                c->out.out.at = c->out.out.checked = c->out.out.end = 0;
        }
        if (h->res == RES_HEAD) {
                if (step_response(c))
                        return true;
        } else if (h->res == RES_BODY) {
                r = step_body(c, &c->in, &h->res_body, h->unchunk, &h->from_up);
                if (r < 0) {
                        conn_end(c, ECONNRESET);
                        return true;
                }
                if (r == 1)
                        h->res = RES_DONE;
                moved |= r != 0;
        }
        if (h->res == RES_DONE && h->req != REQ_DONE && !h->up_keep)
                h->req = REQ_DONE, h->keep = false;
        if (h->res == RES_DONE && h->req == REQ_DONE)
                return step_next(c);
        return moved;
}

void http_run(struct conn *c) {
        for (unsigned i = 0; i < ROUNDS; i++)
                if (c->dead || c->state != CONN_HTTP || !step(c))
                        return;
        conn_again(c);
}
