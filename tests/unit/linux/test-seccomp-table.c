/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The compiled filter against the table, by running it: for every combination of options, every
 * call number and the arguments around each condition, the program's verdict must be that of the
 * first row that matches, and "allow" where none does.
 */
#include <errno.h>
#include <linux/audit.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../../../backends/linux/seccomp_filter.h"
#include "bpf.h"
#include "../suite.h"

#define ALL_OPTIONS 256u
#define MAX_VALUES 512

static const uint32_t native =
#ifdef __x86_64__
        AUDIT_ARCH_X86_64;
#else
        AUDIT_ARCH_AARCH64;
#endif

struct program {
        struct sock_filter *code;
        size_t n;
};

static struct program compile_part(unsigned options, enum seccomp_part part) {
        struct seccomp_options o = {
                .allow_debug = options & SECCOMP_ALLOW_DEBUG,
                .allow_userns = options & SECCOMP_ALLOW_USERNS,
                .allow_unix_dgram = options & SECCOMP_ALLOW_UNIX_DGRAM,
                .native = options & SECCOMP_NATIVE,
                .notify_names = options & SECCOMP_NOTIFY_NAMES,
                .notify_reads = options & SECCOMP_NOTIFY_READS,
                .notify_unix = options & SECCOMP_NOTIFY_UNIX,
                .tell = options & SECCOMP_TELL,
                .part = part,
        };
        struct program p = { 0 };
        struct error e = ERROR_NULL;

        ck_assert_uint_eq(seccomp_options_bits(&o) & (ALL_OPTIONS - 1), options);
        ck_assert_msg(seccomp_compile(&o, &p.code, &p.n, &e) == 0, "%s", e.message);
        ck_assert_uint_le(p.n, BPF_MAXINSNS);
        return p;
}

static struct program compile(unsigned options) {
        return compile_part(options, SECCOMP_WHOLE);
}

static struct bpf_run run(const struct program *p, uint32_t arch, int nr, const uint64_t args[6]) {
        struct seccomp_data data = { .nr = nr, .arch = arch };
        struct bpf_run r;

        memcpy(data.args, args, sizeof(data.args));
        r = bpf_run(p->code, p->n, &data);
        /* Not an assertion each time: check notes every one, and there are millions. */
        if (r.broken)
                ck_abort_msg("call %d: the program is broken", nr);
        return r;
}

static uint32_t action_of(const struct seccomp_row *row, unsigned options) {
        if (!seccomp_row_notifies(row, options))
                return SECCOMP_RET_ERRNO | (uint32_t) row->err;
        return options & SECCOMP_ONLY_COMMON ? SECCOMP_RET_TRACE : SECCOMP_RET_USER_NOTIF;
}

/* The rows of each number, found once: resolving names is slow. */
static int row_number[512];

static void resolve_rows(void) {
        ck_assert_uint_le(seccomp_table_n, ELEMENTSOF(row_number));
        for (size_t i = 0; i < seccomp_table_n; i++)
                row_number[i] = seccomp_row_number(&seccomp_table[i]);
}

static void check_call(const struct program *p, unsigned options, int nr, const uint64_t args[6]) {
        struct bpf_run r = run(p, native, nr, args);
        bool some = false, right = false;

        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];

                if (row_number[i] != nr || !seccomp_row_active(row, options) ||
                    !seccomp_row_matches(row, args))
                        continue;
                some = true;
                right = r.action == action_of(row, options);
                break;
        }
        if (!some)
                right = r.action == SECCOMP_RET_ALLOW;
        if (!right)
                ck_abort_msg("options %x, call %d(%lx, %lx, %lx, %lx): verdict %x, %s", options, nr,
                             (unsigned long) args[0], (unsigned long) args[1],
                             (unsigned long) args[2], (unsigned long) args[3], r.action,
                             some ? "not that of the first matching row" : "but no row matches");
}

/* Values around everything that a condition compares with. */
static size_t values_around(const struct seccomp_condition *c, uint64_t *values) {
        static const uint64_t always[] = { 0, 1, 2, 3, 0xffffffff, UINT64_MAX };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(always); i++)
                values[n++] = always[i];
        for (unsigned bit = 0; bit < 32; bit++)
                if (c->compare != COMPARE_EQ || c->mask != 0xffffffff || bit < 8)
                        values[n++] = UINT64_C(1) << bit;
        if (c->compare == COMPARE_EQ)
                for (int d = -1; d <= 1; d++)
                        values[n++] = (uint32_t) (c->value + (uint32_t) d);
        for (size_t i = 0; c->set && i < c->set->n; i++)
                for (int d = -1; d <= 1; d++)
                        values[n++] = (uint32_t) (c->set->values[i] + (uint32_t) d);
        /* The same with rubbish in the half that the kernel does not read. */
        for (size_t i = 0, half = n; i < half; i += 3)
                values[n++] = values[i] | UINT64_C(0xdead00000000);
        ck_assert_uint_le(n, MAX_VALUES);
        return n;
}

