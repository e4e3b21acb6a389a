/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * status: how things stand. It never starts a daemon, since whether one runs is what is asked; in
 * system mode the caller's own session is started, as by every request.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "tell.h"

static void print_item(const char *label, const char *value, struct style st) {
        printf("  %s%-9s%s ", style_on(st, COLOUR_DIM), label, style_off(st));
        print_escaped(stdout, value);
        fputc('\n', stdout);
}

static void join(const struct strings *list, const char *none, char *ret, size_t size) {
        size_t used = 0;

        snprintf(ret, size, "%s", list->n > 0 ? "" : none);
        for (size_t i = 0; i < list->n && used < size; i++) {
                int n = snprintf(ret + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 list->items[i]);
                used += n > 0 ? (size_t) n : 0;
        }
}

static void print_enforced(const struct leash_status_result *r, struct style st) {
        char text[600], landlock[48], losses[512];

        if (strcmp(r->tier, "none") == 0) {
                print_item("enforced", r->reason ? r->reason : "nothing", st);
                return;
        }
        snprintf(landlock, sizeof(landlock),
                 r->landlock_abi > 0   ? "Landlock ABI %lld"
                 : r->landlock_abi < 0 ? "no Landlock (off at boot)"
                                       : "no Landlock",
                 (long long) r->landlock_abi);
        snprintf(text, sizeof(text), "%s, %s, %s%s", r->tier, landlock,
                 r->cgroup ? "control groups in " : "no control groups",
                 r->cgroup ? r->cgroup : "");
        print_item("enforced", text, st);
        join(&r->losses, "nothing", losses, sizeof(losses));
        snprintf(text, sizeof(text), "%s%s", losses,
                 r->losses.n > 0 ? " (leashctl doctor tells what would help)" : "");
        print_item("lost", text, st);
        snprintf(text, sizeof(text), "noticed by ");
        size_t n = strlen(text);
        join(&r->denial_sources, "nobody: ask leashctl check", text + n, sizeof(text) - n);
        print_item("denials", text, st);
}

static void floor_part(const char *label, const struct strings *list, struct style st) {
        char values[1024], text[1100];

        if (!list->set)
                return;
        join(list, "none", values, sizeof(values));
        snprintf(text, sizeof(text), "%s: %s", label, values);
        print_item("floor", text, st);
}

static void print_floor(const struct leash_status_result *r, struct style st) {
        if (r->admin_broken)
                print_item("floor",
                           "/etc/leash/leashd.json is of no use: no sandboxes are made "
                           "(leashd --check-config)",
                           st);
        if (!r->admin)
                return;
        const struct floor *f = &r->admin->floor;
        floor_part("levels", &f->levels, st);
        floor_part("network modes", &f->network_modes, st);
        floor_part("hosts", &f->hosts, st);
        floor_part("write only below", &f->write, st);
        floor_part("denied", &f->deny, st);
        floor_part("protected", &f->protect, st);
        floor_part("may be accepted", &f->accept, st);
        char limits[512], text[540];
        limits_text(&f->limits, limits, sizeof(limits));
        if (limits[0]) {
                snprintf(text, sizeof(text), "limits: %s", limits);
                print_item("floor", text, st);
        }
}

static void print_head(const struct leash_status_result *r, struct style st) {
        bool system = strcmp(r->mode, "system") == 0;
        char text[256], age[32];

        printf("%sleash ", style_on(st, COLOUR_BOLD));
        print_escaped(stdout, r->version);
        printf("%s, %s\n", style_off(st),
               system ? "the system's daemon, for all users" : "a daemon of your own");
        print_item("socket", r->socket ? r->socket : "passed by descriptor", st);
        age_text(r->uptime_seconds, age, sizeof(age));
        if (r->daemon_pid > 0)
                snprintf(text, sizeof(text),
                         "up %s; pid %llu (leashd), %llu (leash-session of uid %llu)", age,
                         (unsigned long long) r->daemon_pid, (unsigned long long) r->pid,
                         (unsigned long long) r->uid);
        else
                snprintf(text, sizeof(text), "up %s; pid %llu (leash-session of uid %llu)", age,
                         (unsigned long long) r->pid, (unsigned long long) r->uid);
        print_item("session", text, st);
        print_enforced(r, st);
        print_floor(r, st);
}

static void print_sandboxes(const struct leash_status_result *r) {
        const struct sandbox_info *b = r->sandboxes.items;
        struct table t = { .cols = 8 };

        if (r->sandboxes.n == 0) {
                puts("\nno sandboxes");
                return;
        }
        table_row(&t, (const char *const[]){ "SANDBOX", "NAME", "LEVEL", "NETWORK", "AGE",
                                             "COMMANDS", "MEMORY", "DIRECTORY" });
        for (size_t i = 0; i < r->sandboxes.n; i++) {
                char age[32], count[32], memory[32];
                age_text(b[i].age_seconds, age, sizeof(age));
                snprintf(count, sizeof(count), "%llu", (unsigned long long) b[i].processes);
                size_text(b[i].memory_bytes, memory, sizeof(memory));
                table_row(&t, (const char *const[]){
                                      b[i].sandbox, b[i].name ? b[i].name : "-",
                                      level_word(b[i].level), network_word(b[i].network), age,
                                      count, b[i].memory_bytes > 0 ? memory : "-", b[i].workdir });
        }
        fputc('\n', stdout);
        table_print(&t, stdout);
        table_done(&t);
}

