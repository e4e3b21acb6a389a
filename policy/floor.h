/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The administrator's floor: what no user's policy may loosen. It comes last (decision 12): it
 * takes nothing for itself, it refuses, and the refusal names the row of it that stood in the way.
 * Where nobody asked (the presets' limits and protections, `deny`) it narrows and says nothing.
 */
#pragma once

#include "policy.h"

struct floor {
        struct strings levels;        /* set: only these */
        struct strings network_modes; /* set: only these */
        struct strings hosts;         /* set: network.allow may name nothing else */
        struct strings write;         /* set: what may be written lies below one of these */
        struct strings deny;          /* always denied, too */
        struct strings protect;       /* protections that no policy takes away */
        struct policy_limits limits;  /* no policy may have more */
        struct strings accept;        /* losses that a policy may accept although a row is lost */
};

/* What is for the administrator in /etc/leash/leashd.json. */
struct user_limits { /* per user; 0 = the built-in ones */
        uint64_t connections, sandboxes, requests, buffer_bytes;
        uint64_t memory_bytes, processes; /* of all sandboxes together: held by a control group */
};
/* The kernel's records of denials (docs/man/leashd.8). AUTO: where its audit is on anyway. */
enum admin_audit {
        ADMIN_AUDIT_UNSET = 0, /* = AUTO */
        ADMIN_AUDIT_AUTO,
        ADMIN_AUDIT_OFF,
        ADMIN_AUDIT_ON,
        ADMIN_AUDIT_N_,
};

struct admin_config {
        const char *schema;
        enum admin_audit audit;
        struct floor floor;
        struct user_limits users;
};

/* Is the floor itself well-formed? Pointers are relative to the document. */
int admin_config_check(const struct admin_config *c, struct error *e);
/* Over each layer that somebody wrote: a limit or a protection that it names. */
int floor_asked(const struct floor *f, const struct policy *layer, struct error *e);
/* Over a resolved and checked policy. */
int floor_apply(struct arena *a, const struct floor *f, struct policy *p, struct error *e);
/* Over canonical paths. `workdir` NULL: a private one. */
int floor_paths(const struct floor *f, const struct policy *p, const char *workdir,
                struct error *e);
