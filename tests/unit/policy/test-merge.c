/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "common.h"

static struct policy merged(const struct policy *base, const struct policy *over,
                            enum merge_mode mode) {
        struct policy p;
        struct error e;
        ck_assert_int_eq(policy_merge(arena, base, over, mode, &p, &e), 0);
        return p;
}

static void assert_list(const struct strings *list, size_t n, const char *const *items) {
        ck_assert(list->set);
        ck_assert_uint_eq(list->n, n);
        for (size_t i = 0; i < n; i++)
                ck_assert_str_eq(list->items[i], items[i]);
}
#define ASSERT_LIST(list, ...)                                                \
        assert_list(list, ELEMENTSOF(((const char *const[]){ __VA_ARGS__ })), \
                    (const char *const[]){ __VA_ARGS__ })

START_TEST(presets_are_complete) {
        size_t n = 0;
        for (const char *name; (name = policy_preset_name(n)); n++) {
                const struct policy *p = policy_preset(name);
                struct error e;
                ck_assert_ptr_nonnull(p);
                ck_assert_int_ne(p->level, LEVEL_UNSET);
                ck_assert_int_ne(p->network.mode, NETWORK_UNSET);
                for (size_t i = 0; i < protections_n; i++)
                        ck_assert_int_ne(
                                *(const enum tri *) (const void *) ((const char *) &p->security +
                                                                    protections[i].offset),
                                TRI_UNSET);
                const enum tri rest[] = { p->security.allow_gpu,      p->security.allow_npu,
                                          p->security.allow_hardware, p->security.allow_debug,
                                          p->security.allow_userns,   p->python.allow_pip_install };
                for (size_t i = 0; i < ELEMENTSOF(rest); i++)
                        ck_assert_int_ne(rest[i], TRI_UNSET);
                const struct limit *limits = (const void *) &p->limits;
                for (size_t i = 0; i < sizeof(p->limits) / sizeof(struct limit); i++)
                        ck_assert_int_ne(limits[i].kind, LIMIT_UNSET);
                ck_assert_int_eq(policy_check(p, &e), 0);
        }
        ck_assert_uint_eq(n, 5);
        ck_assert_ptr_null(policy_preset("none"));
        ck_assert_ptr_null(policy_preset(NULL));
        ck_assert_int_eq(policy_preset("strict")->level, LEVEL_STRICT);
        ck_assert_int_eq(policy_preset("default")->level, LEVEL_DEFAULT);
        ck_assert_int_eq(policy_preset("permissive")->level, LEVEL_PERMISSIVE);
        ck_assert_int_eq(policy_preset("python-dev")->level, LEVEL_DEFAULT);
}
END_TEST

START_TEST(protections_by_level) {
        for (size_t i = 0; i < protections_n; i++) {
                static const enum tri expected[] = { TRI_YES, TRI_YES, TRI_NO };
                static const char *const names[] = { "strict", "default", "permissive" };
                for (size_t k = 0; k < 3; k++)
                        ck_assert_int_eq(
                                *(const enum tri *) (const void *) ((const char *) &policy_preset(
                                                                            names[k])
                                                                            ->security +
                                                                    protections[i].offset),
                                expected[k]);
        }
        ck_assert_uint_eq(protections_n, 8);
        ck_assert_str_eq(protections[0].name, "protect_user_home");
}
END_TEST

START_TEST(scalars_later_wins) {
        struct policy base = { .level = LEVEL_STRICT, .workdir = "/a" };
        base.limits.memory_bytes = (struct limit){ LIMIT_VALUE, 5 };
        base.limits.cpus = (struct limit){ LIMIT_VALUE, 500 };
        base.security.allow_gpu = TRI_YES;
        struct policy over = { .workdir = "/b" };
        over.limits.memory_bytes = (struct limit){ LIMIT_UNLIMITED, 0 };
        over.security.allow_gpu = TRI_NO;
        struct policy p = merged(&base, &over, MERGE_REPLACE);
        ck_assert_int_eq(p.level, LEVEL_STRICT);
        ck_assert_str_eq(p.workdir, "/b");
        ck_assert_int_eq(p.limits.memory_bytes.kind, LIMIT_UNLIMITED);
        ck_assert_uint_eq(p.limits.cpus.value, 500);
        ck_assert_int_eq(p.security.allow_gpu, TRI_NO);
}
END_TEST

