/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What goes out: absent members are left out, required ones are there, and decode reads all of it
 * back. */
#include "../../../proto/method.h"
#include "proto-test.h"

static struct json *encode(const struct shape *s, const void *value) {
        struct error e = ERROR_NULL;
        struct json *j = NULL;

        ck_assert_msg(shape_encode(s, value, &j, &e) == 0, "%s: %s", e.where, e.message);
        return j;
}

START_TEST(absent_is_left_out) {
        struct policy p = { .level = LEVEL_UNSET };

        assert_prints(encode(&policy_shape, &p), "{}");
        p.filesystem.read.set = true; /* said to be empty: not the same */
        assert_prints(encode(&policy_shape, &p), "{\"filesystem\":{\"read\":[]}}");
}
END_TEST

START_TEST(policies_round_trip) {
        static const char *const texts[] = {
                "{}",
                "{\"$schema\":\"x\",\"level\":\"permissive\",\"workdir\":\"/w\"}",
                "{\"filesystem\":{\"read\":[\"/a\"],\"write\":[],\"execute\":[\"/b\",\"/"
                "c\"],\"deny\":[\"**/x\"]}}",
                "{\"network\":{\"mode\":\"ask\",\"allow\":[],\"deny\":[\"a\"],\"local_ports\":[1,"
                "65535]}}",
                "{\"security\":{\"protect_user_home\":true,\"allow_debug\":false,\"unix_sockets\":["
                "\"/s\"]}}",
                "{\"environment\":{\"pass\":[\"A\"],\"set\":{\"B\":\"\",\"C\":\"d\"}}}",
                "{\"limits\":{\"memory_bytes\":9223372036854775807,\"processes\":\"unlimited\","
                "\"cpus\":0.001}}",
                "{\"limits\":{\"cpus\":2}}",
                "{\"limits\":{\"cpus\":1.5}}",
                "{\"limits\":{\"cpus\":8192}}",
                "{\"python\":{\"venv\":{\"path\":\"v\",\"packages\":[],\"system_site_packages\":"
                "false},"
                "\"allow_pip_install\":true}}",
                "{\"python\":{\"venv\":{}}}",
                "{\"accept\":[\"no_seccomp\",\"no_cgroup\"]}",
        };
        struct arena *a = arena_new();

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct policy p = { .level = LEVEL_UNSET };
                struct json *j = parse(texts[i]);

                ck_assert_int_eq(shape_decode(&policy_shape, j, a, &p, NULL), 0);
                json_unref(j);
                assert_prints(encode(&policy_shape, &p), texts[i]);
        }
        arena_free(a);
}
END_TEST

START_TEST(every_preset_goes_out) {
        struct arena *a = arena_new();
        const char *name;

        for (size_t i = 0; (name = policy_preset_name(i)); i++) {
                struct json *j = encode(&policy_shape, policy_preset(name));
                struct policy p = { .level = LEVEL_UNSET };
                char *first;

                ck_assert_int_eq(shape_decode(&policy_shape, j, a, &p, NULL), 0);
                first = print(j);
                assert_prints(encode(&policy_shape, &p), first);
                free(first);
        }
        arena_free(a);
}
END_TEST

