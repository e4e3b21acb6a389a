/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads of any size with any descriptors: each byte of 64 * descriptors + length begins one. */
#include <assert.h>
#include <string.h>

#include "../../proto/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const int fds[3] = { 1, 2, 3 };
        struct frame *f = frame_new(48);
        struct frame_line line;
        size_t given = 0, taken = 0, len, n;
        int left[64], r = 0;

        while (size > 0 && r >= 0) {
                n = *data >> 6, len = *data & 63, data++, size--;
                len = len < size ? len : size;
                r = frame_feed(f, (const char *) data, len, fds, n, NULL);
                given += r >= 0 ? n : 0, data += len, size -= len;
                while (r >= 0 && (r = frame_next(f, &line, NULL)) > 0) {
                        assert(line.len <= 48 && strnlen(line.text, line.len + 1) <= line.len);
                        taken += line.n_fds;
                }
        }
        while ((n = frame_take_fds(f, left, 64)) > 0)
                taken += n;
        assert(given == taken); /* no descriptor is lost, none comes twice */
        frame_free(f);
        return 0;
}
