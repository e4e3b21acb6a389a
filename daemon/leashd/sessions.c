/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One leash-session per uid: started on first need, given each connection, asked for nothing. A
 * session that dies is started again by the next caller, but not faster than START_BURST times in
 * START_SECONDS: a session that crashes at once shall not turn into a fork loop.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../../policy/limits.h"
#include "../common/control.h"
#include "../common/process.h"
#include "audit.h"
#include "host.h"
#include "leashd.h"

#define START_BURST 5
#define START_SECONDS 10
#define SESSIONS_PER_USER 4u /* by different groups: one login before, one after usermod, sg(1) */
/* Messages that the session has not looked at. User mode: more callers wait in the backlog. System
 * mode: others wait there as well, so this user's wait in the socket of his session, which takes a
 * moment to start, all that he may have; its buffer is made to hold them (net.core.wmem_default has
 * room for some 270). */
#define UNSEEN_MAX 64
#define UNSEEN_MAX_SYSTEM LIMIT_CONNECTIONS
#define UNSEEN_BUFFER (1 << 20) /* twice net.core.wmem_max is what becomes of it */
#define DENIALS_QUEUED_BYTES (64 * 1024)
/* What a session may say between two callers: one word for each, and one whenever the last of its
 * sandboxes ends or the first begins. Who says more is no session of ours, but a user who has taken
 * his own over to keep us from the other users' callers. */
#define WORDS_MAX (4 * UNSEEN_MAX_SYSTEM)
#define WORDS_AT_ONCE 64 /* and then the others' events have a turn */
#define END_SECONDS 10   /* a session that removes large directories needs a moment */

struct session_link {
        struct session_link *next;
        struct leashd *leashd;
        uid_t uid;
        gid_t gid;
        uint64_t groups; /* a hash: who has other groups has another session, see same_user() */
        char name[96];   /* in the descriptor store; "" = not there */
        pid_t pid;       /* 0: not running, or started by leash-launch */
        int fd;
        struct event *event, *idle_event;
        uint64_t sent, received;
        unsigned words; /* since it was sent something */
        bool busy;
        bool takes_denials;
        uint32_t connections, sandboxes; /* as it said last */
        bool asked;                      /* root's: for all users */
        uint64_t untold;                 /* denials that it had no room for */
        bool greeting;                   /* taken over: what it says counts from its WELCOME on */
        time_t starts[START_BURST];      /* a ring of the last start times */
        unsigned n_starts;
};

static void disconnect(struct session_link *s) {
        if (s->event)
                event_free(s->event);
        s->event = NULL;
        if (s->name[0]) {
                /* systemd has a copy, which would keep it open. */
                (void) shutdown(s->fd, SHUT_RDWR);
                host_drop(s->leashd, s->name);
                s->name[0] = '\0';
        }
        s->greeting = false;
        if (s->idle_event)
                (void) event_del(s->idle_event);
        s->fd = fd_close(s->fd);
        s->busy = s->takes_denials = s->asked = false;
        s->connections = s->sandboxes = 0;
        s->untold = 0;
        s->sent = s->received = 0;
}

static bool is_idle(const struct session_link *s) {
        return s->fd < 0 || (!s->greeting && !s->busy && s->received == s->sent);
}

static bool is_full(const struct session_link *s) {
        return s->fd >= 0 &&
               s->sent - s->received >= (s->leashd->system ? UNSEEN_MAX_SYSTEM : UNSEEN_MAX);
}

/* System mode: the session ends when it sees the end of its control socket. Nothing can be lost,
 * since only we could have given it work meanwhile. */
static void on_idle(evutil_socket_t fd, short what, void *userdata) {
        struct session_link *s = userdata;
        if (!is_idle(s))
                return;
        log_write(&s->leashd->log, LOG_INFO, "a session is unused: ending it",
                  LOG_INT("uid", s->uid));
        disconnect(s);
}

static void watch_idle(struct session_link *s) {
        struct timeval after = { .tv_sec = s->leashd->idle_seconds };
        if (!s->idle_event)
                return;
        if (s->fd < 0 || !is_idle(s))
                (void) event_del(s->idle_event);
        else if (!event_pending(s->idle_event, EV_TIMEOUT, NULL))
                (void) event_add(s->idle_event, &after);
}

#define USERS_MS 50 /* a session answers in less than one, unless it has to work */

