/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two halves of the decoder: single values (decode-value.c), and what is made of fields
 * (decode.c). */
#pragma once

#include "json.h"

struct decoder {
        struct arena *arena;
        struct error *e;
        bool lax; /* pass over what is unknown */
};

/* Writes the member at `ret`. `j` is not null. */
typedef int decode_fn(const struct decoder *d, const struct field *f, struct json_object *j,
                      void *ret);
decode_fn decode_string, decode_bool, decode_tri, decode_int, decode_uint, decode_number,
        decode_enum, decode_strings, decode_pairs, decode_limit, decode_stdio, decode_bytes,
        decode_json;
/* A FIELD_BYTES once its encoding is known: base64 becomes what it stands for, in place. */
int decode_unpack(const struct decoder *d, const struct field *f, char *base);

/* "a string", or with `value` the value itself, where its type is right. */
const char *decode_describe(struct json_object *j, bool value, char *buf, size_t size);
int decode_refuse(const struct decoder *d, const struct field *f, struct json_object *j,
                  bool value);
int decode_under_index(const struct decoder *d, size_t i, int r);
int decode_under_name(const struct decoder *d, const char *name, int r);
