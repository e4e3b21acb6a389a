/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is covered again inside what is allowed. A mask over a file holds only as long as no
 * directory above it can be renamed away (decision 9): so each directory between the mask and the
 * edge of what is writable is pinned, and the name itself is judged by the supervisor, whether it
 * exists or not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compile.h"

static bool is_mount(const struct compile *c, const char *path) {
        for (size_t i = 0; i < c->n_mounts; i++)
                if (strcmp(c->mounts[i].target, path) == 0)
                        return true;
        return false;
}

/* Pins every directory strictly above `path` that is writable and not a mount already. */
static void pin_ancestors(struct compile *c, const char *path, const char *field) {
        for (;;) {
                const char *slash = strrchr(path, '/');
                if (!slash || slash == path)
                        return;
                const char *dir = arena_strndup(c->a, path, (size_t) (slash - path));
                if (!dir) {
                        c->no_memory = true;
                        return;
                }
                /* Most masks lie side by side in one directory. */
                if (c->pinned && strcmp(c->pinned, dir) == 0)
                        return;
                if (is_mount(c, dir) ||
                    plan_view_at(c->mounts, c->n_mounts, dir).kind != VIEW_HOST_RW) {
                        c->pinned = dir;
                        return;
                }
                compile_mask(c, MOUNT_PIN, dir, field);
                path = dir;
        }
}

void compile_scope(struct compile *c, const char *dir) {
        c->scope = dir;
        c->scope_view = plan_view_at(c->mounts, c->n_mounts, dir);
        for (size_t i = 0; c->scope && i < c->n_mounts; i++)
                if (path_is_under(c->mounts[i].target, dir) &&
                    strcmp(c->mounts[i].target, dir) != 0)
                        c->scope = NULL;
}

void compile_mask_inside(struct compile *c, enum mount_kind kind, const char *path, bool read_too,
                         const char *field) {
        struct view v = c->scope && path_is_under(path, c->scope)
                                ? c->scope_view
                                : plan_view_at(c->mounts, c->n_mounts, path);
        if (v.kind == VIEW_HOST_RW) {
                compile_mask(c, kind, path, field);
                pin_ancestors(c, path, field);
                compile_name(c, path, read_too, field);
        } else if (kind == MOUNT_HIDE && v.kind == VIEW_HOST_RO)
                compile_mask(c, kind, path, field);
}

/* filesystem.deny */
static int add_denied(struct compile *c, size_t i, struct error *e) {
        const char *field = compile_text(c, "/filesystem/deny/%zu", i);
        const char *pattern = path_expand_pattern(c->a, c->policy->filesystem.deny.items[i],
                                                  c->home, c->subject->workdir);
        if (!pattern)
                return error_nomem(e);
        if (path_match(pattern, c->subject->workdir))
                return error_under(
                        e, field,
                        error_set(e, ERROR_CONFLICT, 0,
                                  "filesystem.deny covers the working directory "
                                  "%.400s, so nothing could run: deny less, or use -C DIR",
                                  c->subject->workdir));
        /* A pattern holds for what exists, too: reading is judged by name. */
        if (path_is_pattern(pattern)) {
                bool notify =
                        c->facts->seccomp && c->facts->seccomp_notify && c->facts->pidfd_getfd;
                compile_name_pattern(c, pattern, true, field);
                if (!notify)
                        compile_lose(c, LOSS_NO_DENY_INSIDE_ALLOW, field,
                                     "this kernel has no seccomp user notification with "
                                     "pidfd_getfd, so a pattern cannot be denied");
                return 0;
        }
        const char *path = path_unescape(c->a, pattern);
        if (!path)
                return error_nomem(e);
        compile_mask(c, MOUNT_HIDE, path, field);
        pin_ancestors(c, path, field);
        compile_name_pattern(c, pattern, true, field);
        return 0;
}

int compile_masks(struct compile *c, struct error *e) {
        for (size_t i = 0; i < c->policy->filesystem.deny.n; i++) {
                int r = add_denied(c, i, e);
                if (r < 0)
                        return r;
        }
        compile_protections(c);
        compile_workspace(c);
        compile_venv_masks(c);
        compile_sort_masks(c);
        for (size_t i = 0; i < c->n_masks; i++)
                compile_mount(c, c->masks[i]);
        return 0;
}
