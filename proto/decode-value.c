/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Single values and lists of them: is it the type, the range, the word that the row asks for? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "decode.h"
#include "shapes.h"

/* "a string", or the value itself where it is the right type and still wrong. */
const char *decode_describe(struct json_object *j, bool value, char *buf, size_t size) {
        char shown[40];

        switch (json_object_get_type(j)) {
        case json_type_null:
                return "null";
        case json_type_boolean:
                return "a boolean";
        case json_type_array:
                return "an array";
        case json_type_object:
                return "an object";
        case json_type_string:
                if (!value)
                        return "a string";
                (void) json_show(json_object_get_string(j), (size_t) json_object_get_string_len(j),
                                 shown, sizeof(shown));
                (void) snprintf(buf, size, "\"%s\"", shown);
                return buf;
        case json_type_int:
        case json_type_double: {
                struct json_text t = { .data = NULL };
                size_t n;
                char *text;

                if (!value)
                        return "a number";
                json_text_value(&t, j, false);
                text = json_text_take(&t, &n);
                (void) snprintf(buf, size, "%s", text ? text : "a number");
                free(text);
                return buf;
        }
        }
        return "something else";
}

/* `value`: the type is right. */
int decode_refuse(const struct decoder *d, const struct field *f, struct json_object *j,
                  bool value) {
        char expected[512], found[64];

        field_expectation(f, expected, sizeof(expected));
        return error_field(d->e, "", "is %s; it must be %s",
                           decode_describe(j, value, found, sizeof(found)), expected);
}

int decode_under_index(const struct decoder *d, size_t i, int r) {
        char where[24];

        if (r >= 0)
                return r;
        (void) snprintf(where, sizeof(where), "/%zu", i);
        return error_under(d->e, where, r);
}

/* A name of the peer's as one token of a pointer: RFC 6901 section 3 escapes "~" and "/". */
static void pointer_token(const char *name, char *buf, size_t size) {
        size_t n = 0;

        buf[n++] = '/';
        for (; *name && n + 3 < size; name++) {
                if (*name == '~' || *name == '/') {
                        buf[n++] = '~';
                        buf[n++] = *name == '~' ? '0' : '1';
                } else
                        buf[n++] = (unsigned char) *name < 0x20 || *name == 0x7f ? '?' : *name;
        }
        buf[n] = 0;
}

int decode_under_name(const struct decoder *d, const char *name, int r) {
        char where[128];

        if (r >= 0)
                return r;
        pointer_token(name, where, sizeof(where));
        return error_under(d->e, where, r);
}

/* A C string: NUL inside would make it say something else to whoever reads it. */
static int decode_text(const struct decoder *d, const struct field *f, struct json_object *j,
                       const char **ret) {
        size_t n, max = f->max > 0 ? (size_t) f->max : LIMIT_ARGV_BYTES;
        const char *s;
        char *copy;

        if (!json_object_is_type(j, json_type_string))
                return decode_refuse(d, f, j, false);
        s = json_object_get_string(j);
        n = (size_t) json_object_get_string_len(j);
        if (n > max)
                return error_field(d->e, "", "has %zu bytes; it must have %zu at most", n, max);
        if (memchr(s, 0, n))
                return error_field(d->e, "", "contains a NUL character");
        copy = arena_strndup(d->arena, s, n);
        if (!copy)
                return error_nomem(d->e);
        *ret = copy;
        return 0;
}

int decode_string(const struct decoder *d, const struct field *f, struct json_object *j,
                  void *ret) {
        return decode_text(d, f, j, ret);
}

int decode_bool(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        if (!json_object_is_type(j, json_type_boolean))
                return decode_refuse(d, f, j, false);
        *(bool *) ret = json_object_get_boolean(j);
        return 0;
}

int decode_tri(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        if (!json_object_is_type(j, json_type_boolean))
                return decode_refuse(d, f, j, false);
        *(enum tri *) ret = json_object_get_boolean(j) ? TRI_YES : TRI_NO;
        return 0;
}

/* Integers are written without fraction and exponent: what 1e3 or 5.0 means is left to nobody. */
int decode_int(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        int64_t i = 0;

        if (!json_object_is_type(j, json_type_int))
                return decode_refuse(d, f, j, json_object_is_type(j, json_type_double));
        i = json_object_get_int64(j);
        /* json-c clamps; only a value that is INT64_MAX itself may read as such */
        if (i == INT64_MAX && json_object_get_uint64(j) != INT64_MAX)
                return decode_refuse(d, f, j, true);
        if ((f->min != 0 || f->max != 0) && (i < f->min || i > f->max))
                return decode_refuse(d, f, j, true);
        *(int64_t *) ret = i;
        return 0;
}

