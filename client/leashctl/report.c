/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * After the command: the exit code of the contract, and a few lines on what leash refused and how
 * to allow it.
 *
 * Where the host has no source of file denials, nothing is claimed (decision 26): the reader gets
 * one ready line that asks the policy.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/path.h"
#include "../libleash/localise.h"
#include "commands.h"

enum { MAX_LINES = 8 }; /* more than that nobody reads after a failure; --json has all */

int exit_code_of(const struct process_exit *x, const struct exit_info *info) {
        if (x->reason == REASON_TIMEOUT || x->reason == REASON_CPU_LIMIT)
                return EXIT_TIMEOUT;
        return info->by_signal ? 128 + info->signal : info->code;
}

/* What a person cannot see from the exit code. */
static const char *reason_text(enum exit_reason reason) {
        switch (reason) {
        case REASON_TIMEOUT:
                return "ended: the time limit was reached (--timeout)";
        case REASON_CPU_LIMIT:
                return "ended: the processor time limit was reached (--cpu-time)";
        case REASON_OUT_OF_MEMORY:
                return "ended: out of memory (--memory)";
        case REASON_OUTPUT_LIMIT:
                return "ended: it wrote more output than was allowed";
        case REASON_DISK_LIMIT:
                return "ended: the disk limit was reached (--disk)";
        case REASON_DESTROYED:
                return "ended: its sandbox was destroyed";
        default:
                return NULL;
        }
}

static bool was_reached(const struct process_exit *x, const char *field) {
        for (size_t i = 0; i < x->limits_reached.n; i++)
                if (strcmp(x->limits_reached.items[i], field) == 0)
                        return true;
        return false;
}

/* A refused fork ends nothing, but it is what a program fails of. Whose limit it was decides who
 * can do something about it. Whether something was said. */
static bool print_reached(const struct process_exit *x, int code) {
        static const char *const texts[][2] = {
                { "/users/memory_bytes",
                  "out of memory: all that this user runs in sandboxes had what it may have "
                  "together (users.memory_bytes in leashd.json, or the control group's; leashctl "
                  "status)" },
                { "/limits/processes",
                  "it could not start more processes: the sandbox has as many as it may "
                  "(--processes)" },
                { "/users/processes",
                  "it could not start more processes: all that this user runs in sandboxes has as "
                  "many as it may have together (users.processes in leashd.json, or the control "
                  "group's; leashctl status)" },
        };
        bool said = false;

        for (size_t i = 0; i < ELEMENTSOF(texts) && code != 0; i++)
                if (was_reached(x, texts[i][0])) {
                        fprintf(stderr, "leashctl: %s\n", texts[i][1]);
                        said = true;
                }
        return said;
}

static void print_denial(const struct denial *d, struct style st) {
        const char *what = d->path ? d->path : d->host ? d->host : d->syscall ? d->syscall : "?";
        const char *how = d->access ? d->access : d->kind ? d->kind : "";
        char allow[LIMIT_PATH_BYTES + 128];

        fprintf(stderr, "  %s", style_on(st, COLOUR_RED));
        print_escaped(stderr, how);
        fprintf(stderr, "%s ", style_off(st));
        print_escaped(stderr, what);
        /* Most often the rule is the path: no need to say it twice. */
        const char *rule = d->rule && strcmp(d->rule, what) != 0 ? d->rule : NULL;
        if (d->process || rule) {
                fprintf(stderr, "%s (", style_on(st, COLOUR_DIM));
                print_escaped(stderr, d->process ? d->process : "");
                fputs(d->process && rule ? ", " : "", stderr);
                print_escaped(stderr, rule ? rule : "");
                fprintf(stderr, ")%s", style_off(st));
        }
        if (d->count > 1)
                fprintf(stderr, " x%llu", (unsigned long long) d->count);
        if (option_that_allows(d, allow, sizeof(allow))) {
                fputs(st.utf8 ? " → " : " -> ", stderr);
                print_escaped(stderr, allow);
        }
        fputc('\n', stderr);
}

static void print_denials(const struct process_exit *x, struct style st) {
        const struct denial *d = x->denials.items;

        fprintf(stderr, "leashctl: leash refused %zu thing%s:\n", x->denials.n,
                x->denials.n == 1 ? "" : "s");
        for (size_t i = 0; i < x->denials.n && i < MAX_LINES; i++)
                print_denial(&d[i], st);
        if (x->denials.n > MAX_LINES)
                fprintf(stderr, "  and %zu more (--json has them all)\n", x->denials.n - MAX_LINES);
        if (x->denials_lost > 0)
                fprintf(stderr, "  and at least %llu more, too fast to be told one by one\n",
                        (unsigned long long) x->denials_lost);
}

