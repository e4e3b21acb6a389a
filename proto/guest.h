/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What code inside a sandbox says on the socket that LEASH_IPC names: JSON-RPC 2.0 lines, as
 * everywhere in leash, with four methods. All of it is hostile. docs/ipc.md is the manual.
 */
#pragma once

#include "method.h"

enum guest_method_id { GUEST_CALL = 0, GUEST_LIST, GUEST_INPUT, GUEST_CANCEL, GUEST_METHOD_N_ };
extern const struct method guest_methods[GUEST_METHOD_N_];
int guest_method_find(const char *name); /* -1: unknown */

enum guest_notification_id { GUEST_OUTPUT = 0, GUEST_READ, GUEST_NOTIFICATION_N_ };
extern const struct notification guest_notifications[GUEST_NOTIFICATION_N_];

struct guest_call_params {
        const char *name;
        struct json *arguments;
        struct strings argv; /* instead: words, as on a command line */
        bool no_stdin;
};
struct guest_command {
        const char *name, *description, *usage;
        struct json *params;
};
struct guest_list_result {
        struct list commands; /* of guest_command */
        const char *text;
};
struct guest_input_params {
        struct json *id; /* of the call */
        struct bytes data;
        enum text_encoding encoding;
        bool eof;
};
struct guest_id {
        struct json *id;
};
struct guest_output {
        struct json *id;
        enum stream stream;
        struct bytes data;
        enum text_encoding encoding;
};

SHAPE_DECLARE(guest_call_params)
SHAPE_DECLARE(guest_command)
SHAPE_DECLARE(guest_list_result)
SHAPE_DECLARE(guest_input_params)
SHAPE_DECLARE(guest_id)
SHAPE_DECLARE(guest_output)
