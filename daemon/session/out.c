/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/fd.h"
#include "session.h"

#define RING_MIN 16u

static size_t weight(const struct out_line *l) {
        return sizeof *l + l->len;
}

struct out_line *out_line_new(struct session *s, char *data, size_t len, const int *fds,
                              size_t n_fds) {
        struct out_line *l = data ? calloc(1, sizeof *l + n_fds * sizeof l->fds[0]) : NULL;

        if (!l) {
                free(data);
                return NULL;
        }
        *l = (struct out_line){ .session = s, .refs = 1, .len = len, .data = data };
        s->out_bytes += weight(l);
        for (; l->n_fds < n_fds; l->n_fds++) {
                l->fds[l->n_fds] = fcntl(fds[l->n_fds], F_DUPFD_CLOEXEC, 3);
                if (l->fds[l->n_fds] < 0)
                        return out_line_free(l);
        }
        return l;
}

struct out_line *out_line_free(struct out_line *l) {
        if (l && --l->refs == 0) {
                l->session->out_bytes -= weight(l);
                fds_close(l->fds, l->n_fds);
                free(l->data);
                free(l);
        }
        return NULL;
}

static int grow(struct out_queue *q, struct session *s) {
        size_t size = q->size > 0 ? q->size * 2 : RING_MIN;
        struct out_line **ring = malloc(size * sizeof(struct out_line *));

        if (!ring)
                return -ENOMEM;
        for (size_t i = 0; i < q->n; i++)
                ring[i] = q->ring[(q->first + i) & (q->size - 1)];
        free(q->ring);
        s->out_bytes += (size - q->size) * sizeof(struct out_line *);
        q->ring = ring;
        q->first = 0;
        q->size = size;
        return 0;
}

int out_push(struct out_queue *q, struct out_line *l) {
        if (q->n == q->size && grow(q, l->session) < 0)
                return -ENOMEM;
        l->refs++;
        q->ring[(q->first + q->n++) & (q->size - 1)] = l;
        return 0;
}

void out_pop(struct out_queue *q, struct session *s) {
        out_line_free(q->ring[q->first]);
        q->first = (q->first + 1) & (q->size - 1);
        q->done = 0;
        if (--q->n > 0)
                return;
        s->out_bytes -= q->size * sizeof(struct out_line *);
        free(q->ring);
        *q = (struct out_queue){ 0 };
}
