/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Host commands: a client registers them on a sandbox that it made, code inside calls them through
 * the sandbox's own socket (proto/guest.h), and the client answers.
 *
 *         guest ── call ──► ipc_conn ──► ipc_call ── ipc.call ──► peer
 *               ◄─ output ─                        ◄─ ipc.output ─
 *               ── input ──►                       ── ipc.input ─►
 *
 * Every byte from a guest is hostile. A guest that does not read is not read from, and its client's
 * ipc.output waits; a client that does not read is not asked; nothing is allocated for bytes that
 * have not come.
 */
#pragma once

#include "../../proto/guest.h"
#include "../../proto/host_command.h"
#include "sandbox.h"
#include "session.h"

struct evbuffer;
struct ipc_conn;
struct ipc_call;
LIST_HEAD(ipc_conn_list, ipc_conn);
LIST_HEAD(ipc_entry_list, ipc_entry);

/* A registered command; calls hold on to it. */
struct ipc_entry {
        LIST_ENTRY(ipc_entry) link;
        unsigned references;
        struct arena *arena;
        struct ipc_command command;
};

struct ipc {
        struct sandbox *sandbox;
        int dir, bin, listener; /* dir: the backend's, or dup'ed; bin: where the commands are */
        struct event *accept_event;
        struct ipc_entry_list entries;
        size_t n_entries;
        struct ipc_conn_list conns;
        size_t n_conns;
        size_t partial_bytes; /* of lines that are not whole yet */
        size_t held_bytes;    /* of arguments, and of standard inputs that become such */
        size_t n_calls;
};

/* Who is at the other end; told to the client, never relied on. */
struct ipc_caller {
        pid_t seen; /* in our pid namespace; 0: nobody yet */
        pid_t pid;  /* in the sandbox's */
        char name[16];
        char process[ID_BYTES];
};

struct ipc_conn {
        LIST_ENTRY(ipc_conn) link;
        struct ipc *ipc;
        int fd;
        struct frame *frame;
        struct event *read_event, *write_event, *kick_event;
        struct evbuffer *out;
        size_t partial;    /* its share of ipc->partial_bytes */
        size_t line_bytes; /* of the line that is being handled */
        struct ipc_call_list calls;
        size_t n_calls;
        struct ipc_caller caller;
        bool reading, waits_for_peer; /* waits_for_peer: the client has no room for calls */
        bool dead;                    /* to be freed when the loop is at rest */
};

struct held {
        STAILQ_ENTRY(held) link;
        struct request *rq;
};
STAILQ_HEAD(held_list, held);

struct ipc_call {
        LIST_ENTRY(ipc_call) link;         /* in conn->calls */
        LIST_ENTRY(ipc_call) session_link; /* in session->ipc_calls */
        struct ipc_conn *conn;
        struct ipc_entry *entry;
        struct peer *peer; /* who was asked; NULL: nobody yet */
        char *id;          /* the guest's, as JSON text */
        char name[24];     /* the client's */
        struct json *arguments;
        size_t held_bytes;  /* what these cost whoever has them: its share of ipc->held_bytes */
        struct call *asked; /* ipc.call without its answer */
        bool input_open;    /* the guest may send input */
        char *input;        /* that becomes a parameter */
        size_t input_len, input_room;
        struct call *input_asked; /* ipc.input without its answer */
        char *input_id;           /* … and the guest's request that waits for it */
        struct held_list held;    /* ipc.output without its answer: the guest does not read */
};

/* ipc.c */
int ipc_open(struct sandbox *sb, struct ipc **ret, struct error *e);
void ipc_free(struct sandbox *sb); /* all calls are cancelled */
int ipc_add(struct ipc *ipc, const struct ipc_command *c, struct error *e);
void ipc_remove(struct ipc *ipc, struct ipc_entry *entry);
struct ipc_entry *ipc_find(struct ipc *ipc, const char *name);
void ipc_entry_unref(struct ipc_entry *x);
void ipc_accept_again(struct ipc *ipc); /* a connection has ended */
void ipc_resume(struct peer *p);        /* the peer has room again */

/* ipc_conn.c */
int ipc_conn_new(struct ipc *ipc, int fd); /* owns fd on success */
void ipc_conn_free(struct ipc_conn *c, enum ipc_cancel_reason why);
void ipc_conn_kick(struct ipc_conn *c);
void ipc_conn_reply(struct ipc_conn *c, const char *id, const struct shape *shape,
                    const void *result);
void ipc_conn_fail(struct ipc_conn *c, const char *id, const struct error *e);
void ipc_conn_notify(struct ipc_conn *c, enum guest_notification_id id, const void *params);
bool ipc_conn_is_full(const struct ipc_conn *c);

/* ipc_caller.c */
bool ipc_caller_look(struct ipc_conn *c, pid_t pid); /* false: nobody of this sandbox */

/* ipc_call.c: `id` is borrowed. What these return < 0 for is answered by the caller. */
int ipc_call_new(struct ipc_conn *c, const char *id, const struct guest_call_params *p,
                 struct error *e);
int ipc_call_input(struct ipc_conn *c, const char *id, const struct guest_input_params *p,
                   struct error *e);
int ipc_call_output(struct ipc_call *x, struct request *rq, const struct ipc_output_params *p,
                    struct error *e);
struct ipc_call *ipc_call_by_id(struct ipc_conn *c, const struct json *id);
struct ipc_call *ipc_call_by_name(struct session *s, const struct peer *p, const char *name);
void ipc_call_cancel(struct ipc_call *x, enum ipc_cancel_reason why); /* the guest hears nothing */
void ipc_call_drained(struct ipc_call *x);                            /* its guest has read */
