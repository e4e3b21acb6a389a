/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Responses, and the heads that we write: upstream, to the client, and of our own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/http.h"
#include "../suite.h"

#define OK "HTTP/1.1 200 OK\r\n"

static int read_response(const char *text, const struct http_asked *asked, struct http_response *p,
                         struct error *e) {
        struct http_scan s = HTTP_SCAN_NULL;
        size_t len = strlen(text);
        int once = http_response_read(&s, text, len, asked, p, e), r = 0;

        s = HTTP_SCAN_NULL;
        for (size_t n = 0; n <= len && r == 0; n++)
                r = http_response_read(&s, text, n, asked, p, e);
        ck_assert_int_eq(r, once);
        return r;
}

START_TEST(responses) {
        static const struct http_asked get = { .minor = 1 }, head = { .minor = 1, .head = true },
                                       connect = { .minor = 1, .connect = true },
                                       upgrade = { .minor = 1, .upgrade = true },
                                       old = { .minor = 0 };
        static const struct {
                const char *text;
                const struct http_asked *asked;
                unsigned status;
                enum http_body_kind body;
                uint64_t length;
                bool keep_alive, interim, tunnel;
        } rows[] = {
                { OK "Content-Length: 5\r\n\r\n", &get, 200, HTTP_BODY_LENGTH, 5, 1, 0, 0 },
                { OK "Content-Length: 5\r\n\r\n", &head, 200, HTTP_BODY_NONE, 5, 1, 0, 0 },
                { OK "Content-Length: 0\r\n\r\n", &get, 200, HTTP_BODY_NONE, 0, 1, 0, 0 },
                { OK "\r\n", &get, 200, HTTP_BODY_UNTIL_CLOSE, 0, 0, 0, 0 },
                { OK "\r\n", &head, 200, HTTP_BODY_NONE, 0, 1, 0, 0 },
                { OK "Transfer-Encoding: chunked\r\n\r\n", &get, 200, HTTP_BODY_CHUNKED, 0, 1, 0,
                  0 },
                { OK "Transfer-Encoding: chunked\r\n\r\n", &head, 200, HTTP_BODY_NONE, 0, 1, 0, 0 },
                { OK "Transfer-Encoding: gzip, chunked\r\n\r\n", &get, 200, HTTP_BODY_CHUNKED, 0, 1,
                  0, 0 },
                { OK "Transfer-Encoding: gzip\r\n\r\n", &get, 200, HTTP_BODY_UNTIL_CLOSE, 0, 0, 0,
                  0 },
                { OK "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n", &get,
                  200, HTTP_BODY_CHUNKED, 0, 1, 0, 0 },
                { OK "Connection: close\r\nContent-Length: 1\r\n\r\n", &get, 200, HTTP_BODY_LENGTH,
                  1, 0, 0, 0 },
                { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", &get, 200, HTTP_BODY_LENGTH, 1, 0,
                  0, 0 },
                { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", &get,
                  200, HTTP_BODY_LENGTH, 1, 1, 0, 0 },
                { "HTTP/1.0 200 OK\r\n\r\n", &old, 200, HTTP_BODY_UNTIL_CLOSE, 0, 0, 0, 0 },
                { "HTTP/1.1 204\r\nContent-Length: 5\r\n\r\n", &get, 204, HTTP_BODY_NONE, 0, 1, 0,
                  0 },
                { "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", &get, 304,
                  HTTP_BODY_NONE, 5, 1, 0, 0 },
                { "HTTP/1.1 100 Continue\r\n\r\n", &get, 100, HTTP_BODY_NONE, 0, 1, 1, 0 },
                { "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", &get, 103, HTTP_BODY_NONE, 0, 1,
                  1, 0 },
                { "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
                  "websocket\r\n"
                  "\r\n",
                  &upgrade, 101, HTTP_BODY_NONE, 0, 0, 0, 1 },
                { OK "Content-Length: 5\r\n\r\n", &connect, 200, HTTP_BODY_NONE, 0, 0, 0, 1 },
                { "HTTP/1.1 407 No\r\nContent-Length: 5\r\n\r\n", &connect, 407, HTTP_BODY_LENGTH,
                  5, 1, 0, 0 },
                { "HTTP/1.1 200 \xe4\xf6\r\nContent-Length: 1\r\n\r\n", &get, 200, HTTP_BODY_LENGTH,
                  1, 1, 0, 0 },
                /* an old server's LF */
                { "HTTP/1.0 200 OK\nContent-Length: 1\n\n", &get, 200, HTTP_BODY_LENGTH, 1, 0, 0,
                  0 },
        };
        struct http_response p;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;
                int r = read_response(rows[i].text, rows[i].asked, &p, &e);

                ck_assert_msg(r == (int) strlen(rows[i].text), "%s: %s", rows[i].text, e.message);
                ck_assert_uint_eq(p.status, rows[i].status);
                ck_assert_msg(p.body == rows[i].body, "%zu %s", i, rows[i].text);
                ck_assert_uint_eq(p.length, rows[i].length);
                ck_assert_msg(p.keep_alive == rows[i].keep_alive, "%zu %s", i, rows[i].text);
                ck_assert_int_eq(p.interim, rows[i].interim);
                ck_assert_int_eq(p.tunnel, rows[i].tunnel);
        }
}
END_TEST

