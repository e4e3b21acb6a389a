/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * events and logs: what happens in sandboxes, and what has happened. What is printed of an event is
 * in one place: names in it come from inside sandboxes.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "tell.h"

static void print_network(const struct network_event *n) {
        const char *host = n->host ? n->host : n->address ? n->address : "?";
        fputc(' ', stdout);
        print_escaped(stdout, n->verdict);
        fputc(' ', stdout);
        print_escaped(stdout, host);
        if (n->port > 0)
                printf(" %u", (unsigned) n->port);
        fputc(' ', stdout);
        print_escaped(stdout, n->protocol);
        if (n->address && strcmp(n->address, host) != 0) {
                fputs(" at ", stdout);
                print_escaped(stdout, n->address);
        }
        if (n->error) {
                fputs(": ", stdout);
                print_escaped(stdout, n->error);
        } else if (strcmp(n->verdict, "allow") == 0)
                printf(" in %llu out %llu %.3fs", (unsigned long long) n->bytes_in,
                       (unsigned long long) n->bytes_out, n->seconds);
        if (n->rule) {
                fputs(" (", stdout);
                print_escaped(stdout, n->rule);
                fputc(')', stdout);
        }
}

static void put(const char *before, const char *text) {
        fputs(before, stdout);
        print_escaped(stdout, text);
}

static void print_plan(const struct event_plan *p) {
        char limits[512];

        printf(": level %s, network %s", level_word(p->level), network_word(p->network));
        if (p->tier)
                put(", ", p->tier);
        limits_text(&p->limits, limits, sizeof(limits));
        put(limits[0] ? ", " : "", limits);
        for (size_t i = 0; i < p->losses.n; i++)
                put(i > 0 ? " " : ", lost ", p->losses.items[i]);
        if (p->name)
                put(", name ", p->name);
}

static void print_end(const struct event *ev) {
        struct exit_info info;
        char time[32];

        if (exit_from_json(ev->exit, &info, NULL) >= 0)
                printf(" %s %d", info.by_signal ? "signal" : "exit",
                       info.by_signal ? info.signal : info.code);
        if (ev->reason > REASON_SIGNALLED && ev->reason < REASON_N_)
                printf(" (%s)", exit_reason_names[ev->reason]);
        if (ev->seconds > 0) {
                seconds_text(ev->seconds, time, sizeof(time));
                printf(" after %s", time);
        }
        if (ev->denials > 0)
                printf(", %llu refused", (unsigned long long) ev->denials);
}

static void print_denial(const struct denial *d) {
        const char *what = d->path ? d->path : d->host ? d->host : d->syscall;

        put(" ", d->access ? d->access : d->kind ? d->kind : "");
        put(" ", what ? what : "?");
}

