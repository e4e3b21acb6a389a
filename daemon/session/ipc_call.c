/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One call: words become arguments, the schema is asked, standard input is read where the command
 * wants it, the client is asked, and its answer goes back. The checks here are those that count:
 * whatever a guest did before, the client sees only what the schema accepts.
 */
#include "ipc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_COST 256 /* bytes: of a word as a JSON value, beside its text */

static void held_done(struct ipc_call *x, const struct error *e) {
        while (!STAILQ_EMPTY(&x->held)) {
                struct held *h = STAILQ_FIRST(&x->held);
                STAILQ_REMOVE_HEAD(&x->held, link);
                if (e)
                        request_fail(h->rq, e);
                else
                        request_reply(h->rq, NULL);
                free(h);
        }
}

static void input_drop(struct ipc_call *x) {
        free(TAKE(x->input));
        x->conn->ipc->held_bytes -= x->input_room;
        x->input_len = x->input_room = 0;
}

static void call_free(struct ipc_call *x) {
        struct error gone = ERROR_NULL;
        error_set(&gone, ERROR_GONE, ECANCELED, "the call has ended");
        held_done(x, &gone);
        input_drop(x);
        if (x->asked)
                call_forget(x->asked);
        if (x->input_asked)
                call_forget(x->input_asked);
        LIST_REMOVE(x, link);
        LIST_REMOVE(x, session_link);
        x->conn->n_calls--;
        x->conn->ipc->n_calls--;
        x->conn->ipc->held_bytes -= x->held_bytes;
        json_unref(x->arguments);
        ipc_entry_unref(x->entry);
        free(x->input_id);
        free(x->id);
        free(x);
}

void ipc_call_cancel(struct ipc_call *x, enum ipc_cancel_reason why) {
        const struct ipc_cancel n = { .call = x->name, .reason = why };
        if (x->asked)
                peer_notify_due(x->peer, NOTIFY_IPC_CANCEL, &n);
        call_free(x);
}

struct ipc_call *ipc_call_by_id(struct ipc_conn *c, const struct json *id) {
        size_t len;
        char *text = json_print(id, false, &len);
        struct ipc_call *x;
        LIST_FOREACH(x, &c->calls, link)
                if (text && strcmp(x->id, text) == 0)
                        break;
        free(text);
        return x;
}

struct ipc_call *ipc_call_by_name(struct session *s, const struct peer *p, const char *name) {
        struct ipc_call *x;
        LIST_FOREACH(x, &s->ipc_calls, session_link)
                if (x->peer == p && x->asked && strcmp(x->name, name) == 0)
                        return x;
        return NULL;
}

/* The guest's own id, for messages about it. */
static struct json *id_json(const struct ipc_call *x) {
        struct json *j = NULL;
        (void) json_parse(x->id, strlen(x->id), &j, NULL);
        return j;
}

static void tell_usage(const struct ipc_command *c, struct error *e) {
        char *usage = host_command_usage(c);
        size_t n = strlen(e->message);
        if (usage && e->code == ERROR_PARAMS)
                snprintf(e->message + n, sizeof e->message - n, "\n%s", usage);
        free(usage);
}

/* asking */

static void on_answer(struct session *s, const void *result, const struct error *e,
                      void *userdata) {
        struct ipc_call *x = userdata;
        struct error told = ERROR_NULL;
        x->asked = NULL;
        s->stats.host_commands++;
        s->stats.host_commands_failed += !result;
        if (result) {
                ipc_conn_reply(x->conn, x->id, guest_methods[GUEST_CALL].result, result);
        } else {
                const struct ipc_cancel n = { .call = x->name, .reason = IPC_CANCEL_TIMEOUT };
                told = *e;
                if (e->code == ERROR_TIMEOUT)
                        peer_notify_due(x->peer, NOTIFY_IPC_CANCEL, &n);
                if (e->code == ERROR_GONE)
                        error_set(&told, ERROR_GONE, EPIPE,
                                  "the program that offers this command has gone");
                ipc_conn_fail(x->conn, x->id, &told);
        }
        held_done(x, NULL);
        call_free(x);
}

static int ask(struct ipc_call *x, struct error *e) {
        const struct ipc_command *c = &x->entry->command;
        struct sandbox *sb = x->conn->ipc->sandbox;
        const struct ipc_caller *who = &x->conn->caller;
        struct peer *p = sb->owner;
        double seconds = (double) (c->timeout_ms ? c->timeout_ms : IPC_TIMEOUT_MS) / 1000;

        int r = host_command_accepts(c, x->arguments, e);
        if (r < 0) {
                tell_usage(c, e);
                return r;
        }
        if (!p || p->dead)
                return error_set(e, ERROR_GONE, EPIPE,
                                 "the program that offers this command has gone");
        x->peer = p;
        snprintf(x->name, sizeof x->name, "c%llu",
                 (unsigned long long) ++sb->session->last_ipc_call);
        const struct ipc_call_params params = {
                .sandbox = sb->id,
                .call = x->name,
                .command = c->name,
                .arguments = x->arguments,
                .stream_stdin = x->input_open,
                .process = { .pid = (uint64_t) who->pid,
                             .name = who->name[0] ? who->name : NULL,
                             .process = who->process[0] ? who->process : NULL },
        };
        r = peer_call(p, CLIENT_IPC_CALL, &params, seconds, on_answer, x, &x->asked);
        if (r < 0)
                return error_set(e, ERROR_INTERNAL, -r, "cannot ask the client: %s", strerror(-r));
        x->arguments = json_unref(x->arguments);
        return 0;
}

