/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sandbox's questions and the gate's answers. A question is read strictly: exactly one, spelled
 * out, and nothing else but EDNS; no byte of it ever reaches a server.
 */
#include "dns-internal.h"

/* The OPT record (RFC 6891 6.1.2) at *pos; nothing else may stand there. 0, or the code to answer.
 */
static int read_opt(const uint8_t *data, size_t len, size_t *pos, struct dns_query *q) {
        struct dns_record opt;

        /* The EDNS version in what is the TTL elsewhere has bits that dns_record_read() judges. */
        if (dns_record_read(data, len, pos, &opt) < 0 || opt.type != DNS_OPT || opt.owner.len != 1)
                return DNS_FORMERR;
        for (size_t i = 0; i < opt.len;) { /* options: code, length, data */
                if (opt.len - i < 4 || dns_u16(data + opt.data + i + 2) > opt.len - i - 4)
                        return DNS_FORMERR;
                i += 4 + (size_t) dns_u16(data + opt.data + i + 2);
        }
        q->edns = true;
        q->udp_size = opt.class;
        q->dnssec_ok = dns_u16(data + opt.data - 4) & DNS_EDNS_DO;
        return data[opt.data - 5] == 0 ? 0 : DNS_BADVERS;
}

int dns_query_parse(const uint8_t *data, size_t len, struct dns_query *ret, struct error *e) {
        struct dns_name name;
        size_t pos = DNS_HEADER;
        unsigned extra;

        if (len < DNS_HEADER || (dns_u16(data + 2) & DNS_QR))
                return dns_bad(e, EBADMSG, "this is no DNS question");
        *ret = (struct dns_query){ .id = dns_u16(data), .flags = dns_u16(data + 2) };
        if (ret->flags & DNS_OPCODE)
                return DNS_NOTIMP;
        extra = dns_u16(data + 10);
        if ((ret->flags & DNS_TC) || dns_u16(data + 4) != 1 || dns_u16(data + 6) != 0 ||
            dns_u16(data + 8) != 0 || extra > 1)
                return DNS_FORMERR;
        if (dns_name_read(data, len, &pos, false, &name) < 0 || len - pos < 4)
                return DNS_FORMERR;
        memcpy(ret->name, name.bytes, name.len);
        ret->name_len = name.len;
        ret->type = dns_u16(data + pos);
        ret->class = dns_u16(data + pos + 2);
        pos += 4;
        ret->has_host = dns_name_to_host(&name, &ret->host);
        if (extra == 1) {
                int code = read_opt(data, len, &pos, ret);

                if (code > 0)
                        return code;
        }
        return pos == len ? 0 : DNS_FORMERR;
}

size_t dns_udp_room(const struct dns_query *q) {
        if (!q->edns || q->udp_size < DNS_MIN_UDP)
                return DNS_MIN_UDP;
        return q->udp_size < DNS_MAX_UDP ? q->udp_size : DNS_MAX_UDP;
}

/* addresses as names (RFC 1035 3.5, RFC 3596 2.5) */

