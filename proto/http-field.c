/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The fields of a head: what each says about where the message goes, where it ends, and what is for
 * this hop only.
 *
 * A field that decides the framing is read in one way or refused: two proxies that disagree about
 * where a request ends are how a second, unchecked request gets through.
 */
#include "http-internal.h"

enum known {
        KNOWN_NONE = 0,
        KNOWN_HOST,
        KNOWN_LENGTH,
        KNOWN_CODING,
        KNOWN_CONNECTION,
        KNOWN_PROXY_CONNECTION,
        KNOWN_UPGRADE,
        KNOWN_ACCEPT,
        KNOWN_CREDENTIALS,
        KNOWN_HOP, /* nothing to learn, but for this hop only */
};

/* `hop`: never copied; either RFC 9110 7.6.1 says so, or we write it anew from what we read. */
static const struct {
        const char *name;
        enum known known;
        bool hop;
} known_fields[] = {
        { "host", KNOWN_HOST, true },
        { "content-length", KNOWN_LENGTH, true },
        { "transfer-encoding", KNOWN_CODING, true },
        { "connection", KNOWN_CONNECTION, true },
        { "proxy-connection", KNOWN_PROXY_CONNECTION, true },
        { "upgrade", KNOWN_UPGRADE, true },
        { "accept", KNOWN_ACCEPT, false },
        { "proxy-authorization", KNOWN_CREDENTIALS, true },
        { "keep-alive", KNOWN_HOP, true },
        { "te", KNOWN_HOP, true },
        { "http2-settings", KNOWN_HOP, true }, /* part of the upgrade to h2c, which we don't pass */
};

/* More options than any client sends; each is looked up among all fields. */
#define MAX_OPTIONS 32

static enum known identify(struct http_header *h) {
        h->hop = http_text_starts(h->name, "proxy-");
        for (size_t i = 0; i < ELEMENTSOF(known_fields); i++)
                if (http_text_is(h->name, known_fields[i].name)) {
                        h->hop |= known_fields[i].hop;
                        return known_fields[i].known;
                }
        return KNOWN_NONE;
}

