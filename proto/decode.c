/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * JSON to structs by the rows of a table. Strict: what is not exactly what a row says is an error
 * that names the field by JSON pointer (RFC 6901), what stands there, and what has to.
 */
#include <string.h>

#include "../policy/limits.h"
#include "decode.h"
static int decode_object(const struct decoder *d, const struct shape *s, struct json_object *j,
                         void *ret);

static int decode_embedded(const struct decoder *d, const struct field *f, struct json_object *j,
                           void *ret) {
        return decode_object(d, f->shape, j, ret);
}

static int decode_optional(const struct decoder *d, const struct field *f, struct json_object *j,
                           void *ret) {
        void *p = arena_alloc(d->arena, f->shape->size);
        int r;

        if (!p)
                return error_nomem(d->e);
        r = decode_object(d, f->shape, j, p);
        if (r < 0)
                return r;
        *(void **) ret = p;
        return 0;
}

static int decode_list(const struct decoder *d, const struct field *f, struct json_object *j,
                       void *ret) {
        size_t n, max = f->max_items ? f->max_items : LIMIT_LIST_ITEMS;
        char *items;
        int r;

        if (!json_object_is_type(j, json_type_array))
                return decode_refuse(d, f, j, false);
        n = json_object_array_length(j);
        if (n > max)
                return error_field(d->e, "", "has %zu items; it must have %zu at most", n, max);
        items = arena_array(d->arena, n ? n : 1, f->shape->size);
        if (!items)
                return error_nomem(d->e);
        for (size_t i = 0; i < n; i++) {
                r = decode_object(d, f->shape, json_object_array_get_idx(j, i),
                                  items + i * f->shape->size);
                if (r < 0)
                        return decode_under_index(d, i, r);
        }
        *(struct list *) ret = (struct list){ .items = items, .n = n, .set = true };
        return 0;
}

static decode_fn *const decoders[] = {
        [FIELD_BOOL] = decode_bool,       [FIELD_TRI] = decode_tri,
        [FIELD_INT] = decode_int,         [FIELD_UINT] = decode_uint,
        [FIELD_NUMBER] = decode_number,   [FIELD_STRING] = decode_string,
        [FIELD_ENUM] = decode_enum,       [FIELD_STRINGS] = decode_strings,
        [FIELD_INTS] = decode_strings,    [FIELD_PAIRS] = decode_pairs,
        [FIELD_LIMIT] = decode_limit,     [FIELD_LIMIT_MILLI] = decode_limit,
        [FIELD_OBJECT] = decode_embedded, [FIELD_OPTIONAL] = decode_optional,
        [FIELD_LIST] = decode_list,       [FIELD_STDIO] = decode_stdio,
        [FIELD_BYTES] = decode_bytes,     [FIELD_JSON] = decode_json,
};

static int decode_field(const struct decoder *d, const struct field *f, struct json_object *j,
                        char *base) {
        int r;

        if (!j && (f->kind == FIELD_LIMIT || f->kind == FIELD_LIMIT_MILLI ||
                   f->kind == FIELD_JSON || (f->flags & FIELD_NULLABLE)))
                return 0; /* null says what absence says */
        if (!j)
                return decode_refuse(d, f, j, false);
        r = decoders[f->kind](d, f, j, base + f->offset);
        if (r >= 0 && f->kind == FIELD_OBJECT && f->beside)
                *(bool *) (base + f->beside - 1) = true;
        return r;
}

static const char *field_word(const void *p, size_t i) {
        const struct shape *s = p;

        return i < s->n ? s->fields[i].name : NULL;
}

static int refuse_unknown(const struct decoder *d, const struct shape *s, const char *key) {
        const char *suggestion = json_suggest(key, field_word, s);

        if (suggestion)
                return error_field(d->e, "", "is not a known field; did you mean \"%s\"?",
                                   suggestion);
        return error_field(d->e, "", "is not a known field");
}

static const struct field *find_field(const struct shape *s, const char *name, size_t *ret_i) {
        for (size_t i = 0; i < s->n; i++)
                if (strcmp(s->fields[i].name, name) == 0) {
                        *ret_i = i;
                        return &s->fields[i];
                }
        return NULL;
}

/* What concerns more than one member. */
static int finish_object(const struct decoder *d, const struct shape *s, uint64_t seen,
                         char *base) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];
                int r = 0;

                if ((f->flags & FIELD_REQUIRED) && !(seen & UINT64_C(1) << i))
                        r = error_field(d->e, "", "is missing");
                else if (f->kind == FIELD_BYTES)
                        r = decode_unpack(d, f, base);
                if (r < 0)
                        return decode_under_name(d, f->name, r);
        }
        if ((s->flags & SHAPE_ONE) && __builtin_popcountll(seen) != 1)
                return error_field(d->e, "", "must have exactly one of its fields");
        return 0;
}

static int decode_object(const struct decoder *d, const struct shape *s, struct json_object *j,
                         void *ret) {
        uint64_t seen = 0;
        int r;

        if (!json_object_is_type(j, json_type_object))
                return error_field(d->e, "", "is %s; it must be an object",
                                   decode_describe(j, false, NULL, 0));
        json_object_object_foreach(j, key, value) {
                size_t i = 0;
                const struct field *f = find_field(s, key, &i);

                if (!f && d->lax)
                        continue;
                r = f ? decode_field(d, f, value, ret) : refuse_unknown(d, s, key);
                if (r < 0)
                        return decode_under_name(d, key, r);
                seen |= UINT64_C(1) << i;
        }
        return finish_object(d, s, seen, ret);
}

static int decode(const struct decoder *d, const struct shape *s, struct json *j, void *ret) {
        return j ? decode_object(d, s, json_to_c(j), ret) : finish_object(d, s, 0, ret);
}

int shape_decode(const struct shape *s, struct json *j, struct arena *a, void *ret,
                 struct error *e) {
        return decode(&(struct decoder){ .arena = a, .e = e }, s, j, ret);
}

int shape_decode_lax(const struct shape *s, struct json *j, struct arena *a, void *ret,
                     struct error *e) {
        return decode(&(struct decoder){ .arena = a, .e = e, .lax = true }, s, j, ret);
}
