/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a client registers: checked and kept. Then standard input, and the check of a whole call. */
#include "host_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "host_command-internal.h"
#include "json.h"
#include "json_schema.h"
#include "rpc.h"

/* Ours, and those that a shell takes for itself: its own words come before PATH, so a command of
 * such a name could never be called. POSIX.1-2017, 2.4 and 2.14, and what all shells have built in.
 */
static const char *const reserved[] = {
        "leash-ipc", "break", "case",    "cd",       "continue", "do",     "done",  "elif",
        "else",      "esac",  "eval",    "exec",     "exit",     "export", "fi",    "for",
        "if",        "in",    "local",   "read",     "readonly", "return", "set",   "shift",
        "then",      "times", "trap",    "type",     "ulimit",   "umask",  "unset", "until",
        "wait",      "while", "alias",   "bg",       "command",  "fc",     "fg",    "getopts",
        "hash",      "jobs",  "unalias", "function", "select",   "source", "time",  "declare",
};

bool host_command_name_is_valid(const char *name) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
        bool letter = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');

        return letter && !name[n] && n <= LIMIT_NAME_BYTES;
}

const struct json *command_property(const struct ipc_command *c, const char *name) {
        return json_get(json_get(json_schema_resolve(c->params, c->params), "properties"), name);
}

bool command_has_property(const struct ipc_command *c, const char *name) {
        struct json_object *properties =
                json_to_c(json_get(json_schema_resolve(c->params, c->params), "properties"));

        return properties && json_object_object_get_ex(properties, name, NULL);
}

bool command_is_raw(const struct ipc_command *c) {
        return !c->params && c->positional.n == 0 && !c->stdin_;
}

static int check_name(const char *name, struct error *e) {
        if (!host_command_name_is_valid(name))
                return error_field(e, "/name",
                                   "\"%.40s\" must be a letter, then letters, digits, \"-\" and "
                                   "\"_\", %u at most",
                                   name, LIMIT_NAME_BYTES);
        for (size_t i = 0; i < ELEMENTSOF(reserved); i++)
                if (strcmp(reserved[i], name) == 0)
                        return error_field(e, "/name",
                                           i == 0 ? "\"%s\" is leash's own"
                                                  : "\"%s\" is a word of the shell, "
                                                    "which would never look for it",
                                           name);
        return 0;
}

/* With a schema a name in the other fields must be one of its properties: else it is a typing
 * error.
 */
static int check_parameter(const struct ipc_command *c, const char *name, const char *where,
                           struct error *e) {
        if (!*name)
                return error_field(e, where, "must not be empty");
        if (c->params && !command_has_property(c, name))
                return error_field(e, where, "\"%.40s\" is not among the schema's properties",
                                   name);
        return 0;
}

static int check_positional(const struct ipc_command *c, struct error *e) {
        char where[64];
        int r = 0;

        for (size_t i = 0; i < c->positional.n && r >= 0; i++) {
                (void) snprintf(where, sizeof(where), "/positional/%zu", i);
                r = check_parameter(c, c->positional.items[i], where, e);
                for (size_t k = 0; k < i && r >= 0; k++)
                        if (strcmp(c->positional.items[i], c->positional.items[k]) == 0)
                                r = error_field(e, where, "occurs twice");
        }
        return r;
}

int host_command_check(const struct ipc_command *c, struct error *e) {
        int r = check_name(c->name, e);

        if (r >= 0 && c->params)
                r = error_under(e, "/params", json_schema_check(c->params, e));
        if (r >= 0 && c->params && !json_get(json_schema_resolve(c->params, c->params), "type"))
                r = error_field(e, "/params/type", "is missing; it must be \"object\"");
        if (r >= 0 && c->params) {
                const char *type =
                        json_string(json_get(json_schema_resolve(c->params, c->params), "type"));

                if (!type || strcmp(type, "object") != 0)
                        r = error_field(e, "/params/type", "must be \"object\"");
        }
        if (r >= 0)
                r = check_positional(c, e);
        if (r >= 0 && c->stdin_ && c->stream_stdin)
                r = error_field(e, "/stream_stdin", "goes not together with \"stdin\"");
        if (r >= 0 && c->stdin_)
                r = check_parameter(c, c->stdin_, "/stdin", e);
        return r;
}

