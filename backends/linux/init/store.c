/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One tmpfs for all that is the sandbox's own: /tmp, /run, the home, /dev/shm, a working directory
 * that nobody looks at from outside. Each is a directory of it, on a mount of its own, so a limit
 * of its size is one of all of them together, and nothing that is written can be counted twice or
 * not at all: open files without a name, holes and links are the kernel's to count.
 */
#include "init.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define STORE "store"
/* A name takes about a kilobyte of the kernel's memory, also where its file is empty, so names are
 * limited with the bytes; the base is for the directories that are there from the start. */
#define BYTES_PER_NAME 4096
#define NAMES_BASE 1024

int staging_store(struct init *in) {
        /* tmpfs(5): the kernel's own default, here once for all directories. */
        static const char *const options[] = { "mode", "0755", "size", "50%", NULL };
        _cleanup_close_ int store = -1, target = -1;
        int r;

        store = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (store < 0)
                return store;
        if (mkdirat(in->staging, STORE, 0755) < 0)
                return -errno;
        target = openat(in->staging, STORE, O_PATH | O_CLOEXEC);
        r = target < 0 ? -errno : mount_attach(store, target);
        if (r < 0)
                return r;
        /* How full it is, the session may ask for; nothing can be opened through it. */
        in->store = openat(in->staging, STORE, O_PATH | O_CLOEXEC);
        return in->store < 0 ? -errno : 0;
}

static int set(int fs, const char *name, uint64_t value) {
        char text[32];

        snprintf(text, sizeof(text), "%llu", (unsigned long long) value);
        return fsconfig(fs, FSCONFIG_SET_STRING, name, text, 0) < 0 ? -errno : 0;
}

/* Of the file system, not of a mount of it: what was made before is bound, too. */
int store_limit(struct init *in, uint64_t bytes) {
        _cleanup_close_ int fs = fspick(in->staging, STORE, FSPICK_CLOEXEC);
        int r;

        if (fs < 0)
                return -errno;
        r = set(fs, "size", bytes);
        if (r >= 0)
                r = set(fs, "nr_inodes", bytes / BYTES_PER_NAME + NAMES_BASE);
        if (r < 0)
                return r;
        return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int store_directory(struct init *in, unsigned mode) {
        char path[32];

        snprintf(path, sizeof(path), STORE "/%u", in->n_stored++);
        if (mkdirat(in->staging, path, mode) < 0) /* our umask is 0 */
                return -errno;
        return mount_clone(in->staging, path, false);
}
