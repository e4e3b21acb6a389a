/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of a command: spawning → running → draining → finished. It is finished when it has
 * exited and its pipes are at their end, or GRACE later: background children that keep a pipe open
 * hold nothing up.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "audit.h"
#include "disk.h"
#include "events.h"
#include "gate.h"
#include "report.h"
#include "worker.h"

#define GRACE_MS 200
/* After a failure, for the kernel's records: some 0.1 ms pass between a denial and leashd's reading
 * of it, and AUDIT_TICK_MS until repeats are counted. */
#define LISTEN_MS 15
/* Finished ones that process.wait can still ask for; each holds its request's arena. */
#define FINISHED_KEPT 256

static void on_grace(evutil_socket_t fd, short what, void *userdata);
static void on_timeout(evutil_socket_t fd, short what, void *userdata);

static const struct timeval grace = { .tv_usec = GRACE_MS * 1000 };
static const struct timeval listening = { .tv_usec = LISTEN_MS * 1000 };

/* Which step may follow which; anything else is a bug of ours or a lie of the sandbox's (decision
 * 1). */
static const bool may_become[PROCESS_STATE_N_][PROCESS_STATE_N_] = {
        [PROCESS_SPAWNING] = { [PROCESS_RUNNING] = true, [PROCESS_FINISHED] = true },
        [PROCESS_RUNNING] = { [PROCESS_DRAINING] = true, [PROCESS_FINISHED] = true },
        [PROCESS_DRAINING] = { [PROCESS_FINISHED] = true },
};

static bool become(struct process *p, enum process_state state) {
        if (!may_become[p->state][state])
                return false;
        p->state = state;
        return true;
}

static void process_free(struct process *p) {
        if (p->sandbox)
                LIST_REMOVE(p, sandbox_link);
        if (p->state == PROCESS_FINISHED)
                p->session->n_finished--;
        LIST_REMOVE(p, link);
        input_close(&p->input);
        output_done(&p->out);
        output_done(&p->err);
        if (p->timeout_event)
                event_free(p->timeout_event);
        if (p->grace_event)
                event_free(p->grace_event);
        p->arena = arena_free(p->arena);
        p->notes = arena_free(p->notes);
        free(p->denials);
        free(p);
}

/* The oldest is the last: new ones are put in front. */
static void forget_oldest(struct session *s) {
        struct process *p, *oldest = NULL;
        LIST_FOREACH(p, &s->processes, link)
                if (p->state == PROCESS_FINISHED)
                        oldest = p;
        if (oldest)
                process_free(oldest);
}

struct process *process_alloc(struct session *s, struct sandbox *sb) {
        while (s->n_finished > FINISHED_KEPT)
                forget_oldest(s);
        struct process *p = calloc(1, sizeof *p);
        if (!p)
                return NULL;
        p->session = s;
        p->sandbox = sb;
        p->input.fd = p->out.fd = p->err.fd = -1;
        p->out.process = p->err.process = p;
        p->number = ++s->last_process;
        p->started = clock_monotonic();
        id_new("pr-", p->id);
        snprintf(p->sandbox_id, sizeof p->sandbox_id, "%s", sb->id);
        LIST_INSERT_HEAD(&s->processes, p, link);
        LIST_INSERT_HEAD(&sb->processes, p, sandbox_link);
        sb->n_processes++;
        p->timeout_event = evtimer_new(s->base, on_timeout, p);
        p->grace_event = evtimer_new(s->base, on_grace, p);
        if (!p->timeout_event || !p->grace_event) {
                process_abandon(p);
                return NULL;
        }
        return p;
}

void process_abandon(struct process *p) {
        p->sandbox->n_processes--;
        process_free(p);
}

int process_set_timeout(struct process *p, uint64_t ms) {
        struct timeval tv = { .tv_sec = (time_t) (ms / 1000),
                              .tv_usec = (suseconds_t) (ms % 1000 * 1000) };
        return event_add(p->timeout_event, &tv);
}

void process_forget_all(struct session *s) {
        while (!LIST_EMPTY(&s->processes))
                process_free(LIST_FIRST(&s->processes));
}

struct process *process_find(struct session *s, const char *id, struct error *e) {
        struct process *p;
        LIST_FOREACH(p, &s->processes, link)
                if (strcmp(p->id, id) == 0)
                        return p;
        int r = error_set(e, ERROR_NOT_FOUND, ESRCH, "there is no process %.40s", id);
        (void) error_under(e, "/process", r);
        return NULL;
}

