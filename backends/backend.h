/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A backend is one const vtable. It exposes fd() and next(), never callbacks: any loop can drive
 * it. Nothing here logs, prints or exits.
 */
#pragma once

#include <sys/types.h>

#include "../policy/facts.h"
#include "../policy/gate.h"
#include "../policy/plan.h"

struct engine; /* one per session: facts, compiled filters, the pool of prepared sandboxes */
struct box;    /* one sandbox */

struct backend_options {
        const char *init_path; /* leash-init; NULL = the installed one */
        unsigned pool_size;    /* prepared sandboxes to keep; 0 = none */
        /* Soft RLIMIT_NOFILE that commands start with when the plan names none: the session has
         * raised its own, and programs that use select(2) or close every descriptor suffer from a
         * huge one. 0 = leave. */
        unsigned open_files;
        int warden; /* system mode: who makes namespaces for us (borrowed socket); 0 = we do */
};

struct spawn {
        uint64_t id;             /* the session's; comes back in events */
        const char *const *argv; /* NULL-terminated */
        const char *const *env;  /* "NAME=VALUE", NULL-terminated: on top of the plan's */
        const char *cwd;         /* in the view; NULL = working directory */
        int stdio[3];            /* borrowed descriptors; -1 = /dev/null; SPAWN_PTY = the pty */
        unsigned rows, cols;
};
#define SPAWN_PTY (-2)

enum box_event_kind {
        BOX_READY = 1,    /* the plan is enforced; commands may be spawned; listeners */
        BOX_FAILED,       /* it could not be built: error */
        BOX_SPAWNED,      /* id, pid, pty (owned by the receiver, or -1) */
        BOX_SPAWN_FAILED, /* id, error (EXEC_NOT_FOUND, EXEC_DENIED, IO) */
        BOX_EXITED,       /* id, status, usage */
        BOX_DENIED,  /* something was refused: path, access, pid, comm, err; id of the command or 0
                      */
        BOX_REFUSED, /* a system call was: id, syscall, means, field, count, pid, comm */
        BOX_UNTOLD,  /* id: how many refusals were not told, in count */
        BOX_TRUST,   /* path: a file that the host later trusts was created */
        BOX_GONE,    /* the sandbox's first process is gone: everything in it is dead */
};
/* Whose limit: the sandbox's own, or that of all that its user runs. */
enum box_limit {
        BOX_LIMIT_MEMORY = 0,
        BOX_LIMIT_PROCESSES,
        BOX_LIMIT_USER_MEMORY,
        BOX_LIMIT_USER_PROCESSES,
        BOX_LIMIT_N_,
};
struct box_event {
        enum box_event_kind kind;
        uint64_t id;
        pid_t pid;
        int status; /* as wait(2) */
        int pty;
        uint64_t user_us, system_us, rss_bytes;
        bool out_of_memory;
        unsigned reached; /* BOX_EXITED: 1 << enum box_limit, while it ran */
        enum access_kind access;
        int err;
        char comm[16];
        char path[256];
        /* `means`: what was refused, in words; `field`: what would allow it, NULL = nothing. */
        const char *syscall, *means, *field;
        uint64_t count;
        struct error error;
        /* BOX_READY with plan.gate: what leash-gate is to serve, owned by the receiver. Only those
         * whose bit is in the mask are there. `others`: for network.local_ports, and for well-known
         * ports where nftables redirects nothing; where they were meant to go is seen from their
         * own address. */
        uint32_t listener_mask;
        int listeners[GATE_LISTENER_N_];
        int others[GATE_OTHERS_MAX];
        size_t n_others;
};

/* What all that this user runs takes and may take, where a control group counts it. */
struct engine_total {
        bool counted;
        uint64_t used, max; /* 0 = no limit */
};
struct engine_totals {
        struct engine_total memory_bytes, processes;
};

/* How the sandboxes that were asked for came about. */
struct engine_counts {
        uint64_t rehearsed; /* built to the end before they were asked for */
        uint64_t prepared;  /* taken from the pool */
        uint64_t fresh;     /* the pool was empty */
};

