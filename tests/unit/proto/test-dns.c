/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions from the sandbox and the gate's answers to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/dns.h"
#include "../suite.h"

#define BYTES(s) (const uint8_t *) (s), sizeof(s) - 1
/* A question's header: id 0x1234, RD, one question. */
#define HEAD "\x12\x34\1\0\0\1\0\0\0\0\0\0"
#define HEAD_OPT "\x12\x34\1\0\0\1\0\0\0\0\0\1"
#define NAME "\1a\7example\0"
#define A_IN "\0\1\0\1"
#define OPT "\0\0\x29\x04\xd0\0\0\0\0\0\0"

static int parse(const uint8_t *data, size_t len, struct dns_query *q, struct error *e) {
        uint8_t *copy = malloc(len + 1);
        int r;

        memcpy(copy, data, len);
        r = dns_query_parse(copy, len, q, e);
        free(copy);
        return r;
}

START_TEST(questions) {
        static const struct {
                const uint8_t *data;
                size_t len;
                const char *host;
                unsigned type, class, room;
        } rows[] = {
                { BYTES(HEAD NAME A_IN), "a.example", DNS_A, 1, 512 },
                { BYTES(HEAD "\1A\7ExAmPlE\0" A_IN), "a.example", DNS_A, 1, 512 },
                { BYTES(HEAD NAME "\0\x1c\0\1"), "a.example", DNS_AAAA, 1, 512 },
                { BYTES(HEAD NAME "\0\x41\0\1"), "a.example", DNS_HTTPS, 1, 512 },
                { BYTES(HEAD NAME "\0\x10\0\3"), "a.example", DNS_TXT, 3, 512 },
                { BYTES(HEAD_OPT NAME A_IN OPT), "a.example", DNS_A, 1, 1232 },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\x10\0\0\0\x80\0\0\0"), "a.example", DNS_A, 1,
                  1232 },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\0\x40\0\0\0\0\0\0"), "a.example", DNS_A, 1,
                  512 },
                /* a cookie (RFC 7873) */
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\x04\xd0\0\0\0\0\0\xc\0\xa\0\x8"
                                           "12345678"),
                  "a.example", DNS_A, 1, 1232 },
                /* names that no host has */
                { BYTES(HEAD "\0" A_IN), NULL, DNS_A, 1, 512 },
                { BYTES(HEAD "\3a.b\7example\0" A_IN), NULL, DNS_A, 1, 512 },
                { BYTES(HEAD "\3a\0b\7example\0" A_IN), NULL, DNS_A, 1, 512 },
                { BYTES(HEAD "\3a b\7example\0" A_IN), NULL, DNS_A, 1, 512 },
                { BYTES(HEAD "\3\x31\x32\x37\1\x30\1\x30\1\x31\0" A_IN), NULL, DNS_A, 1, 512 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                struct dns_query q;
                int r = parse(rows[i].data, rows[i].len, &q, &e);

                ck_assert_msg(r == 0, "%zu: %d %s", i, r, e.message);
                ck_assert_uint_eq(q.id, 0x1234);
                ck_assert_int_eq(q.has_host, rows[i].host != NULL);
                if (rows[i].host)
                        ck_assert_str_eq(q.host.name, rows[i].host);
                ck_assert_uint_eq(q.type, rows[i].type);
                ck_assert_uint_eq(q.class, rows[i].class);
                ck_assert_uint_eq(dns_udp_room(&q), rows[i].room);
                /* Every shorter message is malformed, never read beyond its end. */
                for (size_t n = 12; n < rows[i].len; n++)
                        ck_assert_int_eq(parse(rows[i].data, n, &q, &e), DNS_FORMERR);
        }
}
END_TEST

