/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What may be handed to an installer, and what an index URL is. */
#include <stdio.h>

#include "common.h"

START_TEST(good) {
        static const char *const texts[] = {
                "a",
                "requests",
                "zope.interface",
                "a-b_c.d",
                "numpy>=2",
                "numpy >= 2, != 2.1.* , < 3",
                "x===1.0+local",
                "x~=1.4",
                "x (>=1,<2)",
                "requests[security, socks]==2.31",
                "x[a-b.c]",
                "x ; python_version < '3.9'",
                "x>=1; sys_platform == \"linux\" and (extra == 'b' or extra == 'c')",
                "x @ https://example.org/x-1.0-py3-none-any.whl",
                "x[y] @ https://example.org/x.whl#sha256=aa ; python_version > '3'",
        };
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct error e = ERROR_NULL;
                ck_assert_msg(requirement_check(texts[i], "/p", NULL, &e) == 0, "%s: %s", texts[i],
                              e.message);
        }
}
END_TEST

START_TEST(bad) {
        static const char *const texts[] = {
                "",
                " ",
                "-r /etc/passwd",
                "--index-url=http://evil",
                "-e .",
                "-",
                "./x",
                "../x",
                "/x",
                "x/y",
                "~/x",
                ".",
                "x.whl y",
                "x y",
                "x --hash=sha256:00",
                "x==1 --global-option=y",
                "git+https://evil/x",
                "https://evil/x.whl",
                "file:///etc/passwd",
                "x @ file:///etc/passwd",
                "x @ http://evil/x.whl",
                "x @ git+ssh://evil/x",
                "x @ https://",
                "x @ https://evil/x.whl --x",
                "x@",
                "x[",
                "x[]",
                "x[a",
                "x[a]]",
                "x==",
                "x=1",
                "x>=1,",
                "x (>=1",
                "x;",
                "x; `id`",
                "x; $(id)",
                "a-",
                "a.",
                "_a",
                "a\nb",
                "a\r--index-url=x",
                "a\x01",
                "a\xc3\xa4",
                "a\\b",
                "a'b",
        };
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct error e = ERROR_NULL;
                ck_assert_msg(requirement_check(texts[i], "/p", NULL, &e) < 0, "%s", texts[i]);
                assert_error(&e, ERROR_PARAMS, "/p", "not a package requirement");
        }
        char text[2000];
        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_lt(requirement_check(text, "/p", NULL, NULL), 0);
}
END_TEST

START_TEST(where_it_points) {
        struct index_url url = { .host = "unset" };
        ck_assert_int_eq(requirement_check("x>=1", "", &url, NULL), 0);
        ck_assert_str_eq(url.host, "");
        ck_assert_int_eq(requirement_check("x @  https://h/x ; extra == 'y'", "", &url, NULL), 0);
        ck_assert_str_eq(url.host, "h");
}
END_TEST

START_TEST(files) {
        static const char *const goods[] = {
                "",
                "# only a comment",
                "a\n\n  b>=1  # why\n\tc\r\n",
                "--require-hashes\na==1 \\\n    --hash=sha256:00ff \\\n    --hash=sha256:11\n",
                "--no-binary :all:\n--only-binary=numpy\n--pre\n--prefer-binary\na",
                "a \\\n >= 1",
        };
        for (size_t i = 0; i < ELEMENTSOF(goods); i++) {
                struct error e = ERROR_NULL;
                ck_assert_msg(requirements_check(goods[i], "/r/0", &e) == 0, "%zu: %s", i,
                              e.message);
        }
        static const struct {
                const char *text, *part;
        } bads[] = {
                { "a\nb\n-r other.txt", "line 3" },
                { "--index-url http://evil", "line 1" },
                { "-i http://evil", "line 1" },
                { "a\n--extra-index-url=http://evil", "line 2" },
                { "--find-links /", "line 1" },
                { "--trusted-host evil", "line 1" },
                { "-e .", "line 1" },
                { "a \\\n--index-url=x\nb", "line 1" },
                { "a \\\nb \\\nc\n./d", "line 1" },
                { "a==1 --hash=sha256:00 -i http://evil", "line 1" },
                { "--prefer-binary-x\n", "line 1" },
                { "a\n\\\n\\\n./x", "line 2" },
        };
        for (size_t i = 0; i < ELEMENTSOF(bads); i++) {
                struct error e = ERROR_NULL;
                ck_assert_msg(requirements_check(bads[i].text, "/r/0", &e) < 0, "%zu", i);
                assert_error(&e, ERROR_PARAMS, "/r/0", bads[i].part);
        }
        char text[8192];
        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_lt(requirements_check(text, "", NULL), 0);
}
END_TEST

START_TEST(urls) {
        static const struct {
                const char *text, *host;
                unsigned port;
                bool plain, loopback;
                size_t user_at, user_len;
        } goods[] = {
                { "https://pypi.org/simple", "pypi.org", 443, false, false, 0, 0 },
                { "http://127.0.0.1:8080", "127.0.0.1", 8080, true, true, 0, 0 },
                { "http://localhost/x?y#z", "localhost", 80, true, true, 0, 0 },
                { "http://[::1]:81/", "::1", 81, true, true, 0, 0 },
                { "https://[2001:db8::1]", "2001:db8::1", 443, false, false, 0, 0 },
                { "https://u:p@h.example:1/s", "h.example", 1, false, false, 8, 4 },
                { "https://a@b@h/s", "h", 443, false, false, 8, 4 },
                { "http://127.evil.org/", "127.evil.org", 80, true, false, 0, 0 },
        };
        for (size_t i = 0; i < ELEMENTSOF(goods); i++) {
                struct index_url u;
                struct error e = ERROR_NULL;
                ck_assert_msg(index_url_parse(goods[i].text, "/u", &u, &e) == 0, "%s",
                              goods[i].text);
                ck_assert_str_eq(u.host, goods[i].host);
                ck_assert_uint_eq(u.port, goods[i].port);
                ck_assert(u.plain == goods[i].plain && u.loopback == goods[i].loopback);
                ck_assert_uint_eq(u.user_at, goods[i].user_at);
                ck_assert_uint_eq(u.user_len, goods[i].user_len);
        }
        static const char *const bads[] = {
                "",           "pypi.org",       "ftp://h/",        "https://",     "https:///x",
                "https://h:", "https://h:0",    "https://h:65536", "https://h:1x", "https://[::1",
                "https://[]", "https://[::1]x", "https://h h/",    "https://h/\n", "https://h/\xc3",
                "https://-;", "file:///x",      "https://a_b/c d", "https://@/",
        };
        for (size_t i = 0; i < ELEMENTSOF(bads); i++) {
                struct index_url u;
                struct error e = ERROR_NULL;
                ck_assert_msg(index_url_parse(bads[i], "/u", &u, &e) < 0, "%s", bads[i]);
                assert_error(&e, ERROR_PARAMS, "/u", "package index");
        }
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("requirement", good, bad, where_it_points, files, urls);
}
