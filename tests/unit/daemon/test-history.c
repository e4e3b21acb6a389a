/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../daemon/session/history.h"
#include "../../../policy/limits.h"
#include "../suite.h"

static struct histories *h;
static struct arena *arena;
static struct history_texts texts;
static uint64_t number;

static void setup(void) {
        h = histories_new();
        arena = arena_new();
        number = 0;
        ck_assert_ptr_nonnull(h);
}

static void teardown(void) {
        history_done(&texts);
        h = histories_free(h);
        arena = arena_free(arena);
}

static void note(const char *sandbox, const char *kind, const char *path, bool last) {
        const struct event ev = {
                .kind = kind, .time = 1, .number = ++number, .sandbox = sandbox, .path = path
        };
        history_note(h, &ev, last);
}

static struct sandbox_logs_result read_after(const char *sandbox, uint64_t after) {
        struct sandbox_logs_result r = { 0 };
        struct error e = ERROR_NULL;
        history_done(&texts);
        ck_assert_msg(history_read(h, sandbox, after, arena, &r, &texts, &e) == 0, "%s", e.message);
        return r;
}

static const struct event *at(const struct sandbox_logs_result *r, size_t i) {
        ck_assert_uint_lt(i, r->events.n);
        return &((const struct event *) r->events.items)[i];
}

START_TEST(test_what_went_in_comes_out) {
        struct denial d = { .kind = "path", .path = "/x\n\033[31m\"", .count = 3 };
        struct event_plan plan = { .tier = "native",
                                   .level = LEVEL_STRICT,
                                   .limits = { .cpus = { LIMIT_VALUE, 1500 } } };
        const char *argv[] = { "sh", "-c", "printf '\\n\033'" };
        const struct event events[] = {
                { .kind = "sandbox.created",
                  .time = 5.5,
                  .number = 7,
                  .sandbox = "a",
                  .plan = &plan },
                { .kind = "process.started",
                  .time = 6,
                  .number = 8,
                  .sandbox = "a",
                  .argv = { argv, 3, true } },
                { .kind = "denied", .time = 7, .number = 9, .sandbox = "a", .denial = &d },
        };
        for (size_t i = 0; i < ELEMENTSOF(events); i++)
                history_note(h, &events[i], false);
        struct sandbox_logs_result r = read_after("a", 0);
        ck_assert_uint_eq(r.events.n, 3);
        ck_assert(!r.ended);
        ck_assert_uint_eq(at(&r, 0)->plan->limits.cpus.value, 1500);
        ck_assert_int_eq(at(&r, 0)->plan->level, LEVEL_STRICT);
        ck_assert_str_eq(at(&r, 1)->argv.items[2], argv[2]);
        ck_assert_str_eq(at(&r, 2)->denial->path, d.path);
        ck_assert_uint_eq(at(&r, 2)->denial->count, 3);
        r = read_after("a", 8);
        ck_assert_uint_eq(r.events.n, 1);
        ck_assert_uint_eq(at(&r, 0)->number, 9);
}
END_TEST

START_TEST(test_unknown) {
        struct sandbox_logs_result r = { 0 };
        struct error e = ERROR_NULL;
        note("a", "sandbox.created", "/", false);
        ck_assert_int_eq(history_read(h, "b", 0, arena, &r, &texts, &e), -ENOENT);
        ck_assert_int_eq(e.code, ERROR_NOT_FOUND);
        ck_assert_str_eq(e.where, "/sandbox");
}
END_TEST

START_TEST(test_the_first_stays_and_the_oldest_go) {
        char path[32];
        unsigned n = LIMIT_HISTORY_RECORDS + 100;
        note("a", "sandbox.created", "/first", false);
        for (unsigned i = 0; i < n; i++) {
                snprintf(path, sizeof path, "/%u", i);
                note("a", "denied", path, false);
        }
        struct sandbox_logs_result r = read_after("a", 0);
        ck_assert_uint_eq(r.events.n + r.dropped, n + 1);
        ck_assert_uint_le(r.events.n, LIMIT_HISTORY_RECORDS + 1);
        ck_assert_uint_gt(r.dropped, 0);
        ck_assert_uint_eq(histories_dropped(h), r.dropped);
        ck_assert_str_eq(at(&r, 0)->path, "/first");
        snprintf(path, sizeof path, "/%u", n - 1);
        ck_assert_str_eq(at(&r, r.events.n - 1)->path, path);
        for (size_t i = 2; i < r.events.n; i++) /* none is missing between them */
                ck_assert_uint_eq(at(&r, i)->number, at(&r, i - 1)->number + 1);
}
END_TEST

