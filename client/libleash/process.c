/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A running command as an object.
 *
 * It is put on the connection's list while the answer that names it is being handled:
 * process.exited may stand in the very same read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "object.h"

static void unlink_process(struct leash_process *p) {
        if (!p->l)
                return;
        for (struct leash_process **q = &p->l->processes; *q; q = &(*q)->next)
                if (*q == p) {
                        *q = p->next;
                        break;
                }
        p->next = NULL;
}

struct start { /* what the answer's callback fills */
        struct leash_process *p;
        bool done;
        int r;
};

static int read_started(struct leash_process *p, struct json *result, struct error *e) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct process_start_result w = { 0 };

        if (!a)
                return error_nomem(e);
        int r = shape_decode_lax(methods[METHOD_PROCESS_START].result, result, a, &w, e);
        if (r < 0)
                return r;
        p->id = strdup(w.process ? w.process : "");
        p->sandbox = strdup(w.sandbox ? w.sandbox : "");
        p->workdir = strdup(w.workdir ? w.workdir : "");
        return p->id && p->sandbox && p->workdir ? 0 : error_nomem(e);
}

static void on_started(struct leash *l, int r, struct json *result, const int *fds, size_t n_fds,
                       void *userdata) {
        struct start *s = userdata;
        struct error e = ERROR_NULL;

        s->done = true;
        if (r >= 0) {
                r = read_started(s->p, result, &e);
                if (r < 0)
                        leash_fail(l, &e, r);
        }
        s->r = r;
        for (size_t i = 0; i < n_fds; i++)
                if (i == 0 && r >= 0)
                        s->p->pty = fds[i];
                else
                        close(fds[i]);
        if (r < 0)
                return;
        s->p->next = l->processes;
        l->processes = s->p;
}

static int start_once(struct leash *l, struct json *params, const int *fds, size_t n_fds,
                      process_wait_fn wait, void *userdata, struct leash_process *p) {
        struct start s = { .p = p };
        int r = leash_request(l, methods[METHOD_PROCESS_START].name, params, fds, n_fds, on_started,
                              &s);

        while (r >= 0 && !s.done)
                r = wait(l, userdata);
        if (!s.done)
                forget_pending(l, &s); /* the slot is on this stack */
        return s.done ? s.r : r;
}

static int wait_for_answer(struct leash *l, void *userdata) {
        return leash_wait(l);
}

