/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of a sandbox: starting → ready → ending. It is freed from the loop, never from its own
 * events: those only move it to the doomed ones. */
#include "sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/list.h"
#include "disk.h"
#include "events.h"
#include "ipc.h"
#include "process.h"
#include "quota.h"

#define CROWD 64 /* sandboxes */

static const bool may_become[SANDBOX_STATE_N_][SANDBOX_STATE_N_] = {
        [SANDBOX_STARTING] = { [SANDBOX_READY] = true, [SANDBOX_ENDING] = true },
        [SANDBOX_READY] = { [SANDBOX_ENDING] = true },
};

static bool become(struct sandbox *sb, enum sandbox_state state) {
        if (!may_become[sb->state][state])
                return false;
        sb->state = state;
        return true;
}

static struct limit limit_of(uint64_t value) {
        return (struct limit){ .kind = value > 0 ? LIMIT_VALUE : LIMIT_UNSET, .value = value };
}

static void summarise(const struct sandbox *sb, struct event_plan *ret) {
        const struct plan *p = sb->place.plan;
        const struct plan_limits *l = &p->limits;

        *ret = (struct event_plan){
                .name = sb->name,
                .tier = p->native ? "native" : "namespaces",
                .level = p->level,
                .network = p->network.mode,
                .limits = { .memory_bytes = limit_of(l->memory_bytes),
                            .processes = limit_of(l->processes),
                            .cpus = limit_of(l->cpu_millis),
                            .io_weight = limit_of(l->io_weight),
                            .cpu_seconds = limit_of(l->cpu_seconds),
                            .wall_seconds = limit_of((l->wall_ms + 999) / 1000),
                            .file_bytes = limit_of(l->file_bytes),
                            .disk_bytes = limit_of(l->disk_bytes),
                            .open_files = limit_of(l->open_files),
                            .connections = limit_of(l->connections),
                            .network_bytes = limit_of(l->network_bytes),
                            .network_rate = limit_of(l->network_rate) },
        };
        for (int i = 0; i < LOSS_N_; i++)
                if (p->lost[i])
                        (void) arena_push(sb->place.arena, &ret->losses, losses[i].name);
}

static void announce(struct sandbox *sb, enum event_kind kind) {
        struct event_plan plan;
        struct event_details d = { .sandbox = sb->id,
                                   .path = sb->place.subject.workdir,
                                   .why = sb->why };
        if (kind != EVENT_SANDBOX_DESTROYED) {
                summarise(sb, &plan);
                d.plan = &plan;
                d.why = kind == EVENT_SANDBOX_FAILED ? sb->why : NULL;
        }
        events_emit(sb->session, kind, &d);
}

static void note_ready(struct sandbox *sb) {
        if (!become(sb, SANDBOX_READY))
                return;
        sb->announced = true;
        histogram_add(&sb->session->stats.sandbox_start, clock_monotonic() - sb->asked);
        announce(sb, EVENT_SANDBOX_CREATED);
        if (sb->creating) {
                struct request *rq = TAKE(sb->creating);
                struct sandbox_create_result r = { .sandbox = sb->id,
                                                   .workdir = sb->place.subject.workdir };
                place_enforcement(sb->session, &sb->place, sb->place.arena, &r.enforcement);
                request_reply(rq, &r);
        }
}

static void end_processes(struct sandbox *sb, const struct error *e) {
        while (!LIST_EMPTY(&sb->processes))
                process_sandbox_gone(LIST_FIRST(&sb->processes), e);
}

static void announce_failure(struct sandbox *sb, const char *why) {
        if (sb->announced || sb->failed)
                return;
        sb->why = why;
        announce(sb, EVENT_SANDBOX_FAILED);
        sb->why = NULL;
        sb->failed = true;
}

static void note_failed(struct sandbox *sb, const struct error *e) {
        sb->session->stats.sandboxes_failed[sb->place.plan->level]++;
        if (sb->creating)
                request_fail(TAKE(sb->creating), e);
        end_processes(sb, e);
        announce_failure(sb, e->message);
        sandbox_doom(sb);
}

