/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What operators ask for, field by field: how things stand, and what was counted. */
#include "row.h"

const char *const metric_kind_names[METRIC_KIND_N_] = { NULL, "counter", "gauge", "histogram" };

static const struct field ended_sandbox_fields[] = {
#define T struct ended_sandbox
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "Its id, for sandbox.logs."),
        FIELD_NUMBER(T, ended, "ended", FIELD_REQUIRED, "When, in seconds since 1970."),
#undef T
};
SHAPE(ended_sandbox, "EndedSandbox", 0, "A sandbox that is gone.");

static const struct field status_limit_fields[] = {
#define T struct status_limit
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, 0, "What is limited."),
        FIELD_UINT(T, used, "used", FIELD_REQUIRED, 0, 0, "How much of it is used."),
        FIELD_UINT(T, limit, "limit", FIELD_REQUIRED, 0, 0,
                   "How much there may be; 0 is no limit."),
        FIELD_STRING(T, source, "source", FIELD_REQUIRED, 0,
                     "Who says so: \"built-in\", \"administrator\" (/etc/leash/leashd.json) or "
                     "\"control group\"."),
#undef T
};
SHAPE(status_limit, "StatusLimit", 0, "A limit of a user's session, and what is used of it.");

static const struct field leash_status_result_fields[] = {
#define T struct leash_status_result
        FIELD_STRING(T, version, "version", FIELD_REQUIRED, 0, "leash's version."),
        FIELD_STRING(T, mode, "mode", FIELD_REQUIRED, 0,
                     "\"system\": one daemon for all users; \"user\": one of the caller's own."),
        FIELD_STRING(T, socket, "socket", 0, 0, "The socket that the daemon listens on."),
        FIELD_UINT(T, uid, "uid", FIELD_REQUIRED, 0, 0, "The user whose session answers."),
        FIELD_UINT(T, pid, "pid", FIELD_REQUIRED, 0, 0, "The session's process id."),
        FIELD_UINT(T, daemon_pid, "daemon_pid", 0, 0, 0,
                   "leashd's process id, in user mode; in system mode the service manager has it."),
        FIELD_NUMBER(T, uptime_seconds, "uptime_seconds", FIELD_REQUIRED,
                     "For how long the session has been running."),
        FIELD_STRING(T, tier, "tier", FIELD_REQUIRED, 0,
                     "\"namespaces\", \"native\" where there are none, or \"none\": a default "
                     "policy cannot be enforced here."),
        FIELD_STRING(T, reason, "reason", 0, 0, "Why the first missing mechanism is missing."),
        FIELD_INT(T, landlock_abi, "landlock_abi", FIELD_REQUIRED, 0, 0,
                  "Version of Landlock; 0 is none, -1 is switched off at boot."),
        FIELD_STRING(T, cgroup, "cgroup", 0, 0,
                     "The control group that sandboxes' own groups are made in; absent: none."),
        FIELD_STRINGS(T, losses, "losses", FIELD_REQUIRED, 0,
                      "What a default policy would have to accept here."),
        FIELD_STRINGS(T, denial_sources, "denial_sources", FIELD_REQUIRED, 0,
                      "Where denials are learned from, as in leash.info."),
        FIELD_LIST(T, sandboxes, "sandboxes", FIELD_REQUIRED, sandbox_info,
                   "All sandboxes of this user."),
        FIELD_LIST(T, ended, "ended", FIELD_REQUIRED, ended_sandbox,
                   "The last ones that have ended, the newest first."),
        FIELD_LIST(T, limits, "limits", FIELD_REQUIRED, status_limit,
                   "Limits of this user's session."),
        FIELD_BOOL(T, admin_broken, "admin_broken", 0,
                   "The administrator's configuration cannot be used, and so nothing is made."),
        FIELD_OPTIONAL(T, admin, "admin", 0, admin_config,
                       "The administrator's configuration; absent: there is none."),
#undef T
};
SHAPE(leash_status_result, "LeashStatusResult", 0, "Result of leash.status.");

