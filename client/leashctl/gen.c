/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* At build time: completions, and manual pages with @OPTIONS@ filled in. `gen bash`, `gen zsh`,
 * `gen man FILE`. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

static int man(const char *path) {
        char line[1024];
        FILE *in = fopen(path, "re");

        if (!in) {
                perror(path);
                return 1;
        }
        while (fgets(line, sizeof(line), in))
                if (strcmp(line, "@OPTIONS@\n") == 0)
                        help_man(stdout);
                else
                        fputs(line, stdout);
        fclose(in);
        return 0;
}

int main(int argc, char **argv) {
        if (argc == 2 && strcmp(argv[1], "bash") == 0)
                help_bash(stdout);
        else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
                help_zsh(stdout);
        else if (argc == 3 && strcmp(argv[1], "man") == 0)
                return man(argv[2]);
        else
                return 2;
        return 0;
}
