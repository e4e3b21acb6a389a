/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What looking at a schema (json_schema-check.c) and at a value (json_schema.c) have in common: the
 * table of keywords, and how something is refused. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "json_schema.h"

struct check {
        struct json_object *root;
        struct error *e;
        unsigned depth;
        size_t steps;
        bool quiet; /* an alternative that need not fit: nobody reads its error */
};

typedef int (*accept_fn)(struct check *c, struct json_object *schema, struct json_object *demand,
                         struct json_object *value);

/* What a keyword's own value has to be. */
enum demand {
        ANYTHING = 0, /* an annotation */
        TYPES,
        LIST,
        NUMBER,
        POSITIVE,
        COUNT,
        FLAG,
        NAMES,
        SCHEMA,
        SCHEMAS,       /* a list of them */
        NAMED_SCHEMAS, /* an object of them */
        REFERENCE,
};
struct keyword {
        const char *name;
        enum demand demand;
        accept_fn accept; /* NULL: it demands nothing of a value */
};
/* NULL: none that is known. */
const struct keyword *schema_keyword(const char *name);
/* What "$ref" leads to; NULL: nothing. */
struct json_object *schema_referred(struct json_object *root, const char *reference);

/* values */
static inline bool is_type(struct json_object *j, json_type type) {
        return json_object_is_type(j, type);
}

static inline bool is_number(struct json_object *j) {
        return is_type(j, json_type_int) || is_type(j, json_type_double);
}

/* 3.0 is an integer, too (core, 4.2.2). */
static inline bool is_integer(struct json_object *j) {
        double d;

        if (is_type(j, json_type_int))
                return true;
        if (!is_type(j, json_type_double))
                return false;
        d = json_object_get_double(j);
        return d >= -9e18 && d <= 9e18 && (double) (int64_t) d == d;
}

_unused_ _printf_(2, 3) static int refuse(struct check *c, const char *fmt, ...) {
        char text[512];
        va_list ap;

        if (c->quiet)
                return -EINVAL;
        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        return error_field(c->e, "", "%s", text);
}

/* The value itself, for a message. */
static inline const char *show(struct json_object *j, char *buf, size_t size) {
        struct json_text t = { .data = NULL };
        size_t len = 0;
        char *text;

        json_text_value(&t, j, false);
        text = json_text_take(&t, &len);
        (void) json_show(text ? text : "?", text ? len : 1, buf, size);
        free(text);
        return buf;
}

static inline int under_name(struct check *c, const char *name, int r) {
        char step[128], shown[100];

        if (r >= 0 || c->quiet)
                return r;
        (void) snprintf(step, sizeof(step), "/%s", json_show(name, strlen(name), shown, 100));
        return error_under(c->e, step, r);
}

static inline int under_index(struct check *c, size_t i, int r) {
        char step[32];

        if (r >= 0 || c->quiet)
                return r;
        (void) snprintf(step, sizeof(step), "/%zu", i);
        return error_under(c->e, step, r);
}
