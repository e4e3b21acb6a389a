/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Groups that are made, filled, killed and removed. What needs controllers (limits) is skipped by
 * name where leash's group has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../backends/linux/cgroup.h"
#include "../../../backends/linux/cgroup_file.h"
#include "../suite.h"

static const struct cgroup_limits no_limits;

static bool probed(struct facts *f) {
        const char *why = "";

        *f = (struct facts){ 0 };
        cgroup_probe(f, &why);
        if (!f->cgroup_v2)
                fprintf(stderr, "skipped: %s\n", why);
        return f->cgroup_v2;
}

static const char *group_name(void) {
        static char name[64];

        snprintf(name, sizeof(name), "leash-test-%d", (int) getpid());
        return name;
}

static int make(const struct facts *f, const struct cgroup_limits *l) {
        struct error e = ERROR_NULL;
        int fd = -1;

        ck_assert_msg(cgroup_new(f, group_name(), l, &fd, &e) == 0, "%s", e.message);
        ck_assert_int_ge(fd, 0);
        return fd;
}

START_TEST(probe_is_consistent) {
        struct facts f;

        if (!probed(&f)) {
                ck_assert_str_eq(f.cgroup_path, "");
                ck_assert(!f.cgroup_memory && !f.cgroup_pids && !f.cgroup_cpu && !f.cgroup_kill);
                return;
        }
        ck_assert_int_eq(strncmp(f.cgroup_path, "/sys/fs/cgroup", 14), 0);
        ck_assert_int_eq(access(f.cgroup_path, W_OK), 0);
}
END_TEST

/* A tree that does all it can to live on: sessions of their own, signals ignored. Children of
 * children fork until all are there, then each waits for ever. */
static void spread(int depth) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        for (int i = 0; i < depth; i++) {
                pid_t pid = fork();

                if (pid == 0)
                        setsid();
        }
        for (;;)
                pause();
}

