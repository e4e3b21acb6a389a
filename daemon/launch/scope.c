/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A control group of its own for each session (decision 15): below leash.slice where systemd runs,
 * by asking it for a scope, which is the only way to get one that it will not tear down
 * (CGROUP_DELEGATION.md); else below /sys/fs/cgroup/leash. Never below leashd's own unit: sandboxes
 * outlive a restart of leashd. All groups of one user lie below one more, see user.c.
 *
 * The group is delegated: it belongs to the user, so that the session makes its sandboxes' groups
 * itself and asks nobody. The limits of the whole stay root's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../backends/linux/cgroup_file.h"
#include "../../backends/posix/socket.h"
#include "transient.h"
#include "launch.h"

#define OURS "leash"
#define SWEPT_AWAY 10
#define GROUPS_MAX "8192" /* of one session: LIMIT_SANDBOXES, and as many that are on their way */

/* What a delegated group's owner may write (cgroup-v2.rst, "Model of Delegation"). */
static const char *const delegated[] = { ".", "cgroup.procs", "cgroup.threads",
                                         "cgroup.subtree_control" };
static const char *const controllers[] = { "+memory", "+pids", "+cpu", "+io" };

/* What all sandboxes of one session may take together when nobody says anything. Some of the memory
 * has to be left for those who would end them; a share of the processes is systemd's own default
 * (DefaultTasksMax=, systemd-system.conf(5)), which its scopes have. */
#define MEMORY_PERCENT 80
#define PROCESSES_PERCENT 15

static uint64_t memory_share(void) {
        long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

        return pages > 0 && size > 0 ? (uint64_t) pages * (uint64_t) size / 100 * MEMORY_PERCENT
                                     : 0;
}

static uint64_t processes_share(void) {
        static const char *const counts[] = { "/proc/sys/kernel/pid_max",
                                              "/proc/sys/kernel/threads-max" };
        uint64_t least = UINT64_MAX;

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                uint64_t n = cgroup_read_key(AT_FDCWD, counts[i], NULL);
                if (n > 0 && n < least)
                        least = n;
        }
        return least == UINT64_MAX ? 0 : least / 100 * PROCESSES_PERCENT;
}

static void limit(int group, const char *file, uint64_t n) {
        char text[32];

        snprintf(text, sizeof text, "%llu", (unsigned long long) n);
        if (n > 0) /* without the controller there is no such file */
                (void) cgroup_write(group, file, text);
}

int scope_open_root(void) {
        static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        struct statfs s;

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++)
                if (statfs(mounts[i], &s) == 0 && s.f_type == CGROUP2_SUPER_MAGIC)
                        return open(mounts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return -1;
}