START_TEST(refused) {
        static const struct {
                const uint8_t *data;
                size_t len;
                int r;
        } rows[] = {
                { BYTES(""), -EBADMSG },
                { BYTES("\x12\x34\1\0\0\1\0\0\0\0\0"), -EBADMSG },
                { BYTES("\x12\x34\x81\0\0\1\0\0\0\0\0\0" NAME A_IN), -EBADMSG },
                { BYTES("\x12\x34\x10\0\0\0\0\0\0\0\0\0"), DNS_NOTIMP },           /* STATUS */
                { BYTES("\x12\x34\x28\0\0\1\0\0\0\0\0\0" NAME A_IN), DNS_NOTIMP }, /* UPDATE */
                { BYTES("\x12\x34\3\0\0\1\0\0\0\0\0\0" NAME A_IN), DNS_FORMERR },  /* TC */
                { BYTES("\x12\x34\1\0\0\0\0\0\0\0\0\0"), DNS_FORMERR },
                { BYTES("\x12\x34\1\0\0\2\0\0\0\0\0\0" NAME A_IN NAME A_IN), DNS_FORMERR },
                { BYTES("\x12\x34\1\0\0\1\0\1\0\0\0\0" NAME A_IN NAME A_IN "\0\0\0\0\0\0"),
                  DNS_FORMERR },
                { BYTES("\x12\x34\1\0\0\1\0\0\0\1\0\0" NAME A_IN), DNS_FORMERR },
                { BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\2" NAME A_IN OPT OPT), DNS_FORMERR },
                { BYTES(HEAD NAME A_IN "x"), DNS_FORMERR },
                { BYTES(HEAD_OPT NAME A_IN OPT "x"), DNS_FORMERR },
                { BYTES(HEAD "\xc0\x0c" A_IN), DNS_FORMERR },
                { BYTES(HEAD "\1a\xc0\x0c" A_IN), DNS_FORMERR },
                { BYTES(HEAD "\x41"
                             "a\0" A_IN),
                  DNS_FORMERR },
                { BYTES(HEAD "\x81"
                             "a\0" A_IN),
                  DNS_FORMERR },
                { BYTES(HEAD_OPT NAME A_IN "\1a\0\0\x29\x04\xd0\0\0\0\0\0\0"), DNS_FORMERR },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x2a\x04\xd0\0\0\0\0\0\0"), DNS_FORMERR },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\x04\xd0\0\1\0\0\0\0"), DNS_BADVERS },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\x04\xd0\0\0\0\0\0\4\0\xa\0\1"), DNS_FORMERR },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\x04\xd0\0\0\0\0\0\3\0\xa\0"), DNS_FORMERR },
        };
        uint8_t buf[600];
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct dns_query q;
                struct dns_reply reply = { 0 };
                struct error e = ERROR_NULL;
                int r = parse(rows[i].data, rows[i].len, &q, &e);

                ck_assert_msg(r == rows[i].r, "%zu: %d", i, r);
                if (r < 0)
                        continue;
                /* What is read of it is enough to say so. */
                reply.rcode = r;
                ck_assert_int_eq(dns_reply_write(&q, &reply, 512, buf, sizeof(buf), &n), 0);
                ck_assert_mem_eq(buf, "\x12\x34", 2);
                ck_assert_uint_eq(buf[3] & 0xf, r & 0xf);
        }
}
END_TEST

START_TEST(names) {
        uint8_t data[600] = { 0x12, 0x34, 1, 0, 0, 1 };
        struct dns_query q;

        /* Labels of 63 bytes; 255 bytes in all pass, one more doesn't. */
        for (size_t last = 61; last <= 62; last++) {
                size_t n = 12;

                for (int i = 0; i < 4; i++) {
                        size_t label = i < 3 ? 63 : last;

                        data[n++] = (uint8_t) label;
                        memset(data + n, 'a', label);
                        n += label;
                }
                data[n] = 0;
                memcpy(data + n + 1, "\0\1\0\1", 4);
                ck_assert_int_eq(parse(data, n + 5, &q, NULL), last == 61 ? 0 : DNS_FORMERR);
                if (last == 61)
                        ck_assert(q.has_host && strlen(q.host.name) == 253 && q.name_len == 255);
        }
}
END_TEST