START_TEST(refused) {
        static const char *const rows[] = {
                "SSH-2.0-OpenSSH_9.2\r\n\r\n",
                "ICY 200 OK\r\n\r\n",
                "HTTP/1.1 20 OK\r\n\r\n",
                "HTTP/1.1 2000 OK\r\n\r\n",
                "HTTP/1.1 099 OK\r\n\r\n",
                "HTTP/1.1 600 OK\r\n\r\n",
                "HTTP/1.1  200 OK\r\n\r\n",
                "HTTP/2.0 200 OK\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
                OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                OK "Transfer-Encoding: chunked, gzip\r\n\r\n",
                OK "X : y\r\n\r\n",
                OK "X: y\r\n z\r\n\r\n",
                OK "X: a\rb\r\n\r\n",
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        };
        static const struct http_asked get = { .minor = 1 }, old = { .minor = 0 };
        struct http_response p;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct error e = ERROR_NULL;

                ck_assert_msg(read_response(rows[i], &get, &p, &e) < 0, "%s", rows[i]);
                ck_assert(*e.message);
        }
        ck_assert_int_lt(
                read_response(OK "Transfer-Encoding: gzip, chunked\r\n\r\n", &old, &p, NULL), 0);
        ck_assert_int_lt(read_response(OK "Transfer-Encoding: gzip\r\n\r\n", &old, &p, NULL), 0);
        ck_assert_int_gt(read_response(OK "Transfer-Encoding: chunked\r\n\r\n", &old, &p, NULL), 0);
}
END_TEST

START_TEST(upstream) {
        static const struct {
                const char *in;
                struct http_upstream up;
                const char *out;
        } rows[] = {
                { "GET http://A.example:80/x?y HTTP/1.1\r\nUser-Agent:curl\r\nHost: a.EXAMPLE\r\n"
                  "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic Zm9v\r\n"
                  "Accept: */*\r\nConnection: X-Drop\r\nX-Drop: 1\r\nTE: trailers\r\n\r\n",
                  { .keep_alive = true },
                  "GET /x?y HTTP/1.1\r\nHost: a.example\r\nUser-Agent: curl\r\nAccept: */*\r\n"
                  "Connection: keep-alive\r\n\r\n" },
                { "POST http://a.example:8080?q HTTP/1.1\r\nHost: a.example:8080\r\n"
                  "transfer-encoding: CHUNKED\r\nExpect: 100-continue\r\nTrailer: X-Sum\r\n\r\n",
                  { .keep_alive = false },
                  "POST /?q HTTP/1.1\r\nHost: a.example:8080\r\nExpect: 100-continue\r\n"
                  "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" },
                { "PUT / HTTP/1.0\r\nHost: [2001:db8::1]:81\r\nContent-Length: 0004\r\n\r\n",
                  { .keep_alive = false },
                  "PUT / HTTP/1.0\r\nHost: [2001:db8::1]:81\r\nContent-Length: 4\r\n"
                  "Connection: close\r\n\r\n" },
                { "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
                  { .keep_alive = true, .absolute = true, .proxy_authorization = "Basic YTpi" },
                  "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n"
                  "Proxy-Authorization: Basic YTpi\r\nConnection: keep-alive\r\n\r\n" },
                { "OPTIONS * HTTP/1.1\r\nHost: a.example:81\r\n\r\n",
                  { .absolute = true },
                  "OPTIONS http://a.example:81 HTTP/1.1\r\nHost: a.example:81\r\n"
                  "Connection: close\r\n\r\n" },
                { "OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
                  { .keep_alive = false },
                  "OPTIONS * HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n" },
                { "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\n"
                  "upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
                  { .keep_alive = true },
                  "GET /ws HTTP/1.1\r\nHost: a.example\r\nSec-WebSocket-Version: 13\r\n"
                  "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" },
                { "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                  "Upgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
                  { .keep_alive = true },
                  "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n" },
                { "GET / HTTP/1.0\r\n\r\n",
                  { .keep_alive = false },
                  "GET / HTTP/1.0\r\nConnection: close\r\n\r\n" },
        };
        static char buf[HTTP_MAX_HEAD];
        struct http_request q;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct http_scan s = HTTP_SCAN_NULL;
                size_t out = strlen(rows[i].out);

                ck_assert_int_gt(http_request_read(&s, rows[i].in, strlen(rows[i].in), &q, NULL),
                                 0);
                ck_assert_int_eq(http_request_write(&q, &rows[i].up, buf, out, &n, NULL), 0);
                ck_assert_msg(n == out && memcmp(buf, rows[i].out, n) == 0, "%.*s", (int) n, buf);
                ck_assert_int_eq(http_request_write(&q, &rows[i].up, buf, out - 1, &n, NULL),
                                 -ENOBUFS);
        }
        {
                static const char connect[] = "CONNECT a.example:1 HTTP/1.1\r\n\r\n";
                struct http_scan s = HTTP_SCAN_NULL;
                const struct http_upstream up = { .keep_alive = true };

                ck_assert_int_gt(http_request_read(&s, connect, sizeof(connect) - 1, &q, NULL), 0);
                ck_assert_int_eq(http_request_write(&q, &up, buf, sizeof(buf), &n, NULL), -EINVAL);
                ck_assert_int_eq(http_connect_write(&q.host, q.port, "Basic YTpi", buf, sizeof(buf),
                                                    &n, NULL),
                                 0);
                buf[n] = '\0';
                ck_assert_str_eq(buf, "CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n"
                                      "Proxy-Authorization: Basic YTpi\r\n\r\n");
        }
}
END_TEST