/* After this, p may be gone. */
static void finish(struct process *p, const struct error *e) {
        struct session *s = p->session;
        struct sandbox *sb = p->sandbox;

        if (!become(p, PROCESS_FINISHED))
                return;
        s->n_finished++;
        input_close(&p->input);
        output_close(&p->out);
        output_close(&p->err);
        if (p->timeout_event)
                (void) event_del(p->timeout_event);
        if (p->grace_event)
                (void) event_del(p->grace_event);
        if (sb) {
                LIST_REMOVE(p, sandbox_link);
                sb->n_processes--;
        }
        p->sandbox = NULL;
        if (p->hooks)
                p->hooks->ended(p, e);
        bool told = report_end(p, e);
        if (sb && p->owns_sandbox) {
                /* The plan borrows from the request, and the sandbox ends later than this. */
                sb->place.request_arena = TAKE(p->arena);
                sb->why = sb->why ?: "its command has ended";
                sandbox_doom(sb);
        }
        /* The others are forgotten by process_alloc(): here somebody may be walking the list. */
        if (told)
                process_free(p);
}

/* Only where there are such records, and only for those who will want to know. */
static bool hears_more(struct process *p) {
        if (p->grace_over || p->status == 0 || !p->sandbox || !audit_records(p->sandbox))
                return false;
        if (!p->listening)
                (void) event_add(p->grace_event, &listening);
        p->listening = true;
        return true;
}

void process_check_done(struct process *p) {
        if (p->state != PROCESS_DRAINING)
                return;
        bool done = output_drain(&p->out);
        done = output_drain(&p->err) && done;
        /* A stream that waits for its client has more than the pipe's end to come: no grace for
         * that. */
        if ((done && !hears_more(p)) || (p->grace_over && !p->out.paused && !p->err.paused))
                finish(p, NULL);
}

static void on_grace(evutil_socket_t fd, short what, void *userdata) {
        struct process *p = userdata;
        p->grace_over = true;
        process_check_done(p);
}

/* Init takes milliseconds to kill, seconds on a machine at its limit. One that takes longer is
 * stuck, and what it is stuck in may be the command's doing. */
#define KILL_SECONDS 10

static void on_timeout(evutil_socket_t fd, short what, void *userdata) {
        struct process *p = userdata;
        if (p->killed && p->sandbox) { /* in vain: then its pid 1 ends, and everything with it */
                p->sandbox->why = "a command could not be killed otherwise";
                sandbox_doom(p->sandbox);
        } else {
                process_kill(p, REASON_TIMEOUT);
        }
}

int process_signal(struct process *p, int signo, struct error *e) {
        return p->worker ? warm_signal(p, signo, e)
                         : p->session->backend->box_signal(p->sandbox->box, p->number, signo, e);
}

void process_kill(struct process *p, enum exit_reason why) {
        struct error e = ERROR_NULL;
        if (p->state > PROCESS_RUNNING)
                return;
        if (p->reason == REASON_UNSET)
                p->reason = why;
        if (p->state == PROCESS_RUNNING && p->sandbox) {
                const struct timeval patience = { .tv_sec = KILL_SECONDS };
                p->killed = true;
                (void) event_add(p->timeout_event, &patience);
                (void) process_signal(p, SIGKILL, &e);
                return;
        }
        if (p->worker) /* it may be just about to start it */
                (void) process_signal(p, SIGKILL, &e);
        /* Not even running yet: nothing to wait for. */
        p->status = SIGKILL;
        finish(p, NULL);
}

static void note_used(struct process *p) {
        const struct backend *b = p->session->backend;
        struct box_used u;

        if (!p->sandbox || !b->box_used || !b->box_used(p->sandbox->box, &u))
                return;
        p->used = (struct sandbox_usage){ .cpu_seconds = (double) u.cpu_us / 1e6,
                                          .memory_peak_bytes = u.memory_peak,
                                          .processes_peak = u.processes_peak,
                                          .read_bytes = u.io_read,
                                          .written_bytes = u.io_written };
        p->usage.sandbox = &p->used;
}

static void note_exit(struct process *p, const struct box_event *ev) {
        if (!become(p, PROCESS_DRAINING))
                return;
        p->status = ev->status;
        p->out_of_memory = ev->out_of_memory;
        p->reached |= ev->reached;
        /* It failed, and no space was left: that is what it failed for. */
        p->disk_full = p->status != 0 && p->sandbox && disk_is_full(p->sandbox);
        p->usage = (struct usage){ .wall_seconds = clock_monotonic() - p->started,
                                   .user_seconds = (double) ev->user_us / 1e6,
                                   .system_seconds = (double) ev->system_us / 1e6,
                                   .max_rss_bytes = ev->rss_bytes };
        note_used(p);
        if (p->timeout_event)
                (void) event_del(p->timeout_event);
        bool out = output_drain(&p->out), err = output_drain(&p->err);
        if (!out || !err)
                (void) event_add(p->grace_event, &grace);
        else if (!hears_more(p))
                finish(p, NULL);
}

