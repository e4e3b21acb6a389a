/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Masks by ABI, and domains as they are: each refusal is shown to be Landlock's by a twin that does
 * the same outside. Runs as anyone; parts that this kernel lacks are skipped by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../../../backends/linux/landlock.h"
#include "../suite.h"

static char dir[] = "/tmp/leash-landlock-XXXXXX";

static bool needs_abi(int abi) {
        if (landlock_query_abi() >= abi)
                return true;
        fprintf(stderr, "skipped: needs Landlock ABI %d, this kernel has %d\n", abi,
                landlock_query_abi());
        return false;
}

/* --- masks --- */

START_TEST(masks_by_abi) {
        /* Written out by hand from the kernel's documentation, so that the table is not its own
         * judge. */
        static const struct {
                int abi;
                uint64_t fs, net, scope;
        } expected[] = {
                { -1, 0, 0, 0 },         { 0, 0, 0, 0 },
                { 1, 0x1fff, 0, 0 },     { 2, 0x3fff, 0, 0 },
                { 3, 0x7fff, 0, 0 },     { 4, 0x7fff, 3, 0 },
                { 5, 0xffff, 3, 0 },     { 6, 0xffff, 3, 3 },
                { 7, 0xffff, 3, 3 },     { 8, 0xffff, 3, 3 },
                { 9, 0x1ffff, 3, 3 },    { 10, 0x1ffff, 0xf, 3 },
                { 11, 0x1ffff, 0xf, 3 }, { 1000, 0x1ffff, 0xf, 3 },
        };

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                int abi = expected[i].abi;

                ck_assert_uint_eq(landlock_fs_mask(abi), expected[i].fs);
                ck_assert_uint_eq(landlock_net_mask(abi), expected[i].net);
                ck_assert_uint_eq(landlock_scope_mask(abi), expected[i].scope);
                ck_assert_uint_eq(landlock_write_mask(abi), expected[i].fs);
                ck_assert_uint_eq(landlock_read_mask(abi), abi >= 1 ? 0xd : 0);
                ck_assert_uint_eq(landlock_unix_mask(abi), abi >= 9 ? 0x10000 : 0);
        }
        ck_assert_uint_eq(landlock_file_rights(), 0x1c007);
}
END_TEST

START_TEST(kernel_knows_what_we_handle) {
        int abi = landlock_query_abi();

        ck_assert_int_ge(abi, -1);
        for (int a = 1; a <= abi && a <= LL_ABI_NEWEST; a++) {
                int fd = landlock_ruleset_new(a, LANDLOCK_DENY_NETWORK | LANDLOCK_SCOPED);

                ck_assert_msg(fd >= 0, "ABI %d: %s", a, strerror(-fd));
                ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
                close(fd);
        }
        ck_assert_int_eq(landlock_ruleset_new(0, 0), -EOPNOTSUPP);
        ck_assert_int_eq(landlock_ruleset_new(-1, 0), -EOPNOTSUPP);
        ck_assert_int_eq(landlock_nested_new(1, AT_FDCWD, 0), -EOPNOTSUPP);
}
END_TEST

/* --- domains: each check runs in a child, which exits with 0 or the number of the line that failed
 * --- */

#define MUST(x)                                                                               \
        do {                                                                                  \
                if (!(x)) {                                                                   \
                        fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #x, strerror(errno)); \
                        _exit(1);                                                             \
                }                                                                             \
        } while (0)

static void in_child(void (*f)(void)) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                f();
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(status == 0, "child ended with %x", status);
}

static void grant(int ruleset, const char *path, uint64_t access) {
        int fd = open(path, O_PATH | O_CLOEXEC);

        MUST(fd >= 0);
        MUST(landlock_add_path(ruleset, fd, access) == 0);
        close(fd);
}

/* The common domain: all may be read, "dir/w" written. */
static void enter_common(unsigned flags) {
        int abi = landlock_query_abi(), ruleset = landlock_ruleset_new(abi, flags);
        char path[64];

        MUST(ruleset >= 0);
        grant(ruleset, "/", landlock_read_mask(abi));
        snprintf(path, sizeof(path), "%s/w", dir);
        grant(ruleset, path, landlock_write_mask(abi));
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        MUST(landlock_enter(ruleset, abi, LANDLOCK_COMMON) == 0);
        close(ruleset);
}

static void enter_own(void) {
        int root = open("/", O_PATH | O_CLOEXEC), abi = landlock_query_abi();
        int ruleset = landlock_nested_new(abi, root, 0);

        MUST(ruleset >= 0);
        MUST(landlock_enter(ruleset, abi, LANDLOCK_OWN) == 0);
        close(root);
        close(ruleset);
}

static void make_tree(void) {
        static const char *const dirs[] = { "w", "w/a", "w/b", "r" };
        char path[64];

        ck_assert_ptr_nonnull(mkdtemp(dir));
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                snprintf(path, sizeof(path), "%s/%s", dir, dirs[i]);
                ck_assert_int_eq(mkdir(path, 0777), 0);
        }
}

