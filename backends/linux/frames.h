/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames with descriptors over the control socket, and sealed memfds: used by both of its ends. */
#pragma once

#include "../../proto/wire.h"
#include "sys.h"

#define FRAME_FDS_MAX 250 /* SCM_MAX_FD of the kernel is 253 */

/* 0 or -errno. Blocks while the other side does not read, unless `frame_try`. */
int frame_send(int socket, const struct wire_frame *f, const int *fds, size_t n_fds);
/* With f->value bytes behind the frame. */
int frame_send_data(int socket, const struct wire_frame *f, const void *data, const int *fds,
                    size_t n_fds);
int frame_try(int socket, const struct wire_frame *f);
/* Waits for room also where the socket does not block. */
int frame_wait(int socket, const struct wire_frame *f, const int *fds, size_t n_fds);
/* 1 with a frame that is well-formed in its shape (not yet checked in its content), 0 at the end of
 * the connection, -errno (-EAGAIN, -EBADMSG). Descriptors are close-on-exec and belong to the
 * caller. */
int frame_receive(int socket, struct wire_frame *ret, int *fds, size_t max_fds, size_t *ret_n_fds);
/* The same for a receiver that takes data, too: its length is in ret_data, 0 = none. */
int frame_receive_data(int socket, struct wire_frame *ret, void *data, size_t room,
                       size_t *ret_data, int *fds, size_t max_fds, size_t *ret_n_fds);

/* A memfd whose content can no longer change. */
int sealed_new(const char *name, const void *data, size_t size);
/* Maps one read-only after checking that it is sealed; NULL with errno. Unmap with munmap(base,
 * size). */
void *sealed_map(int fd, size_t *ret_size);
