/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiles the table into the program that the kernel runs before each system call. */
#pragma once

#include <linux/filter.h>

#include "../../policy/error.h"
#include "seccomp_table.h"

/*
 * The program may be one, or two that are installed on top of each other: where a call has
 * different verdicts, the kernel takes the stricter one (an errno before a notification before
 * "allow").
 *
 *   SECCOMP_COMMON   leash-init puts it on itself once the view is built: every command inherits
 * it, and init, too, can do less. It has most of the table, and takes some 70 µs to install.
 *   SECCOMP_COMMAND  each command gets it before exec, where it has a listener of its own: what
 * init itself has to do, and what is judged. Some 45 µs with `tell`.
 */
enum seccomp_part { SECCOMP_WHOLE = 0, SECCOMP_COMMON, SECCOMP_COMMAND };

struct seccomp_options {
        bool allow_debug, allow_userns, allow_unix_dgram, native;
        bool notify_names, notify_reads, notify_unix, tell;
        enum seccomp_part part;
};

/* As enum seccomp_option bits: also a key to keep compiled programs by. */
unsigned seccomp_options_bits(const struct seccomp_options *o);

/* The program for this machine; free() it. -EOPNOTSUPP on an architecture the table was not made
 * for. Some tenths of a millisecond: compile once per set of options. */
int seccomp_compile(const struct seccomp_options *o, struct sock_filter **ret, size_t *ret_n,
                    struct error *e);

/* The row's system call number on this machine; negative if it has none. */
int seccomp_row_number(const struct seccomp_row *row);
