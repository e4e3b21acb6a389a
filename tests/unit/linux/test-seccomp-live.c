/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The filter in the kernel: each row answers with its errno, real attacks fail inside and have a
 * twin outside that does not fail so, and what programs need goes on working.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filtered.h"
#include "../suite.h"

static int status_of(void (*f)(const void *), const void *argument) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                f(argument);
                _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        return status;
}

/* --- each row --- */

static bool is_expected(unsigned options, int nr, const uint64_t args[6], int err) {
        for (size_t i = 0; i < seccomp_table_n; i++)
                if (seccomp_row_active(&seccomp_table[i], options) &&
                    seccomp_row_number(&seccomp_table[i]) == nr &&
                    seccomp_row_matches(&seccomp_table[i], args) && seccomp_table[i].err == err)
                        return true;
        return false;
}

static void each_row(const void *argument) {
        const struct seccomp_options *o = argument;
        unsigned options = seccomp_options_bits(o);

        (void) install(o, 0);
        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];
                int nr = seccomp_row_number(row), err;
                uint64_t args[6];

                if (nr < 0 || row->err == SECCOMP_ERRNO_NOTIFY || !seccomp_row_active(row, options))
                        continue;
                matching_args(row, args);
                err = call(nr, args);
                if (is_expected(options, nr, args, err))
                        continue;
                fprintf(stderr, "%s: %s\n", row->name, strerror(err));
                _exit(1);
        }
}

START_TEST(every_row_answers) {
        static const struct seccomp_options combinations[] = {
                { 0 },
                { .allow_debug = true },
                { .allow_userns = true },
                { .native = true },
                { .allow_unix_dgram = true, .native = true },
        };

        for (size_t i = 0; i < ELEMENTSOF(combinations); i++)
                ck_assert_int_eq(status_of(each_row, &combinations[i]), 0);
}
END_TEST

/* --- attacks with twins --- */

static int err_of(long r) {
        return r < 0 ? errno : 0;
}

static int try_ptrace(void) {
        return err_of(syscall(SYS_ptrace, 0 /* TRACEME */, 0, 0, 0));
}
static int try_unshare(void) {
        return err_of(unshare(CLONE_NEWUSER));
}
static int try_unshare_nothing(void) {
        return err_of(unshare(0));
}
static int try_clone(void) {
        long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
                _exit(0);
        return err_of(pid);
}
static int try_io_uring(void) {
        struct io_uring_params p = { 0 };

        return err_of(syscall(SYS_io_uring_setup, 1, &p));
}
static int try_kcmp(void) {
        return err_of(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0));
}
static int try_keyctl(void) {
        return err_of(syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3 /* session */, 1));
}
static int try_mempolicy(void) {
        int mode;

        return err_of(syscall(SYS_get_mempolicy, &mode, 0, 0, 0, 0));
}
static int try_adjtimex(void) {
        struct timex t = { 0 };

        return err_of(adjtimex(&t));
}
static int try_read_memory(void) {
        char a = 1, b = 0;
        struct iovec to = { &b, 1 }, from = { &a, 1 };

        return err_of(process_vm_readv(getpid(), &to, 1, &from, 1, 0));
}
static int try_handle(void) {
        struct {
                struct file_handle h;
                char space[MAX_HANDLE_SZ];
        } h = { .h.handle_bytes = MAX_HANDLE_SZ };
        int id;

        return err_of(name_to_handle_at(AT_FDCWD, "/", &h.h, &id, 0));
}
static int try_no_random(void) {
        return err_of(personality(ADDR_NO_RANDOMIZE));
}
static int try_exec_data(void) {
        return err_of(personality(READ_IMPLIES_EXEC));
}
static int try_alg(void) {
        return err_of(socket(AF_ALG, SOCK_SEQPACKET, 0));
}
static int try_packet(void) {
        return err_of(socket(AF_INET, SOCK_PACKET, 0));
}
static int try_generic_netlink(void) {
        return err_of(socket(AF_NETLINK, SOCK_RAW, 16));
}
static int try_mptcp(void) {
        return err_of(socket(AF_INET, SOCK_STREAM, 262));
}
static int try_udplite(void) {
        return err_of(socket(AF_INET, SOCK_DGRAM, 136));
}
static int try_dgram(void) {
        return err_of(socket(AF_UNIX, SOCK_DGRAM, 0));
}
static int try_dgram_pair(void) {
        int pair[2];

        return err_of(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
}
static int try_terminal(uint64_t request) {
        int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
                return ENODEV;
        slave = open(ptsname(master), O_RDWR);
        return err_of(syscall(SYS_ioctl, slave, request, "x"));
}
static int try_push(void) {
        (void) setsid();
        return try_terminal(TIOCSTI);
}
static int try_push_high(void) {
        (void) setsid();
        return try_terminal(UINT64_C(0xdead00000000) | TIOCSTI);
}
static int try_fastopen(void) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons(9),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return err_of(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *) &a,
                             sizeof(a)));
}
static int try_tcp(void) {
        return err_of(socket(AF_INET, SOCK_STREAM, 0));
}
static int try_udp6(void) {
        return err_of(socket(AF_INET6, SOCK_DGRAM, 0));
}

struct attack {
        const char *name;
        int (*attempt)(void);
        int err;
        bool native;
};

