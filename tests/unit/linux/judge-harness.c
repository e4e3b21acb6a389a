/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See judge-harness.h. */
#include "judge-harness.h"

#include <check.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../../backends/linux/frames.h"
#include "../../../backends/linux/seccomp_filter.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

int body_fail(const char *file, int line, const char *what) {
        fprintf(stderr, "%s:%d: %s (errno %s)\n", file, line, what, strerrorname_np(errno));
        return 1;
}

static uint64_t text(struct wire_writer *w, const char *dir, const char *s) {
        char full[512];

        if (s[0] != '@')
                return wire_writer_string(w, s);
        snprintf(full, sizeof(full), "%s%s", dir, s + 1);
        return wire_writer_string(w, full);
}

void harness_begin_sockets(struct harness *h, const struct rule_of_test *rules, unsigned plan_flags,
                           const char *socket) {
        struct wire_writer w = {};
        size_t n = 0, size;
        uint64_t names, strings[32], allowed, door = 0;
        struct wire_plan *plan;
        struct wire_name *name;
        int pair[2];

        *h = (struct harness){ .dir = "/tmp/judge-XXXXXX", .reads = plan_flags & HARNESS_READS };
        ck_assert_ptr_nonnull(mkdtemp(h->dir));
        ck_assert_int_eq(chdir(h->dir), 0);
        while (rules[n].pattern)
                n++;
        ck_assert(wire_writer_begin(&w, sizeof(struct wire_plan)) == 0 || !w.failed);
        names = wire_writer_array(&w, n, sizeof(struct wire_name));
        allowed = wire_writer_array(&w, 1, sizeof(uint64_t));
        for (size_t i = 0; i < n; i++)
                strings[i] = text(&w, h->dir, rules[i].pattern);
        if (socket)
                door = text(&w, h->dir, socket);
        plan = wire_writer_at(&w, 0);
        plan->flags = WIRE_PLAN_NOTIFY | (plan_flags & WIRE_PLAN_FLAGS);
        plan->names = names;
        plan->n_names = n;
        plan->sockets = allowed;
        plan->n_sockets = socket ? 1 : 0;
        *(uint64_t *) wire_writer_at(&w, allowed) = door;
        name = wire_writer_at(&w, names);
        for (size_t i = 0; i < n; i++)
                name[i] = (struct wire_name){ .pattern = strings[i],
                                              .read_too = rules[i].read_too,
                                              .trust = rules[i].trust };
        h->plan = wire_writer_finish(&w, &size);
        ck_assert_ptr_nonnull(h->plan);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        h->in.control = pair[0];
        h->session = pair[1];
        h->in.plan = h->plan;
        ck_assert_int_eq(judge_new(&h->in, &h->judge), 0);
}

static bool is_told(const struct seccomp_row *row) {
        return row->told && seccomp_row_number(row) >= 0 &&
               seccomp_row_active(row, SECCOMP_NOTIFY_NAMES | SECCOMP_TELL);
}

static void refusals_fill(struct wire_refusal *r, size_t n) {
        size_t k = 0;

        for (int nr = 0; nr < 1024; nr++)
                for (size_t i = 0; i < seccomp_table_n; i++)
                        if (is_told(&seccomp_table[i]) &&
                            seccomp_row_number(&seccomp_table[i]) == nr && k < n)
                                r[k++] = (struct wire_refusal){ nr, (uint32_t) i };
        ck_assert_uint_eq(k, n);
}

void harness_begin_refused(struct harness *h, bool tell) {
        static const struct rule_of_test none[] = { { .pattern = NULL } };
        struct wire_plan *old, *plan;
        size_t n = 0, at;

        harness_begin(h, none, 0);
        h->refuses = true;
        h->tells = tell;
        judge_free(h->judge);
        for (size_t i = 0; i < seccomp_table_n; i++)
                n += is_told(&seccomp_table[i]);
        old = h->plan;
        at = old->size;
        plan = calloc(1, at + n * sizeof(struct wire_refusal) + 8);
        ck_assert_ptr_nonnull(plan);
        memcpy(plan, old, at);
        free(old);
        refusals_fill((struct wire_refusal *) ((char *) plan + at), n);
        plan->refusals = at;
        plan->n_refusals = n;
        plan->size = at + n * sizeof(struct wire_refusal) + 8;
        ck_assert_int_eq(wire_plan_check(plan, plan->size), 0);
        h->in.plan = h->plan = plan;
        ck_assert_int_eq(judge_new(&h->in, &h->judge), 0);
}

/* As in a sandbox: what leash-init has on itself, and what each command adds. */
static int filter_install_real(bool tell, bool old) {
        struct seccomp_options o = { .notify_names = true, .tell = tell };
        struct sock_fprog program;
        size_t n;
        int fd = 0;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        for (o.part = SECCOMP_COMMON; o.part <= SECCOMP_COMMAND && fd >= 0; o.part++) {
                unsigned flags = o.part == SECCOMP_COMMAND ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

                if (seccomp_compile(&o, &program.filter, &n, NULL) < 0)
                        return -EINVAL;
                program.len = (unsigned short) n;
                if (flags && !old)
                        flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
                fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
                free(program.filter);
        }
        return fd;
}

