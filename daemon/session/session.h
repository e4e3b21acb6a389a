/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leash-session's own types: one context, the peers, the requests. Objects that live longer are in
 * sandbox.h and process.h. */
#pragma once

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "../../backends/backend.h"
#include "../../policy/arena.h"
#include "../../policy/error.h"
#include "../../policy/floor.h"
#include "../../policy/limits.h"
#include "../../proto/method.h"
#include "../../proto/rpc.h"
#include "../common/linger.h"
#include "../common/log.h"
#include "out.h"
#include "stats.h"

/* "sb-" or "pr-" and 128 random bits in base 32: nobody guesses another user's object, and no
 * number is ever used twice. */
#define ID_BYTES 32

/* The default capacity of a pipe (pipe(7)): one read empties it. On the heap, because stack buffers
 * are cleared each time. */
#define SESSION_BUFFER (64 * 1024)

struct sandbox;
struct process;
struct workdirs;
struct histories;
struct venvs;
struct venv_made;
struct git_identity;
struct gate_link;
struct resolv_watch;
struct users_question;
struct call;

LIST_HEAD(peer_list, peer);
LIST_HEAD(asked_list, asked);
LIST_HEAD(request_list, request);
LIST_HEAD(call_list, call);
LIST_HEAD(ipc_call_list, ipc_call);
LIST_HEAD(sandbox_list, sandbox);
LIST_HEAD(venv_build_list, venv_build);
LIST_HEAD(worker_list, worker);
LIST_HEAD(process_list, process);

struct user {
        uid_t uid;
        gid_t gid;
        char *name;
        char *home; /* canonical */
};

/* admin.c: /etc/leash/leashd.json, in an arena of its own; NULL: there is none */
struct admin {
        struct arena *arena;
        struct admin_config config;
        bool broken; /* there is one, but it cannot be used: nothing is made */
};

struct session {
        struct log log;
        struct log_rate log_rate;
        struct event_base *base;
        const struct backend *backend;
        struct facts facts;
        struct user user;
        const char *socket_path;
        bool system; /* started by the system's leashd, not by the user's own */
        int warden;  /* then: the socket to leash-warden; else -1 */

        /* engine.c */
        struct engine *engine;
        struct event *ended_event, *pool_event, *trim_event;
        unsigned pool_size, prepared;
        unsigned soft_files;

        bool scope_tried; /* scope.c: systemd was asked for a control group */

        /* main.c */
        int control_fd;
        struct event *control_event, *warden_event;
        struct event *signal_events[2];
        uint64_t received;
        unsigned audit; /* enum control_audit: what leashd can tell of the kernel's records */
        bool reported_busy;
        struct lingering linger;

        struct peer_list peers;
        size_t n_peers;
        struct admin admin;
        struct sandbox_list sandboxes;
        struct sandbox_list doomed; /* freed when the loop is at rest */
        struct event *reap_event, *memory_event;
        size_t n_sandboxes, peak_sandboxes;
        unsigned trims; /* how often free memory is still to be given back: see main.c */
        struct process_list processes; /* running and finished ones, newest first */
        size_t n_finished;
        uint64_t last_process; /* the number that a backend knows a process by */
        char *buffer;          /* SESSION_BUFFER bytes for whatever is being read */
        size_t input_bytes;    /* of all inputs: see input.c */
        size_t captured_bytes; /* of all outputs: see output.c */
        size_t out_bytes;      /* of all answers that are not read yet: see peer.c */
        size_t n_requests;     /* of all peers */

        struct workdirs *workdirs; /* made on first need */
        struct venvs *venvs;       /* likewise */
        struct venv_build_list venv_builds;
        struct worker_list workers; /* interpreters that wait (worker.h) */
        struct git_identity *git_identity;
        struct gate_link *gate;  /* made on first need */
        struct asked_list asked; /* questions of the gate's that a client has */
        struct resolv_watch *resolv_watch;
        uint64_t last_call;
        struct ipc_call_list ipc_calls;
        uint64_t last_ipc_call;
        struct stats stats;
        struct users_question *users; /* to leashd, whose answer has not come to its end */
        struct histories *histories;
        uint64_t last_event;
};

/* main.c */
void session_update(struct session *s); /* tells leashd when we become busy or idle */

/* id.c */
void id_new(const char *prefix, char ret[ID_BYTES]);
double clock_monotonic(void);
double clock_wall(void);

/* engine.c: the backend's pool of prepared sandboxes */
int engine_start(struct session *s, struct error *e);
void engine_used(struct session *s); /* a sandbox was made: fill the pool again soon */
void engine_stop(struct session *s);

/* One connection. */
struct subscription {
        struct subscription *next;
        char sandbox[ID_BYTES]; /* or "" = all */
        unsigned kinds;         /* bits by enum event_kind */
};
struct peer {
        LIST_ENTRY(peer) link;
        struct session *session;
        int fd;
        pid_t pid;
        struct frame *frame;
        struct event *read_event, *write_event, *kick_event;
        struct out_queue out;
        size_t out_bytes;
        struct request_list requests;
        size_t n_requests;
        struct call_list calls; /* what we asked it */
        size_t ipc_waiting;     /* guests that wait until it has room for their calls */
        struct subscription *subscriptions;
        bool reading;
        bool closing; /* no more lines; ends when the queue is out */
        bool dead;    /* to be freed when the loop is at rest */
};
int peer_new(struct session *s, int fd, pid_t pid); /* owns fd on success */
void peer_free(struct peer *p);                     /* ends what belongs to the connection */
/* An answer: takes `line` (malloc'd; NULL = out of memory: the connection ends). fds are
 * duplicated. */
