/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The gate's own stub resolver: the host's servers, in their order, over UDP and, where an answer
 * does not fit, TCP. Each question has a socket of its own, connected to the server, so that the
 * port is as random as the kernel makes it and nobody else's packets arrive (RFC 5452 section 9).
 * One question for all who wait for the same name. No search list: names are whole.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/list.h"
#include "gate.h"

#define BUCKETS 1024
#define ROUNDS 2        /* through all servers, as resolv.conf(5) says of attempts */
#define TTL_LEAST 1     /* s: a TTL of 0 is for one use, but both families ask and then connect */
#define TTL_NEGATIVE 30 /* s at most: what was just registered shall work soon */
#define TTL_FAILED 2    /* s: a program that tries again at once gets the same answer */
#define TTL_HOSTS 10

struct place { /* an address without its text */
        uint8_t addr[16];
        uint8_t kind;
};

struct cached {
        LIST_ENTRY(cached) link;
        TAILQ_ENTRY(cached) age;
        char *name;
        uint64_t expires;
        enum dns_rcode rcode;
        size_t n;
        struct place places[];
};
LIST_HEAD(cached_list, cached);
TAILQ_HEAD(cached_queue, cached);

struct part { /* one question for one family */
        struct io io;
        struct query *q;
        enum dns_type type;
        uint16_t id;
        bool done, stream, sent;
        uint8_t *in; /* a TCP answer as it comes */
        size_t in_len;
        enum dns_rcode rcode;
};

struct query {
        struct grave grave;
        LIST_ENTRY(query) link;
        struct host name;
        struct part parts[2];
        struct timer timer;
        unsigned tries;
        struct lookup_list waiters;
        struct answer answer;
        struct gate *gate;
};
LIST_HEAD(query_list, query);

struct known { /* a line of hosts(5) */
        const char *name;
        struct place place;
};

struct resolver {
        struct cached_list buckets[BUCKETS];
        struct cached_queue ages; /* oldest first */
        size_t n_cached;
        struct query_list queries;
        size_t n_queries;
        struct gate_server servers[GATE_MAX_SERVERS];
        size_t n_servers;
        struct known *known; /* sorted by name */
        size_t n_known;
        char *names;
};

static void host_of(const struct place *p, struct host *ret) {
        if (p->kind == HOST_IPV4)
                host_from_ipv4(p->addr, ret);
        else
                host_from_ipv6(p->addr, ret);
}

static void place_of(const struct host *h, struct place *ret) {
        ret->kind = (uint8_t) h->kind;
        memcpy(ret->addr, h->addr, sizeof(ret->addr));
}

static struct cached_list *bucket_of(struct resolver *r, const char *name) {
        uint32_t h = 2166136261u;
        for (; *name; name++)
                h = (h ^ (uint8_t) *name) * 16777619u;
        return &r->buckets[h % BUCKETS];
}

/* Of one that no longer stands among the ages. */
static void cached_free(struct resolver *r, struct cached *x) {
        LIST_REMOVE(x, link);
        r->n_cached--;
        free(x->name);
        free(x);
}

static void cached_drop(struct resolver *r, struct cached *x) {
        TAILQ_REMOVE(&r->ages, x, age);
        cached_free(r, x);
}

static struct cached *cached_find(struct gate *g, const char *name) {
        struct resolver *r = g->resolver;
        struct cached *x, *next;
        for (x = LIST_FIRST(bucket_of(r, name)); x; x = next) {
                next = LIST_NEXT(x, link);
                if (strcmp(x->name, name) != 0)
                        continue;
                if (x->expires > g->now)
                        return x;
                cached_drop(r, x);
        }
        return NULL;
}

static void cached_add(struct gate *g, const struct host *name, const struct answer *a) {
        struct resolver *r = g->resolver;
        struct cached *x = calloc(1, sizeof(*x) + a->n * sizeof(x->places[0]));
        char *copy = strdup(name->name);
        if (!x || !copy) { /* then it is asked again */
                free(x);
                free(copy);
                return;
        }
        if (r->n_cached >= GATE_MAX_CACHE)
                cached_drop(r, TAILQ_FIRST(&r->ages));
        x->name = copy;
        x->rcode = a->rcode;
        x->n = a->n;
        for (size_t i = 0; i < a->n; i++)
                place_of(&a->addresses[i], &x->places[i]);
        x->expires = g->now + (uint64_t) a->ttl * 1000000;
        LIST_INSERT_HEAD(bucket_of(r, copy), x, link);
        TAILQ_INSERT_TAIL(&r->ages, x, age);
        r->n_cached++;
}

