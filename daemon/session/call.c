/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests that the daemon makes. Their ids are "d" and a number, so that they cannot be mistaken
 * for a client's own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/list.h"
#include "session.h"

struct call {
        LIST_ENTRY(call) link;
        struct peer *peer;
        enum client_method_id method;
        char id[CALL_ID_BYTES]; /* as JSON text */
        struct event *timeout;
        call_fn fn;
        void *userdata;
};

static void call_free(struct call *c) {
        event_free(c->timeout);
        free(c);
}

void call_forget(struct call *c) {
        LIST_REMOVE(c, link);
        call_free(c);
}

const char *call_id(const struct call *c, char ret[static CALL_ID_BYTES]) {
        (void) snprintf(ret, CALL_ID_BYTES, "%.*s", (int) strlen(c->id) - 2, c->id + 1);
        return ret;
}

/* Of a call that is in no list any more. */
static void conclude(struct call *c, const void *result, const struct error *e) {
        struct session *s = c->peer->session;
        call_fn fn = c->fn;
        void *userdata = c->userdata;
        call_free(c);
        fn(s, result, e, userdata);
}

static void finish(struct call *c, const void *result, const struct error *e) {
        LIST_REMOVE(c, link);
        conclude(c, result, e);
}

static void on_timeout(evutil_socket_t fd, short what, void *userdata) {
        struct error e = ERROR_NULL;
        error_set(&e, ERROR_TIMEOUT, ETIMEDOUT, "there was no answer in time");
        finish(userdata, NULL, &e);
}

int peer_call(struct peer *p, enum client_method_id id, const void *params, double seconds,
              call_fn fn, void *userdata, struct call **ret) {
        const struct method *m = &client_methods[id];
        struct timeval tv = { .tv_sec = (time_t) seconds,
                              .tv_usec =
                                      (suseconds_t) ((seconds - (double) (time_t) seconds) * 1e6) };
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        size_t len;

        int r = shape_encode(m->params, params, &j, &e);
        if (r < 0)
                return r;
        struct call *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        *c = (struct call){ .peer = p, .method = id, .fn = fn, .userdata = userdata };
        snprintf(c->id, sizeof c->id, "\"d%llu\"", (unsigned long long) ++p->session->last_call);
        c->timeout = evtimer_new(p->session->base, on_timeout, c);
        if (!c->timeout || event_add(c->timeout, &tv) < 0) {
                if (c->timeout)
                        event_free(c->timeout);
                free(c);
                return -ENOMEM;
        }
        LIST_INSERT_HEAD(&p->calls, c, link);
        char *line = rpc_format_request(c->id, m->name, j, &len);
        if (ret)
                *ret = c;
        peer_send(p, line, len, NULL, 0); /* without memory the peer dies, and the call with it */
        return 0;
}

void call_answered(struct peer *p, const struct rpc_message *m) {
        struct call *c;
        LIST_FOREACH(c, &p->calls, link)
                if (m->id && strcmp(m->id, c->id) == 0)
                        break;
        if (!c)
                return; /* too late, or never asked */
        const struct shape *shape = client_methods[c->method].result;
        _cleanup_(arena_freep) struct arena *a = arena_new();
        void *result = a && m->kind == RPC_RESULT ? arena_alloc(a, shape->size) : NULL;
        struct error e = ERROR_NULL;
        if (!a || (m->kind == RPC_RESULT && !result))
                error_nomem(&e);
        if (result && shape_decode(shape, m->result, a, result, &e) < 0) {
                log_write(&p->session->log, LOG_WARN, "a client's answer cannot be read",
                          LOG_INT("pid", p->pid), LOG_STR("why", e.message));
                result = NULL;
                error_set(&e, ERROR_INTERNAL, EBADMSG, "the client's answer cannot be read");
        }
        if (m->kind == RPC_ERROR) { /* its numbers are its own */
                e = m->error;
                e.code = ERROR_REFUSED;
                e.where[0] = e.fact[0] = '\0';
        }
        finish(c, result, &e);
}

void calls_drop(struct peer *p) {
        struct error e = ERROR_NULL;
        struct call *c;
        error_set(&e, ERROR_GONE, EPIPE, "the client has gone");
        while ((c = LIST_TAKE_FIRST(&p->calls, link)))
                conclude(c, NULL, &e);
}