START_TEST(lists_replace_or_append) {
        struct policy base = { 0 }, over = { 0 };
        base.filesystem.read = LIST("/a", "/b");
        base.filesystem.deny = LIST("/d");
        base.network.deny = LIST("x.org");
        over.filesystem.read = LIST("/b", "/c");
        over.filesystem.deny = LIST("/e", "/d");
        over.network.deny = LIST("y.org");

        struct policy p = merged(&base, &over, MERGE_REPLACE);
        ASSERT_LIST(&p.filesystem.read, "/b", "/c");
        ASSERT_LIST(&p.filesystem.deny, "/d", "/e");
        ASSERT_LIST(&p.network.deny, "x.org", "y.org");
        p = merged(&base, &over, MERGE_APPEND);
        ASSERT_LIST(&p.filesystem.read, "/a", "/b", "/c");
        ASSERT_LIST(&p.filesystem.deny, "/d", "/e");

        /* Absent is not empty. */
        struct policy absent = { 0 }, empty = { 0 };
        empty.filesystem.read.set = empty.filesystem.deny.set = true;
        p = merged(&base, &absent, MERGE_REPLACE);
        ck_assert_uint_eq(p.filesystem.read.n, 2);
        p = merged(&base, &empty, MERGE_REPLACE);
        ck_assert_uint_eq(p.filesystem.read.n, 0);
        ASSERT_LIST(&p.filesystem.deny, "/d"); /* cannot be emptied */
        p = merged(&base, &empty, MERGE_APPEND);
        ck_assert_uint_eq(p.filesystem.read.n, 2);
        /* and the inputs stay as they were */
        ck_assert_uint_eq(base.filesystem.read.n, 2);
        ck_assert_uint_eq(over.filesystem.read.n, 2);
}
END_TEST

START_TEST(every_list_is_merged) {
        struct policy base = { 0 }, over = { 0 };
        struct strings *const lists[] = {
                &over.filesystem.read,
                &over.filesystem.write,
                &over.filesystem.execute,
                &over.filesystem.deny,
                &over.network.allow,
                &over.network.deny,
                &over.network.local_ports,
                &over.security.unix_sockets,
                &over.environment.pass,
                &over.python.venv.packages,
                &over.accept,
        };
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                *lists[i] = LIST("/x");
        struct policy p = merged(&base, &over, MERGE_REPLACE);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                size_t offset = (size_t) ((char *) lists[i] - (char *) &over);
                ASSERT_LIST((const struct strings *) (const void *) ((const char *) &p + offset),
                            "/x");
        }
}
END_TEST

START_TEST(variables_merge_by_name) {
        struct policy base = { 0 }, over = { 0 };
        ck_assert(arena_push_pair(arena, &base.environment.set, "A", "1"));
        ck_assert(arena_push_pair(arena, &base.environment.set, "B", "2"));
        ck_assert(arena_push_pair(arena, &over.environment.set, "B", "3"));
        ck_assert(arena_push_pair(arena, &over.environment.set, "C", "4"));
        ck_assert(arena_push_pair(arena, &over.environment.set, "C", "5"));
        for (int mode = MERGE_REPLACE; mode <= MERGE_APPEND; mode++) {
                struct policy p = merged(&base, &over, (enum merge_mode) mode);
                static const char *const expected[] = { "A", "1", "B", "3", "C", "5" };
                ck_assert_uint_eq(p.environment.set.n, 3);
                for (size_t i = 0; i < 3; i++) {
                        ck_assert_str_eq(p.environment.set.items[i].name, expected[2 * i]);
                        ck_assert_str_eq(p.environment.set.items[i].value, expected[2 * i + 1]);
                }
        }
}
END_TEST

START_TEST(protections_go_only_by_a_no) {
        struct policy base = *policy_preset("default"), over = { 0 };
        struct policy p = merged(&base, &over, MERGE_REPLACE);
        ck_assert_int_eq(p.security.protect_credentials, TRI_YES);
        over.security.protect_credentials = TRI_NO;
        p = merged(&base, &over, MERGE_REPLACE);
        ck_assert_int_eq(p.security.protect_credentials, TRI_NO);
        ck_assert_int_eq(p.security.protect_cloud_config, TRI_YES);
}
END_TEST

