/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * After the command: the exit code of the contract, and a few lines on what leash refused and how
 * to allow it.
 *
 * Where the host has no source of file denials, nothing is claimed (decision 26): the reader gets
 * one ready line that asks the policy.
 */
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
        case REASON_DESTROYED:
                return "ended: its sandbox was destroyed";
        default:
                return NULL;
        }
}

static void print_denial(const struct denial *d, struct style st) {
        const char *what = d->path ? d->path : d->host ? d->host : d->syscall ? d->syscall : "?";
        const char *how = d->access ? d->access : d->kind ? d->kind : "";
        char allow[LIMIT_PATH_BYTES + 128];

        fprintf(stderr, "  %s", style_on(st, COLOUR_RED));
        print_escaped(stderr, how);
        fprintf(stderr, "%s ", style_off(st));
        print_escaped(stderr, what);
        if (d->process || d->rule) {
                fprintf(stderr, "%s (", style_on(st, COLOUR_DIM));
                print_escaped(stderr, d->process ? d->process : "");
                fputs(d->process && d->rule ? ", " : "", stderr);
                print_escaped(stderr, d->rule ? d->rule : "");
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
}

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

/* The host of a URL among the arguments, with its port if it names one: "example.com:8080". */
static const char *guess_host(const struct ctl *c, const struct launch *launch) {
        for (size_t i = launch->argv.n; i > 1; i--) {
                const char *host = strstr(launch->argv.items[i - 1], "://");
                const char *user;
                size_t n;

                if (!host)
                        continue;
                host += 3;
                n = strcspn(host, "/?# \t\n'\"");
                user = memchr(host, '@', n);
                if (user) {
                        n -= (size_t) (user + 1 - host);
                        host = user + 1;
                }
                if (n > 0)
                        return arena_strndup(c->o.arena, host, n);
        }
        return NULL;
}

/* Without a gate nothing sees that a connection was tried: the sandbox has no way out to be refused
 * at. */
static bool print_network_line(struct ctl *c, const struct launch *launch, int code) {
        const char *host = guess_host(c, launch);
        const struct strings *given = &c->o.given;
        char word[LIMIT_PATH_BYTES + 64];

        if (!host)
                return false;
        for (size_t i = 0; i < given->n;
             i++) /* then there is a gate, and it tells what it refused */
                if (strcmp(given->items[i], "--net") == 0 ||
                    strcmp(given->items[i], "--allow-host") == 0)
                        return false;
        fprintf(stderr,
                "leashctl: exit status %d. If the network is what is missing, ask: leashctl check "
                "--host ",
                code);
        shell_quote(host, word, sizeof(word));
        print_escaped(stderr, word);
        fputs("; to allow it: --allow-host ", stderr);
        print_escaped(stderr, word);
        fputc('\n', stderr);
        return true;
}

/* The likeliest culprit: the last argument that has or is a path. */
static const char *guess_path(const struct ctl *c, const struct launch *launch) {
        for (size_t i = launch->argv.n; i > 1; i--) {
                const char *arg = launch->argv.items[i - 1];
                const char *path = path_within(c->o.arena, arg);
                struct stat st;
                if (path)
                        return path;
                if (arg[0] != '-' && !strpbrk(arg, " \t\n") &&
                    (strchr(arg, '/') || lstat(arg, &st) >= 0))
                        return arg;
        }
        return "PATH";
}

static bool concerns_paths(const char *option) {
        static const char *const names[] = { "--level", "--profile", "--config",     "--workdir",
                                             "--fresh", "--sandbox", "--read",       "--write",
                                             "--exec",  "--deny",    "--no-protect", "--protect" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], option) == 0)
                        return true;
        return false;
}

/* A source that sees some refusals (names that are judged) says nothing of others (a read-only
 * mount). Inside the working directory those are no likely reason, and a line after every grep
 * would only be noise. */
static bool is_suspect(struct ctl *c, const struct launch *launch) {
        const char *guess = guess_path(c, launch), *path, *workdir = c->o.workdir;
        struct error e = ERROR_NULL;

        if (strcmp(guess, "PATH") == 0 || path_localise(c->o.arena, c->o.cwd, guess, &path, &e) < 0)
                return false;
        if (!workdir)
                workdir = c->o.policy && c->o.policy->workdir ? c->o.policy->workdir : c->o.cwd;
        return !path_is_under(path, workdir);
}

/* `leashctl check` with the options of this call that bear on paths. */
static void print_check_line(const struct ctl *c, const struct launch *launch, int code) {
        char word[LIMIT_PATH_BYTES + 64];
        const struct strings *given = &c->o.given;

        fprintf(stderr, "leashctl: exit status %d. If you suspect the sandbox, ask: leashctl check",
                code);
        for (size_t i = 0; i < given->n; i++) {
                const char *name = given->items[i];
                const struct option *row =
                        name[0] == '-' && name[1] == '-' ? option_by_name(name + 2) : NULL;
                const char *value = row && row->arg && i + 1 < given->n ? given->items[++i] : NULL;
                if (!row || !concerns_paths(name))
                        continue;
                fprintf(stderr, " %s", name);
                if (value) {
                        fputc(' ', stderr);
                        shell_quote(value, word, sizeof(word));
                        print_escaped(stderr, word);
                }
        }
        fputs(" --path ", stderr);
        shell_quote(guess_path(c, launch), word, sizeof(word));
        print_escaped(stderr, word);
        fputs(" --write\n", stderr);
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

static void print_trust(const struct process_exit *x) {
        fprintf(stderr, "leashctl: note: the command made files that programs outside trust:");
        for (size_t i = 0; i < x->trust_created.n; i++) {
                fputs(i > 0 ? ", " : " ", stderr);
                print_escaped(stderr, x->trust_created.items[i]);
        }
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
        if (reason)
                fprintf(stderr, "leashctl: %s\n", reason);
        if (x->trust_created.n > 0)
                print_trust(x);
        /* A command that was interrupted or ran into a limit tells nothing about the sandbox's
         * rules. */
        if (code == 0 || reason)
                return code;
        if (x->denials.n > 0)
                print_denials(x, style_for(STDERR_FILENO));
        else if (x->reason == REASON_EXITED && !launch->interactive &&
                 !print_network_line(c, launch, code) &&
                 (is_suspect(c, launch) || !has_file_source(c)))
                print_check_line(c, launch, code);
        return code;
}
