/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-launch: the one program of the system service that keeps root's privileges. It reads
 * fixed-size requests from leashd, and nothing else; it makes each session's control group and
 * starts the session in it, as its user.
 *
 * Apart from leashd, so that leashd can lock itself in: walls are inherited, and a session's
 * sandboxes must not live behind leashd's.
 */
#pragma once

#include <limits.h>
#include <poll.h>
#include <sys/types.h>
#include <time.h>

#include "../common/launch.h"
#include "../common/log.h"

#define CHILDREN_MAX 4096

/* What all that one user runs may take. In memory that is shared with the children that are about
 * to make a session's group: a reload meanwhile must not be lost on it. */
struct totals {
        _Atomic uint32_t generation;              /* changes behind the others */
        _Atomic uint64_t memory_bytes, processes; /* 0 = no limit */
};

struct child {
        pid_t pid;
        uid_t uid;
        int lines; /* our end of its stderr; -1 = the journal's, or nothing more will come */
        time_t second;
        size_t said; /* bytes in this second */
};

struct launch {
        struct log log;
        struct log_rate log_rate;
        int requests; /* LAUNCH_FD */
        int signals;  /* signalfd: SIGCHLD */
        const char *backend, *socket_path;
        unsigned soft_files; /* RLIMIT_NOFILE for sessions; 0 = leave */
        char session_path[PATH_MAX], warden_path[PATH_MAX];
        struct child children[CHILDREN_MAX];
        size_t n_children;
        struct totals *totals;
        struct pollfd polled[CHILDREN_MAX + 2];
        bool alone; /* no child is left, wardens included */
        bool ending;
};

/* totals.c */
int totals_start(struct launch *l);
/* Reads the administrator's configuration. What held before goes on where it is of no use. */
void totals_reload(struct launch *l);

/* user.c: the group above all sessions of one user, where his totals are held */
/* Makes it below `ours` (without systemd): its descriptor, or -errno. */
int user_group(int ours, uid_t uid);
/* Sets what `t` says, and again when that has changed meanwhile. */
void user_limit(int group, const struct totals *t);
void user_limit_slice(uid_t uid, const struct totals *t); /* systemd's; asks it, which may wait */
/* Of all users that have sessions. */
void users_limit(const struct launch *l);

/* scope.c: this process, and what it starts, into a group of the session's own that is the user's.
 * Without one limits are reported missing. */
int scope_enter(const struct launch *l, const struct launch_request *rq);
bool scope_is_systemd(void);
int scope_open_root(void); /* of cgroup v2; -1: there is none */
/* /sys/fs/cgroup/leash, for reading; -1: it is not there */
int scope_open_ours(void);
/* A session of ours has ended: so does what it has left in its group. */
void scope_end(uid_t uid, pid_t pid);
/* Removes the groups of sessions that are gone, with all that is in them (without systemd, which
 * does it itself). false: some are left, since what was killed in them is still dying. */
bool scope_sweep(const struct launch *l);

/* lines.c: a pipe, or nothing where none is needed; its end [1] is the session's */
int lines_open(const struct launch *l, int ret[2]);
/* After fork: standard streams that are nobody's but the session's. */
int lines_become(const struct launch *l, int fd);
/* For poll(2), one for each child; whether one is left out, until its second is over. */
bool lines_await(const struct launch *l, struct pollfd *p);
void lines_take(const struct launch *l, struct child *c);
void lines_end(const struct launch *l, struct child *c);

/* become.c: after fork */
/* A sibling of the caller, as this user, with the capabilities that leash-warden needs. */
pid_t become_warden_start(const struct launch *l, const struct launch_request *rq, int requests);
/* become.c: in the child. Never returns; the control socket closes when it fails. */
_Noreturn void become_session(const struct launch *l, const struct launch_request *rq, int control,
                              int warden);
