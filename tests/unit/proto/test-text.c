/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UTF-8 at its edges, base64 by the vectors of RFC 4648 section 10. */
#include "../../../proto/rpc.h"
#include "../../../proto/shapes.h"
#include "proto-test.h"

static bool valid(const char *s) {
        return utf8_is_valid(s, strlen(s));
}

START_TEST(utf8_edges) {
        static const char *const good[] = { "",
                                            "plain",
                                            "\x7f",
                                            "\xc2\x80",
                                            "\xdf\xbf",
                                            "\xe0\xa0\x80",
                                            "\xed\x9f\xbf",
                                            "\xee\x80\x80",
                                            "\xef\xbf\xbf",
                                            "\xf0\x90\x80\x80",
                                            "\xf4\x8f\xbf\xbf",
                                            "12345678\xc3\xa4",
                                            "1234567\xc3\xa4" };
        static const char *const bad[] = { "\x80",
                                           "\xbf",
                                           "\xc0\x80",
                                           "\xc1\xbf",
                                           "\xc2",
                                           "\xc2\x41",
                                           "\xe0\x9f\xbf",
                                           "\xed\xa0\x80",
                                           "\xe2\x82",
                                           "\xf0\x8f\xbf\xbf",
                                           "\xf4\x90\x80\x80",
                                           "\xf5\x80\x80\x80",
                                           "\xff",
                                           "12345678\x80",
                                           "1234567\xc3",
                                           "123\xfe" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                ck_assert_msg(valid(good[i]), "good %zu", i);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!valid(bad[i]), "bad %zu", i);
        ck_assert(!utf8_is_valid("a\0b", 3));
        ck_assert(!utf8_is_valid("12345678\0", 9));
        ck_assert(!utf8_is_valid("1234567\0", 8));
}
END_TEST

START_TEST(every_position_is_looked_at) {
        char s[64];

        for (size_t i = 0; i < sizeof(s); i++) {
                memset(s, 'a', sizeof(s));
                ck_assert(utf8_is_valid(s, sizeof(s)));
                s[i] = (char) 0xff;
                ck_assert(!utf8_is_valid(s, sizeof(s)));
                s[i] = 0;
                ck_assert(!utf8_is_valid(s, sizeof(s)));
        }
}
END_TEST

START_TEST(cut_streams) {
        const char *euro = "a\xe2\x82\xac", *face = "\xf0\x9f\x98\x80";

        ck_assert_uint_eq(utf8_whole(euro, 4), 4);
        ck_assert_uint_eq(utf8_whole(euro, 3), 1);
        ck_assert_uint_eq(utf8_whole(euro, 2), 1);
        ck_assert_uint_eq(utf8_whole(euro, 1), 1);
        ck_assert_uint_eq(utf8_whole(euro, 0), 0);
        for (size_t n = 1; n < 4; n++)
                ck_assert_uint_eq(utf8_whole(face, n), 0);
        ck_assert_uint_eq(utf8_whole(face, 4), 4);
        ck_assert_uint_eq(utf8_whole("\x80\x80\x80\x80", 4),
                          4); /* not UTF-8: nothing to wait for */
}
END_TEST

START_TEST(one_encoding_for_all) {
        struct bytes b[] = { { "text", 4 }, { NULL, 0 }, { "\xff", 1 } };

        ck_assert_int_eq(text_encoding_for(b, 2), ENCODING_UTF8);
        ck_assert_int_eq(text_encoding_for(b, 3), ENCODING_BASE64);
        ck_assert_int_eq(text_encoding_for(NULL, 0), ENCODING_UTF8);
}
END_TEST

START_TEST(base64_vectors) {
        static const char *const pairs[][2] = { { "", "" },
                                                { "f", "Zg==" },
                                                { "fo", "Zm8=" },
                                                { "foo", "Zm9v" },
                                                { "foob", "Zm9vYg==" },
                                                { "fooba", "Zm9vYmE=" },
                                                { "foobar", "Zm9vYmFy" } };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                char *text = base64_encode(pairs[i][0], strlen(pairs[i][0])), *back;
                size_t n;

                ck_assert_str_eq(text, pairs[i][1]);
                ck_assert_int_eq(base64_decode(text, strlen(text), &back, &n), 0);
                ck_assert_uint_eq(n, strlen(pairs[i][0]));
                ck_assert_mem_eq(back, pairs[i][0], n);
                free(text);
                free(back);
        }
}
END_TEST

START_TEST(base64_of_all_bytes) {
        unsigned char all[256];
        char *text, *back;
        size_t n;

        for (size_t i = 0; i < sizeof(all); i++)
                all[i] = (unsigned char) i;
        for (size_t len = 250; len <= sizeof(all); len++) {
                text = base64_encode(all, len);
                ck_assert_int_eq(base64_decode(text, strlen(text), &back, &n), 0);
                ck_assert_uint_eq(n, len);
                ck_assert_mem_eq(back, all, len);
                free(text);
                free(back);
        }
}
END_TEST

START_TEST(base64_has_one_spelling) {
        static const char *const bad[] = {
                "Z",    "Zg",   "Zg=",    "Zg===", "Zh==", "Zm9=",     "=",
                "====", "Zm=v", "Zm9v\n", "Zm9 ",  "Z-8_", "Zg==Zg==", "\xff\xff\xff\xff"
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *back;
                size_t n;

                ck_assert_msg(base64_decode(bad[i], strlen(bad[i]), &back, &n) == -EINVAL, "%s",
                              bad[i]);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("text", utf8_edges, every_position_is_looked_at, cut_streams,
                         one_encoding_for_all, base64_vectors, base64_of_all_bytes,
                         base64_has_one_spelling);
}
