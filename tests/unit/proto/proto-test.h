/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of proto/ share: one main, and JSON from C strings. */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/field.h"

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

static inline struct json *parse(const char *text) {
        struct error e = ERROR_NULL;
        struct json *j = NULL;

        ck_assert_msg(json_parse(text, strlen(text), &j, &e) == 0, "%s: %s", text, e.message);
        return j;
}

/* The compact text of j, which is given up. */
static inline char *print(struct json *j) {
        size_t n;
        char *text = json_print(j, false, &n);

        ck_assert_ptr_nonnull(text);
        ck_assert_uint_eq(strlen(text), n);
        json_unref(j);
        return text;
}

static inline void assert_prints(struct json *j, const char *expected) {
        char *text = print(j);

        ck_assert_str_eq(text, expected);
        free(text);
}
