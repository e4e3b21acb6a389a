/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rows of the guest protocol. */
#include "guest.h"

#include <string.h>

#include "../policy/limits.h"
#include "row.h"

static const struct field guest_call_params_fields[] = {
#define T struct guest_call_params
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, LIMIT_NAME_BYTES, "The command."),
        FIELD_ANY(T, arguments, "arguments", 0, "Its arguments, an object; or:"),
        FIELD_STRINGS(T, argv, "argv", 0, LIMIT_ARGV_ITEMS,
                      "Words, which leash makes arguments of as it does for a command line."),
        FIELD_BOOL(T, no_stdin, "no_stdin", 0,
                   "There is no standard input: \"read\" will not be answered."),
#undef T
};
SHAPE(guest_call_params, "GuestCallParams", 0, "Parameters of call.");

static const struct field guest_command_fields[] = {
#define T struct guest_command
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, 0, "The command."),
        FIELD_STRING(T, description, "description", 0, 0, "What it does."),
        FIELD_STRING(T, usage, "usage", FIELD_REQUIRED, 0, "How it is called, in one line."),
        FIELD_ANY(T, params, "params", 0, "The JSON Schema of its arguments."),
#undef T
};
SHAPE(guest_command, "GuestCommand", 0, "A command that can be called.");

static const struct field guest_list_result_fields[] = {
#define T struct guest_list_result
        FIELD_LIST(T, commands, "commands", FIELD_REQUIRED, guest_command, "All commands."),
        FIELD_STRING(T, text, "text", FIELD_REQUIRED, 0, "The same for people."),
#undef T
};
SHAPE(guest_list_result, "GuestListResult", 0, "Result of list.");

static const struct field guest_input_params_fields[] = {
#define T struct guest_input_params
        FIELD_ANY(T, id, "id", FIELD_REQUIRED, "The id of the call that it is for."),
        FIELD_BYTES(T, data, encoding, "data", 0, "The bytes."),
        FIELD_ENUM(T, encoding, "encoding", 0, text_encoding_names,
                   "utf-8 (default): data is text; base64: it is encoded bytes."),
        FIELD_BOOL(T, eof, "eof", 0, "There is no more."),
#undef T
};
SHAPE(guest_input_params, "GuestInputParams", 0, "Parameters of input.");

static const struct field guest_id_fields[] = {
#define T struct guest_id
        FIELD_ANY(T, id, "id", FIELD_REQUIRED, "The id of a call."),
#undef T
};
SHAPE(guest_id, "GuestId", 0, "One call.");

static const struct field guest_output_fields[] = {
#define T struct guest_output
        FIELD_ANY(T, id, "id", FIELD_REQUIRED, "The id of the call."),
        FIELD_ENUM(T, stream, "stream", FIELD_REQUIRED, stream_names, "Where it belongs."),
        FIELD_BYTES(T, data, encoding, "data", FIELD_REQUIRED, "The bytes."),
        FIELD_ENUM(T, encoding, "encoding", FIELD_REQUIRED, text_encoding_names,
                   "How data is written here."),
#undef T
};
SHAPE(guest_output, "GuestOutput", 0, "A part of a call's output.");

const struct method guest_methods[GUEST_METHOD_N_] = {
        [GUEST_CALL] = { "call", &guest_call_params_shape, &ipc_call_result_shape, 0,
                         "Calls a command." },
        [GUEST_LIST] = { "list", &empty_shape, &guest_list_result_shape, 0, "Lists the commands." },
        [GUEST_INPUT] = { "input", &guest_input_params_shape, &empty_shape, 0,
                          "Gives a part of a call's standard input, after \"read\" has asked for "
                          "it; the answer comes when there is room for more." },
        [GUEST_CANCEL] = { "cancel", &guest_id_shape, &empty_shape, 0,
                           "Nobody waits for this call any more." },
};

const struct notification guest_notifications[GUEST_NOTIFICATION_N_] = {
        [GUEST_OUTPUT] = { "output", &guest_output_shape,
                           "A part of a call's output, before its answer." },
        [GUEST_READ] = { "read", &guest_id_shape, "This call waits for standard input." },
};

int guest_method_find(const char *name) {
        for (int i = 0; i < GUEST_METHOD_N_; i++)
                if (strcmp(guest_methods[i].name, name) == 0)
                        return i;
        return -1;
}
