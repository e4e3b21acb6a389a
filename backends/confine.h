/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-gate's own cage: it talks TCP and UDP over the descriptors it has and the Internet sockets
 * it makes, and does nothing else. No file can be opened, no program started, no process seen or
 * signalled, no other kind of socket made.
 */
#pragma once

#include "../policy/error.h"

/* The calling thread, which must be the only one, for good. 0, or -errno; what the kernel lacks of
 * it (Landlock) is no error, since each of the walls holds alone. */
int confine_gate(struct error *e);
/* The system's leashd, once it listens and has started leash-launch. For good. */
int confine_leashd(struct error *e);
