/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Words to arguments. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "host_command-internal.h"
#include "json.h"
#include "json_schema.h"
#include "rpc.h"

#define NAME_BYTES 256 /* an option's */

struct words {
        const struct ipc_command *command;
        const struct strings *list;
        size_t at;
        size_t operands; /* so far */
        struct json_object *arguments;
        struct error *e;
};

/* The one type that a union stands for on a command line: Optional[int] is an integer. */
static const char *single_type(const struct ipc_command *c, const struct json *property,
                               unsigned depth) {
        struct json_object *schema = json_to_c(json_schema_resolve(c->params, property)), *type,
                           *any;
        const char *found = NULL;

        if (!schema || !json_object_is_type(schema, json_type_object) || depth > 4)
                return NULL;
        if (json_object_object_get_ex(schema, "type", &type)) {
                if (json_object_is_type(type, json_type_string))
                        return json_object_get_string(type);
                for (size_t i = 0; i < json_object_array_length(type); i++) {
                        const char *name =
                                json_object_get_string(json_object_array_get_idx(type, i));

                        if (strcmp(name, "null") == 0)
                                continue;
                        if (found)
                                return NULL;
                        found = name;
                }
                return found;
        }
        if (!json_object_object_get_ex(schema, "anyOf", &any) &&
            !json_object_object_get_ex(schema, "oneOf", &any) &&
            !json_object_object_get_ex(schema, "allOf", &any))
                return NULL;
        for (size_t i = 0; i < json_object_array_length(any); i++) {
                const char *name =
                        single_type(c, json_from_c(json_object_array_get_idx(any, i)), depth + 1);

                if (!name || strcmp(name, "null") == 0)
                        continue;
                if (found && strcmp(found, name) != 0)
                        return NULL;
                found = name;
        }
        return found;
}

static const struct {
        const char *type;
        enum word_kind kind;
} kinds[] = {
        { "string", WORD_TEXT },   { "boolean", WORD_BOOLEAN }, { "integer", WORD_INTEGER },
        { "number", WORD_NUMBER }, { "array", WORD_LIST },      { "object", WORD_JSON },
        { "null", WORD_JSON },
};

/* An enum or a const without a type: text, if all it lists is text. */
static bool only_text(const struct json *schema) {
        struct json_object *list = json_to_c(json_get(schema, "enum"));

        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (!json_object_is_type(json_object_array_get_idx(list, i), json_type_string))
                        return false;
        return list != NULL;
}

/* A list's "items" may lie behind anyOf: [{"type": "array", …}, {"type": "null"}]. */
static const struct json *items_of(const struct ipc_command *c, const struct json *property) {
        const struct json *schema = json_schema_resolve(c->params, property);
        struct json_object *any;

        if (json_get(schema, "items") || !schema)
                return json_get(schema, "items");
        any = json_to_c(json_get(schema, "anyOf"));
        for (size_t i = 0; any && i < json_object_array_length(any); i++) {
                const struct json *items =
                        json_get(json_schema_resolve(
                                         c->params, json_from_c(json_object_array_get_idx(any, i))),
                                 "items");

                if (items)
                        return items;
        }
        return NULL;
}

enum word_kind command_kind(const struct ipc_command *c, const struct json *property,
                            enum word_kind *ret_item) {
        enum word_kind kind = WORD_JSON;
        const char *type;

        if (ret_item)
                *ret_item = WORD_TEXT;
        if (!property) /* no schema says anything */
                return WORD_TEXT;
        type = single_type(c, property, 0);
        if (!type && only_text(json_schema_resolve(c->params, property)))
                return WORD_TEXT;
        for (size_t i = 0; type && i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].type, type) == 0)
                        kind = kinds[i].kind;
        if (kind == WORD_LIST && ret_item) {
                const struct json *items = items_of(c, property);

                *ret_item = items ? command_kind(c, items, NULL) : WORD_TEXT;
        }
        return kind;
}

_printf_(2, 3) static int wrong(struct words *w, const char *fmt, ...) {
        char text[600];
        va_list ap;

        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        return error_set(w->e, ERROR_PARAMS, EINVAL, "%s", text);
}

static struct json_object *parsed(const char *text, size_t len) {
        struct json *j = NULL;

        return json_parse(text, len, &j, NULL) < 0 ? NULL : json_to_c(j);
}

/* One word as a value; *ret is new. Where a type does not fit the word is kept as text: the check
 * against the schema then says what it should have been. */
