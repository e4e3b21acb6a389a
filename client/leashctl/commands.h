/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The commands: one row each, with the help that teaches them. */
#pragma once

#include "../libleash/internal.h"
#include "options.h"
#include "print.h"

enum { /* the contract's exit codes (leashctl(1), EXIT STATUS) */
       EXIT_OK = 0,
       EXIT_DENIED = 1, /* check: something asked about is not allowed */
       EXIT_USAGE = 2,
       EXIT_NOT_RUNNING = 3, /* status, stats: no daemon runs; as init scripts' status says it */
       EXIT_TIMEOUT = 124,
       EXIT_LEASH = 125,
       EXIT_NOT_EXECUTABLE = 126,
       EXIT_NOT_FOUND = 127,
};

struct ctl { /* one invocation */
        struct options o;
        struct leash *l;     /* NULL until ctl_connect() */
        bool progress_drawn; /* a line of stderr that is to be cleared (venv.c) */
};

struct command {
        const char *name;
        unsigned bit;
        const char *operands; /* of the usage line */
        const char *summary;
        const char *text; /* what there is to know, in paragraphs */
        const char *examples;
        int (*run)(struct ctl *c); /* exit code */
};
extern const struct command commands[];
extern const size_t commands_n;
const struct command *command_by_name(const char *name);
const struct command *command_by_bit(unsigned bit);

/* main.c, for the tests: argv[0] and all. */
int leashctl_main(int argc, char **argv);
int unknown_command(struct ctl *c, const char *word, bool to_run); /* the exit code */

/* ctl.c */
int ctl_connect(struct ctl *c, unsigned flags); /* 0, or an exit code; has printed */
/* The same without starting a daemon. Nobody listening is an answer here, too: -1. */
int ctl_connect_if_running(struct ctl *c);
int ctl_fail(struct ctl *c); /* prints the connection's last error; the exit code */
int ctl_fail_with(struct ctl *c, const struct error *e);
int ctl_fail_place(struct ctl *c, const struct error *e); /* of options_place(): wrong usage */
int ctl_usage(struct ctl *c, const char *fmt, ...) _printf_(2, 3);
int ctl_print_json(struct json *j); /* exit code */
/* Connects, calls, and with --json prints the answer; 1 = printed, 0 = `ret` is filled, < 0 = -exit
 * code. */
int ctl_query(struct ctl *c, enum method_id id, const void *params, void *ret);

/* live.c */
struct launch {
        struct strings argv;
        struct pairs environment;
        bool interactive; /* a shell: its exit code says nothing about the sandbox */
        const char *const
                *fallbacks; /* programs to try instead of argv[0] when it cannot be run; NULL */
};
int live_launch(struct ctl *c, struct launch *launch);
bool live_wants_tty(const struct options *o);

/* venv.c */
bool venv_may_be_made(const struct options *o);
void venv_watch(struct ctl *c); /* draws how far an environment has come, until: */
void venv_unwatch(struct ctl *c);
const char *venv_index_url(const struct policy_venv *v);

/* event.c: one line. one: of a single sandbox, whose id need not be in each. */
void event_print(const struct event *ev, struct style st, bool one);

/* status.c */
int status_absent(struct ctl *c, int r); /* leash_connect() gave r: says so; the exit code */
/* stats.c, for the tests */
void stats_prometheus(FILE *f, const struct leash_stats_result *r);

/* report.c */
int report_end(struct ctl *c, const struct launch *launch, const struct process_exit *x);
int exit_code_of(const struct process_exit *x, const struct exit_info *info);

/* help.c */
void help_overview(FILE *f);
void help_command(FILE *f, const struct command *c);
void help_man(FILE *f);                        /* the options as scdoc, for leashctl.1 */
void help_man_text(FILE *f, const char *text); /* escaped for scdoc(5) */
void help_bash(FILE *f);                       /* the completions */
void help_zsh(FILE *f);

int cmd_run(struct ctl *c);
int cmd_shell(struct ctl *c);
int cmd_python(struct ctl *c);
int cmd_venv(struct ctl *c);
int cmd_check(struct ctl *c);
int cmd_explain(struct ctl *c);
int cmd_ps(struct ctl *c);
int cmd_kill(struct ctl *c);
int cmd_events(struct ctl *c);
int cmd_logs(struct ctl *c);
int cmd_status(struct ctl *c);
int cmd_stats(struct ctl *c);
int cmd_doctor(struct ctl *c);
int cmd_discover(struct ctl *c);
int cmd_call(struct ctl *c);
int cmd_help(struct ctl *c);
int cmd_version(struct ctl *c);
