/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of proto/ share: JSON from C strings. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/field.h"
#include "../suite.h"

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
