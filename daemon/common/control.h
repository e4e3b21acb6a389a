/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leashd <-> leash-session: fixed-size messages on a SOCK_SEQPACKET pair. Both are the same build.
 *
 * leashd sends CONTROL_CONNECTION with the client's socket beside it; the session answers with
 * CONTROL_STATUS whenever it becomes busy or idle. A leashd that takes a session over from one
 * before it asks with CONTROL_HELLO how things stand, and believes nothing that was said before the
 * answer. `received` closes the gap between the two directions: leashd believes an idle report only
 * when it counts every connection that leashd has sent.
 */
#pragma once

#include "../../policy/base.h"

#define CONTROL_VERSION 1u
#define CONTROL_FD 3        /* where leash-session finds its end */
#define CONTROL_WARDEN_FD 4 /* system mode: the socket to its leash-warden */

enum control_type {
        CONTROL_CONNECTION = 1, /* leashd -> session; one descriptor */
        CONTROL_STATUS,         /* session -> leashd */
        CONTROL_HELLO,          /* leashd -> session */
        CONTROL_RELOAD,         /* leashd -> session: read the configuration again */
        CONTROL_WELCOME,        /* session -> leashd: a STATUS that answers it */
};

struct control_message {
        uint32_t version, type;
        int32_t pid;       /* CONNECTION: who; -1 unknown */
        uint32_t uid, gid; /* CONNECTION */
        uint32_t busy;     /* STATUS: connections or sandboxes exist */
        uint64_t received; /* STATUS: connections taken over since the session started */
};
