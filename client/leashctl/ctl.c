/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One invocation's connection, and the one place where errors are put into words and exit codes. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../proto/row.h"
#include "commands.h"

static const struct field error_fields[] = {
        FIELD_STRING(struct leash_error, code, "code", 0, 0, ""),
        FIELD_STRING(struct leash_error, where, "pointer", 0, 0, ""),
        FIELD_STRING(struct leash_error, fact, "fact", 0, 0, ""),
        FIELD_STRING(struct leash_error, message, "message", 0, 0, ""),
};
static const struct shape error_shape = { .name = "Error",
                                          .size = sizeof(struct leash_error),
                                          .fields = error_fields,
                                          .n = ELEMENTSOF(error_fields) };
static const struct field failure_fields[] = {
        { .name = "error", .kind = FIELD_OBJECT, .offset = 0, .shape = &error_shape },
};
static const struct shape failure_shape = {
        .name = "Failure", .size = sizeof(struct leash_error), .fields = failure_fields, .n = 1
};

/* With --json a program is listening: it gets the error where it expects the answer. */
static void print_error_json(const struct error *e) {
        struct leash_error view = { .code = error_wire_name(e->code),
                                    .where = e->where[0] ? e->where : NULL,
                                    .fact = e->fact[0] ? e->fact : NULL,
                                    .message = e->message };
        _cleanup_(json_unrefp) struct json *j = NULL;

        if (shape_encode(&failure_shape, &view, &j, NULL) >= 0)
                (void) ctl_print_json(j);
}

/* The daemon judges the merged policy: a field that an option set is that option's. */
static bool was_given(const struct options *o, const char *option) {
        if (strcmp(option, "-C") == 0)
                return o->workdir != NULL;
        for (size_t i = 0; i < o->given.n; i++)
                if (strcmp(o->given.items[i], option) == 0)
                        return true;
        return false;
}

/* "--memory: " or "--read /x: " or "policy.json, /limits/memory_bytes: " before the message. */
static bool print_where(struct ctl *c, const struct error *e) {
        char option[128];
        bool ours = option_for_field(e->where, option, sizeof(option));

        /* kill: the operand is in the message; the policy as a whole is no place to look at */
        if (!e->where[0] || c->o.command == CMD_KILL || strcmp(e->where, "/policy") == 0)
                return false;
        if (c->o.config && strncmp(e->where, "/policy/", 8) == 0 &&
            !(ours && was_given(&c->o, option))) {
                print_escaped(stderr, c->o.config);
                fprintf(stderr, ", %s: ", e->where + 7);
                return false;
        }
        const char *value = option_value_at(&c->o, e->where);
        if (ours) {
                fputs(option, stderr);
                if (value) {
                        fputc(' ', stderr);
                        print_escaped(stderr, value);
                }
        } else {
                print_escaped(stderr, e->where);
        }
        fputs(": ", stderr);
        return ours;
}

static int exit_code_for(const struct error *e, bool from_option) {
        switch (e->code) {
        case ERROR_EXEC_NOT_FOUND:
                return EXIT_NOT_FOUND;
        case ERROR_EXEC_DENIED:
                return EXIT_NOT_EXECUTABLE;
        case ERROR_PARAMS:
        case ERROR_CONFLICT:
                return from_option ? EXIT_USAGE : EXIT_LEASH;
        default:
                return EXIT_LEASH;
        }
}

int ctl_fail_with(struct ctl *c, const struct error *e) {
        if (c->o.json)
                print_error_json(e);
        fputs("leashctl: ", stderr);
        bool from_option = print_where(c, e);
        print_escaped(stderr, e->message[0] ? e->message : error_sentence(e->code));
        if (e->code == ERROR_UNENFORCEABLE && e->fact[0] && !strstr(e->message, "--accept"))
                fprintf(stderr, " (`leashctl doctor` tells why; --accept %s goes on without it)",
                        e->fact);
        fputc('\n', stderr);
        return exit_code_for(e, from_option);
}

int ctl_fail(struct ctl *c) {
        struct error e = c->l->error;

        if (e.code == ERROR_NONE)
                error_set(&e, ERROR_INTERNAL, 0, "failed without saying why");
        return ctl_fail_with(c, &e);
}

int ctl_fail_place(struct ctl *c, const struct error *e) {
        int code = ctl_fail_with(c, e);

        return e->code == ERROR_PARAMS || e->code == ERROR_CONFLICT ? EXIT_USAGE : code;
}

int ctl_usage(struct ctl *c, const char *fmt, ...) {
        struct error e = { .code = ERROR_PARAMS };
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(e.message, sizeof(e.message), fmt, ap);
        va_end(ap);
        (void) ctl_fail_with(c, &e);
        const struct command *cmd = command_by_bit(c->o.command);
        fprintf(stderr, "leashctl: see `leashctl help%s%s`\n", cmd ? " " : "",
                cmd ? cmd->name : "");
        return EXIT_USAGE;
}

int ctl_connect(struct ctl *c, unsigned flags) {
        struct error e = ERROR_NULL;
        int r = leash_connect(c->o.socket, flags, &c->l);

        if (r >= 0)
                return 0;
        error_set(&e, ERROR_IO, -r, "%s", leash_connect_error());
        return ctl_fail_with(c, &e);
}

int ctl_print_json(struct json *j) {
        size_t len = 0;
        char *text = json_print(j, isatty(STDOUT_FILENO), &len);

        if (!text) {
                fputs("leashctl: out of memory\n", stderr);
                return EXIT_LEASH;
        }
        bool ends = len > 0 && text[len - 1] == '\n';
        bool ok = fwrite(text, 1, len, stdout) == len && (ends || fputc('\n', stdout) != EOF) &&
                  fflush(stdout) == 0;
        int err = errno;
        free(text);
        if (!ok)
                fprintf(stderr, "leashctl: cannot write to stdout: %s\n", strerror(err));
        return ok ? EXIT_OK : EXIT_LEASH;
}

int ctl_query(struct ctl *c, enum method_id id, const void *params, void *ret) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        int code = c->l ? 0 : ctl_connect(c, 0);

        if (code != 0)
                return -code;
        int r = leash_call_method(c->l, id, params, c->o.arena, c->o.json ? NULL : ret, &j);
        if (r < 0)
                return -ctl_fail(c);
        if (!c->o.json)
                return 0;
        code = ctl_print_json(j);
        return code != 0 ? -code : 1;
}
