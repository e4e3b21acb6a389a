/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(void) {
        static const int list[] = { SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
                                    SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP };
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
                sigaddset(&set, list[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        /* A reader of our output that went away shows as EPIPE on the write. */
        (void) signal(SIGPIPE, SIG_IGN);
        int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int signals_next(int fd) {
        struct signalfd_siginfo info;

        return read(fd, &info, sizeof(info)) == sizeof(info) ? (int) info.ssi_signo : 0;
}

void signals_stop_here(void) {
        (void) raise(SIGSTOP);
}
