/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* System calls that glibc 2.36 does not wrap, and the small descriptor helpers that both leash-init
 * and the session side use. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../posix/fd.h"

#define _cleanup_close_ _cleanup_(fd_closep)

_unused_ static inline void freep(void *p) {
        free(*(void **) p);
}

static inline int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve) {
        struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

        return (int) syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old) {
        return (int) syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_close_range(unsigned first, unsigned last, unsigned flags) {
        return (int) syscall(SYS_close_range, first, last, flags);
}

/* A path relative to a directory descriptor: "/a/b" -> "a/b", "/" -> ".". */
static inline const char *relative(const char *path) {
        while (*path == '/')
                path++;
        return *path ? path : ".";
}
