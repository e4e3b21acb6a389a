/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who wants to know what. A subscription is a set of kinds, for one sandbox or for all. */
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "sandbox.h"

#define SUBSCRIPTIONS_MAX 64 /* per connection: one a sandbox that a client watches, and some */

static bool wanted(const struct peer *p, unsigned bit, const char *sandbox) {
        for (const struct subscription *x = p->subscriptions; x; x = x->next)
                if ((x->kinds & bit) &&
                    (!x->sandbox[0] || (sandbox && strcmp(x->sandbox, sandbox) == 0)))
                        return true;
        return false;
}

void events_emit(struct session *s, enum event_kind kind, const struct event_details *d) {
        struct peer *p;
        struct event ev = { .kind = event_kind_name(kind),
                            .time = clock_wall(),
                            .number = ++s->last_event,
                            .sandbox = d->sandbox,
                            .process = d->process,
                            .path = d->path,
                            .why = d->why,
                            .exit = d->exit,
                            .reason = d->reason,
                            .seconds = d->seconds,
                            .denials = d->denials,
                            .plan = d->plan,
                            .denial = d->denial,
                            .network = d->network,
                            .venv = d->venv };
        if (d->argv)
                ev.argv = *d->argv;
        if (d->sandbox)
                history_note(s->histories, &ev,
                             kind == EVENT_SANDBOX_DESTROYED || kind == EVENT_SANDBOX_FAILED);
        /* One line for all who want it. */
        _cleanup_(out_line_freep) struct out_line *line = NULL;
        bool made = false;
        LIST_FOREACH(p, &s->peers, link) {
                if (p->dead || !wanted(p, 1u << kind, d->sandbox))
                        continue;
                if (!made && peer_notification(s, NOTIFY_EVENT, &ev, &line) == -EINVAL)
                        return;
                made = true;
                peer_notify_line(p, line);
        }
}

void events_unsubscribe(struct peer *p) {
        while (p->subscriptions) {
                struct subscription *x = p->subscriptions;
                p->subscriptions = x->next;
                free(x);
        }
}

/* The words were checked when the request was decoded. */
static unsigned parse_kinds(const struct strings *names) {
        unsigned kinds = 0;
        for (size_t i = 0; i < names->n; i++)
                for (unsigned k = 0; k < EVENT_KIND_N_; k++)
                        if (strcmp(event_kind_name(k), names->items[i]) == 0)
                                kinds |= 1u << k;
        return names->set ? kinds : (1u << EVENT_KIND_N_) - 1;
}

int rpc_events_subscribe(struct request *rq, struct error *e) {
        const struct events_subscribe_params *p = rq->params;
        unsigned n = 0;

        if (p->sandbox && !sandbox_find(rq->session, p->sandbox, e))
                return -ENOENT;
        for (struct subscription *x = rq->peer->subscriptions; x; x = x->next)
                if (++n >= SUBSCRIPTIONS_MAX)
                        return error_set(e, ERROR_LIMIT, EAGAIN,
                                         "%u subscriptions on this connection already", n);
        struct subscription *x = calloc(1, sizeof *x);
        if (!x)
                return error_nomem(e);
        x->kinds = parse_kinds(&p->kinds);
        if (p->sandbox)
                snprintf(x->sandbox, sizeof x->sandbox, "%s", p->sandbox);
        x->next = rq->peer->subscriptions;
        rq->peer->subscriptions = x;
        request_reply(rq, NULL);
        return 0;
}
