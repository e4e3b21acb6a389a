/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The keywords as one table: what a keyword's value has to be, and what it demands of a value; and
 * values against them. */
#include "../policy/limits.h"
#include "json_schema-internal.h"

#define STEPS_MAX 200000 /* schemas applied to values, for one value: some ten milliseconds */
#define REFERENCES_MAX 16

static int accept(struct check *c, struct json_object *schema, struct json_object *value);

/* keywords */

static bool has_type(struct json_object *value, const char *type) {
        if (strcmp(type, "integer") == 0)
                return is_integer(value);
        if (strcmp(type, "number") == 0)
                return is_number(value);
        return strcmp(type, json_type_to_name(json_object_get_type(value))) == 0;
}

static int accept_type(struct check *c, struct json_object *schema, struct json_object *demand,
                       struct json_object *value) {
        char shown[80], words[128];

        if (is_type(demand, json_type_string)) {
                if (has_type(value, json_object_get_string(demand)))
                        return 0;
        } else {
                for (size_t i = 0; i < json_object_array_length(demand); i++)
                        if (has_type(value,
                                     json_object_get_string(json_object_array_get_idx(demand, i))))
                                return 0;
        }
        return refuse(c, "must be of type %s, not %s", show(demand, words, sizeof(words)),
                      show(value, shown, sizeof(shown)));
}

static bool equal(struct json_object *a, struct json_object *b) {
        if (is_number(a) && is_number(b)) {
                if (is_type(a, json_type_int) && is_type(b, json_type_int))
                        return json_object_equal(a, b);
                return !(json_object_get_double(a) < json_object_get_double(b)) &&
                       !(json_object_get_double(a) > json_object_get_double(b));
        }
        return json_object_equal(a, b);
}

static int accept_enum(struct check *c, struct json_object *schema, struct json_object *demand,
                       struct json_object *value) {
        char shown[80], words[256];

        for (size_t i = 0; i < json_object_array_length(demand); i++)
                if (equal(json_object_array_get_idx(demand, i), value))
                        return 0;
        return refuse(c, "must be one of %s, not %s", show(demand, words, sizeof(words)),
                      show(value, shown, sizeof(shown)));
}

static int accept_const(struct check *c, struct json_object *schema, struct json_object *demand,
                        struct json_object *value) {
        char shown[80];

        return equal(demand, value) ? 0
                                    : refuse(c, "must be %s", show(demand, shown, sizeof(shown)));
}

/* -1, 0 or 1, exact for two integers. */
static int compare(struct json_object *a, struct json_object *b) {
        if (is_type(a, json_type_int) && is_type(b, json_type_int)) {
                int64_t x = json_object_get_int64(a), y = json_object_get_int64(b);

                return (x > y) - (x < y);
        }
        double x = json_object_get_double(a), y = json_object_get_double(b);

        return (x > y) - (x < y);
}

static int ranged(struct check *c, struct json_object *demand, struct json_object *value, bool fine,
                  const char *words) {
        char shown[80], limit[40];

        if (!is_number(value) || fine)
                return 0;
        return refuse(c, "must be %s %s, not %s", words, show(demand, limit, sizeof(limit)),
                      show(value, shown, sizeof(shown)));
}

static int accept_minimum(struct check *c, struct json_object *schema, struct json_object *demand,
                          struct json_object *value) {
        return ranged(c, demand, value, compare(value, demand) >= 0, "at least");
}

static int accept_maximum(struct check *c, struct json_object *schema, struct json_object *demand,
                          struct json_object *value) {
        return ranged(c, demand, value, compare(value, demand) <= 0, "at most");
}

static int accept_above(struct check *c, struct json_object *schema, struct json_object *demand,
                        struct json_object *value) {
        return ranged(c, demand, value, compare(value, demand) > 0, "more than");
}

static int accept_below(struct check *c, struct json_object *schema, struct json_object *demand,
                        struct json_object *value) {
        return ranged(c, demand, value, compare(value, demand) < 0, "less than");
}

