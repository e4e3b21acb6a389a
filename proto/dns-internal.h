/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What both sides of DNS share: names, records, and a bounded writer. */
#pragma once

#include <errno.h>
#include <string.h>

#include "dns.h"

#define dns_bad(e, err, ...) error_set(e, ERROR_REFUSED, err, __VA_ARGS__)

#define DNS_HEADER 12
#define DNS_QR 0x8000u
#define DNS_OPCODE 0x7800u
#define DNS_TC 0x0200u
#define DNS_RD 0x0100u
#define DNS_RA 0x0080u
#define DNS_CD 0x0010u /* RFC 4035 3.2.2 */
#define DNS_IN 1
#define DNS_EDNS_DO 0x8000u

static inline uint16_t dns_u16(const uint8_t *p) {
        return (uint16_t) (p[0] << 8 | p[1]);
}
static inline uint32_t dns_u32(const uint8_t *p) {
        return (uint32_t) dns_u16(p) << 16 | dns_u16(p + 2);
}

/* A name in the form of the wire, uncompressed, with the root's empty label. */
struct dns_name {
        uint8_t bytes[255];
        size_t len;
};
/* Reads at *pos and moves it behind. `pointers`: compression may be followed, backwards only. */
int dns_name_read(const uint8_t *data, size_t len, size_t *pos, bool pointers,
                  struct dns_name *ret);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* false: no host has such a name. */
bool dns_name_to_host(const struct dns_name *n, struct host *ret);
void dns_name_from_host(const struct host *h, struct dns_name *ret);

struct dns_record {
        struct dns_name owner;
        uint16_t type, class;
        uint32_t ttl;
        size_t data, len; /* where in the message */
};
int dns_record_read(const uint8_t *data, size_t len, size_t *pos, struct dns_record *ret);

struct dns_out {
        uint8_t *buf;
        size_t size, n;
        bool full;
};
void dns_put(struct dns_out *o, const uint8_t *at, size_t len);
void dns_put_u16(struct dns_out *o, unsigned v);
void dns_put_u32(struct dns_out *o, uint32_t v);
