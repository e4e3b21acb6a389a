/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A Python session: one interpreter that keeps its variables, one cell at a time. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/socket.h"
#include "report.h"
#include "worker.h"

/* Between an interrupt that a time limit sends and the end of the interpreter: `except` and
 * `finally` have something to do. */
#define PATIENCE_SECONDS 1

struct capture {
        char *data;
        size_t len, room;
        char part[4]; /* the begin of a character whose rest has not come: for the stream */
        size_t part_len;
};

struct cell {
        struct request *rq;
        uint64_t number;
        struct event *timer;
        struct capture out[2];
        size_t limit;
        bool truncated, stream, timed_out;
        double started;
        size_t first_denial, first_trust;
};

static void cell_free(struct worker *w) {
        struct cell *c = w->cell;
        if (!c)
                return;
        w->cell = NULL;
        if (c->timer)
                event_free(c->timer);
        for (size_t i = 0; i < 2; i++) {
                w->session->captured_bytes -= c->out[i].len;
                free(c->out[i].data);
        }
        free(c);
}

static void notify(struct worker *w, enum stream stream, const char *data, size_t len) {
        struct python_output n = { .session = w->id, .stream = stream, .data = { data, len } };
        if (len == 0 || !w->cell->rq->peer)
                return;
        n.encoding = text_encoding_for(&n.data, 1);
        peer_notify(w->cell->rq->peer, NOTIFY_PYTHON_OUTPUT, &n);
}

/* Whole characters only, so that text stays text. */
static void stream_out(struct worker *w, enum stream stream, const char *data, size_t len) {
        struct capture *c = &w->cell->out[stream - STREAM_STDOUT];
        char *joined = malloc(c->part_len + len);
        if (!joined)
                return;
        memcpy(joined, c->part, c->part_len);
        memcpy(joined + c->part_len, data, len);
        size_t all = c->part_len + len, whole = utf8_whole(joined, all);
        if (all - whole > sizeof c->part - 1)
                whole = all;
        notify(w, stream, joined, whole);
        c->part_len = all - whole;
        memcpy(c->part, joined + whole, c->part_len);
        free(joined);
}

void pysession_output(struct worker *w, enum stream stream, const char *data, size_t len) {
        struct cell *cell = w->cell;
        if (!cell) /* of a thread that outlived its cell: nobody's */
                return;
        struct capture *c = &cell->out[stream - STREAM_STDOUT];
        size_t room = cell->limit - c->len, keep = len < room ? len : room;
        if (cell->stream)
                stream_out(w, stream, data, keep);
        if (keep < len)
                cell->truncated = true;
        if (c->len + keep > c->room) {
                size_t more = c->room * 2 > c->len + keep ? c->room * 2 : c->len + keep;
                char *bigger = realloc(c->data, more);
                if (!bigger) {
                        cell->truncated = true;
                        return;
                }
                c->data = bigger;
                c->room = more;
        }
        if (keep > 0)
                memcpy(c->data + c->len, data, keep);
        c->len += keep;
        w->session->captured_bytes += keep;
}

void pysession_note(struct worker *w, const struct box_event *ev) {
        report_note(w->process, ev);
}

void pysession_ready(struct worker *w) {
        struct python_session_start_result r = {
                .session = w->id,
                .sandbox = w->sandbox_id,
                .workdir = w->process->sandbox->place.subject.workdir
        };
        if (w->starting)
                request_reply(TAKE(w->starting), &r);
}

static void fail_all(struct worker *w, const struct error *e) {
        if (w->starting)
                request_fail(TAKE(w->starting), e);
        if (w->cell)
                request_fail(TAKE(w->cell->rq), e);
        cell_free(w);
}

void pysession_ended(struct worker *w) {
        struct sandbox *sb = w->owns_sandbox ? sandbox_find(w->session, w->sandbox_id, NULL) : NULL;
        fail_all(w, &w->error);
        if (sb)
                sandbox_doom(sb);
}

/* How the cell ended: `r` is what was said of it, NULL if nothing will be. */
static void answer(struct worker *w, const struct python_reply *r, enum cell_status status) {
        struct cell *c = w->cell;
        struct process *p = w->process;
        (void) output_drain(&p->out); /* it was written before the reply */
        (void) output_drain(&p->err);
        struct python_cell_result x = {
                .session = w->id,
                .status = status,
                .stdout_ = { c->out[0].data ? c->out[0].data : "", c->out[0].len },
                .stderr_ = { c->out[1].data ? c->out[1].data : "", c->out[1].len },
                .truncated = c->truncated,
                .seconds = clock_monotonic() - c->started,
                .state_lost = !r,
        };
        const struct bytes both[] = { x.stdout_, x.stderr_ };
        x.encoding = text_encoding_for(both, ELEMENTSOF(both));
        x.denials =
                (struct list){ p->denials + c->first_denial, p->n_denials - c->first_denial, true };
        x.trust_created = (struct strings){ p->trust_created.items + c->first_trust,
                                            p->trust_created.n - c->first_trust, true };
        if (r) {
                x.count = r->count;
                x.result = r->result;
                x.error = r->error;
                x.truncated = x.truncated || r->truncated;
        }
        if (c->stream)
                for (enum stream s = STREAM_STDOUT; s <= STREAM_STDERR; s++)
                        notify(w, s, c->out[s - STREAM_STDOUT].part,
                               c->out[s - STREAM_STDOUT].part_len);
        request_reply(TAKE(c->rq), &x);
        cell_free(w);
}

