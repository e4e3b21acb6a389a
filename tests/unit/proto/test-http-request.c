/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests that have one reading, and all those that have two. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/http.h"
#include "../suite.h"

#define H "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n" H

/* All at once and byte by byte; both must say the same. */
static int read_all(const char *text, size_t len, struct http_request *q, struct error *e) {
        struct http_scan s = HTTP_SCAN_NULL;
        int once = http_request_read(&s, text, len, q, e), r = 0;

        s = HTTP_SCAN_NULL;
        for (size_t n = 0; n <= len && r == 0; n++) {
                char *copy = malloc(n + 1); /* a sanitizer sees a byte too far */

                memcpy(copy, text, n);
                r = http_request_read(&s, copy, n, q, e);
                free(copy);
        }
        ck_assert_int_eq(r, once);
        s = HTTP_SCAN_NULL;
        return http_request_read(&s, text, len, q, e);
}

static bool text_is(struct http_text t, const char *s) {
        return t.len == strlen(s) && memcmp(t.at, s, t.len) == 0;
}

START_TEST(targets) {
        static const struct {
                const char *text, *method;
                size_t form;
                const char *host;
                size_t port;
                const char *path;
        } rows[] = {
                /* RFC 9112 section 3.2 */
                { "GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "GET",
                  HTTP_FORM_ORIGIN, "www.example.org", 0, "/where?q=now" },
                { "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\n"
                  "Host: www.example.org\r\n\r\n",
                  "GET", HTTP_FORM_ABSOLUTE, "www.example.org", 80, "/pub/WWW/TheProject.html" },
                { "CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "CONNECT",
                  HTTP_FORM_AUTHORITY, "www.example.com", 80, "" },
                { "OPTIONS * HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "OPTIONS",
                  HTTP_FORM_ASTERISK, "www.example.org", 0, "*" },
                { "OPTIONS http://www.example.org:8001 HTTP/1.1\r\nHost: www.example.org:8001\r\n"
                  "\r\n",
                  "OPTIONS", HTTP_FORM_ABSOLUTE, "www.example.org", 8001, "*" },
                /* what else programs send */
                { "GET http://A.Example. HTTP/1.1\r\nHost: a.example\r\n\r\n", "GET",
                  HTTP_FORM_ABSOLUTE, "a.example", 80, "/" },
                { "GET HTTP://a.example?x=/y HTTP/1.1\r\n" H "\r\n", "GET", HTTP_FORM_ABSOLUTE,
                  "a.example", 80, "?x=/y" },
                { "GET http://a.example:80/ HTTP/1.1\r\n" H "\r\n", "GET", HTTP_FORM_ABSOLUTE,
                  "a.example", 80, "/" },
                { "GET http://[2001:DB8::1]:8080/x HTTP/1.1\r\nHost: [2001:db8:0::1]:8080\r\n\r\n",
                  "GET", HTTP_FORM_ABSOLUTE, "2001:db8::1", 8080, "/x" },
                { "GET http://[::ffff:10.0.0.1]/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "GET",
                  HTTP_FORM_ABSOLUTE, "10.0.0.1", 80, "/" },
                { "CONNECT 192.0.2.1:22 HTTP/1.0\r\n\r\n", "CONNECT", HTTP_FORM_AUTHORITY,
                  "192.0.2.1", 22, "" },
                { "CONNECT a.example:443 HTTP/1.1\r\n\r\n", "CONNECT", HTTP_FORM_AUTHORITY,
                  "a.example", 443, "" },
                { "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: 0\r\n"
                  "\r\n",
                  "CONNECT", HTTP_FORM_AUTHORITY, "a.example", 443, "" },
                { "GET / HTTP/1.0\r\n\r\n", "GET", HTTP_FORM_ORIGIN, NULL, 0, "/" },
                { "\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET", HTTP_FORM_ORIGIN, "a.example", 0, "/" },
                { "GET //b.example/ HTTP/1.1\r\n" H "\r\n", "GET", HTTP_FORM_ORIGIN, "a.example", 0,
                  "//b.example/" },
                { "GET /\xc3\xbc HTTP/1.1\r\nhOST:\ta.example:8080 \t \r\n\r\n", "GET",
                  HTTP_FORM_ORIGIN, "a.example", 8080, "/\xc3\xbc" },
                { "M-SEARCH / HTTP/1.1\r\n" H "\r\n", "M-SEARCH", HTTP_FORM_ORIGIN, "a.example", 0,
                  "/" },
        };
        struct http_request q;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                int r = read_all(rows[i].text, strlen(rows[i].text), &q, &e);

                ck_assert_msg(r == (int) strlen(rows[i].text), "%s: %d %s", rows[i].text, r,
                              e.message);
                ck_assert(text_is(q.method, rows[i].method));
                ck_assert_uint_eq(q.form, rows[i].form);
                ck_assert_int_eq(q.has_host, rows[i].host != NULL);
                if (rows[i].host)
                        ck_assert_str_eq(q.host.name, rows[i].host);
                ck_assert_uint_eq(q.port, rows[i].port);
                ck_assert_msg(text_is(q.path, rows[i].path), "%s", rows[i].text);
                ck_assert_int_eq(q.connect, rows[i].form == HTTP_FORM_AUTHORITY);
        }
}
END_TEST

