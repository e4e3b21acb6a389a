/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of libleash (and leashctl, which links it statically) share.
 *
 * JSON values travel inside as struct json, so that a request is encoded once; the public functions
 * in leash.h only add the step from and to text.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "../../policy/arena.h"
#include "../../policy/error.h"
#include "../../proto/method.h"
#include "../../proto/rpc.h"
#include "leash.h"

/* The callback owns the descriptors. `result` is borrowed. */
typedef void (*leash_json_reply_fn)(struct leash *l, int r, struct json *result, const int *fds,
                                    size_t n_fds, void *userdata);
typedef void (*leash_json_notify_fn)(struct leash *l, const char *method, struct json *params,
                                     void *userdata);

struct pending { /* a request without its answer */
        struct pending *next;
        uint64_t id;
        leash_json_reply_fn fn; /* NULL: nobody waits */
        void *userdata;
};

struct out { /* one line on its way out; its descriptors leave with its first byte (decision 18) */
        struct out *next;
        char *data;
        size_t len, sent;
        int fds[LIMIT_LINE_FDS];
        size_t n_fds;
};

struct leash {
        int fd; /* -1: the connection is gone */
        struct frame *in;
        struct out *out_first, **out_last;
        struct pending *pending, **pending_last;
        struct leash_process *processes;
        uint64_t last_id;
        leash_notify_fn notify;
        leash_json_notify_fn notify_json;
        void *notify_userdata;
        struct ipc_handler *handlers;
        struct leash_ipc_call *calls; /* that were not answered */
        leash_decide_fn decide;
        void *decide_userdata;
        leash_undecide_fn undecide;
        void *undecide_userdata;
        struct error error;
        struct leash_error public_error;
        char *socket; /* as given to leash_connect, or NULL */
        unsigned flags;
        bool answered; /* a byte came from this connection: from now on nothing is sent twice */
};

/* connection.c */
int leash_fail(struct leash *l, const struct error *e, int r); /* remembers e; returns r */
int leash_request(struct leash *l, const char *method, struct json *params, const int *fds,
                  size_t n_fds, leash_json_reply_fn fn, void *userdata);
int leash_wait(struct leash *l); /* blocks until something was handled */
int leash_reconnect(struct leash *l);
/* Whoever waits with this userdata goes away before the answer comes. */
void forget_pending(struct leash *l, const void *userdata);
int error_to_errno(const struct error *e); /* -errno for what a daemon answered */

/* queue.c */
void close_all(const int *fds, size_t n);
int queue_add(struct leash *l, char *line, size_t len, const int *fds,
              size_t n_fds);      /* takes the line */
int queue_flush(struct leash *l); /* 1: all is out, 0: the socket is full */
void queue_drop(struct leash *l);

int leash_send(struct leash *l, char *line, size_t len); /* takes the line */
/* Answers to what the daemon asks. */
int leash_reply(struct leash *l, const char *id, enum client_method_id method, const void *result);
int leash_refuse(struct leash *l, const char *id, const struct error *e);

/* decide.c: the daemon's request, answered */
int answer_request(struct leash *l, struct rpc_message *m);

/* ipc.c */
int ipc_register(struct leash *l, const char *sandbox, const char *spec, leash_ipc_fn fn,
                 void *userdata);
int ipc_asked(struct leash *l, struct rpc_message *m);
int ipc_input(struct leash *l, struct rpc_message *m);
int ipc_notify(struct leash *l, const char *method, struct json *params);    /* 1: it was ours */
int decide_notify(struct leash *l, const char *method, struct json *params); /* the same */
void ipc_forget_sandbox(struct leash *l, const char *sandbox);
void ipc_connection_lost(struct leash *l);
struct json *ipc_arguments_json(const struct leash_ipc_call *c); /* borrowed */

/* call.c: like leash_call, without text. *ret (may be NULL) is the caller's. */
int leash_call_json(struct leash *l, const char *method, struct json *params, const int *fds,
                    size_t n_fds, struct json **ret);
/* Encodes `params`, calls, decodes into `ret` (of the row's struct; may be NULL). */
int leash_call_method(struct leash *l, enum method_id id, const void *params, struct arena *a,
                      void *ret, struct json **ret_json);
char *json_text(const struct json *j);      /* malloc'd; NULL is "null" */
bool is_broken(int r);                      /* the connection's end, not an answer */
int explain_broken(struct leash *l, int r); /* puts words to it; returns r */
void leash_set_notify_json(struct leash *l, leash_json_notify_fn fn, void *userdata);

/* start.c */
int start_connect(const char *socket, unsigned flags, int *ret_fd, struct error *e);
/* Where a daemon that was started here writes its log; false when the socket was named by someone.
 */
bool start_log_path(const char *socket, char *ret, size_t size);

/* process.c: 1 when the notification belonged to a process object. */
int process_notify(struct leash *l, const char *method, struct json *params);
void process_connection_lost(struct leash *l);
typedef int (*process_wait_fn)(struct leash *l, void *userdata); /* like leash_wait(); NULL: that */
int process_start_json(struct leash *l, struct json *params, const int *fds, size_t n_fds,
                       process_wait_fn wait, void *userdata, struct leash_process **ret);
int process_take_pty(struct leash_process *p);
struct json *process_exited_json(struct leash_process *p); /* borrowed; NULL while it runs */

/* result.c */
struct exit_info {
        bool by_signal;
        int code, signal;
};
int exit_from_json(struct json *exit, struct exit_info *ret, struct error *e);
const char *reason_name(enum exit_reason reason);
int result_from_run(struct json *j, struct leash_result **ret, struct error *e);
int result_from_exit(struct json *j, struct leash_result **ret, struct error *e);

#define DEFINE_FREE_FD(name)                        \
        _unused_ static inline void name(int *fd) { \
                if (*fd >= 0)                       \
                        close(*fd);                 \
        }
