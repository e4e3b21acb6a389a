/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A fresh /proc of the sandbox's own pid namespace. The files below are the kernel's, not the
 * namespace's: a uid 0 without capabilities would still own them (decision 4), so what changes the
 * machine is read-only and what tells its secrets is masked. Names that a kernel lacks are skipped.
 */
#include "init.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static const char *const readonly[] = {
        "sys", "sysrq-trigger", "irq", "bus", "fs", "scsi", "mtrr"
};
static const char *const masked[] = { "kcore",       "kmsg",        "keys",          "key-users",
                                      "timer_list",  "sched_debug", "latency_stats", "kallsyms",
                                      "kpagecount",  "kpageflags",  "kpagecgroup",   "acpi",
                                      "vmallocinfo", "slabinfo" };

static int cover(struct init *in, int proc, const char *name, bool hide) {
        _cleanup_close_ int target = -1, mount = -1;
        struct stat st;

        target = openat(proc, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (target < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(target, &st) < 0)
                return -errno;
        if (hide)
                mount = mount_clone(S_ISDIR(st.st_mode) ? in->mask_directory : in->mask_file, "",
                                    false);
        else
                mount = mount_clone(target, "", false);
        if (mount < 0)
                return mount;
        return mount_attach_restricted(mount, target,
                                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                               MOUNT_ATTR_NOEXEC,
                                       false);
}

int staging_proc(struct init *in) {
        _cleanup_close_ int mount = -1, target = -1;
        struct statfs fs;
        int r;

        mount = mount_new("proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (mount < 0)
                return mount;
        if (fstatfs(mount, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
                return -EXDEV;
        if (mkdirat(in->staging, "proc", 0555) < 0)
                return -errno;
        target = openat(in->staging, "proc", O_PATH | O_CLOEXEC);
        if (target < 0)
                return -errno;
        r = mount_attach(mount, target);
        for (size_t i = 0; i < ELEMENTSOF(readonly) && r >= 0; i++)
                r = cover(in, mount, readonly[i], false);
        for (size_t i = 0; i < ELEMENTSOF(masked) && r >= 0; i++)
                r = cover(in, mount, masked[i], true);
        return r;
}
