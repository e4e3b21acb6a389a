/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The calls that open, make, move and remove names, done on the caller's behalf. Each goes the same
 * way: copy the arguments, find the place, ask the names, act relative to the directory that was
 * asked about.
 */
#include "judge-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

/* What open(2) knows; it ignores other bits, openat2(2) refuses them. */
#define OPEN_FLAGS                                                                            \
        (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | \
         O_ASYNC | O_DIRECT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_TMPFILE)
/* What fcntl(F_SETFL) may set again. */
#define SET_FLAGS (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC)
/* major numbers of ttys whose open() waits for a carrier: serial, USB and embedded ones
 * (Documentation/admin-guide/devices.txt) */
static const unsigned serial_majors[] = { 4, 22, 166, 188, 204, 216 };

int place_allowed(const struct caller *c, const char *path, bool write) {
        if (!names_deny(c, path, write))
                return 0;
        caller_denied(c, path, EACCES, write);
        return -EACCES;
}

/* A read-only mount of the view refuses what the policy refuses: told, unless the file's own
 * permissions would have refused it anyway, which access(2) asks first. `name` is what would be
 * changed: a file, or "." for the directory's entries. */
static int place_failed(const struct caller *c, const struct place *p, const char *name, int r) {
        if (r == -EROFS && faccessat(p->dir, name, W_OK, 0) < 0 && errno == EROFS)
                caller_denied(c, p->path, EROFS, true);
        return r;
}

/* Returns the old umask. Init's own is what commands start with, so it is put back at once. */
mode_t umask_enter(const struct caller *c) {
        mode_t mask;

        /* The strictest one, should the caller be gone: nobody will see the file. */
        return umask(caller_umask(c, &mask) < 0 ? 077 : mask);
}

static bool writes(uint64_t flags) {
        return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int give(const struct caller *c, int *fd, uint64_t flags, bool regular) {
        return caller_give(c, fd, flags & O_CLOEXEC, !regular || (flags & O_ACCMODE) != O_RDONLY);
}

/* Opens what cannot block (a regular file under a lease can, unless asked not to), relative to its
 * directory. O_NOCTTY: init leads a session and has no terminal; it must not get one. */
static int open_plain(int dir, const char *name, uint64_t flags, mode_t mode, int *ret) {
        struct open_how how = {
                .flags = flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                .mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode & 07777 : 0,
                .resolve = RESOLVE_NO_SYMLINKS,
        };
        int fd = (int) syscall(SYS_openat2, dir, name, &how, sizeof(how));

        if (fd < 0)
                return -errno;
        if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, (int) (flags & SET_FLAGS)) < 0) {
                close(fd);
                return -EIO;
        }
        *ret = fd;
        return 0;
}

/* Opens what exists, with a caller's flags. Not through libc: its checking open() ends the program
 * when O_CREAT comes without a mode. */
static int open_there(const char *path, uint64_t flags) {
        uint64_t making = O_CREAT | O_EXCL | O_NOFOLLOW;
        long fd = syscall(SYS_openat, AT_FDCWD, path, (flags & ~making) | O_CLOEXEC | O_NOCTTY, 0);

        return fd < 0 ? -errno : (int) fd;
}

static int reopen(int object, uint64_t flags) {
        char path[32];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", object);
        return open_there(path, flags);
}

static int open_work(const struct caller *c, const struct work *w) {
        _cleanup_close_ int fd = reopen(w->object, w->flags);

        return fd < 0 ? fd : give(c, &fd, w->flags, false);
}

