/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every path of a plan is looked up here, once, with the user's own rights, in the mount namespace
 * of the leash-init that will use it (decision 7): a descriptor of the session's own namespace
 * could not be mounted there. From then on only descriptors travel, so nobody can swap a symlink in
 * between.
 */
#include "linux.h"

#include <string.h>
#include <time.h>

static bool is_top_level(const char *path) {
        return !strchr(relative(path), '/');
}

static uint64_t path_hash(const char *path) { /* FNV-1a, 64 bits */
        uint64_t h = 0xcbf29ce484222325u;

        for (; *path; path++)
                h = (h ^ (unsigned char) *path) * 0x100000001b3u;
        return h;
}

static int64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int mount_resolve(struct engine *en, int root, const struct plan_mount *m, struct error *e) {
        uint64_t flags = O_PATH, resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
        struct absent *absent = NULL;
        uint64_t hash = 0;
        int fd;

        if (m->optional) {
                hash = path_hash(m->source);
                absent = &en->absent[hash % ABSENT_MAX];
                if (absent->hash == hash && now_ms() < absent->until_ms)
                        return -ENOENT;
        }
        if (!m->optional)
                resolve |= RESOLVE_NO_SYMLINKS; /* it was canonical when the session looked */
        else if (is_top_level(m->source))
                flags |= O_NOFOLLOW; /* /bin -> usr/bin is made again in the view */
        fd = sys_openat2(root, relative(m->source), flags, resolve);
        if (fd >= 0)
                return fd;
        if (m->optional) {
                *absent = (struct absent){ .hash = hash, .until_ms = now_ms() + ABSENT_MS };
                return -ENOENT;
        }
        if (errno == ELOOP)
                return error_set(e, ERROR_CONFLICT, ELOOP,
                                 "%s leads through a symbolic link that was not there a moment ago",
                                 m->source);
        return m->field && m->field[0] == '/'
                       ? error_field(e, m->field, "%s: %s", m->source, strerror(errno))
                       : error_set(e, ERROR_IO, errno, "cannot open %s: %s", m->source,
                                   strerror(errno));
}
