/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Host commands: the daemon asks (ipc.call), a handler answers now or later. A call is its
 * handler's from then on, also when nobody waits any more: it ends with exactly one of the
 * functions that answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

struct ipc_handler {
        struct ipc_handler *next;
        char *sandbox, *name;
        leash_ipc_fn fn;
        void *userdata;
};

struct leash_ipc_call {
        struct leash_ipc_call *next; /* in leash.calls; NULL connection: not in there any more */
        struct leash *l;             /* NULL: nobody waits */
        char *id;                    /* of the daemon's request */
        struct arena *arena;
        struct ipc_call_params params;
        char *arguments;
        leash_ipc_cancel_fn cancel;
        void *cancel_userdata;
        leash_ipc_input_fn input;
        void *input_userdata;
        char *input_id; /* an ipc.input that has not been answered */
};

static void call_free(struct leash_ipc_call *c) {
        for (struct leash_ipc_call **p = c->l ? &c->l->calls : NULL; p && *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        json_unref(c->params.arguments);
        c->arena = arena_free(c->arena);
        free(c->arguments);
        free(c->input_id);
        free(c->id);
        free(c);
}

static struct leash_ipc_call *call_find(struct leash *l, const char *name) {
        struct leash_ipc_call *c = l->calls;

        while (c && strcmp(c->params.call, name) != 0)
                c = c->next;
        return c;
}

/* registering */

static int encode_spec(const char *sandbox, const char *spec, struct json **ret, struct error *e) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct ipc_command c = { 0 };
        struct ipc_register_params p = { .sandbox = sandbox,
                                         .commands = { .items = &c, .n = 1, .set = true } };
        int r = a ? json_parse(spec, strlen(spec), &j, e) : error_nomem(e);

        if (r >= 0)
                r = shape_decode(&ipc_command_shape, j, a, &c, e);
        return r < 0 ? r : shape_encode(methods[METHOD_IPC_REGISTER].params, &p, ret, e);
}

static const char *name_in(struct json *params) {
        return json_string(json_get(json_at(json_get(params, "commands"), 0), "name"));
}

static struct ipc_handler *handler_new(const char *sandbox, const char *name, leash_ipc_fn fn,
                                       void *userdata) {
        struct ipc_handler *h = calloc(1, sizeof(*h));

        if (!h)
                return NULL;
        *h = (struct ipc_handler){
                .sandbox = strdup(sandbox), .name = strdup(name), .fn = fn, .userdata = userdata
        };
        return h;
}

static struct ipc_handler *handler_free(struct ipc_handler *h) {
        free(h->sandbox);
        free(h->name);
        free(h);
        return NULL;
}

int ipc_register(struct leash *l, const char *sandbox, const char *spec, leash_ipc_fn fn,
                 void *userdata) {
        _cleanup_(json_unrefp) struct json *params = NULL;
        struct error e = ERROR_NULL;

        int r = encode_spec(sandbox, spec, &params, &e);
        if (r < 0)
                return leash_fail(l, &e, r);
        struct ipc_handler *h = handler_new(sandbox, name_in(params), fn, userdata);
        if (!h || !h->sandbox || !h->name) {
                if (h)
                        handler_free(h);
                return error_nomem(&l->error);
        }
        r = leash_call_json(l, methods[METHOD_IPC_REGISTER].name, params, NULL, 0, NULL);
        if (r < 0) {
                handler_free(h);
                return r;
        }
        h->next = l->handlers;
        l->handlers = h;
        return 0;
}

int leash_ipc_register(struct leash_sandbox *s, const char *spec_json, leash_ipc_fn fn,
                       void *userdata) {
        return ipc_register(s->l, s->id, spec_json, fn, userdata);
}

/* sandbox and name NULL: all */
static void handlers_drop(struct leash *l, const char *sandbox, const char *name) {
        for (struct ipc_handler **p = &l->handlers; *p;) {
                struct ipc_handler *h = *p;

                if ((sandbox && strcmp(h->sandbox, sandbox) != 0) ||
                    (name && strcmp(h->name, name) != 0)) {
                        p = &h->next;
                        continue;
                }
                *p = h->next;
                handler_free(h);
        }
}

int leash_ipc_unregister(struct leash_sandbox *s, const char *name) {
        const struct ipc_unregister_params p = { .sandbox = s->id,
                                                 .names = { .items = &name, .n = 1, .set = true } };
        int r = leash_call_method(s->l, METHOD_IPC_UNREGISTER, &p, NULL, NULL, NULL);

        if (r >= 0)
                handlers_drop(s->l, s->id, name);
        return r;
}

