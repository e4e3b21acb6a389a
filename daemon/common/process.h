/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What both daemon programs do to themselves when they start. */
#pragma once

#include <event2/event.h>
#include <time.h>

#include "../../policy/base.h"

/* SIGPIPE interrupts nothing and ends nothing, in a way that execve(2) undoes; the umask is 077;
 * stdin is not a terminal's. */
void process_prepare(void);
/* Soft RLIMIT_NOFILE up to the hard one; returns the soft limit that was. */
unsigned process_raise_files(void);
/* Path of a sibling program: beside /proc/self/exe, else in LEASH_LIBEXECDIR. 0 / -ENOENT. */
int process_sibling(const char *name, char *ret, size_t size);
/* An event base with what leash needs: no threads, no debug, epoll. NULL when memory is short. */
struct event_base *process_event_base(void);
/* Whole seconds that no clock setting changes. */
time_t process_seconds(void);
