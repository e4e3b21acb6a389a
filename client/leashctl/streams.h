/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A command's three streams: handed over as they are, or relayed. */
#pragma once

#include "../../policy/limits.h"
#include "../../proto/shapes.h"
#include "relay.h"

struct streams {
        bool tty; /* a pty for the command */
        struct stdio_params spec;
        struct pty_size size;
        int fds[3]; /* to send beside the request */
        size_t n_fds;
        bool shared[3]; /* which of ours the command has; their flags are put back when it has ended
                         */
        int flags[3];
        int close_after[3]; /* the command's ends of our pipes */
        size_t n_close;
        struct pump *pumps[3]; /* [0] input, [1] and [2] output; NULL = not needed */
        char *kept[3];         /* with capture: stdout in [1], stderr in [2] */
        size_t kept_len[3];
        bool cut;
        bool no_input; /* for now: what is typed is not for the command */
};

/* tty: a pty. capture: stdout and stderr into memory. 0, or -errno. */
int streams_open(struct streams *s, bool tty, bool capture);
void streams_sent(struct streams *s);           /* the request is out: close the command's ends */
int streams_attach(struct streams *s, int pty); /* takes the master: pumps to and from it */
size_t streams_poll(struct streams *s, struct pollfd *ret, size_t at[3], size_t n[3]);
void streams_step(struct streams *s, const struct pollfd *entries, const size_t at[3],
                  const size_t n[3]);
void streams_finish(struct streams *s); /* the command has ended: what is still on its way */
void streams_close(struct streams *s);
