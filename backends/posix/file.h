/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Small file operations that every backend and the daemon need. */
#pragma once

#include "../../policy/base.h"

/* A whole regular file, NUL-terminated, malloc'd. Never blocks on a FIFO or a device (-EINVAL),
 * never reads more than `max` (-EFBIG). dir: AT_FDCWD or a directory. */
int file_read(int dir, const char *path, size_t max, char **ret, size_t *ret_len);
/* Opens a directory of ours, made with mode 0700 if it is missing: refused (-EPERM) when it is a
 * symlink, not a directory, not the effective user's, or writable by others. */
int dir_private(const char *path, int *ret_fd);
