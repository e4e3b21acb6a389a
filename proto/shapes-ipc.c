/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is said about host commands, field by field: between leash and the client that offers them.
 */
#include "../policy/limits.h"
#include "row.h"

#define CALL_BYTES 32
#define DESCRIPTION_BYTES 4096
#define TIMEOUT_MAX_MS (INT64_C(24) * 3600 * 1000)

const char *const ipc_cancel_reason_names[IPC_CANCEL_N_] = { NULL, "caller_gone", "timeout",
                                                             "sandbox_gone" };

static const struct field ipc_command_fields[] = {
#define T struct ipc_command
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, LIMIT_NAME_BYTES,
                     "A letter, then letters, digits, \"-\" and \"_\"."),
        FIELD_STRING(T, description, "description", 0, DESCRIPTION_BYTES,
                     "What it does, for --help."),
        FIELD_STRINGS(T, positional, "positional", 0, 64,
                      "Parameters that may be given without their name, in this order."),
        FIELD_STRING(T, stdin_, "stdin", 0, LIMIT_NAME_BYTES,
                     "The parameter that standard input becomes, when it is not given otherwise."),
        FIELD_BOOL(T, stream_stdin, "stream_stdin", 0,
                   "Standard input is passed on in parts (ipc.input) instead."),
        FIELD_ANY(T, params, "params", 0,
                  "JSON Schema of the parameters, an object's. Without it and without positional "
                  "and stdin, the caller's words are passed on as they are, in \"args\"."),
        FIELD_BOOL(T, shadow, "shadow", 0,
                   "It may have the name of a program that the sandbox has already."),
        FIELD_UINT(T, timeout_ms, "timeout_ms", 0, 0, TIMEOUT_MAX_MS,
                   "How long a call may take; 0 is ten minutes."),
#undef T
};
SHAPE(ipc_command, "IpcCommand", 0, "A command of the client's, for code inside a sandbox.");

static const struct field ipc_register_params_fields[] = {
#define T struct ipc_register_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, LIMIT_NAME_BYTES,
                     "A sandbox that this connection made."),
        FIELD_LIST(T, commands, "commands", FIELD_REQUIRED, ipc_command,
                   "The commands; all of them are registered, or none."),
#undef T
};
SHAPE(ipc_register_params, "IpcRegisterParams", 0, "Parameters of ipc.register.");

static const struct field ipc_register_result_fields[] = {
#define T struct ipc_register_result
        FIELD_STRING(T, directory, "directory", FIELD_REQUIRED, 0,
                     "Where the commands are inside; it comes first in PATH."),
        FIELD_STRING(T, socket, "socket", FIELD_REQUIRED, 0,
                     "The socket that they use; in LEASH_IPC."),
#undef T
};
SHAPE(ipc_register_result, "IpcRegisterResult", 0, "Result of ipc.register.");

static const struct field ipc_unregister_params_fields[] = {
#define T struct ipc_unregister_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, LIMIT_NAME_BYTES,
                     "A sandbox that this connection made."),
        FIELD_STRINGS(T, names, "names", FIELD_REQUIRED, LIMIT_IPC_COMMANDS,
                      "Names of registered commands."),
#undef T
};
SHAPE(ipc_unregister_params, "IpcUnregisterParams", 0, "Parameters of ipc.unregister.");

static const struct field ipc_process_fields[] = {
#define T struct ipc_process
        FIELD_UINT(T, pid, "pid", 0, 0, 0, "Its number inside the sandbox."),
        FIELD_STRING(T, name, "name", 0, 0, "What it calls itself; nothing to rely on."),
        FIELD_STRING(T, process, "process", 0, 0,
                     "The command of process.run or process.start that it belongs to, where that "
                     "is known."),
#undef T
};
SHAPE(ipc_process, "IpcProcess", 0, "Who called a host command.");

static const struct field ipc_call_params_fields[] = {
#define T struct ipc_call_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The sandbox."),
        FIELD_STRING(T, call, "call", FIELD_REQUIRED, 0, "This call's own name."),
        FIELD_STRING(T, command, "command", FIELD_REQUIRED, 0, "The command."),
        FIELD_ANY(T, arguments, "arguments", FIELD_REQUIRED,
                  "An object that the command's schema accepts, or {\"args\": [\"…\"]} where "
                  "there is none."),
        FIELD_BOOL(T, stream_stdin, "stream_stdin", 0, "ipc.input will follow."),
        FIELD_OBJECT(T, process, "process", FIELD_REQUIRED, ipc_process, "Who calls."),
#undef T
};
SHAPE(ipc_call_params, "IpcCallParams", 0, "Parameters of ipc.call.");

static const struct field ipc_call_result_fields[] = {
#define T struct ipc_call_result
        FIELD_BYTES(T, text, encoding, "text", 0, "The answer as text; or:"),
        FIELD_ENUM(T, encoding, "encoding", 0, text_encoding_names,
                   "utf-8 (default): text is text; base64: it is encoded bytes."),
        FIELD_ANY(T, json, "json", 0, "The answer as any JSON value."),
        FIELD_UINT(T, exit_code, "exit_code", 0, 0, 255,
                   "What the command ends with inside; 0 when absent."),
#undef T
};
SHAPE(ipc_call_result, "IpcCallResult", 0, "Result of ipc.call.");

static const struct field ipc_input_params_fields[] = {
#define T struct ipc_input_params
        FIELD_STRING(T, call, "call", FIELD_REQUIRED, 0, "The call."),
        FIELD_BYTES(T, data, encoding, "data", 0, "The bytes."),
        FIELD_ENUM(T, encoding, "encoding", 0, text_encoding_names, "How data is written here."),
        FIELD_BOOL(T, eof, "eof", 0, "There is no more."),
#undef T
};
SHAPE(ipc_input_params, "IpcInputParams", 0, "Parameters of ipc.input.");

static const struct field ipc_output_params_fields[] = {
#define T struct ipc_output_params
        FIELD_STRING(T, call, "call", FIELD_REQUIRED, CALL_BYTES,
                     "A call that this connection was asked."),
        FIELD_ENUM(T, stream, "stream", 0, stream_names, "stdout when absent."),
        FIELD_BYTES(T, data, encoding, "data", FIELD_REQUIRED, "The bytes."),
        FIELD_ENUM(T, encoding, "encoding", 0, text_encoding_names,
                   "utf-8 (default): data is text; base64: it is encoded bytes."),
#undef T
};
SHAPE(ipc_output_params, "IpcOutputParams", 0, "Parameters of ipc.output.");

static const struct field ipc_cancel_fields[] = {
#define T struct ipc_cancel
        FIELD_STRING(T, call, "call", FIELD_REQUIRED, 0, "The call."),
        FIELD_ENUM(T, reason, "reason", FIELD_REQUIRED, ipc_cancel_reason_names,
                   "Whether the caller has gone, its time is over, or its sandbox has ended."),
#undef T
};
SHAPE(ipc_cancel, "IpcCancel", 0, "Parameters of ipc.cancel.");
