/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages both ways: what is one, what is none, and to whom the refusal is answered. */
#include "../../../proto/method.h"
#include "../../../proto/rpc.h"
#include "proto-test.h"

static int parse_line(const char *line, struct rpc_message *ret, struct error *e) {
        *e = ERROR_NULL;
        return rpc_parse(line, strlen(line), ret, e);
}

START_TEST(requests) {
        static const struct {
                const char *line, *id;
        } cases[] = {
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}", "1" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":0.10}", "0.10" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":123456789012345678901234567890}",
                  "123456789012345678901234567890" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\": \"a\\u0041\\n\" }",
                  "\"a\\u0041\\n\"" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":null}", "null" },
                { " {\"id\":-1,\"params\":{},\"method\":\"m\",\"jsonrpc\":\"2.0\"} \r", "-1" },
        };
        struct rpc_message m;
        struct error e;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_msg(parse_line(cases[i].line, &m, &e) == 0, "%s: %s", cases[i].line,
                              e.message);
                ck_assert_int_eq(m.kind, RPC_REQUEST);
                ck_assert_str_eq(m.id, cases[i].id);
                ck_assert_str_eq(m.method, "m");
                rpc_message_done(&m);
        }
}
END_TEST

START_TEST(notifications_and_answers) {
        struct rpc_message m;
        struct error e;

        ck_assert_int_eq(
                parse_line("{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{\"a\":1}}", &m, &e),
                0);
        ck_assert_int_eq(m.kind, RPC_NOTIFICATION);
        ck_assert_ptr_null(m.id);
        ck_assert_ptr_nonnull(json_get(m.params, "a"));
        rpc_message_done(&m);

        ck_assert_int_eq(
                parse_line("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"a\":[]}}", &m, &e), 0);
        ck_assert_int_eq(m.kind, RPC_RESULT);
        ck_assert_str_eq(m.id, "\"x\"");
        ck_assert_ptr_nonnull(json_get(m.result, "a"));
        rpc_message_done(&m);

        ck_assert_int_eq(parse_line("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":null}", &m, &e), 0);
        ck_assert_int_eq(m.kind, RPC_RESULT);
        rpc_message_done(&m);

        ck_assert_int_eq(parse_line("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
                                    "\"message\":\"bad\"}}",
                                    &m, &e),
                         0);
        ck_assert_int_eq(m.kind, RPC_ERROR);
        ck_assert_ptr_null(m.id);
        ck_assert_int_eq(m.error.code, ERROR_PARSE);
        ck_assert_str_eq(m.error.message, "bad");
        rpc_message_done(&m);

        ck_assert_int_eq(parse_line("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":99999,"
                                    "\"message\":5,\"data\":[]}}",
                                    &m, &e),
                         0);
        ck_assert_int_eq(m.error.code, ERROR_INTERNAL);
        rpc_message_done(&m);
}
END_TEST

START_TEST(refusals) {
        static const struct {
                const char *line;
                enum error_code code;
                const char *id, *message;
        } cases[] = {
                { "", ERROR_PARSE, NULL, "a JSON object has to stand here" },
                { "hello", ERROR_PARSE, NULL, "a JSON object has to stand here" },
                { "null", ERROR_PARSE, NULL, "a JSON object has to stand here" },
                { "[]", ERROR_REQUEST, NULL, "batches are not supported" },
                { "[{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}]", ERROR_REQUEST, NULL,
                  "batches are not supported" },
                { "{}", ERROR_REQUEST, NULL, "\"jsonrpc\" is not \"2.0\"" },
                { "{\"method\":\"m\",\"id\":1}", ERROR_REQUEST, "1", "\"jsonrpc\" is not \"2.0\"" },
                { "{\"jsonrpc\":2.0,\"method\":\"m\",\"id\":1}", ERROR_REQUEST, "1",
                  "\"jsonrpc\" is not \"2.0\"" },
                { "{\"jsonrpc\":\"1.0\",\"method\":\"m\",\"id\":1}", ERROR_REQUEST, "1",
                  "\"jsonrpc\" is not \"2.0\"" },
                { "{\"jsonrpc\":\"2.0\",\"id\":1}", ERROR_REQUEST, "1", "the method is missing" },
                { "{\"jsonrpc\":\"2.0\",\"method\":3,\"id\":1}", ERROR_REQUEST, "1",
                  "the method is not a string" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"a\\u0000\",\"id\":1}", ERROR_REQUEST, "1",
                  "NUL" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":true}", ERROR_REQUEST, NULL,
                  "the id is not" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":[1]}", ERROR_REQUEST, NULL,
                  "the id is not" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":{}}", ERROR_REQUEST, NULL,
                  "the id is not" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"extra\":2}", ERROR_REQUEST, "1",
                  "\"extra\" is not a member" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"extra\":[[{}]],\"id\":1}", ERROR_REQUEST,
                  "1", "\"extra\" is not a member" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"id\":2}", ERROR_PARSE, "1",
                  "twice" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"params\":[1]}", ERROR_PARAMS,
                  "1", "parameters go by name" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"params\":3}", ERROR_PARAMS, "1",
                  "params must be an object" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"params\":null}", ERROR_PARAMS,
                  "1", "params must be an object" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1,\"result\":3}", ERROR_REQUEST,
                  "1", "a method, or a result" },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":3,\"error\":{\"code\":1}}",
                  ERROR_REQUEST, NULL, "a method, or a result" },
                { "{\"jsonrpc\":\"2.0\",\"result\":3}", ERROR_REQUEST, NULL, "needs the id" },
                { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"x\"}", ERROR_REQUEST, NULL,
                  "the error is not an object" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1}x", ERROR_PARSE, NULL,
                  "text behind" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":1", ERROR_PARSE, NULL,
                  "has to stand here" },
                /* the id behind the mistake */
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"a\":1,\"a\":2},\"id\":5}",
                  ERROR_PARSE, "5", "twice" },
                { "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"a\":99999999999999999999},"
                  "\"id\":\"q\"}",
                  ERROR_PARSE, "\"q\"", "64 bits" },
                { "{\"jsonrpc\":\"2.0\",\"params\":{\"id\":3,\"a\":1e999}, \"id\" : 6 }",
                  ERROR_PARSE, "6", "too large" },
                { "{\"params\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
                  "]]]]]]],\"id\":7}",
                  ERROR_PARSE, "7", "nested" },
                { "{\"params\":{\"a\":1,\"a\":2},\"id\":8", ERROR_PARSE, NULL, "twice" },
        };
        struct rpc_message m;
        struct error e;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_msg(parse_line(cases[i].line, &m, &e) < 0, "accepted: %s", cases[i].line);
                ck_assert_msg(e.code == cases[i].code, "%s: code %d: %s", cases[i].line, e.code,
                              e.message);
                ck_assert_msg(strstr(e.message, cases[i].message), "%s: %s", cases[i].line,
                              e.message);
                ck_assert_msg(cases[i].id ? m.id && strcmp(m.id, cases[i].id) == 0 : !m.id,
                              "%s: id %s", cases[i].line, m.id ? m.id : "(none)");
                ck_assert_ptr_null(m.method);
                rpc_message_done(&m);
        }
}
END_TEST

