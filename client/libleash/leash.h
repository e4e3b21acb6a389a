/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libleash: run commands in sandboxes through leashd.
 *
 * One struct leash is one connection. Blocking calls serve the simple case; leash_get_fd() and
 * leash_dispatch() let any event loop drive it. No call touches a sandbox API. A connection belongs
 * to one thread at a time. Policies are given as JSON text (`man 5 leash-policy`); relative paths
 * in them start at the current directory, and environment.pass takes its values from this process's
 * environment. Free sandboxes and processes before their connection.
 *
 * Errors: functions return 0, or a negative errno; leash_last_error() then tells more. Strings that
 * come back belong to the object they came from, until it is freed or called again, unless said
 * otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEASH_PUBLIC __attribute__((visibility("default")))

struct leash;
struct leash_sandbox;
struct leash_process;

/* connection */

/* socket NULL: $LEASH_SOCKET, else the system daemon, else the user's own, started when it is not
 * running (LEASH_NO_START off by default). */
enum { LEASH_NO_START = 1u << 0 };
LEASH_PUBLIC int leash_connect(const char *socket, unsigned flags, struct leash **ret);
LEASH_PUBLIC struct leash *leash_free(struct leash *l); /* takes NULL, returns NULL */

struct leash_error {
        const char *code;  /* "invalid_params", …: policy/error.h */
        const char *where; /* JSON pointer, or "" */
        const char *fact;  /* what `accept` would have to name, or "" */
        const char *message;
        int number;
};
/* The last failure on this connection. A failed leash_connect() has none: leash_connect_error(). */
LEASH_PUBLIC const struct leash_error *leash_last_error(const struct leash *l);
LEASH_PUBLIC const char *
leash_connect_error(void); /* thread-local text after leash_connect failed */

LEASH_PUBLIC int leash_get_fd(const struct leash *l); /* poll for POLLIN */
LEASH_PUBLIC int
leash_get_events(const struct leash *l); /* POLLIN, | POLLOUT while something waits to go out */
LEASH_PUBLIC int leash_dispatch(struct leash *l); /* handles what is there; -ECONNRESET = gone */

/* Any method: params and result are JSON text; *ret_result is malloc'd. fds ride beside the
 * request. */
LEASH_PUBLIC int leash_call(struct leash *l, const char *method, const char *params, const int *fds,
                            size_t n_fds, char **ret_result);
/* Without waiting: the callback gets (0, result) or (-errno, NULL), and fds that came with the
 * answer, which are the callback's to close. It must not free l. */
typedef void (*leash_reply_fn)(struct leash *l, int r, const char *result, const int *fds,
                               size_t n_fds, void *userdata);
LEASH_PUBLIC int leash_call_async(struct leash *l, const char *method, const char *params,
                                  const int *fds, size_t n_fds, leash_reply_fn fn, void *userdata);
/* Notifications that no object claims (events). */
typedef void (*leash_notify_fn)(struct leash *l, const char *method, const char *params,
                                void *userdata);
LEASH_PUBLIC void leash_set_notify(struct leash *l, leash_notify_fn fn, void *userdata);

/* network.mode "ask": the sandboxes that this connection made ask it. The callback answers at once,
 * or says LEASH_LATER and calls leash_decide() with the question's id within 30 seconds; without a
 * callback the answer is no. The question's strings are borrowed. */
enum leash_decision {
        LEASH_NO = 0,
        LEASH_YES,          /* this time */
        LEASH_YES_REMEMBER, /* for this host and port, as long as the sandbox lives */
        LEASH_NO_REMEMBER,
        LEASH_LATER,
};
struct leash_question {
        const char *id;
        const char *sandbox, *process; /* process: "" when more than one command runs */
        const char *host;
        const char *protocol; /* "http", "connect", "socks5", "tcp" */
        uint16_t port;
};
typedef enum leash_decision (*leash_decide_fn)(struct leash *l, const struct leash_question *q,
                                               void *userdata);
LEASH_PUBLIC void leash_set_decide(struct leash *l, leash_decide_fn fn, void *userdata);
LEASH_PUBLIC int leash_decide(struct leash *l, const char *id, enum leash_decision decision);
/* Nobody waits for the answer to that question any more, and it is not to be given. */
typedef void (*leash_undecide_fn)(struct leash *l, const char *id, void *userdata);
LEASH_PUBLIC void leash_set_undecide(struct leash *l, leash_undecide_fn fn, void *userdata);

/* sandboxes and processes: thin objects over the calls above */

LEASH_PUBLIC int leash_sandbox_create(struct leash *l, const char *policy_json,
                                      struct leash_sandbox **ret);
LEASH_PUBLIC const char *leash_sandbox_id(const struct leash_sandbox *s);
LEASH_PUBLIC const char *leash_sandbox_workdir(const struct leash_sandbox *s);
LEASH_PUBLIC struct leash_sandbox *leash_sandbox_free(struct leash_sandbox *s); /* destroys it */

struct leash_result {
        int exit_code; /* -1 when a signal ended it */
        int signal;
        const char *reason;    /* "exited", "timeout", … */
        const char *out, *err; /* NUL-terminated as a convenience; may hold NULs before that */
        size_t out_len, err_len;
        bool truncated;
        const char *json; /* the whole result */
};
/* Runs to the end; capture. options_json: further fields of process.run, or NULL. Free the result.
 */
LEASH_PUBLIC int leash_run(struct leash_sandbox *s, const char *const *argv,
                           const char *options_json, struct leash_result **ret);
LEASH_PUBLIC struct leash_result *leash_result_free(struct leash_result *r);

