/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A JSON reader (RFC 8259) that builds json-c objects and refuses whatever two programs could read
 * differently: duplicate names, invalid UTF-8, lone surrogates, NUL in names, integers beyond 64
 * bits, numbers that overflow a double, anything behind the value. json-c's own tokener lets the
 * last duplicate win and clamps big integers, which would let a policy say something else here than
 * it does elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "json.h"

/* An empty json-c object takes some 900 bytes, for two on the wire. */
#define WEIGHT_CONTAINER 16

struct json *json_ref(struct json *j) {
        return json_from_c(json_object_get(json_to_c(j)));
}

struct json *json_unref(struct json *j) {
        (void) json_object_put(json_to_c(j));
        return NULL;
}

void json_reader_init(struct json_reader *r, const char *text, size_t len, struct error *e) {
        *r = (struct json_reader){ .start = text, .p = text, .end = text + len, .e = e };
}

void json_reader_done(struct json_reader *r) {
        free(r->scratch);
        r->scratch = NULL;
}

/* A message is one line; of a file that a person wrote he wants to know which line. */
int json_refuse(struct json_reader *r, const char *what) {
        size_t line = 1;
        const char *start = r->start;

        for (const char *p = r->start; p < r->p; p++)
                if (*p == '\n') {
                        line++;
                        start = p + 1;
                }
        if (line > 1)
                return error_set(r->e, ERROR_PARSE, 0, "%s (at line %zu, byte %zu)", what, line,
                                 (size_t) (r->p - start) + 1);
        return error_set(r->e, ERROR_PARSE, 0, "%s (at byte %zu)", what,
                         (size_t) (r->p - r->start) + 1);
}

void json_read_space(struct json_reader *r) {
        while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
                r->p++;
}

bool json_read_token(struct json_reader *r, char c) {
        json_read_space(r);
        if (r->p == r->end || *r->p != c)
                return false;
        r->p++;
        return true;
}

int json_read_end(struct json_reader *r) {
        json_read_space(r);
        return r->p == r->end ? 0 : json_refuse(r, "there is text behind the JSON value");
}

static int weigh(struct json_reader *r, size_t weight) {
        r->weight += weight;
        if (r->weight > LIMIT_JSON_WEIGHT)
                return json_refuse(r, "there are too many values in one text");
        return 0;
}

static int read_array(struct json_reader *r, struct json_object **ret) {
        _cleanup_(json_object_unrefp) struct json_object *array = json_object_new_array_ext(4);
        int e;

        if (!array)
                return error_nomem(r->e);
        if (!json_read_token(r, ']')) {
                do {
                        struct json_object *item = NULL;

                        e = json_read_value(r, &item);
                        if (e < 0)
                                return e;
                        if (json_object_array_add(array, item) < 0) {
                                (void) json_object_put(item);
                                return error_nomem(r->e);
                        }
                } while (json_read_token(r, ','));
                if (!json_read_token(r, ']'))
                        return json_refuse(r, "\",\" or \"]\" has to stand here");
        }
        *ret = TAKE(array);
        return 0;
}