static void remove_tree(void) {
        char command[64];

        snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        ck_assert_int_eq(system(command), 0);
        strcpy(dir, "/tmp/leash-landlock-XXXXXX");
}

static int touch(const char *name) {
        char path[128];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

static int move(const char *from, const char *to) {
        char a[128], b[128];

        snprintf(a, sizeof(a), "%s/%s", dir, from);
        snprintf(b, sizeof(b), "%s/%s", dir, to);
        return rename(a, b) < 0 ? -errno : 0;
}

static void paths(void) {
        MUST(touch("w/one") == 0);
        MUST(touch("r/one") == 0);
        enter_common(0);
        MUST(touch("w/two") == 0);
        MUST(touch("r/two") == -EACCES);
        MUST(touch("r/one") == -EACCES);
        MUST(access("/bin/sh", X_OK) == 0);
        MUST(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
}

START_TEST(paths_are_restricted) {
        if (needs_abi(1))
                in_child(paths);
}
END_TEST

static void renames(void) {
        MUST(touch("w/a/x") == 0);
        enter_common(0);
        MUST(move("w/a/x", "w/b/x") == 0);
        MUST(touch("w/a/y") == 0);
        MUST(move("w/a/y", "r/y") < 0);
        enter_own();
        /* The own domain must cost nothing. */
        MUST(move("w/b/x", "w/a/x") == 0);
        MUST(touch("w/a/z") == 0);
        MUST(move("w/a/y", "r/y") < 0);
}

START_TEST(renames_survive_both_domains) {
        if (needs_abi(2))
                in_child(renames);
}
END_TEST

static void file_rules(void) {
        int abi = landlock_query_abi(), ruleset = landlock_ruleset_new(abi, 0);
        int null = open("/dev/null", O_PATH | O_CLOEXEC);

        /* Directory rights on a file are an error for the kernel; a rule of nothing, too. */
        MUST(landlock_add_path(ruleset, null, landlock_write_mask(abi)) == 0);
        MUST(landlock_add_path(ruleset, null, LL_FS_READ_DIR) == 0);
        MUST(landlock_add_path(ruleset, -1, LL_FS_READ_DIR) == -EBADF);
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        MUST(landlock_enter(ruleset, abi, LANDLOCK_COMMON) == 0);
        MUST(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0);
        MUST(open("/dev/zero", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
}

START_TEST(rules_for_files) {
        if (needs_abi(1))
                in_child(file_rules);
}
END_TEST

/* Two commands of one sandbox and its init, which is in no domain. `tell` carries one byte. */
static pid_t command(int tell[2]) {
        pid_t pid;
        char c;

        MUST(pipe(tell) == 0);
        pid = fork();
        MUST(pid >= 0);
        if (pid > 0) {
                /* Until it is in its own domain. */
                MUST(read(tell[0], &c, 1) == 1);
                return pid;
        }
        enter_own();
        MUST(write(tell[1], "x", 1) == 1);
        for (;;)
                pause();
}

static int try_trace(pid_t pid) {
        if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
                return -errno;
        (void) ptrace(PTRACE_DETACH, pid, 0, 0);
        return 0;
}

static int try_memory(pid_t pid) {
        char path[64];
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/mem", (int) pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

/* What a command may do to a sibling and to init; told to init as an exit status. */
static void attack(pid_t init, pid_t sibling) {
        enter_own();
        MUST(try_trace(sibling) < 0);
        MUST(try_memory(sibling) < 0);
        MUST(try_trace(init) < 0);
        MUST(try_memory(init) < 0);
        /* Signals between commands are what shells, make and test runners do. */
        MUST(kill(sibling, 0) == 0);
        if (landlock_scope_mask(landlock_query_abi()) & LL_SCOPE_SIGNAL)
                MUST(kill(init, 0) < 0 && errno == EPERM);
        MUST(kill(sibling, SIGKILL) == 0);
        _exit(0);
}

static void siblings(void) {
        pid_t init = getpid(), spawner, attacker;
        int status, tell[2], done[2];
        char c;

        MUST(pipe(done) == 0);
        spawner = fork();
        MUST(spawner >= 0);
        if (spawner == 0) {
                pid_t victim;

                enter_common(LANDLOCK_SCOPED);
                victim = command(tell);
                /* The spawner is above its commands and may trace them: the twin that shows that
                 * the refusals are the domains' work (and not Yama's, which allows it to a parent).
                 */
                MUST(try_memory(victim) == 0);
                attacker = fork();
                if (attacker == 0)
                        attack(init, victim);
                MUST(waitpid(attacker, &status, 0) == attacker);
                MUST(status == 0);
                MUST(waitpid(victim, &status, 0) == victim);
                MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
                MUST(write(done[1], "x", 1) == 1);
                for (;;)
                        pause();
        }
        close(done[1]);
        MUST(read(done[0], &c, 1) == 1);
        /* Init, outside, may signal what is inside a scope. */
        MUST(kill(spawner, SIGKILL) == 0);
        MUST(waitpid(spawner, &status, 0) == spawner);
        MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(commands_cannot_trace_each_other) {
        if (needs_abi(2))
                in_child(siblings);
}
END_TEST

static int tcp_connect(void) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(9),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        MUST(fd >= 0);
        r = connect(fd, (const struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static void network(void) {
        MUST(tcp_connect() != -EACCES);
        enter_common(LANDLOCK_DENY_NETWORK);
        MUST(tcp_connect() == -EACCES);
}

static void loopback(void) {
        enter_common(LANDLOCK_SCOPED);
        MUST(tcp_connect() != -EACCES);
}

START_TEST(network_only_where_asked) {
        if (!needs_abi(4))
                return;
        in_child(network);
        in_child(loopback);
}
END_TEST

static int abstract_connect(const struct sockaddr_un *a, socklen_t len) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        MUST(fd >= 0);
        r = connect(fd, (const struct sockaddr *) a, len) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static void abstract(void) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
        socklen_t len;

        n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "leash-test-%d", (int) getpid());
        len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n);
        MUST(bind(listener, (const struct sockaddr *) &a, len) == 0);
        MUST(listen(listener, 5) == 0);
        MUST(abstract_connect(&a, len) == 0);
        enter_common(LANDLOCK_SCOPED);
        MUST(abstract_connect(&a, len) == -EPERM);
}

START_TEST(abstract_sockets_stay_inside) {
        if (needs_abi(6))
                in_child(abstract);
}
END_TEST

/* A socket at a path: a listener, or (type SOCK_DGRAM) a receiver. */
static int at_path(const char *name, int type, struct sockaddr_un *a) {
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
        snprintf(a->sun_path, sizeof(a->sun_path), "%s/%s", dir, name);
        MUST(fd >= 0);
        MUST(bind(fd, (const struct sockaddr *) a, sizeof(*a)) == 0);
        MUST(type == SOCK_DGRAM || listen(fd, 5) == 0);
        return fd;
}

static int reach(const struct sockaddr_un *a, int type) {
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), r;

        MUST(fd >= 0);
        if (type == SOCK_DGRAM)
                r = sendto(fd, "x", 1, 0, (const struct sockaddr *) a, sizeof(*a)) < 0 ? -errno : 0;
        else
                r = connect(fd, (const struct sockaddr *) a, sizeof(*a)) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static void unix_sockets(void) {
        struct sockaddr_un host, host_dgram, granted, own;

        (void) at_path("r/host", SOCK_STREAM, &host);
        (void) at_path("r/dgram", SOCK_DGRAM, &host_dgram);
        (void) at_path("w/granted", SOCK_STREAM, &granted);
        MUST(reach(&host, SOCK_STREAM) == 0 && reach(&host_dgram, SOCK_DGRAM) == 0);
        enter_common(LANDLOCK_SCOPED);
        MUST(reach(&host, SOCK_STREAM) == -EACCES);
        MUST(reach(&host_dgram, SOCK_DGRAM) == -EACCES);
        /* Below what may be written, sockets may be reached. */
        MUST(reach(&granted, SOCK_STREAM) == 0);
        /* A command's socket is for its siblings, too: their own domains handle nothing of this. */
        (void) at_path("w/own", SOCK_STREAM, &own);
        enter_own();
        MUST(reach(&own, SOCK_STREAM) == 0);
        MUST(reach(&host, SOCK_STREAM) == -EACCES);
}

START_TEST(sockets_by_path) {
        if (needs_abi(9))
                in_child(unix_sockets);
}
END_TEST

static int udp_send(void) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(9),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

        MUST(fd >= 0);
        r = sendto(fd, "x", 1, 0, (const struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static void udp(void) {
        MUST(udp_send() == 0);
        enter_common(LANDLOCK_DENY_NETWORK);
        MUST(udp_send() == -EACCES);
}

START_TEST(udp_only_where_asked) {
        if (needs_abi(10))
                in_child(udp);
}
END_TEST

static void layers(void) {
        int root = open("/", O_PATH | O_CLOEXEC), abi = landlock_query_abi();
        int ruleset = landlock_nested_new(abi, root, 0);

        MUST(landlock_enter(ruleset, abi, LANDLOCK_OWN) == -EPERM || geteuid() == 0);
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        /* leash takes two of sixteen: programs with a sandbox of their own must have room. */
        enter_common(LANDLOCK_SCOPED);
        for (int i = 0; i < 14; i++)
                MUST(landlock_enter(ruleset, abi, LANDLOCK_OWN) == 0);
}

START_TEST(room_for_more_layers) {
        if (needs_abi(2))
                in_child(layers);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = make_tree, .teardown = remove_tree };

        return RUN_TESTS_IN(&fixture, "landlock", masks_by_abi, kernel_knows_what_we_handle,
                            paths_are_restricted, renames_survive_both_domains, rules_for_files,
                            commands_cannot_trace_each_other, network_only_where_asked,
                            abstract_sockets_stay_inside, sockets_by_path, udp_only_where_asked,
                            room_for_more_layers);
}
