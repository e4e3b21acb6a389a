/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The listening socket (decision 16): given by descriptor, or bound here under a lock file beside
 * it (PATH.lock). Whoever binds or unlinks the path holds that lock, so a client that finds a dead
 * socket and a daemon that is about to go never cross.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "../../backends/posix/socket.h"
#include "host.h"
#include "leashd.h"

#define SYSTEM_DIRECTORY "/run/leash"
/* More than one user's programs start at the same moment. Who floods it makes the others wait for
 * what is before them, a tenth of a millisecond each, so longer is not better. */
#define LISTEN_BACKLOG 128
#define ACCEPTS_AT_ONCE 64
#define ACCEPT_PAUSE_SECONDS 1 /* when descriptors are short: the backlog keeps the callers */

static int use_listener(struct leashd *d, int fd, bool owned, struct error *e) {
        struct sockaddr_un sa = { 0 };
        socklen_t len = sizeof sa;
        int accepts = 0;
        socklen_t optlen = sizeof accepts;

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &optlen) < 0 || !accepts ||
            getsockname(fd, (struct sockaddr *) &sa, &len) < 0 || sa.sun_family != AF_UNIX)
                return error_set(e, ERROR_INTERNAL, 0, "descriptor %d is no listening Unix socket",
                                 fd);
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
        d->listen_fd = fd;
        d->listen_owned = owned && sa.sun_path[0] == '/';
        /* What is bound counts, whatever --socket says. */
        if (sa.sun_path[0] == '/')
                d->own_path = strndup(sa.sun_path, sizeof sa.sun_path);
        d->socket_path = d->own_path;
        return 1;
}

int listen_from_environment(struct leashd *d, struct error *e) {
        const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
        int fd = 3, r = 0;

        if (!pid || !fds || strtol(pid, NULL, 10) != (long) getpid())
                return 0;
        /* systemd names its descriptors and goes on listening after us: the path is not ours then.
         */
        bool named = getenv("LISTEN_FDNAMES") != NULL;
        if (named)
                r = host_descriptors(d, &fd, e);
        else if (strcmp(fds, "1") != 0)
                r = error_set(e, ERROR_INTERNAL, 0, "LISTEN_FDS must be 1");
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        if (r < 0 || fd < 0)
                return r; /* kept sessions alone: then we listen where we are told to */
        return use_listener(d, fd, !named, e);
}

static int open_lock(const char *socket_path) {
        char path[256];
        const char *slash = strrchr(socket_path, '/');
        int n = snprintf(path, sizeof path, "%.*s/leash.lock", (int) (slash - socket_path),
                         socket_path);
        if (n < 0 || (size_t) n >= sizeof path)
                return -ENAMETOOLONG;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        return fd < 0 ? -errno : fd;
}

static int take_lock(int fd) {
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

static int user_directory(char *dir, size_t size) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        _cleanup_(fd_closep) int fd = -1;

        if (runtime && runtime[0] == '/') {
                snprintf(dir, size, "%s/leash", runtime);
                if (dir_private(dir, &fd) == 0)
                        return 0;
        }
        snprintf(dir, size, "/run/user/%u/leash", geteuid());
        if (dir_private(dir, &fd) == 0)
                return 0;
        snprintf(dir, size, "/tmp/leash-%u", geteuid());
        return dir_private(dir, &fd);
}

int listen_user_path(char **ret, struct error *e) {
        char dir[200], *path;
        int r = user_directory(dir, sizeof dir);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "%s cannot be used: it must be yours and private",
                                 dir);
        if (asprintf(&path, "%s/leash.sock", dir) < 0)
                return error_nomem(e);
        *ret = path;
        return 0;
}

int listen_system_path(char **ret, struct error *e) {
        struct stat st;
        /* Everybody may look into it; only root may put something there. */
        if (mkdir(SYSTEM_DIRECTORY, 0755) == 0)
                (void) chmod(SYSTEM_DIRECTORY, 0755); /* the umask is 077 */
        if (lstat(SYSTEM_DIRECTORY, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0 ||
            (st.st_mode & 022))
                return error_set(e, ERROR_IO, EPERM,
                                 SYSTEM_DIRECTORY " must be a directory that only root can write");
        *ret = strdup(SYSTEM_DIRECTORY "/leash.sock");
        return *ret ? 0 : error_nomem(e);
}

static bool somebody_listens(const struct sockaddr_un *sa) {
        _cleanup_(fd_closep) int fd =
                socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd >= 0 &&
               (connect(fd, (const struct sockaddr *) sa, sizeof *sa) == 0 || errno == EAGAIN);
}

int listen_bind(struct leashd *d, const char *path, struct error *e) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        struct stat st;

        if (path[0] != '/' || strlen(path) >= sizeof sa.sun_path)
                return error_set(e, ERROR_PARAMS, 0,
                                 "the socket's path must be absolute and shorter than %zu bytes",
                                 sizeof sa.sun_path);
        snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
        _cleanup_(fd_closep) int lock = open_lock(path);
        int r = lock < 0 ? lock : take_lock(lock);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot take the lock beside %s", path);
        if (lstat(path, &st) == 0) {
                if (!S_ISSOCK(st.st_mode))
                        return error_set(e, ERROR_IO, EEXIST, "%s is there and is no socket", path);
                if (somebody_listens(&sa))
                        return error_set(e, ERROR_IO, EADDRINUSE, "a leashd listens on %s already",
                                         path);
                (void) unlink(path);
        }
        _cleanup_(fd_closep) int fd =
                socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* Nobody else may even connect in user mode. Connecting takes the right to write. */
        mode_t was = umask(d->system ? 0111 : 0177);
        bool bound = fd >= 0 && bind(fd, (const struct sockaddr *) &sa, sizeof sa) == 0;
        (void) umask(was);
        if (!bound || listen(fd, LISTEN_BACKLOG) < 0)
                return error_set(e, ERROR_IO, errno, "cannot listen on %s: %s", path,
                                 strerror(errno));
        d->listen_fd = TAKE_FD(fd);
        d->listen_owned = true;
        return 0;
}

