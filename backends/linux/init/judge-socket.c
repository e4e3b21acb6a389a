/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * connect() and bind() on the caller's behalf, on a duplicate of its socket: the same open file
 * description, so that what the socket is (non-blocking, bound, its time limits) holds.
 *
 * A pathname socket that the sandbox may not write to is another program's door: dbus, docker, an
 * ssh agent, leashd. A read-only mount does not shut it (connect(2) writes to no file system), so
 * we do.
 *
 * One thing cannot be kept: the kernel notes who called connect(). A server inside the sandbox that
 * asks for SO_PEERCRED sees the right uid and gid, but init's or a worker's pid.
 */
#include "judge-internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/un.h>

#include "../../../policy/path.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define SYS_PIDFD_THREAD O_EXCL         /* pidfd_open(2), since 6.9 */
#define LL_MAKE_SOCK (UINT64_C(1) << 9) /* LANDLOCK_ACCESS_FS_MAKE_SOCK */

struct address {
        union {
                struct sockaddr any;
                struct sockaddr_un un;
                struct sockaddr_storage all;
        } a;
        socklen_t length;
        char path[sizeof(struct sockaddr_un)]; /* of a pathname socket, terminated; else empty */
};

static int address_read(const struct caller *c, uint64_t from, uint64_t length,
                        struct address *ret) {
        int r;

        /* As move_addr_to_kernel() does; the length is an int there, whatever the register holds.
         */
        if ((int) length < 0 || (size_t) (int) length > sizeof(ret->a))
                return -EINVAL;
        *ret = (struct address){ .length = (socklen_t) length };
        r = caller_read(c, from, &ret->a, ret->length);
        if (r < 0)
                return r;
        if (ret->length > PATH_OFFSET && ret->a.any.sa_family == AF_UNIX) {
                size_t n = ret->length - PATH_OFFSET;

                if (n > sizeof(ret->a.un.sun_path))
                        return -EINVAL;
                memcpy(ret->path, ret->a.un.sun_path, n); /* it need not be terminated: unix(7) */
        }
        return 0;
}

static int pidfd_new(struct caller *c) {
        int pidfd = (int) syscall(SYS_pidfd_open, c->tid, 0), tgid;

        if (pidfd < 0)
                pidfd = (int) syscall(SYS_pidfd_open, c->tid, SYS_PIDFD_THREAD);
        if (pidfd < 0) {
                /* Its leader has the same descriptors: unshare() is refused. */
                tgid = caller_tgid(c);
                if (tgid < 0)
                        return tgid;
                pidfd = (int) syscall(SYS_pidfd_open, tgid, 0);
        }
        return pidfd < 0 ? -errno : pidfd;
}

/*
 * Not through /proc/TID/fd: a socket cannot be opened, and a file not always. Making a pidfd costs
 * more than all else that is done for a connection, so the last one is kept. It means that process
 * for ever: should its number have gone to another one, it says ESRCH.
 */
int caller_take(struct caller *c, int fd, int *ret) {
        struct judge *j = c->judge;
        bool kept = j->pidfd >= 0 && j->pidfd_tid == c->tid;
        int taken = kept ? (int) syscall(SYS_pidfd_getfd, j->pidfd, fd, 0) : -1;

        if (!kept || (taken < 0 && errno == ESRCH)) {
                fd_closep(&j->pidfd);
                j->pidfd = pidfd_new(c);
                j->pidfd_tid = c->tid;
                if (j->pidfd < 0)
                        return j->pidfd;
                taken = (int) syscall(SYS_pidfd_getfd, j->pidfd, fd, 0);
        }
        if (taken < 0)
                return -errno;
        *ret = taken;
        return 0;
}