START_TEST(test_bytes_are_bounded) {
        char path[4096];
        memset(path, 'x', sizeof path - 1);
        path[sizeof path - 1] = '\0';
        for (unsigned i = 0; i < 200; i++)
                note("a", "denied", path, false);
        struct sandbox_logs_result r = read_after("a", 0);
        ck_assert_uint_le(histories_bytes(h), LIMIT_HISTORY_BYTES + 1024);
        ck_assert_uint_ge(r.events.n, LIMIT_HISTORY_BYTES / 4400);
        ck_assert_uint_eq(r.events.n + r.dropped, 200);
}
END_TEST

/* One sandbox that is loud takes nothing from another that runs. */
START_TEST(test_a_flood_takes_only_its_own) {
        char path[2048], sandbox[32];
        memset(path, 'x', sizeof path - 1);
        path[sizeof path - 1] = '\0';
        note("quiet", "sandbox.created", "/quiet", false);
        note("quiet", "denied", "/once", false);
        for (unsigned i = 0; i < LIMIT_HISTORIES_BYTES / LIMIT_HISTORY_BYTES + 40; i++) {
                snprintf(sandbox, sizeof sandbox, "loud%u", i);
                for (unsigned k = 0; k < 40; k++)
                        note(sandbox, "denied", path, false);
        }
        ck_assert_uint_le(histories_bytes(h), LIMIT_HISTORIES_BYTES + 100 * 1024);
        struct sandbox_logs_result r = read_after("quiet", 0);
        ck_assert_uint_eq(r.events.n, 2);
        ck_assert_uint_eq(r.dropped, 0);
        /* The last of the loud ones came when there was no room: that is counted. */
        r = read_after(sandbox, 0);
        ck_assert_uint_eq(r.events.n + r.dropped, 40);
        ck_assert_uint_gt(r.dropped, 0);
}
END_TEST

START_TEST(test_the_ended_make_room) {
        char sandbox[32];
        struct list ended;
        for (unsigned i = 0; i < LIMIT_HISTORIES_ENDED + 10; i++) {
                snprintf(sandbox, sizeof sandbox, "sb-%u", i);
                note(sandbox, "sandbox.created", "/", false);
                note(sandbox, "sandbox.destroyed", "/", true);
                note(sandbox, "process.failed", "/late", false); /* to what has ended */
        }
        struct sandbox_logs_result r = read_after("sb-10", 0), none = { 0 };
        ck_assert(r.ended);
        ck_assert_uint_eq(r.events.n, 2);
        ck_assert_uint_eq(r.dropped, 1);
        ck_assert_int_eq(history_read(h, "sb-9", 0, arena, &none, &texts, NULL), -ENOENT);
        ck_assert_int_eq(histories_ended(h, 4, arena, &ended), 0);
        ck_assert_uint_eq(ended.n, 4);
        snprintf(sandbox, sizeof sandbox, "sb-%u", LIMIT_HISTORIES_ENDED + 9);
        ck_assert_str_eq(((struct ended_sandbox *) ended.items)[0].sandbox, sandbox);
}
END_TEST

START_TEST(test_a_long_argv_is_cut_between_characters) {
        static char script[100000];
        const char *argv[3] = { "sh", "-c", script };
        for (size_t offset = 0; offset < 3; offset++) {
                memset(script, 'x', offset);
                for (size_t i = offset; i + 3 < sizeof script; i += 3)
                        memcpy(script + i, "€", 4);
                const struct event ev = { .kind = "process.started",
                                          .time = 1,
                                          .number = ++number,
                                          .sandbox = "a",
                                          .argv = { argv, 3, true } };
                history_note(h, &ev, false);
        }
        struct sandbox_logs_result r = read_after("a", 0);
        ck_assert_uint_eq(r.events.n, 3);
        for (size_t i = 0; i < 3; i++) {
                ck_assert_uint_eq(at(&r, i)->argv.n, 4);
                ck_assert_str_eq(at(&r, i)->argv.items[0], "sh");
                ck_assert_str_eq(at(&r, i)->argv.items[3], "…");
                ck_assert_uint_ge(strlen(at(&r, i)->argv.items[2]), 1000);
                ck_assert_uint_le(strlen(at(&r, i)->argv.items[2]), 1024);
        }
        ck_assert_uint_lt(histories_bytes(h), 8192);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup, .teardown = teardown };

        return RUN_TESTS_IN(&fixture, "history", test_what_went_in_comes_out, test_unknown,
                            test_the_first_stays_and_the_oldest_go, test_bytes_are_bounded,
                            test_a_flood_takes_only_its_own, test_the_ended_make_room,
                            test_a_long_argv_is_cut_between_characters);
}