static int split(struct http_text line, struct http_header *ret, struct error *e) {
        const char *colon = memchr(line.at, ':', line.len);
        struct http_text value;

        if (!colon)
                return http_bad(e, EPROTO, "a line of the head has no colon");
        ret->name = (struct http_text){ line.at, (size_t) (colon - line.at) };
        if (!http_is_token(ret->name))
                return http_bad(e, EPROTO,
                                "the name of a field is empty or has a byte that no name has "
                                "(a space before the colon is refused)");
        value = (struct http_text){ colon + 1, line.len - ret->name.len - 1 };
        while (value.len > 0 && (value.at[0] == ' ' || value.at[0] == '\t'))
                value.at++, value.len--;
        while (value.len > 0 && (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
                value.len--;
        ret->value = value;
        return 0;
}

static int read_length(struct http_text v, struct http_facts *f, struct error *e) {
        uint64_t n = 0;

        if (f->n_length++ > 0)
                return http_bad(e, EPROTO, "Content-Length is there twice");
        for (size_t i = 0; i < v.len; i++) {
                uint64_t digit = (uint64_t) v.at[i] - '0';

                if (!http_is_digit(v.at[i]))
                        return http_bad(e, EPROTO, "Content-Length is not one decimal number");
                if (n > (INT64_MAX - digit) / 10)
                        return http_bad(e, EPROTO, "Content-Length is too large");
                n = n * 10 + digit;
        }
        if (v.len == 0)
                return http_bad(e, EPROTO, "Content-Length is empty");
        f->length = n;
        return 0;
}

static int read_coding(struct http_text v, bool request, struct http_facts *f, struct error *e) {
        struct http_text coding, list = v;
        unsigned n = 0;

        if (f->n_coding++ > 0)
                return http_bad(e, EPROTO, "Transfer-Encoding is there twice");
        while (http_list_next(&list, &coding)) {
                if (f->chunked)
                        return http_bad(e, EPROTO, "a transfer coding follows \"chunked\"");
                f->chunked = http_text_is(coding, "chunked");
                n++;
        }
        f->chunked_alone = http_text_is(v, "chunked"); /* also no empty list elements */
        if (n == 0)
                return http_bad(e, EPROTO, "Transfer-Encoding is empty");
        if (request && !f->chunked_alone)
                return http_bad(
                        e, EOPNOTSUPP,
                        "the only Transfer-Encoding that a request may have is \"chunked\"");
        return 0;
}

static void read_upgrade(struct http_text v, struct http_facts *f) {
        struct http_text protocol, list = v;

        while (http_list_next(&list, &protocol)) {
                f->n_upgrade++;
                /* Inside h2c or TLS (RFC 2817) there are requests and names that nobody checks. */
                f->upgrade_unfit |= http_text_starts(protocol, "h2") ||
                                    http_text_starts(protocol, "http") ||
                                    http_text_starts(protocol, "tls");
                f->websocket = f->n_upgrade == 1 && http_text_is(protocol, "websocket");
        }
}

static int read_field(const struct http_header *h, enum known known, bool request,
                      struct http_facts *f, struct error *e) {
        struct http_text list = h->value, option;

        switch (known) {
        case KNOWN_HOST:
                f->host = h->value;
                if (f->n_host++ > 0 && request)
                        return http_bad(e, EPROTO, "Host is there twice");
                return 0;
        case KNOWN_LENGTH:
                return read_length(h->value, f, e);
        case KNOWN_CODING:
                return read_coding(h->value, request, f, e);
        case KNOWN_UPGRADE:
                read_upgrade(h->value, f);
                return 0;
        case KNOWN_PROXY_CONNECTION:
                while (http_list_next(&list, &option))
                        f->close |= http_text_is(option, "close");
                return 0;
        case KNOWN_ACCEPT:
                f->json |= http_text_contains(h->value, "application/json") ||
                           http_text_contains(h->value, "+json");
                return 0;
        case KNOWN_CREDENTIALS:
                f->credentials = true;
                return 0;
        case KNOWN_NONE:
        case KNOWN_CONNECTION:
        case KNOWN_HOP:
                return 0;
        }
        return 0;
}

/* Connection names fields that end at this hop (RFC 9110 7.6.1): they are marked. */
static int read_options(struct http_text list, bool request, struct http_header *headers, size_t n,
                        unsigned *n_options, struct http_facts *f, struct error *e) {
        struct http_text option;

        while (http_list_next(&list, &option)) {
                if (++*n_options > MAX_OPTIONS)
                        return http_bad(e, EMSGSIZE, "Connection has more than %d options",
                                        MAX_OPTIONS);
                if (!http_is_token(option))
                        return http_bad(e, EPROTO, "Connection has an option that is no token");
                f->close |= http_text_is(option, "close");
                f->keep_alive |= http_text_is(option, "keep-alive");
                f->upgrade_option |= http_text_is(option, "upgrade");
                /* The next server would read another message than we did. Some servers name
                 * Transfer-Encoding in their responses, where it does no harm. */
                if (request &&
                    (http_text_is(option, "host") || http_text_is(option, "content-length") ||
                     http_text_is(option, "transfer-encoding")))
                        return http_bad(e, EPROTO,
                                        "Connection asks to leave out a field that says where the "
                                        "request goes or ends");
                for (size_t i = 0; i < n; i++) {
                        struct http_text name = headers[i].name;
                        size_t k = 0;

                        while (name.len == option.len && k < name.len &&
                               http_lower(name.at[k]) == http_lower(option.at[k]))
                                k++;
                        headers[i].hop |= k == option.len;
                }
        }
        return 0;
}

int http_fields_read(const char *at, const char *end, bool request, struct http_header *headers,
                     size_t *ret_n, struct http_facts *ret, struct error *e) {
        struct http_facts f = { 0 };
        unsigned n_options = 0;
        size_t n = 0;
        int r;

        for (;;) {
                struct http_text line = http_line_next(&at);

                if (at >= end) /* the empty line */
                        break;
                r = split(line, &headers[n], e);
                if (r >= 0)
                        r = read_field(&headers[n], identify(&headers[n]), request, &f, e);
                if (r < 0)
                        return r;
                n++; /* the scan counted them: ≤ HTTP_MAX_HEADERS */
        }
        for (size_t i = 0; i < n; i++)
                if (http_text_is(headers[i].name, "connection")) {
                        r = read_options(headers[i].value, request, headers, n, &n_options, &f, e);
                        if (r < 0)
                                return r;
                }
        if (f.n_coding > 0 && f.n_length > 0)
                return http_bad(e, EPROTO,
                                "Content-Length and Transfer-Encoding are both there, and say "
                                "different things about where the message ends");
        *ret_n = n;
        *ret = f;
        return 0;
}
