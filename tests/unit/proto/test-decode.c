/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each kind of field, wrong in type, range and spelling: pointer and message, word by word. */
#include "../../../proto/method.h"
#include "proto-test.h"

static struct arena *arena;

static void setup(void) {
        arena = arena_new();
        ck_assert_ptr_nonnull(arena);
}

static void teardown(void) {
        arena = arena_free(arena);
}

static int decode(const struct shape *s, const char *text, void *ret, struct error *e) {
        struct json *j = parse(text);
        int r;

        memset(ret, 0, s->size);
        *e = ERROR_NULL;
        r = shape_decode(s, j, arena, ret, e);
        json_unref(j);
        return r;
}

static void check_error(const struct shape *s, const char *text, const char *where,
                        const char *message) {
        _Alignas(16) char value[4096];
        struct error e;

        ck_assert_uint_le(s->size, sizeof(value));
        ck_assert_msg(decode(s, text, value, &e) < 0, "accepted: %s", text);
        ck_assert_msg(e.code == ERROR_PARAMS, "%s: code %d", text, e.code);
        ck_assert_msg(strcmp(e.where, where) == 0, "%s: at \"%s\", not \"%s\"", text, e.where,
                      where);
        ck_assert_msg(strcmp(e.message, message) == 0, "%s: \"%s\", not \"%s\"", text, e.message,
                      message);
}

START_TEST(whole_policy) {
        static const char text[] =
                "{\"$schema\":\"x\",\"level\":\"strict\",\"workdir\":\"/"
                "w\",\"filesystem\":{\"read\":[\"/a\",\"~/b\"],"
                "\"write\":[],\"deny\":[\"**/"
                ".env\"]},\"network\":{\"mode\":\"allowlist\",\"allow\":[\"example.com:443\"],"
                "\"local_ports\":[5432,1,65535]},\"security\":{\"protect_credentials\":false,"
                "\"allow_gpu\":true},"
                "\"environment\":{\"pass\":[\"TERM\"],\"set\":{\"CI\":\"1\",\"E\":\"\"}},"
                "\"limits\":{\"memory_bytes\":1048576,"
                "\"processes\":\"unlimited\",\"cpus\":1.5,\"wall_seconds\":null},\"python\":{"
                "\"venv\":{\"path\":\".venv\","
                "\"python\":null}},\"accept\":[\"no_cgroup\"]}";
        struct policy p;
        struct error e;

        ck_assert_msg(decode(&policy_shape, text, &p, &e) == 0, "%s %s", e.where, e.message);
        ck_assert_str_eq(p.schema, "x");
        ck_assert_int_eq(p.level, LEVEL_STRICT);
        ck_assert_str_eq(p.workdir, "/w");
        ck_assert_uint_eq(p.filesystem.read.n, 2);
        ck_assert_str_eq(p.filesystem.read.items[1], "~/b");
        ck_assert(p.filesystem.write.set);
        ck_assert_uint_eq(p.filesystem.write.n, 0);
        ck_assert(!p.filesystem.execute.set);
        ck_assert_int_eq(p.network.mode, NETWORK_ALLOWLIST);
        ck_assert_uint_eq(p.network.local_ports.n, 3);
        ck_assert_str_eq(p.network.local_ports.items[0], "5432");
        ck_assert_str_eq(p.network.local_ports.items[2], "65535");
        ck_assert_int_eq(p.security.protect_credentials, TRI_NO);
        ck_assert_int_eq(p.security.allow_gpu, TRI_YES);
        ck_assert_int_eq(p.security.allow_npu, TRI_UNSET);
        ck_assert_uint_eq(p.environment.set.n, 2);
        ck_assert_str_eq(p.environment.set.items[0].name, "CI");
        ck_assert_str_eq(p.environment.set.items[1].value, "");
        ck_assert_int_eq(p.limits.memory_bytes.kind, LIMIT_VALUE);
        ck_assert_uint_eq(p.limits.memory_bytes.value, 1048576);
        ck_assert_int_eq(p.limits.processes.kind, LIMIT_UNLIMITED);
        ck_assert_int_eq(p.limits.cpus.kind, LIMIT_VALUE);
        ck_assert_uint_eq(p.limits.cpus.value, 1500);
        ck_assert_int_eq(p.limits.wall_seconds.kind, LIMIT_UNSET);
        ck_assert(p.python.has_venv);
        ck_assert_str_eq(p.python.venv.path, ".venv");
        ck_assert_ptr_null(p.python.venv.python);
        ck_assert_str_eq(p.accept.items[0], "no_cgroup");
}
END_TEST

