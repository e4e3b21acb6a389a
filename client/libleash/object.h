/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The objects behind leash.h, and how their JSON arguments become request structs. */
#pragma once

#include "internal.h"

struct leash_sandbox {
        struct leash *l;
        char *id, *workdir;
};

struct early { /* a notification that came before anybody had said what to do with it */
        struct early *next;
        struct json *params;
};

struct leash_process {
        struct leash_process *next; /* in leash.processes, until it has ended */
        struct leash *l;            /* NULL: the connection is gone */
        char *id, *sandbox, *workdir;
        int pty;             /* the terminal's master, or -1 */
        struct json *exited; /* the params of process.exited */
        leash_output_fn output;
        leash_exit_fn exit;
        void *userdata;
        bool listening; /* leash_process_set_callbacks was called */
        struct early *early, **early_last;
        size_t n_early;
};

/* `text` NULL: nothing happens. Errors carry the pointer into the text. */
int decode_policy(const char *text, struct arena *a, struct policy **ret, struct error *e);
int decode_options(enum method_id id, const char *text, struct arena *a, void *ret,
                   struct error *e);
int push_argv(struct arena *a, const char *const *argv, struct strings *ret, struct error *e);
