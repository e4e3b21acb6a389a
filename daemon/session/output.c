/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Captured output grows up to its limit and is thrown away beyond it, so that the command never
 * blocks on us. Streamed output is read only while the client's queue has room: then the command
 * blocks on its pipe, which is what a slow reader means everywhere.
 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "process.h"
#include "quota.h"

#define READS_AT_ONCE 4

static void limit_reached(struct output *o) {
        if (o->truncated)
                return;
        o->truncated = true;
        if (o->process->kill_on_limit)
                process_kill(o->process, REASON_OUTPUT_LIMIT);
}

static void capture(struct output *o, const char *data, size_t len) {
        size_t *total = &o->process->session->captured_bytes, want = len;

        if (o->limit > 0 && o->len + want > o->limit)
                want = o->limit - o->len;
        if (*total + want > LIMIT_CAPTURED_BYTES ||
            !quota_allows(o->process->session, QUOTA_BUFFER_BYTES, want))
                want = 0;
        if (o->len + want > o->room) {
                size_t room = o->room * 2 < o->len + want ? o->len + want : o->room * 2;
                char *bigger = realloc(o->data, room);
                if (bigger) {
                        o->data = bigger;
                        o->room = room;
                } else
                        want = 0;
        }
        if (want > 0) {
                memcpy(o->data + o->len, data, want);
                o->len += want;
                *total += want;
        }
        if (want < len)
                limit_reached(o);
}

static void notify(struct output *o, const char *data, size_t len) {
        struct process *p = o->process;
        struct process_output n = { .process = p->id, .stream = o->stream };

        if (len == 0 || !p->peer)
                return;
        n.data = (struct bytes){ .data = data, .len = len };
        n.encoding = text_encoding_for(&n.data, 1);
        peer_notify(p->peer, NOTIFY_PROCESS_OUTPUT, &n);
}

static void stream(struct output *o, char *data, size_t len) {
        /* The begin of a character that was kept last time stands before `data`: see read_some().
         */
        size_t keep = len - utf8_whole(data, len);

        if (o->limit > 0 && o->total >= o->limit) {
                limit_reached(o);
                return;
        }
        if (o->limit > 0 && len - keep > o->limit - o->total) {
                len = o->limit - o->total;
                keep = 0;
                limit_reached(o);
        }
        notify(o, data, len - keep);
        o->total += len - keep;
        o->len = 0;
        if (keep > 0 && o->data) {
                memcpy(o->data, data + len - keep, keep);
                o->len = keep;
        }
}

/* 1: something came, 0: nothing now, -1: the end. */
static int read_some(struct output *o) {
        char *buffer = o->process->session->buffer;
        size_t kept = 0;
        ssize_t n;

        if (o->mode == OUTPUT_STREAM && o->len > 0) {
                kept = o->len;
                memcpy(buffer, o->data, kept);
        }
        do {
                n = read(o->fd, buffer + kept, SESSION_BUFFER - kept);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n <= 0)
                return -1;
        if (o->mode == OUTPUT_CAPTURE)
                capture(o, buffer, (size_t) n);
        else if (o->mode == OUTPUT_SINK)
                o->process->hooks->output(o->process, o->stream, buffer, (size_t) n);
        else
                stream(o, buffer, kept + (size_t) n);
        return 1;
}

static bool must_pause(const struct output *o) {
        const struct peer *peer = o->process->peer;
        return o->mode == OUTPUT_STREAM && peer && !peer->dead && peer_is_full(peer);
}

static void pause_if_full(struct output *o) {
        if (o->fd >= 0 && !o->paused && must_pause(o)) {
                (void) event_del(o->event);
                o->paused = true;
        }
}

void output_close(struct output *o) {
        if (o->event)
                event_free(o->event);
        o->event = NULL;
        o->fd = fd_close(o->fd);
        o->paused = false;
        if (o->mode == OUTPUT_STREAM && o->len > 0) {
                notify(o, o->data, o->len); /* no more of that character will come */
                o->len = 0;
        }
}

static void on_readable(evutil_socket_t fd, short what, void *userdata) {
        struct output *o = userdata;
        for (unsigned i = 0; i < READS_AT_ONCE && o->fd >= 0; i++) {
                int r = read_some(o);
                if (r < 0) {
                        output_close(o);
                        process_check_done(o->process);
                        return; /* o may be gone */
                }
                pause_if_full(o);
                if (r == 0 || o->paused)
                        return;
        }
}

bool output_drain(struct output *o) {
        while (o->fd >= 0 && !o->paused) {
                int r = read_some(o);
                if (r < 0)
                        output_close(o);
                else
                        pause_if_full(o);
                if (r == 0)
                        break;
        }
        return o->fd < 0;
}

void output_resume(struct output *o) {
        if (o->fd >= 0 && o->paused && !must_pause(o)) {
                o->paused = false;
                (void) event_add(o->event, NULL);
        }
}

int output_start(struct output *o, struct process *p, enum output_mode mode, enum stream stream,
                 int fd, size_t limit) {
        o->process = p;
        o->mode = mode;
        o->stream = stream;
        o->limit = limit;
        o->fd = fd;
        if (mode == OUTPUT_STREAM && !(o->data = malloc(4)))
                return -ENOMEM;
        o->event = event_new(p->session->base, fd, EV_READ | EV_PERSIST, on_readable, o);
        if (!o->event)
                return -ENOMEM;
        /* A client cannot know the id in process.output before the answer that names it: the stream
         * waits for BOX_SPAWNED. */
        o->paused = mode == OUTPUT_STREAM;
        if (!o->paused && event_add(o->event, NULL) < 0)
                return -ENOMEM;
        return fd_set_nonblock(fd, true);
}

void output_done(struct output *o) {
        output_close(o);
        if (o->mode == OUTPUT_CAPTURE)
                o->process->session->captured_bytes -= o->len;
        free(o->data);
        o->data = NULL;
        o->len = o->room = 0;
}
