/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* call, discover, version, help. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

static char *read_stdin(struct arena *a, size_t *ret_len) {
        size_t len = 0;
        char *text = malloc(LIMIT_LINE_BYTES + 1u);

        while (text && len < LIMIT_LINE_BYTES) {
                ssize_t n = read(STDIN_FILENO, text + len, LIMIT_LINE_BYTES - len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                len += (size_t) n;
        }
        char *copy = text ? arena_strndup(a, text, len) : NULL;
        free(text);
        *ret_len = len;
        return copy;
}

static void suggest_method(struct error *e, const char *method) {
        const char *names[METHOD_N_];

        for (size_t i = 0; i < METHOD_N_; i++)
                names[i] = methods[i].name;
        const char *near = nearest_word(method, names, METHOD_N_);
        snprintf(e->message, sizeof(e->message),
                 "there is no method %.200s%s%s; leashctl discover "
                 "describes them all",
                 method, near ? "; did you mean " : "", near ? near : "");
}

static int call_and_print(struct ctl *c, const char *method, struct json *params) {
        _cleanup_(json_unrefp) struct json *result = NULL;
        int code = ctl_connect(c, 0);

        if (code != 0)
                return code;
        if (leash_call_json(c->l, method, params, NULL, 0, &result) < 0) {
                /* A raw caller named fields himself: they are not told in the words of options. */
                struct error e = c->l->error;
                char text[sizeof(e.message)];
                if (e.where[0]) {
                        snprintf(text, sizeof(text), "%s: %.700s", e.where, e.message);
                        memcpy(e.message, text, sizeof(text));
                }
                e.where[0] = '\0';
                if (e.code == ERROR_METHOD)
                        suggest_method(&e, method);
                return ctl_fail_with(c, &e);
        }
        return ctl_print_json(result);
}

int cmd_call(struct ctl *c) {
        _cleanup_(json_unrefp) struct json *params = NULL;
        struct error e = ERROR_NULL;

        if (c->o.n_operands < 1 || c->o.n_operands > 2)
                return ctl_usage(c,
                                 "call takes METHOD and, if it needs any, its parameters as JSON");
        if (c->o.n_operands == 2) {
                const char *text = c->o.operands[1];
                size_t len = strlen(text);
                if (strcmp(text, "-") == 0)
                        text = read_stdin(c->o.arena, &len);
                if (!text)
                        return ctl_usage(c, "call: cannot read the parameters from stdin");
                if (json_parse(text, len, &params, &e) < 0)
                        return ctl_usage(c, "call: the parameters are not JSON: %s", e.message);
        }
        return call_and_print(c, c->o.operands[0], params);
}

int cmd_discover(struct ctl *c) {
        if (c->o.n_operands > 0)
                return ctl_usage(c, "discover takes no operands");
        return call_and_print(c, methods[METHOD_RPC_DISCOVER].name, NULL);
}

int cmd_version(struct ctl *c) {
        puts(c->o.json ? "{\"version\":\"" LEASH_VERSION "\"}" : "leashctl " LEASH_VERSION);
        return EXIT_OK;
}

int cmd_help(struct ctl *c) {
        if (c->o.n_operands == 0) {
                help_overview(stdout);
                return EXIT_OK;
        }
        const struct command *cmd = command_by_name(c->o.operands[0]);
        c->o.command = cmd ? cmd->bit : 0; /* of no command: the hint is then `leashctl help` */
        if (!cmd)
                return unknown_command(c, c->o.operands[0], false);
        help_command(stdout, cmd);
        return EXIT_OK;
}
