/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where a body ends (RFC 9112 sections 6 and 7). The bytes pass as they are, so each must be one
 * that every reader understands alike: sizes without sign, space or overflow, CR LF and nothing
 * else at the end of a line, no framing field among the trailers.
 */
#include "http-internal.h"

enum {
        SIZE = 0, /* the digits */
        EXTENSION,
        SIZE_LF,
        DATA,
        DATA_CR,
        DATA_LF,
        TRAILER, /* a line of the trailer section begins */
        TRAILER_NAME,
        TRAILER_VALUE,
        TRAILER_LF,
        LAST_LF,
        COMPLETE,
        BROKEN,
};

#define MAX_SIZE_DIGITS                                                           \
        16 /* more than 64 bits need none, and leading zeros are no reason either \
            */

/* A server that adds trailers to the fields it has would take these for its own. */
static const char *const no_trailers[] = { "content-length", "transfer-encoding", "host",
                                           "connection",     "upgrade",           "expect" };

void http_body_begin(struct http_body *b, enum http_body_kind kind, uint64_t length) {
        *b = (struct http_body){ .kind = kind };
        switch (kind) {
        case HTTP_BODY_NONE:
                b->state = COMPLETE;
                break;
        case HTTP_BODY_LENGTH:
                b->left = length;
                b->state = length > 0 ? DATA : COMPLETE;
                break;
        case HTTP_BODY_CHUNKED:
                b->state = SIZE;
                break;
        case HTTP_BODY_UNTIL_CLOSE:
                b->left = UINT64_MAX;
                b->state = DATA;
                break;
        }
}

bool http_body_complete(const struct http_body *b) {
        return b->state == COMPLETE;
}

int http_body_end(const struct http_body *b, struct error *e) {
        if (b->state == COMPLETE || (b->kind == HTTP_BODY_UNTIL_CLOSE && b->state == DATA))
                return 0;
        return http_bad(e, EPROTO, "the body was cut short");
}

uint64_t http_body_blind(const struct http_body *b) {
        return b->state == DATA ? b->left : 0;
}

void http_body_skip(struct http_body *b, uint64_t n) {
        if (b->state != DATA || b->kind == HTTP_BODY_UNTIL_CLOSE)
                return;
        b->left -= n < b->left ? n : b->left;
        if (b->left == 0)
                b->state = b->kind == HTTP_BODY_CHUNKED ? DATA_CR : COMPLETE;
}

static bool is_text(char c) {
        unsigned char u = (unsigned char) c;
        return c == '\t' || (u >= 0x20 && u != 0x7f);
}