/* One message for each user, though he has several sessions. */
static void tell_user(const struct leashd *d, const struct session_link *to,
                      const struct session_link *first) {
        struct control_user m = { .version = CONTROL_VERSION,
                                  .type = CONTROL_USER,
                                  .uid = first->uid };

        for (const struct session_link *s = d->sessions; s; s = s->next) {
                if (s->uid != first->uid || s->fd < 0)
                        continue;
                if (s == first || m.sessions > 0) {
                        m.sessions++;
                        m.connections += s->connections;
                        m.sandboxes += s->sandboxes;
                } else {
                        return; /* one before this one has told it */
                }
        }
        (void) socket_send(to->fd, &m, sizeof m, NULL, 0);
}

static void on_users(evutil_socket_t fd, short what, void *userdata) {
        static const struct control_user last = { .version = CONTROL_VERSION,
                                                  .type = CONTROL_USER,
                                                  .last = 1 };
        struct leashd *d = userdata;

        for (struct session_link *to = d->sessions; to; to = to->next) {
                if (!to->asked || to->fd < 0)
                        continue;
                to->asked = false;
                for (const struct session_link *s = d->sessions; s; s = s->next)
                        if (s->fd >= 0)
                                tell_user(d, to, s);
                (void) socket_send(to->fd, &last, sizeof last, NULL, 0);
        }
}

/* Every session is asked how things stand (it answers as to a leashd that takes it over), and after
 * a moment what they have said is told. Who does not answer is told of as it was. */
static void ask_users(struct session_link *from) {
        static const struct control_message hello = { .version = CONTROL_VERSION,
                                                      .type = CONTROL_HELLO };
        const struct timeval soon = { .tv_usec = USERS_MS * 1000 };
        struct leashd *d = from->leashd;

        if (from->uid != 0 || !d->system)
                return;
        from->asked = true;
        from->words = 0;
        if (!d->users_event)
                d->users_event = evtimer_new(d->base, on_users, d);
        if (!d->users_event || event_pending(d->users_event, EV_TIMEOUT, NULL))
                return;
        for (struct session_link *s = d->sessions; s; s = s->next)
                if (s->fd >= 0 && !s->greeting &&
                    socket_send(s->fd, &hello, sizeof hello, NULL, 0) > 0)
                        s->words -= s->words > 0; /* the word that we have asked for */
        (void) event_add(d->users_event, &soon);
}

static void on_message(evutil_socket_t fd, short what, void *userdata) {
        struct session_link *s = userdata;
        struct leashd *d = s->leashd;

        for (unsigned i = 0; i < WORDS_AT_ONCE; i++) {
                struct control_message m;
                size_t n_fds;
                ssize_t n = socket_recv(s->fd, &m, sizeof m, NULL, 0, &n_fds);
                if (n == -EAGAIN)
                        break;
                if (n != (ssize_t) sizeof m || m.version != CONTROL_VERSION ||
                    (m.type != CONTROL_STATUS && m.type != CONTROL_WELCOME &&
                     m.type != CONTROL_ASK_USERS) ||
                    s->words++ >= WORDS_MAX) {
                        /* In system mode leash-launch, whose child it is, knows more. */
                        log_event(&d->log, LOG_WARN, d->system ? LOG_ID_NONE : LOG_SESSION_CRASHED,
                                  "the session is gone", LOG_INT("uid", s->uid),
                                  LOG_INT("pid", s->pid));
                        /* What it held has ended with it: its sandboxes see the end of their
                         * sockets. */
                        if (s->pid > 0)
                                (void) kill(s->pid, SIGTERM);
                        disconnect(s);
                        break;
                }
                if (m.type == CONTROL_ASK_USERS) {
                        ask_users(s);
                        continue;
                }
                if (s->greeting) {
                        if (m.type == CONTROL_STATUS)
                                continue; /* to the leashd before us */
                        s->greeting = false;
                        s->sent += m.received; /* ours come on top of that one's */
                }
                s->received = m.received;
                s->busy = m.busy;
                s->connections = m.uid;
                s->sandboxes = m.gid;
                s->takes_denials = m.pid == CONTROL_TAKES_DENIALS;
        }
        watch_idle(s);
        leashd_update(d);
}

