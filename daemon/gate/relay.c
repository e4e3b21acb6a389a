/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes from one side to the other. What flows is not copied: splice(2) moves pages from socket to
 * pipe to socket. What comes in small pieces is, since two calls for a copy are cheaper than three
 * for pages. A pipe belongs to a direction only while something is in it, so an idle tunnel holds
 * two sockets and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate.h"

#define PIPE_BYTES (256 * 1024) /* of one splice; the usual limit of a user is 64 MiB in all */
#define COPY_BYTES (16u * 1024) /* a piece that is larger, and the direction flows */

int buffer_room(struct buffer *b, size_t n) {
        if (b->size - b->end >= n)
                return 0;
        if (b->at > 0) {
                memmove(b->data, b->data + b->at, b->end - b->at);
                b->end -= b->at;
                b->checked -= b->at;
                b->at = 0;
                if (b->size - b->end >= n)
                        return 0;
        }
        size_t size = b->size ? b->size : GATE_BUFFER;
        while (size - b->end < n)
                size *= 2;
        char *more = realloc(b->data, size);
        if (!more)
                return -ENOMEM;
        b->data = more;
        b->size = size;
        return 0;
}

int buffer_add(struct buffer *b, const void *data, size_t n) {
        int r = buffer_room(b, n);
        if (r < 0)
                return r;
        memcpy(b->data + b->end, data, n);
        b->end += n;
        b->checked = b->end;
        return 0;
}

void buffer_done(struct buffer *b) {
        free(b->data);
        *b = (struct buffer){ 0 };
}

static void carried(struct gate *g, struct half *h, size_t n) {
        h->bytes += n;
        quota_spend(g, h->quota, n);
}

int half_flush(struct gate *g, struct half *h) {
        struct buffer *b = &h->out;
        while (b->at < b->checked) {
                if (!(h->to->ready & IO_OUT))
                        return 0;
                ssize_t n = send(h->to->fd, b->data + b->at, b->checked - b->at, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        h->to->ready &= ~IO_OUT;
                        return 0;
                }
                if (n < 0)
                        return -errno;
                b->at += (size_t) n;
                carried(g, h, (size_t) n);
        }
        if (b->at == b->end)
                b->at = b->checked = b->end = 0;
        return 1;
}

