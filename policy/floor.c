/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "floor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "facts.h"
#include "host.h"
#include "path.h"

#define POINTER_BYTES 64

static bool contains(const struct strings *list, const char *word) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], word) == 0)
                        return true;
        return false;
}

/* What stood in the way, by its place in the administrator's file. */
static int refuse(struct error *e, const char *where, const char *row, const char *what) {
        int r = error_set(e, ERROR_REFUSED, EPERM,
                          "%s is more than the administrator allows (/floor/%s in "
                          "/etc/leash/leashd.json)",
                          what, row);
        return error_under(e, where, r);
}

static int refuse_word(struct error *e, const char *where, const char *row,
                       const struct strings *allowed, const char *what) {
        char words[256] = "";
        for (size_t i = 0, n = 0; i < allowed->n && n < sizeof words; i++) {
                /* A long list is cut between words: status shows all of it. */
                bool fits = n + strlen(allowed->items[i]) + sizeof ", , …" < sizeof words;
                n += (size_t) snprintf(words + n, sizeof words - n, "%s%s", i > 0 ? ", " : "",
                                       fits ? allowed->items[i] : "…");
                if (!fits)
                        break;
        }
        int r = error_set(e, ERROR_REFUSED, EPERM,
                          "the administrator allows %s, not %s (/floor/%s in "
                          "/etc/leash/leashd.json)",
                          allowed->n > 0 ? words : "none", what, row);
        return error_under(e, where, r);
}

static int refuse_item(struct error *e, const char *list, size_t i, const char *row,
                       const struct strings *allowed, const char *what) {
        char where[POINTER_BYTES];
        snprintf(where, sizeof where, "%s/%zu", list, i);
        return refuse_word(e, where, row, allowed, what);
}

static bool same_ports(const struct host_rule *wide, const struct host_rule *narrow) {
        if (wide->n_ports == 0)
                return true;
        if (narrow->n_ports == 0)
                return false;
        for (size_t i = 0; i < narrow->n_ports; i++) {
                bool found = false;
                for (size_t k = 0; k < wide->n_ports; k++)
                        found |= wide->ports[k] == narrow->ports[i];
                if (!found)
                        return false;
        }
        return true;
}

/* Whether all that `narrow` allows is allowed by `wide`. A range is only covered by its equal; who
 * wants a part of it writes the addresses. */
static bool covers(const struct host_rule *wide, const struct host_rule *narrow) {
        if (!same_ports(wide, narrow))
                return false;
        if (narrow->kind == RULE_EXACT)
                return host_rule_matches(wide, &narrow->host,
                                         narrow->n_ports ? narrow->ports[0] : 0);
        if (wide->kind != narrow->kind)
                return false;
        if (narrow->kind == RULE_WILDCARD) { /* "*.a.b" below "*.b" */
                struct host_rule any = *wide;
                any.n_ports = 0;
                return host_rule_matches(&any, &narrow->host, 0) ||
                       strcmp(wide->text + strcspn(wide->text, "*"), narrow->text) == 0 ||
                       memcmp(&wide->host, &narrow->host, sizeof wide->host) == 0;
        }
        return wide->prefix == narrow->prefix &&
               memcmp(&wide->host, &narrow->host, sizeof wide->host) == 0;
}

static int check_hosts(const struct floor *f, const struct policy *p, struct error *e) {
        if (!f->hosts.set || p->network.mode == NETWORK_DENY)
                return 0;
        if (p->network.mode != NETWORK_ALLOWLIST)
                return refuse(e, "/network/mode", "hosts", "a mode other than deny and allowlist");
        for (size_t i = 0; i < p->network.allow.n; i++) {
                struct host_rule narrow, wide;
                bool covered = false;
                if (host_rule_parse(p->network.allow.items[i], &narrow, e) < 0)
                        return -EINVAL;
                for (size_t k = 0; k < f->hosts.n && !covered; k++)
                        covered = host_rule_parse(f->hosts.items[k], &wide, NULL) == 0 &&
                                  covers(&wide, &narrow);
                if (!covered)
                        return refuse_item(e, "/network/allow", i, "hosts", &f->hosts,
                                           p->network.allow.items[i]);
        }
        return 0;
}

