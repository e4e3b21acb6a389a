/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A decoded request, a policy and a plan each live in one arena and die in one call. */
#pragma once

#include "base.h"

struct arena;

struct arena *arena_new(void);
struct arena *arena_free(struct arena *a); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct arena *, arena_free)

/* All return NULL when memory is short. Memory from arena_alloc is zeroed and aligned for any type.
 */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size); /* checks n * size */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
/* Append (copying the string); false when memory is short. Sets list->set. */
bool arena_push(struct arena *a, struct strings *list, const char *s);
bool arena_push_pair(struct arena *a, struct pairs *list, const char *name, const char *value);
const char *pairs_get(const struct pairs *list, const char *name); /* NULL: not in it */
