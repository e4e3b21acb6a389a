/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What can be wrong with a policy by itself, on any host: spelling, ranges, contradictions. Each
 * error points at the field and says what would be right.
 */
#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "host.h"
#include "limits.h"
#include "path.h"
#include "policy.h"

#define POINTER_BYTES 256 /* as error.where */

/* Writes "LIST/I", or "LIST/KEY" with the escapes of RFC 6901. */
static void point_index(char *ret, const char *list, size_t i) {
        (void) snprintf(ret, POINTER_BYTES, "%s/%zu", list, i);
}

static void point_key(char *ret, const char *object, const char *key) {
        size_t n = (size_t) snprintf(ret, POINTER_BYTES, "%s/", object);
        for (; *key && n + 2 < POINTER_BYTES; key++) {
                if (*key == '~' || *key == '/')
                        ret[n++] = '~';
                ret[n++] = *key == '~' ? '0' : *key == '/' ? '1' : *key;
        }
        ret[n] = '\0';
}

static int check_length(const char *where, size_t n, size_t max, struct error *e) {
        if (n > max)
                return error_field(e, where, "the list has %zu entries; at most %zu are possible",
                                   n, max);
        return 0;
}

static int check_paths(const struct strings *list, bool patterns, const char *where,
                       struct error *e) {
        char pointer[POINTER_BYTES];
        int r = check_length(where, list->n, LIMIT_LIST_ITEMS, e);
        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                point_index(pointer, where, i);
                r = path_check(list->items[i], patterns, pointer, e);
        }
        return r;
}

static int check_filesystem(const struct policy *p, struct error *e) {
        const struct policy_filesystem *f = &p->filesystem;
        int r = check_paths(&f->read, false, "/filesystem/read", e);
        if (r >= 0)
                r = check_paths(&f->write, false, "/filesystem/write", e);
        if (r >= 0)
                r = check_paths(&f->execute, false, "/filesystem/execute", e);
        if (r >= 0)
                r = check_paths(&f->deny, true, "/filesystem/deny", e);
        return r;
}

static int check_workdir(const struct policy *p, struct error *e) {
        if (!p->workdir)
                return 0;
        if (strncmp(p->workdir, "$WORKDIR", strlen("$WORKDIR")) == 0)
                return error_field(e, "/workdir",
                                   "the working directory cannot be named by itself");
        return path_check(p->workdir, false, "/workdir", e);
}

static int check_rules(const struct strings *list, const char *where, struct error *e) {
        char pointer[POINTER_BYTES];
        struct host_rule rule;
        int r = check_length(where, list->n, LIMIT_LIST_ITEMS, e);
        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                point_index(pointer, where, i);
                r = error_under(e, pointer, host_rule_parse(list->items[i], &rule, e));
        }
        return r;
}

static int check_ports(const struct strings *list, struct error *e) {
        char pointer[POINTER_BYTES];
        int r = check_length("/network/local_ports", list->n, LIMIT_LIST_ITEMS, e);
        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                const char *s = list->items[i];
                size_t n = strlen(s);
                unsigned port = 0;
                bool digits = n >= 1 && n <= 5 && strspn(s, "0123456789") == n && s[0] != '0';
                for (; digits && *s; s++)
                        port = port * 10 + (unsigned) (*s - '0');
                point_index(pointer, "/network/local_ports", i);
                if (!digits || port > 65535)
                        r = error_field(e, pointer, "\"%s\" is not a port: 1 to 65535",
                                        list->items[i]);
        }
        return r;
}

static int check_network(const struct policy *p, struct error *e) {
        const struct policy_network *n = &p->network;
        if ((unsigned) n->mode >= NETWORK_N_)
                return error_field(e, "/network/mode", "there is no mode number %u",
                                   (unsigned) n->mode);
        int r = check_rules(&n->allow, "/network/allow", e);
        if (r >= 0)
                r = check_rules(&n->deny, "/network/deny", e);
        if (r >= 0)
                r = check_ports(&n->local_ports, e);
        if (r >= 0)
                r = check_length("/network/no_proxy", n->no_proxy.n, LIMIT_LIST_ITEMS, e);
        if (r >= 0 && n->proxy) {
                struct parent_proxy_url url;
                r = error_under(e, "/network/proxy", parent_proxy_parse(n->proxy, &url, e));
        }
        if (r >= 0 && n->mode == NETWORK_DENY && n->allow.n > 0) {
                r = error_set(e, ERROR_CONFLICT, 0,
                              "network.allow names hosts, but network.mode is deny: use mode "
                              "\"allowlist\" (--net allowlist), or leave the entries out");
                return error_under(e, "/network/allow", r);
        }
        return r;
}