/* The caller's controlling terminal: field 7 of proc_pid_stat(5). */
static int terminal_of(const struct caller *c, dev_t *ret) {
        char path[32], text[512], *end;
        _cleanup_close_ int fd = -1;
        unsigned number, device;
        ssize_t n;

        snprintf(path, sizeof(path), "%d/stat", c->tid);
        fd = openat(c->judge->proc, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -ENXIO;
        text[n] = '\0';
        end = strrchr(text, ')');
        if (!end || end[1] != ' ' || !end[2])
                return -ENXIO;
        end += 3; /* behind ") S": parent, group, session, terminal */
        for (int i = 0; i < 3; i++)
                (void) strtol(end, &end, 10);
        number = (unsigned) strtol(end, &end, 10);
        if (*end != ' ')
                return -ENXIO;
        device = number >> 8 & 0xfff;
        if (device < 136 ||
            device > 143) /* UNIX98_PTY_SLAVE_MAJOR: no other terminal is ever inside */
                return -ENXIO;
        *ret = makedev(device, (number & 0xff) | (number >> 12 & 0xfff00));
        return 0;
}

static bool is_own_terminal(const struct caller *c, const struct stat *st) {
        dev_t own;

        return S_ISCHR(st->st_mode) && major(st->st_rdev) >= 136 && major(st->st_rdev) <= 143 &&
               terminal_of(c, &own) == 0 && own == st->st_rdev;
}

/* /dev/tty is whatever terminal controls the one who opens it; init has none. */
static int open_terminal(const struct caller *c, uint64_t flags) {
        _cleanup_close_ int tty = -1;
        struct stat st;
        char path[32];
        dev_t own;

        if (terminal_of(c, &own) < 0)
                return -ENXIO;
        snprintf(path, sizeof(path), "/dev/pts/%u", minor(own) + (major(own) - 136) * (1u << 20));
        tty = open_there(path, flags);
        if (tty < 0 || fstat(tty, &st) < 0)
                return -ENXIO;
        if (!S_ISCHR(st.st_mode))
                return -ENXIO;
        return give(c, &tty, flags, false);
}

static bool may_block(const struct stat *st, uint64_t flags) {
        if (flags & O_NONBLOCK)
                return false;
        if (S_ISFIFO(st->st_mode))
                return (flags & O_ACCMODE) != O_RDWR; /* fifo(7) */
        if (S_ISCHR(st->st_mode))
                for (size_t i = 0; i < ELEMENTSOF(serial_majors); i++)
                        if (major(st->st_rdev) == serial_majors[i])
                                return true;
        return false;
}

/* Opens exactly the object that `object` refers to. */
static int open_object(struct caller *c, int object, uint64_t flags) {
        struct work work = { .run = open_work, .fd = -1, .object = object, .flags = flags };
        _cleanup_close_ int fd = -1;
        struct stat st;
        bool file;

        if (fstat(object, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode) && (flags & O_CREAT))
                return -EISDIR;
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 0))
                return open_terminal(c, flags);
        if (may_block(&st, flags))
                return caller_work(c, &work);
        file = S_ISREG(st.st_mode) && !(flags & O_NONBLOCK);
        fd = reopen(object, file ? flags | O_NONBLOCK : flags);
        if (fd == -EAGAIN && file)
                return caller_work(c, &work); /* a lease has to be given up first: fcntl(2) */
        if (fd < 0)
                return fd;
        if (file && fcntl(fd, F_SETFL, (int) (flags & SET_FLAGS)) < 0)
                return -EIO;
        return give(c, &fd, flags, S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

/* A read-only mount keeps nobody from writing into a pipe: nothing on the disk changes (fifo(7)).
 * So does Landlock not, where the mount lies below a private directory: its rules hold across
 * mounts. But whoever reads the pipe is outside. */
static int pipe_allowed(const struct caller *c, int object, const struct stat *st, const char *path,
                        uint64_t flags) {
        struct statvfs fs;

        if (!S_ISFIFO(st->st_mode) || !writes(flags))
                return 0;
        if (fstatvfs(object, &fs) < 0)
                return -errno;
        if (!(fs.f_flag & ST_RDONLY))
                return 0;
        caller_denied(c, path, EROFS, true);
        return -EROFS;
}

static bool covers(int have, uint64_t wanted) {
        have &= O_ACCMODE;
        return have == O_RDWR || (uint64_t) have == (wanted & O_ACCMODE);
}

/* "> /dev/stderr" opens the file behind a standard stream once more. A file of the host that is in
 * no view cannot be opened again; whoever has it gets what it has. Not truncated: what others wrote
 * into a shared log is not the caller's to throw away. */
static int open_stream(struct caller *c, int object, uint64_t flags) {
        struct stat wanted, st;

        if (fstat(object, &wanted) < 0 || !S_ISREG(wanted.st_mode))
                return -EACCES;
        for (int i = 0; i < 3; i++) {
                _cleanup_close_ int fd = -1;

                if (caller_take(c, i, &fd) < 0 || fstat(fd, &st) < 0 ||
                    st.st_dev != wanted.st_dev || st.st_ino != wanted.st_ino)
                        continue;
                if (covers(fcntl(fd, F_GETFL), flags))
                        return give(c, &fd, flags, true);
        }
        return -EACCES;
}

/* What was reached through a magic link, or is a directory called "." or "..": its path is the
 * kernel's. */
static int open_judged(struct caller *c, int object, uint64_t flags) {
        char path[PATH_MAX];
        struct stat st;
        int r = fd_path(c, object, path, sizeof(path));

        if (r < 0)
                return r;
        if (fstat(object, &st) < 0)
                return -errno;
        /* Pipes and the like have no path, deleted files none any more. The caller's own
         * terminal may be opened by any name, /dev/stdin for example. */
        if (path[0] == '/' && st.st_nlink > 0 && !is_own_terminal(c, &st)) {
                r = place_allowed(c, path, writes(flags));
                if (r < 0)
                        return r;
                if (!proc_permitted(c, path, writes(flags)))
                        return -EACCES;
                r = pipe_allowed(c, object, &st, path, flags);
                if (r < 0)
                        return r;
                if (writes(flags) && S_ISREG(st.st_mode))
                        caller_trusted(c, path);
        }
        r = open_object(c, object, flags);
        return r == -EACCES ? open_stream(c, object, flags) : r;
}

/* O_TMPFILE: a file in a directory, but without a name. */
static int open_unnamed(struct caller *c, int dir, uint64_t flags, mode_t mode) {
        _cleanup_close_ int fd = -1;
        char path[PATH_MAX];
        mode_t old;
        int r = fd_path(c, dir, path, sizeof(path));

        if (r >= 0)
                r = place_allowed(c, path, true);
        if (r < 0)
                return r;
        old = umask_enter(c);
        r = open_plain(dir, ".", flags, mode, &fd);
        umask(old);
        return r < 0 ? r : give(c, &fd, flags, true);
}

static int open_new(struct caller *c, const struct place *p, uint64_t flags, mode_t mode) {
        _cleanup_close_ int fd = -1;
        mode_t old;
        int r;

        if (!(flags & O_CREAT))
                return -ENOENT;
        if (p->slash)
                return -EISDIR;
        r = place_allowed(c, p->path, true);
        if (r < 0)
                return r;
        old = umask_enter(c);
        r = open_plain(p->dir, p->name, flags, mode, &fd);
        umask(old);
        if (r < 0)
                return place_failed(c, p, ".", r);
        caller_trusted(c, p->path);
        c->made = true;
        return give(c, &fd, flags, true);
}

/* /dev/null and the like, which every shell script opens: they neither block nor care who has them.
 */
static bool is_memory(const struct stat *st) {
        return S_ISCHR(st->st_mode) && major(st->st_rdev) == 1;
}

static int open_existing(struct caller *c, const struct place *p, uint64_t flags, mode_t mode) {
        _cleanup_close_ int fd = -1;
        int r;

        if (p->slash && (flags & O_CREAT))
                return -EISDIR;
        if (p->slash)
                flags |= O_DIRECTORY;
        r = place_allowed(c, p->path, writes(flags));
        if (r < 0)
                return r;
        if (p->proc && !proc_permitted(c, p->path, writes(flags)))
                return -EACCES;
        if (S_ISREG(p->st.st_mode) || S_ISDIR(p->st.st_mode) || S_ISLNK(p->st.st_mode) ||
            is_memory(&p->st)) {
                r = open_plain(p->dir, p->name, flags, mode, &fd);
                if (r >= 0 && writes(flags) && S_ISREG(p->st.st_mode))
                        caller_trusted(c, p->path); /* changed is as good as made */
                if (r >= 0 && is_memory(&p->st))
                        flags &= ~(uint64_t) O_ACCMODE; /* nobody notices when ours is closed */
                if (r >= 0)
                        return give(c, &fd, flags, true);
                if (r != -EAGAIN || (flags & O_NONBLOCK))
                        return place_failed(c, p, p->name, r);
        }
        if ((flags & O_CREAT) && (flags & O_EXCL))
                return -EEXIST;
        fd = place_pin(p);
        if (fd < 0)
                return fd;
        r = pipe_allowed(c, fd, &p->st, p->path, flags);
        return r < 0 ? r : open_object(c, fd, flags);
}

static bool is_dots(const char *name) {
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int judge_open(struct caller *c, int dirfd, uint64_t path, uint64_t flags, mode_t mode) {
        _cleanup_spot_ struct spot s = { .base = -1 };
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        bool unnamed, follow;
        int r;

        /* As seccomp_table.c has it where nobody judges: no set-user-id file outlives the sandbox.
         */
        if ((flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) && mode & S_ISUID)
                return -EPERM;

        if (flags & O_PATH)
                return caller_continue_path(c);
        flags &= OPEN_FLAGS;
        unnamed = (flags & O_TMPFILE) == O_TMPFILE;
        follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
        r = spot_read(c, dirfd, path, &s);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        follow |= s.text[strlen(s.text) - 1] == '/' && !(flags & O_CREAT);
        r = place_find(c, &s, follow ? PLACE_FOLLOW : PLACE_STAT, &p);
        if (r < 0)
                return r;
        if (p.object < 0 && p.exists && (unnamed || is_dots(p.name))) {
                p.object = place_pin(&p);
                if (p.object < 0)
                        return p.object;
        }
        if (unnamed)
                return p.object >= 0 ? open_unnamed(c, p.object, flags, mode) : -ENOENT;
        if (p.object >= 0)
                return open_judged(c, p.object, p.slash ? flags | O_DIRECTORY : flags);
        return p.exists ? open_existing(c, &p, flags, mode) : open_new(c, &p, flags, mode);
}

/* The place of a name that is to be made or removed. The names are not asked yet. */
static int place_take(struct caller *c, int dirfd, uint64_t path, enum place_mode mode,
                      struct place *ret) {
        _cleanup_spot_ struct spot s = { .base = -1 };
        int r = spot_read(c, dirfd, path, &s);

        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        r = place_find(c, &s, mode, ret);
        if (r < 0)
                return r;
        if (ret->dir == s.base)
                ret->owned = TAKE_FD(s.base); /* it would be closed with the spot */
        return 0;
}

int judge_mkdir(struct caller *c, int dirfd, uint64_t path, mode_t mode) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        mode_t old;
        int r = place_take(c, dirfd, path, PLACE_STAT, &p);

        if (r == 0)
                r = p.exists ? -EEXIST : place_allowed(c, p.path, true);
        if (r != 0)
                return r;
        old = umask_enter(c);
        r = mkdirat(p.dir, p.full, mode) < 0 ? -errno : 0;
        umask(old);
        if (r == 0)
                caller_trusted(c, p.path);
        return place_failed(c, &p, ".", r);
}

int judge_mknod(struct caller *c, int dirfd, uint64_t path, mode_t mode, dev_t dev) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        mode_t old;
        int r = place_take(c, dirfd, path, PLACE_PARENT, &p);

        if (r == 0)
                r = place_allowed(c, p.path, true);
        if (r != 0)
                return r;
        if (mode & S_ISUID)
                return -EPERM;
        if (S_ISBLK(mode) || S_ISCHR(mode))
                return -EPERM; /* mknod(2), without CAP_MKNOD */
        old = umask_enter(c);
        r = mknodat(p.dir, p.full, mode, dev) < 0 ? -errno : 0;
        umask(old);
        if (r == 0)
                caller_trusted(c, p.path);
        return place_failed(c, &p, ".", r);
}

