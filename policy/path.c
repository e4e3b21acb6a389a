/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Paths as text. A pattern is a list of components; "**" stands for any number of them. Since a
 * pattern that matches a directory matches all below it, every pattern behaves as if it ended in
 * "**": matching is then the classical wildcard walk that only ever goes back to the last "**".
 */
#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "path.h"

/* One component of a path, without slashes. */
struct part {
        const char *text;
        size_t len;
};

/* Cuts the next component off *rest; false at the end. */
static bool next_part(const char **rest, struct part *ret) {
        const char *s = *rest;
        while (*s == '/')
                s++;
        if (!*s)
                return false;
        size_t n = strcspn(s, "/");
        *ret = (struct part){ .text = s, .len = n };
        *rest = s + n;
        return true;
}

static bool part_is(struct part p, const char *word) {
        return p.len == strlen(word) && memcmp(p.text, word, p.len) == 0;
}

/* spelling */

static bool has_anchor(const char *path) {
        static const char workdir[] = "$WORKDIR";
        const size_t n = sizeof(workdir) - 1;
        if (path[0] == '/')
                return true;
        if (path[0] == '~')
                return path[1] == '/' || path[1] == '\0';
        return strncmp(path, workdir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int check_anchor(const char *path, bool patterns, const char *where, struct error *e) {
        if (has_anchor(path))
                return 0;
        if (path[0] == '~')
                return error_field(
                        e, where,
                        "\"%s\" names another user's home: only ~ and ~/ are known here; "
                        "write the path out",
                        path);
        if (path[0] == '$')
                return error_field(e, where,
                                   "\"%s\" uses a variable that is unknown here: only $WORKDIR/ is "
                                   "known",
                                   path);
        if (patterns && path_is_pattern(path))
                return 0;
        if (patterns)
                return error_field(
                        e, where,
                        "\"%s\" is relative: write \"$WORKDIR/%s\" for that one path, or "
                        "\"**/%s\" for the name anywhere in the working directory",
                        path, path, path);
        return error_field(e, where,
                           "\"%s\" is relative: it must begin with \"/\", \"~/\" or \"$WORKDIR/\"",
                           path);
}

static int check_part(const char *path, struct part p, bool patterns, const char *where,
                      struct error *e) {
        if (part_is(p, ".."))
                return error_field(e, where,
                                   "\"%s\" contains \"..\": write the path without it, since a "
                                   "symbolic link before it would change its meaning",
                                   path);
        if (p.len > 255) /* NAME_MAX: such a name cannot exist */
                return error_field(e, where, "a component of the path is longer than 255 bytes");

        bool star = memchr(p.text, '*', p.len);
        if (star && !patterns)
                return error_field(e, where,
                                   "\"%s\" contains \"*\": patterns work in filesystem.deny only; "
                                   "name the directory instead",
                                   path);
        if (!patterns)
                return 0;
        for (size_t i = 0; i + 1 < p.len; i++) {
                if (p.text[i] == '\\')
                        i++;
                else if (p.text[i] == '*' && p.text[i + 1] == '*' && p.len != 2)
                        return error_field(e, where,
                                           "\"%s\": \"**\" must stand alone between slashes, as in "
                                           "\"**/.env\"",
                                           path);
        }
        size_t slashes = 0;
        while (slashes < p.len && p.text[p.len - 1 - slashes] == '\\')
                slashes++;
        if (slashes % 2)
                return error_field(e, where,
                                   "\"%s\": nothing follows the backslash; write \"\\\\\" for one "
                                   "backslash",
                                   path);
        return 0;
}

int path_check(const char *path, bool patterns, const char *where, struct error *e) {
        if (!path || !*path)
                return error_field(e, where, "the path is empty");
        if (strlen(path) >= LIMIT_PATH_BYTES)
                return error_field(e, where, "the path is longer than %u bytes",
                                   LIMIT_PATH_BYTES - 1);
        for (const char *c = path; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return error_field(e, where, "the path contains a control byte (0x%02x)",
                                           (unsigned char) *c);

        int r = check_anchor(path, patterns, where, e);
        if (r < 0)
                return r;
        struct part p;
        for (const char *rest = path; next_part(&rest, &p);) {
                r = check_part(path, p, patterns, where, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* canonical form */

/* Appends the components of `path` to the canonical path in `out`. */
static char *append_parts(char *out, const char *path) {
        struct part p;
        for (const char *rest = path; next_part(&rest, &p);) {
                if (part_is(p, "."))
                        continue;
                *out++ = '/';
                memcpy(out, p.text, p.len);
                out += p.len;
        }
        return out;
}

static char *join(struct arena *a, const char *top, const char *path) {
        char *text = arena_alloc(a, strlen(top) + strlen(path) + 3);
        if (!text)
                return NULL;
        char *end = append_parts(append_parts(text, top), path);
        if (end == text)
                *end = '/';
        return text;
}

char *path_expand(struct arena *a, const char *path, const char *home, const char *workdir) {
        if (path[0] == '~' && has_anchor(path))
                return join(a, home, path + 1);
        if (path[0] == '$' && has_anchor(path))
                return join(a, workdir, path + strlen("$WORKDIR"));
        return join(a, "", path);
}

char *path_expand_pattern(struct arena *a, const char *path, const char *home,
                          const char *workdir) {
        char *safe_home = path_escape(a, home), *safe_workdir = path_escape(a, workdir);
        if (!safe_home || !safe_workdir)
                return NULL;
        if (!has_anchor(path))
                return join(a, safe_workdir, path);
        return path_expand(a, path, safe_home, safe_workdir);
}

char *path_escape(struct arena *a, const char *path) {
        char *text = arena_alloc(a, strlen(path) * 2 + 1), *out = text;
        if (!text)
                return NULL;
        for (; *path; path++) {
                if (*path == '*' || *path == '\\')
                        *out++ = '\\';
                *out++ = *path;
        }
        return text;
}

char *path_unescape(struct arena *a, const char *pattern) {
        char *text = arena_alloc(a, strlen(pattern) + 1), *out = text;
        if (!text)
                return NULL;
        for (; *pattern; pattern++) {
                if (*pattern == '\\' && pattern[1])
                        pattern++;
                *out++ = *pattern;
        }
        return text;
}

bool path_is_pattern(const char *path) {
        for (; *path; path++) {
                if (*path == '\\' && path[1])
                        path++;
                else if (*path == '*')
                        return true;
        }
        return false;
}

bool path_is_under(const char *path, const char *top) {
        if (top[0] == '/' && top[1] == '\0')
                return true;
        while (*top && *top == *path) { /* most paths differ early */
                top++;
                path++;
        }
        return !*top && (*path == '/' || *path == '\0');
}

/* patterns */

/* "*" within one component: a walk that goes back to the last "*". */
static bool part_match(struct part pattern, struct part name) {
        const char *p = pattern.text, *p_end = p + pattern.len;
        const char *n = name.text, *n_end = n + name.len;
        const char *star = NULL, *star_name = NULL;

        while (n < n_end) {
                if (p < p_end && *p == '*') {
                        star = ++p;
                        star_name = n;
                        continue;
                }
                bool escaped = p + 1 < p_end && *p == '\\';
                if (p < p_end && p[escaped] == *n) {
                        p += 1 + escaped;
                        n++;
                        continue;
                }
                if (!star)
                        return false;
                p = star;
                n = ++star_name;
        }
        while (p < p_end && *p == '*')
                p++;
        return p == p_end;
}

bool path_match(const char *pattern, const char *path) {
        const char *star = NULL, *star_path = NULL;
        for (;;) {
                struct part p, name;
                const char *p_rest = pattern, *n_rest = path;
                if (!next_part(&p_rest, &p))
                        return true; /* what is left lies below something that matches */
                if (part_is(p, "**")) {
                        star = pattern = p_rest;
                        star_path = path;
                        continue;
                }
                if (next_part(&n_rest, &name)) {
                        if (part_match(p, name)) {
                                pattern = p_rest;
                                path = n_rest;
                                continue;
                        }
                } else if (!star)
                        return false;
                /* Let the last "**" take one component more. */
                if (!star || !next_part(&star_path, &name))
                        return false;
                pattern = star;
                path = star_path;
        }
}

bool path_pattern_reaches(const char *pattern, const char *dir) {
        struct part p, name;
        while (next_part(&dir, &name)) {
                if (!next_part(&pattern, &p) || part_is(p, "**"))
                        return true;
                if (!part_match(p, name))
                        return false;
        }
        return true; /* all of dir is matched, and more may follow */
}
