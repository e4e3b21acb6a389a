/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ipc.*: host commands belong to the connection that made the sandbox (decision 3). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc.h"

static struct sandbox *find_own(struct request *rq, const char *id, struct error *e) {
        struct sandbox *sb = sandbox_find(rq->session, id, e);
        if (sb && sb->owner != rq->peer) {
                int r = error_set(e, ERROR_REFUSED, EPERM,
                                  "only the connection that made a sandbox may offer it commands");
                (void) error_under(e, "/sandbox", r);
                sb = NULL;
        }
        return sb;
}

int rpc_ipc_register(struct request *rq, struct error *e) {
        const struct ipc_register_params *p = rq->params;
        const struct ipc_command *commands = p->commands.items;
        struct sandbox *sb = find_own(rq, p->sandbox, e);
        struct ipc *ipc;
        char where[48];
        size_t n = 0;

        if (!sb)
                return -ENOENT;
        int r = ipc_open(sb, &ipc, e);
        if (r < 0)
                return r;
        for (; n < p->commands.n && r >= 0; n += r >= 0)
                r = ipc_add(ipc, &commands[n], e);
        if (r < 0) {
                snprintf(where, sizeof where, "/commands/%zu", n);
                while (n > 0)
                        ipc_remove(ipc, ipc_find(ipc, commands[--n].name));
                return error_under(e, where, r);
        }
        struct ipc_register_result result = {
                .directory = arena_printf(rq->arena, "%s/bin", sb->place.subject.ipc_dir),
                .socket = arena_printf(rq->arena, "%s/socket", sb->place.subject.ipc_dir),
        };
        if (!result.directory || !result.socket)
                return error_nomem(e);
        request_reply(rq, &result);
        return 0;
}

int rpc_ipc_unregister(struct request *rq, struct error *e) {
        const struct ipc_unregister_params *p = rq->params;
        struct sandbox *sb = find_own(rq, p->sandbox, e);
        char where[32];

        if (!sb)
                return -ENOENT;
        for (size_t i = 0; i < p->names.n; i++)
                if (!sb->ipc || !ipc_find(sb->ipc, p->names.items[i])) {
                        snprintf(where, sizeof where, "/names/%zu", i);
                        return error_field(e, where, "\"%.64s\" is not registered",
                                           p->names.items[i]);
                }
        for (size_t i = 0; i < p->names.n; i++) {
                struct ipc_entry *x = ipc_find(sb->ipc, p->names.items[i]);
                if (x) /* a name may be given twice */
                        ipc_remove(sb->ipc, x);
        }
        request_reply(rq, NULL);
        return 0;
}

int rpc_ipc_output(struct request *rq, struct error *e) {
        const struct ipc_output_params *p = rq->params;
        struct ipc_call *x = ipc_call_by_name(rq->session, rq->peer, p->call);
        if (!x)
                return error_set(e, ERROR_NOT_FOUND, ENOENT,
                                 "there is no call %.32s, or it has been answered or cancelled",
                                 p->call);
        return ipc_call_output(x, rq, p, e);
}
