/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Turns what is known about a process into answers and notifications. */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../../backends/posix/socket.h"
#include "events.h"

struct waiter {
        struct waiter *next;
        struct process *process;
        struct request *rq;
        struct event *timeout;
};

static struct json *make_exit(int status) {
        struct exit_status x = { .by_signal = WIFSIGNALED(status) };
        if (x.by_signal)
                x.signal = WTERMSIG(status);
        else
                x.code = WEXITSTATUS(status);
        return exit_json(&x);
}

static enum exit_reason end_reason(const struct process *p) {
        if (p->reason != REASON_UNSET)
                return p->reason;
        if (p->out_of_memory)
                return REASON_OUT_OF_MEMORY;
        if (p->disk_full)
                return REASON_DISK_LIMIT;
        if (!WIFSIGNALED(p->status))
                return REASON_EXITED;
        /* RLIMIT_CPU: SIGXCPU at the soft limit (setrlimit(2)). */
        return WTERMSIG(p->status) == SIGXCPU ? REASON_CPU_LIMIT : REASON_SIGNALLED;
}

void report_start(struct process *p, int pty) {
        struct event_details d = { .sandbox = p->sandbox_id, .process = p->id, .argv = &p->argv };
        p->has_pty = pty >= 0;
        p->session->stats.commands_started++;
        histogram_add(&p->session->stats.command_start, clock_monotonic() - p->started);
        if (!p->run && p->rq) {
                struct process_start_result r = { .process = p->id,
                                                  .sandbox = p->sandbox_id,
                                                  .workdir = p->sandbox->place.subject.workdir,
                                                  .pid = (uint64_t) p->pid,
                                                  .has_pty = pty >= 0 };
                request_reply_fds(TAKE(p->rq), &r, &pty, pty >= 0 ? 1 : 0);
        }
        fd_close(pty);
        events_emit(p->session, EVENT_PROCESS_STARTED, &d);
}

static void count_end(struct process *p, bool started) {
        enum exit_reason reason = end_reason(p);
        if (reason == REASON_OUT_OF_MEMORY)
                log_event(&p->session->log, LOG_WARN, LOG_OUT_OF_MEMORY,
                          "a command had no memory left", LOG_STR("sandbox", p->sandbox_id),
                          LOG_STR("process", p->id), LOG_INT("uid", p->session->user.uid));
        bool nonzero = reason == REASON_EXITED && WEXITSTATUS(p->status) != 0;
        p->session->stats.commands_ended[!started  ? END_NOT_STARTED
                                         : nonzero ? END_NONZERO
                                                   : reason]++;
}

static const char *const limit_fields[BOX_LIMIT_N_] = {
        [BOX_LIMIT_MEMORY] = "/limits/memory_bytes",
        [BOX_LIMIT_PROCESSES] = "/limits/processes",
        [BOX_LIMIT_USER_MEMORY] = "/users/memory_bytes",
        [BOX_LIMIT_USER_PROCESSES] = "/users/processes",
};

/* Room for all of them is the caller's; none is no list. */
static struct strings list_reached(const struct process *p, const char **room) {
        size_t n = 0;

        for (size_t i = 0; i < BOX_LIMIT_N_; i++)
                if (p->reached & 1u << i)
                        room[n++] = limit_fields[i];
        return (struct strings){ .items = room, .n = n, .set = n > 0 };
}

static void reply_run(struct process *p, struct json *exit) {
        const char *room[BOX_LIMIT_N_];
        struct process_run_result r = { .process = p->id,
                                        .sandbox = p->sandbox_id,
                                        .exit = exit,
                                        .reason = end_reason(p),
                                        .truncated = p->out.truncated || p->err.truncated,
                                        .usage = p->usage,
                                        .denials = { p->denials, p->n_denials, true },
                                        .denials_lost = p->denials_lost,
                                        .trust_created = p->trust_created,
                                        .limits_reached = list_reached(p, room) };
        r.trust_created.set = true;
        r.stdout_ = (struct bytes){ p->out.data ? p->out.data : "", p->out.len };
        r.stderr_ = (struct bytes){ p->err.data ? p->err.data : "", p->err.len };
        const struct bytes both[] = { r.stdout_, r.stderr_ };
        r.encoding = text_encoding_for(both, ELEMENTSOF(both));
        request_reply(TAKE(p->rq), &r);
}

