/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The null backend enforces NOTHING: commands run directly, with the user's own rights. It exists
 * so that everything above the backends can be tested without root and on any kernel, and it is
 * only ever chosen by name. It claims all facts, because plan_compile() shall accept every policy
 * in those tests; its platform is "null", and leash.info says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../backend.h"
#include "../posix/socket.h"
#include "child.h"

extern const struct backend backend_null;

/* Exited leaders stay zombies so that their process group's number cannot be taken by somebody else
 * while we may still have to kill the group; beyond this many, the oldest group is killed and
 * reaped. */
#define NULL_ZOMBIES 64

struct engine {
        unsigned open_files;
};

struct command {
        struct command *next;
        uint64_t id;
        pid_t pid;
        int pidfd;
        bool exited;
};

struct queued {
        struct queued *next;
        struct box_event event;
};

struct box {
        const struct plan *plan;
        unsigned open_files;
        int epoll, wake; /* wake: an eventfd that is readable while `first` is not empty */
        struct command *commands;
        size_t n_zombies;
        struct queued *first, **last;
};

static int null_probe(struct facts *ret, struct error *e) {
        struct utsname u;
        struct facts f = { .platform = "null", .landlock_abi = 6 };

        if (uname(&u) < 0)
                return error_set(e, ERROR_IO, errno, "cannot read the kernel's name");
        snprintf(f.kernel, sizeof f.kernel, "%s", u.release);
        snprintf(f.machine, sizeof f.machine, "%.31s", u.machine);
        f.uid = geteuid();
        f.privileged = f.uid == 0;
#define FACT_TRUE(member, name, good) f.member = true;
        FACT_LIST(FACT_TRUE)
#undef FACT_TRUE
        snprintf(f.reason, sizeof f.reason, "the null backend enforces nothing; it is for tests");
        *ret = f;
        return 0;
}

static int null_engine_new(const struct backend_options *o, const struct facts *facts,
                           struct engine **ret, struct error *e) {
        struct engine *en = calloc(1, sizeof *en);
        if (!en)
                return error_nomem(e);
        en->open_files = o->open_files;
        *ret = en;
        return 0;
}

static struct engine *null_engine_free(struct engine *en) {
        free(en);
        return NULL;
}

static int null_engine_fd(const struct engine *en) {
        return -1;
}

static void null_engine_reap(struct engine *en) {
}

static int null_engine_idle(struct engine *en) {
        return 0;
}

static void null_engine_trim(struct engine *en) {
}

static int queue(struct box *b, const struct box_event *event) {
        struct queued *q = calloc(1, sizeof *q);
        if (!q)
                return -ENOMEM;
        q->event = *event;
        *b->last = q;
        b->last = &q->next;
        (void) eventfd_write(b->wake, 1);
        return 0;
}