static int wait_for_input(struct ipc_call *x) {
        _cleanup_(json_unrefp) struct json *id = id_json(x);
        const struct guest_id n = { .id = id };
        x->input_open = true;
        ipc_conn_notify(x->conn, GUEST_READ, &n);
        return 0;
}

/* 0; 1: they asked for help, and got it */
static int take_arguments(struct ipc_call *x, const struct guest_call_params *p, struct error *e) {
        const struct ipc_command *c = &x->entry->command;
        if (p->arguments && p->argv.set)
                return error_field(e, "/argv", "goes not together with \"arguments\"");
        if (p->arguments) {
                x->arguments = json_ref(p->arguments);
                return 0;
        }
        int r = host_command_arguments(c, &p->argv, &x->arguments, e);
        if (r < 0)
                tell_usage(c, e);
        if (r > 0) {
                char *help = host_command_help(c);
                const struct ipc_call_result result = { .text = { help, help ? strlen(help) : 0 },
                                                        .encoding = ENCODING_UTF8 };
                if (!help)
                        return error_nomem(e);
                ipc_conn_reply(x->conn, x->id, guest_methods[GUEST_CALL].result, &result);
                free(help);
        }
        return r;
}

int ipc_call_new(struct ipc_conn *c, const char *id, const struct guest_call_params *p,
                 struct error *e) {
        struct ipc_entry *entry = ipc_find(c->ipc, p->name);
        size_t cost = c->line_bytes + p->argv.n * WORD_COST;
        struct ipc_call *x;

        if (!entry)
                return error_set(
                        e, ERROR_NOT_FOUND, ENOENT,
                        "there is no command %.64s; leash-ipc --list shows those there are",
                        p->name);
        if (c->n_calls >= LIMIT_IPC_CALLS_PER_CONNECTION)
                return error_set(e, ERROR_LIMIT, EAGAIN, "%u calls run on this connection already",
                                 LIMIT_IPC_CALLS_PER_CONNECTION);
        if (c->ipc->n_calls >= LIMIT_IPC_CALLS)
                return error_set(e, ERROR_LIMIT, EAGAIN, "%u calls run in this sandbox already",
                                 LIMIT_IPC_CALLS);
        if (c->ipc->held_bytes + cost > LIMIT_IPC_HELD_BYTES)
                return error_set(e, ERROR_LIMIT, ENOBUFS,
                                 "the calls of this sandbox hold too much");
        LIST_FOREACH(x, &c->calls, link)
                if (strcmp(x->id, id) == 0)
                        return error_set(e, ERROR_REQUEST, EEXIST,
                                         "a call with this id runs already");
        x = calloc(1, sizeof *x);
        if (x)
                x->id = strdup(id);
        if (!x || !x->id) {
                free(x);
                return error_nomem(e);
        }
        x->conn = c;
        x->entry = entry;
        entry->references++;
        STAILQ_INIT(&x->held);
        LIST_INSERT_HEAD(&c->calls, x, link);
        LIST_INSERT_HEAD(&c->ipc->sandbox->session->ipc_calls, x, session_link);
        c->n_calls++;
        c->ipc->n_calls++;
        x->held_bytes = cost;
        c->ipc->held_bytes += cost;

        int r = take_arguments(x, p, e);
        if (r == 0) {
                bool parameter = p->argv.set && !p->no_stdin &&
                                 host_command_wants_stdin(&entry->command, x->arguments);
                if (parameter)
                        return wait_for_input(x);
                x->input_open = entry->command.stream_stdin && !p->no_stdin;
                r = ask(x, e);
                if (r == 0)
                        return x->input_open ? wait_for_input(x) : 0;
        }
        call_free(x);
        return r < 0 ? r : 0;
}

/* standard input */

static void on_input_taken(struct session *s, const void *result, const struct error *e,
                           void *userdata) {
        struct ipc_call *x = userdata;
        char *id = TAKE(x->input_id);
        x->input_asked = NULL;
        if (result)
                ipc_conn_reply(x->conn, id, NULL, NULL);
        else
                ipc_conn_fail(x->conn, id, e);
        free(id);
}