static _Noreturn void become_session(const struct leashd *d, int fd) {
        const char *argv[8];
        size_t n = 0;
        sigset_t none;
        struct rlimit rl;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (d->soft_files > 0 && getrlimit(RLIMIT_NOFILE, &rl) == 0) {
                rl.rlim_cur = d->soft_files;
                (void) setrlimit(RLIMIT_NOFILE, &rl);
        }
        argv[n++] = "leash-session";
        if (d->backend) {
                argv[n++] = "--backend";
                argv[n++] = d->backend;
        }
        if (d->socket_path) {
                argv[n++] = "--socket";
                argv[n++] = d->socket_path;
        }
        argv[n] = NULL;
        /* All else is close-on-exec. dup2 of a descriptor onto itself would keep that flag. */
        if (fd == CONTROL_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, CONTROL_FD) >= 0)
                execv(d->session_path, (char **) (uintptr_t) argv);
        _exit(127);
}

/* User mode: the session is our own child. */
static int spawn(struct session_link *s, int control, struct error *e) {
        pid_t pid = fork();
        if (pid < 0)
                return error_set(e, ERROR_IO, errno, "cannot fork");
        if (pid == 0)
                become_session(s->leashd, control);
        s->pid = pid;
        return 0;
}

/* The number tells two sessions of one user apart, the dying one and the new one. */
static void keep(struct session_link *s) {
        snprintf(s->name, sizeof s->name, SESSION_FD_PREFIX "%u-%u-%016" PRIx64 "-%" PRIu64, s->uid,
                 s->gid, s->groups, s->leashd->last_session++);
        if (!host_keep(s->leashd, s->name, s->fd))
                s->name[0] = '\0';
}

static int start(struct session_link *s, const struct identity *who, struct error *e) {
        const int buffer = UNSEEN_BUFFER;
        struct leashd *d = s->leashd;
        int pair[2];
        time_t t = process_seconds();

        if (s->n_starts >= START_BURST &&
            t - s->starts[s->n_starts % START_BURST] < START_SECONDS) {
                log_event(&d->log, LOG_ERROR, LOG_SESSION_REFUSED, "leash-session keeps dying",
                          LOG_INT("uid", s->uid));
                return error_set(e, ERROR_INTERNAL, EAGAIN,
                                 "leash-session keeps dying; try again in some seconds");
        }
        s->starts[s->n_starts++ % START_BURST] = t;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make a socket pair");
        _cleanup_(fd_closep) int ours = pair[0], theirs = pair[1];
        (void) setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        s->event = event_new(d->base, ours, EV_READ | EV_PERSIST, on_message, s);
        if (!s->event || event_add(s->event, NULL) < 0 || fd_set_nonblock(ours, true) < 0)
                return error_nomem(e);
        int r = d->system ? launcher_session(d, who, theirs, e) : spawn(s, theirs, e);
        if (r < 0) {
                disconnect(s);
                return r;
        }
        s->fd = TAKE_FD(ours);
        s->sent = s->received = 0;
        s->words = 0;
        keep(s);
        if (!d->system) /* then leash-launch says it, and knows its pid */
                log_event(&d->log, LOG_INFO, LOG_SESSION_STARTED, "started a session",
                          LOG_INT("uid", s->uid), LOG_INT("pid", s->pid));
        return 0;
}

/* FNV-1a. It tells apart groups of one user, who has no say in which ones he is in; the user
 * himself is compared as he is. */
static uint64_t hash_groups(const struct identity *who) {
        uint64_t h = 0xcbf29ce484222325;
        const unsigned char *p = (const unsigned char *) who->groups;
        for (size_t i = 0; i < who->n_groups * sizeof who->groups[0]; i++)
                h = (h ^ p[i]) * 0x100000001b3;
        return h;
}

/* A session holds the groups of the caller that it was started for. Another caller of the same user
 * may have more of them (a new login after usermod) or fewer (setpriv): neither may get the
 * other's. */
static bool same_user(const struct session_link *s, const struct identity *who) {
        return s->uid == who->uid && s->gid == who->gid && s->groups == hash_groups(who);
}

