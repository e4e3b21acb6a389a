/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Paths as text: spelling, canonical form, patterns. No file system is touched here. */
#pragma once

#include "arena.h"
#include "base.h"
#include "error.h"

/* Checks a path of the wire: absolute, "~", "~/..." or "$WORKDIR[/...]"; no NUL, no control bytes,
 * no
 * "..", at most LIMIT_PATH_BYTES; "*" and "**" only with `patterns`, and only then may the path
 * begin with neither ("*.key", which means below the working directory). Fills e at `where`. */
int path_check(const char *path, bool patterns, const char *where, struct error *e);

/* Expands "~" and "$WORKDIR", squeezes "//", "/./" and a trailing "/". NULL when memory is short.
 */
char *path_expand(struct arena *a, const char *path, const char *home, const char *workdir);

/* The same for an entry of filesystem.deny, which is a pattern: `home` and `workdir` are escaped,
 * and a pattern that does not begin with "/" is put below the working directory. */
char *path_expand_pattern(struct arena *a, const char *path, const char *home, const char *workdir);

/* In a pattern, a backslash takes the meaning from the character after it. */
char *path_escape(struct arena *a, const char *path);      /* literal -> pattern */
char *path_unescape(struct arena *a, const char *pattern); /* a pattern without * -> literal */
bool path_is_pattern(const char *path);                    /* has an unescaped * */
/* Is `path` equal to `top`, or below it? Both canonical. */
bool path_is_under(const char *path, const char *top);
/* "*" matches within one component, "**" any number of whole components (also none);
 * a pattern that matches a directory matches everything below it. Both canonical; `path` is
 * literal. */
bool path_match(const char *pattern, const char *path);
/* Could `pattern` match something strictly below `dir`? (for refusing renames of ancestors) */
bool path_pattern_reaches(const char *pattern, const char *dir);
