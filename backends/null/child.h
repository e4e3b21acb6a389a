/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One command of the null backend: fork, its own session, exec. */
#pragma once

#include "../backend.h"

/* On failure the error says EXEC_NOT_FOUND, EXEC_DENIED or IO. */
int child_start(const struct plan *plan, const struct spawn *s, unsigned open_files, pid_t *ret_pid,
                int *ret_pidfd, int *ret_pty, struct error *e);
