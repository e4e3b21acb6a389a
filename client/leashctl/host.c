/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each call is one process in a session of its own, without our terminal. Its pipes hang on an
 * epoll that the main loop polls; each part of its output waits until the caller has room, and each
 * part of its input until it has taken the last one, so that nothing piles up here.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "words.h"

#define CHUNK_BYTES (64 * 1024)
#define PATIENCE_MS 2000 /* between SIGTERM and SIGKILL */

extern char **environ;

struct running;
enum watch_kind { WATCH_IN = 0, WATCH_OUT, WATCH_ERR, WATCH_END, WATCH_N_ };
struct watch { /* one descriptor of a running one */
        struct running *running;
        enum watch_kind kind;
        int fd;       /* -1: closed */
        bool waiting; /* WATCH_OUT, _ERR: what was read is on its way */
};

struct running {
        struct running *next;
        struct hosts *hosts;         /* NULL: leashctl is ending */
        struct leash_ipc_call *call; /* NULL: nobody waits */
        pid_t pid;                   /* 0: it has ended */
        int status;
        int64_t kill_at; /* 0 = not asked to end */
        struct watch watches[WATCH_N_];
        char *input; /* not written yet */
        size_t input_len, input_done;
        bool input_eof;
};

struct host {
        struct hosts *hosts;
        struct strings argv;
};

struct hosts {
        struct ctl *c;
        int epoll;
        struct host *list;
        struct running *running;
};

int hosts_fd(const struct hosts *h) {
        return h ? h->epoll : -1;
}

static void watch_set(struct watch *w, uint32_t events) {
        struct epoll_event event = { .events = events, .data.ptr = w };
        int epoll = w->running->hosts->epoll;

        if (w->fd < 0)
                return;
        (void) epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
        if (events)
                (void) epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd, &event);
}

static void watch_close(struct watch *w) {
        if (w->fd < 0)
                return;
        if (w->running->hosts)
                watch_set(w, 0);
        close(TAKE_FD(w->fd));
}

static void running_free(struct running *r) {
        for (struct running **p = r->hosts ? &r->hosts->running : NULL; p && *p; p = &(*p)->next)
                if (*p == r) {
                        *p = r->next;
                        break;
                }
        for (int i = 0; i < WATCH_N_; i++)
                watch_close(&r->watches[i]);
        free(r->input);
        free(r);
}

static bool is_waiting(const struct running *r) {
        return r->watches[WATCH_OUT].waiting || r->watches[WATCH_ERR].waiting;
}

static void end_process(struct running *r, int signo) {
        if (r->pid > 0)
                (void) kill(-r->pid, signo); /* it leads a session, and so a group */
}

/* output */

static void finish(struct running *r);

static void on_room(int result, void *userdata) {
        struct watch *w = userdata;
        struct running *r = w->running;

        w->waiting = false;
        if (!r->hosts) {
                if (!is_waiting(r))
                        running_free(r);
                return;
        }
        if (result < 0) /* nobody reads it */
                watch_close(w);
        else if (r->pid > 0)
                watch_set(w, EPOLLIN);
        if (r->pid == 0)
                finish(r);
}

/* 1: a part is on its way; 0: nothing there now, -1: there will be no more. */
static int pass_output(struct watch *w) {
        struct running *r = w->running;
        char buffer[CHUNK_BYTES];
        ssize_t n = read(w->fd, buffer, sizeof(buffer));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0 || !r->call) {
                watch_close(w);
                return -1;
        }
        watch_set(w, 0);
        w->waiting = true;
        if (leash_ipc_output(r->call, w->kind == WATCH_ERR ? 2 : 1, buffer, (size_t) n, on_room,
                             w) < 0) {
                w->waiting = false;
                watch_close(w);
                return -1;
        }
        return 1;
}

/* It has ended: what its pipes still hold goes out first. Others may have inherited them, so that
 * their end is not waited for. */
static void finish(struct running *r) {
        for (int i = WATCH_OUT; i <= WATCH_ERR; i++)
                while (r->watches[i].fd >= 0 && !r->watches[i].waiting)
                        if (pass_output(&r->watches[i]) == 0)
                                watch_close(&r->watches[i]);
        if (is_waiting(r))
                return;
        if (r->call)
                (void) leash_ipc_exit(TAKE(r->call), WIFEXITED(r->status)
                                                             ? WEXITSTATUS(r->status)
                                                             : 128 + WTERMSIG(r->status));
        running_free(r);
}

static void on_end(struct running *r) {
        if (waitpid(r->pid, &r->status, WNOHANG) != r->pid)
                return;
        r->pid = 0;
        watch_close(&r->watches[WATCH_END]);
        finish(r);
}

/* input */

