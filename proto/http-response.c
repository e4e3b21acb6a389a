/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The head of a response: where it ends depends on what was asked (RFC 9112 section 6.3).
 */
#include "http-internal.h"

/* "HTTP/1.1 200 OK"; many servers leave out the space before an empty reason. */
static int read_line(struct http_text line, struct http_response *p, struct error *e) {
        const char *t = line.at;

        if (line.len < 12 || memcmp(t, "HTTP/", 5) != 0 || t[6] != '.' || t[8] != ' ')
                return http_bad(e, EPROTO, "the server's answer is no HTTP response");
        if (t[5] != '1' || (t[7] != '0' && t[7] != '1'))
                return http_bad(e, EPROTONOSUPPORT, "the server speaks another version of HTTP");
        if (t[9] < '1' || t[9] > '5' || !http_is_digit(t[10]) || !http_is_digit(t[11]) ||
            (line.len > 12 && t[12] != ' '))
                return http_bad(e, EPROTO, "the server's status is not a number from 100 to 599");
        p->minor = (unsigned) (t[7] - '0');
        p->status = (unsigned) (t[9] - '0') * 100 + (unsigned) (t[10] - '0') * 10 +
                    (unsigned) (t[11] - '0');
        p->reason = line.len > 13 ? (struct http_text){ t + 13, line.len - 13 } : HTTP_TEXT("");
        return 0;
}

static int read_framing(const struct http_facts *f, const struct http_asked *asked,
                        struct http_response *p, struct error *e) {
        if (p->status == 101 && !asked->upgrade)
                return http_bad(e, EPROTO, "the server switches protocols, which nobody asked for");
        p->tunnel = p->status == 101 || (asked->connect && p->status / 100 == 2);
        p->interim = p->status / 100 == 1 && !p->tunnel;
        if (p->interim || p->tunnel || p->status == 204)
                return 0; /* no body, and no Content-Length either, whatever the server says */
        if (f->n_coding > 0 && (p->minor == 0 || (asked->minor == 0 && !f->chunked_alone)))
                return http_bad(e, EPROTO, "HTTP/1.0 has no Transfer-Encoding");
        p->unchunk = f->n_coding > 0 && asked->minor == 0;
        p->has_length = f->n_length > 0;
        p->length = f->length;
        if (asked->head || p->status == 304)
                return 0;
        if (f->n_coding > 0)
                p->body = f->chunked ? HTTP_BODY_CHUNKED : HTTP_BODY_UNTIL_CLOSE;
        else if (f->n_length == 0)
                p->body = HTTP_BODY_UNTIL_CLOSE;
        else if (f->length > 0)
                p->body = HTTP_BODY_LENGTH;
        return 0;
}

int http_response_read(struct http_scan *s, const char *data, size_t len,
                       const struct http_asked *asked, struct http_response *ret, struct error *e) {
        int n = http_scan_head(s, data, len, false, e), r;
        struct http_facts f;
        const char *at;

        if (n <= 0)
                return n;
        ret->interim = ret->tunnel = ret->has_length = ret->unchunk = false;
        ret->body = HTTP_BODY_NONE;
        ret->length = 0;
        ret->n_headers = 0;
        at = data + s->start;
        r = read_line(http_line_next(&at), ret, e);
        if (r >= 0)
                r = http_fields_read(at, data + n, false, ret->headers, &ret->n_headers, &f, e);
        if (r >= 0)
                r = read_framing(&f, asked, ret, e);
        if (r < 0)
                return r;
        ret->keep_alive = !f.close && (ret->minor > 0 || f.keep_alive) && !ret->tunnel &&
                          ret->body != HTTP_BODY_UNTIL_CLOSE;
        return n;
}