/* A symlink that stands where a denied name's directory would be is that name by another way, at
 * least for the host. */
static int link_allowed(const struct caller *c, const char *path) {
        if (!names_lead(c, path))
                return 0;
        caller_denied(c, path, EACCES, true);
        return -EACCES;
}

int judge_symlink(struct caller *c, uint64_t target, int dirfd, uint64_t path) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        char text[PATH_MAX];
        int r = caller_string(c, target, text);

        if (r < 0)
                return r;
        r = place_take(c, dirfd, path, PLACE_PARENT, &p);
        if (r == 0)
                r = place_allowed(c, p.path, true);
        if (r == 0)
                r = link_allowed(c, p.path);
        if (r != 0)
                return r;
        if (symlinkat(text, p.dir, p.full) < 0)
                return place_failed(c, &p, ".", -errno);
        caller_trusted(c, p.path);
        return 0;
}

int judge_unlink(struct caller *c, int dirfd, uint64_t path, int flags) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        int r;

        if (flags & ~AT_REMOVEDIR)
                return -EINVAL;
        r = place_take(c, dirfd, path, PLACE_PARENT, &p);
        if (r == 0)
                r = place_allowed(c, p.path, true);
        if (r != 0)
                return r;
        return place_failed(c, &p, ".", unlinkat(p.dir, p.full, flags) < 0 ? -errno : 0);
}

