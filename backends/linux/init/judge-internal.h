/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the judge's files share. A notification becomes a struct caller; its arguments are copied
 * into struct spot (a directory descriptor of ours and a text), looked up into struct place (a
 * directory descriptor of ours, one last component, the canonical path of both), judged by that
 * path, and done relative to that descriptor.
 */
#pragma once

#include <limits.h>
#include <linux/seccomp.h>
#include <sys/stat.h>

#include "judge.h"

/* Results of an operation: 0, -errno, or: the answer was given, or a worker will give it. */
#define ANSWERED 1

/* Blocking opens and connects, each in a process of its own. A program that waits on more FIFOs
 * than this at a time gets EAGAIN. */
#define JUDGE_WORKERS_MAX 64

/* Of so many trusted files it is known where they are. */
#define JUDGE_TOLD_MAX 256

struct name {
        char *pattern;
        char **parts; /* "/component" each: path_match() reads one at a time */
        size_t n_parts;
        char *prefix; /* what every match is under, in plain characters; "" is the root */
        size_t prefix_length;
        const char *needle; /* trust: what every match has in it, in plain characters; or NULL */
        bool read_too, trust;
        bool deep; /* trust: what is below a match counts, too */
};

struct listener {
        int fd;
        bool waits;      /* made us wait once: its connections are all made in workers */
        uint32_t untold; /* denials that there were no words for */
        uint64_t command;
        struct listener *next;
};

/* What tells a call from others: judge-again.c. */
struct call {
        uint64_t hash, stack;
        bool exchange;
};

struct worker {
        pid_t pid;
        int listener;
        uint64_t id;
        pid_t tid;
        struct call call;
};

/* An answer that nobody took. More than so many threads are rarely interrupted at once; each may
 * hold a descriptor. */
#define JUDGE_AGAIN_MAX 64
struct again {
        pid_t tid;
        struct call call;
        int64_t value;
        int fd; /* to be given; -1 = none */
        bool cloexec, doubtful;
        int64_t at;
};

/* A refused system call that a process was told on for: judge-refused.c. */
#define JUDGE_NOTES_MAX 64
struct note {
        struct listener *listener;
        uint32_t row;  /* of the table */
        uint32_t more; /* how often since it was told */
        pid_t tid, pid;
        char comm[16];
        int64_t at;
};

struct judge {
        struct init *init;
        int send, receive; /* socket pair for new listeners */
        int epoll, timer;
        int root, proc, fds; /* O_PATH: "/", "/proc", "/proc/self/fd" */
        dev_t proc_dev;
        int pidfd; /* of the last caller whose socket was taken */
        pid_t pidfd_tid;
        bool no_send; /* this kernel lacks SECCOMP_ADDFD_FLAG_SEND */
        struct name *names,
                *folded; /* the plan's; and as a file system that folds case sees them */
        struct listener *listeners;
        struct worker workers[JUDGE_WORKERS_MAX];
        size_t n_workers;
        bool restarts; /* this kernel makes interrupted calls again */
        struct again again[JUDGE_AGAIN_MAX];
        size_t n_again;
        char *told[JUDGE_TOLD_MAX]; /* trusted files, to tell again when they move */
        size_t n_told;
        struct note notes[JUDGE_NOTES_MAX];
        size_t n_notes;
        int64_t tokens, tokens_at; /* denials that may still be told, and when that was counted */
};

struct caller {
        struct judge *judge;
        struct listener *listener;
        uint64_t id;
        pid_t tid;
        pid_t tgid; /* 0 = not looked up yet */
        bool folds; /* it deals with a file system to which .GIT is .git */
        bool made;  /* a file, which opening it again would find */
        bool again; /* it may have been done already, and come to this: */
        int64_t again_value;
        struct call call;
        struct seccomp_data data;
};

/* judge.c */
bool caller_valid(const struct caller *c);
void caller_answer(const struct caller *c, int err, int64_t value);
/* Closes it; ANSWERED or -errno. */
int caller_give(const struct caller *c, int *fd, bool cloexec, bool final);
/* A duplicate of its descriptor. */
int caller_take(struct caller *c, int fd, int *ret);
int caller_continue_path(const struct caller *c);
bool caller_may_tell(const struct caller *c); /* takes one of the words that there are */
void caller_comm(const struct caller *c, char ret[static 16]);
void caller_denied(const struct caller *c, const char *path, int err, bool write);
void caller_trusted(const struct caller *c, const char *path);
/* A directory was moved: tells where what was told of is now. `changed`: it says more, or less, by
 * its new name. */
void caller_moved(const struct caller *c, const char *from, const char *to, bool changed);
/* Runs `work` in a child process; its result becomes the answer. Descriptors in it are the child's.
 */
struct work {
        int (*run)(const struct caller *c, const struct work *w);
        int fd, object;
        uint64_t flags;
        const void *data;
        size_t size;
};
int caller_work(struct caller *c, const struct work *w);

