/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-gate as a child. While there is none, its sandboxes have no network: connections wait in
 * the listeners' backlogs, for WAIT_SECONDS; then those are reset and new ones refused until there
 * is a gate again (decision 24). A gate that keeps dying is not started faster than START_BURST
 * times in START_SECONDS.
 */
#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../../proto/gate_wire.h"
#include "../common/process.h"
#include "sandbox.h"

#define START_BURST 5
#define START_SECONDS 10
#define WAIT_SECONDS 2
#define BACKLOG 1024       /* as leash-init's */
#define MESSAGES_AT_ONCE 4 /* of GATE_FRAMES_MAX; then clients get their turn */
#define QUEUE_MAX 8192     /* frames; two for each of LIMIT_SANDBOXES */

struct queued {
        STAILQ_ENTRY(queued) link;
        struct gate_frame frame;
        int fds[1 + GATE_LISTENER_N_ + GATE_OTHERS_MAX];
        size_t n_fds;
};
STAILQ_HEAD(queued_list, queued);

struct gate_link {
        struct session *session;
        pid_t pid; /* 0: not running */
        int fd;
        struct event *event, *write_event, *start_event, *wait_event;
        bool closed;              /* the listeners refuse */
        struct queued_list queue; /* what its socket had no room for */
        size_t n_queue;
        uint64_t last_number;
        double starts[START_BURST];
        unsigned n_starts;
};

static void start(struct gate_link *l);

static void drop_queue(struct gate_link *l) {
        while (!STAILQ_EMPTY(&l->queue)) {
                struct queued *q = STAILQ_FIRST(&l->queue);
                STAILQ_REMOVE_HEAD(&l->queue, link);
                fds_close(q->fds, q->n_fds);
                free(q);
        }
        l->n_queue = 0;
}

