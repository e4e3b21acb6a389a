/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every step is relative to a directory descriptor, never follows a symlink and never enters a
 * mount (openat2(2) RESOLVE_NO_XDEV: bind mounts of the same device count, too). A tree deeper than
 * TREE_DEPTH is flattened: the deep directory is renamed up to the top of the tree and handled from
 * there, so the number of open descriptors is bounded however deep hostile code has nested.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "socket.h"

#define TREE_DEPTH 32 /* open directories at once; real trees are seldom deeper */

struct tree {
        int parent;
        char name[256]; /* NAME_MAX + 1 */
        DIR *dirs[TREE_DEPTH];
        char names[TREE_DEPTH][256]; /* of dirs[i] in dirs[i - 1] */
        size_t depth;
        uint64_t flattened; /* makes the names of renamed directories */
        int failed;         /* the first -errno */
};

/* Where openat2(2) is filtered away (old container runtimes): the name is one component, so all
 * that is lost is to tell a bind mount of the same device, and what cannot be unlinked there
 * (EBUSY) says so. */
static int open_plain(int dir, const char *name, int flags) {
        struct stat above, st;
        _cleanup_(fd_closep) int fd = openat(dir, name, flags);
        if (fd < 0 || fstat(dir, &above) < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_dev != above.st_dev)
                return -EXDEV;
        return TAKE_FD(fd);
}

static int open_beneath(int dir, const char *name, uint64_t flags) {
        struct open_how how = { .flags = flags | O_NOFOLLOW | O_CLOEXEC | O_DIRECTORY,
                                .resolve =
                                        RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };
        long fd = syscall(SYS_openat2, dir, name, &how, sizeof how);
        if (fd < 0 && errno == ENOSYS)
                return open_plain(dir, name, (int) how.flags);
        return fd < 0 ? -errno : (int) fd;
}

/* Code inside may have taken our right to list or to unlink (chmod 000): we own it, so we take it
 * back. Through /proc/self/fd, because fchmod(2) refuses O_PATH and fchmodat(2) follows symlinks.
 */
static int open_dir(int dir, const char *name) {
        char path[40];
        struct stat st;
        int fd = open_beneath(dir, name, O_RDONLY);

        if (fd >= 0) {
                if (fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
                        (void) fchmod(fd, S_IRWXU);
                return fd;
        }
        if (fd != -EACCES)
                return fd;
        _cleanup_(fd_closep) int handle = open_beneath(dir, name, O_PATH);
        if (handle < 0)
                return handle;
        snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
        if (chmod(path, S_IRWXU) < 0)
                return -errno;
        return open_beneath(dir, name, O_RDONLY);
}

static int push(struct tree *t, int dir, const char *name) {
        int fd = open_dir(dir, name);
        if (fd < 0)
                return fd;
        DIR *d = fdopendir(fd);
        if (!d) {
                fd_close(fd);
                return -ENOMEM;
        }
        t->dirs[t->depth] = d;
        snprintf(t->names[t->depth], sizeof t->names[0], "%s", name);
        t->depth++;
        return 0;
}

int tree_new(int parent_fd, const char *name, struct tree **ret) {
        if (strlen(name) >= 256 || strchr(name, '/') || strcmp(name, ".") == 0 ||
            strcmp(name, "..") == 0)
                return -EINVAL;
        _cleanup_(tree_freep) struct tree *t = calloc(1, sizeof *t);
        if (!t)
                return -ENOMEM;
        t->parent = parent_fd;
        snprintf(t->name, sizeof t->name, "%s", name);
        int r = push(t, parent_fd, name);
        if (r == -ENOENT)
                r = 0; /* gone already: the first step says so */
        if (r < 0)
                return r;
        *ret = TAKE(t);
        return 0;
}

struct tree *tree_free(struct tree *t) {
        if (t) {
                while (t->depth > 0)
                        closedir(t->dirs[--t->depth]);
                free(t);
        }
        return NULL;
}

static void fail(struct tree *t, int r) {
        if (r < 0 && r != -ENOENT && t->failed == 0)
                t->failed = r;
}

/* A directory met at depth TREE_DEPTH: into the top with it. Returns whether it moved. */
static bool flatten(struct tree *t, int dir, const char *name) {
        char fresh[64];
        for (unsigned tries = 0; tries < 16; tries++) {
                snprintf(fresh, sizeof fresh, ".leash-%llu", (unsigned long long) t->flattened++);
                /* Renaming a directory rewrites its "..": that takes write permission on it. */
                int fd = open_dir(dir, name);
                if (fd < 0)
                        return false;
                fd_close(fd);
                if (syscall(SYS_renameat2, dir, name, dirfd(t->dirs[0]), fresh,
                            1 /* NOREPLACE */) == 0) {
                        /* The top's stream may be past it: have it looked at again. */
                        rewinddir(t->dirs[0]);
                        return true;
                }
                if (errno != EEXIST)
                        return false;
        }
        return false;
}

static void remove_entry(struct tree *t, const char *name) {
        int dir = dirfd(t->dirs[t->depth - 1]);

        if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
                return;
        /* unlink(2) on a directory: EISDIR on Linux, EPERM by POSIX. */
        if (errno != EISDIR && errno != EPERM) {
                fail(t, -errno);
                return;
        }
        if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
                return;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) {
                fail(t, -errno);
                return;
        }
        if (t->depth == TREE_DEPTH) {
                if (!flatten(t, dir, name))
                        fail(t, -ELOOP);
                return;
        }
        fail(t, push(t, dir, name));
}

static void leave(struct tree *t) {
        t->depth--;
        int dir = t->depth > 0 ? dirfd(t->dirs[t->depth - 1]) : t->parent;
        closedir(t->dirs[t->depth]);
        if (unlinkat(dir, t->names[t->depth], AT_REMOVEDIR) < 0)
                fail(t, -errno);
}

int tree_step(struct tree *t, unsigned entries) {
        while (t->depth > 0 && entries-- > 0) {
                struct dirent *de = readdir(t->dirs[t->depth - 1]);
                if (!de)
                        leave(t);
                else if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
                        remove_entry(t, de->d_name);
        }
        return t->depth > 0 ? 1 : t->failed;
}

int tree_remove(int parent_fd, const char *name) {
        _cleanup_(tree_freep) struct tree *t = NULL;
        int r = tree_new(parent_fd, name, &t);
        while (r >= 0 && (r = tree_step(t, 4096)) > 0)
                ;
        return r;
}
