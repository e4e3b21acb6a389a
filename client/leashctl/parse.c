/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Options stop at the first operand (decision 21): what follows belongs to the command, so that
 * `leashctl run ls --level` asks ls for --level. No getopt: it keeps its place in globals and knows
 * neither rows nor suggestions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"

int options_init(struct options *o, struct error *e) {
        *o = (struct options){ .arena = arena_new() };
        if (!o->arena)
                return error_nomem(e);
        if (!getcwd(o->cwd, sizeof(o->cwd)))
                return error_set(e, ERROR_IO, errno, "the current directory: %s", strerror(errno));
        return 0;
}

void options_done(struct options *o) {
        o->arena = arena_free(o->arena);
}

/* Levenshtein's distance, for words of one line; longer ones are nobody's typing error. */
static size_t distance(const char *a, const char *b) {
        enum { MAX = 40 };
        size_t row[MAX + 1], n = strlen(b);

        if (n > MAX || strlen(a) > MAX)
                return MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t best = diagonal + (a[i - 1] != b[j - 1]);
                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        diagonal = row[j];
                        row[j] = best;
                }
        }
        return row[n];
}

const char *nearest_word(const char *word, const char *const *words, size_t n) {
        const char *best = NULL;
        size_t len = strlen(word);
        size_t least = len > 2 ? 3 : 0; /* two slips of the finger; short words are near to all */

        /* "mem" for "memory", "network" for "net": nearer than any slip. */
        for (size_t i = 0; i < n && len > 2; i++) {
                size_t m = strlen(words[i]);
                bool begins = m > 2 && strncmp(word, words[i], m < len ? m : len) == 0;
                if (begins && (!best || m < strlen(best)))
                        best = words[i];
        }
        if (best)
                return best;
        for (size_t i = 0; i < n; i++) {
                size_t d = distance(word, words[i]);
                if (d < least && d < strlen(word)) {
                        least = d;
                        best = words[i];
                }
        }
        return best;
}

/* What such options are called elsewhere. */
static const struct {
        const char *word, *name;
} synonyms[] = {
        { "network", "net" },     { "no-network", "net" },       { "no-net", "net" },
        { "allow-net", "net" },   { "domain", "allow-host" },    { "allow-domain", "allow-host" },
        { "port", "local-port" }, { "cwd", "workdir" },          { "chdir", "workdir" },
        { "dir", "workdir" },     { "directory", "workdir" },    { "ro", "read" },
        { "ro-bind", "read" },    { "allow-read", "read" },      { "rw", "write" },
        { "bind", "write" },      { "volume", "write" },         { "allow-write", "write" },
        { "allow-run", "exec" },  { "pids", "processes" },       { "policy", "config" },
        { "setenv", "env" },      { "cpu-seconds", "cpu-time" }, { "wall-seconds", "timeout" },
};

static int unknown_option(const struct options *o, const char *arg, const char *name,
                          struct error *e) {
        const char *words[128];
        size_t n = 0;

        for (size_t i = 0; i < options_n && n < ELEMENTSOF(words); i++)
                if (!o->command || (options[i].commands & o->command))
                        words[n++] = options[i].name;
        const char *near = NULL;
        size_t own = n;
        for (size_t i = 0; i < ELEMENTSOF(synonyms); i++) {
                const struct option *row = option_by_name(synonyms[i].name);
                if (o->command && !(row->commands & o->command))
                        continue;
                if (strcmp(synonyms[i].word, name) == 0)
                        near = row->name;
                if (n < ELEMENTSOF(words))
                        words[n++] = synonyms[i].word;
        }
        if (!near)
                near = nearest_word(name, words, own);
        if (!near) /* a slip in one of those */
                near = nearest_word(name, words + own, n - own);
        for (size_t i = 0; near && i < ELEMENTSOF(synonyms); i++)
                if (strcmp(synonyms[i].word, near) == 0)
                        near = synonyms[i].name;
        if (near)
                return error_set(e, ERROR_PARAMS, EINVAL, "unknown option %s; did you mean --%s?",
                                 arg, near);
        return error_set(e, ERROR_PARAMS, EINVAL, "unknown option %s", arg);
}

static int wrong_place(const struct options *o, const struct option *row, struct error *e) {
        char names[256] = ""; /* all commands' fit */
        size_t used = 0;

        if (!o->command)
                return error_set(e, ERROR_PARAMS, EINVAL,
                                 "--%s belongs behind the command: leashctl run --%s …", row->name,
                                 row->name);
        for (size_t i = 0; i < commands_n; i++) {
                if (!(commands[i].bit & row->commands))
                        continue;
                int n = snprintf(names + used, sizeof(names) - used, "%s%s",
                                 used > 0 ? ", " : ", only with ", commands[i].name);
                used += n > 0 ? (size_t) n : 0;
        }
        return error_set(e, ERROR_PARAMS, EINVAL, "--%s does not go with %s%s", row->name,
                         command_by_bit(o->command)->name, names);
}