START_TEST(downstream) {
        static const struct {
                const char *in;
                struct http_asked asked;
                bool keep_alive;
                const char *out;
        } rows[] = {
                { "HTTP/1.1 200 OK\nServer:x\nKeep-Alive: timeout=5\nContent-Length: 007\n"
                  "Connection: close, X-A\nX-A: 1\nProxy-Authenticate: Basic\n\n",
                  { .minor = 1 },
                  true,
                  OK "Server: x\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n" },
                { OK "Transfer-Encoding: gzip,chunked\r\n\r\n",
                  { .minor = 1 },
                  false,
                  OK "Transfer-Encoding: gzip,chunked\r\nConnection: close\r\n\r\n" },
                { OK "Transfer-Encoding: chunked\r\n\r\n",
                  { .minor = 0 },
                  true,
                  OK "Connection: close\r\n\r\n" },
                { OK "\r\n", { .minor = 1 }, true, OK "Connection: close\r\n\r\n" },
                { OK "Content-Length: 9\r\n\r\n",
                  { .minor = 1, .head = true },
                  true,
                  OK "Content-Length: 9\r\nConnection: keep-alive\r\n\r\n" },
                { "HTTP/1.1 204\r\nContent-Length: 9\r\n\r\n",
                  { .minor = 1 },
                  true,
                  "HTTP/1.1 204 \r\nConnection: keep-alive\r\n\r\n" },
                { "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n",
                  { .minor = 1 },
                  true,
                  "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" },
                { "HTTP/1.1 101 Go\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
                  { .minor = 1, .upgrade = true },
                  true,
                  "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" },
        };
        char buf[512];
        struct http_response p;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ck_assert_int_gt(read_response(rows[i].in, &rows[i].asked, &p, NULL), 0);
                ck_assert_int_eq(
                        http_response_write(&p, rows[i].keep_alive, buf, sizeof(buf), &n, NULL), 0);
                ck_assert_msg(n == strlen(rows[i].out) && memcmp(buf, rows[i].out, n) == 0, "%.*s",
                              (int) n, buf);
        }
}
END_TEST