int process_start_json(struct leash *l, struct json *params, const int *fds, size_t n_fds,
                       process_wait_fn wait, void *userdata, struct leash_process **ret) {
        struct leash_process *p = calloc(1, sizeof(*p));

        if (!p)
                return error_nomem(&l->error);
        p->pty = -1;
        p->l = l;
        p->early_last = &p->early;
        if (!wait)
                wait = wait_for_answer;
        int r = start_once(l, params, fds, n_fds, wait, userdata, p);
        /* Decision 16, as in leash_call_json: nobody answered, so nothing was started. */
        if (is_broken(r) && !l->answered && leash_reconnect(l) >= 0)
                r = start_once(l, params, fds, n_fds, wait, userdata, p);
        if (r < 0) {
                r = explain_broken(l, r);
                leash_process_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

/* Descriptors in order of first use; one that stands for two streams goes over once. */
static struct stdio_spec place_fd(int fd, int *fds, size_t *n) {
        if (fd < 0)
                return (struct stdio_spec){ .kind = STDIO_NULL };
        for (size_t i = 0; i < *n; i++)
                if (fds[i] == fd)
                        return (struct stdio_spec){ .kind = STDIO_FD, .fd = (unsigned) i };
        fds[*n] = fd;
        return (struct stdio_spec){ .kind = STDIO_FD, .fd = (unsigned) (*n)++ };
}

int leash_start(struct leash *l, struct leash_sandbox *s, const char *policy_json,
                const char *const *argv, const struct leash_stdio *io, const char *options_json,
                struct leash_process **ret) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct process_start_params params = { 0 };
        struct error e = ERROR_NULL;
        int fds[3];
        size_t n_fds = 0;

        if (!a)
                return error_nomem(&l->error);
        int r = decode_options(METHOD_PROCESS_START, options_json, a, &params, &e);
        if (r >= 0 && policy_json)
                r = decode_policy(policy_json, a, &params.policy, &e);
        if (r >= 0) {
                params.argv = (struct strings){ 0 };
                r = push_argv(a, argv, &params.argv, &e);
        }
        if (s)
                params.sandbox = s->id;
        if (io)
                params.stdio = (struct stdio_params){ .stdin_ = place_fd(io->in, fds, &n_fds),
                                                      .stdout_ = place_fd(io->out, fds, &n_fds),
                                                      .stderr_ = place_fd(io->err, fds, &n_fds) };
        if (r >= 0)
                r = shape_encode(methods[METHOD_PROCESS_START].params, &params, &j, &e);
        if (r < 0)
                return leash_fail(l, &e, r);
        return process_start_json(l, j, fds, n_fds, NULL, NULL, ret);
}

struct json *process_exited_json(struct leash_process *p) {
        return p->exited;
}

int process_take_pty(struct leash_process *p) {
        return TAKE_FD(p->pty);
}

const char *leash_process_id(const struct leash_process *p) {
        return p->id;
}

const char *leash_process_sandbox(const struct leash_process *p) {
        return p->sandbox;
}

const char *leash_process_workdir(const struct leash_process *p) {
        return p->workdir;
}

int leash_process_get_pty(const struct leash_process *p) {
        return p->pty;
}

static void give_exit(struct leash_process *p, struct json *params) {
        struct leash_result *r = NULL;
        struct error e = ERROR_NULL;

        if (p->exit && result_from_exit(params, &r, &e) >= 0)
                p->exit(p, r, p->userdata); /* may free p, and params with it */
        leash_result_free(r);
}

static void give_output(struct leash_process *p, struct json *params) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct process_output w = { 0 };
        struct error e = ERROR_NULL;

        if (p->output && a &&
            shape_decode_lax(notifications[NOTIFY_PROCESS_OUTPUT].params, params, a, &w, &e) >= 0)
                p->output(p, w.stream == STREAM_STDERR ? 2 : 1, w.data.data, w.data.len,
                          p->userdata);
}

/* 1: kept. Only what one read can hold in small lines; who never sets callbacks does not want it.
 */
static int keep_early(struct leash_process *p, struct json *params) {
        enum { MAX_EARLY = 256 };
        struct early *e = p->n_early < MAX_EARLY ? calloc(1, sizeof(*e)) : NULL;

        if (!e)
                return 0;
        e->params = json_ref(params);
        *p->early_last = e;
        p->early_last = &e->next;
        p->n_early++;
        return 1;
}

static void drop_early(struct leash_process *p) {
        while (p->early) {
                struct early *e = p->early;
                p->early = e->next;
                json_unref(e->params);
                free(e);
        }
}

/* What came in the same read as the answer is given now, in order, and the exit last. */
static void replay(struct leash_process *p) {
        struct early *e = TAKE(p->early);
        struct json *exited = p->exited;

        p->early_last = &p->early;
        while (e) {
                struct early *next = e->next;
                give_output(p, e->params);
                json_unref(e->params);
                free(e);
                e = next;
        }
        if (exited)
                give_exit(p, exited); /* may free p */
}

void leash_process_set_callbacks(struct leash_process *p, leash_output_fn output,
                                 leash_exit_fn on_exit, void *userdata) {
        bool first = !p->listening;

        p->output = output;
        p->exit = on_exit;
        p->userdata = userdata;
        p->listening = true;
        if (first)
                replay(p);
}

static int send_params(struct leash_process *p, enum method_id id, const void *params) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;

        if (!p->l)
                return -ENOTCONN;
        int r = shape_encode(methods[id].params, params, &j, &e);
        if (r < 0)
                return leash_fail(p->l, &e, r);
        return leash_request(p->l, methods[id].name, j, NULL, 0, NULL, NULL);
}