static int word_value(struct words *w, const char *name, enum word_kind kind, const char *word,
                      struct json_object **ret) {
        size_t len = strlen(word);
        struct json_object *j = NULL;

        if (!utf8_is_valid(word, len))
                return wrong(w, "%s: is not UTF-8 text", name);
        if (kind == WORD_BOOLEAN && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0))
                j = json_object_new_boolean(word[0] == 't');
        else if (kind == WORD_INTEGER || kind == WORD_NUMBER || kind == WORD_JSON) {
                j = parsed(word, len);
                if (j && kind != WORD_JSON && !json_object_is_type(j, json_type_int) &&
                    !json_object_is_type(j, json_type_double))
                        j = json_object_unref(j);
                if (!j && kind == WORD_JSON && strcmp(word, "null") == 0) {
                        *ret = NULL;
                        return 0;
                }
        }
        *ret = j ? j : json_object_new_string_len(word, (int) len);
        return *ret ? 0 : error_nomem(w->e);
}

static int put(struct words *w, const char *name, struct json_object *value) {
        if (json_object_object_add(w->arguments, name, value) < 0) {
                (void) json_object_put(value);
                return error_nomem(w->e);
        }
        return 0;
}

static int append(struct words *w, const char *name, struct json_object *value) {
        struct json_object *list;

        if (!json_object_object_get_ex(w->arguments, name, &list)) {
                list = json_object_new_array();
                if (!list || put(w, name, list) < 0) {
                        (void) json_object_put(value);
                        return error_nomem(w->e);
                }
        }
        return json_push(list, value) ? 0 : error_nomem(w->e);
}

/* A list takes one word as one item, or a JSON array as all of it. */
static int give(struct words *w, const char *name, const char *word) {
        enum word_kind item,
                kind = command_kind(w->command, command_property(w->command, name), &item);
        struct json_object *value = NULL;
        int r;

        if (kind == WORD_LIST) {
                if (word[0] == '[' && item != WORD_TEXT &&
                    !json_object_object_get_ex(w->arguments, name, NULL)) {
                        value = parsed(word, strlen(word));
                        if (value && json_object_is_type(value, json_type_array))
                                return put(w, name, value);
                        (void) json_object_put(value);
                }
                r = word_value(w, name, item, word, &value);
                return r < 0 ? r : append(w, name, value);
        }
        if (json_object_object_get_ex(w->arguments, name, NULL))
                return wrong(w, "%s: is given twice", name);
        r = word_value(w, name, kind, word, &value);
        return r < 0 ? r : put(w, name, value);
}

/* --max-results is max_results, where no property has the very name. */
static bool find_property(const struct words *w, const char *name, char *ret) {
        if (strlen(name) >= NAME_BYTES)
                return false;
        memcpy(ret, name, strlen(name) + 1);
        if (command_has_property(w->command, ret))
                return true;
        for (char *s = ret; *s; s++)
                if (*s == '-')
                        *s = '_';
        return command_has_property(w->command, ret);
}

static const char *property_at(const void *p, size_t i) {
        struct json_object *properties = json_to_c((const struct json *) p);
        size_t n = 0;

        json_object_object_foreach(properties, key, value) {
                (void) value;
                if (n++ == i)
                        return key;
        }
        return NULL;
}

static int unknown(struct words *w, const char *name) {
        const struct json *properties =
                json_get(json_schema_resolve(w->command->params, w->command->params), "properties");
        const char *near = properties ? json_suggest(name, property_at, properties) : NULL;
        char shown[80];

        return wrong(w,
                     near ? "--%s: is not a known option; did you mean --%s?"
                          : "--%s: is not a known option; \"--\" stands before operands that "
                            "begin with \"-\"",
                     json_show(name, strlen(name), shown, sizeof(shown)), near);
}

/* Without a schema every name is known, and its value is text. */
static bool takes_any(const struct ipc_command *c) {
        struct json_object *others;

        if (!c->params)
                return true;
        return json_object_object_get_ex(json_to_c(json_schema_resolve(c->params, c->params)),
                                         "additionalProperties", &others) &&
               (!json_object_is_type(others, json_type_boolean) || json_object_get_boolean(others));
}

