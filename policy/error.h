/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What went wrong, for a program and for a person.
 *
 * Functions return 0, or -errno with a struct error filled ONCE, where the failure starts; callers
 * above only wrap it (error_under, error_wrap). A return > 0 is a documented outcome, not an error.
 * The list below is the only one: it gives enum, wire name, JSON-RPC number and sentence.
 */
#pragma once

#include <stdarg.h>

#include "base.h"

/* Application numbers are positive, outside the range that JSON-RPC 2.0 reserves. */
#define ERROR_LIST(X)                                                                              \
        X(PARSE, "parse_error", -32700, "The line is not valid JSON.")                             \
        X(REQUEST, "invalid_request", -32600, "The line is not a JSON-RPC 2.0 request.")           \
        X(METHOD, "method_not_found", -32601, "There is no such method.")                          \
        X(PARAMS, "invalid_params", -32602, "A field is missing, unknown or has a wrong value.")   \
        X(INTERNAL, "internal_error", -32603, "leash failed; this is a bug or a broken host.")     \
        X(NOT_FOUND, "not_found", 1, "There is no such object, or it is not yours.")               \
        X(CONFLICT, "conflict", 2, "The policy contradicts itself.")                               \
        X(UNENFORCEABLE, "unenforceable", 3, "This host cannot enforce what the policy asks for.") \
        X(UNSUPPORTED, "unsupported", 4, "leash does not do this (yet).")                          \
        X(LIMIT, "limit_exceeded", 5, "A limit of the daemon was reached.")                        \
        X(GONE, "gone", 6, "The sandbox or process has ended.")                                    \
        X(REFUSED, "refused", 7, "The caller may not do this.")                                    \
        X(TIMEOUT, "timeout", 8, "It took too long.")                                              \
        X(IO, "io_error", 9, "The operating system refused an operation.")                         \
        X(EXEC_NOT_FOUND, "exec_not_found", 10, "The program was not found inside the sandbox.")   \
        X(EXEC_DENIED, "exec_denied", 11, "The program was found but cannot be executed.")         \
        X(STATE, "wrong_state", 12, "The object is not in a state that allows this.")              \
        X(VENV, "venv_failed", 13, "The virtual environment could not be made.")

enum error_code {
        ERROR_NONE = 0,
#define ERROR_ENUM(name, wire, number, text) ERROR_##name,
        ERROR_LIST(ERROR_ENUM)
#undef ERROR_ENUM
                ERROR_N_,
};

struct error {
        enum error_code code;
        int err;            /* positive errno, or 0 */
        char where[256];    /* JSON pointer of the field ("/policy/limits/memory_bytes"), or "" */
        char fact[32];      /* UNENFORCEABLE: the loss that `accept` would have to name, or "" */
        char message[1024]; /* one line for a person, without a full stop's worth of jargon */
};
#define ERROR_NULL ((struct error){ .code = ERROR_NONE })

/* Fill `e` (may be NULL) and return -errno; err = 0 means -EINVAL. */
int error_set(struct error *e, enum error_code code, int err, const char *fmt, ...) _printf_(4, 5);
/* An ERROR_PARAMS at a field. `where` is a JSON pointer relative to the caller's level. */
int error_field(struct error *e, const char *where, const char *fmt, ...) _printf_(3, 4);
int error_nomem(struct error *e);
/* Put a pointer prefix ("/policy") before e->where; returns r, so that it can end a function. */
int error_under(struct error *e, const char *prefix, int r);
/* Put "text: " before the message; returns r. */
int error_wrap(struct error *e, int r, const char *fmt, ...) _printf_(3, 4);

const char *error_wire_name(enum error_code code); /* "invalid_params" */
int error_number(enum error_code code);            /* JSON-RPC number */
const char *error_sentence(enum error_code code);
enum error_code error_from_number(int number); /* ERROR_INTERNAL if unknown */