START_TEST(ids_have_a_length) {
        char line[2100] = "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\"";
        size_t n = strlen(line);
        struct rpc_message m;
        struct error e;

        memset(line + n, 'i', 1023);
        strcpy(line + n + 1023, "\"}");
        ck_assert_int_lt(parse_line(line, &m, &e), 0);
        ck_assert_ptr_null(m.id);
        rpc_message_done(&m);
        strcpy(line + n + 1022, "\"}");
        ck_assert_int_eq(parse_line(line, &m, &e), 0);
        rpc_message_done(&m);
}
END_TEST

static void assert_line(char *line, size_t len, const char *expected) {
        ck_assert_str_eq(line, expected);
        ck_assert_uint_eq(len, strlen(expected));
        free(line);
}

START_TEST(formatting) {
        struct error e = { .code = ERROR_PARAMS, .where = "/a", .message = "is \"bad\"\xff" };
        struct json *j = parse("{\"x\":\"a/b\\n\"}");
        size_t n;
        char *line;

        line = rpc_format_request("3", "m", j, &n);
        assert_line(
                line, n,
                "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"m\",\"params\":{\"x\":\"a/b\\n\"}}\n");
        line = rpc_format_request(NULL, "m", NULL, &n);
        assert_line(line, n, "{\"jsonrpc\":\"2.0\",\"method\":\"m\"}\n");
        line = rpc_format_result("\"i\"", j, &n);
        assert_line(line, n, "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"result\":{\"x\":\"a/b\\n\"}}\n");
        line = rpc_format_result("1", NULL, &n);
        assert_line(line, n, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        line = rpc_format_error(NULL, &e, &n);
        assert_line(line, n,
                    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,\"message\":\"is "
                    "\\\"bad\\\"\xef\xbf\xbd\","
                    "\"data\":{\"code\":\"invalid_params\",\"pointer\":\"/a\"}}}\n");
        e = (struct error){ .code = ERROR_UNENFORCEABLE, .err = EPERM, .fact = "no_cgroup" };
        line = rpc_format_error("1", &e, &n);
        ck_assert_ptr_nonnull(strstr(
                line, "\"data\":{\"code\":\"unenforceable\",\"fact\":\"no_cgroup\",\"errno\":1}"));
        ck_assert_ptr_nonnull(
                strstr(line, error_sentence(ERROR_UNENFORCEABLE))); /* for want of a message */
        free(line);
        json_unref(j);
}
END_TEST

START_TEST(errors_round_trip) {
        for (int code = 1; code < ERROR_N_; code++) {
                struct error e = { .code = (enum error_code) code,
                                   .err = code % 2 ? EACCES : 0,
                                   .where = "/x/0",
                                   .fact = "f",
                                   .message = "m" },
                             ignored;
                struct rpc_message m;
                size_t n;
                char *line = rpc_format_error("1", &e, &n);

                ck_assert_int_eq(rpc_parse(line, n - 1, &m, &ignored), 0);
                ck_assert_int_eq(m.kind, RPC_ERROR);
                ck_assert_int_eq(m.error.code, code);
                ck_assert_int_eq(m.error.err, e.err);
                ck_assert_str_eq(m.error.where, e.where);
                ck_assert_str_eq(m.error.fact, e.fact);
                ck_assert_str_eq(m.error.message, e.message);
                rpc_message_done(&m);
                free(line);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("rpc", requests, notifications_and_answers, refusals, ids_have_a_length,
                         formatting, errors_round_trip);
}
