/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* connect() and bind() through the judge. */
#include "judge-harness.h"
#include "../suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* In the native tier writing is what Landlock's rules grant, and these plans grant nothing: so
 * there every door is shut but the one that is named. */
static const struct rule_of_test rules[] = {
        { "@/secret", true, false },
        { "@/guarded", false, false },
        { NULL, false, false },
};

static socklen_t address(const char *path, struct sockaddr_un *ret) {
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(ret->sun_path, path, strlen(path) + 1);
        return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int unix_bind(int fd, const char *path) {
        struct sockaddr_un a;
        socklen_t n = address(path, &a);

        return bind(fd, (struct sockaddr *) &a, n);
}

static int unix_connect(int fd, const char *path) {
        struct sockaddr_un a;
        socklen_t n = address(path, &a);

        return connect(fd, (struct sockaddr *) &a, n);
}

static int stream(void) {
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* In a process without the filter, so that what connects is only judged on its own side. */
static void listen_at(const char *path) {
        int fd = stream();

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(unix_bind(fd, path), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
}

static int binds(void) {
        struct sockaddr_un a;
        struct stat st;
        socklen_t n = sizeof(a);
        char cwd[64], absolute[100];
        int fd = stream(), second = stream();

        umask(077);
        REFUSED(unix_bind(fd, "secret"));
        REFUSED(unix_bind(fd, "./guarded"));
        REFUSED(unix_bind(fd, "/proc/self/cwd/secret"));
        EXPECT(unix_bind(fd, "sock") == 0);
        EXPECT(getsockname(fd, (struct sockaddr *) &a, &n) == 0 && strcmp(a.sun_path, "sock") == 0);
        EXPECT(stat("sock", &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0700);
        FAILS(unix_bind(second, "sock"), EADDRINUSE);
        FAILS(unix_bind(second, "absent/sock"), ENOENT);
        EXPECT(getcwd(cwd, sizeof(cwd)));
        snprintf(absolute, sizeof(absolute), "%s/abs", cwd);
        EXPECT(unix_bind(second, absolute) == 0);
        n = sizeof(a);
        EXPECT(getsockname(second, (struct sockaddr *) &a, &n) == 0 &&
               !strcmp(a.sun_path, absolute));
        EXPECT(mkdir("dir", 0755) == 0 && chdir("dir") == 0);
        EXPECT(unix_bind(stream(), "below") == 0 && stat("below", &st) == 0);
        /* without a path */
        fd = stream();
        EXPECT(bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)) == 0);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        EXPECT(bind(fd, (struct sockaddr *) &(struct sockaddr_in){ .sin_family = AF_INET },
                    sizeof(struct sockaddr_in)) == 0);
        FAILS(bind(fd, NULL, 0xffffffffu), EINVAL);
        FAILS(bind(fd, (struct sockaddr *) 8, 16), EFAULT);
        FAILS(bind(fd, NULL, 4096), EINVAL);
        FAILS(bind(0, &(struct sockaddr){ .sa_family = AF_UNIX }, 4), ENOTSOCK);
        FAILS(bind(777, NULL, 0), EBADF);
        return 0;
}

START_TEST(bind_is_judged) {
        struct harness h;

        harness_begin(&h, rules, 0);
        ck_assert_int_eq(harness_run(&h, binds), 0);
        ck_assert_int_ne(access("secret", F_OK), 0);
        harness_end(&h);
}
END_TEST

static int connects(void) {
        struct sockaddr_un full = { .sun_family = AF_UNIX };
        int fd;

        EXPECT(unix_connect(stream(), "open") == 0);
        FAILS(unix_connect(stream(), "absent"), ENOENT);
        REFUSED(unix_connect(stream(), "secret"));
        EXPECT(symlink("secret", "link") == 0);
        REFUSED(unix_connect(stream(), "link"));
        REFUSED(unix_connect(stream(), "/proc/self/cwd/secret"));
        FAILS(unix_connect(stream(), "file"), ECONNREFUSED);
        memset(full.sun_path, 'x', sizeof(full.sun_path)); /* not terminated */
        FAILS(connect(stream(), (struct sockaddr *) &full, sizeof(full)), ENOENT);
        FAILS(connect(stream(), (struct sockaddr *) &full, 0xffffffffu), EINVAL);
        FAILS(connect(stream(), (struct sockaddr *) &full, 129), EINVAL);
        FAILS(connect(stream(), (struct sockaddr *) 8, 20), EFAULT);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        EXPECT(unix_connect(fd, "open") == 0);
        fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        FAILS(unix_connect(fd, "open"), EPROTOTYPE);
        return 0;
}

START_TEST(connect_is_judged) {
        struct harness h;

        harness_begin(&h, rules, WIRE_PLAN_JUDGE_UNIX);
        listen_at("open");
        listen_at("secret");
        ck_assert_int_eq(mknod("file", S_IFREG | 0644, 0), 0);
        ck_assert_int_eq(harness_run(&h, connects), 0);
        ck_assert_uint_ge(h.denied, 3);
        harness_end(&h);
}
END_TEST

static int connects_named(void) {
        EXPECT(unix_connect(stream(), "named") == 0);
        EXPECT(unix_connect(stream(), ".//named") == 0);
        REFUSED(unix_connect(stream(), "open"));
        return 0;
}

START_TEST(only_named_doors) {
        struct harness h;

        harness_begin_sockets(&h, rules, WIRE_PLAN_JUDGE_UNIX | WIRE_PLAN_NATIVE, "@/named");
        listen_at("open");
        listen_at("named");
        ck_assert_int_eq(harness_run(&h, connects_named), 0);
        harness_end(&h);
}
END_TEST

static int connects_inet(void) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t n = sizeof(a);
        int server = socket(AF_INET, SOCK_STREAM, 0), fd, r;
        char byte;

        EXPECT(bind(server, (struct sockaddr *) &a, n) == 0 && listen(server, 4) == 0);
        EXPECT(getsockname(server, (struct sockaddr *) &a, &n) == 0);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        EXPECT(connect(fd, (struct sockaddr *) &a, n) == 0);
        FAILS(connect(fd, (struct sockaddr *) &a, n), EISCONN);
        EXPECT(write(fd, "x", 1) == 1 && read(accept(server, NULL, NULL), &byte, 1) == 1);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        r = connect(fd, (struct sockaddr *) &a, n);
        EXPECT(r == 0 || errno == EINPROGRESS);
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        EXPECT(connect(fd, (struct sockaddr *) &a, n) == 0);
        close(server);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        FAILS(connect(fd, (struct sockaddr *) &a, n), ECONNREFUSED);
        return 0;
}

START_TEST(inet_works) {
        struct harness h;

        harness_begin(&h, rules, WIRE_PLAN_JUDGE_UNIX);
        ck_assert_int_eq(harness_run(&h, connects_inet), 0);
        harness_end(&h);
}
END_TEST

/* A queue of one that is full, and emptied later: who waits is let in then, who does not wait is
 * told so. */
static int connects_late(void) {
        struct sockaddr_un a;
        socklen_t n = address("late", &a);
        int listener = stream(), fd, waiting, status;
        pid_t pid;

        EXPECT(bind(listener, (struct sockaddr *) &a, n) == 0 && listen(listener, 0) == 0);
        EXPECT(unix_connect(stream(), "late") == 0);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        FAILS(unix_connect(fd, "late"), EAGAIN);
        waiting = stream();
        pid = fork();
        if (pid == 0)
                _exit(unix_connect(waiting, "late") == 0 ? 0 : 1);
        usleep(100000);
        EXPECT(waitpid(pid, &status, WNOHANG) == 0);
        EXPECT(!(fcntl(waiting, F_GETFL) & O_NONBLOCK));
        EXPECT(accept(listener, NULL, NULL) >= 0);
        EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
        EXPECT(!(fcntl(waiting, F_GETFL) & O_NONBLOCK));
        return 0;
}

START_TEST(waiting_ends) {
        struct harness h;

        harness_begin(&h, rules, WIRE_PLAN_JUDGE_UNIX);
        ck_assert_int_eq(harness_run(&h, connects_late), 0);
        harness_end(&h);
}
END_TEST

/* A server that does not accept: connecting waits once its queue is full. */
static int connects_waiting(void) {
        pid_t pids[8];
        int fd;

        for (int i = 0; i < 8; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        (void) unix_connect(stream(), "open");
                        pause();
                        _exit(0);
                }
        }
        usleep(200000);
        fd = open("meanwhile", O_WRONLY | O_CREAT, 0644);
        EXPECT(fd >= 0);
        for (int i = 0; i < 8; i++)
                EXPECT(kill(pids[i], SIGKILL) == 0 && waitpid(pids[i], NULL, 0) == pids[i]);
        return 0;
}

