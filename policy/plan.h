/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The plan: what a backend shall enforce, resolved to the last detail, with nothing left to decide.
 * plan_compile() is pure: policy + facts + subject in, plan out, or a refusal that names the
 * missing fact. It lives in one arena and is const afterwards.
 */
#pragma once

#include "arena.h"
#include "base.h"
#include "error.h"
#include "facts.h"
#include "host.h"
#include "policy.h"

/* In the view, with namespaces: where host commands (ipc.register) and their socket lie. Below
 * /dev, which is private at every level. */
#define IPC_DIRECTORY "/dev/leash"

/* Who asks, and what of the world outside the policy needs to know. Filled by the session. */
struct subject {
        unsigned uid, gid;
        const char *user;        /* passwd name */
        const char *home;        /* passwd home, canonical */
        const char *socket_path; /* where leash itself listens, or NULL: hidden in every view */
        const char *sandbox_id;  /* goes into LEASH_SANDBOX */
        const char *workdir;     /* canonical (realpath), exists */
        bool workdir_fresh;      /* made by leash for this sandbox, removed with it */
        bool workdir_unseen;     /* … and nobody outside has use for what lies there */
        /* Native tier: a private directory for temporary files, removed with the sandbox; elsewhere
         * NULL, since /tmp is private there. */
        const char *tmpdir;
        /* Where host commands are, as commands see it: IPC_DIRECTORY, or in the native tier a
         * directory of the host that they may only read. NULL: there are none. */
        const char *ipc_dir;
        /* The virtual environment that commands run in: where it shows, and where it lies on the
         * host while it is being made (else NULL). */
        const char *venv, *venv_source;
        bool venv_writable;
        bool venv_ours;             /* made and kept by leash: its place needs no judging */
        struct strings venv_reads;  /* where its interpreter lives, when that is in the home */
        struct strings venv_decoys; /* "DIR/", "FILE": empty, and denied: see venv_sandbox.c */
        const char *venv_base;      /* where all of leash's own lie: writable to nobody inside */
        const char *git_name, *git_email; /* from the user's git configuration, or NULL */
        /* Trusted files of repositories in the working directory that exist now (decision 10):
         * canonical paths of git directories ("/w/.git", "/w/sub/.git", and outside ones of
         * worktrees), and of hook directories named by core.hooksPath. */
        struct strings git_dirs, hook_dirs;
        struct strings git_files; /* ".git" files and the like: they name a git directory */
        bool git_crowded;         /* there are more than were looked at */
        /* What exists directly in the home (all of it) and in the working directory (the names that
         * subject_wants() likes). Not set: unknown. Saves the plan what is not there; a name that
         * appears a moment later is judged by the supervisor all the same. */
        struct strings home_names, workdir_names;
        struct strings root_names; /* native tier: what is directly in "/". Not set: unknown */
        /* Directories outside the working directory that git needs there: the common git directory
         * of a worktree or a submodule; bound read-write. */
        struct strings git_common_dirs;
        /* ".git" files of the user's other worktrees, elsewhere: shown, since git removes what it
         * keeps of a worktree that is not there any more ("git worktree prune"). */
        struct strings git_worktrees;
};

/* The view: applied in this order by the backend. Sources are host paths, canonical. */
enum mount_kind {
        MOUNT_ROOT_RO = 0, /* the whole disk, read-only, is the base of the new root */
        MOUNT_ROOT_RW,     /* … read-write (permissive) */
        MOUNT_ROOT_EMPTY,  /* an empty root: only what is bound exists (strict) */
        MOUNT_BIND_RO,
        MOUNT_BIND_RW,
        MOUNT_TMPFS, /* a private empty directory: mode */
        MOUNT_DIR,   /* make the directory (and its parents) in a private part of the view */
        MOUNT_FILE,  /* a private file with `content`, in a private part; mode says who may write */
        MOUNT_SYMLINK,  /* content = target */
        MOUNT_HIDE,     /* mask a file or directory: EACCES for reading and writing */
        MOUNT_READONLY, /* what is there stays visible, but nothing below it can be written */
        MOUNT_PIN,    /* make the directory a mount point of itself, so that it cannot be renamed */
        MOUNT_DEV,    /* a private /dev with the standard nodes and devpts */
        MOUNT_DEVICE, /* one device node or directory of nodes, bound from the host */
        MOUNT_PROC,
        MOUNT_SYS, /* the read-only minimum */
};
struct plan_mount {
        enum mount_kind kind;
        const char *source;  /* bind kinds: host path */
        const char *target;  /* path in the view */
        const char *content; /* MOUNT_FILE, MOUNT_SYMLINK */
        unsigned mode;       /* permission bits of what is made; 0 = 0755 / 0644 */
        bool optional; /* skip silently what cannot be: the source does not exist, or the target of
                        * a mask, or the directory that a private part would lie in */
        bool noexec;
        const char *field; /* pointer to the policy field it comes from: for explain, denials */
};

