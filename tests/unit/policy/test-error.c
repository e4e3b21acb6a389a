/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>

#include "common.h"

START_TEST(numbers_are_unique_and_go_both_ways) {
        for (int i = 1; i < ERROR_N_; i++) {
                ck_assert_int_eq(error_from_number(error_number((enum error_code) i)), i);
                for (int k = 1; k < i; k++)
                        ck_assert_str_ne(error_wire_name((enum error_code) i),
                                         error_wire_name((enum error_code) k));
                /* Application numbers stay out of what JSON-RPC 2.0 reserves. */
                int n = error_number((enum error_code) i);
                ck_assert(n > 0 || (n >= -32768 && n <= -32000));
                const char *sentence = error_sentence((enum error_code) i);
                ck_assert_int_eq(sentence[strlen(sentence) - 1], '.');
        }
        ck_assert_int_eq(error_from_number(4711), ERROR_INTERNAL);
        ck_assert_int_eq(error_number((enum error_code) 4711), error_number(ERROR_INTERNAL));
}
END_TEST

START_TEST(set_fills_and_returns) {
        struct error e;
        ck_assert_int_eq(error_set(&e, ERROR_IO, EACCES, "open %s", "/x"), -EACCES);
        assert_error(&e, ERROR_IO, "", "open /x");
        ck_assert_int_eq(e.err, EACCES);
        ck_assert_int_eq(error_set(&e, ERROR_CONFLICT, 0, "no"), -EINVAL);
        ck_assert_int_eq(error_set(&e, ERROR_IO, -ENOENT, "no"), -ENOENT);
        ck_assert_int_eq(error_set(NULL, ERROR_IO, EPERM, "nobody listens"), -EPERM);
        ck_assert_int_eq(error_nomem(&e), -ENOMEM);
        ck_assert_int_eq(e.code, ERROR_INTERNAL);
}
END_TEST

START_TEST(pointers_nest) {
        struct error e;
        int r = error_field(&e, "/deny/0", "bad");
        r = error_under(&e, "/filesystem", r);
        ck_assert_int_eq(error_under(&e, "/policy", r), -EINVAL);
        assert_error(&e, ERROR_PARAMS, "/policy/filesystem/deny/0", "bad");
        ck_assert_int_eq(error_under(&e, "/never", 0), 0);
        ck_assert_str_eq(e.where, "/policy/filesystem/deny/0");
        ck_assert_int_eq(error_under(NULL, "/x", -EIO), -EIO);
}
END_TEST

START_TEST(messages_are_wrapped) {
        struct error e;
        int r = error_set(&e, ERROR_IO, EIO, "read failed");
        ck_assert_int_eq(error_wrap(&e, r, "profile %s", "work"), -EIO);
        ck_assert_str_eq(e.message, "profile work: read failed");
        ck_assert_int_eq(error_wrap(&e, 3, "not an error"), 3);
        ck_assert_str_eq(e.message, "profile work: read failed");
}
END_TEST

START_TEST(long_text_is_cut) {
        struct error e;
        char text[4000];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        (void) error_field(&e, text, "%s", text);
        ck_assert_uint_eq(strlen(e.message), sizeof(e.message) - 1);
        ck_assert_uint_eq(strlen(e.where), sizeof(e.where) - 1);
        (void) error_under(&e, "/policy", -1);
        ck_assert_int_eq(strncmp(e.where, "/policyxxx", 10), 0);
        ck_assert_uint_eq(strlen(e.where), sizeof(e.where) - 1);
        (void) error_wrap(&e, -1, "%s", text);
        ck_assert_uint_eq(strlen(e.message), sizeof(e.message) - 1);
        (void) error_under(&e, text, -1);
        ck_assert_uint_eq(strlen(e.where), sizeof(e.where) - 1);
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("error", numbers_are_unique_and_go_both_ways, set_fills_and_returns,
                                pointers_nest, messages_are_wrapped, long_text_is_cut);
}
