/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Canonical host names, address classes and network rules: one reading for the proxy, DNS,
 * policy.check and the tests. */
#pragma once

#include "arena.h"
#include "base.h"
#include "error.h"
#include "policy.h"

/* A name or address in its one form: lower case, no trailing dot, A-labels only, ≤ 253 bytes; or an
 * IP literal (IPv4 dotted quad without leading zeros; IPv6 by RFC 5952; v4-mapped becomes IPv4). */
struct host {
        enum { HOST_NAME = 0, HOST_IPV4, HOST_IPV6 } kind;
        char name[256];   /* text form in every kind */
        uint8_t addr[16]; /* network order; IPv4 uses the first 4 */
};
/* Everything that is not exactly that is refused: NUL, control bytes, "_" is allowed, non-LDH, odd
 * IP spellings (0x7f.1, 127.1, 0177.0.0.1), empty labels. `len` bytes, NUL not needed. */
int host_parse(const char *text, size_t len, struct host *ret, struct error *e);

enum address_class {
        ADDRESS_PUBLIC = 0,
        ADDRESS_LOOPBACK,
        ADDRESS_PRIVATE,
        ADDRESS_LINK_LOCAL,
        ADDRESS_METADATA,
        ADDRESS_CGNAT,
        ADDRESS_MULTICAST,
        ADDRESS_UNSPECIFIED,
        ADDRESS_RESERVED,
        ADDRESS_CLASS_N_,
};
extern const char *const address_class_names[ADDRESS_CLASS_N_];
/* Sees through v4-mapped, NAT64 (64:ff9b::/96) and 6to4 addresses. A name is ADDRESS_RESERVED. */
enum address_class host_address_class(const struct host *addr);
/* From the bytes of a socket address or a DNS answer: 4 or 16 of them. */
void host_from_ipv4(const uint8_t bytes[4], struct host *ret);
void host_from_ipv6(const uint8_t bytes[16], struct host *ret); /* v4-mapped becomes IPv4 */
/* The IPv4 address that a NAT64, 6to4 or IPv4-translated address stands for; false: none. */
bool host_embedded_ipv4(const struct host *addr, struct host *ret);

/* One rule of network.allow / network.deny. */
struct host_rule {
        enum { RULE_EXACT, RULE_WILDCARD, RULE_CIDR } kind;
        struct host host;   /* wildcard: the part after "*." */
        unsigned prefix;    /* CIDR */
        uint16_t ports[16]; /* none: all ports */
        size_t n_ports;
        const char *text; /* as written, for verdicts */
};
int host_rule_parse(const char *text, struct host_rule *ret, struct error *e);
/* Port 0 asks whether the rule holds for some port (a DNS question has none). */
bool host_rule_matches(const struct host_rule *r, const struct host *h, uint16_t port);

/* network.proxy: "http://[user:password@]host[:port][/]". */
struct parent_proxy_url {
        struct host host;
        uint16_t port;
        const char *user; /* as written, with its percent signs; NULL: none */
        size_t user_len;
};
int parent_proxy_parse(const char *url, struct parent_proxy_url *ret, struct error *e);

/* The compiled network policy. */
struct network_rules {
        enum network_mode mode;
        struct host_rule *allow, *deny;
        size_t n_allow, n_deny;
        uint16_t *local_ports;
        size_t n_local_ports;
};
int network_rules_compile(struct arena *a, const struct policy_network *n,
                          struct network_rules *ret, struct error *e);

enum verdict { VERDICT_DENY = 0, VERDICT_ALLOW, VERDICT_ASK };
struct decision {
        enum verdict verdict;
        const char *rule;  /* the rule's text, or "network.mode=deny"; static or borrowed */
        const char *field; /* the field that would change it, as "/network/allow" */
        char why[192];     /* one sentence for a person */
};
/* May the sandbox talk to this name or address? Decision 22 for classes: names are judged by rules
 * alone; once resolved, each address goes through network_decide_address with the name that led to
 * it. */
void network_decide(const struct network_rules *n, const struct host *h, uint16_t port,
                    struct decision *ret);
void network_decide_address(const struct network_rules *n, const struct host *name_or_null,
                            const struct host *addr, uint16_t port, struct decision *ret);