static void fill_exit(const struct process *p, struct json *exit, const char **room,
                      struct process_exit *ret) {
        *ret = (struct process_exit){ .process = p->id,
                                      .sandbox = p->sandbox_id,
                                      .exit = exit,
                                      .reason = end_reason(p),
                                      .usage = p->usage,
                                      .denials = { p->denials, p->n_denials, true },
                                      .denials_lost = p->denials_lost,
                                      .trust_created = p->trust_created,
                                      .limits_reached = list_reached(p, room),
                                      .truncated = p->out.truncated || p->err.truncated };
        ret->trust_created.set = true;
}

static void waiter_free(struct waiter *w) {
        if (w->timeout)
                event_free(w->timeout);
        free(w);
}

static void tell_failure(const struct process *p, const struct error *e) {
        const struct event_details d = {
                .sandbox = p->sandbox_id, .process = p->id, .argv = &p->argv, .why = e->message
        };
        events_emit(p->session, EVENT_PROCESS_FAILED, &d);
}

static uint64_t sum_denials(const struct process *p) {
        uint64_t n = 0;
        for (size_t i = 0; i < p->n_denials; i++)
                n += p->denials[i].count;
        return n;
}

bool report_end(struct process *p, const struct error *e) {
        struct process_exit x;
        const char *room[BOX_LIMIT_N_];
        _cleanup_(json_unrefp) struct json *exit = make_exit(p->status);
        struct error gone = ERROR_NULL;
        bool told = p->run;

        if (p->rq && !e && !p->run) {
                error_set(&gone, ERROR_GONE, ESRCH, "the sandbox ended before the command started");
                e = &gone;
        }
        count_end(p, !e);
        if (e)
                tell_failure(p, e);
        if (p->rq && e) {
                request_fail(TAKE(p->rq), e);
                while (p->waiters) {
                        struct waiter *w = p->waiters;
                        p->waiters = w->next;
                        request_fail(w->rq, e);
                        waiter_free(w);
                }
                return true;
        }
        if (p->rq)
                reply_run(p, exit);
        fill_exit(p, exit, room, &x);
        while (p->waiters) {
                struct waiter *w = p->waiters;
                p->waiters = w->next;
                request_reply(w->rq, &x);
                waiter_free(w);
        }
        if (!p->run && p->peer)
                peer_notify(p->peer, NOTIFY_PROCESS_EXITED, &x);
        if (e) /* it never ran */
                return told;
        struct event_details d = { .sandbox = p->sandbox_id,
                                   .process = p->id,
                                   .exit = exit,
                                   .reason = x.reason,
                                   .seconds = p->usage.wall_seconds,
                                   .denials = sum_denials(p) };
        events_emit(p->session, EVENT_PROCESS_EXITED, &d);
        return told;
}

static void on_wait_timeout(evutil_socket_t fd, short what, void *userdata) {
        struct waiter *w = userdata, **at = &w->process->waiters;
        struct error e = ERROR_NULL;
        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        error_set(&e, ERROR_TIMEOUT, ETIMEDOUT, "the process still runs");
        request_fail(w->rq, &e);
        waiter_free(w);
}

int process_wait(struct request *rq, struct process *p, uint64_t timeout_ms, struct error *e) {
        if (p->state == PROCESS_FINISHED) {
                struct process_exit x;
                const char *room[BOX_LIMIT_N_];
                _cleanup_(json_unrefp) struct json *exit = make_exit(p->status);
                fill_exit(p, exit, room, &x);
                request_reply(rq, &x);
                return 0;
        }
        struct waiter *w = calloc(1, sizeof *w);
        if (!w)
                return error_nomem(e);
        w->process = p;
        w->rq = rq;
        if (timeout_ms > 0) {
                struct timeval tv = { .tv_sec = (time_t) (timeout_ms / 1000),
                                      .tv_usec = (suseconds_t) (timeout_ms % 1000 * 1000) };
                w->timeout = evtimer_new(p->session->base, on_wait_timeout, w);
                if (!w->timeout || event_add(w->timeout, &tv) < 0) {
                        waiter_free(w);
                        return error_nomem(e);
                }
        }
        w->next = p->waiters;
        p->waiters = w;
        return 0;
}

