/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See socket.h. */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

ssize_t socket_send(int fd, const void *data, size_t len, const int *fds, size_t n_fds) {
        RIGHTS_CONTROL(SOCKET_MAX_FDS) control;
        struct iovec iov = { .iov_base = (void *) (uintptr_t) data, .iov_len = len };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > SOCKET_MAX_FDS || (n_fds > 0 && len == 0))
                return -EINVAL;
        if (n_fds > 0)
                rights_put(&m, &control, fds, n_fds);
        for (;;) {
                ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
                if (n >= 0)
                        return n;
                if (errno != EINTR)
                        return -errno;
        }
}

ssize_t socket_recv(int fd, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_n) {
        RIGHTS_CONTROL(SOCKET_MAX_FDS) control;
        struct iovec iov = { .iov_base = data, .iov_len = len };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
        ssize_t n;
        size_t got;

        do {
                n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        if (!rights_take(&m, fds, max_fds, &got)) {
                fds_close(fds, got);
                return -EMFILE;
        }
        *ret_n = got;
        return n;
}
