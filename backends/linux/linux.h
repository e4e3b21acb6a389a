/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Linux backend's own state, shared by its files: engine (linux.c), prepared sandboxes
 * (pool.c), plan files (encode.c, resolve.c), boxes (box.c). */
#pragma once

#include <linux/filter.h>
#include <pthread.h>

#include "../../policy/limits.h"
#include "../backend.h"
#include "absent.h"
#include "birth.h"
#include "frames.h"
#include "seccomp_filter.h"

/* A leash-init in its own namespaces that has not got a plan yet. */
struct prepared {
        pid_t pid;
        int pidfd;
        int control;
        int root; /* O_PATH of the host's / in its mount namespace; -1 until it has reported */
        int ipc; /* O_PATH of the directory for host commands (init/ipc.c); -1 in the native tier */
        int store; /* … of its private file system (init/store.c); likewise */
};
#define PREPARED_NULL ((struct prepared){ -1, -1, -1, -1, -1, -1 })

/* Makes prepared sandboxes in a thread of its own, since clone() with seven namespaces takes a
 * millisecond in the kernel, and the session has callers to answer. Only that call happens there.
 */
struct factory {
        pthread_t thread;
        bool running;
        int orders[2]; /* pipe: a byte is "one more, please"; its end is "stop" */
        int done[2];   /* pipe of struct prepared, whole ones */
        char *stack;
};

#define POOL_MAX 16
#define REHEARSED_MAX 3 /* a caller has one kind of sandbox, or some that take turns */
#define REHEARSED_SECONDS 5
#define RECENT_MAX 4 /* more kinds than fit in take turns: none would come back in time */
#define ENGINE_STACK_BYTES (64u * 1024)
#define FILTERS_MAX 32 /* combinations of options that occur in one session */

/* One look-up that a plan rests on: what was found, or zeros: nothing. Numbers of inodes are used
 * again, with another birth. */
struct found {
        uint32_t major, minor;
        uint64_t inode;
        int64_t seconds;
        uint32_t nanoseconds;
};

/* A plan as bytes that are the same for the same plan, the descriptors that it refers to, and what
 * was found at each path (all owned by the caller). */
struct plan_file {
        void *data;
        size_t size;
        int *fds;
        size_t n_fds;
        struct found *found;
        size_t n_found;
};
#define PLAN_FILE_NULL ((struct plan_file){})

/* A leash-init that has got a plan, but nobody to work for yet: see rehearse.c. */
struct rehearsed {
        struct prepared init;
        struct plan_file file; /* without descriptors */
        uint64_t hash;         /* of those bytes */
        double since;          /* seconds, CLOCK_MONOTONIC */
};

struct filter {
        unsigned options; /* seccomp_options_bits() */
        struct sock_filter *common, *command;
        size_t n_common, n_command;
        struct wire_refusal *refusals; /* what the supervisor refuses, and tells of */
        size_t n_refusals;
};

struct engine {
        struct facts facts;
        int init;   /* O_PATH of leash-init, numbered 10 or more */
        int warden; /* borrowed: who starts it for us (warden.h); -1 = we do */
        int watch;  /* epoll: prepared ones that report or die, and dying ones */
        struct prepared pool[POOL_MAX];
        size_t n_pool, pool_size, ordered;
        size_t stale; /* of the ordered ones: made where we are no more (engine_regroup) */
        struct rehearsed rehearsed[REHEARSED_MAX];
        size_t n_rehearsed;
        uint64_t n_reused, n_pooled, n_fresh; /* sandboxes, by how they came about */
        uint64_t recent[RECENT_MAX];          /* hashes of plans, a ring */
        size_t at_recent;
        int rehearsed_timer; /* of the next that is too old */
        int root;            /* O_PATH of / as the session sees it */
        int mountinfo;       /* tells whether mounts have changed since */
        struct factory factory;
        int *dying; /* pidfds of killed inits that nobody has waited for yet */
        size_t n_dying, max_dying;
        struct filter filters[FILTERS_MAX];
        size_t n_filters;
        struct absent absent;
        uint64_t oom_kills;  /* seen so far: see engine_oom_kills() */
        int group;           /* ours, as facts.cgroup_path says; -1 = none */
        int user_group;      /* system mode: the one above it, of all that this user runs; or -1 */
        unsigned open_files; /* soft limit for commands; 0 = leave */
        char *stack;         /* of the one child that is between clone and exec */
};

