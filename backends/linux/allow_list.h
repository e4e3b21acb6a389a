/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of the system calls that a program of leash's own may still make: what both cages share.
 */
#pragma once

#include <seccomp.h>

#include "../../policy/error.h"

/* What is not said by a name alone; 0 or -errno. */
typedef int (*allow_list_more)(scmp_filter_ctx ctx);

/* Installs it for this thread and those that it makes; everything else gives EPERM. Names that this
 * machine has not are left out. Memory is never executable. `whose` is for the message. */
int allow_list_enter(const char *const *calls, size_t n, allow_list_more more, const char *whose,
                     struct error *e);
