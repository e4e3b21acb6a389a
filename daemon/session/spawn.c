/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Starting a command: pipes are made, the backend is asked, our ends are watched. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../../policy/path.h"
#include "process.h"

struct ends {
        int theirs[3]; /* for the command */
        int ours[3];
};

static void ends_close(struct ends *x) {
        fds_close(x->theirs, 3);
        fds_close(x->ours, 3);
}

static int make_pipes(const struct process_wish *w, struct ends *x, struct error *e) {
        for (int i = 0; i < 3; i++) {
                int fds[2];
                if (!w->pipes[i])
                        continue;
                int r = pipe_new(fds);
                if (r < 0)
                        return error_set(e, ERROR_LIMIT, -r, "cannot make a pipe: %s",
                                         strerror(-r));
                x->theirs[i] = fds[i == 0 ? 0 : 1];
                x->ours[i] = fds[i == 0 ? 1 : 0];
        }
        return 0;
}

/* Host commands stand before what a command's own PATH says, as they do before the policy's. */
static const char *variable(struct arena *a, const struct sandbox *sb, const struct pair *p) {
        const char *dir = sb->place.subject.ipc_dir;
        if (!dir || strcmp(p->name, "PATH") != 0 ||
            (strncmp(p->value, dir, strlen(dir)) == 0 && p->value[strlen(dir)] == '/'))
                return arena_printf(a, "%s=%s", p->name, p->value);
        return arena_printf(a, "PATH=%s/bin:%s", dir, p->value);
}

static int make_environment(struct arena *a, const struct sandbox *sb, const struct pairs *pairs,
                            const char *const **ret, struct error *e) {
        const char **env = arena_array(a, pairs->n + 1, sizeof *env);
        if (!env)
                return error_nomem(e);
        for (size_t i = 0; i < pairs->n; i++) {
                env[i] = variable(a, sb, &pairs->items[i]);
                if (!env[i])
                        return error_nomem(e);
        }
        *ret = env;
        return 0;
}

static int make_argv(struct arena *a, const struct strings *argv, const char *const **ret,
                     struct error *e) {
        size_t bytes = 0;
        if (argv->n == 0 || !argv->items[0][0])
                return error_field(e, "/argv", "the program's name is missing");
        const char **v = arena_array(a, argv->n + 1, sizeof *v);
        if (!v)
                return error_nomem(e);
        for (size_t i = 0; i < argv->n; i++) {
                v[i] = argv->items[i];
                bytes += strlen(v[i]) + 1;
        }
        if (bytes > LIMIT_ARGV_BYTES)
                return error_field(e, "/argv", "%zu bytes are more than a program can get (%u)",
                                   bytes, LIMIT_ARGV_BYTES);
        *ret = v;
        return 0;
}

static int make_cwd(struct arena *a, const struct sandbox *sb, const char *cwd, const char **ret,
                    struct error *e) {
        if (!cwd)
                return 0;
        int r = path_check(cwd, false, "/cwd", e);
        if (r < 0)
                return r;
        *ret = path_expand(a, cwd, sb->place.subject.home, sb->place.subject.workdir);
        return *ret ? 0 : error_nomem(e);
}

/* The shorter of the request's and the policy's limit. */
static uint64_t effective_timeout(const struct sandbox *sb, uint64_t timeout_ms) {
        uint64_t wall = sb->place.plan->limits.wall_ms;
        return wall > 0 && (timeout_ms == 0 || wall < timeout_ms) ? wall : timeout_ms;
}

static int watch_ends(struct process *p, const struct process_wish *w, struct ends *x) {
        enum output_mode mode = w->hooks ? OUTPUT_SINK : w->run ? OUTPUT_CAPTURE : OUTPUT_STREAM;
        size_t limit = w->max_output_bytes;
        int r = 0;

        if (mode == OUTPUT_CAPTURE && limit == 0)
                limit = LIMIT_OUTPUT_DEFAULT;
        if (x->ours[0] >= 0)
                r = input_start(&p->input, p, TAKE_FD(x->ours[0]));
        if (r >= 0 && x->ours[1] >= 0)
                r = output_start(&p->out, p, mode, STREAM_STDOUT, TAKE_FD(x->ours[1]), limit);
        if (r >= 0 && x->ours[2] >= 0)
                r = output_start(&p->err, p, mode, STREAM_STDERR, TAKE_FD(x->ours[2]), limit);
        return r;
}

static int copy_argv(struct process *p, const struct strings *argv, const char *title) {
        p->notes = arena_new();
        if (!p->notes)
                return -ENOMEM;
        if (title)
                return arena_push(p->notes, &p->argv, title) ? 0 : -ENOMEM;
        for (size_t i = 0; i < argv->n; i++)
                if (!arena_push(p->notes, &p->argv, argv->items[i]))
                        return -ENOMEM;
        return 0;
}