/* An open and an ftruncate, because truncate(2) would wait for a lease. */
int judge_truncate(struct caller *c, uint64_t path, int64_t length) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        _cleanup_spot_ struct spot s = { .base = -1 };
        _cleanup_close_ int object = -1, fd = -1;
        char canonical[PATH_MAX];
        struct rlimit limit;
        int r;

        if (length < 0)
                return -EINVAL;
        r = spot_read(c, AT_FDCWD, path, &s);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        r = place_find(c, &s, PLACE_FOLLOW, &p);
        if (r < 0)
                return r;
        if (!p.exists && p.object < 0)
                return -ENOENT;
        if (!S_ISREG(p.st.st_mode))
                return S_ISDIR(p.st.st_mode) ? -EISDIR : -EINVAL;
        if (p.slash)
                return -ENOTDIR;
        object = p.object >= 0 ? TAKE_FD(p.object) : place_pin(&p);
        if (object < 0)
                return object;
        r = fd_path(c, object, canonical, sizeof(canonical));
        if (r < 0)
                return r;
        r = place_allowed(c, canonical, true);
        if (r < 0)
                return r;
        if (!proc_permitted(c, canonical, true))
                return -EACCES;
        if (prlimit(c->tid, RLIMIT_FSIZE, NULL, &limit) == 0 && (uint64_t) length > limit.rlim_cur)
                return -EFBIG;
        fd = reopen(object, O_WRONLY | O_NONBLOCK);
        if (fd < 0)
                return fd;
        if (ftruncate(fd, length) < 0)
                return -errno;
        caller_trusted(c, canonical);
        return 0;
}

