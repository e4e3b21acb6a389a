/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Virtual environments: making, listing and removing them, and the line that shows how far one has
 * come. That line is drawn for any command, since a policy that names an environment may have to
 * wait for it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../libleash/localise.h"
#include "commands.h"

/* progress */

static void clear_line(void) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
}

static void on_event(struct leash *l, const char *method, struct json *params, void *userdata) {
        bool *drawn = userdata;
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct event ev = { 0 };
        char text[512];

        if (!a || strcmp(method, notifications[NOTIFY_EVENT].name) != 0 ||
            shape_decode_lax(notifications[NOTIFY_EVENT].params, params, a, &ev, NULL) < 0 ||
            !ev.venv || !ev.venv->phase)
                return;
        if (strcmp(ev.venv->phase, "done") == 0 || strcmp(ev.venv->phase, "failed") == 0) {
                if (*drawn)
                        clear_line();
                *drawn = false;
                return;
        }
        clear_line();
        fprintf(stderr, "venv: %s", escape(ev.venv->phase, text, sizeof(text)));
        if (ev.venv->text && *ev.venv->text)
                fprintf(stderr, " %.60s", escape(ev.venv->text, text, sizeof(text)));
        fflush(stderr);
        *drawn = true;
}

void venv_watch(struct ctl *c) {
        struct events_subscribe_params p = { 0 };

        if (c->o.quiet || c->o.json || !isatty(STDERR_FILENO) ||
            !arena_push(c->o.arena, &p.kinds, "venv.progress"))
                return;
        /* Without it the command runs as well. */
        if (leash_call_method(c->l, METHOD_EVENTS_SUBSCRIBE, &p, c->o.arena, NULL, NULL) >= 0)
                leash_set_notify_json(c->l, on_event, &c->progress_drawn);
}

void venv_unwatch(struct ctl *c) {
        if (c->progress_drawn)
                clear_line();
        c->progress_drawn = false;
}

bool venv_may_be_made(const struct options *o) {
        return !o->sandbox && (o->profile || o->overrides.python.has_venv ||
                               (o->policy && o->policy->python.has_venv));
}

/* The index of the user's own tools is not the daemon's: it does not know this environment. */
const char *venv_index_url(const struct policy_venv *v) {
        static const char *const names[] = { "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL" };
        const char *value = v->index_url;

        for (size_t i = 0; i < ELEMENTSOF(names) && (!value || !*value); i++)
                value = getenv(names[i]);
        return value && *value ? value : NULL;
}

/* venv create, list, remove */

static int fail_create(struct ctl *c) {
        static const char *const fields[] = { "/path", "/packages", "/requirements", "/index_url",
                                              "/python" };
        struct error e = c->l->error;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (strncmp(e.where, fields[i], strlen(fields[i])) == 0)
                        return ctl_fail_place(c,
                                              (error_under(&e, "/overrides/python/venv", -1), &e));
        return ctl_fail_with(c, &e);
}

static void print_refused(const struct list *denials) {
        const struct denial *d = denials->items;

        if (denials->n > 0)
                fprintf(stderr, "leashctl: leash refused %zu thing%s to what was installed:\n",
                        denials->n, denials->n > 1 ? "s" : "");
        for (size_t i = 0; i < denials->n; i++) {
                const char *what = d[i].path ? d[i].path : d[i].host ? d[i].host : d[i].syscall;
                fprintf(stderr, "  %s ", d[i].access ? d[i].access : "");
                print_escaped(stderr, what ? what : "?");
                if (d[i].process) {
                        fputs(" (", stderr);
                        print_escaped(stderr, d[i].process);
                        fputc(')', stderr);
                }
                fputc('\n', stderr);
        }
}

static int create(struct ctl *c, const char *path) {
        const struct policy_venv *v = &c->o.overrides.python.venv;
        struct policy proxied = { 0 };
        struct python_create_venv_result r = { 0 };
        struct python_create_venv_params p = { .path = v->path,
                                               .python = v->python,
                                               .packages = v->packages,
                                               .requirements = v->requirements,
                                               .index_url = venv_index_url(v),
                                               .system_site_packages = v->system_site_packages,
                                               .accept = c->o.overrides.accept,
                                               .timeout_ms = c->o.timeout_ms,
                                               .rebuild = c->o.rebuild };
        struct error e = ERROR_NULL;
        _cleanup_(json_unrefp) struct json *j = NULL;

        if (path && path_localise(c->o.arena, c->o.cwd, path, &p.path, &e) < 0)
                return ctl_fail_place(c, &e);
        if (network_localise(c->o.arena, &proxied, &e) < 0)
                return ctl_fail_with(c, &e);
        p.proxy = proxied.network.proxy;
        p.no_proxy = proxied.network.no_proxy;
        int code = ctl_connect(c, 0);
        if (code != 0)
                return code;
        venv_watch(c);
        int x = leash_call_method(c->l, METHOD_PYTHON_CREATE_VENV, &p, c->o.arena, &r, &j);
        venv_unwatch(c);
        if (x < 0)
                return fail_create(c);
        if (c->o.json)
                return ctl_print_json(j);
        if (!c->o.quiet)
                print_refused(&r.denials);
        print_escaped(stdout, r.venv.path);
        fputc('\n', stdout);
        if (!c->o.quiet)
                fprintf(stderr,
                        r.reused ? "leashctl: it was there already\n"
                                 : "leashctl: made in %.1f s\n",
                        r.seconds);
        return EXIT_OK;
}