struct box_used { /* 0 = unknown, too */
        uint64_t memory_peak, processes_peak, cpu_us, io_read, io_written;
};

struct backend {
        const char *name;
        /* Facts, by trying; some milliseconds. */
        int (*probe)(struct facts *ret, struct error *e);
        /* The same with a warden, whose rights decide. NULL = this backend has no use for one. */
        int (*probe_warden)(int warden, struct facts *ret, struct error *e);
        int (*engine_new)(const struct backend_options *o, const struct facts *facts,
                          struct engine **ret, struct error *e);
        struct engine *(*engine_free)(struct engine *en); /* drops the pool */
        /* Readable = engine_reap() has something to clear away; -1 = never. */
        int (*engine_fd)(const struct engine *en);
        void (*engine_reap)(struct engine *en);
        /* Adds one to the pool unless it is full; call when idle. Returns how many are in it; some
         * milliseconds at most. */
        int (*engine_idle)(struct engine *en);
        /* Drop prepared sandboxes (idle for long, or memory is short). */
        void (*engine_trim)(struct engine *en);

        /* NULL: nothing is prepared here. */
        void (*engine_count)(const struct engine *en, struct engine_counts *ret);

        /* System mode. NULL: nobody counts. */
        void (*engine_totals)(const struct engine *en, struct engine_totals *ret);
        /* Of another user, whose total is the administrator's or none. NULL: nobody counts. */
        void (*engine_totals_of)(const struct engine *en, uid_t uid, struct engine_totals *ret);

        /* We may have come into another control group: looks again at what can be done with it,
         * fills those facts, and drops what was prepared before. NULL: groups are nothing here. */
        void (*engine_regroup)(struct engine *en, struct facts *facts);

        /* Starts building; BOX_READY or BOX_FAILED follows. The plan must outlive the box. */
        int (*box_new)(struct engine *en, const struct plan *plan, struct box **ret,
                       struct error *e);
        int (*box_fd)(const struct box *b);                    /* readable = next() has something */
        int (*box_next)(struct box *b, struct box_event *ret); /* 1 got one, 0 none now */
        int (*box_spawn)(struct box *b, const struct spawn *s,
                         struct error *e); /* also before READY: queued */
        int (*box_signal)(struct box *b, uint64_t id, int signo,
                          struct error *e); /* the command's whole group */
        int (*box_resize)(struct box *b, uint64_t id, unsigned rows, unsigned cols);
        /* Borrowed: the directory that the sandbox sees, read-only, as IPC_DIRECTORY
         * (policy/plan.h), and that only this descriptor can change. -1 = none; NULL = this backend
         * never has one: then plan->subject->ipc_dir is a directory of the host. */
        int (*box_ipc)(const struct box *b);
        /* What all that ever ran in it has used; false: nobody has counted. NULL: never. */
        bool (*box_used)(const struct box *b, struct box_used *ret);
        /* How full the private directories of a box with limits.disk_bytes are; false: there are
         * none, or nobody counts. NULL: never. */
        bool (*box_disk)(const struct box *b, uint64_t *ret_bytes, bool *ret_full);
        /* Soon nothing in it runs any more until it is thawed, or -errno: it cannot be, or not now.
         * Who freezes has to thaw, and soon: also its first process sleeps. NULL: never. */
        int (*box_freeze)(struct box *b);
        /* Everything stands still. What waits inside a system call that no signal ends never does;
         * it makes no other call before it is thawed. */
        bool (*box_is_frozen)(const struct box *b);
        void (*box_thaw)(struct box *b);
        /* The process that everything in the box descends from, as we see it. NULL: there is none.
         */
        pid_t (*box_pid)(const struct box *b);
        /* Bytes of memory that it takes now; 0 = nobody counts them. NULL: this backend never does.
         */
        uint64_t (*box_memory)(const struct box *b);
        struct box *(*box_free)(
                struct box *b); /* kills everything in it; takes NULL, returns NULL */
};

/* NULL-terminated, in order of preference: the only place with an #ifdef on the platform. `null` is
 * always there and only ever chosen by name. */
extern const struct backend *const backends[];
const struct backend *backend_by_name(const char *name); /* NULL name = the preferred one */