static bool read_decimal(const uint8_t *label, uint8_t *ret) {
        unsigned v = 0;

        if (label[0] == 0 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
                return false;
        for (size_t i = 1; i <= label[0]; i++) {
                if (label[i] < '0' || label[i] > '9')
                        return false;
                v = v * 10 + (unsigned) (label[i] - '0');
        }
        *ret = (uint8_t) v;
        return v <= 255;
}

static bool read_nibble(const uint8_t *label, uint8_t *ret) {
        uint8_t c = label[0] == 1 ? label[1] : 0;

        if (c >= '0' && c <= '9')
                *ret = (uint8_t) (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                *ret = (uint8_t) ((c | 0x20) - 'a' + 10);
        else
                return false;
        return true;
}

int dns_query_ptr(const struct dns_query *q, struct host *ret) {
        static const uint8_t v4[] = "\7in-addr\4arpa", v6[] = "\3ip6\4arpa"; /* NUL: the root */
        struct dns_name name = { .len = q->name_len }, suffix;
        uint8_t addr[16] = { 0 };
        size_t i = 0, n = 0;
        bool is_v6;

        if (q->type != DNS_PTR || q->class != DNS_IN || q->name_len < sizeof(v6))
                return -ENOENT;
        memcpy(name.bytes, q->name, q->name_len);
        is_v6 = name.len == 32 * 2 + sizeof(v6);
        for (; n < (is_v6 ? 32 : 4) && name.bytes[i] > 0; n++) {
                uint8_t v = 0;

                if (!(is_v6 ? read_nibble : read_decimal)(name.bytes + i, &v))
                        return -ENOENT;
                if (is_v6)
                        addr[15 - n / 2] |= (uint8_t) (v << (n % 2 * 4));
                else
                        addr[3 - n] = v;
                i += 1 + (size_t) name.bytes[i];
        }
        suffix.len = is_v6 ? sizeof(v6) : sizeof(v4);
        memcpy(suffix.bytes, is_v6 ? v6 : v4, suffix.len);
        name.len -= i;
        memmove(name.bytes, name.bytes + i, name.len);
        if (!dns_name_equal(&name, &suffix))
                return -ENOENT;
        if (is_v6)
                host_from_ipv6(addr, ret);
        else
                host_from_ipv4(addr, ret);
        return 0;
}

/* answers */

static void put_record(struct dns_out *o, enum dns_type type, uint32_t ttl, const uint8_t *data,
                       size_t len) {
        dns_put_u16(o, 0xc000 | DNS_HEADER); /* the question's name */
        dns_put_u16(o, type);
        dns_put_u16(o, DNS_IN);
        dns_put_u32(o, ttl);
        dns_put_u16(o, (unsigned) len);
        dns_put(o, data, len);
}

static unsigned put_answers(struct dns_out *o, const struct dns_query *q,
                            const struct dns_reply *r) {
        unsigned n = 0;

        if (q->class != DNS_IN || r->rcode != DNS_NOERROR)
                return 0;
        for (size_t i = 0; i < r->n_addresses; i++) {
                bool v6 = r->addresses[i].kind == HOST_IPV6;
                enum dns_type type = v6 ? DNS_AAAA : DNS_A;

                if (r->addresses[i].kind == HOST_NAME || (q->type != type && q->type != DNS_ANY))
                        continue;
                put_record(o, type, r->ttl, r->addresses[i].addr, v6 ? 16 : 4);
                n++;
        }
        if (r->ptr && r->ptr->kind == HOST_NAME && q->type == DNS_PTR) {
                struct dns_name name;

                dns_name_from_host(r->ptr, &name);
                put_record(o, DNS_PTR, r->ttl, name.bytes, name.len);
                n++;
        }
        return n;
}

/* RFC 2308: without a SOA, an absence isn't cached and is asked again each time. Its owner is the
 * root, which encloses every name; its minimum is how long the absence lasts. */
static void put_soa(struct dns_out *o, uint32_t ttl) {
        static const uint8_t names[] = "\5leash\7invalid\0\6nobody\7invalid";
        static const uint8_t root = 0;

        dns_put(o, &root, 1);
        dns_put_u16(o, DNS_SOA);
        dns_put_u16(o, DNS_IN);
        dns_put_u32(o, ttl);
        dns_put_u16(o, sizeof(names) + 5 * 4);
        dns_put(o, names, sizeof(names));
        dns_put_u32(o, 1);    /* serial */
        dns_put_u32(o, 3600); /* refresh, retry, expire: for secondaries, of which there are none */
        dns_put_u32(o, 600);
        dns_put_u32(o, 86400);
        dns_put_u32(o, ttl); /* minimum */
}

static void put_opt(struct dns_out *o, const struct dns_query *q, enum dns_rcode rcode) {
        const uint8_t head[3] = { 0, 0, DNS_OPT };

        dns_put(o, head, sizeof(head));
        dns_put_u16(o, DNS_MAX_UDP);
        dns_put_u32(o, (uint32_t) rcode >> 4 << 24 | (q->dnssec_ok ? DNS_EDNS_DO : 0));
        dns_put_u16(o, 0);
}

int dns_reply_write(const struct dns_query *q, const struct dns_reply *r, size_t max, uint8_t *buf,
                    size_t size, size_t *ret_len) {
        struct dns_out o = { .buf = buf, .size = size < max ? size : max };
        const size_t opt = q->edns ? 11 : 0;
        unsigned flags, n_answers = 0, n_soa = 0;
        size_t mark;

        flags = DNS_QR | DNS_RA | (q->flags & (DNS_OPCODE | DNS_RD | DNS_CD)) | (r->rcode & 0xf);
        for (size_t i = 0; i < DNS_HEADER / 2; i++)
                dns_put_u16(&o, 0);
        if (q->name_len > 0) {
                dns_put(&o, q->name, q->name_len);
                dns_put_u16(&o, q->type);
                dns_put_u16(&o, q->class);
        }
        if (o.full || o.size - o.n < opt)
                return -ENOBUFS;
        mark = o.n;
        o.size -= opt; /* kept for the OPT record */
        if (q->name_len > 0) {
                n_answers = put_answers(&o, q, r);
                if (o.full) {
                        flags |= DNS_TC;
                        n_answers = 0;
                } else if (n_answers == 0 && q->class == DNS_IN &&
                           (r->rcode == DNS_NOERROR || r->rcode == DNS_NXDOMAIN)) {
                        put_soa(&o, r->ttl);
                        n_soa = o.full ? 0 : 1;
                }
                if (o.full) {
                        o.n = mark;
                        o.full = false;
                }
        }
        o.size += opt;
        if (q->edns)
                put_opt(&o, q, r->rcode);
        *ret_len = o.n;
        o.n = 0; /* the header, now that the counts are known */
        dns_put_u16(&o, q->id);
        dns_put_u16(&o, flags);
        dns_put_u16(&o, q->name_len > 0);
        dns_put_u16(&o, n_answers);
        dns_put_u16(&o, n_soa);
        dns_put_u16(&o, q->edns);
        return 0;
}

size_t dns_tcp_next(const uint8_t *data, size_t len, const uint8_t **ret, size_t *ret_len) {
        size_t n = len < 2 ? 0 : dns_u16(data);

        if (len < 2 || len - 2 < n)
                return 0;
        *ret = data + 2;
        *ret_len = n;
        return 2 + n;
}

void dns_tcp_prefix(size_t len, uint8_t ret[2]) {
        ret[0] = (uint8_t) (len >> 8);
        ret[1] = (uint8_t) len;
}
