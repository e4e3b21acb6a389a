/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of pid 1: commands in, exits out, orphans reaped. It ends when the session closes the
 * control socket, and with it, since it is pid 1, everything in the sandbox (decision 14).
 */
#include "init.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>

#include "../frames.h"
#include "judge.h"

static struct command *command_find(struct init *in, uint64_t id) {
        for (size_t i = 0; i < in->n_commands; i++)
                if (in->commands[i].id == id)
                        return &in->commands[i];
        return NULL;
}

static uint64_t microseconds(struct timeval t) {
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_usec;
}

static void reap(struct init *in) {
        struct rusage usage;
        int status;
        pid_t pid;

        while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
                struct wire_frame f = WIRE_FRAME(WIRE_EXITED);
                struct command *c = in->commands, *end = c + in->n_commands;

                while (c < end && c->pid != pid)
                        c++;
                if (c == end) {
                        /* An orphan that a command left behind, or a worker of ours. */
                        if (in->judge)
                                judge_reaped(in->judge, pid, status);
                        continue;
                }
                if (in->judge)
                        judge_command_over(in->judge, c->id);
                f.id = c->id;
                f.value = status & 0xffff;
                f.usage[0] = microseconds(usage.ru_utime);
                f.usage[1] = microseconds(usage.ru_stime);
                f.usage[2] = (uint64_t) usage.ru_maxrss * 1024; /* getrusage(2): kilobytes */
                f.usage[3] = (uint64_t) (now_us() - c->started_us);
                fd_closep(&c->pty);
                *c = end[-1];
                in->n_commands--;
                (void) init_send(in, &f, NULL, 0);
        }
}

/* A command of `size` bytes behind the frame, or, without any, in a file beside it. */
static void spawn_request(struct init *in, const struct wire_frame *f, const void *behind,
                          size_t size, int *fds, size_t n_fds) {
        size_t used = size > 0 ? 0 : 1;
        void *mapped = used && n_fds > 0 ? sealed_map(fds[0], &size) : NULL;
        const void *file = used ? mapped : behind;

        if (file && wire_spawn_check(file, size) == 0) {
                spawn(in, f, file, fds + used, n_fds - used);
        } else {
                struct wire_frame refused = WIRE_FRAME(WIRE_SPAWN_FAILED);

                refused.id = f->id;
                refused.err = EBADMSG;
                refused.stage = WIRE_STAGE_PROTOCOL;
                (void) init_send(in, &refused, NULL, 0);
        }
        if (mapped)
                munmap(mapped, size);
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]);
}

static void resize(const struct command *c, uint32_t value) {
        struct winsize size = { .ws_row = (unsigned short) (value >> 16),
                                .ws_col = (unsigned short) value };

        if (c->pty >= 0)
                ioctl(c->pty, TIOCSWINSZ, &size);
}

/* 1 = more may wait, 0 = nothing now, -errno = the session is gone. */
static int request(struct init *in) {
        _Alignas(8) char data[WIRE_SPAWN_INLINE];
        struct wire_frame f;
        int fds[8];
        size_t n_fds = 0, n_data = 0;
        int r = frame_receive_data(in->control, &f, data, sizeof(data), &n_data, fds,
                                   ELEMENTSOF(fds), &n_fds);
        struct command *c;

        if (r == -EAGAIN)
                return 0;
        if (r <= 0)
                return r < 0 ? r : -ECONNRESET;
        if (wire_frame_check(&f, sizeof(f), WIRE_TO_INIT) < 0 ||
            n_data != (f.type == WIRE_SPAWN ? (size_t) f.value : 0))
                return -EBADMSG;
        if (f.type == WIRE_SPAWN) {
                spawn_request(in, &f, data, n_data, fds, n_fds);
                return 1;
        }
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]);
        c = command_find(in, f.id);
        if (c && f.type == WIRE_SIGNAL)
                command_signal(in, c, (int) f.value);
        else if (c && f.type == WIRE_RESIZE)
                resize(c, (uint32_t) f.value);
        return 1;
}

static void child_changed(int signo _unused_) {
        /* Only there to interrupt what waits. */
}

/* Fills the numbers below INIT_LOW_FDS, where they are free, with what every command may have. */
static int descriptors_raise(struct init *in) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        while (fd >= 0 && fd < INIT_LOW_FDS)
                fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        in->null = fd;
        return fd < 0 ? -errno : 0;
}

/* As judge_run(), where nothing is judged. */
static int control_wait(const struct init *in, const sigset_t *wait) {
        struct pollfd p = { .fd = in->control, .events = POLLIN };

        return ppoll(&p, 1, NULL, wait) >= 0 ? 1 : errno == EINTR ? 0 : -errno;
}

int serve(struct init *in) {
        struct sigaction interrupt = { .sa_handler = child_changed };
        sigset_t blocked, open_mask;
        int r = 1;

        in->commands = calloc(INIT_COMMANDS_MAX, sizeof(struct command));
        if (!in->commands || fcntl(in->control, F_SETFL, O_NONBLOCK) < 0 ||
            descriptors_raise(in) < 0)
                return -ENOMEM;
        confine_limits_plan(in);
        sigemptyset(&open_mask);
        sigaddset(&open_mask, SIGALRM); /* judge-socket.c lets it in where it wants it */
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGCHLD);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
        sigaction(SIGCHLD, &interrupt, NULL);
        signal(SIGPIPE, SIG_IGN);
        if (in->judge)
                r = judge_watch(in->judge, in->control);
        while (r >= 0) {
                r = in->judge ? judge_run(in->judge, &open_mask) : control_wait(in, &open_mask);
                while (r > 0)
                        r = request(in);
                reap(in); /* after that, since what was just started may have ended */
                if (keeper_gone(in))
                        r = -EOWNERDEAD;
        }
        if (in->native) {
                kill_domain(in);
                kill_everything();
        }
        return r;
}
