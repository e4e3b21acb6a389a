/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calls: with text or JSON, waiting or not.
 *
 * A waiting call is an ordinary request whose callback fills a slot on the caller's stack. It is
 * sent once more, on a new connection, when the first one broke before the daemon said anything: an
 * idle daemon may leave between our connect() and its accept() (decision 16).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct slot {
        bool done;
        int r;
        struct json *result;
};

static void fill_slot(struct leash *l, int r, struct json *result, const int *fds, size_t n_fds,
                      void *userdata) {
        struct slot *s = userdata;

        (void) l;
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]); /* a waiting call has nowhere to put them */
        s->done = true;
        s->r = r;
        s->result = result ? json_ref(result) : NULL;
}

static int call_once(struct leash *l, const char *method, struct json *params, const int *fds,
                     size_t n_fds, struct slot *s) {
        *s = (struct slot){ 0 };
        int r = leash_request(l, method, params, fds, n_fds, fill_slot, s);
        if (r < 0)
                return r;
        while (!s->done) {
                r = leash_wait(l);
                /* -EINTR style hiccups come back as 0; a broken connection has filled the slot. */
                if (r < 0 && !s->done) {
                        forget_pending(l, s);
                        return r;
                }
        }
        return s->r;
}

bool is_broken(int r) {
        return r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN;
}

/* A daemon that leaves twice before it has said anything failed to start: say where its words are.
 */
int explain_broken(struct leash *l, int r) {
        char log[PATH_MAX] = "";

        if (!is_broken(r) || l->answered)
                return r;
        bool ours = start_log_path(l->socket, log, sizeof(log));
        return error_set(&l->error, ERROR_GONE, -r, "leashd went away before it answered%s%s",
                         ours ? "; its last words are in " : "", ours ? log : "");
}

int leash_call_json(struct leash *l, const char *method, struct json *params, const int *fds,
                    size_t n_fds, struct json **ret) {
        struct slot s;
        int r = call_once(l, method, params, fds, n_fds, &s);

        if (is_broken(r) && !l->answered && leash_reconnect(l) >= 0)
                r = call_once(l, method, params, fds, n_fds, &s);
        if (r < 0) {
                r = explain_broken(l, r);
                json_unref(s.result);
        } else if (ret) {
                *ret = s.result;
        } else {
                json_unref(s.result);
        }
        return r;
}

int leash_call_method(struct leash *l, enum method_id id, const void *params, struct arena *a,
                      void *ret, struct json **ret_json) {
        const struct method *m = &methods[id];
        _cleanup_(json_unrefp) struct json *p = NULL, *result = NULL;
        struct error e = ERROR_NULL;
        int r = 0;

        if (m->params && params)
                r = shape_encode(m->params, params, &p, &e);
        if (r < 0)
                return leash_fail(l, &e, r);
        r = leash_call_json(l, m->name, p, NULL, 0, &result);
        if (r < 0)
                return r;
        if (ret && m->result)
                r = shape_decode_lax(m->result, result, a, ret, &e);
        if (r < 0) {
                error_wrap(&e, r, "leashd's answer to %s cannot be read", m->name);
                return leash_fail(l, &e, r);
        }
        if (ret_json)
                *ret_json = TAKE(result);
        return 0;
}

char *json_text(const struct json *j) {
        size_t len = 0;

        return j ? json_print(j, false, &len) : strdup("null");
}

static int parse_params(struct leash *l, const char *params, struct json **ret) {
        struct error e = ERROR_NULL;

        *ret = NULL;
        if (!params)
                return 0;
        int r = json_parse(params, strlen(params), ret, &e);
        return r < 0 ? leash_fail(l, &e, r) : 0;
}

int leash_call(struct leash *l, const char *method, const char *params, const int *fds,
               size_t n_fds, char **ret_result) {
        _cleanup_(json_unrefp) struct json *p = NULL, *result = NULL;
        int r = parse_params(l, params, &p);

        if (r >= 0)
                r = leash_call_json(l, method, p, fds, n_fds, &result);
        if (r < 0)
                return r;
        if (ret_result) {
                char *text = json_text(result);
                if (!text)
                        return error_nomem(&l->error);
                *ret_result = text;
        }
        return 0;
}

struct async { /* a text callback behind a JSON one */
        leash_reply_fn fn;
        void *userdata;
};

static void give_text(struct leash *l, int r, struct json *result, const int *fds, size_t n_fds,
                      void *userdata) {
        struct async *a = userdata;
        char *text = NULL;

        if (r >= 0 && !(text = json_text(result)))
                r = error_nomem(&l->error);
        if (a->fn)
                a->fn(l, r, text, fds, n_fds, a->userdata);
        else
                for (size_t i = 0; i < n_fds; i++)
                        close(fds[i]);
        free(text);
        free(a);
}

int leash_call_async(struct leash *l, const char *method, const char *params, const int *fds,
                     size_t n_fds, leash_reply_fn fn, void *userdata) {
        _cleanup_(json_unrefp) struct json *p = NULL;
        int r = parse_params(l, params, &p);

        if (r < 0)
                return r;
        struct async *a = malloc(sizeof(*a));
        if (!a)
                return error_nomem(&l->error);
        *a = (struct async){ fn, userdata };
        r = leash_request(l, method, p, fds, n_fds, give_text, a);
        if (r < 0)
                free(a);
        return r;
}
