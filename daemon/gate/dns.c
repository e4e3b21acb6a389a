/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What programs get when they look a name up. A denied name does not exist, and no packet leaves
 * for it. An allowed one gets an address of ours when the real servers know it, so that a name with
 * a typing error fails where it always does. Everything but addresses is answered with "there is
 * none of that": nothing else can be used through the gate.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate.h"

#define TTL 60          /* s of ours: the name, not the address, is what is asked for again */
#define TTL_DENIED 5    /* s: an answer to "ask", or a new rule, may come */
#define PENDING_MAX 256 /* of one sandbox */
#define DATAGRAMS_AT_ONCE 32
#define STREAMS_MAX 64 /* of one sandbox */

/* Where an answer goes: a datagram's sender, or a stream. */
struct dns_query_pending {
        struct grave grave;
        LIST_ENTRY(dns_query_pending) link;
        struct gate *gate;
        struct sandbox *sb;
        struct lookup lookup;
        struct dns_query q;
        struct dns_stream *stream; /* NULL: datagram */
        struct io *io;
        struct sockaddr_storage from;
        socklen_t from_len;
        union {
                struct in_pktinfo v4;
                struct in6_pktinfo v6;
        } to;       /* the address that was asked */
        int family; /* of `to`; 0: not known */
};

struct dns_stream {
        struct grave grave;
        LIST_ENTRY(dns_stream) link;
        struct io io;
        struct sandbox *sb;
        struct timer timer;
        struct dns_query_pending *pending; /* one at a time */
        uint8_t *in;
        size_t len;
        bool dead;
        bool running; /* stream_run() is at it */
};

static void stream_end(struct gate *g, struct dns_stream *s);
static void stream_run(struct gate *g, struct io *io);

static void event(struct gate *g, struct sandbox *sb, const struct host *h,
                  const struct decision *d) {
        struct gate_frame f = GATE_FRAME(GATE_EVENT);
        f.sandbox = sb->number;
        f.via = GATE_VIA_DNS;
        f.verdict = GATE_DENIED;
        memcpy(f.host, h->name, sizeof(f.host));
        (void) snprintf(f.rule, sizeof(f.rule), "%s", d->rule ? d->rule : "");
        (void) snprintf(f.field, sizeof(f.field), "%s", d->field ? d->field : "");
        (void) snprintf(f.why, sizeof(f.why), "%s", d->why);
        control_send(g, &f);
}

static void send_datagram(const struct dns_query_pending *p, const uint8_t *data, size_t n) {
        struct iovec iov = { (void *) (uintptr_t) data, n };
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        } control = { .space = { 0 } };
        struct msghdr m = { .msg_name = (void *) (uintptr_t) &p->from,
                            .msg_namelen = p->from_len,
                            .msg_iov = &iov,
                            .msg_iovlen = 1 };
        if (p->family) {
                size_t size = p->family == AF_INET ? sizeof(p->to.v4) : sizeof(p->to.v6);
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(size);
                struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
                cm->cmsg_level = p->family == AF_INET ? SOL_IP : SOL_IPV6;
                cm->cmsg_type = p->family == AF_INET ? IP_PKTINFO : IPV6_PKTINFO;
                cm->cmsg_len = CMSG_LEN(size);
                memcpy(CMSG_DATA(cm), &p->to, size);
        }
        (void) sendmsg(p->io->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT); /* lost ones are asked again */
}

/* Answers, and frees. */
static void reply(struct gate *g, struct dns_query_pending *p, const struct dns_reply *r) {
        uint8_t buf[DNS_MAX_UDP + 512];
        size_t n, max = p->stream ? DNS_MAX_UDP : dns_udp_room(&p->q);
        struct dns_stream *s = p->stream;
        resolve_cancel(&p->lookup);
        LIST_REMOVE(p, link);
        p->sb->n_pending--;
        if (dns_reply_write(&p->q, r, max, buf + 2, sizeof(buf) - 2, &n) >= 0) {
                if (!s) {
                        send_datagram(p, buf + 2, n);
                } else if (!s->dead) {
                        dns_tcp_prefix(n, buf);
                        s->pending = NULL;
                        if (send(s->io.fd, buf, n + 2, MSG_NOSIGNAL) != (ssize_t) n + 2)
                                stream_end(g, s);
                }
        }
        gate_bury(g, &p->grave);
        if (s && !s->dead) {
                s->pending = NULL;
                s->io.ready |= IO_IN;
                if (!s->running)
                        stream_run(g, &s->io);
        }
}

static void reply_code(struct gate *g, struct dns_query_pending *p, enum dns_rcode rcode,
                       uint32_t ttl) {
        const struct dns_reply r = { .rcode = rcode, .ttl = ttl };
        reply(g, p, &r);
}

