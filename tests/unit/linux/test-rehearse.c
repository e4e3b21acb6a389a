/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * When is a sandbox that was built beforehand given away? Only while it is what building it now
 * would give. This program itself plays leash-init and is ready at once.
 */
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../../../backends/linux/box.h"
#include "../../../backends/linux/linux.h"
#include "../suite.h"

#define CONTROL 3 /* INIT_CONTROL_FD */

/* The plan's working directory says how it behaves. */
static int play_init(void) {
        struct wire_frame f = WIRE_FRAME(WIRE_PREPARED);
        int fds[FRAME_FDS_MAX], root = open("/", O_PATH | O_CLOEXEC);
        const struct wire_plan *plan;
        size_t n, size;

        if (frame_send(CONTROL, &f, &root, 1) < 0)
                return 1;
        do
                if (frame_receive(CONTROL, &f, fds, ELEMENTSOF(fds), &n) <= 0)
                        return 1;
        while (f.type != WIRE_PLAN);
        plan = sealed_map(fds[0], &size);
        if (!plan)
                return 1;
        f = WIRE_FRAME(WIRE_READY);
        (void) frame_send(CONTROL, &f, NULL, 0);
        (void) frame_receive(CONTROL, &f, fds, ELEMENTSOF(fds), &n);
        return 0;
}

static struct facts facts;
static struct engine *engine;
static char directory[] = "/tmp/leash-rehearse-XXXXXX", source[PATH_MAX], masked[PATH_MAX];

static const char *make(char *path, const char *name) {
        int fd;

        snprintf(path, PATH_MAX, "%s/%s", directory, name);
        fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        close(fd);
        return path;
}

/* As an editor does: another file, moved over the old one. */
static void replace(const char *path) {
        char other[PATH_MAX];

        ck_assert_int_eq(rename(make(other, "other"), path), 0);
}

/* A sandbox with this name in its environment: asked for, ready, and over. */
static void once(const char *value, bool cgroup) {
        const struct subject subject = { .workdir = directory, .sandbox_id = "sb-test" };
        struct pair pairs[] = { { "LEASH_SANDBOX", "differs" }, { "A", value } };
        struct plan_mount mounts[] = {
                { .kind = MOUNT_BIND_RO, .source = source, .target = source, .field = "/test" },
                { .kind = MOUNT_HIDE, .target = masked, .field = "/test" },
        };
        char name[16];
        const struct plan plan = { .subject = &subject,
                                   .cgroup = cgroup,
                                   .mounts = mounts,
                                   .n_mounts = ELEMENTSOF(mounts),
                                   .environment = { pairs, ELEMENTSOF(pairs), true } };
        static unsigned serial;
        struct pollfd p = { .events = POLLIN };
        struct box_event ev = {};
        struct error e = {};
        struct box *b;

        snprintf(name, sizeof(name), "%u", serial++);
        pairs[0].value = name;
        ck_assert_msg(box_new(engine, &plan, &b, &e) >= 0, "%s", e.message);
        p.fd = box_fd(b);
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        ck_assert_int_eq(box_next(b, &ev), 1);
        ck_assert_int_eq(ev.kind, BOX_READY);
        box_free(b);
}

static void fill(void) {
        backends[0]->engine_idle(engine);
        for (int i = 0; i < 3000 && engine->n_pool < engine->pool_size; i++) {
                usleep(10000);
                backends[0]->engine_reap(engine);
        }
        ck_assert_uint_eq(engine->n_pool, engine->pool_size);
        for (size_t i = 0; i < engine->n_pool; i++)
                ck_assert_int_ge(prepared_await(&engine->pool[i], NULL), 0);
}

/* Asked for twice, so the next is built. */
static void rehearsed(void) {
        once("1", false);
        ck_assert_uint_eq(engine->n_rehearsed, 0); /* once is no habit */
        once("1", false);
        ck_assert_uint_eq(engine->n_rehearsed, 1);
        ck_assert_uint_eq(engine->n_reused, 0);
}

