/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Removing a directory that hostile code has filled, in slices, so that no loop has to wait. */
#pragma once

#include "../../policy/base.h"

struct tree; /* one removal under way */

/* Removes `name` below the directory `parent_fd` (borrowed; must stay open). */
int tree_new(int parent_fd, const char *name, struct tree **ret);
/* Removes up to about `entries` things. 1: more to do. 0: all gone. -errno: something cannot be
 * removed (what could be is gone). */
int tree_step(struct tree *t, unsigned entries);
struct tree *tree_free(struct tree *t); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct tree *, tree_free)

/* All of it at once. */
int tree_remove(int parent_fd, const char *name);