int process_new(struct request *rq, struct sandbox *sb, const struct process_wish *w,
                struct error *e) {
        struct session *s = rq->session;
        _cleanup_(ends_close) struct ends x = { { -1, -1, -1 }, { -1, -1, -1 } };
        struct spawn spawn = { .rows = w->rows, .cols = w->cols };

        if (sb->n_processes >= LIMIT_PROCESSES_PER_SANDBOX)
                return error_set(e, ERROR_LIMIT, EAGAIN, "%u commands run in this sandbox already",
                                 LIMIT_PROCESSES_PER_SANDBOX);
        int r = make_argv(rq->arena, &w->argv, &spawn.argv, e);
        if (r >= 0)
                r = make_environment(rq->arena, sb, &w->environment, &spawn.env, e);
        if (r >= 0)
                r = make_cwd(rq->arena, sb, w->cwd, &spawn.cwd, e);
        if (r >= 0)
                r = make_pipes(w, &x, e);
        if (r < 0)
                return r;

        struct process *p = process_alloc(s, sb);
        if (!p)
                return error_nomem(e);
        p->run = w->run;
        p->kill_on_limit = w->kill_on_limit;
        p->hooks = w->hooks;
        p->userdata = w->userdata;
        spawn.id = p->number;
        for (int i = 0; i < 3; i++)
                spawn.stdio[i] = x.theirs[i] >= 0 ? x.theirs[i] : w->stdio[i];
        if (copy_argv(p, &w->argv, w->title) < 0 || watch_ends(p, w, &x) < 0) {
                process_abandon(p);
                return error_nomem(e);
        }
        if (w->run && w->pipes[0]) {
                r = w->text_len > 0 ? input_write(&p->input, w->text, w->text_len, true, NULL, e)
                                    : 0;
                if (w->text_len == 0)
                        input_close(&p->input);
        }
        if (r >= 0)
                r = s->backend->box_spawn(sb->box, &spawn, e);
        uint64_t timeout = effective_timeout(sb, w->timeout_ms);
        if (r >= 0 && timeout > 0)
                r = process_set_timeout(p, timeout) < 0 ? error_nomem(e) : 0;
        if (r < 0) {
                process_abandon(p);
                return r;
        }
        p->owns_sandbox = w->owns_sandbox;
        p->peer = rq->peer;
        p->rq = rq;
        p->arena = TAKE(rq->arena);
        return 0;
}

int process_new_outside(struct request *rq, struct sandbox *sb, const struct process_wish *w,
                        struct process **ret, int theirs[static 3], struct error *e) {
        _cleanup_(ends_close) struct ends x = { { -1, -1, -1 }, { -1, -1, -1 } };
        if (sb->n_processes >= LIMIT_PROCESSES_PER_SANDBOX)
                return error_set(e, ERROR_LIMIT, EAGAIN, "%u commands run in this sandbox already",
                                 LIMIT_PROCESSES_PER_SANDBOX);
        struct process_wish wish = *w;
        wish.pipes[0] = true; /* one that is at its end, where there is nothing to read */
        int r = make_pipes(&wish, &x, e);
        if (r < 0)
                return r;
        struct process *p = process_alloc(rq->session, sb);
        if (!p)
                return error_nomem(e);
        p->run = true;
        p->kill_on_limit = w->kill_on_limit;
        if (copy_argv(p, &w->argv, w->title) < 0 || watch_ends(p, &wish, &x) < 0)
                r = error_nomem(e);
        if (r >= 0 && w->text_len > 0)
                r = input_write(&p->input, w->text, w->text_len, true, NULL, e);
        else if (r >= 0)
                input_close(&p->input);
        uint64_t timeout = effective_timeout(sb, w->timeout_ms);
        if (r >= 0 && timeout > 0 && process_set_timeout(p, timeout) < 0)
                r = error_nomem(e);
        if (r < 0) {
                process_abandon(p);
                return r;
        }
        for (size_t i = 0; i < 3; i++)
                theirs[i] = TAKE_FD(x.theirs[i]);
        *ret = p;
        return 0;
}

void process_own_request(struct process *p, struct request *rq) {
        p->peer = rq->peer;
        p->rq = rq;
        p->arena = TAKE(rq->arena);
}

int process_new_own(struct session *s, struct sandbox *sb, const struct process_wish *w,
                    struct process **ret, struct error *e) {
        struct request *rq = calloc(1, sizeof *rq); /* nobody's: its answer goes nowhere */
        if (!rq)
                return error_nomem(e);
        rq->session = s;
        rq->method = METHOD_PROCESS_RUN;
        rq->arena = arena_new();
        if (!rq->arena) {
                free(rq);
                return error_nomem(e);
        }
        s->n_requests++; /* as request_free() counts it */
        int r = process_new(rq, sb, w, e);
        if (r < 0) {
                struct error why = ERROR_NULL;
                request_fail(rq, e ? e : &why);
                return r;
        }
        /* The process owns rq now: process_own_request().
         * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        *ret = LIST_FIRST(&sb->processes); /* where process_alloc() has put it */
        return 0;
}
