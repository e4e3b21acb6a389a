/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash.status and leash.stats: what an operator asks first. Both speak of the caller's own
 * session: what other users do is theirs, and root asks through the journal or as each of them.
 */
#include <string.h>
#include <unistd.h>

#include "history.h"
#include "place.h"
#include "quota.h"
#include "sandbox.h"

#define ENDED_SHOWN 8

static int list_sandboxes(struct request *rq, struct list *ret) {
        const struct session *s = rq->session;
        struct sandbox_info *rows = arena_array(rq->arena, s->n_sandboxes + 1, sizeof *rows);
        const struct sandbox *sb;
        size_t n = 0;

        if (!rows)
                return -1;
        LIST_FOREACH(sb, &s->sandboxes, link)
                sandbox_describe(sb, rq->peer, rq->arena, &rows[n++]);
        *ret = (struct list){ rows, n, true };
        return 0;
}

/* What holds is read from the control groups, where the service manager's own settings are, too. */
static const char *says_it(uint64_t administrators, const struct engine_total *t) {
        return t->max > 0 && administrators == t->max ? "administrator" : "control group";
}

static int list_limits(struct request *rq, struct list *ret) {
        const struct session *s = rq->session;
        const char *built_in = "built-in", *administrator = "administrator";
        const struct status_limit limits[] = {
                { "captured output, bytes", built_in, s->captured_bytes, LIMIT_CAPTURED_BYTES },
                { "waiting input, bytes", built_in, s->input_bytes, LIMIT_INPUT_BYTES },
                { "history, bytes", built_in, histories_bytes(s->histories),
                  LIMIT_HISTORIES_BYTES },
        };
        const size_t max = QUOTA_N_ + ELEMENTSOF(limits) + 2;
        struct status_limit *rows = arena_array(rq->arena, max, sizeof *rows);
        const struct user_limits *u = &s->admin.config.users;
        struct engine_totals t;
        size_t n = QUOTA_N_;

        if (!rows)
                return -1;
        quota_totals(s, &t);
        for (enum quota q = 0; q < QUOTA_N_; q++)
                rows[q] = (struct status_limit){ quota_name(q),
                                                 quota_is_admins(s, q) ? administrator : built_in,
                                                 quota_used(s, q), quota_max(s, q) };
        if (t.memory_bytes.counted)
                rows[n++] = (struct status_limit){
                        "memory of all sandboxes, bytes",
                        says_it(u->memory_bytes, &t.memory_bytes),
                        t.memory_bytes.used,
                        t.memory_bytes.max,
                };
        if (t.processes.counted)
                rows[n++] = (struct status_limit){
                        "processes of all sandboxes",
                        says_it(u->processes, &t.processes),
                        t.processes.used,
                        t.processes.max,
                };
        memcpy(rows + n, limits, sizeof limits);
        *ret = (struct list){ rows, n + ELEMENTSOF(limits), true };
        return 0;
}

int rpc_leash_status(struct request *rq, struct error *e) {
        struct session *s = rq->session;
        const struct facts *f = &s->facts;
        struct leash_info_result info = { 0 };
        struct leash_status_result r = {
                .version = LEASH_VERSION,
                .mode = s->system ? "system" : "user",
                .socket = s->socket_path,
                .uid = s->user.uid,
                .pid = (uint64_t) getpid(),
                /* In user mode leashd is what started us, and we end with it. */
                .daemon_pid = s->system ? 0 : (uint64_t) getppid(),
                .landlock_abi = f->landlock_abi,
                .cgroup = f->cgroup_path[0] ? f->cgroup_path : NULL,
                .uptime_seconds = clock_monotonic() - s->stats.since,
                .losses = { .set = true },
                .admin_broken = s->admin.broken,
                .admin = s->admin.arena ? &s->admin.config : NULL,
        };

        info_enforcement(s, rq->arena, &info);
        const struct info_loss *lost = info.losses.items;
        for (size_t i = 0; i < info.losses.n; i++)
                if (!arena_push(rq->arena, &r.losses, lost[i].name))
                        return error_nomem(e);
        r.tier = info.tier;
        r.reason = info.reason;
        r.denial_sources = info.denial_sources;
        if (histories_ended(s->histories, ENDED_SHOWN, rq->arena, &r.ended) < 0 ||
            list_sandboxes(rq, &r.sandboxes) < 0 || list_limits(rq, &r.limits) < 0)
                return error_nomem(e);
        request_reply(rq, &r);
        return 0;
}

int rpc_leash_stats(struct request *rq, struct error *e) {
        struct leash_stats_result r = { .uid = rq->session->user.uid };
        if (stats_list(rq->session, rq->arena, &r.metrics) < 0)
                return error_nomem(e);
        request_reply(rq, &r);
        return 0;
}
