/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The rows of field tables. T is the struct, m its member, wire the name in JSON.
 *
 * Each macro picks the offset with a _Generic that has one association, the C type that the decoder
 * will write there: a row of the wrong kind does not compile, so a table cannot make decode corrupt
 * memory.
 */
#pragma once

#include "field.h"
#include "shapes.h"

#define FIELD_AT_(T, m, type) _Generic(((T *) 0)->m, type : offsetof(T, m))
#define FIELD_ROW_(T, m, wire, k, type, f, d) \
        .name = wire, .kind = k, .flags = f, .offset = FIELD_AT_(T, m, type), .doc = d

#define FIELD_BOOL(T, m, wire, f, d) \
        { FIELD_ROW_(T, m, wire, FIELD_BOOL, bool, f, d) }
#define FIELD_TRI(T, m, wire, f, d) \
        { FIELD_ROW_(T, m, wire, FIELD_TRI, enum tri, f, d) }
#define FIELD_INT(T, m, wire, f, lo, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_INT, int64_t, f, d), .min = lo, .max = hi }
#define FIELD_UINT(T, m, wire, f, lo, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_UINT, uint64_t, f, d), .min = lo, .max = hi }
#define FIELD_NUMBER(T, m, wire, f, d) \
        { FIELD_ROW_(T, m, wire, FIELD_NUMBER, double, f, d) }
#define FIELD_STRING(T, m, wire, f, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_STRING, const char *, f, d), .max = hi }
/* An enum without negative constants is unsigned int to gcc and clang. */
#define FIELD_ENUM(T, m, wire, f, words, d)                                                      \
        {                                                                                        \
                FIELD_ROW_(T, m, wire, FIELD_ENUM, unsigned, f, d), .names = words,              \
                                                                    .n_names = ELEMENTSOF(words) \
        }
#define FIELD_STRINGS(T, m, wire, f, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_STRINGS, struct strings, f, d), .max_items = hi }
#define FIELD_WORDS(T, m, wire, f, words, d) \
        { FIELD_ROW_(T, m, wire, FIELD_STRINGS, struct strings, f, d), .word = words }
#define FIELD_INTS(T, m, wire, f, lo, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_INTS, struct strings, f, d), .min = lo, .max = hi }
#define FIELD_PAIRS(T, m, wire, f, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_PAIRS, struct pairs, f, d), .max_items = hi }
#define FIELD_LIMIT(T, m, wire, f, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_LIMIT, struct limit, f, d), .min = 1, .max = hi }
#define FIELD_LIMIT_MILLI(T, m, wire, f, hi, d) \
        { FIELD_ROW_(T, m, wire, FIELD_LIMIT_MILLI, struct limit, f, d), .max = hi }
#define FIELD_OBJECT(T, m, wire, f, x, d) \
        { FIELD_ROW_(T, m, wire, FIELD_OBJECT, x##_shape_t, f, d), .shape = &x##_shape }
#define FIELD_OBJECT_HAS(T, m, has, wire, f, x, d)                                 \
        {                                                                          \
                FIELD_ROW_(T, m, wire, FIELD_OBJECT, x##_shape_t, f, d),           \
                        .shape = &x##_shape, .beside = 1 + FIELD_AT_(T, has, bool) \
        }
#define FIELD_OPTIONAL(T, m, wire, f, x, d) \
        { FIELD_ROW_(T, m, wire, FIELD_OPTIONAL, x##_shape_t *, f, d), .shape = &x##_shape }
/* struct list says nothing of its items: that they are struct x is the author's word. */
#define FIELD_LIST(T, m, wire, f, x, d) \
        { FIELD_ROW_(T, m, wire, FIELD_LIST, struct list, f, d), .shape = &x##_shape }
#define FIELD_STDIO(T, m, wire, f, d) \
        { FIELD_ROW_(T, m, wire, FIELD_STDIO, struct stdio_spec, f, d) }
#define FIELD_BYTES(T, m, encoding, wire, f, d)                                        \
        {                                                                              \
                FIELD_ROW_(T, m, wire, FIELD_BYTES, struct bytes, f, d),               \
                        .beside = 1 + _Generic(((T *) 0)->encoding, enum text_encoding \
                                               : offsetof(T, encoding))                \
        }
/* `x` tells the schema what it looks like. */
#define FIELD_JSON(T, m, wire, f, x, d) \
        { FIELD_ROW_(T, m, wire, FIELD_JSON, struct json *, f, d), .shape = &x##_shape }

/* Nothing is known of what it looks like. */
#define FIELD_ANY(T, m, wire, f, d) \
        { FIELD_ROW_(T, m, wire, FIELD_JSON, struct json *, f, d) }

/* Defines x_shape over the table x_fields of struct x. */
#define SHAPE(x, wire, f, d)                                                              \
        _Static_assert(ELEMENTSOF(x##_fields) <= SHAPE_MAX_FIELDS, "see shape_decode()"); \
        const struct shape x##_shape = { .name = wire,                                    \
                                         .size = sizeof(struct x),                        \
                                         .fields = x##_fields,                            \
                                         .n = ELEMENTSOF(x##_fields),                     \
                                         .flags = f,                                      \
                                         .doc = d }
