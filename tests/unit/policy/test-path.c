/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "../../../policy/limits.h"
#include "../../../policy/path.h"
#include "common.h"

START_TEST(good_spellings) {
        static const char *const good[] = { "/",      "/a",    "/a//b/",   "/a/./b",     "~",
                                            "~/",     "~/x y", "$WORKDIR", "$WORKDIR/a", "/a/..b",
                                            "/a/b..", "/...",  "/a\\b",    "/ä" };
        struct error e;
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                ck_assert_msg(path_check(good[i], false, "/x", &e) == 0, "%s", good[i]);
        static const char *const patterns[] = { "*.key", "**/.env", "/a/*/b", "/**", "~/**/*.p",
                                                "a/*",   "/a\\*b",  "/a\\\\", "/a" };
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                ck_assert_msg(path_check(patterns[i], true, "/x", &e) == 0, "%s: %s", patterns[i],
                              e.message);
}
END_TEST

START_TEST(bad_spellings) {
        static const struct {
                const char *path;
                bool patterns;
                const char *part;
        } bad[] = {
                { "", false, "empty" },
                { "a", false, "relative" },
                { "./a", false, "relative" },
                { ".env", true, "**/.env" },
                { "~bob/x", false, "another user" },
                { "~bob/*", true, "another user" },
                { "$HOME/x", false, "$WORKDIR" },
                { "$WORKDIRX/a", false, "unknown" },
                { "/a/../b", false, ".." },
                { "..", false, "relative" },
                { "~/..", false, ".." },
                { "/..", false, ".." },
                { "/a/..", true, ".." },
                { "/a\n", false, "0x0a" },
                { "/a\x1b[31m", false, "0x1b" },
                { "/a\x7f", false, "0x7f" },
                { "/a/*", false, "filesystem.deny only" },
                { "/a**/b", true, "stand alone" },
                { "/**a", true, "stand alone" },
                { "/***", true, "stand alone" },
                { "/a\\", true, "backslash" },
                { "/a\\\\\\", true, "backslash" },
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct error e = ERROR_NULL;
                ck_assert_msg(path_check(bad[i].path, bad[i].patterns, "/p/0", &e) < 0, "%s",
                              bad[i].path);
                assert_error(&e, ERROR_PARAMS, "/p/0", bad[i].part);
        }
}
END_TEST

START_TEST(long_paths) {
        char path[LIMIT_PATH_BYTES + 2] = "/";
        struct error e;
        for (size_t i = 1; i < LIMIT_PATH_BYTES; i++)
                path[i] = i % 100 == 0 ? '/' : 'a';
        ck_assert_int_lt(path_check(path, false, "/x", &e), 0);
        path[LIMIT_PATH_BYTES - 1] = '\0';
        ck_assert_int_eq(path_check(path, false, "/x", &e), 0);
        memset(path, 'a', 300);
        path[0] = '/';
        ck_assert_int_lt(path_check(path, false, "/x", &e), 0);
        assert_error(&e, ERROR_PARAMS, "/x", "255");
}
END_TEST

START_TEST(expansion) {
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "/", "/" },
                { "//", "/" },
                { "/a/", "/a" },
                { "/a//b///c", "/a/b/c" },
                { "/./a/././b/.", "/a/b" },
                { "~", "/home/ann" },
                { "~/", "/home/ann" },
                { "~/x//y/", "/home/ann/x/y" },
                { "$WORKDIR", "/w" },
                { "$WORKDIR/", "/w" },
                { "$WORKDIR/a/./b", "/w/a/b" },
                { "/~/a", "/~/a" },
                { "/a/$WORKDIR", "/a/$WORKDIR" },
                { "/.", "/" },
                { "/a/.b/..c", "/a/.b/..c" },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                ck_assert_str_eq(path_expand(arena, rows[i].in, "/home/ann", "/w"), rows[i].out);
        ck_assert_str_eq(path_expand(arena, "~/x", "/", "/w"), "/x");
        ck_assert_str_eq(path_expand(arena, "~", "/", "/w"), "/");
}
END_TEST

START_TEST(expansion_of_patterns) {
        const char *odd = "/w*[1]\\x";
        ck_assert_str_eq(path_expand_pattern(arena, "**/.env", "/h", "/w"), "/w/**/.env");
        ck_assert_str_eq(path_expand_pattern(arena, "*.key", "/h", "/w"), "/w/*.key");
        ck_assert_str_eq(path_expand_pattern(arena, "/a//*", "/h", "/w"), "/a/*");
        ck_assert_str_eq(path_expand_pattern(arena, "~/**", "/h*", "/w"), "/h\\*/**");
        const char *pattern = path_expand_pattern(arena, "$WORKDIR/*.key", "/h", odd);
        ck_assert(path_match(pattern, "/w*[1]\\x/a.key"));
        ck_assert(!path_match(pattern, "/wide[1]\\x/a.key"));
}
END_TEST

START_TEST(escapes) {
        static const char *const paths[] = { "/a", "/*", "/a\\b", "/**/\\*", "/\\\\" };
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                char *pattern = path_escape(arena, paths[i]);
                ck_assert(!path_is_pattern(pattern));
                ck_assert_str_eq(path_unescape(arena, pattern), paths[i]);
                ck_assert(path_match(pattern, paths[i]));
        }
        ck_assert(path_is_pattern("/a*"));
        ck_assert(path_is_pattern("/\\\\*"));
        ck_assert(!path_is_pattern("/\\*"));
        ck_assert(!path_match("/\\*", "/a"));
}
END_TEST

