/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a resolver answers to the gate: the right answer is read, anything else is not one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/dns.h"
#include "../suite.h"

#define BYTES(s) (const uint8_t *) (s), sizeof(s) - 1
#define Q "\1a\7example\0\0\1\0\1" /* a.example A: name at 12, "example" at 14 */
#define HEAD(flags, n, ns) "\x12\x34" flags "\0\1\0" n "\0" ns "\0\0"
#define RR(owner, type, ttl, data) owner "\0" type "\0\1\0\0\0" ttl "\0" data
#define A1 "\4\xc0\0\2\1"
#define A2 "\4\xc0\0\2\2"
#define SOA_DATA(minimum) "\x1a\1m\0\1r\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0" minimum

static int parse(const uint8_t *data, size_t len, enum dns_type type, struct dns_result *ret,
                 struct error *e) {
        const struct host name = { .kind = HOST_NAME, .name = "a.example" };
        uint8_t *copy = malloc(len + 1);
        int r;

        memcpy(copy, data, len);
        r = dns_response_parse(copy, len, 0x1234, &name, type, ret, e);
        free(copy);
        return r;
}

START_TEST(question) {
        const struct host name = { .kind = HOST_NAME, .name = "a.example" },
                          v4 = { .kind = HOST_IPV4 };
        struct host longest = { .kind = HOST_NAME };
        struct dns_query q;
        uint8_t buf[DNS_MAX_QUESTION];
        size_t n;

        ck_assert_int_eq(dns_question_write(0x1234, &name, DNS_AAAA, buf, sizeof(buf), &n), 0);
        ck_assert_uint_eq(n, 12 + 11 + 4 + 11);
        ck_assert_mem_eq(buf,
                         "\x12\x34\1\0\0\1\0\0\0\0\0\1\1a\7example\0\0\x1c\0\1\0\0\x29\4\xd0\0\0\0"
                         "\0\0",
                         n);
        ck_assert_int_eq(dns_query_parse(buf, n, &q, NULL), 0);
        ck_assert_int_eq(dns_question_write(1, &name, DNS_A, buf, n - 1, &n), -ENOBUFS);
        ck_assert_int_eq(dns_question_write(1, &v4, DNS_A, buf, sizeof(buf), &n), -EINVAL);
        memset(longest.name, 'a', 253);
        longest.name[63] = longest.name[127] = longest.name[191] = '.';
        ck_assert_int_eq(dns_question_write(1, &longest, DNS_A, buf, sizeof(buf), &n), 0);
        ck_assert_int_eq(dns_query_parse(buf, n, &q, NULL), 0);
        ck_assert_str_eq(q.host.name, longest.name);
}
END_TEST

