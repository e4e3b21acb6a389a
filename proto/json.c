/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A JSON reader (RFC 8259) that builds json-c objects and refuses whatever two programs could read
 * differently: duplicate names, invalid UTF-8, lone surrogates, NUL in names, integers beyond 64
 * bits, numbers that overflow a double, anything behind the value. json-c's own tokener lets the
 * last duplicate win and clamps big integers, which would let a policy say something else here than
 * it does elsewhere.
 */
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "json.h"

/* An empty json-c object takes some 900 bytes, for two on the wire. */
#define WEIGHT_CONTAINER 16
/* No double needs more digits to be told from its neighbours; more is an attack or a mistake. */
#define NUMBER_MAX 128

struct json *json_ref(struct json *j) {
        return json_from_c(json_object_get(json_to_c(j)));
}

struct json *json_unref(struct json *j) {
        (void) json_object_put(json_to_c(j));
        return NULL;
}

void json_reader_init(struct json_reader *r, const char *text, size_t len, struct error *e) {
        *r = (struct json_reader){ .start = text, .p = text, .end = text + len, .e = e };
}

void json_reader_done(struct json_reader *r) {
        free(r->scratch);
        r->scratch = NULL;
}

int json_refuse(struct json_reader *r, const char *what) {
        return error_set(r->e, ERROR_PARSE, 0, "%s (at byte %zu)", what,
                         (size_t) (r->p - r->start) + 1);
}

void json_read_space(struct json_reader *r) {
        while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
                r->p++;
}

bool json_read_token(struct json_reader *r, char c) {
        json_read_space(r);
        if (r->p == r->end || *r->p != c)
                return false;
        r->p++;
        return true;
}

int json_read_end(struct json_reader *r) {
        json_read_space(r);
        return r->p == r->end ? 0 : json_refuse(r, "there is text behind the JSON value");
}

static int weigh(struct json_reader *r, size_t weight) {
        r->weight += weight;
        if (r->weight > LIMIT_JSON_WEIGHT)
                return json_refuse(r, "there are too many values in one text");
        return 0;
}