/* It confined itself; what is left of it is ended, and nobody else waits for it. */
static void disconnect(struct gate_link *l) {
        if (l->event)
                event_free(TAKE(l->event));
        if (l->write_event)
                event_free(TAKE(l->write_event));
        l->fd = fd_close(l->fd);
        drop_queue(l);
        if (l->pid > 0) {
                (void) kill(l->pid, SIGKILL);
                while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        l->pid = 0;
}

static bool is_needed(const struct session *s) {
        const struct sandbox *sb;
        LIST_FOREACH(sb, &s->sandboxes, link)
                if (sb->gate.number > 0)
                        return true;
        return false;
}

/* The sandbox's code shares nothing of these sockets, but a leash-init that was taken over might:
 * no accept(2) here, which it could make wait. A listener that is shut down resets what waits and
 * refuses what comes, its port stays its own, and listen(2) opens it again (inet_shutdown()). */
static void each_listener(const struct sandbox_gate *g, int (*fn)(int fd, int argument),
                          int argument) {
        for (size_t i = 0; i < GATE_LISTENER_N_; i++)
                if ((g->mask & (1u << i)) && i != GATE_DNS_UDP4 && i != GATE_DNS_UDP6)
                        (void) fn(g->listeners[i], argument);
        for (size_t i = 0; i < g->n_others; i++)
                (void) fn(g->others[i], argument);
}

static void on_wait(evutil_socket_t fd, short what, void *userdata) {
        struct gate_link *l = userdata;
        struct sandbox *sb;
        if (l->pid > 0)
                return;
        l->closed = true;
        LIST_FOREACH(sb, &l->session->sandboxes, link)
                each_listener(&sb->gate, shutdown, SHUT_RD);
}

static void open_again(struct gate_link *l) {
        struct sandbox *sb;
        (void) event_del(l->wait_event);
        if (l->closed)
                LIST_FOREACH(sb, &l->session->sandboxes, link)
                        each_listener(&sb->gate, listen, BACKLOG);
        l->closed = false;
}

static void died(struct gate_link *l) {
        const struct timeval wait = { .tv_sec = WAIT_SECONDS };
        log_event(&l->session->log, LOG_WARN, LOG_GATE_GONE, "leash-gate is gone",
                  LOG_INT("uid", l->session->user.uid), LOG_INT("pid", l->pid));
        disconnect(l);
        network_unask(l->session, 0, 0);
        (void) event_add(l->wait_event, &wait);
        if (is_needed(l->session))
                start(l);
}

static void on_write(evutil_socket_t fd, short what, void *userdata) {
        struct gate_link *l = userdata;
        while (!STAILQ_EMPTY(&l->queue)) {
                struct queued *q = STAILQ_FIRST(&l->queue);
                ssize_t n = socket_send(l->fd, &q->frame, sizeof q->frame, q->fds, q->n_fds);
                if (n == -EAGAIN) {
                        (void) event_add(l->write_event, NULL);
                        return;
                }
                if (n < 0) {
                        died(l);
                        return;
                }
                STAILQ_REMOVE_HEAD(&l->queue, link);
                l->n_queue--;
                fds_close(q->fds, q->n_fds);
                free(q);
        }
}

/* Borrows the descriptors. */
static void send_frame(struct gate_link *l, const struct gate_frame *f, const int *fds,
                       size_t n_fds) {
        if (l->fd < 0)
                return; /* a new gate is told everything */
        ssize_t n =
                STAILQ_EMPTY(&l->queue) ? socket_send(l->fd, f, sizeof *f, fds, n_fds) : -EAGAIN;
        if (n >= 0)
                return;
        struct queued *q = n == -EAGAIN && l->n_queue < QUEUE_MAX ? calloc(1, sizeof *q) : NULL;
        if (!q) {
                /* Not from here: the caller may be walking the sandboxes. EOF is noticed soon. */
                (void) shutdown(l->fd, SHUT_RDWR);
                return;
        }
        q->frame = *f;
        for (; q->n_fds < n_fds; q->n_fds++) {
                q->fds[q->n_fds] = fcntl(fds[q->n_fds], F_DUPFD_CLOEXEC, 3);
                if (q->fds[q->n_fds] < 0) {
                        fds_close(q->fds, q->n_fds);
                        free(q);
                        (void) shutdown(l->fd, SHUT_RDWR);
                        return;
                }
        }
        STAILQ_INSERT_TAIL(&l->queue, q, link);
        l->n_queue++;
        (void) event_add(l->write_event, NULL);
}

static void send_sandbox(struct gate_link *l, const struct sandbox *sb) {
        const struct sandbox_gate *g = &sb->gate;
        struct gate_frame f = GATE_FRAME(GATE_SANDBOX_ADD);
        int fds[1 + GATE_LISTENER_N_ + GATE_OTHERS_MAX];
        size_t n = 0;
        _cleanup_(fd_closep) int file = gate_rules_file(sb);
        if (file < 0) {
                log_write(&l->session->log, LOG_ERROR, "cannot write rules for leash-gate",
                          LOG_INT("result", file));
                return;
        }
        fds[n++] = file;
        for (size_t i = 0; i < GATE_LISTENER_N_; i++)
                if (g->mask & (1u << i))
                        fds[n++] = g->listeners[i];
        for (size_t i = 0; i < g->n_others; i++)
                fds[n++] = g->others[i];
        f.sandbox = g->number;
        f.mask = g->mask;
        f.more = (uint32_t) g->n_others;
        send_frame(l, &f, fds, n);
}

void gate_tell_resolver(struct session *s) {
        struct gate_frame f = GATE_FRAME(GATE_RESOLVER);
        if (!s->gate || s->gate->fd < 0)
                return;
        _cleanup_(fd_closep) int file = gate_resolver_file();
        if (file >= 0)
                send_frame(s->gate, &f, &file, 1);
        else
                log_write(&s->log, LOG_WARN, "cannot tell leash-gate the name servers",
                          LOG_INT("result", file));
}

static struct sandbox *find_number(struct session *s, uint64_t number) {
        struct sandbox *sb;
        LIST_FOREACH(sb, &s->sandboxes, link)
                if (sb->gate.number == number)
                        return sb;
        return NULL;
}

static int handle(struct gate_link *l, const struct gate_frame *f) {
        if (gate_frame_check(f, sizeof *f, GATE_TO_SESSION) < 0)
                return -EBADMSG;
        struct sandbox *sb = find_number(l->session, f->sandbox);
        if (sb && f->type == GATE_EVENT) /* otherwise it has just ended */
                network_event(sb, f);
        else if (sb && f->type == GATE_ASK)
                network_ask(sb, f);
        else if (sb)
                network_unask(l->session, f->sandbox, f->id);
        return 0;
}

static void on_frame(evutil_socket_t fd, short what, void *userdata) {
        struct gate_link *l = userdata;
        for (unsigned i = 0; i < MESSAGES_AT_ONCE; i++) {
                struct gate_frame f[GATE_FRAMES_MAX];
                size_t n_fds = 0;
                ssize_t n = socket_recv(l->fd, f, sizeof f, NULL, 0, &n_fds);
                if (n == -EAGAIN)
                        return;
                int r = n > 0 && (size_t) n % sizeof f[0] == 0 ? 0 : -EBADMSG;
                for (size_t k = 0; r >= 0 && k < (size_t) n / sizeof f[0]; k++)
                        r = handle(l, &f[k]);
                if (r < 0) {
                        died(l);
                        return;
                }
        }
}

void gate_hear(struct session *s) {
        if (s->gate && s->gate->fd >= 0)
                on_frame(s->gate->fd, EV_READ, s->gate);
}

static int spawn(struct gate_link *l, int theirs) {
        char path[4096];
        posix_spawn_file_actions_t actions;
        char *argv[] = { (char *) (uintptr_t) "leash-gate", NULL };
        char level[64], *env[] = { level, NULL };
        static const char *const words[] = { "error", "warn", "info", "debug" };

        if (process_sibling("leash-gate", path, sizeof path) < 0)
                return -ENOENT;
        snprintf(level, sizeof level, "LEASH_LOG=%s", words[l->session->log.max]);
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        int r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, 0, 1);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, theirs, GATE_CONTROL_FD);
        if (r == 0)
                r = posix_spawn(&l->pid, path, &actions, NULL, argv, env);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int connect_gate(struct gate_link *l) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        _cleanup_(fd_closep) int ours = pair[0], theirs = pair[1];
        /* dup2 onto itself would leave the descriptor close-on-exec. */
        if (theirs == GATE_CONTROL_FD)
                return -EBADF;
        int r = fd_set_nonblock(ours, true);
        if (r >= 0)
                r = spawn(l, theirs);
        if (r < 0) {
                l->pid = 0;
                return r;
        }
        l->fd = TAKE_FD(ours);
        l->event = event_new(l->session->base, l->fd, EV_READ | EV_PERSIST, on_frame, l);
        l->write_event = event_new(l->session->base, l->fd, EV_WRITE, on_write, l);
        if (!l->event || !l->write_event || event_add(l->event, NULL) < 0) {
                disconnect(l);
                return -ENOMEM;
        }
        return 0;
}