void pysession_reply(struct worker *w, const struct python_reply *r) {
        if (!w->cell || r->id != w->cell->number)
                return; /* of a cell that nobody waits for */
        enum cell_status status = r->status == CELL_UNSET ? CELL_ERROR : r->status;
        if (w->cell->timed_out && status == CELL_INTERRUPTED)
                status = CELL_TIMEOUT;
        answer(w, r, status);
}

static void on_timer(evutil_socket_t fd, short what, void *userdata) {
        struct worker *w = userdata;
        const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
        struct error e = ERROR_NULL;
        if (!w->cell->timed_out) {
                w->cell->timed_out = true;
                (void) process_signal(w->process, SIGINT, &e);
                (void) event_add(w->cell->timer, &patience);
                return;
        }
        answer(w, NULL, CELL_TIMEOUT);
        (void) worker_restart(w, &e);
}

int rpc_python_session_run(struct request *rq, struct error *e) {
        const struct python_session_run_params *p = rq->params;
        const struct python_order order = { .code = p->code };
        struct worker *w = worker_find(rq->session, p->session, e);
        if (!w)
                return -ENOENT;
        if (w->cell)
                return error_set(e, ERROR_STATE, EBUSY, "a cell runs already");
        _cleanup_(fd_closep) int file = worker_order(&order, &python_order_shape, e);
        if (file < 0)
                return file;
        struct cell *c = calloc(1, sizeof *c);
        if (!c)
                return error_nomem(e);
        c->timer = evtimer_new(rq->session->base, on_timer, w);
        c->number = ++w->last_cell;
        c->limit = p->max_output_bytes ? p->max_output_bytes : LIMIT_OUTPUT_DEFAULT;
        c->stream = p->stream;
        c->started = clock_monotonic();
        c->first_denial = w->process->n_denials;
        c->first_trust = w->process->trust_created.n;
        w->cell = c;
        const struct timeval tv = { .tv_sec = (time_t) (p->timeout_ms / 1000),
                                    .tv_usec = (suseconds_t) (p->timeout_ms % 1000 * 1000) };
        int r = c->timer && (p->timeout_ms == 0 || event_add(c->timer, &tv) == 0)
                        ? worker_send(w, 1, 0, c->number, &file, 1, e)
                        : error_nomem(e);
        if (r < 0) {
                cell_free(w);
                return r;
        }
        c->rq = rq;
        return 0;
}

int rpc_python_session_interrupt(struct request *rq, struct error *e) {
        const struct python_session_params *p = rq->params;
        struct worker *w = worker_find(rq->session, p->session, e);
        if (!w)
                return -ENOENT;
        if (!w->cell)
                return error_set(e, ERROR_STATE, 0, "no cell runs");
        int r = process_signal(w->process, SIGINT, e);
        if (r < 0)
                return r;
        request_reply(rq, NULL);
        return 0;
}

int rpc_python_session_reset(struct request *rq, struct error *e) {
        const struct python_session_params *p = rq->params;
        struct worker *w = worker_find(rq->session, p->session, e);
        struct error gone = ERROR_NULL;
        if (!w)
                return -ENOENT;
        if (w->starting)
                return error_set(e, ERROR_STATE, EBUSY, "the session is starting");
        error_set(&gone, ERROR_GONE, ECANCELED, "the session was reset");
        fail_all(w, &gone);
        int r = worker_restart(w, e);
        if (r < 0)
                return r;
        w->starting = rq;
        return 0;
}

int rpc_python_session_close(struct request *rq, struct error *e) {
        const struct python_session_params *p = rq->params;
        struct worker *w = worker_find(rq->session, p->session, e);
        struct error gone = ERROR_NULL;
        if (!w)
                return -ENOENT;
        error_set(&gone, ERROR_GONE, ECANCELED, "the session was closed");
        worker_end(w, &gone);
        request_reply(rq, NULL);
        return 0;
}

void pysession_peer_gone(struct session *s, struct peer *peer) {
        struct worker *w;
        /* A cell goes on, for the others of the sandbox; only nobody hears of it. */
        LIST_FOREACH(w, &s->workers, link)
                if (w->cell && w->cell->rq && !w->cell->rq->peer && w->process) {
                        struct error e = ERROR_NULL;
                        (void) process_signal(w->process, SIGINT, &e);
                }
}
