/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The pipes of a command: what it prints is captured or streamed, what it reads is fed. */
#pragma once

#include "session.h"

enum output_mode { OUTPUT_NONE = 0, OUTPUT_CAPTURE, OUTPUT_STREAM, OUTPUT_SINK };

struct output {
        struct process *process;
        enum output_mode mode;
        enum stream stream;
        int fd; /* -1: closed, or never there */
        struct event *event;
        char *data; /* captured so far; or, streaming, the begin of a character that is not yet
                       whole */
        size_t len, room;
        size_t limit; /* 0 = none */
        uint64_t total;
        bool truncated, paused;
};
int output_start(struct output *o, struct process *p, enum output_mode mode, enum stream stream,
                 int fd, size_t limit);
/* Reads what is there now; false when there may be more later. */
bool output_drain(struct output *o);
void output_resume(struct output *o);
void output_close(struct output *o); /* keeps what was captured */
void output_done(struct output *o);  /* frees it */

struct chunk;
TAILQ_HEAD(chunk_queue, chunk);
struct input {
        struct process *process;
        int fd;
        struct event *event;
        struct chunk_queue chunks;
        size_t bytes;
        bool started;
};
int input_start(struct input *in, struct process *p, int fd);
/* data is copied. rq (may be NULL) is answered when all of it has been taken by the command. */
int input_write(struct input *in, const char *data, size_t len, bool eof, struct request *rq,
                struct error *e);
void input_close(struct input *in); /* whoever waits hears that the process has ended */
