/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-session <-> leash-gate: fixed-size frames on a SOCK_SEQPACKET socket. What is longer (a
 * sandbox's rules, the resolver's data) travels as a sealed memfd beside the frame. The gate parses
 * what hostile programs send, so the session takes its frames for hostile (decision 1); the gate
 * checks the session's likewise, since that costs nothing.
 */
#pragma once

#include "../policy/gate.h"
#include "wire.h"

#define GATE_VERSION 1u
#define GATE_CONTROL_FD 3 /* where leash-gate finds its socket */

enum gate_type {
        /* session -> gate */
        GATE_SANDBOX_ADD = 1, /* sandbox; mask and more say which descriptors come; fds: the rules,
                               * then those of enum gate_listener whose bit is set, then `more` */
        GATE_SANDBOX_REMOVE,  /* sandbox: its connections end at once */
        GATE_RESOLVER,        /* fds: the resolver's data; replaces what was there */
        GATE_DECISION,        /* sandbox, id, verdict (allow or deny), remember */
        /* gate -> session */
        GATE_EVENT = 64, /* a connection has ended, or was refused */
        GATE_ASK,        /* sandbox, id, host, port, via: the client decides */
        GATE_UNASK,      /* sandbox, id: nobody waits for that answer any more */
};

/* How something came to the gate. */
enum gate_via {
        GATE_VIA_NONE = 0,
        GATE_VIA_HTTP,    /* a request to the proxy */
        GATE_VIA_CONNECT, /* a tunnel through the proxy */
        GATE_VIA_SOCKS,
        GATE_VIA_TCP, /* captured */
        GATE_VIA_DNS,
        GATE_VIA_LOCAL, /* a port of network.local_ports */
        GATE_VIA_N_,
};
extern const char *const gate_via_names[GATE_VIA_N_]; /* "http", …; [0] is NULL */

enum gate_verdict { GATE_DENIED = 0, GATE_ALLOWED, GATE_VERDICT_N_ };

struct gate_frame {
        uint32_t version, type;
        uint64_t sandbox;             /* the session's number for it, > 0, never used twice */
        uint64_t id;                  /* of a question */
        uint64_t bytes_in, bytes_out; /* to the sandbox, from the sandbox */
        uint64_t micros;              /* how long the connection lived */
        uint64_t connect_micros;      /* how long it took until it stood */
        uint64_t lost;                /* events that found no room since the last one */
        uint32_t mask, more;          /* which listeners, how many others */
        uint32_t port, via, verdict, remember;
        int32_t err; /* positive errno: why an allowed connection could not be made */
        uint32_t pad;
        char host[256];   /* in its one form; or "" */
        char address[48]; /* that was connected to, or that was refused; or "" */
        char rule[320];   /* a rule's text: a name and 16 ports */
        char field[32];   /* the policy field that would change it; or "" */
        char why[192];
};
#define GATE_FRAMES_MAX 32 /* gate -> session: so many may come in one message */
#define GATE_FRAME(t) ((struct gate_frame){ .version = GATE_VERSION, .type = (t) })

/* A sandbox's rules, made with a wire_writer. Rules are text, so that the gate reads them with the
 * functions that policy.check uses. */
struct gate_rules {
        uint32_t version, mode; /* enum network_mode */
        uint64_t size;
        uint64_t allow, n_allow; /* string offsets */
        uint64_t deny, n_deny;
        uint64_t local_ports, n_local_ports; /* strings, too */
        uint64_t proxy;                      /* string "host:port" of the user's own proxy, or 0 */
        uint64_t proxy_authorization;        /* string for Proxy-Authorization, or 0 */
        uint64_t no_proxy, n_no_proxy;       /* names and ranges that don't go through it */
        uint64_t connections, bytes, rate;   /* limits; 0: none */
};

/* What the gate may not read for itself: /etc/resolv.conf and /etc/hosts (decision 24). */
struct gate_server {
        uint8_t addr[16];
        uint32_t family; /* 4 or 6 */
        uint32_t port;   /* 53 */
        uint32_t scope;  /* interface of a link-local address, or 0 */
        uint32_t pad;
};
struct gate_host {
        uint8_t addr[16];
        uint32_t family;
        uint32_t pad;
        uint64_t name; /* string */
};
struct gate_resolver {
        uint32_t version, pad;
        uint64_t size;
        uint64_t servers, n_servers;
        uint64_t hosts, n_hosts;
};
#define GATE_MAX_SERVERS 8   /* resolv.conf(5) knows 3 */
#define GATE_MAX_HOSTS 65536 /* lists that block advertisers have some 100,000 lines; cut there */
#define GATE_MAX_RULES 4096  /* LIMIT_LIST_ITEMS */

/* As those of wire.h: 0, or -EBADMSG; after success everything may be followed without care. */
enum gate_direction { GATE_TO_GATE, GATE_TO_SESSION };
int gate_frame_check(const void *data, size_t size, enum gate_direction direction);
int gate_rules_check(const void *base, size_t size);
int gate_resolver_check(const void *base, size_t size);