static int accept_multiple(struct check *c, struct json_object *schema, struct json_object *demand,
                           struct json_object *value) {
        double q;

        if (!is_number(value))
                return 0;
        if (is_type(value, json_type_int) && is_type(demand, json_type_int))
                return ranged(c, demand, value,
                              json_object_get_int64(value) % json_object_get_int64(demand) == 0,
                              "a multiple of");
        q = json_object_get_double(value) / json_object_get_double(demand);
        if (q > 9e15 || q < -9e15)
                return 0; /* no double there is anything but an integer */
        q -= (double) (int64_t) q;
        if (q < 0)
                q = -q;
        return ranged(c, demand, value, q < 1e-9 || q > 1 - 1e-9, "a multiple of");
}

static size_t characters(struct json_object *j) {
        const char *s = json_object_get_string(j);
        size_t n = 0;

        for (int i = 0; i < json_object_get_string_len(j); i++)
                n += (s[i] & 0xc0) != 0x80;
        return n;
}

static int counted(struct check *c, struct json_object *demand, size_t n, bool at_least,
                   const char *what) {
        size_t limit = (size_t) json_object_get_int64(demand);

        if (at_least ? n >= limit : n <= limit)
                return 0;
        return refuse(c, "must have at %s %zu %s, not %zu", at_least ? "least" : "most", limit,
                      what, n);
}

static int accept_length(struct check *c, struct json_object *demand, struct json_object *value,
                         json_type type, bool at_least) {
        if (!is_type(value, type))
                return 0;
        switch (type) {
        case json_type_string:
                return counted(c, demand, characters(value), at_least, "characters");
        case json_type_array:
                return counted(c, demand, json_object_array_length(value), at_least, "items");
        default:
                return counted(c, demand, (size_t) json_object_object_length(value), at_least,
                               "members");
        }
}

#define ACCEPT_LENGTH(name, type, at_least)                                                      \
        static int name(struct check *c, struct json_object *schema, struct json_object *demand, \
                        struct json_object *value) {                                             \
                return accept_length(c, demand, value, type, at_least);                          \
        }
ACCEPT_LENGTH(accept_min_length, json_type_string, true)
ACCEPT_LENGTH(accept_max_length, json_type_string, false)
ACCEPT_LENGTH(accept_min_items, json_type_array, true)
ACCEPT_LENGTH(accept_max_items, json_type_array, false)
ACCEPT_LENGTH(accept_min_members, json_type_object, true)
ACCEPT_LENGTH(accept_max_members, json_type_object, false)

static int accept_items(struct check *c, struct json_object *schema, struct json_object *demand,
                        struct json_object *value) {
        int r = 0;

        if (!is_type(value, json_type_array))
                return 0;
        for (size_t i = 0; i < json_object_array_length(value) && r >= 0; i++)
                r = under_index(c, i, accept(c, demand, json_object_array_get_idx(value, i)));
        return r;
}

/* What comparing with it costs, at worst. */
static size_t weight(struct json_object *j) {
        size_t n = 1;

        if (is_type(j, json_type_string))
                return 1 + (size_t) json_object_get_string_len(j) / 64;
        if (is_type(j, json_type_array))
                for (size_t i = 0; i < json_object_array_length(j); i++)
                        n += weight(json_object_array_get_idx(j, i));
        if (is_type(j, json_type_object)) {
                json_object_object_foreach(j, key, member) {
                        (void) key;
                        n += weight(member);
                }
        }
        return n;
}

static int accept_unique(struct check *c, struct json_object *schema, struct json_object *demand,
                         struct json_object *value) {
        if (!is_type(value, json_type_array) || !json_object_get_boolean(demand))
                return 0;
        for (size_t i = 0; i < json_object_array_length(value); i++) {
                struct json_object *item = json_object_array_get_idx(value, i);
                size_t cost = weight(item);

                for (size_t k = 0; k < i; k++) {
                        c->steps += cost;
                        if (c->steps > STEPS_MAX)
                                return refuse(c, "is too much to check");
                        if (equal(item, json_object_array_get_idx(value, k)))
                                return under_index(c, i, refuse(c, "occurs twice"));
                }
        }
        return 0;
}

