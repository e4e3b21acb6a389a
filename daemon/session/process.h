/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A command in a sandbox. */
#pragma once

#include "output.h"
#include "sandbox.h"
#include "session.h"

enum process_state {
        PROCESS_SPAWNING = 0, /* asked for; may wait for the sandbox */
        PROCESS_RUNNING,
        PROCESS_DRAINING, /* it has exited; its pipes still have something */
        PROCESS_FINISHED,
        PROCESS_STATE_N_,
};

/* For commands that the session itself has started. */
struct process_hooks {
        void (*output)(struct process *p, enum stream stream, const char *data, size_t len);
        /* e: it never ran. Before the sandbox of its own is doomed. */
        void (*ended)(struct process *p, const struct error *e);
        /* Something was refused in it, or made; NULL: as for every command. */
        void (*note)(struct process *p, const struct box_event *ev);
};

struct waiter;
struct worker;
struct process {
        LIST_ENTRY(process) link; /* in session->processes */
        LIST_ENTRY(process) sandbox_link;
        struct session *session;
        struct sandbox *sandbox; /* NULL once finished */
        char id[ID_BYTES], sandbox_id[ID_BYTES];
        uint64_t number;
        enum process_state state;
        struct peer *peer;   /* who started it, while connected */
        struct request *rq;  /* process.run until the end, process.start until it runs */
        struct arena *arena; /* of the request; the plan of its own sandbox borrows from it, too */
        struct arena *notes; /* argv and what was refused: kept as long as the process is */
        struct strings argv;
        bool run; /* process.run: captures and answers at the end */
        bool owns_sandbox;
        bool disk_full; /* limits.disk_bytes was used up when it failed */
        bool kill_on_limit, has_pty;
        pid_t pid;
        struct input input;
        struct output out, err;
        struct event *timeout_event, *grace_event;
        struct waiter *waiters;
        double started; /* monotonic */
        int status;     /* as wait(2) */
        enum exit_reason reason;
        bool killed;      /* init was told to kill it; timeout_event now waits for that */
        unsigned reached; /* 1 << enum box_limit */
        bool out_of_memory, grace_over;
        bool listening; /* it failed, and the kernel may still say why */
        struct usage usage;
        struct sandbox_usage used; /* what usage.sandbox points to */
        struct denial *denials;    /* at most LIMIT_DENIALS_PER_RESULT */
        size_t n_denials;
        uint64_t denials_lost;             /* that were more than leashd passes on */
        struct strings trust_created;      /* as many at most */
        const struct process_hooks *hooks; /* or NULL */
        void *userdata;
        struct worker *worker; /* that runs it, instead of init; or NULL */
};

/* What process.run and process.start have in common. */
struct process_wish {
        struct strings argv;
        const char *cwd;
        struct pairs environment;
        uint64_t timeout_ms, max_output_bytes;
        bool kill_on_limit, run, owns_sandbox;
        int stdio[3];  /* given descriptors, or -1, or SPAWN_PTY */
        bool pipes[3]; /* make a pipe instead */
        unsigned rows, cols;
        const char *text; /* stdin of process.run */
        size_t text_len;
        const char *title; /* what lists and events show instead of argv; NULL = argv */
        const struct process_hooks *hooks; /* its output goes there, and nobody gets an answer */
        void *userdata;
};
/* The fields of a wish that process.run, process.start and python.run take from their parameters
 * `p`; and, for those that answer at the end, their streams. */
#define WISH_OF(p)                                                                                 \
        .cwd = (p)->cwd, .timeout_ms = (p)->timeout_ms, .max_output_bytes = (p)->max_output_bytes, \
        .kill_on_limit = (p)->on_limit == ON_LIMIT_KILL, .stdio = { -1, -1, -1 }
#define WISH_CAPTURED(p)                                                                          \
        .run = true, .pipes = { (p)->stdin_.data != NULL, true, true }, .text = (p)->stdin_.data, \
        .text_len = (p)->stdin_.len
/* Takes rq over when it works. */
int process_new(struct request *rq, struct sandbox *sb, const struct process_wish *w,
                struct error *e);
/* The same for the session's own: hooks are required. */
int process_new_own(struct session *s, struct sandbox *sb, const struct process_wish *w,
                    struct process **ret, struct error *e);
/* The same for one that a worker will run: `theirs` are its streams, the caller's to hand over and
 * close. The request is taken over by process_own_request(), when nothing can go wrong any more. */
int process_new_outside(struct request *rq, struct sandbox *sb, const struct process_wish *w,
                        struct process **ret, int theirs[static 3], struct error *e);
void process_own_request(struct process *p, struct request *rq);
int process_signal(struct process *p, int signo, struct error *e);
void process_note(struct process *p, const struct box_event *ev);
void process_worker_gone(struct process *p, const struct error *e);
/* In an existing sandbox (id), or one of its own; both rpc_process.c and rpc_python_run.c. */
int process_launch(struct request *rq, const char *id, const struct sandbox_wish *own,
                   struct process_wish *wish, struct error *e);
/* A new one, in the lists of its session and sandbox; nothing is running yet. */
struct process *process_alloc(struct session *s, struct sandbox *sb);
void process_abandon(struct process *p); /* it could not be started: nobody has heard of it */
int process_set_timeout(struct process *p, uint64_t ms);
struct process *process_find(struct session *s, const char *id, struct error *e);
void process_box_event(struct sandbox *sb, const struct box_event *ev);
/* Its sandbox is gone (reason: DESTROYED) or could not be built (error). */
void process_sandbox_gone(struct process *p, const struct error *e);
void process_peer_gone(struct session *s, struct peer *peer);
void process_resume_streams(struct peer *peer); /* the peer has room again */
void process_kill(struct process *p, enum exit_reason why);
void process_check_done(struct process *p); /* an output has ended */
void process_forget_all(struct session *s);
/* Adds a waiter for process.wait, or answers at once. */
int process_wait(struct request *rq, struct process *p, uint64_t timeout_ms, struct error *e);