static void start(struct gate_link *l) {
        struct session *s = l->session;
        struct sandbox *sb;
        double now = clock_monotonic();
        struct timeval later = { .tv_sec = START_SECONDS };

        if (l->n_starts >= START_BURST &&
            now - l->starts[l->n_starts % START_BURST] < START_SECONDS) {
                log_event(&s->log, LOG_ERROR, LOG_GATE_GONE,
                          "leash-gate keeps dying: no network for a while",
                          LOG_INT("uid", s->user.uid));
                (void) event_add(l->start_event, &later);
                return;
        }
        l->starts[l->n_starts++ % START_BURST] = now;
        int r = connect_gate(l);
        if (r < 0) {
                log_write(&s->log, LOG_ERROR, "cannot start leash-gate",
                          LOG_STR("why", strerror(-r)));
                (void) event_add(l->start_event, &later);
                return;
        }
        s->stats.gate_starts++;
        log_event(&s->log, LOG_INFO, LOG_GATE_STARTED, "started leash-gate",
                  LOG_INT("uid", s->user.uid), LOG_INT("pid", l->pid));
        open_again(l);
        gate_tell_resolver(s);
        LIST_FOREACH(sb, &s->sandboxes, link)
                if (sb->gate.number > 0)
                        send_sandbox(l, sb);
}

