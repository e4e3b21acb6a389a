/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sandbox.*: every connection of the user sees and may end every sandbox of the user (decision 3).
 */
#include <errno.h>
#include <string.h>

#include "history.h"
#include "sandbox.h"
#include "venv.h"

int rpc_sandbox_create(struct request *rq, struct error *e) {
        const struct sandbox_create_params *p = rq->params;
        const struct sandbox_wish wish = { .layers = LAYERS(p),
                                           .name = p->name,
                                           .lifetime = p->lifetime,
                                           .keep_workdir = p->keep_workdir };
        struct sandbox *sb;

        int r = venv_need(rq, &wish.layers, e);
        if (r != 0)
                return r < 0 ? r : 0;
        r = sandbox_new(rq->session, rq->peer, &wish, rq->arena, &sb, e);
        if (r < 0)
                return r;
        rq->arena = NULL; /* the plan borrows from it: it is the sandbox's now */
        sb->creating = rq;
        return 0;
}

int rpc_sandbox_list(struct request *rq, struct error *e) {
        struct sandbox_list_result r = { .sandboxes = { .set = true } };
        struct sandbox *sb;
        size_t n = 0;

        struct sandbox_info *rows =
                arena_array(rq->arena, rq->session->n_sandboxes + 1, sizeof *rows);
        if (!rows)
                return error_nomem(e);
        LIST_FOREACH(sb, &rq->session->sandboxes, link)
                sandbox_describe(sb, rq->peer, rq->arena, &rows[n++]);
        r.sandboxes.items = rows;
        r.sandboxes.n = n;
        request_reply(rq, &r);
        return 0;
}

int rpc_sandbox_get(struct request *rq, struct error *e) {
        const struct sandbox_params *p = rq->params;
        struct sandbox_info info;
        const struct sandbox *sb = sandbox_find(rq->session, p->sandbox, e);
        if (!sb)
                return -ENOENT;
        sandbox_describe(sb, rq->peer, rq->arena, &info);
        request_reply(rq, &info);
        return 0;
}

int rpc_sandbox_destroy(struct request *rq, struct error *e) {
        const struct sandbox_destroy_params *p = rq->params;
        struct sandbox *sb = sandbox_find(rq->session, p->sandbox, e);
        if (!sb)
                return -ENOENT;
        sb->keep_workdir = sb->keep_workdir || p->keep_workdir;
        sb->why = "a client asked for it";
        sandbox_free(sb, rq);
        return 0;
}

int rpc_sandbox_logs(struct request *rq, struct error *e) {
        const struct sandbox_logs_params *p = rq->params;
        struct sandbox_logs_result r = { 0 };
        struct history_texts texts = { 0 };

        int n = history_read(rq->session->histories, p->sandbox, p->after, rq->arena, &r, &texts,
                             e);
        if (n < 0)
                return n;
        request_reply(rq, &r);
        history_done(&texts);
        return 0;
}
