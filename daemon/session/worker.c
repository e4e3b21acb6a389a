/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a worker: starting → ready → ended, and the socket to it. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "worker_py.h"

#define READS_AT_ONCE 16

struct worker_message { /* worker.py: "<IIQ" */
        uint32_t op, argument;
        uint64_t id;
};

static void worker_free(struct worker *w) {
        LIST_REMOVE(w, link);
        if (w->event)
                event_free(w->event);
        if (w->end_event)
                event_free(w->end_event);
        fd_close(w->fd);
        python_frames_done(&w->frames);
        w->arena = arena_free(w->arena);
        free(w);
}

struct worker *worker_find(struct session *s, const char *id, struct error *e) {
        struct worker *w;
        LIST_FOREACH(w, &s->workers, link)
                if (w->kind == WORKER_SESSION && strcmp(w->id, id) == 0)
                        return w;
        int r = error_set(e, ERROR_NOT_FOUND, ENOENT, "there is no Python session %.40s", id);
        (void) error_under(e, "/session", r);
        return NULL;
}

void worker_end(struct worker *w, const struct error *why) {
        if (w->error.code == ERROR_NONE && why)
                w->error = *why;
        if (w->event)
                (void) event_del(w->event);
        event_active(w->end_event, EV_TIMEOUT, 1); /* the caller may still be reading from it */
}

static void on_end(evutil_socket_t fd, short what, void *userdata) {
        struct worker *w = userdata;
        if (w->process)
                process_kill(w->process, REASON_DESTROYED); /* then on_ended() */
}

/* A worker that breaks the protocol is not ours any more: what runs in it has taken it over. */
static void broken(struct worker *w) {
        struct error e = ERROR_NULL;
        error_set(&e, ERROR_GONE, EPROTO,
                  "the interpreter that waits in the sandbox has lost its mind");
        worker_end(w, &e);
}

static void take(struct worker *w, const struct python_reply *r) {
        struct error e = ERROR_NULL;
        if (r->failed && !w->ready) {
                error_set(&e, ERROR_PARAMS, 0, "%.600s", r->failed);
                snprintf(e.where, sizeof e.where, "/imports");
                worker_end(w, &e);
        } else if (r->ready && !w->ready && w->kind == WORKER_WARM && !r->isolated &&
                   w->process->sandbox->place.plan->landlock) {
                /* Without Landlock the caller has accepted no_landlock, which says so. */
                error_set(&e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                          "the calls of a warm interpreter cannot be kept from each other here: "
                          "leave out warm");
                snprintf(e.where, sizeof e.where, "/warm");
                worker_end(w, &e);
        } else if (r->ready && !w->ready) {
                w->ready = true;
                w->tail_len = 0;
                if (w->kind == WORKER_SESSION)
                        pysession_ready(w);
        } else if (!w->ready)
                broken(w);
        else if (w->kind == WORKER_WARM)
                warm_reply(w, r);
        else
                pysession_reply(w, r);
}

/* Bounded: one that talks without end must not keep the others waiting. false: w may be gone. */
static bool receive(struct worker *w) {
        struct session *s = w->session;
        ssize_t n = recv(w->fd, s->buffer, SESSION_BUFFER, MSG_DONTWAIT);
        if (n <= 0) {
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return false;
                (void) event_del(w->event); /* its end comes as the process's */
                return false;
        }
        int bad = python_frames_add(&w->frames, s->buffer, (size_t) n);
        for (unsigned i = 0; i < READS_AT_ONCE * 64 && w->error.code == ERROR_NONE; i++) {
                _cleanup_(arena_freep) struct arena *a = arena_new();
                struct python_reply reply;
                int r = a ? python_frames_next(&w->frames, a, &reply) : -ENOMEM;
                if (r == 0)
                        break;
                if (r < 0) {
                        broken(w);
                        return false;
                }
                take(w, &reply);
        }
        if (bad < 0 && w->error.code == ERROR_NONE)
                broken(w);
        return bad >= 0 && w->error.code == ERROR_NONE;
}

