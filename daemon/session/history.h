/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What happened in each sandbox, for sandbox.logs: of those that run, and of the last ones that
 * have ended. What is inside decides how much happens, so all of it is bounded, and a busy sandbox
 * only ever displaces its own history, or that of one that has ended.
 */
#pragma once

#include "../../policy/arena.h"
#include "../../policy/error.h"
#include "../../proto/shapes.h"

struct histories;
struct histories *histories_new(void);
struct histories *histories_free(struct histories *h); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct histories *, histories_free)

/* An event that has a sandbox. The first of a sandbox is kept as long as any; `last`: the sandbox
 * has ended. When memory is short it is lost, and counted. */
void history_note(struct histories *h, const struct event *ev, bool last);

/* The events behind number `after`, decoded into `a`; -ENOENT: nobody knows the sandbox. Their JSON
 * members are borrowed from `ret_texts`, which history_done() frees. */
struct history_texts {
        struct json **items;
        size_t n;
};
int history_read(const struct histories *h, const char *sandbox, uint64_t after, struct arena *a,
                 struct sandbox_logs_result *ret, struct history_texts *ret_texts, struct error *e);
void history_done(struct history_texts *t);

size_t histories_bytes(const struct histories *h);
uint64_t histories_dropped(const struct histories *h);
/* The newest of those that have ended, up to `max`. */
int histories_ended(const struct histories *h, size_t max, struct arena *a, struct list *ret);