static void on_writable(struct running *r) {
        struct watch *w = &r->watches[WATCH_IN];

        while (w->fd >= 0 && r->input_done < r->input_len) {
                ssize_t n = write(w->fd, r->input + r->input_done, r->input_len - r->input_done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        watch_set(w, EPOLLOUT);
                        return;
                }
                if (n < 0) /* it does not want more: the rest is taken, and dropped */
                        watch_close(w);
                else
                        r->input_done += (size_t) n;
        }
        r->input_len = r->input_done = 0;
        watch_set(w, 0);
        if (r->input_eof)
                watch_close(w);
        if (r->call)
                (void) leash_ipc_input_taken(r->call);
}

static void on_input(struct leash_ipc_call *c, const void *data, size_t len, bool eof,
                     void *userdata) {
        struct running *r = userdata;
        char *copy = len > 0 ? realloc(r->input, len) : r->input;

        if (len > 0 && copy) {
                r->input = memcpy(copy, data, len);
                r->input_len = len;
                r->input_done = 0;
        }
        r->input_eof = eof || (len > 0 && !copy);
        on_writable(r);
}

/* calls */

static void on_cancel(struct leash_ipc_call *c, const char *why, void *userdata) {
        struct running *r = userdata;

        r->call = NULL;
        (void) leash_ipc_exit(c, 0);
        watch_close(&r->watches[WATCH_IN]);
        end_process(r, SIGTERM);
        r->kill_at = now_ms() + PATIENCE_MS;
}

static bool make_argv(struct arena *a, const struct host *h, struct json *arguments,
                      struct strings *ret) {
        struct json *args = json_get(arguments, "args");
        const char *word;

        for (size_t i = 0; i < h->argv.n; i++)
                if (!arena_push(a, ret, h->argv.items[i]))
                        return false;
        for (size_t i = 0; (word = json_string(json_at(args, i))); i++)
                if (!arena_push(a, ret, word))
                        return false;
        return arena_push(a, ret, ""); /* room for the NULL */
}

/* `theirs` are the child's ends; those that are not used stay -1. */
static int make_pipes(int ours[3], int theirs[3], bool input) {
        for (int i = 0; i < 3; i++) {
                int fds[2];

                if (i == 0 && !input) {
                        theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                        if (theirs[0] < 0)
                                return -errno;
                        continue;
                }
                if (pipe2(fds, O_CLOEXEC) < 0)
                        return -errno;
                ours[i] = fds[i == 0];
                theirs[i] = fds[i != 0];
                if (fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0)
                        return -errno;
        }
        return 0;
}

/* Between fork and exec. A session of its own: it must not ask on the user's terminal. When
 * leashctl is killed, nobody waits for the answer any more: the program is asked to end, too. */
static void become(char *const *argv, const int theirs[3], pid_t parent, int report) {
        struct sigaction fallback = { .sa_handler = SIG_DFL };
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, &fallback, NULL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) setsid();
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() != parent)
                _exit(127);
        bool ok = true;
        for (int i = 0; i < 3 && ok; i++)
                ok = (theirs[i] == i ? fcntl(i, F_SETFD, 0) : dup2(theirs[i], i)) >= 0;
        if (ok)
                (void) execvp(argv[0], argv);
        int e = errno;
        (void) !write(report, &e, sizeof e);
        _exit(127);
}

static int spawn(char *const *argv, const int theirs[3], pid_t *ret) {
        pid_t parent = getpid(), pid;
        int report[2], e = 0;
        ssize_t n;

        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid == 0)
                become(argv, theirs, parent, report[1]);
        e = pid < 0 ? errno : 0;
        close(report[1]);
        do
                n = pid > 0 ? read(report[0], &e, sizeof e) : 0;
        while (n < 0 && errno == EINTR);
        if (n == sizeof e)
                (void) waitpid(pid, NULL, 0);
        close(report[0]);
        if (e == 0)
                *ret = pid;
        return -e;
}

