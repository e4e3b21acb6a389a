/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tables to JSON Schema (draft 2020-12): what decode.c accepts, said to editors and generators. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "json.h"
#include "openrpc.h"
#include "shapes.h"

static bool put_type(struct json_object *o, const char *type) {
        return json_put_string(o, "type", type);
}

static struct json_object *new_typed(const char *type) {
        struct json_object *o = json_object_new_object();

        if (o && !put_type(o, type)) {
                (void) json_object_put(o);
                return NULL;
        }
        return o;
}

struct json_object *schema_reference(const char *prefix, const char *name) {
        _cleanup_(json_object_unrefp) struct json_object *o = json_object_new_object();
        char path[128];

        (void) snprintf(path, sizeof(path), "%s%s", prefix, name);
        return o && json_put_string(o, "$ref", path) ? TAKE(o) : NULL;
}

static bool put_range(struct json_object *o, bool has_min, int64_t min, bool has_max, int64_t max) {
        return (!has_min || json_put(o, "minimum", json_object_new_int64(min))) &&
               (!has_max || json_put(o, "maximum", json_object_new_int64(max)));
}

static struct json_object *words_schema(const struct field *f) {
        _cleanup_(json_object_unrefp) struct json_object *o = new_typed("string"), *words = NULL;
        const char *word;

        words = json_object_new_array();
        if (!o || !words)
                return NULL;
        for (size_t i = 0;; i++) {
                word = f->kind != FIELD_ENUM ? f->word(i)
                       : i + 1 < f->n_names  ? f->names[i + 1]
                                             : NULL;
                if (!word)
                        break;
                if (!json_push(words, json_object_new_string(word)))
                        return NULL;
        }
        return json_put(o, "enum", TAKE(words)) ? TAKE(o) : NULL;
}

static struct json_object *integer_schema(const struct field *f) {
        _cleanup_(json_object_unrefp) struct json_object *o = new_typed("integer");
        bool ranged = f->min != 0 || f->max != 0, is_signed = f->kind == FIELD_INT;

        return o && put_range(o, ranged || !is_signed, f->min, f->max != 0, f->max) ? TAKE(o)
                                                                                    : NULL;
}

static struct json_object *string_schema(const struct field *f) {
        _cleanup_(json_object_unrefp) struct json_object *o = new_typed("string");

        /* the decoder counts bytes, the schema characters: never more of these */
        if (o && f->max > 0 && !json_put(o, "maxLength", json_object_new_int64(f->max)))
                return NULL;
        return TAKE(o);
}

static struct json_object *array_schema(const struct field *f, struct json_object *items) {
        _cleanup_(json_object_unrefp) struct json_object *o = new_typed("array");
        size_t max = f->max_items ? f->max_items : LIMIT_LIST_ITEMS;

        if (!o) {
                (void) json_object_put(items);
                return NULL;
        }
        if (!json_put(o, "items", items) ||
            !json_put(o, "maxItems", json_object_new_int64((int64_t) max)))
                return NULL;
        return TAKE(o);
}

static struct json_object *pairs_schema(const struct field *f) {
        _cleanup_(json_object_unrefp) struct json_object *o = new_typed("object"), *names = NULL;
        size_t max = f->max_items ? f->max_items : LIMIT_LIST_ITEMS;

        names = new_typed("string");
        if (!o || !names || !json_put_string(names, "pattern", "^[^=]+$") ||
            !json_put(o, "propertyNames", TAKE(names)) ||
            !json_put(o, "additionalProperties", new_typed("string")) ||
            !json_put(o, "maxProperties", json_object_new_int64((int64_t) max)))
                return NULL;
        return TAKE(o);
}

static struct json_object *unlimited_schema(void) {
        _cleanup_(json_object_unrefp) struct json_object *o = json_object_new_object();

        return o && json_put_string(o, "const", "unlimited") ? TAKE(o) : NULL;
}

static struct json_object *choice(struct json_object *a, struct json_object *b,
                                  struct json_object *c) {
        _cleanup_(json_object_unrefp) struct json_object *o = json_object_new_object(), *any = NULL;
        bool ok;

        any = json_object_new_array_ext(3);
        ok = o && any && json_push(any, a);
        if (!ok) {
                (void) json_object_put(b);
                (void) json_object_put(c);
                return NULL;
        }
        ok = json_push(any, b);
        if (!ok) {
                (void) json_object_put(c);
                return NULL;
        }
        ok = !c || json_push(any, c);
        return ok && json_put(o, "anyOf", TAKE(any)) ? TAKE(o) : NULL;
}

static struct json_object *limit_schema(const struct field *f) {
        struct json_object *number;

        if (f->kind == FIELD_LIMIT) {
                number = integer_schema(f);
        } else {
                number = new_typed("number");
                if (number && (!json_put(number, "minimum", json_object_new_double(0.001)) ||
                               !json_put(number, "maximum", json_object_new_int64(f->max)))) {
                        (void) json_object_put(number);
                        return NULL;
                }
        }
        return number ? choice(number, unlimited_schema(), new_typed("null")) : NULL;
}

static struct json_object *stdio_schema(void) {
        static const char *const words[] = { NULL, "null", "pipe", "pty" };
        const struct field word = { .kind = FIELD_ENUM,
                                    .names = words,
                                    .n_names = ELEMENTSOF(words) };
        const struct field fd = {
                .name = "fd",
                .kind = FIELD_INT,
                .max = LIMIT_LINE_FDS - 1,
                .flags = FIELD_REQUIRED,
                .doc = "Index among the descriptors that come beside this line."
        };
        const struct shape by_fd = { .fields = &fd, .n = 1 };
        struct json_object *object = schema_of_shape(&by_fd, "");