static int pass_on(struct ipc_call *x, const char *id, const struct guest_input_params *p,
                   struct error *e) {
        const struct ipc_command *c = &x->entry->command;
        const struct ipc_input_params params = { .call = x->name,
                                                 .data = p->data,
                                                 .encoding = text_encoding_for(&p->data, 1),
                                                 .eof = p->eof };
        if (x->input_asked)
                return error_set(e, ERROR_STATE, EBUSY,
                                 "the part before has not been taken yet: wait for its answer");
        x->input_id = strdup(id);
        if (!x->input_id)
                return error_nomem(e);
        int r = peer_call(x->peer, CLIENT_IPC_INPUT, &params,
                          (double) (c->timeout_ms ? c->timeout_ms : IPC_TIMEOUT_MS) / 1000,
                          on_input_taken, x, &x->input_asked);
        if (r < 0) {
                free(TAKE(x->input_id));
                return error_set(e, ERROR_INTERNAL, -r, "cannot pass it on: %s", strerror(-r));
        }
        x->input_open = !p->eof;
        return 0;
}

static int input_keep(struct ipc_call *x, const struct bytes *data, struct error *e) {
        struct ipc *ipc = x->conn->ipc;
        size_t need = x->input_len + data->len, room = x->input_room ? x->input_room : 4096;
        if (need > LIMIT_IPC_STDIN_BYTES)
                return error_set(e, ERROR_LIMIT, EFBIG,
                                 "standard input is larger than %u MiB: put it into a file",
                                 LIMIT_IPC_STDIN_BYTES >> 20);
        while (room < need)
                room *= 2;
        if (room > x->input_room) {
                if (ipc->held_bytes - x->input_room + room > LIMIT_IPC_HELD_BYTES)
                        return error_set(e, ERROR_LIMIT, ENOBUFS,
                                         "the calls of this sandbox hold too much");
                char *more = realloc(x->input, room);
                if (!more)
                        return error_nomem(e);
                ipc->held_bytes += room - x->input_room;
                x->input = more;
                x->input_room = room;
        }
        if (data->len > 0)
                memcpy(x->input + x->input_len, data->data, data->len);
        x->input_len = need;
        return 0;
}

static int input_complete(struct ipc_call *x, struct error *e) {
        const struct ipc_command *c = &x->entry->command;
        x->input_open = false;
        x->held_bytes += x->input_len;
        x->conn->ipc->held_bytes += x->input_len;
        int r = host_command_put_stdin(c, x->arguments, x->input ? x->input : "", x->input_len, e);
        input_drop(x);
        return r < 0 ? r : ask(x, e);
}

int ipc_call_input(struct ipc_conn *c, const char *id, const struct guest_input_params *p,
                   struct error *e) {
        struct ipc_call *x = ipc_call_by_id(c, p->id);
        struct error failed = ERROR_NULL;
        int r = 0;

        if (!x || !x->input_open)
                return error_set(e, ERROR_NOT_FOUND, ENOENT,
                                 "no call of this id waits for standard input");
        if (p->data.len > LIMIT_IPC_CHUNK_BYTES)
                return error_field(e, "/data", "has %zu bytes; at most %u in one part", p->data.len,
                                   LIMIT_IPC_CHUNK_BYTES);
        if (x->asked)
                return pass_on(x, id, p, e);
        /* What is wrong from here on is the call's error: its caller waits for that. */
        ipc_conn_reply(c, id, NULL, NULL);
        r = input_keep(x, &p->data, &failed);
        if (r >= 0 && p->eof)
                r = input_complete(x, &failed);
        if (r < 0) {
                ipc_conn_fail(c, x->id, &failed);
                call_free(x);
        }
        return 0;
}

/* output */

int ipc_call_output(struct ipc_call *x, struct request *rq, const struct ipc_output_params *p,
                    struct error *e) {
        _cleanup_(json_unrefp) struct json *id = id_json(x);
        struct guest_output n = { .id = id,
                                  .stream = p->stream ? p->stream : STREAM_STDOUT,
                                  .data = p->data,
                                  .encoding = text_encoding_for(&p->data, 1) };
        if (p->data.len > LIMIT_IPC_CHUNK_BYTES)
                return error_field(e, "/data", "has %zu bytes; at most %u in one part", p->data.len,
                                   LIMIT_IPC_CHUNK_BYTES);
        ipc_conn_notify(x->conn, GUEST_OUTPUT, &n);
        if (!ipc_conn_is_full(x->conn) || x->conn->dead || !rq->id) {
                request_reply(rq, NULL);
                return 0;
        }
        struct held *h = calloc(1, sizeof *h);
        if (!h)
                return error_nomem(e);
        h->rq = rq;
        STAILQ_INSERT_TAIL(&x->held, h, link);
        return 0;
}

void ipc_call_drained(struct ipc_call *x) {
        held_done(x, NULL);
}