static int option(struct words *w, const char *word) {
        const char *equals = strchr(word, '=');
        char name[NAME_BYTES], property[NAME_BYTES];
        size_t n = equals ? (size_t) (equals - word) : strlen(word);
        bool boolean, found;

        if (n >= sizeof(name))
                return unknown(w, word);
        memcpy(name, word, n);
        name[n] = '\0';
        found = find_property(w, name, property);
        if (!found && !equals && strncmp(name, "no-", 3) == 0 &&
            find_property(w, name + 3, property) &&
            command_kind(w->command, command_property(w->command, property), NULL) == WORD_BOOLEAN)
                return give(w, property, "false");
        if (!found && (!takes_any(w->command) || !*name || !utf8_is_valid(name, n)))
                return unknown(w, name);
        if (!found)
                memcpy(property, name, n + 1);
        boolean = found && command_kind(w->command, command_property(w->command, property), NULL) ==
                                   WORD_BOOLEAN;
        if (equals)
                return give(w, property, equals + 1);
        if (boolean)
                return give(w, property, "true");
        if (w->at == w->list->n)
                return wrong(w, "--%s: needs a value", name);
        return give(w, property, w->list->items[w->at++]);
}

static int operand(struct words *w, const char *word) {
        const struct strings *positional = &w->command->positional;
        char shown[80];

        /* Those that were given by name are passed over; a list takes all that is left. */
        while (w->operands < positional->n) {
                const char *name = positional->items[w->operands];
                bool list = command_kind(w->command, command_property(w->command, name), NULL) ==
                            WORD_LIST;

                if (list && w->operands + 1 == positional->n)
                        return give(w, name, word);
                w->operands++;
                if (!json_object_object_get_ex(w->arguments, name, NULL))
                        return give(w, name, word);
        }
        return wrong(w,
                     positional->n ? "\"%s\" is one operand too many"
                                   : "\"%s\": there are no operands; every value has a --NAME",
                     json_show(word, strlen(word), shown, sizeof(shown)));
}

static bool is_negative_number(const char *word) {
        bool integer;
        size_t len = strlen(word);

        return json_number_length(word, word + len, &integer) == len;
}

static int one_word(struct words *w, const char *word) {
        char shown[80], property[NAME_BYTES];

        if (word[0] != '-' || !word[1] || is_negative_number(word))
                return operand(w, word);
        if (word[1] == '-')
                return option(w, word + 2);
        if (!word[2] && find_property(w, word + 1, property)) /* -n 3, if it is called so */
                return option(w, word + 1);
        return wrong(w,
                     "\"%s\": options begin with \"--\"; to give it as an operand, write -- "
                     "before it",
                     json_show(word, strlen(word), shown, sizeof(shown)));
}

static int raw(struct words *w) {
        struct json_object *list = json_object_new_array();

        if (!list || put(w, "args", list) < 0)
                return error_nomem(w->e);
        for (size_t i = 0; i < w->list->n; i++) {
                const char *word = w->list->items[i];

                if (!utf8_is_valid(word, strlen(word)))
                        return wrong(w, "argument %zu is not UTF-8 text", i + 1);
                if (!json_push(list, json_object_new_string(word)))
                        return error_nomem(w->e);
        }
        return 0;
}

static bool is_help(const struct ipc_command *c, const char *word) {
        return (strcmp(word, "--help") == 0 && !command_has_property(c, "help")) ||
               (strcmp(word, "-h") == 0 && !command_has_property(c, "h"));
}

int host_command_arguments(const struct ipc_command *c, const struct strings *list,
                           struct json **ret, struct error *e) {
        _cleanup_(json_object_unrefp) struct json_object *arguments = json_object_new_object();
        struct words w = { .command = c, .list = list, .arguments = arguments, .e = e };
        int r = arguments ? 0 : error_nomem(e);
        bool options = true;

        if (r >= 0 && command_is_raw(c)) {
                /* The words are not ours; but help is asked for like this everywhere. */
                if (list->n == 1 && strcmp(list->items[0], "--help") == 0 && c->description)
                        return 1;
                r = raw(&w);
        } else {
                while (r >= 0 && w.at < list->n) {
                        const char *word = list->items[w.at++];

                        if (options && strcmp(word, "--") == 0)
                                options = false;
                        else if (options && is_help(c, word))
                                return 1;
                        else
                                r = options ? one_word(&w, word) : operand(&w, word);
                }
        }
        if (r < 0)
                return r;
        *ret = json_from_c(TAKE(arguments));
        return 0;
}
