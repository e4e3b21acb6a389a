/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leashctl: parse, then hand over to the command's row. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

int unknown_command(struct ctl *c, const char *word, bool to_run) {
        const char *names[32];

        for (size_t i = 0; i < commands_n; i++)
                names[i] = commands[i].name;
        const char *near = nearest_word(word, names, commands_n);
        if (near)
                return ctl_usage(c, "there is no command \"%s\"; did you mean %s?", word, near);
        if (!to_run)
                return ctl_usage(c, "there is no command \"%s\"", word);
        return ctl_usage(c,
                         "there is no command \"%s\"; to run it in a sandbox: leashctl run -- %s …",
                         word, word);
}

static int run(struct ctl *c, int argc, char **argv) {
        struct error e = ERROR_NULL;
        int at = 1;

        if (options_parse(&c->o, argc, argv, &at, &e) < 0)
                return ctl_usage(c, "%s", e.message);
        const struct command *cmd = at < argc ? command_by_name(argv[at]) : NULL;
        if (c->o.version)
                return cmd_version(c);
        if (at >= argc && c->o.help) {
                help_overview(stdout);
                return EXIT_OK;
        }
        if (at >= argc)
                return ctl_usage(c, "give a command, like: leashctl run -- ls");
        if (!cmd)
                return unknown_command(c, argv[at], true);
        c->o.command = cmd->bit;
        at++;
        if (options_parse(&c->o, argc, argv, &at, &e) < 0)
                return ctl_usage(c, "%s", e.message);
        if (c->o.help) {
                help_command(stdout, cmd);
                return EXIT_OK;
        }
        return c->o.version ? cmd_version(c) : cmd->run(c);
}

/* A closed 0, 1 or 2 would be the number that the socket to leashd gets, and then a command's
 * stdin. */
static void fill_standard_streams(void) {
        struct pollfd fds[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

        if (poll(fds, 3, 0) <= 0)
                return;
        for (int i = 0; i < 3; i++)
                if ((fds[i].revents & POLLNVAL) && open("/dev/null", O_RDWR) < 0)
                        _exit(EXIT_LEASH);
}

int leashctl_main(int argc, char **argv) {
        struct ctl c = { 0 };
        struct error e = ERROR_NULL;
        int code;

        fill_standard_streams();
        if (options_init(&c.o, &e) < 0)
                code = ctl_fail_with(&c, &e);
        else
                code = run(&c, argc, argv);
        leash_free(c.l);
        options_done(&c.o);
        return code;
}