/* Kept for the ready command line that a failure may print. */
static int remember(struct options *o, const struct option *row, const char *given,
                    const char *value, struct error *e) {
        if ((row->commands & CMD_POLICY) != CMD_POLICY || row->commands == CMD_ANY)
                return 0;
        if (!arena_push(o->arena, &o->given, given))
                return error_nomem(e);
        if (value && !arena_push(o->arena, &o->given, value))
                return error_nomem(e);
        return 0;
}

/* Does it say something that goes into `overrides`? */
static bool is_policy_field(const struct options *o, const struct option *row) {
        static const char *const others[] = { "/profile", "/workdir", "/sandbox" };

        for (size_t i = 0; row->field && i < ELEMENTSOF(others); i++)
                if (strcmp(row->field, others[i]) == 0)
                        return false;
        if (strcmp(row->name, "timeout") == 0 && o->timeout_ms > 0)
                return false; /* the command's own, in milliseconds */
        return row->field;
}

static int apply(struct options *o, const struct option *row, const char *value, bool no,
                 struct error *e) {
        char given[64];
        bool turned = no && strncmp(row->name, "no-", 3) != 0;

        if (!(row->commands & (o->command ? o->command : CMD_HELP)) ||
            (!o->command && row->commands != CMD_ANY))
                return wrong_place(o, row, e);
        int r = row->set(o, row, value, turned, e);
        if (r < 0)
                return r;
        o->overridden = o->overridden || is_policy_field(o, row);
        snprintf(given, sizeof(given), "--%s%s", turned ? "no-" : "", row->name);
        return remember(o, row, given, value, e);
}

static int need_value(const struct option *row, const char *arg, struct error *e) {
        return error_set(e, ERROR_PARAMS, EINVAL, "%s needs a value: --%s %s", arg, row->name,
                         row->arg);
}

/* --name, --name=value, --name value. Returns how many words it took. */
static int parse_long(struct options *o, char **argv, struct error *e) {
        char name[64];
        const char *arg = argv[0] + 2, *eq = strchr(arg, '=');
        size_t len = eq ? (size_t) (eq - arg) : strlen(arg);

        if (len >= sizeof(name))
                return unknown_option(o, argv[0], "", e);
        memcpy(name, arg, len);
        name[len] = '\0';
        const struct option *row = option_by_name(name);
        if (!row)
                return unknown_option(o, argv[0], name, e);
        bool no = strncmp(name, "no-", 3) == 0;
        if (!row->arg) {
                if (eq)
                        return error_set(e, ERROR_PARAMS, EINVAL, "--%s takes no value", name);
                int r = apply(o, row, NULL, no, e);
                return r < 0 ? r : 1;
        }
        const char *value = eq ? eq + 1 : argv[1];
        if (!value)
                return need_value(row, argv[0], e);
        int r = apply(o, row, value, no, e);
        return r < 0 ? r : eq ? 1 : 2;
}

static int parse_short(struct options *o, char **argv, struct error *e) {
        for (const char *s = argv[0] + 1; *s; s++) {
                const struct option *row = option_by_letter(*s == 'T' ? 't' : *s);
                if (!row)
                        return unknown_option(o, argv[0], "", e);
                if (!row->arg) {
                        int r = apply(o, row, NULL, *s == 'T', e);
                        if (r < 0)
                                return r;
                        continue;
                }
                const char *value = s[1] ? s + 1 : argv[1];
                if (!value)
                        return need_value(row, argv[0], e);
                int r = apply(o, row, value, false, e);
                return r < 0 ? r : s[1] ? 1 : 2;
        }
        return 1;
}

/* `check --path P --write`: right behind a --path these say which access is meant. */
static bool is_access_word(struct options *o, const char *arg, bool after_path) {
        static const struct {
                const char *word;
                enum access access;
        } words[] = {
                { "--read", ACCESS_READ_ },
                { "--write", ACCESS_WRITE_ },
                { "--exec", ACCESS_EXECUTE_ },
        };

        if (!after_path)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(arg, words[i].word) == 0) {
                        o->queries[o->n_queries - 1].access = words[i].access;
                        return true;
                }
        return false;
}

static bool is_operand(const struct options *o, const char *arg) {
        if (arg[0] != '-' || arg[1] == '\0')
                return true;
        return o->command == CMD_PYTHON &&
               (strncmp(arg, "-c", 2) == 0 || strncmp(arg, "-m", 2) == 0);
}

int options_parse(struct options *o, int argc, char **argv, int *at, struct error *e) {
        bool after_path = false;
        int i = *at;

        while (i < argc && !is_operand(o, argv[i])) {
                int r = 1;
                size_t before = o->n_queries;
                if (strcmp(argv[i], "--") == 0) {
                        i++;
                        break;
                }
                if (!is_access_word(o, argv[i], after_path))
                        r = argv[i][1] == '-' ? parse_long(o, argv + i, e)
                                              : parse_short(o, argv + i, e);
                if (r < 0)
                        return r;
                after_path = o->n_queries > before && o->queries[before].path;
                i += r;
        }
        *at = i;
        o->operands = argv + i;
        o->n_operands = (size_t) (argc - i);
        return 0;
}
