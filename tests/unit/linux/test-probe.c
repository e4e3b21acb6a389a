/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The probe says what is so: beside a second, plain look at the host; inside namespaces and filters
 * that take something away; and it leaves nothing behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../../backends/linux/landlock.h"
#include "../../../backends/linux/probe.h"
#include "../../../backends/linux/seccomp_filter.h"
#include "../suite.h"

static struct facts probe(void) {
        struct error e = ERROR_NULL;
        struct facts f;

        ck_assert_msg(probe_facts(&f, &e) == 0, "%s", e.message);
        return f;
}

static size_t count(const char *path) {
        DIR *d = opendir(path);
        size_t n = 0;

        ck_assert_ptr_nonnull(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

START_TEST(facts_fit_the_host) {
        struct facts f = probe();
        struct utsname name;

        ck_assert_int_eq(uname(&name), 0);
        ck_assert_str_eq(f.platform, "linux");
        ck_assert_str_eq(f.kernel, name.release);
        ck_assert_str_eq(f.machine, name.machine);
        ck_assert_uint_eq(f.uid, geteuid());
        ck_assert_int_eq(f.landlock_abi, landlock_query_abi());
        if (!f.privileged && !f.user_namespaces)
                ck_assert(!f.mount_namespaces && !f.pid_namespaces && !f.net_namespaces);
        if (f.fresh_proc)
                ck_assert(f.mount_namespaces && f.pid_namespaces);
        if (f.seccomp_addfd_send)
                ck_assert(f.seccomp_notify);
        if (f.seccomp_notify)
                ck_assert(f.seccomp);
        if (f.cgroup_memory || f.cgroup_pids || f.cgroup_cpu || f.cgroup_kill)
                ck_assert(f.cgroup_v2);
        ck_assert_int_eq(f.cgroup_v2, f.cgroup_path[0] == '/');
        ck_assert(!f.bare_namespaces || !f.user_namespaces);
        if ((!f.user_namespaces && !f.bare_namespaces) || f.landlock_abi <= 0)
                ck_assert_uint_gt(strlen(f.reason), 20);
        /* Each has its own reason: a missing wall does not hide why limits cannot be held. */
        ck_assert_ptr_null(strstr(f.reason, "control group"));
        if (f.cgroup_memory && f.cgroup_pids && f.cgroup_cpu)
                ck_assert_str_eq(f.cgroup_reason, "");
        else
                ck_assert_uint_gt(strlen(f.cgroup_reason), 20);
}
END_TEST

START_TEST(nothing_is_left) {
        size_t fds = count("/proc/self/fd");
        struct facts f = probe();
        char before[4096], after[4096];
        int fd;

        fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        before[read(fd, before, sizeof(before) - 1)] = '\0';
        close(fd);
        for (int i = 0; i < 5; i++)
                (void) probe();
        fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        after[read(fd, after, sizeof(after) - 1)] = '\0';
        close(fd);
        ck_assert_str_eq(before, after);
        ck_assert_uint_eq(count("/proc/self/fd"), fds);
        if (f.cgroup_v2) {
                char group[512];

                /* By name: other tests make groups at the same time. */
                snprintf(group, sizeof(group), "%s/leash.probe.%d", f.cgroup_path, (int) getpid());
                ck_assert_int_lt(access(group, F_OK), 0);
        }
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
        /* Nothing happened to ourselves. */
        ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
        ck_assert_int_eq(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), 0);
}
END_TEST

/* --- taken away, in a child --- */

static void in_child(int (*f)(void)) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(f());
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
                fprintf(stderr, "skipped: no user namespace to be had here\n");
                return;
        }
        ck_assert_msg(status == 0, "child ended with %x", status);
}

static int write_text(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC), r;

        if (fd < 0)
                return -errno;
        r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
        close(fd);
        return r;
}

/* The limit is per namespace: setting it in one of ours takes it from nobody else. */
static int without_user_namespaces(void) {
        struct facts f;
        char map[64];

        snprintf(map, sizeof(map), "0 %u 1", geteuid());
        if (unshare(CLONE_NEWUSER) < 0 || write_text("/proc/self/uid_map", map) < 0 ||
            write_text("/proc/sys/user/max_user_namespaces", "0") < 0)
                return 77;
        if (probe_facts(&f, NULL) < 0)
                return 1;
        if (f.user_namespaces || f.nproc_per_userns)
                return 2;
        /* The others may be had all the same, by who holds the privilege here. */
        if (f.bare_namespaces ? facts_native(&f) : !strstr(f.reason, "max_user_namespaces"))
                return 3;
        /* What needs no namespaces is still there. */
        return f.landlock_abi == landlock_query_abi() && f.seccomp ? 0 : 4;
}

START_TEST(user_namespaces_switched_off) {
        in_child(without_user_namespaces);
}
END_TEST

/* As in a container: our own filter is one. */
static int under_a_filter(void) {
        struct seccomp_options o = { .allow_debug = false };
        struct sock_fprog program;
        struct facts f;
        size_t n;

        if (seccomp_compile(&o, &program.filter, &n, NULL) < 0)
                return 1;
        program.len = (unsigned short) n;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                return 2;
        free(program.filter);
        if (probe_facts(&f, NULL) < 0)
                return 3;
        if (f.user_namespaces || f.mount_namespaces || f.pid_namespaces || f.fresh_proc ||
            f.pidfd_getfd)
                return 4;
        if (!strstr(f.reason, "filter"))
                return 5;
        return f.seccomp ? 0 : 6;
}

START_TEST(inside_a_container) {
        in_child(under_a_filter);
}
END_TEST

START_TEST(it_is_quick) {
        struct timespec a, b;
        double best = 1e9;

        /* The best of some: the machine may be busy. */
        for (int i = 0; i < 10; i++) {
                double ms;

                clock_gettime(CLOCK_MONOTONIC, &a);
                (void) probe();
                clock_gettime(CLOCK_MONOTONIC, &b);
                ms = (double) (b.tv_sec - a.tv_sec) * 1e3 + (double) (b.tv_nsec - a.tv_nsec) / 1e6;
                if (ms < best)
                        best = ms;
        }
        ck_assert_msg(best < 20 || getenv("LEASH_SLOW"), "%.1f ms", best);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 60 };

        return RUN_TESTS_IN(&fixture, "probe", facts_fit_the_host, nothing_is_left,
                            user_namespaces_switched_off, inside_a_container, it_is_quick);
}
