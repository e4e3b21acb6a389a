/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files whose path or content somebody else may have shaped: opened without blocking, checked by
 * descriptor and not by name, read up to a limit. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket.h"

int file_read(int dir, const char *path, size_t max, char **ret, size_t *ret_len) {
        struct stat st;
        size_t len = 0, room;
        _cleanup_(fd_closep) int fd =
                openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if (st.st_size > 0 && (uint64_t) st.st_size > max)
                return -EFBIG;
        /* Files of /proc say size 0: start small and grow. */
        room = st.st_size > 0 ? (size_t) st.st_size + 1 : 4096;
        char *text = malloc(room);
        if (!text)
                return -ENOMEM;
        for (;;) {
                if (len + 1 >= room) {
                        room = room * 2 > max + 2 ? max + 2 : room * 2;
                        char *bigger = realloc(text, room);
                        if (!bigger) {
                                free(text);
                                return -ENOMEM;
                        }
                        text = bigger;
                }
                ssize_t n = read(fd, text + len, room - 1 - len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || len + (size_t) n > max) {
                        int r = n < 0 ? -errno : -EFBIG;
                        free(text);
                        return r;
                }
                if (n == 0)
                        break;
                len += (size_t) n;
        }
        text[len] = 0;
        *ret = text;
        *ret_len = len;
        return 0;
}

int dir_private(const char *path, int *ret_fd) {
        struct stat st;
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & 0022))
                return -EPERM;
        *ret_fd = TAKE_FD(fd);
        return 0;
}
