/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the checks of all binary files (wire.h, gate_wire.h) have in common: a header that begins
 * with its version, a word and the size of the whole; arrays and strings, by offset, behind it. */
#pragma once

#include "wire.h"

struct wire_file {
        const char *base;
        size_t size, header; /* of the whole file, and of what stands before the first array */
};

/* To be called first: the others rely on it. */
static inline bool wire_file_begins_well(const struct wire_file *f) {
        const struct wire_plan *head = (const void *) f->base; /* each begins as this one does */

        /* The last byte is NUL, so that a string that begins inside the file ends there, too. */
        return (uintptr_t) f->base % 8 == 0 && f->size >= f->header &&
               head->version == WIRE_VERSION && head->size == f->size && f->base[f->size - 1] == 0;
}

static inline bool wire_array_is_inside(const struct wire_file *f, uint64_t offset, uint64_t n,
                                        size_t item, uint64_t max) {
        if (n == 0)
                return offset == 0 || offset <= f->size;
        if (n > max || offset % 8 != 0 || offset < f->header || offset > f->size)
                return false;
        return n <= (f->size - offset) / item;
}

static inline bool wire_string_is_inside(const struct wire_file *f, uint64_t offset) {
        return offset >= f->header && offset < f->size;
}
