/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the gate says: connections become events, refusals become denials of the commands that run,
 * questions go to the client that made the sandbox (decision 3). The gate reads what hostile
 * programs send; its frames are checked, and what they say is only ever shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/gate_wire.h"
#include "events.h"
#include "gate.h"
#include "report.h"

#define ASK_SECONDS 30 /* for a person to read and answer; programs wait for as long */

static const char *text_or_null(const char *s) {
        return *s ? s : NULL;
}

static const char *error_text(int err) {
        if (err == ENOENT)
                return "there is no such name";
        return err > 0 ? strerror(err) : NULL;
}

void network_event(struct sandbox *sb, const struct gate_frame *f) {
        bool denied = f->verdict == GATE_DENIED;
        struct network_event n = {
                .host = text_or_null(f->host),
                .port = f->port,
                .address = text_or_null(f->address),
                .protocol = gate_via_names[f->via],
                .verdict = denied ? "deny" : "allow",
                .rule = text_or_null(f->rule),
                .field = text_or_null(f->field),
                .why = text_or_null(f->why),
                .error = error_text(f->err),
                .bytes_in = f->bytes_in,
                .bytes_out = f->bytes_out,
                .seconds = (double) f->micros / 1e6,
                .connect_seconds = (double) f->connect_micros / 1e6,
        };
        struct event_details d = { .sandbox = sb->id, .network = &n };
        struct stats *st = &sb->session->stats;
        st->connections[!denied]++;
        st->bytes_in += f->bytes_in;
        st->bytes_out += f->bytes_out;
        st->gate_events_lost += f->lost;
        sb->n_denials += denied;
        if (denied)
                stats_denial(st, SOURCE_GATE, f->field, 1);
        if (f->lost > 0)
                log_write(&sb->session->log, LOG_WARN, "events of leash-gate were lost",
                          LOG_INT("events", (int64_t) f->lost));
        events_emit(sb->session, EVENT_NETWORK, &d);
        if (!denied)
                return;
        char host[sizeof f->host + 16];
        bool six = strchr(f->host, ':');
        if (f->port > 0)
                snprintf(host, sizeof host, six ? "[%s]:%u" : "%s:%u", f->host, f->port);
        else
                snprintf(host, sizeof host, "%s", f->host);
        /* The gate does not know whose connection it was: each that runs has it in its result, but
         * it is one refusal, and one event. */
        const struct denial denial = { .kind = "host",
                                       .host = host,
                                       .access = f->via == GATE_VIA_DNS ? "resolve" : "connect",
                                       .rule = text_or_null(f->rule),
                                       .field = text_or_null(f->field),
                                       .count = 1 };
        struct denial *first = NULL;
        struct process *p;
        LIST_FOREACH(p, &sb->processes, sandbox_link) {
                struct denial *noted = report_denial(p, &denial);
                first = first ? first : noted;
        }
        p = LIST_FIRST(&sb->processes);
        struct event_details denied_event = {
                .sandbox = sb->id,
                .process = p && !LIST_NEXT(p, sandbox_link) ? p->id : NULL,
                .denial = first,
        };
        if (first)
                events_emit(sb->session, EVENT_DENIED, &denied_event);
}

struct asked {
        LIST_ENTRY(asked) link;
        uint64_t sandbox, question;
        struct peer *peer;
        struct call *call;
};

static void asked_free(struct asked *a) {
        LIST_REMOVE(a, link);
        free(a);
}

static void on_answer(struct session *s, const void *result, const struct error *e,
                      void *userdata) {
        struct asked *a = userdata;
        const struct network_decide_result *r = result;
        gate_decide(s, a->sandbox, a->question, r && r->verdict == DECIDE_ALLOW, r && r->remember);
        asked_free(a);
}

void network_ask(struct sandbox *sb, const struct gate_frame *f) {
        const struct process *p = LIST_FIRST(&sb->processes);
        struct network_decide_params params = {
                .sandbox = sb->id,
                .process = p && !LIST_NEXT(p, sandbox_link) ? p->id : NULL,
                .host = f->host,
                .port = f->port,
                .protocol = gate_via_names[f->via],
        };
        struct asked *a = sb->owner && !sb->owner->dead ? calloc(1, sizeof *a) : NULL;
        if (a) {
                *a = (struct asked){ .sandbox = f->sandbox, .question = f->id, .peer = sb->owner };
                LIST_INSERT_HEAD(&sb->session->asked, a, link);
                if (peer_call(sb->owner, CLIENT_NETWORK_DECIDE, &params, ASK_SECONDS, on_answer, a,
                              &a->call) >= 0)
                        return;
                asked_free(a);
        }
        gate_decide(sb->session, f->sandbox, f->id, false, false);
}

static void cancel(struct asked *a) {
        char id[CALL_ID_BYTES];
        const struct network_cancel n = { .id = call_id(a->call, id) };
        struct peer *peer = a->peer;
        call_forget(a->call);
        asked_free(a);
        peer_notify_due(peer, NOTIFY_NETWORK_CANCEL, &n);
}

void network_unask(struct session *s, uint64_t sandbox, uint64_t question) {
        for (struct asked *a = LIST_FIRST(&s->asked), *next; a; a = next) {
                next = LIST_NEXT(a, link);
                if ((sandbox == 0 || a->sandbox == sandbox) &&
                    (question == 0 || a->question == question))
                        cancel(a);
        }
}
