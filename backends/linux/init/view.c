/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sandbox's view of the disk: the plan's mounts, applied in order in a new root, and the step
 * into it. One row per kind of mount; each gets the plan's record and what it needs hangs on
 * descriptors.
 */
#include "target.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../../../policy/limits.h"
#include "../../../policy/plan.h"

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static int source_fd(const struct init *in, const struct wire_mount *m) {
        return m->fd >= 0 && (size_t) m->fd < in->n_fds ? in->fds[m->fd] : -1;
}

/* The whole disk. Recursive in every step: a non-recursive remount would leave submounts writable.
 */
static int root_disk(struct init *in, const struct wire_mount *m) {
        uint64_t attributes = SAFE | (m->kind == MOUNT_ROOT_RO ? MOUNT_ATTR_RDONLY : 0);

        in->root = TAKE_FD(in->disk);
        return mount_attach_restricted(in->root, in->staging, attributes, true);
}

static int root_empty(struct init *in, const struct wire_mount *m _unused_) {
        static const char *const options[] = { "mode",      "0755", "size", "1m",
                                               "nr_inodes", "4096", NULL };

        in->root = mount_new("tmpfs", options, SAFE);
        return in->root < 0 ? in->root : mount_attach(in->root, in->staging);
}

/* /bin -> usr/bin and the like: made again, not followed. */
static int copy_symlink(const struct init *in, int source, const char *path) {
        _cleanup_close_ int parent = -1;
        char text[LIMIT_PATH_BYTES];
        const char *name;
        ssize_t n = readlinkat(source, "", text, sizeof(text) - 1);

        if (n < 0)
                return -errno;
        text[n] = '\0';
        parent = target_parent(in, path, &name);
        if (parent < 0)
                return parent;
        return symlinkat(text, parent, name) < 0 && errno != EEXIST ? -errno : 0;
}

static int bind_source(struct init *in, const struct wire_mount *m, uint64_t attributes) {
        const char *path = plan_string(in, m->target);
        _cleanup_close_ int mount = -1, target = -1;
        int source = source_fd(in, m);
        struct stat st;

        if (source < 0 || fstat(source, &st) < 0)
                return -ENOENT;
        if (S_ISLNK(st.st_mode))
                return copy_symlink(in, source, path);
        mount = mount_clone(source, "", true);
        if (mount < 0)
                return mount;
        if (m->flags & WIRE_MOUNT_NOEXEC)
                attributes |= MOUNT_ATTR_NOEXEC;
        target = target_make(in, path, S_ISDIR(st.st_mode), S_ISDIR(st.st_mode) ? 0755 : 0644);
        return target < 0 ? target : mount_attach_restricted(mount, target, attributes, true);
}

static int bind_readonly(struct init *in, const struct wire_mount *m) {
        return bind_source(in, m, SAFE | MOUNT_ATTR_RDONLY);
}

static int bind_writable(struct init *in, const struct wire_mount *m) {
        return bind_source(in, m, SAFE);
}

