/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Attempts to get out of a sandbox, one row each. The same program runs twice: without a sandbox,
 * where the attempt must succeed (a test without teeth proves nothing), and inside one, where it
 * must not.
 *
 * run() returns 0 when the thing that must not happen happened, -errno when it was refused,
 * NOT_HERE when this kernel lacks what the attempt is about. It runs in a child of its own, so that
 * a signal counts as refusal and nothing is left for the next one.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define NOT_HERE 1

/* Levels at which the attempt has to fail. */
#define S 1u /* strict */
#define D 2u /* default */
#define P 4u /* permissive */
#define ALL (S | D | P)

/* How the runner treats it. */
#define ROOT 1u    /* without a sandbox it needs root: no twin for an unprivileged user */
#define KILLED 2u  /* a sandbox may answer by ending the command */
#define SIBLING 4u /* also against another command in the same sandbox */
#define USER 8u    /* makes no sense as root */
#define HARM 16u   /* inside, it may seem to succeed: what counts is the world outside */

struct attempt {
        const char *name; /* unique in its family */
        int (*run)(const char *arg);
        const char *arg;
        unsigned levels, flags;
        const char *options; /* further options of leashctl; @key@ is replaced from the world */
        const char *doc;     /* what would be lost */
};

struct family {
        const char *name;
        const struct attempt *attempts; /* ends with an empty row */
};
extern const struct attempt attempts_paths[], attempts_git[], attempts_names[], attempts_proc[],
        attempts_kernel[], attempts_sockets[], attempts_outside[], attempts_privilege[],
        attempts_limits[];

/* The world: what the runner prepared, by name; aborts when the name is unknown. */
const char *world(const char *key);
long world_number(const char *key);
extern bool inside; /* in a sandbox (LEASH_SANDBOX is set) */
/* "@out@/secret" with every @key@ replaced; one of a few static buffers. */
const char *expand(const char *text);

/* Steps that many attempts share; 0 or -errno. */
int read_secret(int fd); /* 0: the secret could be read from it; takes the fd */
int open_secret(int dirfd, const char *path);
int scribble(int fd); /* writes a mark; takes the fd */
int make_file(const char *path, const char *content, mode_t mode);
int result(long r);  /* r < 0: -errno; else 0 */
int surface(long r); /* 0 unless the errno is that of a filter; NOT_HERE for ENOSYS outside */

/* One operation on one path (ops.c). */
int op_read_path(const char *arg);
int op_open_for_writing(const char *arg);
int op_overwrite(const char *arg);
int op_append(const char *arg);
int op_create(const char *arg);
int op_by_openat2(const char *arg);
int op_cut(const char *arg);
int op_make_directory(const char *arg);
int op_remove_file(const char *arg);
int op_remove_directory(const char *arg);
int op_make_fifo(const char *arg);
int op_make_symlink(const char *arg);
int op_rename_onto(const char *arg);
int op_rename_away(const char *arg);
int op_exchange(const char *arg);
int op_link_out(const char *arg);
int op_change_mode(const char *arg);
int op_tmpfile(const char *arg);
int op_bind(const char *arg);
int op_creat(const char *arg);
int op_mkdirat(const char *arg);
int op_rename_noreplace(const char *arg);
int op_rename_directory(const char *arg);
int op_create_at(const char *arg);
int op_create_from_inside(const char *arg);
int op_create_by_magic_link(const char *arg);

/* hold.c: an exit status */
int hold(const char *what, const char *arg);
int hold_probe(const char *what, const char *arg);

#define ATTEMPT_END \
        { 0 }
