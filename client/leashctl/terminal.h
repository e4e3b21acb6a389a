/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The user's terminal: raw while a command has a pty of its own, and always put back. */
#pragma once

#include <stdbool.h>
#include <termios.h>

struct terminal {
        int fd; /* -1: there is none */
        bool raw;
        struct termios before;
};
void terminal_size(unsigned *ret_rows, unsigned *ret_cols); /* of stdin, stdout or stderr; 24x80 */
int terminal_raw(struct terminal *t);                       /* t->fd is set; 0 or -errno */
void terminal_restore(struct terminal *t);
