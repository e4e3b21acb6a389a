/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages with descriptors beside them (unix(7), SCM_RIGHTS), and small descriptor helpers. */
#pragma once

#include <sys/types.h>

#include "fd.h"

/* The kernel takes up to 253 (SCM_MAX_FD); nothing in leash sends more than this in one message. */
#define SOCKET_MAX_FDS 64

/* One sendmsg(2) with `n_fds` descriptors (may be 0), never SIGPIPE, retried on EINTR. Returns
 * bytes or -errno. With descriptors, `len` must be > 0: a stream drops control data that comes
 * without bytes. */
ssize_t socket_send(int fd, const void *data, size_t len, const int *fds, size_t n_fds);

/* One recvmsg(2); descriptors come close-on-exec. Returns bytes (0: end), or -errno. When the
 * sender passed more than max_fds, those that came are closed and -EMFILE is the answer. */
ssize_t socket_recv(int fd, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_n);

int fd_set_nonblock(int fd, bool on); /* 0 / -errno */
int pipe_new(int ret[2]);             /* both ends close-on-exec; 0 / -errno */
