/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ClientHellos, whole and in pieces of records and of reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/tls_hello.h"
#include "../suite.h"

#define BYTES(s) (s), sizeof(s) - 1
#define SNI                        \
        "\0\0\0\x0e\0\x0c\0\0\x09" \
        "a.example"
#define ALPN "\0\x10\0\x0e\0\x0c\2h2\x08http/1.1"
#define VERSIONS "\0\x2b\0\5\4\3\4\3\3"
#define START                              \
        "\3\3"                             \
        "0123456789abcdef0123456789abcdef" \
        "\4sess"                           \
        "\0\4\x13\1\x13\2"                 \
        "\1\0"

/* One message in records of `piece` bytes. */
static size_t wrap(const char *body, size_t len, size_t piece, uint8_t *ret) {
        size_t total = len + 4, n = 0;
        uint8_t *m = malloc(total);

        memcpy(m,
               (const uint8_t[4]){ 1, (uint8_t) (len >> 16), (uint8_t) (len >> 8), (uint8_t) len },
               4);
        memcpy(m + 4, body, len);
        for (size_t at = 0; at < total; at += piece) {
                size_t some = total - at < piece ? total - at : piece;

                memcpy(ret + n,
                       (const uint8_t[5]){ 0x16, 3, 1, (uint8_t) (some >> 8), (uint8_t) some }, 5);
                memcpy(ret + n + 5, m + at, some);
                n += 5 + some;
        }
        free(m);
        return n;
}

/* START, then the extensions with their length. */
static size_t extend(const char *extensions, size_t len, char *ret) {
        size_t n = sizeof(START) - 1;

        memcpy(ret, START, n);
        ret[n] = (char) (len >> 8);
        ret[n + 1] = (char) len;
        memcpy(ret + n + 2, extensions, len);
        return n + 2 + len;
}

/* Byte by byte, each time in a block of just that size. */
static int feed(const uint8_t *data, size_t len, struct tls_hello *h, struct error *e) {
        int r = TLS_HELLO_MORE;

        for (size_t n = 0; n <= len && r == TLS_HELLO_MORE; n++) {
                uint8_t *copy = malloc(n + 1);

                memcpy(copy, data, n);
                r = tls_hello_parse(copy, n, h, e);
                free(copy);
                ck_assert(r != TLS_HELLO_FOUND || n == len);
        }
        return r;
}

START_TEST(hellos) {
        static const struct {
                const char *extensions;
                size_t len;
                const char *name;
                bool ech, alpn, h2, http1, tls13;
        } rows[] = {
                { BYTES(SNI), "a.example", 0, 0, 0, 0, 0 },
                { BYTES(""), NULL, 0, 0, 0, 0, 0 },
                { BYTES(ALPN SNI VERSIONS), "a.example", 0, 1, 1, 1, 1 },
                { BYTES("\0\x10\0\5\0\3\2h2"), NULL, 0, 1, 1, 0, 0 },
                { BYTES("\0\x10\0\6\0\4\3ftp"), NULL, 0, 1, 0, 0, 0 },
                { BYTES("\0\x10\0\x0e\0\x0c\x0bhttp/1.1foo"), NULL, 0, 1, 0, 0, 0 },
                { BYTES("\0\x2b\0\3\2\3\3"), NULL, 0, 0, 0, 0, 0 },
                { BYTES(SNI "\xfe\x0d\0\3\0\0\0"
                            "\x0a\x0a\0\0"),
                  "a.example", 1, 0, 0, 0, 0 },
                { BYTES("\0\0\0\x0e\0\x0c\0\0\x09"
                        "A.EXAMPLE"),
                  "a.example", 0, 0, 0, 0, 0 },
                { BYTES("\0\0\0\x0e\0\x0c\0\0\x09"
                        "192.0.2.1"),
                  "192.0.2.1", 0, 0, 0, 0, 0 },
        };
        char body[300];
        uint8_t data[4096];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t piece = 8; piece < 400; piece = piece * 3 / 2) {
                        struct error e = ERROR_NULL;
                        struct tls_hello h;
                        size_t n = extend(rows[i].extensions, rows[i].len, body);
                        int r = feed(data, wrap(body, n, piece, data), &h, &e);

                        ck_assert_msg(r == TLS_HELLO_FOUND, "%zu by %zu: %s", i, piece, e.message);
                        ck_assert_int_eq(h.has_name, rows[i].name != NULL);
                        if (rows[i].name)
                                ck_assert_str_eq(h.name.name, rows[i].name);
                        ck_assert_int_eq(h.ech, rows[i].ech);
                        ck_assert_int_eq(h.alpn, rows[i].alpn);
                        ck_assert_int_eq(h.alpn_h2, rows[i].h2);
                        ck_assert_int_eq(h.alpn_http1, rows[i].http1);
                        ck_assert_int_eq(h.tls13, rows[i].tls13);
                }
}
END_TEST

