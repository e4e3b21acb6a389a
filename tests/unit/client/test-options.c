/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../client/leashctl/commands.h"
#include "../suite.h"

/* Parses the words (split at "|") as options of `command`; the error's text goes into `e`. */
static int parse(struct options *o, unsigned command, const char *words, struct error *e) {
        static char copy[1024];
        static char *argv[40]; /* operands point into it */
        int argc = 0, at = 0;

        *e = ERROR_NULL;
        ck_assert_int_eq(options_init(o, e), 0);
        o->command = command;
        snprintf(copy, sizeof(copy), "%s", words);
        for (char *save = NULL, *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
                argv[argc++] = w;
        argv[argc] = NULL;
        int r = options_parse(o, argc, argv, &at, e);
        if (r >= 0)
                ck_assert_int_eq(at + (int) o->n_operands, argc);
        return r;
}

START_TEST(test_every_option_of_the_contract) {
        static const struct {
                const char *words;
                unsigned command;
        } rows[] = {
                { "--level|strict", CMD_POLICY },
                { "--profile|x", CMD_POLICY },
                { "-C|/", CMD_POLICY },
                { "--workdir|/", CMD_POLICY },
                { "--fresh", CMD_POLICY },
                { "--keep", CMD_POLICY },
                { "--read|/a", CMD_POLICY },
                { "--write|/a", CMD_POLICY },
                { "--exec|/a", CMD_POLICY },
                { "--deny|**/.env", CMD_POLICY },
                { "--net|deny", CMD_POLICY },
                { "--net|allow", CMD_POLICY },
                { "--net|allowlist", CMD_POLICY },
                { "--net|ask", CMD_POLICY },
                { "--allow-host|*.x.org:443", CMD_POLICY },
                { "--deny-host|x.org", CMD_POLICY },
                { "--local-port|5432", CMD_POLICY },
                { "--env|A=b", CMD_POLICY },
                { "--protect|credentials", CMD_POLICY },
                { "--no-protect|home", CMD_POLICY },
                { "--gpu", CMD_POLICY },
                { "--no-gpu", CMD_POLICY },
                { "--npu", CMD_POLICY },
                { "--no-npu", CMD_POLICY },
                { "--hardware", CMD_POLICY },
                { "--debug", CMD_POLICY },
                { "--memory|512M", CMD_POLICY },
                { "--processes|9", CMD_POLICY },
                { "--cpus|1.5", CMD_POLICY },
                { "--cpu-time|30s", CMD_POLICY },
                { "--timeout|60s", CMD_PACKAGES },
                { "--file-size|100M", CMD_POLICY },
                { "--disk|1G", CMD_POLICY },
                { "--accept|no_cgroup", CMD_PACKAGES },
                { "--venv|/v", CMD_POLICY },
                { "--package|numpy>=2", CMD_PACKAGES },
                { "--requirements|r.txt", CMD_PACKAGES },
                { "--index-url|https://x/simple", CMD_PACKAGES },
                { "--python|python3.12", CMD_PACKAGES },
                { "--system-site-packages", CMD_PACKAGES },
                { "--no-system-site-packages", CMD_PACKAGES },
                { "--pip-install", CMD_POLICY },
                { "--no-pip-install", CMD_POLICY },
                { "--rebuild", CMD_VENV },
                { "--json", CMD_ANY },
                { "--socket|/s", CMD_ANY },
                { "--quiet", CMD_ANY },
                { "-t", CMD_LIVE },
                { "-T", CMD_LIVE },
                { "--tty", CMD_LIVE },
                { "--no-tty", CMD_LIVE },
                { "--follow", CMD_EVENTS | CMD_LOGS },
                { "--kind|denied", CMD_EVENTS | CMD_LOGS },
                { "--prometheus", CMD_STATS },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                for (size_t k = 0; k < commands_n; k++) {
                        struct options o;
                        struct error e;
                        int r = parse(&o, commands[k].bit, rows[i].words, &e);
                        bool taken = commands[k].bit & rows[i].command;
                        ck_assert_msg((r == 0) == taken, "%s %s: %s", commands[k].name,
                                      rows[i].words, e.message);
                        options_done(&o);
                }
}
END_TEST

START_TEST(test_values_arrive) {
        struct options o;
        struct error e;

        ck_assert_int_eq(
                parse(&o, CMD_RUN,
                      "--level|permissive|--memory=1G|--cpus|0.5|--cpu-time|1500ms|--timeout|250ms|"
                      "--read|/a|--read=/b|--env|A=b=c|--no-gpu|--hardware|--protect|home|"
                      "--no-protect|workspace|--net|allowlist|--processes|unlimited|-qT|ls|--level",
                      &e),
                0);
        ck_assert_int_eq(o.overrides.level, LEVEL_PERMISSIVE);
        ck_assert_uint_eq(o.overrides.limits.memory_bytes.value, 1u << 30);
        ck_assert_uint_eq(o.overrides.limits.cpus.value, 500);
        ck_assert_uint_eq(o.overrides.limits.cpu_seconds.value, 2);
        ck_assert_int_eq(o.overrides.limits.processes.kind, LIMIT_UNLIMITED);
        ck_assert_uint_eq(o.timeout_ms, 250);
        ck_assert_int_eq(o.overrides.limits.wall_seconds.kind, LIMIT_UNSET);
        ck_assert_uint_eq(o.overrides.filesystem.read.n, 2);
        ck_assert_str_eq(o.overrides.filesystem.read.items[1], "/b");
        ck_assert_str_eq(o.overrides.environment.set.items[0].name, "A");
        ck_assert_str_eq(o.overrides.environment.set.items[0].value, "b=c");
        ck_assert_int_eq(o.overrides.security.allow_gpu, TRI_NO);
        ck_assert_int_eq(o.overrides.security.allow_hardware, TRI_YES);
        ck_assert_int_eq(o.overrides.security.allow_npu, TRI_UNSET);
        ck_assert_int_eq(o.overrides.security.protect_user_home, TRI_YES);
        ck_assert_int_eq(o.overrides.security.protect_workspace, TRI_NO);
        ck_assert_int_eq(o.overrides.network.mode, NETWORK_ALLOWLIST);
        ck_assert(o.quiet && o.tty == TRI_NO);
        ck_assert_uint_eq(o.n_operands, 2);
        ck_assert_str_eq(o.operands[1], "--level");
        options_done(&o);
}
END_TEST

START_TEST(test_options_stop_at_the_first_operand) {
        struct options o;
        struct error e;

        ck_assert_int_eq(parse(&o, CMD_RUN, "--json|--|--json", &e), 0);
        ck_assert_uint_eq(o.n_operands, 1);
        options_done(&o);
        ck_assert_int_eq(parse(&o, CMD_RUN, "-|--nonsense", &e), 0);
        ck_assert_uint_eq(o.n_operands, 2);
        options_done(&o);
        static const char *const python[] = { "--json|-c|pass|--x", "--json|-m|mod|--x",
                                              "--json|-|a|--x" };
        for (size_t i = 0; i < sizeof(python) / sizeof(python[0]); i++) {
                ck_assert_int_eq(parse(&o, CMD_PYTHON, python[i], &e), 0);
                ck_assert(o.json);
                ck_assert_uint_eq(o.n_operands, 3);
                options_done(&o);
        }
        ck_assert_int_lt(parse(&o, CMD_RUN, "-c|pass", &e), 0);
        options_done(&o);
}
END_TEST

START_TEST(test_check_reads_access_behind_path) {
        struct options o;
        struct error e;

        ck_assert_int_eq(parse(&o, CMD_CHECK,
                               "--write|/w|--path|/p|--write|--path|/q|--path|/r|--exec|"
                               "--host|h:443|--host|::1|--host|[::1]:80",
                               &e),
                         0);
        ck_assert_uint_eq(o.overrides.filesystem.write.n, 1);
        ck_assert_uint_eq(o.n_queries, 6);
        ck_assert_int_eq(o.queries[0].access, ACCESS_WRITE_);
        ck_assert_int_eq(o.queries[1].access, ACCESS_READ_);
        ck_assert_int_eq(o.queries[2].access, ACCESS_EXECUTE_);
        ck_assert_str_eq(o.queries[3].host, "h");
        ck_assert_uint_eq(o.queries[3].port, 443);
        ck_assert_str_eq(o.queries[4].host, "::1");
        ck_assert_str_eq(o.queries[5].host, "::1");
        ck_assert_uint_eq(o.queries[5].port, 80);
        options_done(&o);
}
END_TEST

START_TEST(test_errors_say_what_to_do) {
        static const struct {
                const char *words, *text;
        } rows[] = {
                { "--memry|1G", "did you mean --memory?" },
                { "--mem|1G", "did you mean --memory?" },
                { "--network|deny", "did you mean --net?" },
                { "--netwrok|deny", "did you mean --net?" },
                { "--allow|example.com", "did you mean --allow-host?" },
                { "--cwd|/", "did you mean --workdir?" },
                { "--memory|lots", "512M" },
                { "--memory", "--memory SIZE" },
                { "--level|high", "strict default permissive" },
                { "--net|on", "allowlist" },
                { "--protect|all", "credentials" },
                { "--accept|everything", "no_namespaces" },
                { "--local-port|70000", "65535" },
                { "--env|NO_SUCH_VARIABLE_HERE", "--env NO_SUCH_VARIABLE_HERE=VALUE" },
                { "--env|=x", "NAME=VALUE" },
                { "--json=1", "takes no value" },
                { "-C|/no/such/directory", "No such file" },
                { "--config|/no/such/file", "No such file" },
                { "--follow", "only with events, logs" },
                { "-Z", "unknown option -Z" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct options o;
                struct error e;
                ck_assert_int_lt(parse(&o, CMD_RUN, rows[i].words, &e), 0);
                ck_assert_msg(strstr(e.message, rows[i].text), "%s: %s", rows[i].words, e.message);
                options_done(&o);
        }
}
END_TEST

START_TEST(test_table_is_sound) {
        char words[512];

        for (size_t i = 0; i < options_n; i++) {
                const struct option *row = &options[i];
                ck_assert_ptr_eq(option_by_name(row->name), row);
                ck_assert_ptr_nonnull(row->set);
                ck_assert_uint_gt(strlen(row->help), 10);
                ck_assert(row->help[strlen(row->help) - 1] != '.');
                ck_assert(!(row->negatable && row->arg));
                if (row->letter)
                        ck_assert_ptr_eq(option_by_letter(row->letter), row);
                (void) option_words(row, words, sizeof(words), ' ');
                ck_assert_uint_lt(strlen(words), sizeof(words) - 1);
        }
        for (size_t i = 0; i < commands_n; i++) {
                ck_assert_ptr_eq(command_by_name(commands[i].name), &commands[i]);
                ck_assert_ptr_eq(command_by_bit(commands[i].bit), &commands[i]);
                ck_assert_ptr_nonnull(strstr(commands[i].examples, "leashctl "));
        }
}
END_TEST

static char *generated(void (*fn)(FILE *)) {
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);

        fn(f);
        fclose(f);
        return text;
}

static void help_of_run(FILE *f) {
        help_command(f, command_by_name("run"));
}

START_TEST(test_every_option_is_told) {
        char *bash = generated(help_bash), *zsh = generated(help_zsh), *man = generated(help_man),
             *help = generated(help_of_run);

        for (size_t i = 0; i < options_n; i++) {
                char name[64];
                snprintf(name, sizeof(name), "--%s", options[i].name);
                ck_assert_msg(strstr(bash, name), "bash: %s", name);
                ck_assert_msg(strstr(zsh, name), "zsh: %s", name);
                ck_assert_msg(strstr(man, name), "manual: %s", name);
                snprintf(name, sizeof(name), "%s", options[i].name);
                if (options[i].commands & CMD_RUN)
                        ck_assert_msg(strstr(help, name), "help: %s", name);
        }
        for (size_t i = 0; i < commands_n; i++) {
                ck_assert_ptr_nonnull(strstr(bash, commands[i].name));
                ck_assert_ptr_nonnull(strstr(zsh, commands[i].name));
        }
        free(bash);
        free(zsh);
        free(man);
        free(help);
}
END_TEST

START_TEST(test_place) {
        struct options o;
        struct error e;
        struct place p;

        ck_assert_int_eq(parse(&o, CMD_RUN, "ls", &e), 0);
        ck_assert_int_eq(options_place(&o, &p, &e), 0);
        ck_assert_str_eq(p.policy->workdir, o.cwd);
        ck_assert_ptr_null(p.overrides);
        options_done(&o);

        ck_assert_int_eq(parse(&o, CMD_RUN, "--fresh|--memory|1G|--profile|x", &e), 0);
        ck_assert_int_eq(options_place(&o, &p, &e), 0);
        ck_assert_ptr_null(p.policy->workdir);
        ck_assert_ptr_eq(p.overrides, &o.overrides);
        ck_assert_str_eq(p.profile, "x");
        options_done(&o);

        ck_assert_int_eq(parse(&o, CMD_RUN, "--fresh|-C|/", &e), 0);
        ck_assert_int_lt(options_place(&o, &p, &e), 0);
        options_done(&o);
        ck_assert_int_eq(parse(&o, CMD_RUN, "--sandbox|s|--read|/", &e), 0);
        ck_assert_int_lt(options_place(&o, &p, &e), 0);
        options_done(&o);
}
END_TEST

int main(void) {
        unsetenv("NO_SUCH_VARIABLE_HERE");
        return RUN_TESTS("options", test_every_option_of_the_contract, test_values_arrive,
                         test_options_stop_at_the_first_operand,
                         test_check_reads_access_behind_path, test_errors_say_what_to_do,
                         test_table_is_sound, test_every_option_is_told, test_place);
}
