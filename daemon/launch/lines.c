/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What sessions say, where it is not the journal that takes it. A session is its user's process, so
 * whatever it has open is his: root's log, which he could cut and write to, or root's terminal,
 * from which he could read. So it has one end of a pipe, and each line of it is written here, made
 * printable, with the user's number before it, so that none can be taken for one of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"
#include "launch.h"

#define READ_BYTES 4096
#define SECOND_BYTES (64 * 1024) /* of one session */

int lines_open(const struct launch *l, int ret[2]) {
        ret[0] = ret[1] = -1;
        /* The journal knows whose each record is, and nothing in it can be changed. */
        if (l->log.journal)
                return 0;
        /* Nor may a session be stopped by us, should we be slow. */
        return pipe2(ret, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

int lines_become(const struct launch *l, int fd) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                return -errno;
        if (l->log.journal)
                return 0;
        fd = fd >= 0 ? fd : null;
        return dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;
}

static void say(const struct launch *l, const struct child *c, const char *text, size_t len) {
        char line[READ_BYTES + 32];
        int n = snprintf(line, sizeof line, "uid %u: ", c->uid);

        for (size_t i = 0; i < len && (size_t) n < sizeof line - 1; i++)
                line[n++] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
        line[n++] = '\n';
        ssize_t ignore = write(l->log.fd, line, (size_t) n); /* as log.c has it */
        (void) ignore;
}

/* A line is one write(2), and shorter than what a pipe keeps together (pipe(7), PIPE_BUF). */
static void split(const struct launch *l, const struct child *c, const char *text, size_t n) {
        const char *end = text + n;

        while (text < end) {
                const char *feed = memchr(text, '\n', (size_t) (end - text));
                size_t len = (size_t) ((feed ? feed : end) - text);
                if (len > 0)
                        say(l, c, text, len);
                text += len + 1;
        }
}

/* Who says too much is not even read: his pipe fills up, and nobody waits for it. */
bool lines_await(const struct launch *l, struct pollfd *p) {
        bool waits = false;

        for (size_t i = 0; i < l->n_children; i++) {
                const struct child *c = &l->children[i];
                bool over =
                        c->lines >= 0 && c->said > SECOND_BYTES && c->second == process_seconds();

                p[i] = (struct pollfd){ .fd = over ? -1 : c->lines, .events = POLLIN };
                waits |= over;
        }
        return waits;
}

void lines_take(const struct launch *l, struct child *c) {
        char text[READ_BYTES];
        time_t now = process_seconds();
        ssize_t n;

        if (c->lines < 0)
                return;
        n = read(c->lines, text, sizeof text);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                c->lines = fd_close(c->lines); /* all who had the other end have gone */
        if (n <= 0)
                return;
        if (now != c->second) {
                c->second = now;
                c->said = 0;
        }
        c->said += (size_t) n;
        split(l, c, text, (size_t) n);
}

void lines_end(const struct launch *l, struct child *c) {
        struct pollfd p = { .fd = c->lines, .events = POLLIN };

        /* So much may be left in the pipe; not what others go on writing. */
        for (unsigned i = 0; i < 16 && c->lines >= 0 && poll(&p, 1, 0) > 0; i++)
                lines_take(l, c);
        c->lines = fd_close(c->lines);
}