/* "example.com:80" of a word like "http://user@example.com/x", or NULL. Without a port, `check`
 * takes that of https. */
static const char *host_within(struct arena *a, const char *word) {
        static const char scheme_end[] = "://";
        const char *url = strstr(word, scheme_end);

        if (!url)
                return NULL;
        const char *host = url + sizeof(scheme_end) - 1;
        size_t n = strcspn(host, "/?# \t\n'\"><;|&`)");
        for (const char *at; (at = memchr(host, '@', n)); host = at + 1)
                n -= (size_t) (at + 1 - host);
        bool http = url - word >= 4 && strncmp(url - 4, "http", 4) == 0;
        bool port = memchr(host, ':', n) && host[0] != '[';
        return n == 0 ? NULL : arena_printf(a, "%.*s%s", (int) n, host, http && !port ? ":80" : "");
}

#define VENV "for packages that leash installs in a sandbox of their own: leashctl help venv"

/* Programs that need a host which no argument names. */
static const struct registry {
        const char *program, *host, *also, *instead;
} registries[] = {
        { "npm", "registry.npmjs.org" },
        { "npx", "registry.npmjs.org" },
        { "pnpm", "registry.npmjs.org" },
        { "yarn", "registry.yarnpkg.com" },
        { "pip", "pypi.org", "'*.pythonhosted.org'", VENV },
        { "pip3", "pypi.org", "'*.pythonhosted.org'", VENV },
        { "cargo", "index.crates.io", "static.crates.io" },
        { "go", "proxy.golang.org", "sum.golang.org" },
        { "gem", "rubygems.org" },
};

/* What the failure may have been about: the host of a URL, or a path. */
struct suspect {
        const char *host, *path;
        const char *also;    /* one more host that it would need, as a shell takes it, or NULL */
        const char *instead; /* another way, in words, or NULL */
        bool read;           /* the policy refuses even to read it */
        char allow[512];     /* the option that the policy's answer names for the host, or "" */
};

/* The last absolute path within a word: of a shell's script, or behind "--output=". */
static char *path_within(struct arena *a, const char *word) {
        static const char before[] = " \t\n'\"=:><(;|&`", after[] = " \t\n'\"><;|&`)";
        const char *last = NULL;

        for (const char *s = word; (s = strchr(s, '/')); s++) {
                if (s > word && s[-1] == ':' && s[1] == '/') { /* a URL: no part of it is a path */
                        s += strcspn(s, after);
                        if (!*s)
                                break;
                } else if (s == word || strchr(before, s[-1])) {
                        last = s;
                }
        }
        return last ? arena_strndup(a, last, strcspn(last, after)) : NULL;
}

/* "npm install x", "python3 -m pip download x": what fetches, by its usual words. */
static const struct registry *registry_of(const struct launch *launch) {
        static const char *const verbs[] = { "install", "i",     "ci",  "add", "update",
                                             "upgrade", "fetch", "get", "mod", "download" };
        const struct registry *r = NULL;

        for (size_t i = 0; i < launch->argv.n; i++) {
                const char *word = launch->argv.items[i], *slash = strrchr(word, '/');
                for (size_t k = 0; r && k < ELEMENTSOF(verbs); k++)
                        if (strcmp(word, verbs[k]) == 0)
                                return r;
                if (i > 0 && strcmp(launch->argv.items[i - 1], "-m") != 0)
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(registries); k++)
                        if (strcmp(slash ? slash + 1 : word, registries[k].program) == 0)
                                r = &registries[k];
        }
        return NULL;
}

/* The likeliest culprit: the last argument that has or is a URL or a path. */
static struct suspect guess(const struct ctl *c, const struct launch *launch) {
        for (size_t i = launch->argv.n; i > 1; i--) {
                const char *arg = launch->argv.items[i - 1];
                const char *host = host_within(c->o.arena, arg);
                const char *path = host ? NULL : path_within(c->o.arena, arg);
                struct stat st;
                if (host || path)
                        return (struct suspect){ .host = host, .path = path };
                if (arg[0] != '-' && !strpbrk(arg, " \t\n") &&
                    (strchr(arg, '/') || lstat(arg, &st) >= 0))
                        return (struct suspect){ .path = arg };
        }
        const struct registry *r = registry_of(launch);
        return r ? (struct suspect){ .host = r->host, .also = r->also, .instead = r->instead }
                 : (struct suspect){ 0 };
}