START_TEST(pointers_to_names) {
        static const struct {
                const uint8_t *data;
                size_t len;
                const char *host;
        } rows[] = {
                { BYTES(HEAD "\1\x31\1\x30\2\x31\x38\3\x31\x39\x38\7in-addr\4arpa\0\0\x0c\0\1"),
                  "198.18.0.1" },
                { BYTES(HEAD "\1\x31\1\x30\2\x31\x38\3\x31\x39\x38\7IN-ADDR\4ARPA\0\0\x0c\0\1"),
                  "198.18.0.1" },
                { BYTES(HEAD "\1b\1a\1\x39\1\x38\1\x37\1\x36\1\x35\1\x34\1\x33\1\x32\1\x31\1\x30"
                             "\1\x30\1\x30\1\x30\1\x30\1\x30\1\x30\1\x30\1\x30\1\x30\1\x30\1\x30"
                             "\1\x30\1\x38\1"
                             "b\1"
                             "d\1\x30\1\x31\1\x30\1\x30\1\x32\3ip6\4arpa\0\0\x0c\0\1"),
                  "2001:db8::123:4567:89ab" },
                { BYTES(HEAD "\1\x31\1\x30\2\x31\x38\3\x31\x39\x38\7in-addr\4arpa\0" A_IN), NULL },
                { BYTES(HEAD "\1\x30\2\x31\x38\3\x31\x39\x38\7in-addr\4arpa\0\0\x0c\0\1"), NULL },
                { BYTES(HEAD "\2\x30\x31\1\x30\2\x31\x38\3\x31\x39\x38\7in-addr\4arpa\0\0\x0c\0\1"),
                  NULL },
                { BYTES(HEAD "\3\x32\x35\x36\1\x30\1\x38\3\x31\x39\x38\7in-addr\4arpa\0\0\x0c\0\1"),
                  NULL },
                { BYTES(HEAD NAME "\0\x0c\0\1"), NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct dns_query q;
                struct host h;

                ck_assert_int_eq(parse(rows[i].data, rows[i].len, &q, NULL), 0);
                ck_assert_msg(dns_query_ptr(&q, &h) == (rows[i].host ? 0 : -ENOENT), "%zu", i);
                if (rows[i].host)
                        ck_assert_str_eq(h.name, rows[i].host);
        }
}
END_TEST

#define TTL "\0\0\0\x3c"
#define SOA                                                                                \
        "\0\0\6\0\1" TTL "\0\x33\5leash\7invalid\0\6nobody\7invalid\0\0\0\0\1\0\0\x0e\x10" \
        "\0\0\2\x58\0\1\x51\x80" TTL

START_TEST(answers) {
        const struct host addresses[] = {
                { .kind = HOST_IPV4, .name = "198.18.0.1", .addr = { 198, 18, 0, 1 } },
                { .kind = HOST_IPV6, .name = "fd00::1", .addr = { 0xfd, [15] = 1 } },
                { .kind = HOST_IPV4, .name = "198.18.0.2", .addr = { 198, 18, 0, 2 } },
        };
        const struct host name = { .kind = HOST_NAME, .name = "b.example" };
        const struct {
                const uint8_t *question;
                size_t question_len;
                struct dns_reply reply;
                const uint8_t *answer;
                size_t len;
        } rows[] = {
                { BYTES(HEAD "\1A\7ExamplE\0" A_IN),
                  { .ttl = 60, .addresses = addresses, .n_addresses = 3 },
                  BYTES("\x12\x34\x81\x80\0\1\0\2\0\0\0\0\1A\7ExamplE\0" A_IN "\xc0\x0c" A_IN TTL
                        "\0\4\xc6\x12\0\1\xc0\x0c" A_IN TTL "\0\4\xc6\x12\0\2") },
                { BYTES(HEAD NAME "\0\x1c\0\1"),
                  { .ttl = 60, .addresses = addresses, .n_addresses = 3 },
                  BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0" NAME "\0\x1c\0\1\xc0\x0c\0\x1c\0\1" TTL
                        "\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1") },
                { BYTES(HEAD_OPT NAME "\0\x10\0\1" OPT), /* TXT of a name that has addresses */
                  { .ttl = 60, .addresses = addresses, .n_addresses = 3 },
                  BYTES("\x12\x34\x81\x80\0\1\0\0\0\1\0\1" NAME "\0\x10\0\1" SOA OPT) },
                { BYTES(HEAD NAME A_IN),
                  { .rcode = DNS_NXDOMAIN, .ttl = 60 },
                  BYTES("\x12\x34\x81\x83\0\1\0\0\0\1\0\0" NAME A_IN SOA) },
                { BYTES(HEAD_OPT NAME A_IN "\0\0\x29\x10\0\0\0\x80\0\0\0"),
                  { .rcode = DNS_REFUSED },
                  BYTES("\x12\x34\x81\x85\0\1\0\0\0\0\0\1" NAME A_IN
                        "\0\0\x29\x04\xd0\0\0\x80\0\0\0") },
                { BYTES(HEAD_OPT NAME A_IN OPT),
                  { .rcode = DNS_BADVERS },
                  BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\1" NAME A_IN
                        "\0\0\x29\x04\xd0\1\0\0\0\0\0") },
                { BYTES("\x12\x34\1\x10\0\1\0\0\0\0\0\0" NAME A_IN), /* CD */
                  { .rcode = DNS_SERVFAIL },
                  BYTES("\x12\x34\x81\x92\0\1\0\0\0\0\0\0" NAME A_IN) },
                { BYTES(HEAD "\1\x31\1\x30\2\x31\x38\3\x31\x39\x38\7in-addr\4arpa\0\0\x0c\0\1"),
                  { .ttl = 60, .ptr = &name },
                  BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0"
                        "\1\x31\1\x30\2\x31\x38\3\x31\x39\x38\7in-addr\4arpa\0\0\x0c\0\1"
                        "\xc0\x0c\0\x0c\0\1" TTL "\0\x0b\1b\7example\0") },
                { BYTES(HEAD NAME "\0\1\0\3"), /* class CHAOS */
                  { .ttl = 60, .addresses = addresses, .n_addresses = 3 },
                  BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\0" NAME "\0\1\0\3") },
        };
        uint8_t buf[600];
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct dns_query q;

                ck_assert_int_eq(parse(rows[i].question, rows[i].question_len, &q, NULL), 0);
                ck_assert_int_eq(
                        dns_reply_write(&q, &rows[i].reply, dns_udp_room(&q), buf, sizeof(buf), &n),
                        0);
                ck_assert_msg(n == rows[i].len, "%zu: %zu", i, n);
                ck_assert_mem_eq(buf, rows[i].answer, n);
                ck_assert_int_eq(dns_reply_write(&q, &rows[i].reply, 512, buf, 12, &n), -ENOBUFS);
        }
}
END_TEST

