/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Descriptors and their passing beside a message (unix(7), SCM_RIGHTS): inline, since leash-init
 * links nothing but what it needs. */
#pragma once

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../policy/base.h"

/* Takes -1; keeps errno; returns -1. */
static inline int fd_close(int fd) {
        if (fd >= 0) {
                int keep = errno;
                /* EINTR closes the descriptor all the same on Linux (close(2)): never retried. */
                (void) close(fd);
                errno = keep;
        }
        return -1;
}

_unused_ static inline void fd_closep(int *fd) {
        fd_close(*fd);
}

static inline void fds_close(int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                fds[i] = fd_close(fds[i]);
}

/* The control buffer of a message with up to `max` descriptors, as unix(7) wants it aligned. */
#define RIGHTS_CONTROL(max)                                  \
        union {                                              \
                struct cmsghdr align;                        \
                char space[CMSG_SPACE((max) * sizeof(int))]; \
        }

/* `control` has room for n descriptors, and n > 0. */
static inline void rights_put(struct msghdr *m, void *control, const int *fds, size_t n) {
        m->msg_control = control;
        m->msg_controllen = CMSG_SPACE(n * sizeof(int));
        memset(control, 0, m->msg_controllen);
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

/* The descriptors of a message that has come: the caller's from now on. False when there were more
 * than `max`, or than the control buffer had room for; those beyond are closed. */
static inline bool rights_take(struct msghdr *m, int *fds, size_t max, size_t *ret_n) {
        bool all = !(m->msg_flags & MSG_CTRUNC);
        size_t got = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int one;
                        memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof one);
                        if (got < max) {
                                fds[got++] = one;
                        } else {
                                fd_close(one);
                                all = false;
                        }
                }
        }
        *ret_n = got;
        return all;
}
