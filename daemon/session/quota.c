/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "quota.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "admin.h"

static const struct {
        const char *name, *field;
        size_t offset; /* in struct user_limits */
        uint64_t built_in;
} rows[QUOTA_N_] = {
#define ROW(q, member, name, max) \
        [q] = { name, "/users/" #member, offsetof(struct user_limits, member), max }
        ROW(QUOTA_CONNECTIONS, connections, "connections", LIMIT_CONNECTIONS),
        ROW(QUOTA_SANDBOXES, sandboxes, "sandboxes", LIMIT_SANDBOXES),
        ROW(QUOTA_REQUESTS, requests, "requests in flight", LIMIT_REQUESTS),
        ROW(QUOTA_BUFFER_BYTES, buffer_bytes, "buffers, bytes", LIMIT_BUFFER_BYTES),
#undef ROW
};

static uint64_t admins(const struct session *s, enum quota q) {
        return *(const uint64_t *) ((const char *) &s->admin.config.users + rows[q].offset);
}

const char *quota_name(enum quota q) {
        return rows[q].name;
}

uint64_t quota_used(const struct session *s, enum quota q) {
        switch (q) {
        case QUOTA_CONNECTIONS:
                return s->n_peers;
        case QUOTA_SANDBOXES:
                return s->n_sandboxes;
        case QUOTA_REQUESTS:
                return s->n_requests;
        default: /* QUOTA_BUFFER_BYTES */
                return s->captured_bytes + s->input_bytes + s->out_bytes;
        }
}

uint64_t quota_max(const struct session *s, enum quota q) {
        return admins(s, q) ?: rows[q].built_in;
}

bool quota_is_admins(const struct session *s, enum quota q) {
        return admins(s, q) != 0;
}

bool quota_allows(const struct session *s, enum quota q, uint64_t more) {
        uint64_t used = quota_used(s, q), max = quota_max(s, q);

        return used <= max && more <= max - used;
}

int quota_check(const struct session *s, enum quota q, uint64_t more, struct error *e) {
        if (quota_allows(s, q, more))
                return 0;
        log_event(&s->log, LOG_WARN, LOG_LIMIT_REACHED, "a user has reached a limit",
                  LOG_STR("limit", rows[q].name), LOG_INT("uid", s->user.uid),
                  LOG_INT("most", (int64_t) quota_max(s, q)));
        return error_set(e, ERROR_LIMIT, EAGAIN,
                         "too many %s: there are %" PRIu64 " of yours, and %" PRIu64
                         " is the most that one user may have (%s%s)",
                         rows[q].name, quota_used(s, q), quota_max(s, q),
                         admins(s, q) ? rows[q].field : "built-in",
                         admins(s, q) ? " in " ADMIN_CONFIG : "");
}

void quota_totals(const struct session *s, struct engine_totals *ret) {
        *ret = (struct engine_totals){ 0 };
        if (s->backend->engine_totals)
                s->backend->engine_totals(s->engine, ret);
}

static int demand(const struct session *s, const char *field, uint64_t most,
                  const struct engine_total *t, struct error *e) {
        const struct strings *accepted = &s->admin.config.floor.accept;

        if (most == 0 || t->counted)
                return 0;
        for (size_t i = 0; i < accepted->n; i++)
                if (strcmp(accepted->items[i], losses[LOSS_NO_CGROUP].name) == 0)
                        return 0;
        return error_set(e, ERROR_REFUSED, EOPNOTSUPP,
                         "%s in " ADMIN_CONFIG " cannot be held here: no control group counts "
                         "what all sandboxes of one user take. To do without: \"no_cgroup\" in "
                         "/floor/accept",
                         field);
}

int quota_totals_check(const struct session *s, struct error *e) {
        const struct user_limits *u = &s->admin.config.users;
        struct engine_totals t;

        if (u->memory_bytes == 0 && u->processes == 0)
                return 0;
        quota_totals(s, &t);
        int r = demand(s, "/users/memory_bytes", u->memory_bytes, &t.memory_bytes, e);
        return r < 0 ? r : demand(s, "/users/processes", u->processes, &t.processes, e);
}
