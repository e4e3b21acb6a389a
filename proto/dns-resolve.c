/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The gate's own questions to the host's resolvers, and what they answer.
 *
 * An answer counts only if it is to the very question: id, name, type. Addresses count only if a
 * chain of aliases leads from the name that was asked to them; what else a server adds is left
 * aside.
 */
#include "dns-internal.h"

int dns_question_write(uint16_t id, const struct host *name, enum dns_type type, uint8_t *buf,
                       size_t size, size_t *ret_len) {
        struct dns_out o = { .buf = buf, .size = size };
        const uint8_t opt[3] = { 0, 0, DNS_OPT };
        struct dns_name n;

        if (name->kind != HOST_NAME)
                return -EINVAL;
        dns_name_from_host(name, &n);
        dns_put_u16(&o, id);
        dns_put_u16(&o, DNS_RD);
        dns_put_u16(&o, 1);
        dns_put_u16(&o, 0);
        dns_put_u16(&o, 0);
        dns_put_u16(&o, 1);
        dns_put(&o, n.bytes, n.len);
        dns_put_u16(&o, type);
        dns_put_u16(&o, DNS_IN);
        dns_put(&o, opt, sizeof(opt));
        dns_put_u16(&o, DNS_MAX_UDP);
        dns_put_u32(&o, 0);
        dns_put_u16(&o, 0);
        if (o.full)
                return -ENOBUFS;
        *ret_len = o.n;
        return 0;
}

/* Where the sections begin, and how many records each has. */
struct sections {
        const uint8_t *data;
        size_t len;
        size_t answers;
        unsigned n_answers, n_authority, n_additional;
};

/* Adds an address once. */
static void add_address(const uint8_t *at, size_t len, struct dns_result *res) {
        struct host h;

        if (len == 4)
                host_from_ipv4(at, &h);
        else
                host_from_ipv6(at, &h);
        for (size_t i = 0; i < res->n_addresses; i++)
                if (res->addresses[i].kind == h.kind &&
                    memcmp(res->addresses[i].addr, h.addr, sizeof(h.addr)) == 0)
                        return;
        if (res->n_addresses < DNS_MAX_ADDRESSES)
                res->addresses[res->n_addresses++] = h;
}

static void lower_ttl(struct dns_result *res, uint32_t ttl) {
        if (ttl < res->ttl)
                res->ttl = ttl;
}

/* All that the answers say about `name`: its addresses, or the name it is an alias of (1). */
static int look_up(const struct sections *s, enum dns_type type, struct dns_name *name,
                   struct dns_result *res) {
        const size_t size = type == DNS_A ? 4 : 16;
        struct dns_name alias = { .len = 0 };
        uint32_t alias_ttl = 0;
        struct dns_record rr;
        size_t pos = s->answers;

        for (unsigned i = 0; i < s->n_answers; i++) {
                size_t at;

                if (dns_record_read(s->data, s->len, &pos, &rr) < 0)
                        return -EPROTO;
                if (rr.class != DNS_IN || !dns_name_equal(&rr.owner, name))
                        continue;
                at = rr.data;
                if (rr.type == type) {
                        if (rr.len != size)
                                return -EPROTO;
                        add_address(s->data + rr.data, size, res);
                        lower_ttl(res, rr.ttl);
                } else if (rr.type == DNS_CNAME && alias.len == 0) {
                        if (dns_name_read(s->data, s->len, &at, true, &alias) < 0 ||
                            at != rr.data + rr.len)
                                return -EPROTO;
                        alias_ttl = rr.ttl;
                }
        }
        if (res->n_addresses > 0 || alias.len == 0)
                return 0;
        lower_ttl(res, alias_ttl);
        *name = alias;
        return 1;
}

/* The rest of the message: the SOA says how long an absence lasts, OPT has the high bits of the
 * code. */
