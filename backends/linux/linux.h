/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Linux backend's own state, shared by its files: engine (linux.c), prepared sandboxes
 * (pool.c), plan files (encode.c, resolve.c), boxes (box.c). */
#pragma once

#include <linux/filter.h>
#include <pthread.h>

#include "../../policy/limits.h"
#include "../backend.h"
#include "absent.h"
#include "frames.h"
#include "seccomp_filter.h"

/* A leash-init in its own namespaces that has not got a plan yet. */
struct prepared {
        pid_t pid;
        int pidfd;
        int control;
        int root; /* O_PATH of the host's / in its mount namespace; -1 until it has reported */
};
#define PREPARED_NULL ((struct prepared){ -1, -1, -1, -1 })

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
#define ENGINE_STACK_BYTES (64u * 1024)
#define FILTERS_MAX 32 /* combinations of options that occur in one session */

struct filter {
        unsigned options; /* seccomp_options_bits() */
        struct sock_filter *common, *command;
        size_t n_common, n_command;
};

struct engine {
        struct facts facts;
        int init;  /* O_PATH of leash-init, numbered 10 or more */
        int watch; /* epoll: prepared ones that report or die, and dying ones */
        struct prepared pool[POOL_MAX];
        size_t n_pool, pool_size, ordered;
        struct factory factory;
        int *dying; /* pidfds of killed inits that nobody has waited for yet */
        size_t n_dying, max_dying;
        struct filter filters[FILTERS_MAX];
        size_t n_filters;
        struct absent absent;
        unsigned open_files; /* soft limit for commands; 0 = leave */
        char *stack;         /* of the one child that is between clone and exec */
};

/* The same condition by which plan_compile() makes a native plan. */
static inline bool engine_is_native(const struct engine *en) {
        return facts_native(&en->facts);
}

/* pool.c */
int prepared_start(const struct engine *en, char *stack, struct prepared *ret, struct error *e);
/* Waits (bounded) until it has reported; then ->root is set. */
int prepared_await(struct prepared *p, struct error *e);
void prepared_kill(struct engine *en, struct prepared *p);
int pool_claim(struct engine *en, struct prepared *ret, struct error *e);
void pool_reap(struct engine *en);
int pool_order(struct engine *en); /* one more, unless it is full; how many there are or will be */
int factory_start(struct engine *en, struct error *e);
void factory_stop(struct engine *en);

/* encode.c: a plan as a sealed memfd, and the descriptors that it refers to (owned by the caller).
 */
struct plan_file {
        int memfd;
        int *fds;
        size_t n_fds;
};
#define PLAN_FILE_NULL ((struct plan_file){ -1, NULL, 0 })
void plan_file_done(struct plan_file *f);
void filter_done(struct filter *f);
int plan_encode(struct engine *en, const struct plan *plan, int root, struct plan_file *ret,
                struct error *e);
int spawn_encode(const struct spawn *s, struct error *e); /* the memfd, or -errno */

/* resolve.c: the descriptor of one mount's source; -ENOENT with `e` untouched: optional and not
 * there. */
/* Is there nothing for this optional mount to do on this host? */
bool mount_is_moot(struct engine *en, int root, const struct plan_mount *m);
int mount_resolve(struct engine *en, int root, const struct plan_mount *m, struct error *e);

/* What a failed step means for a person. */
int frame_error(const struct wire_frame *f, const struct plan *plan, struct error *e);