static void close_ends(int *fds) {
        for (int i = 0; i < 3; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

static int start(struct running *r, const struct host *h, struct arena *a) {
        int ours[3] = { -1, -1, -1 }, theirs[3] = { -1, -1, -1 };
        bool input = leash_ipc_has_input(r->call);
        struct strings argv = { 0 };

        if (!make_argv(a, h, ipc_arguments_json(r->call), &argv))
                return -ENOMEM;
        argv.items[argv.n - 1] = NULL;
        int e = make_pipes(ours, theirs, input);
        if (e >= 0)
                e = spawn((char *const *) (uintptr_t) argv.items, theirs, &r->pid);
        if (e < 0)
                r->pid = 0;
        close_ends(theirs);
        for (int i = 0; i < 3; i++)
                r->watches[i].fd = ours[i];
        if (e >= 0) {
                r->watches[WATCH_END].fd = (int) syscall(SYS_pidfd_open, r->pid, 0);
                if (r->watches[WATCH_END].fd < 0)
                        e = -errno;
        }
        return e;
}

static void on_call(struct leash_ipc_call *c, void *userdata) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct host *h = userdata;
        struct running *r = calloc(1, sizeof(*r));
        char text[512];

        if (!r || !a) {
                free(r);
                (void) leash_ipc_fail(c, "out of memory");
                return;
        }
        r->hosts = h->hosts;
        r->call = c;
        for (int i = 0; i < WATCH_N_; i++)
                r->watches[i] = (struct watch){ .running = r, .kind = i, .fd = -1 };
        r->next = h->hosts->running;
        h->hosts->running = r;
        int e = start(r, h, a);
        if (e < 0) {
                snprintf(text, sizeof(text), "leashctl cannot run %.300s: %s", h->argv.items[0],
                         strerror(-e));
                end_process(r, SIGKILL);
                if (r->pid > 0)
                        (void) waitpid(r->pid, NULL, 0);
                running_free(r);
                (void) leash_ipc_fail(c, text);
                return;
        }
        leash_ipc_set_cancel(c, on_cancel, r);
        leash_ipc_set_input(c, on_input, r);
        for (int i = WATCH_OUT; i < WATCH_N_; i++)
                watch_set(&r->watches[i], EPOLLIN);
}

/* the loop */

void hosts_step(struct hosts *h) {
        struct epoll_event event;

        /* One at a time: what is done for one may free the others. */
        while (h && epoll_wait(h->epoll, &event, 1, 0) == 1) {
                struct watch *w = event.data.ptr;

                if (w->kind == WATCH_END)
                        on_end(w->running);
                else if (w->kind == WATCH_IN)
                        on_writable(w->running);
                else
                        (void) pass_output(w);
        }
        for (struct running *r = h ? h->running : NULL; r; r = r->next)
                if (r->kill_at && r->kill_at <= now_ms()) {
                        end_process(r, SIGKILL);
                        r->kill_at = 0;
                }
}

int hosts_timeout(const struct hosts *h) {
        int64_t first = -1;

        for (const struct running *r = h ? h->running : NULL; r; r = r->next)
                if (r->kill_at && (first < 0 || r->kill_at < first))
                        first = r->kill_at;
        if (first < 0)
                return -1;
        first -= now_ms();
        return first > 0 ? (int) first : 0;
}

static int add(struct hosts *h, struct host *host, const char *sandbox, const char *text) {
        const char *equals = strchr(text, '=');
        bool shadow = text[0] == '+';
        struct ipc_command c = { .name = arena_strndup(h->c->o.arena, text + shadow,
                                                       (size_t) (equals - text) - shadow),
                                 .stream_stdin = true,
                                 .shadow = shadow };
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        char *spec = NULL;

        host->hosts = h;
        int r = c.name ? words_split(h->c->o.arena, equals + 1, &host->argv, &e) : error_nomem(&e);
        if (r >= 0)
                r = shape_encode(&ipc_command_shape, &c, &j, &e);
        if (r >= 0 && !(spec = json_text(j)))
                r = error_nomem(&e);
        if (r < 0)
                return ctl_fail_with(h->c, &e);
        r = ipc_register(h->c->l, sandbox, spec, on_call, host);
        free(spec);
        if (r >= 0)
                return 0;
        e = h->c->l->error;
        e.where[0] = '\0'; /* the message says which one */
        char *about = strstr(e.message, ", or say \"shadow\": true");
        if (about)
                snprintf(about, sizeof(e.message) - (size_t) (about - e.message),
                         ", or say --ipc +%s=…", c.name);
        return ctl_fail_with(h->c, &e);
}

int hosts_register(struct ctl *c, const char *sandbox, struct hosts **ret) {
        struct hosts *h = c->o.ipc.n > 0 ? calloc(1, sizeof(*h)) : NULL;
        int code = 0;

        if (c->o.ipc.n == 0)
                return 0;
        if (h) {
                h->c = c;
                h->list = calloc(c->o.ipc.n, sizeof(*h->list));
                h->epoll = epoll_create1(EPOLL_CLOEXEC);
        }
        if (!h || !h->list || h->epoll < 0) {
                struct error e = ERROR_NULL;
                hosts_free(h);
                error_nomem(&e);
                return ctl_fail_with(c, &e);
        }
        for (size_t i = 0; i < c->o.ipc.n && code == 0; i++)
                code = add(h, &h->list[i], sandbox, c->o.ipc.items[i]);
        if (code != 0)
                h = hosts_free(h);
        *ret = h;
        return code;
}

struct hosts *hosts_free(struct hosts *h) {
        if (!h)
                return NULL;
        while (h->running) {
                struct running *r = h->running;

                h->running = r->next;
                end_process(r, SIGKILL);
                if (r->pid > 0)
                        (void) waitpid(r->pid, NULL, 0);
                r->pid = 0;
                if (r->call)
                        (void) leash_ipc_fail(TAKE(r->call), "leashctl has ended");
                for (int i = 0; i < WATCH_N_; i++)
                        watch_close(&r->watches[i]);
                r->hosts = NULL;
                if (!is_waiting(r)) /* else on_room() does it, when the connection is freed */
                        running_free(r);
        }
        if (h->epoll >= 0)
                close(h->epoll);
        free(h->list);
        free(h);
        return NULL;
}
