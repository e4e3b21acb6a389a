/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Looking up a path as the caller would. Init shares its root and its mounts, so the kernel can
 * walk for us, with two exceptions, both on procfs: "self" would mean init, and magic links would
 * be followed with init's rights, which reach every command, where the caller's (its Landlock
 * domain) reach only itself.
 *
 * So the kernel walks first, without magic links; only if that ends on procfs, or met such a link,
 * the path is walked again here, component by component.
 */
#include "judge-internal.h"

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#include "../../../policy/path.h"

/* Those that linux/magic.h lacks. */
#ifndef EXFAT_SUPER_MAGIC
#define EXFAT_SUPER_MAGIC 0x2011bab0
#endif
#define NTFS_SB_MAGIC 0x5346544e
#define NTFS3_MAGIC 0x7366746e
#define HFS_MAGIC 0x4244
#define HFSPLUS_MAGIC 0x482b
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif

#define LINKS_MAX 40 /* MAXSYMLINKS of the kernel */

int caller_read(const struct caller *c, uint64_t address, void *ret, size_t size) {
        struct iovec local = { .iov_base = ret, .iov_len = size };
        struct iovec remote = { .iov_base = (void *) (uintptr_t) address, .iov_len = size };
        ssize_t n;

        if (size == 0)
                return 0;
        n = process_vm_readv(c->tid, &local, 1, &remote, 1, 0);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EFAULT;
}

int caller_string(const struct caller *c, uint64_t address, char ret[static PATH_MAX]) {
        size_t got = 0;

        while (got < PATH_MAX) {
                /* Never across a page in one go: the next may not be there. */
                size_t chunk = 4096 - (size_t) ((address + got) & 4095);
                int r;

                if (chunk > PATH_MAX - got)
                        chunk = PATH_MAX - got;
                r = caller_read(c, address + got, ret + got, chunk);
                if (r < 0)
                        return r;
                if (memchr(ret + got, '\0', chunk))
                        return 0;
                got += chunk;
        }
        return -ENAMETOOLONG;
}

