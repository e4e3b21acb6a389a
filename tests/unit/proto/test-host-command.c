/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a client may register, what words become, usage and help. */
#include "../../../proto/host_command.h"
#include "../../../proto/json.h"
#include "proto-test.h"

#define OBJECT "{\"type\":\"object\",\"properties\":{"
static const char search[] =
        "{\"name\":\"search\",\"description\":\"Looks.\\nWell.\",\"positional\":[\"query\","
        "\"also\"],\"params\":" OBJECT
        "\"query\":{\"type\":\"string\",\"description\":\"what for\",\"default\":\"x\"},"
        "\"also\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
        "\"max_results\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"null\"}]},"
        "\"ratio\":{\"type\":[\"number\",\"null\"]},\"deep\":{\"type\":\"boolean\"},"
        "\"tag\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
        "t\"}},\"where\":{\"type\":\"object\"},"
        "\"kind\":{\"enum\":[\"a\",\"b\"]},\"n\":{\"type\":\"integer\"},\"any\":{}},"
        "\"$defs\":{\"t\":{\"type\":\"string\"}},\"required\":[\"query\"],\"additionalProperties\":"
        "false}}";
static const char open_ended[] = "{\"name\":\"x\",\"positional\":[\"a\",\"b\"]}";
static const char raw[] = "{\"name\":\"x\"}";
static const char fed[] = "{\"name\":\"x\",\"stdin\":\"text\",\"params\":" OBJECT
                          "\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}}";
static const char fed_maybe[] = "{\"name\":\"x\",\"stdin\":\"text\"}";
static const char fed_bytes[] = "{\"name\":\"x\",\"stdin\":\"text\",\"params\":" OBJECT
                                "\"text\":{\"type\":\"string\",\"contentEncoding\":\"base64\"}}}}";

struct made {
        struct arena *arena;
        struct json *json;
        struct ipc_command command;
};

static struct made make(const char *spec) {
        struct made m = { .arena = arena_new(), .json = parse(spec) };
        struct error e = ERROR_NULL;

        ck_assert_msg(shape_decode(&ipc_command_shape, m.json, m.arena, &m.command, &e) == 0,
                      "%s: %s %s", spec, e.where, e.message);
        return m;
}

static void done(struct made *m) {
        json_unref(m->json);
        arena_free(m->arena);
}

/* `line`: words with | between them; "" is one empty word, NULL none. */
static int words(struct made *m, const char *line, struct json **ret, struct error *e) {
        struct strings list = { .set = true };

        while (line) {
                size_t n = strcspn(line, "|");

                ck_assert(arena_push(m->arena, &list, arena_strndup(m->arena, line, n)));
                line = line[n] ? line + n + 1 : NULL;
        }
        return host_command_arguments(&m->command, &list, ret, e);
}

