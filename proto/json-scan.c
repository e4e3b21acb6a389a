/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Strings, names and numbers of JSON (RFC 8259 sections 6 and 7): bytes to values, checked one by
 * one. */
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* No double needs more digits to be told from its neighbours; more is an attack or a mistake. */
#define NUMBER_MAX 128

static bool is_plain(unsigned char c) {
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* From behind the opening quote to the closing one, checked; `p` stands behind that afterwards. */
int json_scan_string(struct json_reader *r, const char **ret, size_t *ret_len, bool *ret_escapes) {
        const char *begin = r->p;
        size_t n;

        *ret_escapes = false;
        for (;;) {
                unsigned char c;

                while (r->p < r->end && is_plain((unsigned char) *r->p)) /* nearly all of it */
                        r->p++;
                if (r->p == r->end)
                        return json_refuse(r, "a string does not end");
                c = (unsigned char) *r->p;
                if (c == '"')
                        break;
                if (c == '\\') {
                        *ret_escapes = true;
                        if (++r->p == r->end)
                                return json_refuse(r, "a string does not end");
                        r->p++;
                        continue; /* what follows is looked at by unescape() */
                }
                if (c < 0x20)
                        return json_refuse(r, "a control character in a string is not escaped");
                n = utf8_sequence(r->p, (size_t) (r->end - r->p));
                if (n == 0)
                        return json_refuse(r, "a string is not valid UTF-8");
                r->p += n;
        }
        *ret = begin;
        *ret_len = (size_t) (r->p - begin);
        r->p++;
        return 0;
}

static bool read_hex4(const char *s, const char *end, uint32_t *ret) {
        uint32_t x = 0;

        if (end - s < 4)
                return false;
        for (int i = 0; i < 4; i++) {
                char c = s[i];

                if (c >= '0' && c <= '9')
                        x = x << 4 | (uint32_t) (c - '0');
                else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                        x = x << 4 | (uint32_t) ((c | 0x20) - 'a' + 10);
                else
                        return false;
        }
        *ret = x;
        return true;
}

static size_t put_utf8(char *out, uint32_t c) {
        if (c < 0x80) {
                out[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char) (0xc0 | c >> 6);
                out[1] = (char) (0x80 | (c & 63));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char) (0xe0 | c >> 12);
                out[1] = (char) (0x80 | (c >> 6 & 63));
                out[2] = (char) (0x80 | (c & 63));
                return 3;
        }
        out[0] = (char) (0xf0 | c >> 18);
        out[1] = (char) (0x80 | (c >> 12 & 63));
        out[2] = (char) (0x80 | (c >> 6 & 63));
        out[3] = (char) (0x80 | (c & 63));
        return 4;
}

/* \uXXXX, or two of them for what lies above U+FFFF. `*s` stands behind the "u". */
static bool read_unicode(const char **s, const char *end, uint32_t *ret) {
        uint32_t high, low;

        if (!read_hex4(*s, end, &high))
                return false;
        *s += 4;
        *ret = high;
        if (high < 0xd800 || high > 0xdfff)
                return true;
        if (high > 0xdbff || end - *s < 6 || (*s)[0] != '\\' || (*s)[1] != 'u')
                return false;
        if (!read_hex4(*s + 2, end, &low) || low < 0xdc00 || low > 0xdfff)
                return false;
        *s += 6;
        *ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return true;
}

/* Never longer than the text: `out` has room for n bytes. */
static int unescape(struct json_reader *r, const char *s, size_t n, char *out, size_t *ret_len) {
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *end = s + n, *sign;
        char *o = out;
        uint32_t c;

        while (s < end) {
                const char *stop = memchr(s, '\\', (size_t) (end - s));
                size_t plain = (size_t) ((stop ? stop : end) - s);

                memcpy(o, s, plain);
                o += plain;
                s += plain;
                if (!stop)
                        break;
                s++;
                sign = *s ? strchr(from, *s) : NULL;
                if (sign) {
                        *o++ = to[sign - from];
                        s++;
                } else if (*s == 'u') {
                        s++;
                        if (!read_unicode(&s, end, &c))
                                return json_refuse(r, "a \\u escape in a string is wrong");
                        o += put_utf8(o, c);
                } else
                        return json_refuse(r, "an escape in a string is unknown");
        }
        *ret_len = (size_t) (o - out);
        return 0;
}