static struct session_link *link_free(struct session_link *s) {
        if (!s)
                return NULL;
        disconnect(s);
        if (s->idle_event)
                event_free(s->idle_event);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(struct session_link *, link_free)

static struct session_link *link_new(struct leashd *d, const struct identity *who) {
        _cleanup_(link_freep) struct session_link *s = calloc(1, sizeof *s);
        if (!s)
                return NULL;
        s->leashd = d;
        s->uid = who->uid;
        s->gid = who->gid;
        s->fd = -1;
        s->groups = hash_groups(who);
        if (d->system && d->idle_seconds > 0) {
                s->idle_event = evtimer_new(d->base, on_idle, s);
                if (!s->idle_event)
                        return NULL;
        }
        s->next = d->sessions;
        d->sessions = s;
        return TAKE(s);
}

/* Those of this user that have ended, but for the newest ones: they keep the times of their starts,
 * which shall be remembered for a while, not for ever. */
static void forget_ended(struct leashd *d, uid_t uid) {
        unsigned n = 0;
        for (struct session_link **p = &d->sessions; *p;) {
                struct session_link *s = *p;
                if (s->uid == uid && s->fd < 0 && s->pid == 0 && ++n > SESSIONS_PER_USER) {
                        *p = s->next;
                        (void) link_free(s);
                } else {
                        p = &s->next;
                }
        }
}

static int find(struct leashd *d, const struct identity *who, struct session_link **ret,
                struct error *e) {
        unsigned n = 0;
        for (struct session_link *s = d->sessions; s; s = s->next) {
                if (same_user(s, who)) {
                        *ret = s;
                        return 0;
                }
                n += s->uid == who->uid && s->fd >= 0;
        }
        if (n >= SESSIONS_PER_USER)
                return error_set(e, ERROR_LIMIT, EAGAIN,
                                 "this user has callers with %u different sets of groups already",
                                 SESSIONS_PER_USER);
        forget_ended(d, who->uid);
        *ret = link_new(d, who);
        return *ret ? 0 : error_nomem(e);
}

int sessions_hand_over(struct leashd *d, const struct identity *who, int fd, struct error *e) {
        struct control_message m = { .version = CONTROL_VERSION, .type = CONTROL_CONNECTION };
        struct session_link *s = NULL;
        int r = find(d, who, &s, e);
        if (r < 0)
                return r;
        if (d->system && is_full(s))
                return error_set(e, ERROR_LIMIT, EAGAIN, "leash-session is too busy");
        m.pid = who->pid;
        m.uid = who->uid;
        m.gid = who->gid;
        m.busy = audit_state(d);
        /* Twice: the session may have died a moment ago, before we heard of it. */
        for (unsigned tries = 0; tries < 2; tries++) {
                r = s->fd < 0 ? start(s, who, e) : 0;
                if (r < 0)
                        return r;
                ssize_t n = socket_send(s->fd, &m, sizeof m, &fd, 1);
                if (n > 0) {
                        s->sent++;
                        s->words = 0;
                        watch_idle(s);
                        return 0;
                }
                if (n == -EAGAIN)
                        return error_set(e, ERROR_LIMIT, EAGAIN, "leash-session is too busy");
                disconnect(s);
        }
        return error_set(e, ERROR_INTERNAL, EPIPE, "leash-session does not run");
}

/* One part of a stored descriptor's name, up to `end`. */
static bool part(const char **name, int base, uint64_t max, char end, uint64_t *ret) {
        char *rest;

        if (!isxdigit((unsigned char) **name)) /* strtoull() would take blanks and signs */
                return false;
        errno = 0;
        *ret = strtoull(*name, &rest, base);
        if (errno != 0 || *ret > max || *rest != end)
                return false;
        *name = rest + (end != '\0');
        return true;
}

static bool parse_name(const char *name, struct identity *who, uint64_t *ret_groups,
                       uint64_t *ret_number) {
        uint64_t uid, gid;

        if (strncmp(name, SESSION_FD_PREFIX, strlen(SESSION_FD_PREFIX)) != 0)
                return false;
        name += strlen(SESSION_FD_PREFIX);
        if (!part(&name, 10, UINT32_MAX, '-', &uid) || !part(&name, 10, UINT32_MAX, '-', &gid) ||
            !part(&name, 16, UINT64_MAX, '-', ret_groups) ||
            !part(&name, 10, UINT64_MAX, '\0', ret_number))
                return false;
        who->uid = (uid_t) uid;
        who->gid = (gid_t) gid;
        return true;
}

int sessions_adopt(struct leashd *d, const char *name, int fd) {
        const struct control_message hello = { .version = CONTROL_VERSION, .type = CONTROL_HELLO };
        struct identity who = { .pid = -1 };
        uint64_t groups, number;

        if (!parse_name(name, &who, &groups, &number))
                return -EINVAL;
        if (socket_send(fd, &hello, sizeof hello, NULL, 0) < 0)
                return -EPIPE; /* it has ended meanwhile */
        struct session_link *s = link_new(d, &who);
        if (!s)
                return -ENOMEM;
        s->groups = groups;
        s->greeting = true;
        if (number >= d->last_session)
                d->last_session = number + 1;
        s->event = event_new(d->base, fd, EV_READ | EV_PERSIST, on_message, s);
        if (!s->event || event_add(s->event, NULL) < 0 || fd_set_nonblock(fd, true) < 0)
                return -ENOMEM;
        s->fd = fd;
        snprintf(s->name, sizeof s->name, "%s", name);
        log_event(&d->log, LOG_INFO, LOG_SESSION_TAKEN_OVER, "took a session over",
                  LOG_INT("uid", s->uid));
        return 0;
}

void sessions_reload(struct leashd *d) {
        const struct control_message m = { .version = CONTROL_VERSION, .type = CONTROL_RELOAD };
        for (const struct session_link *s = d->sessions; s; s = s->next)
                if (s->fd >= 0)
                        (void) socket_send(s->fd, &m, sizeof m, NULL, 0);
}

bool sessions_take_denials(const struct leashd *d, uid_t uid) {
        for (const struct session_link *s = d->sessions; s; s = s->next)
                if (s->uid == uid && s->fd >= 0 && s->takes_denials)
                        return true;
        return false;
}

/* Connections come over the same socket as denials, and must find room in it
 * (net.core.wmem_default: 208 KiB). */
static bool has_room(const struct session_link *s) {
        int queued;
        return ioctl(s->fd, SIOCOUTQ, &queued) == 0 && queued < DENIALS_QUEUED_BYTES;
}

void sessions_tell_denial(struct leashd *d, uid_t uid, struct control_denial *m) {
        const uint64_t lost = m->lost;

        for (struct session_link *s = d->sessions; s; s = s->next) {
                if (s->uid != uid || s->fd < 0 || !s->takes_denials)
                        continue;
                m->lost = lost + s->untold;
                bool sent = has_room(s) && socket_send(s->fd, m, sizeof *m, NULL, 0) > 0;
                s->untold = sent ? 0 : s->untold + m->count + lost;
        }
}

bool sessions_idle(const struct leashd *d) {
        for (const struct session_link *s = d->sessions; s; s = s->next)
                if (!is_idle(s))
                        return false;
        return true;
}

bool sessions_full(const struct leashd *d) {
        /* Of many users none may stop the others' callers: there each is refused by itself. */
        for (const struct session_link *s = d->system ? NULL : d->sessions; s; s = s->next)
                if (is_full(s))
                        return true;
        return false;
}

/* Any child: one that was replaced before we heard of its death is nobody's any more. */
void sessions_reap(struct leashd *d) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                log_event(&d->log, LOG_INFO, status == 0 ? LOG_SESSION_ENDED : LOG_SESSION_CRASHED,
                          status == 0 ? "a session ended" : "a session broke down",
                          LOG_INT("uid", geteuid()), LOG_INT("pid", pid),
                          LOG_INT("status", status));
                for (struct session_link *s = d->sessions; s; s = s->next) {
                        if (s->pid != pid)
                                continue;
                        s->pid = 0;
                        disconnect(s);
                }
        }
}

static void wait_for(pid_t pid) {
        _cleanup_(fd_closep) int pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        int r;
        do {
                r = pidfd < 0 ? 0 : poll(&p, 1, END_SECONDS * 1000);
        } while (r < 0 && errno == EINTR);
        if (r <= 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

void sessions_end(struct leashd *d) {
        /* Whether this is a restart or the end is systemd's to know: it keeps the sockets, or does
         * not. */
        for (struct session_link *s = d->keeps ? d->sessions : NULL; s; s = s->next)
                s->name[0] = '\0';
        /* First all of them hear of it, then we wait. */
        for (struct session_link *s = d->sessions; s; s = s->next)
                disconnect(s);
        while (d->sessions) {
                struct session_link *s = d->sessions;
                d->sessions = s->next;
                if (s->pid > 0)
                        wait_for(s->pid);
                (void) link_free(s);
        }
        launcher_end(d, !d->keeps);
}