/* A name that must neither be read (deny), written nor brought into being, existing or not. */
struct plan_name {
        const char *pattern; /* absolute, canonical; may contain * and ** */
        bool read_too;       /* filesystem.deny; false: protect_workspace, reading is fine */
        bool trust;          /* may be made, but is reported when it is (decision 10): no denial */
        const char *field;
};

struct plan_limits { /* 0 = no limit */
        uint64_t memory_bytes, processes, cpu_millis, io_weight, cpu_seconds, wall_ms, file_bytes,
                disk_bytes, open_files, connections, network_bytes, network_rate;
};

/* Who holds limits.disk_bytes: disk.c. */
enum disk_hold { DISK_FREE = 0, DISK_HARD, DISK_WATCHED, DISK_N_ };
extern const char *const disk_hold_names[DISK_N_]; /* NULL, "hard", "soft" */

struct plan {
        enum level level;
        bool log_denials; /* the kernel writes down what it denies, and somebody reads it */
        bool native;      /* no namespaces: Landlock + seccomp + notification only */
        const struct subject *subject;

        struct plan_mount *mounts;
        size_t n_mounts;

        /* Landlock, as paths in the final view; a file or a tree. What is not there is skipped:
         * optional mounts, and directories that not every system has. */
        struct strings read;  /* read, list, execute */
        struct strings write; /* everything */
        bool landlock;        /* the facts allow it */
        bool seccomp;         /* likewise */
        bool cgroup;          /* some limit is held by a control group of its own */

        struct plan_name *names; /* judged by the supervisor; needs seccomp_notify */
        size_t n_names;
        bool judge_writes; /* there are names, or pipes of the host's: read_below() in compile.c */
        bool judge_reads;  /* some name has read_too: opens for reading are judged, too */
        bool judge_unix;   /* connect() to pathname sockets is judged (no Landlock ABI 9) */
        struct strings unix_sockets; /* canonical paths that may be connected to */

        bool allow_debug, allow_userns, allow_gpu, allow_npu, allow_hardware;
        bool allow_unix_dgram;

        struct network_rules network;
        bool gate; /* the sandbox has listeners that leash-gate serves (gate.h) */
        struct plan_limits limits;
        enum disk_hold disk; /* HARD: a fresh working directory is private */
        const char *proxy; /* the user's own, host:port without credentials, for people; or NULL */
        struct strings no_proxy;
        struct pairs certificates; /* expanded; none without a network */
        struct pairs environment;  /* complete: what every command starts with */

        /* The report that goes back as `enforcement`. */
        bool lost[LOSS_N_];    /* accepted losses that really are lost on this host */
        struct strings layers; /* "cgroup", "namespaces", "network", "landlock", "seccomp", … */
};

/* Is an entry of the working directory one that a plan may have a use for? */
bool subject_wants(const char *name);

int plan_compile(struct arena *a, const struct policy *policy, const struct facts *facts,
                 const struct subject *subject, struct plan **ret, struct error *e);

/* Where a path of the view comes from, after the first `n` mounts. */
enum view_kind {
        VIEW_ABSENT = 0, /* nothing is there (strict) */
        VIEW_PRIVATE,    /* the sandbox's own: nothing of the host shows, writing reaches nobody */
        VIEW_HOST_RO,
        VIEW_HOST_RW,
        VIEW_HIDDEN, /* a mask: EACCES */
        VIEW_DEVICE, /* the private /dev and what is bound there */
        VIEW_SYSTEM, /* /proc, /sys */
};
struct view {
        enum view_kind kind;
        bool noexec, readonly;       /* readonly: also for what is private */
        const struct plan_mount *by; /* what decided, or NULL */
};
struct view plan_view_at(const struct plan_mount *mounts, size_t n, const char *path);

/* policy.check for a path: what would happen on this access, and why. Judges by the plan's mounts
 * and names, so it cannot differ from what is enforced. `path` canonical. */
enum access_kind { ACCESS_READ = 0, ACCESS_WRITE, ACCESS_EXECUTE };
void plan_decide_path(const struct plan *plan, const char *path, enum access_kind access,
                      struct decision *ret);

/* policy.explain: the plan as text for people, in sections; NULL when memory is short. */
char *plan_explain(struct arena *a, const struct policy *policy, const struct plan *plan);