static void kill_tree(int (*kill_all)(int fd, unsigned timeout_ms)) {
        enum { DEPTH = 5, COUNT = 1 << DEPTH };
        pid_t pids[2 * COUNT], pid;
        struct facts f;
        int fd, go[2];

        if (!probed(&f))
                return;
        fd = make(&f, &no_limits);
        ck_assert_int_eq(pipe(go), 0);
        pid = fork();
        if (pid == 0) {
                char c;

                if (read(go[0], &c, 1) != 1)
                        _exit(1);
                spread(DEPTH);
        }
        ck_assert_int_eq(cgroup_add(fd, pid), 0);
        ck_assert(cgroup_has_process(fd, pid));
        ck_assert_int_eq(write(go[1], "x", 1), 1);
        for (int i = 0; i < 20000 && cgroup_processes(fd, pids, 2 * COUNT) < COUNT; i++)
                usleep(1000);
        ck_assert_uint_eq(cgroup_processes(fd, pids, 2 * COUNT), COUNT);
        /* Not empty: it cannot be removed. */
        ck_assert_int_eq(cgroup_remove(&f, group_name(), dup(fd)), -EBUSY);
        ck_assert_int_eq(kill_all(fd, 5000), 0);
        ck_assert_uint_eq(cgroup_processes(fd, pids, 2 * COUNT), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_int_eq(cgroup_remove(&f, group_name(), fd), 0);
}

START_TEST(kill_leaves_nothing) {
        kill_tree(cgroup_kill);
}
END_TEST

START_TEST(kill_without_the_file) {
        kill_tree(cgroup_kill_frozen);
}
END_TEST

START_TEST(killing_takes_no_longer_than_told) {
        struct facts f;
        int fd;

        if (!probed(&f))
                return;
        fd = make(&f, &no_limits);
        ck_assert_int_eq(cgroup_kill(fd, 1000), 0);
        ck_assert_int_eq(cgroup_remove(&f, group_name(), fd), 0);
}
END_TEST

START_TEST(names_are_not_reused) {
        struct error e = ERROR_NULL;
        struct facts f;
        int fd, second = -1;

        if (!probed(&f))
                return;
        fd = make(&f, &no_limits);
        ck_assert_int_eq(cgroup_new(&f, group_name(), &no_limits, &second, &e), -EEXIST);
        ck_assert_int_eq(second, -1);
        ck_assert_int_eq(e.code, ERROR_IO);
        ck_assert_int_eq(cgroup_remove(&f, group_name(), fd), 0);
}
END_TEST

START_TEST(a_limit_that_cannot_be_set_leaves_no_group) {
        struct cgroup_limits l = { .memory_bytes = 64u << 20 };
        struct error e = ERROR_NULL;
        struct facts f;
        char path[512];
        int fd = -1;

        if (!probed(&f) || f.cgroup_memory)
                return;
        ck_assert_int_lt(cgroup_new(&f, group_name(), &l, &fd, &e), 0);
        ck_assert_int_eq(fd, -1);
        ck_assert_ptr_nonnull(strstr(e.message, "memory"));
        snprintf(path, sizeof(path), "%s/%s", f.cgroup_path, group_name());
        ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

/* --- with controllers --- */

static bool with_controller(struct facts *f, bool (*has)(const struct facts *f), const char *name) {
        struct error e = ERROR_NULL;

        if (!probed(f))
                return false;
        if (!has(f)) {
                fprintf(stderr, "skipped: no %s controller in %s\n", name, f->cgroup_path);
                return false;
        }
        ck_assert_msg(cgroup_prepare(f, &e) == 0, "%s", e.message);
        /* Once more changes nothing. */
        ck_assert_msg(cgroup_prepare(f, &e) == 0, "%s", e.message);
        return true;
}

static bool has_pids(const struct facts *f) {
        return f->cgroup_pids;
}
static bool has_memory(const struct facts *f) {
        return f->cgroup_memory;
}
static bool has_cpu(const struct facts *f) {
        return f->cgroup_cpu;
}

/* Runs f in the group and gives its wait status. */
static int run_inside(int fd, void (*f)(void)) {
        int go[2], status;
        pid_t pid;

        ck_assert_int_eq(pipe(go), 0);
        pid = fork();
        if (pid == 0) {
                char c;

                if (read(go[0], &c, 1) != 1)
                        _exit(99);
                f();
                _exit(0);
        }
        ck_assert_int_eq(cgroup_add(fd, pid), 0);
        ck_assert_int_eq(write(go[1], "x", 1), 1);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

static void fork_ten(void) {
        for (int i = 0; i < 10; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        _exit(i);
                if (pid == 0)
                        for (;;)
                                pause();
        }
        _exit(50);
}

START_TEST(processes_are_limited) {
        struct cgroup_limits l = { .processes = 5 };
        struct cgroup_usage u;
        struct facts f;
        int fd, status;

        if (!with_controller(&f, has_pids, "pids"))
                return;
        fd = make(&f, &l);
        status = run_inside(fd, fork_ten);
        ck_assert_int_eq(WEXITSTATUS(status), 4);
        cgroup_usage(fd, &u);
        ck_assert_uint_ge(u.forks_refused, 1);
        ck_assert_int_eq(cgroup_kill(fd, 5000), 0);
        ck_assert_int_eq(cgroup_remove(&f, group_name(), fd), 0);
}
END_TEST

static void eat_memory(void) {
        for (int i = 0; i < 256; i++) {
                char *p = malloc(1 << 20);

                if (!p)
                        _exit(1);
                memset(p, i, 1 << 20);
        }
}

START_TEST(memory_is_limited) {
        struct cgroup_limits l = { .memory_bytes = 32u << 20 };
        struct cgroup_usage u;
        struct facts f;
        int fd, status;

        if (!with_controller(&f, has_memory, "memory"))
                return;
        fd = make(&f, &l);
        status = run_inside(fd, eat_memory);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        cgroup_usage(fd, &u);
        ck_assert_uint_ge(u.oom_kills, 1);
        ck_assert_int_eq(cgroup_kill(fd, 5000), 0);
        ck_assert_int_eq(cgroup_remove(&f, group_name(), fd), 0);
}
END_TEST

static void burn(void) {
        for (volatile unsigned long i = 0; i < 300000000; i++)
                ;
}

START_TEST(cpu_is_limited) {
        struct cgroup_limits l = { .cpu_millis = 200 };
        struct facts f;
        int fd;

        if (!with_controller(&f, has_cpu, "cpu"))
                return;
        fd = make(&f, &l);
        (void) run_inside(fd, burn);
        ck_assert_uint_ge(cgroup_read_key(fd, "cpu.stat", "nr_throttled"), 1);
        ck_assert_int_eq(cgroup_remove(&f, group_name(), fd), 0);
}
END_TEST

START_TEST(files_are_read) {
        char dir[] = "/tmp/leash-cgroup-XXXXXX", path[64];
        int fd, file;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/memory.events", dir);
        file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(write(file, "low 1\nmax 22\noom_kill_x 9\noom_kill 3\n", 37), 37);
        close(file);
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_uint_eq(cgroup_read_key(fd, "memory.events", "low"), 1);
        ck_assert_uint_eq(cgroup_read_key(fd, "memory.events", "max"), 22);
        ck_assert_uint_eq(cgroup_read_key(fd, "memory.events", "oom_kill"), 3);
        ck_assert_uint_eq(cgroup_read_key(fd, "memory.events", "oom"), 0);
        ck_assert_uint_eq(cgroup_read_key(fd, "memory.peak", NULL), 0);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(dir), 0);
        close(fd);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 30 };

        return RUN_TESTS_IN(&fixture, "cgroup", probe_is_consistent, files_are_read,
                            kill_leaves_nothing, kill_without_the_file,
                            killing_takes_no_longer_than_told, names_are_not_reused,
                            a_limit_that_cannot_be_set_leaves_no_group, processes_are_limited,
                            memory_is_limited, cpu_is_limited);
}
