/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Heads as they go on: written anew from what was read. What was not understood is copied as a
 * field; what decides where a message goes or ends is spelled by us.
 */
#include "http-internal.h"

const char http_connected[] = "HTTP/1.1 200 Connection established\r\n\r\n";

void http_put(struct http_out *o, const char *at, size_t len) {
        if (o->full || len > o->size - o->n) {
                o->full = true;
                return;
        }
        if (len > 0)
                memcpy(o->buf + o->n, at, len);
        o->n += len;
}

void http_put_text(struct http_out *o, struct http_text t) {
        http_put(o, t.at, t.len);
}

void http_put_string(struct http_out *o, const char *s) {
        http_put(o, s, strlen(s));
}

void http_put_number(struct http_out *o, uint64_t n) {
        char digits[20];
        size_t i = sizeof(digits);

        do {
                digits[--i] = (char) ('0' + n % 10);
                n /= 10;
        } while (n > 0);
        http_put(o, digits + i, sizeof(digits) - i);
}

void http_put_authority(struct http_out *o, const struct host *h, uint16_t port) {
        if (h->kind == HOST_IPV6)
                http_put_string(o, "[");
        http_put_string(o, h->name);
        if (h->kind == HOST_IPV6)
                http_put_string(o, "]");
        if (port > 0) {
                http_put_string(o, ":");
                http_put_number(o, port);
        }
}

void http_put_field(struct http_out *o, const char *name, struct http_text value) {
        http_put_string(o, name);
        http_put_string(o, ": ");
        http_put_text(o, value);
        http_put_string(o, "\r\n");
}

static int finish(const struct http_out *o, size_t *ret_len, struct error *e) {
        if (o->full)
                return http_bad(e, ENOBUFS, "the head doesn't fit its buffer");
        *ret_len = o->n;
        return 0;
}

/* Fields that go to the next hop as they are. */
static void put_fields(struct http_out *o, const struct http_header *headers, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (headers[i].hop)
                        continue;
                http_put_text(o, headers[i].name);
                http_put_string(o, ": ");
                http_put_text(o, headers[i].value);
                http_put_string(o, "\r\n");
        }
}

/* The fields of that name, under its one spelling. */
static void put_again(struct http_out *o, const struct http_header *headers, size_t n,
                      const char *lower, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (http_text_is(headers[i].name, lower))
                        http_put_field(o, name, headers[i].value);
}

static void put_version(struct http_out *o, unsigned minor) {
        http_put_string(o, minor == 0 ? "HTTP/1.0" : "HTTP/1.1");
}

static void put_length(struct http_out *o, uint64_t length) {
        http_put_string(o, "Content-Length: ");
        http_put_number(o, length);
        http_put_string(o, "\r\n");
}

static void put_connection(struct http_out *o, bool keep_alive) {
        http_put_string(o, keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
}

/* 80 is left out, as clients do: some servers compare Host as a whole. */
static uint16_t shown_port(const struct http_request *q) {
        return q->port == 80 ? 0 : q->port;
}

int http_request_write(const struct http_request *q, const struct http_upstream *up, char *buf,
                       size_t size, size_t *ret_len, struct error *e) {
        struct http_out o = { .buf = buf, .size = size };
        bool asterisk = q->path.len == 1 && q->path.at[0] == '*';

        if (q->connect || (up->absolute && !q->has_host))
                return http_bad(e, EINVAL, "this request has no host to go on to");
        http_put_text(&o, q->method);
        http_put_string(&o, " ");
        if (up->absolute) {
                http_put_string(&o, "http://");
                http_put_authority(&o, &q->host, shown_port(q));
        }
        /* To a proxy, "*" of the whole server is an empty path (RFC 9112 3.2.4). */
        if (q->path.len == 0 || q->path.at[0] == '?')
                http_put_string(&o, "/");
        if (!(asterisk && up->absolute))
                http_put_text(&o, q->path);
        http_put_string(&o, " ");
        put_version(&o, q->minor);
        http_put_string(&o, "\r\n");
        if (q->has_host) {
                http_put_string(&o, "Host: ");
                http_put_authority(&o, &q->host, shown_port(q));
                http_put_string(&o, "\r\n");
        }
        put_fields(&o, q->headers, q->n_headers);
        if (q->body == HTTP_BODY_CHUNKED)
                http_put_string(&o, "Transfer-Encoding: chunked\r\n");
        else if (q->has_length)
                put_length(&o, q->length);
        if (up->proxy_authorization)
                http_put_field(&o, "Proxy-Authorization",
                               (struct http_text){ up->proxy_authorization,
                                                   strlen(up->proxy_authorization) });
        if (q->upgrade) {
                http_put_string(&o, "Connection: Upgrade\r\n");
                put_again(&o, q->headers, q->n_headers, "upgrade", "Upgrade");
        } else
                put_connection(&o, up->keep_alive);
        http_put_string(&o, "\r\n");
        return finish(&o, ret_len, e);
}

int http_response_write(const struct http_response *p, bool keep_alive, char *buf, size_t size,
                        size_t *ret_len, struct error *e) {
        struct http_out o = { .buf = buf, .size = size };

        put_version(&o, p->minor);
        http_put_string(&o, " ");
        http_put_number(&o, p->status);
        http_put_string(&o, " ");
        http_put_text(&o, p->reason);
        http_put_string(&o, "\r\n");
        put_fields(&o, p->headers, p->n_headers);
        if (p->has_length)
                put_length(&o, p->length);
        else if (!p->interim && !p->tunnel && !p->unchunk && p->status != 204)
                put_again(&o, p->headers, p->n_headers, "transfer-encoding", "Transfer-Encoding");
        if (p->status == 101) {
                http_put_string(&o, "Connection: Upgrade\r\n");
                put_again(&o, p->headers, p->n_headers, "upgrade", "Upgrade");
        } else if (!p->interim)
                put_connection(&o, keep_alive && !p->unchunk && p->body != HTTP_BODY_UNTIL_CLOSE);
        http_put_string(&o, "\r\n");
        return finish(&o, ret_len, e);
}

int http_connect_write(const struct host *h, uint16_t port, const char *proxy_authorization,
                       char *buf, size_t size, size_t *ret_len, struct error *e) {
        struct http_out o = { .buf = buf, .size = size };

        http_put_string(&o, "CONNECT ");
        http_put_authority(&o, h, port);
        http_put_string(&o, " HTTP/1.1\r\nHost: ");
        http_put_authority(&o, h, port);
        http_put_string(&o, "\r\n");
        if (proxy_authorization)
                http_put_field(
                        &o, "Proxy-Authorization",
                        (struct http_text){ proxy_authorization, strlen(proxy_authorization) });
        http_put_string(&o, "\r\n");
        return finish(&o, ret_len, e);
}
