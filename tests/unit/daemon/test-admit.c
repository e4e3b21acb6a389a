/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "../../../daemon/leashd/admit.h"
#include "../suite.h"

START_TEST(good) {
        struct admit a = { 0 };
        struct error e = ERROR_NULL;

        ck_assert_int_eq(admit_parse("1001:agent.service:no_new_privs", &a, &e), 0);
        ck_assert_uint_eq(a.uid, 1001);
        ck_assert_str_eq(a.unit, "agent.service");
        ck_assert_uint_eq(a.waived, ADMIT_NO_NEW_PRIVS);
        ck_assert_int_eq(admit_parse("5:a@b.service:mounts,seccomp", &a, &e), 0);
        ck_assert_uint_eq(a.waived, ADMIT_MOUNTS | ADMIT_SECCOMP);
}
END_TEST

START_TEST(bad) {
        static const char *const texts[] = {
                "",
                "1001",
                "1001:",
                "1001:a.service",
                "1001:a.service:",
                "1001:a.service:all",
                "1001:a.service:mounts,",
                "1001:a.service:mount",
                "1001:a.service:no_new_privs ",
                "0:a.service:mounts",
                "-1:a.service:mounts",
                " 1:a.service:mounts",
                "+1:a.service:mounts",
                "4294967295:a.service:mounts",
                "ann:a.service:mounts",
                "1001:*:mounts",
                "1001:a*.service:mounts",
                "1001:.service:mounts",
                "1001:a.slice:mounts",
                "1001:a/b.service:mounts",
                "1001:../a.service:mounts",
                "1001:user@1001.service:mounts",
                "1001:session-3.scope:mounts",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct admit a = { .uid = 77 };
                struct error e = ERROR_NULL;

                ck_assert_msg(admit_parse(texts[i], &a, &e) < 0, "%s", texts[i]);
                ck_assert_msg(strstr(e.message, "UID:UNIT:CHECK") != NULL, "%s", e.message);
                ck_assert_uint_eq(a.uid, 77);
        }
}
END_TEST

static unsigned waived(uid_t uid, const char *cgroup) {
        const struct admit list[] = { { 1001, "agent.service", ADMIT_SECCOMP },
                                      { 1001, "other.service", ADMIT_MOUNTS },
                                      { 1002, "agent.service", ADMIT_NO_NEW_PRIVS } };
        return admit_waived(list, ELEMENTSOF(list), uid, cgroup);
}

START_TEST(groups) {
        ck_assert_uint_eq(waived(1001, "0::/system.slice/agent.service\n"), ADMIT_SECCOMP);
        ck_assert_uint_eq(waived(1001, "0::/agent.service\n"), ADMIT_SECCOMP);
        ck_assert_uint_eq(waived(1002, "0::/system.slice/agent.service\n"), ADMIT_NO_NEW_PRIVS);
        ck_assert_uint_eq(
                waived(1001, "1:name=systemd:/x\n0::/a.slice/a-b.slice/agent.service/inner\n"),
                ADMIT_SECCOMP);
        /* others, and what a user can make himself */
        ck_assert_uint_eq(waived(1003, "0::/system.slice/agent.service\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/system.slice/agent.service2\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/system.slice/xagent.service\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/user.slice/user-1001.slice/user@1001.service/app.slice/"
                                       "agent.service\n"),
                          0);
        ck_assert_uint_eq(waived(1001, "0::/docker/agent.service\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/system.slice/docker-1.scope/agent.service\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/../agent.service\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/system.slice\n"), 0);
        ck_assert_uint_eq(waived(1001, "0::/\n"), 0);
        ck_assert_uint_eq(waived(1001, "1:name=systemd:/system.slice/agent.service\n"), 0);
        ck_assert_uint_eq(waived(1001, ""), 0);
}
END_TEST

int main(void) {
        return RUN_TESTS("admit", good, bad, groups);
}
