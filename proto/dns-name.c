/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Names and records of DNS messages (RFC 1035 sections 3.1, 4.1.3, 4.1.4).
 *
 * A pointer goes strictly backwards from where its name began, so following one ends; how many are
 * followed is bounded, too, since a message of pointers alone would make each name cost thousands.
 */
#include "dns-internal.h"

#define MAX_POINTERS 16 /* compressors make one per name, two at most */

int dns_name_read(const uint8_t *data, size_t len, size_t *pos, bool pointers,
                  struct dns_name *ret) {
        size_t at = *pos, limit = at, end = 0, n = 0;
        unsigned followed = 0;

        for (;;) {
                uint8_t c;

                if (at >= len)
                        return -EPROTO;
                c = data[at];
                if (c >= 0xc0) {
                        size_t target;

                        if (!pointers || at + 1 >= len || ++followed > MAX_POINTERS)
                                return -EPROTO;
                        target = (size_t) (c & 0x3f) << 8 | data[at + 1];
                        if (target >= limit || target < DNS_HEADER)
                                return -EPROTO;
                        if (end == 0)
                                end = at + 2;
                        at = limit = target;
                        continue;
                }
                /* 0x40 and 0x80 begin label types that were given up (RFC 6891 5). */
                if (c > 63 || n + 1 + c > sizeof(ret->bytes) || at + 1 + c > len)
                        return -EPROTO;
                memcpy(ret->bytes + n, data + at, 1 + (size_t) c);
                n += 1 + (size_t) c;
                at += 1 + (size_t) c;
                if (c == 0)
                        break;
        }
        ret->len = n;
        *pos = end > 0 ? end : at;
        return 0;
}

static uint8_t lower(uint8_t c) {
        return c >= 'A' && c <= 'Z' ? (uint8_t) (c - 'A' + 'a') : c;
}

/* Lengths of labels are below 'A', so that lowering the whole name is right. */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b) {
        if (a->len != b->len)
                return false;
        for (size_t i = 0; i < a->len; i++)
                if (lower(a->bytes[i]) != lower(b->bytes[i]))
                        return false;
        return true;
}

bool dns_name_to_host(const struct dns_name *n, struct host *ret) {
        char text[256];
        size_t len = 0;
        struct host h;

        for (size_t i = 0; i < n->len && n->bytes[i] > 0; i += 1 + (size_t) n->bytes[i]) {
                size_t label = n->bytes[i];

                /* A dot inside a label would read as two labels. */
                if (memchr(n->bytes + i + 1, '.', label))
                        return false;
                if (len > 0)
                        text[len++] = '.';
                memcpy(text + len, n->bytes + i + 1, label);
                len += label;
        }
        if (host_parse(text, len, &h, NULL) < 0 || h.kind != HOST_NAME)
                return false;
        *ret = h;
        return true;
}

void dns_name_from_host(const struct host *h, struct dns_name *ret) {
        const char *s = h->name;

        ret->len = 0;
        for (;;) {
                size_t label = strcspn(s, ".");

                ret->bytes[ret->len] = (uint8_t) label;
                memcpy(ret->bytes + ret->len + 1, s, label);
                ret->len += 1 + label;
                if (!s[label])
                        break;
                s += label + 1;
        }
        ret->bytes[ret->len++] = 0;
}

int dns_record_read(const uint8_t *data, size_t len, size_t *pos, struct dns_record *ret) {
        int r = dns_name_read(data, len, pos, true, &ret->owner);

        if (r < 0 || len - *pos < 10)
                return -EPROTO;
        ret->type = dns_u16(data + *pos);
        ret->class = dns_u16(data + *pos + 2);
        ret->ttl = dns_u32(data + *pos + 4);
        if (ret->ttl > INT32_MAX) /* RFC 2181 8 */
                ret->ttl = 0;
        ret->len = dns_u16(data + *pos + 8);
        ret->data = *pos + 10;
        if (ret->len > len - ret->data)
                return -EPROTO;
        *pos = ret->data + ret->len;
        return 0;
}

void dns_put(struct dns_out *o, const uint8_t *at, size_t len) {
        if (o->full || len > o->size - o->n) {
                o->full = true;
                return;
        }
        memcpy(o->buf + o->n, at, len);
        o->n += len;
}

void dns_put_u16(struct dns_out *o, unsigned v) {
        const uint8_t b[2] = { (uint8_t) (v >> 8), (uint8_t) v };

        dns_put(o, b, sizeof(b));
}

void dns_put_u32(struct dns_out *o, uint32_t v) {
        dns_put_u16(o, v >> 16);
        dns_put_u16(o, v & 0xffff);
}