/* Before extensions there were hellos without any. */
START_TEST(without_extensions) {
        uint8_t data[256];
        struct tls_hello h;
        size_t n = wrap(BYTES(START), 1000, data);

        ck_assert_int_eq(feed(data, n, &h, NULL), TLS_HELLO_FOUND);
        ck_assert(!h.has_name && !h.alpn);
        /* What comes in a record of its own is no matter. */
        memcpy(data + n, (const uint8_t[6]){ 0x17, 3, 3, 0, 1, 'x' }, 6);
        ck_assert_int_eq(tls_hello_parse(data, n + 6, &h, NULL), TLS_HELLO_FOUND);
}
END_TEST

START_TEST(not_tls) {
        static const struct {
                const char *data;
                size_t len;
                int r;
        } rows[] = {
                { BYTES(""), TLS_HELLO_MORE },
                { BYTES("\x16"), TLS_HELLO_MORE },
                { BYTES("\x16\3"), TLS_HELLO_MORE },
                { BYTES("\x16\3\1"), TLS_HELLO_MORE },
                { BYTES("G"), TLS_HELLO_NOT_TLS },
                { BYTES("SSH-2.0-x\r\n"), TLS_HELLO_NOT_TLS },
                { BYTES("\x80\x2e\1\3\1"), TLS_HELLO_NOT_TLS }, /* SSL 2 */
                { BYTES("\x15\3\1\0\2\1\0"), TLS_HELLO_NOT_TLS },
                { BYTES("\x16\2"), TLS_HELLO_NOT_TLS },
                { BYTES("\x16\xfe\xfd"), TLS_HELLO_NOT_TLS }, /* DTLS */
                { BYTES("\x16\3\5"), TLS_HELLO_NOT_TLS },
                { BYTES("\x16\3\1\0\0"), -EPROTO },
                { BYTES("\x16\3\1\x40\1"), -EPROTO },
                { BYTES("\x16\3\1\0\x20\2"), -EPROTO }, /* a ServerHello */
                { BYTES("\x16\3\1\0\x20\1\0\x40\1"), -EMSGSIZE },
                { BYTES("\x16\3\1\0\4\1\0\0\0"), -EPROTO },
                { BYTES("\x16\3\1\0\5\1\0\0\0x"), -EPROTO },
                { BYTES("\x16\3\1\0\1\1\x17"), -EPROTO },
                { BYTES("\x16\3\1\0\1\1\x15\3\1\0\2\1\0"), -EPROTO },
                { BYTES("\x16\3\1\0\1\1\x16\3\1\0\0"), -EPROTO },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                struct tls_hello h;
                int r = tls_hello_parse((const uint8_t *) rows[i].data, rows[i].len, &h, &e);

                ck_assert_msg(r == rows[i].r, "%zu: %d", i, r);
                ck_assert_int_eq(*e.message != 0, r < 0);
        }
}
END_TEST