START_TEST(good) {
        static const struct {
                const uint8_t *data;
                size_t len;
                unsigned rcode, n;
                const char *first, *canonical;
                unsigned ttl;
                bool truncated;
        } rows[] = {
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x0c", "\1", "\x3c", A1)), 0, 1,
                  "192.0.2.1", "a.example", 60, false },
                /* the case of the echo is no matter */
                { BYTES(HEAD("\x81\x80", "\1", "\0") "\1A\7EXAMPLE\0\0\1\0\1" RR("\1a\xc0\x0e",
                                                                                 "\1", "\x3c", A1)),
                  0, 1, "192.0.2.1", "a.example", 60, false },
                { BYTES(HEAD("\x81\x80", "\3", "\0") Q RR("\xc0\x0c", "\1", "\x3c", A2)
                                RR("\xc0\x0c", "\1", "\x1e", A1) RR("\xc0\x0c", "\1", "\x1e", A1)),
                  0, 2, "192.0.2.2", "a.example", 30, false },
                /* aliases, in the wrong order, too; what belongs to neither is left aside */
                { BYTES(HEAD("\x81\x80", "\4", "\0") Q RR("\1c\xc0\x0e", "\1", "\x3c", A1)
                                RR("\1x\xc0\x0e", "\1", "\1", A2)
                                        RR("\1b\xc0\x0e", "\5", "\x3c", "\4\1C\xc0\x0e")
                                                RR("\xc0\x0c", "\5", "\x0a", "\4\1b\xc0\x0e")),
                  0, 1, "192.0.2.1", "c.example", 10, false },
                /* absence: how long, says the lesser of the SOA's TTL and minimum */
                { BYTES(HEAD("\x81\x83", "\0", "\1")
                                Q RR("\xc0\x0e", "\6", "\x3c", SOA_DATA("\x14"))),
                  DNS_NXDOMAIN, 0, NULL, "a.example", 20, false },
                { BYTES(HEAD("\x81\x80", "\1", "\1") Q RR("\xc0\x0c", "\5", "\x3c", "\4\1b\xc0\x0e")
                                RR("\xc0\x0e", "\6", "\x0a", SOA_DATA("\x14"))),
                  0, 0, NULL, "b.example", 10, false },
                { BYTES(HEAD("\x81\x80", "\0", "\0") Q), 0, 0, NULL, "a.example", DNS_MAX_TTL,
                  false },
                { BYTES(HEAD("\x81\x82", "\0", "\0") Q), DNS_SERVFAIL, 0, NULL, "a.example",
                  DNS_MAX_TTL, false },
                /* truncated: its records are not even looked at */
                { BYTES(HEAD("\x83\x80", "\1", "\0") Q "\xc0"), 0, 0, NULL, "a.example",
                  DNS_MAX_TTL, true },
                /* a server that doesn't know EDNS */
                { BYTES("\x12\x34\x81\x81\0\0\0\0\0\0\0\0"), DNS_FORMERR, 0, NULL, "a.example",
                  DNS_MAX_TTL, false },
                /* BADVERS has its high bits in OPT */
                { BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\1" Q "\0\0\x29\4\xd0\1\0\0\0\0\0"),
                  DNS_BADVERS, 0, NULL, "a.example", DNS_MAX_TTL, false },
                /* a record of another type or class beside it; a TTL with its high bit set is 0 */
                { BYTES(HEAD("\x81\x80", "\3", "\0") Q RR(
                          "\xc0\x0c", "\x10", "\1", "\2\1x") "\xc0\x0c\0\1\0\3\0\0\0\1\0" A2
                                                             "\xc0\x0c\0\1\0\1\x80\0\0\0\0" A1),
                  0, 1, "192.0.2.1", "a.example", 0, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                struct dns_result res;
                int r = parse(rows[i].data, rows[i].len, DNS_A, &res, &e);

                ck_assert_msg(r == 0, "%zu: %d %s", i, r, e.message);
                ck_assert_uint_eq(res.rcode, rows[i].rcode);
                ck_assert_msg(res.n_addresses == rows[i].n, "%zu: %zu", i, res.n_addresses);
                if (rows[i].first)
                        ck_assert_str_eq(res.addresses[0].name, rows[i].first);
                ck_assert_str_eq(res.canonical.name, rows[i].canonical);
                ck_assert_msg(res.ttl == rows[i].ttl, "%zu: %u", i, res.ttl);
                ck_assert_int_eq(res.truncated, rows[i].truncated);
                for (size_t n = 0; n < rows[i].len && !rows[i].truncated; n++)
                        ck_assert(parse(rows[i].data, n, DNS_A, &res, &e) < 0);
        }
}
END_TEST

