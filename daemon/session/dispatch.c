/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A line becomes a request, a request finds its handler by the method's number, an answer becomes a
 * line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/socket.h"
#include "session.h"
#include "quota.h"

static const handler_fn handlers[METHOD_N_] = {
        [METHOD_LEASH_INFO] = rpc_leash_info,
        [METHOD_LEASH_STATUS] = rpc_leash_status,
        [METHOD_LEASH_STATS] = rpc_leash_stats,
        [METHOD_LEASH_USERS] = rpc_leash_users,
        [METHOD_RPC_DISCOVER] = rpc_rpc_discover,
        [METHOD_SANDBOX_CREATE] = rpc_sandbox_create,
        [METHOD_SANDBOX_LIST] = rpc_sandbox_list,
        [METHOD_SANDBOX_GET] = rpc_sandbox_get,
        [METHOD_SANDBOX_DESTROY] = rpc_sandbox_destroy,
        [METHOD_SANDBOX_LOGS] = rpc_sandbox_logs,
        [METHOD_PROCESS_RUN] = rpc_process_run,
        [METHOD_PROCESS_START] = rpc_process_start,
        [METHOD_PROCESS_WRITE] = rpc_process_write,
        [METHOD_PROCESS_RESIZE] = rpc_process_resize,
        [METHOD_PROCESS_SIGNAL] = rpc_process_signal,
        [METHOD_PROCESS_WAIT] = rpc_process_wait,
        [METHOD_PROCESS_LIST] = rpc_process_list,
        [METHOD_POLICY_CHECK] = rpc_policy_check,
        [METHOD_POLICY_EXPLAIN] = rpc_policy_explain,
        [METHOD_EVENTS_SUBSCRIBE] = rpc_events_subscribe,
        [METHOD_IPC_REGISTER] = rpc_ipc_register,
        [METHOD_IPC_UNREGISTER] = rpc_ipc_unregister,
        [METHOD_IPC_OUTPUT] = rpc_ipc_output,
        [METHOD_PYTHON_CREATE_VENV] = rpc_python_create_venv,
        [METHOD_PYTHON_LIST_VENVS] = rpc_python_list_venvs,
        [METHOD_PYTHON_REMOVE_VENV] = rpc_python_remove_venv,
        [METHOD_PYTHON_RUN] = rpc_python_run,
        [METHOD_PYTHON_SESSION_START] = rpc_python_session_start,
        [METHOD_PYTHON_SESSION_RUN] = rpc_python_session_run,
        [METHOD_PYTHON_SESSION_INTERRUPT] = rpc_python_session_interrupt,
        [METHOD_PYTHON_SESSION_RESET] = rpc_python_session_reset,
        [METHOD_PYTHON_SESSION_CLOSE] = rpc_python_session_close,
};

static void request_free(struct request *rq) {
        if (rq->peer) {
                LIST_REMOVE(rq, link);
                rq->peer->n_requests--;
        }
        rq->session->n_requests--;
        fds_close(rq->fds, rq->n_fds);
        rq->arena = arena_free(rq->arena);
        free(rq->id);
        free(rq);
}

static bool wants_answer(const struct request *rq) {
        return rq->peer && !rq->peer->dead && rq->id;
}

static void send_error(struct peer *p, const char *id, const struct error *e) {
        size_t len;
        char *line = rpc_format_error(id, e, &len);
        peer_send(p, line, len, NULL, 0);
}

void request_fail(struct request *rq, const struct error *e) {
        if (rq->peer)
                stats_error(&rq->session->stats, rq->method, e->code);
        if (wants_answer(rq))
                send_error(rq->peer, rq->id, e);
        request_free(rq);
}

static void reply(struct request *rq, struct json *result, const int *fds, size_t n_fds) {
        if (wants_answer(rq)) {
                size_t len;
                char *line = rpc_format_result(rq->id, result, &len);
                peer_send(rq->peer, line, len, fds, n_fds);
        }
        request_free(rq);
}

void request_reply_fds(struct request *rq, const void *result, const int *fds, size_t n_fds) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        if (result && wants_answer(rq) &&
            shape_encode(methods[rq->method].result, result, &j, &e) < 0) {
                request_fail(rq, &e);
                return;
        }
        reply(rq, j, fds, n_fds);
}

void request_reply(struct request *rq, const void *result) {
        request_reply_fds(rq, result, NULL, 0);
}

void request_reply_json(struct request *rq, struct json *result) {
        reply(rq, result, NULL, 0);
}

static int find_method(const char *name, struct error *e) {
        int m = method_find(name);
        if (m >= 0)
                return m;
        for (size_t i = 0; methods_planned[i]; i++)
                if (strcmp(methods_planned[i], name) == 0)
                        return error_set(e, ERROR_UNSUPPORTED, ENOSYS, "%s is not built yet", name);
        return error_set(e, ERROR_METHOD, ENOSYS,
                         "there is no such method; rpc.discover lists them");
}

static int handle(struct request *rq, const struct rpc_message *m, struct error *e) {
        int id = find_method(m->method, e);
        rq->session->stats.requests[id < 0 ? METHOD_N_ : id]++;
        if (id < 0)
                return id;
        const struct method *method = &methods[id];
        rq->method = (enum method_id) id;
        if (rq->n_fds > 0 && !(method->flags & METHOD_TAKES_FDS))
                return error_set(e, ERROR_PARAMS, 0, "%s takes no descriptors", method->name);
        rq->arena = arena_new();
        if (!rq->arena)
                return error_nomem(e);
        if (method->params) {
                rq->params = arena_alloc(rq->arena, method->params->size);
                if (!rq->params)
                        return error_nomem(e);
                int r = shape_decode(method->params, m->params, rq->arena, rq->params, e);
                if (r < 0)
                        return r;
        }
        return handlers[id](rq, e);
}

void request_again(struct request *rq) {
        struct error e = ERROR_NULL;
        if (handlers[rq->method](rq, &e) < 0)
                request_fail(rq, &e);
}

void dispatch_line(struct peer *p, struct frame_line *line) {
        struct rpc_message m = { 0 };
        struct error e = ERROR_NULL;
        int r = rpc_parse(line->text, line->len, &m, &e);
        bool ours = r >= 0 && (m.kind == RPC_RESULT || m.kind == RPC_ERROR);

        struct request *rq = r < 0 || ours ? NULL : calloc(1, sizeof *rq);
        if (!rq) {
                if (ours)
                        call_answered(p, &m);
                else if (r >= 0)
                        r = error_nomem(&e);
                if (r < 0)
                        send_error(p, m.id, &e);
                fds_close(line->fds, line->n_fds);
                rpc_message_done(&m);
                return;
        }
        rq->session = p->session;
        rq->peer = p;
        rq->id = TAKE(m.id);
        rq->method = METHOD_N_; /* until it is known */
        memcpy(rq->fds, line->fds, line->n_fds * sizeof(int));
        rq->n_fds = line->n_fds;
        LIST_INSERT_HEAD(&p->requests, rq, link);
        p->n_requests++;
        p->session->n_requests++;
        if (p->n_requests > LIMIT_REQUESTS_IN_FLIGHT)
                r = error_set(&e, ERROR_LIMIT, EAGAIN, "%u requests wait for an answer already",
                              LIMIT_REQUESTS_IN_FLIGHT);
        else if ((r = quota_check(p->session, QUOTA_REQUESTS, 0, &e)) >= 0)
                r = handle(rq, &m, &e);
        if (r < 0)
                request_fail(rq, &e);
        rpc_message_done(&m);
}