static const struct {
        const char *name;
        size_t offset;
} limits[] = {
        { "memory_bytes", offsetof(struct policy_limits, memory_bytes) },
        { "processes", offsetof(struct policy_limits, processes) },
        { "cpus", offsetof(struct policy_limits, cpus) },
        { "io_weight", offsetof(struct policy_limits, io_weight) },
        { "cpu_seconds", offsetof(struct policy_limits, cpu_seconds) },
        { "wall_seconds", offsetof(struct policy_limits, wall_seconds) },
        { "file_bytes", offsetof(struct policy_limits, file_bytes) },
        { "disk_bytes", offsetof(struct policy_limits, disk_bytes) },
        { "open_files", offsetof(struct policy_limits, open_files) },
        { "connections", offsetof(struct policy_limits, connections) },
        { "network_bytes", offsetof(struct policy_limits, network_bytes) },
        { "network_rate", offsetof(struct policy_limits, network_rate) },
};

static struct limit *limit_at(struct policy_limits *l, size_t i) {
        return (struct limit *) ((char *) l + limits[i].offset);
}

static bool exceeds(const struct limit *asked, const struct limit *most) {
        return most->kind == LIMIT_VALUE &&
               (asked->kind != LIMIT_VALUE || asked->value > most->value);
}

static int refuse_most(struct error *e, const char *where, const char *row, const char *what,
                       double most) {
        int r = error_set(e, ERROR_REFUSED, EPERM,
                          "%s is more than the administrator allows, %.15g (/floor/%s in "
                          "/etc/leash/leashd.json)",
                          what, most, row);
        return error_under(e, where, r);
}

#define CPUS offsetof(struct policy_limits, cpus) /* in thousandths, unlike the others */

static int check_limits(const struct floor *f, const struct policy *layer, struct error *e) {
        struct policy_limits most = f->limits, asked = layer->limits;
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                const struct limit *l = limit_at(&asked, i);
                char where[POINTER_BYTES], row[POINTER_BYTES];
                if (l->kind == LIMIT_UNSET || !exceeds(l, limit_at(&most, i)))
                        continue;
                snprintf(where, sizeof where, "/limits/%s", limits[i].name);
                snprintf(row, sizeof row, "limits/%s", limits[i].name);
                return refuse_most(
                        e, where, row, l->kind == LIMIT_VALUE ? "this limit" : "no limit",
                        (double) limit_at(&most, i)->value / (limits[i].offset == CPUS ? 1000 : 1));
        }
        return 0;
}

static enum tri *protection_at(struct policy *p, size_t i) {
        return (enum tri *) ((char *) &p->security + protections[i].offset);
}

int floor_asked(const struct floor *f, const struct policy *layer, struct error *e) {
        struct policy p = *layer;
        for (size_t i = 0; i < protections_n; i++) {
                char where[POINTER_BYTES];
                if (*protection_at(&p, i) != TRI_NO || !contains(&f->protect, protections[i].name))
                        continue;
                snprintf(where, sizeof where, "/security/%s", protections[i].name);
                return refuse(e, where, "protect", "to go without it");
        }
        return check_limits(f, layer, e);
}

/* Where a preset has less of a limit or of a protection than the floor, the floor's holds: that is
 * nobody's wish. */
static void narrow(const struct floor *f, struct policy *p) {
        struct policy_limits most = f->limits;
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (exceeds(limit_at(&p->limits, i), limit_at(&most, i)))
                        *limit_at(&p->limits, i) = *limit_at(&most, i);
        for (size_t i = 0; i < protections_n; i++)
                if (contains(&f->protect, protections[i].name))
                        *protection_at(p, i) = TRI_YES;
}

/* The first row that would not hold any more: "accept" is for the user's own wishes. What has no
 * row here, every policy that asks for it is told. */
static const char *lost_row(const struct floor *f, int loss) {
        const struct policy_limits *l = &f->limits;
        switch (loss) {
        case LOSS_NO_CGROUP:
                if (l->memory_bytes.kind == LIMIT_VALUE)
                        return "limits/memory_bytes";
                if (l->processes.kind == LIMIT_VALUE)
                        return "limits/processes";
                if (l->io_weight.kind == LIMIT_VALUE)
                        return "limits/io_weight";
                return l->cpus.kind == LIMIT_VALUE ? "limits/cpus" : NULL;
        case LOSS_NO_DISK_QUOTA:
                return l->disk_bytes.kind == LIMIT_VALUE ? "limits/disk_bytes" : NULL;
        case LOSS_NO_DENY_INSIDE_ALLOW:
        case LOSS_NO_DENIED_NAMES:
                return f->deny.n > 0 ? "deny" : f->protect.n > 0 ? "protect" : NULL;
        default:
                return NULL;
        }
}

