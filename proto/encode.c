/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Structs to JSON by the same rows. What is not there is left out; names are borrowed from the
 * table. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "rpc.h"
#include "shapes.h"

/* 1: *ret is the value; 0: there is none; -ENOMEM; -EINVAL: it cannot be said. */
static int given(struct json_object *j, struct json_object **ret) {
        if (!j)
                return -ENOMEM;
        *ret = j;
        return 1;
}

static struct json_object *new_text(const char *s, size_t n) {
        return n > INT_MAX ? NULL : json_object_new_string_len(s, (int) n);
}

static int encode_string(const char *s, struct json_object **ret) {
        return s ? given(new_text(s, strlen(s)), ret) : 0;
}

static int encode_enum(const struct field *f, unsigned value, struct json_object **ret) {
        if (value >= f->n_names)
                return -EINVAL;
        return encode_string(f->names[value], ret);
}

static int encode_strings(const struct field *f, const struct strings *list,
                          struct json_object **ret) {
        _cleanup_(json_object_unrefp) struct json_object *array = NULL;
        bool ok = true;

        if (!list->set && list->n == 0 && !(f->flags & FIELD_REQUIRED))
                return 0;
        array = json_object_new_array_ext(
                list->n > 0 ? (int) (list->n < INT_MAX ? list->n : INT_MAX) : 1);
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < list->n && ok; i++) {
                if (!list->items[i])
                        return -EINVAL;
                if (f->kind == FIELD_INTS)
                        ok = json_push(array,
                                       json_object_new_int64(strtoll(list->items[i], NULL, 10)));
                else
                        ok = json_push(array, new_text(list->items[i], strlen(list->items[i])));
        }
        return ok ? given(TAKE(array), ret) : -ENOMEM;
}

static int encode_pairs(const struct field *f, const struct pairs *list, struct json_object **ret) {
        _cleanup_(json_object_unrefp) struct json_object *object = NULL;

        if (!list->set && list->n == 0 && !(f->flags & FIELD_REQUIRED))
                return 0;
        object = json_object_new_object();
        if (!object)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++) {
                struct json_object *value;

                if (!list->items[i].name || !list->items[i].value)
                        return -EINVAL;
                value = json_object_new_string(list->items[i].value);
                if (!value)
                        return -ENOMEM;
                /* copies the name, and lets a later value take an earlier one's place */
                if (json_object_object_add(object, list->items[i].name, value) < 0) {
                        (void) json_object_put(value);
                        return -ENOMEM;
                }
        }
        return given(TAKE(object), ret);
}

static int encode_limit(const struct field *f, const struct limit *limit,
                        struct json_object **ret) {
        switch (limit->kind) {
        case LIMIT_UNSET:
                return 0;
        case LIMIT_UNLIMITED:
                return encode_string("unlimited", ret);
        case LIMIT_VALUE:
                if (f->kind == FIELD_LIMIT)
                        return given(json_object_new_uint64(limit->value), ret);
                if (limit->value % 1000 == 0)
                        return given(json_object_new_uint64(limit->value / 1000), ret);
                return given(json_object_new_double((double) limit->value / 1000), ret);
        }
        return -EINVAL;
}

static int encode_stdio(const struct stdio_spec *spec, struct json_object **ret) {
        struct json_object *object = NULL;

        switch (spec->kind) {
        case STDIO_UNSET:
                return 0;
        case STDIO_NULL:
                return encode_string("null", ret);
        case STDIO_PIPE:
                return encode_string("pipe", ret);
        case STDIO_PTY:
                return encode_string("pty", ret);
        case STDIO_FD:
                object = json_object_new_object();
                if (!object || !json_put(object, "fd", json_object_new_int64(spec->fd))) {
                        (void) json_object_put(object);
                        return -ENOMEM;
                }
                return given(object, ret);
        }
        return -EINVAL;
}

static int encode_bytes(const struct field *f, const char *base, struct json_object **ret) {
        const struct bytes *b = (const struct bytes *) (base + f->offset);
        enum text_encoding encoding = *(const enum text_encoding *) (base + f->beside - 1);
        char *text;
        int r;

        if (!b->data)
                return (f->flags & FIELD_REQUIRED) ? encode_string("", ret) : 0;
        if (encoding != ENCODING_BASE64)
                return given(new_text(b->data, b->len), ret);
        text = base64_encode(b->data, b->len);
        r = text ? given(new_text(text, strlen(text)), ret) : -ENOMEM;
        free(text);
        return r;
}

static int encode_object(const struct shape *s, const char *base, struct json_object **ret,
                         struct error *e);

