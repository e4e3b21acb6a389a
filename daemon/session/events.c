/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who wants to know what. A subscription is a set of kinds, for one sandbox or for all. */
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

#define SUBSCRIPTIONS_MAX 64 /* per connection: one a sandbox that a client watches, and some */

static const char *const kind_names[EVENT_KIND_N_] = {
        [EVENT_SANDBOX_CREATED] = "sandbox.created", [EVENT_SANDBOX_DESTROYED] = "sandbox.destroyed",
        [EVENT_PROCESS_STARTED] = "process.started", [EVENT_PROCESS_EXITED] = "process.exited",
        [EVENT_DENIED] = "denied",                   [EVENT_TRUST_CREATED] = "trust_created",
};

static bool wanted(const struct peer *p, unsigned bit, const char *sandbox) {
        for (const struct subscription *x = p->subscriptions; x; x = x->next)
                if ((x->kinds & bit) && (!x->sandbox[0] || (sandbox && strcmp(x->sandbox, sandbox) == 0)))
                        return true;
        return false;
}

void events_emit(struct session *s, enum event_kind kind, const struct event_details *d) {
        struct peer *p;
        struct event ev = { .kind = kind_names[kind],
                            .time = clock_wall(),
                            .sandbox = d->sandbox,
                            .process = d->process,
                            .path = d->path,
                            .exit = d->exit,
                            .denial = d->denial };
        if (d->argv)
                ev.argv = *d->argv;
        LIST_FOREACH(p, &s->peers, link)
                if (wanted(p, 1u << kind, d->sandbox))
                        peer_notify(p, NOTIFY_EVENT, &ev);
}

void events_unsubscribe(struct peer *p) {
        while (p->subscriptions) {
                struct subscription *x = p->subscriptions;
                p->subscriptions = x->next;
                free(x);
        }
}

static int parse_kinds(const struct strings *names, unsigned *ret, struct error *e) {
        unsigned kinds = 0;
        char where[32];
        for (size_t i = 0; i < names->n; i++) {
                unsigned k = 0;
                while (k < EVENT_KIND_N_ && strcmp(kind_names[k], names->items[i]) != 0)
                        k++;
                if (k == EVENT_KIND_N_) {
                        snprintf(where, sizeof where, "/kinds/%zu", i);
                        return error_field(e, where,
                                           "there is no such kind; there are sandbox.created, "
                                           "sandbox.destroyed, process.started, process.exited, denied, "
                                           "trust_created");
                }
                kinds |= 1u << k;
        }
        *ret = names->set ? kinds : (1u << EVENT_KIND_N_) - 1;
        return 0;
}

int rpc_events_subscribe(struct request *rq, struct error *e) {
        const struct events_subscribe_params *p = rq->params;
        unsigned kinds, n = 0;
        int r = parse_kinds(&p->kinds, &kinds, e);
        if (r < 0)
                return r;
        if (p->sandbox && !sandbox_find(rq->session, p->sandbox, e))
                return -ENOENT;
        for (struct subscription *x = rq->peer->subscriptions; x; x = x->next)
                if (++n >= SUBSCRIPTIONS_MAX)
                        return error_set(e, ERROR_LIMIT, EAGAIN, "%u subscriptions on this connection already",
                                         n);
        struct subscription *x = calloc(1, sizeof *x);
        if (!x)
                return error_nomem(e);
        x->kinds = kinds;
        if (p->sandbox)
                snprintf(x->sandbox, sizeof x->sandbox, "%s", p->sandbox);
        x->next = rq->peer->subscriptions;
        rq->peer->subscriptions = x;
        request_reply(rq, NULL);
        return 0;
}