static int read_object(struct json_reader *r, struct json_object **ret) {
        _cleanup_(json_object_unrefp) struct json_object *object = json_object_new_object();
        const char *key;
        int e;

        if (!object)
                return error_nomem(r->e);
        if (!json_read_token(r, '}')) {
                do {
                        struct json_object *value = NULL;
                        char *name;

                        e = json_read_key(r, &key);
                        if (e < 0)
                                return e;
                        if (json_object_object_get_ex(object, key, NULL))
                                return json_refuse(r, "a name occurs twice in one object");
                        name = strdup(key); /* the value may have keys of its own */
                        if (!name)
                                return error_nomem(r->e);
                        e = json_read_value(r, &value);
                        if (e >= 0 && json_object_object_add_ex(object, name, value,
                                                                JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0) {
                                (void) json_object_put(value);
                                e = error_nomem(r->e);
                        }
                        free(name);
                        if (e < 0)
                                return e;
                } while (json_read_token(r, ','));
                if (!json_read_token(r, '}'))
                        return json_refuse(r, "\",\" or \"}\" has to stand here");
        }
        *ret = TAKE(object);
        return 0;
}

static int read_word(struct json_reader *r, const char *word) {
        size_t n = strlen(word);

        if ((size_t) (r->end - r->p) < n || memcmp(r->p, word, n) != 0)
                return json_refuse(r, "a JSON value has to stand here");
        r->p += n;
        return 0;
}

static int read_container(struct json_reader *r, struct json_object **ret) {
        char c = *r->p;
        int e;

        if (r->depth >= LIMIT_JSON_DEPTH)
                return json_refuse(r, "arrays and objects are nested too deeply");
        e = weigh(r, WEIGHT_CONTAINER);
        if (e < 0)
                return e;
        r->p++;
        r->depth++;
        e = c == '[' ? read_array(r, ret) : read_object(r, ret);
        r->depth--;
        return e;
}

int json_read_value(struct json_reader *r, struct json_object **ret) {
        bool yes;
        int e;

        json_read_space(r);
        if (r->p == r->end)
                return json_refuse(r, "the text ends where a JSON value has to stand");
        e = weigh(r, 1);
        if (e < 0)
                return e;
        switch (*r->p) {
        case '{':
        case '[':
                return read_container(r, ret);
        case '"':
                r->p++;
                return json_read_string(r, ret);
        case 't':
        case 'f':
                yes = *r->p == 't';
                e = read_word(r, yes ? "true" : "false");
                if (e < 0)
                        return e;
                *ret = json_object_new_boolean(yes);
                return *ret ? 0 : error_nomem(r->e);
        case 'n':
                e = read_word(r, "null");
                if (e < 0)
                        return e;
                *ret = NULL;
                return 0;
        default:
                return json_read_number(r, ret);
        }
}

/* A loop, not a recursion: what is too deep for json_read_value() has its end, too. Brackets are
 * counted, not matched: this only looks for the id of a message that is refused anyway. */
int json_read_raw(struct json_reader *r) {
        size_t open = 0, n;
        bool flag;
        const char *s;
        int e;

        do {
                json_read_space(r);
                if (r->p == r->end)
                        return json_refuse(r, "the text ends inside a JSON value");
                switch (*r->p) {
                case '{':
                case '[':
                        open++;
                        r->p++;
                        break;
                case '}':
                case ']':
                        if (open == 0)
                                return json_refuse(r, "a JSON value has to stand here");
                        open--;
                        r->p++;
                        break;
                case ',':
                case ':':
                        if (open == 0)
                                return json_refuse(r, "a JSON value has to stand here");
                        r->p++;
                        break;
                case '"':
                        r->p++;
                        e = json_scan_string(r, &s, &n, &flag);
                        if (e < 0)
                                return e;
                        break;
                case 't':
                case 'f':
                case 'n':
                        e = read_word(r, *r->p == 't' ? "true" : *r->p == 'f' ? "false" : "null");
                        if (e < 0)
                                return e;
                        break;
                default:
                        n = json_number_length(r->p, r->end, &flag);
                        if (n == 0)
                                return json_refuse(r, "a JSON value has to stand here");
                        r->p += n;
                }
        } while (open > 0);
        return 0;
}

int json_parse(const char *text, size_t len, struct json **ret, struct error *e) {
        struct json_reader r;
        struct json_object *value = NULL;
        int k;

        json_reader_init(&r, text, len, e);
        k = json_read_value(&r, &value);
        if (k >= 0)
                k = json_read_end(&r);
        json_reader_done(&r);
        if (k < 0) {
                (void) json_object_put(value);
                return k;
        }
        *ret = json_from_c(value);
        return 0;
}

struct json *json_get(const struct json *object, const char *name) {
        struct json_object *value;

        if (!object || !json_object_is_type(json_to_c(object), json_type_object))
                return NULL;
        return json_object_object_get_ex(json_to_c(object), name, &value) ? json_from_c(value)
                                                                          : NULL;
}

struct json *json_at(const struct json *array, size_t i) {
        if (!array || !json_object_is_type(json_to_c(array), json_type_array))
                return NULL;
        return json_from_c(json_object_array_get_idx(json_to_c(array), i));
}

const char *json_string(const struct json *j) {
        if (!j || !json_object_is_type(json_to_c(j), json_type_string))
                return NULL;
        return json_object_get_string(json_to_c(j));
}
