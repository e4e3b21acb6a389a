/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where bodies end, in whatever pieces they come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/http.h"
#include "../suite.h"

/* Feeds pieces of `step` bytes; the bytes taken, or the error. */
static int feed(enum http_body_kind kind, uint64_t length, const char *text, size_t step,
                int *ret_complete) {
        size_t len = strlen(text), at = 0;
        struct http_body b;
        int r;

        http_body_begin(&b, kind, length);
        r = http_body_complete(&b);
        while (at < len && r == 0) {
                size_t n = len - at < step ? len - at : step, taken = SIZE_MAX;
                char *copy = malloc(n);
                struct error e = ERROR_NULL;

                memcpy(copy, text + at, n);
                r = http_body_feed(&b, copy, n, &taken, &e);
                free(copy);
                if (r < 0) {
                        ck_assert(*e.message);
                        /* Refused once, refused for good. */
                        ck_assert_int_eq(http_body_feed(&b, "x", 1, &taken, NULL), -EPROTO);
                        ck_assert_int_lt(http_body_end(&b, NULL), 0);
                        return r;
                }
                ck_assert_uint_le(taken, n);
                ck_assert(r == 1 || taken == n);
                at += taken;
        }
        ck_assert_int_eq(http_body_complete(&b), r);
        ck_assert_int_eq(http_body_end(&b, NULL), r || kind == HTTP_BODY_UNTIL_CLOSE ? 0 : -EPROTO);
        *ret_complete = r;
        return (int) at;
}

#define C HTTP_BODY_CHUNKED
#define L HTTP_BODY_LENGTH

