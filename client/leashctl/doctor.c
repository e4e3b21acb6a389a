/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* doctor: what this host can enforce, what is lost, and what would help. */
#include <string.h>
#include <unistd.h>

#include "commands.h"

static void print_mechanism(const struct info_mechanism *m, struct style st, int width) {
        const char *mark = m->available ? (st.utf8 ? "✓" : "yes") : st.utf8 ? "✗" : "no ";

        printf("  %s%s%s  %-*s  %s%s%s\n", style_on(st, m->available ? COLOUR_GREEN : COLOUR_RED),
               mark, style_off(st), width, m->name ? m->name : "?", style_on(st, COLOUR_DIM),
               m->good_for ? m->good_for : "", style_off(st));
}

static void print_mechanisms(const struct leash_info_result *info, struct style st) {
        const struct info_mechanism *m = info->mechanisms.items;
        int width = 0;

        for (size_t i = 0; i < info->mechanisms.n; i++)
                if (m[i].name && (int) strlen(m[i].name) > width)
                        width = (int) strlen(m[i].name);
        printf("\n%sMechanisms%s\n", style_on(st, COLOUR_BOLD), style_off(st));
        for (size_t i = 0; i < info->mechanisms.n; i++)
                print_mechanism(&m[i], st, width);
        struct info_mechanism landlock = { .name = "Landlock",
                                           .available = info->landlock_abi > 0 };
        char text[96];
        snprintf(text, sizeof(text),
                 info->landlock_abi < 0 ? "built into the kernel, but switched off at boot"
                                        : "second wall for files (ABI %lld)",
                 (long long) info->landlock_abi);
        landlock.good_for =
                info->landlock_abi == 0 ? "second wall for files; not in this kernel" : text;
        print_mechanism(&landlock, st, width);
}

/* What a person can do about a loss; the daemon's `reason` says why it is so. */
static const char *remedy(const char *loss) {
        static const struct {
                const char *loss, *text;
        } rows[] = {
                { "no_namespaces",
                  "allow unprivileged user namespaces (sysctl kernel."
                  "apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces), "
                  "or install leashd as a system service" },
                { "no_cgroup", "run under systemd with a delegated cgroup v2, or drop the limit" },
                { "no_deny_inside_allow", "allow user namespaces, or deny the whole directory" },
                { "no_landlock", "boot with lsm=landlock,… or use a kernel from 5.13 on" },
                { "no_seccomp", "use a kernel with CONFIG_SECCOMP_FILTER" },
                { "no_unix_socket_rules", "use a kernel with seccomp user notification" },
                { "no_denied_names", "use a kernel with seccomp user notification" },
                { "no_disk_quota", "a level other than permissive" },
                { "no_hardware_filter", "allow user namespaces, so that /dev is private" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (strcmp(rows[i].loss, loss) == 0)
                        return rows[i].text;
        return NULL;
}

static void print_losses(const struct leash_info_result *info, struct style st) {
        const struct info_loss *loss = info->losses.items;

        printf("\n%sLost on this host%s\n", style_on(st, COLOUR_BOLD), style_off(st));
        if (info->tier && strcmp(info->tier, "none") == 0) {
                printf("  %severything%s: no sandbox can be made here, and nothing is run without "
                       "one\n",
                       style_on(st, COLOUR_YELLOW), style_off(st));
                return;
        }
        if (info->losses.n == 0) {
                printf("  nothing: a default policy is enforced in full\n");
                return;
        }
        for (size_t i = 0; i < info->losses.n; i++) {
                const char *name = loss[i].name ? loss[i].name : "?", *help = remedy(name);
                printf("  %s%s%s: ", style_on(st, COLOUR_YELLOW), name, style_off(st));
                print_escaped(stdout, loss[i].guarantee ? loss[i].guarantee : "");
                printf("\n    to do without it: --accept %s\n", name);
                if (help)
                        printf("    to get it back: %s\n", help);
        }
}

static void print_line(const char *label, const char *value) {
        if (!value || !*value)
                return;
        printf("  %-10s", label);
        print_escaped(stdout, value);
        fputc('\n', stdout);
}

static void print_head(const struct leash_info_result *info, struct style st) {
        printf("%sleash %s%s\n", style_on(st, COLOUR_BOLD), info->version ? info->version : "?",
               style_off(st));
        print_line("mode", info->mode);
        print_line("platform", info->platform);
        print_line("kernel", info->kernel);
        print_line("backend", info->backend);
        print_line("tier", info->tier);
        print_line("socket", info->socket);
        printf("  %-10suid %llu, pid %llu, %llu sandboxes\n", "daemon",
               (unsigned long long) info->uid, (unsigned long long) info->pid,
               (unsigned long long) info->sandboxes);
}

/* The kernel's records are the only source that depends on a switch: who looks for it finds it
 * here. "denied" is every ordinary user's own daemon, which need not be told. */
static void print_audit(const char *state) {
        static const struct {
                const char *state, *text;
        } rows[] = {
                { "off",
                  "the kernel's audit records would tell more, but its audit is off: as root, "
                  "auditctl -e 1, or \"audit\": \"on\" in /etc/leash/leashd.json (leashd(8))" },
                { "disabled", "the kernel's audit records are not read: \"audit\" is \"off\" in "
                              "/etc/leash/leashd.json" },
                { "unsupported", "the kernel's audit records of denials begin with Linux 6.15" },
        };

        for (size_t i = 0; state && i < ELEMENTSOF(rows); i++)
                if (strcmp(state, rows[i].state) == 0)
                        printf("  %s\n", rows[i].text);
}

/* Whoever is sent here for a limit's sake has to find why it cannot be held, though a wall is
 * missing as well. */
static void print_reasons(const struct leash_info_result *info, struct style st) {
        const char *rows[] = { info->reason, info->cgroup_reason };

        if (rows[0] && rows[1] && strcmp(rows[0], rows[1]) == 0)
                rows[1] = NULL;
        if (rows[0] || rows[1])
                printf("\n%sWhy something is missing%s\n", style_on(st, COLOUR_BOLD),
                       style_off(st));
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!rows[i])
                        continue;
                fputs("  ", stdout);
                print_escaped(stdout, rows[i]);
                fputc('\n', stdout);
        }
}

int cmd_doctor(struct ctl *c) {
        struct leash_info_result info = { 0 };
        struct style st = style_for(STDOUT_FILENO);

        if (c->o.n_operands > 0)
                return ctl_usage(c, "doctor takes no operands");
        int r = ctl_query(c, METHOD_LEASH_INFO, NULL, &info);
        if (r != 0)
                return r < 0 ? -r : EXIT_OK;
        print_head(&info, st);
        print_mechanisms(&info, st);
        print_reasons(&info, st);
        print_losses(&info, st);
        printf("\n%sReports of what was refused%s\n  ", style_on(st, COLOUR_BOLD), style_off(st));
        if (info.denial_sources.n == 0)
                printf("none: after a failure, ask with leashctl check --path PATH --write");
        for (size_t i = 0; i < info.denial_sources.n; i++)
                printf("%s%s", i > 0 ? ", " : "from ", info.denial_sources.items[i]);
        printf("\n");
        print_audit(info.audit);
        return EXIT_OK;
}