void harness_begin(struct harness *h, const struct rule_of_test *rules, unsigned plan_flags) {
        harness_begin_sockets(h, rules, plan_flags, NULL);
}

/* The rows of seccomp_table.c that ask the supervisor, in a plainer program. */
static int filter_install(bool reads, bool old) {
        static const int always[] = {
#ifdef __NR_open
                __NR_creat,    __NR_mkdir,    __NR_mknod,     __NR_rename,  __NR_link,
                __NR_symlink,  __NR_unlink,   __NR_rmdir,
#endif
                __NR_mkdirat,  __NR_mknodat,  __NR_renameat2, __NR_linkat,  __NR_symlinkat,
                __NR_unlinkat, __NR_truncate, __NR_bind,      __NR_connect,
#ifdef __NR_renameat
                __NR_renameat,
#endif
        };
        const uint32_t writes = O_CREAT | O_TRUNC | O_ACCMODE;
        struct sock_filter f[128];
        unsigned n = 0;
        struct sock_fprog program;
        int fd;

#define ADD(...) (f[n++] = (struct sock_filter) __VA_ARGS__)
        ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
        for (size_t i = 0; i < ELEMENTSOF(always); i++) {
                ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) always[i], 0, 1));
                ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
        }
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat2, 0, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
#ifdef __NR_open
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_open, 0, 4));
        ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])));
        ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, reads ? ~0u : writes, 0, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
        ADD(BPF_STMT(BPF_RET | BPF_K, reads ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW));
#endif
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 4));
        ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
        ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, reads ? ~0u : writes, 0, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
        ADD(BPF_STMT(BPF_RET | BPF_K, reads ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW));
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 3));
        ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])));
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_DUMPABLE, 0, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
#undef ADD
        program = (struct sock_fprog){ .len = (unsigned short) n, .filter = f };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                           SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                   (old ? 0 : SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV),
                           &program);
        if (fd < 0 && errno == EINVAL)
                fd = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                   SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        return fd < 0 ? -errno : fd;
}

static void frames_read(struct harness *h) {
        struct wire_frame f;
        size_t n;
        int fds[1];

        fcntl(h->session, F_SETFL, O_NONBLOCK);
        while (frame_receive(h->session, &f, fds, 1, &n) > 0) {
                ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), 0);
                ck_assert_uint_eq(f.id, 7);
                if (f.type == WIRE_REFUSED) {
                        if (h->words < ELEMENTSOF(h->rows)) {
                                h->rows[h->words] = (uint32_t) f.usage[0];
                                h->pids[h->words] = f.pid;
                        }
                        h->words++;
                        h->refused += (uint64_t) f.value;
                        memcpy(h->comm, f.comm, sizeof(f.comm));
                        continue;
                }
                if (f.type == WIRE_UNTOLD) {
                        h->untold += (uint64_t) f.value;
                        continue;
                }
                if (f.type == WIRE_DENIED) {
                        h->denied++;
                        h->last_access = f.stage;
                } else {
                        ck_assert_int_eq(f.type, WIRE_TRUST);
                        h->trusted++;
                }
                memcpy(h->last, f.text, sizeof(f.text));
        }
}

static void signals_open(void) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

int harness_run(struct harness *h, int (*body)(void)) {
        int ready[2], status = -1, left;
        char byte;
        pid_t child, pid;

        ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
                int listener = h->refuses ? filter_install_real(h->tells, h->judge->restarts)
                                          : filter_install(h->reads, h->judge->restarts);

                if (listener < 0 || judge_hand_over(h->judge, listener) < 0)
                        _exit(98);
                close(listener);
                signals_open(); /* as spawn.c does */
                sys_close_range(3, (unsigned) ready[1] - 1, 0);
                sys_close_range((unsigned) ready[1] + 1, ~0u, 0);
                if (write(ready[1], "x", 1) != 1)
                        _exit(99);
                close(ready[1]);
                _exit(body());
        }
        close(ready[1]);
        if (read(ready[0], &byte, 1) == 1)
                judge_adopt(h->judge, 7);
        close(ready[0]);
        for (;;) {
                struct pollfd p = { .fd = judge_fd(h->judge), .events = POLLIN };

                while ((pid = waitpid(-1, &status, WNOHANG)) > 0 && pid != child)
                        judge_reaped(h->judge, pid, status);
                if (pid != 0)
                        break;
                if (poll(&p, 1, 20) > 0)
                        (void) judge_run(h->judge, NULL);
        }
        judge_command_over(h->judge, 7);
        for (int i = 0; i < 1000 && (h->judge->n_workers || h->judge->listeners); i++) {
                (void) judge_run(h->judge, NULL);
                while ((pid = waitpid(-1, &left, WNOHANG)) > 0)
                        judge_reaped(h->judge, pid, left);
                usleep(20000);
        }
        frames_read(h);
        ck_assert_ptr_null(h->judge->listeners); /* the last task is gone: so is its listener */
        ck_assert_uint_eq(h->judge->n_workers, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int remove_one(const char *path, const struct stat *st _unused_, int kind _unused_,
                      struct FTW *f _unused_) {
        return remove(path);
}

void harness_end(struct harness *h) {
        judge_free(h->judge);
        close(h->in.control);
        close(h->session);
        free(h->plan);
        ck_assert_int_eq(chdir("/"), 0);
        nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