static int bind_device(struct init *in, const struct wire_mount *m) {
        return bind_source(in, m, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static int private_directory(struct init *in, const struct wire_mount *m) {
        _cleanup_close_ int mount = -1, target = -1;

        target = target_make(in, plan_string(in, m->target), true, 0755);
        if (target < 0)
                return target;
        mount = store_directory(in, m->mode ? m->mode : 0755);
        if (mount < 0)
                return mount;
        return m->flags & WIRE_MOUNT_NOEXEC
                       ? mount_attach_restricted(mount, target, MOUNT_ATTR_NOEXEC, false)
                       : mount_attach(mount, target);
}

static int make_directory(struct init *in, const struct wire_mount *m) {
        int fd = target_make(in, plan_string(in, m->target), true, m->mode ? m->mode : 0755);

        if (fd < 0)
                return fd;
        close(fd);
        return 0;
}

static int make_file(struct init *in, const struct wire_mount *m) {
        _cleanup_close_ int parent = -1, fd = -1;
        const char *name, *content = plan_string(in, m->content);
        size_t left = content ? strlen(content) : 0;

        parent = target_parent(in, plan_string(in, m->target), &name);
        if (parent < 0)
                return parent;
        fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
                    m->mode ? m->mode : 0644);
        if (fd < 0)
                return -errno;
        while (left > 0) {
                ssize_t n = write(fd, content, left);

                if (n < 0)
                        return -errno;
                content += n;
                left -= (size_t) n;
        }
        return 0;
}

static int make_symlink(struct init *in, const struct wire_mount *m) {
        _cleanup_close_ int parent = -1;
        const char *name;

        parent = target_parent(in, plan_string(in, m->target), &name);
        if (parent < 0)
                return parent;
        return symlinkat(plan_string(in, m->content), parent, name) < 0 ? -errno : 0;
}

static int mask_hide(struct init *in, const struct wire_mount *m) {
        _cleanup_close_ int target = target_open(in, plan_string(in, m->target), 0), mount = -1;
        struct stat st;

        if (target < 0)
                return target;
        if (fstat(target, &st) < 0)
                return -errno;
        mount = mount_clone(S_ISDIR(st.st_mode) ? in->mask_directory : in->mask_file, "", false);
        if (mount < 0)
                return mount;
        return mount_attach_restricted(mount, target, SAFE | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC,
                                       false);
}

/* What is there, on a mount of its own: read-only, or as it is, so that it cannot be moved away
 * (decision 9: the mount point itself is busy, its ancestors are not). */
static int mount_over_itself(struct init *in, const struct wire_mount *m, uint64_t attributes) {
        _cleanup_close_ int target = target_open(in, plan_string(in, m->target), 0), mount = -1;

        if (target < 0)
                return target;
        mount = mount_clone(target, "", true);
        if (mount < 0)
                return mount;
        return attributes ? mount_attach_restricted(mount, target, attributes, true)
                          : mount_attach(mount, target);
}

static int mask_readonly(struct init *in, const struct wire_mount *m) {
        return mount_over_itself(in, m, MOUNT_ATTR_RDONLY);
}

static int pin(struct init *in, const struct wire_mount *m) {
        return mount_over_itself(in, m, 0);
}

static int move_staged(struct init *in, const char *name, const char *path) {
        _cleanup_close_ int target = target_make(in, path, true, 0755);

        return target < 0 ? target : mount_move(in->staging, name, target);
}

static int device_directory(struct init *in, const struct wire_mount *m) {
        return move_staged(in, "dev", plan_string(in, m->target));
}

static int proc_directory(struct init *in, const struct wire_mount *m) {
        return move_staged(in, "proc", plan_string(in, m->target));
}

static int sys_directory(struct init *in, const struct wire_mount *m) {
        _cleanup_close_ int target = target_make(in, plan_string(in, m->target), true, 0755);
        bool gpu = m->mode & 1;

        if (target < 0)
                return target;
        return gpu ? sys_build(in, target, true) : mount_move(in->staging, "sys", target);
}

static const struct {
        int (*apply)(struct init *in, const struct wire_mount *m);
        enum wire_stage stage;
} kinds[] = {
        [MOUNT_ROOT_RO] = { root_disk, WIRE_STAGE_ROOT },
        [MOUNT_ROOT_RW] = { root_disk, WIRE_STAGE_ROOT },
        [MOUNT_ROOT_EMPTY] = { root_empty, WIRE_STAGE_ROOT },
        [MOUNT_BIND_RO] = { bind_readonly, WIRE_STAGE_MOUNT },
        [MOUNT_BIND_RW] = { bind_writable, WIRE_STAGE_MOUNT },
        [MOUNT_TMPFS] = { private_directory, WIRE_STAGE_MOUNT },
        [MOUNT_DIR] = { make_directory, WIRE_STAGE_MOUNT },
        [MOUNT_FILE] = { make_file, WIRE_STAGE_MOUNT },
        [MOUNT_SYMLINK] = { make_symlink, WIRE_STAGE_MOUNT },
        [MOUNT_HIDE] = { mask_hide, WIRE_STAGE_MASK },
        [MOUNT_READONLY] = { mask_readonly, WIRE_STAGE_MASK },
        [MOUNT_PIN] = { pin, WIRE_STAGE_MASK },
        [MOUNT_DEV] = { device_directory, WIRE_STAGE_DEV },
        [MOUNT_DEVICE] = { bind_device, WIRE_STAGE_DEV },
        [MOUNT_PROC] = { proc_directory, WIRE_STAGE_PROC },
        [MOUNT_SYS] = { sys_directory, WIRE_STAGE_MOUNT },
};

int view_build(struct init *in) {
        const struct wire_mount *m = plan_at(in, in->plan->mounts);
        int r = in->plan->limit_disk ? store_limit(in, in->plan->limit_disk) : 0;

        if (r < 0)
                return init_report(in, WIRE_STAGE_LIMITS, -r, "disk");
        /* From here on nothing that the host mounts may appear in this view. */
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return init_report(in, WIRE_STAGE_NAMESPACES, errno, "mount propagation");
        for (uint64_t i = 0; i < in->plan->n_mounts; i++, m++) {
                if (m->kind >= ELEMENTSOF(kinds) || (in->root < 0) != (m->kind <= MOUNT_ROOT_EMPTY))
                        return init_report(in, WIRE_STAGE_PROTOCOL, EINVAL, "mounts");
                r = kinds[m->kind].apply(in, m);
                if (r == -ENOENT && (m->flags & WIRE_MOUNT_OPTIONAL))
                        continue;
                if (r == -ENOTDIR && (m->flags & WIRE_MOUNT_OPTIONAL))
                        continue; /* a file stands where a directory would be on the way to it */
                if (r == -EROFS && (m->flags & WIRE_MOUNT_OPTIONAL) && m->kind == MOUNT_TMPFS)
                        continue; /* a disk without /var/tmp, say: nothing to make private */
                if (r < 0)
                        return init_report(in, kinds[m->kind].stage, -r,
                                           plan_string(in, m->target));
        }
        /* What enters it looks at the first one. */
        return in->root < 0 ? init_report(in, WIRE_STAGE_PROTOCOL, EINVAL, "mounts") : 0;
}

int view_enter(struct init *in) {
        const struct wire_mount *first = plan_at(in, in->plan->mounts);

        if (first->kind == MOUNT_ROOT_EMPTY &&
            mount_restrict(in->root, MOUNT_ATTR_RDONLY, false) < 0)
                return init_report(in, WIRE_STAGE_ROOT, errno, "/");
        if (fchdir(in->root) < 0 || sys_pivot_root(".", ".") < 0)
                return init_report(in, WIRE_STAGE_PIVOT, errno, "/");
        /* The old root now lies over the new one: it goes, and the staging tree in it. */
        if (fchdir(in->old_root) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                return init_report(in, WIRE_STAGE_PIVOT, errno, "old root");
        return 0;
}
