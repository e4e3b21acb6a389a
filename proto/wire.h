/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-session <-> leash-init: fixed-size binary frames on a SOCK_SEQPACKET socket; anything
 * longer (the plan, a long command) travels as a sealed memfd beside the frame, and what a command
 * mostly is, some hundred bytes, right behind it in the same message. Both sides are the same
 * build, so there is one version and no negotiation. The session treats everything that comes from
 * init as hostile (decision 1): length and type are checked before anything is read.
 */
#pragma once

#include "../policy/base.h"

#define WIRE_VERSION 1u
#define WIRE_TEXT 256 /* inline text of a frame: a path or a program name, cut if longer */

enum wire_type {
        /* session -> init */
        WIRE_PLAN = 1, /* fds: plan memfd, then the descriptors that its mounts refer to by index */
        WIRE_SPAWN,    /* value = how many bytes of the spawn file follow the frame, or 0; fds: then
                          its memfd; stdin, stdout, stderr (those that are not pty) */
        WIRE_SIGNAL,   /* id, value = signal */
        WIRE_RESIZE,   /* id, value = rows << 16 | cols */
        WIRE_FDS,      /* fds: more descriptors for the plan that follows */
        /* init -> session */
        WIRE_PREPARED = 64, /* fds: O_PATH of the root in init's mount namespace; then,
                             * with a view, of where host commands lie and of the private store */
        WIRE_READY, /* value = mask of enum gate_listener, usage[0] = how many others; fds: those */
        WIRE_FAILED,       /* the build failed: err, stage, text */
        WIRE_SPAWNED,      /* id, value = pid inside; fds: pty master where asked */
        WIRE_SPAWN_FAILED, /* id, err, stage */
        WIRE_EXITED,       /* id, value = wait status, usage[] */
        WIRE_DENIED,       /* id or 0, err, stage = access, text = path */
        WIRE_TRUST,        /* text = path of a trusted file that was created */
        WIRE_REFUSED,      /* id or 0, value = how often, usage[0] = index of a wire_refusal, pid,
                              comm */
        WIRE_UNTOLD,       /* id or 0, value = how many denials there were no words for */
};

struct wire_frame {
        uint32_t version, type;
        uint64_t id;
        int64_t value;
        int32_t err;       /* positive errno */
        int32_t stage;     /* enum wire_stage, or an access */
        uint64_t usage[4]; /* user µs, system µs, max rss bytes, wall µs */
        int32_t pid;       /* WIRE_DENIED, WIRE_REFUSED: who */
        char comm[16];
        char text[WIRE_TEXT]; /* NUL-terminated */
};

enum wire_stage {
        WIRE_STAGE_NONE = 0,
        WIRE_STAGE_NAMESPACES,
        WIRE_STAGE_ROOT,
        WIRE_STAGE_MOUNT,
        WIRE_STAGE_MASK,
        WIRE_STAGE_DEV,
        WIRE_STAGE_PROC,
        WIRE_STAGE_PIVOT,
        WIRE_STAGE_NETWORK,
        WIRE_STAGE_LIMITS,
        WIRE_STAGE_CREDENTIALS,
        WIRE_STAGE_LANDLOCK,
        WIRE_STAGE_SECCOMP,
        WIRE_STAGE_CWD,
        WIRE_STAGE_STDIO,
        WIRE_STAGE_PTY,
        WIRE_STAGE_EXEC,
        WIRE_STAGE_PROTOCOL,
};

/* The plan memfd: header, then arrays, then a string blob. Offsets are from the start of the file
 * and 8-aligned; strings are NUL-terminated inside the blob; 0 = no string. */
struct wire_plan {
        uint32_t version, flags;
        uint64_t size;               /* of the whole file */
        uint64_t mounts, n_mounts;   /* struct wire_mount */
        uint64_t rules, n_rules;     /* struct wire_rule: Landlock */
        uint64_t names, n_names;     /* struct wire_name */
        uint64_t sockets, n_sockets; /* uint64_t string offsets */
        uint64_t filter,
                n_filter; /* struct sock_filter (8 bytes each): the seccomp program of init */
        uint64_t command_filter,
                n_command_filter;      /* … and what each command adds to it; n = 0: nothing */
        uint64_t refusals, n_refusals; /* struct wire_refusal, the numbers ascending */
        uint64_t env, n_env;           /* uint64_t string offsets, "NAME=VALUE" */
        uint64_t workdir;              /* string */
        uint64_t limit_nofile, limit_fsize, limit_cpu, limit_nproc; /* 0 = leave */
        uint64_t limit_disk;  /* of all private directories together; 0 = leave */
        uint64_t soft_nofile; /* without limit_nofile: the soft limit that commands start with */
        /* With WIRE_PLAN_GATE, struct wire_port each: network.local_ports, and the ports of other
         * machines that are worth a listener where nftables cannot redirect. */
        uint64_t local_ports, n_local_ports, remote_ports, n_remote_ports;
        int32_t landlock_abi;
        uint32_t pad;
};
enum {
        WIRE_PLAN_NATIVE = 1u << 0,
        WIRE_PLAN_LANDLOCK = 1u << 1,
        WIRE_PLAN_NOTIFY = 1u << 2, /* the filter has notification rules: give it a listener */
        WIRE_PLAN_JUDGE_UNIX = 1u << 3,
        WIRE_PLAN_KEEP_USERNS = 1u << 4,
        WIRE_PLAN_SECCOMP = 1u << 5,
        WIRE_PLAN_GATE = 1u << 6,        /* listeners for leash-gate travel with WIRE_READY */
        WIRE_PLAN_REDIRECT = 1u << 7,    /* nftables works here */
        WIRE_PLAN_LOG = 1u << 8,         /* Landlock's denials go to the kernel's audit */
        WIRE_PLAN_FLAGS = (1u << 9) - 1, /* all of them */
};
struct wire_mount {
        uint32_t kind, mode, flags;
        int32_t fd; /* index among the descriptors, -1 = none */
        uint64_t target, content, content_len;
};
enum { WIRE_MOUNT_OPTIONAL = 1u << 0, WIRE_MOUNT_NOEXEC = 1u << 1 };
struct wire_rule {
        uint64_t path;
        uint64_t access;
};
/* A system call that the supervisor refuses, and tells of: its number, and the row of the table
 * (backends/linux/seccomp_table.h) that says when and how. */
