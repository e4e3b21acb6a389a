/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <string.h>

#include "../../../client/leashctl/words.h"
#include "../suite.h"

static const struct {
        const char *text, *want; /* words, each with | behind it; NULL: refused */
} rows[] = {
        { "", "" },
        { "  \t\n ", "" },
        { "a", "a|" },
        { " a  b\tc\n", "a|b|c|" },
        { "'a b' \"c d\"", "a b|c d|" },
        { "a'b'\"c\"d", "abcd|" },
        { "'' \"\"", "||" },
        { "a\\ b", "a b|" },
        { "\\'", "'|" },
        { "'a\\b'", "a\\b|" },
        { "'a\"b'", "a\"b|" },
        { "\"a'b\"", "a'b|" },
        { "\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d|" },
        { "a\\\nb", "ab|" },
        { "\"a\\\nb\"", "ab|" },
        { "'a\\\nb'", "a\\\nb|" },
        { "$HOME *.c ~ a;b >x #y `z` $(w) && !", "$HOME|*.c|~|a;b|>x|#y|`z`|$(w)|&&|!|" },
        { "'a", NULL },
        { "\"a", NULL },
        { "\"a\\\"", NULL },
        { "a\\", NULL },
};

START_TEST(splits) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct arena *a = arena_new();
                struct strings list = { 0 };
                struct error e = ERROR_NULL;
                char got[200] = "";
                int r = words_split(a, rows[i].text, &list, &e);

                for (size_t k = 0; k < list.n; k++) {
                        strcat(got, list.items[k]);
                        strcat(got, "|");
                }
                ck_assert_msg((r < 0) == !rows[i].want, "%s: %s", rows[i].text, e.message);
                if (rows[i].want)
                        ck_assert_str_eq(got, rows[i].want);
                arena_free(a);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("words", splits);
}