void peer_send(struct peer *p, char *line, size_t len, const int *fds, size_t n_fds);
/* A notification's line, for any number of peers: 0, -EINVAL (which was logged) or -ENOMEM. */
int peer_notification(struct session *s, enum notification_id id, const void *params,
                      struct out_line **ret);
/* As peer_notify(); NULL: there was no memory for it, and the connection ends. */
void peer_notify_line(struct peer *p, struct out_line *line);
/* A notification: a peer that does not read and has no room for more of them loses its connection.
 */
void peer_notify(struct peer *p, enum notification_id id, const void *params);
/* The same where the peer asked for it, so that there are never more than it has room for. */
void peer_notify_due(struct peer *p, enum notification_id id, const void *params);
bool peer_is_full(const struct peer *p);
void peer_kick(struct peer *p); /* something changed: look at it again when the loop is at rest */

/* One request that has not been answered. The functions that answer also free it. */
struct request {
        LIST_ENTRY(request) link;
        struct session *session;
        struct peer *peer; /* NULL when the connection has gone */
        enum method_id method;
        char *id; /* NULL: a notification, nobody wants an answer */
        struct arena *arena;
        void *params; /* the method's params struct */
        int fds[LIMIT_LINE_FDS];
        size_t n_fds;
        const struct venv_made *made; /* what it has waited for (venv.h) */
};
/* Hands it to its handler once more; the handler has had no effect yet. */
void request_again(struct request *rq);
void request_reply(struct request *rq,
                   const void *result); /* the method's result struct, or NULL = {} */
void request_reply_fds(struct request *rq, const void *result, const int *fds, size_t n_fds);
void request_reply_json(struct request *rq, struct json *result);
void request_fail(struct request *rq, const struct error *e);

/* call.c: requests to a client. `result` is of the method's struct, in an arena that lasts as long
 * as the callback; NULL: `e` says whether it was an error, no answer in time, or the connection has
 * gone. Always called once, never from within peer_call(), unless it is forgotten first. */
#define CALL_ID_BYTES 32
typedef void (*call_fn)(struct session *s, const void *result, const struct error *e,
                        void *userdata);
int peer_call(struct peer *p, enum client_method_id id, const void *params, double seconds,
              call_fn fn, void *userdata, struct call **ret);
void call_forget(struct call *c); /* its answer is not wanted any more */
/* The request's id as a text, for telling the client which one that was. */
const char *call_id(const struct call *c, char ret[static CALL_ID_BYTES]);
void call_answered(struct peer *p, const struct rpc_message *m);
void calls_drop(struct peer *p); /* the connection has gone */

/* dispatch.c */
void dispatch_line(struct peer *p, struct frame_line *line);
/* 0: the request was answered or is kept by something that will answer it. < 0: the dispatcher
 * answers. */
typedef int (*handler_fn)(struct request *rq, struct error *e);
int rpc_leash_info(struct request *rq, struct error *e);
int rpc_leash_status(struct request *rq, struct error *e);
int rpc_leash_stats(struct request *rq, struct error *e);
int rpc_leash_users(struct request *rq, struct error *e);
int rpc_rpc_discover(struct request *rq, struct error *e);
int rpc_sandbox_create(struct request *rq, struct error *e);
int rpc_sandbox_list(struct request *rq, struct error *e);
int rpc_sandbox_get(struct request *rq, struct error *e);
int rpc_sandbox_destroy(struct request *rq, struct error *e);
int rpc_sandbox_logs(struct request *rq, struct error *e);
int rpc_process_run(struct request *rq, struct error *e);
int rpc_process_start(struct request *rq, struct error *e);
int rpc_process_write(struct request *rq, struct error *e);
int rpc_process_resize(struct request *rq, struct error *e);
int rpc_process_signal(struct request *rq, struct error *e);
int rpc_process_wait(struct request *rq, struct error *e);
int rpc_process_list(struct request *rq, struct error *e);
int rpc_policy_check(struct request *rq, struct error *e);
int rpc_policy_explain(struct request *rq, struct error *e);
int rpc_events_subscribe(struct request *rq, struct error *e);
int rpc_ipc_register(struct request *rq, struct error *e);
int rpc_ipc_unregister(struct request *rq, struct error *e);
int rpc_ipc_output(struct request *rq, struct error *e);
int rpc_python_create_venv(struct request *rq, struct error *e);
int rpc_python_list_venvs(struct request *rq, struct error *e);
int rpc_python_remove_venv(struct request *rq, struct error *e);
int rpc_python_run(struct request *rq, struct error *e);
int rpc_python_session_start(struct request *rq, struct error *e);
int rpc_python_session_run(struct request *rq, struct error *e);
int rpc_python_session_interrupt(struct request *rq, struct error *e);
int rpc_python_session_reset(struct request *rq, struct error *e);
int rpc_python_session_close(struct request *rq, struct error *e);
