/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Closing the socket of a refused caller without pulling it away under its first request: closed at
 * once, that request would fail with EPIPE, and many callers would never read why. */
#pragma once

#include <event2/event.h>

#include "../../policy/base.h"

struct lingering {
        unsigned n; /* sockets that wait now */
};

/* Takes fd: closed when its peer has said something or has gone, or after two seconds. */
void linger_close(struct lingering *l, struct event_base *base, int fd);