void report_drop_waiters(struct process *p) {
        struct waiter **at = &p->waiters;
        while (*at) {
                struct waiter *w = *at;
                if (w->rq->peer) {
                        at = &w->next;
                        continue;
                }
                *at = w->next;
                request_reply(w->rq, NULL); /* to nobody: frees it */
                waiter_free(w);
        }
}

static bool same(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* Repeats of a refusal are counted, not listed: a program that tries ten thousand times is one
 * line. NULL: it is new. */
static const struct denial *count_again(struct process *p, const struct denial *want) {
        for (size_t i = 0; i < p->n_denials; i++) {
                struct denial *d = &p->denials[i];
                if (!same(d->path, want->path) || !same(d->host, want->host) ||
                    !same(d->access, want->access) || !same(d->syscall, want->syscall) ||
                    (want->syscall && want->rule && !same(d->rule, want->rule)) ||
                    (want->process && !same(d->process, want->process)))
                        continue;
                /* The kernel, which does not say whose it was, may tell again what the supervisor
                 * has told. */
                if (want->process || !d->process)
                        d->count += want->count;
                return d;
        }
        return NULL;
}

/* Room for one more, not in the list yet; NULL: there are enough. */
static struct denial *room_for_denial(struct process *p) {
        if (p->n_denials >= LIMIT_DENIALS_PER_RESULT)
                return NULL;
        if (!p->denials)
                p->denials = calloc(LIMIT_DENIALS_PER_RESULT, sizeof *p->denials);
        return p->denials ? &p->denials[p->n_denials] : NULL;
}

static void tell_denial(const struct process *p, struct denial *d) {
        struct event_details details = {
                .sandbox = p->sandbox_id, .process = p->id, .path = d->path, .denial = d
        };
        events_emit(p->session, EVENT_DENIED, &details);
}

/* Of what the kernel refused as read-only, some is not leash's: a file system that is so on the
 * host as well. And Python tries to keep what it has compiled beside each module, and does without.
 */
static bool is_of_no_interest(const struct process *p, const struct box_event *ev) {
        struct decision verdict = { 0 };

        if (ev->err != EROFS)
                return false;
        plan_decide_path(p->sandbox->place.plan, ev->path, ev->access, &verdict);
        return verdict.verdict == VERDICT_ALLOW || strstr(ev->path, "/__pycache__");
}

static void note_denial(struct process *p, const struct box_event *ev) {
        /* The policy's enum begins at 0, the wire's at 1. */
        const char *access =
                access_names[(unsigned) ev->access < ACCESS_N_ - 1 ? ev->access + 1 : 1];
        const struct denial want = {
                .path = ev->path, .access = access, .process = ev->comm, .count = 1
        };
        struct decision verdict = { 0 };
        struct stats *st = &p->session->stats;

        if (is_of_no_interest(p, ev))
                return;
        const struct denial *again = count_again(p, &want);
        struct denial *d = again ? NULL : room_for_denial(p);

        if (!d) {
                stats_denial(st, SOURCE_NOTIFY, again ? again->field : NULL, 1);
                return;
        }
        *d = (struct denial){ .kind = "path", .access = access, .pid = ev->pid, .count = 1 };
        d->path = arena_strdup(p->notes, ev->path);
        d->process = arena_strdup(p->notes, ev->comm);
        if (!d->path || !d->process)
                return;
        plan_decide_path(p->sandbox->place.plan, d->path, ev->access, &verdict);
        if (verdict.verdict != VERDICT_ALLOW) {
                d->rule = verdict.rule ? arena_strdup(p->notes, verdict.rule) : NULL;
                d->field = verdict.field ? arena_strdup(p->notes, verdict.field) : NULL;
        }
        stats_denial(st, SOURCE_NOTIFY, d->field, 1);
        p->n_denials++;
        tell_denial(p, d);
}

static int copy_text(struct process *p, const char *from, const char **ret) {
        *ret = from ? arena_strdup(p->notes, from) : NULL;
        return from && !*ret ? -ENOMEM : 0;
}

struct denial *report_denial(struct process *p, const struct denial *want) {
        struct denial *d = count_again(p, want) ? NULL : room_for_denial(p);

        if (!d)
                return NULL;
        *d = *want;
        if (copy_text(p, want->path, &d->path) < 0 || copy_text(p, want->host, &d->host) < 0 ||
            copy_text(p, want->rule, &d->rule) < 0 || copy_text(p, want->field, &d->field) < 0 ||
            copy_text(p, want->process, &d->process) < 0)
                return NULL;
        p->n_denials++;
        return d;
}

/* A socket can be refused for several reasons, so that the words count, too. */
static struct denial refused(const struct sandbox *sb, const struct box_event *ev) {
        /* The kernel would not map uid 0 (plan_compile() says so). */
        bool root = ev->field && strcmp(ev->field, "/security/allow_userns") == 0 &&
                    sb->place.subject.uid == 0;

        return (struct denial){ .kind = "syscall",
                                .syscall = ev->syscall,
                                .process = ev->comm,
                                .pid = ev->pid,
                                .rule = ev->means,
                                .field = root ? NULL : ev->field,
                                .count = ev->count };
}

static void note_refused(struct process *p, const struct box_event *ev) {
        const struct denial want = refused(p->sandbox, ev);
        struct denial *d = report_denial(p, &want);

        stats_denial(&p->session->stats, SOURCE_NOTIFY, want.field, want.count);
        if (d)
                tell_denial(p, d);
}

void report_stray(struct sandbox *sb, const struct box_event *ev) {
        struct box_event copy = *ev;
        report_make_printable(copy.comm);
        struct denial d = refused(sb, &copy);
        struct event_details details = { .sandbox = sb->id, .denial = &d };

        stats_denial(&sb->session->stats, SOURCE_NOTIFY, d.field, d.count);
        events_emit(sb->session, EVENT_DENIED, &details);
}

static void note_trust(struct process *p, const char *path) {
        size_t len = strlen(path);
        /* git puts a dozen into each new repository, and runs none of them. */
        if (len > 7 && strcmp(path + len - 7, ".sample") == 0)
                return;
        for (size_t i = 0; i < p->trust_created.n; i++)
                if (strcmp(p->trust_created.items[i], path) == 0)
                        return;
        if (p->trust_created.n >= LIMIT_DENIALS_PER_RESULT)
                return;
        if (!arena_push(p->notes, &p->trust_created, path))
                return;
        struct event_details d = { .sandbox = p->sandbox_id, .process = p->id, .path = path };
        p->session->stats.trusted_files++;
        events_emit(p->session, EVENT_TRUST_CREATED, &d);
}

/* Paths and names come from inside. */
void report_make_printable(char *s) {
        if (utf8_is_valid(s, strlen(s)))
                return;
        for (; *s; s++)
                if ((unsigned char) *s >= 0x80)
                        *s = '?';
}

void report_note(struct process *p, const struct box_event *ev) {
        struct box_event copy = *ev;
        copy.path[sizeof copy.path - 1] = 0;
        copy.comm[sizeof copy.comm - 1] = 0;
        report_make_printable(copy.path);
        report_make_printable(copy.comm);
        if (ev->kind == BOX_DENIED)
                note_denial(p, &copy);
        else if (ev->kind == BOX_REFUSED)
                note_refused(p, &copy);
        else if (ev->kind == BOX_UNTOLD)
                p->denials_lost += ev->count;
        else
                note_trust(p, copy.path);
}
