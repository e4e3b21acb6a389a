/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The administrator's exceptions for callers that are confined (decision 3): services of the
 * system's that harden themselves and are meant to call leashd all the same.
 *
 * An exception names a user and a unit of the system's systemd. A program cannot choose either: its
 * control group is where systemd put it, and moving to another unit's takes root. What it executes,
 * or where, it could choose, so neither counts. It names the checks that are waived, too, and the
 * user and pid namespaces are never among them: who is in one of his own is not this machine's to
 * vouch for.
 */
#pragma once

#include <sys/types.h>

#include "../../policy/base.h"
#include "../../policy/error.h"

enum admit_check {
        ADMIT_MOUNTS = 1u << 0, /* a mount namespace: PrivateTmp=, ProtectSystem=, … */
        ADMIT_SECCOMP = 1u << 1,
        ADMIT_NO_NEW_PRIVS = 1u << 2,
};

#define ADMITS_MAX 32

struct admit {
        uid_t uid;
        char unit[128];
        unsigned waived; /* admit_check bits */
};

/* "UID:UNIT:CHECK[,CHECK…]" */
int admit_parse(const char *text, struct admit *ret, struct error *e);
/* What is waived for a process of this user whose /proc/PID/cgroup says so. */
unsigned admit_waived(const struct admit *list, size_t n, uid_t uid, const char *cgroup);
