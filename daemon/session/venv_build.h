/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One environment that is being made. Private to venv_*.c. */
#pragma once

#include "place.h"
#include "process.h"
#include "venv.h"

#define VENV_LINE_BYTES 4096
#define VENV_TAIL_BYTES 8192
#define VENV_WAITERS_MAX 256
#define VENV_TIMEOUT_MS (10 * 60 * 1000)

struct venv_build {
        LIST_ENTRY(venv_build) link;
        struct session *session;
        struct arena *arena;
        struct venv_spec *spec;
        struct request *waiters[VENV_WAITERS_MAX];
        size_t n_waiters;
        struct event *timer; /* somebody else makes it: look again later */
        int lock_fd, parent_fd, staging_fd;
        const char *name; /* in the parent */
        char staging[80]; /* likewise */
        struct sandbox *sandbox;
        uint64_t allowed_ms; /* the shorter of what was asked for and what the sandbox has */
        char line[VENV_LINE_BYTES], tail[VENV_TAIL_BYTES];
        size_t line_len, tail_len;
        bool line_long, heard, ok, ending;
        struct venv_info info;
        struct error error;
        struct venv_made made;
        double started;
};

/* venv_build.c */
void venv_build_freed(void *userdata); /* nothing of its sandbox runs any more */
void venv_tell(struct venv_build *b, const char *phase, const char *text);
struct list venv_copy_denials(struct arena *a, const struct list *from);
/* venv_sandbox.c: starts it */
int venv_start_sandbox(struct venv_build *b, struct error *e);
/* venv_report.c: what is heard from inside */
extern const struct process_hooks venv_hooks;
