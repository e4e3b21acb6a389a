/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where sandboxes' groups may be made, and which controllers they can have: by making one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"

/* The second is where systemd's hybrid set-up has it, beside v1. */
static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

static const char *find_mount(void) {
        struct statfs s;

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++)
                if (statfs(mounts[i], &s) == 0 && s.f_type == CGROUP2_SUPER_MAGIC)
                        return mounts[i];
        return NULL;
}

/* The path after "0::" in /proc/self/cgroup; cgroups(7). */
static int own_group(const char *mount, char *ret, size_t size) {
        char text[8192], *line;
        size_t leaf = strlen("/" CGROUP_LEAF), n;

        if (cgroup_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
                return -ENOENT;
        line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
        if (!line)
                return -ENOENT;
        line += *line == '\n';
        line += strlen("0::");
        line[strcspn(line, "\n")] = '\0';
        /* "/../x": outside of what this mount shows. " (deleted)": gone. */
        if (strstr(line, "/..") || strstr(line, " (deleted)"))
                return -ENOENT;
        /* A session that comes after another one's cgroup_prepare() was born in the leaf. */
        n = strlen(line);
        if (n >= leaf && strcmp(line + n - leaf, "/" CGROUP_LEAF) == 0)
                line[n - leaf] = '\0';
        if (strcmp(line, "/") == 0)
                *line = '\0';
        if ((size_t) snprintf(ret, size, "%s%s", mount, line) >= size)
                return -ENAMETOOLONG;
        return 0;
}

static bool has_word(const char *text, const char *word) {
        size_t len = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p += len)
                if ((p == text || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || !p[len]))
                        return true;
        return false;
}

/* A group whose children shall have controllers must have no process of its own; we may move ours,
 * not other people's. */
static bool is_shared(int group) {
        pid_t pids[64];
        size_t n;

        if (faccessat(group, "cgroup.type", F_OK, 0) < 0)
                return false; /* the root of the hierarchy is exempt */
        n = cgroup_processes(group, pids, ELEMENTSOF(pids));
        for (size_t i = 0; i < n; i++)
                if (pids[i] != getpid() && pids[i] != getppid())
                        return true;
        return false;
}

static void probe_controllers(int group, struct facts *f, const char **ret_why) {
        char have[512] = "", on[512] = "";
        bool shared = is_shared(group);

        (void) cgroup_read(group, "cgroup.controllers", have, sizeof(have));
        (void) cgroup_read(group, "cgroup.subtree_control", on, sizeof(on));
        f->cgroup_memory = has_word(shared ? on : have, "memory");
        f->cgroup_pids = has_word(shared ? on : have, "pids");
        f->cgroup_cpu = has_word(shared ? on : have, "cpu");
        f->cgroup_io = has_word(shared ? on : have, "io");
        if (f->cgroup_memory && f->cgroup_pids && f->cgroup_cpu)
                return;
        *ret_why =
                shared ? "Other programs share leash's control group, so it cannot be divided; "
                         "under systemd, systemctl --user enable --now leashd.socket gives it one "
                         "of its own (leashd(8), CONTROL GROUPS)."
                       : "Not all of the memory, pids and cpu controllers are given to leash's "
                         "control "
                         "group (systemd: Delegate=yes; cgroup v1 may hold them).";
}

/* Makes a group and removes it; whether it could. */
static bool try_child(int group, bool *ret_kill) {
        char name[64];
        int child;

        (void) snprintf(name, sizeof(name), "leash.probe.%d", (int) getpid());
        /* EEXIST: of a process with this number that was killed here; empty, so it can be used. */
        if (mkdirat(group, name, 0755) < 0 && errno != EEXIST)
                return false;
        child = openat(group, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child >= 0) {
                *ret_kill = faccessat(child, "cgroup.kill", W_OK, AT_EACCESS) == 0;
                (void) close(child);
        }
        (void) unlinkat(group, name, AT_REMOVEDIR);
        return child >= 0;
}

void cgroup_probe(struct facts *f, const char **ret_why) {
        const char *mount = find_mount();
        char path[sizeof(f->cgroup_path)];
        bool kill = false;
        int group;

        if (!mount) {
                *ret_why = "cgroup v2 is not mounted at /sys/fs/cgroup, so memory and cpu cannot "
                           "be limited.";
                return;
        }
        if (own_group(mount, path, sizeof(path)) < 0) {
                *ret_why = "leash's own control group is not below /sys/fs/cgroup as mounted here.";
                return;
        }
        group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* Moving a process takes the right to write cgroup.procs of the group that holds both. */
        if (group < 0 || faccessat(group, "cgroup.procs", W_OK, AT_EACCESS) < 0 ||
            !try_child(group, &kill)) {
                *ret_why =
                        "leash may not make control groups, so memory and cpu cannot be limited; "
                        "under systemd, systemctl --user enable --now leashd.socket runs it in a "
                        "group of its own (leashd(8), CONTROL GROUPS).";
        } else {
                f->cgroup_v2 = true;
                f->cgroup_kill = kill;
                (void) snprintf(f->cgroup_path, sizeof(f->cgroup_path), "%s", path);
                probe_controllers(group, f, ret_why);
        }
        if (group >= 0)
                (void) close(group);
}
