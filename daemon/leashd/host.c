/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A restart loses nothing: the control socket of each session lies in systemd's descriptor store,
 * so a session does not even notice that leashd is another one. Stopping the service empties the
 * store, and then every session sees the end of its socket and ends with its sandboxes (decision
 * 14).
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"

#define FIRST_FD 3       /* sd_listen_fds(3) */
#define PASSED_MAX 65536 /* no service has more; a number from the environment */

static bool is_listener(int fd) {
        int accepts = 0;
        socklen_t len = sizeof accepts;
        return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 && accepts;
}

static int take_over(struct leashd *d, const char *name, int fd, int *listen) {
        if (strncmp(name, SESSION_FD_PREFIX, strlen(SESSION_FD_PREFIX)) == 0)
                return sessions_adopt(d, name, fd);
        if (!is_listener(fd) || *listen >= 0)
                return -EINVAL;
        *listen = fd;
        return 0;
}

int host_descriptors(struct leashd *d, int *ret_listen, struct error *e) {
        const char *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
        unsigned long n = fds ? strtoul(fds, NULL, 10) : 0;
        char name[256];

        *ret_listen = -1;
        if (n == 0 || n > PASSED_MAX || !names)
                return error_set(e, ERROR_INTERNAL, 0, "LISTEN_FDS and LISTEN_FDNAMES do not fit");
        for (int fd = FIRST_FD; fd < FIRST_FD + (int) n; fd++) {
                size_t len = strcspn(names, ":");
                snprintf(name, sizeof name, "%.*s", (int) len, names);
                names += names[len] == ':' ? len + 1 : len;
                (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
                int r = take_over(d, name, fd, ret_listen);
                if (r < 0) {
                        log_write(&d->log, LOG_WARN, "a passed descriptor is of no use",
                                  LOG_STR("name", name), LOG_STR("errno", strerror(-r)));
                        (void) close(fd);
                }
        }
        return 0;
}

/* sd_notify(3), "Notes": one datagram to the socket in $NOTIFY_SOCKET. Written out here, since
 * libsystemd brings five more libraries into a program that users start on demand. Whether it was
 * sent. */
static bool notify(const char *text, int fd) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        size_t len = path ? strlen(path) : 0;

        if (len < 2 || len >= sizeof sa.sun_path || (path[0] != '/' && path[0] != '@'))
                return false;
        memcpy(sa.sun_path, path, len);
        if (path[0] == '@')
                sa.sun_path[0] = 0;
        _cleanup_(fd_closep) int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (s < 0 || connect(s, (const struct sockaddr *) &sa,
                             (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len)) < 0)
                return false;
        return socket_send(s, text, strlen(text), &fd, fd >= 0 ? 1 : 0) > 0;
}

static void on_watchdog(evutil_socket_t fd, short what, void *userdata) {
        (void) notify("WATCHDOG=1", -1);
}

/* sd_watchdog_enabled(3) */
int host_start(struct leashd *d, struct error *e) {
        const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
        unsigned long long n = usec ? strtoull(usec, NULL, 10) : 0;

        if (n == 0 || (pid && strtol(pid, NULL, 10) != (long) getpid()))
                return 0;
        struct timeval half = { .tv_sec = (time_t) (n / 2000000),
                                .tv_usec = (suseconds_t) (n / 2 % 1000000) };
        d->watchdog_event = event_new(d->base, -1, EV_PERSIST | EV_TIMEOUT, on_watchdog, d);
        return d->watchdog_event && event_add(d->watchdog_event, &half) == 0 ? 0 : error_nomem(e);
}

void host_ready(struct leashd *d) {
        (void) notify("READY=1", -1);
}

void host_stopping(struct leashd *d) {
        (void) notify("STOPPING=1", -1);
}

bool host_keep(struct leashd *d, const char *name, int fd) {
        char text[128];

        snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s", name);
        return d->keeps && notify(text, fd);
}

void host_drop(struct leashd *d, const char *name) {
        char text[128];

        snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
        if (d->keeps)
                (void) notify(text, -1);
}

void host_stop(struct leashd *d) {
        if (d->watchdog_event)
                event_free(TAKE(d->watchdog_event));
}
