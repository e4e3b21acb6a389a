/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Notifications that a connection has asked for. */
#pragma once

#include "session.h"

/* In the order of event_kind_name(). */
enum event_kind {
        EVENT_SANDBOX_CREATED = 0,
        EVENT_SANDBOX_DESTROYED,
        EVENT_PROCESS_STARTED,
        EVENT_PROCESS_EXITED,
        EVENT_DENIED,
        EVENT_TRUST_CREATED,
        EVENT_NETWORK,
        EVENT_VENV_PROGRESS,
        EVENT_SANDBOX_FAILED,
        EVENT_PROCESS_FAILED,
        EVENT_KIND_N_,
};

/* The caller fills what the kind has; kind and time are filled here. */
struct event_details {
        const char *sandbox, *process, *path, *why;
        const struct strings *argv;
        struct json *exit;
        enum exit_reason reason;
        double seconds;
        uint64_t denials;
        struct event_plan *plan;
        struct denial *denial;
        struct network_event *network;
        struct venv_progress *venv;
};
void events_emit(struct session *s, enum event_kind kind, const struct event_details *d);
void events_unsubscribe(struct peer *p);
