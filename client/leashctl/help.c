/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Help for people, the manual's section on options, and completions for shells: all from the two
 * tables. */
#include <string.h>

#include "commands.h"

enum { COLUMN = 26, LINE = 96 };

void help_overview(FILE *f) {
        fputs("leashctl " LEASH_VERSION ": run commands that you do not trust, in a sandbox.\n"
              "\n"
              "Usage: leashctl COMMAND [options] …\n"
              "\n",
              f);
        for (size_t i = 0; i < commands_n; i++)
                fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
        fputs("\n"
              "Try:\n"
              "  leashctl run -- ls -la ~          what a sandboxed command sees of your home\n"
              "  leashctl shell                    look round inside\n"
              "  leashctl doctor                   what this machine can enforce\n"
              "  leashctl help run                 options, with examples\n",
              f);
}

static void option_label(const struct option *o, char *ret, size_t size) {
        char letter[8] = "    ";

        if (o->letter)
                snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        snprintf(ret, size, "%s--%s%s%s%s", letter, o->negatable ? "[no-]" : "", o->name,
                 o->arg ? " " : "", o->arg ? o->arg : "");
}

/* Words wrapped into the column right of the labels. */
static void print_wrapped(FILE *f, const char *text) {
        int at = COLUMN;

        while (*text) {
                int n = (int) strcspn(text, " ");
                if (at > COLUMN && at + 1 + n > LINE) {
                        fprintf(f, "\n%*s", COLUMN, "");
                        at = COLUMN;
                } else if (at > COLUMN) {
                        fputc(' ', f);
                        at++;
                }
                fprintf(f, "%.*s", n, text);
                at += n;
                text += n;
                text += strspn(text, " ");
        }
        fputc('\n', f);
}

static void print_option(FILE *f, const struct option *o) {
        char label[96], words[512], text[1024];

        option_label(o, label, sizeof(label));
        if (strlen(label) + 2 > COLUMN)
                fprintf(f, "%s\n%*s", label, COLUMN, "");
        else
                fprintf(f, "%-*s", COLUMN, label);
        bool listed = o->words == NULL && o->arg && option_words(o, words, sizeof(words), ' ') > 0;
        snprintf(text, sizeof(text), "%s%s%s", o->help, listed ? ": " : "", listed ? words : "");
        print_wrapped(f, text);
}

/* Policy options by what they are about: the table's order, with a title before the first of each.
 */
static const struct {
        const char *first, *title;
} groups[] = {
        { "level", "What it starts from" },
        { "read", "Files" },
        { "net", "Network" },
        { "env", "Environment and secrets" },
        { "gpu", "Devices and debugging" },
        { "memory", "Limits" },
        { "accept", "Where this host cannot do all of it" },
        { "venv", "Python packages" },
};

static void print_group(FILE *f, const char *option) {
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                if (strcmp(groups[i].first, option) == 0)
                        fprintf(f, "%s  %s\n", i > 0 ? "\n" : "", groups[i].title);
}

static void print_options(FILE *f, const char *title, unsigned bit, bool policy) {
        bool any = false;

        for (size_t i = 0; i < options_n; i++) {
                bool is_policy = (options[i].commands & CMD_POLICY) == CMD_POLICY &&
                                 options[i].commands != CMD_ANY;
                if (!(options[i].commands & bit) || is_policy != policy)
                        continue;
                if (!any)
                        fprintf(f, "\n%s\n", title);
                any = true;
                if (policy)
                        print_group(f, options[i].name);
                print_option(f, &options[i]);
        }
}

void help_command(FILE *f, const struct command *c) {
        fprintf(f, "Usage: leashctl %s [options]%s%s\n\n%c%s.\n\n%s", c->name,
                *c->operands ? " " : "", c->operands,
                c->summary[0] - (c->summary[0] >= 'a' ? 'a' - 'A' : 0), c->summary + 1, c->text);
        fprintf(f, "\nExamples:\n%s", c->examples);
        print_options(f, "Options:", c->bit, false);
        print_options(f, "Policy options:", c->bit, true);
}

