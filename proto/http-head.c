/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Finding the end of an HTTP head, and small readers of its parts.
 *
 * The scan looks at each byte once, in whatever pieces they come, and refuses at the first byte
 * that makes a head ambiguous: bare CR, bare LF, NUL and other controls, a folded line.
 */
#include "http-internal.h"

bool http_text_is(struct http_text t, const char *lower) {
        return t.len == strlen(lower) && http_text_starts(t, lower);
}

bool http_text_starts(struct http_text t, const char *lower) {
        size_t i = 0;

        for (; lower[i]; i++)
                if (i == t.len || http_lower(t.at[i]) != lower[i])
                        return false;
        return true;
}

bool http_text_contains(struct http_text t, const char *lower) {
        for (; t.len > 0; t.at++, t.len--)
                if (http_text_starts(t, lower))
                        return true;
        return false;
}

static bool is_token_byte(char c) {
        char l = http_lower(c);

        if ((l >= 'a' && l <= 'z') || http_is_digit(c))
                return true;
        return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
}

bool http_is_token(struct http_text t) {
        for (size_t i = 0; i < t.len; i++)
                if (!is_token_byte(t.at[i]))
                        return false;
        return t.len > 0;
}

static bool is_space(char c) {
        return c == ' ' || c == '\t';
}

static struct http_text trim(struct http_text t) {
        while (t.len > 0 && is_space(t.at[0]))
                t.at++, t.len--;
        while (t.len > 0 && is_space(t.at[t.len - 1]))
                t.len--;
        return t;
}

bool http_list_next(struct http_text *list, struct http_text *ret) {
        while (list->len > 0) {
                const char *comma = memchr(list->at, ',', list->len);
                size_t n = comma ? (size_t) (comma - list->at) : list->len;
                struct http_text element = trim((struct http_text){ list->at, n });

                n += comma ? 1 : 0;
                list->at += n;
                list->len -= n;
                if (element.len > 0) {
                        *ret = element;
                        return true;
                }
        }
        return false;
}

const struct http_header *http_find(const struct http_header *headers, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++) {
                size_t k = 0;

                while (k < headers[i].name.len && name[k] &&
                       http_lower(headers[i].name.at[k]) == http_lower(name[k]))
                        k++;
                if (k == headers[i].name.len && !name[k])
                        return &headers[i];
        }
        return NULL;
}

unsigned http_status(int r) {
        switch (r) {
        case -EMSGSIZE:
                return 431;
        case -EPROTONOSUPPORT:
                return 505;
        case -EOPNOTSUPP:
                return 501;
        }
        return 400;
}

/* One complete line, LF at s->pos: > 0 if it was the last. */
static int end_line(struct http_scan *s, const char *data, bool strict, struct error *e) {
        bool cr = s->pos > s->line && data[s->pos - 1] == '\r';

        if (strict && !cr)
                return http_bad(e, EPROTO, "a line of the head ends in LF without CR");
        if (s->pos - s->line == cr) {
                if (s->lines > 0)
                        return 1;
                if (s->start > 0)
                        return http_bad(e, EPROTO, "empty lines stand where a message begins");
                s->start = s->pos + 1;
        } else if (++s->lines > HTTP_MAX_HEADERS + 1)
                return http_bad(e, EMSGSIZE, "the head has more than %u fields", HTTP_MAX_HEADERS);
        s->line = s->pos + 1;
        return 0;
}

int http_scan_head(struct http_scan *s, const char *data, size_t len, bool strict,
                   struct error *e) {
        size_t end = len < HTTP_MAX_HEAD ? len : HTTP_MAX_HEAD;

        for (; s->pos < end; s->pos++) {
                unsigned char c = (unsigned char) data[s->pos];

                if (c == '\n') {
                        int r = end_line(s, data, strict, e);

                        if (r < 0)
                                return r;
                        if (r > 0)
                                return (int) ++s->pos;
                        continue;
                }
                if (s->pos > s->line && data[s->pos - 1] == '\r')
                        return http_bad(e, EPROTO, "a CR in the head has no LF behind it");
                if (s->pos == s->line && is_space((char) c))
                        return http_bad(e, EPROTO,
                                        "a line of the head begins with a space (folded lines are "
                                        "refused)");
                if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
                        return http_bad(e, EPROTO, "the head has a control byte (0x%02x)", c);
                if (s->pos - s->line >= HTTP_MAX_LINE)
                        return http_bad(e, EMSGSIZE, "a line of the head is longer than %u bytes",
                                        HTTP_MAX_LINE);
        }
        if (len >= HTTP_MAX_HEAD)
                return http_bad(e, EMSGSIZE, "the head is longer than %u bytes", HTTP_MAX_HEAD);
        return 0;
}

struct http_text http_line_next(const char **at) {
        struct http_text line = { .at = *at };

        while (**at != '\n')
                (*at)++;
        line.len = (size_t) (*at - line.at);
        if (line.len > 0 && line.at[line.len - 1] == '\r')
                line.len--;
        (*at)++;
        return line;
}

static int read_port(struct http_text t, uint16_t *ret, struct error *e) {
        unsigned port = 0;

        for (size_t i = 0; i < t.len && i < 6; i++) {
                if (!http_is_digit(t.at[i]))
                        return http_bad(e, EPROTO, "the port is not a number");
                port = port * 10 + (unsigned) (t.at[i] - '0');
        }
        /* No empty port and no leading zero: both are spellings that programs read differently. */
        if (t.len == 0 || t.len > 5 || t.at[0] == '0' || port > 65535)
                return http_bad(e, EPROTO, "the port is not a number from 1 to 65535");
        *ret = (uint16_t) port;
        return 0;
}

int http_authority(struct http_text t, struct host *ret, uint16_t *ret_port, struct error *e) {
        struct http_text name = t, rest;
        uint16_t port = 0;
        struct host h;
        bool brackets = t.len > 0 && t.at[0] == '[';
        const char *end = t.len > 0 ? memchr(t.at, brackets ? ']' : ':', t.len) : NULL;
        int r;

        if (t.len > 0 && memchr(t.at, '@', t.len))
                return http_bad(e, EPROTO, "the target has a user or password before the host");
        if (brackets) {
                if (!end)
                        return http_bad(e, EPROTO, "the bracket around the address is not closed");
                name.at++;
        }
        name.len = end ? (size_t) (end - name.at) : t.len;
        rest.at = name.at + name.len + (brackets ? 1 : 0);
        rest.len = (size_t) (t.at + t.len - rest.at);
        if (brackets && !(name.len > 0 && memchr(name.at, ':', name.len)))
                return http_bad(e, EPROTO, "only an IPv6 address stands in brackets");
        if (rest.len > 0) {
                if (rest.at[0] != ':')
                        return http_bad(e, EPROTO, "only a port can follow the host");
                r = read_port((struct http_text){ rest.at + 1, rest.len - 1 }, &port, e);
                if (r < 0)
                        return r;
        }
        if (host_parse(name.at, name.len, &h, e) < 0)
                return error_wrap(e, -EPROTO, "the host that the request names");
        *ret = h;
        *ret_port = port;
        return 0;
}
