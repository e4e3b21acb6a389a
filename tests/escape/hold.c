/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the kernel counts for a user, or locks for everybody, and not for a sandbox.
 *
 *   escape --hold WHAT [FILE]     takes as much as there is, says how much, and keeps it
 *   escape --probe WHAT [FILE]    exit status 1: there is nothing left for others
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "escape.h"

#define AT_A_TIME 200

static long inotify_instances(const char *arg) {
        long n = 0;
        while (inotify_init1(IN_CLOEXEC) >= 0)
                n++;
        return n;
}

/* A watch is one file for one instance: few of both make many. */
static long inotify_watches(const char *arg) {
        const char *limit = "/proc/sys/fs/inotify/max_user_watches";
        char name[32], text[32] = "";
        long n = 0, files = 0, enough = 4096;
        int fd = open(limit, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
                enough = strtol(text, NULL, 10) / 100 + 1; /* of 128 instances, by default */
        close(fd);
        for (; files < enough && files < 4096; files++) {
                snprintf(name, sizeof(name), "watched-%ld", files);
                if (mknod(name, S_IFREG | 0600, 0) < 0)
                        break;
        }
        while ((fd = inotify_init1(IN_CLOEXEC)) >= 0)
                for (long i = 0; i < files; i++, n++) {
                        snprintf(name, sizeof(name), "watched-%ld", i);
                        if (inotify_add_watch(fd, name, IN_OPEN) < 0)
                                return n;
                }
        return n;
}

static long signals(const char *arg) {
        const union sigval value = { 0 };
        sigset_t all;
        long n = 0;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        while (sigqueue(getpid(), SIGRTMIN + 1, value) == 0)
                n++;
        return n;
}

/* A writer waits for the lease to be given up, for /proc/sys/fs/lease-break-time. */
static long lease(const char *file) {
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        signal(SIGIO, SIG_IGN);
        return fd >= 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

static int pass(int socket, size_t n) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(AT_A_TIME * sizeof(int))];
        } control = { 0 };
        char byte = 0;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(n * sizeof(int)); /* zeros: standard input, many times */
        return result(sendmsg(socket, &m, MSG_DONTWAIT));
}

/* unix(7), ETOOMANYREFS: those under way are counted for the user. */
static long descriptors(const char *arg) {
        struct rlimit l;
        long n = 0;
        int pair[2];
        getrlimit(RLIMIT_NOFILE, &l);
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
        while (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pass(pair[0], AT_A_TIME) == 0)
                n += AT_A_TIME;
        return n;
}

/* Not a count of the kernel's: callers of the one supervisor that a sandbox has. */
static void *call(void *number) {
        char name[32];
        snprintf(name, sizeof(name), "called-%ld", (long) (intptr_t) number);
        for (;;) {
                (void) mkdir(name, 0700);
                (void) rmdir(name);
        }
        return NULL;
}
static long judged(const char *arg) {
        pthread_attr_t small;
        pthread_t t;
        long n = 0, wanted = strtol(arg, NULL, 10);
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 32 * 1024);
        while (n < wanted && pthread_create(&t, &small, call, (void *) (intptr_t) n) == 0)
                n++;
        return n;
}

static int probe(const char *what, const char *arg) {
        timer_t timer;
        int pair[2];
        if (strcmp(what, "inotify") == 0)
                return result(inotify_init1(IN_CLOEXEC));
        if (strcmp(what, "inotify-watches") == 0)
                return result(inotify_add_watch(inotify_init1(IN_CLOEXEC), arg, IN_OPEN));
        if (strcmp(what, "signals") == 0)
                return result(timer_create(CLOCK_MONOTONIC, NULL, &timer));
        if (strcmp(what, "lease") == 0)
                return result(open(arg, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -errno : pass(pair[0], 1);
}

int hold(const char *what, const char *arg) {
        static const struct {
                const char *what;
                long (*take)(const char *arg);
        } all[] = { { "inotify", inotify_instances }, { "inotify-watches", inotify_watches },
                    { "signals", signals },           { "lease", lease },
                    { "descriptors", descriptors },   { "judged", judged } };
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (strcmp(all[i].what, what) == 0) {
                        printf("%ld\n", all[i].take(arg));
                        fflush(stdout);
                        /* What somebody else of this user gives back is taken, too. */
                        for (int k = 0; k < 600; k++) {
                                usleep(100000);
                                if (strcmp(what, "signals") == 0)
                                        (void) all[i].take(arg);
                        }
                        return 0;
                }
        return 2;
}

int hold_probe(const char *what, const char *arg) {
        int r = probe(what, arg);
        if (r < 0)
                printf("%s\n", strerror(-r));
        return r < 0;
}