START_TEST(own_answers) {
        static const unsigned statuses[] = { 400, 403, 408, 429, 431, 501, 502, 503, 504, 505 };
        char buf[HTTP_MAX_ERROR], why[2000];
        struct http_scan s = HTTP_SCAN_NULL;
        const struct http_asked get = { .minor = 1 };
        struct http_error err = { .status = 403,
                                  .why = "no rule allows it",
                                  .rule = "mode",
                                  .field = "/network/allow",
                                  .port = 443 };
        struct http_response p;
        struct host h;
        size_t n;
        int r;

        ck_assert_int_eq(host_parse("a.example", 9, &h, NULL), 0);
        err.host = &h;
        ck_assert_int_eq(http_error_write(&err, buf, sizeof(buf), &n), 0);
        buf[n] = '\0';
        ck_assert_ptr_nonnull(
                strstr(buf, "HTTP/1.1 403 Forbidden by leash: no rule allows it\r\n"));
        ck_assert_ptr_nonnull(strstr(buf, "\r\n\r\nleash refused this connection to a.example:443: "
                                          "no rule allows it\nRule: mode (/network/allow)\n"
                                          "To allow it, add \"a.example:443\" to network.allow, or "
                                          "run with --allow-host a.example:443.\n"));
        ck_assert_ptr_nonnull(strstr(buf, "Proxy-Status: leash; error=http_request_denied; "
                                          "details=\"mode\"\r\n"));
        r = http_response_read(&s, buf, n, &get, &p, NULL);
        ck_assert_int_gt(r, 0);
        ck_assert_uint_eq(p.length, n - (size_t) r);
        ck_assert(!p.keep_alive);

        err.json = true;
        err.why = "a \"quote\"\r\nX: y \\ \x01 \xc3\xbc";
        ck_assert_int_eq(http_error_write(&err, buf, sizeof(buf), &n), 0);
        buf[n] = '\0';
        ck_assert_ptr_nonnull(strstr(
                buf, "\r\n\r\n{\"error\":{\"code\":\"refused\",\"by\":\"leash\",\"message\":"
                     "\"a \\\"quote\\\"  X: y \\\\   ??\",\"rule\":\"mode\",\"field\":"
                     "\"/network/allow\",\"host\":\"a.example\",\"port\":443,\"hint\":\"To allow "
                     "it, add \\\"a.example:443\\\" to network.allow, or run with --allow-host "
                     "a.example:443.\"}}\n"));
        ck_assert_ptr_null(strstr(buf, "\r\nX: y"));

        /* The longest of everything fits, in every shape; without a body, too. */
        memset(why, '"', sizeof(why) - 1);
        why[sizeof(why) - 1] = '\0';
        err.why = err.rule = why;
        memset(h.name, 'a', 253);
        for (size_t i = 0; i < ELEMENTSOF(statuses) * 4; i++) {
                err.status = statuses[i / 4];
                err.json = i & 1;
                err.head = i & 2;
                ck_assert_int_eq(http_error_write(&err, buf, sizeof(buf), &n), 0);
                s = HTTP_SCAN_NULL;
                r = http_response_read(&s, buf, n, &get, &p, NULL);
                ck_assert_int_gt(r, 0);
                ck_assert_uint_eq(p.status, err.status);
                ck_assert_uint_eq(n - (size_t) r, err.head ? 0 : p.length);
                ck_assert_int_eq(http_error_write(&err, buf, n - 1, &n), -ENOBUFS);
        }
        err.status = 407;
        ck_assert_int_eq(http_error_write(&err, buf, sizeof(buf), &n), -EINVAL);
}
END_TEST

START_TEST(allow_hints) {
        static const struct {
                const char *field, *host;
                unsigned port;
                const char *hint;
        } rows[] = {
                { "/network/mode", "2001:db8::1", 22,
                  "To allow it, add \"[2001:db8::1]:22\" to network.allow, or run with "
                  "--allow-host [2001:db8::1]:22." },
                { "/network/allow", "a.example", 0,
                  "To allow it, add \"a.example\" to network.allow, or run with --allow-host "
                  "a.example." },
                { "/network/deny", "a.example", 80,
                  "To allow \"a.example:80\", take the rule that names it out of network.deny." },
                { "/network/local_ports", "127.0.0.1", 5432,
                  "To allow it, add 5432 to network.local_ports, or run with --local-port 5432." },
                { "/network/local_ports", "127.0.0.1", 0, "" },
                { "/limits/network_bytes", "a.example", 80,
                  "To allow more, raise limits.network_bytes, or run with --net-bytes SIZE." },
                { "/limits/connections", "a.example", 0,
                  "To allow more, raise limits.connections, or run with --connections N." },
                { "/other", "a.example", 80, "" },
                { NULL, "a.example", 80, "" },
        };
        char buf[256];
        struct host h;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ck_assert_int_eq(host_parse(rows[i].host, strlen(rows[i].host), &h, NULL), 0);
                http_allow_hint(rows[i].field, &h, (uint16_t) rows[i].port, buf, sizeof(buf));
                ck_assert_str_eq(buf, rows[i].hint);
        }
        http_allow_hint("/network/mode", NULL, 80, buf, sizeof(buf));
        ck_assert_str_eq(buf, "");
}
END_TEST

int main(void) {
        return RUN_TESTS("http-response", responses, refused, upstream, downstream, own_answers,
                         allow_hints);
}
