/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../backends/posix/tree.h"
#include "../suite.h"

static char where[64];
static int top = -1;

static void setup(void) {
        snprintf(where, sizeof where, "/tmp/leash-tree-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(where));
        top = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(top, 0);
        ck_assert_int_eq(mkdirat(top, "outside", 0755), 0);
        close(openat(top, "outside/stays", O_WRONLY | O_CREAT, 0600));
        ck_assert_int_eq(mkdirat(top, "t", 0755), 0);
}

static void teardown(void) {
        (void) tree_remove(top, "outside");
        close(top);
        (void) rmdir(where);
}

static bool exists(const char *name) {
        return faccessat(top, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(everything) {
        ck_assert_int_eq(mkdirat(top, "t/a", 0755), 0);
        ck_assert_int_eq(mkdirat(top, "t/a/b", 0755), 0);
        close(openat(top, "t/a/b/f", O_WRONLY | O_CREAT, 0000));
        ck_assert_int_eq(symlinkat("../outside", top, "t/link"), 0);
        ck_assert_int_eq(symlinkat("/", top, "t/root"), 0);
        ck_assert_int_eq(linkat(top, "outside/stays", top, "t/hard", 0), 0);
        ck_assert_int_eq(mkfifoat(top, "t/fifo", 0600), 0);
        ck_assert_int_eq(fchmodat(top, "t/a/b", 0000, 0), 0);
        ck_assert_int_eq(fchmodat(top, "t/a", 0000, 0), 0);
        ck_assert_int_eq(fchmodat(top, "t", 0000, 0), 0);
        ck_assert_int_eq(tree_remove(top, "t"), 0);
        ck_assert(!exists("t"));
        ck_assert(exists("outside/stays"));
}
END_TEST

/* Deeper than any path can name, and than there are descriptors. */
START_TEST(deep) {
        struct rlimit rl;
        int dir = openat(top, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int i = 0; i < 3000; i++) {
                ck_assert_int_eq(mkdirat(dir, "deeper", 0755), 0);
                int next = openat(dir, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                ck_assert_int_ge(next, 0);
                close(openat(next, "file", O_WRONLY | O_CREAT, 0600));
                if (i % 100 == 0)
                        ck_assert_int_eq(fchmod(dir, 0), 0);
                close(dir);
                dir = next;
        }
        close(dir);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
        rl.rlim_cur = 128;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
        ck_assert_int_eq(tree_remove(top, "t"), 0);
        ck_assert(!exists("t"));
}
END_TEST

START_TEST(in_slices) {
        struct tree *t = NULL;
        char name[16];
        int r, steps = 0;
        for (int i = 0; i < 300; i++) {
                snprintf(name, sizeof name, "t/%d", i);
                close(openat(top, name, O_WRONLY | O_CREAT, 0600));
        }
        ck_assert_int_eq(tree_new(top, "t", &t), 0);
        while ((r = tree_step(t, 10)) > 0)
                steps++;
        ck_assert_int_eq(r, 0);
        ck_assert_int_ge(steps, 30);
        tree_free(t);
        ck_assert(!exists("t"));
}
END_TEST

START_TEST(refusals) {
        struct tree *t = NULL;
        ck_assert_int_eq(tree_new(top, "..", &t), -EINVAL);
        ck_assert_int_eq(tree_new(top, "a/b", &t), -EINVAL);
        ck_assert_int_eq(tree_remove(top, "none"), 0); /* gone is what was wanted */
        ck_assert_int_eq(symlinkat("outside", top, "link"), 0);
        ck_assert_int_lt(tree_remove(top, "link"), 0);
        ck_assert(exists("outside/stays"));
        ck_assert_int_eq(unlinkat(top, "link", 0), 0);
        ck_assert_int_eq(tree_remove(top, "t"), 0);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup,
                                                .teardown = teardown,
                                                .timeout = 60 };

        return RUN_TESTS_IN(&fixture, "tree", everything, deep, in_slices, refusals);
}
