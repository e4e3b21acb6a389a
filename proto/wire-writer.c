/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Plan and spawn files, put together in one block of memory that grows.
 *
 * Failure is remembered, so that the caller may add a hundred things and look once, at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define WRITER_FIRST 4096 /* a page: most spawn files fit */

/* Room for n more bytes, zeroed, beginning at a multiple of `align`; 0 when memory is short. */
static uint64_t writer_extend(struct wire_writer *w, size_t n, size_t align) {
        size_t offset = (w->size + align - 1) / align * align, end, allocated;
        char *data;

        if (w->failed || offset < w->size || __builtin_add_overflow(offset, n, &end)) {
                w->failed = true;
                return 0;
        }
        if (end > w->allocated) {
                allocated = w->allocated ? w->allocated : WRITER_FIRST;
                while (allocated < end && allocated <= SIZE_MAX / 2)
                        allocated *= 2;
                if (allocated < end || !(data = realloc(w->data, allocated))) {
                        w->failed = true;
                        return 0;
                }
                memset(data + w->allocated, 0, allocated - w->allocated);
                w->data = data;
                w->allocated = allocated;
        }
        w->size = end;
        return offset;
}

int wire_writer_begin(struct wire_writer *w, size_t header) {
        uint32_t version = WIRE_VERSION;

        *w = (struct wire_writer){};
        (void) writer_extend(w, header, 8);
        if (w->failed)
                return -ENOMEM;
        memcpy(w->data, &version, sizeof(version)); /* the first member of both headers */
        return 0;
}

uint64_t wire_writer_array(struct wire_writer *w, size_t n, size_t item) {
        size_t bytes;

        if (__builtin_mul_overflow(n, item, &bytes)) {
                w->failed = true;
                return 0;
        }
        return n ? writer_extend(w, bytes, 8) : 0;
}

uint64_t wire_writer_bytes(struct wire_writer *w, const void *data, size_t len) {
        uint64_t offset = writer_extend(w, len + 1, 1); /* a NUL behind, whatever it is */

        if (offset && len)
                memcpy(w->data + offset, data, len);
        return offset;
}

uint64_t wire_writer_string(struct wire_writer *w, const char *s) {
        return s ? wire_writer_bytes(w, s, strlen(s)) : 0;
}

void *wire_writer_at(struct wire_writer *w, uint64_t offset) {
        return w->failed || offset >= w->size ? NULL : w->data + offset;
}

void *wire_writer_finish(struct wire_writer *w, size_t *ret_size) {
        uint64_t size;
        char *data;

        (void) writer_extend(w, 1, 1); /* the file ends with a NUL: see wire-file.h */
        (void) writer_extend(w, 0, 8);
        if (w->failed) {
                wire_writer_done(w);
                return NULL;
        }
        size = w->size;
        memcpy(w->data + offsetof(struct wire_plan, size), &size, sizeof(size));
        data = w->data;
        *ret_size = w->size;
        *w = (struct wire_writer){};
        return data;
}

void wire_writer_done(struct wire_writer *w) {
        free(w->data);
        *w = (struct wire_writer){ .failed = true };
}
