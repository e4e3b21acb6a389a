/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* check and explain: what would happen, without running anything. */
#include <string.h>
#include <unistd.h>

#include "commands.h"

static const char *const access_words[ACCESS_N_] = {
        [ACCESS_READ_] = "read",
        [ACCESS_WRITE_] = "write",
        [ACCESS_EXECUTE_] = "execute",
};

static void print_verdict(const struct check_query *q, const struct check_verdict *v,
                          struct style st) {
        bool allowed = v->verdict && strcmp(v->verdict, "allow") == 0;
        char allow[LIMIT_PATH_BYTES + 128], host[LIMIT_PATH_BYTES];
        const char *what = q->path;

        if (!what && q->host) {
                (void) snprintf(host, sizeof(host), q->port > 0 ? "%s:%llu" : "%s", q->host,
                                (unsigned long long) q->port);
                what = host;
        }
        fprintf(stdout, "%s%s%s ", style_on(st, allowed ? COLOUR_GREEN : COLOUR_RED),
                v->verdict ? v->verdict : "?", style_off(st));
        if (q->path)
                fprintf(stdout, "%s ", access_words[q->access]);
        print_escaped(stdout, what);
        fputc('\n', stdout);
        if (v->why && *v->why) {
                fputs("  why:  ", stdout);
                print_escaped(stdout, v->why);
                fputc('\n', stdout);
        }
        if (v->rule && *v->rule) {
                fputs("  rule: ", stdout);
                print_escaped(stdout, v->rule);
                fputc('\n', stdout);
        }
        if (!allowed && field_allows(v->field, what, allow, sizeof(allow))) {
                fputs("  to allow it: ", stdout);
                print_escaped(stdout, allow);
                fputc('\n', stdout);
        }
}

static int exit_code_of_verdicts(const struct policy_check_result *result) {
        const struct check_verdict *v = result->verdicts.items;

        for (size_t i = 0; i < result->verdicts.n; i++)
                if (!v[i].verdict || strcmp(v[i].verdict, "allow") != 0)
                        return EXIT_DENIED;
        return EXIT_OK;
}

int cmd_check(struct ctl *c) {
        struct policy_check_params params = { 0 };
        struct policy_check_result result = { 0 };
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct place place;
        struct error e = ERROR_NULL;

        if (c->o.n_operands > 0)
                return ctl_usage(c,
                                 "check: unexpected \"%s\"; what to ask about is said by --path or "
                                 "--host",
                                 c->o.operands[0]);
        if (c->o.n_queries == 0)
                return ctl_usage(c, "check what? leashctl check --path PATH [--write], or --host "
                                    "HOST[:PORT]");
        if (options_place(&c->o, &place, &e) < 0)
                return ctl_fail_place(c, &e);
        PLACE_SET(&params, &place);
        params.queries = (struct list){ .items = c->o.queries, .n = c->o.n_queries, .set = true };
        int code = ctl_connect(c, 0);
        if (code != 0)
                return code;
        if (leash_call_method(c->l, METHOD_POLICY_CHECK, &params, c->o.arena, &result, &j) < 0)
                return ctl_fail(c);
        if (c->o.json) {
                code = ctl_print_json(j);
        } else {
                const struct check_verdict *v = result.verdicts.items;
                for (size_t i = 0; i < result.verdicts.n && i < c->o.n_queries; i++)
                        print_verdict(&c->o.queries[i], &v[i], style_for(STDOUT_FILENO));
        }
        return code != 0 ? code : exit_code_of_verdicts(&result);
}

/* Sections keep their line breaks; everything else in them is escaped. */
static void print_lines(const char *text) {
        char line[2048];

        while (*text) {
                size_t n = strcspn(text, "\n");
                size_t take = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
                memcpy(line, text, take);
                line[take] = '\0';
                print_escaped(stdout, line);
                text += take;
                if (*text == '\n') {
                        fputc('\n', stdout);
                        text++;
                }
        }
}

int cmd_explain(struct ctl *c) {
        struct policy_explain_params params = { 0 };
        struct policy_explain_result result = { 0 };
        struct place place;
        struct error e = ERROR_NULL;

        if (c->o.n_operands > 0)
                return ctl_usage(c, "explain: unexpected \"%s\"", c->o.operands[0]);
        if (options_place(&c->o, &place, &e) < 0)
                return ctl_fail_place(c, &e);
        PLACE_SET(&params, &place);
        int r = ctl_query(c, METHOD_POLICY_EXPLAIN, &params, &result);
        if (r != 0)
                return r < 0 ? -r : EXIT_OK;
        print_lines(result.text ? result.text : "");
        size_t n = result.text ? strlen(result.text) : 0;
        if (n > 0 && result.text[n - 1] != '\n')
                fputc('\n', stdout);
        return EXIT_OK;
}
