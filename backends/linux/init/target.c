/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See target.h. */
#include "target.h"

#include <string.h>
#include <sys/stat.h>

#include "../../../policy/limits.h"

#define INSIDE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

int target_open(const struct init *in, const char *path, uint64_t flags) {
        int fd = sys_openat2(in->root, relative(path), O_PATH | flags, INSIDE);

        return fd < 0 ? -errno : fd;
}

/* Opens `path`, making directories where there are none. The deepest existing one is looked up as a
 * whole, so that symlinks on the way count; what is made below it is new and holds none. */
static int directory_make(const struct init *in, const char *path, mode_t mode) {
        char prefix[LIMIT_PATH_BYTES];
        size_t length = strlen(path);
        int fd;

        fd = target_open(in, path, O_DIRECTORY);
        if (fd != -ENOENT)
                return fd;
        if (length >= sizeof(prefix))
                return -ENAMETOOLONG;
        memcpy(prefix, path, length + 1);

        char *slash = strrchr(prefix, '/');
        _cleanup_close_ int parent = -1;

        if (!slash || slash[1] == '\0')
                return -ENOENT;
        *slash = '\0';
        parent = directory_make(in, prefix[0] ? prefix : "/", 0755);
        if (parent < 0)
                return TAKE_FD(parent);
        if (mkdirat(parent, slash + 1, mode) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(parent, slash + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int target_parent(const struct init *in, const char *path, const char **name) {
        char prefix[LIMIT_PATH_BYTES];
        const char *slash = strrchr(path, '/');

        if (!slash || slash[1] == '\0' || (size_t) (slash - path) >= sizeof(prefix))
                return -EINVAL;
        memcpy(prefix, path, (size_t) (slash - path));
        prefix[slash - path] = '\0';
        *name = slash + 1;
        return directory_make(in, prefix[0] ? prefix : "/", 0755);
}

int target_make(const struct init *in, const char *path, bool is_dir, mode_t mode) {
        _cleanup_close_ int parent = -1, made = -1;
        const char *name;
        int fd;

        if (is_dir)
                return directory_make(in, path, mode);
        fd = target_open(in, path, 0);
        if (fd != -ENOENT)
                return fd;
        parent = target_parent(in, path, &name);
        if (parent < 0)
                return TAKE_FD(parent);
        made = openat(parent, name, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, mode);
        if (made < 0)
                return -errno;
        fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}