static void print_ended(const struct leash_status_result *r) {
        const struct ended_sandbox *x = r->ended.items;

        if (r->ended.n == 0)
                return;
        puts("\nENDED (leashctl logs tells more)");
        for (size_t i = 0; i < r->ended.n; i++) {
                char when[32];
                time_text(x[i].ended, when, sizeof(when));
                print_escaped(stdout, x[i].sandbox);
                printf("  %s\n", when);
        }
}

static void print_limits(const struct leash_status_result *r) {
        const struct status_limit *l = r->limits.items;
        struct table t = { .cols = 4 };

        table_row(&t, (const char *const[]){ "LIMIT", "USED", "OF", "SET BY" });
        for (size_t i = 0; i < r->limits.n; i++) {
                char used[32], limit[32] = "-";
                bool bytes = l[i].name && strstr(l[i].name, "bytes");
                if (bytes) {
                        size_text(l[i].used, used, sizeof(used));
                        if (l[i].limit > 0)
                                size_text(l[i].limit, limit, sizeof(limit));
                } else {
                        snprintf(used, sizeof(used), "%llu", (unsigned long long) l[i].used);
                        if (l[i].limit > 0)
                                snprintf(limit, sizeof(limit), "%llu",
                                         (unsigned long long) l[i].limit);
                }
                table_row(&t, (const char *const[]){ l[i].name, used, limit, l[i].source });
        }
        fputc('\n', stdout);
        table_print(&t, stdout);
        table_done(&t);
}

int status_absent(struct ctl *c, int r) {
        if (r != -ENOENT && r != -ECONNREFUSED) {
                struct error e = ERROR_NULL;
                error_set(&e, ERROR_IO, -r, "%s", leash_connect_error());
                return ctl_fail_with(c, &e);
        }
        if (c->o.json)
                puts("{\"running\":false}");
        else if (!c->o.quiet) {
                fputs("no daemon: ", stdout);
                print_escaped(stdout, leash_connect_error());
                fputc('\n', stdout);
        }
        return EXIT_NOT_RUNNING;
}

static void count_text(uint64_t n, bool bytes, char ret[static 32]) {
        if (n == 0)
                snprintf(ret, 32, "-");
        else if (bytes)
                size_text(n, ret, 32);
        else
                snprintf(ret, 32, "%llu", (unsigned long long) n);
}

static void print_users(const struct leash_users_result *r) {
        const struct user_use *u = r->users.items;
        struct table t = { .cols = 8 };

        table_row(&t, (const char *const[]){ "UID", "SESSIONS", "CONNECTIONS", "SANDBOXES",
                                             "PROCESSES", "OF", "MEMORY", "OF" });
        for (size_t i = 0; i < r->users.n; i++) {
                const uint64_t values[] = { u[i].sessions,  u[i].connections,   u[i].sandboxes,
                                            u[i].processes, u[i].processes_max, u[i].memory_bytes,
                                            u[i].memory_max };
                char who[32], texts[ELEMENTSOF(values)][32];
                snprintf(who, sizeof(who), "%llu", (unsigned long long) u[i].uid);
                for (size_t k = 0; k < ELEMENTSOF(values); k++) {
                        if (k < 3)
                                snprintf(texts[k], sizeof(texts[k]), "%llu",
                                         (unsigned long long) values[k]);
                        else
                                count_text(values[k], k >= 5, texts[k]);
                }
                table_row(&t, (const char *const[]){ who, texts[0], texts[1], texts[2], texts[3],
                                                     texts[4], texts[5], texts[6] });
        }
        table_print(&t, stdout);
        table_done(&t);
        if (r->partial)
                puts("and there may be more: leashd is busy");
}

static int status_all(struct ctl *c) {
        struct leash_users_result users = { 0 };

        int r = ctl_query(c, METHOD_LEASH_USERS, NULL, &users);
        if (r != 0)
                return r < 0 ? -r : EXIT_OK;
        if (!c->o.quiet)
                print_users(&users);
        return EXIT_OK;
}

int cmd_status(struct ctl *c) {
        struct leash_status_result status = { 0 };
        struct style st = style_for(STDOUT_FILENO);

        if (c->o.n_operands > 0)
                return ctl_usage(c, "status takes no operands");
        int r = leash_connect(c->o.socket, LEASH_NO_START, &c->l);
        if (r < 0)
                return status_absent(c, r);
        if (c->o.all)
                return status_all(c);
        r = ctl_query(c, METHOD_LEASH_STATUS, NULL, &status);
        if (r != 0)
                return r < 0 ? -r : EXIT_OK;
        if (c->o.quiet) /* the exit status is the answer */
                return EXIT_OK;
        print_head(&status, st);
        print_sandboxes(&status);
        print_ended(&status);
        print_limits(&status);
        return EXIT_OK;
}
