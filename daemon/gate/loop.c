/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The loop: descriptors, timers, turns. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"

#define EVENTS_AT_ONCE 256 /* one page of struct epoll_event is 341 */

static const uint64_t durations[TIMER_N_] = {
        [TIMER_RATE] = 20000,       [TIMER_DELAY] = 250000,    [TIMER_DNS] = 2000000,
        [TIMER_CONNECT] = 20000000, [TIMER_HEAD] = 30000000,   [TIMER_ASK] = 35000000,
        [TIMER_KEEP] = 90000000,    [TIMER_IDLE] = 3600000000,
};

uint64_t clock_micros(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

int io_open(struct gate *g, struct io *io, int fd, void (*fn)(struct gate *, struct io *)) {
        struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                  .data.ptr = io };
        *io = (struct io){ .fd = fd, .fn = fn };
        if (epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
                int r = -errno;
                io->fd = -1;
                return r;
        }
        return 0;
}

int io_open_level(struct gate *g, struct io *io, int fd, void (*fn)(struct gate *, struct io *)) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = io };
        *io = (struct io){ .fd = fd, .fn = fn };
        if (epoll_ctl(g->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
                int r = -errno;
                io->fd = -1;
                return r;
        }
        return 0;
}

void io_pause(struct gate *g, struct io *io, bool pause) {
        struct epoll_event ev = { .events = pause ? 0 : EPOLLIN, .data.ptr = io };
        if (io->fd >= 0)
                (void) epoll_ctl(g->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev);
}

int io_move(struct gate *g, struct io *from, struct io *to,
            void (*fn)(struct gate *, struct io *)) {
        struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                  .data.ptr = to };
        if (epoll_ctl(g->epoll_fd, EPOLL_CTL_MOD, from->fd, &ev) < 0)
                return -errno;
        *to = (struct io){ .fd = from->fd, .ready = from->ready, .fn = fn };
        *from = (struct io){ .fd = -1 };
        return 0;
}

/* close(2) takes the only open file out of the epoll set. */
void io_close(struct io *io) {
        if (io->fd >= 0)
                close(io->fd);
        io->fd = -1;
        io->ready = 0;
        io->fn = NULL;
}

void io_reset(struct io *io) {
        struct linger now = { .l_onoff = 1, .l_linger = 0 };
        if (io->fd >= 0)
                (void) setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        io_close(io);
}

void timer_clear(struct gate *g, struct timer *t) {
        if (t->due == 0)
                return;
        TAILQ_REMOVE(&g->timers[t->class], t, link);
        t->due = 0;
}

void timer_set(struct gate *g, struct timer *t, enum timer_class class) {
        timer_clear(g, t);
        t->class = (uint8_t) class;
        t->due = g->now + durations[class];
        TAILQ_INSERT_TAIL(&g->timers[class], t, link);
}

void gate_bury(struct gate *g, struct grave *what) {
        what->next = g->graves;
        g->graves = what;
}

static void empty_graves(struct gate *g) {
        while (g->graves) {
                struct grave *x = g->graves;
                g->graves = x->next;
                free(x);
        }
}

/* Milliseconds until the next timer is due; -1: none. */
static int next_timer(const struct gate *g) {
        uint64_t least = UINT64_MAX;
        if (!TAILQ_EMPTY(&g->again))
                return 0;
        for (unsigned i = 0; i < TIMER_N_; i++) {
                const struct timer *t = TAILQ_FIRST(&g->timers[i]);
                if (t && t->due < least)
                        least = t->due;
        }
        if (least == UINT64_MAX)
                return -1;
        if (least <= g->now)
                return 0;
        uint64_t ms = (least - g->now + 999) / 1000;
        return ms > 3600000 ? 3600000 : (int) ms;
}

static void run_timers(struct gate *g) {
        for (unsigned i = 0; i < TIMER_N_; i++) {
                struct timer *t;
                while ((t = TAILQ_FIRST(&g->timers[i])) && t->due <= g->now) {
                        timer_clear(g, t);
                        t->fn(g, t);
                }
        }
}

static void run_again(struct gate *g) {
        /* Only those that wait now: one that asks for another turn gets it in the next round. */
        struct conn *last = TAILQ_LAST(&g->again, conn_list), *c;
        while (last && (c = TAILQ_FIRST(&g->again))) {
                TAILQ_REMOVE(&g->again, c, again_link);
                c->again = false;
                bool end = c == last;
                conn_run(c);
                if (end)
                        break;
        }
}

static void dispatch(struct gate *g, const struct epoll_event *ev) {
        struct io *io = ev->data.ptr;
        if (!io->fn)
                return; /* closed earlier in this round */
        if (ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                io->ready |= IO_IN;
        if (ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
                io->ready |= IO_OUT;
        if (ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                io->ready |= IO_HUP;
        io->fn(g, io);
}

void loop_run(struct gate *g) {
        struct epoll_event events[EVENTS_AT_ONCE];
        while (!g->ending) {
                int wait = TAILQ_EMPTY(&g->leaving) ? next_timer(g) : 0;
                int n = epoll_wait(g->epoll_fd, events, EVENTS_AT_ONCE, wait);
                if (n < 0 && errno != EINTR)
                        return;
                if (n < 0)
                        accept_rest(g);
                /* Where there is more to do, closing what ends in this round has time until the
                 * next one: whoever connects anew does not wait for it. */
                struct conn *ended = TAILQ_LAST(&g->leaving, conn_list);
                g->now = clock_micros();
                g->round++;
                for (int i = 0; i < n; i++)
                        dispatch(g, &events[i]);
                run_again(g);
                run_timers(g);
                if (n <= 1 || ended)
                        conn_leave(g, n <= 1 ? NULL : ended);
                control_round(g);
                empty_graves(g);
        }
}

int loop_new(struct gate *g) {
        TAILQ_INIT(&g->again);
        TAILQ_INIT(&g->leaving);
        LIST_INIT(&g->sandboxes);
        for (unsigned i = 0; i < TIMER_N_; i++)
                TAILQ_INIT(&g->timers[i]);
        g->now = clock_micros();
        g->scratch = malloc(GATE_SCRATCH);
        g->frames = calloc(GATE_FRAMES_KEPT, sizeof(*g->frames));
        if (!g->scratch || !g->frames)
                return -ENOMEM;
        g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        return g->epoll_fd < 0 ? -errno : 0;
}

void loop_free(struct gate *g) {
        empty_graves(g);
        for (size_t i = 0; i < g->n_pipes; i++) {
                close(g->pipes[i][0]);
                close(g->pipes[i][1]);
        }
        free(g->scratch);
        free(g->frames);
        close(g->epoll_fd);
}
