/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-session <-> leash-warden (system mode): fixed-size messages on a SOCK_SEQPACKET pair, one
 * warden for each session. Both are the same build.
 *
 * The warden has the user's groups and one privilege that users may lack: to make namespaces where
 * the system reserves that to root. So a sandbox is the same under AppArmor's restriction of user
 * namespaces, `kernel.unprivileged_userns_clone=0` and `user.max_user_namespaces=0`. It reads these
 * requests and nothing else; what it starts is leash-init, in new namespaces, as this user.
 *
 * Each request brings the socket for its answer, so that the session's threads do not have to take
 * turns.
 */
#pragma once

#include <sys/types.h>

#include "../../policy/error.h"
#include "../../policy/facts.h"
#include "birth.h"

#define WARDEN_VERSION 2u

enum warden_type {
        WARDEN_FACTS = 1, /* descriptors: answer */
        WARDEN_START,     /* descriptors: answer, leash-init's control socket */
};

struct warden_request {
        uint32_t version, type;
        uint32_t tier; /* enum birth_tier */
};

struct warden_answer { /* START: with the pidfd beside it */
        uint32_t version;
        int32_t err; /* errno */
        int32_t pid;
        struct facts facts;
};

int warden_facts(int warden, struct facts *ret, struct error *e);
int warden_start(int warden, enum birth_tier tier, int control, pid_t *ret_pid, int *ret_pidfd,
                 struct error *e);