/* From behind the opening quote to the closing one, checked; `p` stands behind that afterwards. */
static int scan_string(struct json_reader *r, const char **ret, size_t *ret_len,
                       bool *ret_escapes) {
        const char *begin = r->p;
        size_t n;

        *ret_escapes = false;
        for (;;) {
                unsigned char c;

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

static int read_string(struct json_reader *r, struct json_object **ret) {
        const char *s;
        size_t n;
        bool escapes;
        int e;

        e = scan_string(r, &s, &n, &escapes);
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
        const char *s;
        size_t n;
        bool escapes;
        int e;

        if (!json_read_token(r, '"'))
                return json_refuse(r, "a name in double quotes has to stand here");
        e = scan_string(r, &s, &n, &escapes);
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
static size_t number_length(const char *p, const char *end, bool *ret_integer) {
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

static int read_number(struct json_reader *r, struct json_object **ret) {
        char text[NUMBER_MAX + 1];
        bool integer;
        size_t n = number_length(r->p, r->end, &integer);
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

static int read_array(struct json_reader *r, struct json_object **ret) {
        _cleanup_(json_object_unrefp) struct json_object *array = json_object_new_array_ext(4);
        int e;

        if (!array)
                return error_nomem(r->e);
        if (!json_read_token(r, ']')) {
                do {
                        struct json_object *item = NULL;

                        e = json_read_value(r, &item);
                        if (e < 0)
                                return e;
                        if (json_object_array_add(array, item) < 0) {
                                (void) json_object_put(item);
                                return error_nomem(r->e);
                        }
                } while (json_read_token(r, ','));
                if (!json_read_token(r, ']'))
                        return json_refuse(r, "\",\" or \"]\" has to stand here");
        }
        *ret = TAKE(array);
        return 0;
}

static int read_object(struct json_reader *r, struct json_object **ret) {
        _cleanup_(json_object_unrefp) struct json_object *object = json_object_new_object();
        const char *key;
        int e;

        if (!object)
                return error_nomem(r->e);
        if (!json_read_token(r, '}')) {
                do {
                        struct json_object *value = NULL;
                        char *name;

                        e = json_read_key(r, &key);
                        if (e < 0)
                                return e;
                        if (json_object_object_get_ex(object, key, NULL))
                                return json_refuse(r, "a name occurs twice in one object");
                        name = strdup(key); /* the value may have keys of its own */
                        if (!name)
                                return error_nomem(r->e);
                        e = json_read_value(r, &value);
                        if (e >= 0 && json_object_object_add_ex(object, name, value,
                                                                JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0) {
                                (void) json_object_put(value);
                                e = error_nomem(r->e);
                        }
                        free(name);
                        if (e < 0)
                                return e;
                } while (json_read_token(r, ','));
                if (!json_read_token(r, '}'))
                        return json_refuse(r, "\",\" or \"}\" has to stand here");
        }
        *ret = TAKE(object);
        return 0;
}

static int read_word(struct json_reader *r, const char *word) {
        size_t n = strlen(word);

        if ((size_t) (r->end - r->p) < n || memcmp(r->p, word, n) != 0)
                return json_refuse(r, "a JSON value has to stand here");
        r->p += n;
        return 0;
}

static int read_container(struct json_reader *r, struct json_object **ret) {
        char c = *r->p;
        int e;

        if (r->depth >= LIMIT_JSON_DEPTH)
                return json_refuse(r, "arrays and objects are nested too deeply");
        e = weigh(r, WEIGHT_CONTAINER);
        if (e < 0)
                return e;
        r->p++;
        r->depth++;
        e = c == '[' ? read_array(r, ret) : read_object(r, ret);
        r->depth--;
        return e;
}

int json_read_value(struct json_reader *r, struct json_object **ret) {
        bool yes;
        int e;

        json_read_space(r);
        if (r->p == r->end)
                return json_refuse(r, "the text ends where a JSON value has to stand");
        e = weigh(r, 1);
        if (e < 0)
                return e;
        switch (*r->p) {
        case '{':
        case '[':
                return read_container(r, ret);
        case '"':
                r->p++;
                return read_string(r, ret);
        case 't':
        case 'f':
                yes = *r->p == 't';
                e = read_word(r, yes ? "true" : "false");
                if (e < 0)
                        return e;
                *ret = json_object_new_boolean(yes);
                return *ret ? 0 : error_nomem(r->e);
        case 'n':
                e = read_word(r, "null");
                if (e < 0)
                        return e;
                *ret = NULL;
                return 0;
        default:
                return read_number(r, ret);
        }
}

/* A loop, not a recursion: what is too deep for json_read_value() has its end, too. Brackets are
 * counted, not matched: this only looks for the id of a message that is refused anyway. */
int json_read_raw(struct json_reader *r) {
        size_t open = 0, n;
        bool flag;
        const char *s;
        int e;

        do {
                json_read_space(r);
                if (r->p == r->end)
                        return json_refuse(r, "the text ends inside a JSON value");
                switch (*r->p) {
                case '{':
                case '[':
                        open++;
                        r->p++;
                        break;
                case '}':
                case ']':
                        if (open == 0)
                                return json_refuse(r, "a JSON value has to stand here");
                        open--;
                        r->p++;
                        break;
                case ',':
                case ':':
                        if (open == 0)
                                return json_refuse(r, "a JSON value has to stand here");
                        r->p++;
                        break;
                case '"':
                        r->p++;
                        e = scan_string(r, &s, &n, &flag);
                        if (e < 0)
                                return e;
                        break;
                case 't':
                case 'f':
                case 'n':
                        e = read_word(r, *r->p == 't' ? "true" : *r->p == 'f' ? "false" : "null");
                        if (e < 0)
                                return e;
                        break;
                default:
                        n = number_length(r->p, r->end, &flag);
                        if (n == 0)
                                return json_refuse(r, "a JSON value has to stand here");
                        r->p += n;
                }
        } while (open > 0);
        return 0;
}

int json_parse(const char *text, size_t len, struct json **ret, struct error *e) {
        struct json_reader r;
        struct json_object *value = NULL;
        int k;

        json_reader_init(&r, text, len, e);
        k = json_read_value(&r, &value);
        if (k >= 0)
                k = json_read_end(&r);
        json_reader_done(&r);
        if (k < 0) {
                (void) json_object_put(value);
                return k;
        }
        *ret = json_from_c(value);
        return 0;
}

struct json *json_get(const struct json *object, const char *name) {
        struct json_object *value;

        if (!object || !json_object_is_type(json_to_c(object), json_type_object))
                return NULL;
        return json_object_object_get_ex(json_to_c(object), name, &value) ? json_from_c(value)
                                                                          : NULL;
}

const char *json_string(const struct json *j) {
        if (!j || !json_object_is_type(json_to_c(j), json_type_string))
                return NULL;
        return json_object_get_string(json_to_c(j));
}
