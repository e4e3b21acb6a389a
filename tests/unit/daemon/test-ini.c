/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../../../daemon/session/ini.h"
#include "../suite.h"

static const struct {
        const char *text, *value; /* of user.name; NULL = not there */
} cases[] = {
        { "[user]\nname = Ada\n", "Ada" },
        { "[user]\n\tname=Ada", "Ada" },
        { "[USER]\nNAME = Ada Lovelace   \n", "Ada Lovelace" },
        { "[user] name = Ada\n", "Ada" },
        { "[ user ]\nname = Ada\r\n", "Ada" },
        { "[user]\nname = Ada # a comment\n", "Ada" },
        { "[user]\nname = Ada ; a comment\n", "Ada" },
        { "[user]\nname = \"Ada # not a comment \"\n", "Ada # not a comment " },
        { "[user]\nname = A\"d\"a\n", "Ada" },
        { "[user]\nname = Ada\\\n Lovelace\n", "Ada Lovelace" },
        { "[user]\nname = a\\tb\\\\c\\\"d\n", "a\tb\\c\"d" },
        { "[user]\nname = One\n[core]\nname = Two\n", "One" },
        { "[user]\nname = One\nname = Two\n", "Two" },
        { "[user]\nname = One\n[user]\nname = Two\n", "Two" },
        { "[user]\nname =\n", "" },
        { "[user]\nnameless = Ada\n", NULL },
        { "[user]\n# name = Ada\n; name = Eve\n", NULL },
        { "[user]\nname\n", NULL },
        { "[user \"sub\"]\nname = Ada\n", NULL },
        { "[username]\nname = Ada\n", NULL },
        { "name = Ada\n", NULL },
        { "[user\nname = Ada\n", NULL },
        { "", NULL },
        { "[", NULL },
        { "[user]", NULL },
        { "[user]\nname = \\", "\\" },
        { "[user]\nname = \"open\n[core]\nx = y\n", "open" },
};

START_TEST(values) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char got[64] = "untouched";
                bool found = ini_get(cases[i].text, "user", "name", got, sizeof got);
                ck_assert_msg(found == (cases[i].value != NULL), "%s", cases[i].text);
                if (found)
                        ck_assert_str_eq(got, cases[i].value);
                else
                        ck_assert_str_eq(got, "untouched");
        }
}
END_TEST

START_TEST(too_long) {
        char text[4096] = "[user]\nname = ", got[8] = "same";
        memset(text + strlen(text), 'x', 2000);
        ck_assert(!ini_get(text, "user", "name", got, sizeof got));
        ck_assert_str_eq(got, "same");
        ck_assert(!ini_get("[user]\nname = 12345678", "user", "name", got, sizeof got));
        ck_assert(ini_get("[user]\nname = 1234567", "user", "name", got, sizeof got));
        ck_assert_str_eq(got, "1234567");
}
END_TEST

int main(void) {
        return RUN_TESTS("ini", values, too_long);
}
