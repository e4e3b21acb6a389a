/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The child reports why it could not become the program through a close-on-exec pipe: end of file
 * without a word means that execve(2) worked. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../posix/socket.h"

enum stage { STAGE_SETUP = 1, STAGE_CWD, STAGE_EXEC };
struct report {
        int stage, err;
};

/* The plan's variables, then the request's: a later name wins, so an earlier one is left out. */
static char **make_environment(const struct plan *plan, const struct spawn *s) {
        size_t n = 0, n_more = 0;
        while (s->env && s->env[n_more])
                n_more++;
        char **env = calloc(plan->environment.n + n_more + 1, sizeof *env);
        if (!env)
                return NULL;
        for (size_t i = 0; i < plan->environment.n; i++) {
                const struct pair *p = &plan->environment.items[i];
                size_t len = strlen(p->name);
                bool again = false;
                for (size_t k = 0; k < n_more && !again; k++)
                        again = strncmp(s->env[k], p->name, len) == 0 && s->env[k][len] == '=';
                if (!again && asprintf(&env[n], "%s=%s", p->name, p->value) >= 0)
                        n++;
        }
        for (size_t k = 0; k < n_more; k++)
                if ((env[n] = strdup(s->env[k])))
                        n++;
        return env;
}

static int open_pty(const struct spawn *s, int *ret_master, int *ret_slave) {
        char name[64];
        struct winsize size = { .ws_row = (unsigned short) s->rows,
                                .ws_col = (unsigned short) s->cols };
        _cleanup_(fd_closep) int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
            ptsname_r(master, name, sizeof name) != 0)
                return -errno;
        _cleanup_(fd_closep) int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return -errno;
        if (s->rows > 0 && s->cols > 0)
                (void) ioctl(slave, TIOCSWINSZ, &size);
        *ret_master = TAKE_FD(master);
        *ret_slave = TAKE_FD(slave);
        return 0;
}

static _Noreturn void child(const struct plan *plan, const struct spawn *s, unsigned open_files,
                            int slave, int report, pid_t parent) {
        struct report failure = { .stage = STAGE_SETUP };
        struct sigaction dfl = { .sa_handler = SIG_DFL };
        struct rlimit rl;
        sigset_t none;
        int fds[3];

        sigemptyset(&none);
        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, &dfl, NULL);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        /* The session's death shall end its commands (decision 14) even when it is killed. */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        (void) setsid();
        if (open_files > 0 && getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur > open_files) {
                rl.rlim_cur = open_files;
                (void) setrlimit(RLIMIT_NOFILE, &rl);
        }
        int devnull = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int i = 0; i < 3; i++) {
                int from = s->stdio[i] == SPAWN_PTY ? slave
                           : s->stdio[i] < 0        ? devnull
                                                    : s->stdio[i];
                /* First out of the way of 0..2, so that no source is overwritten before its turn.
                 */
                fds[i] = fcntl(from, F_DUPFD_CLOEXEC, 10);
                if (fds[i] < 0)
                        goto failed;
        }
        if (slave >= 0 && ioctl(slave, TIOCSCTTY, 0) < 0)
                goto failed;
        for (int i = 0; i < 3; i++)
                if (dup2(fds[i], i) < 0)
                        goto failed;
        failure.stage = STAGE_CWD;
        const char *cwd = s->cwd ? s->cwd : plan->subject->workdir;
        if (cwd && chdir(cwd) < 0)
                goto failed;
        char **env = make_environment(plan, s);
        failure.stage = STAGE_EXEC;
        if (env) {
                environ = env; /* execvp looks for PATH there */
                execvp(s->argv[0], (char **) (uintptr_t) s->argv);
        }
failed:
        failure.err = errno;
        ssize_t ignore = write(report, &failure, sizeof failure);
        (void) ignore;
        _exit(127);
}

static int explain(const struct report *f, const struct spawn *s, struct error *e) {
        const char *what = strerror(f->err);
        if (f->stage == STAGE_CWD)
                return error_set(e, ERROR_IO, f->err, "cannot enter %s: %s", s->cwd ? s->cwd : "?",
                                 what);
        if (f->stage == STAGE_SETUP)
                return error_set(e, ERROR_IO, f->err, "cannot set up the command: %s", what);
        if (f->err == ENOENT || f->err == ENOTDIR)
                return error_set(e, ERROR_EXEC_NOT_FOUND, f->err, "%s: not found", s->argv[0]);
        return error_set(e, ERROR_EXEC_DENIED, f->err, "%s: %s", s->argv[0], what);
}

int child_start(const struct plan *plan, const struct spawn *s, unsigned open_files, pid_t *ret_pid,
                int *ret_pidfd, int *ret_pty, struct error *e) {
        _cleanup_(fd_closep) int master = -1, slave = -1, reader = -1, writer = -1;
        struct report failure;
        int pipefd[2], r = 0;

        if (s->stdio[0] == SPAWN_PTY || s->stdio[1] == SPAWN_PTY || s->stdio[2] == SPAWN_PTY)
                r = open_pty(s, &master, &slave);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot open a terminal");
        r = pipe_new(pipefd);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot make a pipe");
        reader = pipefd[0];
        writer = pipefd[1];

        pid_t parent = getpid(), pid = fork();
        if (pid < 0)
                return error_set(e, ERROR_IO, errno, "cannot fork");
        if (pid == 0)
                child(plan, s, open_files, slave, writer, parent);
        writer = fd_close(writer);
        ssize_t n;
        do {
                n = read(reader, &failure, sizeof failure);
        } while (n < 0 && errno == EINTR);
        int pidfd = n == 0 ? (int) syscall(SYS_pidfd_open, pid, 0) : -1;
        if (pidfd < 0) {
                int err = errno;
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                if (n == (ssize_t) sizeof failure)
                        return explain(&failure, s, e);
                return error_set(e, ERROR_IO, err, "cannot start a command");
        }
        *ret_pid = pid;
        *ret_pidfd = pidfd;
        *ret_pty = TAKE_FD(master);
        return 0;
}
