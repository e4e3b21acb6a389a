/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an interpreter inside a sandbox says: four bytes of length, little endian, and so much JSON.
 * Hostile: nothing is allocated before it has come. */
#pragma once

#include "shapes.h"

#define PYTHON_FRAME_BYTES (2u << 20)

struct python_frames { /* zeroed to begin with */
        char *data;
        size_t len, room, taken;
};
/* -EPROTO: a frame that is longer than any may be, or empty; -ENOMEM. Then no more may follow. */
int python_frames_add(struct python_frames *f, const void *data, size_t len);
/* 1: `ret` and its strings live in `a`, but for nothing in `f`. 0: not all of it has come. -EPROTO:
 * it is no reply. */
int python_frames_next(struct python_frames *f, struct arena *a, struct python_reply *ret);
void python_frames_done(struct python_frames *f);
