/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a sandbox may carry: connections at one time, bytes in sum, bytes per second. Only reading
 * is held back: what was read goes on, so the far end waits, not the gate's memory. What was moved
 * at once may exceed a moment's share and is paid for before the next read.
 */
#include <errno.h>
#include <stdio.h>

#include "gate.h"

#define SECOND 1000000u       /* µs */
#define BURST_MIN (64 * 1024) /* a slower sandbox than that still moves a page at a time */

/* A fifth of a second's worth may wait: what a person takes for even. */
static int64_t burst(const struct quota *q) {
        int64_t n = (int64_t) (q->rate / 5);
        return n > BURST_MIN ? n : BURST_MIN;
}

static void on_timer(struct gate *g, struct timer *t) {
        struct quota *q = OWNER(t, struct quota, timer);
        struct sandbox *sb = OWNER(q, struct sandbox, quota);
        struct conn *c, *next;
        for (c = TAILQ_FIRST(&sb->conns); c; c = next) {
                next = TAILQ_NEXT(c, link);
                if (q->used < q->bytes) {
                        conn_again(c);
                        continue;
                }
                if (c->open) {
                        (void) quota_admits(sb, &c->decision);
                        conn_event(c, false, 0);
                }
                conn_end(c, ECONNRESET);
        }
}

void quota_start(struct gate *g, struct quota *q) {
        q->tokens = burst(q);
        q->at = g->now;
        q->timer.fn = on_timer;
}

uint64_t quota_room(struct gate *g, struct quota *q) {
        uint64_t left = q->used < q->bytes ? q->bytes - q->used : 0;
        if (q->rate > 0 && left > 0) {
                /* Counted from `at`, not added up: shares of a byte are not lost. */
                uint64_t waited = g->now - q->at;
                if (waited > 10 * SECOND)
                        waited = 10 * SECOND;
                int64_t more = (int64_t) (waited * q->rate / SECOND);
                if (more > 0) {
                        q->tokens = q->tokens + more < burst(q) ? q->tokens + more : burst(q);
                        q->at = g->now;
                }
                left = q->tokens <= 0                ? 0
                       : (uint64_t) q->tokens < left ? (uint64_t) q->tokens
                                                     : left;
        }
        if (left == 0 && q->timer.due == 0)
                timer_set(g, &q->timer, TIMER_RATE);
        return left;
}

void quota_spend(struct gate *g, struct quota *q, uint64_t n) {
        q->used += n;
        if (q->rate > 0)
                q->tokens -= (int64_t) n;
        if (q->used >= q->bytes && q->timer.due == 0)
                timer_set(g, &q->timer, TIMER_RATE);
}

bool quota_admits(const struct sandbox *sb, struct decision *ret) {
        const struct quota *q = &sb->quota;
        const char *what = NULL;
        if (q->used >= q->bytes)
                what = "network_bytes";
        else if (sb->n_conns > q->connections)
                what = "connections";
        if (!what)
                return true;
        *ret = (struct decision){ .verdict = VERDICT_DENY };
        if (q->used >= q->bytes) {
                ret->rule = "limits.network_bytes";
                ret->field = "/limits/network_bytes";
                (void) snprintf(ret->why, sizeof(ret->why),
                                "The sandbox has carried the %llu bytes that limits.network_bytes "
                                "allows.",
                                (unsigned long long) q->bytes);
        } else {
                ret->rule = "limits.connections";
                ret->field = "/limits/connections";
                (void) snprintf(ret->why, sizeof(ret->why),
                                "The sandbox has the %llu connections that limits.connections "
                                "allows.",
                                (unsigned long long) q->connections);
        }
        return false;
}
