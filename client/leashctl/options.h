/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The command line as data. One table of options serves parsing, help, completion and the manual; a
 * row says which policy field it sets, so that errors and denials can be told in the words of the
 * command line.
 */
#pragma once

#include <stdio.h>

#include "../../policy/arena.h"
#include "../../policy/error.h"
#include "../../policy/limits.h"
#include "../../policy/policy.h"
#include "../../proto/shapes.h"

enum { /* which commands take an option */
       CMD_RUN = 1u << 0,
       CMD_SHELL = 1u << 1,
       CMD_PYTHON = 1u << 2,
       CMD_CHECK = 1u << 3,
       CMD_EXPLAIN = 1u << 4,
       CMD_VENV = 1u << 5,
       CMD_PS = 1u << 6,
       CMD_KILL = 1u << 7,
       CMD_EVENTS = 1u << 8,
       CMD_DOCTOR = 1u << 9,
       CMD_DISCOVER = 1u << 10,
       CMD_CALL = 1u << 11,
       CMD_HELP = 1u << 12,
       CMD_VERSION = 1u << 13,
       CMD_STATUS = 1u << 14,
       CMD_STATS = 1u << 15,
       CMD_LOGS = 1u << 16,

       CMD_LIVE = CMD_RUN | CMD_SHELL | CMD_PYTHON, /* they start a command */
       CMD_POLICY = CMD_LIVE | CMD_CHECK | CMD_EXPLAIN,
       CMD_PACKAGES = CMD_POLICY | CMD_VENV, /* they may need a virtual environment */
       CMD_ANY = ~0u,
};

enum { MAX_QUERIES = 64 }; /* one command line's worth; policy.check takes more through `call` */

struct options {
        struct arena *arena;
        unsigned command; /* the CMD_ bit, 0 before the command's word */
        const char *socket, *profile, *sandbox;
        const char *config;      /* path of --config, as given */
        struct policy *policy;   /* what it holds, or NULL */
        struct policy overrides; /* what the flags say; lists append (policy_merge) */
        bool overridden;         /* something is in there */
        struct strings given;    /* the policy options as given, for a ready command line */
        const char *workdir;     /* -C, real path */
        char cwd[LIMIT_PATH_BYTES];
        bool fresh, keep, json, quiet, follow, help, version, rebuild, prometheus, all;
        enum tri tty;
        uint64_t timeout_ms;
        struct check_query queries[MAX_QUERIES];
        size_t n_queries;
        struct strings kinds;
        struct strings ipc; /* "[+]NAME=COMMAND" */
        char **operands;    /* of argv, NULL-terminated */
        size_t n_operands;
};

struct option {
        const char *name;   /* without "--" */
        int letter;         /* or 0 */
        unsigned negatable; /* 1: --no-NAME is there, too */
        const char *arg;    /* NULL: takes none */
        unsigned commands;
        const char *field; /* pointer of the policy field, or NULL */
        const char *words; /* completion: "@file", "@dir", or words with spaces between */
        int (*set)(struct options *o, const struct option *row, const char *value, bool no,
                   struct error *e);
        size_t offset; /* of the member that `set` writes */
        const char *help;
};
extern const struct option options[];
extern const size_t options_n;

/* Lists that may be long for the table's `words`: the words a name accepts, separated by `sep`. */
size_t option_words(const struct option *row, char *ret, size_t size, char sep);

const struct option *option_by_name(const char *name); /* "memory", "no-gpu"; NULL */
const struct option *option_by_letter(char letter);

/* parse.c. Options of `o->command` up to the first operand; 0, or -EINVAL with the text in e. */
int options_init(struct options *o, struct error *e);
void options_done(struct options *o);
int options_parse(struct options *o, int argc, char **argv, int *at, struct error *e);
const char *nearest_word(const char *word, const char *const *words, size_t n); /* or NULL */

/* config.c */
int config_load(struct options *o, const char *path, struct error *e);

/* translate.c: from policy fields to options and back. All texts go into `ret`; false = nothing
 * fits. */
bool option_for_field(const char *field, char *ret, size_t size); /* "--memory"; see translate.c */
bool option_that_allows(const struct denial *d, char *ret, size_t size); /* "--write /etc/hosts" */
bool field_allows(const char *field, const char *what, char *ret, size_t size);
/* A word as a shell takes it back. */
void shell_quote(const char *word, char *ret, size_t size);
const char *option_value_at(const struct options *o, const char *pointer); /* the list item meant */

/* place.c */
struct place {
        PLACE_MEMBERS
};
int options_place(struct options *o, struct place *ret, struct error *e);
#define PLACE_SET(params, p)                                                     \
        ((params)->sandbox = (p)->sandbox, (params)->policy = (p)->policy,       \
         (params)->profile = (p)->profile, (params)->overrides = (p)->overrides, \
         (params)->client_environment = (p)->client_environment)
