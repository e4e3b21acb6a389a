/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The listeners of a sandbox, and where a captured connection was meant to go. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "gate.h"

static int host_of_sockaddr(const struct sockaddr_storage *ss, struct host *ret, uint16_t *port) {
        if (ss->ss_family == AF_INET) {
                const struct sockaddr_in *in = (const void *) ss;
                host_from_ipv4((const uint8_t *) &in->sin_addr, ret);
                *port = ntohs(in->sin_port);
                return 0;
        }
        if (ss->ss_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const void *) ss;
                host_from_ipv6((const uint8_t *) &in6->sin6_addr, ret);
                *port = ntohs(in6->sin6_port);
                return 0;
        }
        return -EAFNOSUPPORT;
}

/* Redirected by nftables: conntrack knows. Otherwise every address is local, and it is our own. */
static int original_destination(int fd, struct host *ret, uint16_t *port) {
        struct sockaddr_storage ss = { 0 };
        socklen_t len = sizeof(ss);
        if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &ss, &len) == 0 && ss.ss_family == AF_INET)
                return host_of_sockaddr(&ss, ret, port);
        len = sizeof(ss);
        if (getsockopt(fd, SOL_IPV6, IP6T_SO_ORIGINAL_DST, &ss, &len) == 0 &&
            ss.ss_family == AF_INET6)
                return host_of_sockaddr(&ss, ret, port);
        len = sizeof(ss);
        if (getsockname(fd, (void *) &ss, &len) < 0)
                return -errno;
        return host_of_sockaddr(&ss, ret, port);
}

static bool is_local_port(const struct sandbox *sb, uint16_t port) {
        for (size_t i = 0; i < sb->rules.n_local_ports; i++)
                if (sb->rules.local_ports[i] == port)
                        return true;
        return false;
}

static void captured(struct conn *c) {
        struct host h = { .kind = HOST_NAME }, name;
        uint16_t port = 0;
        if (original_destination(c->client.fd, &h, &port) < 0) {
                conn_end(c, ECONNRESET);
                return;
        }
        if (host_address_class(&h) == ADDRESS_LOOPBACK) {
                /* A listener for a port of the host's, or somebody who found ours. */
                if (!is_local_port(c->sb, port)) {
                        conn_end(c, ECONNRESET);
                        return;
                }
                c->via = GATE_VIA_LOCAL;
                (void) host_parse("localhost", 9, &h, NULL);
                conn_target(c, &h, port);
                return;
        }
        int r = names_find(c->sb->names, &h, &name);
        if (r < 0) { /* ours, and no name was ever given that number */
                c->host = h;
                c->port = port;
                c->decision = (struct decision){ .verdict = VERDICT_DENY,
                                                 .rule = "network.unknown-name",
                                                 .field = "" };
                (void) snprintf(c->decision.why, sizeof(c->decision.why),
                                "No name was looked up for this address.");
                conn_refuse(c);
                return;
        }
        conn_target(c, r > 0 ? &name : &h, port);
}

static void on_pause(struct gate *g, struct timer *t) {
        io_pause(g, &OWNER(t, struct listener, timer)->io, false);
}

/*
 * Whether a listener blocks is a property of the open file, which leash-init made and could have
 * kept. One that has been taken over could make it block at any moment, and the whole gate would
 * wait. So a signal comes after a while; a call that it interrupts has blocked, which an honest
 * listener's never does.
 */
#define BLOCKED_MICROS 50000

static void on_alarm(int number) {
}

void accept_prepare(void) {
        const struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART */
        (void) sigaction(SIGALRM, &act, NULL);
}

/* Armed by the first connection, and disarmed when it interrupts the wait for events: an idle gate
 * is not woken, and a busy one makes no system call for it. */
static void guard(struct gate *g) {
        const struct timeval t = { .tv_usec = BLOCKED_MICROS };
        const struct itimerval each = { .it_interval = t, .it_value = t };
        if (!g->guarded)
                g->guarded = setitimer(ITIMER_REAL, &each, NULL) == 0;
}

void accept_rest(struct gate *g) {
        static const struct itimerval never = { .it_value = { 0 } };
        if (g->guarded)
                (void) setitimer(ITIMER_REAL, &never, NULL);
        g->guarded = false;
}

static void drop(struct gate *g, struct listener *l) {
        log_write(&g->log, LOG_ERROR, "a listener of a sandbox blocks: it is not served any more",
                  LOG_INT("sandbox", (int64_t) l->sb->number));
        io_close(&l->io);
}

/* One, since asking whether there is a second costs as much as being told so; more and more while
 * they come round after round. */
static unsigned how_many(struct gate *g, struct listener *l) {
        bool busy = l->round + 1 == g->round;
        l->round = g->round;
        l->at_once = !busy ? 1 : l->at_once * 2;
        if (l->at_once > GATE_ACCEPTS_AT_ONCE)
                l->at_once = GATE_ACCEPTS_AT_ONCE;
        return l->at_once;
}

static void accept_some(struct gate *g, struct io *io) {
        struct listener *l = OWNER(io, struct listener, io);
        for (unsigned i = how_many(g, l); i > 0; i--) {
                int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0) {
                        if (errno == EINTR)
                                drop(g, l);
                        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                                 errno == ENOMEM) {
                                io_pause(g, io, true);
                                timer_set(g, &l->timer, TIMER_DELAY);
                        }
                        return;
                }
                if (l->via == GATE_VIA_DNS) {
                        dns_accept(g, l->sb, fd);
                        continue;
                }
                struct conn *c = conn_new(g, l->sb, fd, l->via);
                if (!c)
                        continue;
                if (l->via == GATE_VIA_TCP)
                        captured(c);
        }
}

static void on_accept(struct gate *g, struct io *io) {
        guard(g);
        accept_some(g, io);
}

int listener_open(struct gate *g, struct sandbox *sb, int fd, unsigned which) {
        struct listener *l = &sb->listeners[sb->n_listeners];
        bool datagrams = which == GATE_DNS_UDP4 || which == GATE_DNS_UDP6;
        static const int on = 1;
        *l = (struct listener){ .sb = sb, .io = { .fd = -1 }, .timer = { .fn = on_pause } };
        if (which == GATE_PROXY4 || which == GATE_PROXY6)
                l->via = GATE_VIA_HTTP;
        else if (datagrams || which == GATE_DNS_TCP4 || which == GATE_DNS_TCP6)
                l->via = GATE_VIA_DNS;
        else
                l->via = GATE_VIA_TCP;
        /* What is accepted inherits it. */
        if (!datagrams)
                (void) setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on));
        /* Where every address is local an answer must come from the one that was asked. */
        if (which == GATE_DNS_UDP4)
                (void) setsockopt(fd, SOL_IP, IP_PKTINFO, &on, sizeof(on));
        if (which == GATE_DNS_UDP6)
                (void) setsockopt(fd, SOL_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
        if (which == GATE_TCP6)
                sb->captures6 = true;
        int r = io_open_level(g, &l->io, fd, datagrams ? dns_on_datagram : on_accept);
        if (r >= 0)
                sb->n_listeners++;
        return r;
}
