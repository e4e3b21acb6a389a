/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From a target to a connected socket: resolve, judge every address, connect to exactly those, both
 * families in turn and 250 ms apart (RFC 8305, the part of it that matters). With a parent proxy
 * the name goes to it instead, and what the name leads to is the parent's business; so names alone
 * are judged there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate.h"

#define ATTEMPTS 3               /* at once: one that hangs, one that hangs, too, and one more */
#define PARENT_HEAD (16u * 1024) /* of the parent's answer: some send a page with it */

/* The first one connects the connection's own descriptor, so that nothing has to be moved when it
 * wins, which it does nearly always. */
struct attempt {
        struct io own, *io; /* `own`, or the connection's; NULL: taken over */
        struct dial *dial;
        struct host address;
};

struct dial {
        struct grave grave;
        struct conn *conn;
        struct gate *gate;
        struct lookup lookup;
        struct timer timer, delay;
        bool parent, plain; /* through the parent; and it gets whole requests, no CONNECT */
        struct host addresses[GATE_DIAL_ADDRESSES];
        size_t n, next;
        struct attempt attempts[ATTEMPTS];
        int err; /* of the first address that failed */
        /* the parent's answer */
        struct attempt *winner;
        struct buffer head;
        struct http_scan scan;
};

static void dial_close(struct gate *g, struct dial *d) {
        resolve_cancel(&d->lookup);
        timer_clear(g, &d->timer);
        timer_clear(g, &d->delay);
        for (size_t i = 0; i < ATTEMPTS; i++)
                if (d->attempts[i].io)
                        io_close(d->attempts[i].io);
        buffer_done(&d->head);
        gate_bury(g, &d->grave);
}

void dial_cancel(struct gate *g, struct dial *d) {
        dial_close(g, d);
}

static void failed(struct dial *d, int err) {
        struct conn *c = d->conn;
        dial_close(d->gate, d);
        c->dial = NULL;
        conn_dialed(c, err);
}

static void won(struct dial *d, struct attempt *a) {
        struct conn *c = d->conn;
        int r = 0;
        c->address = a->address;
        if (a->io == &c->up) {
                c->up.fn = conn_on_up;
                a->io = NULL;
        } else {
                io_close(&c->up);
                d->attempts[0].io = NULL;
                r = io_move(d->gate, &a->own, &c->up, conn_on_up);
                c->up.ready = IO_IN | IO_OUT; /* what is not so is found out */
        }
        dial_close(d->gate, d);
        c->dial = NULL;
        conn_dialed(c, -r);
}

static void try_next(struct dial *d);

static void attempt_failed(struct dial *d, struct attempt *a, int err) {
        io_close(a->io);
        if (d->err == 0)
                d->err = err;
        for (size_t i = 0; i < ATTEMPTS; i++)
                if (d->attempts[i].io->fd >= 0 && d->next >= d->n)
                        return; /* another one is under way, and it is the last */
        try_next(d);
}

static void parent_run(struct dial *d);

static void attempt_run(struct gate *g, struct attempt *a) {
        struct io *io = a->io;
        struct dial *d = a->dial;
        int error = 0;
        socklen_t len = sizeof(error);

        if (d->winner) {
                parent_run(d);
                return;
        }
        if (!(io->ready & IO_OUT))
                return;
        if ((io->ready & IO_HUP) && getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        if (error) {
                attempt_failed(d, a, error);
                return;
        }
        if (d->parent && !d->plain) {
                d->winner = a;
                timer_clear(g, &d->delay);
                for (size_t i = 0; i < ATTEMPTS; i++)
                        if (&d->attempts[i] != a)
                                io_close(d->attempts[i].io);
                parent_run(d);
                return;
        }
        won(d, a);
}

static void on_first(struct gate *g, struct io *io) {
        attempt_run(g, &OWNER(io, struct conn, up)->dial->attempts[0]);
}

static void on_other(struct gate *g, struct io *io) {
        attempt_run(g, OWNER(io, struct attempt, own));
}

static socklen_t to_sockaddr(const struct host *h, uint16_t port, struct sockaddr_storage *ret) {
        memset(ret, 0, sizeof(*ret));
        if (h->kind == HOST_IPV4) {
                struct sockaddr_in *in = (void *) ret;
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                memcpy(&in->sin_addr, h->addr, 4);
                return sizeof(*in);
        }
        struct sockaddr_in6 *in6 = (void *) ret;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, h->addr, 16);
        return sizeof(*in6);
}

