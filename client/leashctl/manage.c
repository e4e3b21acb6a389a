/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ps, kill, events: the sandboxes that exist. They never start a daemon: without one there is
 * nothing. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"

static const char *level_word(enum level l) {
        return l < LEVEL_N_ && level_names[l] ? level_names[l] : "?";
}

static const char *network_word(enum network_mode m) {
        return m < NETWORK_N_ && network_mode_names[m] ? network_mode_names[m] : "?";
}

static const char *state_word(enum sandbox_state s) {
        static const char *const names[SANDBOX_STATE_N_] = {
                [SANDBOX_STARTING] = "starting",
                [SANDBOX_READY] = "ready",
                [SANDBOX_ENDING] = "ending",
        };

        return s < SANDBOX_STATE_N_ && names[s] ? names[s] : "?";
}

/* "4s", "12m", "3h", "9d": one number is enough to recognise a sandbox by. */
static void age_text(double seconds, char *ret, size_t size) {
        static const struct {
                double from;
                double by;
                char unit;
        } steps[] = {
                { 2 * 86400, 86400, 'd' },
                { 2 * 3600, 3600, 'h' },
                { 120, 60, 'm' },
                { 0, 1, 's' },
        };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (seconds >= steps[i].from || steps[i].unit == 's') {
                        snprintf(ret, size, "%.0f%c", seconds / steps[i].by, steps[i].unit);
                        return;
                }
}

static void join_argv(const struct strings *argv, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < argv->n && used < size; i++) {
                char word[512];
                shell_quote(argv->items[i], word, sizeof(word));
                int n = snprintf(ret + used, size - used, "%s%s", i > 0 ? " " : "", word);
                if (n < 0)
                        return;
                used += (size_t) n;
        }
}

static void add_processes(struct table *t, const struct process_list_result *list,
                          const char *sandbox) {
        const struct process_info *p = list->processes.items;

        for (size_t i = 0; i < list->processes.n; i++) {
                char argv[768], age[32], pid[32];
                if (!p[i].running || !p[i].sandbox || strcmp(p[i].sandbox, sandbox) != 0)
                        continue;
                join_argv(&p[i].argv, argv, sizeof(argv));
                age_text(p[i].age_seconds, age, sizeof(age));
                if (p[i].pid > 0)
                        snprintf(pid, sizeof(pid), "  pid %llu", (unsigned long long) p[i].pid);
                else /* it has not come so far as to have one */
                        snprintf(pid, sizeof(pid), "  starting");
                table_row(t, (const char *const[]){ pid, "", "", "", age, argv });
        }
}

/* Nobody listening is an answer here, too. 1: no daemon. */
static int connect_if_running(struct ctl *c) {
        if (leash_connect(c->o.socket, LEASH_NO_START, &c->l) >= 0)
                return 0;
        if (c->o.socket)
                return ctl_connect(c, LEASH_NO_START);
        return -1;
}

static int empty_answer(struct ctl *c, const char *json, const char *text) {
        if (c->o.json)
                puts(json);
        else if (!c->o.quiet)
                fprintf(stderr, "leashctl: %s\n", text);
        return EXIT_OK;
}

int cmd_ps(struct ctl *c) {
        struct sandbox_list_result boxes = { 0 };
        struct process_list_result procs = { 0 };
        struct table t = { .cols = 6 };

        if (c->o.n_operands > 0)
                return ctl_usage(c, "ps takes no operands");
        int code = connect_if_running(c);
        if (code != 0)
                return code < 0 ? empty_answer(c, "{\"sandboxes\":[]}",
                                               "no sandboxes (leashd is not running)")
                                : code;
        int r = ctl_query(c, METHOD_SANDBOX_LIST, NULL, &boxes);
        if (r != 0)
                return r < 0 ? -r : EXIT_OK;
        struct process_list_params all = { 0 };
        if (leash_call_method(c->l, METHOD_PROCESS_LIST, &all, c->o.arena, &procs, NULL) < 0)
                return ctl_fail(c);
        const struct sandbox_info *b = boxes.sandboxes.items;
        if (boxes.sandboxes.n == 0)
                return empty_answer(c, "", "no sandboxes");
        table_row(&t, (const char *const[]){ "SANDBOX", "STATE", "LEVEL", "NETWORK", "AGE",
                                             "DIRECTORY / COMMAND" });
        for (size_t i = 0; i < boxes.sandboxes.n; i++) {
                char age[32];
                age_text(b[i].age_seconds, age, sizeof(age));
                table_row(&t, (const char *const[]){
                                      b[i].sandbox, state_word(b[i].state), level_word(b[i].level),
                                      network_word(b[i].network), age, b[i].workdir });
                add_processes(&t, &procs, b[i].sandbox ? b[i].sandbox : "");
        }
        table_print(&t, stdout);
        table_done(&t);
        return EXIT_OK;
}

int cmd_kill(struct ctl *c) {
        int code = EXIT_OK;

        if (c->o.n_operands == 0)
                return ctl_usage(c, "kill what? leashctl kill SANDBOX… (leashctl ps lists them)");
        int r = ctl_connect(c, LEASH_NO_START);
        if (r != 0)
                return r;
        for (size_t i = 0; i < c->o.n_operands; i++) {
                struct sandbox_destroy_params p = { .sandbox = c->o.operands[i],
                                                    .keep_workdir = c->o.keep };
                if (leash_call_method(c->l, METHOD_SANDBOX_DESTROY, &p, c->o.arena, NULL, NULL) < 0)
                        code = ctl_fail(c);
        }
        if (c->o.json && code == EXIT_OK)
                puts("{}");
        return code;
}

struct watch {
        struct ctl *c;
        struct style style;
        int64_t alive; /* sandboxes that were there or came, less those that went */
};

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

static void print_event(struct watch *w, const struct event *ev) {
        char clock[32] = "", argv[768];
        time_t t = (time_t) ev->time;
        struct tm tm;

        if (localtime_r(&t, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        printf("%s%s%s %s", style_on(w->style, COLOUR_DIM), clock, style_off(w->style),
               style_on(w->style,
                        ev->kind && strcmp(ev->kind, "denied") == 0 ? COLOUR_RED : COLOUR_NONE));
        print_escaped(stdout, ev->kind ? ev->kind : "?");
        printf("%s ", style_off(w->style));
        print_escaped(stdout, ev->sandbox ? ev->sandbox : "-");
        if (ev->argv.n > 0) {
                join_argv(&ev->argv, argv, sizeof(argv));
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
                print_event(w, &ev);
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
        int code = c->o.follow ? ctl_connect(c, 0) : connect_if_running(c);
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
