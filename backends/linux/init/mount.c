/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fd-based mount API (Linux 5.2; mount_setattr 5.12) in the five steps that the view needs. No
 * path of the host is looked up here: everything hangs on descriptors. */
#include "init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

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

/* Linux before 5.12 has no mount_setattr(): there each mount of a tree is remounted by itself, once
 * it is attached (a detached one cannot be). Which mounts a tree has, /proc/self/mountinfo tells:
 * proc_pid_mountinfo(5). */
_Static_assert(MOUNT_ATTR_RDONLY == MS_RDONLY && MOUNT_ATTR_NOSUID == MS_NOSUID &&
                       MOUNT_ATTR_NODEV == MS_NODEV && MOUNT_ATTR_NOEXEC == MS_NOEXEC,
               "the two interfaces count alike");
#define ATTRIBUTES (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct mounted {
        uint64_t id, parent;
        char *place; /* in the text that was read */
        bool marked;
};

static int mount_id(int fd, uint64_t *ret) {
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
                return -errno;
        if (!(st.stx_mask & STATX_MNT_ID))
                return -EOPNOTSUPP;
        *ret = st.stx_mnt_id;
        return 0;
}

/* What it has already must be said again: a flag that a user namespace inherited is locked. */
static int remount_one(int tree, uint64_t attributes) {
        char path[32];
        struct statvfs fs;

        if (fstatvfs(tree, &fs) < 0)
                return -errno;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
        attributes |= fs.f_flag & ATTRIBUTES; /* ST_ and MS_ are the same: statvfs(3) */
        return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | attributes, NULL) < 0 ? -errno : 0;
}

static int make_private(int tree) {
        char path[32];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
        return mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

static char *text_read(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t size = 0, room = 64 * 1024;
        char *text = fd < 0 ? NULL : malloc(room);
        ssize_t n = 0;

        while (text && (n = read(fd, text + size, room - size - 1)) > 0) {
                size += (size_t) n;
                if (room - size < 4096) {
                        char *more = realloc(text, room *= 2);

                        if (!more)
                                free(text);
                        text = more;
                }
        }
        if (text && n < 0) {
                free(text);
                return NULL;
        }
        if (text)
                text[size] = '\0';
        return text;
}

/* Blanks and backslashes are written as \ooo. */
static void unescape(char *s) {
        char *out = s;

        for (; *s; s++) {
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
                        *out++ = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 3;
                } else {
                        *out++ = *s;
                }
        }
        *out = '\0';
}

static size_t mounted_parse(char *text, struct mounted *list, size_t max) {
        char *line, *rest = text;
        size_t n = 0;

        while (n < max && (line = strsep(&rest, "\n"))) {
                char *fields[5] = { NULL };

                for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                        fields[i] = strsep(&line, " ");
                if (!fields[4])
                        continue;
                list[n] = (struct mounted){ .id = strtoull(fields[0], NULL, 10),
                                            .parent = strtoull(fields[1], NULL, 10),
                                            .place = fields[4] };
                unescape(list[n++].place);
        }
        return n;
}

/* Marks the tree below `top`; a parent need not stand before its children. */
static void mounted_mark(struct mounted *list, size_t n, struct mounted *top) {
        bool more = true;

        top->marked = true;
        while (more) {
                more = false;
                for (size_t i = 0; i < n; i++)
                        for (size_t k = 0; k < n && !list[i].marked; k++)
                                if (list[k].marked && list[k].id == list[i].parent)
                                        more = list[i].marked = true;
        }
}

static int remount_below(int mount, const struct mounted *top, const struct mounted *m,
                         uint64_t attributes) {
        size_t length = strcmp(top->place, "/") == 0 ? 0 : strlen(top->place);
        _cleanup_close_ int fd = -1;
        uint64_t id = 0;

        if (strncmp(m->place, top->place, length) != 0)
                return -EXDEV;
        fd = sys_openat2(mount, relative(m->place + length), O_PATH,
                         RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
        if (fd < 0 || mount_id(fd, &id) < 0)
                return -errno;
        /* Another mount lies on it: nobody can get there, and that one is in the list, too. */
        return id != m->id ? 0 : remount_one(fd, attributes);
}

static int remount_tree(int mount, uint64_t attributes) {
        char *text = text_read("/proc/self/mountinfo");
        struct mounted *list = NULL, *top = NULL;
        size_t n = 0, lines = 1;
        uint64_t id = 0;
        int r = text ? mount_id(mount, &id) : -EIO;

        for (const char *s = text; s && *s; s++)
                lines += *s == '\n';
        if (r >= 0) {
                list = calloc(lines, sizeof(*list));
                r = list ? 0 : -ENOMEM;
        }
        if (r >= 0)
                n = mounted_parse(text, list, lines);
        for (size_t i = 0; i < n && !top; i++)
                top = list[i].id == id ? &list[i] : NULL;
        if (r >= 0 && !top)
                r = -EXDEV;
        if (r >= 0)
                mounted_mark(list, n, top);
        for (size_t i = 0; i < n && r >= 0; i++)
                if (list[i].marked && &list[i] != top)
                        r = remount_below(mount, top, &list[i], attributes);
        free(list);
        free(text);
        return r < 0 ? r : remount_one(mount, attributes);
}

/* A copy of a mount that hears of what its original's peers mount later would hear of it in the
 * sandbox, too, and without these attributes (mount_namespaces(7), "slave"): so it is made deaf in
 * the same step. */
static int set_attributes(int mount, uint64_t attributes, bool recursive) {
        struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
        unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

        return mount_setattr(mount, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_restrict(int mount, uint64_t attributes, bool recursive) {
        int r = set_attributes(mount, attributes, recursive);

        if (r != -ENOSYS)
                return r;
        r = make_private(mount);
        if (r < 0)
                return r;
        return recursive ? remount_tree(mount, attributes) : remount_one(mount, attributes);
}

int mount_attach(int mount, int target) {
        return move_mount(mount, "", target, "",
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
                       ? -errno
                       : 0;
}

int mount_attach_restricted(int mount, int target, uint64_t attributes, bool recursive) {
        int r = set_attributes(mount, attributes, recursive);

        if (r >= 0)
                return mount_attach(mount, target);
        if (r != -ENOSYS)
                return r;
        r = mount_attach(mount, target);
        return r < 0 ? r : mount_restrict(mount, attributes, recursive);
}

int mount_move(int from_dirfd, const char *from, int target) {
        return move_mount(from_dirfd, from, target, "", MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}