/* The call object stays: it is its handler's. */
static void call_lose(struct leash_ipc_call *c, const char *why) {
        for (struct leash_ipc_call **p = &c->l->calls; *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        c->l = NULL;
        if (c->cancel)
                c->cancel(c, why, c->cancel_userdata);
}

void ipc_forget_sandbox(struct leash *l, const char *sandbox) {
        handlers_drop(l, sandbox, NULL);
}

void ipc_connection_lost(struct leash *l) {
        while (l->calls)
                call_lose(l->calls, "connection_lost");
        handlers_drop(l, NULL, NULL);
}

/* what the daemon says */

static const struct ipc_handler *handler_of(struct leash *l, const struct ipc_call_params *p) {
        const struct ipc_handler *h = l->handlers;

        while (h && (strcmp(h->sandbox, p->sandbox) != 0 || strcmp(h->name, p->command) != 0))
                h = h->next;
        return h;
}

int ipc_asked(struct leash *l, struct rpc_message *m) {
        struct leash_ipc_call *c = calloc(1, sizeof(*c));
        struct error e = ERROR_NULL;

        if (!c)
                return error_nomem(&l->error);
        c->l = l;
        c->arena = arena_new();
        int r = c->arena ? shape_decode_lax(client_methods[CLIENT_IPC_CALL].params, m->params,
                                            c->arena, &c->params, &e)
                         : error_nomem(&e);
        c->params.arguments = r < 0 ? NULL : json_ref(c->params.arguments);
        c->arguments = r < 0 ? NULL : json_text(c->params.arguments);
        c->id = strdup(m->id);
        if (r >= 0 && (!c->arguments || !c->id))
                r = error_nomem(&e);
        const struct ipc_handler *h = r < 0 || !c->arena ? NULL : handler_of(l, &c->params);
        if (r >= 0 && !h)
                r = error_set(&e, ERROR_NOT_FOUND, ENOENT, "nobody handles this command any more");
        if (r < 0 || !h) {
                call_free(c);
                return leash_refuse(l, m->id, &e);
        }
        c->next = l->calls;
        l->calls = c;
        h->fn(c, h->userdata);
        return 0;
}

int ipc_input(struct leash *l, struct rpc_message *m) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct ipc_input_params p = { 0 };
        struct empty none = { 0 };
        struct error e = ERROR_NULL;

        int r = a ? shape_decode_lax(client_methods[CLIENT_IPC_INPUT].params, m->params, a, &p, &e)
                  : error_nomem(&e);
        struct leash_ipc_call *c = r < 0 ? NULL : call_find(l, p.call);
        if (r >= 0 && !c)
                r = error_set(&e, ERROR_NOT_FOUND, ENOENT, "there is no such call any more");
        if (!c)
                return leash_refuse(l, m->id, &e);
        if (!c->input) /* whoever does not ask for it does not want it */
                return leash_reply(l, m->id, CLIENT_IPC_INPUT, &none);
        free(c->input_id);
        c->input_id = strdup(m->id);
        if (!c->input_id)
                return error_nomem(&l->error);
        c->input(c, p.data.data ? p.data.data : "", p.data.len, p.eof, c->input_userdata);
        return 0;
}

int ipc_notify(struct leash *l, const char *method, struct json *params) {
        _cleanup_(arena_freep) struct arena *a = NULL;
        struct ipc_cancel p = { 0 };

        if (strcmp(method, notifications[NOTIFY_IPC_CANCEL].name) != 0)
                return 0;
        a = arena_new();
        if (!a ||
            shape_decode_lax(notifications[NOTIFY_IPC_CANCEL].params, params, a, &p, NULL) < 0)
                return 1;
        struct leash_ipc_call *c = call_find(l, p.call);
        if (c)
                call_lose(c, ipc_cancel_reason_names[p.reason] ? ipc_cancel_reason_names[p.reason]
                                                               : "cancelled");
        return 1;
}

/* what a handler sees */

const char *leash_ipc_command(const struct leash_ipc_call *c) {
        return c->params.command;
}

const char *leash_ipc_sandbox(const struct leash_ipc_call *c) {
        return c->params.sandbox;
}

const char *leash_ipc_arguments(const struct leash_ipc_call *c) {
        return c->arguments;
}

