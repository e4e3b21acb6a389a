/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-init: pid 1 of a sandbox. It is started in fresh namespaces, prepares what no plan changes
 * (prepare.c), waits for a plan, builds the view (view.c, dev.c, proc.c), gives up every privilege
 * (confine.c) and then serves commands until its control socket closes (serve.c, spawn.c).
 *
 * In the native tier (argument "native") there are no namespaces and no view: the walls are
 * Landlock, seccomp and the judge, and a keeper outside of them ends what is left (keep.c).
 *
 * It parses no text, links nothing but libc, and trusts the session but not what runs beside it.
 */
#pragma once

#include <linux/filter.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "../../../policy/gate.h"
#include "../../../proto/wire.h"
#include "../sys.h"

#define INIT_CONTROL_FD 3 /* the session leaves the control socket here */
#define INIT_FDS_MAX 1024 /* descriptors of one plan */
#define INIT_COMMANDS_MAX 4096

#define INIT_LIMITS 16 /* as many as there are resources (getrlimit(2)) */
struct init_limit {
        __rlimit_resource_t resource;
        struct rlimit value;
};

struct command {
        uint64_t id;
        pid_t pid;
        int64_t started_us;
        int pty; /* master, for resizing; -1 = none */
};

struct init {
        int control;  /* SOCK_SEQPACKET to the session */
        int old_root; /* O_PATH of / as the host has it, in our mount namespace */
        int host_sys; /* O_PATH of the host's /sys, on which the staging tree lies; -1 = none */
        int disk;     /* a detached copy of the whole tree: the new root of most levels */
        int staging;  /* tmpfs with dev/ proc/ mask/ store/: what is moved into the view */
        int mask_directory, mask_file; /* O_PATH: what hides a directory or a file */
        unsigned n_stored;             /* private directories made so far: see store.c */
        int root;                      /* the new root, once it is attached */
        int ipc, store;                /* ipc.c, store.c: on their way to the session; -1 = none */

        const struct wire_plan *plan; /* mapped, read-only, checked by wire_plan_check() */
        int fds[INIT_FDS_MAX];        /* descriptors that the plan's mounts refer to */
        size_t n_fds;

        int nested; /* Landlock: what gives each command a domain of its own; -1 = none */
        struct sock_fprog filter,
                command_filter; /* of everything here; and of each command on top */
        struct judge *judge;    /* answers seccomp notifications; NULL = none wanted */
        struct rlimit files;    /* what a command starts with, where the judge needs more itself */
        struct init_limit limits[INIT_LIMITS]; /* of commands: what differs from ours */
        size_t n_limits;
        int null;           /* for all commands that read or write nothing; above INIT_LOW_FDS */
        char **environment; /* the plan's, NULL-terminated */
        size_t n_environment;

        int listeners[GATE_LISTENER_N_ + GATE_OTHERS_MAX]; /* on their way to the session */
        size_t n_listeners, n_others;
        uint32_t listener_mask;

        struct command *commands; /* table of those that run */
        size_t n_commands;
        bool native;   /* no namespaces: the host's view, Landlock and seccomp alone */
        bool bare;     /* no user namespace: the host has none (leash-warden) */
        pid_t keeper;  /* native: who watches over us; 0 = nobody */
        bool reported; /* a failure was told to the session */
};

/* Numbers that no descriptor of ours has but the first, once commands are started: what a command
 * gets can be moved to 0, 1 and 2 without any standing in the other's way. */
#define INIT_LOW_FDS 10

/* Build steps return 0 or -errno, having told the session what failed through init_report(). */
int init_report(struct init *in, enum wire_stage stage, int err, const char *text);
int init_send(struct init *in, struct wire_frame *f, const int *fds, size_t n_fds);

const char *plan_string(const struct init *in, uint64_t offset);
static inline const void *plan_at(const struct init *in, uint64_t offset) {
        return (const char *) in->plan + offset;
}

/* prepare.c */
int init_prepare(struct init *in);
/* dev.c, proc.c: build below the staging directory */
int staging_dev(struct init *in);
int staging_proc(struct init *in);
/* store.c: the file system that all private directories of a sandbox share */
int staging_store(struct init *in);
int store_limit(struct init *in, uint64_t bytes);
int store_directory(struct init *in, unsigned mode); /* a detached mount, new and empty */
/* ipc.c */
int staging_ipc(struct init *in);
/* sys.c */
int staging_sys(struct init *in);
int sys_build(struct init *in, int target, bool gpu);
/* view.c */
int view_build(struct init *in);
int view_enter(struct init *in);
/* mount.c: small steps over the fd-based mount API */
int mount_new(const char *type, const char *const *options,
              unsigned attributes); /* options: name, value, …, NULL */
int mount_clone(int dirfd, const char *path, bool recursive);
int mount_restrict(int mount, uint64_t attributes, bool recursive); /* of an attached one */
int mount_attach(int mount, int target); /* target: O_PATH; a directory or a file */
int mount_attach_restricted(int mount, int target, uint64_t attributes, bool recursive);
int mount_move(int from_dirfd, const char *from, int target);
/* gate.c: before the capabilities go */
int gate_build(struct init *in);
int gate_resolver(struct init *in); /* in the view */
/* confine.c */
int confine_early(struct init *in);
int confine_self(struct init *in);
int confine_rules(struct init *in);
int confine_filter(struct init *in);
int confine_namespaces(struct init *in);
int confine_command(const struct init *in, int *listener, enum wire_stage *ret_stage);
void confine_limits_plan(struct init *in);
void confine_limits(const struct init *in, bool files);
/* lower.c: with capabilities of the host (`bare`) */
int lower_filter(struct init *in);
int lower_capabilities(struct init *in, bool network);
/* serve.c, spawn.c */
int serve(struct init *in);
void spawn(struct init *in, const struct wire_frame *f, const struct wire_spawn *s, const int *fds,
           size_t n_fds);
void command_signal(struct init *in, const struct command *c, int signo);
/* keep.c: the native tier's substitute for the death of a pid 1. Returns in the child, which
 * serves; the caller itself becomes the keeper and never returns. */
int keep(struct init *in);
int keep_served(struct init *in); /* in the child, once it is confined */
bool keeper_gone(const struct init *in);
void kill_everything(void);              /* all descendants */
void kill_domain(const struct init *in); /* all that shares our Landlock domain, at once */

static inline int64_t now_us(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
