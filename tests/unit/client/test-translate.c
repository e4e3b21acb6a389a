/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <string.h>

#include "../../../client/leashctl/options.h"
#include "../suite.h"

static const char *name_of(const char *field) {
        static char buf[128];

        return option_for_field(field, buf, sizeof(buf)) ? buf : NULL;
}

START_TEST(test_field_to_option) {
        static const struct {
                const char *field, *option;
        } rows[] = {
                { "/overrides/limits/memory_bytes", "--memory" },
                { "/policy/limits/memory_bytes", "--memory" },
                { "/limits/memory_bytes", "--memory" },
                { "limits.memory_bytes", "--memory" },
                { "/overrides/filesystem/read/3", "--read" },
                { "filesystem.write", "--write" },
                { "/policy/workdir", "-C" },
                { "/security/protect_credentials", "--no-protect credentials" },
                { "security.protect_user_home", "--no-protect home" },
                { "/security/allow_gpu", "--gpu" },
                { "/security/unix_sockets", "--unix-socket" },
                { "/overrides/network/allow/0", "--allow-host" },
                { "/overrides/environment/set/FOO", "--env" },
                { "/accept", "--accept" },
                { "/profile", "--profile" },
                { "/argv/0", "COMMAND" },
                { "/timeout_ms", "--timeout" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *got = name_of(rows[i].field);
                ck_assert_msg(got && strcmp(got, rows[i].option) == 0, "%s: %s", rows[i].field,
                              got ? got : "nothing");
        }
        ck_assert_ptr_null(name_of(""));
        ck_assert_ptr_null(name_of("/"));
        ck_assert_ptr_null(name_of("/limits/memory_bytes_more"));
        ck_assert_ptr_null(name_of("/no/such"));
}
END_TEST

static const char *allows(const char *field, const char *what) {
        static char buf[256];

        return field_allows(field, what, buf, sizeof(buf)) ? buf : NULL;
}

START_TEST(test_what_would_allow_it) {
        ck_assert_str_eq(allows("filesystem.write", "/etc/hosts"), "--write /etc/hosts");
        ck_assert_str_eq(allows("/filesystem/read", "/a b'c"), "--read '/a b'\\''c'");
        ck_assert_str_eq(allows("security.protect_credentials", "/x"), "--no-protect credentials");
        ck_assert_str_eq(allows("network.allow", "example.com"), "--allow-host example.com");
        ck_assert_str_eq(allows("network.mode", "example.com"), "--allow-host example.com");
        ck_assert_str_eq(allows("network.mode", NULL), "--net allow");
        ck_assert_str_eq(allows("/level", "/etc/shadow"), "--level permissive");
        ck_assert_ptr_null(allows("/level", "/sys/kernel")); /* read-only at every level */
        ck_assert_str_eq(allows("/network/local_ports", "127.0.0.1:8080"), "--local-port 8080");
        ck_assert_str_eq(allows("/network/local_ports", "localhost"), "--local-port PORT");
        ck_assert_str_eq(allows("limits.memory_bytes", "/x"), "--memory SIZE");
        ck_assert_str_eq(allows("security.allow_gpu", "/dev/dri"), "--gpu");
        /* A deny list cannot be undone by an option: none may be offered. */
        ck_assert_ptr_null(strstr(allows("filesystem.deny", "/x"), "--"));
        ck_assert_ptr_null(strstr(allows("/filesystem/deny/0", "/x"), "--"));
        ck_assert_ptr_null(strstr(allows("/network/deny/3", "x.org"), "--"));
        ck_assert_ptr_null(allows(NULL, "/x"));
        ck_assert_ptr_null(allows("nonsense", "/x"));
}
END_TEST

START_TEST(test_the_value_that_was_meant) {
        struct options o;
        struct error e = ERROR_NULL;
        char *argv[] = { (char[]){ "--read" }, (char[]){ "/a" }, (char[]){ "--read=/b" }, NULL };
        int at = 0;

        ck_assert_int_eq(options_init(&o, &e), 0);
        o.command = CMD_RUN;
        ck_assert_int_eq(options_parse(&o, 3, argv, &at, &e), 0);
        ck_assert_str_eq(option_value_at(&o, "/overrides/filesystem/read/1"), "/b");
        ck_assert_ptr_null(option_value_at(&o, "/overrides/filesystem/read/2"));
        ck_assert_ptr_null(option_value_at(&o, "/overrides/filesystem/read"));
        ck_assert_ptr_null(option_value_at(&o, "/policy/filesystem/read/0"));
        ck_assert_ptr_null(option_value_at(&o, "/overrides/network/mode/0"));
        options_done(&o);
}
END_TEST

START_TEST(test_quote) {
        char buf[64], small[8];

        shell_quote("simple-1.0_x=/y", buf, sizeof(buf));
        ck_assert_str_eq(buf, "simple-1.0_x=/y");
        shell_quote("", buf, sizeof(buf));
        ck_assert_str_eq(buf, "''");
        shell_quote("$HOME", buf, sizeof(buf));
        ck_assert_str_eq(buf, "'$HOME'");
        shell_quote("it's", buf, sizeof(buf));
        ck_assert_str_eq(buf, "'it'\\''s'");
        shell_quote("a b c d e f g h", small, sizeof(small));
        ck_assert_uint_lt(strlen(small), sizeof(small));
}
END_TEST

int main(void) {
        return RUN_TESTS("translate", test_field_to_option, test_what_would_allow_it,
                         test_the_value_that_was_meant, test_quote);
}
