/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of commands, with the words that teach them. help.c adds usage lines and options. */
#include "commands.h"

#include <string.h>

#define SANDBOX_TEXT                                                                          \
        "The command sees the disk read-only, writes only to the working directory, has no "  \
        "network,\n"                                                                          \
        "and no access to keys, tokens or other secrets of yours. Options open more, one by " \
        "one.\n"

const struct command commands[] = {
        { "run", CMD_RUN, "[--] COMMAND [ARG…]", "run a command in a sandbox",
          SANDBOX_TEXT "\n"
                       "Options stop at the first operand: what follows COMMAND belongs to it. "
                       "Signals go on to the\n"
                       "command; a second SIGINT within two seconds kills it. On a terminal, "
                       "Ctrl-C goes to the\n"
                       "command's own terminal; leashctl kill ends what ignores it.\n"
                       "\n"
                       "The exit status is the command's own; 128+N if signal N ended it, 124 "
                       "after a time limit,\n"
                       "125 if leash failed, 126 if COMMAND cannot be executed, 127 if it was not "
                       "found, 2 for wrong\n"
                       "usage.\n",
          "  leashctl run -- make -j4\n"
          "        build in the current directory; nothing else can be changed\n"
          "  leashctl run --allow-host pypi.org --allow-host '*.pythonhosted.org' -- pip install "
          "-t lib six\n"
          "        the network, but only there\n"
          "  leashctl run --fresh --level strict --memory 512M --timeout 30s -- python3 - "
          "<script.py\n"
          "        foreign code: an empty directory, system files only, and an end to it\n"
          "  leashctl run --read ~/data --deny '**/.env' -- ./report.sh\n"
          "        your data to read, and no .env file anywhere\n"
          "  leashctl run --json -- ./tests.sh | jq .exit,.denials\n"
          "        for programs: output, exit status and what was refused, as JSON\n",
          cmd_run },
        { "shell", CMD_SHELL, "", "an interactive shell in a sandbox",
          "Starts $SHELL (or bash, or sh, whichever can be run inside) on a terminal of its own. "
          "The prompt\n"
          "begins with [leash:…], and LEASH_SANDBOX holds the sandbox's id.\n",
          "  leashctl shell\n"
          "        look round as a command would see the machine\n"
          "  leashctl shell --level strict --fresh\n"
          "        as little as possible\n"
          "  leashctl shell -C ~/src/project --net allow\n"
          "        work on a project, with the public network\n"
          "  leashctl shell --debug\n"
          "        gdb and strace work inside\n",
          cmd_shell },
        { "python", CMD_PYTHON, "[SCRIPT | -c CODE | -m MODULE | -] [ARG…]",
          "run Python in a sandbox",
          "Runs python3. A script's own directory may be read, so that it finds its modules. "
          "Without an\n"
          "operand it is an interactive interpreter. --venv, --package and --requirements run it "
          "in "
          "a virtual\n"
          "environment, which is made first where it is missing (see leashctl help venv).\n",
          "  leashctl python tool.py --verbose\n"
          "        --verbose is the script's: options stop at the first operand\n"
          "  leashctl python --package requests --allow-host example.com fetch.py\n"
          "        with a package that need not be installed anywhere\n"
          "  leashctl python --venv .venv -m pytest\n"
          "  leashctl python -c 'import os; print(os.listdir(\"/\"))'\n"
          "        a line of code\n"
          "  leashctl python --fresh --memory 1G --cpu-time 10s - <generated.py\n"
          "        code from somewhere, on stdin\n"
          "  leashctl python --read ~/data -m http.server 8000\n"
          "        a module; its port is reachable inside the sandbox only\n",
          cmd_python },
        { "venv", CMD_VENV, "create [PATH] | list | remove PATH|KEY…",
          "make, list and remove virtual environments of Python",
          "Packages are installed in a sandbox of its own, since their setup code is anybody's: it "
          "sees\n"
          "system directories only, writes to nothing but the environment, and reaches the package "
          "index\n"
          "alone. What it tried beside that is reported. One that cannot be made leaves nothing "
          "behind.\n"
          "\n"
          "Without PATH it goes into leash's own place, under a key of what it is made from, and "
          "is "
          "shared by\n"
          "all who ask for the same. create prints the path; asked again with the same packages it "
          "uses what is\n"
          "there, with others it makes the environment anew. uv is used where it is installed.\n",
          "  leashctl venv create .venv --requirements requirements.txt\n"
          "  leashctl venv create --package numpy --package 'pandas>=2'\n"
          "  leashctl venv create .venv --python python3.12 --system-site-packages\n"
          "  leashctl venv create --package mytool --index-url http://127.0.0.1:8080/simple\n"
          "        the index of a server on this machine\n"
          "  leashctl venv list\n"
          "  leashctl venv remove .venv\n",
          cmd_venv },
        { "check", CMD_CHECK, "--path PATH [--write|--exec] | --host HOST[:PORT]",
          "ask what a policy says about a path or a host",
          "Nothing is run. --path and --host may be repeated. Right behind a --path, --read, "
          "--write and\n"
          "--exec say which access is meant; anywhere else they are the policy options of that "
          "name. The\n"
          "exit status is 0 if all is allowed, 1 if something is not.\n",
          "  leashctl check --path ~/.ssh/id_ed25519\n"
          "        may it be read?\n"
          "  leashctl check --path /etc/hosts --write\n"
          "        may it be written?\n"
          "  leashctl check --write /srv/data --path /srv/data/x --write\n"
          "        and if I allowed this?\n"
          "  leashctl check --allow-host '*.example.com' --host example.com:443\n"
          "        does the rule match? (it does not: *.example.com means sub-domains)\n",
          cmd_check },
        { "explain", CMD_EXPLAIN, "", "show what a policy comes down to on this machine",
          "Prints the compiled plan: what is visible, writable and hidden, the network's rules, "
          "the limits,\n"
          "and which layers hold it all.\n",
          "  leashctl explain\n"
          "        what `leashctl run` would enforce here\n"
          "  leashctl explain --level strict --memory 1G\n"
          "        with options\n"
          "  leashctl explain --config policy.json\n"
          "        a policy file, checked and spelled out\n"
          "  leashctl explain --profile python-dev --json | jq .policy\n"
          "        the whole policy with nothing left implied\n",
          cmd_explain },
        { "ps", CMD_PS, "", "list sandboxes and what runs in them",
          "Shows every sandbox of yours, whoever made it, and its commands. Never starts a "
          "daemon.\n",
          "  leashctl ps\n"
          "  leashctl ps --json | jq '.sandboxes[].sandbox'\n",
          cmd_ps },
        { "kill", CMD_KILL, "SANDBOX…", "end sandboxes with everything in them",
          "All processes of the sandbox are killed, and a working directory that leash made is "
          "removed.\n",
          "  leashctl kill sb-plowy5hrdrfioh37\n"
          "  leashctl ps --json | jq -r '.sandboxes[].sandbox' | xargs leashctl kill\n",
          cmd_kill },
        { "events", CMD_EVENTS, "", "watch what happens in sandboxes",
          "Prints sandboxes and commands that come and go, and what is refused. Ends when the last "
          "sandbox\n"
          "has gone; with --follow only when interrupted. With --json, one object a line.\n",
          "  leashctl events --follow\n"
          "        in a second terminal, while something runs\n"
          "  leashctl events --follow --kind denied\n"
          "        refusals only\n"
          "  leashctl events --follow --json | jq -r 'select(.kind == \"denied\").denial.path'\n"
          "        for programs\n",
          cmd_events },
        { "logs", CMD_LOGS, "SANDBOX", "tell what happened in a sandbox",
          "Prints how it was made, which commands ran and how they ended, what was refused, its "
          "connections\n"
          "and why it ended: also of the last sandboxes that are gone (leashctl status lists "
          "them). "
          "The daemon\n"
          "keeps as much as it has room for, and says how much it has dropped; after a minute "
          "without use it\n"
          "ends, and forgets. With --follow it goes on until the sandbox has ended. With --json, "
          "one object\n"
          "a line.\n",
          "  leashctl logs sb-plowy5hrdrfioh37\n"
          "  leashctl logs -f --kind denied --kind network sb-plowy5hrdrfioh37\n"
          "  leashctl logs --json sb-plowy5hrdrfioh37 | jq -r 'select(.argv).argv | join(\" \")'\n",
          cmd_logs },
        { "status", CMD_STATUS, "", "tell which daemon runs, what it enforces, and what it does",
          "Which daemon was found, what is enforced on this machine, your sandboxes, and how much "
          "of which\n"
          "limit is used. Never starts a daemon: the exit status is 3 when none runs.\n",
          "  leashctl status\n"
          "  leashctl status -q || echo no daemon\n"
          "  leashctl status --json | jq '.sandboxes | length'\n",
          cmd_status },
        { "stats", CMD_STATS, "", "show what was counted since the session started",
          "Sandboxes, commands and how they ended, refusals, connections, requests, latencies: of "
          "your own\n"
          "session. Never starts a daemon (exit status 3; with --prometheus leash_up is 0 then).\n",
          "  leashctl stats\n"
          "  leashctl stats --prometheus >/var/lib/prometheus/node-exporter/leash.prom\n"
          "        for node_exporter's textfile collector\n"
          "  leashctl stats --json | jq '.metrics[] | select(.name == \"leash_denials_total\")'\n",
          cmd_stats },
        { "doctor", CMD_DOCTOR, "", "what this machine can enforce, and what to do about the rest",
          "Lists each mechanism, which guarantees are lost here if any, and how to get them "
          "back.\n",
          "  leashctl doctor\n"
          "  leashctl doctor --json | jq -e '.losses == []'\n"
          "        for scripts: is everything enforced?\n",
          cmd_doctor },
        { "discover", CMD_DISCOVER, "", "print the daemon's interface (OpenRPC)",
          "The document describes every method, parameter and result.\n",
          "  leashctl discover | jq '.methods[].name'\n", cmd_discover },
        { "call", CMD_CALL, "METHOD [JSON | -]", "call a method of the daemon by hand",
          "JSON is the params object; - reads it from stdin. The result goes to stdout.\n",
          "  leashctl call leash.info\n"
          "  leashctl call process.run '{\"policy\": {}, \"argv\": [\"id\", \"-u\"]}'\n"
          "  leashctl call sandbox.create '{\"lifetime\": \"detached\", \"policy\": {\"level\": "
          "\"strict\"}}'\n"
          "        a sandbox that stays, for --sandbox\n",
          cmd_call },
        { "help", CMD_HELP, "[COMMAND]", "explain leashctl or one of its commands",
          "The manual pages leashctl(1) and leash-policy(5) have the whole of it.\n",
          "  leashctl help run\n", cmd_help },
        { "version", CMD_VERSION, "", "print the version", "", "  leashctl version\n",
          cmd_version },
};
const size_t commands_n = ELEMENTSOF(commands);

const struct command *command_by_name(const char *name) {
        for (size_t i = 0; i < commands_n; i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

const struct command *command_by_bit(unsigned bit) {
        for (size_t i = 0; i < commands_n; i++)
                if (commands[i].bit == bit)
                        return &commands[i];
        return NULL;
}
