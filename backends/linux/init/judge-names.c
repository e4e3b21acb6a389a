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
        n->prefix_length = length;
        return 0;
}

/* Nearly no path has ".git" or the like in it: cheaper than matching. */
static void trust_make(struct name *n) {
        const char *last = n->n_parts > 0 ? n->parts[n->n_parts - 1] : "";

        n->deep = strcmp(last, "/**") == 0;
        for (size_t i = 0; i < n->n_parts && !n->needle; i++)
                if (i > 0 && strcmp(n->parts[i - 1], "/**") == 0 && !strpbrk(n->parts[i], "*\\"))
                        n->needle = n->parts[i];
}

/* Could the pattern match this path at all? */
static bool begins(const struct name *n, const char *path) {
        return strncmp(path, n->prefix, n->prefix_length) == 0 &&
               (path[n->prefix_length] == '/' || path[n->prefix_length] == '\0');
}

/* As FAT, NTFS and SMB compare: without case (of ASCII), dots and spaces at the end of a component
 * dropped. */
static void fold(const char *text, char *ret) {
        char *start = ret;

        for (;; text++) {
                if (*text == '/' || *text == '\0') {
                        while (ret > start && (ret[-1] == '.' || ret[-1] == ' '))
                                ret--;
                        start = ret + 1;
                }
                *ret++ = (char) (*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
                if (*text == '\0')
                        return;
        }
}

static int name_load(struct name *n, const char *pattern, const struct wire_name *from,
                     bool folded) {
        if (!pattern || pattern[0] != '/')
                return -EBADMSG;
        n->read_too = from->read_too;
        n->trust = from->trust;
        n->pattern = strdup(pattern);
        if (!n->pattern)
                return -ENOMEM;
        if (folded)
                fold(pattern, n->pattern);
        if (parts_split(n) < 0 || prefix_make(n) < 0)
                return -ENOMEM;
        if (n->trust)
                trust_make(n);
        return 0;
}

static void set_free(struct name *names, size_t n_names) {
        for (size_t i = 0; names && i < n_names; i++) {
                for (size_t k = 0; k < names[i].n_parts; k++)
                        free(names[i].parts[k]);
                free(names[i].parts);
                free(names[i].prefix);
                free(names[i].pattern);
        }
        free(names);
}

static struct name *set_load(const struct judge *j, bool folded) {
        const struct wire_plan *plan = j->init->plan;
        const struct wire_name *from = plan_at(j->init, plan->names);
        struct name *names = calloc(plan->n_names + 1, sizeof(struct name));

        for (size_t i = 0; names && i < plan->n_names; i++)
                if (name_load(&names[i], wire_string(plan, from[i].pattern), &from[i], folded) <
                    0) {
                        set_free(names, i + 1);
                        names = NULL;
                }
        return names;
}

void names_free(struct judge *j) {
        set_free(j->names, j->init->plan->n_names);
        set_free(j->folded, j->init->plan->n_names);
        j->names = j->folded = NULL;
}

#define PATH_ROOM (PATH_MAX + NAME_MAX + 2)

/* The names to compare with, and the path as they see it. They are taken apart at the first
 * question: most commands ask none. NULL when memory is short: then the answer has to be no. */
static const struct name *names_for(const struct caller *c, const char **path,
                                    char room[static PATH_ROOM]) {
        struct judge *j = c->judge;

        if (!c->folds) {
                if (!j->names)
                        j->names = set_load(j, false);
                return j->names;
        }
        if (!j->folded)
                j->folded = set_load(j, true);
        fold(*path, room);
        *path = room;
        return j->folded;
}

static const struct name *names_end(const struct caller *c, const struct name *names) {
        return names ? names + c->judge->init->plan->n_names : NULL;
}

bool names_deny(const struct caller *c, const char *path, bool write) {
        char room[PATH_ROOM];
        const struct name *names = names_for(c, &path, room), *end = names_end(c, names);

        if (!names)
                return true;
        for (const struct name *n = names; n < end; n++)
                if (!n->trust && (write || n->read_too) && begins(n, path) &&
                    path_match(n->pattern, path))
                        return true;
        return false;
}

bool names_trust(const struct caller *c, const char *path) {
        char room[PATH_ROOM];
        const struct name *names = names_for(c, &path, room), *end = names_end(c, names);
        char parent[PATH_ROOM];
        size_t length = (size_t) (strrchr(path, '/') - path);

        memcpy(parent, path, length);
        parent[length] = '\0';
        for (const struct name *n = names; n < end; n++)
                if (n->trust && begins(n, path) && (!n->needle || strstr(path, n->needle)) &&
                    path_match(n->pattern, path) &&
                    (n->deep || length == 0 || !path_match(n->pattern, parent)))
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

/* Is the path on the way to the pattern's literal beginning, or below it? Elsewhere no state is
 * left. */
static bool touches(const struct name *n, const char *path, size_t length) {
        size_t common = length < n->prefix_length ? length : n->prefix_length;

        if (strncmp(n->prefix, path, common) != 0)
                return false;
        return length == n->prefix_length || length <= 1 ||
               (length > common ? path[common] : n->prefix[common]) == '/';
}

/* The states after the first `length` bytes of a path. */
static uint64_t states(const struct name *n, const char *path, size_t length) {
        uint64_t set = closure(n, 1);
        const char *end = path + length;

        if (!touches(n, path, length))
                return 0;
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

bool names_keep(const struct caller *c, const char *from, const char *to, bool trust) {
        char room[PATH_ROOM], more_room[PATH_ROOM];
        const struct name *names = names_for(c, &from, room), *end = names_end(c, names);

        (void) names_for(c, &to, more_room);
        if (!names)
                return false;
        for (const struct name *n = names; n < end; n++) {
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

bool names_lead(const struct caller *c, const char *path) {
        char room[PATH_ROOM];
        const struct name *names = names_for(c, &path, room), *end = names_end(c, names);
        const char *slash = strrchr(path, '/');
        size_t parent = slash ? (size_t) (slash - path) : 0;

        if (!names)
                return true;
        for (const struct name *n = names; n < end; n++) {
                if (n->trust)
                        continue;
                if (n->n_parts > PARTS_MAX
                            ? path_pattern_reaches(n->pattern, path)
                            : states(n, path, strlen(path)) & ~states(n, path, parent))
                        return true; /* the last component brings us nearer to a match */
        }
        return false;
}
