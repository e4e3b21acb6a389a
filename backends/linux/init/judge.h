/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The supervisor of seccomp user notification: it judges names (creating, writing, opening what a
 * policy denies) and connections to pathname sockets, and does what it allows on the caller's
 * behalf: it never lets a call go on whose pointers the caller could change meanwhile (decision
 * 25).
 *
 * Each command's filter has a listener of its own. The child sends it through a socket pair before
 * it execs; init adopts it afterwards.
 */
#pragma once

#include <poll.h>

#include "init.h"

struct judge;

int judge_new(struct init *in, struct judge **ret);
/* In the child, confined already: passes the listener on. */
int judge_hand_over(const struct judge *j, int listener);
/* In init, once the child has execed: takes over the listener that waits, for command `id`. */
void judge_adopt(struct judge *j, uint64_t id);
/* For serve()'s poll: descriptors to watch, and what to do when they are ready. */
size_t judge_poll_n(const struct judge *j);
void judge_poll_fill(const struct judge *j, struct pollfd *ret);
void judge_poll_ready(struct judge *j, const struct pollfd *p, size_t n);
