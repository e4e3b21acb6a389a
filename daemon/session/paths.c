/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Canonical paths. A path below the working directory that leads through a symlink is refused: code
 * that ran there before may have planted it, to have the next sandbox opened up somewhere else
 * (decision 7).
 */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../policy/path.h"

int path_canonical(struct arena *a, const char *path, const char **ret, struct error *e) {
        char head[PATH_MAX], real[PATH_MAX];
        size_t len = strlen(path);

        if (len >= sizeof head)
                return error_set(e, ERROR_PARAMS, ENAMETOOLONG, "the path is too long");
        memcpy(head, path, len + 1);
        for (;;) {
                if (realpath(len > 0 ? head : "/", real)) {
                        const char *rest = path + len;
                        const char *text = *rest == 0 ? arena_strdup(a, real)
                                           : strcmp(real, "/") == 0
                                                   ? arena_strdup(a, rest)
                                                   : arena_printf(a, "%s%s", real, rest);
                        if (!text)
                                return error_nomem(e);
                        *ret = text;
                        return 0;
                }
                if (errno == ENOMEM)
                        return error_nomem(e);
                /* ENOENT, ENOTDIR, EACCES, ELOOP: what cannot be resolved stays as it is written.
                 */
                do {
                        head[--len] = 0;
                } while (len > 0 && path[len] != '/');
        }
}

/* The part of a pattern before the first component with a "*". */
static size_t fixed_part(const char *pattern) {
        const char *star = strchr(pattern, '*');
        if (!star)
                return strlen(pattern);
        while (star > pattern && *star != '/')
                star--;
        return (size_t) (star - pattern);
}

struct resolver {
        struct arena *arena;
        const char *home, *workdir;
};

static int resolve_one(const struct resolver *x, const char *item, const char *where,
                       const char **ret, struct error *e) {
        const char *anchored = item, *head, *real = NULL;
        /* "**" "/.env" and "*.key" mean: in the working directory. */
        if (item[0] == '*')
                anchored = arena_printf(x->arena, "%s/%s", x->workdir, item);
        const char *path = anchored ? path_expand(x->arena, anchored, x->home, x->workdir) : NULL;
        if (!path)
                return error_nomem(e);
        size_t fixed = fixed_part(path);
        head = fixed > 0 ? arena_strndup(x->arena, path, fixed) : "/";
        if (!head)
                return error_nomem(e);
        int r = path_canonical(x->arena, head, &real, e);
        if (r < 0 || !real)
                return error_under(e, where, r < 0 ? r : -ENOMEM);
        /* workdir is canonical itself, so any difference below it comes from a symlink. */
        if (path_is_under(head, x->workdir) && strcmp(head, real) != 0)
                return error_field(e, where,
                                   "%.256s leads through a symlink to %.256s; name that instead",
                                   item, real);
        const char *rest = path + fixed;
        *ret = *rest == 0
                       ? real
                       : arena_printf(x->arena, "%s%s", strcmp(real, "/") == 0 ? "" : real, rest);
        return *ret ? 0 : error_nomem(e);
}

/* What is granted has to be there: a mistyped path that is silently left out is found hours later.
 */
static int check_exists(const char *path, const char *item, const char *where, struct error *e) {
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
                return 0;
        return error_field(e, where, "%.256s: no such file or directory", item);
}

static int resolve_list(const struct resolver *x, struct strings *list, const char *where,
                        bool granted, struct error *e) {
        struct strings out = { .set = list->set };
        char pointer[80];

        for (size_t i = 0; i < list->n; i++) {
                const char *path = NULL;
                snprintf(pointer, sizeof pointer, "%s/%zu", where, i);
                int r = resolve_one(x, list->items[i], pointer, &path, e);
                if (r >= 0 && path && granted)
                        r = check_exists(path, list->items[i], pointer, e);
                if (r < 0)
                        return r;
                if (!path || !arena_push(x->arena, &out, path))
                        return error_nomem(e);
        }
        *list = out;
        return 0;
}

static int resolve_pairs(const struct resolver *x, struct pairs *list, const char *where,
                         struct error *e) {
        struct pairs out = { .set = list->set };
        char pointer[80];

        for (size_t i = 0; i < list->n; i++) {
                const char *path = NULL, *item = list->items[i].value;
                snprintf(pointer, sizeof pointer, "%s/%.40s", where, list->items[i].name);
                int r = resolve_one(x, item, pointer, &path, e);
                if (r >= 0 && path)
                        r = check_exists(path, item, pointer, e);
                if (r < 0)
                        return r;
                if (!path || !arena_push_pair(x->arena, &out, list->items[i].name, path))
                        return error_nomem(e);
        }
        *list = out;
        return 0;
}

int paths_canonical(struct arena *a, struct policy *p, const char *home, const char *workdir,
                    struct error *e) {
        const struct resolver x = { .arena = a, .home = home, .workdir = workdir };
        const struct {
                struct strings *list;
                const char *where;
                bool granted;
        } lists[] = {
                { &p->filesystem.read, "/policy/filesystem/read", true },
                { &p->filesystem.write, "/policy/filesystem/write", true },
                { &p->filesystem.execute, "/policy/filesystem/execute", true },
                { &p->filesystem.deny, "/policy/filesystem/deny", false },
                /* A service may make its socket later; in an allowed directory it is found then. */
                { &p->security.unix_sockets, "/policy/security/unix_sockets", false },
        };
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                int r = resolve_list(&x, lists[i].list, lists[i].where, lists[i].granted, e);
                if (r < 0)
                        return r;
        }
        return resolve_pairs(&x, &p->network.certificates, "/policy/network/certificates", e);
}