        return object ? choice(words_schema(&word), object, NULL) : NULL;
}

static struct json_object *kind_schema(const struct field *f, const char *prefix) {
        switch (f->kind) {
        case FIELD_BOOL:
        case FIELD_TRI:
                return new_typed("boolean");
        case FIELD_INT:
        case FIELD_UINT:
                return integer_schema(f);
        case FIELD_NUMBER:
                return new_typed("number");
        case FIELD_STRING:
                return string_schema(f);
        case FIELD_BYTES:
                return new_typed("string");
        case FIELD_ENUM:
                return words_schema(f);
        case FIELD_STRINGS:
                return array_schema(f, f->word ? words_schema(f) : string_schema(f));
        case FIELD_INTS:
                return array_schema(f, integer_schema(f));
        case FIELD_PAIRS:
                return pairs_schema(f);
        case FIELD_LIMIT:
        case FIELD_LIMIT_MILLI:
                return limit_schema(f);
        case FIELD_OBJECT:
        case FIELD_OPTIONAL:
        case FIELD_JSON:
                return f->shape ? schema_reference(prefix, f->shape->name)
                                : json_object_new_object();
        case FIELD_LIST:
                return array_schema(f, schema_reference(prefix, f->shape->name));
        case FIELD_STDIO:
                return stdio_schema();
        }
        return NULL;
}

struct json_object *schema_of_field(const struct field *f, const char *prefix) {
        _cleanup_(json_object_unrefp) struct json_object *o = kind_schema(f, prefix);

        if (o && (f->flags & FIELD_NULLABLE))
                o = choice(TAKE(o), new_typed("null"), NULL);
        /* Beside "$ref", too: draft 2020-12 allows it, and editors show it for the field. */
        return o && json_put_string(o, "description", f->doc) ? TAKE(o) : NULL;
}

struct json_object *schema_of_shape(const struct shape *s, const char *prefix) {
        _cleanup_(json_object_unrefp) struct json_object *o = new_typed("object"),
                                                         *properties = NULL, *required = NULL;

        properties = json_object_new_object();
        required = json_object_new_array();
        if (!o || !properties || !required)
                return NULL;
        if (s->doc && !json_put_string(o, "description", s->doc))
                return NULL;
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];

                if (!json_put(properties, f->name, schema_of_field(f, prefix)))
                        return NULL;
                if ((f->flags & FIELD_REQUIRED) &&
                    !json_push(required, json_object_new_string(f->name)))
                        return NULL;
        }
        if (!json_put(o, "properties", TAKE(properties)) ||
            (json_object_array_length(required) > 0 && !json_put(o, "required", TAKE(required))) ||
            !json_put(o, "additionalProperties", json_object_new_boolean(false)))
                return NULL;
        if ((s->flags & SHAPE_ONE) && (!json_put(o, "minProperties", json_object_new_int64(1)) ||
                                       !json_put(o, "maxProperties", json_object_new_int64(1))))
                return NULL;
        return TAKE(o);
}

/* The shape and all that it refers to, each once, outer ones first. Shapes do not refer to
 * themselves. */
bool schema_collect(struct json_object *all, const struct shape *s, const char *prefix) {
        if (json_object_object_get_ex(all, s->name, NULL))
                return true;
        if (!json_put(all, s->name, schema_of_shape(s, prefix)))
                return false;
        for (size_t i = 0; i < s->n; i++)
                if (s->fields[i].shape && !schema_collect(all, s->fields[i].shape, prefix))
                        return false;
        return true;
}

struct json *shape_schema(const struct shape *s) {
        return json_from_c(schema_of_shape(s, SCHEMA_COMPONENTS));
}

struct json *shape_schemas(const struct shape *const *shapes, size_t n, const char *prefix) {
        _cleanup_(json_object_unrefp) struct json_object *all = json_object_new_object();

        for (size_t i = 0; i < n; i++)
                if (!all || !schema_collect(all, shapes[i], prefix))
                        return NULL;
        return json_from_c(TAKE(all));
}

static struct json *schema_document(const struct shape *shape, const char *title) {
        _cleanup_(json_object_unrefp) struct json_object *o = NULL, *whole = NULL, *defs = NULL;

        o = json_object_new_object();
        whole = schema_of_shape(shape, "#/$defs/");
        defs = json_object_new_object();
        if (!o || !whole || !defs)
                return NULL;
        for (size_t i = 0; i < shape->n; i++)
                if (shape->fields[i].shape &&
                    !schema_collect(defs, shape->fields[i].shape, "#/$defs/"))
                        return NULL;
        if (!json_put_string(o, "$schema", "https://json-schema.org/draft/2020-12/schema") ||
            !json_put_string(o, "title", title))
                return NULL;
        json_object_object_foreach(whole, key, value) {
                /* the keys are constants of schema_of_shape() */
                if (!json_put(o, key, json_object_get(value)))
                        return NULL;
        }
        return json_put(o, "$defs", TAKE(defs)) ? json_from_c(TAKE(o)) : NULL;
}

struct json *policy_schema(void) {
        return schema_document(&policy_shape, "leash policy");
}

struct json *admin_schema(void) {
        return schema_document(&admin_config_shape, "leashd.json");
}