static int socket_option(int fd, int option) {
        socklen_t size = sizeof(int);
        int value;

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

static int connect_now(int fd, const struct address *a) {
        /* connect() is not restarted, and goes on without us when interrupted; nothing interrupts
         * init but SIGCHLD, which it has blocked here. */
        return connect(fd, &a->a.any, a->length) < 0 ? -errno : 0;
}

/* Through a descriptor of the very socket that was judged. */
static int connect_object(int fd, int object) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d", object);
        return connect(fd, (const struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
}

static int connect_work(const struct caller *c _unused_, const struct work *w) {
        if (w->object >= 0)
                return connect_object(w->fd, w->object);
        return connect_now(w->fd, w->data);
}

/*
 * Nearly always nothing has to be waited for: whatever there is to connect to is in this network
 * namespace, and the kernel has shaken hands before connect() returns. So it is tried without a
 * worker, which took three times as long as all the rest. O_NONBLOCK cannot be relied on, being a
 * flag of the open file that the caller can take away at any moment; a signal comes if it did.
 */
#define WAITED_US 20000
#define HAS_TO_WAIT 1

static void on_alarm(int signo _unused_) {
        /* Only there to interrupt connect(2): no SA_RESTART. */
}

static void alarm_mask(int how) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGALRM);
        sigprocmask(how, &set, NULL);
}

void connect_prepare(void) {
        const struct sigaction act = { .sa_handler = on_alarm };

        alarm_mask(SIG_BLOCK); /* anybody inside may send it at any time */
        sigaction(SIGALRM, &act, NULL);
}

static void guard(bool on) {
        const struct timeval t = { .tv_usec = on ? WAITED_US : 0 };
        const struct itimerval each = { .it_interval = t, .it_value = t };

        setitimer(ITIMER_REAL, &each, NULL);
        alarm_mask(on ? SIG_UNBLOCK : SIG_BLOCK);
}

static int connect_try(const struct caller *c, const struct work *w) {
        int flags = fcntl(w->fd, F_GETFL), r;
        bool waits = flags >= 0 && !(flags & O_NONBLOCK);

        if (c->listener->waits || flags < 0 ||
            (waits && fcntl(w->fd, F_SETFL, flags | O_NONBLOCK) < 0))
                return HAS_TO_WAIT;
        guard(true);
        r = connect_work(c, w);
        if (waits && r == -EINPROGRESS)
                r = connect_work(c, w); /* what has come of it: connect(2) */
        guard(false);
        if (waits)
                (void) fcntl(w->fd, F_SETFL, flags);
        if (r == -EINTR)
                c->listener->waits = true;
        return r == -EINTR || (waits && (r == -EALREADY || r == -EAGAIN)) ? HAS_TO_WAIT : r;
}

/* In the native tier no mount says what may be written; Landlock's rules do. */
static bool rules_write(const struct init *in, const char *path) {
        const struct wire_rule *rule = plan_at(in, in->plan->rules);

        for (uint64_t i = 0; i < in->plan->n_rules; i++) {
                const char *top = wire_string(in->plan, rule[i].path);

                if (top && (rule[i].access & LL_MAKE_SOCK) && path_is_under(path, top))
                        return true;
        }
        return false;
}

static int door_allowed(struct caller *c, int object) {
        const struct init *in = c->judge->init;
        const struct wire_plan *plan = in->plan;
        const uint64_t *sockets = plan_at(in, plan->sockets);
        char path[PATH_MAX];
        struct statvfs fs;
        int r = fd_path(c, object, path, sizeof(path));

        if (r >= 0)
                r = place_allowed(c, path, false);
        if (r < 0)
                return r;
        for (uint64_t i = 0; i < plan->n_sockets; i++) {
                const char *named = wire_string(plan, sockets[i]);

                if (named && strcmp(named, path) == 0)
                        return 0;
        }
        if (plan->flags & WIRE_PLAN_NATIVE ? rules_write(in, path)
                                           : fstatvfs(object, &fs) == 0 && !(fs.f_flag & ST_RDONLY))
                return 0;
        caller_denied(c, path, EACCES, true);
        return -EACCES;
}

