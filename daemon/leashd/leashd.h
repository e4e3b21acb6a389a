/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leashd's own types: one context, passed on. */
#pragma once

#include <event2/event.h>
#include <limits.h>
#include <sys/types.h>

#include "../../policy/base.h"
#include "../../policy/error.h"
#include "../common/launch.h"
#include "../common/linger.h"
#include "../common/log.h"
#include "admit.h"

/* Of control sockets in the descriptor store: session-UID-GID-GROUPS-NUMBER. */
#define SESSION_FD_PREFIX "session-"

struct audit; /* audit.h */
struct control_denial;
struct session_link; /* one leash-session that we started */

struct self { /* namespaces and confinement of a process that is as free as the system: what callers
                 are compared with */
        dev_t dev[3];
        ino_t ino[3];
        long seccomp, filters, no_new_privs;
        struct admit admits[ADMITS_MAX]; /* whom more is forgiven */
        size_t n_admits;
};

struct launcher {         /* the link to leash-launch */
        const char *path; /* where it listens; NULL: it is started by us */
        pid_t pid;        /* of one that we started */
        int fd;
        struct event *event;
};

struct leashd {
        struct log log;
        struct log_rate log_rate;
        struct self self;
        struct event_base *base;
        /* options */
        const char *socket_path;     /* where the socket is bound, or NULL when unknown */
        char *own_path;              /* the same, where it is ours to free */
        const char *backend;         /* NULL = the preferred one */
        char session_path[PATH_MAX]; /* the leash-session program */
        bool system;                 /* root's daemon for all users */
        unsigned idle_seconds; /* user mode: of leashd; system mode: of a session; 0 = never */
        unsigned soft_files;   /* RLIMIT_NOFILE as we got it */
        struct audit *audit;   /* denials that the kernel reports */
        /* listening */
        int listen_fd, lock_fd;
        bool listen_owned; /* we (or leashctl for us) bound it: ours to unlink */
        dev_t path_dev;    /* of the socket's name, to know it again */
        ino_t path_ino;
        struct event *accept_event, *resume_event, *idle_event;
        struct event *signal_events[4], *watchdog_event;
        struct event *users_event; /* somebody has asked for all users */
        bool keeps;    /* systemd keeps the sessions' control sockets over a restart of ours */
        bool draining; /* the socket is gone; we end when the last session is idle */
        bool ending;   /* told to end: now */
        bool failed;   /* we end because something broke: the exit status says so */
        struct session_link *sessions;
        uint64_t last_session;    /* numbers their control sockets in the store */
        struct launcher launcher; /* system mode */
        struct lingering linger;  /* callers that were refused and have not looked yet */
};

/* listen.c */
int listen_from_environment(struct leashd *d, struct error *e); /* 1: there is one, 0: none */
int listen_bind(struct leashd *d, const char *path, struct error *e);
int listen_start(struct leashd *d, struct error *e);
void listen_stop(struct leashd *d); /* takes the lock, unlinks, drains what was accepted, closes */
void listen_update(struct leashd *d); /* accepting pauses while sessions_full() */
/* The system's own socket: /run/leash is made. */
int listen_system_path(char **ret, struct error *e);
/* The user's own socket (decision 16): the directory is made and checked. Fills a malloc'd path. */
int listen_user_path(char **ret, struct error *e);

/* identity.c */
/* Of this process; 0: our own. */
int identity_reference(pid_t pid, struct self *ret, struct error *e);
struct identity {
        pid_t pid;
        uid_t uid;
        gid_t gid;
        size_t n_groups; /* sorted, as the kernel keeps them; system mode only */
        gid_t groups[LAUNCH_GROUPS_MAX];
};
/* Who is at the other end, and may it call? ERROR_REFUSED with a message for the caller if not. */
int identity_check(const struct self *self, bool any_user, int fd, struct identity *ret,
                   struct error *e);

/* sessions.c */
int sessions_hand_over(struct leashd *d, const struct identity *who, int fd, struct error *e);
/* A control socket that a leashd before us made; takes fd on success. */
int sessions_adopt(struct leashd *d, const char *name, int fd);
void sessions_reload(struct leashd *d); /* they read the configuration, we do not */
/* Has this user a session that takes denials? */
bool sessions_take_denials(const struct leashd *d, uid_t uid);
/* To the sessions of this user and to nobody else; each knows its own sandboxes. */
void sessions_tell_denial(struct leashd *d, uid_t uid, struct control_denial *m);
bool sessions_idle(const struct leashd *d);
/* Some session has not yet looked at what it was given: callers wait in the backlog, where it costs
 * nothing. */
bool sessions_full(const struct leashd *d);
void sessions_reap(struct leashd *d); /* after SIGCHLD */
void sessions_end(struct leashd *d);  /* closes every control socket and waits for the sessions */

/* launcher.c */
int launcher_start(struct leashd *d, struct error *e);
/* To one that listens at launcher.path. Whoever made that socket, which under systemd is the
 * system's first process, is outside of our unit's walls, and so what callers are compared with. */
int launcher_connect(struct leashd *d, pid_t *ret_free, struct error *e);
/* Asks for a session of this user; `control` is its end of the control socket (borrowed). */
int launcher_session(struct leashd *d, const struct identity *who, int control, struct error *e);
void launcher_reload(struct leashd *d); /* the totals of users are its to hold */
/* Waits until all sessions have ended, whose control sockets are closed; or leaves them. */
void launcher_end(struct leashd *d, bool wait);

/* main.c */
void leashd_update(struct leashd *d); /* something became idle or busy: timers, the end */