int json_read_string(struct json_reader *r, struct json_object **ret) {
        const char *s = NULL;
        size_t n = 0;
        bool escapes = false;
        int e;

        e = json_scan_string(r, &s, &n, &escapes);
        if (e < 0)
                return e;
        if (n > INT_MAX)
                return json_refuse(r, "a string is too long");
        if (!escapes) {
                *ret = json_object_new_string_len(s, (int) n);
        } else {
                char *copy = malloc(n + 1);

                if (!copy)
                        return error_nomem(r->e);
                e = unescape(r, s, n, copy, &n);
                if (e < 0) {
                        free(copy);
                        return e;
                }
                *ret = json_object_new_string_len(copy, (int) n);
                free(copy);
        }
        return *ret ? 0 : error_nomem(r->e);
}

int json_read_key(struct json_reader *r, const char **ret) {
        const char *s = NULL;
        size_t n = 0;
        bool escapes = false;
        int e;

        if (!json_read_token(r, '"'))
                return json_refuse(r, "a name in double quotes has to stand here");
        e = json_scan_string(r, &s, &n, &escapes);
        if (e < 0)
                return e;
        if (n >= r->scratch_size) {
                char *grown = realloc(r->scratch, n + 64);

                if (!grown)
                        return error_nomem(r->e);
                r->scratch = grown;
                r->scratch_size = n + 64;
        }
        e = unescape(r, s, n, r->scratch, &n);
        if (e < 0)
                return e;
        r->scratch[n] = 0;
        if (memchr(r->scratch, 0, n))
                return json_refuse(r, "a name contains NUL");
        if (!json_read_token(r, ':'))
                return json_refuse(r, "\":\" has to stand behind a name");
        *ret = r->scratch;
        return 0;
}

static size_t count_digits(const char *s, const char *end) {
        size_t n = 0;

        while (s + n < end && s[n] >= '0' && s[n] <= '9')
                n++;
        return n;
}

/* The length of the number at p by the grammar of RFC 8259 section 6; 0 = there is none. */
size_t json_number_length(const char *p, const char *end, bool *ret_integer) {
        const char *s = p;
        size_t n;

        *ret_integer = true;
        if (s < end && *s == '-')
                s++;
        n = count_digits(s, end);
        if (n == 0 || (n > 1 && *s == '0'))
                return 0;
        s += n;
        if (s < end && *s == '.') {
                *ret_integer = false;
                n = count_digits(++s, end);
                if (n == 0)
                        return 0;
                s += n;
        }
        if (s < end && (*s == 'e' || *s == 'E')) {
                *ret_integer = false;
                s++;
                if (s < end && (*s == '+' || *s == '-'))
                        s++;
                n = count_digits(s, end);
                if (n == 0)
                        return 0;
                s += n;
        }
        return (size_t) (s - p);
}

static int new_integer(struct json_reader *r, const char *text, struct json_object **ret) {
        const uint64_t most_negative = (uint64_t) INT64_MAX + 1;
        uint64_t u = 0;
        bool negative = *text == '-', fits = true;

        for (const char *s = text + negative; *s && fits; s++)
                fits = !__builtin_mul_overflow(u, 10u, &u) &&
                       !__builtin_add_overflow(u, (uint64_t) (*s - '0'), &u);
        if (!fits || (negative && u > most_negative))
                return json_refuse(r, "an integer does not fit into 64 bits");
        if (negative)
                *ret = json_object_new_int64((int64_t) -u);
        else if (u > INT64_MAX)
                *ret = json_object_new_uint64(u);
        else
                *ret = json_object_new_int64((int64_t) u);
        return *ret ? 0 : error_nomem(r->e);
}

double json_strtod(const char *text) {
        /* A program around libleash may have a locale with a decimal comma. glibc and musl give a
         * constant object for "C", so this costs nothing. */
        locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
        double d = strtod_l(text, NULL, c);

        freelocale(c);
        return d;
}

int json_read_number(struct json_reader *r, struct json_object **ret) {
        char text[NUMBER_MAX + 1];
        bool integer;
        size_t n = json_number_length(r->p, r->end, &integer);
        double d;

        if (n == 0)
                return json_refuse(r, "a JSON value has to stand here");
        if (n > NUMBER_MAX)
                return json_refuse(r, "a number has too many digits");
        memcpy(text, r->p, n);
        text[n] = 0;
        if (integer) {
                int e = new_integer(r, text, ret);

                if (e < 0)
                        return e;
        } else {
                d = json_strtod(text);
                if (!isfinite(d))
                        return json_refuse(r, "a number is too large");
                *ret = json_object_new_double(d);
                if (!*ret)
                        return error_nomem(r->e);
        }
        r->p += n;
        return 0;
}