START_TEST(waiting_blocks_nobody) {
        struct harness h;

        harness_begin(&h, rules, WIRE_PLAN_JUDGE_UNIX);
        listen_at("open");
        ck_assert_int_eq(harness_run(&h, connects_waiting), 0);
        harness_end(&h);
}
END_TEST

/* The address and the descriptor change while the call is judged. */
static struct {
        struct sockaddr_un a;
        int fd;
        bool stop;
} flip;

static void *flipper(void *argument _unused_) {
        int open_door = socket(AF_INET, SOCK_STREAM, 0), closed = stream();

        while (!__atomic_load_n(&flip.stop, __ATOMIC_RELAXED)) {
                memcpy(flip.a.sun_path, "secret", 7);
                dup2(closed, flip.fd);
                memcpy(flip.a.sun_path, "absent", 7);
                dup2(open_door, flip.fd);
        }
        return NULL;
}

static int connects_racing(void) {
        pthread_t thread;
        time_t end = time(NULL) + 2;

        address("absent", &flip.a);
        flip.fd = 100;
        EXPECT(pthread_create(&thread, NULL, flipper, NULL) == 0);
        while (time(NULL) < end)
                for (int i = 0; i < 100; i++)
                        EXPECT(connect(flip.fd, (struct sockaddr *) &flip.a, sizeof(flip.a)) < 0);
        __atomic_store_n(&flip.stop, true, __ATOMIC_RELAXED);
        EXPECT(pthread_join(thread, NULL) == 0);
        return 0;
}