int caller_status(const struct judge *j, pid_t tid, const char *field, int radix, uint64_t *ret) {
        char path[32], text[4096];
        _cleanup_close_ int fd = -1;
        const char *at;
        ssize_t n;

        snprintf(path, sizeof(path), "%d/status", tid);
        fd = openat(j->proc, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -ESRCH;
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -ESRCH;
        text[n] = '\0';
        /* The first line is the task's name, in which a line break is escaped: fields begin lines.
         */
        at = strstr(text, field);
        if (!at || at == text || at[-1] != '\n')
                return -EIO;
        *ret = strtoull(at + strlen(field), NULL, radix);
        return 0;
}

int caller_umask(const struct caller *c, mode_t *ret) {
        uint64_t value;
        int r = caller_status(c->judge, c->tid, "Umask:", 8, &value);

        if (r >= 0)
                *ret = (mode_t) value & 0777;
        return r;
}

int caller_tgid(struct caller *c) {
        uint64_t value;
        int r;

        if (c->tgid)
                return c->tgid;
        r = caller_status(c->judge, c->tid, "Tgid:", 10, &value);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return -ESRCH; /* it may have been another's by now */
        c->tgid = (pid_t) value;
        return c->tgid;
}

int caller_object(const struct caller *c, int fd, int *ret) {
        char path[48];
        int object;

        if (fd < 0 && fd != AT_FDCWD)
                return -EBADF;
        if (fd == AT_FDCWD)
                snprintf(path, sizeof(path), "%d/cwd", c->tid);
        else
                snprintf(path, sizeof(path), "%d/fd/%d", c->tid, fd);
        object = openat(c->judge->proc, path, O_PATH | O_CLOEXEC);
        if (object < 0)
                return errno == ENOENT ? -EBADF : -errno;
        *ret = object;
        return 0;
}

/* With permission for namespaces of its own, a caller may stand in another view than ours, where
 * our canonical paths mean nothing: then nothing is done for it. */
static int view_shared(const struct caller *c) {
        char path[32];
        struct stat ours, its;

        if (!(c->judge->init->plan->flags & WIRE_PLAN_KEEP_USERNS))
                return 0;
        snprintf(path, sizeof(path), "%d/ns/mnt", c->tid);
        if (fstatat(c->judge->proc, path, &its, 0) < 0 ||
            fstatat(c->judge->proc, "self/ns/mnt", &ours, 0) < 0)
                return -EACCES;
        if (its.st_dev != ours.st_dev || its.st_ino != ours.st_ino)
                return -EACCES;
        snprintf(path, sizeof(path), "%d/root", c->tid);
        if (fstatat(c->judge->proc, path, &its, 0) < 0 || fstat(c->judge->root, &ours) < 0)
                return -EACCES;
        return its.st_dev == ours.st_dev && its.st_ino == ours.st_ino ? 0 : -EACCES;
}

int spot_text(struct caller *c, int dirfd, struct spot *s) {
        int r;

        r = view_shared(c);
        if (r < 0)
                return r;
        if (s->text[0] == '\0')
                return -ENOENT;
        if (s->text[0] == '/')
                return 0;
        return caller_object(c, dirfd, &s->base);
}

int spot_read(struct caller *c, int dirfd, uint64_t address, struct spot *ret) {
        int r = caller_string(c, address, ret->text);

        return r < 0 ? r : spot_text(c, dirfd, ret);
}

/* procfs */

/* File systems that may take .GIT for .git. Which of them does, and for which names, is its
 * server's or its mount options' business; to refuse .GIT on one that does not is no loss. 9P is a
 * Windows drive in WSL, FUSE the host's files in a container on macOS. Not told apart: ext4 and
 * f2fs directories that someone has made so by `chattr +F`. */
static const uint32_t folding[] = {
        MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC, NTFS_SB_MAGIC,    NTFS3_MAGIC,
        SMB_SUPER_MAGIC,   CIFS_SUPER_MAGIC,  SMB2_SUPER_MAGIC, V9FS_MAGIC,
        HFS_MAGIC,         HFSPLUS_MAGIC,     FUSE_SUPER_MAGIC,
};

static bool on_proc(struct caller *c, int fd) {
        struct statfs fs;

        /* What cannot be told is treated with the greater care. */
        if (fstatfs(fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(folding); i++)
                c->folds |= (uint32_t) fs.f_type == folding[i];
        return false;
}

int fd_path(struct caller *c, int fd, char *ret, size_t size) {
        char name[16];
        ssize_t n;

        snprintf(name, sizeof(name), "%d", fd);
        n = readlinkat(c->judge->fds, name, ret, size - 1);
        if (n < 0)
                return -errno;
        if ((size_t) n >= size - 1)
                return -ENAMETOOLONG;
        ret[n] = '\0';
        (void) on_proc(c, fd); /* for what it notes */
        return 0;
}

/* The process whose directory a path under /proc lies in; 0 = none. */
static pid_t proc_owner(const char *path, const char **ret_rest) {
        char *end;
        long pid;

        if (strncmp(path, "/proc/", 6) != 0 || path[6] < '1' || path[6] > '9')
                return 0;
        pid = strtol(path + 6, &end, 10);
        if (*end && *end != '/')
                return 0;
        *ret_rest = *end ? end + 1 : end;
        return (pid_t) pid;
}

bool proc_permitted(struct caller *c, const char *path, bool write) {
        /* Those that the kernel opens for anyone, and judges, if at all, by who reads. The others
         * ask at open() whether the opener may trace the process, and we may. */
        static const char *const open_to_all[] = { "",         "stat",      "statm",
                                                   "status",   "cmdline",   "comm",
                                                   "cgroup",   "oom_score", "limits",
                                                   "loginuid", "sched",     "oom_score_adj",
                                                   "oom_adj",  "schedstat", "sessionid" };
        const char *rest = "", *task;
        pid_t owner = proc_owner(path, &rest);

        if (owner == 0)
                return true; /* of the system: modes and mounts protect those */
        if (owner == c->tid || owner == caller_tgid(c))
                return true;
        if (write && owner == getpid())
                return false;
        task = strncmp(rest, "task/", 5) == 0 ? strchr(rest + 5, '/') : NULL;
        if (task)
                rest = task + 1;
        else if (strncmp(rest, "task", 4) == 0)
                rest = ""; /* a directory of the same */
        for (size_t i = 0; i < ELEMENTSOF(open_to_all); i++)
                if (strcmp(rest, open_to_all[i]) == 0)
                        return true;
        return false;
}

/* A symlink on procfs: gives its text, or for a magic link the object. */
static int proc_link(struct caller *c, int dir, const char *name, char *text, int *ret_object) {
        char path[PATH_MAX];
        const char *rest;
        struct stat st;
        ssize_t n;
        int r, tgid = caller_tgid(c);
        _cleanup_close_ int ordinary = -1;

        if (tgid < 0)
                return tgid;
        r = fd_path(c, dir, path, sizeof(path));
        if (r < 0)
                return r;
        /* Another procfs somewhere in the view: whose processes these are is unknown. */
        if (fstat(dir, &st) < 0 || st.st_dev != c->judge->proc_dev)
                return -EACCES;
        if (strcmp(path, "/proc") == 0 && strcmp(name, "self") == 0) {
                snprintf(text, PATH_MAX, "%d", tgid);
                return 0;
        }
        if (strcmp(path, "/proc") == 0 && strcmp(name, "thread-self") == 0) {
                snprintf(text, PATH_MAX, "%d/task/%d", tgid, c->tid);
                return 0;
        }
        ordinary = sys_openat2(dir, name, O_PATH, RESOLVE_NO_MAGICLINKS);
        if (ordinary >= 0) {
                n = readlinkat(dir, name, text, PATH_MAX - 1);
                if (n < 0)
                        return -errno;
                text[n] = '\0';
                return 0;
        }
        if (errno != ELOOP)
                return -errno;
        if (proc_owner(path, &rest) != tgid && proc_owner(path, &rest) != c->tid)
                return -EACCES;
        *ret_object = openat(dir, name, O_PATH | O_CLOEXEC);
        return *ret_object < 0 ? -errno : 0;
}

/* Reads a symlink, whose text has to be followed from `dir`; or gives what a magic link leads to.
 */
static int link_read(struct caller *c, int dir, const char *name, char *text, int *ret_object) {
        ssize_t n;

        if (on_proc(c, dir))
                return proc_link(c, dir, name, text, ret_object);
        n = readlinkat(dir, name, text, PATH_MAX - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return n > 0 ? 0 : -ENOENT;
}

/* One component onward from *cur; *rest gets what a symlink puts in its place. */
static int walk_step(struct caller *c, int *cur, const char *part, char rest[static PATH_MAX],
                     unsigned *links) {
        _cleanup_close_ int next = -1, object = -1;
        char text[PATH_MAX];
        struct stat st;
        size_t length, left;
        int r;

        next = openat(*cur, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 || fstat(next, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode)) {
                if (++*links > LINKS_MAX)
                        return -ELOOP;
                r = link_read(c, *cur, part, text, &object);
                if (r < 0)
                        return r;
                if (object < 0) {
                        length = strlen(text);
                        left = strlen(rest);
                        if (length + 1 + left >= PATH_MAX)
                                return -ENAMETOOLONG;
                        memmove(rest + length + 1, rest, left + 1);
                        memcpy(rest, text, length);
                        rest[length] = '/';
                        if (text[0] != '/')
                                return 0;
                        fd_closep(&next);
                        next = fcntl(c->judge->root, F_DUPFD_CLOEXEC, 0);
                        if (next < 0)
                                return -errno;
                } else {
                        fd_closep(&next);
                        next = TAKE_FD(object);
                }
        }
        close(*cur);
        *cur = TAKE_FD(next);
        return 0;
}

/* Walks in user space; gives a directory. */
static int walk(struct caller *c, int base, const char *text, unsigned *links, int *ret) {
        _cleanup_close_ int cur = fcntl(base, F_DUPFD_CLOEXEC, 0);
        char rest[PATH_MAX];
        struct stat st;

        if (cur < 0)
                return -errno;
        snprintf(rest, sizeof(rest), "%s", text);
        for (;;) {
                char part[NAME_MAX + 1];
                size_t skip = strspn(rest, "/"), size = strcspn(rest + skip, "/");
                int r;

                if (size == 0)
                        break;
                if (size > NAME_MAX)
                        return -ENAMETOOLONG;
                memcpy(part, rest + skip, size);
                part[size] = '\0';
                memmove(rest, rest + skip + size, strlen(rest + skip + size) + 1);
                r = walk_step(c, &cur, part, rest, links);
                if (r < 0)
                        return r;
        }
        if (fstat(cur, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        *ret = TAKE_FD(cur);
        return 0;
}

/* The directory part: into p->dir. `text` is "" for the base itself. */
static int place_directory(struct caller *c, int base, const char *text, unsigned *links,
                           struct place *p) {
        int fd, r;

        if (text[strspn(text, "/")] == '\0' && !on_proc(c, base)) {
                p->dir = base;
                return 0;
        }
        fd = sys_openat2(base, *text ? text : ".", O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
        if (fd < 0 && errno != ELOOP)
                return -errno;
        if (fd >= 0 && on_proc(c, fd)) {
                close(fd);
                fd = -1;
        }
        if (fd < 0) {
                struct stat st;

                p->walked = true;
                r = walk(c, base, text, links, &fd);
                if (r < 0)
                        return r;
                p->proc = on_proc(c, fd);
                if (p->proc && (fstat(fd, &st) < 0 || st.st_dev != c->judge->proc_dev)) {
                        close(fd);
                        return -EACCES;
                }
        }
        p->dir = p->owned = fd;
        return 0;
}

/* The canonical path of a directory, by going there: half the cost of asking /proc/self/fd, and one
 * that was removed, or lies outside of the view, is told apart. */
static int directory_path(int dir, char ret[static PATH_MAX]) {
        if (fchdir(dir) < 0)
                return -errno;
        if (syscall(SYS_getcwd, ret, PATH_MAX) < 0)
                return errno == ERANGE ? -ENAMETOOLONG : -errno;
        return ret[0] == '/' ? 0 : -EACCES; /* "(unreachable)" */
}

/* Splits a text into directory and last component and finds the directory. */
static int place_parent(struct caller *c, int base, const char *text, unsigned *links,
                        struct place *p) {
        char directory[PATH_MAX];
        size_t length = strlen(text), end = length, start, n;
        int r;

        while (end > 0 && text[end - 1] == '/')
                end--;
        p->slash = end > 0 && end < length;
        for (start = end; start > 0 && text[start - 1] != '/'; start--)
                ;
        if (end - start > NAME_MAX)
                return -ENAMETOOLONG;
        memcpy(directory, text, start);
        directory[start] = '\0';
        /* "/" itself: the kernel gives the right answers for its ".". */
        n = end == 0 ? 1 : end - start;
        memcpy(p->name, end == 0 ? "." : text + start, n);
        p->name[n] = '\0';
        memcpy(p->full, p->name, n);
        strcpy(p->full + n, p->slash ? "/" : "");
        r = place_directory(c, base, directory, links, p);
        if (r < 0)
                return r;
        r = directory_path(p->dir, p->path);
        if (r < 0)
                return r;
        n = strlen(p->path);
        if (n == 1)
                n = 0;
        p->path[n++] = '/';
        strcpy(p->path + n, p->name);
        return 0;
}

/* A directory that was borrowed from `base` becomes the place's own. */
static int place_own(struct place *p, int *base) {
        if (*base >= 0 && p->owned < 0 && p->dir == *base)
                p->owned = TAKE_FD(*base);
        return 0;
}

int place_find(struct caller *c, const struct spot *s, enum place_mode mode, struct place *ret) {
        char text[PATH_MAX] = "";
        _cleanup_close_ int base = -1; /* where a link's text is followed from */
        const char *at = s->text;
        unsigned links = 0;
        int from = s->base;

        for (;;) {
                int r;

                r = place_parent(c, *at == '/' ? c->judge->root : from, at, &links, ret);
                if (r < 0)
                        return r;
                if (mode == PLACE_PARENT)
                        return 0;
                ret->exists = fstatat(ret->dir, ret->name, &ret->st, AT_SYMLINK_NOFOLLOW) == 0;
                if (!ret->exists && errno != ENOENT)
                        return -errno;
                if (mode != PLACE_FOLLOW || !ret->exists || !S_ISLNK(ret->st.st_mode))
                        return place_own(ret, &base);
                if (++links > LINKS_MAX)
                        return -ELOOP;
                r = link_read(c, ret->dir, ret->name, text, &ret->object);
                if (r < 0)
                        return r;
                if (ret->object >= 0)
                        return fstat(ret->object, &ret->st) < 0 ? -errno : 0;
                /* The directory becomes the base. One that is borrowed outlives us. */
                from = ret->dir;
                if (ret->owned >= 0) {
                        fd_closep(&base);
                        base = TAKE_FD(ret->owned);
                }
                ret->dir = -1;
                ret->proc = false;
                at = text;
        }
}

int place_pin(const struct place *p) {
        int fd = openat(p->dir, p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}