START_TEST(policy_errors) {
        static const struct {
                const char *text, *where, *message;
        } cases[] = {
                { "[]", "", "is an array; it must be an object" },
                { "{\"netwrok\":{}}", "/netwrok",
                  "is not a known field; did you mean \"network\"?" },
                { "{\"xyzzy\":1}", "/xyzzy", "is not a known field" },
                { "{\"a/b~c\":1}", "/a~1b~0c", "is not a known field" },
                { "{\"\":1}", "/", "is not a known field" },
                { "{\"limits\":{\"memory\":1}}", "/limits/memory",
                  "is not a known field; did you mean \"memory_bytes\"?" },
                { "{\"limits\":{\"memory_byte\":1}}", "/limits/memory_byte",
                  "is not a known field; did you mean \"memory_bytes\"?" },
                { "{\"level\":\"strickt\"}", "/level",
                  "is \"strickt\"; it must be one of \"strict\", \"default\", \"permissive\" (did "
                  "you mean \"strict\"?)" },
                { "{\"level\":\"\"}", "/level",
                  "is \"\"; it must be one of \"strict\", \"default\", \"permissive\"" },
                { "{\"level\":\"strict\\u0000\"}", "/level",
                  "is \"strict?\"; it must be one of \"strict\", \"default\", \"permissive\" (did "
                  "you mean \"strict\"?)" },
                { "{\"level\":1}", "/level",
                  "is a number; it must be one of \"strict\", \"default\", \"permissive\"" },
                { "{\"level\":null}", "/level",
                  "is null; it must be one of \"strict\", \"default\", \"permissive\"" },
                { "{\"workdir\":[]}", "/workdir", "is an array; it must be a string" },
                { "{\"workdir\":\"/a\\u0000b\"}", "/workdir", "contains a NUL character" },
                { "{\"filesystem\":[]}", "/filesystem", "is an array; it must be an object" },
                { "{\"filesystem\":null}", "/filesystem", "is null; it must be an object" },
                { "{\"filesystem\":{\"read\":\"/a\"}}", "/filesystem/read",
                  "is a string; it must be an array of strings" },
                { "{\"filesystem\":{\"read\":[\"/a\",2]}}", "/filesystem/read/1",
                  "is a number; it must be a string" },
                { "{\"filesystem\":{\"read\":[null]}}", "/filesystem/read/0",
                  "is null; it must be a string" },
                { "{\"filesystem\":{\"deny\":[\"\\u0000\"]}}", "/filesystem/deny/0",
                  "contains a NUL character" },
                { "{\"network\":{\"local_ports\":[0]}}", "/network/local_ports/0",
                  "is 0; it must be an integer from 1 to 65535" },
                { "{\"network\":{\"local_ports\":[65536]}}", "/network/local_ports/0",
                  "is 65536; it must be an integer from 1 to 65535" },
                { "{\"network\":{\"local_ports\":[80.5]}}", "/network/local_ports/0",
                  "is 80.5; it must be an integer from 1 to 65535" },
                { "{\"network\":{\"local_ports\":[\"80\"]}}", "/network/local_ports/0",
                  "is a string; it must be an integer from 1 to 65535" },
                { "{\"network\":{\"local_ports\":80}}", "/network/local_ports",
                  "is a number; it must be an array of integers from 1 to 65535" },
                { "{\"security\":{\"allow_gpu\":\"yes\"}}", "/security/allow_gpu",
                  "is a string; it must be true or false" },
                { "{\"security\":{\"allow_gpu\":1}}", "/security/allow_gpu",
                  "is a number; it must be true or false" },
                { "{\"environment\":{\"set\":[\"A=1\"]}}", "/environment/set",
                  "is an array; it must be an object of strings" },
                { "{\"environment\":{\"set\":{\"A\":1}}}", "/environment/set/A",
                  "is a number; it must be a string" },
                { "{\"environment\":{\"set\":{\"A=B\":\"1\"}}}", "/environment/set/A=B",
                  "is not a name for a variable: it is empty or contains \"=\"" },
                { "{\"environment\":{\"set\":{\"\":\"1\"}}}", "/environment/set/",
                  "is not a name for a variable: it is empty or contains \"=\"" },
                { "{\"limits\":{\"memory_bytes\":\"512M\"}}", "/limits/memory_bytes",
                  "is a string; it must be a positive integer, null or \"unlimited\"" },
                { "{\"limits\":{\"memory_bytes\":0}}", "/limits/memory_bytes",
                  "is 0; it must be a positive integer, null or \"unlimited\"" },
                { "{\"limits\":{\"memory_bytes\":-1}}", "/limits/memory_bytes",
                  "is -1; it must be a positive integer, null or \"unlimited\"" },
                { "{\"limits\":{\"memory_bytes\":1.5}}", "/limits/memory_bytes",
                  "is 1.5; it must be a positive integer, null or \"unlimited\"" },
                { "{\"limits\":{\"memory_bytes\":18446744073709551615}}", "/limits/memory_bytes",
                  "is 18446744073709551615; it must be a positive integer, null or \"unlimited\"" },
                { "{\"limits\":{\"memory_bytes\":true}}", "/limits/memory_bytes",
                  "is a boolean; it must be a positive integer, null or \"unlimited\"" },
                { "{\"limits\":{\"processes\":5000000}}", "/limits/processes",
                  "is 5000000; it must be an integer from 1 to 4194304, null or \"unlimited\"" },
                { "{\"limits\":{\"cpus\":0}}", "/limits/cpus",
                  "is 0; it must be a number from 0.001 to 8192, null or \"unlimited\"" },
                { "{\"limits\":{\"cpus\":0.0001}}", "/limits/cpus",
                  "is 0.0001; it must be a number from 0.001 to 8192, null or \"unlimited\"" },
                { "{\"limits\":{\"cpus\":-1.5}}", "/limits/cpus",
                  "is -1.5; it must be a number from 0.001 to 8192, null or \"unlimited\"" },
                { "{\"limits\":{\"cpus\":1e300}}", "/limits/cpus",
                  "is 1e+300; it must be a number from 0.001 to 8192, null or \"unlimited\"" },
                { "{\"python\":{\"venv\":{\"path\":null}}}", "/python/venv/path",
                  "is null; it must be a string" },
                { "{\"python\":{\"venv\":{\"python\":1}}}", "/python/venv/python",
                  "is a number; it must be a string or null" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_error(&policy_shape, cases[i].text, cases[i].where, cases[i].message);
}
END_TEST

START_TEST(words_of_lists) {
        struct policy p;
        struct error e;

        ck_assert_int_lt(decode(&policy_shape, "{\"accept\":[\"no_cgrop\"]}", &p, &e), 0);
        ck_assert_str_eq(e.where, "/accept/0");
        ck_assert_ptr_nonnull(strstr(e.message, "(did you mean \"no_cgroup\"?)"));
        check_error(&events_subscribe_params_shape, "{\"kinds\":[1]}", "/kinds/0",
                    "is a number; it must be a string");
}
END_TEST

START_TEST(method_errors) {
        static const struct {
                enum method_id method;
                const char *text, *where, *message;
        } cases[] = {
                { METHOD_PROCESS_RUN, "{}", "/argv", "is missing" },
                { METHOD_PROCESS_RUN, "{\"argv\":\"ls\"}", "/argv",
                  "is a string; it must be an array of strings" },
                { METHOD_PROCESS_RUN, "{\"argv\":null}", "/argv",
                  "is null; it must be an array of strings" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"policy\":{\"netwrok\":1}}",
                  "/policy/netwrok", "is not a known field; did you mean \"network\"?" },
                { METHOD_PROCESS_RUN,
                  "{\"argv\":[\"a\"],\"policy\":{\"limits\":{\"memory_bytes\":\"1\"}}}",
                  "/policy/limits/memory_bytes",
                  "is a string; it must be a positive integer, null or \"unlimited\"" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"timeout_ms\":-1}", "/timeout_ms",
                  "is -1; it must be an integer from 0 to 31622400000" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"timeout_ms\":1e3}", "/timeout_ms",
                  "is 1000.0; it must be an integer from 0 to 31622400000" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"max_output_bytes\":16777217}",
                  "/max_output_bytes", "is 16777217; it must be an integer from 0 to 16777216" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"stdin\":1}", "/stdin",
                  "is a number; it must be a string" },
                { METHOD_PROCESS_RUN,
                  "{\"argv\":[\"a\"],\"stdin\":\"?\",\"stdin_encoding\":\"base64\"}", "/stdin",
                  "is not valid base64 (RFC 4648 section 4, with padding)" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"stdin_encoding\":\"utf8\"}",
                  "/stdin_encoding",
                  "is \"utf8\"; it must be one of \"utf-8\", \"base64\" (did you mean "
                  "\"utf-8\"?)" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"a\"],\"keep_workdir\":\"no\"}", "/keep_workdir",
                  "is a string; it must be true or false" },
                { METHOD_PROCESS_START, "{\"argv\":[\"a\"],\"stdio\":{\"stdin\":\"file\"}}",
                  "/stdio/stdin",
                  "is \"file\"; it must be \"null\", \"pipe\", \"pty\" or {\"fd\": index}" },
                { METHOD_PROCESS_START, "{\"argv\":[\"a\"],\"stdio\":{\"stdin\":{\"fd\":16}}}",
                  "/stdio/stdin/fd", "must be an index from 0 to 15" },
                { METHOD_PROCESS_START,
                  "{\"argv\":[\"a\"],\"stdio\":{\"stdin\":{\"fd\":0,\"x\":1}}}", "/stdio/stdin",
                  "is an object; it must be \"null\", \"pipe\", \"pty\" or {\"fd\": index}" },
                { METHOD_PROCESS_START, "{\"argv\":[\"a\"],\"stdio\":{\"stdin\":3}}",
                  "/stdio/stdin",
                  "is a number; it must be \"null\", \"pipe\", \"pty\" or {\"fd\": index}" },
                { METHOD_PROCESS_START, "{\"argv\":[\"a\"],\"pty\":{\"rows\":24}}", "/pty/cols",
                  "is missing" },
                { METHOD_PROCESS_START, "{\"argv\":[\"a\"],\"pty\":{\"rows\":0,\"cols\":1}}",
                  "/pty/rows", "is 0; it must be an integer from 1 to 65535" },
                { METHOD_POLICY_CHECK, "{\"queries\":[{\"path\":\"/a\"},{\"pth\":1}]}",
                  "/queries/1/pth", "is not a known field; did you mean \"path\"?" },
                { METHOD_PROCESS_RUN, "{\"argv\":[\"x\"],\"timeout\":1}", "/timeout",
                  "is not a known field; did you mean \"timeout_ms\"?" },
                { METHOD_POLICY_CHECK, "{\"queries\":[1]}", "/queries/0",
                  "is a number; it must be an object" },
                { METHOD_POLICY_CHECK, "{\"queries\":{}}", "/queries",
                  "is an object; it must be an array of objects" },
                { METHOD_LEASH_INFO, "{\"a\":1}", "/a", "is not a known field" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_error(methods[cases[i].method].params, cases[i].text, cases[i].where,
                            cases[i].message);
}
END_TEST

START_TEST(absent_params_are_empty) {
        struct process_run_params run = { .cwd = NULL };
        struct error e = ERROR_NULL;
        struct empty nothing;

        ck_assert_int_lt(shape_decode(&process_run_params_shape, NULL, arena, &run, &e), 0);
        ck_assert_str_eq(e.where, "/argv");
        ck_assert_int_eq(shape_decode(&empty_shape, NULL, arena, &nothing, &e), 0);
        ck_assert_int_eq(decode(&empty_shape, "{}", &nothing, &e), 0);
}
END_TEST

START_TEST(run_params) {
        struct process_run_params p;
        struct error e;

        ck_assert_int_eq(decode(&process_run_params_shape,
                                "{\"stdin\":\"AAEC/"
                                "w==\",\"argv\":[\"sh\",\"-c\",\"\"],\"stdin_encoding\":\"base64\","
                                "\"overrides\":{\"level\":\"default\"},\"timeout_ms\":5}",
                                &p, &e),
                         0);
        ck_assert_uint_eq(p.stdin_.len, 4);
        ck_assert_mem_eq(p.stdin_.data, "\x00\x01\x02\xff", 4);
        ck_assert_uint_eq(p.argv.n, 3);
        ck_assert_uint_eq(p.timeout_ms, 5);
        ck_assert_ptr_null(p.policy);
        ck_assert_int_eq(p.overrides->level, LEVEL_DEFAULT);
        /* text may hold NUL: it goes into a pipe, not into a C string */
        ck_assert_int_eq(
                decode(&process_run_params_shape, "{\"stdin\":\"a\\u0000b\",\"argv\":[]}", &p, &e),
                0);
        ck_assert_uint_eq(p.stdin_.len, 3);
        ck_assert_mem_eq(p.stdin_.data, "a\0b", 3);
}
END_TEST

START_TEST(too_many_items) {
        char *text = malloc(100000), *t = text;
        struct policy p;
        struct error e;

        t += sprintf(t, "{\"filesystem\":{\"read\":[");
        for (int i = 0; i < 4097; i++)
                t += sprintf(t, "%s\"/a\"", i ? "," : "");
        sprintf(t, "]}}");
        ck_assert_int_lt(decode(&policy_shape, text, &p, &e), 0);
        ck_assert_str_eq(e.where, "/filesystem/read");
        ck_assert_str_eq(e.message, "has 4097 items; it must have 4096 at most");
        free(text);
}
END_TEST

START_TEST(strings_have_a_length) {
        char text[5000] = "{\"workdir\":\"/";
        size_t n = strlen(text);
        struct policy p;
        struct error e;

        memset(text + n, 'a', 4095);
        strcpy(text + n + 4095, "\"}");
        ck_assert_int_lt(decode(&policy_shape, text, &p, &e), 0);
        ck_assert_str_eq(e.message, "has 4096 bytes; it must have 4095 at most");
}
END_TEST

START_TEST(lax_passes_over_what_is_new) {
        struct json *j = parse("{\"sandbox\":\"s\",\"state\":\"melting\",\"processes\":1,\"age_"
                               "seconds\":2,\"mine\":true,"
                               "\"colour\":7,\"enforcement\":{\"tier\":\"native\",\"layers\":[],"
                               "\"losses\":[],\"x\":1}}");
        struct sandbox_info info = { .sandbox = NULL };
        struct error e = ERROR_NULL;

        ck_assert_int_lt(shape_decode(&sandbox_info_shape, j, arena, &info, &e), 0);
        info = (struct sandbox_info){ .sandbox = NULL };
        ck_assert_int_eq(shape_decode_lax(&sandbox_info_shape, j, arena, &info, &e), 0);
        ck_assert_int_eq(info.state, SANDBOX_UNSET_);
        ck_assert_double_eq(info.age_seconds, 2);
        ck_assert(info.mine);
        json_unref(j);
        j = parse("{\"sandbox\":1}");
        ck_assert_int_lt(shape_decode_lax(&sandbox_info_shape, j, arena, &info, &e),
                         0); /* still a type error */
        json_unref(j);
}
END_TEST

START_TEST(exits) {
        struct exit_status x = { .code = 0 };
        struct error e = ERROR_NULL;
        static const char *const bad[] = { "{}", "{\"code\":1,\"signal\":9}", "{\"code\":256}",
                                           "{\"signal\":0}", "{\"code\":-1}" };
        struct json *j = parse("{\"signal\":9}");

        ck_assert_int_eq(exit_parse(j, &x, &e), 0);
        ck_assert(x.by_signal && x.signal == 9);
        json_unref(j);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                j = parse(bad[i]);
                ck_assert_msg(exit_parse(j, &x, &e) < 0, "%s", bad[i]);
                json_unref(j);
        }
        assert_prints(exit_json(&(struct exit_status){ .code = 0 }), "{\"code\":0}");
        assert_prints(exit_json(&(struct exit_status){ .by_signal = true, .signal = 15 }),
                      "{\"signal\":15}");
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup, .teardown = teardown };

        return RUN_TESTS_IN(&fixture, "decode", whole_policy, policy_errors, words_of_lists,
                            method_errors, absent_params_are_empty, run_params, too_many_items,
                            strings_have_a_length, lax_passes_over_what_is_new, exits);
}