/* Does an option of this call bear on the answer? */
static bool concerns(const char *option, bool host) {
        static const char *const both[] = { "--level", "--profile", "--config", "--sandbox" };
        static const char *const paths[] = { "--workdir", "--fresh", "--read",       "--write",
                                             "--exec",    "--deny",  "--no-protect", "--protect" };
        static const char *const hosts[] = { "--net", "--allow-host", "--deny-host" };
        const char *const *own = host ? hosts : paths;

        for (size_t i = 0; i < ELEMENTSOF(both); i++)
                if (strcmp(both[i], option) == 0)
                        return true;
        for (size_t i = 0; i < (host ? ELEMENTSOF(hosts) : ELEMENTSOF(paths)); i++)
                if (strcmp(own[i], option) == 0)
                        return true;
        return false;
}

/* Does the policy refuse something there? A line that leads to "allow" would only mislead. When it
 * cannot be asked, the line does no harm. */
static bool ask_policy(struct ctl *c, struct suspect *s) {
        struct check_query queries[] = {
                { .path = s->path, .host = s->host, .access = ACCESS_READ_ },
                { .path = s->path, .access = ACCESS_WRITE_ },
        };
        struct policy_check_params params = { 0 };
        struct policy_check_result result = { 0 };
        struct place place;
        struct error e = ERROR_NULL;
        const char *path = NULL, *colon = s->host ? strrchr(s->host, ':') : NULL;

        if (s->path) {
                if (path_localise(c->o.arena, c->o.cwd, s->path, &path, &e) < 0)
                        return true;
                queries[0].path = queries[1].path = path;
        } else if (colon && s->host[0] != '[') {
                queries[0].host = arena_strndup(c->o.arena, s->host, (size_t) (colon - s->host));
                queries[0].port = strtoul(colon + 1, NULL, 10);
        }
        if (options_place(&c->o, &place, &e) < 0)
                return true;
        PLACE_SET(&params, &place);
        params.queries = (struct list){ .items = queries, .n = s->host ? 1 : 2, .set = true };
        if (leash_call_method(c->l, METHOD_POLICY_CHECK, &params, c->o.arena, &result, NULL) < 0 ||
            result.verdicts.n != params.queries.n)
                return true;
        const struct check_verdict *v = result.verdicts.items;
        s->read = strcmp(v[0].verdict, "allow") != 0;
        if (s->host && !field_allows(v[0].field, s->host, s->allow, sizeof(s->allow)))
                s->allow[0] = '\0';
        return s->read || (s->path && strcmp(v[1].verdict, "allow") != 0);
}

/* A source that sees some refusals (names that are judged) says nothing of others (a read-only
 * mount). Inside the working directory those are no likely reason, and a line after every grep
 * would only be noise. */
static bool is_outside(struct ctl *c, const struct suspect *s) {
        const char *path, *workdir = c->o.workdir;
        struct error e = ERROR_NULL;

        if (s->host) {
                /* Without a gate nothing sees that a connection was tried: the sandbox has no way
                 * out to be refused at. With one, it has told what it refused; but the sandbox's
                 * own loopback, which may not be what was meant, is no business of the gate's. */
                if (strncmp(s->host, "localhost", 9) == 0 || strncmp(s->host, "127.", 4) == 0 ||
                    strncmp(s->host, "[::1]", 5) == 0)
                        return true;
                for (size_t i = 0; i < c->o.given.n; i++)
                        if (strcmp(c->o.given.items[i], "--net") == 0 ||
                            strcmp(c->o.given.items[i], "--allow-host") == 0)
                                return false;
                return true;
        }
        if (!s->path || path_localise(c->o.arena, c->o.cwd, s->path, &path, &e) < 0)
                return false;
        if (!workdir)
                workdir = c->o.policy && c->o.policy->workdir ? c->o.policy->workdir : c->o.cwd;
        return !path_is_under(path, workdir);
}

