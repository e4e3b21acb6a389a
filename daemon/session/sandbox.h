/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sandbox: a plan that a backend enforces, and the commands in it. */
#pragma once

#include "gate.h"
#include "place.h"
#include "session.h"

struct sandbox {
        LIST_ENTRY(sandbox) link; /* in session->sandboxes, or ->doomed */
        struct session *session;
        char id[ID_BYTES];
        const char *name; /* in the arena, or NULL */
        struct place place;
        struct box *box;
        struct event *event;
        enum sandbox_state state;
        enum lifetime lifetime;
        struct peer *owner; /* NULL: its connection has gone */
        struct process_list processes;
        size_t n_processes; /* that run */
        uint64_t n_denials; /* refusals that were noticed, repeats included */
        struct request *creating;
        double asked, created; /* monotonic: before its plan was made, and after */
        bool keep_workdir;
        const char *why; /* it ends: a sentence of ours; NULL: nobody has said */
        struct sandbox_gate gate;
        struct disk_watch *disk_watch; /* NULL: nothing is measured */
        struct ipc *ipc;               /* made when the first host command is registered */
        bool announced, failed;        /* sandbox.created, or sandbox.failed went out */
        void (*freed)(void *userdata); /* nothing in it runs any more; NULL = nobody asks */
        void *userdata;
};

/* What comes with a policy: the parts of sandbox.create, process.run and process.start. */
struct sandbox_wish {
        struct layers layers;
        const char *name;
        enum lifetime lifetime;
        bool keep_workdir;
};
/* Strings of the wish are borrowed: `arena` (may be NULL) is the arena they live in, which the
 * sandbox takes over when this works. */
int sandbox_new(struct session *s, struct peer *owner, const struct sandbox_wish *w,
                struct arena *arena, struct sandbox **ret, struct error *e);
struct sandbox *sandbox_find(struct session *s, const char *id,
                             struct error *e); /* NULL: ERROR_NOT_FOUND */
/* Kills everything in it, answers whoever waits, removes what was made for it; rq (may be NULL) is
 * answered with {} when nothing is left. Not from its own events: those call sandbox_doom(). */
void sandbox_free(struct sandbox *sb, struct request *rq);
void sandbox_doom(struct sandbox *sb); /* the same, when the loop is at rest */
void sandbox_reap(struct session *s);
void sandbox_peer_gone(struct session *s, struct peer *p);
void sandbox_describe(const struct sandbox *sb, const struct peer *asks, struct arena *a,
                      struct sandbox_info *ret);
