/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The session's side of leash-gate: one process for all sandboxes, started when the first of them
 * needs it and again when it dies. The listeners stay here, so that a new gate can have them
 * (decision 24).
 */
#pragma once

#include "../../policy/gate.h"
#include "session.h"

struct gate_frame;
struct sandbox;

/* What the session keeps of a sandbox that has a network. */
struct sandbox_gate {
        uint64_t number; /* 0: has none */
        uint32_t mask;
        int listeners[GATE_LISTENER_N_]; /* those of the mask */
        int others[GATE_OTHERS_MAX];
        size_t n_others;
};

/* gate.c */
void gate_add(struct sandbox *sb, const struct box_event *ev); /* takes the event's listeners */
void gate_remove(struct sandbox *sb);
void gate_stop(struct session *s);
void gate_hear(struct session *s); /* what the gate has said by now */
void gate_decide(struct session *s, uint64_t sandbox, uint64_t question, bool yes, bool remember);
void gate_tell_resolver(struct session *s); /* the files have changed */

/* gate_file.c: what travels as sealed memfds; a descriptor or -errno */
int gate_rules_file(const struct sandbox *sb);
int gate_resolver_file(void);

/* resolv_watch.c: calls gate_tell_resolver() when resolv.conf or hosts change */
int resolv_watch_start(struct session *s);
void resolv_watch_stop(struct session *s);

/* network.c: what the gate says */
void network_event(struct sandbox *sb, const struct gate_frame *f);
void network_ask(struct sandbox *sb, const struct gate_frame *f);
/* Nobody waits for these answers any more; 0: of any sandbox, any question. */
void network_unask(struct session *s, uint64_t sandbox, uint64_t question);
