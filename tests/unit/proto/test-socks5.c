/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SOCKS5 by RFC 1928, byte by byte. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/socks5.h"
#include "../suite.h"

#define BYTES(s) s, sizeof(s) - 1

START_TEST(greetings) {
        static const struct {
                const char *data;
                size_t len;
                int r;
                const char *answer;
                size_t n;
        } rows[] = {
                { BYTES("\5\1\0"), 3, BYTES("\5\0") },
                { BYTES("\5\2\2\0x"), 4, BYTES("\5\0") },
                { BYTES("\5\3\0\1\2"), 5, BYTES("\5\0") },
                { BYTES("\5\1"), 0, BYTES("") },
                { BYTES("\5"), 0, BYTES("") },
                { BYTES(""), 0, BYTES("") },
                { BYTES("\5\0"), -EACCES, BYTES("\5\xff") },
                { BYTES("\5\1\2"), -EACCES, BYTES("\5\xff") },
                { BYTES("\5\2\1\2"), -EACCES, BYTES("\5\xff") },
                { BYTES("\4\1\0\x50\1\2\3\4\0"), -EPROTONOSUPPORT, BYTES("\0\x5b\0\0\0\0\0\0") },
                { BYTES("\6"), -EPROTO, BYTES("") },
                { BYTES("GET "), -EPROTO, BYTES("") },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                struct socks5_answer a;
                int r = socks5_greeting((const uint8_t *) rows[i].data, rows[i].len, &a, &e);

                ck_assert_msg(r == rows[i].r, "%zu: %d", i, r);
                ck_assert_uint_eq(a.len, rows[i].n);
                ck_assert_mem_eq(a.bytes, rows[i].answer, a.len);
                ck_assert_int_eq(*e.message != 0, r < 0);
        }
}
END_TEST

START_TEST(requests) {
        static const struct {
                const char *data;
                size_t len;
                int r;
                const char *host;
                unsigned port;
                int code;
        } rows[] = {
                { BYTES("\5\1\0\1\xc0\0\2\1\1\xbb"), 10, "192.0.2.1", 443, 0 },
                { BYTES("\5\1\0\3\x9"
                        "A.Example\0\x16next"),
                  16, "a.example", 22, 0 },
                { BYTES("\5\1\0\3\x9"
                        "192.0.2.1\0\x16"),
                  16, "192.0.2.1", 22, 0 },
                { BYTES("\5\1\0\4\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50"), 22, "2001:db8::1",
                  80, 0 },
                { BYTES("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1\0\x50"), 22, "127.0.0.1",
                  80, 0 },
                /* refused */
                { BYTES("\4\1\0\1"), -EPROTO, NULL, 0, -1 },
                { BYTES("\5\2\0\1"), -EOPNOTSUPP, NULL, 0, SOCKS5_COMMAND },
                { BYTES("\5\3"), -EOPNOTSUPP, NULL, 0, SOCKS5_COMMAND },
                { BYTES("\5\0\0\1"), -EPROTO, NULL, 0, SOCKS5_COMMAND },
                { BYTES("\5\1\1\1"), -EPROTO, NULL, 0, SOCKS5_FAILED },
                { BYTES("\5\1\0\2"), -EPROTO, NULL, 0, SOCKS5_ADDRESS_TYPE },
                { BYTES("\5\1\0\1\xc0\0\2\1\0\0"), -EPROTO, NULL, 0, SOCKS5_FAILED },
                { BYTES("\5\1\0\3\0\0\x50"), -EPROTO, NULL, 0, SOCKS5_REFUSED },
                { BYTES("\5\1\0\3\xe"
                        "evil\0a.example\0\x50"),
                  -EPROTO, NULL, 0, SOCKS5_REFUSED },
                { BYTES("\5\1\0\3\x9"
                        "a.exampl\0\0\x50"),
                  -EPROTO, NULL, 0, SOCKS5_REFUSED },
                { BYTES("\5\1\0\3\5"
                        "127.1\0\x50"),
                  -EPROTO, NULL, 0, SOCKS5_REFUSED },
                { BYTES("\5\1\0\3\xa"
                        "0x7f000001\0\x50"),
                  -EPROTO, NULL, 0, SOCKS5_REFUSED },
                { BYTES("\5\1\0\3\x5"
                        "[::1]\0\x50"),
                  -EPROTO, NULL, 0, SOCKS5_REFUSED },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                struct socks5_request q;
                struct socks5_answer a;
                int r = 0;

                for (size_t n = 0; n <= rows[i].len && r == 0; n++) {
                        uint8_t *copy = malloc(n + 1);

                        memcpy(copy, rows[i].data, n);
                        r = socks5_request(copy, n, &q, &a, &e);
                        free(copy);
                        ck_assert(r <= (int) n);
                }
                ck_assert_msg(r == rows[i].r, "%zu: %d %s", i, r, e.message);
                if (r > 0) {
                        ck_assert_str_eq(q.host.name, rows[i].host);
                        ck_assert_uint_eq(q.port, rows[i].port);
                        continue;
                }
                ck_assert(*e.message);
                ck_assert_uint_eq(a.len, rows[i].code < 0 ? 0 : 10);
                if (a.len > 0)
                        ck_assert_int_eq(a.bytes[1], rows[i].code);
        }
}
END_TEST

START_TEST(replies) {
        struct socks5_answer a;
        struct host h;

        socks5_reply(SOCKS5_GRANTED, NULL, 7, &a);
        ck_assert_uint_eq(a.len, 10);
        ck_assert_mem_eq(a.bytes, "\5\0\0\1\0\0\0\0\0\0", 10);
        ck_assert_int_eq(host_parse("192.0.2.1", 9, &h, NULL), 0);
        socks5_reply(SOCKS5_GRANTED, &h, 443, &a);
        ck_assert_mem_eq(a.bytes, "\5\0\0\1\xc0\0\2\1\1\xbb", 10);
        ck_assert_int_eq(host_parse("2001:db8::1", 11, &h, NULL), 0);
        socks5_reply(SOCKS5_TTL, &h, 80, &a);
        ck_assert_uint_eq(a.len, 22);
        ck_assert_mem_eq(a.bytes, "\5\6\0\4\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50", 22);
        ck_assert_int_eq(socks5_code_for(ECONNREFUSED), SOCKS5_CONNECTION_REFUSED);
        ck_assert_int_eq(socks5_code_for(-ENETUNREACH), SOCKS5_NET_UNREACHABLE);
        ck_assert_int_eq(socks5_code_for(EHOSTUNREACH), SOCKS5_HOST_UNREACHABLE);
        ck_assert_int_eq(socks5_code_for(EACCES), SOCKS5_REFUSED);
        ck_assert_int_eq(socks5_code_for(EIO), SOCKS5_FAILED);
}
END_TEST

int main(void) {
        return RUN_TESTS("socks5", greetings, requests, replies);
}