/* The question is over: everybody hears of it. */
static void query_end(struct gate *g, struct query *q) {
        struct answer *a = &q->answer;
        for (size_t i = 0; i < ELEMENTSOF(q->parts); i++) {
                io_close(&q->parts[i].io);
                free(q->parts[i].in);
                q->parts[i].in = NULL;
        }
        timer_clear(g, &q->timer);
        LIST_REMOVE(q, link);
        g->resolver->n_queries--;

        if (a->n > 0)
                a->rcode = DNS_NOERROR;
        bool failed = a->rcode != DNS_NOERROR && a->rcode != DNS_NXDOMAIN;
        if (failed)
                a->ttl = TTL_FAILED;
        else if (a->n == 0 && a->ttl > TTL_NEGATIVE)
                a->ttl = TTL_NEGATIVE;
        if (a->ttl < TTL_LEAST)
                a->ttl = TTL_LEAST;
        cached_add(g, &q->name, a);
        while (!LIST_EMPTY(&q->waiters)) {
                struct lookup *l = LIST_FIRST(&q->waiters);
                LIST_REMOVE(l, link);
                l->waiting = false;
                l->fn(g, l, a);
        }
        gate_bury(g, &q->grave);
}

static void part_done(struct gate *g, struct part *p, const struct dns_result *r) {
        struct answer *a = &p->q->answer;
        io_close(&p->io);
        p->done = true;
        p->rcode = r->rcode;
        a->rcode = r->rcode;
        if (r->ttl < a->ttl)
                a->ttl = r->ttl;
        /* Half of the room for each family, whichever comes first. */
        for (size_t i = 0; i < r->n_addresses && i < DNS_MAX_ADDRESSES / 2; i++)
                a->addresses[a->n++] = r->addresses[i];
}

static socklen_t server_address(const struct gate_server *s, struct sockaddr_storage *ret) {
        memset(ret, 0, sizeof(*ret));
        if (s->family == 4) {
                struct sockaddr_in *in = (void *) ret;
                in->sin_family = AF_INET;
                in->sin_port = htons((uint16_t) s->port);
                memcpy(&in->sin_addr, s->addr, 4);
                return sizeof(*in);
        }
        struct sockaddr_in6 *in6 = (void *) ret;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t) s->port);
        in6->sin6_scope_id = s->scope;
        memcpy(&in6->sin6_addr, s->addr, 16);
        return sizeof(*in6);
}

static const struct gate_server *current_server(const struct query *q) {
        const struct resolver *r = q->gate->resolver;
        return &r->servers[q->tries % r->n_servers];
}

static void query_next(struct gate *g, struct query *q);
static void on_part(struct gate *g, struct io *io);