int decode_uint(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        uint64_t u;

        if (!json_object_is_type(j, json_type_int))
                return decode_refuse(d, f, j, json_object_is_type(j, json_type_double));
        if (json_object_get_int64(j) < f->min || json_object_get_int64(j) < 0)
                return decode_refuse(d, f, j, true);
        u = json_object_get_uint64(j);
        if (f->max > 0 && u > (uint64_t) f->max)
                return decode_refuse(d, f, j, true);
        *(uint64_t *) ret = u;
        return 0;
}

static bool is_number(struct json_object *j) {
        return json_object_is_type(j, json_type_int) || json_object_is_type(j, json_type_double);
}

int decode_number(const struct decoder *d, const struct field *f, struct json_object *j,
                  void *ret) {
        double x;

        if (!is_number(j))
                return decode_refuse(d, f, j, false);
        x = json_object_get_double(j);
        if ((f->min != 0 || f->max != 0) && !(x >= (double) f->min && x <= (double) f->max))
                return decode_refuse(d, f, j, true);
        *(double *) ret = x;
        return 0;
}

static const char *enum_word(const void *p, size_t i) {
        const struct field *f = p;

        return i + 1 < f->n_names ? f->names[i + 1] : NULL;
}

static int refuse_word(const struct decoder *d, const struct field *f, struct json_object *j,
                       const char *suggestion) {
        int r = decode_refuse(d, f, j, true);
        size_t n;

        if (suggestion && d->e) {
                n = strlen(d->e->message);
                (void) snprintf(d->e->message + n, sizeof(d->e->message) - n,
                                " (did you mean \"%s\"?)", suggestion);
        }
        return r;
}

int decode_enum(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        const char *s;

        if (!json_object_is_type(j, json_type_string))
                return decode_refuse(d, f, j, false);
        s = json_object_get_string(j);
        for (unsigned i = 1; i < f->n_names; i++)
                if (strlen(f->names[i]) == (size_t) json_object_get_string_len(j) &&
                    strcmp(f->names[i], s) == 0) {
                        *(unsigned *) ret = i;
                        return 0;
                }
        if (d->lax) /* a word of a later version */
                return 0;
        return refuse_word(d, f, j, json_suggest(s, enum_word, f));
}

static const char *list_word(const void *p, size_t i) {
        return ((const struct field *) p)->word(i);
}

/* One of a list's allowed words; the table's own copy goes into the list. */
static int decode_word(const struct decoder *d, const struct field *f, struct json_object *j,
                       const char **ret) {
        const char *s, *word;

        if (!json_object_is_type(j, json_type_string))
                return error_field(d->e, "", "is %s; it must be a string",
                                   decode_describe(j, false, NULL, 0));
        s = json_object_get_string(j);
        for (size_t i = 0; (word = f->word(i)); i++)
                if (strlen(word) == (size_t) json_object_get_string_len(j) &&
                    strcmp(word, s) == 0) {
                        *ret = word;
                        return 0;
                }
        /* an item as a field of its own, so that the message speaks of it and not of the list */
        const struct field item = { .kind = FIELD_ENUM, .word = f->word };
        return refuse_word(d, &item, j, json_suggest(s, list_word, f));
}

static int decode_port(const struct decoder *d, const struct field *f, struct json_object *j,
                       const char **ret) {
        int64_t i = 0;
        int r;

        r = decode_int(d, &(struct field){ .kind = FIELD_INT, .min = f->min, .max = f->max }, j,
                       &i);
        if (r < 0)
                return r;
        *ret = arena_printf(d->arena, "%lld", (long long) i);
        return *ret ? 0 : error_nomem(d->e);
}

int decode_strings(const struct decoder *d, const struct field *f, struct json_object *j,
                   void *ret) {
        /* an item as a field of its own, so that messages speak of it and not of the list */
        const struct field item = { .kind = FIELD_STRING, .max = f->max };
        size_t n, max = f->max_items ? f->max_items : LIMIT_LIST_ITEMS;
        struct strings list = { .set = true };
        int r;

        if (!json_object_is_type(j, json_type_array))
                return decode_refuse(d, f, j, false);
        n = json_object_array_length(j);
        if (n > max)
                return error_field(d->e, "", "has %zu items; it must have %zu at most", n, max);
        list.items = arena_array(d->arena, n ? n : 1, sizeof(*list.items));
        if (!list.items)
                return error_nomem(d->e);
        for (size_t i = 0; i < n; i++) {
                struct json_object *value = json_object_array_get_idx(j, i);

                if (f->kind == FIELD_INTS)
                        r = decode_port(d, f, value, &list.items[i]);
                else if (f->word)
                        r = decode_word(d, f, value, &list.items[i]);
                else
                        r = decode_text(d, &item, value, &list.items[i]);
                if (r < 0)
                        return decode_under_index(d, i, r);
        }
        list.n = n;
        *(struct strings *) ret = list;
        return 0;
}

