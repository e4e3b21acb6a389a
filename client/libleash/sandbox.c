/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sandbox as an object: its id and the three calls that take one. The daemon holds everything
 * else. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "localise.h"
#include "object.h"

static int decode_text(const struct shape *shape, const char *text, const char *what,
                       struct arena *a, void *ret, struct error *e) {
        _cleanup_(json_unrefp) struct json *j = NULL;

        if (!text)
                return 0;
        int r = json_parse(text, strlen(text), &j, e);
        if (r >= 0)
                r = shape_decode(shape, j, a, ret, e);
        return error_under(e, what, r);
}

int decode_policy(const char *text, struct arena *a, struct policy **ret, struct error *e) {
        char cwd[PATH_MAX];

        if (!text)
                return 0;
        if (!getcwd(cwd, sizeof(cwd)))
                return error_set(e, ERROR_IO, errno, "current directory: %s", strerror(errno));
        struct policy *p = arena_alloc(a, sizeof(*p));
        if (!p)
                return error_nomem(e);
        int r = decode_text(&policy_shape, text, "/policy", a, p, e);
        if (r >= 0)
                r = error_under(e, "/policy", policy_localise(a, cwd, p, e));
        if (r >= 0)
                *ret = p;
        return r;
}

/* Options are a method's params without what the call's other arguments give, so nothing is
 * required. */
int decode_options(enum method_id id, const char *text, struct arena *a, void *ret,
                   struct error *e) {
        struct shape shape = *methods[id].params;
        struct field *fields = arena_array(a, shape.n, sizeof(*fields));

        if (!fields)
                return error_nomem(e);
        memcpy(fields, shape.fields, shape.n * sizeof(*fields));
        for (size_t i = 0; i < shape.n; i++)
                fields[i].flags &= ~(unsigned) FIELD_REQUIRED;
        shape.fields = fields;
        return decode_text(&shape, text, "", a, ret, e);
}

int push_argv(struct arena *a, const char *const *argv, struct strings *ret, struct error *e) {
        ret->set = true;
        for (; argv && *argv; argv++)
                if (!arena_push(a, ret, *argv))
                        return error_nomem(e);
        return 0;
}

int leash_sandbox_create(struct leash *l, const char *policy_json, struct leash_sandbox **ret) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct sandbox_create_params params = { 0 };
        struct sandbox_create_result result = { 0 };
        struct error e = ERROR_NULL;

        if (!a)
                return error_nomem(&l->error);
        int r = decode_policy(policy_json, a, &params.policy, &e);
        if (r < 0)
                return leash_fail(l, &e, r);
        r = leash_call_method(l, METHOD_SANDBOX_CREATE, &params, a, &result, NULL);
        if (r < 0)
                return r;
        struct leash_sandbox *s = calloc(1, sizeof(*s));
        if (!s)
                return error_nomem(&l->error);
        s->l = l;
        s->id = strdup(result.sandbox ? result.sandbox : "");
        s->workdir = strdup(result.workdir ? result.workdir : "");
        if (!s->id || !s->workdir) {
                leash_sandbox_free(s);
                return error_nomem(&l->error);
        }
        *ret = s;
        return 0;
}

const char *leash_sandbox_id(const struct leash_sandbox *s) {
        return s->id;
}

const char *leash_sandbox_workdir(const struct leash_sandbox *s) {
        return s->workdir;
}

struct leash_sandbox *leash_sandbox_free(struct leash_sandbox *s) {
        if (!s)
                return NULL;
        if (s->id && s->l->fd >= 0) {
                struct sandbox_destroy_params params = { .sandbox = s->id };
                /* Best effort: if it fails the connection is gone, and the sandbox with it. */
                (void) leash_call_method(s->l, METHOD_SANDBOX_DESTROY, &params, NULL, NULL, NULL);
        }
        if (s->id)
                ipc_forget_sandbox(s->l, s->id);
        free(s->id);
        free(s->workdir);
        free(s);
        return NULL;
}

int leash_run(struct leash_sandbox *s, const char *const *argv, const char *options_json,
              struct leash_result **ret) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct process_run_params params = { 0 };
        struct error e = ERROR_NULL;

        if (!a)
                return error_nomem(&s->l->error);
        int r = decode_options(METHOD_PROCESS_RUN, options_json, a, &params, &e);
        if (r >= 0) {
                params.sandbox = s->id;
                params.argv = (struct strings){ 0 };
                r = push_argv(a, argv, &params.argv, &e);
        }
        if (r < 0)
                return leash_fail(s->l, &e, r);
        r = leash_call_method(s->l, METHOD_PROCESS_RUN, &params, a, NULL, &j);
        if (r < 0)
                return r;
        r = result_from_run(j, ret, &e);
        return r < 0 ? leash_fail(s->l, &e, r) : 0;
}
