/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signals as a descriptor. A platform without signalfd(2) has its own signals.c. */
#pragma once

/* Blocks the signals that are handed on to the command, SIGWINCH and SIGTSTP; a descriptor, or
 * -errno. */
int signals_open(void);
int signals_next(int fd); /* the signal's number, 0 = none now */
/* For job control: stop as if the signal had its default effect; returns when continued. */
void signals_stop_here(void);