/* 1: under way, or done (then `d` is gone), < 0: this address will not do. */
static int attempt(struct dial *d, struct attempt *a, const struct host *address) {
        struct sockaddr_storage ss;
        uint16_t port = d->parent ? d->conn->sb->parent.port : d->conn->port;
        socklen_t len = to_sockaddr(address, port, &ss);
        int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (void *) &ss, len) < 0 && errno != EINPROGRESS) {
                int r = -errno;
                close(fd);
                return r;
        }
        int r = io_open(d->gate, a->io, fd, a == d->attempts ? on_first : on_other);
        if (r < 0) {
                close(fd);
                return r;
        }
        a->address = *address;
        return 1;
}

static void try_next(struct dial *d) {
        struct attempt *a = NULL;
        bool busy = false;
        for (size_t i = 0; i < ATTEMPTS; i++) {
                if (d->attempts[i].io->fd >= 0)
                        busy = true;
                else if (!a)
                        a = &d->attempts[i];
        }
        while (a && d->next < d->n) {
                int r = attempt(d, a, &d->addresses[d->next++]);
                if (r > 0) {
                        if (d->next < d->n)
                                timer_set(d->gate, &d->delay, TIMER_DELAY);
                        return;
                }
                if (d->err == 0)
                        d->err = -r;
        }
        if (!busy && d->next >= d->n)
                failed(d, d->err ? d->err : EHOSTUNREACH);
}

static void on_delay(struct gate *g, struct timer *t) {
        try_next(OWNER(t, struct dial, delay));
}

static void on_timer(struct gate *g, struct timer *t) {
        failed(OWNER(t, struct dial, timer), ETIMEDOUT);
}

/* The parent's answer to CONNECT. What comes behind it is the far end's. */
static void parent_run(struct dial *d) {
        struct io *io = d->winner->io;
        struct conn *c = d->conn;
        struct error e = ERROR_NULL;
        char request[1024];
        size_t n;

        if (!d->head.data) {
                if (buffer_room(&d->head, PARENT_HEAD) < 0 ||
                    http_connect_write(&c->host, c->port, c->sb->parent.authorization, request,
                                       sizeof(request), &n, &e) < 0 ||
                    send(io->fd, request, n, MSG_NOSIGNAL) != (ssize_t) n) {
                        failed(d, EPROTO);
                        return;
                }
        }
        while (io->ready & IO_IN) {
                if (d->head.end >= PARENT_HEAD) {
                        failed(d, EPROTO);
                        return;
                }
                ssize_t got =
                        recv(io->fd, d->head.data + d->head.end, PARENT_HEAD - d->head.end, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EAGAIN) {
                        io->ready &= ~IO_IN;
                        return;
                }
                if (got <= 0) {
                        failed(d, got < 0 ? errno : EPROTO);
                        return;
                }
                d->head.end += (size_t) got;
                const struct http_asked asked = { .connect = true, .minor = 1 };
                struct http_response p;
                int r = http_response_read(&d->scan, d->head.data, d->head.end, &asked, &p, &e);
                if (r == 0)
                        continue;
                if (r < 0 || !p.tunnel) {
                        /* It has rules of its own, or wants credentials. */
                        c->parent_status = r < 0 ? 0 : (uint16_t) p.status;
                        failed(d, r < 0 ? EPROTO : p.status == 504 ? ETIMEDOUT : EHOSTUNREACH);
                        return;
                }
                if (d->head.end > (size_t) r &&
                    buffer_add(&c->early, d->head.data + r, d->head.end - (size_t) r) < 0) {
                        failed(d, ENOMEM);
                        return;
                }
                won(d, d->winner);
                return;
        }
}

