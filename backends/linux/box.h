/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rows of the vtable that box.c fills; see backend.h. */
#pragma once

#include "../backend.h"

int box_new(struct engine *en, const struct plan *plan, struct box **ret, struct error *e);
int box_fd(const struct box *b);
int box_next(struct box *b, struct box_event *ret);
int box_spawn(struct box *b, const struct spawn *s, struct error *e);
int box_signal(struct box *b, uint64_t id, int signo, struct error *e);
int box_resize(struct box *b, uint64_t id, unsigned rows, unsigned cols);
int box_ipc(const struct box *b);
struct box_used;
bool box_used(const struct box *b, struct box_used *ret);
int box_freeze(struct box *b);
bool box_is_frozen(const struct box *b);
void box_thaw(struct box *b);
bool box_disk(const struct box *b, uint64_t *ret_bytes, bool *ret_full);
pid_t box_pid(const struct box *b);
uint64_t box_memory(const struct box *b);
struct box *box_free(struct box *b);
