/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one way in which a file of unit tests runs them: each in a process of its own, all in one
 * case (libcheck). */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../../policy/base.h"

/* What the tests of a file need round them. */
struct fixture {
        void (*setup)(void), (*teardown)(void);
        bool once;   /* not for each test, but once before and after all of them */
        int timeout; /* seconds for one test; 0: libcheck's own, 4 */
};

/* The exit status. */
static inline int run_tests(const char *name, const struct fixture *f, const TTest *const *tests,
                            size_t n) {
        Suite *suite = suite_create(name);
        TCase *c = tcase_create(name);
        SRunner *runner = srunner_create(suite);

        if (f->once)
                tcase_add_unchecked_fixture(c, f->setup, f->teardown);
        else
                tcase_add_checked_fixture(c, f->setup, f->teardown);
        if (f->timeout > 0)
                tcase_set_timeout(c, f->timeout);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(c, tests[i]);
        suite_add_tcase(suite, c);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* RUN_TESTS("name", a_test, another) and, where they need something, RUN_TESTS_IN(&fixture, …). */
#define RUN_TESTS_IN(fixture, name, ...)                                    \
        run_tests((name), (fixture), (const TTest *const[]){ __VA_ARGS__ }, \
                  ELEMENTSOF(((const TTest *const[]){ __VA_ARGS__ })))
#define RUN_TESTS(name, ...) RUN_TESTS_IN(&(const struct fixture){ 0 }, name, __VA_ARGS__)