START_TEST(under) {
        ck_assert(path_is_under("/a/b", "/a"));
        ck_assert(path_is_under("/a", "/a"));
        ck_assert(path_is_under("/a", "/"));
        ck_assert(path_is_under("/", "/"));
        ck_assert(!path_is_under("/ab", "/a"));
        ck_assert(!path_is_under("/a", "/a/b"));
        ck_assert(!path_is_under("/a", "/ab"));
        ck_assert(!path_is_under("/", "/a"));
}
END_TEST

START_TEST(matching) {
        static const struct {
                const char *pattern, *path;
                bool match;
        } rows[] = {
                { "/a", "/a", true },
                { "/a", "/a/b", true }, /* a directory: everything below */
                { "/a", "/ab", false },
                { "/", "/anything/at/all", true },
                { "/a/*", "/a", false },
                { "/a/*", "/a/b", true },
                { "/a/*", "/a/b/c", true },
                { "/a/*/c", "/a/b/c", true },
                { "/a/*/c", "/a/b/x/c", false },
                { "/a/**/c", "/a/c", true }, /* also none */
                { "/a/**/c", "/a/b/x/c", true },
                { "/a/**/c", "/a/b/x/c/d", true },
                { "/a/**/c", "/a/b/x/cd", false },
                { "/**", "/", true },
                { "/**/.env", "/.env", true },
                { "/**/.env", "/x/.envrc", false },
                { "/w/**/x/**/y", "/w/x/y", true },
                { "/w/**/x/**/y", "/w/1/x/2/3/y/z", true },
                { "/w/**/x/**/y", "/w/y/x", false },
                { "/*.key", "/a.key", true },
                { "/*.key", "/.key", true }, /* a leading dot is nothing special */
                { "/*.key", "/a.keys", false },
                { "/a*b*c", "/aXbYbZc", true },
                { "/a*b*c", "/aXc", false },
                { "/**/a/b", "/a/a/b", true },
                { "/?", "/a", false }, /* only * is special */
                { "/[ab]", "/a", false },
                { "/[ab]", "/[ab]", true },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                ck_assert_msg(path_match(rows[i].pattern, rows[i].path) == rows[i].match,
                              "%s on %s", rows[i].pattern, rows[i].path);
}
END_TEST

/* The definition, slow and obvious: split, then recurse. */
static bool slow_part(const char *p, const char *n) {
        if (*p == '\0' || *p == '/')
                return *n == '\0' || *n == '/';
        if (*p == '*')
                return slow_part(p + 1, n) || (*n && *n != '/' && slow_part(p, n + 1));
        if (*p == '\\')
                p++;
        return *p == *n && slow_part(p + 1, n + 1);
}

static const char *slow_next(const char *s) {
        s++;
        return s + strcspn(s, "/");
}

static bool slow_match(const char *pattern, const char *path) {
        if (*pattern == '\0')
                return true;
        if (strncmp(pattern, "/**", 3) == 0 && (pattern[3] == '/' || !pattern[3]))
                return slow_match(pattern + 3, path) ||
                       (*path && slow_match(pattern, slow_next(path)));
        return *path && slow_part(pattern + 1, path + 1) &&
               slow_match(slow_next(pattern), slow_next(path));
}

static unsigned next_random(unsigned *state) {
        *state = *state * 1103515245u + 12345u; /* the same paths in every run */
        return *state >> 16;
}

static void random_path(unsigned *state, bool pattern, char *ret) {
        static const char *const parts[] = { "a", "b",  "ab", "ba",  "aab", "abab", "**",
                                             "*", "a*", "*b", "a*b", "*a*", "\\*",  "a\\*b*" };
        unsigned n = 1 + next_random(state) % 6;
        *ret = '\0';
        for (unsigned i = 0; i < n; i++) {
                strcat(ret, "/");
                strcat(ret, parts[next_random(state) % (pattern ? ELEMENTSOF(parts) : 6)]);
        }
}

START_TEST(matching_against_the_definition) {
        unsigned state = 1, matches = 0, reached = 0;
        for (int i = 0; i < 200000; i++) {
                char pattern[128], path[128];
                random_path(&state, true, pattern);
                random_path(&state, false, path);
                bool expected = slow_match(pattern, path);
                matches += expected;
                ck_assert_msg(path_match(pattern, path) == expected, "%s on %s", pattern, path);

                /* A match below a directory means that the pattern reaches it. */
                char dir[128];
                (void) snprintf(dir, sizeof(dir), "%s", path);
                for (char *slash; (slash = strrchr(dir, '/')) && slash != dir;) {
                        *slash = '\0';
                        if (expected)
                                ck_assert_msg(path_pattern_reaches(pattern, dir), "%s in %s",
                                              pattern, dir);
                        reached += !path_pattern_reaches(pattern, dir);
                }
        }
        ck_assert_uint_gt(matches, 1000); /* the paths are such that both outcomes are tried */
        ck_assert_uint_gt(reached, 1000);
}
END_TEST

START_TEST(reaching) {
        ck_assert(path_pattern_reaches("/w/.git/hooks", "/w"));
        ck_assert(path_pattern_reaches("/w/.git/hooks", "/w/.git"));
        ck_assert(path_pattern_reaches("/w/.git/hooks", "/w/.git/hooks"));
        ck_assert(path_pattern_reaches("/w/.git/hooks", "/"));
        ck_assert(!path_pattern_reaches("/w/.git/hooks", "/w/src"));
        ck_assert(!path_pattern_reaches("/w/.git/hooks", "/x"));
        ck_assert(path_pattern_reaches("/w/**/.env", "/w/a/b/c"));
        ck_assert(!path_pattern_reaches("/w/*/.env", "/w/a/b"));
        ck_assert(path_pattern_reaches("/w/*/.env", "/w/a"));
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("path", good_spellings, bad_spellings, long_paths, expansion,
                                expansion_of_patterns, escapes, under, matching,
                                matching_against_the_definition, reaching);
}