START_TEST(truncation) {
        struct host many[100];
        struct dns_reply reply = { .ttl = 60, .addresses = many, .n_addresses = ELEMENTSOF(many) };
        struct dns_query q;
        uint8_t buf[4096];
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                host_from_ipv4((const uint8_t[4]){ 198, 18, 0, (uint8_t) i }, &many[i]);
        ck_assert_int_eq(parse(BYTES(HEAD_OPT NAME A_IN OPT), &q, NULL), 0);
        ck_assert_int_eq(dns_reply_write(&q, &reply, dns_udp_room(&q), buf, sizeof(buf), &n), 0);
        ck_assert_uint_eq(n, 12 + 11 + 4 + 11);
        ck_assert(buf[2] & 2);
        ck_assert_uint_eq(buf[7], 0);
        ck_assert_int_eq(dns_reply_write(&q, &reply, DNS_MAX_MESSAGE, buf, sizeof(buf), &n), 0);
        ck_assert_uint_eq(n, 12 + 11 + 4 + 100 * 16 + 11);
        ck_assert(!(buf[2] & 2) && buf[7] == 100);
        /* An absence is never truncated: its SOA is left out. */
        reply = (struct dns_reply){ .rcode = DNS_NXDOMAIN };
        ck_assert_int_eq(dns_reply_write(&q, &reply, 60, buf, sizeof(buf), &n), 0);
        ck_assert_uint_eq(n, 12 + 11 + 4 + 11);
        ck_assert(!(buf[2] & 2));
}
END_TEST

START_TEST(tcp) {
        const uint8_t *m = NULL;
        uint8_t prefix[2];
        size_t n = 0;

        ck_assert_uint_eq(dns_tcp_next(BYTES(""), &m, &n), 0);
        ck_assert_uint_eq(dns_tcp_next(BYTES("\0"), &m, &n), 0);
        ck_assert_uint_eq(dns_tcp_next(BYTES("\0\3ab"), &m, &n), 0);
        ck_assert_uint_eq(dns_tcp_next(BYTES("\0\3abcd"), &m, &n), 5);
        ck_assert(n == 3 && memcmp(m, "abc", 3) == 0);
        ck_assert_uint_eq(dns_tcp_next(BYTES("\0\0x"), &m, &n), 2);
        ck_assert_uint_eq(n, 0);
        dns_tcp_prefix(0x1234, prefix);
        ck_assert_mem_eq(prefix, "\x12\x34", 2);
}
END_TEST

int main(void) {
        return RUN_TESTS("dns", questions, refused, names, pointers_to_names, answers, truncation,
                         tcp);
}
