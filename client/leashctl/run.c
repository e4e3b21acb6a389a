/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* run, shell, python: three ways to say which command is to run. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

static int no_memory(struct ctl *c) {
        struct error e = ERROR_NULL;

        error_nomem(&e);
        return ctl_fail_with(c, &e);
}

static bool push_operands(struct ctl *c, struct strings *argv, size_t from) {
        for (size_t i = from; i < c->o.n_operands; i++)
                if (!arena_push(c->o.arena, argv, c->o.operands[i]))
                        return false;
        return true;
}

int cmd_run(struct ctl *c) {
        struct launch launch = { 0 };

        if (c->o.n_operands == 0)
                return ctl_usage(c, "run what? leashctl run [options] [--] COMMAND [ARG…]");
        if (!push_operands(c, &launch.argv, 0))
                return no_memory(c);
        return live_launch(c, &launch);
}

/* bash takes PS1 from its rc files, so the hint is put in front each time it is about to prompt;
 * others read PS1 from the environment. Which shell it will be is only known once one could be run,
 * so all get theirs. */
static bool set_prompt(struct ctl *c, const char *shell, struct pairs *env) {
        const char *slash = strrchr(shell, '/'), *name = slash ? slash + 1 : shell;
        const char *ps1 = strcmp(name, "zsh") == 0 ? "[leash] %~ %# " : "[leash:$LEASH_SANDBOX] $ ";

        return arena_push_pair(c->o.arena, env, "PS1", ps1) &&
               arena_push_pair(
                       c->o.arena, env, "PROMPT_COMMAND",
                       "case $PS1 in '[leash:$'*) PS1=\"[leash:$LEASH_SANDBOX] \\w \\$ \" ;; "
                       "'[leash:'*) ;; *) PS1=\"[leash:$LEASH_SANDBOX] $PS1\" ;; esac");
}

int cmd_shell(struct ctl *c) {
        static const char *const fallbacks[] = { "/bin/bash", "/bin/sh", NULL };
        const char *shell = getenv("SHELL");
        struct launch launch = { .fallbacks = fallbacks, .interactive = true };

        if (c->o.n_operands > 0)
                return ctl_usage(c,
                                 "shell takes no operands; for one command: leashctl run -- %s …",
                                 c->o.operands[0]);
        if (!shell || shell[0] != '/')
                shell = fallbacks[0];
        if (!set_prompt(c, shell, &launch.environment) ||
            !arena_push(c->o.arena, &launch.argv, shell))
                return no_memory(c);
        if (live_wants_tty(&c->o) && !arena_push(c->o.arena, &launch.argv, "-i"))
                return no_memory(c);
        return live_launch(c, &launch);
}

/* Python looks for modules beside the script: that directory must be readable, wherever it lies. */
static int add_script(struct ctl *c, const char *script, struct strings *argv) {
        char real[PATH_MAX];

        if (!realpath(script, real))
                return ctl_usage(c, "python: %s: %s", script, strerror(errno));
        if (!arena_push(c->o.arena, argv, real))
                return no_memory(c);
        char *slash = strrchr(real, '/');
        slash[slash == real] = '\0';
        if (!c->o.sandbox && !arena_push(c->o.arena, &c->o.overrides.filesystem.read, real))
                return no_memory(c);
        c->o.overridden = c->o.overridden || !c->o.sandbox;
        return 0;
}

int cmd_python(struct ctl *c) {
        struct launch launch = { 0 };
        size_t next = 0;
        int code = 0;

        if (!arena_push(c->o.arena, &launch.argv, "python3"))
                return no_memory(c);
        launch.interactive = c->o.n_operands == 0;
        if (c->o.n_operands > 0 && c->o.operands[0][0] != '-') {
                code = add_script(c, c->o.operands[0], &launch.argv);
                next = 1;
        }
        if (code != 0)
                return code;
        return push_operands(c, &launch.argv, next) ? live_launch(c, &launch) : no_memory(c);
}