START_TEST(malformed) {
        static const struct {
                const char *extensions;
                size_t len;
        } rows[] = {
                /* server_name */
                { BYTES(SNI SNI) },
                { BYTES("\0\0\0\0") },
                { BYTES("\0\0\0\2\0\0") },
                { BYTES("\0\0\0\5\0\3\0\0\0") },
                { BYTES("\0\0\0\x0e\0\x0c\1\0\x09"
                        "a.example") },
                { BYTES("\0\0\0\x0e\0\x0b\0\0\x09"
                        "a.example") },
                { BYTES("\0\0\0\x0e\0\x0d\0\0\x09"
                        "a.example") },
                { BYTES("\0\0\0\x0e\0\x0c\0\0\x08"
                        "a.example") },
                { BYTES("\0\0\0\x0e\0\x0c\0\0\x0a"
                        "a.example") },
                { BYTES("\0\0\0\x0e\0\x0c\0\0\x09"
                        "a.exam\0le") },
                { BYTES("\0\0\0\x0e\0\x0c\0\0\x09"
                        "a.exam le") },
                { BYTES("\0\0\0\x0a\0\x08\0\0\x05"
                        "127.1") },
                { BYTES("\0\0\0\x12\0\x10\0\0\x05"
                        "a.com"
                        "\0\0\x05"
                        "b.com") },
                /* the others */
                { BYTES(ALPN ALPN) },
                { BYTES("\0\x10\0\2\0\0") },
                { BYTES("\0\x10\0\3\0\1\0") },
                { BYTES("\0\x10\0\5\0\3\3h2") },
                { BYTES("\0\x10\0\6\0\3\2h2x") },
                { BYTES(VERSIONS VERSIONS) },
                { BYTES("\0\x2b\0\1\0") },
                { BYTES("\0\x2b\0\4\3\3\4\3") },
                { BYTES("\xfe\x0d\0\0\xfe\x0d\0\0") },
                { BYTES("\0") },
                { BYTES("\0\x17\0") },
                { BYTES("\0\x17\0\1") },
                { BYTES("\0\x17\xff\xff") },
        };
        static const struct {
                const char *body;
                size_t len;
        } bodies[] = {
                { BYTES("\3\3") },
                { BYTES("\2\0"
                        "0123456789abcdef0123456789abcdef"
                        "\0"
                        "\0\2\x13\1"
                        "\1\0") },
                { BYTES("\3\3"
                        "0123456789abcdef0123456789abcdef"
                        "\x21"
                        "0123456789abcdef01234567"
                        "89abcdefX"
                        "\0\2\x13\1"
                        "\1\0") },
                { BYTES("\3\3"
                        "0123456789abcdef0123456789abcdef"
                        "\0"
                        "\0\0"
                        "\1\0") },
                { BYTES("\3\3"
                        "0123456789abcdef0123456789abcdef"
                        "\0"
                        "\0\3\x13\1\x13"
                        "\1\0") },
                { BYTES("\3\3"
                        "0123456789abcdef0123456789abcdef"
                        "\0"
                        "\0\2\x13\1"
                        "\0") },
                { BYTES("\3\3"
                        "0123456789abcdef0123456789abcdef"
                        "\0"
                        "\0\2\x13\1"
                        "\2\0") },
                { BYTES(START "\0\1") },
                { BYTES(START "\0\0x") },
        };
        char body[300];
        uint8_t data[4096];
        struct tls_hello h;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                size_t n = extend(rows[i].extensions, rows[i].len, body);

                ck_assert_msg(feed(data, wrap(body, n, 1000, data), &h, &e) == -EPROTO, "%zu", i);
                ck_assert(*e.message);
                ck_assert_int_eq(feed(data, wrap(body, n, 9, data), &h, &e), -EPROTO);
        }
        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                size_t n = wrap(bodies[i].body, bodies[i].len, 1000, data);

                ck_assert_msg(feed(data, n, &h, NULL) == -EPROTO, "%zu", i);
        }
}
END_TEST

START_TEST(caps) {
        static char body[TLS_HELLO_MAX + 8];
        static uint8_t data[TLS_HELLO_MAX_BYTES + 1000];
        struct tls_hello h;
        size_t n, pad = TLS_HELLO_MAX - (sizeof(START) - 1) - 2 - 4;

        /* The longest message passes, in as many records as there may be. */
        memcpy(body, START, sizeof(START) - 1);
        n = sizeof(START) - 1;
        memcpy(body + n,
               (const uint8_t[6]){ (uint8_t) ((pad + 4) >> 8), (uint8_t) (pad + 4), 0, 21,
                                   (uint8_t) (pad >> 8), (uint8_t) pad },
               6);
        for (size_t piece = 520; piece < 20000; piece += 7000) {
                n = wrap(body, TLS_HELLO_MAX, piece < 16384u ? piece : 16384u, data);
                ck_assert_int_eq(tls_hello_parse(data, n, &h, NULL), TLS_HELLO_FOUND);
                ck_assert_int_eq(tls_hello_parse(data, n - 1, &h, NULL), TLS_HELLO_MORE);
        }
        n = wrap(body, TLS_HELLO_MAX, 500, data); /* 33 records */
        ck_assert_int_eq(tls_hello_parse(data, n, &h, NULL), -EMSGSIZE);
        n = wrap(body, TLS_HELLO_MAX + 1, 16384u, data);
        ck_assert_int_eq(tls_hello_parse(data, n, &h, NULL), -EMSGSIZE);
        /* Never "more" beyond the buffer that the header promises to be enough. */
        ck_assert_int_ne(tls_hello_parse(data, TLS_HELLO_MAX_BYTES, &h, NULL), TLS_HELLO_MORE);
}
END_TEST

int main(void) {
        return RUN_TESTS("tls-hello", hellos, without_extensions, not_tls, malformed, caps);
}