/* The same condition by which plan_compile() makes a native plan. */
static inline bool engine_is_native(const struct engine *en) {
        return facts_native(&en->facts);
}
static inline enum birth_tier engine_tier(const struct engine *en) {
        if (engine_is_native(en))
                return BIRTH_NATIVE;
        return en->facts.user_namespaces ? BIRTH_USER : BIRTH_BARE;
}

/* reached.c: in our own group and all below it */
uint64_t engine_oom_kills(const struct engine *en);
void engine_groups_open(struct engine *en);
void engine_groups_close(struct engine *en);
void engine_totals(const struct engine *en, struct engine_totals *ret);
void engine_totals_of(const struct engine *en, uid_t uid, struct engine_totals *ret);
struct reached_marks {       /* of counts that only grow */
        uint64_t own, total; /* forks that were refused */
        uint64_t oom;        /* processes that were ended for want of memory */
};
/* In the sandbox with this group (-1: without one, so with all others of its user). */
void reached_mark(const struct engine *en, int cgroup, struct reached_marks *ret);
/* Which limits were reached since: a box_event.reached. */
unsigned reached_since(const struct engine *en, int cgroup, const struct plan *plan,
                       const struct reached_marks *then);
/* The kernel has ended something in there for want of memory: whose limit was it? */
unsigned reached_memory(int cgroup, const struct plan *plan);

/* pool.c */
int engine_watch(struct engine *en, int fd); /* readable = engine_reap() */
int prepared_start(const struct engine *en, char *stack, struct prepared *ret, struct error *e);
/* Waits (bounded) until it has reported; then ->root is set. */
int prepared_await(struct prepared *p, struct error *e);
void prepared_kill(struct engine *en, struct prepared *p);
int pool_claim(struct engine *en, struct prepared *ret, struct error *e);
bool pool_claim_now(struct engine *en, struct prepared *ret); /* only one that has reported */
void pool_reap(struct engine *en);
int pool_order(struct engine *en); /* one more, unless it is full; how many there are or will be */
int factory_start(struct engine *en, struct error *e);
void factory_stop(struct engine *en);

/* encode.c */
void plan_file_done(struct plan_file *f);
void plan_file_close(struct plan_file *f); /* only its descriptors */
int plan_file_send(const struct plan_file *file, int control);
void filter_done(struct filter *f);
int plan_encode(struct engine *en, const struct plan *plan, int root, struct plan_file *ret,
                struct error *e);
/* malloc'd; what init reads as a struct wire_spawn. */
int spawn_encode(const struct spawn *s, const char *sandbox_id, void **ret, size_t *ret_size,
                 struct error *e);

/* rehearse.c */
int rehearse_start(struct engine *en, struct error *e);
/* A plan is asked for: its hash, never 0. */
uint64_t rehearse_note(struct engine *en, const struct plan_file *file);
/* true: `ret` has this plan already, or is at it; noted. */
bool rehearse_claim(struct engine *en, const struct plan *plan, struct prepared *ret,
                    uint64_t *ret_hash);
/* A sandbox of this plan has ended: builds the next one if that is likely to be asked for. */
void rehearse(struct engine *en, const struct plan *plan, uint64_t hash);
void rehearse_trim(struct engine *en, double max_age); /* seconds; 0 = all */

/* resolve.c: the descriptor of one mount's source; -ENOENT with `e` untouched: optional and not
 * there. */
int found_look(int dir, const char *path, int flags, struct found *ret); /* -errno of statx(2) */
/* Is there nothing for this optional mount to do on this host? Else what a mask will cover. */
bool mount_is_moot(struct engine *en, int root, const struct plan_mount *m, struct found *found);
int mount_resolve(struct engine *en, int root, const struct plan_mount *m, struct error *e);

/* What a failed step means for a person. */
int frame_error(const struct wire_frame *f, const struct plan *plan, struct error *e);
