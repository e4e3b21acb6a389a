/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * events: what happens, as it happens. What is printed of an event is in one place: names in it
 * come from inside sandboxes.
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

void event_print(const struct event *ev, struct style st) {
        char clock[32] = "", argv[768];
        time_t t = (time_t) ev->time;
        struct tm tm;

        if (localtime_r(&t, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        printf("%s%s%s %s", style_on(st, COLOUR_DIM), clock, style_off(st),
               style_on(st,
                        ev->kind && strcmp(ev->kind, "denied") == 0 ? COLOUR_RED : COLOUR_NONE));
        print_escaped(stdout, ev->kind ? ev->kind : "?");
        printf("%s ", style_off(st));
        print_escaped(stdout, ev->sandbox ? ev->sandbox : "-");
        if (ev->argv.n > 0) {
                argv_text(&ev->argv, argv, sizeof(argv));
                fputc(' ', stdout);
                print_escaped(stdout, argv);
        }
        struct exit_info info;
        if (ev->exit && exit_from_json(ev->exit, &info, NULL) >= 0)
                printf(" %s %d", info.by_signal ? "signal" : "exit",
                       info.by_signal ? info.signal : info.code);
        if (ev->denial) {
                const struct denial *d = ev->denial;
                const char *what = d->path ? d->path : d->host ? d->host : d->syscall;
                printf(" %s ", d->access ? d->access : d->kind ? d->kind : "");
                print_escaped(stdout, what ? what : "?");
        }
        if (ev->network)
                print_network(ev->network);
        if (ev->path && !ev->denial) { /* a denial has told it */
                fputc(' ', stdout);
                print_escaped(stdout, ev->path);
        }
        fputc('\n', stdout);
        fflush(stdout);
}

struct watch {
        struct ctl *c;
        struct style style;
        int64_t alive; /* sandboxes that were there or came, less those that went */
};

static void on_event(struct leash *l, const char *method, struct json *params, void *userdata) {
        struct watch *w = userdata;
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct event ev = { 0 };
        struct error e = ERROR_NULL;

        if (strcmp(method, notifications[NOTIFY_EVENT].name) != 0 || !a ||
            shape_decode_lax(notifications[NOTIFY_EVENT].params, params, a, &ev, &e) < 0)
                return;
        if (ev.kind && strcmp(ev.kind, "sandbox.created") == 0)
                w->alive++;
        if (ev.kind && strcmp(ev.kind, "sandbox.destroyed") == 0)
                w->alive--;
        bool wanted = w->c->o.kinds.n == 0;
        for (size_t i = 0; i < w->c->o.kinds.n && !wanted; i++)
                wanted = ev.kind && strcmp(ev.kind, w->c->o.kinds.items[i]) == 0;
        if (!wanted)
                return;
        if (!w->c->o.json) {
                event_print(&ev, w->style);
                return;
        }
        size_t len = 0; /* one line an event, whatever stdout is */
        char *text = json_print(params, false, &len);
        if (text) {
                printf("%.*s\n", (int) len, text);
                fflush(stdout);
        }
        free(text);
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