static int accept_properties(struct check *c, struct json_object *schema,
                             struct json_object *demand, struct json_object *value) {
        int r;

        if (!is_type(value, json_type_object))
                return 0;
        json_object_object_foreach(value, key, member) {
                struct json_object *of;

                if (!json_object_object_get_ex(demand, key, &of))
                        continue;
                r = under_name(c, key, accept(c, of, member));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int accept_others(struct check *c, struct json_object *schema, struct json_object *demand,
                         struct json_object *value) {
        struct json_object *known = NULL;
        int r;

        if (!is_type(value, json_type_object))
                return 0;
        (void) json_object_object_get_ex(schema, "properties", &known);
        json_object_object_foreach(value, key, member) {
                if (known && json_object_object_get_ex(known, key, NULL))
                        continue;
                if (is_type(demand, json_type_boolean) && !json_object_get_boolean(demand))
                        r = refuse(c, "is not a known parameter");
                else
                        r = accept(c, demand, member);
                r = under_name(c, key, r);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int accept_required(struct check *c, struct json_object *schema, struct json_object *demand,
                           struct json_object *value) {
        if (!is_type(value, json_type_object))
                return 0;
        for (size_t i = 0; i < json_object_array_length(demand); i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(demand, i));

                if (!json_object_object_get_ex(value, name, NULL))
                        return under_name(c, name, refuse(c, "is missing"));
        }
        return 0;
}

static size_t count_fitting(struct check *c, struct json_object *demand, struct json_object *value,
                            size_t enough) {
        struct check inner = *c;
        size_t n = 0;

        inner.quiet = true;
        for (size_t i = 0; i < json_object_array_length(demand) && n < enough; i++)
                n += accept(&inner, json_object_array_get_idx(demand, i), value) >= 0;
        c->steps = inner.steps;
        return n;
}

static int accept_any(struct check *c, struct json_object *schema, struct json_object *demand,
                      struct json_object *value) {
        char shown[80];

        if (count_fitting(c, demand, value, 1) > 0)
                return 0;
        return refuse(c, "is %s, which none of the alternatives takes",
                      show(value, shown, sizeof(shown)));
}

static int accept_one(struct check *c, struct json_object *schema, struct json_object *demand,
                      struct json_object *value) {
        char shown[80];
        size_t n = count_fitting(c, demand, value, 2);

        if (n == 1)
                return 0;
        return refuse(c, "is %s, which %s of the alternatives takes",
                      show(value, shown, sizeof(shown)), n ? "more than one" : "none");
}

static int accept_all(struct check *c, struct json_object *schema, struct json_object *demand,
                      struct json_object *value) {
        int r = 0;

        for (size_t i = 0; i < json_object_array_length(demand) && r >= 0; i++)
                r = accept(c, json_object_array_get_idx(demand, i), value);
        return r;
}

static int accept_not(struct check *c, struct json_object *schema, struct json_object *demand,
                      struct json_object *value) {
        struct check inner = *c;
        int r;

        inner.quiet = true;
        r = accept(&inner, demand, value);
        c->steps = inner.steps;
        return r < 0 ? 0 : refuse(c, "is what the schema excludes");
}

static int accept_reference(struct check *c, struct json_object *schema, struct json_object *demand,
                            struct json_object *value) {
        return accept(c, schema_referred(c->root, json_object_get_string(demand)), value);
}

/* the table */

static const struct keyword keywords[] = {
        { "type", TYPES, accept_type },
        { "enum", LIST, accept_enum },
        { "const", ANYTHING, accept_const },
        { "minimum", NUMBER, accept_minimum },
        { "maximum", NUMBER, accept_maximum },
        { "exclusiveMinimum", NUMBER, accept_above },
        { "exclusiveMaximum", NUMBER, accept_below },
        { "multipleOf", POSITIVE, accept_multiple },
        { "minLength", COUNT, accept_min_length },
        { "maxLength", COUNT, accept_max_length },
        { "minItems", COUNT, accept_min_items },
        { "maxItems", COUNT, accept_max_items },
        { "minProperties", COUNT, accept_min_members },
        { "maxProperties", COUNT, accept_max_members },
        { "uniqueItems", FLAG, accept_unique },
        { "items", SCHEMA, accept_items },
        { "properties", NAMED_SCHEMAS, accept_properties },
        { "additionalProperties", SCHEMA, accept_others },
        { "required", NAMES, accept_required },
        { "anyOf", SCHEMAS, accept_any },
        { "oneOf", SCHEMAS, accept_one },
        { "allOf", SCHEMAS, accept_all },
        { "not", SCHEMA, accept_not },
        { "$ref", REFERENCE, accept_reference },
        { "$defs", NAMED_SCHEMAS, NULL },
        { "definitions", NAMED_SCHEMAS, NULL },
        { "$schema", ANYTHING, NULL },
        { "$comment", ANYTHING, NULL },
        { "title", ANYTHING, NULL },
        { "description", ANYTHING, NULL },
        { "default", ANYTHING, NULL },
        { "examples", ANYTHING, NULL },
        { "deprecated", ANYTHING, NULL },
        { "readOnly", ANYTHING, NULL },
        { "writeOnly", ANYTHING, NULL },
        { "format", ANYTHING, NULL }, /* an annotation in 2020-12 unless both agree otherwise */
        { "contentEncoding", ANYTHING, NULL },
        { "contentMediaType", ANYTHING, NULL },
};

const struct keyword *schema_keyword(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
                if (strcmp(keywords[i].name, name) == 0)
                        return &keywords[i];
        return NULL;
}

/* values */

static int accept(struct check *c, struct json_object *schema, struct json_object *value) {
        int r = 0;

        if (is_type(schema, json_type_boolean))
                return json_object_get_boolean(schema) ? 0 : refuse(c, "is not allowed");
        if (!is_type(schema, json_type_object) || ++c->steps > STEPS_MAX ||
            c->depth >= LIMIT_IPC_DEPTH)
                return refuse(c, "is too much to check");
        c->depth++;
        json_object_object_foreach(schema, key, demand) {
                const struct keyword *k = schema_keyword(key);

                if (k && k->accept)
                        r = k->accept(c, schema, demand, value);
                if (r < 0)
                        break;
        }
        c->depth--;
        return r;
}

int json_schema_accepts(const struct json *schema, const struct json *value, struct error *e) {
        struct error e2 = ERROR_NULL;
        struct check c = { .root = json_to_c(schema), .e = e ? e : &e2 };

        return accept(&c, c.root, json_to_c(value));
}

/* schemas */

static bool step_into(const char **pointer, char *name, size_t size) {
        size_t n;

        if (**pointer != '/')
                return false;
        n = strcspn(++*pointer, "/");
        if (n >= size || memchr(*pointer, '~', n))
                return false;
        memcpy(name, *pointer, n);
        name[n] = '\0';
        *pointer += n;
        return true;
}

/* "#", "#/$defs/X", "#/properties/x/items": a JSON pointer without escapes, through schemas only,
 * so that what it leads to has been checked as one. */
struct json_object *schema_referred(struct json_object *root, const char *reference) {
        struct json_object *at = root;
        const struct keyword *k;
        char name[128];

        if (*reference++ != '#')
                return NULL;
        while (*reference) {
                if (!step_into(&reference, name, sizeof(name)) || !is_type(at, json_type_object))
                        return NULL;
                k = schema_keyword(name);
                if (!k || (k->demand != SCHEMA && k->demand != NAMED_SCHEMAS) ||
                    !json_object_object_get_ex(at, name, &at))
                        return NULL;
                if (k->demand == NAMED_SCHEMAS &&
                    (!step_into(&reference, name, sizeof(name)) || !is_type(at, json_type_object) ||
                     !json_object_object_get_ex(at, name, &at)))
                        return NULL;
        }
        return at;
}

const struct json *json_schema_resolve(const struct json *root, const struct json *schema) {
        struct json_object *at = json_to_c(schema), *reference;

        for (int i = 0; i < REFERENCES_MAX; i++) {
                if (!is_type(at, json_type_object) ||
                    !json_object_object_get_ex(at, "$ref", &reference))
                        return json_from_c(at);
                at = schema_referred(json_to_c(root), json_object_get_string(reference));
        }
        return NULL;
}
