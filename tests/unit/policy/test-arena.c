/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdalign.h>
#include <stdio.h>

#include "common.h"

START_TEST(memory_is_zeroed_aligned_and_apart) {
        unsigned char *last = NULL;
        size_t last_size = 0;
        for (size_t size = 0; size < 9000; size = size * 3 / 2 + 1) {
                unsigned char *p = arena_alloc(arena, size);
                ck_assert_ptr_nonnull(p);
                ck_assert_uint_eq((uintptr_t) p % alignof(max_align_t), 0);
                for (size_t i = 0; i < size; i++)
                        ck_assert_uint_eq(p[i], 0);
                memset(p, 0xff, size);
                ck_assert(!last || p >= last + last_size || p + size <= last);
                last = p;
                last_size = size;
        }
}
END_TEST

START_TEST(large_things_fit) {
        char *small = arena_strdup(arena, "before");
        char *large = arena_alloc(arena, 3 * 1024 * 1024);
        ck_assert_ptr_nonnull(large);
        memset(large, 'x', 3 * 1024 * 1024);
        ck_assert_str_eq(small, "before");
        ck_assert_str_eq(arena_strdup(arena, "after"), "after");
        ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX));
        ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX - 64));
        ck_assert_ptr_null(arena_array(arena, SIZE_MAX / 2, 3));
}
END_TEST

START_TEST(strings_are_copied) {
        char text[] = "some text";
        char *copy = arena_strdup(arena, text), *part = arena_strndup(arena, text, 4);
        char *all = arena_strndup(arena, text, 400);
        text[0] = 'X';
        ck_assert_str_eq(copy, "some text");
        ck_assert_str_eq(part, "some");
        ck_assert_str_eq(all, "some text");
        ck_assert_str_eq(arena_printf(arena, "%s-%05d", "n", 42), "n-00042");
        char *printed = arena_printf(arena, "%*d", 20000, 7);
        ck_assert_uint_eq(strlen(printed), 20000);
}
END_TEST

START_TEST(lists_grow) {
        struct strings list = { 0 };
        struct pairs pairs = { 0 };
        char text[16];
        for (int i = 0; i < 5000; i++) {
                (void) snprintf(text, sizeof(text), "%d", i);
                ck_assert(arena_push(arena, &list, text));
                ck_assert(arena_push_pair(arena, &pairs, text, "v"));
        }
        ck_assert(list.set && pairs.set);
        ck_assert_uint_eq(list.n, 5000);
        for (int i = 0; i < 5000; i++) {
                ck_assert_int_eq(atoi(list.items[i]), i);
                ck_assert_int_eq(atoi(pairs.items[i].name), i);
                ck_assert_str_eq(pairs.items[i].value, "v");
        }
}
END_TEST

/* A list can be one of a static table, or a copy of another: pushing must touch neither. */
START_TEST(pushing_never_writes_into_another_list) {
        static const char *fixed[] = { "a", "b", "c" };
        struct strings list = { .items = fixed, .n = 2 };
        ck_assert(arena_push(arena, &list, "x"));
        ck_assert_str_eq(fixed[2], "c");
        ck_assert_str_eq(list.items[2], "x");

        struct strings one = list, two = list;
        ck_assert(arena_push(arena, &one, "one"));
        ck_assert(arena_push(arena, &two, "two"));
        ck_assert(arena_push(arena, &one, "more"));
        ck_assert_str_eq(one.items[3], "one");
        ck_assert_str_eq(two.items[3], "two");
        ck_assert_str_eq(one.items[4], "more");
}
END_TEST

START_TEST(many_lists_at_once) {
        struct strings lists[40] = { 0 };
        char text[16];
        for (int i = 0; i < 40 * 50; i++) {
                (void) snprintf(text, sizeof(text), "%d", i);
                ck_assert(arena_push(arena, &lists[i % 40], text));
        }
        for (int i = 0; i < 40 * 50; i++)
                ck_assert_int_eq(atoi(lists[i % 40].items[i / 40]), i);
}
END_TEST

START_TEST(free_takes_null) {
        ck_assert_ptr_null(arena_free(NULL));
        ck_assert_ptr_null(arena_free(arena_new()));
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("arena", memory_is_zeroed_aligned_and_apart, large_things_fit,
                                strings_are_copied, lists_grow,
                                pushing_never_writes_into_another_list, many_lists_at_once,
                                free_takes_null);
}