static void setup(void) {
        const struct backend_options options = { .init_path = "/proc/self/exe", .pool_size = 6 };
        struct error e = {};

        ck_assert_ptr_nonnull(mkdtemp(directory));
        make(source, "source");
        make(masked, "masked");
        ck_assert_msg(backends[0]->engine_new(&options, &facts, &engine, &e) >= 0, "%s", e.message);
        fill();
}

static void teardown(void) {
        engine = backends[0]->engine_free(engine);
        unlink(source);
        unlink(masked);
        rmdir(directory);
        memcpy(strrchr(directory, '-') + 1, "XXXXXX", 6);
}

START_TEST(the_same_plan_gets_it) {
        rehearsed();
        once("1", false); /* whatever its name */
        ck_assert_uint_eq(engine->n_reused, 1);
        ck_assert_uint_eq(engine->n_rehearsed, 1); /* and the next is built already */
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 2);
}
END_TEST

START_TEST(another_plan_does_not) {
        rehearsed();
        once("2", false);
        ck_assert_uint_eq(engine->n_reused, 0);
        once("2", false); /* two that take turns are both kept */
        ck_assert_uint_eq(engine->n_rehearsed, 2);
        once("1", false);
        once("2", false);
        ck_assert_uint_eq(engine->n_reused, 2);
}
END_TEST

START_TEST(a_source_that_was_replaced_does_not) {
        rehearsed();
        replace(source);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 0);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 1);
}
END_TEST

START_TEST(what_a_mask_covers_was_replaced) {
        rehearsed();
        replace(masked);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 0);
        unlink(masked);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 0);
}
END_TEST

START_TEST(mounts_have_changed) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return; /* not root: there is nothing then that we could mount */
        teardown();     /* the engine watches the namespace that it was started in */
        setup();
        rehearsed();
        ck_assert_int_eq(mount("none", directory, "tmpfs", 0, NULL), 0);
        ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 0);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 1);
}
END_TEST

START_TEST(one_that_died_is_passed_over) {
        rehearsed();
        /* It has said that it is ready before it dies. */
        ck_assert_int_eq(
                poll(&(struct pollfd){ engine->rehearsed[0].init.control, POLLIN, 0 }, 1, 10000),
                1);
        syscall(SYS_pidfd_send_signal, engine->rehearsed[0].init.pidfd, SIGKILL, NULL, 0);
        for (struct pollfd p = { .fd = engine->rehearsed[0].init.pidfd, .events = POLLIN };
             poll(&p, 1, 10000) < 1;)
                ;
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 0);
}
END_TEST

START_TEST(it_is_not_kept_for_long) {
        struct pollfd p = { .fd = backends[0]->engine_fd(engine), .events = POLLIN };

        rehearsed();
        for (int i = 0; i < 1000 && engine->n_rehearsed > 0; i++) {
                (void) poll(&p, 1, 1000 * REHEARSED_SECONDS);
                backends[0]->engine_reap(engine);
        }
        ck_assert_uint_eq(engine->n_rehearsed, 0);
        once("1", false);
        ck_assert_uint_eq(engine->n_reused, 0);
        ck_assert_uint_eq(engine->n_rehearsed, 1);
        backends[0]->engine_trim(engine); /* memory is short */
        ck_assert_uint_eq(engine->n_rehearsed, 0);
}
END_TEST

int main(int argc, char **argv) {
        static const struct fixture fixture = { .setup = setup,
                                                .teardown = teardown,
                                                .timeout = 60 };

        if (argc > 0 && strcmp(argv[0], "leash-init") == 0)
                return play_init();
        /* In the native tier nothing is prepared beforehand. */
        if (backends[0]->probe(&facts, &(struct error){}) < 0 || facts_native(&facts))
                return 77;
        return RUN_TESTS_IN(&fixture, "rehearse", the_same_plan_gets_it, another_plan_does_not,
                            a_source_that_was_replaced_does_not, what_a_mask_covers_was_replaced,
                            mounts_have_changed, one_that_died_is_passed_over,
                            it_is_not_kept_for_long);
}