/* Opens the socket and, over UDP, sends. */
static int part_ask(struct gate *g, struct part *p, bool stream) {
        struct sockaddr_storage to;
        socklen_t len = server_address(current_server(p->q), &to);
        int fd = socket(to.ss_family,
                        (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if ((connect(fd, (void *) &to, len) < 0 && errno != EINPROGRESS)) {
                int r = -errno;
                close(fd);
                return r;
        }
        int r = io_open(g, &p->io, fd, on_part);
        if (r < 0) {
                close(fd);
                return r;
        }
        p->stream = stream;
        p->sent = false;
        p->in_len = 0;
        if (getrandom(&p->id, sizeof(p->id), 0) != sizeof(p->id))
                return -EIO;
        uint8_t question[DNS_MAX_QUESTION + 2];
        size_t n;
        if (stream)
                return 0;
        r = dns_question_write(p->id, &p->q->name, p->type, question, DNS_MAX_QUESTION, &n);
        if (r < 0)
                return r;
        p->sent = true;
        return send(fd, question, n, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool is_over(const struct query *q) {
        return q->parts[0].done && q->parts[1].done;
}

/* SERVFAIL, REFUSED, NOTIMP: another server may know. */
static bool is_final(enum dns_rcode rcode) {
        return rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN;
}

static void part_answer(struct gate *g, struct part *p, const uint8_t *data, size_t len) {
        struct query *q = p->q;
        struct dns_result r;
        struct error e = ERROR_NULL;
        int got = dns_response_parse(data, len, p->id, &q->name, p->type, &r, &e);
        if (got == -ENOMSG)
                return; /* not ours */
        if (got >= 0 && r.truncated && !p->stream) {
                io_close(&p->io);
                if (part_ask(g, p, true) < 0)
                        query_next(g, q);
                return;
        }
        if (got < 0 || !is_final(r.rcode)) {
                q->answer.rcode = got < 0 ? DNS_SERVFAIL : r.rcode;
                query_next(g, q);
                return;
        }
        part_done(g, p, &r);
        /* A name that does not exist has no other family either (RFC 8020). */
        if (is_over(q) || r.rcode == DNS_NXDOMAIN)
                query_end(g, q);
}

static void stream_in(struct gate *g, struct part *p) {
        if (!p->in && !(p->in = malloc(DNS_MAX_MESSAGE + 2))) {
                query_next(g, p->q);
                return;
        }
        for (;;) {
                ssize_t n = recv(p->io.fd, p->in + p->in_len, DNS_MAX_MESSAGE + 2 - p->in_len, 0);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        query_next(g, p->q);
                        return;
                }
                p->in_len += (size_t) n;
                const uint8_t *message;
                size_t len;
                if (dns_tcp_next(p->in, p->in_len, &message, &len) > 0) {
                        part_answer(g, p, message, len);
                        return;
                }
        }
}

static void stream_out(struct gate *g, struct part *p) {
        uint8_t question[DNS_MAX_QUESTION + 2];
        size_t n;
        if (dns_question_write(p->id, &p->q->name, p->type, question + 2, DNS_MAX_QUESTION, &n) <
            0) {
                query_next(g, p->q);
                return;
        }
        dns_tcp_prefix(n, question);
        p->sent = true;
        /* It is the first thing on this connection, and small: it fits whole or the server is gone.
         */
        if (send(p->io.fd, question, n + 2, MSG_NOSIGNAL) != (ssize_t) (n + 2))
                query_next(g, p->q);
}

static void on_part(struct gate *g, struct io *io) {
        struct part *p = OWNER(io, struct part, io);
        if (p->stream) {
                if ((io->ready & IO_OUT) && !p->sent)
                        stream_out(g, p);
                else if (io->ready & IO_IN)
                        stream_in(g, p);
                return;
        }
        if (!(io->ready & IO_IN))
                return;
        for (unsigned i = 0; i < 16 && io->fd >= 0; i++) { /* more than one is somebody's guess */
                ssize_t n = recv(io->fd, g->scratch, GATE_SCRATCH, 0);
                if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                        io->ready &= ~IO_IN;
                        return;
                }
                if (n < 0) { /* ECONNREFUSED: nobody listens there */
                        query_next(g, p->q);
                        return;
                }
                part_answer(g, p, (const uint8_t *) g->scratch, (size_t) n);
        }
}

/* Asks whatever has no answer yet, of the current server. */
static bool query_ask(struct gate *g, struct query *q) {
        bool any = false;
        for (size_t i = 0; i < ELEMENTSOF(q->parts); i++) {
                struct part *p = &q->parts[i];
                if (p->done)
                        continue;
                io_close(&p->io);
                if (part_ask(g, p, false) >= 0)
                        any = true;
                else
                        io_close(&p->io);
        }
        timer_set(g, &q->timer, TIMER_DNS);
        return any;
}

static void query_next(struct gate *g, struct query *q) {
        do {
                q->tries++;
                if (q->answer.n > 0 || q->tries >= ROUNDS * g->resolver->n_servers) {
                        query_end(g, q);
                        return;
                }
        } while (!query_ask(g, q));
}

static void on_timer(struct gate *g, struct timer *t) {
        query_next(g, OWNER(t, struct query, timer));
}

static int known_compare(const void *a, const void *b) {
        return strcmp(((const struct known *) a)->name, ((const struct known *) b)->name);
}

static bool find_known(const struct resolver *r, const struct host *name, struct answer *ret) {
        const struct known key = { .name = name->name };
        const struct known *k =
                r->n_known ? bsearch(&key, r->known, r->n_known, sizeof(key), known_compare) : NULL;
        if (!k)
                return false;
        while (k > r->known && strcmp(k[-1].name, name->name) == 0)
                k--;
        *ret = (struct answer){ .rcode = DNS_NOERROR, .ttl = TTL_HOSTS };
        for (; k < r->known + r->n_known && strcmp(k->name, name->name) == 0 &&
               ret->n < DNS_MAX_ADDRESSES;
             k++)
                host_of(&k->place, &ret->addresses[ret->n++]);
        return true;
}

static bool take_token(struct gate *g, struct sandbox *sb) {
        const uint64_t one = 1000000;
        sb->tokens += (g->now - sb->tokens_at) * GATE_QUESTIONS_RATE;
        sb->tokens_at = g->now;
        if (sb->tokens > GATE_QUESTIONS_BURST * one)
                sb->tokens = GATE_QUESTIONS_BURST * one;
        if (sb->tokens < one)
                return false;
        sb->tokens -= one;
        return true;
}

static void at_once(struct gate *g, struct lookup *l, enum dns_rcode rcode) {
        struct answer a = { .rcode = rcode, .ttl = TTL_FAILED };
        l->fn(g, l, &a);
}

void resolve(struct gate *g, struct sandbox *sb, const struct host *name, struct lookup *l) {
        struct resolver *r = g->resolver;
        struct answer a;

        l->waiting = false;
        if (find_known(r, name, &a)) {
                l->fn(g, l, &a);
                return;
        }
        const struct cached *x = cached_find(g, name->name);
        if (x) {
                a = (struct answer){ .rcode = x->rcode, .n = x->n };
                a.ttl = (uint32_t) ((x->expires - g->now + 999999) / 1000000);
                for (size_t i = 0; i < x->n; i++)
                        host_of(&x->places[i], &a.addresses[i]);
                l->fn(g, l, &a);
                return;
        }
        struct query *q;
        LIST_FOREACH(q, &r->queries, link)
                if (host_same(&q->name, name))
                        break;
        if (!q) {
                if (r->n_servers == 0 || r->n_queries >= GATE_MAX_QUERIES || !take_token(g, sb) ||
                    !(q = calloc(1, sizeof(*q)))) {
                        at_once(g, l, DNS_SERVFAIL);
                        return;
                }
                q->gate = g;
                q->name = *name;
                q->timer.fn = on_timer;
                q->answer = (struct answer){ .rcode = DNS_SERVFAIL, .ttl = DNS_MAX_TTL };
                LIST_INIT(&q->waiters);
                for (size_t i = 0; i < ELEMENTSOF(q->parts); i++)
                        q->parts[i] = (struct part){ .io = { .fd = -1 },
                                                     .q = q,
                                                     .type = i == 0 ? DNS_A : DNS_AAAA };
                LIST_INSERT_HEAD(&r->queries, q, link);
                r->n_queries++;
                LIST_INSERT_HEAD(&q->waiters, l, link);
                l->waiting = true;
                if (!query_ask(g, q))
                        query_next(g, q);
                return;
        }
        LIST_INSERT_HEAD(&q->waiters, l, link);
        l->waiting = true;
}

void resolve_cancel(struct lookup *l) {
        if (l->waiting)
                LIST_REMOVE(l, link);
        l->waiting = false;
}

static void forget_all(struct resolver *r) {
        struct cached *x;
        while ((x = TAILQ_TAKE_FIRST(&r->ages, age)))
                cached_free(r, x);
}

int resolver_set(struct gate *g, const void *base, size_t size) {
        struct resolver *r = g->resolver;
        if (gate_resolver_check(base, size) < 0)
                return -EBADMSG;
        const struct gate_resolver *from = base;
        char *names = malloc(size);
        struct known *known = calloc(from->n_hosts + 1, sizeof(*known));
        if (!names || !known) {
                free(names);
                free(known);
                return -ENOMEM;
        }
        memcpy(names, base, size);
        const struct gate_host *h = wire_array(names, from->hosts);
        size_t n = 0;
        for (uint64_t i = 0; i < from->n_hosts; i++) {
                known[n].name = wire_string(names, h[i].name);
                known[n].place.kind = h[i].family == 4 ? HOST_IPV4 : HOST_IPV6;
                memcpy(known[n++].place.addr, h[i].addr, 16);
        }
        qsort(known, n, sizeof(*known), known_compare);
        free(r->names);
        free(r->known);
        r->names = names;
        r->known = known;
        r->n_known = n;
        memcpy(r->servers, wire_array(base, from->servers),
               from->n_servers * sizeof(r->servers[0]));
        r->n_servers = from->n_servers;
        forget_all(r); /* another network has other answers */
        /* Whatever is asked now goes on with the new servers. */
        struct query *q, *next;
        for (q = LIST_FIRST(&r->queries); q; q = next) {
                next = LIST_NEXT(q, link);
                q->tries = 0;
                if (r->n_servers == 0 || !query_ask(g, q))
                        query_end(g, q);
        }
        return 0;
}

int resolver_new(struct gate *g) {
        struct resolver *r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        TAILQ_INIT(&r->ages);
        g->resolver = r;
        return 0;
}

void resolver_free(struct gate *g) {
        struct resolver *r = g->resolver;
        while (!LIST_EMPTY(&r->queries))
                query_end(g, LIST_FIRST(&r->queries));
        forget_all(r);
        free(r->names);
        free(r->known);
        free(r);
        g->resolver = NULL;
}
