/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where the gate is found inside a sandbox's own network namespace, and in which order its
 * listeners travel: leash-init makes them, the session keeps them, leash-gate serves them (decision
 * 24). Nothing of this exists outside the sandbox.
 */
#pragma once

/* On 127.0.0.1 and ::1. Squid's port and its neighbours: no service of a developer's machine. */
#define GATE_PROXY_PORT 3128       /* HTTP, CONNECT and SOCKS5 on one port */
#define GATE_TRANSPARENT_PORT 3129 /* nftables redirects every other outgoing connection there */
#define GATE_DNS_PORT 3130         /* … and whatever goes to port 53, UDP and TCP */

enum gate_listener {
        GATE_PROXY4 = 0,
        GATE_PROXY6,
        GATE_TCP4,
        GATE_TCP6,
        GATE_DNS_UDP4,
        GATE_DNS_UDP6,
        GATE_DNS_TCP4,
        GATE_DNS_TCP6,
        GATE_LISTENER_N_,
};
/* Listeners on the ports of network.local_ports come after those, and, where nftables cannot
 * redirect, listeners on well-known ports of every address. A message carries at most 253
 * descriptors (SCM_MAX_FD). */
#define GATE_LOCAL_MAX 16  /* more than that is a job for mode allow inside a container */
#define GATE_REMOTE_MAX 24 /* the well-known ports, and those that rules name */
#define GATE_OTHERS_MAX 48 /* both families of those; local ports have precedence */

/* Synthetic addresses: one per name, mapped back when it is connected to. 198.18.0.0/15 is for
 * benchmarks in isolated networks (RFC 2544) and routed nowhere; the other is a locally assigned
 * ULA (RFC 4193). */
#define GATE_POOL4 0xC6120000u /* 198.18.0.0 */
#define GATE_POOL4_SIZE (1u << 17)
#define GATE_POOL6                                       \
        {                                                \
                0xfd, 0x6c, 0x65, 0x61, 0x73, 0x68, 0, 0 \
        } /* fd6c:6561:7368::/64, the number in the last 32 bits */

/* The sandbox's own addresses beside loopback: without one that is not loopback, a look-up with
 * AI_ADDRCONFIG finds nothing (getaddrinfo(3)), and programs take themselves for offline. The dummy
 * address of RFC 7600, and one beside the pool. */
#define GATE_OWN4 0xC0000008u /* 192.0.0.8 */
#define GATE_OWN6 \
        { 0xfd, 0x6c, 0x65, 0x61, 0x73, 0x68, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 }