/* `leashctl check` with the options of this call that bear on it. */
static void print_check_line(const struct ctl *c, const struct suspect *s, int code) {
        char word[LIMIT_PATH_BYTES + 64];
        const struct strings *given = &c->o.given;

        fprintf(stderr, "leashctl: exit status %d. If %s, ask: leashctl check", code,
                s->host ? "the network is what is missing" : "you suspect the sandbox");
        for (size_t i = 0; i < given->n; i++) {
                const char *name = given->items[i];
                const struct option *row =
                        name[0] == '-' && name[1] == '-' ? option_by_name(name + 2) : NULL;
                const char *value = row && row->arg && i + 1 < given->n ? given->items[++i] : NULL;
                if (!row || !concerns(name, s->host))
                        continue;
                fprintf(stderr, " %s", name);
                if (value) {
                        fputc(' ', stderr);
                        shell_quote(value, word, sizeof(word));
                        print_escaped(stderr, word);
                }
        }
        fputs(s->host ? " --host " : " --path ", stderr);
        shell_quote(s->host ? s->host : s->path ? s->path : "PATH", word, sizeof(word));
        print_escaped(stderr, word);
        if (s->host) {
                fputs("; to allow it: ", stderr);
                fputs(s->allow[0] ? "" : "--allow-host ", stderr);
                print_escaped(stderr, s->allow[0] ? s->allow : word);
                if (s->also)
                        fprintf(stderr, " --allow-host %s", s->also);
                if (s->instead)
                        fprintf(stderr, "; %s", s->instead);
        }
        fputs(s->host || s->read ? "\n" : " --write\n", stderr);
}

static bool has_file_source(struct ctl *c) {
        struct leash_info_result info = { 0 };

        /* If even this cannot be asked, the ready line does no harm. */
        if (leash_call_method(c->l, METHOD_LEASH_INFO, NULL, c->o.arena, &info, NULL) < 0)
                return false;
        for (size_t i = 0; i < info.denial_sources.n; i++)
                if (strcmp(info.denial_sources.items[i], "gate") != 0) /* it sees hosts only */
                        return true;
        return false;
}

/* After a failure that nobody reported a refusal for. */
static void print_suspicion(struct ctl *c, const struct launch *launch, int code) {
        struct suspect s = guess(c, launch);
        bool known = has_file_source(c);

        if ((known || s.host) && !is_outside(c, &s))
                return;
        if ((!s.host && !s.path) || ask_policy(c, &s) || !known)
                print_check_line(c, &s, code);
}

/* Told, not left out: it may have been moved, or come back in a sandbox that lives on. */
static bool has_gone(const char *path) {
        struct stat st;

        return lstat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static void print_trust(const struct process_exit *x) {
        fprintf(stderr,
                "leashctl: note: the command made or changed files that programs outside trust:");
        for (size_t i = 0; i < x->trust_created.n; i++) {
                fputs(i > 0 ? ", " : " ", stderr);
                print_escaped(stderr, x->trust_created.items[i]);
                fputs(has_gone(x->trust_created.items[i]) ? " (not there any more)" : "", stderr);
        }
        /* The list has an end, and who fills it may want to hide what comes behind. */
        if (x->trust_created.n >= LIMIT_DENIALS_PER_RESULT)
                fputs(", and there may be more: the list is full", stderr);
        fputs("; look at them before you use them\n", stderr);
}

int report_end(struct ctl *c, const struct launch *launch, const struct process_exit *x) {
        struct error e = ERROR_NULL;
        struct exit_info info;

        if (exit_from_json(x->exit, &info, &e) < 0)
                return ctl_fail_with(c, &e);
        int code = exit_code_of(x, &info);
        if (c->o.json || c->o.quiet)
                return code;
        const char *reason = reason_text(x->reason);
        bool others = was_reached(x, "/users/memory_bytes");
        if (reason && !(x->reason == REASON_OUT_OF_MEMORY && others))
                fprintf(stderr, "leashctl: %s\n", reason);
        bool reached = print_reached(x, code);
        if (x->trust_created.n > 0)
                print_trust(x);
        /* A command that was interrupted or ran into a limit tells nothing about the sandbox's
         * rules. */
        if (code == 0 || reason)
                return code;
        if (x->denials.n > 0 || x->denials_lost > 0)
                print_denials(x, style_for(STDERR_FILENO));
        else if (x->reason == REASON_EXITED && !launch->interactive && !reached)
                print_suspicion(c, launch, code);
        return code;
}
