/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The backend's pool of prepared sandboxes: filled one at a time while the loop has nothing else to
 * do, dropped when nothing was made for TRIM_SECONDS. No timer runs while there is nothing to fill
 * or to drop, so an idle session never wakes up.
 */
#include "../common/process.h"
#include "session.h"

#define POOL_SIZE 4 /* a burst of commands; each costs some hundred KiB until it is dropped */
/* After the request that emptied it: its command shall start, and a short one end, first. With 2 ms
 * the work fell into the command's end, and leashctl run took 4.2 instead of 3.0 ms. */
#define FILL_DELAY_US 8000
#define TRIM_SECONDS 30

static void on_fill(evutil_socket_t fd, short what, void *userdata) {
        struct session *s = userdata;
        struct timeval soon = { .tv_usec = FILL_DELAY_US };
        int n = s->backend->engine_idle(s->engine);
        bool more = n > (int) s->prepared && n < (int) s->pool_size;

        s->prepared = n > 0 ? (unsigned) n : 0;
        if (more)
                (void) event_add(s->pool_event, &soon);
}

static void on_trim(evutil_socket_t fd, short what, void *userdata) {
        struct session *s = userdata;
        s->backend->engine_trim(s->engine);
        s->prepared = 0;
}

static void on_ended(evutil_socket_t fd, short what, void *userdata) {
        struct session *s = userdata;

        s->backend->engine_reap(s->engine);
}

void engine_used(struct session *s) {
        struct timeval soon = { .tv_usec = FILL_DELAY_US }, later = { .tv_sec = TRIM_SECONDS };
        if (s->pool_size == 0)
                return;
        if (s->prepared > 0)
                s->prepared--;
        if (!event_pending(s->pool_event, EV_TIMEOUT, NULL))
                (void) event_add(s->pool_event, &soon);
        (void) event_add(s->trim_event, &later); /* starts anew */
}

int engine_start(struct session *s, struct error *e) {
        bool warden = s->warden >= 0 && s->backend->probe_warden;
        struct backend_options options = { .pool_size = POOL_SIZE,
                                           .open_files = s->soft_files,
                                           .warden = warden ? s->warden : 0 };
        int r = warden ? s->backend->probe_warden(s->warden, &s->facts, e)
                       : s->backend->probe(&s->facts, e);
        if (r >= 0)
                r = s->backend->engine_new(&options, &s->facts, &s->engine, e);
        if (r < 0)
                return r;
        s->pool_size = options.pool_size;
        if (s->backend->engine_fd(s->engine) >= 0) {
                s->ended_event = event_new(s->base, s->backend->engine_fd(s->engine),
                                           EV_READ | EV_PERSIST, on_ended, s);
                if (!s->ended_event || event_add(s->ended_event, NULL) < 0)
                        return error_nomem(e);
        }
        s->pool_event = evtimer_new(s->base, on_fill, s);
        s->trim_event = evtimer_new(s->base, on_trim, s);
        if (!s->pool_event || !s->trim_event)
                return error_nomem(e);
        return 0;
}

void engine_stop(struct session *s) {
        if (s->ended_event)
                event_free(s->ended_event);
        if (s->pool_event)
                event_free(s->pool_event);
        if (s->trim_event)
                event_free(s->trim_event);
        if (s->engine)
                s->engine = s->backend->engine_free(s->engine);
}
