/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../client/libleash/localise.h"
#include "../suite.h"

START_TEST(test_paths) {
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "/abs", "/abs" },
                { "~", "~" },
                { "~/x", "~/x" },
                { "$WORKDIR/x", "$WORKDIR/x" },
                { "x", "/base/x" },
                { "./x", "/base/x" },
                { ".", "/base" },
                { "././x/y", "/base/x/y" },
                { "~user", "/base/~user" },
                { "*.key", "$WORKDIR/*.key" },
                { "**/.env", "$WORKDIR/**/.env" },
                { "/a/**/b", "/a/**/b" },
                { "a..b", "/base/a..b" },
                { "", "" },
        };
        struct arena *a = arena_new();
        const char *got;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                ck_assert_int_eq(path_localise(a, "/base", rows[i].in, &got, NULL), 0);
                ck_assert_str_eq(got, rows[i].out);
        }
        ck_assert_int_eq(path_localise(a, "/", "x", &got, NULL), 0);
        ck_assert_str_eq(got, "/x");
        ck_assert_int_eq(path_localise(a, "/", ".", &got, NULL), 0);
        ck_assert_str_eq(got, "/");
        arena_free(a);
}
END_TEST

START_TEST(test_dotdot_is_resolved_by_the_file_system) {
        char dir[] = "/tmp/leash-test-XXXXXX", want[PATH_MAX], path[PATH_MAX];
        struct arena *a = arena_new();
        const char *got;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_ptr_nonnull(realpath(dir, want));
        snprintf(path, sizeof(path), "%s/a", dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        ck_assert_int_eq(path_localise(a, path, "..", &got, NULL), 0);
        ck_assert_str_eq(got, want);
        struct error e = ERROR_NULL;
        ck_assert_int_lt(path_localise(a, path, "../missing/../x", &got, &e), 0);
        ck_assert_ptr_nonnull(strstr(e.message, "must exist"));
        rmdir(path);
        rmdir(dir);
        arena_free(a);
}
END_TEST

START_TEST(test_pass_becomes_set) {
        struct arena *a = arena_new();
        struct policy p = { 0 };

        setenv("LEASH_TEST_A", "one", 1);
        unsetenv("LEASH_TEST_B");
        setenv("LEASH_TEST_C", "outside", 1);
        arena_push(a, &p.environment.pass, "LEASH_TEST_A");
        arena_push(a, &p.environment.pass, "LEASH_TEST_B");
        arena_push(a, &p.environment.pass, "LEASH_TEST_C");
        arena_push_pair(a, &p.environment.set, "LEASH_TEST_C", "said");
        arena_push(a, &p.filesystem.read, "data");
        p.workdir = "w";
        ck_assert_int_eq(policy_localise(a, "/base", &p, NULL), 0);
        ck_assert(!p.environment.pass.set && p.environment.pass.n == 0);
        ck_assert_uint_eq(p.environment.set.n, 2);
        ck_assert_str_eq(p.environment.set.items[0].value, "said");
        ck_assert_str_eq(p.environment.set.items[1].value, "one");
        ck_assert(!pairs_get(&p.environment.set, "LEASH_TEST_B"));
        ck_assert_str_eq(p.filesystem.read.items[0], "/base/data");
        ck_assert(p.filesystem.read.set && !p.filesystem.write.set);
        ck_assert_str_eq(p.workdir, "/base/w");
        arena_free(a);
}
END_TEST

int main(void) {
        return RUN_TESTS("localise", test_paths, test_dotdot_is_resolved_by_the_file_system,
                         test_pass_becomes_set);
}