static void reply_address(struct gate *g, struct dns_query_pending *p, const struct host *a,
                          uint32_t ttl) {
        const struct dns_reply r = {
                .rcode = DNS_NOERROR, .ttl = ttl, .addresses = a, .n_addresses = 1
        };
        reply(g, p, &r);
}

static void reply_synthetic(struct gate *g, struct dns_query_pending *p) {
        struct host a;
        uint32_t number;
        bool v6 = p->q.type == DNS_AAAA;
        if ((p->q.type != DNS_A && !v6) || (v6 && !p->sb->captures6)) {
                reply_code(g, p, DNS_NOERROR, TTL);
                return;
        }
        if (names_number(p->sb->names, &p->q.host, &number) < 0) {
                reply_code(g, p, DNS_SERVFAIL, 0);
                return;
        }
        names_address(number, v6, &a);
        reply_address(g, p, &a, TTL);
}

static void on_lookup(struct gate *g, struct lookup *l, const struct answer *a) {
        struct dns_query_pending *p = OWNER(l, struct dns_query_pending, lookup);
        if (a->n > 0)
                reply_synthetic(g, p);
        else
                reply_code(g, p, a->rcode, a->ttl);
}

static void reply_localhost(struct gate *g, struct dns_query_pending *p) {
        static const uint8_t six[16] = { [15] = 1 }, four[4] = { 127, 0, 0, 1 };
        struct host a;
        if (p->q.type != DNS_A && p->q.type != DNS_AAAA) {
                reply_code(g, p, DNS_NOERROR, TTL);
                return;
        }
        if (p->q.type == DNS_AAAA)
                host_from_ipv6(six, &a);
        else
                host_from_ipv4(four, &a);
        reply_address(g, p, &a, TTL);
}

static bool answer_ptr(struct gate *g, struct dns_query_pending *p) {
        struct host address, name;
        if (dns_query_ptr(&p->q, &address) < 0)
                return false;
        if (names_find(p->sb->names, &address, &name) <= 0) {
                reply_code(g, p, DNS_NXDOMAIN, TTL);
                return true;
        }
        const struct dns_reply r = { .rcode = DNS_NOERROR, .ttl = TTL, .ptr = &name };
        reply(g, p, &r);
        return true;
}

static void answer(struct gate *g, struct dns_query_pending *p) {
        struct decision d;
        if (p->q.class != 1) { /* IN */
                reply_code(g, p, DNS_REFUSED, 0);
                return;
        }
        if (answer_ptr(g, p))
                return;
        if (!p->q.has_host || p->q.host.kind != HOST_NAME) {
                reply_code(g, p, DNS_NXDOMAIN, TTL);
                return;
        }
        if (rules_is_local(&p->q.host)) {
                reply_localhost(g, p); /* the sandbox's own (RFC 6761 section 6.3) */
                return;
        }
        rules_decide(p->sb, &p->q.host, 0, &d);
        if (d.verdict == VERDICT_DENY) {
                event(g, p->sb, &p->q.host, &d);
                reply_code(g, p, DNS_NXDOMAIN, TTL_DENIED);
        } else if (d.verdict == VERDICT_ASK || p->sb->parent.set) {
                /* Nothing may leave before the client has said yes; and behind a parent proxy the
                 * host's own servers often know no public name. */
                reply_synthetic(g, p);
        } else {
                p->lookup.fn = on_lookup;
                resolve(g, p->sb, &p->q.host, &p->lookup);
        }
}

/* false: no room, or not a question. */
static bool begin(struct gate *g, struct dns_query_pending *p, const uint8_t *data, size_t n) {
        struct error e = ERROR_NULL;
        int r = dns_query_parse(data, n, &p->q, &e);
        if (r < 0 || p->sb->n_pending >= PENDING_MAX)
                return false;
        p->gate = g;
        LIST_INSERT_HEAD(&p->sb->pending, p, link);
        p->sb->n_pending++;
        if (p->stream)
                p->stream->pending = p;
        if (r > 0)
                reply_code(g, p, (enum dns_rcode) r, 0);
        else
                answer(g, p);
        return true;
}

static void read_pktinfo(struct msghdr *m, struct dns_query_pending *p) {
        for (struct cmsghdr *cm = CMSG_FIRSTHDR(m); cm; cm = CMSG_NXTHDR(m, cm)) {
                if (cm->cmsg_level == SOL_IP && cm->cmsg_type == IP_PKTINFO) {
                        struct in_pktinfo got;
                        memcpy(&got, CMSG_DATA(cm), sizeof(got));
                        p->family = AF_INET;
                        p->to.v4 = (struct in_pktinfo){ .ipi_spec_dst = got.ipi_addr };
                } else if (cm->cmsg_level == SOL_IPV6 && cm->cmsg_type == IPV6_PKTINFO) {
                        struct in6_pktinfo got;
                        memcpy(&got, CMSG_DATA(cm), sizeof(got));
                        p->family = AF_INET6;
                        p->to.v6 = (struct in6_pktinfo){ .ipi6_addr = got.ipi6_addr };
                }
        }
}