static int check_variable(const char *name, const char *where, struct error *e) {
        if (!*name)
                return error_field(e, where, "the name of a variable is empty");
        if (name[0] >= '0' && name[0] <= '9')
                return error_field(e, where, "\"%s\": a variable's name cannot begin with a digit",
                                   name);
        for (const char *c = name; *c; c++)
                if (*c == '=' || (unsigned char) *c <= 0x20 || *c == 0x7f)
                        return error_field(e, where,
                                           "the name of a variable contains \"=\", a blank or a "
                                           "control byte (0x%02x)",
                                           (unsigned char) *c);
        /* What programs inside rely on to know where they are. */
        if (strcmp(name, "LEASH_SANDBOX") == 0 || strcmp(name, "LEASH_IPC") == 0)
                return error_field(e, where, "%s is set by leash itself", name);
        return 0;
}

static int check_certificates(const struct policy *p, struct error *e) {
        static const char where[] = "/network/certificates";
        const struct pairs *list = &p->network.certificates;
        char pointer[POINTER_BYTES];
        int r = check_length(where, list->n, LIMIT_ENV_ITEMS, e);
        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                point_key(pointer, where, list->items[i].name);
                r = check_variable(list->items[i].name, pointer, e);
                if (r >= 0)
                        r = path_check(list->items[i].value, false, pointer, e);
        }
        return r;
}

static int check_environment(const struct policy *p, struct error *e) {
        char pointer[POINTER_BYTES];
        const struct policy_environment *env = &p->environment;
        int r = check_length("/environment/pass", env->pass.n, LIMIT_ENV_ITEMS, e);
        for (size_t i = 0; r >= 0 && i < env->pass.n; i++) {
                point_index(pointer, "/environment/pass", i);
                r = check_variable(env->pass.items[i], pointer, e);
        }
        if (r >= 0)
                r = check_length("/environment/set", env->set.n, LIMIT_ENV_ITEMS, e);
        size_t total = 0;
        for (size_t i = 0; r >= 0 && i < env->set.n; i++) {
                const struct pair *v = &env->set.items[i];
                point_key(pointer, "/environment/set", v->name);
                r = check_variable(v->name, pointer, e);
                total += strlen(v->name) + strlen(v->value) + 2;
                if (r >= 0 && total > LIMIT_ARGV_BYTES)
                        r = error_field(e, pointer,
                                        "the variables together are longer than %u bytes, which no "
                                        "program could be started with",
                                        LIMIT_ARGV_BYTES);
        }
        return r;
}

/* JSON numbers are exact up to 2^53 (RFC 8259 section 6); that is more than any machine has of
 * anything. */
#define NUMBER_MAX (UINT64_C(1) << 53)