/* judge-refused.c */
int refused_check(const struct judge *j); /* of the plan */
/* True: it is one of those, and was answered. */
bool refused_answer(struct caller *c);
void refused_untold(struct listener *l, uint32_t n);
/* Tells what was counted only, before its command's end is told, or the listener goes: which of
 * them comes first depends on the kernel. */
void refused_over(struct judge *j, struct listener *l);

/* judge-again.c */
struct signals {
        uint64_t pending, blocked;
        bool known;
};
/* Around an answer: may it have been lost although the kernel took it? */
void again_before(const struct caller *c, struct signals *ret);
bool again_doubt(const struct caller *c, const struct signals *before);
void again_keep(struct judge *j, pid_t tid, const struct call *call, int64_t value, bool doubtful);
void again_keep_file(const struct caller *c, int *fd, bool cloexec);
/* True: it was answered, or waits for no answer. */
bool again_answer(struct caller *c);
/* What a call came to: `r`, or 0 with what it had come to the first time. */
int again_outcome(const struct caller *c, int r, int64_t *ret_value);

/* judge-path.c */
struct spot {
        int base; /* ours to close; -1 = the text is absolute */
        char text[PATH_MAX];
};
static inline void spot_done(struct spot *s) {
        fd_closep(&s->base);
}
#define _cleanup_spot_ _cleanup_(spot_done)

struct place {
        int dir; /* borrowed, or the same as `owned` */
        int owned;
        int object; /* O_PATH; reached through a magic link, where there is no directory and name */
        bool proc;  /* on procfs */
        bool walked; /* the kernel would have looked this path up differently for us */
        bool slash;  /* a slash followed the name: it must be a directory */
        bool exists; /* after PLACE_FOLLOW and PLACE_STAT: `st` tells of it */
        struct stat st;
        char name[NAME_MAX + 1];
        char full[NAME_MAX +
                  2]; /* with the slash, for calls that do not follow it: the kernel judges that */
        char path[PATH_MAX + NAME_MAX + 2];
};
static inline void place_done(struct place *p) {
        fd_closep(&p->owned);
        fd_closep(&p->object);
}
#define _cleanup_place_ _cleanup_(place_done)

enum place_mode { PLACE_PARENT = 0, PLACE_STAT, PLACE_FOLLOW };

int caller_read(const struct caller *c, uint64_t address, void *ret, size_t size);
int caller_string(const struct caller *c, uint64_t address, char ret[static PATH_MAX]);
int caller_tgid(struct caller *c);
int caller_umask(const struct caller *c, mode_t *ret);
/* One field of /proc/TID/status as a number; -EIO if it is not there. */
int caller_status(const struct judge *j, pid_t tid, const char *field, int radix, uint64_t *ret);
int caller_object(const struct caller *c, int fd,
                  int *ret); /* O_PATH of what its descriptor refers to */
int spot_read(struct caller *c, int dirfd, uint64_t address, struct spot *ret);
int spot_text(struct caller *c, int dirfd, struct spot *s); /* the text is there already */
int place_find(struct caller *c, const struct spot *s, enum place_mode mode, struct place *ret);
/* Pins what the place names, without following a symlink; gives an O_PATH descriptor. */
int place_pin(const struct place *p);
int fd_path(struct caller *c, int fd, char *ret, size_t size);
/* May the caller have us open this object of procfs? */
bool proc_permitted(struct caller *c, const char *path, bool write);

/* judge-file.c */
int judge_open(struct caller *c, int dirfd, uint64_t path, uint64_t flags, mode_t mode);
int judge_mkdir(struct caller *c, int dirfd, uint64_t path, mode_t mode);
int judge_mknod(struct caller *c, int dirfd, uint64_t path, mode_t mode, dev_t dev);
int judge_symlink(struct caller *c, uint64_t target, int dirfd, uint64_t path);
int judge_unlink(struct caller *c, int dirfd, uint64_t path, int flags);
int judge_truncate(struct caller *c, uint64_t path, int64_t length);
int judge_rename(struct caller *c, int from_dirfd, uint64_t from, int to_dirfd, uint64_t to,
                 unsigned flags);
int judge_link(struct caller *c, int from_dirfd, uint64_t from, int to_dirfd, uint64_t to,
               int flags);
/* -EACCES, told to the session, when a name forbids it. */
int place_allowed(const struct caller *c, const char *path, bool write);
mode_t umask_enter(const struct caller *c);

/* judge-socket.c */
void connect_prepare(void); /* once: SIGALRM is its own */
int judge_connect(struct caller *c, int fd, uint64_t address, uint64_t length);
int judge_bind(struct caller *c, int fd, uint64_t address, uint64_t length);

/* judge-names.c */
void names_free(struct judge *j);
bool names_deny(const struct caller *c, const char *path, bool write);
bool names_trust(const struct caller *c, const char *path);
/* Does a directory that moves from one path to the other keep what the patterns say of its content?
 */
bool names_keep(const struct caller *c, const char *from, const char *to, bool trust);
/* Would a symlink of this name stand on the way to a denied name? Then it could lead there. */
bool names_lead(const struct caller *c, const char *path);
