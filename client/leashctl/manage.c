/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ps, kill: the sandboxes that exist. They never start a daemon: without one there is nothing. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "tell.h"

static void add_processes(struct table *t, const struct process_list_result *list,
                          const char *sandbox) {
        const struct process_info *p = list->processes.items;

        for (size_t i = 0; i < list->processes.n; i++) {
                char argv[768], age[32], pid[32];
                if (!p[i].running || !p[i].sandbox || strcmp(p[i].sandbox, sandbox) != 0)
                        continue;
                argv_text(&p[i].argv, argv, sizeof(argv));
                age_text(p[i].age_seconds, age, sizeof(age));
                if (p[i].pid > 0)
                        snprintf(pid, sizeof(pid), "  pid %llu", (unsigned long long) p[i].pid);
                else /* it has not come so far as to have one */
                        snprintf(pid, sizeof(pid), "  starting");
                table_row(t, (const char *const[]){ pid, "", "", "", age, argv });
        }
}

int ctl_connect_if_running(struct ctl *c) {
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
        int code = ctl_connect_if_running(c);
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