static int hex_value(char c) {
        char l = http_lower(c);

        if (http_is_digit(c))
                return c - '0';
        return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static int feed_size(struct http_body *b, char c, struct error *e) {
        int digit = hex_value(c);

        if (digit >= 0) {
                if (++b->line > MAX_SIZE_DIGITS || b->left > INT64_MAX >> 4)
                        return http_bad(e, EPROTO, "the size of a chunk is too large");
                b->left = b->left << 4 | (uint64_t) digit;
        } else if (b->line == 0 || (c != '\r' && c != ';'))
                return http_bad(e, EPROTO, "the size of a chunk is not a plain hexadecimal number");
        else
                b->state = c == '\r' ? SIZE_LF : EXTENSION;
        return 0;
}

/* A name that is too long to be one of the forbidden ones is cut; "\0" can't be part of a name. */
static int end_name(const struct http_body *b, struct error *e) {
        struct http_text name = { b->name, b->n_name };

        if (!http_is_token(name))
                return http_bad(e, EPROTO, "a trailer's name has a byte that no name has");
        for (size_t i = 0; i < ELEMENTSOF(no_trailers); i++)
                if (http_text_is(name, no_trailers[i]))
                        return http_bad(e, EPROTO, "%s stands among the trailers", no_trailers[i]);
        return 0;
}

static int feed_name(struct http_body *b, char c, struct error *e) {
        if (c == ':') {
                b->state = TRAILER_VALUE;
                return end_name(b, e);
        }
        if (!http_is_token((struct http_text){ &c, 1 }))
                return http_bad(e, EPROTO, "a trailer is not NAME: VALUE");
        if (b->n_name < sizeof(b->name))
                b->name[b->n_name++] = c;
        return 0;
}

/* One byte of a chunked body that is no data. */
static int feed_byte(struct http_body *b, char c, struct error *e) {
        switch (b->state) {
        case SIZE:
                return feed_size(b, c, e);
        case EXTENSION:
                if (c == '\r')
                        b->state = SIZE_LF;
                else if (!is_text(c) || ++b->line > HTTP_MAX_CHUNK_LINE)
                        return http_bad(e, EPROTO,
                                        "the line of a chunk is too long or has a control byte");
                return 0;
        case SIZE_LF:
                b->state = b->left > 0 ? DATA : TRAILER;
                break;
        case DATA_CR:
                b->state = DATA_LF;
                return c == '\r' ? 0 : http_bad(e, EPROTO, "a chunk is longer than its size");
        case DATA_LF:
                b->state = SIZE;
                b->line = 0;
                break;
        case TRAILER:
                b->n_name = 0;
                b->state = c == '\r' ? LAST_LF : TRAILER_NAME;
                return c == '\r' ? 0 : feed_name(b, c, e);
        case TRAILER_NAME:
                return feed_name(b, c, e);
        case TRAILER_VALUE:
                if (c == '\r')
                        b->state = TRAILER_LF;
                else if (!is_text(c))
                        return http_bad(e, EPROTO, "a trailer has a control byte");
                return 0;
        case TRAILER_LF:
                b->state = TRAILER;
                break;
        case LAST_LF:
                b->state = COMPLETE;
                break;
        }
        return c == '\n' ? 0 : http_bad(e, EPROTO, "a CR in the chunks has no LF behind it");
}

/* `plain`: where the data goes, which may be `data` itself, and how far it went; or NULL. */
static int feed_chunked(struct http_body *b, const char *data, size_t len, size_t *n, char **plain,
                        struct error *e) {
        while (*n < len && b->state != COMPLETE) {
                int r;

                if (b->state == DATA) {
                        size_t some = len - *n < b->left ? len - *n : (size_t) b->left;

                        if (plain) {
                                memmove(*plain, data + *n, some);
                                *plain += some;
                        }
                        http_body_skip(b, some);
                        *n += some;
                        continue;
                }
                if (b->state >= TRAILER && ++b->trailer > HTTP_MAX_TRAILER)
                        return http_bad(e, EMSGSIZE, "the trailers are longer than %u bytes",
                                        HTTP_MAX_TRAILER);
                r = feed_byte(b, data[*n], e);
                if (r < 0)
                        return r;
                (*n)++;
        }
        return 0;
}

static int feed(struct http_body *b, const char *data, size_t len, size_t *ret_taken, char **plain,
                struct error *e) {
        size_t n = 0;
        int r;

        if (b->state == BROKEN)
                return http_bad(e, EPROTO, "the body was refused before");
        if (b->kind == HTTP_BODY_CHUNKED) {
                r = feed_chunked(b, data, len, &n, plain, e);
                if (r < 0) {
                        b->state = BROKEN;
                        return r;
                }
        } else if (b->state == DATA) {
                n = len < b->left ? len : (size_t) b->left;
                http_body_skip(b, n);
        }
        *ret_taken = n;
        return b->state == COMPLETE;
}

int http_body_feed(struct http_body *b, const char *data, size_t len, size_t *ret_taken,
                   struct error *e) {
        return feed(b, data, len, ret_taken, NULL, e);
}

int http_body_unchunk(struct http_body *b, char *data, size_t len, size_t *ret_taken,
                      size_t *ret_data, struct error *e) {
        char *end = data;
        int r = feed(b, data, len, ret_taken, &end, e);

        if (r >= 0)
                *ret_data = b->kind == HTTP_BODY_CHUNKED ? (size_t) (end - data) : *ret_taken;
        return r;
}
