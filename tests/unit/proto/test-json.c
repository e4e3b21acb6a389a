/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The reader refuses what two programs could read differently; the printer's output is read back.
 */
#include <locale.h>

#include "proto-test.h"

static void assert_refused(const char *text, size_t len, const char *why) {
        struct error e = ERROR_NULL;
        struct json *j = NULL;

        ck_assert_msg(json_parse(text, len, &j, &e) == -EINVAL, "accepted: %s", text);
        ck_assert_int_eq(e.code, ERROR_PARSE);
        ck_assert_msg(strstr(e.message, why), "%s: \"%s\" does not say \"%s\"", text, e.message,
                      why);
        ck_assert_ptr_null(j);
}

START_TEST(values_round_trip) {
        static const struct {
                const char *in, *out; /* out NULL: the same */
        } cases[] = {
                { "null", NULL },
                { "true", NULL },
                { "false", NULL },
                { "0", NULL },
                { "-0", "0" },
                { "-1", NULL },
                { "9223372036854775807", NULL },
                { "9223372036854775808", NULL },
                { "18446744073709551615", NULL },
                { "-9223372036854775808", NULL },
                { "0.1", NULL },
                { "1.0", NULL },
                { "-1.5e-7", "-1.5e-07" },
                { "1e3", "1000.0" },
                { "1E400e", "" },
                { "\"\"", NULL },
                { "\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"", "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\"" },
                { "\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"",
                  "\"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
                { "\"\\u0000\"", NULL },
                { "\"\\u001f\\u007f\"", "\"\\u001f\\u007f\"" },
                { " [ 1 , [ ] , { } ] ", "[1,[],{}]" },
                { "{\"a\":{\"b\":[null,true]},\"\":1}", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                if (cases[i].out && !*cases[i].out) {
                        assert_refused(cases[i].in, strlen(cases[i].in), "");
                        continue;
                }
                assert_prints(parse(cases[i].in), cases[i].out ? cases[i].out : cases[i].in);
        }
}
END_TEST

START_TEST(bad_text_is_refused) {
        static const struct {
                const char *text, *why;
        } cases[] = {
                { "", "ends where" },
                { " ", "ends where" },
                { "{", "a name in double quotes" },
                { "{\"a\"}", "\":\"" },
                { "{\"a\":}", "a JSON value" },
                { "{\"a\":1,}", "a name in double quotes" },
                { "{a:1}", "a name in double quotes" },
                { "{\"a\":1 \"b\":2}", "\"}\"" },
                { "[1,]", "a JSON value" },
                { "[1 2]", "\"]\"" },
                { "[", "ends where" },
                { "]", "a JSON value" },
                { "1 2", "text behind" },
                { "{} {}", "text behind" },
                { "nul", "a JSON value" },
                { "True", "a JSON value" },
                { "NaN", "a JSON value" },
                { "Infinity", "a JSON value" },
                { "-Infinity", "a JSON value" },
                { "+1", "a JSON value" },
                { "01", "a JSON value" },
                { "-", "a JSON value" },
                { "1.", "a JSON value" },
                { ".5", "a JSON value" },
                { "1e", "a JSON value" },
                { "0x10", "text behind" },
                { "1e400", "too large" },
                { "18446744073709551616", "64 bits" },
                { "-9223372036854775809", "64 bits" },
                { "\"abc", "does not end" },
                { "\"abc\\\"", "does not end" },
                { "\"abc\\", "does not end" },
                { "\"a\nb\"", "control character" },
                { "\"\\x41\"", "escape" },
                { "\"\\u12g4\"", "\\u escape" },
                { "\"\\u12\"", "\\u escape" },
                { "\"\\ud800\"", "\\u escape" },
                { "\"\\ud800\\u0041\"", "\\u escape" },
                { "\"\\udc00\"", "\\u escape" },
                { "\"\xff\"", "UTF-8" },
                { "\"\xc0\x80\"", "UTF-8" },
                { "\"\xed\xa0\x80\"", "UTF-8" },
                { "\"\xf4\x90\x80\x80\"", "UTF-8" },
                { "\"\xe2\x82\"", "UTF-8" },
                { "{\"a\":1,\"a\":1}", "twice" },
                { "{\"a\":1,\"\\u0061\":2}", "twice" },
                { "{\"x\":{\"a\":1,\"b\":1,\"a\":null}}", "twice" },
                { "{\"a\\u0000b\":1}", "NUL" },
                { "'a'", "a JSON value" },
                { "// c\n1", "a JSON value" },
                { "\xef\xbb\xbf{}", "a JSON value" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_refused(cases[i].text, strlen(cases[i].text), cases[i].why);
        assert_refused("1\0", 2, "text behind");
        assert_refused("\"a\0b\"", 5, "control character");
        assert_refused("{\0}", 3, "a name in double quotes");
}
END_TEST

START_TEST(the_place_is_named) {
        struct error e = ERROR_NULL;
        struct json *j = NULL;

        ck_assert_int_lt(json_parse("[1, x]", 6, &j, &e), 0);
        ck_assert_ptr_nonnull(strstr(e.message, "at byte 5"));
}
END_TEST

static void nest(char *text, size_t depth) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = 0;
}

START_TEST(depth_is_limited) {
        char text[2 * 1000 + 1];

        nest(text, 32);
        json_unref(parse(text));
        nest(text, 33);
        assert_refused(text, strlen(text), "nested");
        nest(text, 1000);
        assert_refused(text, strlen(text), "nested");
}
END_TEST

START_TEST(weight_is_limited) {
        /* empty objects cost 450 times what they take on the wire */
        const size_t n = 100000;
        char *text = malloc(3 * n + 2), *p = text;

        *p++ = '[';
        for (size_t i = 0; i < n; i++)
                p += sprintf(p, "{},");
        p[-1] = ']';
        assert_refused(text, (size_t) (p - text), "too many values");
        free(text);
}
END_TEST

START_TEST(long_strings_and_numbers) {
        const size_t n = 1 << 20;
        char *text = malloc(n + 3), number[200];
        struct json *j;

        memset(text, 'x', n + 2);
        text[0] = text[n + 1] = '"';
        text[n + 2] = 0;
        j = parse(text);
        ck_assert_uint_eq(strlen(json_string(j)), n);
        assert_prints(j, text);
        free(text);

        memset(number, '1', sizeof(number));
        number[1] = '.';
        assert_refused(number, sizeof(number), "too many digits");
        assert_prints(
                parse("0.00000000000000000000000000000000000000000000000000000000000000000001"),
                "1e-68");
}
END_TEST

START_TEST(doubles_are_short_and_exact) {
        static const char *const texts[] = { "0.1",
                                             "0.30000000000000004",
                                             "1.7976931348623157e+308",
                                             "4.94065645841247e-324",
                                             "123456789.125",
                                             "-0.5",
                                             "1e+100" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_prints(parse(texts[i]), texts[i]);
}
END_TEST

START_TEST(the_locale_does_not_matter) {
        /* Debian's C.UTF-8 has a point; where a comma locale is installed, this shows something. */
        static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
                                             "ps_AF.UTF-8" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (setlocale(LC_ALL, names[i]))
                        break;
        assert_prints(parse("[1.5,0.25]"), "[1.5,0.25]");
        setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(pretty_text_reads_back) {
        const char *text = "{\"a\":[1,{\"b\":[]}],\"c\":{}}";
        struct json *j = parse(text);
        size_t n;
        char *pretty = json_print(j, true, &n);

        ck_assert_str_eq(
                pretty,
                "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}\n");
        json_unref(j);
        assert_prints(parse(pretty), text);
        free(pretty);
}
END_TEST

START_TEST(looking_inside) {
        struct json *j = parse("{\"a\":\"x\",\"b\":1}");

        ck_assert_str_eq(json_string(json_get(j, "a")), "x");
        ck_assert_ptr_null(json_string(json_get(j, "b")));
        ck_assert_ptr_null(json_get(j, "c"));
        ck_assert_ptr_null(json_get(json_get(j, "a"), "a"));
        ck_assert_ptr_null(json_get(NULL, "a"));
        json_unref(j);
}
END_TEST

int main(void) {
        return RUN_TESTS("json", values_round_trip, bad_text_is_refused, the_place_is_named,
                         depth_is_limited, weight_is_limited, long_strings_and_numbers,
                         doubles_are_short_and_exact, the_locale_does_not_matter,
                         pretty_text_reads_back, looking_inside);
}
