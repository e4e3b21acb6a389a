/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leashd has a link to each session and knows a few numbers of it, which it tells root's session
 * when that asks: messages of fixed size, one for each user. What the kernel counts for a user is
 * in his control group, for anybody to read. All other is each user's own business.
 */
#include "users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/socket.h"

#define USERS_MAX 4096 /* as many sessions as leash-launch has room for */
#define PATIENCE_S 2   /* leashd takes some 50 ms */
#define QUESTIONERS_MAX 16

struct users_question {
        struct event *timeout;
        struct request *requests[QUESTIONERS_MAX]; /* who asks meanwhile hears the same */
        size_t n_requests, n;
        struct user_use rows[USERS_MAX];
};

static void answer(struct session *s, bool partial) {
        struct users_question *q = TAKE(s->users);
        struct leash_users_result r = { .users = { q->rows, q->n, true }, .partial = partial };

        for (size_t i = 0; i < q->n_requests; i++)
                request_reply(q->requests[i], &r);
        if (q->timeout)
                event_free(q->timeout);
        free(q);
}

static void on_timeout(evutil_socket_t fd, short what, void *userdata) {
        answer(userdata, true);
}

static void add_totals(const struct session *s, struct user_use *u) {
        struct engine_totals t = { 0 };

        if (s->backend->engine_totals_of)
                s->backend->engine_totals_of(s->engine, (uid_t) u->uid, &t);
        u->memory_bytes = t.memory_bytes.used;
        u->memory_max = t.memory_bytes.max;
        u->processes = t.processes.used;
        u->processes_max = t.processes.max;
}

void users_told(struct session *s, const struct control_user *m) {
        struct users_question *q = s->users;

        if (!q) /* it was too late */
                return;
        if (m->last || q->n == USERS_MAX) {
                answer(s, !m->last);
                return;
        }
        struct user_use *u = &q->rows[q->n++];
        *u = (struct user_use){ .uid = m->uid,
                                .sessions = m->sessions,
                                .connections = m->connections,
                                .sandboxes = m->sandboxes };
        add_totals(s, u);
}

static int ask(struct session *s, struct error *e) {
        const struct control_message m = { .version = CONTROL_VERSION, .type = CONTROL_ASK_USERS };
        const struct timeval patience = { .tv_sec = PATIENCE_S };
        struct users_question *q = calloc(1, sizeof *q);

        if (!q)
                return error_nomem(e);
        q->timeout = evtimer_new(s->base, on_timeout, s);
        if (!q->timeout || event_add(q->timeout, &patience) < 0 ||
            socket_send(s->control_fd, &m, sizeof m, NULL, 0) < 0) {
                if (q->timeout)
                        event_free(q->timeout);
                free(q);
                return error_set(e, ERROR_LIMIT, EAGAIN, "leashd cannot be asked now");
        }
        s->users = q;
        return 0;
}

int rpc_leash_users(struct request *rq, struct error *e) {
        struct session *s = rq->session;

        if (!s->system || s->user.uid != 0)
                return error_set(e, ERROR_REFUSED, EPERM,
                                 "only root may ask for all users, and only the system's daemon "
                                 "knows of them");
        int r = s->users ? 0 : ask(s, e);
        if (!s->users)
                return r;
        if (s->users->n_requests == QUESTIONERS_MAX)
                return error_set(e, ERROR_LIMIT, EAGAIN, "too many ask for all users at once");
        s->users->requests[s->users->n_requests++] = rq;
        return 0;
}

void users_stop(struct session *s) {
        if (s->users)
                answer(s, true);
}
