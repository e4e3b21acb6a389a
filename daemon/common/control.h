/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leashd <-> leash-session: fixed-size messages on a SOCK_SEQPACKET pair. Both are the same build.
 *
 * leashd sends CONTROL_CONNECTION with the client's socket beside it; the session answers with
 * CONTROL_STATUS whenever it becomes busy or idle. A leashd that takes a session over from one
 * before it asks with CONTROL_HELLO how things stand, and believes nothing that was said before the
 * answer. CONTROL_DENIAL goes only to a session that has said that it takes them: a session may be
 * older than the leashd that took it over. `received` closes the gap between the two directions:
 * leashd believes an idle report only when it counts every connection that leashd has sent.
 */
#pragma once

#include "../../policy/base.h"
#include "../../proto/audit_record.h"

#define CONTROL_VERSION 1u
#define CONTROL_FD 3        /* where leash-session finds its end */
#define CONTROL_WARDEN_FD 4 /* system mode: the socket to its leash-warden */

enum control_type {
        CONTROL_CONNECTION = 1, /* leashd -> session; one descriptor */
        CONTROL_STATUS,         /* session -> leashd */
        CONTROL_HELLO,          /* leashd -> session */
        CONTROL_RELOAD,         /* leashd -> session: read the configuration again */
        CONTROL_WELCOME,        /* session -> leashd: a STATUS that answers it */
        CONTROL_DENIAL,         /* leashd -> session: struct control_denial */
        CONTROL_ASK_USERS,      /* root's session -> leashd */
        CONTROL_USER,           /* leashd -> root's session: struct control_user */
};

/* What leashd can tell of the kernel's own records (CONNECTION; 0: it did not say). */
enum control_audit {
        CONTROL_AUDIT_UNKNOWN = 0,
        CONTROL_AUDIT_ON,
        CONTROL_AUDIT_OFF,      /* the kernel writes no records: its audit is off */
        CONTROL_AUDIT_DENIED,   /* leashd may not read them */
        CONTROL_AUDIT_DISABLED, /* the administrator does not want it */
        CONTROL_AUDIT_N_,
};

/* leash-session --audit-setting: what /etc/leash/leashd.json says, as an exit status. */
enum control_setting { CONTROL_SETTING_AUTO = 10, CONTROL_SETTING_OFF, CONTROL_SETTING_ON };

/* What a session understands (STATUS, WELCOME). */
#define CONTROL_TAKES_DENIALS 1

struct control_message {
        uint32_t version, type;
        int32_t pid;       /* CONNECTION: who; -1 unknown. STATUS: CONTROL_TAKES_… */
        uint32_t uid, gid; /* CONNECTION. STATUS: how many connections and sandboxes there are */
        uint32_t busy; /* STATUS: connections or sandboxes exist. CONNECTION: enum control_audit */
        uint64_t received; /* STATUS: connections taken over since the session started */
};

/* What leashd knows of one user, all his sessions together: their own word. */
struct control_user {
        uint32_t version, type;
        uint32_t uid, sessions, connections, sandboxes;
        uint32_t last; /* none follows; and this one is of nobody */
};

/* Longer than the other: on a SOCK_SEQPACKET socket the size tells which it is. */
struct control_denial {
        uint32_t version, type;
        int32_t pid;     /* the sandbox's first process, as the machine's first namespace sees it */
        uint32_t rights; /* 1 << enum audit_right; 0: only `lost` is of interest */
        uint64_t count;  /* how often, since it was told last */
        uint64_t lost;   /* other denials in this sandbox, which are not told one by one */
        uint32_t port;
        char path[AUDIT_PATH_BYTES]; /* ends in NUL */
};
