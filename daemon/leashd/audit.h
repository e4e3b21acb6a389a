/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's records of what Landlock denied, read from the audit system's multicast group and
 * passed on to the sessions of the user whose sandbox it was. The socket is opened before leashd
 * gives up its privileges; reading needs none.
 */
#pragma once

#include "../common/control.h"
#include "leashd.h"

/* Never fails: without the records, denials are learned from elsewhere, and audit_state() says why.
 */
void audit_start(struct leashd *d);
void audit_stop(struct leashd *d);
enum control_audit audit_state(const struct leashd *d);

/* audit_kernel.c: the kernel's own switch. 1 on, 0 off, -errno: we may not know. */
int audit_kernel_enabled(void);
/* For the administrator who wants it (leashd.json): on, with room for bursts, and without the cost
 * that each system call of each program would have. 0, -errno. */
int audit_kernel_enable(void);