START_TEST(bad) {
        static const struct {
                const uint8_t *data;
                size_t len;
                int r;
        } rows[] = {
                /* someone else's answers */
                { BYTES("\x12\x35\x81\x80\0\1\0\0\0\0\0\0" Q), -ENOMSG },
                { BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0" Q), -ENOMSG },
                { BYTES("\x12\x34\xa9\x80\0\1\0\0\0\0\0\0" Q), -ENOMSG },
                { BYTES(HEAD("\x81\x80", "\0", "\0") "\1b\7example\0\0\1\0\1"), -ENOMSG },
                { BYTES(HEAD("\x81\x80", "\0", "\0") "\1a\7example\0\0\x1c\0\1"), -ENOMSG },
                { BYTES(HEAD("\x81\x80", "\0", "\0") "\1a\7example\0\0\1\0\3"), -ENOMSG },
                { BYTES("\x12\x34\x81\x80\0\0\0\0\0\0\0\0"), -ENOMSG },
                { BYTES("\x12\x34\x81\x80\0\2\0\0\0\0\0\0" Q Q), -ENOMSG },
                { BYTES(HEAD("\x81\x80", "\0", "\0") "\xc0\x0c\0\1\0\1"), -ENOMSG },
                /* malformed */
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x0c", "\1", "\1", "\3\xc0\0\2")),
                  -EPROTO },
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x0c", "\1", "\1", "\5\xc0\0\2")),
                  -EPROTO },
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x1b", "\1", "\1", A1)), -EPROTO },
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x0b", "\1", "\1", A1)), -EPROTO },
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xff\xff", "\1", "\1", A1)), -EPROTO },
                { BYTES(HEAD("\x81\x80", "\1", "\0")
                                Q RR("\xc0\x0c", "\5", "\1", "\5\1b\xc0\x0e\0")),
                  -EPROTO },
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x0c", "\5", "\1", "\1\1")),
                  -EPROTO },
                { BYTES(HEAD("\x81\x80", "\0", "\1") Q RR("\xc0\x0e", "\6", "\1", "\2\0\0")),
                  -EPROTO },
                /* aliases that don't end */
                { BYTES(HEAD("\x81\x80", "\1", "\0") Q RR("\xc0\x0c", "\5", "\1", "\2\xc0\x0c")),
                  -EPROTO },
                { BYTES(HEAD("\x81\x80", "\2", "\0") Q RR("\xc0\x0c", "\5", "\1", "\4\1b\xc0\x0e")
                                RR("\1b\xc0\x0e", "\5", "\1", "\2\xc0\x0c")),
                  -EPROTO },
                /* more records than are looked at */
                { BYTES("\x12\x34\x81\x80\0\1\1\1\0\0\0\0" Q), -EPROTO },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                struct dns_result res;
                int r = parse(rows[i].data, rows[i].len, DNS_A, &res, &e);

                ck_assert_msg(r == rows[i].r, "%zu: %d", i, r);
                ck_assert(*e.message);
        }
}
END_TEST

START_TEST(ipv6) {
        static const char text[] =
                "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\1a\7example\0\0\x1c\0\1"
                "\xc0\x0c\0\x1c\0\1\0\0\0\1\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                "\xc0\x0c\0\x1c\0\1\0\0\0\1\0\x10\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1";
        struct dns_result res;

        ck_assert_int_eq(parse(BYTES(text), DNS_AAAA, &res, NULL), 0);
        ck_assert_uint_eq(res.n_addresses, 2);
        ck_assert_str_eq(res.addresses[0].name, "2001:db8::1");
        /* A mapped address is what it maps to: its class is judged as that. */
        ck_assert_str_eq(res.addresses[1].name, "127.0.0.1");
        ck_assert_int_eq(parse(BYTES(text), DNS_TXT, &res, NULL), -EINVAL);
}
END_TEST

/* Each hostile kind at its worst: it ends, with at most DNS_MAX_ADDRESSES. */
START_TEST(bounds) {
        uint8_t data[8192];
        struct dns_result res;
        size_t n = sizeof(HEAD("\x81\x80", "\0", "\0") Q) - 1;

        memcpy(data, HEAD("\x81\x80", "\0", "\0") Q, n);
        data[6] = 0, data[7] = 200;
        for (unsigned i = 0; i < 200; i++) {
                memcpy(data + n, "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2", 15);
                data[n + 15] = (uint8_t) i;
                n += 16;
        }
        ck_assert_int_eq(parse(data, n, DNS_A, &res, NULL), 0);
        ck_assert_uint_eq(res.n_addresses, DNS_MAX_ADDRESSES);

        /* Each pointer to the one before it. */
        n = sizeof(HEAD("\x81\x80", "\0", "\0") Q) - 1;
        data[7] = 2;
        memcpy(data + n, "\0\0\x10\0\1\0\0\0\1\0\x28", 11);
        n += 11;
        for (unsigned i = 0; i < 20; i++) {
                size_t target = i == 0 ? 12 : n - 2;

                data[n++] = (uint8_t) (0xc0 | target >> 8);
                data[n++] = (uint8_t) target;
        }
        data[n] = 0xc0, data[n + 1] = (uint8_t) (n - 2);
        memcpy(data + n + 2, "\0\1\0\1\0\0\0\1\0\4\xc0\0\2\1", 14);
        ck_assert_int_eq(parse(data, n + 16, DNS_A, &res, NULL), -EPROTO);
        data[n + 1] = (uint8_t) (n - 2 * 8); /* a shorter way is fine */
        ck_assert_int_eq(parse(data, n + 16, DNS_A, &res, NULL), 0);
        ck_assert_uint_eq(res.n_addresses, 1);
}
END_TEST

int main(void) {
        return RUN_TESTS("dns-resolve", question, good, bad, ipv6, bounds);
}
