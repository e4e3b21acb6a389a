/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A host command as its client described it, and what callers inside a sandbox write: words become
 * an object of arguments, the object is checked against the schema, and usage and help are built
 * from the same schema. Pure.
 *
 *         web_search "rust async"          positional: the first operand is "query"
 *         web_search --query=x --max 5     "--max 5" is a number because the schema says so
 *         web_search --tag a --tag b       a list
 *         web_search --safe / --no-safe    a boolean
 *         web_search -- --odd              what follows is no option
 *         cat doc | summarize              stdin: standard input is "text"
 */
#pragma once

#include "field.h"
#include "shapes.h"

/* Checks what a client registers: names, the schema, and that they fit each other. */
int host_command_check(const struct ipc_command *c, struct error *e);
/* A copy that lives in `a`; holds a reference to the schema: json_unref(ret->params). */
int host_command_copy(struct arena *a, const struct ipc_command *c, struct ipc_command *ret);
bool host_command_name_is_valid(const char *name);

/* Words (without the command's own) become arguments. 0; 1: they ask for help; < 0: they are wrong,
 * and the message is for the caller. Nothing is checked that the schema says beyond types. */
int host_command_arguments(const struct ipc_command *c, const struct strings *words,
                           struct json **ret, struct error *e);
/* Is standard input to be read for these arguments? */
bool host_command_wants_stdin(const struct ipc_command *c, const struct json *arguments);
/* Puts it in; 0 bytes for a parameter that is not required leave it out. */
int host_command_put_stdin(const struct ipc_command *c, struct json *arguments, const char *data,
                           size_t len, struct error *e);
/* The message begins with the parameter's name. */
int host_command_accepts(const struct ipc_command *c, const struct json *arguments,
                         struct error *e);

char *host_command_usage(const struct ipc_command *c); /* one line, malloc'd; NULL: no memory */
char *host_command_help(const struct ipc_command *c);  /* some lines, each with its LF */
