/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One-shot events that own nothing but a descriptor; the base frees those that never fire. */
#include "linger.h"

#include <unistd.h>

#define LINGER_SECONDS 2
#define LINGER_MAX 64 /* a flood of refused callers must not hold descriptors */

static void on_event(evutil_socket_t fd, short what, void *userdata) {
        struct lingering *l = userdata;
        l->n--;
        (void) close(fd);
}

void linger_close(struct lingering *l, struct event_base *base, int fd) {
        const struct timeval patience = { .tv_sec = LINGER_SECONDS };
        if (l->n >= LINGER_MAX ||
            event_base_once(base, fd, EV_READ | EV_TIMEOUT, on_event, l, &patience) < 0)
                (void) close(fd);
        else
                l->n++;
}