static bool same_mount(const struct place *a, const struct place *b) {
        struct statx x, y;

        if (statx(a->dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ||
            statx(b->dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) < 0)
                return true;
        if (x.stx_mask & y.stx_mask & STATX_MNT_ID) /* Linux 5.8 */
                return x.stx_mnt_id == y.stx_mnt_id;
        return x.stx_dev_major == y.stx_dev_major && x.stx_dev_minor == y.stx_dev_minor;
}

/* May what lies at `from` stand at `to`? */
static int move_allowed(const struct caller *c, const struct place *from, const struct place *to) {
        if (S_ISDIR(from->st.st_mode) && !names_keep(c, from->path, to->path, false)) {
                /* What the kernel would say: mv and others then copy, and each name is judged. */
                if (!same_mount(from, to))
                        return -EXDEV;
                caller_denied(c, from->path, EACCES, true);
                return -EACCES;
        }
        return S_ISLNK(from->st.st_mode) ? link_allowed(c, to->path) : 0;
}

static void move_trusted(const struct caller *c, const struct place *from, const struct place *to) {
        if (S_ISDIR(from->st.st_mode))
                caller_moved(c, from->path, to->path, !names_keep(c, from->path, to->path, true));
        else
                caller_trusted(c, to->path);
}

int judge_rename(struct caller *c, int from_dirfd, uint64_t from, int to_dirfd, uint64_t to,
                 unsigned flags) {
        _cleanup_place_ struct place a = { .dir = -1, .owned = -1, .object = -1 };
        _cleanup_place_ struct place b = { .dir = -1, .owned = -1, .object = -1 };
        int r = place_take(c, from_dirfd, from, PLACE_STAT, &a);

        if (r == 0)
                r = place_take(c, to_dirfd, to, PLACE_STAT, &b);
        if (r == 0 && !a.exists)
                r = -ENOENT;
        if (r == 0)
                r = place_allowed(c, a.path, true);
        if (r == 0)
                r = place_allowed(c, b.path, true);
        if (r == 0)
                r = move_allowed(c, &a, &b);
        if (r == 0 && (flags & RENAME_EXCHANGE) && b.exists)
                r = move_allowed(c, &b, &a);
        if (r != 0)
                return r;
        if (syscall(SYS_renameat2, a.dir, a.full, b.dir, b.full, flags) < 0)
                return place_failed(c, &b, ".", -errno);
        move_trusted(c, &a, &b);
        if (flags & RENAME_EXCHANGE)
                move_trusted(c, &b, &a);
        return 0;
}

/* What is to be linked, as a descriptor. */
static int link_source(struct caller *c, int dirfd, uint64_t path, int flags, int *ret) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        _cleanup_spot_ struct spot s = { .base = -1 };
        int r = caller_string(c, path, s.text), object;

        if (r < 0)
                return r;
        if (s.text[0] == '\0' && (flags & AT_EMPTY_PATH)) {
                r = caller_object(c, dirfd, ret);
                if (r < 0)
                        return r;
                return caller_valid(c) ? 0 : ANSWERED;
        }
        r = spot_text(c, dirfd, &s);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        r = place_find(c, &s, flags & AT_SYMLINK_FOLLOW ? PLACE_FOLLOW : PLACE_STAT, &p);
        if (r < 0)
                return r;
        if (p.object < 0 && !p.exists)
                return -ENOENT;
        if (p.slash)
                return S_ISDIR(p.st.st_mode) ? -EPERM : -ENOTDIR;
        object = p.object >= 0 ? TAKE_FD(p.object) : place_pin(&p);
        if (object < 0)
                return object;
        *ret = object;
        return 0;
}

int judge_link(struct caller *c, int from_dirfd, uint64_t from, int to_dirfd, uint64_t to,
               int flags) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        _cleanup_close_ int source = -1;
        char path[PATH_MAX], link[32];
        struct stat st;
        int r;

        if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
                return -EINVAL;
        r = link_source(c, from_dirfd, from, flags, &source);
        if (r == 0)
                r = place_take(c, to_dirfd, to, PLACE_PARENT, &p);
        if (r == 0)
                r = place_allowed(c, p.path, true);
        if (r == 0)
                r = fd_path(c, source, path, sizeof(path));
        if (r != 0)
                return r;
        if (fstat(source, &st) < 0)
                return -errno;
        /* A file without a name (O_TMPFILE) is judged by the one it gets. */
        if (st.st_nlink > 0)
                r = place_allowed(c, path, true);
        if (r == 0 && S_ISLNK(st.st_mode))
                r = link_allowed(c, p.path);
        if (r != 0)
                return r;
        snprintf(link, sizeof(link), "%d", source);
        if (linkat(c->judge->fds, link, p.dir, p.full, AT_SYMLINK_FOLLOW) < 0)
                return place_failed(c, &p, ".", -errno);
        caller_trusted(c, p.path);
        return 0;
}