static int check_accept(const struct floor *f, const struct policy *p, struct error *e) {
        for (size_t i = 0; i < p->accept.n; i++) {
                const char *row = lost_row(f, loss_from_name(p->accept.items[i]));
                if (!row || contains(&f->accept, p->accept.items[i]))
                        continue;
                int r = error_set(e, ERROR_REFUSED, EPERM,
                                  "%s would be a loss of what the administrator demands (/floor/%s "
                                  "in /etc/leash/leashd.json), and /floor/accept does not have it",
                                  p->accept.items[i], row);
                char where[POINTER_BYTES];
                snprintf(where, sizeof where, "/accept/%zu", i);
                return error_under(e, where, r);
        }
        return 0;
}

int floor_apply(struct arena *a, const struct floor *f, struct policy *p, struct error *e) {
        if (f->levels.set && !contains(&f->levels, level_names[p->level]))
                return refuse_word(e, "/level", "levels", &f->levels, level_names[p->level]);
        if (f->network_modes.set &&
            !contains(&f->network_modes, network_mode_names[p->network.mode]))
                return refuse_word(e, "/network/mode", "network_modes", &f->network_modes,
                                   network_mode_names[p->network.mode]);
        int r = check_hosts(f, p, e);
        if (r >= 0)
                r = check_accept(f, p, e);
        narrow(f, p);
        for (size_t i = 0; r >= 0 && i < f->deny.n; i++)
                if (!arena_push(a, &p->filesystem.deny, f->deny.items[i]))
                        r = error_nomem(e);
        return r;
}

static bool is_below(const struct strings *tops, const char *path) {
        for (size_t i = 0; i < tops->n; i++)
                if (path_is_under(path, tops->items[i]))
                        return true;
        return false;
}

int floor_paths(const struct floor *f, const struct policy *p, const char *workdir,
                struct error *e) {
        if (!f->write.set)
                return 0;
        if (p->level == LEVEL_PERMISSIVE)
                return refuse(e, "/level", "write", "permissive, which writes everywhere,");
        if (workdir && !is_below(&f->write, workdir))
                return refuse_word(e, "/workdir", "write", &f->write, workdir);
        for (size_t i = 0; i < p->filesystem.write.n; i++)
                if (!is_below(&f->write, p->filesystem.write.items[i]))
                        return refuse_item(e, "/filesystem/write", i, "write", &f->write,
                                           p->filesystem.write.items[i]);
        return 0;
}

/* Rows that each are right, and together leave nothing that anybody could run. */
static int check_sense(const struct floor *f, struct error *e) {
        if (f->levels.set && f->levels.n == 0)
                return error_field(e, "/floor/levels", "is empty: no policy would be allowed");
        if (f->network_modes.set && f->network_modes.n == 0)
                return error_field(e, "/floor/network_modes",
                                   "is empty: no policy would be allowed");
        if (f->hosts.set && f->network_modes.set && !contains(&f->network_modes, "deny") &&
            !contains(&f->network_modes, "allowlist"))
                return error_field(e, "/floor/network_modes",
                                   "no policy would be allowed: with /floor/hosts only the modes "
                                   "deny and allowlist are, and neither is here");
        return 0;
}

int admin_config_check(const struct admin_config *c, struct error *e) {
        char where[POINTER_BYTES];
        if (check_sense(&c->floor, e) < 0)
                return -EINVAL;
        for (size_t i = 0; i < c->floor.hosts.n; i++) {
                struct host_rule rule;
                snprintf(where, sizeof where, "/floor/hosts/%zu", i);
                int r = error_under(e, where, host_rule_parse(c->floor.hosts.items[i], &rule, e));
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < c->floor.write.n; i++) {
                snprintf(where, sizeof where, "/floor/write/%zu", i);
                if (c->floor.write.items[i][0] != '/')
                        return error_field(e, where, "%s is not absolute", c->floor.write.items[i]);
        }
        /* As a policy would have it: the same patterns. */
        struct policy denying = *policy_preset("default");
        denying.filesystem.deny = c->floor.deny;
        int r = policy_check(&denying, e);
        const char *item = e ? strrchr(e->where, '/') : NULL;
        if (r < 0 && item) { /* "/filesystem/deny/0" is not what it is called here */
                snprintf(where, sizeof where, "/floor/deny%s", item);
                snprintf(e->where, sizeof e->where, "%s", where);
        }
        return r;
}