START_TEST(bodies) {
        static const struct {
                enum http_body_kind kind;
                uint64_t length;
                const char *text;
                int taken, complete;
        } rows[] = {
                { HTTP_BODY_NONE, 0, "GET", 0, 1 },
                { L, 0, "GET", 0, 1 },
                { L, 3, "abcGET", 3, 1 },
                { L, 3, "ab", 2, 0 },
                { HTTP_BODY_UNTIL_CLOSE, 0, "abc", 3, 0 },
                { C, 0, "0\r\n\r\nGET", 5, 1 },
                { C, 0, "3\r\nabc\r\n0\r\n\r\nGET", 13, 1 },
                { C, 0, "00000003\r\nabc\r\n000\r\n\r\n", 22, 1 },
                { C, 0, "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 35, 1 },
                { C, 0, "3;a=b;c=\"d e\"\r\n\r\n\r\r\n0;x\r\n\r\n", 27, 1 },
                /* RFC 9112 section 7.1.2 */
                { C, 0, "0\r\nExpires: x\r\nX-Sum:\r\n\r\nG", 25, 1 },
                { C, 0, "0\r\nHosts: x\r\nTransfer-Encodings: 1\r\n\r\n", 38, 1 },
                { C, 0, "0\r\nHost-with-a-very-long-name-that-is-cut: x\r\n\r\n", 48, 1 },
                { C, 0, "3\r\nabc\r\n", 8, 0 },
                { C, 0, "0\r\n", 3, 0 },
                { C, 0, "0\r\n\r", 4, 0 },
                { C, 0, "7fffffffffffffff\r\nabc", 21, 0 },
                { C, 0, "3 \r\nabc\r\n0\r\n\r\n", -EPROTO, 0 },
                { C, 0, " 3\r\nabc\r\n0\r\n\r\n", -EPROTO, 0 },
                { C, 0, "3 ;a\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "+3\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "-3\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "0x3\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "\r\nabc", -EPROTO, 0 },
                { C, 0, ";a\r\nabc", -EPROTO, 0 },
                { C, 0, "g\r\n", -EPROTO, 0 },
                { C, 0, "3\nabc\r\n", -EPROTO, 0 },
                { C, 0, "3\r\nabc\n", -EPROTO, 0 },
                { C, 0, "3\r\nabcd\r\n", -EPROTO, 0 },
                { C, 0, "3\r\nab\r\n0", -EPROTO, 0 },
                { C, 0, "3\r\rabc", -EPROTO, 0 },
                { C, 0, "3;a\nabc\r\n", -EPROTO, 0 },
                { C, 0, "3;a\rb\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "3;\x01\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "8000000000000000\r\n", -EPROTO, 0 },
                { C, 0, "ffffffffffffffff\r\n", -EPROTO, 0 },
                { C, 0, "10000000000000003\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "00000000000000003\r\nabc\r\n", -EPROTO, 0 },
                { C, 0, "0\r\n\n", -EPROTO, 0 },
                { C, 0, "0\r\n\rX", -EPROTO, 0 },
                { C, 0, "0\r\n folded\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\nX : y\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\n: y\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\nX\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\nX: a\nY: b\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\ncontent-LENGTH: 3\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO, 0 },
                { C, 0, "0\r\nhost: a\r\n\r\n", -EPROTO, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t step = 1; step < 64; step += step < 4 ? 1 : 20) {
                        int complete = 0;
                        int r = feed(rows[i].kind, rows[i].length, rows[i].text, step, &complete);

                        ck_assert_msg(r == rows[i].taken && complete == rows[i].complete,
                                      "%zu by %zu: %d %d", i, step, r, complete);
                }
}
END_TEST

/* Bytes come in pieces of every size; what is left is the data, and nothing of the next message. */
START_TEST(unchunked) {
        static const char text[] = "5\r\nhello\r\n1;x=y\r\n \r\n00a\r\nnice\r\n0\r\nx\r\n"
                                   "0\r\nA: b\r\n\r\nnext";
        static const char plain[] = "hello nice\r\n0\r\nx";

        for (size_t step = 1; step <= sizeof(text); step++) {
                struct http_body b;
                char out[sizeof(text)], piece[sizeof(text)];
                size_t at = 0, have = 0;
                int r = 0;

                http_body_begin(&b, HTTP_BODY_CHUNKED, 0);
                while (r == 0) {
                        size_t n = sizeof(text) - 1 - at < step ? sizeof(text) - 1 - at : step;
                        size_t taken, data;

                        memcpy(piece, text + at, n);
                        r = http_body_unchunk(&b, piece, n, &taken, &data, NULL);
                        ck_assert_int_ge(r, 0);
                        ck_assert_uint_le(data, taken);
                        memcpy(out + have, piece, data);
                        ck_assert_int_eq(memcmp(piece + taken, text + at + taken, n - taken), 0);
                        at += taken;
                        have += data;
                }
                ck_assert_uint_eq(have, strlen(plain));
                ck_assert_mem_eq(out, plain, have);
                ck_assert_str_eq(text + at, "next");
        }
}
END_TEST

START_TEST(caps) {
        char text[HTTP_MAX_TRAILER + 64];
        int complete;

        for (unsigned extra = 0; extra < 2; extra++) {
                sprintf(text, "3;%0*d\r\nabc\r\n0\r\n\r\n", (int) (HTTP_MAX_CHUNK_LINE - 1 + extra),
                        0);
                ck_assert_int_eq(feed(C, 0, text, 1000, &complete) < 0, extra);
                sprintf(text, "0\r\nX: %0*d\r\n\r\n", (int) (HTTP_MAX_TRAILER - 7 + extra), 0);
                ck_assert_int_eq(feed(C, 0, text, 1000, &complete) == -EMSGSIZE, extra);
        }
}
END_TEST

/* What splice(2) carries past us. */
START_TEST(blind) {
        struct http_body b;
        size_t taken;

        http_body_begin(&b, C, 0);
        ck_assert_uint_eq(http_body_blind(&b), 0);
        ck_assert_int_eq(http_body_feed(&b, "10\r\nab", 6, &taken, NULL), 0);
        ck_assert_uint_eq(http_body_blind(&b), 14);
        http_body_skip(&b, 13);
        ck_assert_uint_eq(http_body_blind(&b), 1);
        http_body_skip(&b, 1);
        ck_assert_uint_eq(http_body_blind(&b), 0);
        ck_assert_int_eq(http_body_feed(&b, "\r\n0\r\n\r\n", 7, &taken, NULL), 1);

        http_body_begin(&b, L, 5);
        ck_assert_uint_eq(http_body_blind(&b), 5);
        http_body_skip(&b, 5);
        ck_assert(http_body_complete(&b));
        http_body_skip(&b, 5);
        ck_assert(http_body_complete(&b));

        http_body_begin(&b, HTTP_BODY_UNTIL_CLOSE, 0);
        ck_assert_uint_eq(http_body_blind(&b), UINT64_MAX);
        http_body_skip(&b, 1u << 30);
        ck_assert_uint_eq(http_body_blind(&b), UINT64_MAX);
        ck_assert_int_eq(http_body_end(&b, NULL), 0);
}
END_TEST

int main(void) {
        return RUN_TESTS("http-body", bodies, unchunked, caps, blind);
}
