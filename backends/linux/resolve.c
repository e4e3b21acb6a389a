/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every path of a plan is looked up here, once, with the user's own rights, in the mount namespace
 * of the leash-init that will use it (decision 7): a descriptor of the session's own namespace
 * could not be mounted there. From then on only descriptors travel, so nobody can swap a symlink in
 * between.
 */
#include "linux.h"

#include <string.h>
#include <sys/stat.h>

static bool is_top_level(const char *path) {
        return !strchr(relative(path), '/');
}

int found_look(int dir, const char *path, int flags, struct found *ret) {
        struct statx st;

        if (statx(dir, path, flags, STATX_INO | STATX_BTIME, &st) < 0)
                return -errno;
        *ret = (struct found){ .major = st.stx_dev_major,
                               .minor = st.stx_dev_minor,
                               .inode = st.stx_ino,
                               .seconds = st.stx_btime.tv_sec,
                               .nanoseconds = st.stx_btime.tv_nsec };
        return 0;
}

/* Masks of system paths lie where the host has them, at every level; those inside private parts of
 * the view are leash-init's to find. */
bool mount_is_moot(struct engine *en, int root, const struct plan_mount *m, struct found *found) {
        bool system = m->optional && strcmp(m->field, "/level") == 0;
        int r;

        *found = (struct found){};
        if (m->kind != MOUNT_HIDE)
                return false;
        if (system && absent_known(&en->absent, root, m->target))
                return true;
        r = found_look(root, relative(m->target), AT_SYMLINK_NOFOLLOW, found);
        if (!system || r != -ENOENT)
                return false;
        absent_note(&en->absent, m->target);
        return true;
}

int mount_resolve(struct engine *en, int root, const struct plan_mount *m, struct error *e) {
        uint64_t flags = O_PATH, resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
        int fd;

        if (m->optional && absent_known(&en->absent, root, m->source))
                return -ENOENT;
        if (!m->optional)
                resolve |= RESOLVE_NO_SYMLINKS; /* it was canonical when the session looked */
        else if (is_top_level(m->source))
                flags |= O_NOFOLLOW; /* /bin -> usr/bin is made again in the view */
        fd = sys_openat2(root, relative(m->source), flags, resolve);
        if (fd >= 0)
                return fd;
        if (m->optional) {
                if (errno == ENOENT)
                        absent_note(&en->absent, m->source);
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
