/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Just enough of JSON to find members in what a session sends. It is well-formed; should it not be,
 * nothing is read beyond its end. */
#include <stdlib.h>
#include <string.h>

#include "ipc.h"

static const char *skip_space(const char *s, const char *end) {
        while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
                s++;
        return s;
}

/* Behind a string, whose opening quote s stands at. */
static const char *skip_string(const char *s, const char *end) {
        for (s++; s < end && *s != '"'; s++)
                if (*s == '\\')
                        s++;
        return s < end ? s + 1 : end;
}

static const char *skip_value(const char *s, const char *end) {
        unsigned depth = 0;

        for (s = skip_space(s, end); s < end;) {
                if (*s == '"') {
                        s = skip_string(s, end);
                } else if (*s == '{' || *s == '[') {
                        depth++;
                        s++;
                        continue;
                } else if (*s == '}' || *s == ']') {
                        if (depth == 0)
                                return s;
                        depth--;
                        s++;
                } else if (depth > 0 && strchr(",: \t", *s)) {
                        s++;
                        continue;
                } else {
                        while (s < end && !strchr(",]}: \t\r\n", *s))
                                s++;
                }
                if (depth == 0)
                        return s;
        }
        return end;
}

struct value value_member(struct value object, const char *name) {
        const char *s = object.s, *end = object.end;
        size_t n = strlen(name);

        if (!s)
                return (struct value){ NULL, NULL };
        s = skip_space(s, end);
        if (s == end || *s++ != '{')
                return (struct value){ NULL, NULL };
        for (;;) {
                const char *key = skip_space(s, end), *behind;
                bool found;

                if (key == end || *key != '"')
                        return (struct value){ NULL, NULL };
                behind = skip_string(key, end);
                found = (size_t) (behind - key) == n + 2 && memcmp(key + 1, name, n) == 0;
                s = skip_space(behind, end);
                if (s == end || *s++ != ':')
                        return (struct value){ NULL, NULL };
                s = skip_space(s, end);
                behind = skip_value(s, end);
                if (found)
                        return (struct value){ s, behind };
                s = skip_space(behind, end);
                if (s == end || *s++ != ',')
                        return (struct value){ NULL, NULL };
        }
}

bool value_is(struct value v, const char *text) {
        size_t n = strlen(text);

        return v.s && (size_t) (v.end - v.s) == n && memcmp(v.s, text, n) == 0;
}

long value_number(struct value v, long otherwise) {
        return v.s ? strtol(v.s, NULL, 10) : otherwise;
}

static unsigned hex(const char *s) {
        unsigned n = 0;

        for (int i = 0; i < 4; i++) {
                char c = s[i];

                n = n << 4 | (unsigned) (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        }
        return n & 0xffff;
}

static char *put_utf8(char *out, unsigned c) {
        if (c < 0x80) {
                *out++ = (char) c;
        } else if (c < 0x800) {
                *out++ = (char) (0xc0 | c >> 6);
                *out++ = (char) (0x80 | (c & 63));
        } else if (c < 0x10000) {
                *out++ = (char) (0xe0 | c >> 12);
                *out++ = (char) (0x80 | (c >> 6 & 63));
                *out++ = (char) (0x80 | (c & 63));
        } else {
                *out++ = (char) (0xf0 | c >> 18);
                *out++ = (char) (0x80 | (c >> 12 & 63));
                *out++ = (char) (0x80 | (c >> 6 & 63));
                *out++ = (char) (0x80 | (c & 63));
        }
        return out;
}

/* "\uXXXX", s behind the u; a surrogate's second half, too (RFC 8259 7). */
static const char *unescape_code(const char *s, const char *end, char **out) {
        unsigned c, low;

        if (end - s < 4)
                return end;
        c = hex(s);
        s += 4;
        if (c >= 0xd800 && c < 0xdc00 && end - s >= 6 && s[0] == '\\' && s[1] == 'u') {
                low = hex(s + 2);
                c = 0x10000 + ((c - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
                s += 6;
        }
        *out = put_utf8(*out, c);
        return s;
}

char *value_text(struct value v, bool base64, size_t *ret_len) {
        static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        const char *s = v.s, *end = v.end;
        char *text, *out;

        if (!s || s == end || *s++ != '"')
                return NULL;
        text = out = malloc((size_t) (end - s) + 1); /* no escape is shorter than what it means */
        if (!text)
                return NULL;
        while (s < end && *s != '"') {
                const char *e;

                if (*s != '\\') {
                        *out++ = *s++;
                        continue;
                }
                if (++s == end)
                        break;
                if (*s == 'u') {
                        s = unescape_code(s + 1, end, &out);
                        continue;
                }
                e = strchr(escapes, *s++);
                if (e && *e)
                        *out++ = meant[e - escapes];
        }
        *ret_len = base64 ? base64_decode_in_place(text, (size_t) (out - text))
                          : (size_t) (out - text);
        text[*ret_len] = '\0';
        return text;
}
