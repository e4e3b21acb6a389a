/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leashd <-> leash-launch (system mode): fixed-size messages on a SOCK_SEQPACKET pair. Both are the
 * same build.
 *
 * leashd, which gives up its privileges once it listens, asks for one session at a time and sends
 * the session's end of a new control socket with the request. There is no answer: when the session
 * cannot be started, that socket just closes.
 */
#pragma once

#include "../../policy/base.h"

#define LAUNCH_VERSION 1u
#define LAUNCH_FD 3 /* where leash-launch finds its end */
/* Members of large directories are in hundreds of groups; the kernel's own maximum is 65536. */
#define LAUNCH_GROUPS_MAX 1024

enum launch_type {
        LAUNCH_START = 1, /* one descriptor: the session's control socket */
        LAUNCH_WAIT,      /* end when all sessions have ended; kill those that take too long */
        LAUNCH_RELOAD,    /* have the administrator's configuration read again */
};

struct launch_request {
        uint32_t version, type;
        uint32_t uid, gid, n_groups;
        uint32_t groups[LAUNCH_GROUPS_MAX];
};

/* leash-session --user-totals: what /etc/leash/leashd.json says of all that one user runs, on its
 * standard output. leash-launch, which holds it, parses no JSON either. */
struct launch_totals {
        uint32_t version, broken; /* broken: the file is of no use; then `where` and `why` */
        uint64_t memory_bytes, processes; /* 0 = nothing is said */
        char where[128], why[256];
};
