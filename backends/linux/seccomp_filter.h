/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiles the table into the program that the kernel runs before each system call. */
#pragma once

#include <linux/filter.h>

#include "../../policy/error.h"
#include "seccomp_table.h"

struct seccomp_options {
        bool allow_debug, allow_userns, allow_unix_dgram, native;
        bool notify_names, notify_reads, notify_unix;
};

/* As enum seccomp_option bits: also a key to keep compiled programs by. */
unsigned seccomp_options_bits(const struct seccomp_options *o);

/* The program for this machine; free() it. -EOPNOTSUPP on an architecture the table was not made
 * for. Some milliseconds: compile once per set of options. */
int seccomp_compile(const struct seccomp_options *o, struct sock_filter **ret, size_t *ret_n,
                    struct error *e);

/* The row's system call number on this machine; negative if it has none. */
int seccomp_row_number(const struct seccomp_row *row);
