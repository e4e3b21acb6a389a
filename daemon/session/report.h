/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is told about a process, to whom: answers, notifications, events. */
#pragma once

#include "process.h"

void report_start(struct process *p, int pty); /* it runs; takes the pty */
/* It has ended, or never started (e). True: all who may ask have been answered, it can be
 * forgotten. */
bool report_end(struct process *p, const struct error *e);
/* Whoever waited on a connection that has gone waits no more: they would pile up on a process that
 * never ends. */
void report_drop_waiters(struct process *p);
/* The gate refused a connection of the sandbox that it runs in. Returns what was noted, for the
 * event, which is the caller's; NULL if it is a repeat. */
struct denial *report_host(struct process *p, const char *host, const char *access,
                           const char *rule, const char *field);
void report_note(struct process *p, const struct box_event *ev); /* BOX_DENIED, BOX_TRUST */