static const struct {
        const char *where, *unit;
        size_t offset;
        uint64_t min, max;
} limit_rows[] = {
#define LIMIT_ROW(name, unit, min, max) \
        { "/limits/" #name, unit, offsetof(struct policy_limits, name), min, max }
        /* Below 1 MiB not even the first program can be loaded. */
        LIMIT_ROW(memory_bytes, "bytes", 1024 * 1024, NUMBER_MAX),
        LIMIT_ROW(processes, "processes", 1, LIMIT_PIDS),
        /* cgroup v2 cpu.max: a quota of at least 1 ms in a period of 100 ms. */
        LIMIT_ROW(cpus, "thousandths of a processor", 10, 1000 * 8192),
        LIMIT_ROW(io_weight, "parts", 1, 10000), /* io.weight: cgroup-v2.rst */
        LIMIT_ROW(cpu_seconds, "seconds", 1, NUMBER_MAX),
        LIMIT_ROW(wall_seconds, "seconds", 1, NUMBER_MAX / 1000), /* kept in milliseconds */
        LIMIT_ROW(file_bytes, "bytes", 1, NUMBER_MAX),
        LIMIT_ROW(disk_bytes, "bytes", 4096, NUMBER_MAX), /* a page of a tmpfs */
        LIMIT_ROW(open_files, "files", 4,
                  1073741816), /* stdio and one more; the kernel's nr_open */
        LIMIT_ROW(connections, "connections", 1, 4096), /* GATE_MAX_CONNS */
        LIMIT_ROW(network_bytes, "bytes", 1, NUMBER_MAX),
        LIMIT_ROW(network_rate, "bytes per second", 1024, NUMBER_MAX / 1000000), /* in millionths */
};

static int check_limits(const struct policy *p, struct error *e) {
        for (size_t i = 0; i < ELEMENTSOF(limit_rows); i++) {
                const struct limit *l =
                        (const void *) ((const char *) &p->limits + limit_rows[i].offset);
                if (l->kind != LIMIT_VALUE)
                        continue;
                if (l->value == 0)
                        return error_field(e, limit_rows[i].where,
                                           "0 is not a limit: say \"unlimited\" for none, or leave "
                                           "it out for the preset's");
                if (l->value < limit_rows[i].min || l->value > limit_rows[i].max)
                        return error_field(e, limit_rows[i].where,
                                           "%llu %s is out of range: %llu to %llu",
                                           (unsigned long long) l->value, limit_rows[i].unit,
                                           (unsigned long long) limit_rows[i].min,
                                           (unsigned long long) limit_rows[i].max);
        }
        return 0;
}

static int check_python(const struct policy *p, struct error *e) {
        char pointer[POINTER_BYTES];
        const struct policy_venv *v = &p->python.venv;
        if (!p->python.has_venv)
                return 0;
        if (v->path) {
                /* A relative one is in the working directory: check what it would become. */
                char text[LIMIT_PATH_BYTES * 2];
                bool relative = *v->path && !strchr("/~$", v->path[0]);
                if (strlen(v->path) >= LIMIT_PATH_BYTES)
                        return error_field(e, "/python/venv/path", "the path is too long");
                (void) snprintf(text, sizeof(text), "%s%s", relative ? "$WORKDIR/" : "", v->path);
                int r = path_check(text, false, "/python/venv/path", e);
                if (r < 0)
                        return r;
        }
        int r = check_length("/python/venv/packages", v->packages.n, LIMIT_LIST_ITEMS, e);
        for (size_t i = 0; r >= 0 && i < v->packages.n; i++) {
                point_index(pointer, "/python/venv/packages", i);
                r = requirement_check(v->packages.items[i], pointer, NULL, e);
        }
        if (r >= 0)
                r = check_paths(&v->requirements, false, "/python/venv/requirements", e);
        if (r >= 0 && v->index_url) {
                struct index_url url;
                r = index_url_parse(v->index_url, "/python/venv/index_url", &url, e);
        }
        return r;
}

static int check_accept(const struct policy *p, struct error *e) {
        char pointer[POINTER_BYTES];
        for (size_t i = 0; i < p->accept.n; i++) {
                if (loss_from_name(p->accept.items[i]) >= 0)
                        continue;
                char known[512] = "";
                size_t n = 0;
                for (int k = 0; k < LOSS_N_ && n < sizeof(known); k++)
                        n += (size_t) snprintf(known + n, sizeof(known) - n, "%s%s", k ? ", " : "",
                                               losses[k].name);
                point_index(pointer, "/accept", i);
                return error_field(e, pointer, "there is no loss \"%s\"; there are: %s",
                                   p->accept.items[i], known);
        }
        return 0;
}

int policy_check(const struct policy *p, struct error *e) {
        static int (*const checks[])(const struct policy *, struct error *) = {
                check_workdir,     check_filesystem, check_network, check_certificates,
                check_environment, check_limits,     check_python,  check_accept,
        };
        if ((unsigned) p->level >= LEVEL_N_)
                return error_field(e, "/level", "there is no level number %u", (unsigned) p->level);
        int r = check_paths(&p->security.unix_sockets, false, "/security/unix_sockets", e);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(checks); i++)
                r = checks[i](p, e);
        return r;
}
