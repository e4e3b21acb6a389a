/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "python_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 4

static size_t length_at(const char *p) {
        const uint8_t *b = (const uint8_t *) p;
        return (size_t) b[0] | (size_t) b[1] << 8 | (size_t) b[2] << 16 | (size_t) b[3] << 24;
}

/* The lengths of all that is there: checked when it comes, so that no more than one frame is kept.
 */
static int check(const struct python_frames *f) {
        size_t at = f->taken;
        while (f->len - at >= HEAD) {
                size_t n = length_at(f->data + at);
                if (n == 0 || n > PYTHON_FRAME_BYTES)
                        return -EPROTO;
                if (f->len - at - HEAD < n)
                        return 0;
                at += HEAD + n;
        }
        return 0;
}

int python_frames_add(struct python_frames *f, const void *data, size_t len) {
        if (f->taken > 0) {
                memmove(f->data, f->data + f->taken, f->len - f->taken);
                f->len -= f->taken;
                f->taken = 0;
        }
        if (len > f->room - f->len) {
                size_t room = f->room * 2 > f->len + len ? f->room * 2 : f->len + len;
                char *bigger = realloc(f->data, room);
                if (!bigger)
                        return -ENOMEM;
                f->data = bigger;
                f->room = room;
        }
        if (len > 0)
                memcpy(f->data + f->len, data, len);
        f->len += len;
        return check(f);
}

int python_frames_next(struct python_frames *f, struct arena *a, struct python_reply *ret) {
        if (f->len - f->taken < HEAD)
                return 0;
        size_t n = length_at(f->data + f->taken);
        if (n == 0 || n > PYTHON_FRAME_BYTES)
                return -EPROTO;
        if (f->len - f->taken - HEAD < n)
                return 0;
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct python_reply reply = { 0 };
        int r = json_parse(f->data + f->taken + HEAD, n, &j, NULL);
        if (r >= 0)
                r = shape_decode(&python_reply_shape, j, a, &reply, NULL);
        f->taken += HEAD + n;
        if (f->taken == f->len && f->room > 64 * 1024) { /* a large one is an exception */
                python_frames_done(f);
        }
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !j)
                return -EPROTO;
        *ret = reply;
        return 1;
}

void python_frames_done(struct python_frames *f) {
        free(f->data);
        *f = (struct python_frames){ 0 };
}
