/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fd-based mount API (Linux 5.2; mount_setattr 5.12) in the five steps that the view needs. No
 * path of the host is looked up here: everything hangs on descriptors. */
#include "init.h"

#include <sys/mount.h>
#include <sys/stat.h>

int mount_new(const char *type, const char *const *options, unsigned attributes) {
        _cleanup_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);
        int mount;

        if (fs < 0)
                return -errno;
        for (; options && options[0]; options += 2) {
                int r = options[1] ? fsconfig(fs, FSCONFIG_SET_STRING, options[0], options[1], 0)
                                   : fsconfig(fs, FSCONFIG_SET_FLAG, options[0], NULL, 0);

                if (r < 0)
                        return -errno;
        }
        if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
        return mount < 0 ? -errno : mount;
}

int mount_clone(int dirfd, const char *path, bool recursive) {
        unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
        int mount;

        if (!path || !*path)
                flags |= AT_EMPTY_PATH;
        if (recursive)
                flags |= AT_RECURSIVE;
        mount = open_tree(dirfd, path ? path : "", flags);
        return mount < 0 ? -errno : mount;
}

int mount_restrict(int mount, uint64_t attributes, bool recursive) {
        struct mount_attr attr = { .attr_set = attributes };
        unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

        return mount_setattr(mount, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_attach(int mount, int target) {
        return move_mount(mount, "", target, "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                       ? -errno
                       : 0;
}

int mount_move(int from_dirfd, const char *from, int target) {
        return move_mount(from_dirfd, from, target, "", MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}
