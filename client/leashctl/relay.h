/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes between the user's streams and a command's pty or pipes, driven by poll(2). */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { PUMP_BYTES = 16 * 1024 }; /* a pipe's usual fill; a pty gives 4 KiB at once */

struct pump {
        int from, to;          /* -1: shut */
        bool own_from, own_to; /* ours: non-blocking, and closed in the end */
        bool to_pty;           /* end of input is a character there */
        char **keep;           /* instead of `to`: collect in memory, up to keep_max */
        size_t *keep_len, keep_max;
        bool *keep_cut;
        size_t at, len;
        char data[PUMP_BYTES];
};
/* Adds what the pump waits for; the index of its first entry is kept by the caller. */
size_t pump_poll(const struct pump *p, struct pollfd *ret);
void pump_step(struct pump *p, const struct pollfd *entries, size_t n);
void pump_drain(struct pump *p); /* take what is there now, and finish */
void pump_close(struct pump *p);