int scope_open_ours(void) {
        _cleanup_(fd_closep) int root = scope_open_root();

        return root < 0 ? -1 : openat(root, OURS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int make_group(int parent, const char *name) {
        /* Its owner has to come by, through groups of root's. */
        mode_t was = umask(022);
        int r = mkdirat(parent, name, 0755);
        (void) umask(was);
        if (r < 0 && errno != EEXIST)
                return -1;
        return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int delegate(int group, uid_t uid, gid_t gid) {
        for (size_t i = 0; i < ELEMENTSOF(delegated); i++)
                if (fchownat(group, delegated[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
                    errno != ENOENT)
                        return -errno;
        return 0;
}

/* A session needs one for itself and one for each sandbox, side by side. Whoever owns a group makes
 * as many below as he likes and deeper than any sweep goes; each of them is the kernel's memory and
 * everybody's time. These two files stay root's. */
static int bound(int group) {
        int r = cgroup_write(group, "cgroup.max.depth", "1");

        return r < 0 ? r : cgroup_write(group, "cgroup.max.descendants", GROUPS_MAX);
}

/* Into a leaf: a group whose children shall have controllers has no process of its own. */
static int settle(int group, const struct launch_request *rq) {
        _cleanup_(fd_closep) int leaf = make_group(group, CGROUP_LEAF);

        if (leaf < 0)
                return -errno;
        int r = bound(group);
        if (r >= 0)
                r = cgroup_write(leaf, "cgroup.procs", "0");
        if (r >= 0)
                r = delegate(leaf, rq->uid, rq->gid);
        return r < 0 ? r : delegate(group, rq->uid, rq->gid);
}

/* Where the kernel or another v1 hierarchy keeps a controller, it stays off. */
static void enable_controllers(int group) {
        for (size_t i = 0; i < ELEMENTSOF(controllers); i++)
                (void) cgroup_write(group, "cgroup.subtree_control", controllers[i]);
}

static int make_session_group(int ours, const struct totals *totals, uid_t uid) {
        char name[64];

        snprintf(name, sizeof name, "%u-%d", uid, (int) getpid());
        _cleanup_(fd_closep) int user = user_group(ours, uid);
        if (user < 0)
                return user;
        enable_controllers(user);
        user_limit(user, totals);
        int group = make_group(user, name);
        return group < 0 ? -errno : group;
}

static int enter_plain(const struct launch *l, const struct launch_request *rq) {
        _cleanup_(fd_closep) int root = scope_open_root();
        if (root < 0)
                return -ENOENT;
        enable_controllers(root);
        _cleanup_(fd_closep) int ours = make_group(root, OURS);
        if (ours < 0)
                return -errno;
        enable_controllers(ours);
        _cleanup_(fd_closep) int group = -ENOENT;
        /* The user's group may just be swept away, being empty. */
        for (unsigned i = 0; i < SWEPT_AWAY && group == -ENOENT; i++)
                group = make_session_group(ours, l->totals, rq->uid);
        if (group < 0)
                return group;
        limit(group, "memory.max", memory_share());
        limit(group, "pids.max", processes_share());
        return settle(group, rq);
}

/* Empty groups inside, deepest first; a group is removed by rmdir(2) although it holds files. */
static bool remove_group(int parent, const char *name, unsigned depth) {
        _cleanup_(fd_closep) int fd =
                openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *d = fd >= 0 && depth > 0 ? fdopendir(dup(fd)) : NULL;

        for (struct dirent *e; d && (e = readdir(d));)
                if (e->d_type == DT_DIR && e->d_name[0] != '.')
                        (void) remove_group(fd, e->d_name, depth - 1);
        if (d)
                closedir(d);
        return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static bool is_running(const struct launch *l, int ours, const char *name) {
        const char *dash = strchr(name, '-');
        pid_t pid = dash ? (pid_t) strtol(dash + 1, NULL, 10) : 0;

        for (size_t i = 0; i < l->n_children; i++)
                if (l->children[i].pid == pid)
                        return true;
        /* Of a leash-launch before us, or of another one: its session lives on while it has its end
         * of the socket. A zombie that nobody has waited for is in no group. */
        _cleanup_(fd_closep) int group = openat(ours, name, O_DIRECTORY | O_CLOEXEC);
        /* From another user namespace, in a container that was given the host's groups, we may not
         * signal it: EPERM says that it is there. */
        return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) &&
               cgroup_read_key(group, "cgroup.events", "populated") > 0;
}

/* Somebody is in its leaf: a session, or a warden that is about to end. It may be one of a leashd
 * in another pid namespace that shares the control groups (a container), whose numbers say nothing
 * here: not ours to kill. */
static bool has_session(int ours, const char *name) {
        char leaf[NAME_MAX + sizeof("/" CGROUP_LEAF)];

        snprintf(leaf, sizeof leaf, "%s/" CGROUP_LEAF, name);
        _cleanup_(fd_closep) int fd = openat(ours, leaf, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd >= 0 && cgroup_read_key(fd, "cgroup.events", "populated") > 0;
}

void scope_end(uid_t uid, pid_t pid) {
        char path[128];
        _cleanup_(fd_closep) int root = scope_open_root();

        snprintf(path, sizeof path,
                 scope_is_systemd() ? "leash.slice/leash-%u.slice/leash-%u-%d.scope"
                                    : OURS "/%u/%u-%d",
                 uid, uid, (int) pid);
        _cleanup_(fd_closep) int group =
                root < 0 ? -1 : openat(root, path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (group >= 0)
                (void) cgroup_write(group, "cgroup.kill", "1");
}

/* One session's; whether nothing of it is left. */
static bool sweep_session(const struct launch *l, int parent, const char *name) {
        if (is_running(l, parent, name))
                return true;
        if (has_session(parent, name))
                return false;
        /* Nothing of a session outlives it. */
        _cleanup_(fd_closep) int group = openat(parent, name, O_DIRECTORY | O_CLOEXEC);
        (void) cgroup_write(group, "cgroup.kill", "1");
        /* Its user, who may make groups in it, shall not while they are removed. */
        bool ours = fchownat(group, ".", 0, 0, AT_SYMLINK_NOFOLLOW) == 0;
        return remove_group(parent, name, 3) && ours;
}

static bool sweep_in(const struct launch *l, int parent, bool users);

/* A user's, of which nothing may be known any more: it goes with the last session. */
static bool sweep_user(const struct launch *l, int ours, const char *name) {
        _cleanup_(fd_closep) int user = openat(ours, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool clean = user < 0 || sweep_in(l, user, false);

        (void) unlinkat(ours, name, AT_REMOVEDIR);
        return clean;
}

/* Of a session: "UID-PID", in its user's group, "UID". (Beside those, where a leash-launch before
 * us has put it.) */
static bool sweep_in(const struct launch *l, int parent, bool users) {
        int copy = fcntl(parent, F_DUPFD_CLOEXEC, 0);
        DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
        bool clean = true;

        for (struct dirent *e; d && (e = readdir(d));) {
                if (e->d_type != DT_DIR || e->d_name[0] == '.')
                        continue;
                if (strchr(e->d_name, '-'))
                        clean &= sweep_session(l, parent, e->d_name);
                else if (users)
                        clean &= sweep_user(l, parent, e->d_name);
        }
        if (d)
                closedir(d);
        else
                fd_close(copy);
        return clean;
}

bool scope_sweep(const struct launch *l) {
        _cleanup_(fd_closep) int ours = scope_open_ours();

        return ours < 0 || sweep_in(l, ours, true);
}

#ifdef HAVE_LIBSYSTEMD
static int enter_scope(const struct launch *l, const struct launch_request *rq) {
        const uint32_t pid = (uint32_t) getpid();
        char unit[64], what[64], slice[32], path[512];

        snprintf(unit, sizeof unit, "leash-%u-%u.scope", rq->uid, pid);
        snprintf(slice, sizeof slice, "leash-%u.slice", rq->uid);
        snprintf(what, sizeof what, "leash: sandboxes of uid %u", rq->uid);
        int r = transient_scope_start(&(struct transient_scope){ .unit = unit,
                                                                 .description = what,
                                                                 .slice = slice,
                                                                 .pids = &pid,
                                                                 .n_pids = 1,
                                                                 .memory_max = memory_share() },
                                      path, sizeof path);
        if (r < 0)
                return r;
        user_limit_slice(rq->uid, l->totals);
        _cleanup_(fd_closep) int root = scope_open_root();
        _cleanup_(fd_closep) int group =
                root < 0 ? -1 : openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return group < 0 ? -ENOENT : settle(group, rq);
}
#endif

bool scope_is_systemd(void) {
#ifdef HAVE_LIBSYSTEMD
        return access("/run/systemd/system", F_OK) == 0; /* sd_booted(3) */
#else
        return false;
#endif
}

int scope_enter(const struct launch *l, const struct launch_request *rq) {
#ifdef HAVE_LIBSYSTEMD
        if (scope_is_systemd())
                return enter_scope(l, rq);
#endif
        return enter_plain(l, rq);
}
