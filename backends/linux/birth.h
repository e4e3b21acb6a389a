/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a leash-init is born: what the new process does between clone() and exec. The session does it
 * itself in user mode; in system mode leash-warden does it on the session's behalf. */
#pragma once

#include <sched.h>

#include "../../policy/error.h"
#include "sys.h"

#define BIRTH_NAMESPACES \
        (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

enum birth_tier {
        BIRTH_NATIVE = 0, /* no namespaces */
        BIRTH_USER,       /* the usual: all of them, below a user namespace */
        BIRTH_BARE,       /* all but the user namespace, where there are none: takes privilege */
};

struct birth {
        int init; /* O_PATH of leash-init, numbered 10 or more */
        int control;
        unsigned uid, gid;
        enum birth_tier tier;
        bool other_user; /* we are root's and become this user; our parent writes the maps */
        int err;         /* what birth() left when it failed */
};

/* leash-init beside our own program, as in a build folder, else where it is installed. The
 * descriptor, or -errno. */
int init_open(const char *path, struct error *e);

/* CLONE_* flags of a tier. */
int birth_flags(enum birth_tier tier);

/* In the new process: maps the user, keeps what leash-init needs, executes it. Returns with b->err
 * set when that fails. System calls only: the memory may be the parent's. */
void birth(struct birth *b);
