/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One user's sessions (one for each set of groups he calls with) lie below one group of root's, and
 * the administrator's totals are written there: what is below cannot have more (cgroup-v2.rst,
 * "Top-down Constraint"). Under systemd that group is the slice leash-UID.slice, whose limits are
 * systemd's to set.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/linux/cgroup_file.h"
#include "../../backends/posix/socket.h"
#include "launch.h"
#include "transient.h"

static void write_limit(int group, const char *file, uint64_t n) {
        char text[32] = "max";

        if (n > 0)
                snprintf(text, sizeof text, "%" PRIu64, n);
        (void) cgroup_write(group, file, text); /* without the controller there is no such file */
}

int user_group(int ours, uid_t uid) {
        char name[16];

        snprintf(name, sizeof name, "%u", uid);
        mode_t was = umask(022); /* its sessions read what is used */
        int r = mkdirat(ours, name, 0755);
        (void) umask(was);
        if (r < 0 && errno != EEXIST)
                return -errno;
        int fd = openat(ours, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

void user_limit(int group, const struct totals *t) {
        uint32_t seen;

        do {
                seen = t->generation;
                write_limit(group, "memory.max", t->memory_bytes);
                write_limit(group, "pids.max", t->processes);
        } while (t->generation != seen);
}

#ifdef HAVE_LIBSYSTEMD
/* What was set in this way once; an administrator's own drop-ins are elsewhere. */
static bool was_limited(const char *slice, const char *property) {
        char path[128];

        snprintf(path, sizeof path, "/run/systemd/system.control/%s.d/50-%s.conf", slice, property);
        return access(path, F_OK) == 0;
}

void user_limit_slice(uid_t uid, const struct totals *t) {
        uint32_t seen;
        char slice[32];

        snprintf(slice, sizeof slice, "leash-%u.slice", uid);
        do {
                seen = t->generation;
                uint64_t memory = t->memory_bytes, processes = t->processes;
                if (memory > 0 || was_limited(slice, "MemoryMax"))
                        (void) transient_limit(slice, "MemoryMax", memory ?: UINT64_MAX);
                if (processes > 0 || was_limited(slice, "TasksMax"))
                        (void) transient_limit(slice, "TasksMax", processes ?: UINT64_MAX);
        } while (t->generation != seen);
}
#else
void user_limit_slice(uid_t uid, const struct totals *t) {
}
#endif

static bool is_slice(const char *name, uid_t *ret) { /* leash-UID.slice */
        static const char prefix[] = "leash-";
        const char *digits = name + sizeof(prefix) - 1;
        char *end;

        if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || *digits < '0' || *digits > '9')
                return false;
        unsigned long n = strtoul(digits, &end, 10);
        if (strcmp(end, ".slice") != 0 || n >= UINT32_MAX)
                return false;
        *ret = (uid_t) n;
        return true;
}

/* Those that there are, also of sessions that a leash-launch before us has started. */
static void limit_slices(const struct totals *t) {
        _cleanup_(fd_closep) int root = scope_open_root();
        int slice = root < 0 ? -1 : openat(root, "leash.slice", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = slice >= 0 ? fdopendir(slice) : NULL;
        pid_t pid = d ? fork() : -1; /* systemd may take its time: nobody waits for it */

        for (struct dirent *e; pid == 0 && (e = readdir(d));) {
                uid_t uid;
                if (is_slice(e->d_name, &uid))
                        user_limit_slice(uid, t);
        }
        if (pid == 0)
                _exit(0);
        if (d)
                closedir(d);
        else
                fd_close(slice);
}

void users_limit(const struct launch *l) {
        if (scope_is_systemd()) {
                limit_slices(l->totals);
                return;
        }
        int ours = scope_open_ours();
        DIR *d = ours >= 0 ? fdopendir(ours) : NULL;

        for (struct dirent *e; d && (e = readdir(d));) {
                if (e->d_type != DT_DIR || e->d_name[strspn(e->d_name, "0123456789")])
                        continue;
                _cleanup_(fd_closep) int group =
                        openat(ours, e->d_name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (group >= 0)
                        user_limit(group, l->totals);
        }
        if (d)
                closedir(d);
        else
                fd_close(ours);
}
