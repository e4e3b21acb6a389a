/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes and descriptors to lines.
 *
 * Linux never joins bytes behind a message with descriptors to it in one read (unix(7); the read
 * ends with that message), but it may join bytes before it. A line with descriptors is a sendmsg of
 * its own, so the descriptors of a read belong to the last line that begins in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc.h"

#define FRAME_FIRST 4096       /* a request is smaller, as a rule */
#define FRAME_KEEP (16 * 1024) /* what an idle connection may hold on to */

/* The descriptors of one line that was not taken yet. */
struct frame_fds {
        uint64_t line; /* position of its first byte in the stream */
        int fds[LIMIT_LINE_FDS];
        size_t n;
};

struct frame {
        size_t max_line;
        char *buf;
        size_t allocated, begin, scanned, end; /* begin: of the next line; scanned: no LF before */
        uint64_t position;                     /* of buf[begin] in the stream */
        struct frame_fds *pending;
        size_t n_pending;
};

struct frame *frame_new(size_t max_line) {
        struct frame *f = calloc(1, sizeof(*f));

        if (f)
                f->max_line = max_line;
        return f;
}

struct frame *frame_free(struct frame *f) {
        if (f) {
                free(f->buf);
                free(f->pending);
                free(f);
        }
        return NULL;
}

static int make_room(struct frame *f, size_t n, struct error *e) {
        size_t need, allocated;
        char *buf;

        if (f->begin > 0 && f->allocated - f->end < n) {
                memmove(f->buf, f->buf + f->begin, f->end - f->begin);
                f->scanned -= f->begin;
                f->end -= f->begin;
                f->begin = 0;
        }
        if (__builtin_add_overflow(f->end, n, &need))
                return error_nomem(e);
        if (need <= f->allocated)
                return 0;
        allocated = f->allocated ? f->allocated : FRAME_FIRST;
        while (allocated < need && allocated <= SIZE_MAX / 2)
                allocated *= 2;
        buf = allocated < need ? NULL : realloc(f->buf, allocated);
        if (!buf)
                return error_nomem(e);
        f->buf = buf;
        f->allocated = allocated;
        return 0;
}

/* Where in data the last line begins that begins there; -1: none does. An LF at the end begins
 * none. */
static ssize_t last_beginning(const struct frame *f, const char *data, size_t len) {
        const char *lf = len > 1 ? memrchr(data, '\n', len - 1) : NULL;

        if (lf)
                return lf + 1 - data;
        return f->begin == f->end || f->buf[f->end - 1] == '\n' ? 0 : -1;
}

static int add_fds(struct frame *f, uint64_t line, const int *fds, size_t n, struct error *e) {
        struct frame_fds *grown;

        if (n > LIMIT_LINE_FDS)
                return error_set(e, ERROR_REQUEST, E2BIG,
                                 "%zu descriptors came with a line; there may be %d", n,
                                 LIMIT_LINE_FDS);
        grown = realloc(f->pending, (f->n_pending + 1) * sizeof(*grown));
        if (!grown)
                return error_nomem(e);
        f->pending = grown;
        grown += f->n_pending++;
        *grown = (struct frame_fds){ .line = line, .n = n };
        memcpy(grown->fds, fds, n * sizeof(*fds));
        return 0;
}

int frame_feed(struct frame *f, const char *data, size_t len, const int *fds, size_t n_fds,
               struct error *e) {
        ssize_t start;
        int r;

        r = make_room(f, len, e);
        if (r < 0)
                return r;
        if (n_fds > 0) {
                start = len > 0 ? last_beginning(f, data, len) : -1;
                if (start < 0)
                        return error_set(e, ERROR_REQUEST, EPROTO,
                                         "descriptors came where no line begins; they go with a "
                                         "line's first byte");
                r = add_fds(f, f->position + (f->end - f->begin) + (size_t) start, fds, n_fds, e);
                if (r < 0)
                        return r;
        }
        if (len > 0)
                memcpy(f->buf + f->end, data, len);
        f->end += len;
        return 0;
}

static void take_line_fds(struct frame *f, struct frame_line *line) {
        if (f->n_pending == 0 || f->pending[0].line != f->position)
                return;
        memcpy(line->fds, f->pending[0].fds, sizeof(line->fds));
        line->n_fds = f->pending[0].n;
        f->n_pending--;
        memmove(f->pending, f->pending + 1, f->n_pending * sizeof(*f->pending));
        if (f->n_pending == 0) {
                free(f->pending);
                f->pending = NULL;
        }
}

int frame_next(struct frame *f, struct frame_line *ret, struct error *e) {
        struct frame_line line = { .text = NULL };
        char *lf;

        if (f->begin == f->end) {
                /* the last line that was borrowed is given back by this call */
                f->begin = f->scanned = f->end = 0;
                if (f->allocated > FRAME_KEEP) {
                        free(f->buf);
                        f->buf = NULL;
                        f->allocated = 0;
                }
                return 0;
        }
        lf = memchr(f->buf + f->scanned, '\n', f->end - f->scanned);
        if ((lf ? (size_t) (lf - f->buf) : f->end) - f->begin > f->max_line)
                return error_set(e, ERROR_LIMIT, EMSGSIZE, "a line is longer than %zu bytes",
                                 f->max_line);
        if (!lf) {
                f->scanned = f->end;
                return 0;
        }
        *lf = 0;
        line.text = f->buf + f->begin;
        line.len = (size_t) (lf - line.text);
        take_line_fds(f, &line);
        f->position += line.len + 1;
        f->begin += line.len + 1;
        f->scanned = f->begin;
        *ret = line;
        return 1;
}

size_t frame_take_fds(struct frame *f, int *fds, size_t max) {
        size_t n = 0;

        while (f->n_pending > 0 && n < max) {
                struct frame_fds *last = &f->pending[f->n_pending - 1];

                while (last->n > 0 && n < max)
                        fds[n++] = last->fds[--last->n];
                if (last->n == 0)
                        f->n_pending--;
        }
        return n;
}

bool frame_is_empty(const struct frame *f) {
        return f->begin == f->end;
}
