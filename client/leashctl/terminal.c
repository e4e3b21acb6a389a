/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

void terminal_size(unsigned *ret_rows, unsigned *ret_cols) {
        struct winsize w;

        *ret_rows = 24; /* what a VT100 had, and what programs assume without an answer */
        *ret_cols = 80;
        for (int fd = 0; fd < 3; fd++)
                if (ioctl(fd, TIOCGWINSZ, &w) >= 0 && w.ws_row > 0 && w.ws_col > 0) {
                        *ret_rows = w.ws_row;
                        *ret_cols = w.ws_col;
                        return;
                }
}

int terminal_raw(struct terminal *t) {
        struct termios raw;

        if (t->fd < 0)
                return 0;
        if (tcgetattr(t->fd, &t->before) < 0)
                return -errno;
        raw = t->before;
        cfmakeraw(&raw);
        /* TCSADRAIN, not TCSAFLUSH: what the user has typed ahead is for the command. */
        if (tcsetattr(t->fd, TCSADRAIN, &raw) < 0)
                return -errno;
        t->raw = true;
        return 0;
}

void terminal_restore(struct terminal *t) {
        if (!t->raw)
                return;
        t->raw = false;
        (void) tcsetattr(t->fd, TCSADRAIN, &t->before);
}