static int encode_list(const struct field *f, const struct list *list, struct json_object **ret,
                       struct error *e) {
        _cleanup_(json_object_unrefp) struct json_object *array = NULL;
        int r;

        if (!list->set && list->n == 0 && !(f->flags & FIELD_REQUIRED))
                return 0;
        array = json_object_new_array_ext(
                list->n > 0 ? (int) (list->n < INT_MAX ? list->n : INT_MAX) : 1);
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++) {
                struct json_object *item = NULL;

                r = encode_object(f->shape, (const char *) list->items + i * f->shape->size, &item,
                                  e);
                if (r < 0)
                        return r;
                if (!json_push(array, item))
                        return -ENOMEM;
        }
        return given(TAKE(array), ret);
}

static int encode_embedded(const struct field *f, const char *base, struct json_object **ret,
                           struct error *e) {
        struct json_object *object = NULL;
        bool wanted = f->flags & FIELD_REQUIRED;
        int r;

        if (f->beside) {
                wanted = *(const bool *) (base + f->beside - 1);
                if (!wanted)
                        return 0;
        }
        r = encode_object(f->shape, base + f->offset, &object, e);
        if (r < 0)
                return r;
        if (!wanted && json_object_object_length(object) == 0) { /* nothing in it was there */
                (void) json_object_put(object);
                return 0;
        }
        return given(object, ret);
}

static int encode_field(const struct field *f, const char *base, struct json_object **ret,
                        struct error *e) {
        const void *p = base + f->offset;
        bool required = f->flags & FIELD_REQUIRED;
        int r;

        switch (f->kind) {
        case FIELD_BOOL:
                if (!*(const bool *) p && !required)
                        return 0;
                return given(json_object_new_boolean(*(const bool *) p), ret);
        case FIELD_TRI:
                if (*(const enum tri *) p == TRI_UNSET)
                        return 0;
                return given(json_object_new_boolean(*(const enum tri *) p == TRI_YES), ret);
        case FIELD_INT:
                if (*(const int64_t *) p == 0 && !required)
                        return 0;
                return given(json_object_new_int64(*(const int64_t *) p), ret);
        case FIELD_UINT:
                if (*(const uint64_t *) p == 0 && !required)
                        return 0;
                return given(json_object_new_uint64(*(const uint64_t *) p), ret);
        case FIELD_NUMBER:
                if (*(const double *) p == 0 && !required)
                        return 0;
                return given(json_object_new_double(*(const double *) p), ret);
        case FIELD_STRING:
                return encode_string(*(const char *const *) p, ret);
        case FIELD_ENUM:
                return encode_enum(f, *(const unsigned *) p, ret);
        case FIELD_STRINGS:
        case FIELD_INTS:
                return encode_strings(f, p, ret);
        case FIELD_PAIRS:
                return encode_pairs(f, p, ret);
        case FIELD_LIMIT:
        case FIELD_LIMIT_MILLI:
                return encode_limit(f, p, ret);
        case FIELD_OBJECT:
                return encode_embedded(f, base, ret, e);
        case FIELD_OPTIONAL:
                if (!*(const char *const *) p)
                        return 0;
                r = encode_object(f->shape, *(const char *const *) p, ret, e);
                return r < 0 ? r : 1;
        case FIELD_LIST:
                return encode_list(f, p, ret, e);
        case FIELD_STDIO:
                return encode_stdio(p, ret);
        case FIELD_BYTES:
                return encode_bytes(f, base, ret);
        case FIELD_JSON:
                if (!*(struct json *const *) p)
                        return 0;
                return given(json_object_get(json_to_c(*(struct json *const *) p)), ret);
        }
        return -EINVAL;
}

static int encode_object(const struct shape *s, const char *base, struct json_object **ret,
                         struct error *e) {
        _cleanup_(json_object_unrefp) struct json_object *object = json_object_new_object();
        struct error inner = ERROR_NULL; /* empty unless a level below has told its story */
        int r;

        if (!object)
                return error_nomem(e);
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];
                struct json_object *value = NULL;

                r = encode_field(f, base, &value, &inner);
                if (r > 0 && !json_put(object, f->name, value))
                        r = -ENOMEM;
                if (r == 0 && (f->flags & FIELD_REQUIRED)) {
                        inner = ERROR_NULL;
                        r = -EINVAL;
                }
                if (r >= 0)
                        continue;
                if (r == -ENOMEM)
                        return error_nomem(e);
                if (inner.code == ERROR_NONE)
                        r = error_set(&inner, ERROR_INTERNAL, -r,
                                      "the field \"%s\" of %s has no value that "
                                      "can be sent",
                                      f->name, s->name);
                if (e)
                        *e = inner;
                return r;
        }
        *ret = TAKE(object);
        return 0;
}

int shape_encode(const struct shape *s, const void *value, struct json **ret, struct error *e) {
        struct json_object *object = NULL;
        int r = encode_object(s, value, &object, e);

        if (r >= 0)
                *ret = json_from_c(object);
        return r;
}