void dns_on_datagram(struct gate *g, struct io *io) {
        struct listener *l = OWNER(io, struct listener, io);
        for (unsigned i = 0; i < DATAGRAMS_AT_ONCE; i++) {
                struct dns_query_pending *p = calloc(1, sizeof(*p));
                if (!p)
                        return;
                struct iovec iov = { g->scratch, GATE_SCRATCH };
                union {
                        struct cmsghdr align;
                        char space[128];
                } control;
                struct msghdr m = { .msg_name = &p->from,
                                    .msg_namelen = sizeof(p->from),
                                    .msg_iov = &iov,
                                    .msg_iovlen = 1,
                                    .msg_control = &control,
                                    .msg_controllen = sizeof(control) };
                ssize_t n = recvmsg(io->fd, &m, MSG_DONTWAIT);
                if (n < 0) {
                        free(p);
                        return;
                }
                p->from_len = m.msg_namelen;
                p->io = io;
                p->sb = l->sb;
                read_pktinfo(&m, p);
                if (!begin(g, p, (const uint8_t *) g->scratch, (size_t) n))
                        free(p);
        }
}

static void on_stream_timer(struct gate *g, struct timer *t) {
        stream_end(g, OWNER(t, struct dns_stream, timer));
}

static void stream_end(struct gate *g, struct dns_stream *s) {
        if (s->dead)
                return;
        s->dead = true;
        if (s->pending) {
                struct dns_query_pending *p = TAKE(s->pending);
                resolve_cancel(&p->lookup);
                LIST_REMOVE(p, link);
                p->sb->n_pending--;
                gate_bury(g, &p->grave);
        }
        io_close(&s->io);
        timer_clear(g, &s->timer);
        LIST_REMOVE(s, link);
        free(s->in);
        s->in = NULL;
        gate_bury(g, &s->grave);
}

static void run(struct gate *g, struct dns_stream *s) {
        struct io *io = &s->io;
        for (;;) {
                const uint8_t *message;
                size_t n;
                size_t used = s->pending ? 0 : dns_tcp_next(s->in, s->len, &message, &n);
                if (used > 0) {
                        struct dns_query_pending *p = calloc(1, sizeof(*p));
                        if (p)
                                *p = (struct dns_query_pending){ .sb = s->sb, .stream = s };
                        bool ok = p && begin(g, p, message, n);
                        if (!ok)
                                free(p);
                        if (s->dead)
                                return;
                        if (!ok) {
                                stream_end(g, s);
                                return;
                        }
                        memmove(s->in, s->in + used, s->len - used);
                        s->len -= used;
                        timer_set(g, &s->timer, TIMER_HEAD);
                        continue;
                }
                if (!(io->ready & IO_IN) || s->len >= DNS_MAX_MESSAGE + 2 || s->pending)
                        return;
                ssize_t got = recv(io->fd, s->in + s->len, DNS_MAX_MESSAGE + 2 - s->len, 0);
                if (got < 0 && errno == EAGAIN) {
                        io->ready &= ~IO_IN;
                        return;
                }
                if (got <= 0) {
                        stream_end(g, s);
                        return;
                }
                s->len += (size_t) got;
        }
}

static void stream_run(struct gate *g, struct io *io) {
        struct dns_stream *s = OWNER(io, struct dns_stream, io);
        s->running = true;
        run(g, s);
        s->running = false;
}

void dns_accept(struct gate *g, struct sandbox *sb, int fd) {
        struct dns_stream *s, *count;
        size_t n = 0;
        LIST_FOREACH(count, &sb->streams, link)
                n++;
        s = n < STREAMS_MAX ? calloc(1, sizeof(*s)) : NULL;
        if (s)
                s->in = malloc(DNS_MAX_MESSAGE + 2);
        if (!s || !s->in || io_open(g, &s->io, fd, stream_run) < 0) {
                close(fd);
                if (s)
                        free(s->in);
                free(s);
                return;
        }
        s->sb = sb;
        s->timer.fn = on_stream_timer;
        timer_set(g, &s->timer, TIMER_HEAD);
        LIST_INSERT_HEAD(&sb->streams, s, link);
}

void dns_end(struct gate *g, struct sandbox *sb) {
        while (!LIST_EMPTY(&sb->streams))
                stream_end(g, LIST_FIRST(&sb->streams));
        while (!LIST_EMPTY(&sb->pending)) {
                struct dns_query_pending *p = LIST_FIRST(&sb->pending);
                resolve_cancel(&p->lookup);
                LIST_REMOVE(p, link);
                sb->n_pending--;
                gate_bury(g, &p->grave);
        }
}
