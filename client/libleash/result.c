/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a command ended: from the daemon's JSON to struct leash_result, for leash_run and
 * leash_process_wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/row.h"
#include "internal.h"

/* {"code": 0} or {"signal": 9}; proto/ hands it on as JSON because it is one or the other. */
struct exit_wire {
        int64_t code, signal;
};
static const struct field exit_fields[] = {
        FIELD_INT(struct exit_wire, code, "code", 0, 0, 255, "The exit status."),
        FIELD_INT(struct exit_wire, signal, "signal", 0, 1, 128, "The signal that ended it."),
};
static const struct shape exit_shape = { .name = "Exit",
                                         .size = sizeof(struct exit_wire),
                                         .fields = exit_fields,
                                         .n = ELEMENTSOF(exit_fields) };

int exit_from_json(struct json *exit, struct exit_info *ret, struct error *e) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct exit_wire w = { 0 };

        if (!a)
                return error_nomem(e);
        if (!exit)
                return error_set(e, ERROR_INTERNAL, EBADMSG, "leashd's answer has no exit status");
        int r = shape_decode_lax(&exit_shape, exit, a, &w, e);
        if (r < 0)
                return error_under(e, "/exit", r);
        *ret = (struct exit_info){ .by_signal = w.signal > 0,
                                   .code = (int) w.code,
                                   .signal = (int) w.signal };
        return 0;
}

const char *reason_name(enum exit_reason reason) {
        static const char *const names[REASON_N_] = {
                [REASON_EXITED] = "exited",
                [REASON_SIGNALLED] = "signalled",
                [REASON_TIMEOUT] = "timeout",
                [REASON_OUT_OF_MEMORY] = "out_of_memory",
                [REASON_OUTPUT_LIMIT] = "output_limit",
                [REASON_CPU_LIMIT] = "cpu_limit",
                [REASON_DISK_LIMIT] = "disk_limit",
                [REASON_DESTROYED] = "destroyed",
        };

        return reason < REASON_N_ && names[reason] ? names[reason] : "";
}

struct result { /* struct leash_result first: the public pointer is a pointer to this */
        struct leash_result public;
        char *json, *out, *err;
};

struct leash_result *leash_result_free(struct leash_result *p) {
        struct result *r = (struct result *) p;

        if (!r)
                return NULL;
        free(r->json);
        free(r->out);
        free(r->err);
        free(r);
        return NULL;
}

static char *copy_bytes(const struct bytes *b) {
        char *p = malloc(b->len + 1);

        if (!p)
                return NULL;
        if (b->len > 0)
                memcpy(p, b->data, b->len);
        p[b->len] = '\0';
        return p;
}

static int result_new(struct json *j, struct json *exit, enum exit_reason reason,
                      const struct bytes *out, const struct bytes *err, struct result **ret,
                      struct error *e) {
        struct exit_info info = { 0 };
        int r = exit_from_json(exit, &info, e);

        if (r < 0)
                return r;
        struct result *p = calloc(1, sizeof(*p));
        if (!p)
                return error_nomem(e);
        p->json = json_text(j);
        p->out = copy_bytes(out);
        p->err = copy_bytes(err);
        if (!p->json || !p->out || !p->err) {
                leash_result_free(&p->public);
                return error_nomem(e);
        }
        p->public = (struct leash_result){
                .exit_code = info.by_signal ? -1 : info.code,
                .signal = info.signal,
                .reason = reason_name(reason),
                .out = p->out,
                .err = p->err,
                .out_len = out->len,
                .err_len = err->len,
                .json = p->json,
        };
        *ret = p;
        return 0;
}

int result_from_run(struct json *j, struct leash_result **ret, struct error *e) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct process_run_result w = { 0 };
        struct result *p = NULL;

        if (!a)
                return error_nomem(e);
        int r = shape_decode_lax(methods[METHOD_PROCESS_RUN].result, j, a, &w, e);
        if (r >= 0)
                r = result_new(j, w.exit, w.reason, &w.stdout_, &w.stderr_, &p, e);
        if (r < 0 || !p)
                return r;
        p->public.truncated = w.truncated;
        *ret = &p->public;
        return 0;
}

int result_from_exit(struct json *j, struct leash_result **ret, struct error *e) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct process_exit w = { 0 };
        const struct bytes none = { 0 };
        struct result *p = NULL;

        if (!a)
                return error_nomem(e);
        int r = shape_decode_lax(notifications[NOTIFY_PROCESS_EXITED].params, j, a, &w, e);
        if (r >= 0)
                r = result_new(j, w.exit, w.reason, &none, &none, &p, e);
        if (r < 0 || !p)
                return r;
        p->public.truncated = w.truncated;
        *ret = &p->public;
        return 0;
}
