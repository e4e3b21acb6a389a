/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looking into a command's schema. */
#pragma once

#include "host_command.h"

/* Its words are passed on as they are. */
bool command_is_raw(const struct ipc_command *c);
const struct json *command_property(const struct ipc_command *c, const char *name); /* or NULL */
bool command_has_property(const struct ipc_command *c, const char *name);
bool command_requires(const struct ipc_command *c, const char *name);

/* What a parameter is to a person on a command line. */
enum word_kind {
        WORD_TEXT = 0,
        WORD_BOOLEAN,
        WORD_INTEGER,
        WORD_NUMBER,
        WORD_LIST,
        WORD_JSON, /* an object, or what no other word describes */
};
/* `ret_item` (may be NULL): of a list, what its items are. */
enum word_kind command_kind(const struct ipc_command *c, const struct json *property,
                            enum word_kind *ret_item);
