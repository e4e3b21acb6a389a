/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is remembered as missing must be seen again as soon as it is there. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../backends/linux/absent.h"
#include "../suite.h"

static char top[] = "/tmp/leash-absent-XXXXXX";
static int root;

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(top));
        root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(root, 0);
        ck_assert_int_eq(mkdirat(root, "d", 0755), 0);
        usleep(80000); /* directories that changed just now are not relied on */
}

static void teardown(void) {
        (void) unlinkat(root, "d/late", 0);
        (void) unlinkat(root, "d", AT_REMOVEDIR);
        close(root);
        (void) rmdir(top);
}

START_TEST(a_name_is_remembered_until_its_directory_changes) {
        struct absent *a = calloc(1, sizeof(*a));

        absent_begin(a);
        ck_assert(!absent_known(a, root, "/d/late"));
        absent_note(a, "/d/late");
        absent_begin(a);
        ck_assert(absent_known(a, root, "/d/late"));
        ck_assert(!absent_known(a, root, "/d/other"));

        int fd = openat(root, "d/late", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        close(fd);
        absent_begin(a);
        ck_assert(!absent_known(a, root, "/d/late"));
        free(a);
}
END_TEST

START_TEST(nothing_is_below_a_missing_directory) {
        struct absent *a = calloc(1, sizeof(*a));

        absent_begin(a);
        ck_assert(absent_known(a, root, "/e/x"));
        ck_assert_int_eq(mkdirat(root, "e", 0755), 0);
        absent_begin(a);
        ck_assert(!absent_known(a, root, "/e/x"));
        ck_assert_int_eq(unlinkat(root, "e", AT_REMOVEDIR), 0);
        free(a);
}
END_TEST

START_TEST(a_directory_that_changed_just_now_is_not_relied_on) {
        struct absent *a = calloc(1, sizeof(*a));

        ck_assert_int_eq(mkdirat(root, "f", 0755), 0);
        absent_begin(a);
        ck_assert(!absent_known(a, root, "/f/x"));
        absent_note(a, "/f/x");
        absent_begin(a);
        ck_assert(!absent_known(a, root, "/f/x"));
        ck_assert_int_eq(unlinkat(root, "f", AT_REMOVEDIR), 0);
        free(a);
}
END_TEST

START_TEST(more_names_than_there_is_room_for) {
        struct absent *a = calloc(1, sizeof(*a));
        char path[64];
        size_t known = 0;

        for (int round = 0; round < 2; round++) {
                absent_begin(a);
                for (int i = 0; i < 2 * ABSENT_NAMES; i++) {
                        snprintf(path, sizeof(path), "/d/%d", i);
                        known += absent_known(a, root, path);
                        absent_note(a, path);
                }
        }
        ck_assert_uint_le(known, 2 * ABSENT_NAMES);
        snprintf(path, sizeof(path), "/d");
        ck_assert(!absent_known(a, root, path));
        free(a);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup,
                                                .teardown = teardown,
                                                .once = true };

        return RUN_TESTS_IN(&fixture, "absent", a_name_is_remembered_until_its_directory_changes,
                            nothing_is_below_a_missing_directory,
                            a_directory_that_changed_just_now_is_not_relied_on,
                            more_names_than_there_is_room_for);
}
