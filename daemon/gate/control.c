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

void control_flush(struct gate *g) {
        size_t n = g->n_frames;
        if (n == 0)
                return;
        g->n_frames = 0;
        g->frames[0].lost = g->lost;
        /* A session that is behind loses events, not connections; a question that is lost is
         * answered by its time limit. */
        if (socket_send(g->control.fd, g->frames, n * sizeof(*g->frames), NULL, 0) < 0)
                g->lost += n;
        else
                g->lost = 0;
}

void control_send(struct gate *g, const struct gate_frame *f) {
        if (g->n_frames == GATE_FRAMES_MAX)
                control_flush(g);
        g->frames[g->n_frames++] = *f;
}

int control_start(struct gate *g) {
        int r = fd_set_nonblock(GATE_CONTROL_FD, true);
        return r < 0 ? r : io_open_level(g, &g->control, GATE_CONTROL_FD, on_control);
}
