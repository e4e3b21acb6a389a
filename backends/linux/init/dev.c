/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A private /dev: the standard nodes bound from the host (a user namespace cannot make any), an own
 * devpts instance, an own /dev/shm. GPU and other devices are added by the plan. */
#include "init.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
        const char *name;
        unsigned major, minor; /* Documentation/admin-guide/devices.txt */
} nodes[] = {
        { "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
        { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
        const char *name, *target;
} links[] = {
        { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
        { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
        { "ptmx", "pts/ptmx" },
};

static int bind_node(struct init *in, int dev, size_t i) {
        _cleanup_close_ int source = -1, mount = -1, target = -1;
        struct stat st;
        char path[32] = "dev/";

        strcat(path, nodes[i].name);
        source = sys_openat2(in->old_root, path, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT);
        if (source < 0 || fstat(source, &st) < 0)
                return -errno;
        /* A container may have something else lying there. */
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(nodes[i].major, nodes[i].minor))
                return -ENODEV;
        mount = mount_clone(source, "", false);
        if (mount < 0)
                return mount;
        target = openat(dev, nodes[i].name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444);
        if (target < 0)
                return -errno;
        return mount_attach(mount, target);
}

static int attach_new(int dirfd, const char *name, const char *type, const char *const *options,
                      unsigned attributes) {
        _cleanup_close_ int mount = -1, target = -1;

        if (mkdirat(dirfd, name, 0755) < 0)
                return -errno;
        mount = mount_new(type, options, attributes);
        if (mount < 0)
                return mount;
        target = openat(dirfd, name, O_PATH | O_CLOEXEC);
        if (target < 0)
                return -errno;
        return mount_attach(mount, target);
}

int staging_dev(struct init *in) {
        static const char *const dev_options[] = { "mode",      "0755", "size", "64k",
                                                   "nr_inodes", "64",   NULL };
        /* max: all of the machine share some thousand (kernel.pty.max).
         * No gid=: the group tty is not mapped in a user namespace (decision 20). */
        static const char *const pts_options[] = { "ptmxmode", "0666", "mode", "0620",
                                                   "max",      "512",  NULL };
        _cleanup_close_ int dev = -1, shm = -1, target = -1;
        int r;

        r = attach_new(in->staging, "dev", "tmpfs", dev_options,
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        if (r < 0)
                return r;
        dev = openat(in->staging, "dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dev < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++) {
                r = bind_node(in, dev, i);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (symlinkat(links[i].target, dev, links[i].name) < 0)
                        return -errno;
        r = attach_new(dev, "pts", "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        if (r < 0)
                return r;
        shm = store_directory(in, 01777);
        if (shm < 0)
                return shm;
        if (mkdirat(dev, "shm", 0755) < 0)
                return -errno;
        target = openat(dev, "shm", O_PATH | O_CLOEXEC);
        return target < 0 ? -errno : mount_attach(shm, target);
}
