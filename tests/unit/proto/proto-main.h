/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one main of the tests of proto/. */
#pragma once

#include <check.h>
#include <stddef.h>

#include "../../../policy/base.h"

#define PROTO_MAIN(name, ...)                                  \
        int main(void) {                                       \
                const TTest *const tests[] = { __VA_ARGS__ };  \
                Suite *s = suite_create(name);                 \
                TCase *t = tcase_create(name);                 \
                SRunner *runner;                               \
                int failed;                                    \
                                                               \
                for (size_t i = 0; i < ELEMENTSOF(tests); i++) \
                        tcase_add_test(t, tests[i]);           \
                suite_add_tcase(s, t);                         \
                runner = srunner_create(s);                    \
                srunner_run_all(runner, CK_NORMAL);            \
                failed = srunner_ntests_failed(runner);        \
                srunner_free(runner);                          \
                return failed ? 1 : 0;                         \
        }
