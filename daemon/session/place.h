/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From what a request says to a plan: profile, merge, check, canonical paths, survey, compile. */
#pragma once

#include "session.h"

struct workdir;

struct place {
        struct arena *arena;
        struct arena *request_arena; /* strings of the request that the plan borrows; owned, may be
                                        NULL */
        struct policy policy;        /* whole, paths canonical */
        struct subject subject;
        struct plan *plan;
        struct workdir *fresh; /* made for this place, or NULL */
        struct workdir *tmp;   /* native tier: for temporary files */
        struct workdir *ipc;   /* where the backend has no place for host commands */
};

/* An environment that is being made: `source` shows at `path`, to be written. */
struct place_venv {
        const char *path, *source;
        bool ours;
        struct strings decoys;
};

/* The layers of a policy, lowest first: the profile's, the request's, the command line's. */
struct layers {
        const char *profile;
        const struct policy *policy, *overrides;
        const struct pairs *client_environment; /* NULL or unset: not given */
        const struct place_venv *venv; /* instead of the policy's, while it is being made */
        bool unseen;                   /* a fresh working directory is for what runs in it only */
};

/* Of a request's parameters. */
#define LAYERS(p)                                                                            \
        {                                                                                    \
                .profile = (p)->profile, .policy = (p)->policy, .overrides = (p)->overrides, \
                .client_environment = &(p)->client_environment                               \
        }

/* A profile's own network, or its packages, go through the caller's proxy: only the daemon reads a
 * profile, so that the client (libleash/localise.c) cannot put it in. `p`: merged. */
int layers_network(struct arena *a, const struct layers *l, struct policy *p, struct error *e);
/* real: a fresh working directory is made on the disk if the policy names none. Otherwise
 * (policy.check, policy.explain, leash.info) a name is made up. sandbox_id may be NULL. */
int place_compile(struct session *s, const struct layers *layers, const char *sandbox_id, bool real,
                  struct place *ret, struct error *e);
/* keep: the fresh directory stays. rq (may be NULL) is answered with {} when nothing is left. */
void place_done(struct session *s, struct place *p, bool keep, struct request *rq);
/* What `enforcement` says; lists live in `a`. */
void place_enforcement(const struct session *s, const struct place *p, struct arena *a,
                       struct enforcement *ret);

/* rpc_info.c: tier, losses and reason, of a default policy on this host; sources of denials. */
void info_enforcement(struct session *s, struct arena *a, struct leash_info_result *ret);

/* profile.c: a policy by name: a preset, else a file of the user's or the system's. */
int profile_load(struct session *s, struct arena *a, const char *name, const struct policy **ret,
                 struct error *e);
