/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One command: a vfork-like clone (no page tables are copied), the walls, exec. The child runs in
 * init's memory until then, so it only makes system calls and reports through struct launch.
 */
#include "init.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "../../../policy/limits.h"
#include "../frames.h"
#include "judge.h"

#define STACK_BYTES (256u * 1024)
/* How long a command may take to start where others stop it all the time, and how often we look. */
#define START_MS 5000
#define STOPPED_MS 20

struct launch {
        const struct init *in;
        char **argv, **env;
        const char *cwd, *path;
        int stdio[3];
        bool pty;
        enum wire_stage stage;
        int err;
};

/* Moves the three descriptors to 0, 1, 2. They are numbered above that (INIT_LOW_FDS), so that none
 * is overwritten before its turn. */
static int take_stdio(struct launch *l) {
        for (int i = 0; i < 3; i++)
                if (dup2(l->stdio[i], i) < 0)
                        return -errno;
        if (l->pty && ioctl(0, TIOCSCTTY, 0) < 0)
                return -errno;
        return 0;
}

static void signals_reset(void) {
        struct sigaction fallback = { .sa_handler = SIG_DFL };
        sigset_t none;

        sigaction(SIGCHLD, &fallback, NULL); /* what init handles or ignores */
        sigaction(SIGALRM, &fallback, NULL);
        sigaction(SIGPIPE, &fallback, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

/* execvp's rules: a file without a known format is a shell script. The vector has a spare slot in
 * front, where "sh" goes; argv[0] becomes the script's path. */
static int exec_file(const char *file, struct launch *l) {
        execve(file, l->argv, l->env);
        if (errno == ENOEXEC) {
                char *name = l->argv[0];

                l->argv[0] = (char *) (uintptr_t) file;
                execve("/bin/sh", l->argv - 1, l->env);
                l->argv[0] = name;
        }
        return -errno;
}

/* Only returns when it failed: -ENOENT where nothing of that name was found, else the first reason
 * why what was found could not be run. */
static int exec_search(struct launch *l) {
        char file[LIMIT_PATH_BYTES];
        size_t name = strlen(l->argv[0]);
        int result = -ENOENT;

        if (name == 0)
                return -ENOENT;
        if (strchr(l->argv[0], '/'))
                return exec_file(l->argv[0], l);
        for (const char *p = l->path; *p;) {
                size_t length = strcspn(p, ":");

                if (length > 0 && length + 1 + name < sizeof(file)) {
                        int r;

                        memcpy(file, p, length);
                        file[length] = '/';
                        memcpy(file + length + 1, l->argv[0], name + 1);
                        r = exec_file(file, l);
                        if (r != -ENOENT && r != -ENOTDIR && result == -ENOENT)
                                result = r;
                        if (r == -E2BIG || r == -ENOMEM)
                                return r;
                }
                p += length + (p[length] == ':');
        }
        return result;
}

/* Everything of init's is opened that way; this holds even where one was forgotten. */
static void close_on_exec(void) {
        struct rlimit files;

        if (sys_close_range(3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) == 0)
                return;
        if (getrlimit(RLIMIT_NOFILE, &files) < 0) /* that flag is of 5.11 */
                return;
        for (int fd = 3; (rlim_t) fd < files.rlim_cur && fd < INIT_FDS_MAX + INIT_COMMANDS_MAX;
             fd++)
                fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static int child(void *argument) {
        struct launch *l = argument;
        int r, listener = -1;

        setsid();
        signals_reset();
        l->stage = WIRE_STAGE_STDIO;
        r = take_stdio(l);
        if (r >= 0) {
                l->stage = WIRE_STAGE_CWD;
                r = chdir(l->cwd) < 0 ? -errno : 0;
        }
        if (r >= 0) {
                confine_limits(l->in, false);
                close_on_exec();
                r = confine_command(l->in, &listener, &l->stage);
        }
        if (r >= 0 && listener >= 0)
                r = judge_hand_over(l->in->judge, listener);
        if (r >= 0) {
                confine_limits(l->in, true);
                l->stage = WIRE_STAGE_EXEC;
                r = exec_search(l);
        }
        l->err = -r;
        _exit(127);
}

/* The command's environment: the plan's, overlaid by the request's; a later name wins. */
static char **environment_merge(const struct init *in, const struct wire_spawn *s) {
        char **env = calloc(in->n_environment + s->n_env + 1, sizeof(char *));
        size_t n = in->n_environment;

        if (!env)
                return NULL;
        if (n > 0)
                memcpy(env, in->environment, n * sizeof(char *));
        for (uint64_t i = 0; i < s->n_env; i++) {
                const char *entry = wire_string_at(s, s->env, i);
                size_t length, at = 0;

                if (!entry)
                        continue;
                length = strcspn(entry, "=") + 1;
                while (at < n && strncmp(env[at], entry, length) != 0)
                        at++;
                env[at] = (char *) (uintptr_t) entry;
                if (at == n)
                        n++;
        }
        return env;
}

static const char *environment_path(char **env) {
        for (; *env; env++)
                if (strncmp(*env, "PATH=", 5) == 0)
                        return *env + 5;
        return "/usr/local/bin:/usr/bin:/bin";
}

/* The arguments, with "sh" in a slot before them (exec_file). Free it from that slot. */
static char **arguments(const struct wire_spawn *s) {
        char **v = calloc(s->n_argv + 2, sizeof(char *));

        if (!v)
                return NULL;
        *v++ = (char *) (uintptr_t) "sh";
        for (uint64_t i = 0; i < s->n_argv; i++) {
                const char *text = wire_string_at(s, s->argv, i);

                v[i] = (char *) (uintptr_t) (text ? text : "");
        }
        return v;
}

static int pty_open(unsigned rows, unsigned cols, int *ret_master, int *ret_slave) {
        _cleanup_close_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) cols };
        int unlock = 0, slave;

        if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return -errno;
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return -errno;
        if (rows && cols)
                ioctl(master, TIOCSWINSZ, &size);
        *ret_master = TAKE_FD(master);
        *ret_slave = slave;
        return 0;
}

/* Which descriptor is which of the three; all belong to others. */
static int stdio_arrange(const struct init *in, const struct wire_spawn *s, const int *fds,
                         size_t n_fds, struct launch *l, int *ret_master, int *ret_slave) {
        size_t next = 0;

        for (int i = 0; i < 3; i++) {
                if (s->stdio[i] == WIRE_STDIO_PTY) {
                        if (*ret_slave < 0) {
                                int r = pty_open(s->rows, s->cols, ret_master, ret_slave);

                                if (r < 0) {
                                        l->stage = WIRE_STAGE_PTY;
                                        return r;
                                }
                        }
                        l->pty |= i == 0;
                        l->stdio[i] = *ret_slave;
                } else if (s->stdio[i] == WIRE_STDIO_FD) {
                        if (next >= n_fds)
                                return -EBADMSG;
                        l->stdio[i] = fds[next++];
                } else {
                        l->stdio[i] = in->null;
                }
                if (l->stdio[i] < INIT_LOW_FDS)
                        return -EBADF;
        }
        return next == n_fds ? 0 : -EBADMSG;
}

/* Until the pipe's other end is gone, by exec or by death, the child is in our memory and we must
 * not go on. CLONE_VFORK would do that, too, but without an end: what runs in the sandbox may send
 * SIGSTOP to everything (kill(2) to -1), and then neither time limits nor the judge would work. */
static void await_exec(pid_t pid, int started) {
        struct pollfd p = { .fd = started, .events = POLLIN };
        int64_t end = now_us() + START_MS * INT64_C(1000);

        while (poll(&p, 1, STOPPED_MS) <= 0)
                kill(pid, now_us() > end ? SIGKILL : SIGCONT);
}

static int launch_run(struct launch *l, pid_t *ret_pid) {
        static char *stack; /* the one stack of the one child that can exist at a time */
        int started[2], r = 0;
        pid_t pid;

        if (!stack) {
                stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
                if (stack == MAP_FAILED) {
                        stack = NULL;
                        return -ENOMEM;
                }
        }
        l->stage = WIRE_STAGE_EXEC;
        if (pipe2(started, O_CLOEXEC) < 0)
                return -errno;
        pid = clone(child, stack + STACK_BYTES, CLONE_VM | SIGCHLD, l);
        if (pid < 0)
                r = -errno;
        close(started[1]);
        if (pid >= 0)
                await_exec(pid, started[0]);
        close(started[0]);
        if (r < 0)
                return r;
        if (l->err) {
                while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                        ;
                return -l->err;
        }
        *ret_pid = pid;
        return 0;
}

static void spawn_refuse(struct init *in, uint64_t id, int err, enum wire_stage stage) {
        struct wire_frame f = WIRE_FRAME(WIRE_SPAWN_FAILED);

        f.id = id;
        f.err = err;
        f.stage = (int32_t) stage;
        (void) init_send(in, &f, NULL, 0);
}

void spawn(struct init *in, const struct wire_frame *f, const struct wire_spawn *s, const int *fds,
           size_t n_fds) {
        struct wire_frame done = WIRE_FRAME(WIRE_SPAWNED);
        struct launch l = { .in = in, .stdio = { -1, -1, -1 }, .stage = WIRE_STAGE_STDIO };
        _cleanup_close_ int master = -1, slave = -1;
        pid_t pid = 0;
        int r;

        if (in->n_commands >= INIT_COMMANDS_MAX) {
                spawn_refuse(in, f->id, EAGAIN, WIRE_STAGE_LIMITS);
                return;
        }
        l.argv = arguments(s);
        l.env = environment_merge(in, s);
        l.cwd = s->cwd ? wire_string(s, s->cwd) : plan_string(in, in->plan->workdir);
        r = !l.argv || !l.env ? -ENOMEM : s->n_argv == 0 ? -EINVAL : 0;
        if (r >= 0) {
                l.path = environment_path(l.env);
                r = stdio_arrange(in, s, fds, n_fds, &l, &master, &slave);
        }
        if (r >= 0)
                r = launch_run(&l, &pid);
        fd_closep(&slave);
        slave = -1;
        if (l.argv)
                free(l.argv - 1);
        free(l.env);
        if (r < 0) {
                spawn_refuse(in, f->id, -r, l.stage);
                return;
        }
        if (in->judge)
                judge_adopt(in->judge, f->id);
        done.id = f->id;
        done.value = pid;
        (void) init_send(in, &done, &master, master >= 0 ? 1 : 0);
        in->commands[in->n_commands++] = (struct command){
                .id = f->id, .pid = pid, .started_us = now_us(), .pty = TAKE_FD(master)
        };
}