struct leash_stdio {
        int in, out, err;
}; /* descriptors to hand over; -1 = /dev/null */
/* policy_or_sandbox: give either s, or policy_json for a sandbox that lives as long as the process.
 */
LEASH_PUBLIC int leash_start(struct leash *l, struct leash_sandbox *s, const char *policy_json,
                             const char *const *argv, const struct leash_stdio *io,
                             const char *options_json, struct leash_process **ret);
LEASH_PUBLIC const char *leash_process_id(const struct leash_process *p);
LEASH_PUBLIC const char *leash_process_sandbox(const struct leash_process *p);
LEASH_PUBLIC const char *leash_process_workdir(const struct leash_process *p);
LEASH_PUBLIC int
leash_process_get_pty(const struct leash_process *p); /* the master when a stdio is "pty"; -1 */
LEASH_PUBLIC int leash_process_signal(struct leash_process *p,
                                      int signo); /* sent, not waited for; so are these: */
LEASH_PUBLIC int leash_process_resize(struct leash_process *p, unsigned rows, unsigned cols);
LEASH_PUBLIC int leash_process_write(struct leash_process *p, const void *data, size_t len,
                                     bool eof); /* stdin "pipe" */
/* For event loops: called from leash_dispatch(), and for what has come already from within
 * set_callbacks itself. `stream` is 1 or 2. The result is borrowed. The exit callback may free p.
 */
typedef void (*leash_output_fn)(struct leash_process *p, int stream, const void *data, size_t len,
                                void *userdata);
typedef void (*leash_exit_fn)(struct leash_process *p, const struct leash_result *r,
                              void *userdata);
LEASH_PUBLIC void leash_process_set_callbacks(struct leash_process *p, leash_output_fn output,
                                              leash_exit_fn on_exit, void *userdata);
LEASH_PUBLIC int leash_process_wait(struct leash_process *p,
                                    struct leash_result **ret); /* blocking */
LEASH_PUBLIC struct leash_process *
leash_process_free(struct leash_process *p); /* kills it when it still runs */

/*
 * Host commands: what code inside the sandbox may call by name (`man leash-ipc`). `spec_json` is
 * one IpcCommand of the reference manual: {"name": "web_search", "positional": ["query"], "params":
 * {"type": "object", …}}. The handler is called from leash_dispatch(), and from blocking calls,
 * with arguments that the schema has accepted. It answers at once or later, with exactly one of
 * leash_ipc_answer(), _answer_json(), _exit() and _fail(): these end the call, also when nobody
 * waits any more, and must not be called after leash_free().
 */
struct leash_ipc_call;
typedef void (*leash_ipc_fn)(struct leash_ipc_call *c, void *userdata);
LEASH_PUBLIC int leash_ipc_register(struct leash_sandbox *s, const char *spec_json, leash_ipc_fn fn,
                                    void *userdata);
LEASH_PUBLIC int leash_ipc_unregister(struct leash_sandbox *s, const char *name);

LEASH_PUBLIC const char *leash_ipc_command(const struct leash_ipc_call *c);
LEASH_PUBLIC const char *leash_ipc_sandbox(const struct leash_ipc_call *c);
LEASH_PUBLIC const char *leash_ipc_arguments(const struct leash_ipc_call *c); /* JSON object */
/* What the calling process calls itself; its pid inside, and the id of the command that it belongs
 * to, or "". For logs: hostile code chooses its name. */
LEASH_PUBLIC const char *leash_ipc_caller(const struct leash_ipc_call *c, int *ret_pid,
                                          const char **ret_process);

LEASH_PUBLIC int leash_ipc_answer(struct leash_ipc_call *c, const void *text, size_t len);
LEASH_PUBLIC int leash_ipc_answer_json(struct leash_ipc_call *c, const char *json);
LEASH_PUBLIC int leash_ipc_exit(struct leash_ipc_call *c, int code); /* after output */
LEASH_PUBLIC int leash_ipc_fail(struct leash_ipc_call *c, const char *message);

/* Output before the answer; stream is 1 or 2. With `fn`, which is called once when there is room
 * for more (0) or nobody reads any more (-errno), output is as fast as its reader. -ECANCELED:
 * nobody waits. */
#define LEASH_IPC_OUTPUT_MAX (256 * 1024)
typedef void (*leash_ipc_room_fn)(int r, void *userdata);
LEASH_PUBLIC int leash_ipc_output(struct leash_ipc_call *c, int stream, const void *data,
                                  size_t len, leash_ipc_room_fn fn, void *userdata);
/* Nobody waits any more; `why` is "caller_gone", "timeout", "sandbox_gone" or "connection_lost".
 * The call still has to be answered, here or later. */
typedef void (*leash_ipc_cancel_fn)(struct leash_ipc_call *c, const char *why, void *userdata);
LEASH_PUBLIC void leash_ipc_set_cancel(struct leash_ipc_call *c, leash_ipc_cancel_fn fn,
                                       void *userdata);
/* Commands with "stream_stdin": their caller's standard input, part by part; the next one comes
 * after leash_ipc_input_taken(). */
LEASH_PUBLIC bool leash_ipc_has_input(const struct leash_ipc_call *c);
typedef void (*leash_ipc_input_fn)(struct leash_ipc_call *c, const void *data, size_t len, bool eof,
                                   void *userdata);
LEASH_PUBLIC void leash_ipc_set_input(struct leash_ipc_call *c, leash_ipc_input_fn fn,
                                      void *userdata);
LEASH_PUBLIC int leash_ipc_input_taken(struct leash_ipc_call *c);

#ifdef __cplusplus
}
#endif
