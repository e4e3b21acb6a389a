/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths as text: spelling, canonical form, patterns. No file system is touched here. */
#pragma once

#include "arena.h"
#include "base.h"
#include "error.h"

/* Checks a path of the wire: absolute, "~", "~/..." or "$WORKDIR[/...]"; no NUL, no control bytes, no
 * "..", at most LIMIT_PATH_BYTES; "*" and "**" only with `patterns`. Fills e at `where`. */
int path_check(const char *path, bool patterns, const char *where, struct error *e);

/* Expands "~" and "$WORKDIR", squeezes "//", "/./" and a trailing "/". NULL when memory is short. */
char *path_expand(struct arena *a, const char *path, const char *home, const char *workdir);

bool path_is_pattern(const char *path); /* has an unescaped * */
/* Is `path` equal to `top`, or below it? Both canonical. */
bool path_is_under(const char *path, const char *top);
/* "*" matches within one component, "**" any number of whole components (also none);
 * a pattern that matches a directory matches everything below it. A pattern that does not begin with
 * "/" ("**" "/.env", "*.key") is anchored at the working directory by path_expand's caller. */
bool path_match(const char *pattern, const char *path);
/* Could `pattern` match something strictly below `dir`? (for refusing renames of ancestors) */
bool path_pattern_reaches(const char *pattern, const char *dir);
