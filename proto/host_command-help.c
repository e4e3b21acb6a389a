/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Usage and help, built from the schema. */
#include <string.h>

#include "host_command-internal.h"
#include "json.h"
#include "json_schema.h"

static void upper(struct json_text *t, const char *name) {
        for (; *name; name++) {
                char c = *name >= 'a' && *name <= 'z' ? (char) (*name - 'a' + 'A') : *name;

                json_text_add(t, &c, 1);
        }
}

static bool is_positional(const struct ipc_command *c, const char *name) {
        for (size_t i = 0; i < c->positional.n; i++)
                if (strcmp(c->positional.items[i], name) == 0)
                        return true;
        return false;
}

/* --max N, --safe, --tag TEXT */
static void add_option(struct json_text *t, const struct ipc_command *c, const char *name) {
        static const char *const words[] = { [WORD_TEXT] = "TEXT",
                                             [WORD_INTEGER] = "N",
                                             [WORD_NUMBER] = "NUMBER",
                                             [WORD_JSON] = "JSON",
                                             [WORD_LIST] = "JSON" };
        enum word_kind item, kind = command_kind(c, command_property(c, name), &item);

        json_text_adds(t, "--");
        json_text_adds(t, name);
        if (kind == WORD_BOOLEAN)
                return;
        json_text_adds(t, " ");
        json_text_adds(t,
                       words[kind == WORD_LIST ? item == WORD_BOOLEAN ? WORD_JSON : item : kind]);
}

static bool is_list(const struct ipc_command *c, const char *name) {
        return command_kind(c, command_property(c, name), NULL) == WORD_LIST;
}

static struct json_object *properties_of(const struct ipc_command *c) {
        return json_to_c(json_get(json_schema_resolve(c->params, c->params), "properties"));
}

static void add_usage(struct json_text *t, const struct ipc_command *c) {
        struct json_object *properties = properties_of(c);

        json_text_adds(t, "usage: ");
        json_text_adds(t, c->name);
        if (command_is_raw(c))
                json_text_adds(t, " [ARG...]");
        if (properties) {
                json_object_object_foreach(properties, name, property) {
                        bool needed = command_requires(c, name);

                        (void) property;
                        if (is_positional(c, name) || (c->stdin_ && strcmp(c->stdin_, name) == 0))
                                continue;
                        json_text_adds(t, needed ? " " : " [");
                        add_option(t, c, name);
                        json_text_adds(t, needed ? "" : "]");
                        if (is_list(c, name))
                                json_text_adds(t, "...");
                }
        }
        for (size_t i = 0; i < c->positional.n; i++) {
                bool needed = command_requires(c, c->positional.items[i]);

                json_text_adds(t, needed ? " " : " [");
                upper(t, c->positional.items[i]);
                if (is_list(c, c->positional.items[i]))
                        json_text_adds(t, "...");
                json_text_adds(t, needed ? "" : "]");
        }
        if (c->stdin_) {
                json_text_adds(t, " < ");
                upper(t, c->stdin_);
        } else if (c->stream_stdin) {
                json_text_adds(t, " < INPUT");
        }
}

char *host_command_usage(const struct ipc_command *c) {
        struct json_text t = { .data = NULL };
        size_t len;

        add_usage(&t, c);
        return json_text_take(&t, &len);
}

/* A description may have lines of its own. */
static void add_indented(struct json_text *t, const char *text, const char *indent) {
        while (*text) {
                size_t n = strcspn(text, "\n");

                json_text_adds(t, indent);
                json_text_add(t, text, n);
                json_text_adds(t, "\n");
                text += n + (text[n] == '\n');
        }
}

static void add_parameter(struct json_text *t, const struct ipc_command *c, const char *name) {
        const struct json *property = json_schema_resolve(c->params, command_property(c, name));
        const char *text = json_string(json_get(property, "description"));
        struct json_object *o = json_to_c(property), *value;

        json_text_adds(t, "  ");
        if (is_positional(c, name)) {
                upper(t, name);
                json_text_adds(t, ", ");
        }
        add_option(t, c, name);
        if (is_list(c, name))
                json_text_adds(t, " (may be repeated)");
        if (c->stdin_ && strcmp(c->stdin_, name) == 0)
                json_text_adds(t, ", or standard input");
        json_text_adds(t, "\n");
        if (text)
                add_indented(t, text, "        ");
        if (o && json_object_is_type(o, json_type_object) &&
            json_object_object_get_ex(o, "enum", &value)) {
                json_text_adds(t, "        one of ");
                json_text_value(t, value, false);
                json_text_adds(t, "\n");
        }
        if (o && json_object_is_type(o, json_type_object) &&
            json_object_object_get_ex(o, "default", &value)) {
                json_text_adds(t, "        default ");
                json_text_value(t, value, false);
                json_text_adds(t, "\n");
        }
}

char *host_command_help(const struct ipc_command *c) {
        struct json_object *properties = properties_of(c);
        struct json_text t = { .data = NULL };
        size_t len;

        add_usage(&t, c);
        json_text_adds(&t, "\n");
        if (c->description) {
                json_text_adds(&t, "\n");
                add_indented(&t, c->description, "");
        }
        if (properties && json_object_object_length(properties) > 0) {
                json_text_adds(&t, "\n");
                json_object_object_foreach(properties, name, property) {
                        (void) property;
                        add_parameter(&t, c, name);
                }
        }
        return json_text_take(&t, &len);
}
