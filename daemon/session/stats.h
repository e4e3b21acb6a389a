/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a session counts. On the way of a request it is an increment of one of these and nothing
 * else; names, labels and sums are made when somebody asks (stats.c).
 */
#pragma once

#include "../../policy/error.h"
#include "../../policy/policy.h"
#include "../../proto/method.h"
#include "../../proto/shapes.h"

enum { /* where a denial was learned from; as leash.info's denial_sources */
       SOURCE_NOTIFY = 0,
       SOURCE_GATE,
       SOURCE_AUDIT,
       SOURCE_N_
};

/* How a command ended: enum exit_reason, but an exit by itself is told apart by its code, and one
 * may never have started. */
enum { END_NONZERO = REASON_N_, END_NOT_STARTED, END_N_ };

/* Fields of a policy that a denial may name: those of its sections, and one for all else. */
#define STATS_FIELDS_MAX 96

#define HISTOGRAM_BUCKETS 13
struct histogram {
        uint64_t buckets[HISTOGRAM_BUCKETS + 1]; /* each by itself; the last has no end */
        double sum;
};
void histogram_add(struct histogram *h, double seconds);

struct stats {
        double since, started;                /* clock_monotonic(), clock_wall() */
        uint64_t sandboxes_created[LEVEL_N_]; /* asked for, and begun */
        uint64_t sandboxes_failed[LEVEL_N_];  /* [0]: no plan could be made */
        struct histogram sandbox_start;       /* from the request to ready */
        struct histogram command_start;       /* from the request to running */
        uint64_t commands_started, commands_ended[END_N_];
        uint64_t denials[SOURCE_N_][STATS_FIELDS_MAX + 1]; /* last: no field is known */
        uint64_t connections[2], bytes_in, bytes_out;      /* of sandboxes; [1]: allowed */
        uint64_t host_commands, host_commands_failed;
        uint64_t trusted_files;
        uint64_t requests[METHOD_N_ + 1]; /* last: methods that there are not */
        uint64_t errors[METHOD_N_ + 1][ERROR_N_];
        uint64_t clients, clients_dropped; /* dropped: they did not read their notifications */
        uint64_t gate_starts, gate_events_lost;
};

static inline void stats_error(struct stats *st, unsigned method, enum error_code code) {
        st->errors[method < METHOD_N_ ? method : METHOD_N_][code < ERROR_N_ ? code : 0]++;
}
/* `field`: a pointer into the policy as "/filesystem/deny/3", from whoever refused; or NULL. */
void stats_denial(struct stats *st, unsigned source, const char *field, uint64_t count);

struct session;
int stats_list(struct session *s, struct arena *a, struct list *ret); /* of metric; -ENOMEM */