static int take_pipe(struct gate *g, struct half *h) {
        if (h->pipe[0] >= 0)
                return 0;
        if (g->n_pipes > 0) {
                g->n_pipes--;
                memcpy(h->pipe, g->pipes[g->n_pipes], sizeof(h->pipe));
                return 0;
        }
        if (pipe2(h->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
                h->pipe[0] = h->pipe[1] = -1;
                return -errno;
        }
        /* Beyond a user's share the kernel refuses (pipe(7)); then each turn moves less. */
        (void) fcntl(h->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
        return 0;
}

void half_release(struct gate *g, struct half *h) {
        if (h->pipe[0] < 0)
                return;
        if (h->in_pipe == 0 && g->n_pipes < GATE_PIPES) {
                memcpy(g->pipes[g->n_pipes++], h->pipe, sizeof(h->pipe));
        } else {
                close(h->pipe[0]);
                close(h->pipe[1]);
        }
        h->pipe[0] = h->pipe[1] = -1;
        h->in_pipe = 0;
}

void half_done(struct gate *g, struct half *h) {
        half_release(g, h);
        buffer_done(&h->out);
}

static int64_t drain_pipe(struct gate *g, struct half *h) {
        while (h->in_pipe > 0) {
                if (!(h->to->ready & IO_OUT))
                        return 0;
                ssize_t n = splice(h->pipe[0], NULL, h->to->fd, NULL, h->in_pipe,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        h->to->ready &= ~IO_OUT;
                        return 0;
                }
                if (n <= 0)
                        return n < 0 ? -errno : -EPIPE;
                h->in_pipe -= (size_t) n;
                carried(g, h, (size_t) n);
        }
        return 1;
}

/* recv(2) or splice(2): > 0, 0 nothing now or the end, < 0. */
static int64_t got(struct half *h, ssize_t n) {
        if (n > 0)
                return n;
        if (n == 0)
                h->ended = true;
        else if (errno == EAGAIN)
                h->from->ready &= ~IO_IN;
        else
                return -errno;
        return 0;
}

static int64_t copy(struct gate *g, struct half *h, size_t max) {
        ssize_t n;
        do
                n = recv(h->from->fd, g->scratch, max, 0);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return got(h, n);
        h->flows = (size_t) n >= COPY_BYTES;
        if ((size_t) n < max && !(h->from->ready & IO_HUP))
                h->from->ready &= ~IO_IN; /* epoll(7): less than asked for is all */
        ssize_t sent =
                h->to->ready & IO_OUT ? send(h->to->fd, g->scratch, (size_t) n, MSG_NOSIGNAL) : 0;
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;
        if (sent < 0)
                sent = 0; /* half_flush() finds out why */
        carried(g, h, (size_t) sent);
        if (sent < n && buffer_add(&h->out, g->scratch + sent, (size_t) (n - sent)) < 0)
                return -ENOMEM;
        return n;
}

int64_t half_move(struct gate *g, struct half *h, uint64_t max) {
        int64_t r = h->in_pipe > 0 ? drain_pipe(g, h) : half_flush(g, h);
        if (r <= 0)
                return r;
        if (h->ended || !(h->from->ready & IO_IN))
                return 0;
        uint64_t room = quota_room(g, h->quota);
        if (room == 0)
                return 0;
        if (max > room)
                max = room;
        if (!h->flows)
                return copy(g, h, max < GATE_SCRATCH ? (size_t) max : GATE_SCRATCH);
        r = take_pipe(g, h);
        if (r < 0)
                return r;
        ssize_t n;
        do
                n = splice(h->from->fd, NULL, h->pipe[1], NULL, max < PIPE_BYTES ? max : PIPE_BYTES,
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return got(h, n);
        h->flows = (size_t) n >= COPY_BYTES;
        h->in_pipe += (size_t) n;
        r = drain_pipe(g, h);
        return r < 0 ? r : n;
}

/* 1: it would like another turn, 0: not before something happens, < 0: broken. */
static int run_half(struct gate *g, struct half *h, const struct half *other) {
        int r = half_flush(g, h);
        if (r <= 0)
                return r;
        if (h->out.data)
                buffer_done(&h->out);
        for (unsigned i = 0; i < GATE_ROUNDS; i++) {
                int64_t n = half_move(g, h, UINT64_MAX);
                if (n < 0)
                        return (int) n;
                if (n > 0)
                        continue;
                bool waits = h->in_pipe > 0 || h->out.end > h->out.at;
                if (!waits)
                        half_done(g, h);
                if (h->ended && !waits && !h->shut) {
                        h->shut = true;
                        if (!other->shut) /* else both are closed at once */
                                (void) shutdown(h->to->fd, SHUT_WR);
                }
                return 0;
        }
        return 1;
}

/* Until the first words of the program are judged only the other direction flows. 1: judged. */
static int run_sniff(struct conn *c) {
        ssize_t n = conn_read_head(c, TLS_BYTES_SNIFFED);
        if (n < 0 && n != -EPIPE && n != -EMSGSIZE)
                return (int) n;
        bool ended = n == -EPIPE;
        size_t have = c->head.end - c->head.at;
        if (have == 0 && !ended)
                return 0;
        int r = sniff(c, ended);
        if (r < 0) {
                conn_refuse(c);
                return 0;
        }
        if (r == SNIFF_MORE) {
                timer_set(c->gate, &c->timer, TIMER_HEAD);
                return 0;
        }
        c->sniff = false;
        if (r == SNIFF_HTTP) {
                if (http_begin(c, true) < 0)
                        conn_end(c, ENOMEM);
                else
                        conn_again(c);
                return 0;
        }
        c->out.out = c->head; /* moved: nothing is copied */
        c->out.out.checked = c->out.out.end;
        c->head = (struct buffer){ 0 };
        c->out.ended = ended;
        return 1;
}

void relay_run(struct conn *c) {
        struct gate *g = c->gate;
        uint64_t before = c->in.bytes + c->out.bytes;
        int r = c->sniff ? run_sniff(c) : 1, s;
        if (c->dead || c->state != CONN_TUNNEL)
                return;
        if (r > 0)
                r = run_half(g, &c->out, &c->in);
        s = r >= 0 ? run_half(g, &c->in, &c->out) : 0;
        if (r < 0 || s < 0) {
                conn_end(c, r < 0 ? -r : -s);
                return;
        }
        if (c->in.shut && c->out.shut) {
                conn_end(c, 0);
                return;
        }
        if (r > 0 || s > 0)
                conn_again(c);
        bool waits = c->sniff && c->head.end > c->head.at;
        if (!waits && (c->in.bytes + c->out.bytes != before || c->timer.due == 0 ||
                       c->timer.class != TIMER_IDLE))
                timer_set(g, &c->timer, TIMER_IDLE);
}
