/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * At build time: completions (`leashctl-gen bash`, `zsh`), and manual pages (`leashctl-gen man
 * FILE`), in which
 * @OPTIONS@, @FIELDS@ and @LOSSES@ stand for what the tables say.
 */
#include <stdio.h>
#include <string.h>

#include "../../policy/facts.h"
#include "commands.h"

/* One field of a policy: its name with all above it, what it takes, what it means. */
static void man_field(const char *prefix, const struct field *f) {
        char want[256];

        printf("*");
        help_man_text(stdout, prefix);
        help_man_text(stdout, f->name);
        field_expectation(f, want, sizeof(want));
        printf("*: ");
        help_man_text(stdout, want);
        printf("\n\t");
        help_man_text(stdout, f->doc ? f->doc : "");
        printf("\n\n");
}

static void man_fields(const char *prefix, const struct shape *s) {
        char below[128];

        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];
                if (f->kind == FIELD_OBJECT || f->kind == FIELD_OPTIONAL) {
                        snprintf(below, sizeof(below), "%s%s.", prefix, f->name);
                        man_fields(below, f->shape);
                } else {
                        man_field(prefix, f);
                }
        }
}

static void man_losses(void) {
        for (size_t i = 0; i < LOSS_N_; i++) {
                printf("*");
                help_man_text(stdout, losses[i].name);
                printf("*\n\t");
                help_man_text(stdout, losses[i].guarantee);
                printf(" Needed by: ");
                help_man_text(stdout, losses[i].needs);
                printf(".\n\n");
        }
}

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
                else if (strcmp(line, "@FIELDS@\n") == 0)
                        man_fields("", &policy_shape);
                else if (strcmp(line, "@LOSSES@\n") == 0)
                        man_losses();
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
