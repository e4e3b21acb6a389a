/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One row per method, notification and event; handlers are indexed by the same enum. */
#pragma once

#include "field.h"
#include "shapes.h"

enum method_id {
        METHOD_LEASH_INFO = 0,
        METHOD_LEASH_STATUS,
        METHOD_LEASH_STATS,
        METHOD_LEASH_USERS,
        METHOD_RPC_DISCOVER,
        METHOD_SANDBOX_CREATE,
        METHOD_SANDBOX_LIST,
        METHOD_SANDBOX_GET,
        METHOD_SANDBOX_DESTROY,
        METHOD_SANDBOX_LOGS,
        METHOD_PROCESS_RUN,
        METHOD_PROCESS_START,
        METHOD_PROCESS_WRITE,
        METHOD_PROCESS_RESIZE,
        METHOD_PROCESS_SIGNAL,
        METHOD_PROCESS_WAIT,
        METHOD_PROCESS_LIST,
        METHOD_POLICY_CHECK,
        METHOD_POLICY_EXPLAIN,
        METHOD_EVENTS_SUBSCRIBE,
        METHOD_IPC_REGISTER,
        METHOD_IPC_UNREGISTER,
        METHOD_IPC_OUTPUT,
        METHOD_PYTHON_CREATE_VENV,
        METHOD_PYTHON_LIST_VENVS,
        METHOD_PYTHON_REMOVE_VENV,
        METHOD_PYTHON_RUN,
        METHOD_PYTHON_SESSION_START,
        METHOD_PYTHON_SESSION_RUN,
        METHOD_PYTHON_SESSION_INTERRUPT,
        METHOD_PYTHON_SESSION_RESET,
        METHOD_PYTHON_SESSION_CLOSE,
        METHOD_N_,
};
/* Named by the contract, not built yet: calls get ERROR_UNSUPPORTED instead of method_not_found. */
extern const char *const methods_planned[]; /* "python.create_venv", …, NULL */

enum { METHOD_TAKES_FDS = 1u << 0, METHOD_GIVES_FDS = 1u << 1 };
struct method {
        const char *name;
        const struct shape *params, *result;
        unsigned flags;
        const char *doc;
};
extern const struct method methods[METHOD_N_];
int method_find(const char *name); /* -1: unknown */

/* What the daemon asks a client: requests in the other direction, with ids that start with "d". A
 * client that does not know one answers with method_not_found. */
enum client_method_id {
        CLIENT_NETWORK_DECIDE = 0,
        CLIENT_IPC_CALL,
        CLIENT_IPC_INPUT,
        CLIENT_METHOD_N_,
};
extern const struct method client_methods[CLIENT_METHOD_N_];
int client_method_find(const char *name); /* -1: unknown */

/* What the daemon sends by itself. */
enum notification_id {
        NOTIFY_PROCESS_OUTPUT = 0,
        NOTIFY_PROCESS_EXITED,
        NOTIFY_EVENT,
        NOTIFY_NETWORK_CANCEL,
        NOTIFY_IPC_CANCEL,
        NOTIFY_PYTHON_OUTPUT,
        NOTIFY_N_,
};
struct notification {
        const char *name;
        const struct shape *params;
        const char *doc;
};
extern const struct notification notifications[NOTIFY_N_];

/* The OpenRPC 1.3 document: what rpc.discover serves and gen-schema commits. Result of rpc.discover
 * is this json, so its row has result = NULL. */
struct json *method_openrpc(void);