/* Not waited for: a signal to a command that has just ended is no error to anybody. */
int leash_process_signal(struct leash_process *p, int signo) {
        char number[16];

        snprintf(number, sizeof(number), "%d", signo);
        return send_params(p, METHOD_PROCESS_SIGNAL,
                           &(struct process_signal_params){ .process = p->id, .signal = number });
}

int leash_process_resize(struct leash_process *p, unsigned rows, unsigned cols) {
        return send_params(
                p, METHOD_PROCESS_RESIZE,
                &(struct process_resize_params){ .process = p->id, .rows = rows, .cols = cols });
}

int leash_process_write(struct leash_process *p, const void *data, size_t len, bool eof) {
        /* Always base64: whether bytes are text depends on where a caller happened to cut them. */
        return send_params(
                p, METHOD_PROCESS_WRITE,
                &(struct process_write_params){ .process = p->id,
                                                .data = { .data = len > 0 ? data : "", .len = len },
                                                .encoding = ENCODING_BASE64,
                                                .eof = eof });
}

int leash_process_wait(struct leash_process *p, struct leash_result **ret) {
        struct error e = ERROR_NULL;

        while (!p->exited) {
                if (!p->l)
                        return -ENOTCONN;
                int r = leash_wait(p->l);
                if (r < 0 && !p->exited)
                        return r;
        }
        int r = result_from_exit(p->exited, ret, &e);
        return r < 0 && p->l ? leash_fail(p->l, &e, r) : r;
}

struct leash_process *leash_process_free(struct leash_process *p) {
        if (!p)
                return NULL;
        if (p->l && p->l->fd >= 0 && p->id && !p->exited)
                (void) leash_process_signal(p, 9 /* nobody is left to see what it does */);
        unlink_process(p);
        if (p->pty >= 0)
                close(p->pty);
        drop_early(p);
        json_unref(p->exited);
        free(p->id);
        free(p->sandbox);
        free(p->workdir);
        free(p);
        return NULL;
}

static struct leash_process *find_process(struct leash *l, const char *id) {
        for (struct leash_process *p = l->processes; id && p; p = p->next)
                if (strcmp(p->id, id) == 0)
                        return p;
        return NULL;
}

static int notify_exited(struct leash *l, struct json *params, struct arena *a) {
        struct process_exit w = { 0 };
        struct error e = ERROR_NULL;

        if (shape_decode_lax(notifications[NOTIFY_PROCESS_EXITED].params, params, a, &w, &e) < 0)
                return 0;
        struct leash_process *p = find_process(l, w.process);
        if (!p)
                return 0;
        p->exited = json_ref(params);
        if (p->listening)
                give_exit(p, params);
        return 1;
}

static int notify_output(struct leash *l, struct json *params, struct arena *a) {
        struct process_output w = { 0 };
        struct error e = ERROR_NULL;

        if (shape_decode_lax(notifications[NOTIFY_PROCESS_OUTPUT].params, params, a, &w, &e) < 0)
                return 0;
        struct leash_process *p = find_process(l, w.process);
        if (!p)
                return 0;
        if (!p->listening)
                return keep_early(p, params);
        if (!p->output)
                return 0;
        p->output(p, w.stream == STREAM_STDERR ? 2 : 1, w.data.data, w.data.len, p->userdata);
        return 1;
}

int process_notify(struct leash *l, const char *method, struct json *params) {
        _cleanup_(arena_freep) struct arena *a = NULL;

        if (!l->processes || !method || !(a = arena_new()))
                return 0;
        if (strcmp(method, notifications[NOTIFY_PROCESS_EXITED].name) == 0)
                return notify_exited(l, params, a);
        if (strcmp(method, notifications[NOTIFY_PROCESS_OUTPUT].name) == 0)
                return notify_output(l, params, a);
        return 0;
}

void process_connection_lost(struct leash *l) {
        struct leash_process *p = TAKE(l->processes);

        while (p) {
                struct leash_process *next = p->next;
                p->next = NULL;
                p->l = NULL;
                p = next;
        }
}
