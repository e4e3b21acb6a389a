/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The second wall: what the view allows, said again as Landlock rules, which the backend opens in
 * the finished view. Landlock's rules only ever add, so they follow the view's large parts; masks
 * and read-only mounts inside of them are the view's alone.
 */
#include "compile.h"

void compile_landlock(struct compile *c) {
        struct strings *read = &c->plan->read, *write = &c->plan->write;
        if (c->plan->native)
                return; /* native.c has made the lists */
        for (size_t i = 0; i < c->n_mounts; i++) {
                const struct plan_mount *m = &c->mounts[i];
                switch (m->kind) {
                case MOUNT_ROOT_RO:
                case MOUNT_ROOT_EMPTY: /* holds only what is bound: listing it tells nothing else */
                        compile_list(c, read, "/");
                        break;
                case MOUNT_BIND_RO:
                case MOUNT_SYS:
                        compile_list(c, read, m->target);
                        break;
                case MOUNT_ROOT_RW:
                case MOUNT_BIND_RW:
                case MOUNT_TMPFS:
                case MOUNT_DIR:
                case MOUNT_DEV:
                case MOUNT_PROC: /* /proc/self/oom_score_adj; the backend keeps /proc/sys read-only
                                  */
                        compile_list(c, write, m->target);
                        break;
                default:
                        break;
                }
        }
        /* Rules hold for all below: drop what a rule above says already. */
        struct strings *const lists[] = { write, read };
        for (size_t l = 0; l < ELEMENTSOF(lists); l++) {
                size_t n = 0;
                for (size_t i = 0; i < lists[l]->n; i++) {
                        const char *path = lists[l]->items[i];
                        bool said = false;
                        for (size_t k = 0; k < write->n && !said; k++)
                                said = (l == 1 || write->items[k] != path) &&
                                       path_is_under(path, write->items[k]);
                        for (size_t k = 0; l == 1 && k < n && !said; k++)
                                said = path_is_under(path, read->items[k]);
                        if (!said)
                                lists[l]->items[n++] = path;
                }
                lists[l]->n = n;
        }
}
