/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * JSON-RPC 2.0 (https://www.jsonrpc.org/specification), both ways.
 *
 * The envelope is read member by member, so that the id keeps its spelling (a number that was
 * rounded on the way would be answered to nobody) and params go to the reader once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "rpc.h"

#define ID_MAX \
        1024 /* bytes of an id's text; it is echoed, so it should cost the peer more than us */

void rpc_message_done(struct rpc_message *m) {
        free(m->id);
        free(m->method);
        (void) json_unref(m->params);
        (void) json_unref(m->result);
        *m = (struct rpc_message){ .kind = RPC_REQUEST };
}

enum {
        SEEN_VERSION = 1u << 0,
        SEEN_ID = 1u << 1,
        SEEN_METHOD = 1u << 2,
        SEEN_PARAMS = 1u << 3,
        SEEN_RESULT = 1u << 4,
        SEEN_ERROR = 1u << 5,
};

struct envelope {
        struct rpc_message *message;
        struct json_object *error;
        bool params_null, version_wrong;
        unsigned seen;
};

static bool id_is_valid(const char *text, size_t len) {
        return len > 0 && len <= ID_MAX &&
               (*text == '"' || *text == '-' || (*text >= '0' && *text <= '9') || *text == 'n');
}

/* Consumes one value and gives its text. */
static int read_id(struct json_reader *r, char **ret) {
        const char *begin;
        int k;

        json_read_space(r);
        begin = r->p;
        k = json_read_raw(r);
        if (k < 0)
                return k;
        if (!id_is_valid(begin, (size_t) (r->p - begin)))
                return error_set(
                        r->e, ERROR_REQUEST, 0,
                        "the id is not a string, a number or null, or it is longer than %d bytes",
                        ID_MAX);
        free(*ret);
        *ret = strndup(begin, (size_t) (r->p - begin));
        return *ret ? 0 : error_nomem(r->e);
}

static int read_method(struct json_reader *r, char **ret) {
        _cleanup_(json_object_unrefp) struct json_object *value = NULL;
        size_t n;
        int k;

        k = json_read_value(r, &value);
        if (k < 0)
                return k;
        if (!json_object_is_type(value, json_type_string))
                return error_set(r->e, ERROR_REQUEST, 0, "the method is not a string");
        n = (size_t) json_object_get_string_len(value);
        if (memchr(json_object_get_string(value), 0, n))
                return error_set(r->e, ERROR_REQUEST, 0, "the method contains a NUL character");
        free(*ret);
        *ret = strndup(json_object_get_string(value), n);
        return *ret ? 0 : error_nomem(r->e);
}

static int read_version(struct json_reader *r, struct envelope *v) {
        _cleanup_(json_object_unrefp) struct json_object *value = NULL;
        int k = json_read_value(r, &value);

        if (k < 0)
                return k;
        v->version_wrong = !json_object_is_type(value, json_type_string) ||
                           strcmp(json_object_get_string(value), "2.0") != 0;
        return 0;
}

static int read_json(struct json_reader *r, struct json **ret) {
        struct json_object *value = NULL;
        int k = json_read_value(r, &value);

        if (k < 0)
                return k;
        *ret = json_from_c(value);
        return 0;
}

static unsigned member_bit(const char *key) {
        static const struct {
                const char *name;
                unsigned bit;
        } members[] = {
                { "jsonrpc", SEEN_VERSION }, { "id", SEEN_ID },         { "method", SEEN_METHOD },
                { "params", SEEN_PARAMS },   { "result", SEEN_RESULT }, { "error", SEEN_ERROR },
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (strcmp(members[i].name, key) == 0)
                        return members[i].bit;
        return 0;
}

static int read_member(struct json_reader *r, const char *key, struct envelope *v) {
        unsigned bit = member_bit(key);
        char shown[48];
        int k;

        if (!bit)
                return error_set(r->e, ERROR_REQUEST, 0,
                                 "\"%s\" is not a member of a JSON-RPC 2.0 message",
                                 json_show(key, strlen(key), shown, sizeof(shown)));
        if (v->seen & bit)
                return json_refuse(r, "a name occurs twice in one object");
        v->seen |= bit;
        switch (bit) {
        case SEEN_VERSION:
                return read_version(r, v);
        case SEEN_ID:
                return read_id(r, &v->message->id);
        case SEEN_METHOD:
                return read_method(r, &v->message->method);
        case SEEN_PARAMS:
                k = read_json(r, &v->message->params);
                v->params_null = k >= 0 && !v->message->params;
                return k;
        case SEEN_RESULT:
                return read_json(r, &v->message->result);
        default:
                return json_read_value(r, &v->error);
        }
}

static int read_envelope(struct json_reader *r, struct envelope *v) {
        const char *key;
        int k;

        if (json_read_token(r, '['))
                return error_set(r->e, ERROR_REQUEST, 0,
                                 "batches are not supported; send one message a line");
        if (!json_read_token(r, '{'))
                return json_refuse(r, "a JSON object has to stand here");
        r->depth++;
        if (!json_read_token(r, '}')) {
                do {
                        k = json_read_key(r, &key);
                        if (k >= 0)
                                k = read_member(r, key, v);
                        if (k < 0)
                                return k;
                } while (json_read_token(r, ','));
                if (!json_read_token(r, '}'))
                        return json_refuse(r, "\",\" or \"}\" has to stand here");
        }
        return json_read_end(r);
}

static void copy_text(char *to, size_t size, struct json_object *object, const char *key) {
        struct json_object *value;

        if (json_object_is_type(object, json_type_object) &&
            json_object_object_get_ex(object, key, &value) &&
            json_object_is_type(value, json_type_string))
                (void) snprintf(to, size, "%s", json_object_get_string(value));
}

/* A peer of another make may send less, or more: what is not understood is passed over. */
static int read_error(struct json_object *j, struct error *ret, struct error *e) {
        struct error error = ERROR_NULL;
        struct json_object *code, *data, *number;

        if (!json_object_is_type(j, json_type_object) ||
            !json_object_object_get_ex(j, "code", &code) ||
            !json_object_is_type(code, json_type_int))
                return error_set(e, ERROR_REQUEST, 0,
                                 "the error is not an object with an integer \"code\"");
        error.code = error_from_number(json_object_get_int(code));
        copy_text(error.message, sizeof(error.message), j, "message");
        if (json_object_object_get_ex(j, "data", &data)) {
                copy_text(error.where, sizeof(error.where), data, "pointer");
                copy_text(error.fact, sizeof(error.fact), data, "fact");
                if (json_object_is_type(data, json_type_object) &&
                    json_object_object_get_ex(data, "errno", &number) &&
                    json_object_is_type(number, json_type_int))
                        error.err = json_object_get_int(number);
        }
        *ret = error;
        return 0;
}

static int judge_request(struct envelope *v, struct error *e) {
        struct rpc_message *m = v->message;

        if (v->seen & (SEEN_RESULT | SEEN_ERROR))
                return error_set(e, ERROR_REQUEST, 0,
                                 "a message has a method, or a result, or an error");
        m->kind = v->seen & SEEN_ID ? RPC_REQUEST : RPC_NOTIFICATION;
        if (m->params && json_object_is_type(json_to_c(m->params), json_type_array))
                return error_field(
                        e, "",
                        "params is an array; parameters go by name: it must be an object like "
                        "{\"sandbox\": \"…\"}");
        if (v->params_null ||
            (m->params && !json_object_is_type(json_to_c(m->params), json_type_object)))
                return error_field(e, "", "params must be an object, or be left out");
        return 0;
}

static int judge(struct envelope *v, struct error *e) {
        struct rpc_message *m = v->message;

        if (!(v->seen & SEEN_VERSION) || v->version_wrong)
                return error_set(e, ERROR_REQUEST, 0, "\"jsonrpc\" is not \"2.0\"");
        if (v->seen & SEEN_METHOD)
                return judge_request(v, e);
        if (!(v->seen & (SEEN_RESULT | SEEN_ERROR)))
                return error_set(e, ERROR_REQUEST, 0, "the method is missing");
        if ((v->seen & SEEN_RESULT && v->seen & SEEN_ERROR) || v->seen & SEEN_PARAMS)
                return error_set(e, ERROR_REQUEST, 0,
                                 "a message has a method, or a result, or an error");
        if (!(v->seen & SEEN_ID))
                return error_set(e, ERROR_REQUEST, 0,
                                 "a result or an error needs the id of its request");
        if (strcmp(m->id, "null") == 0) {
                free(m->id);
                m->id = NULL;
        }
        if (v->seen & SEEN_RESULT) {
                m->kind = RPC_RESULT;
                return 0;
        }
        m->kind = RPC_ERROR;
        return read_error(v->error, &m->error, e);
}

/*
 * The id of a message that was refused, if the object is closed and has one at its top level.
 * Clients commonly send the id last, behind the params with the mistake; without it they would wait
 * for ever.
 */
static char *find_id(const char *line, size_t len) {
        struct json_reader r;
        const char *key, *begin;
        char *id = NULL;

        json_reader_init(&r, line, len, NULL);
        if (!json_read_token(&r, '{'))
                return NULL;
        r.depth++;
        do {
                if (json_read_key(&r, &key) < 0)
                        goto broken;
                json_read_space(&r);
                begin = r.p;
                if (json_read_raw(&r) < 0)
                        goto broken;
                if (!id && strcmp(key, "id") == 0 && id_is_valid(begin, (size_t) (r.p - begin)))
                        id = strndup(begin, (size_t) (r.p - begin));
        } while (json_read_token(&r, ','));
        if (json_read_token(&r, '}') && json_read_end(&r) >= 0) {
                json_reader_done(&r);
                return id;
        }
broken:
        json_reader_done(&r);
        free(id);
        return NULL;
}

int rpc_parse(const char *line, size_t len, struct rpc_message *ret, struct error *e) {
        struct rpc_message m = { .kind = RPC_REQUEST };
        struct envelope v = { .message = &m };
        struct json_reader r;
        int k;

        json_reader_init(&r, line, len, e);
        k = read_envelope(&r, &v);
        json_reader_done(&r);
        if (k >= 0)
                k = judge(&v, e);
        (void) json_object_put(v.error);
        if (k < 0) {
                char *id = find_id(line, len);

                rpc_message_done(&m);
                m.id = id;
                if (v.seen & (SEEN_RESULT | SEEN_ERROR) && !(v.seen & SEEN_METHOD)) {
                        free(m.id); /* an answer is not answered */
                        m.id = NULL;
                }
        }
        *ret = m;
        return k;
}

static void begin_message(struct json_text *t, const char *id) {
        json_text_adds(t, "{\"jsonrpc\":\"2.0\"");
        if (id) {
                json_text_adds(t, ",\"id\":");
                json_text_adds(t, id);
        }
}

static char *end_message(struct json_text *t, size_t *ret_len) {
        json_text_adds(t, "}\n");
        return json_text_take(t, ret_len);
}

char *rpc_format_request(const char *id, const char *method, struct json *params, size_t *ret_len) {
        struct json_text t = { .data = NULL };

        begin_message(&t, id);
        json_text_adds(&t, ",\"method\":");
        json_text_string(&t, method, strlen(method));
        if (params) {
                json_text_adds(&t, ",\"params\":");
                json_text_value(&t, json_to_c(params), false);
        }
        return end_message(&t, ret_len);
}

char *rpc_format_result(const char *id, struct json *result, size_t *ret_len) {
        struct json_text t = { .data = NULL };

        begin_message(&t, id ? id : "null");
        json_text_adds(&t, ",\"result\":");
        if (result)
                json_text_value(&t, json_to_c(result), false);
        else
                json_text_adds(&t, "{}");
        return end_message(&t, ret_len);
}

static void add_member(struct json_text *t, const char *name, const char *value) {
        if (!*value)
                return;
        json_text_adds(t, ",\"");
        json_text_adds(t, name);
        json_text_adds(t, "\":");
        json_text_string(t, value, strlen(value));
}

char *rpc_format_error(const char *id, const struct error *e, size_t *ret_len) {
        struct json_text t = { .data = NULL };
        const char *message = *e->message ? e->message : error_sentence(e->code);
        const char *name = error_wire_name(e->code);
        char text[32];

        begin_message(&t, id ? id : "null");
        (void) snprintf(text, sizeof(text), ",\"error\":{\"code\":%d", error_number(e->code));
        json_text_adds(&t, text);
        json_text_adds(&t, ",\"message\":");
        json_text_string(&t, message, strlen(message));
        json_text_adds(&t, ",\"data\":{\"code\":");
        json_text_string(&t, name, strlen(name));
        add_member(&t, "pointer", e->where);
        add_member(&t, "fact", e->fact);
        if (e->err > 0) {
                (void) snprintf(text, sizeof(text), ",\"errno\":%d", e->err);
                json_text_adds(&t, text);
        }
        json_text_adds(&t, "}}");
        return end_message(&t, ret_len);
}