static const struct {
        const char *spec, *line, *want; /* JSON; or "!" and what the message has; "?": help */
} rows[] = {
        { search, NULL, "{}" },
        { search, "", "{\"query\":\"\"}" },
        { search, "a b", "{\"query\":\"a b\"}" },
        { search, "a|1|2", "{\"query\":\"a\",\"also\":[1,2]}" },
        { search, "--query|a|1", "{\"query\":\"a\",\"also\":[1]}" },
        { search, "1|--query=a", "!query: is given twice" },
        { search, "--query=", "{\"query\":\"\"}" },
        { search, "--query|--deep", "{\"query\":\"--deep\"}" },
        { search, "--query=a=b", "{\"query\":\"a=b\"}" },
        { search, "--query", "!--query: needs a value" },
        { search, "--query|a|--query|b", "!query: is given twice" },
        { search, "--max-results=3", "{\"max_results\":3}" },
        { search, "--max_results|3", "{\"max_results\":3}" },
        { search, "--max_results|-3", "{\"max_results\":-3}" },
        { search, "--max_results|three", "{\"max_results\":\"three\"}" },
        { search, "--max_results|3.5", "{\"max_results\":3.5}" },
        { search, "--max_results|\"3\"", "{\"max_results\":\"\\\"3\\\"\"}" },
        { search, "--max_results|[3]", "{\"max_results\":\"[3]\"}" },
        { search, "--max_results|99999999999999999999",
          "{\"max_results\":\"99999999999999999999\"}" },
        { search, "--ratio|1e3", "{\"ratio\":1000.0}" },
        { search, "--deep", "{\"deep\":true}" },
        { search, "--no-deep", "{\"deep\":false}" },
        { search, "--deep=false", "{\"deep\":false}" },
        { search, "--deep=maybe", "{\"deep\":\"maybe\"}" },
        { search, "--deep|x", "{\"deep\":true,\"query\":\"x\"}" },
        { search, "--no-query", "!--no-query: is not a known option" },
        { search, "--tag|a|--tag=b", "{\"tag\":[\"a\",\"b\"]}" },
        { search, "--tag=[\"a\"]", "{\"tag\":[\"[\\\"a\\\"]\"]}" }, /* text is text */
        { search, "--also=[1,2]", "{\"also\":[1,2]}" },
        { search, "--also=[1,2]|--also|3", "{\"also\":[1,2,3]}" },
        { search, "--also=[1", "{\"also\":[\"[1\"]}" },
        { search, "--where|{\"a\":1}", "{\"where\":{\"a\":1}}" },
        { search, "--where|{", "{\"where\":\"{\"}" },
        { search, "--where|{\"a\":1,\"a\":2}", "{\"where\":\"{\\\"a\\\":1,\\\"a\\\":2}\"}" },
        { search, "--any|5", "{\"any\":5}" },
        { search, "--any|null", "{\"any\":null}" },
        { search, "--any|text", "{\"any\":\"text\"}" },
        { search, "--kind|5", "{\"kind\":\"5\"}" },
        { search, "-n|5", "{\"n\":5}" },
        { search, "-n", "!n: needs a value" },
        { search, "-x", "!write -- before it" },
        { search, "-", "{\"query\":\"-\"}" },
        { search, "-5", "{\"query\":\"-5\"}" },
        { search, "--|-x|1", "{\"query\":\"-x\",\"also\":[1]}" },
        { search, "--|--", "{\"query\":\"--\"}" },
        { search, "--unknown=1", "!--unknown: is not a known option" },
        { search, "--qury=1", "!did you mean --query" },
        { search, "--=1", "!is not a known option" },
        { search, "a\xff", "!query: is not UTF-8" },
        { search, "--que\xff=1", "!is not a known option" },
        { search, "--help", "?" },
        { search, "-h", "?" },
        { search, "a|--nonsense|--help", "!is not a known option" },
        { search, "--|--help", "{\"query\":\"--help\"}" },
        { open_ended, "1|2", "{\"a\":\"1\",\"b\":\"2\"}" },
        { open_ended, "1|2|3", "!\"3\" is one operand too many" },
        { open_ended, "--b|2|1", "{\"b\":\"2\",\"a\":\"1\"}" },
        { open_ended, "--other=x", "{\"other\":\"x\"}" },
        { open_ended, "--oth\xff=x", "!is not a known option" },
        { fed, "x", "!there are no operands" },
        { raw, "--help|--a=b|-|--|", "{\"args\":[\"--help\",\"--a=b\",\"-\",\"--\",\"\"]}" },
        { raw, NULL, "{\"args\":[]}" },
        { raw, "\xff", "!argument 1 is not UTF-8" },
};

START_TEST(words_become_arguments) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct made m = make(rows[i].spec);
                struct json *j = NULL;
                struct error e = ERROR_NULL;
                int r = words(&m, rows[i].line, &j, &e);

                if (rows[i].want[0] == '!') {
                        ck_assert_msg(r < 0, "%s is accepted", rows[i].line);
                        ck_assert_msg(strstr(e.message, rows[i].want + 1), "%s: %s", rows[i].line,
                                      e.message);
                } else if (rows[i].want[0] == '?') {
                        ck_assert_msg(r == 1, "%s: no help", rows[i].line);
                } else {
                        ck_assert_msg(r == 0, "%s: %s", rows[i].line, e.message);
                        char *text = print(j);
                        ck_assert_msg(strcmp(text, rows[i].want) == 0, "%s: %s", rows[i].line,
                                      text);
                        free(text);
                }
                done(&m);
        }
}
END_TEST

START_TEST(long_names) {
        struct made m = make(open_ended);
        char line[2000] = "--";
        struct json *j = NULL;
        struct error e = ERROR_NULL;

        memset(line + 2, 'a', 1500);
        strcpy(line + 1502, "=x");
        ck_assert_int_lt(words(&m, line, &j, &e), 0);
        ck_assert_ptr_nonnull(strstr(e.message, "is not a known option"));
        done(&m);
}
END_TEST

static void fed_with(const char *spec, const char *data, size_t len, const char *want) {
        struct made m = make(spec);
        struct json *j = parse("{}");
        struct error e = ERROR_NULL;

        ck_assert(host_command_wants_stdin(&m.command, j));
        if (want[0] == '!') {
                ck_assert_int_lt(host_command_put_stdin(&m.command, j, data, len, &e), 0);
                ck_assert_ptr_nonnull(strstr(e.message, want + 1));
                json_unref(j);
        } else {
                ck_assert_int_eq(host_command_put_stdin(&m.command, j, data, len, &e), 0);
                ck_assert(!host_command_wants_stdin(&m.command, j) || len == 0);
                assert_prints(j, want);
        }
        done(&m);
}

START_TEST(standard_input) {
        struct made m = make(fed);
        struct json *j = parse("{\"text\":null}");

        ck_assert(!host_command_wants_stdin(&m.command, j));
        json_unref(j);
        done(&m);
        fed_with(fed, "a\n\n", 3, "{\"text\":\"a\\n\\n\"}");
        fed_with(fed, "", 0, "{\"text\":\"\"}");
        fed_with(fed_maybe, "", 0, "{}");
        fed_with(fed_maybe, "x", 1, "{\"text\":\"x\"}");
        fed_with(fed, "a\0b", 3, "!text: standard input is not UTF-8 text");
        fed_with(fed, "\xff", 1, "!text: standard input is not UTF-8 text");
        fed_with(fed_bytes, "a\0\xff", 3, "{\"text\":\"YQD/\"}");
}
END_TEST

