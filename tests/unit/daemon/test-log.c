/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../daemon/common/log.h"

static size_t take(int fd, char *buffer, size_t size) {
        ssize_t n = read(fd, buffer, size - 1);
        ck_assert_int_ge(n, 0);
        buffer[n] = 0;
        return (size_t) n;
}

START_TEST(escapes) {
        int fds[2];
        char line[4096];
        ck_assert_int_eq(pipe(fds), 0);
        struct log l = { .fd = fds[1], .program = "test", .max = LOG_INFO };
        log_write(&l, LOG_WARN, "said", LOG_STR("what", "a\"b\\c\nfake: line\x1b[31m\xc3\xa4"),
                  LOG_INT("number", -5));
        take(fds[0], line, sizeof line);
        ck_assert_ptr_nonnull(strstr(
                line,
                "warn: said what=\"a\\\"b\\\\c\\x0afake: line\\x1b[31m\\xc3\\xa4\" number=-5\n"));
        ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(levels_and_length) {
        int fds[2];
        char line[4096], text[3000];
        ck_assert_int_eq(pipe(fds), 0);
        struct log l = { .fd = fds[1], .program = "test", .max = LOG_WARN };
        memset(text, '\n', sizeof text - 1);
        text[sizeof text - 1] = 0;
        log_write(&l, LOG_INFO, "not written", LOG_INT("n", 1));
        log_write(&l, LOG_ERROR, "long", LOG_STR("text", text));
        size_t n = take(fds[0], line, sizeof line);
        ck_assert_uint_eq(n, 1024);
        ck_assert_int_eq(line[n - 1], '\n');
        ck_assert_ptr_null(strstr(line, "not written"));
        close(fds[0]);
        close(fds[1]);
}
END_TEST

int main(void) {
        Suite *s = suite_create("log");
        TCase *t = tcase_create("log");
        tcase_add_test(t, escapes);
        tcase_add_test(t, levels_and_length);
        suite_add_tcase(s, t);
        SRunner *r = srunner_create(s);
        srunner_run_all(r, CK_ENV);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