struct wire_refusal {
        int32_t nr;
        uint32_t row;
};
struct wire_port {
        uint16_t port, pad[3];
};
struct wire_name {
        uint64_t pattern;
        uint32_t read_too;
        uint32_t trust;
};

/* The spawn file: a memfd, or up to so many bytes behind the frame. More than nearly all commands
 * need; a message of this size still is one piece of memory in the kernel. */
#define WIRE_SPAWN_INLINE 8192
struct wire_spawn {
        uint32_t version, flags;
        uint64_t size;
        uint64_t argv, n_argv; /* uint64_t string offsets */
        uint64_t env, n_env;   /* added to the plan's; a later name wins */
        uint64_t cwd;          /* string; 0 = the working directory */
        uint32_t rows, cols;   /* pty */
        uint32_t stdio[3];     /* WIRE_STDIO_* */
        uint32_t pad;
};
enum { WIRE_STDIO_NULL = 0, WIRE_STDIO_FD, WIRE_STDIO_PTY };

/*
 * Checks. They allocate nothing and read nothing beyond `size`; 0, or -EBADMSG. Whoever receives a
 * frame or a file calls them before it looks at any member.
 */
enum wire_direction { WIRE_TO_INIT, WIRE_TO_SESSION };
int wire_frame_check(const void *data, size_t size, enum wire_direction direction);
/* `base` is 8-aligned (a mapping is). After success every offset, count and string of the file may
 * be followed without further care; the index in wire_mount.fd is known to be -1 or not negative,
 * no more. */
int wire_plan_check(const void *base, size_t size);
int wire_spawn_check(const void *base, size_t size);

/* Reading a checked file. */
static inline const char *wire_string(const void *base, uint64_t offset) { /* NULL = no string */
        return offset ? (const char *) base + offset : NULL;
}
static inline const void *wire_array(const void *base, uint64_t offset) {
        return (const char *) base + offset;
}
static inline const char *wire_string_at(const void *base, uint64_t array, uint64_t i) {
        return wire_string(base, ((const uint64_t *) wire_array(base, array))[i]);
}

/* A whole frame with version and type set, text and comm empty. */
#define WIRE_FRAME(t) ((struct wire_frame){ .version = WIRE_VERSION, .type = (t) })
/* Copies a text into a frame, cut to what fits, always terminated. */
void wire_frame_text(struct wire_frame *f, const char *text);

/*
 * Building a plan or spawn file in memory, for the session. Everything is named by offset, since
 * the memory moves as it grows; once memory was short every call gives 0 or NULL, and so does the
 * last one, which alone needs to be looked at:
 *
 *         struct wire_writer w = {};
 *         if (wire_writer_begin(&w, sizeof(struct wire_plan))) …
 *         uint64_t rules = wire_writer_array(&w, n, sizeof(struct wire_rule));
 *         uint64_t path = wire_writer_string(&w, "/usr");
 *         struct wire_rule *r = wire_writer_at(&w, rules);  // after all adding, or again each time
 *         void *file = wire_writer_finish(&w, &size);       // malloc'd; wire_writer_done(&w)
 * otherwise
 */
struct wire_writer {
        char *data;
        size_t size, allocated;
        bool failed;
};
int wire_writer_begin(struct wire_writer *w, size_t header); /* zeroed, at offset 0; sets version */
uint64_t wire_writer_array(struct wire_writer *w, size_t n, size_t item); /* zeroed, 8-aligned */
uint64_t wire_writer_string(struct wire_writer *w, const char *s);        /* NULL gives 0 */
uint64_t wire_writer_bytes(struct wire_writer *w, const void *data, size_t len);
void *wire_writer_at(struct wire_writer *w, uint64_t offset);
void *wire_writer_finish(struct wire_writer *w, size_t *ret_size); /* sets the header's size */
void wire_writer_done(struct wire_writer *w);
