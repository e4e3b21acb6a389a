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
/* Something was refused in the sandbox that it runs in, by whom it may have been (the gate, the
 * kernel). Copies what `want` has; returns what was noted, for the event, which is the caller's;
 * NULL if it is a repeat, or there are enough. */
struct denial *report_denial(struct process *p, const struct denial *want);
void report_make_printable(
        char *s); /* in place; what is not UTF-8 would make an answer unsendable */
/* BOX_DENIED, BOX_REFUSED, BOX_UNTOLD, BOX_TRUST */
void report_note(struct process *p, const struct box_event *ev);
/* BOX_REFUSED, of a command that has ended. */
void report_stray(struct sandbox *sb, const struct box_event *ev);
