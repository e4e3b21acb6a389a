/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who reads and writes what. A descriptor that is no terminal goes to the command itself: then no
 * byte passes through leash. A terminal never does (decision 20: TIOCSTI, TIOCLINUX and job control
 * would reach the user's shell); the command gets a pty of its own, or a pipe whose other end is
 * relayed here.
 */
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "terminal.h"

static struct pump *pump_new(int from, bool own_from, int to, bool own_to) {
        struct pump *p = calloc(1, sizeof(*p));

        if (p) {
                p->from = from;
                p->own_from = own_from;
                p->to = to;
                p->own_to = own_to;
        }
        return p;
}

static struct stdio_spec send_fd(struct streams *s, int fd) {
        s->fds[s->n_fds] = fd;
        return (struct stdio_spec){ .kind = STDIO_FD, .fd = (unsigned) s->n_fds++ };
}

/* A pipe between stream `i` of the command and us. */
static int relay_by_pipe(struct streams *s, int i, bool capture, struct stdio_spec *spec) {
        int ends[2];
        int mine = i == 0 ? 1 : 0;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        (void) fcntl(ends[mine], F_SETFL, O_NONBLOCK); /* of our end only: two open files */
        s->close_after[s->n_close++] = ends[!mine];
        struct pump *p = i == 0 ? pump_new(0, false, ends[1], true)
                                : pump_new(ends[0], true, capture ? -1 : i, false);
        if (!p) {
                close(ends[mine]);
                return -ENOMEM;
        }
        if (capture) {
                p->keep = &s->kept[i];
                p->keep_len = &s->kept_len[i];
                p->keep_max = LIMIT_OUTPUT_DEFAULT;
                p->keep_cut = &s->cut;
        }
        s->pumps[i] = p;
        *spec = send_fd(s, ends[!mine]);
        return 0;
}

static int place(struct streams *s, int i, bool capture, struct stdio_spec *spec) {
        if (!capture && fcntl(i, F_GETFD) < 0) {
                *spec = (struct stdio_spec){
                        .kind = STDIO_NULL
                }; /* closed here, so nothing there */
                return 0;
        }
        if (capture || isatty(i))
                return relay_by_pipe(s, i, capture, spec);
        *spec = send_fd(s, i);
        s->flags[i] = fcntl(i, F_GETFL);
        s->shared[i] = s->flags[i] >= 0;
        return 0;
}

int streams_open(struct streams *s, bool tty, bool capture) {
        const struct stdio_spec pty = { .kind = STDIO_PTY };
        unsigned rows, cols;
        int r = 0;

        *s = (struct streams){ .tty = tty };
        if (!tty) {
                r = place(s, 0, false, &s->spec.stdin_);
                if (r >= 0)
                        r = place(s, 1, capture, &s->spec.stdout_);
                return r < 0 ? r : place(s, 2, capture, &s->spec.stderr_);
        }
        terminal_size(&rows, &cols);
        s->size = (struct pty_size){ .rows = rows, .cols = cols };
        s->spec.stdin_ = s->spec.stdout_ = pty;
        if (isatty(2))
                s->spec.stderr_ = pty;
        else
                r = place(s, 2, false, &s->spec.stderr_);
        return r;
}

void streams_sent(struct streams *s) {
        for (size_t i = 0; i < s->n_close; i++)
                close(s->close_after[i]);
        s->n_close = 0;
}

int streams_attach(struct streams *s, int pty) {
        if (pty < 0)
                return -EPROTO;
        (void) fcntl(pty, F_SETFL, fcntl(pty, F_GETFL) | O_NONBLOCK);
        /* Each pump its own descriptor, so that either may end alone. */
        int out = fcntl(pty, F_DUPFD_CLOEXEC, 3);
        s->pumps[0] = pump_new(0, false, pty, true);
        s->pumps[1] = out >= 0 ? pump_new(out, true, 1, false) : NULL;
        if (!s->pumps[0] || !s->pumps[1]) {
                if (!s->pumps[0])
                        close(pty);
                if (out >= 0 && !s->pumps[1])
                        close(out);
                return -ENOMEM;
        }
        s->pumps[0]->to_pty = true;
        return 0;
}

size_t streams_poll(struct streams *s, struct pollfd *ret, size_t at[3], size_t n[3]) {
        size_t used = 0;

        for (size_t i = 0; i < 3; i++) {
                at[i] = used;
                n[i] = s->pumps[i] && (i > 0 || !s->no_input) ? pump_poll(s->pumps[i], ret + used)
                                                              : 0;
                used += n[i];
        }
        return used;
}

void streams_step(struct streams *s, const struct pollfd *entries, const size_t at[3],
                  const size_t n[3]) {
        for (size_t i = 0; i < 3; i++)
                if (n[i] > 0)
                        pump_step(s->pumps[i], entries + at[i], n[i]);
        /* Nobody looks at the terminal any more: without a master the command gets its SIGHUP. */
        if (s->tty && s->pumps[1] && s->pumps[1]->to < 0)
                pump_close(s->pumps[0]);
}

void streams_finish(struct streams *s) {
        for (size_t i = 1; i < 3; i++)
                if (s->pumps[i])
                        pump_drain(s->pumps[i]);
}

/* An open file's flags belong to all who share it (fcntl(2)): O_NONBLOCK, left behind by a command
 * that was killed or meant it ill, would break whatever the shell runs next on the same pipe. */
static void flags_restore(const struct streams *s) {
        for (int i = 0; i < 3; i++)
                if (s->shared[i] && fcntl(i, F_GETFL) != s->flags[i])
                        (void) fcntl(i, F_SETFL, s->flags[i]);
}

void streams_close(struct streams *s) {
        streams_sent(s);
        flags_restore(s);
        for (size_t i = 0; i < 3; i++) {
                if (s->pumps[i]) {
                        pump_close(s->pumps[i]);
                        free(s->pumps[i]);
                        s->pumps[i] = NULL;
                }
                free(s->kept[i]);
                s->kept[i] = NULL;
        }
}
