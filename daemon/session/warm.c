/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A call of python.run in a warm interpreter is a process like another one: it has its place in the
 * lists, its pipes, its time limit. Only that not init starts and reaps it but the interpreter
 * inside, whose word for it is taken as far as it goes: a state that cannot follow is ignored, and
 * what it says of one call touches no other sandbox.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "../../backends/posix/socket.h"
#include "worker.h"

#define WARM_PER_SANDBOX 8 /* different ones; then the one that was used longest ago makes room */

static bool same_strings(const struct strings *a, const struct strings *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->items[i], b->items[i]) != 0)
                        return false;
        return true;
}

static bool same_pairs(const struct pairs *a, const struct pairs *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
                    strcmp(a->items[i].value, b->items[i].value) != 0)
                        return false;
        return true;
}

/* Its calls that run. */
static bool is_idle(const struct worker *w) {
        const struct process *p;
        LIST_FOREACH(p, &w->process->sandbox->processes, sandbox_link)
                if (p->worker == w)
                        return false;
        return true;
}

static int find(struct session *s, struct sandbox *sb, const struct worker_wish *wish,
                struct worker **ret, struct error *e) {
        struct worker *w, *oldest = NULL;
        unsigned n = 0;
        LIST_FOREACH(w, &s->workers, link) {
                if (w->kind != WORKER_WARM || !w->process || w->error.code != ERROR_NONE ||
                    w->process->sandbox != sb)
                        continue;
                if (strcmp(w->python, wish->python) == 0 &&
                    same_strings(&w->imports, &wish->imports) &&
                    same_pairs(&w->environment, &wish->environment)) {
                        *ret = w;
                        return 0;
                }
                n++;
                if (is_idle(w) && (!oldest || w->used < oldest->used))
                        oldest = w;
        }
        if (n >= WARM_PER_SANDBOX && !oldest)
                return error_set(e, ERROR_LIMIT, EAGAIN,
                                 "%u different warm interpreters are at work in this sandbox", n);
        if (n >= WARM_PER_SANDBOX)
                worker_end(oldest, NULL);
        return worker_new(s, sb, wish, ret, e);
}

int warm_run(struct request *rq, struct sandbox *sb, const struct worker_wish *wish,
             const struct process_wish *pw, const struct python_order *order, struct error *e) {
        struct worker *w;
        int r = find(rq->session, sb, wish, &w, e);
        if (r < 0)
                return r;
        w->used = clock_monotonic();
        _cleanup_(fd_closep) int file = worker_order(order, &python_order_shape, e);
        if (file < 0)
                return file;
        struct process *p;
        int theirs[3];
        r = process_new_outside(rq, sb, pw, &p, theirs, e);
        if (r < 0)
                return r;
        const int fds[] = { file, theirs[0], theirs[1], theirs[2] };
        r = worker_send(w, 1, 0, p->number, fds, ELEMENTSOF(fds), e);
        fds_close(theirs, 3);
        if (r < 0) {
                process_abandon(p);
                return r;
        }
        p->worker = w;
        process_own_request(p, rq);
        return 0;
}

static struct process *find_call(struct worker *w, uint64_t number) {
        struct process *p;
        if (w->process && w->process->sandbox)
                LIST_FOREACH(p, &w->process->sandbox->processes, sandbox_link)
                        if (p->worker == w && p->number == number)
                                return p;
        return NULL;
}

void warm_reply(struct worker *w, const struct python_reply *r) {
        struct process *p = find_call(w, r->id);
        if (!p) /* it was given up meanwhile */
                return;
        struct box_event ev = { .id = r->id, .pty = -1 };
        if (r->exited) {
                ev.kind = BOX_EXITED;
                ev.status = (int) (r->exit & 0xffff); /* as wait(2) has it */
                ev.user_us = r->user_us;
                ev.system_us = r->system_us;
                ev.rss_bytes = r->rss_bytes;
                if ((ev.status & 0x7f) == 0x7f) /* stopped, continued: it has not ended */
                        return;
        } else {
                ev.kind = BOX_SPAWNED;
                ev.pid = (pid_t) r->pid;
        }
        process_box_event(p->sandbox, &ev);
}

void warm_ended(struct worker *w) {
        struct process *p, *next;
        for (p = LIST_FIRST(&w->session->processes); p; p = next) {
                next = LIST_NEXT(p, link);
                if (p->worker != w)
                        continue;
                p->worker = NULL;
                /* One that had not begun never will; the others died with their parent. */
                process_worker_gone(p, &w->error);
        }
}

/* Who of its calls did it, init cannot tell. */
void warm_note(struct worker *w, const struct box_event *ev) {
        struct process *p;
        LIST_FOREACH(p, &w->process->sandbox->processes, sandbox_link)
                if (p->worker == w)
                        process_note(p, ev);
}

int warm_signal(struct process *p, int signo, struct error *e) {
        return worker_send(p->worker, 2, (unsigned) signo, p->number, NULL, 0, e);
}
