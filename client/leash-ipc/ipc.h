/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-ipc: a host command's end inside a sandbox. It knows no schema: it sends the words that it
 * got, and prints what comes back (docs/ipc.md is the protocol). libc only, and little of that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* lines.c: one connection. All functions end the program when the connection is broken. */
struct lines {
        int fd;
        char *in; /* what has come and was not taken yet */
        size_t in_len, in_room, taken;
};
void lines_connect(struct lines *l, const char *path);
bool lines_next(struct lines *l, const char **ret,
                size_t *ret_len); /* borrowed until lines_read() */
void lines_read(struct lines *l); /* waits for bytes */

/* Text that is being put together. */
struct text {
        char *data;
        size_t len, room;
};
void text_add(struct text *t, const void *data, size_t len);
void text_adds(struct text *t, const char *s);
void text_add_string(struct text *t, const char *s); /* in quotes, escaped as JSON wants it */
void text_add_base64(struct text *t, const void *data, size_t len);
void lines_send(struct lines *l, const struct text *t);

/* value.c: looking into one line of JSON, which a session wrote: slices, nothing is copied. */
struct value {
        const char *s, *end; /* s == NULL: there is none */
};
struct value value_member(struct value object, const char *name);
bool value_is(struct value v, const char *text); /* "true", or a string with its quotes */
long value_number(struct value v, long otherwise);
/* A string's content, malloc'd; `base64`: decoded. NULL: not a string. */
char *value_text(struct value v, bool base64, size_t *ret_len);

size_t base64_decode_in_place(char *s, size_t len);

/* main.c: "leash-ipc: …" on stderr, and the end */
_Noreturn void fail(int code, const char *first, const char *second);