static const struct attack attacks[] = {
        { "ptrace", try_ptrace, EPERM },
        { "unshare", try_unshare, EPERM },
        { "unshare nothing", try_unshare_nothing, EPERM },
        { "clone with a namespace", try_clone, EPERM },
        { "io_uring", try_io_uring, EPERM },
        { "kcmp", try_kcmp, EPERM },
        { "keyctl", try_keyctl, EPERM },
        { "get_mempolicy", try_mempolicy, EPERM },
        { "adjtimex", try_adjtimex, EPERM },
        { "process_vm_readv", try_read_memory, EPERM },
        { "name_to_handle_at", try_handle, EPERM },
        { "personality: no randomisation", try_no_random, EPERM },
        { "personality: executable data", try_exec_data, EPERM },
        { "AF_ALG", try_alg, EAFNOSUPPORT },
        { "SOCK_PACKET", try_packet, EPERM },
        { "generic netlink", try_generic_netlink, EPROTONOSUPPORT },
        { "MPTCP", try_mptcp, EPROTONOSUPPORT },
        { "UDP-Lite", try_udplite, EPROTONOSUPPORT },
        { "unix datagrams", try_dgram, ESOCKTNOSUPPORT },
        { "unix datagram pair", try_dgram_pair, ESOCKTNOSUPPORT },
        { "TIOCSTI", try_push, EPERM },
        { "TIOCSTI with rubbish above", try_push_high, EPERM },
        { "TCP fast open", try_fastopen, EOPNOTSUPP },
        { "TCP, native", try_tcp, EACCES, true },
        { "UDP, native", try_udp6, EACCES, true },
};

static void outside(const void *argument) {
        const struct attack *a = argument;

        _exit(a->attempt());
}

static void inside(const void *argument) {
        const struct attack *a = argument;
        struct seccomp_options o = { .native = a->native };

        (void) install(&o, 0);
        _exit(a->attempt());
}

START_TEST(attacks_fail_inside_only) {
        unsigned toothless = 0;

        for (size_t i = 0; i < ELEMENTSOF(attacks); i++) {
                const struct attack *a = &attacks[i];
                int in = status_of(inside, a), out = status_of(outside, a);

                ck_assert_msg(WIFEXITED(in) && WEXITSTATUS(in) == a->err, "%s: %x", a->name, in);
                /* The host refuses it by itself (a container, a sysctl): then this one proves
                 * nothing. */
                if (WIFEXITED(out) && WEXITSTATUS(out) == a->err) {
                        fprintf(stderr, "no twin: %s fails outside, too\n", a->name);
                        toothless++;
                }
        }
        ck_assert_uint_lt(toothless, ELEMENTSOF(attacks) / 2);
}
END_TEST

/* --- doors beside the front door --- */

#ifdef __x86_64__
static void by_int80(const void *argument) {
        long r = 20; /* getpid of i386 */

        if (argument)
                (void) install(argument, 0);
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
        _exit(r > 0 ? 0 : 1);
}

static void by_x32(const void *argument) {
        if (argument)
                (void) install(argument, 0);
        (void) syscall(0x40000000 | SYS_getpid);
        _exit(0);
}

START_TEST(other_doors_are_shut) {
        static const struct seccomp_options o;
        static void (*const doors[])(const void *) = { by_int80, by_x32 };

        for (size_t i = 0; i < ELEMENTSOF(doors); i++) {
                int in = status_of(doors[i], &o), out = status_of(doors[i], NULL);

                ck_assert_msg(WIFSIGNALED(in) && WTERMSIG(in) == SIGSYS, "door %zu: %x", i, in);
                ck_assert(!(WIFSIGNALED(out) && WTERMSIG(out) == SIGSYS));
        }
}
END_TEST
#endif

/* --- what must go on working --- */

static void *thread(void *argument) {
        return argument;
}

static void everyday(const void *argument) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(a);
        int pair[2], listener, client, server, status, x = 0;
        struct winsize size;
        void *result = NULL;
        pthread_t id;
        pid_t pid;
        char c;

        (void) install(argument, 0);
        /* clone3 is absent: glibc takes clone. */
        MUST(pthread_create(&id, NULL, thread, &x) == 0);
        MUST(pthread_join(id, &result) == 0 && result == &x);
        pid = fork();
        if (pid == 0)
                _exit(7);
        MUST(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
        MUST(system("true") == 0);
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
        MUST(send(pair[0], "x", 1, MSG_NOSIGNAL) == 1 && recv(pair[1], &c, 1, 0) == 1);
        MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
        MUST((listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP)) >= 0);
        MUST(bind(listener, (const struct sockaddr *) &a, len) == 0 && listen(listener, 1) == 0);
        MUST(getsockname(listener, (struct sockaddr *) &a, &len) == 0);
        MUST((client = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
        MUST(connect(client, (const struct sockaddr *) &a, len) == 0);
        MUST((server = accept(listener, NULL, NULL)) >= 0);
        MUST(write(client, "x", 1) == 1 && read(server, &c, 1) == 1);
        MUST(socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || errno == EAFNOSUPPORT);
        MUST(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
        MUST(ioctl(pair[0], TIOCGWINSZ, &size) < 0 && errno == ENOTTY);
        MUST(personality(0xffffffff) != -1);
        /* A program's own sandbox goes on top. */
        (void) install(argument, 0);
}

START_TEST(everyday_calls_work) {
        static const struct seccomp_options o;

        ck_assert_int_eq(status_of(everyday, &o), 0);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 60 };
        const TTest *const tests[] = {
                every_row_answers,
                attacks_fail_inside_only,
#ifdef __x86_64__
                other_doors_are_shut,
#endif
                everyday_calls_work,
        };
        return run_tests("seccomp live", &fixture, tests, ELEMENTSOF(tests));
}
