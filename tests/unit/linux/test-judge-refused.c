/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Refused system calls: the answer stays what it was, and the supervisor tells of them. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "filtered.h"
#include "judge-harness.h"
#include "../suite.h"

#define FLOOD 20000

static const struct seccomp_options options = { .notify_names = true, .tell = true };

static bool is_told(const struct seccomp_row *row) {
        return row->told && seccomp_row_number(row) >= 0 &&
               seccomp_row_active(row, seccomp_options_bits(&options));
}

/* The first row that matches the arguments of this one is the one that answers. */
static const struct seccomp_row *first_of(const struct seccomp_row *row, const uint64_t args[6]) {
        for (size_t i = 0; i < seccomp_table_n; i++)
                if (strcmp(seccomp_table[i].name, row->name) == 0 &&
                    seccomp_row_active(&seccomp_table[i], seccomp_options_bits(&options)) &&
                    seccomp_row_matches(&seccomp_table[i], args))
                        return &seccomp_table[i];
        return NULL;
}

static int every_told_row(void) {
        prctl(PR_SET_NAME, "curious");
        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];
                uint64_t args[6];
                int err;

                if (!is_told(row))
                        continue;
                matching_args(row, args);
                err = call(seccomp_row_number(row), args);
                if (err != first_of(row, args)->err) {
                        fprintf(stderr, "%s: %s\n", row->name, strerror(err));
                        return 1;
                }
                usleep(110000); /* the same process, the same row: counted only until then */
        }
        return 0;
}

START_TEST(each_is_refused_and_told) {
        struct harness h;
        unsigned n = 0;

        harness_begin_refused(&h, true);
        ck_assert_int_eq(harness_run(&h, every_told_row), 0);
        for (size_t i = 0; i < seccomp_table_n; i++) {
                uint64_t args[6];

                if (!is_told(&seccomp_table[i]))
                        continue;
                matching_args(&seccomp_table[i], args);
                ck_assert_uint_lt(n, ELEMENTSOF(h.rows));
                ck_assert_ptr_eq(&seccomp_table[h.rows[n]], first_of(&seccomp_table[i], args));
                n++;
        }
        ck_assert_uint_eq(h.words, n);
        ck_assert_uint_eq(h.refused, n);
        ck_assert_uint_eq(h.untold, 0);
        ck_assert_str_eq(h.comm, "curious");
        harness_end(&h);
}
END_TEST

/* The twin: the same filter without telling refuses in the same way, and nobody is asked. */
START_TEST(without_telling_all_is_the_same) {
        struct harness h;

        harness_begin_refused(&h, false);
        ck_assert_int_eq(harness_run(&h, every_told_row), 0);
        ck_assert_uint_eq(h.words, 0);
        harness_end(&h);
}
END_TEST

static int what_is_silent(void) {
        static const uint64_t none[6];

        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];
                uint64_t args[6];

                if (row->told || row->err == SECCOMP_ERRNO_NOTIFY || seccomp_row_number(row) < 0 ||
                    !seccomp_row_active(row, seccomp_options_bits(&options)))
                        continue;
                matching_args(row, args);
                if (first_of(row, args) == row)
                        EXPECT(call(seccomp_row_number(row), args) == row->err);
        }
        EXPECT(call(SYS_getpid, none) == 0);
        EXPECT(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                       NULL) == -1 &&
               errno == EBUSY);
        return 0;
}

START_TEST(probes_are_not_told) {
        struct harness h;

        harness_begin_refused(&h, true);
        ck_assert_int_eq(harness_run(&h, what_is_silent), 0);
        ck_assert_uint_eq(h.words, 0);
        harness_end(&h);
}
END_TEST

static int flood(void) {
        for (unsigned i = 0; i < FLOOD; i++)
                FAILS(syscall(SYS_ptrace, 0, 0, 0, 0), EPERM);
        return 0;
}

START_TEST(a_flood_is_counted) {
        struct harness h;

        harness_begin_refused(&h, true);
        ck_assert_int_eq(harness_run(&h, flood), 0);
        ck_assert_uint_eq(h.refused, FLOOD);
        ck_assert_uint_lt(h.words, 70);
        ck_assert_uint_eq(h.untold, 0);
        harness_end(&h);
}
END_TEST

static int crowd(void) {
        for (unsigned i = 0; i < 300; i++) {
                pid_t pid = fork();
                int status;

                if (pid == 0)
                        _exit(syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == EPERM ? 0 : 1);
                EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
        }
        return 0;
}

/* Each a process of its own, so that there is something to say about each, and not the words. */
START_TEST(a_crowd_is_counted) {
        struct harness h;

        harness_begin_refused(&h, true);
        ck_assert_int_eq(harness_run(&h, crowd), 0);
        ck_assert_uint_ge(h.words, 64);
        ck_assert_uint_lt(h.words, 300);
        ck_assert_uint_eq(h.refused + h.untold, 300);
        harness_end(&h);
}
END_TEST

static pid_t of_thread[2]; /* in the child only */

static void *threads_call(void *unused _unused_) {
        of_thread[0] = (pid_t) syscall(SYS_gettid);
        of_thread[1] = syscall(SYS_ptrace, 0, 0, 0, 0) == -1 && errno == EPERM;
        return NULL;
}

static int thread(void) {
        pthread_t t;

        EXPECT(pthread_create(&t, NULL, threads_call, NULL) == 0 && pthread_join(t, NULL) == 0);
        EXPECT(of_thread[1] && of_thread[0] != getpid());
        FAILS(syscall(SYS_ptrace, 0, 0, 0, 0), EPERM);
        return 0;
}

START_TEST(threads_are_told_as_their_process) {
        struct harness h;

        harness_begin_refused(&h, true);
        ck_assert_int_eq(harness_run(&h, thread), 0);
        ck_assert_uint_eq(h.words, 2);
        ck_assert_int_eq(h.pids[0], h.pids[1]);
        harness_end(&h);
}
END_TEST

/* What a hostile session could write into a plan: a row that is none, or one that has no errno. */
START_TEST(plans_are_checked) {
        struct harness h;
        struct judge *j;
        struct wire_refusal *r;

        harness_begin_refused(&h, true);
        r = (struct wire_refusal *) ((char *) h.plan + h.in.plan->refusals);
        r->row = (uint32_t) seccomp_table_n;
        ck_assert_int_eq(judge_new(&h.in, &j), -EBADMSG);
        for (r->row = 0; seccomp_table[r->row].err != SECCOMP_ERRNO_NOTIFY; r->row++)
                ;
        ck_assert_int_eq(judge_new(&h.in, &j), -EBADMSG);
        harness_end(&h);
}
END_TEST

int main(void) {
        static const struct fixture f = { .timeout = 60 };

        return RUN_TESTS_IN(&f, "judge: refused", each_is_refused_and_told,
                            without_telling_all_is_the_same, probes_are_not_told,
                            a_flood_is_counted, a_crowd_is_counted,
                            threads_are_told_as_their_process, plans_are_checked);
}
