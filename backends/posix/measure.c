/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What counts are the blocks that are taken, not the size that is shown: holes are free,
 * fallocate(2) is not. A file with several names is counted once in all, each name by its share. A
 * name that takes no block takes a part of a directory and an inode all the same.
 *
 * Every step is relative to a directory descriptor, follows no symlink and enters no other file
 * system: nothing that is mounted there and has another device. Another device alone says nothing,
 * a file in an overlay and a subvolume of btrfs have one, too (overlayfs.rst, "Inode properties";
 * stat(2) of btrfs). What lies deeper than MEASURE_DEPTH, or may not be listed, is not looked into,
 * and that is said.
 */
#include "measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif

#define MEASURE_DEPTH 64 /* open directories at once; real trees are seldom half as deep */
#define BLOCK_BYTES 512  /* what st_blocks counts: stat(3type) */

struct measure {
        DIR *dirs[MEASURE_DEPTH];
        size_t depth;
        uint32_t major, minor;
        struct timespec since;
        struct measured found;
};

static int push(struct measure *m, int dir, const char *name) {
        _cleanup_(fd_closep) int fd =
                openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
        /* O_NOATIME is for owners: open(2). */
        if (fd < 0 && errno == EPERM)
                fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        DIR *d = fdopendir(fd);
        if (!d)
                return -ENOMEM;
        (void) TAKE_FD(fd);
        m->dirs[m->depth++] = d;
        return 0;
}

int measure_new(int fd, const struct timespec *since, struct measure **ret) {
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0)
                return -errno;
        struct measure *m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        m->major = st.stx_dev_major;
        m->minor = st.stx_dev_minor;
        m->since = *since;
        int r = push(m, fd, ".");
        if (r == -EACCES) /* code inside has taken our right to list it */
                m->found.unseen = true;
        else if (r < 0) {
                free(m);
                return r;
        }
        *ret = m;
        return 0;
}

struct measure *measure_free(struct measure *m) {
        if (m) {
                while (m->depth > 0)
                        closedir(m->dirs[--m->depth]);
                free(m);
        }
        return NULL;
}

static bool is_before(const struct statx_timestamp *t, const struct timespec *since) {
        return t->tv_sec != since->tv_sec ? t->tv_sec < since->tv_sec : t->tv_nsec < since->tv_nsec;
}

/* Before Linux 5.8 the device is all that is known. */
static bool is_elsewhere(const struct measure *m, const struct statx *st) {
        if (st->stx_dev_major == m->major && st->stx_dev_minor == m->minor)
                return false;
        return !(st->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
               st->stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static void look(struct measure *m, const char *name) {
        int dir = dirfd(m->dirs[m->depth - 1]);
        struct statx st;

        if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                  STATX_TYPE | STATX_NLINK | STATX_BLOCKS | STATX_BTIME, &st) < 0) {
                m->found.unseen |= errno != ENOENT;
                return;
        }
        if (is_elsewhere(m, &st))
                return;
        m->found.entries++;
        uint64_t bytes = st.stx_blocks * BLOCK_BYTES;
        bool is_dir = S_ISDIR(st.stx_mode);
        if (!is_dir && st.stx_nlink > 1)
                bytes /= st.stx_nlink;
        if (bytes < MEASURE_NAME_BYTES)
                bytes = MEASURE_NAME_BYTES;
        /* Without a time of birth nothing is known to be new. */
        if (st.stx_mask & STATX_BTIME && !is_before(&st.stx_btime, &m->since))
                m->found.new_bytes += bytes;
        else
                m->found.old_bytes += bytes;
        if (is_dir && (m->depth == MEASURE_DEPTH || push(m, dir, name) < 0))
                m->found.unseen = true;
}

int measure_step(struct measure *m, unsigned entries, struct measured *ret) {
        while (m->depth > 0 && entries-- > 0) {
                struct dirent *de = readdir(m->dirs[m->depth - 1]);
                if (!de)
                        closedir(m->dirs[--m->depth]);
                else if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
                        look(m, de->d_name);
        }
        *ret = m->found;
        return m->depth > 0;
}