START_TEST(run_result) {
        struct denial denials[] = {
                { .kind = "path", .path = "/x", .access = "write", .count = 2 }
        };
        struct process_run_result r = {
                .process = "p1",
                .sandbox = "s1",
                .exit = exit_json(&(struct exit_status){ .code = 3 }),
                .reason = REASON_EXITED,
                .stdout_ = { "out\n", 4 },
                .encoding = ENCODING_UTF8,
                .usage = { .wall_seconds = 0.25 },
                .denials = { .items = denials, .n = 1 },
        };

        assert_prints(
                encode(&process_run_result_shape, &r),
                "{\"process\":\"p1\",\"sandbox\":\"s1\",\"exit\":{\"code\":3},\"reason\":"
                "\"exited\",\"usage\":{"
                "\"wall_seconds\":0.25,\"user_seconds\":0.0,\"system_seconds\":0.0,\"max_rss_"
                "bytes\":0},"
                "\"denials\":[{\"kind\":\"path\",\"path\":\"/"
                "x\",\"access\":\"write\",\"count\":2}],"
                "\"trust_created\":[],\"truncated\":false,\"stdout\":\"out\\n\",\"stderr\":\"\","
                "\"encoding\":\"utf-8\"}");
        r.stderr_ = (struct bytes){ "\0\xff", 2 };
        r.encoding = ENCODING_BASE64;
        r.denials.n = 0;
        {
                char *text = print(encode(&process_run_result_shape, &r));

                ck_assert_ptr_nonnull(strstr(text, "\"denials\":[],"));
                ck_assert_ptr_nonnull(strstr(
                        text,
                        "\"stdout\":\"b3V0Cg==\",\"stderr\":\"AP8=\",\"encoding\":\"base64\""));
                free(text);
        }
        json_unref(r.exit);
}
END_TEST

START_TEST(what_cannot_be_said) {
        struct sandbox_create_result r = { .sandbox = "s" };
        struct sandbox_info info = { .sandbox = "s", .enforcement.tier = "native", .state = 99 };
        struct sandbox_list_result list = { .sandboxes = { .items = &info, .n = 1 } };
        struct error e = ERROR_NULL;
        struct json *j = NULL;

        ck_assert_int_lt(shape_encode(&sandbox_create_result_shape, &r, &j, &e), 0);
        ck_assert_int_eq(e.code, ERROR_INTERNAL);
        ck_assert_ptr_nonnull(strstr(e.message, "\"workdir\" of SandboxCreateResult"));
        ck_assert_int_lt(shape_encode(&sandbox_list_result_shape, &list, &j, &e), 0);
        ck_assert_ptr_nonnull(strstr(e.message, "\"state\" of SandboxInfo"));
        ck_assert_ptr_null(j);
        ck_assert_int_lt(shape_encode(&sandbox_list_result_shape, &list, &j, NULL), 0);
}
END_TEST

START_TEST(stdio_both_ways) {
        const char *text = "{\"argv\":[\"a\"],\"stdio\":{\"stdin\":\"null\",\"stdout\":{\"fd\":15},"
                           "\"stderr\":\"pty\"},"
                           "\"pty\":{\"rows\":24,\"cols\":80}}";
        struct process_start_params p = { .cwd = NULL };
        struct arena *a = arena_new();
        struct json *j = parse(text);

        ck_assert_int_eq(shape_decode(&process_start_params_shape, j, a, &p, NULL), 0);
        ck_assert_int_eq(p.stdio.stdout_.kind, STDIO_FD);
        ck_assert_uint_eq(p.stdio.stdout_.fd, 15);
        ck_assert_uint_eq(p.pty->cols, 80);
        json_unref(j);
        assert_prints(encode(&process_start_params_shape, &p), text);
        arena_free(a);
}
END_TEST

START_TEST(bytes_that_are_no_text) {
        /* the names of files and programs are bytes: what goes out is UTF-8 all the same */
        struct sandbox_params p = { .sandbox = "a\xff\xe2\x82z" };

        assert_prints(encode(&sandbox_params_shape, &p),
                      "{\"sandbox\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"}");
}
END_TEST

START_TEST(later_pairs_win) {
        struct pair items[] = { { "A", "1" }, { "B", "2" }, { "A", "3" } };
        struct policy p = { .environment.set = { .items = items, .n = 3, .set = true } };

        assert_prints(encode(&policy_shape, &p),
                      "{\"environment\":{\"set\":{\"A\":\"3\",\"B\":\"2\"}}}");
}
END_TEST

int main(void) {
        return RUN_TESTS("encode", absent_is_left_out, policies_round_trip, every_preset_goes_out,
                         run_result, what_cannot_be_said, stdio_both_ways, bytes_that_are_no_text,
                         later_pairs_win);
}
