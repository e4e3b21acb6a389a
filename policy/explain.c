/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The plan as text: what a person wants to know before trusting it, in the order of that wish. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "path.h"
#include "plan.h"

/* Text that grows in the arena; the pieces are joined at the end. */
struct text {
        struct arena *a;
        char *data;
        size_t n, room;
        bool failed;
};

static void add(struct text *t, const char *fmt, ...) _printf_(2, 3);
static void add(struct text *t, const char *fmt, ...) {
        for (int attempt = 0; attempt < 2 && !t->failed; attempt++) {
                va_list ap;
                va_start(ap, fmt);
                int n = vsnprintf(t->data + t->n, t->room - t->n, fmt, ap);
                va_end(ap);
                if (n >= 0 && (size_t) n < t->room - t->n) {
                        t->n += (size_t) n;
                        return;
                }
                size_t room = t->room * 2 + (n > 0 ? (size_t) n : 0);
                char *larger = n < 0 ? NULL : arena_alloc(t->a, room);
                if (!larger) {
                        t->failed = true;
                        return;
                }
                memcpy(larger, t->data, t->n);
                t->data = larger;
                t->room = room;
        }
}

/* Only what a terminal shows as itself: a path may hold any byte but "/" and NUL. */
static void add_path(struct text *t, const char *path) {
        for (; *path; path++)
                if ((unsigned char) *path < 0x20 || *path == 0x7f)
                        add(t, "\\x%02x", (unsigned char) *path);
                else
                        add(t, "%c", *path);
}

static void explain_head(struct text *t, const struct policy *policy, const struct plan *plan) {
        const struct subject *s = plan->subject;
        add(t, "Level              %s\n", level_names[plan->level]);
        add(t, "Working directory  ");
        add_path(t, s->workdir);
        add(t, "%s\n                   (paths without a leading / are in it)\n",
            s->workdir_fresh ? " (throw-away)" : "");
        add(t, "Enforced by       ");
        for (size_t i = 0; i < plan->layers.n; i++)
                add(t, " %s", plan->layers.items[i]);
        add(t, "\n");
        bool any = false;
        for (int i = 0; i < LOSS_N_; i++) {
                if (!plan->lost[i])
                        continue;
                add(t, "%s%s: %s\n", any ? "                   " : "Given up           ",
                    losses[i].name, losses[i].guarantee);
                any = true;
        }
        add(t, "Protections       ");
        any = false;
        for (size_t i = 0; i < protections_n; i++) {
                const void *tri = (const char *) &policy->security + protections[i].offset;
                if (*(const enum tri *) tri != TRI_YES)
                        continue;
                add(t, " %s", protections[i].option);
                any = true;
        }
        add(t, "%s\n", any ? "" : " none");
}

#define COLUMNS 100
#define KIND(k) (1u << MOUNT_##k)

/* One line of a section: what, because of which field. */
struct entry {
        const char *path, *field;
        bool noexec;
};
/* The i-th of a section, or false when that one belongs elsewhere. */
typedef bool (*entry_fn)(const struct plan *plan, size_t i, unsigned which, struct entry *ret);

static bool mount_entry(const struct plan *plan, size_t i, unsigned kinds, struct entry *ret) {
        const struct plan_mount *m = &plan->mounts[i];
        *ret = (struct entry){ m->target, m->field, m->noexec };
        /* These are among the names, too, which say more. */
        if (m->kind == MOUNT_READONLY && plan->n_names > 0 &&
            strcmp(m->field, "/security/protect_workspace") == 0)
                return false;
        return kinds & 1u << m->kind;
}

static bool name_entry(const struct plan *plan, size_t i, unsigned read_too, struct entry *ret) {
        *ret = (struct entry){ plan->names[i].pattern, plan->names[i].field, false };
        return !plan->names[i].trust && plan->names[i].read_too == read_too;
}

/* In the words of the manual: "security.protect_workspace". */
static void add_field(struct text *t, const char *field) {
        for (field += field[0] == '/'; *field; field++)
                add(t, "%c", *field == '/' ? '.' : *field);
}

/* What lies in the working directory is told by its name there: its path, sixty times over, would
 * hide what differs. */
