/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../backends/posix/measure.h"
#include "../../../backends/posix/tree.h"
#include "../suite.h"

#define MIB (1024u * 1024)

static char where[64];
static int parent = -1, top = -1;
static struct timespec start;

static void setup(void) {
        snprintf(where, sizeof where, "/var/tmp/leash-measure-XXXXXX"); /* a disk's, most likely */
        ck_assert_ptr_nonnull(mkdtemp(where));
        parent = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        top = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(top, 0);
        clock_gettime(CLOCK_REALTIME_COARSE, &start);
}

static void teardown(void) {
        static const char *const mounts[] = { "merged", "high" };
        close(top);
        for (size_t i = 0; i < 2; i++) { /* make_overlay() */
                char text[128];
                snprintf(text, sizeof text, "%s/%s", where, mounts[i]);
                (void) umount2(text, MNT_DETACH);
        }
        (void) tree_remove(parent, where + strlen("/var/tmp/"));
        close(parent);
}

static void fill(const char *name, size_t mib) {
        static char block[MIB];
        int fd = openat(top, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        memset(block, 'x', sizeof block); /* some file systems do not store zeros */
        for (size_t i = 0; i < mib; i++)
                ck_assert_int_eq(write(fd, block, sizeof block), sizeof block);
        close(fd);
}

static struct measured measured_since(const struct timespec *since, unsigned slice) {
        struct measure *m = NULL;
        struct measured found = { 0 };
        ck_assert_int_eq(measure_new(top, since, &m), 0);
        while (measure_step(m, slice, &found) > 0)
                ;
        measure_free(m);
        return found;
}

static uint64_t total(void) {
        struct measured m = measured_since(&start, 7);
        return m.old_bytes + m.new_bytes;
}

static void assert_about(uint64_t bytes, uint64_t want) {
        ck_assert_uint_ge(bytes, want - 512); /* shares are rounded down */
        ck_assert_uint_le(bytes, want + MIB / 2);
}

START_TEST(files) {
        ck_assert_uint_eq(total(), 0);
        ck_assert_int_eq(mkdirat(top, "a", 0700), 0);
        ck_assert_int_eq(mkdirat(top, "a/b", 0700), 0);
        fill("a/b/f", 2);
        fill("g", 1);
        assert_about(total(), 3 * MIB);
        struct measured m = measured_since(&start, 1);
        ck_assert_uint_eq(m.entries, 4);
        ck_assert(!m.unseen);
}
END_TEST

START_TEST(holes_and_reserved) {
        int fd = openat(top, "hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(ftruncate(fd, 1024 * (off_t) MIB), 0);
        ck_assert_uint_le(total(), MIB / 2);
        if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * (off_t) MIB) == 0)
                assert_about(total(), 2 * MIB);
        close(fd);
}
END_TEST

START_TEST(names) {
        fill("f", 2);
        for (int i = 0; i < 8; i++) {
                char name[16];
                snprintf(name, sizeof name, "l%d", i);
                ck_assert_int_eq(linkat(top, "f", top, name, 0), 0);
        }
        assert_about(total(), 2 * MIB);
        ck_assert_int_eq(symlinkat("/usr", top, "elsewhere"), 0);
        assert_about(total(), 2 * MIB);
        /* an empty file is not nothing */
        for (int i = 0; i < 100; i++) {
                char name[16];
                snprintf(name, sizeof name, "e%d", i);
                fill(name, 0);
        }
        assert_about(total(), 2 * MIB + 100 * MEASURE_NAME_BYTES);
}
END_TEST

START_TEST(old_and_new) {
        fill("old", 1);
        struct timespec since;
        usleep(20000); /* a tick of the coarse clock */
        clock_gettime(CLOCK_REALTIME_COARSE, &since);
        usleep(20000);
        fill("new", 2);
        struct measured m = measured_since(&since, 100);
        assert_about(m.old_bytes + m.new_bytes, 3 * MIB);
        /* where births are not known everything is old */
        if (m.new_bytes > 0) {
                assert_about(m.new_bytes, 2 * MIB);
                assert_about(m.old_bytes, MIB);
        }
}
END_TEST

START_TEST(unseen) {
        ck_assert_int_eq(mkdirat(top, "a", 0700), 0);
        fill("a/f", 1);
        ck_assert_int_eq(fchmodat(top, "a", 0, 0), 0);
        struct measured m = measured_since(&start, 100);
        ck_assert_int_eq(m.unseen, geteuid() != 0);
        ck_assert_int_eq(fchmodat(top, "a", 0700, 0), 0);
        /* deeper than there are descriptors for */
        int at = dup(top);
        for (int i = 0; i < 70; i++) {
                ck_assert_int_eq(mkdirat(at, "d", 0700), 0);
                int next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
                close(at);
                at = next;
        }
        close(at);
        m = measured_since(&start, 100);
        ck_assert(m.unseen);
}
END_TEST

static bool map_self(uid_t uid, gid_t gid) {
        char text[64];
        bool good = true;

        for (size_t i = 0; i < 3; i++) {
                static const char *const parts[] = { "setgroups", "gid_map", "uid_map" };
                snprintf(text, sizeof text, "/proc/self/%s", parts[i]);
                int fd = open(text, O_WRONLY | O_CLOEXEC);
                int n = i == 0 ? snprintf(text, sizeof text, "deny")
                               : snprintf(text, sizeof text, "%u %u 1", i == 1 ? gid : uid,
                                          i == 1 ? gid : uid);
                good &= write(fd, text, (size_t) n) == n;
                close(fd);
        }
        return good;
}

/* tmpfs over `where`, and in it an overlay of two file systems; tests run in processes of their
 * own. False: this user may not, or this kernel has none. */
static bool make_overlay(void) {
        char text[512], merged[128];

        uid_t uid = geteuid();
        gid_t gid = getegid();
        if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
            (uid != 0 && !map_self(uid, gid)) ||
            mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
                return false;
        for (size_t i = 0; i < 3; i++) {
                static const char *const parts[] = { "low", "high", "merged" };
                ck_assert_int_eq(mkdirat(top, parts[i], 0700), 0);
        }
        snprintf(text, sizeof text, "%s/high", where);
        snprintf(merged, sizeof merged, "%s/merged", where);
        if (mount("tmpfs", text, "tmpfs", 0, NULL) < 0)
                return false;
        snprintf(text, sizeof text, "%s/high/up", where);
        ck_assert_int_eq(mkdir(text, 0700), 0);
        snprintf(text, sizeof text, "%s/high/work", where);
        ck_assert_int_eq(mkdir(text, 0700), 0);
        snprintf(text, sizeof text, "lowerdir=%s/low,upperdir=%s/high/up,workdir=%s/high/work",
                 where, where, where);
        if (mount("overlay", merged, "overlay", 0, text) < 0)
                return false;
        close(top);
        top = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(top, 0);
        return true;
}

/* A file there may have another device than its directory; what is mounted is another thing. */
START_TEST(devices) {
        char text[128];

        if (!make_overlay())
                return;
        fill("f", 2);
        assert_about(total(), 2 * MIB);
        ck_assert_int_eq(mkdirat(top, "m", 0700), 0);
        snprintf(text, sizeof text, "%s/merged/m", where);
        ck_assert_int_eq(mount("tmpfs", text, "tmpfs", 0, NULL), 0);
        fill("m/f", 1);
        assert_about(total(), 2 * MIB);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup, .teardown = teardown };

        return RUN_TESTS_IN(&fixture, "measure", files, holes_and_reserved, names, old_and_new,
                            unseen, devices);
}
