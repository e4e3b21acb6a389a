/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Control groups by plain file operations below one directory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"

/* The kernel's default, and its finest useful grain. */
#define CPU_PERIOD_US 100000u
#define CPU_QUOTA_MIN_US 1000u /* the kernel refuses less */

/* One round of freezing or dying; then what is left is looked at again. */
#define FREEZE_MS 50

static const struct {
        const char *name;
        size_t fact;
} controllers[] = {
        { "+memory", offsetof(struct facts, cgroup_memory) },
        { "+pids", offsetof(struct facts, cgroup_pids) },
        { "+cpu", offsetof(struct facts, cgroup_cpu) },
        { "+io", offsetof(struct facts, cgroup_io) },
};

static int move_to_leaf(int group) {
        int leaf, r = 0;

        if (mkdirat(group, CGROUP_LEAF, 0755) < 0 && errno != EEXIST)
                return -errno;
        leaf = openat(group, CGROUP_LEAF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (leaf < 0)
                return -errno;
        if (cgroup_has_process(group, getppid()))
                r = cgroup_add(leaf, getppid());
        if (r == 0 && cgroup_has_process(group, getpid()))
                r = cgroup_add(leaf, getpid());
        (void) close(leaf);
        return r;
}

static int prepare(int group, const struct facts *f) {
        int r;

        /* The root of the hierarchy is the only group without a type, and may have both processes
         * and children with controllers. */
        if (faccessat(group, "cgroup.type", F_OK, 0) == 0) {
                r = move_to_leaf(group);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(controllers); i++) {
                if (!*(const bool *) ((const char *) f + controllers[i].fact))
                        continue;
                r = cgroup_write(group, "cgroup.subtree_control", controllers[i].name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int open_group(const struct facts *f) {
        int fd;

        if (!f->cgroup_v2)
                return -EOPNOTSUPP;
        fd = open(f->cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int cgroup_prepare(const struct facts *f, struct error *e) {
        int group, r;

        if (!f->cgroup_memory && !f->cgroup_pids && !f->cgroup_cpu && !f->cgroup_io)
                return 0;
        group = open_group(f);
        if (group < 0)
                return error_set(e, ERROR_IO, -group, "cannot open the control group %s: %s",
                                 f->cgroup_path, strerror(-group));
        r = prepare(group, f);
        (void) close(group);
        if (r < 0)
                return error_set(
                        e, ERROR_IO, -r,
                        "cannot divide the control group %s: %s; start leash in a group of its "
                        "own (systemd-run --user --scope -p Delegate=yes)",
                        f->cgroup_path, strerror(-r));
        return 0;
}

static int write_number(int fd, const char *file, uint64_t n) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%" PRIu64, n);
        return cgroup_write(fd, file, text);
}

static int write_cpu(int fd, uint64_t millis) {
        uint64_t quota = millis * (CPU_PERIOD_US / 1000);
        char text[64];

        if (quota < CPU_QUOTA_MIN_US)
                quota = CPU_QUOTA_MIN_US;
        (void) snprintf(text, sizeof(text), "%" PRIu64 " %u", quota, CPU_PERIOD_US);
        return cgroup_write(fd, "cpu.max", text);
}

static int write_memory(int fd, uint64_t bytes) {
        int r = write_number(fd, "memory.max", bytes);

        if (r < 0)
                return r;
        /* Without this, the limit is only where swapping begins. Absent on kernels without swap. */
        r = cgroup_write(fd, "memory.swap.max", "0");
        if (r < 0 && r != -ENOENT)
                return r;
        /* Half a sandbox is of no use: all of it ends, and the reason is plain. */
        return cgroup_write(fd, "memory.oom.group", "1");
}

static int write_limits(int fd, const struct cgroup_limits *l, const char **ret_what) {
        int r = 0;

        if (l->memory_bytes) {
                *ret_what = "memory";
                r = write_memory(fd, l->memory_bytes);
        }
        if (r == 0 && l->processes) {
                *ret_what = "number of processes";
                r = write_number(fd, "pids.max", l->processes);
        }
        if (r == 0 && l->cpu_millis) {
                *ret_what = "cpu";
                r = write_cpu(fd, l->cpu_millis);
        }
        if (r == 0 && l->io_weight) {
                *ret_what = "share of disks";
                r = write_number(fd, "io.weight", l->io_weight); /* the default one */
        }
        return r;
}

int cgroup_new(const struct facts *f, const char *name, const struct cgroup_limits *limits,
               int *ret_fd, struct error *e) {
        int group = open_group(f), fd, r;
        const char *what = "";

        if (group < 0)
                return error_set(e, ERROR_IO, -group, "cannot open the control group %s: %s",
                                 f->cgroup_path, strerror(-group));
        if (mkdirat(group, name, 0755) < 0) {
                r = -errno;
                (void) close(group);
                return error_set(e, ERROR_IO, -r, "cannot make the control group %s/%s: %s",
                                 f->cgroup_path, name, strerror(-r));
        }
        fd = openat(group, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : write_limits(fd, limits, &what);
        if (r < 0) {
                if (fd >= 0)
                        (void) close(fd);
                (void) unlinkat(group, name, AT_REMOVEDIR);
                (void) close(group);
                return error_set(e, ERROR_IO, -r, "cannot limit the %s of a control group: %s",
                                 what, strerror(-r));
        }
        (void) close(group);
        *ret_fd = fd;
        return 0;
}

int cgroup_add(int fd, pid_t pid) {
        return write_number(fd, "cgroup.procs", (uint64_t) pid);
}

/* A line for each device: "8:0 rbytes=1 wbytes=2 rios=3 …" */
static void io_usage(int fd, struct cgroup_usage *ret) {
        char text[4096] = "";

        if (cgroup_read(fd, "io.stat", text, sizeof(text)) < 0)
                return;
        for (const char *p = text; (p = strstr(p, "bytes=")); p += strlen("bytes=")) {
                uint64_t n = strtoull(p + strlen("bytes="), NULL, 10);

                if (p - text >= 2 && p[-1] == 'r' && p[-2] == ' ')
                        ret->io_read += n;
                if (p - text >= 2 && p[-1] == 'w' && p[-2] == ' ')
                        ret->io_written += n;
        }
}

void cgroup_usage(int fd, struct cgroup_usage *ret) {
        *ret = (struct cgroup_usage){
                .oom_kills = cgroup_read_key(fd, "memory.events", "oom_kill"),
                .forks_refused = cgroup_read_key(fd, "pids.events", "max"),
                .memory_peak = cgroup_read_key(fd, "memory.peak", NULL),
                .cpu_us = cgroup_read_key(fd, "cpu.stat", "usage_usec"),
                .processes_peak = cgroup_read_key(fd, "pids.peak", NULL),
        };
        io_usage(fd, ret);
}

uint64_t cgroup_memory(int fd) {
        return cgroup_read_key(fd, "memory.current", NULL);
}

static uint64_t now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* Until cgroup.events says `key value`, or the time is over. The kernel reports a change by
 * POLLPRI. */
static int wait_event(int fd, const char *key, uint64_t value, uint64_t deadline_ms) {
        struct pollfd p = { .fd = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC),
                            .events = POLLPRI };
        int r = 0;

        if (p.fd < 0)
                return -errno;
        for (;;) {
                uint64_t now;

                if (cgroup_key(p.fd, key) == value)
                        break;
                now = now_ms();
                if (now >= deadline_ms) {
                        r = -ETIMEDOUT;
                        break;
                }
                (void) poll(&p, 1, (int) (deadline_ms - now));
        }
        (void) close(p.fd);
        return r;
}

int cgroup_freeze(int fd) {
        return cgroup_write(fd, "cgroup.freeze", "1");
}

bool cgroup_is_frozen(int fd) {
        return wait_event(fd, "frozen", 1, 0) >= 0;
}

void cgroup_thaw(int fd) {
        (void) cgroup_write(fd, "cgroup.freeze", "0");
}

int cgroup_kill_frozen(int fd, unsigned timeout_ms) {
        uint64_t deadline = now_ms() + timeout_ms;
        pid_t pids[256];
        int r = -ETIMEDOUT;

        while (r == -ETIMEDOUT && now_ms() < deadline) {
                size_t n;

                /* Frozen processes cannot fork; SIGKILL reaches them all the same. */
                if (cgroup_write(fd, "cgroup.freeze", "1") == 0)
                        (void) wait_event(fd, "frozen", 1, now_ms() + FREEZE_MS);
                n = cgroup_processes(fd, pids, ELEMENTSOF(pids));
                for (size_t i = 0; i < n; i++)
                        (void) kill(pids[i], SIGKILL);
                r = wait_event(fd, "populated", 0, now_ms() + FREEZE_MS);
        }
        (void) cgroup_write(fd, "cgroup.freeze", "0");
        return r;
}

int cgroup_kill(int fd, unsigned timeout_ms) {
        int r = cgroup_write(fd, "cgroup.kill", "1");

        if (r == -ENOENT)
                return cgroup_kill_frozen(fd, timeout_ms);
        if (r < 0)
                return r;
        return wait_event(fd, "populated", 0, now_ms() + timeout_ms);
}

int cgroup_remove(const struct facts *f, const char *name, int fd) {
        int group = open_group(f), r = 0;

        (void) close(fd);
        if (group < 0)
                return group;
        if (unlinkat(group, name, AT_REMOVEDIR) < 0)
                r = -errno;
        (void) close(group);
        return r;
}
