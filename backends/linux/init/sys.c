/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /sys: a read-only minimum. The small one, for machines without a GPU, is made in advance. */
#include "init.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* What language run-times ask for (processors, NUMA nodes, huge pages) and, with a GPU, what its
 * user-space driver walks through; nothing of the host's network, power or firmware. */
static const struct {
        const char *path;
        bool gpu;
} sys_paths[] = {
        { "devices/system/cpu", false },
        { "devices/system/node", false },
        { "kernel/mm/transparent_hugepage", false },
        { "devices", true },
        { "dev/char", true },
        { "class/drm", true },
        { "class/kfd", true },
        { "class/accel", true },
        { "bus/pci", true },
        { "module/nvidia", true },
        { "module/amdgpu", true },
};

static int sys_bind(struct init *in, int sys, const char *path) {
        _cleanup_close_ int source = -1, mount = -1, target = -1;
        char part[128];

        if (in->host_sys < 0)
                return 0;
        source = sys_openat2(in->host_sys, path, O_PATH | O_DIRECTORY, RESOLVE_BENEATH);
        if (source < 0)
                return 0; /* this machine has no such thing */
        mount = mount_clone(source, "", true);
        if (mount < 0)
                return mount;
        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                snprintf(part, sizeof(part), "%.*s", (int) (slash - path), path);
                if (mkdirat(sys, part, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        if (mkdirat(sys, path, 0755) < 0 && errno != EEXIST)
                return -errno;
        target = openat(sys, path, O_PATH | O_CLOEXEC);
        if (target < 0)
                return -errno;
        return mount_attach_restricted(mount, target, SAFE | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC,
                                       true);
}

int sys_build(struct init *in, int target, bool gpu) {
        static const char *const options[] = { "mode",      "0755", "size", "64k",
                                               "nr_inodes", "64",   NULL };
        _cleanup_close_ int sys = mount_new("tmpfs", options, SAFE | MOUNT_ATTR_NOEXEC);
        int r;

        if (sys < 0)
                return sys;
        r = mount_attach(sys, target);
        for (size_t i = 0; i < ELEMENTSOF(sys_paths) && r >= 0; i++) {
                /* With a GPU the whole of devices/ is bound; its parts need no mount of their own.
                 */
                bool part = !sys_paths[i].gpu && strncmp(sys_paths[i].path, "devices/", 8) == 0;

                if (gpu ? !part : !sys_paths[i].gpu)
                        r = sys_bind(in, sys, sys_paths[i].path);
        }
        return r < 0 ? r : mount_restrict(sys, MOUNT_ATTR_RDONLY, false);
}

int staging_sys(struct init *in) {
        _cleanup_close_ int target = -1;

        if (mkdirat(in->staging, "sys", 0755) < 0)
                return -errno;
        target = openat(in->staging, "sys", O_PATH | O_CLOEXEC);
        return target < 0 ? -errno : sys_build(in, target, false);
}
