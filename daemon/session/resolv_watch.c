/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Notices when the host's name servers change: another network, a VPN. The directories are watched,
 * since both files are usually replaced, and resolv.conf is a link into /run on many systems; and
 * the files, since containers have them as mounts that are written in place.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "gate.h"

#define SETTLE_MS 200 /* a change comes as a handful of operations */

struct resolv_watch {
        struct session *session;
        int fd;
        struct event *event, *settled;
};

static void watch_files(struct resolv_watch *w) {
        (void) inotify_add_watch(w->fd, "/etc/resolv.conf", IN_CLOSE_WRITE);
        (void) inotify_add_watch(w->fd, "/etc/hosts", IN_CLOSE_WRITE);
}

static void on_settled(evutil_socket_t fd, short what, void *userdata) {
        struct resolv_watch *w = userdata;
        watch_files(w); /* those that are there now */
        gate_tell_resolver(w->session);
}

static bool is_ours(const char *name) {
        return strcmp(name, "resolv.conf") == 0 || strcmp(name, "hosts") == 0 ||
               strcmp(name, "stub-resolv.conf") == 0;
}

static void on_change(evutil_socket_t fd, short what, void *userdata) {
        struct resolv_watch *w = userdata;
        struct timeval soon = { .tv_usec = SETTLE_MS * 1000 };
        union {
                struct inotify_event align;
                char bytes[4096];
        } buffer;
        ssize_t n;
        bool ours = false;
        while ((n = read(w->fd, &buffer, sizeof buffer)) > 0)
                for (char *at = buffer.bytes; at < buffer.bytes + n;) {
                        const struct inotify_event *ev = (const void *) at;
                        ours |= (ev->mask & (IN_Q_OVERFLOW | IN_CLOSE_WRITE)) &&
                                (ev->len == 0 || is_ours(ev->name));
                        ours |= ev->len > 0 && is_ours(ev->name);
                        at += sizeof *ev + ev->len;
                }
        if (ours)
                (void) event_add(w->settled, &soon);
}

static void watch_directory(struct resolv_watch *w, const char *path) {
        char *copy = strdup(path), *slash = copy ? strrchr(copy, '/') : NULL;
        if (slash && slash > copy) {
                *slash = 0;
                (void) inotify_add_watch(w->fd, copy, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE);
        }
        free(copy);
}

int resolv_watch_start(struct session *s) {
        char real[PATH_MAX];
        struct resolv_watch *w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        s->resolv_watch = w;
        w->session = s;
        w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->fd < 0) {
                resolv_watch_stop(s);
                return -errno;
        }
        watch_directory(w, "/etc/resolv.conf");
        if (realpath("/etc/resolv.conf", real))
                watch_directory(w, real);
        watch_files(w);
        w->event = event_new(s->base, w->fd, EV_READ | EV_PERSIST, on_change, w);
        w->settled = evtimer_new(s->base, on_settled, w);
        if (!w->event || !w->settled || event_add(w->event, NULL) < 0) {
                resolv_watch_stop(s);
                return -ENOMEM;
        }
        return 0;
}

void resolv_watch_stop(struct session *s) {
        struct resolv_watch *w = s->resolv_watch;
        if (!w)
                return;
        if (w->event)
                event_free(w->event);
        if (w->settled)
                event_free(w->settled);
        fd_close(w->fd);
        free(w);
        s->resolv_watch = NULL;
}
