/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One pump is one direction. Only our own ends are non-blocking: O_NONBLOCK on the user's terminal
 * would change it for his shell, too, since both share the open file.
 */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void shut_from(struct pump *p) {
        if (p->own_from && p->from >= 0)
                close(p->from);
        p->from = -1;
}

static void shut_to(struct pump *p) {
        if (p->own_to && p->to >= 0)
                close(p->to);
        p->to = -1;
        p->at = p->len = 0;
}

static bool has_sink(const struct pump *p) {
        return p->to >= 0 || p->keep;
}

size_t pump_poll(const struct pump *p, struct pollfd *ret) {
        if (p->at < p->len && p->to >= 0) {
                *ret = (struct pollfd){ .fd = p->to, .events = POLLOUT };
                return 1;
        }
        if (p->from >= 0 && has_sink(p)) {
                *ret = (struct pollfd){ .fd = p->from, .events = POLLIN };
                return 1;
        }
        return 0;
}

/* What does not fit any more is still read, so that the command does not stall, and forgotten. */
static void collect(struct pump *p) {
        size_t room = p->keep_max - *p->keep_len, n = p->len < room ? p->len : room;

        if (n < p->len)
                *p->keep_cut = true;
        if (n > 0) {
                char *more = realloc(*p->keep, *p->keep_len + n + 1);
                if (more) {
                        memcpy(more + *p->keep_len, p->data, n);
                        *p->keep = more;
                        *p->keep_len += n;
                        more[*p->keep_len] = '\0';
                } else {
                        *p->keep_cut = true;
                }
        }
        p->at = p->len = 0;
}

static void write_some(struct pump *p) {
        ssize_t n = write(p->to, p->data + p->at, p->len - p->at);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) {
                /* Nobody reads any more: with our end gone, the command sees the same. */
                shut_to(p);
                if (p->own_from)
                        shut_from(p);
                return;
        }
        p->at += (size_t) n;
        if (p->at == p->len)
                p->at = p->len = 0;
}

static void end_of_input(struct pump *p) {
        shut_from(p);
        if (p->to_pty && p->to >= 0) {
                p->data[0] = 4; /* VEOF's default: a pty has no other end of input */
                p->len = 1;
                p->at = 0;
        } else if (p->own_to) {
                shut_to(p);
        }
}

/* false: nothing to read now, or never again. */
static bool read_some(struct pump *p) {
        ssize_t n = read(p->from, p->data, sizeof(p->data));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        if (n <= 0) { /* EIO is a pty whose last user has gone */
                end_of_input(p);
                return false;
        }
        p->at = 0;
        p->len = (size_t) n;
        if (p->keep)
                collect(p);
        return true;
}

void pump_step(struct pump *p, const struct pollfd *entries, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (!entries[i].revents)
                        continue;
                if (p->to >= 0 && entries[i].fd == p->to && p->at < p->len)
                        write_some(p);
                else if (p->from >= 0 && entries[i].fd == p->from && p->len == 0)
                        (void) read_some(p);
        }
}

void pump_drain(struct pump *p) {
        while (has_sink(p)) {
                while (p->at < p->len && p->to >= 0) {
                        struct pollfd wait = { .fd = p->to, .events = POLLOUT };
                        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                                return;
                        write_some(p);
                }
                if (p->from < 0 || !read_some(p))
                        break;
        }
}

void pump_close(struct pump *p) {
        shut_from(p);
        shut_to(p);
}
