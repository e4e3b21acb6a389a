/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which limit was reached, and whose. A sandbox's own group has its own limits; all that a user
 * runs is held by the groups above: the session's, with what is built in, and in system mode the
 * user's, with the administrator's (daemon/launch/user.c). All of them can be read by anybody.
 *
 * Since Linux 6.12 pids.events tells in which group the limit was (cgroup-v2.rst, "PID Interface
 * Files"), and pids.events.local tells it without what is below. Before, a refused fork was counted
 * where it was tried.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "linux.h"

uint64_t engine_oom_kills(const struct engine *en) {
        return en->group < 0 ? 0 : cgroup_read_key(en->group, "memory.events", "oom_kill");
}

/* As leash-launch names them: without systemd, with it. */
static void name_user_group(uid_t uid, bool slice, char *ret, size_t size) {
        (void) snprintf(ret, size, slice ? "leash-%u.slice" : "%u", uid);
}

/* Is it this user's, and not the one of all users? */
static bool is_users(const char *path) {
        const char *slash = strrchr(path, '/');
        char plain[32], slice[32];

        name_user_group(geteuid(), false, plain, sizeof(plain));
        name_user_group(geteuid(), true, slice, sizeof(slice));
        return slash && (strcmp(slash + 1, plain) == 0 || strcmp(slash + 1, slice) == 0);
}

void engine_groups_open(struct engine *en) {
        char path[sizeof(en->facts.cgroup_path)];
        char *slash;

        if (!en->facts.cgroup_v2)
                return;
        (void) snprintf(path, sizeof(path), "%s", en->facts.cgroup_path);
        en->group = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        slash = strrchr(path, '/');
        if (en->warden < 0 || !slash)
                return;
        *slash = '\0';
        if (is_users(path))
                en->user_group = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void engine_groups_close(struct engine *en) {
        fd_closep(&en->group);
        fd_closep(&en->user_group);
        en->group = en->user_group = -1;
}

/* Of the user's group, or of the session's, whose share is built in, where that is less. */
static void total(const struct engine *en, const char *current, const char *max,
                  struct engine_total *ret) {
        const int groups[] = { en->user_group, en->group };

        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                uint64_t limit;

                if (groups[i] < 0 || faccessat(groups[i], max, F_OK, 0) < 0)
                        continue;
                limit = cgroup_read_key(groups[i], max, NULL); /* "max" is 0 */
                if (ret->counted && (limit == 0 || (ret->max > 0 && ret->max <= limit)))
                        continue;
                *ret = (struct engine_total){ true, cgroup_read_key(groups[i], current, NULL),
                                              limit };
        }
}

void engine_totals(const struct engine *en, struct engine_totals *ret) {
        *ret = (struct engine_totals){};
        if (en->user_group < 0)
                return;
        total(en, "memory.current", "memory.max", &ret->memory_bytes);
        total(en, "pids.current", "pids.max", &ret->processes);
}

void engine_totals_of(const struct engine *en, uid_t uid, struct engine_totals *ret) {
        struct engine other = { .group = -1, .user_group = -1 };
        char name[32], path[64];

        for (int slice = 0; slice < 2 && other.user_group < 0 && en->user_group >= 0; slice++) {
                name_user_group(uid, slice, name, sizeof(name));
                (void) snprintf(path, sizeof(path), "../%s", name);
                other.user_group = openat(en->user_group, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        engine_totals(&other, ret);
        engine_groups_close(&other);
}

static bool tells_where(const struct engine *en) {
        return en->group >= 0 && faccessat(en->group, "pids.events.local", F_OK, 0) == 0;
}

void reached_mark(const struct engine *en, int cgroup, struct reached_marks *ret) {
        *ret = (struct reached_marks){};
        if (en->facts.cgroup_memory)
                ret->oom = cgroup < 0 ? engine_oom_kills(en)
                                      : cgroup_read_key(cgroup, "memory.events", "oom_kill");
        if (!en->facts.cgroup_pids)
                return;
        if (cgroup >= 0)
                ret->own = cgroup_read_key(cgroup, "pids.events", "max");
        if (tells_where(en)) {
                ret->total = cgroup_read_key(en->group, "pids.events.local", "max");
                if (en->user_group >= 0)
                        ret->total += cgroup_read_key(en->user_group, "pids.events.local", "max");
        } else if (cgroup < 0 && en->group >= 0) {
                ret->total = cgroup_read_key(en->group, CGROUP_LEAF "/pids.events", "max");
        }
}

/* Before Linux 6.12: was the fork that was refused in there refused by its own limit? pids.peak is
 * of Linux 6.1. */
static bool is_own(const struct engine *en, int cgroup, const struct plan *plan) {
        uint64_t peak;

        if (plan->limits.processes == 0)
                return false;
        if (tells_where(en))
                return true;
        peak = cgroup_read_key(cgroup, "pids.peak", NULL);
        return peak == 0 || peak >= plan->limits.processes;
}

unsigned reached_since(const struct engine *en, int cgroup, const struct plan *plan,
                       const struct reached_marks *then) {
        struct reached_marks now;
        unsigned reached = 0;

        reached_mark(en, cgroup, &now);
        if (now.own > then->own)
                reached |= 1u << (is_own(en, cgroup, plan) ? BOX_LIMIT_PROCESSES
                                                           : BOX_LIMIT_USER_PROCESSES);
        if (now.total > then->total)
                reached |= 1u << BOX_LIMIT_USER_PROCESSES;
        if (now.oom > then->oom)
                reached |= reached_memory(cgroup, plan);
        return reached;
}

unsigned reached_memory(int cgroup, const struct plan *plan) {
        bool own = cgroup >= 0 && plan->limits.memory_bytes > 0 &&
                   cgroup_read_key(cgroup, "memory.events.local", "oom") > 0;

        return 1u << (own ? BOX_LIMIT_MEMORY : BOX_LIMIT_USER_MEMORY);
}
