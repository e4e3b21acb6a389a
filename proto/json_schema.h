/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Values against a JSON Schema (2020-12), for the arguments of host commands. Only what is enforced
 * is taken: a schema with a keyword that would be passed over is refused when it comes, because
 * whoever wrote it relies on it. Values are hostile: the work for one is bounded, and there are no
 * regular expressions.
 */
#pragma once

#include "field.h"

/* Is it one that can be enforced? Pointers in errors lead into the schema. */
int json_schema_check(const struct json *schema, struct error *e);
/* Pointers in errors lead into the value. The schema has passed json_schema_check(). */
int json_schema_accepts(const struct json *schema, const struct json *value, struct error *e);
/* What `schema`, a part of `root`, refers to in the end; NULL when that leads nowhere. */
const struct json *json_schema_resolve(const struct json *root, const struct json *schema);