void event_print(const struct event *ev, struct style st, bool one) {
        const char *who = one ? ev->process : ev->sandbox;
        char clock[32] = "", argv[768];
        time_t t = (time_t) ev->time;
        struct tm tm;

        if (localtime_r(&t, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        printf("%s%s%s %s", style_on(st, COLOUR_DIM), clock, style_off(st),
               style_on(st,
                        ev->kind && strcmp(ev->kind, "denied") == 0 ? COLOUR_RED : COLOUR_NONE));
        print_escaped(stdout, ev->kind ? ev->kind : "?");
        printf("%s", style_off(st));
        if (who || !one)
                put(" ", who ? who : "-");
        if (ev->argv.n > 0) {
                argv_text(&ev->argv, argv, sizeof(argv));
                put(" ", argv);
        }
        if (ev->exit)
                print_end(ev);
        if (ev->denial)
                print_denial(ev->denial);
        if (ev->network)
                print_network(ev->network);
        if (ev->path && !ev->denial) /* a denial has told it */
                put(" ", ev->path);
        if (ev->plan)
                print_plan(ev->plan);
        if (ev->why)
                put(": ", ev->why);
        fputc('\n', stdout);
        fflush(stdout);
}

struct watch {
        struct ctl *c;
        struct style style;
        int64_t alive; /* sandboxes that were there or came, less those that went */
        bool one;      /* logs: of a single sandbox */
        bool holding;  /* what comes is in the answer that is awaited, too */
};

static bool is_kind(const struct event *ev, const char *kind) {
        return ev->kind && strcmp(ev->kind, kind) == 0;
}

static bool is_wanted(const struct ctl *c, const struct event *ev) {
        bool wanted = c->o.kinds.n == 0;

        for (size_t i = 0; i < c->o.kinds.n && !wanted; i++)
                wanted = is_kind(ev, c->o.kinds.items[i]);
        return wanted;
}

static void show(const struct watch *w, const struct event *ev, const struct json *text) {
        if (!is_wanted(w->c, ev))
                return;
        if (!w->c->o.json) {
                event_print(ev, w->style, w->one);
                return;
        }
        size_t len = 0; /* one line an event, whatever stdout is */
        char *line = json_print(text, false, &len);
        if (line) {
                printf("%.*s\n", (int) len, line);
                fflush(stdout);
        }
        free(line);
}

static void on_event(struct leash *l, const char *method, struct json *params, void *userdata) {
        struct watch *w = userdata;
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct event ev = { 0 };
        struct error e = ERROR_NULL;

        if (strcmp(method, notifications[NOTIFY_EVENT].name) != 0 || !a || w->holding ||
            shape_decode_lax(notifications[NOTIFY_EVENT].params, params, a, &ev, &e) < 0)
                return;
        w->alive += is_kind(&ev, "sandbox.created") && !w->one;
        w->alive -= is_kind(&ev, "sandbox.destroyed");
        w->alive -= is_kind(&ev, "sandbox.failed") && w->one; /* it was never counted otherwise */
        show(w, &ev, params);
}

static int count_sandboxes(struct watch *w) {
        struct sandbox_list_result boxes = { 0 };
        int r = leash_call_method(w->c->l, METHOD_SANDBOX_LIST, NULL, w->c->o.arena, &boxes, NULL);

        if (r >= 0)
                w->alive += (int64_t) boxes.sandboxes.n;
        return r;
}

int cmd_events(struct ctl *c) {
        struct watch w = { .c = c, .style = style_for(STDOUT_FILENO) };
        struct events_subscribe_params p = { .sandbox = c->o.sandbox };

        if (c->o.n_operands > 0)
                return ctl_usage(c, "events takes no operands");
        /* Who follows waits for sandboxes to come, so there must be a daemon; who does not, asks
         * what is. */
        int code = c->o.follow ? ctl_connect(c, 0) : ctl_connect_if_running(c);
        if (code != 0)
                return code < 0 ? EXIT_OK : code;
        leash_set_notify_json(c->l, on_event, &w);
        if (leash_call_method(c->l, METHOD_EVENTS_SUBSCRIBE, &p, c->o.arena, NULL, NULL) < 0 ||
            (!c->o.follow && count_sandboxes(&w) < 0))
                return ctl_fail(c);
        while (c->o.follow || w.alive > 0) {
                int r = leash_wait(c->l);
                if (r < 0)
                        return ctl_fail(c);
        }
        return EXIT_OK;
}

static int print_logs(const struct watch *w, const struct json *answer,
                      const struct sandbox_logs_result *r) {
        const struct event *events = r->events.items;
        const struct json *texts = json_get(answer, "events");

        for (size_t i = 0; i < r->events.n; i++) {
                show(w, &events[i], json_at(texts, i));
                if (i > 0 || r->dropped == 0)
                        continue;
                printf(w->c->o.json ? "{\"dropped\":%llu}\n"
                                    : "… %llu events are not kept any more\n",
                       (unsigned long long) r->dropped);
        }
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_LEASH;
}

int cmd_logs(struct ctl *c) {
        struct watch w = { .c = c, .style = style_for(STDOUT_FILENO), .one = true, .alive = 1 };
        _cleanup_(json_unrefp) struct json *answer = NULL;
        struct sandbox_logs_result logs = { 0 };

        if (c->o.n_operands != 1)
                return ctl_usage(c, "logs of which sandbox? leashctl status lists those that run "
                                    "and the last ones that have ended");
        int r = ctl_connect(c, LEASH_NO_START);
        if (r != 0)
                return r;
        const struct events_subscribe_params watch = { .sandbox = c->o.operands[0] };
        const struct sandbox_logs_params what = { .sandbox = c->o.operands[0] };
        leash_set_notify_json(c->l, on_event, &w);
        /* All that is notified before the answer is in the answer. One that has ended cannot be
         * watched, but it has its history. */
        w.holding = true;
        if (c->o.follow &&
            leash_call_method(c->l, METHOD_EVENTS_SUBSCRIBE, &watch, c->o.arena, NULL, NULL) < 0 &&
            c->l->error.code != ERROR_NOT_FOUND)
                return ctl_fail(c);
        if (leash_call_method(c->l, METHOD_SANDBOX_LOGS, &what, c->o.arena, &logs, &answer) < 0) {
                c->l->error.where[0] = '\0'; /* an operand, no option */
                return ctl_fail(c);
        }
        w.holding = false;
        r = print_logs(&w, answer, &logs);
        while (r == EXIT_OK && c->o.follow && !logs.ended && w.alive > 0)
                if (leash_wait(c->l) < 0)
                        return ctl_fail(c);
        return r;
}