START_TEST(whole_calls) {
        static const struct {
                const char *spec, *arguments, *message; /* NULL: accepted */
        } calls[] = {
                { search, "{\"query\":\"a\"}", NULL },
                { search, "{}", "query: is missing" },
                { search, "{\"query\":1}", "query: must be of type" },
                { search, "{\"query\":\"a\",\"tag\":[\"b\",1]}", "tag/1: must be of type" },
                { search, "{\"query\":\"a\",\"x\":1}", "x: is not a known parameter" },
                { search, "{\"query\":\"a\",\"max_results\":0}", "max_results: is 0" },
                { search, "{\"query\":\"a\",\"max_results\":null}", NULL },
                { search, "[]", "must be an object" },
                { search, "null", "must be an object" },
                { raw, "{\"args\":[\"a\"]}", NULL },
                { raw, "{\"args\":[1]}", "must be {\"args\"" },
                { raw, "{\"args\":{}}", "must be {\"args\"" },
                { raw, "{\"args\":[],\"x\":1}", "must be {\"args\"" },
                { raw, "{}", "must be {\"args\"" },
                { open_ended, "{\"anything\":[1]}", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                struct made m = make(calls[i].spec);
                struct json *j = parse(calls[i].arguments);
                struct error e = ERROR_NULL;
                int r = host_command_accepts(&m.command, j, &e);

                ck_assert_msg((r < 0) == !!calls[i].message, "%s: %s", calls[i].arguments,
                              e.message);
                ck_assert_msg(!calls[i].message || strstr(e.message, calls[i].message), "%s: %s",
                              calls[i].arguments, e.message);
                json_unref(j);
                done(&m);
        }
}
END_TEST

START_TEST(what_is_registered) {
        static const struct {
                const char *spec, *where; /* NULL: fine */
        } specs[] = {
                { search, NULL },
                { open_ended, NULL },
                { raw, NULL },
                { fed_bytes, NULL },
                { "{\"name\":\"a-b_9\",\"stream_stdin\":true}", NULL },
                { "{\"name\":\"\"}", "/name" },
                { "{\"name\":\"9\"}", "/name" },
                { "{\"name\":\"a/b\"}", "/name" },
                { "{\"name\":\"..\"}", "/name" },
                { "{\"name\":\"leash-ipc\"}", "/name" },
                { "{\"name\":\"exec\"}", "/name" },
                { "{\"name\":\"x\",\"params\":true}", "/params/type" },
                { "{\"name\":\"x\",\"params\":[]}", "/params" },
                { "{\"name\":\"x\",\"params\":{\"type\":[\"object\"]}}", "/params/type" },
                { "{\"name\":\"x\",\"positional\":[\"\"]}", "/positional/0" },
                { "{\"name\":\"x\",\"positional\":[\"a\",\"a\"]}", "/positional/1" },
                { "{\"name\":\"x\",\"stdin\":\"\"}", "/stdin" },
        };

        for (size_t i = 0; i < ELEMENTSOF(specs); i++) {
                struct made m = make(specs[i].spec);
                struct error e = ERROR_NULL;
                int r = host_command_check(&m.command, &e);

                ck_assert_msg((r < 0) == !!specs[i].where, "%s: %s", specs[i].spec, e.message);
                if (specs[i].where)
                        ck_assert_str_eq(e.where, specs[i].where);
                done(&m);
        }
}
END_TEST

START_TEST(copies) {
        struct made m = make(search);
        struct arena *a = arena_new();
        struct ipc_command copy = { 0 };

        ck_assert_int_eq(host_command_copy(a, &m.command, &copy), 0);
        done(&m);
        char *usage = host_command_usage(&copy);
        ck_assert_str_eq(
                usage, "usage: search [--max_results N] [--ratio NUMBER] [--deep] [--tag TEXT]... "
                       "[--where JSON] [--kind TEXT] [--n N] [--any JSON] QUERY [ALSO...]");
        free(usage);
        char *help = host_command_help(&copy);
        ck_assert_ptr_nonnull(
                strstr(help, "\n\nLooks.\nWell.\n\n  QUERY, --query TEXT\n        what for\n"
                             "        default \"x\"\n  ALSO, --also N (may be repeated)\n"));
        ck_assert_ptr_nonnull(strstr(help, "  --kind TEXT\n        one of [\"a\",\"b\"]\n"));
        free(help);
        json_unref(copy.params);
        arena_free(a);
}
END_TEST

int main(void) {
        return RUN_TESTS("host-command", words_become_arguments, long_names, standard_input,
                         whole_calls, what_is_registered, copies);
}
