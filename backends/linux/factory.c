/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The thread that makes prepared sandboxes: see struct factory. It allocates nothing, takes no
 * signal and shares nothing but the descriptors of its orders and of what it made. */
#include "linux.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#define THREAD_STACK_BYTES (64u * 1024)

static void *work(void *argument) {
        const struct engine *en = argument;
        char order;

        while (read(en->factory.orders[0], &order, 1) == 1) {
                struct prepared p = PREPARED_NULL;

                if (prepared_start(en, en->factory.stack, &p, NULL) < 0)
                        p = PREPARED_NULL;
                if (write(en->factory.done[1], &p, sizeof(p)) != sizeof(p))
                        break;
        }
        return NULL;
}

static int thread_start(struct engine *en) {
        pthread_attr_t attributes;
        sigset_t all, old;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;
        (void) pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the program's own loop */
        r = pthread_create(&en->factory.thread, &attributes, work, en);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        (void) pthread_attr_destroy(&attributes);
        return -r;
}

int factory_start(struct engine *en, struct error *e) {
        struct factory *f = &en->factory;
        struct epoll_event event = { .events = EPOLLIN };
        int r;

        if (en->pool_size == 0)
                return 0;
        if (pipe2(f->orders, O_CLOEXEC) < 0 || pipe2(f->done, O_CLOEXEC) < 0)
                return error_set(e, ERROR_IO, errno, "cannot prepare sandboxes: %s",
                                 strerror(errno));
        event.data.fd = f->done[0];
        if (fcntl(f->done[0], F_SETFL, O_NONBLOCK) < 0 ||
            epoll_ctl(en->watch, EPOLL_CTL_ADD, f->done[0], &event) < 0)
                return error_set(e, ERROR_IO, errno, "cannot prepare sandboxes: %s",
                                 strerror(errno));
        r = thread_start(en);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot prepare sandboxes: %s", strerror(-r));
        f->running = true;
        return 0;
}

void factory_stop(struct engine *en) {
        struct factory *f = &en->factory;

        if (f->running) {
                fd_closep(&f->orders[1]);
                f->orders[1] = -1;
                (void) pthread_join(f->thread, NULL);
                pool_reap(en);
                f->running = false;
        }
        fd_closep(&f->orders[0]);
        fd_closep(&f->orders[1]);
        fd_closep(&f->done[0]);
        fd_closep(&f->done[1]);
}