static void check_row(const struct program *p, unsigned options, const struct seccomp_row *row,
                      int nr) {
        static const struct seccomp_condition none = { 0 };
        const struct seccomp_condition *c = row->conditions;
        uint64_t first[MAX_VALUES] = { 0 }, second[MAX_VALUES] = { 0 };
        size_t n_first = values_around(c[0].compare ? &c[0] : &none, first);
        size_t n_second = c[1].compare ? values_around(&c[1], second) : 1;

        for (size_t i = 0; i < n_first; i++)
                for (size_t j = 0; j < n_second; j++) {
                        uint64_t args[6] = { 0 };

                        args[c[0].arg] = first[i];
                        if (c[1].compare)
                                args[c[1].arg] = second[j];
                        check_call(p, options, nr, args);
                }
}

START_TEST(verdicts_are_those_of_the_table) {
        resolve_rows();
        for (unsigned options = 0; options < ALL_OPTIONS; options++) {
                struct program p = compile(options);

                for (size_t i = 0; i < seccomp_table_n; i++)
                        if (row_number[i] >= 0)
                                check_row(&p, options, &seccomp_table[i], row_number[i]);
                free(p.code);
        }
}
END_TEST

START_TEST(every_number_has_a_verdict) {
        static const uint64_t zero[6], ones[6] = { UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                                   UINT64_MAX, UINT64_MAX, UINT64_MAX };

        resolve_rows();
        for (unsigned options = 0; options < ALL_OPTIONS; options += 3) {
                struct program p = compile(options);

                for (int nr = 0; nr < 1024; nr++) {
                        check_call(&p, options, nr, zero);
                        check_call(&p, options, nr, ones);
                }
                check_call(&p, options, 0x3fffffff, zero);
                free(p.code);
        }
}
END_TEST

/* The kernel's rule for two filters (seccomp(2)): the smaller action as a signed number. */
static uint32_t stricter(uint32_t a, uint32_t b) {
        int32_t x = (int32_t) (a & SECCOMP_RET_ACTION_FULL);
        int32_t y = (int32_t) (b & SECCOMP_RET_ACTION_FULL);

        return x <= y ? a : b;
}

