/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* policy.check and policy.explain: answered from the same plan that would be, or is, enforced. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../policy/path.h"
#include "paths.h"
#include "sandbox.h"

static const char *const verdict_names[] = {
        [VERDICT_DENY] = "deny",
        [VERDICT_ALLOW] = "allow",
        [VERDICT_ASK] = "ask",
};

/* The place of an existing sandbox, or one of its own that `made` holds. */
static int find_place(struct request *rq, const char *sandbox, const struct layers *layers,
                      struct place *made, const struct place **ret, struct error *e) {
        if (sandbox) {
                if (layers->policy || layers->profile || layers->overrides)
                        return error_field(e, "/sandbox", "give a sandbox or a policy, not both");
                const struct sandbox *sb = sandbox_find(rq->session, sandbox, e);
                if (!sb)
                        return -ENOENT;
                *ret = &sb->place;
                return 0;
        }
        *ret = made;
        return place_compile(rq->session, layers, NULL, false, made, e);
}

static int check_path(const struct place *place, struct arena *a, const struct check_query *q,
                      struct decision *d, const char **ret, struct error *e) {
        enum access_kind access = q->access == ACCESS_WRITE_     ? ACCESS_WRITE
                                  : q->access == ACCESS_EXECUTE_ ? ACCESS_EXECUTE
                                                                 : ACCESS_READ;
        int r = path_check(q->path, false, "/path", e);
        if (r < 0)
                return r;
        char *path = path_expand(a, q->path, place->subject.home, place->subject.workdir);
        if (!path)
                return error_nomem(e);
        r = path_canonical(a, path, ret, e);
        if (r >= 0)
                plan_decide_path(place->plan, *ret, access, d);
        return r;
}

static uint64_t query_port(const struct check_query *q) {
        return q->port > 0 ? q->port : 443;
}

static int check_host(const struct place *place, const struct check_query *q, struct decision *d,
                      struct host *host, struct error *e) {
        int r = host_parse(q->host, strlen(q->host), host, e);
        if (r < 0)
                return error_under(e, "/host", r);
        network_decide(&place->plan->network, host, (uint16_t) query_port(q), d);
        return 0;
}

static int check_one(const struct place *place, struct arena *a, const struct check_query *q,
                     struct check_verdict *ret, struct error *e) {
        struct decision d = { 0 };
        struct host host;
        int r;

        if (!q->path == !q->host)
                return error_field(e, "", "a query has a path or a host");
        if (q->path) {
                r = check_path(place, a, q, &d, &ret->path, e);
        } else {
                r = check_host(place, q, &d, &host, e);
                ret->host = r < 0 ? NULL : arena_strdup(a, host.name);
                ret->port = query_port(q);
        }
        if (r < 0)
                return r;
        ret->verdict = verdict_names[d.verdict];
        ret->rule = d.rule;
        ret->field = d.field;
        ret->why = arena_strdup(a, d.why);
        return 0;
}

int rpc_policy_check(struct request *rq, struct error *e) {
        const struct policy_check_params *p = rq->params;
        const struct check_query *queries = p->queries.items;
        struct policy_check_result result = { 0 };
        struct session *s = rq->session; /* rq is gone once it is answered */
        struct place made = { 0 };
        const struct place *place = &made;
        char where[48];

        struct layers layers = LAYERS(p);
        layers.unseen = true; /* as process.run has it */
        int r = find_place(rq, p->sandbox, &layers, &made, &place, e);
        if (r < 0)
                return r;
        struct check_verdict *rows = arena_array(rq->arena, p->queries.n + 1, sizeof *rows);
        if (!rows)
                r = error_nomem(e);
        for (size_t i = 0; rows && r >= 0 && i < p->queries.n; i++) {
                r = check_one(place, rq->arena, &queries[i], &rows[i], e);
                snprintf(where, sizeof where, "/queries/%zu", i);
                (void) error_under(e, where, r);
        }
        if (r >= 0) {
                result.verdicts = (struct list){ rows, p->queries.n, true };
                request_reply(rq, &result);
        }
        if (place == &made)
                place_done(s, &made, false, NULL);
        return r;
}

int rpc_policy_explain(struct request *rq, struct error *e) {
        const struct policy_explain_params *p = rq->params;
        struct policy_explain_result result = { 0 };
        struct session *s = rq->session;
        struct place made = { 0 };
        const struct place *place = &made;

        struct layers layers = LAYERS(p);
        layers.unseen = true; /* as process.run has it */
        int r = find_place(rq, p->sandbox, &layers, &made, &place, e);
        if (r < 0)
                return r;
        result.text = plan_explain(rq->arena, &place->policy, place->plan);
        result.policy = place->policy;
        place_enforcement(s, place, rq->arena, &result.enforcement);
        if (result.text)
                request_reply(rq, &result);
        else
                r = error_nomem(e);
        if (place == &made)
                place_done(s, &made, false, NULL);
        return r;
}