/* The object that a pathname address names. */
static int door_find(struct caller *c, const struct address *a, int *ret) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        _cleanup_spot_ struct spot s = { .base = -1 };
        int r, object;

        snprintf(s.text, sizeof(s.text), "%s", a->path);
        r = spot_text(c, AT_FDCWD, &s);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        r = place_find(c, &s, PLACE_FOLLOW, &p);
        if (r < 0)
                return r;
        if (p.object < 0 && !p.exists)
                return -ENOENT;
        object = p.object >= 0 ? TAKE_FD(p.object) : place_pin(&p);
        if (object < 0)
                return object;
        *ret = object;
        return 0;
}

int judge_connect(struct caller *c, int fd, uint64_t address, uint64_t length) {
        _cleanup_close_ int socket = -1, object = -1;
        struct work work = { .run = connect_work };
        struct address a;
        int domain, type, r;
        bool path;

        r = caller_take(c, fd, &socket);
        if (r >= 0)
                r = address_read(c, address, length, &a);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        domain = socket_option(socket, SO_DOMAIN);
        type = socket_option(socket, SO_TYPE);
        if (domain < 0 || type < 0)
                return domain < 0 ? domain : type; /* ENOTSOCK */
        path = domain == AF_UNIX && a.path[0];
        if (path) {
                r = door_find(c, &a, &object);
                if (r == 0)
                        r = door_allowed(c, object);
                if (r != 0)
                        return r;
        }
        /* Abstract names belong to a network namespace; Landlock scopes them since ABI 6. */
        if (domain == AF_UNIX && !path && a.length > PATH_OFFSET && a.a.any.sa_family == AF_UNIX &&
            (c->judge->init->plan->flags & WIRE_PLAN_NATIVE) &&
            c->judge->init->plan->landlock_abi < 6)
                return -EPERM; /* as Landlock says it; no path that a policy could name */
        /* These may wait for room in a queue, or for an answer. */
        if (type == SOCK_STREAM || type == SOCK_SEQPACKET) {
                work.fd = socket;
                work.object = object;
                work.data = &a;
                work.size = sizeof(a);
                r = connect_try(c, &work);
                return r == HAS_TO_WAIT ? caller_work(c, &work) : r;
        }
        return path ? connect_object(socket, object) : connect_now(socket, &a);
}

/*
 * The address has to stay as it was written, because getsockname() gives it back and programs pass
 * that on (python's multiprocessing does). So the kernel looks the path up once more, from the
 * caller's directory. That is the same look-up as ours: no command can move a name meanwhile
 * (judge.h), and a path that means something else for init, one through procfs, is not bound like
 * this.
 */
static int bind_name(struct caller *c, int socket, const struct address *a) {
        _cleanup_place_ struct place p = { .dir = -1, .owned = -1, .object = -1 };
        _cleanup_spot_ struct spot s = { .base = -1 };
        mode_t old;
        int r;

        snprintf(s.text, sizeof(s.text), "%s", a->path);
        r = spot_text(c, AT_FDCWD, &s);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        r = place_find(c, &s, PLACE_PARENT, &p);
        if (r >= 0 && p.walked)
                r = -EACCES;
        if (r >= 0)
                r = place_allowed(c, p.path, true);
        if (r < 0)
                return r;
        if (fchdir(s.base >= 0 ? s.base : c->judge->root) < 0)
                return -errno;
        old = umask_enter(c);
        r = bind(socket, &a->a.any, a->length) < 0 ? -errno : 0;
        umask(old);
        if (r == 0)
                caller_trusted(c, p.path);
        return r;
}

int judge_bind(struct caller *c, int fd, uint64_t address, uint64_t length) {
        _cleanup_close_ int socket = -1;
        struct address a;
        int domain, r;

        r = caller_take(c, fd, &socket);
        if (r >= 0)
                r = address_read(c, address, length, &a);
        if (r < 0)
                return r;
        if (!caller_valid(c))
                return ANSWERED;
        domain = socket_option(socket, SO_DOMAIN);
        if (domain < 0)
                return domain;
        if (domain == AF_UNIX && a.path[0])
                return bind_name(c, socket, &a);
        return bind(socket, &a.a.any, a.length) < 0 ? -errno : 0;
}