static const char *short_path(const struct plan *plan, const char *path) {
        const char *workdir = plan->subject->workdir;
        size_t n = strlen(workdir);

        return strncmp(path, workdir, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1
                                                                               : path;
}

static void add_wrapped(struct text *t, const struct entry *x, size_t *column) {
        size_t start = t->n, width = strlen(x->path) + (x->noexec ? 22 : 0) + 2;
        if (*column + width > COLUMNS && *column > 4) {
                add(t, "\n    ");
                start = t->n;
                *column = 4;
        }
        add(t, "%s", *column > 4 ? "  " : "");
        add_path(t, x->path);
        add(t, "%s", x->noexec ? " [nothing in it runs]" : "");
        *column += t->n - start;
}

/* A section with many entries: together what comes from one field, several to a line. */
static void explain_grouped(struct text *t, const char *title, const struct plan *plan, size_t n,
                            entry_fn entry, unsigned which) {
        bool any = false;
        for (size_t i = 0; i < n; i++) {
                struct entry first, x;
                bool printed = !entry(plan, i, which, &first);
                for (size_t k = 0; k < i && !printed; k++)
                        printed = entry(plan, k, which, &x) && strcmp(x.field, first.field) == 0;
                if (printed)
                        continue;
                size_t column = 4;
                add(t, "%s%s%s  ", any ? "" : "\n", any ? "" : title, any ? "" : "\n");
                add_field(t, first.field);
                add(t, "\n    ");
                for (size_t k = i; k < n; k++)
                        if (entry(plan, k, which, &x) && strcmp(x.field, first.field) == 0) {
                                x.path = short_path(plan, x.path);
                                add_wrapped(t, &x, &column);
                        }
                add(t, "\n");
                any = true;
        }
}

static void explain_mounts(struct text *t, const struct plan *plan) {
        static const struct {
                const char *title;
                unsigned kinds;
        } sections[] = {
                { "Writable", KIND(ROOT_RW) | KIND(BIND_RW) },
                { "Read-only, as far as it exists", KIND(ROOT_RO) | KIND(BIND_RO) },
                { "Private, empty at the start", KIND(TMPFS) | KIND(DIR) },
                { "Made by leash",
                  KIND(FILE) | KIND(SYMLINK) | KIND(DEV) | KIND(PROC) | KIND(SYS) },
                { "Devices, as far as they exist", KIND(DEVICE) },
                { "Hidden, as far as it exists", KIND(HIDE) },
                { "Kept read-only, as far as it exists", KIND(READONLY) },
        };
        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                explain_grouped(t, sections[i].title, plan, plan->n_mounts, mount_entry,
                                sections[i].kinds);
}

static void explain_list(struct text *t, const char *title, const struct strings *list) {
        if (list->n > 0)
                add(t, "\n%s\n", title);
        for (size_t i = 0; i < list->n; i++) {
                add(t, "  ");
                add_path(t, list->items[i]);
                add(t, "\n");
        }
}

static void explain_names(struct text *t, const struct plan *plan) {
        explain_grouped(t, "Names that cannot be read, written or made, existing or not", plan,
                        plan->n_names, name_entry, true);
        explain_grouped(t, "Names that cannot be written or made, existing or not", plan,
                        plan->n_names, name_entry, false);
}

static void explain_network(struct text *t, const struct plan *plan) {
        const struct network_rules *n = &plan->network;
        add(t, "\nNetwork\n  mode %s: %s\n", network_mode_names[n->mode],
            n->mode == NETWORK_DENY && plan->native ? "none, not even a loopback"
            : n->mode == NETWORK_DENY               ? "a loopback of its own, and nothing else"
            : n->mode == NETWORK_ALLOW              ? "every public address"
            : n->mode == NETWORK_ALLOWLIST          ? "what network.allow names"
                                                    : "what is not named is asked for");
        for (size_t i = 0; i < n->n_allow; i++)
                add(t, "  allow %s\n", n->allow[i].text);
        for (size_t i = 0; i < n->n_deny; i++)
                add(t, "  deny %s\n", n->deny[i].text);
        for (size_t i = 0; i < n->n_local_ports; i++)
                add(t, "  the host's loopback, port %u\n", n->local_ports[i]);
        if (plan->proxy)
                add(t, "  through the proxy %s%s", plan->proxy,
                    plan->no_proxy.n > 0 ? ", but for" : "");
        for (size_t i = 0; plan->proxy && i < plan->no_proxy.n; i++)
                add(t, " %s", plan->no_proxy.items[i]);
        if (plan->proxy)
                add(t, "\n");
}

static void explain_disk(struct text *t, const struct plan *plan) {
        if (plan->disk == DISK_HARD)
                add(t, "  (hard: private directories and the working directory together)");
        else
                add(t, "  (private directories; soft for the working directory: it is measured, "
                       "and all is ended when it grows by more)");
}

static void explain_limits(struct text *t, const struct plan *plan) {
        const struct plan_limits *l = &plan->limits;
        const struct {
                const char *name;
                uint64_t value;
        } rows[] = {
                { "memory_bytes", l->memory_bytes }, { "processes", l->processes },
                { "cpus/1000", l->cpu_millis },      { "cpu_seconds", l->cpu_seconds },
                { "wall_ms", l->wall_ms },           { "file_bytes", l->file_bytes },
                { "disk_bytes", l->disk_bytes },     { "open_files", l->open_files },
                { "connections", l->connections },   { "network_bytes", l->network_bytes },
                { "network_rate", l->network_rate }, { "io_weight", l->io_weight },
        };
        bool any = false;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (rows[i].value == 0)
                        continue;
                add(t, "%s  %-13s %llu", any ? "" : "\nLimits\n", rows[i].name,
                    (unsigned long long) rows[i].value);
                if (strcmp(rows[i].name, "disk_bytes") == 0)
                        explain_disk(t, plan);
                add(t, "\n");
                any = true;
        }
}

static void explain_environment(struct text *t, const struct plan *plan) {
        add(t, "\nEnvironment\n");
        for (size_t i = 0; i < plan->environment.n; i++) {
                add(t, "  ");
                add_path(t, plan->environment.items[i].name);
                add(t, "=");
                add_path(t, plan->environment.items[i].value);
                add(t, "\n");
        }
}

char *plan_explain(struct arena *a, const struct policy *policy, const struct plan *plan) {
        struct text t = { .a = a, .data = arena_alloc(a, 4096), .room = 4096 };
        if (!t.data)
                return NULL;
        explain_head(&t, policy, plan);
        explain_network(&t, plan);
        explain_limits(&t, plan);
        explain_list(&t, "Sockets that can be connected to", &plan->unix_sockets);
        explain_mounts(&t, plan);
        if (plan->native) {
                explain_list(&t, "Writable", &plan->write);
                explain_list(&t, "Read-only", &plan->read);
        }
        explain_names(&t, plan);
        explain_environment(&t, plan);
        return t.failed ? NULL : t.data;
}
