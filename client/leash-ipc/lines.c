/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connection, and text that goes out on it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc.h"

#define LINE_MAX_BYTES \
        (256u * 1024 * 1024) /* beyond all that a session sends: something is wrong */

void text_add(struct text *t, const void *data, size_t len) {
        if (t->room - t->len < len) {
                size_t room = t->room ? t->room : 1024;
                char *more;

                while (room - t->len < len)
                        room *= 2;
                more = realloc(t->data, room);
                if (!more)
                        fail(125, "out of memory", "");
                t->data = more;
                t->room = room;
        }
        memcpy(t->data + t->len, data, len);
        t->len += len;
}

void text_adds(struct text *t, const char *s) {
        text_add(t, s, strlen(s));
}

void text_add_string(struct text *t, const char *s) {
        char code[8];

        text_add(t, "\"", 1);
        for (; *s; s++) {
                if ((unsigned char) *s >= 0x20 && *s != '"' && *s != '\\') {
                        text_add(t, s, 1);
                        continue;
                }
                snprintf(code, sizeof(code), "\\u%04x", (unsigned char) *s);
                text_adds(t, code);
        }
        text_add(t, "\"", 1);
}

void lines_connect(struct lines *l, const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        const char *name = path, *slash = strrchr(path, '/');

        *l = (struct lines){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
        if (strlen(path) >= sizeof(a.sun_path) && slash) { /* unix(7), a long way to the socket */
                char *dir = strdup(path);

                if (dir) {
                        dir[slash - path] = '\0';
                        if (chdir(dir) == 0)
                                name = slash + 1;
                        free(dir);
                }
        }
        if (strlen(name) >= sizeof(a.sun_path))
                fail(125, "LEASH_IPC is too long: ", path);
        strcpy(a.sun_path, name);
        if (l->fd < 0 || connect(l->fd, (const struct sockaddr *) &a, sizeof(a)) < 0)
                fail(125,
                     errno == ENOENT ? "no commands are offered to this sandbox: "
                                     : "cannot reach the host's commands: ",
                     strerror(errno));
}

void lines_send(struct lines *l, const struct text *t) {
        for (size_t done = 0; done < t->len;) {
                ssize_t n = send(l->fd, t->data + done, t->len - done, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return; /* why will be read, or the end */
                done += (size_t) n;
        }
}

bool lines_next(struct lines *l, const char **ret, size_t *ret_len) {
        char *begin = l->in + l->taken;
        char *end = l->in_len > l->taken ? memchr(begin, '\n', l->in_len - l->taken) : NULL;

        if (!end)
                return false;
        *ret = begin;
        *ret_len = (size_t) (end - begin);
        l->taken += *ret_len + 1;
        return true;
}

void lines_read(struct lines *l) {
        ssize_t n;

        if (l->taken > 0) {
                memmove(l->in, l->in + l->taken, l->in_len - l->taken);
                l->in_len -= l->taken;
                l->taken = 0;
        }
        if (l->in_room - l->in_len < 64 * 1024) {
                size_t room = l->in_room ? l->in_room * 2 : 128 * 1024;
                char *more = room <= LINE_MAX_BYTES ? realloc(l->in, room) : NULL;

                if (!more)
                        fail(125, "out of memory", "");
                l->in = more;
                l->in_room = room;
        }
        do
                n = read(l->fd, l->in + l->in_len, l->in_room - l->in_len);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                fail(125, "the connection to the host has ended", "");
        l->in_len += (size_t) n;
}
