/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../daemon/session/paths.h"
#include "../suite.h"

static char where[64];
static struct arena *arena;

static void setup(void) {
        char path[128];
        snprintf(where, sizeof where, "/tmp/leash-paths-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(where));
        arena = arena_new();
        snprintf(path, sizeof path, "%s/real", where);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        snprintf(path, sizeof path, "%s/link", where);
        ck_assert_int_eq(symlink("real", path), 0);
        snprintf(path, sizeof path, "%s/dangling", where);
        ck_assert_int_eq(symlink("nowhere", path), 0);
}

static void teardown(void) {
        static const char *const names[] = { "link", "dangling", "real", "" };
        char path[128];
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(path, sizeof path, "%s/%s", where, names[i]);
                (void) remove(path);
        }
        arena_free(arena);
}

START_TEST(canonical) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "real", "real" },
                { "link", "real" },
                { "link/not/yet", "real/not/yet" },
                { "none/x", "none/x" },
                { "dangling", "dangling" },
                { "dangling/x", "dangling/x" },
        };
        struct error e = ERROR_NULL;
        const char *got;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_int_eq(path_canonical(arena,
                                                arena_printf(arena, "%s/%s", where, cases[i].in),
                                                &got, &e),
                                 0);
                ck_assert_str_eq(got, arena_printf(arena, "%s/%s", where, cases[i].out));
        }
        ck_assert_int_eq(path_canonical(arena, "/", &got, &e), 0);
        ck_assert_str_eq(got, "/");
        ck_assert_int_eq(path_canonical(arena, "/no-such-name/x", &got, &e), 0);
        ck_assert_str_eq(got, "/no-such-name/x");
}
END_TEST

static const char *denied(const char *item, const char *workdir, int expect) {
        struct policy p = { 0 };
        struct error e = ERROR_NULL;
        ck_assert(arena_push(arena, &p.filesystem.deny, item));
        int r = paths_canonical(arena, &p, "/root", workdir, &e);
        ck_assert_msg(r == expect || (expect < 0 && r < 0), "%s: %s", item, e.message);
        if (r < 0) {
                ck_assert_str_eq(e.where, "/policy/filesystem/deny/0");
                return NULL;
        }
        return p.filesystem.deny.items[0];
}

START_TEST(lists) {
        const char *out = arena_printf(arena, "%s/link/*.key", where);
        ck_assert_str_eq(denied(out, "/w", 0), arena_printf(arena, "%s/real/*.key", where));
        ck_assert_str_eq(denied("**/.env", "/w", 0), "/w/**/.env");
        ck_assert_str_eq(denied("$WORKDIR/a*/b", "/w", 0), "/w/a*/b");
        ck_assert_str_eq(denied("~/.none-such", "/w", 0), "/root/.none-such");
        /* A link in the working directory may be planted. */
        denied("$WORKDIR/link/x", where, -1);
        denied(arena_printf(arena, "%s/link", where), where, -1);
        ck_assert_str_eq(denied("$WORKDIR/real/x", where, 0),
                         arena_printf(arena, "%s/real/x", where));
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup, .teardown = teardown };

        return RUN_TESTS_IN(&fixture, "paths", canonical, lists);
}
