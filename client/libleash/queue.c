/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lines on their way out. What the socket does not take at once waits here, with copies of its
 * descriptors.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

void close_all(const int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
}

static void out_free(struct out *o) {
        close_all(o->fds, o->n_fds);
        free(o->data);
        free(o);
}

void queue_drop(struct leash *l) {
        while (l->out_first) {
                struct out *o = l->out_first;
                l->out_first = o->next;
                out_free(o);
        }
        l->out_last = &l->out_first;
}

/* unix(7): descriptors on their way are counted for the user, also those that code in a sandbox
 * sent and nobody received, and who passes one while they are more than his RLIMIT_NOFILE is
 * refused. A sandbox's limit is lower than our hard one, so for a moment we take that. */
static ssize_t send_past_others(int fd, const struct msghdr *m) {
        struct rlimit files, more;
        ssize_t n;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return -1;
        more = (struct rlimit){ .rlim_cur = files.rlim_max, .rlim_max = files.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &more) < 0)
                return -1;
        n = sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
        int saved = errno;
        (void) setrlimit(RLIMIT_NOFILE, &files);
        errno = saved;
        return n;
}

/* 1: all of it went, 0: the socket is full. */
static int send_some(int fd, struct out *o) {
        struct iovec iov = { o->data + o->sent, o->len - o->sent };
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(LIMIT_LINE_FDS * sizeof(int))];
        } control;
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (o->n_fds > 0) {
                memset(&control, 0, sizeof(control));
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(o->n_fds * sizeof(int));
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(o->n_fds * sizeof(int));
                memcpy(CMSG_DATA(c), o->fds, o->n_fds * sizeof(int));
        }
        ssize_t n;
        do
                n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == ETOOMANYREFS)
                n = send_past_others(fd, &m);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        o->sent += (size_t) n;
        close_all(o->fds, o->n_fds);
        o->n_fds = 0;
        return o->sent == o->len;
}

int queue_flush(struct leash *l) {
        while (l->out_first) {
                int r = send_some(l->fd, l->out_first);
                if (r <= 0)
                        return r;
                struct out *o = l->out_first;
                l->out_first = o->next;
                if (!l->out_first)
                        l->out_last = &l->out_first;
                out_free(o);
        }
        return 1;
}

static struct out *out_new(char *line, size_t len, const int *fds, size_t n_fds) {
        struct out *o = calloc(1, sizeof(*o));

        if (!o)
                return NULL;
        /* Copies of the descriptors: the line may have to wait after the caller has closed his. */
        for (; o->n_fds < n_fds; o->n_fds++) {
                o->fds[o->n_fds] = dup(fds[o->n_fds]);
                if (o->fds[o->n_fds] < 0) {
                        int saved = errno;
                        out_free(o);
                        errno = saved;
                        return NULL;
                }
        }
        o->data = line;
        o->len = len;
        return o;
}

int queue_add(struct leash *l, char *line, size_t len, const int *fds, size_t n_fds) {
        struct out *o = out_new(line, len, fds, n_fds);

        if (!o) {
                int r = -errno;
                free(line);
                return r;
        }
        *l->out_last = o;
        l->out_last = &o->next;
        return 0;
}
