/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Giving up: init's own privileges once the view stands, and the walls of each command between fork
 * and exec, in the order of architecture section 4: rlimits, Landlock, seccomp last.
 */
#include "init.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../landlock.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Nested user namespaces are refused by seccomp, too; this holds even where the filter has a hole.
 * Must run before the view is entered, where /proc/sys is read-only. */
int confine_namespaces(struct init *in) {
        _cleanup_close_ int fd = -1;

        /* Without a namespace of our own, the file is the host's. */
        if (in->plan->flags & WIRE_PLAN_KEEP_USERNS || in->bare)
                return 0;
        fd = openat(in->old_root, "proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
                return init_report(in, WIRE_STAGE_NAMESPACES, errno, "user.max_user_namespaces");
        return 0;
}

/* Without CAP_SETPCAP (an ordinary user, or a container's root, in the native tier) the bounding
 * set and securebits stay: no_new_privs alone keeps exec from giving any capability, to uid 0 as
 * well (cap_bprm_creds_from_file() lets none be gained then). */
static int bounding_drop(bool native) {
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return errno == EPERM && native ? 0 : -errno;
        return 0;
}

/* What can be given up before the view is built: a uid 0 must not get any capability back by exec
 * (decision 4), and all of it is locked. */
int confine_early(struct init *in) {
        int r;

        if (prctl(PR_SET_SECUREBITS,
                  SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                          SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                          SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
                  0, 0, 0) < 0 &&
            (errno != EPERM || !in->native))
                return init_report(in, WIRE_STAGE_CREDENTIALS, errno, "securebits");
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return init_report(in, WIRE_STAGE_CREDENTIALS, errno, "ambient capabilities");
        r = bounding_drop(in->native);
        if (r < 0)
                return init_report(in, WIRE_STAGE_CREDENTIALS, -r, "bounding set");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return init_report(in, WIRE_STAGE_CREDENTIALS, errno, "no_new_privs");
        return 0;
}

static int capabilities_drop(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = {};

        return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int confine_self(struct init *in) {
        int r = capabilities_drop();

        if (r < 0)
                return init_report(in, WIRE_STAGE_CREDENTIALS, -r, "capabilities");
        /* Changing capabilities may have made us dumpable again; it must not be so (decision 2). */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return init_report(in, WIRE_STAGE_CREDENTIALS, errno, "dumpable");
        return 0;
}

/* Opened in the final view: a rule taken before something is mounted over its path would not cover
 * it. */
int confine_rules(struct init *in) {
        const struct wire_rule *rule = plan_at(in, in->plan->rules);
        _cleanup_close_ int ruleset = -1, root = -1;
        int abi = in->plan->landlock_abi, r;

        if (!(in->plan->flags & WIRE_PLAN_LANDLOCK))
                return 0;
        ruleset = landlock_ruleset_new(
                abi,
                LANDLOCK_SCOPED | (in->plan->flags & WIRE_PLAN_NATIVE ? LANDLOCK_DENY_NETWORK : 0));
        if (ruleset < 0)
                return init_report(in, WIRE_STAGE_LANDLOCK, -ruleset, "ruleset");
        for (uint64_t i = 0; i < in->plan->n_rules; i++, rule++) {
                const char *path = plan_string(in, rule->path);
                _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

                if (fd < 0 && errno == ENOENT)
                        continue; /* this host has no such directory: nothing to allow */
                if (fd < 0)
                        return init_report(in, WIRE_STAGE_LANDLOCK, errno, path);
                r = landlock_add_path(ruleset, fd, rule->access);
                if (r < 0)
                        return init_report(in, WIRE_STAGE_LANDLOCK, -r, path);
        }
        root = open("/", O_PATH | O_CLOEXEC);
        /* ABI 1 (native only: decision 8) has none; there commands can trace each other. */
        in->nested = landlock_keeps_renames(abi)
                             ? landlock_nested_new(abi, root, in->native ? LANDLOCK_SCOPED : 0)
                             : -1;
        if (in->nested < 0 && landlock_keeps_renames(abi))
                return init_report(in, WIRE_STAGE_LANDLOCK, -in->nested, "nested ruleset");
        /* Init lives in the common domain itself: so all commands share it, may signal each other,
         * and what init does on a command's behalf is bound by the command's own rules. */
        r = landlock_enter(ruleset, abi,
                           in->plan->flags & WIRE_PLAN_LOG ? LANDLOCK_LOGGED : LANDLOCK_COMMON);
        return r < 0 ? init_report(in, WIRE_STAGE_LANDLOCK, -r, "domain") : 0;
}

static void program_load(const struct init *in, uint64_t offset, uint64_t n,
                         struct sock_fprog *ret) {
        ret->len = (unsigned short) n;
        ret->filter = (struct sock_filter *) (uintptr_t) plan_at(in, offset);
}

/* The long part of the filter binds init, too, and is inherited by every command: installing it
 * takes a fifth of what starting a small program takes. */
int confine_filter(struct init *in) {
        const struct wire_plan *p = in->plan;

        if (!(p->flags & WIRE_PLAN_SECCOMP))
                return 0; /* the kernel has none, and the caller accepted that */
        program_load(in, p->filter, p->n_filter, &in->filter);
        program_load(in, p->command_filter, p->n_command_filter, &in->command_filter);
        if (in->filter.len == 0 ||
            in->command_filter.len == 0) /* a sandbox without a filter is a bug, never a choice */
                return init_report(in, WIRE_STAGE_SECCOMP, EINVAL, "no filter");
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &in->filter) < 0)
                return init_report(in, WIRE_STAGE_SECCOMP, errno, "filter");
        return 0;
}

