/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where leashd listens, and how it comes to run (decision 16).
 *
 * The system's socket first (its owner must be root), else the user's own. Who finds nobody there
 * takes a lock, binds and listens himself, and execs leashd with the listening descriptor:
 * connections queue in the socket from that moment on, so nobody has to wait or poll for a daemon
 * to come up.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

/* Linux 5.11; Debian 12's headers have it only in <linux/close_range.h>. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

#define SYSTEM_SOCKET "/run/leash/leash.sock"
#define SOCKET_NAME "leash.sock"
#define LOCK_NAME "leash.lock"
#define LOG_NAME "leashd.log"
/* More clients than LIMIT_CONNECTIONS cannot be served anyhow. */
#define BACKLOG LIMIT_CONNECTIONS

DEFINE_FREE_FD(close_fd)

static bool is_absent(int r) {
        return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR;
}

/* The peer of a place that others may write to could be anybody. */
static int check_peer(int fd, const char *path, uid_t want, struct error *e) {
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return error_set(e, ERROR_IO, errno, "cannot tell who listens on %s: %s", path,
                                 strerror(errno));
        if (peer.uid != want)
                return error_set(e, ERROR_REFUSED, EPERM,
                                 "%s belongs to uid %u, not to uid %u: not talking to it", path,
                                 (unsigned) peer.uid, (unsigned) want);
        return 0;
}

static int fill_address(const char *path, struct sockaddr_un *ret, struct error *e) {
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(ret->sun_path))
                return error_set(e, ERROR_PARAMS, ENAMETOOLONG,
                                 "the socket's path is longer than %zu bytes: %s",
                                 sizeof(ret->sun_path) - 1, path);
        memcpy(ret->sun_path, path, strlen(path) + 1);
        return 0;
}

static int connect_to(const char *path, int *ret, struct error *e) {
        struct sockaddr_un sa;
        int r = fill_address(path, &sa, e);

        if (r < 0)
                return r;
        _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_set(e, ERROR_IO, errno, "socket: %s", strerror(errno));
        do
                r = connect(fd, (struct sockaddr *) &sa, sizeof(sa));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return error_set(e, ERROR_IO, errno, "cannot connect to leashd at %s: %s", path,
                                 strerror(errno));
        *ret = TAKE_FD(fd);
        return 0;
}

/* A directory of our own, made if it is missing. /tmp is everybody's, so nothing about it is
 * believed. */
