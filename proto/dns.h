/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DNS messages (RFC 1035, EDNS(0) RFC 6891, negative caching RFC 2308), both sides: the synthetic
 * answers to the sandbox, and the gate's own questions to the host's resolvers.
 */
#pragma once

#include "../policy/error.h"
#include "../policy/host.h"

#define DNS_MAX_MESSAGE 65535
#define DNS_MAX_UDP 1232     /* fits every path unfragmented (DNS flag day 2020); asked for, too */
#define DNS_MIN_UDP 512      /* RFC 1035 2.3.4: without EDNS */
#define DNS_MAX_QUESTION 300 /* room for dns_question_write: header, name, type, class, OPT */
#define DNS_MAX_ADDRESSES 32 /* the largest pools answer with some 20; more are left aside */
#define DNS_MAX_RECORDS 256  /* that are looked at: the work a hostile answer makes has a bound */
#define DNS_MAX_CHAIN 16     /* CNAMEs; resolvers stop at 8 to 16 */
#define DNS_MAX_TTL 86400u   /* a longer one is cut */

enum dns_type {
        DNS_A = 1,
        DNS_NS = 2,
        DNS_CNAME = 5,
        DNS_SOA = 6,
        DNS_PTR = 12,
        DNS_MX = 15,
        DNS_TXT = 16,
        DNS_AAAA = 28,
        DNS_SRV = 33,
        DNS_OPT = 41,
        DNS_SVCB = 64,
        DNS_HTTPS = 65,
        DNS_ANY = 255,
};
enum dns_rcode {
        DNS_NOERROR = 0,
        DNS_FORMERR = 1,
        DNS_SERVFAIL = 2,
        DNS_NXDOMAIN = 3,
        DNS_NOTIMP = 4,
        DNS_REFUSED = 5,
        DNS_BADVERS = 16,
};

struct dns_query {
        uint16_t id;
        uint16_t flags;    /* as asked: opcode, RD and CD are echoed */
        uint8_t name[255]; /* the question as it was spelled: clients check the case (0x20) */
        size_t name_len;   /* 0: none could be read */
        uint16_t type, class;
        bool has_host; /* false: no host has such a name ("_a b.c", the root); deny it */
        struct host host;
        bool edns;
        uint16_t udp_size; /* as the client said; dns_udp_room() is what counts */
        bool dnssec_ok;
};
/* 0: a question (class IN, or any other: see `class`). > 0: answer with that dns_rcode; `ret` holds
 * what the answer must echo. < 0: drop it, no answer (too short for a header, or itself an answer).
 */
int dns_query_parse(const uint8_t *data, size_t len, struct dns_query *ret, struct error *e);
/* The largest UDP answer this client takes. */
size_t dns_udp_room(const struct dns_query *q);
/* A PTR question for an address: 0 and the address; -ENOENT: some other question. */
int dns_query_ptr(const struct dns_query *q, struct host *ret);

struct dns_reply {
        enum dns_rcode rcode;
        uint32_t ttl; /* of the records, or of their absence */
        /* A or AAAA: those of the question's family are taken. None, with DNS_NOERROR: NODATA. */
        const struct host *addresses;
        size_t n_addresses;
        const struct host *ptr; /* the name that answers PTR, or NULL */
};
/* `max`: dns_udp_room(q), or DNS_MAX_MESSAGE over TCP; what doesn't fit is left out whole and TC
 * set. NXDOMAIN and NODATA carry a SOA, so that they are cached for `ttl`. */
int dns_reply_write(const struct dns_query *q, const struct dns_reply *r, size_t max, uint8_t *buf,
                    size_t size, size_t *ret_len);

/* TCP (RFC 1035 4.2.2): > 0: bytes used up, with the message inside; 0: more are needed. */
size_t dns_tcp_next(const uint8_t *data, size_t len, const uint8_t **ret, size_t *ret_len);
void dns_tcp_prefix(size_t len, uint8_t ret[2]);

/* The gate's own question; `id` from a good source of randomness. */
int dns_question_write(uint16_t id, const struct host *name, enum dns_type type, uint8_t *buf,
                       size_t size, size_t *ret_len);

struct dns_result {
        enum dns_rcode rcode; /* DNS_NOERROR and no addresses: NODATA */
        bool truncated;       /* ask again over TCP */
        uint32_t ttl; /* the least on the way, or of the SOA when negative; ≤ DNS_MAX_TTL */
        struct host canonical; /* the name that CNAMEs led to */
        size_t n_addresses;
        struct host addresses[DNS_MAX_ADDRESSES];
};
/* `ret` means something when 0 only; `type` is DNS_A or DNS_AAAA. Addresses beside an rcode other
 * than DNS_NOERROR are the caller's to ignore. -ENOMSG: not the answer to that question (wrong id
 * or question): wait on. -EPROTO: malformed. */
int dns_response_parse(const uint8_t *data, size_t len, uint16_t id, const struct host *name,
                       enum dns_type type, struct dns_result *ret, struct error *e);
