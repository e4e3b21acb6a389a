/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The socket to leash-session: sandboxes come and go, answers come, events go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/socket.h"
#include "gate.h"

static void set_resolver(struct gate *g, int fd) {
        void *file;
        size_t size;
        int r = sandbox_read_file(fd, &file, &size);
        if (r >= 0) {
                r = resolver_set(g, file, size);
                free(file);
        }
        if (r < 0)
                log_write(&g->log, LOG_WARN, "the resolver's data cannot be used",
                          LOG_INT("result", r));
}

static void handle(struct gate *g, const struct gate_frame *f, int *fds, size_t n_fds) {
        struct sandbox *sb = sandbox_by_number(g, f->sandbox);
        int r;
        switch (f->type) {
        case GATE_SANDBOX_ADD:
                r = n_fds > 0 ? sandbox_add(g, f, fds, n_fds) : -EBADMSG;
                if (r < 0)
                        log_write(&g->log, LOG_ERROR, "cannot serve a sandbox",
                                  LOG_INT("result", r));
                break;
        case GATE_SANDBOX_REMOVE:
                if (sb)
                        sandbox_remove(g, sb);
                break;
        case GATE_RESOLVER:
                if (n_fds == 1)
                        set_resolver(g, fds[0]);
                break;
        case GATE_DECISION:
                if (sb)
                        ask_decide(g, sb, f);
                break;
        }
}

static void on_control(struct gate *g, struct io *io) {
        for (;;) {
                struct gate_frame f;
                int fds[SOCKET_MAX_FDS];
                size_t n_fds = 0;
                ssize_t n = socket_recv(io->fd, &f, sizeof(f), fds, SOCKET_MAX_FDS, &n_fds);
                if (n == -EAGAIN)
                        return;
                if (n <= 0 || gate_frame_check(&f, (size_t) n, GATE_TO_GATE) < 0) {
                        /* The session has ended, and with it the sandboxes. */
                        fds_close(fds, n_fds);
                        g->ending = true;
                        return;
                }
                handle(g, &f, fds, n_fds);
                fds_close(fds, n_fds); /* what was taken is -1 */
        }
}

static void flush(struct gate *g) {
        size_t at = 0;
        while (at < g->n_frames) {
                size_t n = g->n_frames - at < GATE_FRAMES_MAX ? g->n_frames - at : GATE_FRAMES_MAX;
                g->frames[at].lost = g->lost;
                if (socket_send(g->control.fd, g->frames + at, n * sizeof(*g->frames), NULL, 0) < 0)
                        break;
                g->lost = 0;
                at += n;
        }
        g->n_frames -= at;
        g->frames_hurry = false;
        if (at > 0 && g->n_frames > 0)
                memmove(g->frames, g->frames + at, g->n_frames * sizeof(*g->frames));
        if (g->n_frames == 0)
                timer_clear(g, &g->frames_timer);
        else if (g->frames_timer.due == 0)
                timer_set(g, &g->frames_timer, TIMER_RATE);
}

void control_hurry(struct gate *g) {
        g->frames_hurry = true;
}

/* What nobody waits for goes out together: a message for each was a twentieth of what a connection
 * costs, and as much again for the session. */
void control_round(struct gate *g) {
        if (g->n_frames >= GATE_FRAMES_MAX || (g->n_frames > 0 && g->frames_hurry))
                flush(g);
        else if (g->n_frames > 0 && g->frames_timer.due == 0)
                timer_set(g, &g->frames_timer, TIMER_RATE);
}

static void on_frames_timer(struct gate *g, struct timer *t) {
        flush(g);
}

/* A session that is far behind loses events, not connections; a question that is lost is answered
 * by its time limit. A refusal goes out before the program is told of it, which may end then: its
 * result is to say why. */
void control_send(struct gate *g, const struct gate_frame *f) {
        if (g->n_frames == GATE_FRAMES_KEPT)
                g->lost++;
        else
                g->frames[g->n_frames++] = *f;
        if (f->type != GATE_EVENT)
                g->frames_hurry = true;
        else if (f->verdict == GATE_DENIED || f->err)
                flush(g);
}

int control_start(struct gate *g) {
        int r = fd_set_nonblock(GATE_CONTROL_FD, true);
        g->frames_timer.fn = on_frames_timer;
        return r < 0 ? r : io_open_level(g, &g->control, GATE_CONTROL_FD, on_control);
}
