/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See frames.h. */
#include "frames.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int send_flags(int socket, const struct wire_frame *f, const void *data, size_t size,
                      const int *fds, size_t n_fds, int flags) {
        RIGHTS_CONTROL(FRAME_FDS_MAX) control;
        struct iovec iov[2] = {
                { .iov_base = (void *) (uintptr_t) f, .iov_len = sizeof(*f) },
                { .iov_base = (void *) (uintptr_t) data, .iov_len = size },
        };
        struct msghdr m = { .msg_iov = iov, .msg_iovlen = size > 0 ? 2 : 1 };

        if (n_fds > FRAME_FDS_MAX)
                return -E2BIG;
        if (n_fds > 0)
                rights_put(&m, &control, fds, n_fds);
        for (;;) {
                if (sendmsg(socket, &m, flags | MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

int frame_send(int socket, const struct wire_frame *f, const int *fds, size_t n_fds) {
        return send_flags(socket, f, NULL, 0, fds, n_fds, 0);
}

int frame_send_data(int socket, const struct wire_frame *f, const void *data, const int *fds,
                    size_t n_fds) {
        return send_flags(socket, f, data, (size_t) f->value, fds, n_fds, 0);
}

int frame_try(int socket, const struct wire_frame *f) {
        return send_flags(socket, f, NULL, 0, NULL, 0, MSG_DONTWAIT);
}

int frame_wait(int socket, const struct wire_frame *f, const int *fds, size_t n_fds) {
        struct pollfd p = { .fd = socket, .events = POLLOUT };
        int r;

        while ((r = frame_send(socket, f, fds, n_fds)) == -EAGAIN)
                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        return -errno;
        return r;
}

int frame_receive(int socket, struct wire_frame *ret, int *fds, size_t max_fds, size_t *ret_n_fds) {
        size_t none;

        return frame_receive_data(socket, ret, NULL, 0, &none, fds, max_fds, ret_n_fds);
}

int frame_receive_data(int socket, struct wire_frame *ret, void *data, size_t room,
                       size_t *ret_data, int *fds, size_t max_fds, size_t *ret_n_fds) {
        RIGHTS_CONTROL(FRAME_FDS_MAX) control;
        struct iovec iov[2] = { { .iov_base = ret, .iov_len = sizeof(*ret) },
                                { .iov_base = data, .iov_len = room } };
        struct msghdr m = { .msg_iov = iov,
                            .msg_iovlen = room > 0 ? 2 : 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        size_t got;
        ssize_t n;

        do
                n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        bool all = rights_take(&m, fds, max_fds, &got);

        if (n == 0 && got == 0)
                return 0;
        size_t behind = n > (ssize_t) sizeof(*ret) ? (size_t) n - sizeof(*ret) : 0;

        if (!all || n < (ssize_t) sizeof(*ret) || (m.msg_flags & MSG_TRUNC)) {
                fds_close(fds, got);
                return -EBADMSG;
        }
        *ret_n_fds = got;
        *ret_data = behind;
        return 1;
}

int sealed_new(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        const char *p = data;

        if (fd < 0)
                return -errno;
        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0)
                        return -errno;
                p += n;
                size -= (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
                return -errno;
        return TAKE_FD(fd);
}

void *sealed_map(int fd, size_t *ret_size) {
        struct stat st;
        int seals = fcntl(fd, F_GET_SEALS);
        void *base;

        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size <= 0) {
                errno = EBADMSG;
                return NULL;
        }
        /* Not MAP_SHARED: before Linux 6.7 that is refused for a file sealed against writing, also
         * to those who only read. */
        base = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (base == MAP_FAILED)
                return NULL;
        *ret_size = (size_t) st.st_size;
        return base;
}