/* Both families in turn, beginning with what the resolver put first. */
static void interleave(struct dial *d, const struct host *from, size_t n) {
        size_t at[2] = { 0, 0 };
        unsigned turn = n > 0 && from[0].kind == HOST_IPV6;
        while (d->n < GATE_DIAL_ADDRESSES) {
                bool found = false;
                for (unsigned k = 0; k < 2 && !found; k++) {
                        unsigned family = (turn + k) % 2;
                        int kind = family ? HOST_IPV6 : HOST_IPV4;
                        while (at[family] < n && (int) from[at[family]].kind != kind)
                                at[family]++;
                        if (at[family] >= n)
                                continue;
                        d->addresses[d->n++] = from[at[family]++];
                        turn = family + 1;
                        found = true;
                }
                if (!found)
                        return;
        }
}

static void on_lookup(struct gate *g, struct lookup *l, const struct answer *a) {
        struct dial *d = OWNER(l, struct dial, lookup);
        struct conn *c = d->conn;
        struct host good[DNS_MAX_ADDRESSES];
        size_t n = 0;

        if (a->n == 0) {
                failed(d, a->rcode == DNS_NXDOMAIN  ? ENOENT
                          : a->rcode == DNS_NOERROR ? EADDRNOTAVAIL
                                                    : ETIMEDOUT);
                return;
        }
        struct decision refused = c->decision;
        for (size_t i = 0; i < a->n; i++) {
                if (d->parent ||
                    rules_address(c->sb, &c->host, &a->addresses[i], c->port, &refused))
                        good[n++] = a->addresses[i];
                else
                        c->address = a->addresses[i];
        }
        if (n == 0) {
                c->decision = refused;
                failed(d, EACCES);
                return;
        }
        interleave(d, good, n);
        try_next(d);
}

static bool is_exempt(const struct parent_proxy *p, const struct host *h, uint16_t port) {
        if (p->never)
                return true;
        for (size_t i = 0; i < p->n_exceptions; i++)
                if (host_rule_matches(&p->exceptions[i], h, port))
                        return true;
        return false;
}

bool dial_uses_parent(const struct conn *c) {
        const struct parent_proxy *p = &c->sb->parent;
        return p->set && !rules_is_local(&c->host) && !is_exempt(p, &c->host, c->port);
}

static void add(struct dial *d, const char *address) {
        (void) host_parse(address, strlen(address), &d->addresses[d->n], NULL);
        d->n++;
}

void dial_start(struct gate *g, struct conn *c, bool parent_http) {
        struct dial *d = calloc(1, sizeof(*d));
        if (!d) {
                conn_dialed(c, ENOMEM);
                return;
        }
        d->conn = c;
        c->parent_status = 0;
        d->gate = g;
        d->timer.fn = on_timer;
        d->delay.fn = on_delay;
        d->lookup.fn = on_lookup;
        for (size_t i = 0; i < ATTEMPTS; i++)
                d->attempts[i] = (struct attempt){ .own = { .fd = -1 },
                                                   .io = &d->attempts[i].own,
                                                   .dial = d };
        d->attempts[0].io = &c->up;
        d->parent = dial_uses_parent(c);
        d->plain = d->parent && parent_http;
        c->dial = d;
        timer_set(g, &d->timer, TIMER_CONNECT);

        const struct host *h = d->parent ? &c->sb->parent.host : &c->host;
        if (d->parent && rules_is_local(h) && h->kind == HOST_NAME) {
                add(d, "127.0.0.1");
                add(d, "::1");
        } else if (h->kind != HOST_NAME) {
                d->addresses[d->n++] = *h; /* judged by rules_decide() already */
        } else if (rules_is_local(h)) {
                add(d, "127.0.0.1");
                add(d, "::1");
        } else {
                resolve(g, c->sb, h, &d->lookup);
                return;
        }
        try_next(d);
}
