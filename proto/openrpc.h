/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The pieces that the generated documents share. Only for proto/. */
#pragma once

#include "json.h"

#define SCHEMA_COMPONENTS "#/components/schemas/"

struct json_object *schema_reference(const char *prefix, const char *name);
struct json_object *schema_of_field(const struct field *f, const char *prefix);
struct json_object *schema_of_shape(const struct shape *s, const char *prefix);
bool schema_collect(struct json_object *all, const struct shape *s, const char *prefix);

/* The reference manual, markdown, malloc'd; NULL when memory is short. */
char *manual_api(size_t *ret_len);
char *manual_policy(size_t *ret_len);