/* One JSON-RPC error line. Takes fd. */
static void refuse(struct leashd *d, int fd, const struct error *e) {
        char line[512];
        /* The messages are ours and hold nothing that JSON would have to escape. */
        int n = snprintf(
                line, sizeof line,
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":%d,\"message\":\"%s\","
                "\"data\":{\"code\":\"%s\"}}}\n",
                error_number(e->code), e->message, error_wire_name(e->code));
        if (n > 0 && (size_t) n < sizeof line)
                (void) socket_send(fd, line, (size_t) n, NULL, 0);
        linger_close(&d->linger, d->base, fd);
}

/* One waiting caller. 1: handled, 0: none waits, -errno: no more for now. */
static int accept_one(struct leashd *d) {
        struct identity who; /* the rest of it is written before it is read */
        struct error e = ERROR_NULL;
        _cleanup_(fd_closep) int fd =
                accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
                if (errno == EAGAIN)
                        return 0;
                /* The caller gave up meanwhile: the next one may be there (accept(2)). */
                return errno == ECONNABORTED || errno == EINTR ? 1 : -errno;
        }
        who.pid = -1;
        who.uid = (uid_t) -1;
        if (identity_check(&d->self, d->system, fd, &who, &e) < 0 ||
            sessions_hand_over(d, &who, fd, &e) < 0) {
                log_event(&d->log, LOG_WARN, LOG_CALLER_REFUSED, "refused a caller",
                          LOG_INT("uid", (int32_t) who.uid), LOG_INT("pid", who.pid),
                          LOG_STR("why", e.message));
                refuse(d, TAKE_FD(fd), &e);
        }
        return 1;
}

static void on_accept(evutil_socket_t fd, short what, void *userdata) {
        struct leashd *d = userdata;
        int r;
        /* Not without end: other events have a right to run, too. */
        for (unsigned i = 0; i < ACCEPTS_AT_ONCE && !sessions_full(d); i++) {
                r = accept_one(d);
                if (r == 0)
                        break;
                if (r < 0) {
                        struct timeval later = { .tv_sec = ACCEPT_PAUSE_SECONDS };
                        log_write(&d->log, LOG_ERROR, "cannot accept",
                                  LOG_STR("errno", strerror(-r)));
                        (void) event_del(d->accept_event);
                        (void) event_add(d->resume_event, &later);
                        break;
                }
        }
        leashd_update(d);
}

static void on_resume(evutil_socket_t fd, short what, void *userdata) {
        listen_update(userdata);
}

void listen_update(struct leashd *d) {
        if (!d->accept_event || event_pending(d->resume_event, EV_TIMEOUT, NULL))
                return;
        if (sessions_full(d))
                (void) event_del(d->accept_event);
        else if (!event_pending(d->accept_event, EV_READ, NULL))
                (void) event_add(d->accept_event, NULL);
}

int listen_start(struct leashd *d, struct error *e) {
        struct stat st;
        int r = fd_set_nonblock(d->listen_fd, true);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot prepare the socket");
        if (d->socket_path && lstat(d->socket_path, &st) == 0) {
                d->path_dev = st.st_dev;
                d->path_ino = st.st_ino;
        }
        /* For the end, when it could no longer be opened (confine_leashd). */
        if (d->listen_owned && d->socket_path)
                d->lock_fd = open_lock(d->socket_path);
        d->accept_event = event_new(d->base, d->listen_fd, EV_READ | EV_PERSIST, on_accept, d);
        d->resume_event = evtimer_new(d->base, on_resume, d);
        if (!d->accept_event || !d->resume_event || event_add(d->accept_event, NULL) < 0)
                return error_nomem(e);
        return 0;
}

/* Only if the path still leads to our own socket: somebody may have removed it and put a new one
 * there. */
static bool path_is_ours(const struct leashd *d) {
        struct stat st;
        return lstat(d->socket_path, &st) == 0 && st.st_dev == d->path_dev &&
               st.st_ino == d->path_ino;
}

void listen_stop(struct leashd *d) {
        if (d->listen_fd < 0)
                return;
        if (d->listen_owned && d->socket_path) {
                (void) take_lock(d->lock_fd); /* without it we still have to go */
                if (path_is_ours(d))
                        (void) unlink(d->socket_path);
                if (!d->ending)
                        while (accept_one(d) > 0)
                                ;
        }
        d->lock_fd = fd_close(d->lock_fd);
        if (d->accept_event)
                event_free(d->accept_event);
        if (d->resume_event)
                event_free(d->resume_event);
        d->accept_event = d->resume_event = NULL;
        d->listen_fd = fd_close(d->listen_fd);
}
