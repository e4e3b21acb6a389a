/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* limits.disk_bytes where no kernel holds it: measuring what a sandbox writes. */
#pragma once

#include "session.h"

struct sandbox;
struct disk_watch;

/* Begins to watch, if the plan wants that. */
int disk_watch_start(struct sandbox *sb, struct error *e);
struct disk_watch *disk_watch_free(struct disk_watch *w); /* takes NULL, returns NULL */

/* disk_hidden.c: of the file system that `place` is on, in the pid namespace of this process */
uint64_t disk_hidden(pid_t init, int place);

/* Of the sandbox's private directories: no space was left. */
bool disk_is_full(const struct sandbox *sb);