/* scdoc(5): underscores and asterisks of plain text are escaped. */
void help_man_text(FILE *f, const char *text) {
        for (; *text; text++) {
                if (strchr("_*\\`#~<>[]", *text))
                        fputc('\\', f);
                fputc(*text, f);
        }
}

static void man_option(FILE *f, const struct option *o) {
        char words[512];

        fputs("*", f);
        if (o->letter)
                fprintf(f, "-%c*, *", o->letter);
        fprintf(f, "--%s*", o->name);
        if (o->negatable)
                fprintf(f, ", *--no-%s*", o->name);
        if (o->arg) {
                fputs(" ", f);
                help_man_text(f, o->arg);
        }
        fputs("\n\t", f);
        help_man_text(f, o->help);
        if (o->arg && option_words(o, words, sizeof(words), ' ') > 0 && !o->words) {
                fputs(": ", f);
                help_man_text(f, words);
        }
        fputs(".", f);
        if (o->field && strcmp(o->field, "/sandbox") != 0 && strcmp(o->field, "/profile") != 0) {
                fputs(" Field: ", f);
                for (const char *p = o->field + 1; *p; p++)
                        fprintf(f, *p == '_' ? "\\_" : "%c", *p == '/' ? '.' : *p);
                fputs(".", f);
        }
        fputs("\n\n", f);
}

void help_man(FILE *f) {
        for (int policy = 1; policy >= 0; policy--) {
                fputs(policy ? "## Policy options\n\nThe same for *run*, *shell*, *python*, "
                               "*check* and "
                               "*explain*.\n\n"
                             : "## Other options\n\n",
                      f);
                for (size_t i = 0; i < options_n; i++) {
                        bool is_policy = (options[i].commands & CMD_POLICY) == CMD_POLICY &&
                                         options[i].commands != CMD_ANY;
                        if (is_policy == (policy == 1))
                                man_option(f, &options[i]);
                }
        }
}

/* The options that take one of a few words, or a file: case branches on the word before the cursor.
 */