START_TEST(connect_races_are_lost) {
        struct harness h;

        harness_begin(&h, rules, WIRE_PLAN_JUDGE_UNIX);
        listen_at("secret");
        ck_assert_int_eq(harness_run(&h, connects_racing), 0);
        harness_end(&h);
}
END_TEST

/* O_NONBLOCK comes and goes while connections to a full queue are judged, by more threads than
 * there are workers: init itself must never be the one that waits. */
#define CROWD 80
static struct {
        struct sockaddr_un a;
        int fds[CROWD];
} crowd;

static void *crowd_connects(void *argument) {
        for (;;)
                (void) !connect(*(int *) argument, (struct sockaddr *) &crowd.a, sizeof(crowd.a));
        return NULL;
}

static void *crowd_flips(void *argument _unused_) {
        for (;;)
                for (int i = 0; i < CROWD; i++) {
                        fcntl(crowd.fds[i], F_SETFL, O_NONBLOCK);
                        fcntl(crowd.fds[i], F_SETFL, 0);
                }
        return NULL;
}

static int connects_that_change(void) {
        pthread_t thread;
        time_t end = time(NULL) + 4;
        int probe = stream();

        address("full", &crowd.a);
        for (int fd = 0; fd >= 0;) { /* until there is no room */
                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
                if (unix_connect(fd, "full") < 0)
                        fd = -1;
        }
        for (int i = 0; i < CROWD; i++) {
                crowd.fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
                EXPECT(pthread_create(&thread, NULL, crowd_connects, &crowd.fds[i]) == 0);
        }
        EXPECT(pthread_create(&thread, NULL, crowd_flips, NULL) == 0);
        while (time(NULL) < end)
                FAILS(unix_connect(probe, "absent"), ENOENT);
        return 0;
}

START_TEST(init_never_waits) {
        struct harness h;

        harness_begin(&h, rules, WIRE_PLAN_JUDGE_UNIX);
        listen_at("full");
        ck_assert_int_eq(harness_run(&h, connects_that_change), 0);
        harness_end(&h);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 60 };

        return RUN_TESTS_IN(&fixture, "judge-socket", bind_is_judged, connect_is_judged,
                            only_named_doors, inet_works, waiting_ends, waiting_blocks_nobody,
                            connect_races_are_lost, init_never_waits);
}
