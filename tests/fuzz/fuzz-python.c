/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames of an interpreter inside: the first byte says how many bytes come at a time. However they
 * are cut, the same replies come out. */
#include <stdlib.h>
#include <string.h>

#include "../../proto/python_frame.h"

struct seen {
        size_t replies, ids;
        int end;
};

static struct seen feed(const uint8_t *data, size_t size, size_t piece) {
        struct python_frames f = { 0 };
        struct seen s = { 0 };
        for (size_t at = 0; at < size && s.end >= 0;) {
                size_t n = size - at < piece ? size - at : piece;
                int r = python_frames_add(&f, data + at, n);
                at += n;
                for (;;) {
                        _cleanup_(arena_freep) struct arena *a = arena_new();
                        struct python_reply reply;
                        int x = python_frames_next(&f, a, &reply);
                        if (x == 0)
                                break;
                        if (x < 0) {
                                s.end = x;
                                break;
                        }
                        s.replies++;
                        s.ids += reply.id;
                        if (reply.failed && strlen(reply.failed) > PYTHON_FRAME_BYTES)
                                abort();
                }
                if (s.end >= 0 && r < 0)
                        s.end = r;
        }
        python_frames_done(&f);
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1)
                return 0;
        struct seen pieces = feed(data + 1, size - 1, data[0] ? data[0] : 1);
        struct seen whole = feed(data + 1, size - 1, size);
        if (pieces.replies != whole.replies || pieces.ids != whole.ids || pieces.end != whole.end)
                abort();
        return 0;
}