static void on_box(evutil_socket_t fd, short what, void *userdata) {
        struct sandbox *sb = userdata;
        struct box_event ev;
        /* Bounded: a sandbox that reports without end must not keep the others waiting. */
        for (unsigned i = 0; i < 256 && sb->state != SANDBOX_ENDING; i++) {
                memset(&ev, 0, sizeof ev);
                ev.pty = -1;
                if (sb->session->backend->box_next(sb->box, &ev) <= 0)
                        return;
                switch (ev.kind) {
                case BOX_READY:
                        gate_add(sb, &ev);
                        note_ready(sb);
                        break;
                case BOX_FAILED:
                        log_event(&sb->session->log, LOG_WARN, LOG_SANDBOX_FAILED,
                                  "a sandbox could not be built", LOG_STR("sandbox", sb->id),
                                  LOG_INT("uid", sb->session->user.uid),
                                  LOG_STR("why", ev.error.message));
                        note_failed(sb, &ev.error);
                        break;
                case BOX_GONE:
                        sb->why = "its first process has ended";
                        end_processes(sb, NULL);
                        sandbox_doom(sb);
                        break;
                default:
                        process_box_event(sb, &ev);
                }
        }
}

int sandbox_new(struct session *s, struct peer *owner, const struct sandbox_wish *w,
                struct arena *arena, struct sandbox **ret, struct error *e) {
        int r = quota_check(s, QUOTA_SANDBOXES, 1, e);
        if (r >= 0)
                r = quota_totals_check(s, e);
        if (r < 0)
                return r;
        struct sandbox *sb = calloc(1, sizeof *sb);
        if (!sb)
                return error_nomem(e);
        sb->session = s;
        sb->asked = clock_monotonic();
        id_new("sb-", sb->id);
        r = place_compile(s, &w->layers, sb->id, true, &sb->place, e);
        if (r >= 0)
                r = s->backend->box_new(s->engine, sb->place.plan, &sb->box, e);
        if (r >= 0) {
                sb->event = event_new(s->base, s->backend->box_fd(sb->box), EV_READ | EV_PERSIST,
                                      on_box, sb);
                if (!sb->event || event_add(sb->event, NULL) < 0)
                        r = error_nomem(e);
        }
        if (r >= 0)
                r = disk_watch_start(sb, e);
        if (r < 0) {
                /* Level 0 stands for a policy that came to no plan. */
                s->stats.sandboxes_failed[sb->place.plan ? sb->place.plan->level : 0]++;
                if (sb->event)
                        event_free(sb->event);
                if (sb->box)
                        s->backend->box_free(sb->box);
                if (sb->place.arena)
                        place_done(s, &sb->place, false, NULL);
                free(sb);
                return r;
        }
        engine_used(s);
        sb->name = w->name ? arena_strdup(sb->place.arena, w->name) : NULL;
        sb->lifetime = w->lifetime == LIFETIME_UNSET ? LIFETIME_CONNECTION : w->lifetime;
        sb->keep_workdir = w->keep_workdir;
        sb->state = SANDBOX_STARTING;
        sb->owner = owner;
        sb->created = clock_monotonic();
        s->stats.sandboxes_created[sb->place.plan->level]++;
        sb->place.request_arena = arena;
        LIST_INIT(&sb->processes);
        LIST_INSERT_HEAD(&s->sandboxes, sb, link);
        s->n_sandboxes++;
        if (s->n_sandboxes > s->peak_sandboxes)
                s->peak_sandboxes = s->n_sandboxes;
        session_update(s);
        *ret = sb;
        return 0;
}

struct sandbox *sandbox_find(struct session *s, const char *id, struct error *e) {
        struct sandbox *sb;
        LIST_FOREACH(sb, &s->sandboxes, link)
                if (strcmp(sb->id, id) == 0)
                        return sb;
        int r = error_set(e, ERROR_NOT_FOUND, ENOENT, "there is no sandbox %.40s", id);
        (void) error_under(e, "/sandbox", r);
        return NULL;
}

