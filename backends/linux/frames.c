/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See frames.h. */
#include "frames.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int send_flags(int socket, const struct wire_frame *f, const int *fds, size_t n_fds,
                      int flags) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(FRAME_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = (void *) (uintptr_t) f, .iov_len = sizeof(*f) };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > FRAME_FDS_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                memset(&control, 0, m.msg_controllen);

                struct cmsghdr *c = CMSG_FIRSTHDR(&m);

                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
        }
        for (;;) {
                if (sendmsg(socket, &m, flags | MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
}

int frame_send(int socket, const struct wire_frame *f, const int *fds, size_t n_fds) {
        return send_flags(socket, f, fds, n_fds, 0);
}

int frame_try(int socket, const struct wire_frame *f) {
        return send_flags(socket, f, NULL, 0, MSG_DONTWAIT);
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
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(FRAME_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        bool bad = false;
        size_t got = 0;
        ssize_t n;

        do
                n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                const unsigned char *data = CMSG_DATA(c);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, data + i * sizeof(int), sizeof(int));
                        if (got < max_fds) {
                                fds[got++] = fd;
                        } else {
                                close(fd);
                                bad = true;
                        }
                }
        }
        if (n == 0 && got == 0)
                return 0;
        if (bad || n != sizeof(*ret) || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                while (got > 0)
                        close(fds[--got]);
                return -EBADMSG;
        }
        *ret_n_fds = got;
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
