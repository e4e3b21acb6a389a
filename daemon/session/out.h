/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lines on their way to peers. A line that goes to many (an event) is there once, and each queue is
 * a ring of pointers: a hundred subscribers that do not read cost little more than one. What lines
 * and rings take counts as the user's buffers.
 */
#pragma once

#include "../../policy/base.h"
#include "../../policy/limits.h"

struct session;

struct out_line {
        struct session *session;
        size_t refs, len;
        char *data;
        size_t n_fds;
        int fds[]; /* go with the first byte */
};
/* Takes `data` (malloc'd; NULL: none could be had, and so no line is). fds are duplicated. NULL:
 * no memory or no descriptors. */
struct out_line *out_line_new(struct session *s, char *data, size_t len, const int *fds,
                              size_t n_fds);
struct out_line *out_line_free(struct out_line *l); /* a reference; takes NULL, returns NULL */
DEFINE_CLEANUP(struct out_line *, out_line_free)

struct out_queue {
        struct out_line **ring;
        size_t first, n, size; /* size: a power of two, or 0 */
        size_t done;           /* bytes of the first that have gone */
};
static inline struct out_line *out_first(const struct out_queue *q) {
        return q->n > 0 ? q->ring[q->first] : NULL;
}
/* Takes a reference of its own. 0, -ENOMEM. */
int out_push(struct out_queue *q, struct out_line *l);
void out_pop(struct out_queue *q, struct session *s);
