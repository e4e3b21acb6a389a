/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The head of a request: where it goes, and where it ends (RFC 9112 sections 3 and 6).
 */
#include "http-internal.h"

/* "HTTP/1.0" or "HTTP/1.1", nothing else. */
static int read_version(struct http_text t, unsigned *ret, struct error *e) {
        if (t.len != 8 || memcmp(t.at, "HTTP/", 5) != 0 || !http_is_digit(t.at[5]) ||
            t.at[6] != '.' || !http_is_digit(t.at[7]))
                return http_bad(e, EPROTO, "the request line doesn't end in an HTTP version");
        if (t.at[5] != '1' || t.at[7] > '1')
                return http_bad(e, EPROTONOSUPPORT, "HTTP/1.0 and HTTP/1.1 are spoken here");
        *ret = (unsigned) (t.at[7] - '0');
        return 0;
}

/* No fragment: it is for the client alone (RFC 9110 4.2.5). Bytes beyond ASCII pass: programs send
 * paths in UTF-8, and the path decides nothing here. */
static bool is_path(struct http_text t) {
        return !memchr(t.at, '#', t.len) && !memchr(t.at, '\t', t.len);
}

static int read_absolute(struct http_text t, struct http_request *q, struct error *e) {
        struct http_text authority;
        size_t n = 0;
        int r;

        if (!http_text_starts(t, "http://")) {
                if (http_text_starts(t, "https://"))
                        return http_bad(e, EOPNOTSUPP,
                                        "https goes through this proxy with CONNECT only");
                return http_bad(e, EPROTO, "the target is neither a path nor an http:// URL");
        }
        t.at += 7;
        t.len -= 7;
        while (n < t.len && t.at[n] != '/' && t.at[n] != '?' && t.at[n] != '#')
                n++;
        authority = (struct http_text){ t.at, n };
        r = http_authority(authority, &q->host, &q->port, e);
        if (r < 0)
                return r;
        if (q->port == 0)
                q->port = 80;
        q->has_host = true;
        q->path = (struct http_text){ t.at + n, t.len - n };
        if (q->path.len > 0 && !is_path(q->path))
                return http_bad(e, EPROTO, "the target has a fragment or a control byte");
        if (q->path.len == 0) /* RFC 9112 3.2.1, 3.2.4 */
                q->path = http_text_is(q->method, "options") ? HTTP_TEXT("*") : HTTP_TEXT("/");
        return 0;
}

static int read_target(struct http_text t, struct http_request *q, struct error *e) {
        int r;

        if (q->connect) {
                q->form = HTTP_FORM_AUTHORITY;
                r = http_authority(t, &q->host, &q->port, e);
                if (r < 0)
                        return r;
                if (q->port == 0)
                        return http_bad(e, EPROTO, "CONNECT needs HOST:PORT");
                q->has_host = true;
                return 0;
        }
        if (t.at[0] == '/') {
                q->form = HTTP_FORM_ORIGIN;
                q->path = t;
                return is_path(t) ? 0 : http_bad(e, EPROTO, "the target has a fragment");
        }
        if (t.len == 1 && t.at[0] == '*') {
                q->form = HTTP_FORM_ASTERISK;
                q->path = t;
                return http_text_is(q->method, "options")
                               ? 0
                               : http_bad(e, EPROTO, "\"*\" is a target for OPTIONS only");
        }
        q->form = HTTP_FORM_ABSOLUTE;
        return read_absolute(t, q, e);
}

