/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the daemon asks us. An answer of "no" needs nobody: it is what silence means, too. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void leash_set_decide(struct leash *l, leash_decide_fn fn, void *userdata) {
        l->decide = fn;
        l->decide_userdata = userdata;
}

void leash_set_undecide(struct leash *l, leash_undecide_fn fn, void *userdata) {
        l->undecide = fn;
        l->undecide_userdata = userdata;
}

int decide_notify(struct leash *l, const char *method, struct json *params) {
        const struct notification *n = &notifications[NOTIFY_NETWORK_CANCEL];
        _cleanup_(arena_freep) struct arena *a = NULL;
        struct network_cancel p = { 0 };

        if (strcmp(method, n->name) != 0)
                return 0;
        a = arena_new();
        if (!a || shape_decode_lax(n->params, params, a, &p, NULL) < 0)
                return 1;
        /* A question's id is what stood in the request, quotes included. */
        const char *id = arena_printf(a, "\"%s\"", p.id);
        if (id && l->undecide)
                l->undecide(l, id, l->undecide_userdata);
        return 1;
}

int leash_decide(struct leash *l, const char *id, enum leash_decision decision) {
        struct network_decide_result result = {
                .verdict = decision == LEASH_YES || decision == LEASH_YES_REMEMBER ? DECIDE_ALLOW
                                                                                   : DECIDE_DENY,
                .remember = decision == LEASH_YES_REMEMBER || decision == LEASH_NO_REMEMBER,
        };
        return leash_reply(l, id, CLIENT_NETWORK_DECIDE, &result);
}

int leash_reply(struct leash *l, const char *id, enum client_method_id method, const void *result) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        size_t len = 0;

        int r = shape_encode(client_methods[method].result, result, &j, &e);
        if (r < 0)
                return leash_fail(l, &e, r);
        char *line = rpc_format_result(id, j, &len);
        return leash_send(l, line, len);
}

int leash_refuse(struct leash *l, const char *id, const struct error *e) {
        size_t len = 0;
        char *line = rpc_format_error(id, e, &len);
        return leash_send(l, line, len);
}

int answer_request(struct leash *l, struct rpc_message *m) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct network_decide_params p = { 0 };
        struct error e = ERROR_NULL;

        int method = client_method_find(m->method);
        if (method == CLIENT_IPC_CALL)
                return ipc_asked(l, m);
        if (method == CLIENT_IPC_INPUT)
                return ipc_input(l, m);
        if (method != CLIENT_NETWORK_DECIDE) {
                error_set(&e, ERROR_METHOD, ENOSYS, "this client does not know %.40s", m->method);
                return leash_refuse(l, m->id, &e);
        }
        int r = a ? shape_decode_lax(client_methods[CLIENT_NETWORK_DECIDE].params, m->params, a, &p,
                                     &e)
                  : error_nomem(&e);
        if (r < 0)
                return leash_refuse(l, m->id, &e);
        const struct leash_question q = { .id = m->id,
                                          .sandbox = p.sandbox,
                                          .process = p.process ? p.process : "",
                                          .host = p.host,
                                          .protocol = p.protocol,
                                          .port = (uint16_t) p.port };
        enum leash_decision d = l->decide ? l->decide(l, &q, l->decide_userdata) : LEASH_NO;
        return d == LEASH_LATER ? 0 : leash_decide(l, m->id, d);
}