static void on_readable(evutil_socket_t fd, short what, void *userdata) {
        (void) receive(userdata);
}

static void on_output(struct process *p, enum stream stream, const char *data, size_t len) {
        struct worker *w = p->userdata;
        if (w->ready && w->kind == WORKER_SESSION) {
                pysession_output(w, stream, data, len);
                return;
        }
        if (w->ready) /* a warm one has nothing to say by itself */
                return;
        if (len > sizeof w->tail) {
                data += len - sizeof w->tail;
                len = sizeof w->tail;
        }
        size_t old = w->tail_len + len > sizeof w->tail ? sizeof w->tail - len : w->tail_len;
        memmove(w->tail, w->tail + w->tail_len - old, old);
        memcpy(w->tail + old, data, len);
        w->tail_len = old + len;
}

static void explain_end(struct worker *w, const struct process *p, const struct error *e) {
        if (w->error.code != ERROR_NONE)
                return;
        if (e) {
                w->error = *e;
                return;
        }
        if (p->reason == REASON_DESTROYED) {
                error_set(&w->error, ERROR_GONE, ESRCH, "the sandbox was destroyed");
                return;
        }
        char text[600];
        size_t len = w->tail_len < sizeof text ? w->tail_len : sizeof text - 1;
        memcpy(text, w->tail + w->tail_len - len, len);
        text[len] = 0;
        while (len > 0 && text[len - 1] == '\n')
                text[--len] = 0;
        bool valid = utf8_is_valid(text, len);
        for (char *c = text; *c; c++)
                if ((unsigned char) *c < 0x20 || (!valid && (unsigned char) *c >= 0x80))
                        *c = ' ';
        error_set(&w->error, ERROR_GONE, ESRCH, "the interpreter has ended%s%s",
                  len > 0 ? ": " : "", text);
}

static void on_ended(struct process *p, const struct error *e) {
        struct worker *w = p->userdata;
        while (w->event && w->error.code == ERROR_NONE && receive(w)) /* its last words */
                ;
        w->process = NULL;
        explain_end(w, p, e);
        if (w->kind == WORKER_WARM)
                warm_ended(w);
        else
                pysession_ended(w);
        worker_free(w);
}

static void on_note(struct process *p, const struct box_event *ev) {
        struct worker *w = p->userdata;
        if (w->kind == WORKER_WARM)
                warm_note(w, ev);
        else
                pysession_note(w, ev);
}

static const struct process_hooks hooks = { on_output, on_ended, on_note };

static int start(struct worker *w, struct sandbox *sb, struct error *e) {
        int pair[2];
        struct process_wish wish = { .cwd = w->cwd,
                                     .environment = w->environment,
                                     .run = true,
                                     .stdio = { -1, -1, -1 },
                                     .pipes = { false, true, true },
                                     .title = w->kind == WORKER_WARM ? "leash: warm interpreter"
                                                                     : "leash: Python session",
                                     .hooks = &hooks,
                                     .userdata = w };
        const char *const argv[] = { w->python, "-c", worker_py,
                                     w->kind == WORKER_WARM ? "warm" : "session" };
        bool ok = true;
        for (size_t i = 0; i < ELEMENTSOF(argv); i++)
                ok = ok && arena_push(w->arena, &wish.argv, argv[i]);
        for (size_t i = 0; i < w->imports.n; i++)
                ok = ok && arena_push(w->arena, &wish.argv, w->imports.items[i]);
        if (!ok)
                return error_nomem(e);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, ERROR_LIMIT, errno, "cannot make a socket: %s",
                                 strerror(errno));
        w->fd = pair[0];
        wish.stdio[0] = pair[1];
        w->event = event_new(w->session->base, w->fd, EV_READ | EV_PERSIST, on_readable, w);
        int r = !w->event || event_add(w->event, NULL) < 0
                        ? error_nomem(e)
                        : process_new_own(w->session, sb, &wish, &w->process, e);
        fd_close(pair[1]);
        return r;
}