START_TEST(network_mode_follows_the_list) {
        struct policy base = *policy_preset("default"), over = { 0 };
        over.network.allow = LIST("example.com");
        ck_assert_int_eq(merged(&base, &over, MERGE_REPLACE).network.mode, NETWORK_ALLOWLIST);
        base.network.mode = NETWORK_ASK;
        ck_assert_int_eq(merged(&base, &over, MERGE_REPLACE).network.mode, NETWORK_ASK);
        over.network.mode = NETWORK_DENY; /* said by hand: a contradiction for policy_check() */
        struct policy p = merged(&base, &over, MERGE_REPLACE);
        ck_assert_int_eq(p.network.mode, NETWORK_DENY);
        ck_assert_uint_eq(p.network.allow.n, 1);
        /* --net deny over a profile with a list */
        struct policy profile = { 0 }, deny = { .network.mode = NETWORK_DENY };
        profile.network.allow = LIST("example.com");
        base = *policy_preset("default");
        struct policy allow = merged(&base, &profile, MERGE_REPLACE);
        p = merged(&allow, &deny, MERGE_APPEND);
        ck_assert_int_eq(p.network.mode, NETWORK_DENY);
        ck_assert_uint_eq(p.network.allow.n, 0);
        /* an empty list says nothing about the mode */
        struct policy empty = { 0 };
        empty.network.allow.set = true;
        base = *policy_preset("default");
        ck_assert_int_eq(merged(&base, &empty, MERGE_REPLACE).network.mode, NETWORK_DENY);
}
END_TEST

START_TEST(venv) {
        struct policy base = *policy_preset("python-dev"), over = { 0 };
        over.python.has_venv = true;
        over.python.venv.python = "python3.12";
        over.python.venv.packages = LIST("requests");
        struct policy p = merged(&base, &over, MERGE_REPLACE);
        ck_assert_str_eq(p.python.venv.path, ".venv");
        ck_assert_str_eq(p.python.venv.python, "python3.12");
        ASSERT_LIST(&p.python.venv.packages, "requests");
}
END_TEST

START_TEST(the_stack) {
        struct policy profile = { .workdir = "/p" }, request = { 0 }, flags = { 0 }, p;
        struct error e;
        profile.filesystem.write = LIST("/profile");
        profile.filesystem.deny = LIST("/dp");
        profile.security.protect_keychain = TRI_NO;
        request.level = LEVEL_STRICT;
        request.filesystem.write = LIST("/request");
        request.filesystem.deny = LIST("/dr");
        flags.filesystem.write = LIST("/flag");
        flags.filesystem.deny = LIST("/df");
        flags.workdir = "/f";
        ck_assert_int_eq(policy_resolve(arena, &profile, &request, &flags, &p, &e), 0);
        ck_assert_int_eq(p.level, LEVEL_STRICT);
        ck_assert_int_eq(p.python.allow_pip_install, TRI_NO); /* strict's own */
        ck_assert_str_eq(p.workdir, "/f");
        ASSERT_LIST(&p.filesystem.write, "/request", "/flag");
        ASSERT_LIST(&p.filesystem.deny, "/dp", "/dr", "/df");
        ck_assert_int_eq(p.security.protect_keychain, TRI_NO);
        ck_assert_int_eq(p.security.protect_credentials, TRI_YES);

        flags.level = LEVEL_PERMISSIVE;
        ck_assert_int_eq(policy_resolve(arena, &profile, &request, &flags, &p, &e), 0);
        ck_assert_int_eq(p.security.protect_credentials, TRI_NO);
        ck_assert_int_eq(policy_resolve(arena, NULL, NULL, NULL, &p, &e), 0);
        ck_assert_int_eq(p.level, LEVEL_DEFAULT);
        ck_assert_int_eq(policy_resolve(arena, policy_preset("python-dev"), NULL, NULL, &p, &e), 0);
        ck_assert(p.python.has_venv);
        request.level = (enum level) 77;
        ck_assert_int_lt(policy_resolve(arena, NULL, &request, NULL, &p, &e), 0);
        assert_error(&e, ERROR_PARAMS, "/level", "77");
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("merge", presets_are_complete, protections_by_level,
                                scalars_later_wins, lists_replace_or_append, every_list_is_merged,
                                variables_merge_by_name, protections_go_only_by_a_no,
                                network_mode_follows_the_list, venv, the_stack);
}