#define AT(target) "GET " target " HTTP/1.1\r\n" H "\r\n"

START_TEST(refused) {
        static const struct {
                const char *text;
                int r;
        } rows[] = {
                /* request lines */
                { "GET  / HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "GET / HTTP/1.1 \r\n" H "\r\n", -EPROTO },
                { "GET\t/ HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "GET /\tHTTP/1.1\r\n" H "\r\n", -EPROTO },
                { " GET / HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "GET /a b HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "GET /\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\n" H "\r\n", -EPROTO },
                { "GET / http/1.1\r\n" H "\r\n", -EPROTO },
                { "GET / HTTP/1.2\r\n" H "\r\n", -EPROTONOSUPPORT },
                { "GET / HTTP/0.9\r\n" H "\r\n", -EPROTONOSUPPORT },
                { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -EPROTONOSUPPORT },
                { "GET / HTTP/1.10\r\n" H "\r\n", -EPROTO },
                { "GET / HTTP/01.1\r\n" H "\r\n", -EPROTO },
                { "G(T / HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "connect a.example:443 HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "Connect http://a.example/ HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "head / HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", -EPROTO },
                { "\x16\x03\x01\x02\x00\x01", -EPROTO },
                /* targets */
                { AT("*"), -EPROTO },
                { AT("a.example/"), -EPROTO },
                { AT("https://a.example/"), -EOPNOTSUPP },
                { AT("ftp://a.example/"), -EPROTO },
                { AT("http:/a.example/"), -EPROTO },
                { AT("http:a.example"), -EPROTO },
                { AT("http://"), -EPROTO },
                { AT("http:///"), -EPROTO },
                { AT("http://user@a.example/"), -EPROTO },
                { AT("http://user:word@a.example/"), -EPROTO },
                { AT("http://a.example@b.example/"), -EPROTO },
                { AT("http://b.example#@a.example/"), -EPROTO },
                { AT("http://b.example\\@a.example/"), -EPROTO },
                { AT("http://a.example\\.b.example/"), -EPROTO },
                { AT("http://a.example%00.b.example/"), -EPROTO },
                { AT("http://a%2eexample/"), -EPROTO },
                { AT("http://a.example:/"), -EPROTO },
                { AT("http://a.example:0/"), -EPROTO },
                { AT("http://a.example:080/"), -EPROTO },
                { AT("http://a.example:+80/"), -EPROTO },
                { AT("http://a.example:65536/"), -EPROTO },
                { AT("http://a.example:4294967376/"), -EPROTO },
                { AT("http://a.example:80:80/"), -EPROTO },
                { AT("http://[a.example]/"), -EPROTO },
                { AT("http://[::1/"), -EPROTO },
                { AT("http://[::1]x/"), -EPROTO },
                { AT("http://[fe80::1%25eth0]/"), -EPROTO },
                { AT("http://::1/"), -EPROTO },
                { AT("http://127.1/"), -EPROTO },
                { AT("http://0x7f000001/"), -EPROTO },
                { AT("http://a.example/#x"), -EPROTO },
                { AT("/#x"), -EPROTO },
                { AT("http://a..example/"), -EPROTO },
                { AT("http://b\xc3\xbc"
                     "cher.example/"),
                  -EPROTO },
                { "CONNECT a.example HTTP/1.1\r\n\r\n", -EPROTO },
                { "CONNECT a.example: HTTP/1.1\r\n\r\n", -EPROTO },
                { "CONNECT /a.example:443 HTTP/1.1\r\n\r\n", -EPROTO },
                { "CONNECT http://a.example:443 HTTP/1.1\r\n\r\n", -EPROTO },
                { "CONNECT u@a.example:443 HTTP/1.1\r\n\r\n", -EPROTO },
                { "CONNECT ::1:443 HTTP/1.1\r\n\r\n", -EPROTO },
                { "CONNECT * HTTP/1.1\r\n\r\n", -EPROTO },
                /* Host */
                { "GET / HTTP/1.1\r\n\r\n", -EPROTO },
                { "GET http://a.example/ HTTP/1.1\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\r\nHost:\r\n\r\n", -EPROTO },
                { GET H "\r\n", -EPROTO },
                { GET "host: b.example\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\r\nHost: http://a.example\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\r\nHost: a.example/\r\n\r\n", -EPROTO },
                { "GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n", -EPROTO },
                { AT("http://b.example/"), -EPROTO },
                { AT("http://a.example:8080/"), -EPROTO },
                { "GET http://a.example/ HTTP/1.1\r\nHost: a.example:443\r\n\r\n", -EPROTO },
                { "CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n", -EPROTO },
                { "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:80\r\n\r\n", -EPROTO },
                /* fields */
                { GET "X\r\n\r\n", -EPROTO },
                { GET ": x\r\n\r\n", -EPROTO },
                { GET "X : y\r\n\r\n", -EPROTO },
                { GET "X\t: y\r\n\r\n", -EPROTO },
                { GET "X: a\r\n b\r\n\r\n", -EPROTO },
                { GET "X: a\r\n\tb\r\n\r\n", -EPROTO },
                { GET " \r\n\r\n", -EPROTO },
                { GET "X: a\rb\r\n\r\n", -EPROTO },
                { GET "X: a\r\r\n\r\n", -EPROTO },
                { GET "X: a\n\r\n", -EPROTO },
                { GET "X: a\r\n\n", -EPROTO },
                { GET "X: \x7f\r\n\r\n", -EPROTO },
                { GET "X: \x0b\r\n\r\n", -EPROTO },
                { GET "\xe4: b\r\n\r\n", -EPROTO },
                { GET "X(y): b\r\n\r\n", -EPROTO },
                /* where it ends */
                { GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", -EPROTO },
                { GET "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", -EPROTO },
                { GET "Content-Length: 1, 1\r\n\r\n", -EPROTO },
                { GET "Content-Length: +1\r\n\r\n", -EPROTO },
                { GET "Content-Length: -1\r\n\r\n", -EPROTO },
                { GET "Content-Length: 0x1\r\n\r\n", -EPROTO },
                { GET "Content-Length: 1 \t2\r\n\r\n", -EPROTO },
                { GET "Content-Length: 1.0\r\n\r\n", -EPROTO },
                { GET "Content-Length:\r\n\r\n", -EPROTO },
                { GET "Content-Length: 18446744073709551617\r\n\r\n", -EPROTO },
                { GET "Content-Length: 9223372036854775808\r\n\r\n", -EPROTO },
                { GET "Content-Length : 1\r\n\r\n", -EPROTO },
                { GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO },
                { GET "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", -EPROTO },
                { GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO },
                { GET "Transfer-Encoding: chunked, chunked\r\n\r\n", -EPROTO },
                { GET "Transfer-Encoding: chunked, identity\r\n\r\n", -EPROTO },
                { GET "Transfer-Encoding:\r\n\r\n", -EPROTO },
                { GET "Transfer-Encoding: gzip, chunked\r\n\r\n", -EOPNOTSUPP },
                { GET "Transfer-Encoding: identity\r\n\r\n", -EOPNOTSUPP },
                { GET "Transfer-Encoding: xchunked\r\n\r\n", -EOPNOTSUPP },
                { GET "Transfer-Encoding: \"chunked\"\r\n\r\n", -EOPNOTSUPP },
                { GET "Transfer-Encoding: chunked;a=b\r\n\r\n", -EOPNOTSUPP },
                { GET "Transfer-Encoding: , chunked\r\n\r\n", -EOPNOTSUPP },
                { GET "Transfer-Encoding: \x0b"
                      "chunked\r\n\r\n",
                  -EPROTO },
                { GET "Transfer-Encoding\r\n : chunked\r\n\r\n", -EPROTO },
                { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO },
                { "CONNECT a.example:1 HTTP/1.1\r\nContent-Length: 3\r\n\r\n", -EPROTO },
                { "CONNECT a.example:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO },
                { GET "Connection: close, content-length\r\n\r\n", -EPROTO },
                { GET "Connection: Host\r\n\r\n", -EPROTO },
                { GET "Connection: Transfer-Encoding\r\n\r\n", -EPROTO },
                { GET "Connection: a b\r\n\r\n", -EPROTO },
                { GET "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,"
                      "6,7\r\n\r\n",
                  -EMSGSIZE },
        };
        struct http_request q;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                int r = read_all(rows[i].text, strlen(rows[i].text), &q, &e);

                ck_assert_msg(r == rows[i].r, "%s: %d %s", rows[i].text, r, e.message);
                ck_assert(e.code != ERROR_NONE && *e.message);
        }
}
END_TEST

START_TEST(nul) {
        static const char line[] = "GET http://a.example\0.b/ HTTP/1.1\r\n" H "\r\n";
        static const char field[] = GET "X: a\0b\r\n\r\n";
        struct http_request q;

        ck_assert_int_eq(read_all(line, sizeof(line) - 1, &q, NULL), -EPROTO);
        ck_assert_int_eq(read_all(field, sizeof(field) - 1, &q, NULL), -EPROTO);
}
END_TEST

START_TEST(framing) {
        static const struct {
                const char *text;
                enum http_body_kind body;
                uint64_t length;
                bool has_length, keep_alive, upgrade, websocket, json;
        } rows[] = {
                { GET "\r\n", HTTP_BODY_NONE, 0, false, true, false, false, false },
                { GET "Content-Length: 0\r\n\r\n", HTTP_BODY_NONE, 0, true, true, false, false,
                  false },
                { GET "content-length: 007\r\n\r\n", HTTP_BODY_LENGTH, 7, true, true, false, false,
                  false },
                { GET "Content-Length: 9223372036854775800\r\n\r\n", HTTP_BODY_LENGTH,
                  9223372036854775800u, true, true, false, false, false },
                { GET "Transfer-Encoding: Chunked\r\n\r\n", HTTP_BODY_CHUNKED, 0, false, true,
                  false, false, false },
                { GET "Connection: foo, ,Close\r\n\r\n", HTTP_BODY_NONE, 0, false, false, false,
                  false, false },
                { GET "Proxy-Connection: close\r\n\r\n", HTTP_BODY_NONE, 0, false, false, false,
                  false, false },
                { "GET / HTTP/1.0\r\n\r\n", HTTP_BODY_NONE, 0, false, false, false, false, false },
                { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", HTTP_BODY_NONE, 0, false,
                  true, false, false, false },
                { GET "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
                  HTTP_BODY_NONE, 0, false, true, true, true, false },
                { GET "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n", HTTP_BODY_NONE, 0, false,
                  true, true, false, false },
                { GET "Upgrade: websocket\r\n\r\n", HTTP_BODY_NONE, 0, false, true, false, false,
                  false },
                { GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
                  HTTP_BODY_NONE, 0, false, true, false, false, false },
                { GET "Connection: Upgrade\r\nUpgrade: websocket, TLS/1.0\r\n\r\n", HTTP_BODY_NONE,
                  0, false, true, false, false, false },
                { GET "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\n",
                  HTTP_BODY_LENGTH, 4, true, true, false, false, false },
                { GET "Accept: text/html, application/vnd.npm.install-v1+json\r\n\r\n",
                  HTTP_BODY_NONE, 0, false, true, false, false, true },
                { GET "Accept: */*\r\n\r\n", HTTP_BODY_NONE, 0, false, true, false, false, false },
        };
        struct http_request q;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                int r = read_all(rows[i].text, strlen(rows[i].text), &q, &e);

                ck_assert_msg(r > 0, "%s: %s", rows[i].text, e.message);
                ck_assert_int_eq(q.body, rows[i].body);
                ck_assert_uint_eq(q.length, rows[i].length);
                ck_assert_int_eq(q.has_length, rows[i].has_length);
                ck_assert_msg(q.keep_alive == rows[i].keep_alive, "%s", rows[i].text);
                ck_assert_msg(q.upgrade == rows[i].upgrade, "%s", rows[i].text);
                ck_assert_int_eq(q.websocket, rows[i].websocket);
                ck_assert_int_eq(q.wants_json, rows[i].json);
        }
}
END_TEST

START_TEST(hops) {
        static const char text[] =
                GET "Connection: x-one, close\r\nX-One: 1\r\nX-Two: 2\r\nTE: x\r\n"
                    "Proxy-Authorization: Basic Zm9v\r\nproxy-foo: 1\r\n"
                    "Keep-Alive: 5\r\nUpgrade: x\r\nConnection: x-three\r\n"
                    "X-Three: 3\r\nAuthorization: Basic Zm9v\r\n\r\n";
        struct http_request q;

        ck_assert_int_gt(read_all(text, sizeof(text) - 1, &q, NULL), 0);
        ck_assert(q.has_credentials && !q.keep_alive);
        for (size_t i = 0; i < q.n_headers; i++)
                ck_assert_int_eq(q.headers[i].hop,
                                 !text_is(q.headers[i].name, "X-Two") &&
                                         !text_is(q.headers[i].name, "Authorization"));
        ck_assert_uint_eq(q.n_headers, 12);
        ck_assert(text_is(http_find(q.headers, q.n_headers, "x-TWO")->value, "2"));
        ck_assert_ptr_null(http_find(q.headers, q.n_headers, "x-tw"));
}
END_TEST

/* Exactly at each cap it passes, one beyond it doesn't. */
START_TEST(caps) {
        static char text[HTTP_MAX_HEAD + 16];
        struct http_scan s = HTTP_SCAN_NULL;
        struct http_request q;
        size_t n;

        for (unsigned extra = 0; extra < 2; extra++) {
                n = (size_t) sprintf(text, GET);
                for (unsigned i = 1; i < HTTP_MAX_HEADERS + extra; i++)
                        n += (size_t) sprintf(text + n, "X: %u\r\n", i);
                n += (size_t) sprintf(text + n, "\r\n");
                s = HTTP_SCAN_NULL;
                ck_assert_int_eq(http_request_read(&s, text, n, &q, NULL),
                                 extra ? -EMSGSIZE : (int) n);

                n = (size_t) sprintf(text, GET "X: ");
                memset(text + n, 'a', HTTP_MAX_LINE - 4 + extra);
                n += HTTP_MAX_LINE - 4 + extra;
                n += (size_t) sprintf(text + n, "\r\n\r\n");
                s = HTTP_SCAN_NULL;
                ck_assert_int_eq(http_request_read(&s, text, n, &q, NULL),
                                 extra ? -EMSGSIZE : (int) n);

                n = (size_t) sprintf(text, GET);
                while (n + 8192 < HTTP_MAX_HEAD) {
                        n += (size_t) sprintf(text + n, "X: %08000d\r\n", 0);
                }
                n += (size_t) sprintf(text + n, "X: %0*d\r\n\r\n",
                                      (int) (HTTP_MAX_HEAD - n - 7 + extra), 0);
                s = HTTP_SCAN_NULL;
                ck_assert_int_eq(http_request_read(&s, text, n, &q, NULL),
                                 extra ? -EMSGSIZE : (int) HTTP_MAX_HEAD);
        }
        ck_assert_uint_eq(http_status(-EMSGSIZE), 431);
        ck_assert_uint_eq(http_status(-EPROTO), 400);
        ck_assert_uint_eq(http_status(-EPROTONOSUPPORT), 505);
        ck_assert_uint_eq(http_status(-EOPNOTSUPP), 501);
}
END_TEST

/* The body of one request is no part of the next head. */
START_TEST(pipelined) {
        static const char text[] = GET "Content-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n" H "\r\n";
        struct http_scan s = HTTP_SCAN_NULL;
        struct http_request q;
        struct http_body b;
        size_t at, taken;

        at = (size_t) http_request_read(&s, text, sizeof(text) - 1, &q, NULL);
        http_body_begin(&b, q.body, q.length);
        ck_assert_int_eq(http_body_feed(&b, text + at, sizeof(text) - 1 - at, &taken, NULL), 1);
        ck_assert_uint_eq(taken, 3);
        at += taken;
        s = HTTP_SCAN_NULL;
        ck_assert_int_eq(http_request_read(&s, text + at, sizeof(text) - 1 - at, &q, NULL),
                         (int) (sizeof(text) - 1 - at));
        ck_assert(text_is(q.path, "/2"));
}
END_TEST

int main(void) {
        return RUN_TESTS("http-request", targets, refused, nul, framing, hops, caps, pipelined);
}
