/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC 2.0 messages, both ways, and the framing: one JSON object a line (LF), descriptors
 * beside it. */
#pragma once

#include "../policy/error.h"
#include "../policy/limits.h"
#include "field.h"

struct rpc_message {
        enum { RPC_REQUEST, RPC_NOTIFICATION, RPC_RESULT, RPC_ERROR } kind;
        char *id;     /* the id as JSON text (number, string), malloc'd; NULL for notifications;
                         on a parse error of a request the id is NULL too (null on the wire) */
        char *method; /* malloc'd */
        struct json *params; /* or NULL */
        struct json *result;
        struct error error; /* RPC_ERROR */
};
void rpc_message_done(struct rpc_message *m);

/* One line without its LF. On failure *ret still carries the id where one could be read, so that
 * the error can be answered to the right request. Batches are refused. */
int rpc_parse(const char *line, size_t len, struct rpc_message *ret, struct error *e);

/* Whole lines, LF included, malloc'd. id as JSON text. NULL when memory is short. */
char *rpc_format_request(const char *id, const char *method, struct json *params,
                         size_t *ret_len); /* id NULL: notification */
char *rpc_format_result(const char *id, struct json *result, size_t *ret_len); /* result NULL: {} */
char *rpc_format_error(const char *id, const struct error *e,
                       size_t *ret_len); /* data: {code, pointer, fact, errno} */

/*
 * Incoming bytes -> lines with their descriptors (decision 18): descriptors belong to the line that
 * begins in the same read; at most LIMIT_LINE_FDS; leftovers close the connection. Pure: the caller
 * reads the socket and feeds what it got. The frame owns descriptors until a line takes them. A
 * frame_feed() that fails took nothing: the descriptors of that call are still the caller's, and
 * the connection is over.
 */
struct frame;
struct frame *frame_new(size_t max_line);
struct frame *frame_free(struct frame *f); /* does not close descriptors: see frame_take_fds */
DEFINE_CLEANUP(struct frame *, frame_free)
int frame_feed(struct frame *f, const char *data, size_t len, const int *fds, size_t n_fds,
               struct error *e);
struct frame_line {
        char *text;
        size_t len;
        int fds[LIMIT_LINE_FDS];
        size_t n_fds;
}; /* text: borrowed until the next call */
int frame_next(struct frame *f, struct frame_line *ret,
               struct error *e); /* 1 line, 0 need more, -EMSGSIZE too long */
size_t frame_take_fds(struct frame *f, int *fds,
                      size_t max);          /* whatever was never claimed, for closing */
bool frame_is_empty(const struct frame *f); /* no half line waiting */

/* base64 (RFC 4648 4) for output that is not UTF-8, and the check that decides. */
bool utf8_is_valid(const char *s, size_t len); /* also false for NUL */
size_t utf8_whole(const char *s,
                  size_t len); /* how much of s does not end inside a character (a stream cut
                                  anywhere); equals len for what is not UTF-8 anyway */
char *base64_encode(const void *data, size_t len); /* malloc'd, NUL-terminated */
int base64_decode(const char *text, size_t len, char **ret, size_t *ret_len);
