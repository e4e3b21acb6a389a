/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Interpreters that wait inside a sandbox (python/worker.py): warm ones, which copy themselves for
 * each call, and those of a session, which run one cell after the other. A worker is one command of
 * the sandbox and dies with it; what it says is hostile (proto/python_frame.h).
 */
#pragma once

#include "../../proto/python_frame.h"
#include "process.h"

enum worker_kind { WORKER_WARM = 0, WORKER_SESSION };

struct cell;
struct worker {
        LIST_ENTRY(worker) link; /* in session->workers */
        struct session *session;
        enum worker_kind kind;
        char id[ID_BYTES];
        char sandbox_id[ID_BYTES];
        struct process *process; /* NULL: it has ended, and this is about to be freed */
        int fd;
        struct event *event, *end_event;
        struct python_frames frames;
        struct arena *arena;
        const char *python; /* with imports, env: what it was started with */
        struct strings imports;
        struct pairs environment;
        const char *cwd;
        char tail[1024]; /* what it printed before it was ready */
        size_t tail_len;
        bool ready;
        struct error error; /* why it ends */
        double used;

        /* a session's */
        struct request *starting; /* python.session.start, until it is ready */
        struct cell *cell;        /* that runs */
        uint64_t last_cell;
        bool owns_sandbox;
};

struct worker_wish {
        enum worker_kind kind;
        const char *python, *cwd;
        struct strings imports;
        struct pairs environment;
};
/* worker.c */
int worker_new(struct session *s, struct sandbox *sb, const struct worker_wish *w,
               struct worker **ret, struct error *e);
/* op 1 with descriptors, or op 2 with a signal's number. */
int worker_send(struct worker *w, unsigned op, unsigned argument, uint64_t id, const int *fds,
                size_t n_fds, struct error *e);
int worker_order(const void *shape_value, const struct shape *shape, struct error *e); /* a memfd */
void worker_end(struct worker *w, const struct error *why); /* kills it; the rest follows */
int worker_restart(struct worker *w, struct error *e);      /* < 0: w is gone */
struct worker *worker_find(struct session *s, const char *id, struct error *e);

/* warm.c */
int warm_run(struct request *rq, struct sandbox *sb, const struct worker_wish *w,
             const struct process_wish *p, const struct python_order *order, struct error *e);
void warm_reply(struct worker *w, const struct python_reply *r);
void warm_ended(struct worker *w); /* its calls have gone with it */
void warm_note(struct worker *w, const struct box_event *ev);
int warm_signal(struct process *p, int signo, struct error *e);

/* pysession.c */
void pysession_ready(struct worker *w);
void pysession_reply(struct worker *w, const struct python_reply *r);
void pysession_output(struct worker *w, enum stream stream, const char *data, size_t len);
void pysession_note(struct worker *w, const struct box_event *ev);
void pysession_ended(struct worker *w);
void pysession_peer_gone(struct session *s, struct peer *p);