/* environ(7): "=" ends a name, so a name that has one would set another variable. */
int decode_pairs(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        const struct field item = { .kind = FIELD_STRING, .max = f->max };
        size_t n, max = f->max_items ? f->max_items : LIMIT_LIST_ITEMS;
        struct pairs list = { .set = true };
        int r;

        if (!json_object_is_type(j, json_type_object))
                return decode_refuse(d, f, j, false);
        n = (size_t) json_object_object_length(j);
        if (n > max)
                return error_field(d->e, "", "has %zu members; it must have %zu at most", n, max);
        list.items = arena_array(d->arena, n ? n : 1, sizeof(*list.items));
        if (!list.items)
                return error_nomem(d->e);
        json_object_object_foreach(j, key, value) {
                if (!*key || strchr(key, '='))
                        r = error_field(
                                d->e, "",
                                "is not a name for a variable: it is empty or contains \"=\"");
                else
                        r = decode_text(d, &item, value, &list.items[list.n].value);
                if (r < 0)
                        return decode_under_name(d, key, r);
                list.items[list.n].name = arena_strdup(d->arena, key);
                if (!list.items[list.n].name)
                        return error_nomem(d->e);
                list.n++;
        }
        *(struct pairs *) ret = list;
        return 0;
}

int decode_limit(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        struct limit *limit = ret;
        uint64_t max = f->max > 0 ? (uint64_t) f->max : INT64_MAX;
        double x;

        if (json_object_is_type(j, json_type_string)) {
                if (strcmp(json_object_get_string(j), "unlimited") != 0)
                        return decode_refuse(d, f, j, false);
                *limit = (struct limit){ .kind = LIMIT_UNLIMITED };
                return 0;
        }
        if (f->kind == FIELD_LIMIT && json_object_is_type(j, json_type_int)) {
                if (json_object_get_int64(j) < 1 || json_object_get_uint64(j) > max)
                        return decode_refuse(d, f, j, true);
                *limit = (struct limit){ .kind = LIMIT_VALUE, .value = json_object_get_uint64(j) };
                return 0;
        }
        if (f->kind == FIELD_LIMIT_MILLI && is_number(j)) {
                x = json_object_get_double(j) * 1000 + 0.5; /* to the nearest thousandth */
                if (!(x >= 1) || x >= (double) max * 1000 + 1)
                        return decode_refuse(d, f, j, true);
                *limit = (struct limit){ .kind = LIMIT_VALUE, .value = (uint64_t) x };
                return 0;
        }
        return decode_refuse(d, f, j, is_number(j));
}

int decode_stdio(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        struct stdio_spec *spec = ret;
        struct json_object *fd;

        if (json_object_is_type(j, json_type_string)) {
                const char *s = json_object_get_string(j);

                if (strcmp(s, "null") == 0)
                        *spec = (struct stdio_spec){ .kind = STDIO_NULL };
                else if (strcmp(s, "pipe") == 0)
                        *spec = (struct stdio_spec){ .kind = STDIO_PIPE };
                else if (strcmp(s, "pty") == 0)
                        *spec = (struct stdio_spec){ .kind = STDIO_PTY };
                else
                        return decode_refuse(d, f, j, true);
                return 0;
        }
        if (!json_object_is_type(j, json_type_object) || json_object_object_length(j) != 1 ||
            !json_object_object_get_ex(j, "fd", &fd) || !json_object_is_type(fd, json_type_int))
                return decode_refuse(d, f, j, false);
        if (json_object_get_int64(fd) < 0 || json_object_get_int64(fd) >= LIMIT_LINE_FDS)
                return error_field(d->e, "/fd", "must be an index from 0 to %d",
                                   LIMIT_LINE_FDS - 1);
        *spec = (struct stdio_spec){ .kind = STDIO_FD, .fd = (unsigned) json_object_get_int64(fd) };
        return 0;
}

/* As it came; decode_unpack() does the rest when all of the struct is there. */
int decode_bytes(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        size_t n;
        char *copy;

        if (!json_object_is_type(j, json_type_string))
                return decode_refuse(d, f, j, false);
        n = (size_t) json_object_get_string_len(j);
        copy = arena_alloc(d->arena, n + 1);
        if (!copy)
                return error_nomem(d->e);
        memcpy(copy, json_object_get_string(j), n);
        *(struct bytes *) ret = (struct bytes){ .data = copy, .len = n };
        return 0;
}

int decode_unpack(const struct decoder *d, const struct field *f, char *base) {
        struct bytes *b = (struct bytes *) (base + f->offset);
        enum text_encoding encoding = *(enum text_encoding *) (base + f->beside - 1);
        char *data = (char *) (uintptr_t) b->data;
        size_t n;

        if (!data || encoding != ENCODING_BASE64)
                return 0;
        if (!base64_decode_to(data, b->len, data, &n))
                return error_field(d->e, "",
                                   "is not valid base64 (RFC 4648 section 4, with padding)");
        data[n] = 0;
        b->len = n;
        return 0;
}

int decode_json(const struct decoder *d, const struct field *f, struct json_object *j, void *ret) {
        (void) d;
        (void) f;
        *(struct json **) ret = json_from_c(j);
        return 0;
}