START_TEST(two_parts_are_the_whole) {
        static const uint64_t args[][6] = {
                { 0 },
                { 1, 1, 1, 1, 1, 1 },
                { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
                { 2, 2, 262 },
                { 0, 0x5412 },
                { 0, 0, 0x20000000, 0x20000000 },
        };

        for (unsigned options = 0; options < ALL_OPTIONS; options++) {
                struct program whole = compile(options);
                struct program common = compile_part(options, SECCOMP_COMMON);
                struct program command = compile_part(options, SECCOMP_COMMAND);

                for (int nr = 0; nr < 512; nr++)
                        for (size_t i = 0; i < ELEMENTSOF(args); i++) {
                                uint32_t a = run(&common, native, nr, args[i]).action;
                                uint32_t b = run(&command, native, nr, args[i]).action;

                                if (stricter(a, b) != run(&whole, native, nr, args[i]).action)
                                        ck_abort_msg("options %x, call %d", options, nr);
                        }
                /* The part that each command installs is the small one: some 150 ns for each of its
                 * instructions. */
                ck_assert_uint_lt(command.n, options & SECCOMP_TELL ? 180 : common.n / 2);
                free(whole.code);
                free(common.code);
                free(command.code);
        }
}
END_TEST

/* What a supervisor in init does must not be refused to init. */
START_TEST(init_can_work_under_the_common_part) {
        static const int needed[] = {
                SYS_process_vm_readv,
                438 /* pidfd_getfd */,
                SYS_pidfd_open,
                437 /* openat2 */,
                SYS_openat,
                SYS_mkdirat,
                SYS_connect,
                SYS_seccomp,
                SYS_clone,
                SYS_wait4,
                SYS_kill,
                SYS_prctl,
        };
        static const uint64_t args[6];
        struct program p = compile_part(ALL_OPTIONS - 1, SECCOMP_COMMON);

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                ck_assert_uint_eq(run(&p, native, needed[i], args).action, SECCOMP_RET_ALLOW);
        free(p.code);
}
END_TEST

START_TEST(socket_arguments_in_all_combinations) {
        static const unsigned combinations[] = { 0, SECCOMP_ALLOW_UNIX_DGRAM, SECCOMP_NATIVE };

        resolve_rows();
        for (size_t o = 0; o < ELEMENTSOF(combinations); o++) {
                struct program p = compile(combinations[o]);

                for (uint64_t family = 0; family < 50; family++)
                        for (uint64_t type = 0; type < 16; type++)
                                for (uint64_t protocol = 0; protocol < 300; protocol++) {
                                        uint64_t args[6] = { family, type | SOCK_CLOEXEC,
                                                             protocol };

                                        check_call(&p, combinations[o], SYS_socket, args);
                                        if (protocol < 2)
                                                check_call(&p, combinations[o], SYS_socketpair,
                                                           args);
                                }
                free(p.code);
        }
}
END_TEST

/* Facts that must hold whatever the table says: these tests do not use the table as the judge. */
START_TEST(verdicts_in_plain_words) {
        static const struct {
                unsigned options;
                int nr;
                uint64_t args[6];
                uint32_t action;
        } cases[] = {
#define ERR(e) (SECCOMP_RET_ERRNO | (e))
                { 0, SYS_ptrace, { 0 }, ERR(EPERM) },
                { SECCOMP_ALLOW_DEBUG, SYS_ptrace, { 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_unshare, { 0x10000000 }, ERR(EPERM) },
                { SECCOMP_ALLOW_USERNS, SYS_unshare, { 0x10000000 }, SECCOMP_RET_ALLOW },
                { SECCOMP_ALLOW_USERNS, 435, { 0 }, ERR(ENOSYS) },
                { 0, 435, { 0 }, ERR(ENOSYS) },
                { 0, SYS_clone, { 0x01200011 }, SECCOMP_RET_ALLOW }, /* fork */
                { 0, SYS_clone, { 0x003d0f00 }, SECCOMP_RET_ALLOW }, /* pthread_create */
                { 0, SYS_clone, { 0x00004111 }, SECCOMP_RET_ALLOW }, /* vfork */
                { 0, SYS_clone, { CLONE_NEWUSER | 17 }, ERR(EPERM) },
                { 0, SYS_clone, { CLONE_NEWNET | 17 }, ERR(EPERM) },
                { 0, SYS_clone, { UINT64_C(0x100000000) | CLONE_NEWNS }, ERR(EPERM) },
                { 0, SYS_ioctl, { 0, 0x5412 }, ERR(EPERM) },
                { 0, SYS_ioctl, { 0, UINT64_C(0x100005412) }, ERR(EPERM) },
                { 0, SYS_ioctl, { 0, 0x541c }, ERR(EPERM) },
                { 0, SYS_ioctl, { 0, 0x5413 }, SECCOMP_RET_ALLOW },     /* TIOCGWINSZ */
                { 0, SYS_ioctl, { 0, 0x5401 }, SECCOMP_RET_ALLOW },     /* TCGETS: isatty() */
                { 0, SYS_ioctl, { 0, 0x40049409 }, SECCOMP_RET_ALLOW }, /* FICLONE: cp --reflink */
                { 0, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_UNIX, SOCK_SEQPACKET, 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_UNIX, SOCK_DGRAM, 0 }, ERR(ESOCKTNOSUPPORT) },
                { 0, SYS_socketpair, { AF_UNIX, SOCK_RAW, 0 }, ERR(ESOCKTNOSUPPORT) },
                { 0, SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0 }, SECCOMP_RET_ALLOW },
                { SECCOMP_ALLOW_UNIX_DGRAM,
                  SYS_socket,
                  { AF_UNIX, SOCK_DGRAM, 0 },
                  SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_INET, SOCK_STREAM, 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 6 }, SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_INET, SOCK_DGRAM, 17 }, SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_INET, SOCK_DGRAM, 1 }, ERR(EPROTONOSUPPORT) },     /* ping */
                { 0, SYS_socket, { AF_INET, SOCK_STREAM, 262 }, ERR(EPROTONOSUPPORT) },  /* MPTCP */
                { 0, SYS_socket, { AF_INET, SOCK_SEQPACKET, 0 }, ERR(ESOCKTNOSUPPORT) }, /* SCTP */
                { 0, SYS_socket, { AF_INET6, SOCK_RAW, 0 }, ERR(EPERM) },
                { SECCOMP_NATIVE, SYS_socket, { AF_INET, SOCK_STREAM, 0 }, ERR(EACCES) },
                { SECCOMP_NATIVE, SYS_socket, { AF_INET6, SOCK_DGRAM, 0 }, ERR(EACCES) },
                { 0, SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_socket, { AF_NETLINK, SOCK_RAW, 12 }, ERR(EPROTONOSUPPORT) },
                { 0, SYS_socket, { 38, SOCK_SEQPACKET, 0 }, ERR(EAFNOSUPPORT) }, /* ALG */
                { 0, SYS_socket, { 40, SOCK_STREAM, 0 }, ERR(EAFNOSUPPORT) },    /* VSOCK */
                { 0, SYS_socket, { UINT64_C(0x100000028), SOCK_STREAM, 0 }, ERR(EAFNOSUPPORT) },
                { 0, SYS_sendto, { 0, 0, 0, 0x20000000 }, ERR(EOPNOTSUPP) },
                { 0, SYS_sendto, { 0, 0, 0, 0x4000 }, SECCOMP_RET_ALLOW },
                { 0, SYS_sendmsg, { 0, 0, 0x20000040 }, ERR(EOPNOTSUPP) },
                { 0, SYS_personality, { 0xffffffff }, SECCOMP_RET_ALLOW },
                { 0, SYS_personality, { 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_personality, { 0x40000 }, ERR(EPERM) },
                { SECCOMP_ALLOW_DEBUG, SYS_personality, { 0x40000 }, SECCOMP_RET_ALLOW },
                { SECCOMP_ALLOW_DEBUG, SYS_personality, { 0x400000 }, ERR(EPERM) },
                { 0, 425, { 0 }, ERR(EPERM) },                 /* io_uring_setup */
                { 0, 437, { 0 }, SECCOMP_RET_ERRNO | ENOSYS }, /* openat2 */
                { SECCOMP_NOTIFY_NAMES, 437, { 0 }, ERR(ENOSYS) },
                { 0, SYS_fchmod, { 0, 04755 }, ERR(EPERM) },
                { 0, SYS_fchmod, { 0, 02755 }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_NAMES, SYS_fchmodat, { 0, 0, 04000 }, ERR(EPERM) },
                { 0, 452, { 0, 0, 04755 }, ERR(EPERM) }, /* fchmodat2 */
                { 0, SYS_openat, { 0, 0, 0101, 04755 }, ERR(EPERM) },
                { 0, SYS_openat, { 0, 0, 0, 04755 }, SECCOMP_RET_ALLOW },
                { 0, SYS_openat, { 0, 0, 0200000, 04755 }, SECCOMP_RET_ALLOW }, /* O_DIRECTORY */
                { 0, SYS_openat, { 0, 0, 020200002, 04755 }, ERR(EPERM) },      /* O_TMPFILE */
                { 0, SYS_openat, { 0, 0, 0101 }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_NAMES, SYS_openat, { 0, 0, 0 }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_NAMES, SYS_openat, { 0, 0, 02000000 }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_NAMES, SYS_openat, { 0, 0, 0100 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_NAMES, SYS_openat, { 0, 0, 01000 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_NAMES, SYS_openat, { 0, 0, 1 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_NAMES, SYS_openat, { 0, 0, 020200002 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_READS, SYS_openat, { 0, 0, 0 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_NAMES, SYS_renameat2, { 0 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_READS, SYS_renameat2, { 0 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_READS, SYS_linkat, { 0 }, SECCOMP_RET_USER_NOTIF },
                { SECCOMP_NOTIFY_NAMES, SYS_connect, { 0 }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_UNIX, SYS_connect, { 0 }, SECCOMP_RET_USER_NOTIF },
                { 0, SYS_read, { 0 }, SECCOMP_RET_ALLOW },
                { 0, 444, { 0 }, SECCOMP_RET_ALLOW }, /* landlock_create_ruleset */
                { 0, SYS_seccomp, { 0 }, SECCOMP_RET_ALLOW },
                { 0, SYS_seccomp, { 1, 8 /* …_NEW_LISTENER */ }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_NAMES, SYS_seccomp, { 1, 0 }, SECCOMP_RET_ALLOW },
                { SECCOMP_NOTIFY_NAMES, SYS_seccomp, { 1, 8 }, ERR(EBUSY) },
                { SECCOMP_NOTIFY_READS, SYS_seccomp, { 1, 8 | 32 }, ERR(EBUSY) },
                { SECCOMP_NOTIFY_UNIX, SYS_seccomp, { 1, 9 }, ERR(EBUSY) },
                { 0, 900, { 0 }, SECCOMP_RET_ALLOW }, /* not yet invented */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct program p = compile(cases[i].options);
                struct bpf_run r = run(&p, native, cases[i].nr, cases[i].args);

                ck_assert_msg(r.action == cases[i].action, "case %zu: call %d gives %x, not %x", i,
                              cases[i].nr, r.action, cases[i].action);
                free(p.code);
        }
}
END_TEST

START_TEST(other_architectures_are_killed) {
        static const uint32_t foreign[] = {
                AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_PPC64LE, AUDIT_ARCH_S390X, 0, UINT32_MAX
        };
        static const uint64_t args[6];
        struct program p = compile(0);

        for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                for (int nr = -1; nr < 512; nr++)
                        ck_assert_uint_eq(run(&p, foreign[i], nr, args).action,
                                          SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
        /* x32: the same architecture by name, with a bit in the number. */
        for (int nr = 0; nr < 1024; nr++)
                ck_assert_uint_eq(run(&p, native, 0x40000000 | nr, args).action,
                                  SECCOMP_RET_KILL_PROCESS);
        ck_assert_uint_eq(run(&p, native, INT32_MAX, args).action, SECCOMP_RET_KILL_PROCESS);
        ck_assert_uint_eq(run(&p, native, INT32_MIN, args).action, SECCOMP_RET_KILL_PROCESS);
#endif
        free(p.code);
}
END_TEST

START_TEST(hot_calls_are_cheap) {
        static const int hot[] = {
                SYS_read,    SYS_write, SYS_close, SYS_mmap,       SYS_munmap,       SYS_futex,
                SYS_brk,     SYS_fstat, SYS_lseek, SYS_epoll_wait, SYS_recvfrom,     SYS_recvmsg,
                SYS_pread64, SYS_poll,  SYS_stat,  SYS_newfstatat, SYS_rt_sigaction, SYS_readv,
        };
        static const uint64_t args[6];
        struct program p = compile(ALL_OPTIONS - 1);

        for (size_t i = 0; i < ELEMENTSOF(hot); i++) {
                struct bpf_run r = run(&p, native, hot[i], args);

                ck_assert_uint_eq(r.action, SECCOMP_RET_ALLOW);
                ck_assert_uint_le(r.steps, 20);
                /* The kernel keeps a bitmap of calls that are allowed whatever their arguments
                 * (Linux 5.11) and does not run the program for them. */
                ck_assert(!r.looked_at_arguments);
        }
        free(p.code);
}
END_TEST

START_TEST(rows_are_well_formed) {
        unsigned without_number = 0;

        resolve_rows();
        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];

                ck_assert_msg(row->reason && strlen(row->reason) > 8, "%s", row->name);
                ck_assert(row->err >= 0 && row->err < 4096);
                ck_assert_msg((row->need & row->unless) == 0, "%s", row->name);
                without_number += row_number[i] == -1;
                for (size_t k = 0; k < 2; k++) {
                        const struct seccomp_condition *c = &row->conditions[k];

                        ck_assert_uint_lt(c->arg, 6);
                        if (c->compare == COMPARE_EQ)
                                ck_assert_msg((c->value & ~c->mask) == 0, "%s", row->name);
                        if (c->compare != COMPARE_NOT_IN)
                                continue;
                        ck_assert_msg((c->mask & (c->mask + 1)) == 0, "%s", row->name);
                        for (size_t v = 1; v < c->set->n; v++)
                                ck_assert(c->set->values[v - 1] < c->set->values[v]);
                }
        }
        /* A misspelt name would silently be no rule at all. */
        ck_assert_uint_eq(without_number, 0);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 120 };

        return RUN_TESTS_IN(&fixture, "seccomp table", rows_are_well_formed,
                            verdicts_in_plain_words, verdicts_are_those_of_the_table,
                            every_number_has_a_verdict, two_parts_are_the_whole,
                            init_can_work_under_the_common_part,
                            socket_arguments_in_all_combinations, other_architectures_are_killed,
                            hot_calls_are_cheap);
}