static void on_start(evutil_socket_t fd, short what, void *userdata) {
        struct gate_link *l = userdata;
        if (l->pid == 0 && is_needed(l->session))
                start(l);
}

static struct gate_link *link_new(struct session *s) {
        struct gate_link *l = calloc(1, sizeof *l);
        if (!l)
                return NULL;
        l->session = s;
        l->fd = -1;
        STAILQ_INIT(&l->queue);
        l->start_event = evtimer_new(s->base, on_start, l);
        l->wait_event = evtimer_new(s->base, on_wait, l);
        if (!l->start_event || !l->wait_event) {
                if (l->start_event)
                        event_free(l->start_event);
                free(l);
                return NULL;
        }
        /* Without it names are looked up as they were at the start. */
        if (resolv_watch_start(s) < 0)
                log_write(&s->log, LOG_WARN, "cannot watch resolv.conf");
        return l;
}

static void close_listeners(struct sandbox_gate *g) {
        for (size_t i = 0; i < GATE_LISTENER_N_; i++)
                if (g->mask & (1u << i))
                        fd_close(g->listeners[i]);
        fds_close(g->others, g->n_others);
        *g = (struct sandbox_gate){ 0 };
}

void gate_add(struct sandbox *sb, const struct box_event *ev) {
        struct session *s = sb->session;
        struct sandbox_gate g = { .mask = ev->listener_mask, .n_others = ev->n_others };
        memcpy(g.listeners, ev->listeners, sizeof g.listeners);
        memcpy(g.others, ev->others, sizeof g.others);
        if ((g.mask == 0 && g.n_others == 0) || sb->gate.number > 0) {
                close_listeners(&g);
                return;
        }
        if (!s->gate)
                s->gate = link_new(s);
        if (!s->gate) {
                close_listeners(&g); /* no memory: no network */
                return;
        }
        g.number = ++s->gate->last_number;
        sb->gate = g;
        if (s->gate->closed)
                each_listener(&sb->gate, shutdown, SHUT_RD);
        if (s->gate->pid > 0)
                send_sandbox(s->gate, sb);
        else if (!event_pending(s->gate->start_event, EV_TIMEOUT, NULL))
                start(s->gate);
}

void gate_remove(struct sandbox *sb) {
        struct gate_frame f = GATE_FRAME(GATE_SANDBOX_REMOVE);
        if (sb->gate.number == 0)
                return;
        f.sandbox = sb->gate.number;
        network_unask(sb->session, f.sandbox, 0);
        close_listeners(&sb->gate);
        send_frame(sb->session->gate, &f, NULL, 0);
}

void gate_decide(struct session *s, uint64_t sandbox, uint64_t question, bool yes, bool remember) {
        struct gate_frame f = GATE_FRAME(GATE_DECISION);
        f.sandbox = sandbox;
        f.id = question;
        f.verdict = yes ? GATE_ALLOWED : GATE_DENIED;
        f.remember = remember;
        if (s->gate)
                send_frame(s->gate, &f, NULL, 0);
}

void gate_stop(struct session *s) {
        if (!s->gate)
                return;
        disconnect(s->gate);
        event_free(s->gate->start_event);
        event_free(s->gate->wait_event);
        free(s->gate);
        s->gate = NULL;
        resolv_watch_stop(s);
}
