/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../../../client/leashctl/print.h"
#include "../suite.h"

START_TEST(test_escape) {
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "plain text", "plain text" },
                { "a\nb\tc\r", "a\\nb\\tc\\r" },
                { "\033[31mred", "\\x1b[31mred" },
                { "\x7f", "\\x7f" },
                { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
                { "\xc2\x9b"
                  "31m",
                  "\\u{9b}31m" }, /* CSI in one character */
                { "a\xe2\x80\xae"
                  "b",
                  "a\\u{202e}b" }, /* right-to-left override */
                { "\xef\xbb\xbfx", "\\u{feff}x" },
                { "\xff\xfe", "\\xff\\xfe" },
                { "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong "/" */
                { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
                { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
                { "cut \xe2\x82", "cut \\xe2\\x82" },
                { "\xf0\x9f\x90\x95", "\xf0\x9f\x90\x95" },
        };
        char buf[256];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                ck_assert_str_eq(escape(rows[i].in, buf, sizeof(buf)), rows[i].out);
}
END_TEST

START_TEST(test_escape_is_cut_between_characters) {
        char buf[12];

        ck_assert_str_eq(escape("0123456", buf, sizeof(buf)), "0123456");
        ck_assert_str_eq(escape("0123456\033\033\033", buf, sizeof(buf)), "0123456…");
        for (size_t size = 8; size <= sizeof(buf); size++) {
                (void) escape("ü\nü\nü\n\033üüü", buf, size);
                ck_assert_uint_lt(strlen(buf), size);
        }
}
END_TEST

START_TEST(test_table) {
        struct table t = { .cols = 2 };
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        table_row(&t, (const char *const[]){ "ü", "one" });
        table_row(&t, (const char *const[]){ "long", "tw\no" });
        table_print(&t, f);
        fclose(f);
        ck_assert_str_eq(text, "ü     one\nlong  tw\\no\n");
        table_done(&t);
        free(text);
}
END_TEST

START_TEST(test_no_colour_without_a_terminal) {
        struct style s = style_for(-1);

        ck_assert(!s.colour);
        ck_assert_str_eq(style_on(s, COLOUR_RED), "");
        ck_assert_str_eq(style_off(s), "");
}
END_TEST

int main(void) {
        return RUN_TESTS("print", test_escape, test_escape_is_cut_between_characters, test_table,
                         test_no_colour_without_a_terminal);
}