void sandbox_doom(struct sandbox *sb) {
        if (!become(sb, SANDBOX_ENDING))
                return;
        (void) event_del(sb->event);
        LIST_REMOVE(sb, link);
        LIST_INSERT_HEAD(&sb->session->doomed, sb, link);
        event_active(sb->session->reap_event, EV_TIMEOUT, 1);
}

/* Plans are some ten KiB each, and their memory comes back in pieces that malloc keeps: after a
 * crowd has left it goes back to the system. */
static void note_fewer(struct session *s) {
        const struct timeval soon = { .tv_sec = 1 }; /* answers are still being written */
        s->n_sandboxes--;
        if (s->peak_sandboxes < CROWD || s->n_sandboxes > s->peak_sandboxes / 4)
                return;
        if (s->n_sandboxes == 0)
                s->peak_sandboxes = 0;
        s->trims = 2;
        (void) event_add(s->memory_event, &soon);
}

/* Of a sandbox that is in no list any more. */
static void bury(struct sandbox *sb, struct request *rq) {
        struct session *s = sb->session;
        struct error gone = ERROR_NULL;

        (void) become(sb, SANDBOX_ENDING);
        event_free(sb->event);
        sb->disk_watch = disk_watch_free(sb->disk_watch);
        sb->box = s->backend->box_free(sb->box); /* from here on nothing in it runs */
        gate_remove(sb);
        ipc_free(sb);
        end_processes(sb, NULL);
        if (sb->creating) {
                error_set(&gone, ERROR_GONE, 0,
                          "the sandbox was destroyed while it was being built");
                request_fail(TAKE(sb->creating), &gone);
        }
        announce_failure(sb, "it ended while it was being built");
        if (sb->announced)
                announce(sb, EVENT_SANDBOX_DESTROYED);
        if (sb->n_denials > 0) /* how often, not what: that is the user's own */
                log_event(&s->log, LOG_INFO, LOG_SANDBOX_DENIED, "a sandbox was refused things",
                          LOG_STR("sandbox", sb->id), LOG_INT("uid", s->user.uid),
                          LOG_INT("count", (int64_t) sb->n_denials));
        place_done(s, &sb->place, sb->keep_workdir, rq);
        if (sb->freed)
                sb->freed(sb->userdata);
        free(sb);
        note_fewer(s);
        session_update(s);
}

void sandbox_free(struct sandbox *sb, struct request *rq) {
        LIST_REMOVE(sb, link);
        bury(sb, rq);
}

void sandbox_reap(struct session *s) {
        struct sandbox *sb;
        while ((sb = LIST_TAKE_FIRST(&s->doomed, link)))
                bury(sb, NULL);
}

void sandbox_peer_gone(struct session *s, struct peer *p) {
        struct sandbox *sb, *next;
        for (sb = LIST_FIRST(&s->sandboxes); sb; sb = next) {
                next = LIST_NEXT(sb, link);
                if (sb->owner != p)
                        continue;
                sb->owner = NULL;
                if (sb->lifetime == LIFETIME_CONNECTION) {
                        sb->why = "its connection has ended";
                        sandbox_doom(sb);
                }
        }
        LIST_FOREACH(sb, &s->doomed, link)
                if (sb->owner == p)
                        sb->owner = NULL;
}

void sandbox_describe(const struct sandbox *sb, const struct peer *asks, struct arena *a,
                      struct sandbox_info *ret) {
        *ret = (struct sandbox_info){ .sandbox = sb->id,
                                      .name = sb->name,
                                      .workdir = sb->place.subject.workdir,
                                      .level = sb->place.plan->level,
                                      .network = sb->place.plan->network.mode,
                                      .state = sb->state,
                                      .lifetime = sb->lifetime,
                                      .processes = sb->n_processes,
                                      .age_seconds = clock_monotonic() - sb->created,
                                      .mine = sb->owner && sb->owner == asks };
        if (sb->session->backend->box_memory)
                ret->memory_bytes = sb->session->backend->box_memory(sb->box);
        place_enforcement(sb->session, &sb->place, a, &ret->enforcement);
}
