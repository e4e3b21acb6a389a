/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The supervisor of seccomp user notification: it judges names (creating, writing, opening what a
 * policy denies) and connections to pathname sockets, and does what it allows on the caller's
 * behalf: it never lets a call go on whose pointers the caller could change meanwhile (decision
 * 25).
 *
 * Each command's filter has a listener of its own. The child sends it through a socket pair before
 * it execs; init adopts it afterwards. Where the kernel knows it (5.19), the filter is to be
 * installed with SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: else a signal that arrives while we work
 * makes the kernel start the call again (judge-again.c). On such a kernel a handler without
 * SA_RESTART can make a call say EINTR that was done, and that would not be interrupted elsewhere.
 *
 * One thread serves all commands. That is no accident: every call that moves a name comes through
 * here, so between judging and doing nothing inside the sandbox can change what a path means.
 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "init.h"

struct judge;

/* In init, once it stands in the final view, in the commands' common Landlock domain and without
 * privileges: what it does on behalf is then bound as the caller is. `in` must stay. */
int judge_new(struct init *in, struct judge **ret);
void judge_free(struct judge *j); /* NULL is fine */
/* In the child, confined already: passes the listener on. Changes no memory (vfork). */
int judge_hand_over(const struct judge *j, int listener);
/* In init, once the child has execed: takes over the listener that waits, for command `id`. */
void judge_adopt(struct judge *j, uint64_t id);
/* In init, before it tells that command `id` has ended: what was counted of it until then. */
void judge_command_over(struct judge *j, uint64_t id);
/* Does what there is to do; with a mask, it first waits until there is something, or a signal of
 * those that the mask lets in. 1: the descriptor of judge_watch() has something to read, -errno. */
int judge_run(struct judge *j, const sigset_t *wait);
int judge_watch(struct judge *j, int fd);
/* Readable when judge_run() would not wait. */
int judge_fd(const struct judge *j);
/* A child that is no command has ended: it may be one of the judge's workers. */
void judge_reaped(struct judge *j, pid_t pid, int status);