static int list(struct ctl *c) {
        struct python_list_venvs_result r = { 0 };
        struct table t = { .cols = 5 };
        int x = ctl_query(c, METHOD_PYTHON_LIST_VENVS, NULL, &r);

        if (x != 0)
                return x < 0 ? -x : EXIT_OK;
        if (r.venvs.n == 0)
                return EXIT_OK;
        table_row(&t, (const char *const[]){ "KEY", "PYTHON", "MADE", "PATH", "PACKAGES" });
        const struct venv_info *v = r.venvs.items;
        for (size_t i = 0; i < r.venvs.n; i++) {
                char key[16], made[32] = "", packages[512] = "";
                time_t when = (time_t) v[i].created;
                struct tm tm;
                size_t used = 0;
                snprintf(key, sizeof(key), "%.8s", v[i].key);
                if (localtime_r(&when, &tm))
                        (void) strftime(made, sizeof(made), "%Y-%m-%d %H:%M", &tm);
                for (size_t k = 0; k < v[i].packages.n && used < sizeof(packages); k++)
                        used += (size_t) snprintf(packages + used, sizeof(packages) - used, "%s%s",
                                                  k ? " " : "", v[i].packages.items[k]);
                for (size_t k = 0; k < v[i].requirements.n && used < sizeof(packages); k++)
                        used += (size_t) snprintf(packages + used, sizeof(packages) - used,
                                                  "%s-r %s", used ? " " : "",
                                                  v[i].requirements.items[k]);
                table_row(&t, (const char *const[]){ key, v[i].version ? v[i].version : "?", made,
                                                     v[i].path, packages });
        }
        table_print(&t, stdout);
        table_done(&t);
        return EXIT_OK;
}

static int remove_all(struct ctl *c, char **words, size_t n) {
        if (n == 0)
                return ctl_usage(c, "remove which? leashctl venv remove PATH|KEY…");
        int code = ctl_connect(c, 0);
        for (size_t i = 0; i < n && code == 0; i++) {
                struct python_remove_venv_params p = { .venv = words[i] };
                struct error e = ERROR_NULL;
                bool key = strspn(words[i], "0123456789abcdef") == strlen(words[i]) &&
                           strlen(words[i]) >= 8 && access(words[i], F_OK) < 0;
                if (!key && path_localise(c->o.arena, c->o.cwd, words[i], &p.venv, &e) < 0)
                        return ctl_fail_with(c, &e);
                if (leash_call_method(c->l, METHOD_PYTHON_REMOVE_VENV, &p, c->o.arena, NULL, NULL) <
                    0) {
                        c->l->error.where[0] = '\0'; /* the message names it */
                        code = ctl_fail(c);
                }
        }
        return code;
}

/* Options stop at the first operand; here the first one is a command of its own, with options
 * behind it, and behind the path, too. */
static int parse_again(struct ctl *c, struct error *e) {
        int at = 1, n = (int) c->o.n_operands;

        return n == 0 ? 0 : options_parse(&c->o, n, c->o.operands, &at, e);
}

int cmd_venv(struct ctl *c) {
        const char *word = c->o.n_operands > 0 ? c->o.operands[0] : "";
        const char *path = NULL;
        struct error e = ERROR_NULL;
        int r = parse_again(c, &e);

        if (r < 0)
                return ctl_fail_place(c, &e);
        if (strcmp(word, "list") == 0)
                return c->o.n_operands > 0 ? ctl_usage(c, "venv list takes no operands") : list(c);
        if (strcmp(word, "remove") == 0)
                return remove_all(c, c->o.operands, c->o.n_operands);
        if (strcmp(word, "create") != 0)
                return ctl_usage(c, "%s%s: expected create, list or remove",
                                 *word ? "venv " : "venv", word);
        if (c->o.n_operands > 0) {
                path = c->o.operands[0];
                if (parse_again(c, &e) < 0)
                        return ctl_fail_place(c, &e);
        }
        if (c->o.n_operands > 0)
                return ctl_usage(c, "venv create makes one environment; %s is one more",
                                 c->o.operands[0]);
        return create(c, path);
}
