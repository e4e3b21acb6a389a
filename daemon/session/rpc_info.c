/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leash.info and rpc.discover: what this daemon and this host can do. */
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "place.h"
#include "scope.h"
#include "session.h"

static const struct {
        size_t offset;
        const char *name, *good;
} fact_rows[] = {
#define FACT_ROW(member, text, good_for) { offsetof(struct facts, member), text, good_for },
        FACT_LIST(FACT_ROW)
#undef FACT_ROW
};

static int list_mechanisms(const struct facts *f, struct arena *a, struct list *ret) {
        struct info_mechanism *rows = arena_array(a, ELEMENTSOF(fact_rows), sizeof *rows);
        if (!rows)
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(fact_rows); i++) {
                rows[i].name = fact_rows[i].name;
                rows[i].good_for = fact_rows[i].good;
                rows[i].available = *(const bool *) ((const char *) f + fact_rows[i].offset);
        }
        *ret = (struct list){ rows, ELEMENTSOF(fact_rows), true };
        return 0;
}

/* What a default policy would lose here: compile it with every loss accepted, and look. */
static int list_losses(struct session *s, struct arena *a, struct leash_info_result *ret,
                       struct error *e) {
        struct policy accept_all = { 0 };
        struct place place;

        for (int i = 0; i < LOSS_N_; i++)
                if (!arena_push(a, &accept_all.accept, losses[i].name))
                        return error_nomem(e);
        int r = place_compile(s, &(struct layers){ .policy = &accept_all }, NULL, false, &place, e);
        if (r < 0)
                return r;
        struct info_loss *rows = arena_array(a, LOSS_N_, sizeof *rows);
        for (int i = 0; rows && i < LOSS_N_; i++)
                if (place.plan->lost[i])
                        rows[ret->losses.n++] =
                                (struct info_loss){ losses[i].name, losses[i].guarantee };
        ret->losses.items = rows;
        ret->losses.set = true;
        ret->tier = place.plan->native ? "native" : "namespaces";
        place_done(s, &place, false, NULL);
        return rows ? 0 : error_nomem(e);
}

void info_enforcement(struct session *s, struct arena *a, struct leash_info_result *ret) {
        struct error why = ERROR_NULL;

        const char *groups = s->facts.cgroup_reason[0] ? s->facts.cgroup_reason : NULL;

        ret->reason = s->facts.reason[0] ? s->facts.reason : groups;
        ret->cgroup_reason = groups;
        /* A host that cannot run even that is told about, not refused: this call is how one finds
         * out. */
        if (list_losses(s, a, ret, &why) < 0) {
                ret->tier = "none";
                ret->reason = arena_strdup(a, why.message);
                ret->losses.set = true;
        }
        ret->denial_sources.set = true;
        if (s->facts.seccomp_notify && strcmp(s->facts.platform, "linux") == 0)
                (void) arena_push(a, &ret->denial_sources, "notify");
        if (s->facts.audit)
                (void) arena_push(a, &ret->denial_sources, "audit");
}

int rpc_leash_info(struct request *rq, struct error *e) {
        struct session *s = rq->session;
        const struct facts *f = &s->facts;
        scope_ensure(s); /* who asks what can be had shall hear of it */
        struct leash_info_result r = {
                .version = LEASH_VERSION,
                .mode = s->system ? "system" : "user",
                .platform = f->platform,
                .kernel = f->kernel,
                .machine = f->machine,
                .backend = s->backend->name,
                .socket = s->socket_path,
                .uid = s->user.uid,
                .pid = (uint64_t) getpid(),
                .sandboxes = s->n_sandboxes,
                .connections = s->n_peers,
                .prepared = s->prepared,
                .landlock_abi = f->landlock_abi,
        };

        if (list_mechanisms(f, rq->arena, &r.mechanisms) < 0)
                return error_nomem(e);
        info_enforcement(s, rq->arena, &r);
        if (strcmp(f->platform, "linux") == 0)
                r.audit = audit_state_word(s);
        request_reply(rq, &r);
        return 0;
}

int rpc_rpc_discover(struct request *rq, struct error *e) {
        _cleanup_(json_unrefp) struct json *document = method_openrpc();
        if (!document)
                return error_nomem(e);
        request_reply_json(rq, document);
        return 0;
}
