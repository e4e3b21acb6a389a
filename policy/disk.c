/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who holds limits.disk_bytes. What is private to the sandbox lies in one tmpfs, whose size the
 * kernel holds. A directory of the host is watched: the session measures it, and ends the sandbox
 * when it has grown by too much, so more than the limit may be there for a moment.
 *
 * A fresh working directory that nobody looks at from outside can lie in the tmpfs, too.
 */
#include "compile.h"

/* As the tmpfs is without a limit (backends/linux/init/store.c); more would only be promised. */
#define MEMORY_SHARE 2

const char *const disk_hold_names[DISK_N_] = { NULL, "hard", "soft" };

void compile_disk(struct compile *c) {
        const struct limit *asked = &c->policy->limits.disk_bytes;
        const struct subject *s = c->subject;
        struct plan *p = c->plan;
        uint64_t most = c->facts->memory_bytes / MEMORY_SHARE;

        if (asked->kind != LIMIT_VALUE)
                return;
        if (p->level == LEVEL_PERMISSIVE) {
                compile_lose(c, LOSS_NO_DISK_QUOTA, "/limits/disk_bytes",
                             "at level permissive all of the disk may be written, and what is "
                             "written there is not counted; limits.file_bytes limits each file");
                return;
        }
        p->limits.disk_bytes = asked->value;
        p->disk = DISK_WATCHED;
        if (!p->native && s->workdir_fresh && s->workdir_unseen && asked->value <= most)
                p->disk = DISK_HARD;
}