static int own_directory(const char *path, struct error *e) {
        struct stat st;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return error_set(e, ERROR_IO, errno, "cannot make %s: %s", path, strerror(errno));
        if (lstat(path, &st) < 0)
                return error_set(e, ERROR_IO, errno, "%s: %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0022))
                return error_set(
                        e, ERROR_REFUSED, EPERM,
                        "%s must be a directory that only you can write: remove it, or set "
                        "LEASH_SOCKET to another place",
                        path);
        return 0;
}

static bool is_own_directory(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static void user_directory(char *ret, size_t size) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char run[64];

        snprintf(run, sizeof(run), "/run/user/%u", (unsigned) geteuid());
        if (runtime && runtime[0] == '/' && is_own_directory(runtime))
                snprintf(ret, size, "%s/leash", runtime);
        else if (is_own_directory(run))
                snprintf(ret, size, "%s/leash", run);
        else
                snprintf(ret, size, "/tmp/leash-%u", (unsigned) geteuid());
}

/* leashd beside this program (a build folder, a relocated installation), else where it was
 * installed. */
static int find_leashd(char *ret, size_t size, struct error *e) {
        ssize_t n = readlink("/proc/self/exe", ret, size - 1);

        if (n > 0) {
                ret[n] = '\0';
                char *slash = strrchr(ret, '/');
                size_t used = (size_t) (slash - ret) + 1;
                if (used + sizeof("leashd") <= size) {
                        memcpy(ret + used, "leashd", sizeof("leashd"));
                        if (access(ret, X_OK) >= 0)
                                return 0;
                }
        }
        snprintf(ret, size, "%s", LEASH_LIBEXECDIR "/leashd");
        if (access(ret, X_OK) >= 0)
                return 0;
        return error_set(
                e, ERROR_NOT_FOUND, ENOENT,
                "leashd is not running and was not found beside this program nor in %s: is "
                "leash installed?",
                LEASH_LIBEXECDIR);
}

/* The few variables by which a daemon finds its user's places; nothing of the caller's work. */
static char **clean_environment(char *lines, size_t size, char **ret) {
        static const char *const keep[] = { "PATH",
                                            "HOME",
                                            "USER",
                                            "LOGNAME",
                                            "LANG",
                                            "SHELL",
                                            "XDG_RUNTIME_DIR",
                                            "XDG_CONFIG_HOME",
                                            "XDG_STATE_HOME",
                                            "XDG_CACHE_HOME",
                                            "XDG_DATA_HOME",
                                            "DBUS_SESSION_BUS_ADDRESS" };
        size_t n = 0, used = 0;

        for (size_t i = 0; i < ELEMENTSOF(keep); i++) {
                const char *value = getenv(keep[i]);
                if (!value)
                        continue;
                int k = snprintf(lines + used, size - used, "%s=%s", keep[i], value);
                if (k < 0 || (size_t) k >= size - used)
                        continue; /* absurdly long: leashd has its own defaults */
                ret[n++] = lines + used;
                used += (size_t) k + 1;
        }
        ret[n++] = (char *) (uintptr_t) "LISTEN_FDS=1";
        return ret + n; /* room for LISTEN_PID, which only the new process knows */
}

struct daemon_start {
        char program[PATH_MAX], lines[8 * 1024], pid[32];
        char *env[20], **env_end;
        int listener, log, report;
};

/* "LISTEN_PID=<n>" (sd_listen_fds(3)) without printf: this runs between fork and exec. */
static void set_listen_pid(struct daemon_start *d) {
        static const char prefix[] = "LISTEN_PID=";
        char digits[16];
        size_t n = 0, at = sizeof(prefix) - 1;

        for (unsigned pid = (unsigned) getpid(); pid > 0; pid /= 10)
                digits[n++] = (char) ('0' + pid % 10);
        memcpy(d->pid, prefix, at);
        while (n > 0)
                d->pid[at++] = digits[--n];
        d->pid[at] = '\0';
        d->env_end[0] = d->pid;
        d->env_end[1] = NULL;
}

/* In the grandchild. Everything was prepared before the fork: the process may have had threads. */
static _Noreturn void become_leashd(struct daemon_start *d) {
        char *argv[] = { d->program, (char *) (uintptr_t) "--user", NULL };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        /* Out of the way of 0 to 3 first, so that no dup2 below hits one that is still needed. */
        int listener = fcntl(d->listener, F_DUPFD_CLOEXEC, 10);
        int report = fcntl(d->report, F_DUPFD_CLOEXEC, 10);
        int log = fcntl(d->log >= 0 ? d->log : null, F_DUPFD_CLOEXEC, 10);
        null = fcntl(null, F_DUPFD_CLOEXEC, 10);
        if (listener < 0 || report < 0 || log < 0 || null < 0 || chdir("/") < 0 ||
            dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0 || dup2(listener, 3) < 0)
                _exit(125);
        set_listen_pid(d);
        /* Whatever else the caller has open without FD_CLOEXEC is none of leashd's business. */
        (void) close_range(4, ~0U, CLOSE_RANGE_CLOEXEC);
        execve(d->program, argv, d->env);
        int err = errno;
        (void) !write(report, &err, sizeof(err));
        _exit(125);
}

/* Twice forked, so that leashd is nobody's child and a caller's wait() never sees it. */
static int spawn_leashd(struct daemon_start *d, struct error *e) {
        int pipe_fds[2];
        int err = 0;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set(e, ERROR_IO, errno, "pipe: %s", strerror(errno));
        _cleanup_(close_fd) int in = pipe_fds[0];
        d->report = pipe_fds[1];
        pid_t pid = fork();
        if (pid == 0) {
                setsid();
                pid = fork();
                if (pid == 0)
                        become_leashd(d);
                _exit(pid < 0 ? 125 : 0);
        }
        int fork_error = errno;
        close(d->report);
        if (pid < 0)
                return error_set(e, ERROR_IO, fork_error, "fork: %s", strerror(fork_error));
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        ssize_t n;
        do
                n = read(in, &err, sizeof(err)); /* ends when exec has closed the other end */
        while (n < 0 && errno == EINTR);
        if (n == sizeof(err))
                return error_set(e, ERROR_IO, err, "cannot start %s: %s", d->program,
                                 strerror(err));
        return 0;
}

static int listen_on(const char *path, int *ret, struct error *e) {
        struct sockaddr_un sa;
        int r = fill_address(path, &sa, e);

        if (r < 0)
                return r;
        _cleanup_(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_set(e, ERROR_IO, errno, "socket: %s", strerror(errno));
        (void) unlink(path); /* left behind by a daemon that was killed; we hold the lock */
        if (bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || listen(fd, BACKLOG) < 0)
                return error_set(e, ERROR_IO, errno, "cannot listen on %s: %s", path,
                                 strerror(errno));
        *ret = TAKE_FD(fd);
        return 0;
}

static int start_leashd(const char *dir, const char *path, struct error *e) {
        char log_path[PATH_MAX];
        struct daemon_start d = { .listener = -1, .log = -1, .report = -1 };
        _cleanup_(close_fd) int listener = -1, log = -1;
        int r = find_leashd(d.program, sizeof(d.program), e);

        if (r >= 0)
                r = listen_on(path, &listener, e);
        if (r < 0)
                return r;
        snprintf(log_path, sizeof(log_path), "%s/" LOG_NAME, dir);
        /* Only the latest daemon's words: nobody rotates this file. */
        log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                   0600);
        d.listener = listener;
        d.log = log;
        d.env_end = clean_environment(d.lines, sizeof(d.lines), d.env);
        r = spawn_leashd(&d, e);
        if (r < 0)
                (void) unlink(path);
        return r;
}

/* Under the lock, so that of many clients that come at once exactly one starts a daemon. */
static int connect_or_start(const char *dir, const char *path, int *ret, struct error *e) {
        char lock_path[PATH_MAX];
        int r = own_directory(dir, e);

        if (r < 0)
                return r;
        snprintf(lock_path, sizeof(lock_path), "%s/" LOCK_NAME, dir);
        _cleanup_(close_fd) int lock =
                open(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock < 0)
                return error_set(e, ERROR_IO, errno, "%s: %s", lock_path, strerror(errno));
        while (flock(lock, LOCK_EX) < 0)
                if (errno != EINTR)
                        return error_set(e, ERROR_IO, errno, "%s: %s", lock_path, strerror(errno));
        r = connect_to(path, ret, e);
        if (!is_absent(r))
                return r;
        r = start_leashd(dir, path, e);
        if (r < 0)
                return r;
        r = connect_to(path, ret, e);
        if (is_absent(r)) /* it has closed the socket already */
                return error_set(
                        e, ERROR_GONE, -r,
                        "leashd ended as soon as it was started; its last words are in %s/%s", dir,
                        LOG_NAME);
        return r;
}

static int connect_user(unsigned flags, int *ret, struct error *e) {
        char dir[PATH_MAX - sizeof("/" LOCK_NAME)], path[PATH_MAX];
        _cleanup_(close_fd) int fd = -1;

        user_directory(dir, sizeof(dir));
        snprintf(path, sizeof(path), "%s/" SOCKET_NAME, dir);
        int r = connect_to(path, &fd, e);
        if (is_absent(r)) {
                if (flags & LEASH_NO_START)
                        return error_set(e, ERROR_NOT_FOUND, ENOENT,
                                         "leashd is not running (nobody listens on %s)", path);
                r = connect_or_start(dir, path, &fd, e);
        }
        if (r >= 0)
                r = check_peer(fd, path, geteuid(), e);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}

/* The caller's word, else the environment's, else NULL. */
static const char *named_socket(const char *given) {
        if (!given || !*given)
                given = getenv("LEASH_SOCKET");
        return given && *given ? given : NULL;
}

bool start_log_path(const char *given, char *ret, size_t size) {
        char dir[PATH_MAX - sizeof("/" LOG_NAME)];

        if (named_socket(given))
                return false;
        user_directory(dir, sizeof(dir));
        snprintf(ret, size, "%s/" LOG_NAME, dir);
        return access(ret, R_OK) >= 0;
}

int start_connect(const char *given, unsigned flags, int *ret, struct error *e) {
        const char *named = named_socket(given);

        if (named)
                return connect_to(named, ret, e);

        _cleanup_(close_fd) int fd = -1;
        int r = connect_to(SYSTEM_SOCKET, &fd, e);
        if (r < 0)
                return connect_user(flags, ret, e);
        r = check_peer(fd, SYSTEM_SOCKET, 0, e);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}