static int read_rest(const struct sections *s, struct dns_result *res) {
        size_t pos = s->answers;
        struct dns_record rr;

        for (unsigned i = 0; i < s->n_answers + s->n_authority + s->n_additional; i++) {
                bool authority = i >= s->n_answers && i < s->n_answers + s->n_authority;
                size_t at;

                if (dns_record_read(s->data, s->len, &pos, &rr) < 0)
                        return -EPROTO;
                at = rr.data;
                if (authority && rr.type == DNS_SOA && res->n_addresses == 0) {
                        struct dns_name name;
                        int r = dns_name_read(s->data, s->len, &at, true, &name); /* MNAME */

                        if (r >= 0)
                                r = dns_name_read(s->data, s->len, &at, true, &name); /* RNAME */
                        if (r < 0 || at + 20 != rr.data + rr.len) /* and five numbers */
                                return -EPROTO;
                        lower_ttl(res, rr.ttl);
                        lower_ttl(res, dns_u32(s->data + at + 16));
                }
                if (!authority && i >= s->n_answers && rr.type == DNS_OPT)
                        res->rcode |= (unsigned) s->data[rr.data - 6] << 4;
        }
        return 0;
}

/* Is it the answer to that question? *ret_pos: where the answers begin. */
static int check_question(const uint8_t *data, size_t len, uint16_t id, const struct dns_name *name,
                          enum dns_type type, size_t *ret_pos) {
        size_t pos = DNS_HEADER;
        struct dns_name echo;

        if (len < DNS_HEADER || dns_u16(data) != id || !(dns_u16(data + 2) & DNS_QR) ||
            (dns_u16(data + 2) & DNS_OPCODE))
                return -ENOMSG;
        /* Old servers that don't know EDNS answer FORMERR with the header alone (RFC 6891 7). */
        if (len == DNS_HEADER && (dns_u16(data + 2) & 0xf) == DNS_FORMERR)
                return 0;
        if (dns_u16(data + 4) != 1 || dns_name_read(data, len, &pos, false, &echo) < 0 ||
            len - pos < 4 || !dns_name_equal(&echo, name) || dns_u16(data + pos) != type ||
            dns_u16(data + pos + 2) != DNS_IN)
                return -ENOMSG;
        *ret_pos = pos + 4;
        return 1;
}

int dns_response_parse(const uint8_t *data, size_t len, uint16_t id, const struct host *name,
                       enum dns_type type, struct dns_result *ret, struct error *e) {
        struct sections s = { .data = data, .len = len };
        struct dns_name owner;
        int r, links = 0;

        if (name->kind != HOST_NAME || (type != DNS_A && type != DNS_AAAA))
                return dns_bad(e, EINVAL, "only names have addresses to ask for");
        dns_name_from_host(name, &owner);
        r = check_question(data, len, id, &owner, type, &s.answers);
        if (r < 0)
                return dns_bad(e, -r, "this is the answer to another question");
        ret->rcode = dns_u16(data + 2) & 0xf;
        ret->truncated = dns_u16(data + 2) & DNS_TC;
        ret->ttl = DNS_MAX_TTL;
        ret->canonical = *name;
        ret->n_addresses = 0;
        if (r == 0 || ret->truncated) /* its records may be cut anywhere */
                return 0;
        s.n_answers = dns_u16(data + 6);
        s.n_authority = dns_u16(data + 8);
        s.n_additional = dns_u16(data + 10);
        if (s.n_answers + s.n_authority + s.n_additional > DNS_MAX_RECORDS)
                return dns_bad(e, EPROTO, "the DNS answer has more than %d records",
                               DNS_MAX_RECORDS);
        while ((r = look_up(&s, type, &owner, ret)) > 0)
                if (++links > DNS_MAX_CHAIN)
                        return dns_bad(e, EPROTO, "the aliases of %s don't end", name->name);
        if (r >= 0)
                r = read_rest(&s, ret);
        if (r < 0)
                return dns_bad(e, EPROTO, "the DNS answer is malformed");
        if (!dns_name_to_host(&owner, &ret->canonical))
                ret->canonical = *name;
        return 0;
}