/* A command's limit, as far as it is known already; else what it inherits from us. */
static struct rlimit limit_now(const struct init *in, __rlimit_resource_t resource) {
        struct rlimit now = { RLIM_INFINITY, RLIM_INFINITY };

        for (size_t i = 0; i < in->n_limits; i++)
                if (in->limits[i].resource == resource)
                        return in->limits[i].value;
        if (resource == RLIMIT_NOFILE && in->judge)
                return in->files;
        (void) getrlimit(resource, &now);
        return now;
}

static void limit_set(struct init *in, __rlimit_resource_t resource, uint64_t soft, uint64_t hard) {
        struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };
        struct rlimit old = limit_now(in, resource);
        size_t i = 0;

        /* Never above what the user has already. */
        if (old.rlim_max < limit.rlim_max)
                limit.rlim_max = old.rlim_max;
        if (limit.rlim_cur > limit.rlim_max)
                limit.rlim_cur = limit.rlim_max;
        while (i < in->n_limits && in->limits[i].resource != resource)
                i++;
        in->limits[i] = (struct init_limit){ resource, limit };
        if (i == in->n_limits)
                in->n_limits++;
}

/* What the kernel counts for the user of a namespace and, through its parents, for the user outside
 * (inc_rlimit_ucounts()): a sandbox gets a part, so that the rest stays for others. */
static void limit_share(struct init *in, __rlimit_resource_t resource, uint64_t divisor,
                        uint64_t floor) {
        struct rlimit whole = limit_now(in, resource);

        if (whole.rlim_max == RLIM_INFINITY)
                return;
        if (whole.rlim_max / divisor > floor)
                floor = whole.rlim_max / divisor;
        limit_set(in, resource, floor, floor);
}

/* Descriptors on their way through sockets are counted for the user, too, and who has sent more
 * than his own limit gets ETOOMANYREFS (unix(7)). So a command's limit is lower than ours, or none
 * of us could pass one any more. */
#define FILES_KEPT 1024

static void limit_files(struct init *in) {
        const struct wire_plan *p = in->plan;
        struct rlimit files = limit_now(in, RLIMIT_NOFILE);

        /* The judge has raised ours: a command has what we had, in any case. */
        limit_set(in, RLIMIT_NOFILE, files.rlim_cur,
                  files.rlim_max >= 4 * FILES_KEPT ? files.rlim_max - FILES_KEPT : files.rlim_max);
        if (p->limit_nofile)
                limit_set(in, RLIMIT_NOFILE, p->limit_nofile, p->limit_nofile);
        else if (p->soft_nofile) /* the session raised its own; select(2) users need the usual one
                                  */
                limit_set(in, RLIMIT_NOFILE, p->soft_nofile, RLIM_INFINITY);
}

/* Worked out once: a command then costs one call for each that differs from what we have. */
void confine_limits_plan(struct init *in) {
        const struct wire_plan *p = in->plan;

        limit_share(in, RLIMIT_SIGPENDING, 16, 1024);
        limit_share(in, RLIMIT_MSGQUEUE, 16, 65536);
        /* Without a user namespace it is the user's own count, with all that he runs outside. */
        if (!in->native && !in->bare)
                limit_share(in, RLIMIT_NPROC, 4, 1024);
        limit_set(in, RLIMIT_RTPRIO, 0, 0); /* a real-time loop leaves nobody anything */
        limit_set(in, RLIMIT_NICE, 0, 0);
        if (p->limit_fsize)
                limit_set(in, RLIMIT_FSIZE, p->limit_fsize, p->limit_fsize);
        if (p->limit_cpu) /* SIGXCPU first, so that a program can say its last words */
                limit_set(in, RLIMIT_CPU, p->limit_cpu, p->limit_cpu + 5);
        if (p->limit_nproc)
                limit_set(in, RLIMIT_NPROC, p->limit_nproc, p->limit_nproc);
        limit_files(in);
        for (size_t i = in->n_limits; i-- > 0;) {
                const struct init_limit *l = &in->limits[i];
                struct rlimit ours;

                if (getrlimit(l->resource, &ours) == 0 && ours.rlim_cur == l->value.rlim_cur &&
                    ours.rlim_max == l->value.rlim_max)
                        in->limits[i] = in->limits[--in->n_limits];
        }
}

/* `files`: the number of descriptors, which comes after the last one was passed; else all others.
 */
void confine_limits(const struct init *in, bool files) {
        for (size_t i = 0; i < in->n_limits; i++)
                if ((in->limits[i].resource == RLIMIT_NOFILE) == files)
                        (void) setrlimit(in->limits[i].resource, &in->limits[i].value);
}

/* Runs in the child, in init's memory (vfork): it changes nothing there. Returns 0, or -errno with
 * the stage that failed. */
int confine_command(const struct init *in, int *listener, enum wire_stage *ret_stage) {
        unsigned flags = in->plan->flags & WIRE_PLAN_NOTIFY ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
        int r;

        *ret_stage = WIRE_STAGE_LANDLOCK;
        if (in->nested >= 0) {
                r = landlock_enter(in->nested, in->plan->landlock_abi, LANDLOCK_OWN);
                if (r < 0)
                        return r;
        }
        if (in->command_filter.len == 0)
                return 0;
        *ret_stage = WIRE_STAGE_SECCOMP;
        r = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                          flags ? flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0,
                          &in->command_filter);
        if (r < 0 && errno == EINVAL && flags) /* 5.19; what it is good for: judge.h */
                r = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &in->command_filter);
        if (r < 0)
                return -errno;
        *listener = flags ? r : -1;
        return 0;
}