static const struct field metric_bucket_fields[] = {
#define T struct metric_bucket
        FIELD_NUMBER(T, le, "le", FIELD_REQUIRED, "The bucket's upper end."),
        FIELD_UINT(T, count, "count", FIELD_REQUIRED, 0, 0,
                   "How many were not above it, those of lower buckets included."),
#undef T
};
SHAPE(metric_bucket, "MetricBucket", 0, "A bucket of a histogram.");

static const struct field metric_sample_fields[] = {
#define T struct metric_sample
        FIELD_PAIRS(T, labels, "labels", 0, 0, "What tells it from other samples of the metric."),
        FIELD_NUMBER(T, value, "value", FIELD_REQUIRED,
                     "The value; of a histogram, how many there were."),
        FIELD_NUMBER(T, sum, "sum", 0, "Of a histogram: the sum of all of them."),
        FIELD_LIST(T, buckets, "buckets", 0, metric_bucket,
                   "Of a histogram: its buckets, but the one without an end."),
#undef T
};
SHAPE(metric_sample, "MetricSample", 0, "One value of a metric.");

static const struct field metric_fields[] = {
#define T struct metric
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, 0, "Its name, as Prometheus knows it."),
        FIELD_ENUM(T, kind, "kind", FIELD_REQUIRED, metric_kind_names,
                   "counter: only ever grows; gauge: as it is now; histogram: a distribution."),
        FIELD_STRING(T, help, "help", FIELD_REQUIRED, 0, "What it counts."),
        FIELD_LIST(T, samples, "samples", FIELD_REQUIRED, metric_sample, "Its values."),
#undef T
};
SHAPE(metric, "Metric", 0, "Something that is counted or measured.");

static const struct field leash_stats_result_fields[] = {
#define T struct leash_stats_result
        FIELD_UINT(T, uid, "uid", FIELD_REQUIRED, 0, 0, "The user whose session this is about."),
        FIELD_LIST(T, metrics, "metrics", FIELD_REQUIRED, metric,
                   "Counted since the session started."),
#undef T
};
SHAPE(leash_stats_result, "LeashStatsResult", 0, "Result of leash.stats.");

static const struct field user_use_fields[] = {
#define T struct user_use
        FIELD_UINT(T, uid, "uid", FIELD_REQUIRED, 0, 0, "The user."),
        FIELD_UINT(T, sessions, "sessions", FIELD_REQUIRED, 0, 0,
                   "His sessions: one for each set of groups that he calls with."),
        FIELD_UINT(T, connections, "connections", FIELD_REQUIRED, 0, 0,
                   "Connections, as his sessions say."),
        FIELD_UINT(T, sandboxes, "sandboxes", FIELD_REQUIRED, 0, 0,
                   "Sandboxes, as his sessions say."),
        FIELD_UINT(T, memory_bytes, "memory_bytes", 0, 0, 0,
                   "Memory of all that he runs, where control groups count."),
        FIELD_UINT(T, memory_max, "memory_max", 0, 0, 0,
                   "The most of that; absent: no total is set for users."),
        FIELD_UINT(T, processes, "processes", 0, 0, 0,
                   "Processes and threads of all that he runs, where control groups count."),
        FIELD_UINT(T, processes_max, "processes_max", 0, 0, 0,
                   "The most of those; absent: no total is set for users."),
#undef T
};
SHAPE(user_use, "UserUse", 0, "What a user has and takes.");

static const struct field leash_users_result_fields[] = {
#define T struct leash_users_result
        FIELD_LIST(T, users, "users", FIELD_REQUIRED, user_use, "Users that have a session."),
        FIELD_BOOL(T, partial, "partial", 0, "There may be more: leashd was too busy."),
#undef T
};
SHAPE(leash_users_result, "LeashUsersResult", 0, "Result of leash.users.");