static int read_line(struct http_text line, struct http_request *q, struct error *e) {
        const char *first = memchr(line.at, ' ', line.len);
        const char *end = line.at + line.len, *second;
        struct http_text target;
        int r;

        second = first ? memchr(first + 1, ' ', (size_t) (end - first - 1)) : NULL;
        if (!second || second == first + 1)
                return http_bad(e, EPROTO, "this is no HTTP request line");
        q->method = (struct http_text){ line.at, (size_t) (first - line.at) };
        if (!http_is_token(q->method))
                return http_bad(e, EPROTO, "the method is no token");
        q->connect = q->method.len == 7 && memcmp(q->method.at, "CONNECT", 7) == 0;
        q->head = q->method.len == 4 && memcmp(q->method.at, "HEAD", 4) == 0;
        /* Methods are case-sensitive, but not for every server. */
        if ((!q->connect && http_text_is(q->method, "connect")) ||
            (!q->head && http_text_is(q->method, "head")))
                return http_bad(e, EPROTO, "methods are written in capitals");
        r = read_version((struct http_text){ second + 1, (size_t) (end - second - 1) }, &q->minor,
                         e);
        if (r < 0)
                return r;
        target = (struct http_text){ first + 1, (size_t) (second - first - 1) };
        return read_target(target, q, e);
}

/* Host and target must name the same (RFC 9112 3.2 lets a proxy replace Host silently; a request
 * that says two things is refused instead, since some other reader may take the other one). */
static int check_host(const struct http_facts *f, struct http_request *q, struct error *e) {
        struct host h;
        uint16_t port;
        int r;

        if (f->n_host == 0) {
                if (q->minor > 0 && !q->connect)
                        return http_bad(e, EPROTO, "an HTTP/1.1 request has no Host field");
                return 0;
        }
        r = http_authority(f->host, &h, &port, e);
        if (r < 0)
                return error_wrap(e, r, "Host");
        if (!q->has_host) {
                q->has_host = true;
                q->host = h;
                q->port = port;
                return 0;
        }
        if (port == 0) /* CONNECT: some clients leave the port out of Host */
                port = q->connect ? q->port : 80;
        if (h.kind != q->host.kind || strcmp(h.name, q->host.name) != 0 || port != q->port)
                return http_bad(e, EPROTO, "the target names %s:%u and Host names %s:%u",
                                q->host.name, q->port, h.name, port);
        return 0;
}

static int read_framing(const struct http_facts *f, struct http_request *q, struct error *e) {
        if (f->n_coding > 0) {
                if (q->minor == 0)
                        return http_bad(e, EPROTO, "HTTP/1.0 has no Transfer-Encoding");
                q->body = HTTP_BODY_CHUNKED;
        } else if (f->n_length > 0 && f->length > 0) {
                q->body = HTTP_BODY_LENGTH;
                q->length = f->length;
        }
        q->has_length = f->n_length > 0;
        if (q->connect && q->body != HTTP_BODY_NONE)
                return http_bad(e, EPROTO, "CONNECT has no body");
        return 0;
}

int http_request_read(struct http_scan *s, const char *data, size_t len, struct http_request *ret,
                      struct error *e) {
        int n = http_scan_head(s, data, len, true, e), r;
        struct http_facts f;
        const char *at;

        if (n <= 0)
                return n;
        /* Only here is the result touched: its caller may count on that (4 KiB are not copied). */
        ret->has_host = ret->has_length = false;
        ret->port = 0;
        ret->path = HTTP_TEXT("");
        ret->body = HTTP_BODY_NONE;
        ret->length = 0;
        ret->n_headers = 0;
        at = data + s->start;
        r = read_line(http_line_next(&at), ret, e);
        if (r >= 0)
                r = http_fields_read(at, data + n, true, ret->headers, &ret->n_headers, &f, e);
        if (r >= 0)
                r = check_host(&f, ret, e);
        if (r >= 0)
                r = read_framing(&f, ret, e);
        if (r < 0)
                return r;
        ret->keep_alive = !f.close && (ret->minor > 0 || f.keep_alive) && !ret->connect;
        /* RFC 9110 7.8: HTTP/1.0 can't. With a body it is left to go as a plain request. */
        ret->upgrade = f.upgrade_option && f.n_upgrade > 0 && !f.upgrade_unfit && ret->minor > 0 &&
                       ret->body == HTTP_BODY_NONE && !ret->connect;
        ret->websocket = ret->upgrade && f.websocket;
        ret->wants_json = f.json;
        ret->has_credentials = f.credentials;
        return n;
}