static void command_end(struct command *c) {
        (void) kill(-c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        fd_close(c->pidfd);
        free(c);
}

static struct box *null_box_free(struct box *b) {
        if (!b)
                return NULL;
        while (b->commands) {
                struct command *c = b->commands;
                b->commands = c->next;
                command_end(c);
        }
        while (b->first) {
                struct queued *q = b->first;
                b->first = q->next;
                fd_close(q->event.pty);
                free(q);
        }
        fd_close(b->wake);
        fd_close(b->epoll);
        free(b);
        return NULL;
}
DEFINE_CLEANUP(struct box *, null_box_free)

static int watch(struct box *b, int fd, struct command *c) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
        return epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int null_box_new(struct engine *en, const struct plan *plan, struct box **ret,
                        struct error *e) {
        _cleanup_(null_box_freep) struct box *b = calloc(1, sizeof *b);
        if (!b)
                return error_nomem(e);
        b->plan = plan;
        b->open_files = en->open_files;
        b->last = &b->first;
        b->epoll = epoll_create1(EPOLL_CLOEXEC);
        b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (b->epoll < 0 || b->wake < 0 || watch(b, b->wake, NULL) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make an event queue");
        if (queue(b, &(struct box_event){ .kind = BOX_READY, .pty = -1 }) < 0)
                return error_nomem(e);
        *ret = TAKE(b);
        return 0;
}

static int null_box_fd(const struct box *b) {
        return b->epoll;
}

static void reap_oldest(struct box *b) {
        struct command **at = NULL;
        for (struct command **p = &b->commands; *p; p = &(*p)->next)
                if ((*p)->exited)
                        at = p; /* new commands are put in front: the last one is the oldest */
        if (at) {
                struct command *c = *at;
                *at = c->next;
                b->n_zombies--;
                command_end(c);
        }
}

static void note_exit(struct box *b, struct command *c) {
        siginfo_t info = { 0 };
        struct rusage u = { 0 };
        struct box_event event = { .kind = BOX_EXITED, .id = c->id, .pid = c->pid, .pty = -1 };

        /* The raw call, because waitid(2) of libc hides the resource usage. WNOWAIT: see
         * NULL_ZOMBIES. */
        if (syscall(SYS_waitid, P_PID, c->pid, &info, WEXITED | WNOHANG | WNOWAIT, &u) < 0 ||
            info.si_pid == 0)
                return;
        event.status = info.si_code == CLD_EXITED
                               ? (info.si_status & 0xff) << 8
                               : (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
        event.user_us = (uint64_t) u.ru_utime.tv_sec * 1000000 + (uint64_t) u.ru_utime.tv_usec;
        event.system_us = (uint64_t) u.ru_stime.tv_sec * 1000000 + (uint64_t) u.ru_stime.tv_usec;
        event.rss_bytes = (uint64_t) u.ru_maxrss * 1024;
        (void) epoll_ctl(b->epoll, EPOLL_CTL_DEL, c->pidfd, NULL);
        c->pidfd = fd_close(c->pidfd);
        c->exited = true;
        (void) queue(b, &event);
        if (++b->n_zombies > NULL_ZOMBIES)
                reap_oldest(b);
}

static int null_box_next(struct box *b, struct box_event *ret) {
        if (!b->first) {
                struct epoll_event got[16];
                int n = epoll_wait(b->epoll, got, ELEMENTSOF(got), 0);
                for (int i = 0; i < n; i++)
                        if (got[i].data.ptr)
                                note_exit(b, got[i].data.ptr);
        }
        struct queued *q = b->first;
        if (!q) {
                eventfd_t ignore;
                (void) eventfd_read(b->wake, &ignore);
                return 0;
        }
        b->first = q->next;
        if (!b->first)
                b->last = &b->first;
        *ret = q->event;
        free(q);
        return 1;
}

static int null_box_spawn(struct box *b, const struct spawn *s, struct error *e) {
        struct box_event event = { .kind = BOX_SPAWNED, .id = s->id, .pty = -1 };
        struct command *c = calloc(1, sizeof *c);
        if (!c)
                return error_nomem(e);
        int r = child_start(b->plan, s, b->open_files, &c->pid, &c->pidfd, &event.pty,
                            &event.error);
        if (r < 0) {
                free(c);
                event.kind = BOX_SPAWN_FAILED;
                return queue(b, &event) < 0 ? error_nomem(e) : 0;
        }
        c->id = s->id;
        c->next = b->commands;
        b->commands = c;
        event.pid = c->pid;
        if (watch(b, c->pidfd, c) < 0 || queue(b, &event) < 0) {
                b->commands = c->next;
                command_end(c);
                fd_close(event.pty);
                return error_nomem(e);
        }
        return 0;
}

static struct command *find(struct box *b, uint64_t id) {
        struct command *c = b->commands;
        while (c && (c->id != id || c->exited))
                c = c->next;
        return c;
}

static int null_box_signal(struct box *b, uint64_t id, int signo, struct error *e) {
        struct command *c = find(b, id);
        if (!c || kill(-c->pid, signo) < 0)
                return error_set(e, ERROR_GONE, ESRCH, "the process has ended");
        return 0;
}

/* The session holds the only master: a resize goes through the process's own terminal. */
static int null_box_resize(struct box *b, uint64_t id, unsigned rows, unsigned cols) {
        struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) cols };
        char path[48];
        struct command *c = find(b, id);

        if (!c)
                return -ESRCH;
        snprintf(path, sizeof path, "/proc/%d/fd/0", (int) c->pid);
        _cleanup_(fd_closep) int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || ioctl(fd, TIOCSWINSZ, &size) < 0)
                return -ENOTTY;
        return 0;
}

const struct backend backend_null = {
        .name = "null",
        .probe = null_probe,
        .engine_new = null_engine_new,
        .engine_free = null_engine_free,
        .engine_fd = null_engine_fd,
        .engine_reap = null_engine_reap,
        .engine_idle = null_engine_idle,
        .engine_trim = null_engine_trim,
        .box_new = null_box_new,
        .box_fd = null_box_fd,
        .box_next = null_box_next,
        .box_spawn = null_box_spawn,
        .box_signal = null_box_signal,
        .box_resize = null_box_resize,
        .box_free = null_box_free,
};