static void bash_values(FILE *f) {
        for (size_t i = 0; i < options_n; i++) {
                const struct option *o = &options[i];
                char words[512];
                if (!o->arg)
                        continue;
                fprintf(f, "        --%s", o->name);
                if (o->letter)
                        fprintf(f, "|-%c", o->letter);
                fputs(") ", f);
                if (o->words && o->words[0] == '@')
                        fprintf(f, "COMPREPLY=($(compgen -%c -- \"$cur\"))",
                                strcmp(o->words, "@dir") == 0 ? 'd' : 'f');
                else if (option_words(o, words, sizeof(words), ' ') > 0)
                        fprintf(f, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", words);
                else if (strcmp(o->name, "env") == 0)
                        fputs("COMPREPLY=($(compgen -v -- \"$cur\"))", f);
                fputs(strcmp(o->name, "env") == 0 || o->words ||
                                      option_words(o, words, sizeof(words), ' ')
                              ? "; return ;;\n"
                              : "return ;;\n",
                      f);
        }
}

static void option_list(FILE *f, unsigned bit, const char *sep) {
        const char *between = "";

        for (size_t i = 0; i < options_n; i++) {
                if (!(options[i].commands & bit))
                        continue;
                fprintf(f, "%s--%s", between, options[i].name);
                between = sep;
                if (options[i].negatable)
                        fprintf(f, "%s--no-%s", sep, options[i].name);
                if (options[i].letter)
                        fprintf(f, "%s-%c", sep, options[i].letter);
        }
}

void help_bash(FILE *f) {
        fputs("# bash completion for leashctl; made from its table of options\n"
              "_leashctl() {\n"
              "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
              "cmd=${COMP_WORDS[1]}\n"
              "    local i\n"
              "    COMPREPLY=()\n"
              "    if ((COMP_CWORD == 1)); then\n"
              "        COMPREPLY=($(compgen -W '",
              f);
        for (size_t i = 0; i < commands_n; i++)
                fprintf(f, "%s%s", i > 0 ? " " : "", commands[i].name);
        fputs("' -- \"$cur\"))\n        return\n    fi\n"
              "    # behind -- the command's own completion is at work\n"
              "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
              "        if [[ ${COMP_WORDS[i]} == -- ]]; then\n"
              "            if declare -F _command_offset >/dev/null; then _command_offset $((i + "
              "1)); fi\n"
              "            return\n        fi\n    done\n"
              "    case $prev in\n",
              f);
        bash_values(f);
        fputs("    esac\n    case $cmd in\n", f);
        for (size_t i = 0; i < commands_n; i++) {
                fprintf(f, "        %s) [[ $cur == -* ]] && COMPREPLY=($(compgen -W '",
                        commands[i].name);
                option_list(f, commands[i].bit, " ");
                fputs("' -- \"$cur\")) ;;\n", f);
        }
        fputs("    esac\n"
              "    if [[ $cur != -* && $cmd == run ]]; then COMPREPLY=($(compgen -c -- \"$cur\")); "
              "fi\n"
              "}\n"
              "complete -o default -F _leashctl leashctl\n",
              f);
}

/* Inside '…[…]:…' of _arguments: no quote, colon or bracket may stand bare. */
static void zsh_text(FILE *f, const char *text) {
        for (; *text; text++) {
                if (*text == '\'')
                        fputs("'\\'", f);
                else if (strchr("[]:\\", *text))
                        fputc('\\', f);
                fputc(*text, f);
        }
}

static void zsh_option(FILE *f, const struct option *o, const char *prefix) {
        char words[512];

        fprintf(f, "                '*--%s%s%s[", prefix, o->name, o->arg ? "=" : "");
        zsh_text(f, o->help);
        fputs("]", f);
        if (o->arg) {
                fputs(":", f);
                zsh_text(f, o->arg);
                fputs(":", f);
                if (o->words && o->words[0] == '@')
                        fputs(strcmp(o->words, "@dir") == 0 ? "_files -/" : "_files", f);
                else if (option_words(o, words, sizeof(words), ' ') > 0)
                        fprintf(f, "(%s)", words);
        }
        fputs("' \\\n", f);
}

void help_zsh(FILE *f) {
        fputs("#compdef leashctl\n# zsh completion for leashctl; made from its table of options\n"
              "_leashctl() {\n"
              "    local -a commands\n    commands=(\n",
              f);
        for (size_t i = 0; i < commands_n; i++) {
                fprintf(f, "        '%s:", commands[i].name);
                zsh_text(f, commands[i].summary);
                fputs("'\n", f);
        }
        fputs("    )\n"
              "    if ((CURRENT == 2)); then\n"
              "        _describe command commands\n        return\n    fi\n"
              "    local cmd=$words[2]\n    shift words\n    ((CURRENT--))\n"
              "    case $cmd in\n",
              f);
        for (size_t i = 0; i < commands_n; i++) {
                fprintf(f, "        %s)\n            _arguments -S \\\n", commands[i].name);
                for (size_t k = 0; k < options_n; k++) {
                        if (!(options[k].commands & commands[i].bit))
                                continue;
                        zsh_option(f, &options[k], "");
                        if (options[k].negatable)
                                zsh_option(f, &options[k], "no-");
                        if (options[k].letter)
                                fprintf(f, "                '*-%c[same as --%s]%s' \\\n",
                                        options[k].letter, options[k].name,
                                        options[k].arg ? strcmp(options[k].words, "@dir") == 0
                                                                 ? ":directory:_files -/"
                                                                 : ":value:"
                                                       : "");
                }
                fputs(commands[i].bit == CMD_RUN ? "                '(-):command:_command_names "
                                                   "-e' '*::arguments:_normal' ;;\n"
                                                 : "                '*:operand:_files' ;;\n",
                      f);
        }
        fputs("    esac\n}\n_leashctl \"$@\"\n", f);
}