int host_command_copy(struct arena *a, const struct ipc_command *c, struct ipc_command *ret) {
        struct ipc_command copy = { .stream_stdin = c->stream_stdin,
                                    .shadow = c->shadow,
                                    .timeout_ms = c->timeout_ms };

        copy.name = arena_strdup(a, c->name);
        copy.description = c->description ? arena_strdup(a, c->description) : NULL;
        copy.stdin_ = c->stdin_ ? arena_strdup(a, c->stdin_) : NULL;
        if (!copy.name || (c->description && !copy.description) || (c->stdin_ && !copy.stdin_))
                return -ENOMEM;
        for (size_t i = 0; i < c->positional.n; i++)
                if (!arena_push(a, &copy.positional, c->positional.items[i]))
                        return -ENOMEM;
        copy.params = c->params ? json_ref(c->params) : NULL;
        *ret = copy;
        return 0;
}

bool command_requires(const struct ipc_command *c, const char *name) {
        struct json_object *required =
                json_to_c(json_get(json_schema_resolve(c->params, c->params), "required"));

        for (size_t i = 0; required && i < json_object_array_length(required); i++)
                if (strcmp(json_object_get_string(json_object_array_get_idx(required, i)), name) ==
                    0)
                        return true;
        return false;
}

bool host_command_wants_stdin(const struct ipc_command *c, const struct json *arguments) {
        return c->stdin_ && !json_object_object_get_ex(json_to_c(arguments), c->stdin_, NULL);
}

int host_command_put_stdin(const struct ipc_command *c, struct json *arguments, const char *data,
                           size_t len, struct error *e) {
        const char *encoding =
                json_string(json_get(command_property(c, c->stdin_), "contentEncoding"));
        bool binary = encoding && strcmp(encoding, "base64") == 0;
        _cleanup_(json_object_unrefp) struct json_object *text = NULL;

        if (len == 0 && !command_requires(c, c->stdin_))
                return 0;
        if (!binary && !utf8_is_valid(data, len))
                return error_set(e, ERROR_PARAMS, EILSEQ,
                                 "%s: standard input is not UTF-8 text, or has a NUL byte",
                                 c->stdin_);
        if (binary) {
                char *encoded = base64_encode(data, len);

                text = encoded ? json_object_new_string(encoded) : NULL;
                free(encoded);
        } else {
                text = json_object_new_string_len(data, (int) len);
        }
        if (!text ||
            json_object_object_add(json_to_c(arguments), c->stdin_, json_object_get(text)) < 0)
                return error_nomem(e);
        return 0;
}

static bool is_words(struct json_object *arguments) {
        struct json_object *list;

        if (json_object_object_length(arguments) != 1 ||
            !json_object_object_get_ex(arguments, "args", &list) ||
            !json_object_is_type(list, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(list); i++)
                if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
                        return false;
        return true;
}

/* "/query" is "query"; "/tags/0" is "tags/0". */
int host_command_accepts(const struct ipc_command *c, const struct json *arguments,
                         struct error *e) {
        struct error inner = ERROR_NULL;

        if (!json_object_is_type(json_to_c(arguments), json_type_object))
                return error_set(e, ERROR_PARAMS, EINVAL, "the arguments must be an object");
        if (command_is_raw(c) && !is_words(json_to_c(arguments)))
                return error_set(e, ERROR_PARAMS, EINVAL,
                                 "the arguments must be {\"args\": [\"…\"]}");
        if (!c->params || json_schema_accepts(c->params, arguments, &inner) >= 0)
                return 0;
        return error_set(e, ERROR_PARAMS, EINVAL, "%s%s%s", inner.where[0] ? inner.where + 1 : "",
                         inner.where[0] ? ": " : "", inner.message);
}