int worker_new(struct session *s, struct sandbox *sb, const struct worker_wish *wish,
               struct worker **ret, struct error *e) {
        struct worker *w = calloc(1, sizeof *w);
        if (!w)
                return error_nomem(e);
        w->session = s;
        w->kind = wish->kind;
        w->fd = -1;
        w->used = clock_monotonic();
        id_new("py-", w->id);
        snprintf(w->sandbox_id, sizeof w->sandbox_id, "%s", sb->id);
        w->arena = arena_new();
        LIST_INSERT_HEAD(&s->workers, w, link);
        w->end_event = evtimer_new(s->base, on_end, w);
        bool ok = w->arena && w->end_event && (w->python = arena_strdup(w->arena, wish->python)) &&
                  (!wish->cwd || (w->cwd = arena_strdup(w->arena, wish->cwd)));
        for (size_t i = 0; ok && i < wish->imports.n; i++)
                ok = arena_push(w->arena, &w->imports, wish->imports.items[i]);
        for (size_t i = 0; ok && i < wish->environment.n; i++) {
                const struct pair *p = &wish->environment.items[i];
                const char *name = arena_strdup(w->arena, p->name);
                const char *value = arena_strdup(w->arena, p->value);
                ok = name && value && arena_push_pair(w->arena, &w->environment, name, value);
        }
        int r = ok ? start(w, sb, e) : error_nomem(e);
        if (r < 0) {
                worker_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

int worker_send(struct worker *w, unsigned op, unsigned argument, uint64_t id, const int *fds,
                size_t n_fds, struct error *e) {
        const struct worker_message m = { op, argument, id };
        ssize_t n;
        if (!w->process || w->error.code != ERROR_NONE)
                return error_set(e, ERROR_GONE, ESRCH, "the interpreter is ending");
        /* Never blocks: a message is far smaller than a socket's buffer, so a full one means that
         * nobody reads. */
        (void) fd_set_nonblock(w->fd, true);
        n = socket_send(w->fd, &m, sizeof m, fds, n_fds);
        if (n == (ssize_t) sizeof m || n == -EPIPE || n == -ECONNRESET)
                return 0; /* whoever waits hears of its end, and why, from on_ended() */
        return error_set(e, ERROR_LIMIT, EAGAIN, "the interpreter in the sandbox does not listen");
}

/* Sealed, so that nobody inside changes the text under the reader's eyes. */
int worker_order(const void *value, const struct shape *shape, struct error *e) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        size_t len = 0, done = 0;
        int r = shape_encode(shape, value, &j, e);
        if (r < 0)
                return r;
        char *text = json_print(j, false, &len);
        if (!text)
                return error_nomem(e);
        _cleanup_(fd_closep) int fd = memfd_create("order", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        while (fd >= 0 && done < len) {
                ssize_t n = write(fd, text + done, len - done);
                if (n <= 0)
                        break;
                done += (size_t) n;
        }
        free(text);
        if (fd < 0 || done < len || lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return error_set(e, ERROR_IO, errno, "cannot hand code over: %s", strerror(errno));
        return TAKE_FD(fd);
}

static void orphan_output(struct process *p, enum stream stream, const char *data, size_t len) {
}

static void orphan_ended(struct process *p, const struct error *e) {
}

/* A new interpreter in the place of the old one, which nobody listens to any more. */
int worker_restart(struct worker *w, struct error *e) {
        static const struct process_hooks orphan = { orphan_output, orphan_ended, NULL };
        struct process *old = w->process;
        struct sandbox *sb = old->sandbox;
        old->hooks = &orphan;
        old->userdata = NULL;
        w->process = NULL;
        event_free(w->event);
        w->event = NULL;
        w->fd = fd_close(w->fd);
        python_frames_done(&w->frames);
        w->ready = false;
        w->tail_len = 0;
        int r = start(w, sb, e);
        process_kill(old, REASON_DESTROYED);
        if (r < 0) {
                w->error = *e;
                pysession_ended(w);
                worker_free(w);
        }
        return r;
}
