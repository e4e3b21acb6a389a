/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Finding and making places in the new root. Every look-up is confined to it (RESOLVE_IN_ROOT), so
 * that an absolute symlink there cannot lead back to the host's tree (bubblewrap's
 * GHSA-pxhw-h44j-8pfx). */
#pragma once

#include <sys/types.h>

#include "init.h"

int target_open(const struct init *in, const char *path, uint64_t flags); /* O_PATH is added */
/* The same, but what is missing is made: directories on the way, and at the end a directory or an
 * empty file. That works in private parts of the view only; elsewhere the disk is read-only there.
 */
int target_make(const struct init *in, const char *path, bool is_dir, mode_t mode);
/* The directory that holds the last component, which is returned in `name` (borrowed from path). */
int target_parent(const struct init *in, const char *path, const char **name);
