/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Descriptor passing lives here once: the control buffer's alignment and truncation are easy to get
 * wrong (cmsg(3), unix(7)). */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fd_close(int fd) {
        if (fd >= 0) {
                int keep = errno;
                /* EINTR closes the descriptor all the same on Linux (close(2)): never retried. */
                (void) close(fd);
                errno = keep;
        }
        return -1;
}

void fds_close(int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                fds[i] = fd_close(fds[i]);
}

int fd_set_nonblock(int fd, bool on) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
                return -errno;
        int want = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
        if (want != flags && fcntl(fd, F_SETFL, want) < 0)
                return -errno;
        return 0;
}

int pipe_new(int ret[2]) {
        return pipe2(ret, O_CLOEXEC) < 0 ? -errno : 0;
}

union control {
        char buffer[CMSG_SPACE(SOCKET_MAX_FDS * sizeof(int))];
        struct cmsghdr align;
};

ssize_t socket_send(int fd, const void *data, size_t len, const int *fds, size_t n_fds) {
        union control control;
        struct iovec iov = { .iov_base = (void *) (uintptr_t) data, .iov_len = len };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > SOCKET_MAX_FDS || (n_fds > 0 && len == 0))
                return -EINVAL;
        if (n_fds > 0) {
                memset(&control, 0, sizeof control);
                m.msg_control = control.buffer;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
        }
        for (;;) {
                ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
                if (n >= 0)
                        return n;
                if (errno != EINTR)
                        return -errno;
        }
}

ssize_t socket_recv(int fd, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_n) {
        union control control;
        struct iovec iov = { .iov_base = data, .iov_len = len };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.buffer,
                            .msg_controllen = sizeof control.buffer };
        ssize_t n;
        size_t got = 0;
        bool too_many;

        do {
                n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        too_many = m.msg_flags & MSG_CTRUNC;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int one;
                        memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof one);
                        if (got < max_fds)
                                fds[got++] = one;
                        else {
                                fd_close(one);
                                too_many = true;
                        }
                }
        }
        if (too_many) {
                fds_close(fds, got);
                return -EMFILE;
        }
        *ret_n = got;
        return n;
}
