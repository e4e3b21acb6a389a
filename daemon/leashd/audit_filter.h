/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What of the kernel's audit records comes as far as leashd: those of Landlock, but for the domains
 * that flood. A program of classic BPF on the socket, so that a machine that logs every exec, or a
 * sandbox with a hundred thousand denials a second, wakes nobody here.
 */
#pragma once

#include <linux/filter.h>

#include "audit_table.h"

#define AUDIT_FILTER_MAX 256 /* instructions */

/* How many. */
size_t audit_filter_build(const uint64_t *muted, size_t n_muted,
                          struct sock_filter ret[AUDIT_FILTER_MAX]);
int audit_filter_attach(int fd, const uint64_t *muted, size_t n_muted); /* 0, -errno */
