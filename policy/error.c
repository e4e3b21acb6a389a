/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The error list, expanded into names, numbers and sentences, and the few functions that fill a
 * struct error. Text that does not fit is cut, never refused: an error must not fail.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static const struct {
        const char *wire;
        int number;
        const char *sentence;
} errors[ERROR_N_] = { [ERROR_NONE] = { "none", 0, "No error." },
#define ERROR_ROW(name, wire_, number_, text) [ERROR_##name] = { wire_, number_, text },
                       ERROR_LIST(ERROR_ROW)
#undef ERROR_ROW
};

static int error_vset(struct error *e, enum error_code code, int err, const char *where,
                      const char *fmt, va_list ap) _printf_(5, 0);
static int error_vset(struct error *e, enum error_code code, int err, const char *where,
                      const char *fmt, va_list ap) {
        if (err == 0)
                err = EINVAL;
        if (err < 0)
                err = -err;
        if (e) {
                *e = (struct error){ .code = code, .err = err };
                (void) snprintf(e->where, sizeof(e->where), "%s", where);
                (void) vsnprintf(e->message, sizeof(e->message), fmt, ap);
        }
        return -err;
}

int error_set(struct error *e, enum error_code code, int err, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        int r = error_vset(e, code, err, "", fmt, ap);
        va_end(ap);
        return r;
}

int error_field(struct error *e, const char *where, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        int r = error_vset(e, ERROR_PARAMS, EINVAL, where, fmt, ap);
        va_end(ap);
        return r;
}

int error_nomem(struct error *e) {
        return error_set(e, ERROR_INTERNAL, ENOMEM, "out of memory");
}

/* Puts `prefix` before the text in `buffer`, cutting at the end. */
static void prepend(char *buffer, size_t size, const char *prefix) {
        size_t n = strlen(prefix), old = strlen(buffer);
        if (n >= size)
                n = size - 1;
        if (old > size - 1 - n)
                old = size - 1 - n;
        memmove(buffer + n, buffer, old);
        memcpy(buffer, prefix, n);
        buffer[n + old] = '\0';
}

int error_under(struct error *e, const char *prefix, int r) {
        if (e && r < 0)
                prepend(e->where, sizeof(e->where), prefix);
        return r;
}

int error_wrap(struct error *e, int r, const char *fmt, ...) {
        if (!e || r >= 0)
                return r;

        char text[sizeof(e->message)];
        va_list ap;
        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);

        prepend(e->message, sizeof(e->message), ": ");
        prepend(e->message, sizeof(e->message), text);
        return r;
}

static enum error_code known(enum error_code code) {
        return (unsigned) code < ERROR_N_ ? code : ERROR_INTERNAL;
}

const char *error_wire_name(enum error_code code) {
        return errors[known(code)].wire;
}

int error_number(enum error_code code) {
        return errors[known(code)].number;
}

const char *error_sentence(enum error_code code) {
        return errors[known(code)].sentence;
}

enum error_code error_from_number(int number) {
        for (unsigned i = 1; i < ERROR_N_; i++)
                if (errors[i].number == number)
                        return (enum error_code) i;
        return ERROR_INTERNAL;
}
