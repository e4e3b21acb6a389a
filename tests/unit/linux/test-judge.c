/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names: what is allowed works as it would without a supervisor, what is denied never comes into
 * being. */
#include "judge-harness.h"
#include "../suite.h"

#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

/* "hooks" cannot be written but read, "secret" neither, ".env" neither, wherever it lies. */
static const struct rule_of_test rules[] = {
        { "@/repo/.git/hooks", false, false }, { "@/secret", true, false },
        { "@/**/.env", true, false },          { "@/new/.git/config", false, true },
        { "@/many/*/lock", false, false },     { NULL, false, false },
};

static int touch(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        if (fd < 0)
                return -1;
        close(fd);
        return 0;
}

static int renamed(const char *a, const char *b, unsigned flags) {
        return (int) syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

static bool exists(const char *path) {
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void start(struct harness *h, unsigned flags) {
        harness_begin(h, rules, flags);
        ck_assert_int_eq(mkdir("repo", 0755), 0);
        ck_assert_int_eq(mkdir("repo/.git", 0755), 0);
        ck_assert_int_eq(mkdir("repo/.git/hooks", 0755), 0);
        ck_assert_int_eq(mkdir("new", 0755), 0);
        ck_assert_int_eq(mkdir("many", 0755), 0);
        ck_assert_int_eq(mkdir("d", 0755), 0);
        ck_assert_int_eq(touch("repo/.git/hooks/old"), 0);
        ck_assert_int_eq(touch("d/file"), 0);
        ck_assert_int_eq(touch("d/.env"), 0);
}

static void check_body(int (*body)(void), unsigned flags) {
        struct harness h;

        start(&h, flags);
        ck_assert_int_eq(harness_run(&h, body), 0);
        ck_assert(!exists("secret"));
        ck_assert(!exists("repo/.git/hooks/new"));
        harness_end(&h);
}

static int allowed(void) {
        char text[8] = "";
        struct stat st;
        int fd, second;

        umask(027);
        fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0666);
        EXPECT(fd >= 0);
        EXPECT(!(fcntl(fd, F_GETFD) & FD_CLOEXEC));
        EXPECT((fcntl(fd, F_GETFL) & ~O_LARGEFILE & ~0100000) == O_RDWR);
        EXPECT(write(fd, "hello", 5) == 5 && pread(fd, text, 5, 0) == 5 && !strcmp(text, "hello"));
        EXPECT(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640);
        FAILS(open("a", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
        second = open("a", O_WRONLY | O_TRUNC | O_APPEND | O_CLOEXEC);
        EXPECT(second >= 0 && (fcntl(second, F_GETFD) & FD_CLOEXEC));
        EXPECT(fcntl(second, F_GETFL) & O_APPEND);
        EXPECT(fstat(fd, &st) == 0 && st.st_size == 0);
        EXPECT(write(second, "12345", 5) == 5 && truncate("a", 2) == 0);
        EXPECT(fstat(fd, &st) == 0 && st.st_size == 2);
        EXPECT(mkdir("sub", 0777) == 0 && stat("sub", &st) == 0 && (st.st_mode & 0777) == 0750);
        EXPECT(mkdir("sub/x/", 0755) == 0);
        FAILS(mkdir("sub", 0755), EEXIST);
        FAILS(mkdir("/", 0755), EEXIST);
        FAILS(rmdir("sub"), ENOTEMPTY);
        FAILS(rmdir("sub/x/."), EINVAL);
        EXPECT(rename("a", "sub/b") == 0 && rename("sub", "sub2") == 0);
        EXPECT(link("sub2/b", "c") == 0 && symlink("sub2/b", "l") == 0);
        EXPECT(stat("c", &st) == 0 && st.st_nlink == 2);
        EXPECT(renamed("c", "l", RENAME_EXCHANGE) == 0);
        EXPECT(readlink("c", text, 6) == 6 && !memcmp(text, "sub2/b", 6));
        FAILS(renamed("c", "l", RENAME_NOREPLACE), EEXIST);
        EXPECT(unlink("l") == 0 && !exists("l"));
        EXPECT(touch("c") == 0); /* through the symlink */
        EXPECT(unlink("c") == 0 && exists("sub2/b"));
        EXPECT(symlink("made", "dangling") == 0 && touch("dangling") == 0 && exists("made"));
        FAILS(open("dangling", O_WRONLY | O_NOFOLLOW), ELOOP);
        FAILS(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
        EXPECT(mknod("fifo", S_IFIFO | 0666, 0) == 0 && stat("fifo", &st) == 0);
        EXPECT(S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0640);
        FAILS(mknod("dev", S_IFCHR | 0666, 0x103), EPERM);
        EXPECT(creat("sub2/../e", 0600) >= 0 && exists("e"));
        EXPECT(touch("repo/.git/ok") == 0);
        return 0;
}

START_TEST(allowed_works) {
        check_body(allowed, 0);
        check_body(allowed, HARNESS_READS);
}
END_TEST

static int refused(void) {
        int dir = open("repo/.git", O_RDONLY | O_DIRECTORY), hooks;
        char cwd[256], absolute[512];

        REFUSED(open("secret", O_WRONLY | O_CREAT, 0644));
        REFUSED(open("secret", O_RDWR | O_CREAT | O_EXCL, 0644));
        REFUSED(creat("./secret", 0644));
        REFUSED(creat("d/../secret", 0644));
        REFUSED(creat("d//..///secret", 0644));
        REFUSED(mkdir("secret", 0755));
        REFUSED(mkdir("secret/", 0755));
        REFUSED(mknod("secret", S_IFREG | 0644, 0));
        REFUSED(mknod("secret", S_IFIFO | 0644, 0));
        REFUSED(symlink("d", "secret"));
        REFUSED(link("d/file", "secret"));
        REFUSED(rename("d/file", "secret"));
        REFUSED(rename("d", "secret"));
        REFUSED(renamed("d/file", "secret", RENAME_NOREPLACE));
        EXPECT(getcwd(cwd, sizeof(cwd)));
        snprintf(absolute, sizeof(absolute), "%s/secret", cwd);
        REFUSED(creat(absolute, 0644));
        snprintf(absolute, sizeof(absolute), "/proc/self/cwd/secret");
        REFUSED(creat(absolute, 0644));
        snprintf(absolute, sizeof(absolute), "/proc/self/root%s/secret", cwd);
        REFUSED(creat(absolute, 0644));
        snprintf(absolute, sizeof(absolute), "/proc/thread-self/cwd/d/../secret");
        REFUSED(creat(absolute, 0644));
        /* what is there */
        REFUSED(open("repo/.git/hooks/old", O_WRONLY));
        REFUSED(open("repo/.git/hooks/old", O_RDONLY | O_TRUNC));
        REFUSED(truncate("repo/.git/hooks/old", 0));
        REFUSED(unlink("repo/.git/hooks/old"));
        REFUSED(link("repo/.git/hooks/old", "other"));
        REFUSED(rename("repo/.git/hooks/old", "other"));
        REFUSED(touch("repo/.git/hooks/new"));
        REFUSED(rename("repo/.git/hooks", "other"));
        REFUSED(rmdir("repo/.git/hooks"));
        EXPECT(open("repo/.git/hooks/old", O_RDONLY) >= 0);
        FAILS(mkdir("repo/.git/hooks", 0755), EEXIST); /* `git init` in a repository */
        FAILS(unlink("absent"), ENOENT);
        /* its ancestors */
        REFUSED(rename("repo/.git", "x"));
        REFUSED(rename("repo", "x"));
        REFUSED(renamed("repo/.git", "d", RENAME_EXCHANGE));
        REFUSED(renamed("d", "repo", RENAME_EXCHANGE));
        /* through symlinks and descriptors */
        EXPECT(symlink("repo/.git", "s") == 0 && symlink("secret", "t") == 0);
        REFUSED(touch("s/hooks/new"));
        REFUSED(touch("t"));
        EXPECT(dir >= 0);
        REFUSED(openat(dir, "hooks/new", O_WRONLY | O_CREAT, 0644));
        REFUSED(openat(dir, "../../secret", O_WRONLY | O_CREAT, 0644));
        hooks = openat(dir, "hooks", O_PATH | O_DIRECTORY);
        EXPECT(hooks >= 0);
        REFUSED(openat(hooks, "new", O_WRONLY | O_CREAT, 0644));
        snprintf(absolute, sizeof(absolute), "/proc/self/fd/%d/new", hooks);
        REFUSED(creat(absolute, 0644));
        snprintf(absolute, sizeof(absolute), "/dev/fd/%d/new", hooks);
        REFUSED(creat(absolute, 0644));
        EXPECT(fchdir(hooks) == 0);
        REFUSED(touch("new"));
        return 0;
}

START_TEST(refused_is_refused) {
        struct harness h;

        check_body(refused, 0);
        check_body(refused, HARNESS_READS);
        start(&h, 0);
        ck_assert_int_eq(harness_run(&h, refused), 0);
        ck_assert_uint_ge(h.denied, 35);
        ck_assert_int_eq(h.last_access, 1);
        ck_assert_ptr_nonnull(strstr(h.last, "/repo/.git/hooks/new"));
        harness_end(&h);
}
END_TEST

/* Trees that move. */
static int moved(void) {
        EXPECT(mkdir("t", 0755) == 0 && mkdir("t/.git", 0755) == 0 &&
               mkdir("t/.git/hooks", 0755) == 0);
        EXPECT(touch("t/.git/hooks/new") == 0); /* this repository is not protected */
        EXPECT(rename("t", "t2") == 0 && rename("t2", "d/t") == 0);
        REFUSED(rename("d/t/.git/hooks", "repo/.git/hooks"));
        REFUSED(rename("d/t/.git", "repo/.git"));
        REFUSED(rename("d/t", "repo"));
        REFUSED(renamed("d/t", "repo", RENAME_EXCHANGE));
        /* "**" reads the same everywhere: d has an .env, and may move all the same */
        EXPECT(rename("d", "d2") == 0);
        REFUSED(rename("d2/.env", "plain"));
        REFUSED(rename("d2/file", ".env"));
        /* each directory in many/ has a protected name: moving one in or out changes it */
        EXPECT(mkdir("u", 0755) == 0 && touch("u/lock") == 0);
        REFUSED(rename("u", "many/u"));
        EXPECT(mkdir("many/v", 0755) == 0);
        REFUSED(touch("many/v/lock"));
        REFUSED(rename("many/v", "v"));
        EXPECT(rename("many/v", "many/w") == 0);
        /* a symlink on the way to a denied name would be another way to bring it into being */
        REFUSED(symlink("../u", "many/x"));
        EXPECT(symlink("u", "x") == 0);
        REFUSED(rename("x", "many/x"));
        REFUSED(link("x", "many/x"));
        EXPECT(link("x", "y") == 0);
        return 0;
}

START_TEST(trees_that_move) {
        check_body(moved, 0);
}
END_TEST

static int reads(void) {
        char text[64];
        int fd;

        REFUSED(open("d/.env", O_RDONLY));
        fd = open("d/.env", O_PATH);
        EXPECT(fd >= 0);
        snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
        REFUSED(open(text, O_RDONLY));
        REFUSED(open("/proc/self/cwd/d/.env", O_RDONLY));
        FAILS(open("secret", O_RDONLY), ENOENT);
        FAILS(open("absent", O_RDONLY), ENOENT);
        REFUSED(link("d/.env", "plain"));
        EXPECT(symlink("d/.env", "e") == 0);
        REFUSED(open("e", O_RDONLY));
        fd = open("d", O_RDONLY | O_DIRECTORY);
        EXPECT(fd >= 0);
        REFUSED(openat(fd, ".env", O_RDONLY));
        EXPECT(openat(fd, ".", O_RDONLY) >= 0 && openat(fd, "..", O_RDONLY) >= 0);
        EXPECT(openat(fd, "../d/", O_RDONLY) >= 0);
        FAILS(openat(fd, "file/", O_RDONLY), ENOTDIR);
        FAILS(openat(fd, "file/x", O_RDONLY), ENOTDIR);
        EXPECT(openat(fd, "file", O_RDONLY) >= 0);
        /* /proc is the caller's own */
        fd = open("/proc/self/stat", O_RDONLY);
        EXPECT(fd >= 0 && read(fd, text, 60) > 0 && atoi(text) == getpid());
        fd = open("/proc/self/status", O_RDONLY);
        EXPECT(fd >= 0);
        EXPECT(open("/proc/self/maps", O_RDONLY) >= 0 && open("/proc/self/mem", O_RDWR) >= 0);
        EXPECT(open("/proc/self/exe", O_RDONLY) >= 0 && open("/proc/meminfo", O_RDONLY) >= 0);
        EXPECT(open("/proc/self", O_RDONLY | O_DIRECTORY) >= 0);
        /* … and of its parent, who judges, only what all may see */
        snprintf(text, sizeof(text), "/proc/%d/mem", getppid());
        REFUSED(open(text, O_RDWR));
        REFUSED(open(text, O_RDONLY));
        snprintf(text, sizeof(text), "/proc/%d/environ", getppid());
        REFUSED(open(text, O_RDONLY));
        snprintf(text, sizeof(text), "/proc/%d/cwd/x", getppid());
        REFUSED(open(text, O_RDONLY));
        snprintf(text, sizeof(text), "/proc/%d/fd/0", getppid());
        REFUSED(open(text, O_RDONLY));
        snprintf(text, sizeof(text), "/proc/%d/oom_score_adj", getppid());
        REFUSED(open(text, O_WRONLY));
        snprintf(text, sizeof(text), "/proc/%d/stat", getppid());
        EXPECT(open(text, O_RDONLY) >= 0);
        snprintf(text, sizeof(text), "/proc/%d/task/%d/maps", getppid(), getppid());
        REFUSED(open(text, O_RDONLY));
        return 0;
}

START_TEST(reads_are_judged) {
        check_body(reads, HARNESS_READS);
}
END_TEST

static int odd(void) {
        char path[64], *edge,
                *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                             0);
        static char longest[8192];
        int fd, other, null;
        struct stat st;

        EXPECT(page != MAP_FAILED && munmap(page + 4096, 4096) == 0);
        FAILS(creat((const char *) 8, 0644), EFAULT);
        edge = page + 4096 - 5;
        memcpy(edge, "edge", 5);
        EXPECT(creat(edge, 0644) >= 0 && exists("edge"));
        memcpy(edge, "edges", 5);
        FAILS(creat(edge, 0644), EFAULT);
        FAILS(creat("", 0644), ENOENT);
        FAILS(mkdir("", 0755), ENOENT);
        memset(longest, 'x', sizeof(longest));
        longest[8191] = '\0';
        FAILS(creat(longest, 0644), ENAMETOOLONG);
        longest[300] = '\0';
        FAILS(creat(longest, 0644), ENAMETOOLONG);
        FAILS(creat("d/", 0644), EISDIR);
        FAILS(creat("absent/", 0644), EISDIR);
        FAILS(creat("d", 0644), EISDIR);
        FAILS(creat("absent/x", 0644), ENOENT);
        FAILS(creat("d/file/x", 0644), ENOTDIR);
        FAILS(creat(".", 0644), EISDIR);
        FAILS(creat("/", 0644), EISDIR);
        FAILS(openat(777, "x", O_WRONLY | O_CREAT, 0644), EBADF);
        FAILS(openat(-5, "x", O_WRONLY | O_CREAT, 0644), EBADF);
        fd = open("d/file", O_RDONLY);
        FAILS(openat(fd, "x", O_WRONLY | O_CREAT, 0644), ENOTDIR);
        EXPECT(symlink("loop", "loop") == 0);
        FAILS(open("loop", O_WRONLY | O_CREAT, 0644), ELOOP);
        FAILS(open("loop/x", O_WRONLY | O_CREAT, 0644), ELOOP);
        FAILS(unlink("d"), EISDIR);
        FAILS(rename("d", "d/sub"), EINVAL);
        FAILS(rename("absent", "x"), ENOENT);
        FAILS(rename("d/file/", "x"), ENOTDIR);
        FAILS(link("d", "dl"), EPERM);
        FAILS(truncate("d", 0), EISDIR);
        FAILS(truncate("absent", 0), ENOENT);
        FAILS((int) syscall(SYS_unlinkat, AT_FDCWD, "x", 0x77), EINVAL);
        /* a file without a name gets one */
        fd = open(".", O_TMPFILE | O_RDWR, 0600);
        if (fd >= 0) {
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                REFUSED(linkat(AT_FDCWD, path, AT_FDCWD, "secret", AT_SYMLINK_FOLLOW));
                REFUSED(linkat(fd, "", AT_FDCWD, "secret", AT_EMPTY_PATH));
                EXPECT(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
                EXPECT(linkat(fd, "", AT_FDCWD, "named2", AT_EMPTY_PATH) == 0);
                EXPECT(fstat(fd, &st) == 0 && st.st_nlink == 2);
        } else {
                EXPECT(errno == EOPNOTSUPP);
        }
        /* reopening through magic links, also of what has no name any more */
        fd = creat("gone", 0644);
        EXPECT(fd >= 0 && unlink("gone") == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        other = open(path, O_RDWR);
        EXPECT(other >= 0 && write(other, "x", 1) == 1 && fstat(fd, &st) == 0 && st.st_size == 1);
        fd = open("repo/.git/hooks/old", O_RDONLY);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        REFUSED(open(path, O_WRONLY));
        snprintf(path, sizeof(path), "/dev/fd/%d", fd);
        REFUSED(open(path, O_WRONLY | O_CREAT, 0644));
        REFUSED(truncate(path, 0));
        null = open("/dev/null", O_RDWR);
        EXPECT(null >= 0 && dup2(null, 0) == 0 && fstat(open("/dev/stdin", O_RDWR), &st) == 0);
        EXPECT(S_ISCHR(st.st_mode));
        return 0;
}

START_TEST(odd_arguments) {
        check_body(odd, 0);
        check_body(odd, HARNESS_READS);
}
END_TEST

static int fifo(void) {
        pid_t pid;
        char byte;
        int fd, pair[2];
        char path[32];

        EXPECT(mkfifo("f", 0600) == 0);
        pid = fork();
        if (pid == 0) {
                fd = open("f", O_WRONLY); /* waits for the reader, in a worker */
                _exit(fd >= 0 && write(fd, "y", 1) == 1 ? 0 : 1);
        }
        usleep(50000);
        EXPECT(touch("meanwhile") == 0); /* nobody else waits */
        fd = open("f", O_RDONLY);
        EXPECT(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'y');
        EXPECT(waitpid(pid, NULL, 0) == pid);
        close(fd);
        FAILS(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
        fd = open("f", O_RDWR);
        EXPECT(fd >= 0);
        close(fd);
        /* one that dies while it waits leaves nothing behind: harness_run() looks */
        pid = fork();
        if (pid == 0) {
                open("f", O_WRONLY);
                _exit(0);
        }
        usleep(50000);
        kill(pid, SIGKILL);
        EXPECT(waitpid(pid, NULL, 0) == pid);
        EXPECT(pipe(pair) == 0);
        snprintf(path, sizeof(path), "/dev/fd/%d", pair[1]);
        fd = open(path, O_WRONLY);
        EXPECT(fd >= 0 && write(fd, "z", 1) == 1 && read(pair[0], &byte, 1) == 1 && byte == 'z');
        return 0;
}

START_TEST(fifos_do_not_block_others) {
        check_body(fifo, 0);
        check_body(fifo, HARNESS_READS);
}
END_TEST

static void on_alarm(int signo _unused_) {
}

static int signals(void) {
        struct sigaction a = { .sa_handler = on_alarm };
        struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { { 0, 0 }, { 0, 0 } };
        char name[32];

        EXPECT(mkfifo("f", 0600) == 0);
        sigaction(SIGALRM, &a, NULL);
        alarm(1);
        FAILS(open("f", O_WRONLY), EINTR); /* in a worker, that learns of the signal */
        /* and a storm of them changes nothing: no call is done twice */
        a.sa_flags = SA_RESTART;
        sigaction(SIGALRM, &a, NULL);
        EXPECT(setitimer(ITIMER_REAL, &often, NULL) == 0);
        for (int i = 0; i < 300; i++) {
                snprintf(name, sizeof(name), "n%d", i);
                EXPECT(mkdir(name, 0755) == 0);
                EXPECT(rmdir(name) == 0);
        }
        EXPECT(setitimer(ITIMER_REAL, &never, NULL) == 0);
        return 0;
}

START_TEST(signals_do_not_disturb) {
        check_body(signals, 0);
}
END_TEST

static void on_alarm_busy(int signo _unused_) {
        int error = errno;

        /* A handler's own calls come before the restart of the one that it interrupted. */
        if (mkdir("handler", 0755) == 0)
                rmdir("handler");
        errno = error;
}

/* One signal at a time, at some moment of what comes next: a clock that ticks on would leave a slow
 * machine no time for anything but the handler. */
static void soon(unsigned i) {
        struct itimerval once = { .it_value.tv_usec = 20 + i * 37 % 500 };

        setitimer(ITIMER_REAL, &once, NULL);
}

static int restarted(void) {
        struct sigaction a = { .sa_handler = on_alarm_busy, .sa_flags = SA_RESTART };
        unsigned times = getenv("LEASH_SLOW") ? 150 : 600;
        char name[32];
        int fd;

        sigaction(SIGALRM, &a, NULL);
        for (unsigned i = 0; i < times; i++) {
                snprintf(name, sizeof(name), "n%u", i);
                soon(i);
                EXPECT(mkdir(name, 0755) == 0);
                EXPECT(rmdir(name) == 0);
                soon(i);
                fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
                EXPECT(fd >= 0 && write(fd, name, 1) == 1 && close(fd) == 0);
                soon(i);
                EXPECT(rename(name, "renamed") == 0 && unlink("renamed") == 0);
        }
        /* what was answered twice is not so a third time */
        setitimer(ITIMER_REAL, &(struct itimerval){}, NULL);
        for (unsigned i = 0; i < 20; i++) {
                EXPECT(mkdir("last", 0755) == 0);
                FAILS(mkdir("last", 0755), EEXIST);
                EXPECT(rmdir("last") == 0);
                FAILS(rmdir("last"), ENOENT);
        }
        return 0;
}

/* As on a kernel before 5.19. */
START_TEST(interrupted_calls_are_done_once) {
        struct harness h;

        start(&h, 0);
        h.judge->restarts = true;
        ck_assert_int_eq(harness_run(&h, restarted), 0);
        harness_end(&h);
}
END_TEST

static struct {
        char path[8];
        bool stop;
} flip;

/* What the kernel answers does not matter in a race. */
static void tried(int result _unused_) {
}

static void *flipper(void *argument _unused_) {
        while (!__atomic_load_n(&flip.stop, __ATOMIC_RELAXED)) {
                memcpy(flip.path, "public", 7);
                __asm__ volatile("" ::: "memory"); /* both are stored */
                memcpy(flip.path, "secret", 7);
                __asm__ volatile("" ::: "memory");
        }
        return NULL;
}

static void *mover(void *argument _unused_) {
        while (!__atomic_load_n(&flip.stop, __ATOMIC_RELAXED)) {
                tried(rename("m", "n"));
                tried(renamed("n", "p", RENAME_EXCHANGE));
                tried(rename("n", "m"));
                tried(unlink("q"));
                tried(symlink("m", "q"));
                tried(unlink("q"));
                tried(symlink(".", "q"));
        }
        return NULL;
}

static int races(void) {
        pthread_t threads[2];
        time_t end = time(NULL) + 2;
        unsigned made = 0, refusals = 0;

        EXPECT(mkdir("m", 0755) == 0 && mkdir("p", 0755) == 0);
        memcpy(flip.path, "public", 7);
        EXPECT(pthread_create(&threads[0], NULL, flipper, NULL) == 0);
        EXPECT(pthread_create(&threads[1], NULL, mover, NULL) == 0);
        while (time(NULL) < end || ((made == 0 || refusals == 0) && time(NULL) < end + 20)) {
                if (creat(flip.path, 0644) >= 0)
                        made++;
                else if (errno == EACCES)
                        refusals++;
                tried(mkdir(flip.path, 0755));
                tried(rename("d/file", flip.path));
                tried(rename(flip.path, "d/file"));
                tried(link("d/file", flip.path));
                tried(creat("q/secret", 0644));
                tried(creat("m/../secret", 0644));
                tried(creat("n/../q/secret", 0644));
                tried(unlink("public"));
                tried(rmdir("public"));
                sys_close_range(3, ~0u, 0);
        }
        __atomic_store_n(&flip.stop, true, __ATOMIC_RELAXED);
        for (int i = 0; i < 2; i++)
                EXPECT(pthread_join(threads[i], NULL) == 0);
        EXPECT(!exists("secret"));
        EXPECT(made > 0 && refusals > 0); /* both were tried */
        return 0;
}

START_TEST(races_are_lost) {
        check_body(races, 0);
}
END_TEST

static void *burst(void *argument) {
        char name[32];

        for (int i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "b%ld-%d", (long) (intptr_t) argument, i);
                if (touch(name) < 0 || unlink(name) < 0)
                        return (void *) 1;
        }
        return NULL;
}

static int many(void) {
        pthread_t threads[16];
        pid_t pids[64];
        void *result;

        for (int i = 0; i < 16; i++)
                EXPECT(pthread_create(&threads[i], NULL, burst, (void *) (intptr_t) i) == 0);
        for (int i = 0; i < 64; i++) {
                pids[i] = fork();
                if (pids[i] == 0)
                        for (;;)
                                (void) touch("z"); /* dies in the middle of something */
        }
        usleep(100000);
        for (int i = 0; i < 64; i++)
                EXPECT(kill(pids[i], SIGKILL) == 0 && waitpid(pids[i], NULL, 0) == pids[i]);
        for (int i = 0; i < 16; i++)
                EXPECT(pthread_join(threads[i], &result) == 0 && !result);
        return 0;
}

START_TEST(many_at_once) {
        check_body(many, 0);
}
END_TEST

static int trusted(void) {
        EXPECT(mkdir("new/.git", 0755) == 0);
        EXPECT(touch("new/.git/config") == 0);
        EXPECT(touch("new/.git/config") == 0);
        EXPECT(truncate("new/.git/config", 0) == 0);
        EXPECT(close(open("new/.git/config", O_RDONLY)) == 0);
        return 0;
}

/* A name, and nothing below it; and once more where it is moved to. */
static int trusted_and_moved(void) {
        EXPECT(mkdir("new/.git", 0755) == 0);
        EXPECT(touch("new/.git/config") == 0);
        EXPECT(touch("new/.git/config.d") == 0);
        EXPECT(rename("new/.git", "new/x") == 0);
        return 0;
}

START_TEST(trusted_files_are_told_where_they_go) {
        struct harness h;

        start(&h, 0);
        ck_assert_int_eq(harness_run(&h, trusted_and_moved), 0);
        ck_assert_uint_eq(h.trusted, 3); /* made, new/x/config, and new/x itself */
        ck_assert_ptr_nonnull(strstr(h.last, "/new/x"));
        harness_end(&h);
}
END_TEST

START_TEST(trusted_files_are_told) {
        struct harness h;

        start(&h, 0);
        ck_assert_int_eq(harness_run(&h, trusted), 0);
        ck_assert_uint_eq(h.trusted, 3); /* made, opened for writing, cut */
        ck_assert_uint_eq(h.denied, 0);
        ck_assert_ptr_nonnull(strstr(h.last, "/new/.git/config"));
        harness_end(&h);
}
END_TEST

START_TEST(names_that_fold) {
        static const struct {
                const char *path;
                bool exact, folded;
        } cases[] = {
                { "repo/.git/hooks/x", true, true },
                { "repo/.GIT/Hooks", false, true },
                { "REPO/.git./hooks /x", false, true },
                { "repo/.git/hook", false, false },
                { "d/.ENV", false, true },
                { "d/.env.", false, true },
                { "d/..env", false, false },
                { "secret...", false, true },
        };
        struct harness h;
        char path[256], other[256];

        start(&h, 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct caller c = { .judge = h.judge };

                snprintf(path, sizeof(path), "%s/%s", h.dir, cases[i].path);
                ck_assert_int_eq(names_deny(&c, path, true), cases[i].exact);
                c.folds = true;
                ck_assert_int_eq(names_deny(&c, path, true), cases[i].folded);
        }
        struct caller c = { .judge = h.judge, .folds = true };

        snprintf(path, sizeof(path), "%s/x", h.dir);
        snprintf(other, sizeof(other), "%s/repo/.Git", h.dir);
        ck_assert(!names_keep(&c, path, other, false));
        ck_assert(names_lead(&c, other));
        harness_end(&h);
}
END_TEST

/* What the move of a tree means, asked of the automaton itself. */
START_TEST(patterns_keep_their_say) {
        static const struct {
                const char *from, *to;
                bool keep;
        } cases[] = {
                { "/a", "/b", true },
                { "d", "e", true },           /* both below the anchor of "**" */
                { "d", "/elsewhere", false }, /* .env would no longer be denied */
                { "/elsewhere", "d", false }, /* … or some would be that were not */
                { "x/y/z", "w", true },
                { "repo", "x", false },
                { "x", "repo", false },
                { "repo/.git", "x/.git", false },
                { "x/.git", "y/.git", true },
                { "many/a", "many/b", true }, /* the same pattern covers both */
                { "many/a/lock", "many/b/lock", true },
                { "many/a/b", "many/b", false },
                { "new", "old", true }, /* trusted names are another question */
        };
        struct harness h;
        char from[256], to[256];

        start(&h, 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct caller c = { .judge = h.judge };
                const char *a = cases[i].from, *b = cases[i].to;

                snprintf(from, sizeof(from), "%s%s%s", *a == '/' ? "" : h.dir, *a == '/' ? "" : "/",
                         a);
                snprintf(to, sizeof(to), "%s%s%s", *b == '/' ? "" : h.dir, *b == '/' ? "" : "/", b);
                ck_assert_msg(names_keep(&c, from, to, false) == cases[i].keep, "%s -> %s", a, b);
        }
        harness_end(&h);
}
END_TEST

static int agent(void) {
        EXPECT(prctl(PR_SET_DUMPABLE, 0) == 0); /* as ssh-agent does */
        EXPECT(touch("a") == 0);
        REFUSED(touch("secret"));
        return 0;
}

START_TEST(agents_are_served) {
        check_body(agent, 0);
}
END_TEST

static int limits(void) {
        struct rlimit files, size = { 4096, 4096 };
        int fd;

        EXPECT(getrlimit(RLIMIT_NOFILE, &files) == 0);
        files.rlim_cur = 3; /* 0, 1 and 2 are taken */
        EXPECT(setrlimit(RLIMIT_NOFILE, &files) == 0);
        fd = creat("a", 0644);
        FAILS(fd, EMFILE);
        EXPECT(touch("b") == -1 && setrlimit(RLIMIT_FSIZE, &size) == 0);
        FAILS(truncate("d/file", 8192), EFBIG);
        EXPECT(truncate("d/file", 4096) == 0);
        return 0;
}

START_TEST(limits_are_the_callers) {
        check_body(limits, 0);
}
END_TEST

static int terminal(void) {
        char name[64];
        int master, tty;
        struct stat a, b;

        EXPECT(setsid() >= 0);
        FAILS(open("/dev/tty", O_RDWR), ENXIO);
        master = posix_openpt(O_RDWR | O_NOCTTY);
        EXPECT(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
        EXPECT(ptsname_r(master, name, sizeof(name)) == 0);
        tty = open(name, O_RDWR | O_NOCTTY);
        EXPECT(tty >= 0 && ioctl(tty, TIOCSCTTY, 0) == 0);
        EXPECT(fstat(tty, &a) == 0);
        tty = open("/dev/tty", O_RDWR | O_CREAT | O_TRUNC, 0644);
        EXPECT(tty >= 0 && fstat(tty, &b) == 0 && a.st_rdev == b.st_rdev);
        return 0;
}

START_TEST(terminals_are_the_callers) {
        check_body(terminal, 0);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 60 };

        return RUN_TESTS_IN(&fixture, "judge", allowed_works, refused_is_refused, trees_that_move,
                            reads_are_judged, odd_arguments, fifos_do_not_block_others,
                            signals_do_not_disturb, interrupted_calls_are_done_once, races_are_lost,
                            many_at_once, trusted_files_are_told,
                            trusted_files_are_told_where_they_go, names_that_fold,
                            patterns_keep_their_say, agents_are_served, limits_are_the_callers,
                            terminals_are_the_callers);
}
