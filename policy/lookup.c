/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where a path of the view comes from: the mounts are applied in order, so the last one that has a
 * say about the path decides. The compiler asks this to find out what needs a mask;
 * plan_decide_path() asks the same of the finished plan.
 */
#include <string.h>

#include "path.h"
#include "plan.h"

static void apply(const struct plan_mount *m, struct view *v) {
        bool noexec = m->noexec;
        switch (m->kind) {
        case MOUNT_ROOT_RO:
        case MOUNT_BIND_RO:
                *v = (struct view){ VIEW_HOST_RO, noexec, true, m };
                break;
        case MOUNT_ROOT_RW:
        case MOUNT_BIND_RW:
                *v = (struct view){ VIEW_HOST_RW, noexec, false, m };
                break;
        case MOUNT_ROOT_EMPTY:
                *v = (struct view){ VIEW_ABSENT, true, true, m };
                break;
        case MOUNT_TMPFS:
        case MOUNT_DIR:
        case MOUNT_SYMLINK:
                *v = (struct view){ VIEW_PRIVATE, noexec, false, m };
                break;
        case MOUNT_FILE:
                *v = (struct view){ VIEW_PRIVATE, true, m->mode != 0 && !(m->mode & 0200), m };
                break;
        case MOUNT_HIDE:
                *v = (struct view){ VIEW_HIDDEN, true, true, m };
                break;
        case MOUNT_READONLY:
                v->readonly = true;
                if (v->kind == VIEW_HOST_RW)
                        v->kind = VIEW_HOST_RO;
                v->by = m;
                break;
        case MOUNT_DEV:
        case MOUNT_DEVICE:
                *v = (struct view){ VIEW_DEVICE, true, false, m };
                break;
        case MOUNT_PROC:
        case MOUNT_SYS:
                *v = (struct view){ VIEW_SYSTEM, true, m->kind == MOUNT_SYS, m };
                break;
        case MOUNT_PIN: /* changes nothing that can be seen */
                break;
        }
}

struct view plan_view_at(const struct plan_mount *mounts, size_t n, const char *path) {
        struct view v = { .kind = VIEW_ABSENT, .noexec = true, .readonly = true };
        for (size_t i = 0; i < n; i++)
                if (path_is_under(path, mounts[i].target))
                        apply(&mounts[i], &v);
        return v;
}