struct json *ipc_arguments_json(const struct leash_ipc_call *c) {
        return c->params.arguments;
}

bool leash_ipc_has_input(const struct leash_ipc_call *c) {
        return c->params.stream_stdin;
}

const char *leash_ipc_caller(const struct leash_ipc_call *c, int *ret_pid,
                             const char **ret_process) {
        if (ret_pid)
                *ret_pid = (int) c->params.process.pid;
        if (ret_process)
                *ret_process = c->params.process.process ? c->params.process.process : "";
        return c->params.process.name ? c->params.process.name : "";
}

void leash_ipc_set_cancel(struct leash_ipc_call *c, leash_ipc_cancel_fn fn, void *userdata) {
        c->cancel = fn;
        c->cancel_userdata = userdata;
}

void leash_ipc_set_input(struct leash_ipc_call *c, leash_ipc_input_fn fn, void *userdata) {
        c->input = fn;
        c->input_userdata = userdata;
}

int leash_ipc_input_taken(struct leash_ipc_call *c) {
        struct empty none = { 0 };
        char *id = c->input_id;
        int r = 0;

        c->input_id = NULL;
        if (id && c->l)
                r = leash_reply(c->l, id, CLIENT_IPC_INPUT, &none);
        free(id);
        return r;
}

/* answers */

static int answer(struct leash_ipc_call *c, const struct ipc_call_result *result) {
        int r = c->l ? leash_reply(c->l, c->id, CLIENT_IPC_CALL, result) : 0;

        call_free(c);
        return r;
}

int leash_ipc_answer(struct leash_ipc_call *c, const void *text, size_t len) {
        struct ipc_call_result result = { .text = { text, len } };

        result.encoding = text_encoding_for(&result.text, 1);
        return answer(c, &result);
}

int leash_ipc_answer_json(struct leash_ipc_call *c, const char *text) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        int r = json_parse(text, strlen(text), &j, &e);

        if (r >= 0)
                return answer(c, &(struct ipc_call_result){ .json = j });
        if (c->l)
                r = leash_fail(c->l, &e, r);
        (void) leash_ipc_fail(c, "the host's answer is not valid JSON");
        return r;
}

int leash_ipc_exit(struct leash_ipc_call *c, int code) {
        return answer(c, &(struct ipc_call_result){ .exit_code = (uint64_t) (code & 0xff) });
}

int leash_ipc_fail(struct leash_ipc_call *c, const char *message) {
        struct error e = ERROR_NULL;
        int r = 0;

        /* Refused: of the codes that a caller can tell apart, the one that blames nobody else. */
        error_set(&e, ERROR_REFUSED, 0, "%s", message && *message ? message : "failed");
        if (c->l)
                r = leash_refuse(c->l, c->id, &e);
        call_free(c);
        return r;
}

struct output {
        leash_ipc_room_fn fn;
        void *userdata;
};

static void on_room(struct leash *l, int r, struct json *result, const int *fds, size_t n_fds,
                    void *userdata) {
        struct output *o = userdata;

        close_all(fds, n_fds);
        o->fn(r, o->userdata);
        free(o);
}

int leash_ipc_output(struct leash_ipc_call *c, int stream, const void *data, size_t len,
                     leash_ipc_room_fn fn, void *userdata) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        struct ipc_output_params p = { .call = c->params.call,
                                       .stream = stream == 2 ? STREAM_STDERR : STREAM_STDOUT,
                                       .data = { data, len } };
        size_t n = 0;

        if (!c->l)
                return -ECANCELED;
        if (len > LEASH_IPC_OUTPUT_MAX)
                return error_set(&c->l->error, ERROR_LIMIT, EMSGSIZE, "at most %d bytes at once",
                                 LEASH_IPC_OUTPUT_MAX);
        p.encoding = text_encoding_for(&p.data, 1);
        int r = shape_encode(methods[METHOD_IPC_OUTPUT].params, &p, &j, &e);
        if (r < 0)
                return leash_fail(c->l, &e, r);
        if (!fn) {
                char *line = rpc_format_request(NULL, methods[METHOD_IPC_OUTPUT].name, j, &n);
                return leash_send(c->l, line, n);
        }
        struct output *o = malloc(sizeof(*o));
        if (!o)
                return error_nomem(&c->l->error);
        *o = (struct output){ fn, userdata };
        r = leash_request(c->l, methods[METHOD_IPC_OUTPUT].name, j, NULL, 0, on_room, o);
        if (r < 0)
                free(o);
        return r;
}
