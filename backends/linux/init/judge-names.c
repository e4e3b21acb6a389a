/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The plan's names. Matching is policy/path.c's, so that a pattern has one reading everywhere; here
 * are the questions that only arise when trees move.
 *
 * A pattern is a small automaton over components. Where a directory's path leaves it decides what
 * it says of everything below; if two paths leave it in the same set of states, then a tree that
 * moves from one to the other neither gains nor loses a match.
 */
#include "judge-internal.h"

#include <stdlib.h>
#include <string.h>

#include "../../../policy/path.h"

/* States are bits of a word. Longer patterns are judged by path_pattern_reaches() alone, which
 * refuses more. */
#define PARTS_MAX 62

static int parts_split(struct name *n) {
        const char *s = n->pattern;
        size_t slashes = 0;

        for (const char *p = s; *p; p++)
                slashes += *p == '/';
        n->parts = calloc(slashes + 1, sizeof(char *));
        if (!n->parts)
                return -ENOMEM;
        while (*s) {
                size_t length;

                s += strspn(s, "/");
                length = strcspn(s, "/");
                if (length == 0)
                        break;
                n->parts[n->n_parts] = malloc(length + 2);
                if (!n->parts[n->n_parts])
                        return -ENOMEM;
                n->parts[n->n_parts][0] = '/';
                memcpy(n->parts[n->n_parts] + 1, s, length);
                n->parts[n->n_parts++][length + 1] = '\0';
                s += length;
        }
        return 0;
}

/* The leading components without anything special: nearly every path fails this cheap comparison.
 */
static int prefix_make(struct name *n) {
        size_t length = 0;

        n->prefix = calloc(1, strlen(n->pattern) + 2);
        if (!n->prefix)
                return -ENOMEM;
        for (size_t i = 0; i < n->n_parts && !strpbrk(n->parts[i], "*\\"); i++) {
                strcpy(n->prefix + length, n->parts[i]);
                length += strlen(n->parts[i]);
        }
        if (length == 0)
                strcpy(n->prefix, "/");
        return 0;
}

int names_load(struct judge *j) {
        const struct wire_plan *plan = j->init->plan;
        const struct wire_name *from = plan_at(j->init, plan->names);

        j->names = calloc(plan->n_names + 1, sizeof(struct name));
        if (!j->names)
                return -ENOMEM;
        for (uint64_t i = 0; i < plan->n_names; i++) {
                struct name *n = &j->names[j->n_names++];

                n->pattern = wire_string(plan, from[i].pattern);
                n->read_too = from[i].read_too;
                n->trust = from[i].trust;
                if (!n->pattern || n->pattern[0] != '/')
                        return -EBADMSG;
                if (parts_split(n) < 0 || prefix_make(n) < 0)
                        return -ENOMEM;
        }
        return 0;
}

void names_free(struct judge *j) {
        for (size_t i = 0; i < j->n_names; i++) {
                for (size_t k = 0; k < j->names[i].n_parts; k++)
                        free(j->names[i].parts[k]);
                free(j->names[i].parts);
                free(j->names[i].prefix);
        }
        free(j->names);
        j->names = NULL;
        j->n_names = 0;
}

bool names_deny(const struct judge *j, const char *path, bool write) {
        for (const struct name *n = j->names; n < j->names + j->n_names; n++)
                if (!n->trust && (write || n->read_too) && path_is_under(path, n->prefix) &&
                    path_match(n->pattern, path))
                        return true;
        return false;
}

bool names_trust(const struct judge *j, const char *path) {
        for (const struct name *n = j->names; n < j->names + j->n_names; n++)
                if (n->trust && path_is_under(path, n->prefix) && path_match(n->pattern, path))
                        return true;
        return false;
}

static bool any_depth(const char *part) {
        return strcmp(part, "/**") == 0;
}

/* "**" may also stand for nothing. */
static uint64_t closure(const struct name *n, uint64_t set) {
        for (size_t i = 0; i < n->n_parts; i++)
                if ((set >> i & 1) && any_depth(n->parts[i]))
                        set |= UINT64_C(1) << (i + 1);
        return set;
}

/* The states after the first `length` bytes of a path. */
static uint64_t states(const struct name *n, const char *path, size_t length) {
        uint64_t set = closure(n, 1);
        const char *end = path + length;

        while (set && path < end) {
                char part[NAME_MAX + 2] = "/";
                uint64_t next = 0;
                size_t size;

                path += strspn(path, "/");
                if (path >= end)
                        break;
                size = strcspn(path, "/");
                if (size > NAME_MAX)
                        return 0; /* no such name exists */
                memcpy(part + 1, path, size);
                part[size + 1] = '\0';
                path += size;
                for (size_t i = 0; i <= n->n_parts; i++) {
                        if (!(set >> i & 1))
                                continue;
                        if (i == n->n_parts || any_depth(n->parts[i]))
                                next |= UINT64_C(1) << i; /* matched: so is all below */
                        else if (path_match(n->parts[i], part))
                                next |= UINT64_C(1) << (i + 1);
                }
                set = closure(n, next);
        }
        return set;
}

bool names_keep(const struct judge *j, const char *from, const char *to, bool trust) {
        for (const struct name *n = j->names; n < j->names + j->n_names; n++) {
                if (n->trust != trust)
                        continue;
                if (n->n_parts > PARTS_MAX) {
                        if (path_pattern_reaches(n->pattern, from) ||
                            path_pattern_reaches(n->pattern, to))
                                return false;
                } else if (states(n, from, strlen(from)) != states(n, to, strlen(to))) {
                        return false;
                }
        }
        return true;
}

bool names_lead(const struct judge *j, const char *path) {
        const char *slash = strrchr(path, '/');
        size_t parent = slash ? (size_t) (slash - path) : 0;

        for (const struct name *n = j->names; n < j->names + j->n_names; n++) {
                if (n->trust)
                        continue;
                if (n->n_parts > PARTS_MAX
                            ? path_pattern_reaches(n->pattern, path)
                            : states(n, path, strlen(path)) & ~states(n, path, parent))
                        return true; /* the last component brings us nearer to a match */
        }
        return false;
}
