/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "common.h"

static const char *variable(const struct plan *plan, const char *name) {
        const char *value = NULL;
        for (size_t i = 0; i < plan->environment.n; i++)
                if (strcmp(plan->environment.items[i].name, name) == 0) {
                        ck_assert_ptr_null(value); /* each once */
                        value = plan->environment.items[i].value;
                }
        return value;
}

START_TEST(what_programs_need) {
        struct situation s = SITUATION;
        const struct plan *p = compiled(&s);
        static const char *const expected[][2] = {
                { "HOME", "/home/ann" },
                { "USER", "ann" },
                { "LOGNAME", "ann" },
                { "SHELL", "/bin/sh" },
                { "LANG", "C.UTF-8" },
                { "TERM", "xterm-256color" },
                { "TMPDIR", "/tmp" },
                { "LEASH_SANDBOX", "s1" },
                { "XDG_RUNTIME_DIR", "/run/user/1000" },
                { "npm_config_fetch_retries",
                  "0" }, /* without a network there is nothing to wait for */
                { "PIP_RETRIES", "0" },
        };
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                ck_assert_str_eq(variable(p, expected[i][0]), expected[i][1]);
        ck_assert_uint_eq(p->environment.n, ELEMENTSOF(expected) + 1);
        ck_assert_int_eq(strncmp(variable(p, "PATH"), "/home/ann/.local/bin:", 21), 0);
        ck_assert_ptr_nonnull(
                strstr(variable(p, "PATH"), ":/usr/local/sbin:/usr/local/bin:/usr/sbin:"));
        s.request.level = LEVEL_STRICT;
        ck_assert_ptr_null(strstr(variable(compiled(&s), "PATH"), "/home"));
        s.subject.home = "/";
        p = compiled(&s);
        ck_assert_str_eq(variable(p, "HOME"), "/tmp");
}
END_TEST

START_TEST(what_the_policy_sets) {
        struct situation s = SITUATION;
        ck_assert(arena_push_pair(arena, &s.request.environment.set, "TERM", "dumb"));
        ck_assert(arena_push_pair(arena, &s.request.environment.set, "CI", "1"));
        ck_assert(arena_push_pair(arena, &s.request.environment.set, "PATH", "/x"));
        const struct plan *p = compiled(&s);
        ck_assert_str_eq(variable(p, "TERM"), "dumb");
        ck_assert_str_eq(variable(p, "CI"), "1");
        ck_assert_str_eq(variable(p, "PATH"), "/x");
}
END_TEST

START_TEST(pass_is_for_the_client) {
        struct situation s = SITUATION;
        struct error e;
        s.request.environment.pass = LIST("TERM");
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_PARAMS, "/environment/pass/0", "client");
}
END_TEST

START_TEST(native_git) {
        struct situation s = SITUATION;
        s.facts.fresh_proc = false;
        s.request.accept = LIST("no_namespaces", "no_deny_inside_allow");
        s.subject.git_name = "Ann";
        const struct plan *p = compiled(&s);
        ck_assert_str_eq(variable(p, "GIT_CONFIG_GLOBAL"), "/dev/null");
        ck_assert_str_eq(variable(p, "GIT_AUTHOR_NAME"), "Ann");
        ck_assert_ptr_null(variable(p, "GIT_AUTHOR_EMAIL"));
        ck_assert_ptr_null(variable(p, "XDG_RUNTIME_DIR"));
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("environment", what_programs_need, what_the_policy_sets,
                                pass_is_for_the_client, native_git);
}
