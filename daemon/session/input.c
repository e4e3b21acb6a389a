/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a command reads: chunks wait until its pipe takes them. The request that brought a chunk is
 * answered when the chunk is gone, so that a client which waits for answers is slowed down as a
 * pipe would slow it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/list.h"
#include "output.h"
#include "process.h"
#include "quota.h"

/* What a waiting chunk costs beside its data: itself, its request and that one's arena. */
#define CHUNK_COST 1024

struct chunk {
        TAILQ_ENTRY(chunk) link;
        struct request *rq;
        bool eof;
        size_t len, done;
        char data[];
};

/* The first chunk has been written, or never will be. */
static bool finish_first(struct input *in, const struct error *e) {
        struct chunk *c = TAILQ_TAKE_FIRST(&in->chunks, link);
        if (!c)
                return false;
        in->bytes -= c->len + CHUNK_COST;
        in->process->session->input_bytes -= c->len + CHUNK_COST;
        if (c->rq && e)
                request_fail(c->rq, e);
        else if (c->rq)
                request_reply(c->rq, NULL);
        free(c);
        return true;
}

static void fail_all(struct input *in, const struct error *e) {
        while (finish_first(in, e))
                ;
}

static void shut(struct input *in, const char *why) {
        struct error e = ERROR_NULL;
        error_set(&e, ERROR_GONE, EPIPE, "%s", why);
        if (in->event)
                event_free(in->event);
        in->event = NULL;
        in->fd = fd_close(in->fd);
        fail_all(in, &e);
}

void input_close(struct input *in) {
        if (in->started)
                shut(in, "the process has ended");
}

static void feed(struct input *in) {
        struct chunk *c;
        while (in->fd >= 0 && (c = TAILQ_FIRST(&in->chunks))) {
                ssize_t n =
                        c->done < c->len ? write(in->fd, c->data + c->done, c->len - c->done) : 0;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        (void) event_add(in->event, NULL);
                        return;
                }
                if (n < 0) {
                        shut(in, "the command has closed its stdin");
                        return;
                }
                c->done += (size_t) n;
                if (c->done < c->len)
                        continue;
                bool eof = c->eof;
                (void) finish_first(in, NULL);
                if (eof)
                        shut(in, "stdin was closed by an earlier write");
        }
}

static void on_writable(evutil_socket_t fd, short what, void *userdata) {
        feed(userdata);
}

int input_start(struct input *in, struct process *p, int fd) {
        in->process = p;
        in->fd = fd;
        in->started = true;
        TAILQ_INIT(&in->chunks);
        in->event = event_new(p->session->base, fd, EV_WRITE, on_writable, in);
        if (!in->event)
                return -ENOMEM;
        return fd_set_nonblock(fd, true);
}

int input_write(struct input *in, const char *data, size_t len, bool eof, struct request *rq,
                struct error *e) {
        if (!in->started)
                return error_set(e, ERROR_STATE, 0,
                                 "the process was not started with stdin \"pipe\"");
        if (in->fd < 0)
                return error_set(e, ERROR_GONE, EPIPE, "the command's stdin is closed");
        if (in->bytes + len > LIMIT_OUT_QUEUE_BYTES && in->bytes > 0)
                return error_set(e, ERROR_LIMIT, EAGAIN,
                                 "the command does not read: %zu bytes wait", in->bytes);
        if (in->process->session->input_bytes + len > LIMIT_INPUT_BYTES)
                return error_set(e, ERROR_LIMIT, EAGAIN,
                                 "too much input waits for commands that do not read: %zu bytes, "
                                 "and %lu are the most",
                                 in->process->session->input_bytes, LIMIT_INPUT_BYTES);
        int r = quota_check(in->process->session, QUOTA_BUFFER_BYTES, len, e);
        if (r < 0)
                return r;
        struct chunk *c = malloc(sizeof *c + len);
        if (!c)
                return error_nomem(e);
        *c = (struct chunk){ .rq = rq, .eof = eof, .len = len };
        if (len > 0)
                memcpy(c->data, data, len);
        bool first = TAILQ_EMPTY(&in->chunks);
        TAILQ_INSERT_TAIL(&in->chunks, c, link);
        in->bytes += len + CHUNK_COST;
        in->process->session->input_bytes += len + CHUNK_COST;
        if (first)
                feed(in);
        return 0;
}
