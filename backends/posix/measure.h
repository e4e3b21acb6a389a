/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much disk a directory takes that hostile code is writing to, in slices, so that no loop has
 * to wait. Nothing is changed by looking. */
#pragma once

#include <time.h>

#include "../../policy/base.h"

#define MEASURE_NAME_BYTES 512 /* what each thing takes at least: an inode of ext4 or xfs */

struct measure; /* one walk */

struct measured {
        uint64_t old_bytes, new_bytes; /* of what was made before `since`, and after */
        uint64_t entries;
        bool unseen; /* something could not be looked into: there may be more */
};

/* Walks the directory `fd` (borrowed; may be O_PATH). */
int measure_new(int fd, const struct timespec *since, struct measure **ret);
/* Looks at up to about `entries` things. 1: more to do; `ret` is what was found so far. 0: done. */
int measure_step(struct measure *m, unsigned entries, struct measured *ret);
struct measure *measure_free(struct measure *m); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct measure *, measure_free)
