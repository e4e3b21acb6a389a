/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Questions that the client answers. One at a time for a target: whoever comes meanwhile waits for
 * the same answer. What is to be remembered holds for this host and port as long as the sandbox
 * does. Silence is a no.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"

struct question {
        struct grave grave;
        LIST_ENTRY(question) link;
        struct sandbox *sb;
        uint64_t id;
        struct host host;
        uint16_t port;
        struct timer timer;
        struct asker_list waiters;
};

struct ask_answer {
        char *host;
        uint16_t port;
        bool yes;
};

static void answer(struct gate *g, struct question *q, bool yes) {
        timer_clear(g, &q->timer);
        LIST_REMOVE(q, link);
        q->sb->n_questions--;
        while (!LIST_EMPTY(&q->waiters)) {
                struct asker *a = LIST_FIRST(&q->waiters);
                LIST_REMOVE(a, link);
                a->waits_for = NULL;
                a->fn(g, a, yes);
        }
        gate_bury(g, &q->grave);
}

static void on_timer(struct gate *g, struct timer *t) {
        answer(g, OWNER(t, struct question, timer), false);
}

static const struct ask_answer *remembered(const struct sandbox *sb, const struct host *h,
                                           uint16_t port) {
        for (size_t i = 0; i < sb->n_answers; i++)
                if (sb->answers[i].port == port && strcmp(sb->answers[i].host, h->name) == 0)
                        return &sb->answers[i];
        return NULL;
}

static void put_question(struct gate *g, const struct question *q, enum gate_via via) {
        struct gate_frame f = GATE_FRAME(GATE_ASK);
        f.sandbox = q->sb->number;
        f.id = q->id;
        f.port = q->port;
        f.via = via;
        memcpy(f.host, q->host.name, sizeof(f.host));
        control_send(g, &f);
}

void ask(struct gate *g, struct sandbox *sb, const struct host *h, uint16_t port, enum gate_via via,
         struct asker *a) {
        const struct ask_answer *known = remembered(sb, h, port);
        struct question *q;

        a->waits_for = NULL;
        if (known) {
                a->fn(g, a, known->yes);
                return;
        }
        LIST_FOREACH(q, &sb->questions, link)
                if (q->port == port && host_same(&q->host, h))
                        break;
        if (!q) {
                q = sb->n_questions < GATE_MAX_ASKS ? calloc(1, sizeof(*q)) : NULL;
                if (!q) {
                        a->fn(g, a, false);
                        return;
                }
                q->sb = sb;
                q->id = ++g->last_question;
                q->host = *h;
                q->port = port;
                q->timer.fn = on_timer;
                LIST_INIT(&q->waiters);
                LIST_INSERT_HEAD(&sb->questions, q, link);
                sb->n_questions++;
                timer_set(g, &q->timer, TIMER_ASK);
                put_question(g, q, via);
        }
        LIST_INSERT_HEAD(&q->waiters, a, link);
        a->waits_for = q;
}

void ask_cancel(struct gate *g, struct asker *a) {
        struct question *q = TAKE(a->waits_for);
        struct gate_frame f = GATE_FRAME(GATE_UNASK);
        if (!q)
                return;
        LIST_REMOVE(a, link);
        if (!LIST_EMPTY(&q->waiters))
                return;
        f.sandbox = q->sb->number;
        f.id = q->id;
        control_send(g, &f);
        answer(g, q, false); /* to nobody */
}

static void remember(struct sandbox *sb, const struct question *q, bool yes) {
        if (sb->n_answers >= GATE_MAX_ANSWERS)
                return; /* then it is asked again */
        struct ask_answer *more = realloc(sb->answers, (sb->n_answers + 1) * sizeof(*more));
        if (!more)
                return;
        sb->answers = more;
        more[sb->n_answers] = (struct ask_answer){ strdup(q->host.name), q->port, yes };
        if (more[sb->n_answers].host)
                sb->n_answers++;
}

void ask_decide(struct gate *g, struct sandbox *sb, const struct gate_frame *f) {
        struct question *q;
        LIST_FOREACH(q, &sb->questions, link)
                if (q->id == f->id)
                        break;
        if (!q)
                return; /* too late */
        if (f->remember)
                remember(sb, q, f->verdict == GATE_ALLOWED);
        answer(g, q, f->verdict == GATE_ALLOWED);
}

void ask_forget(struct gate *g, struct sandbox *sb) {
        while (!LIST_EMPTY(&sb->questions))
                answer(g, LIST_FIRST(&sb->questions), false);
        for (size_t i = 0; i < sb->n_answers; i++)
                free(sb->answers[i].host);
        free(sb->answers);
        sb->answers = NULL;
        sb->n_answers = 0;
}