static void note_spawned(struct process *p, const struct box_event *ev) {
        if (!become(p, PROCESS_RUNNING))
                return;
        p->pid = ev->pid;
        report_start(p, ev->pty);
        output_resume(&p->out);
        output_resume(&p->err);
}

static struct process *by_number(struct sandbox *sb, uint64_t number) {
        struct process *p;
        LIST_FOREACH(p, &sb->processes, sandbox_link)
                if (p->number == number)
                        return p;
        return NULL;
}

/* What init could not say of which command it came from belongs to all that run. */
static void note_for_all(struct sandbox *sb, const struct box_event *ev) {
        struct process *p;
        LIST_FOREACH(p, &sb->processes, sandbox_link)
                report_note(p, ev);
}

void process_note(struct process *p, const struct box_event *ev) {
        if (p->hooks && p->hooks->note)
                p->hooks->note(p, ev);
        else
                report_note(p, ev);
}

void process_worker_gone(struct process *p, const struct error *e) {
        if (p->state == PROCESS_SPAWNING) {
                finish(p, e);
                return;
        }
        if (p->state == PROCESS_RUNNING && p->reason == REASON_UNSET)
                p->reason = REASON_DESTROYED;
        struct box_event ev = { .kind = BOX_EXITED, .id = p->number, .status = SIGKILL };
        note_exit(p, &ev);
}

/* A backend knows what failed, not what it was called; who reads the message alone needs both. */
static void fail_start(struct process *p, const struct error *why) {
        struct error e = *why;

        if ((e.code == ERROR_EXEC_NOT_FOUND || e.code == ERROR_EXEC_DENIED) && p->argv.n > 0 &&
            !strstr(e.message, p->argv.items[0]))
                (void) error_wrap(&e, -EINVAL, "%s", p->argv.items[0]);
        finish(p, &e);
}

void process_box_event(struct sandbox *sb, const struct box_event *ev) {
        struct process *p = by_number(sb, ev->id);
        struct error e = ERROR_NULL;

        switch (ev->kind) {
        case BOX_SPAWNED:
                if (p)
                        note_spawned(p, ev);
                else /* it was given up while it was starting */
                        (void) sb->session->backend->box_signal(sb->box, ev->id, SIGKILL, &e);
                break;
        case BOX_SPAWN_FAILED:
                if (p && p->state == PROCESS_SPAWNING)
                        fail_start(p, &ev->error);
                break;
        case BOX_EXITED:
                if (p) {
                        gate_hear(sb->session); /* what ended it may have been a refusal */
                        note_exit(p, ev);
                }
                break;
        case BOX_REFUSED:
                sb->n_denials += ev->count;
                if (p)
                        process_note(p, ev);
                else /* one that a command has left running in the background */
                        report_stray(sb, ev);
                break;
        case BOX_UNTOLD:
                sb->n_denials += ev->count;
                if (p)
                        process_note(p, ev);
                break;
        case BOX_DENIED:
        case BOX_TRUST:
                sb->n_denials += ev->kind == BOX_DENIED;
                if (p)
                        process_note(p, ev);
                else
                        note_for_all(sb, ev);
                break;
        default:
                break;
        }
}

void process_sandbox_gone(struct process *p, const struct error *e) {
        if (p->state <= PROCESS_RUNNING) {
                p->status = SIGKILL;
                p->usage.wall_seconds = clock_monotonic() - p->started;
                if (p->reason == REASON_UNSET)
                        p->reason = REASON_DESTROYED;
        }
        /* Whatever its pipes still hold was printed before the end: it counts. */
        (void) output_drain(&p->out);
        (void) output_drain(&p->err);
        finish(p, e);
}

void process_peer_gone(struct session *s, struct peer *peer) {
        struct process *p, *next;
        for (p = LIST_FIRST(&s->processes); p; p = next) {
                next = LIST_NEXT(p, link);
                report_drop_waiters(p);
                if (p->peer != peer)
                        continue;
                p->peer = NULL;
                if (p->run || p->state == PROCESS_SPAWNING) {
                        process_kill(p, REASON_DESTROYED); /* nobody is left to hear its result */
                        continue;
                }
                output_resume(&p->out);
                output_resume(&p->err);
                if (p->state == PROCESS_FINISHED)
                        process_free(p);
        }
}

void process_resume_streams(struct peer *peer) {
        struct process *p, *next;
        for (p = LIST_FIRST(&peer->session->processes); p; p = next) {
                next = LIST_NEXT(p, link);
                if (p->peer != peer || !(p->out.paused || p->err.paused))
                        continue;
                output_resume(&p->out);
                output_resume(&p->err);
                process_check_done(p);
        }
}
