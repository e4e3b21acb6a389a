/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Policy + facts + subject = plan. The order of work: grants, view (what is where), masks (what is
 * covered again), names (what must not come into being), then what the kernel's other layers hold.
 * Where the facts lack something, compile_lose() refuses, unless the policy accepts that very loss.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compile.h"
#include "gate.h"
#include "path.h"

/* tools */

static const char *or_empty(struct compile *c, const char *text) {
        if (!text)
                c->no_memory = true;
        return text ? text : "";
}

const char *compile_text(struct compile *c, const char *fmt, ...) {
        char text[512]; /* a field's pointer; paths are put together by compile_join() */
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        return or_empty(c, n >= 0 && (size_t) n < sizeof(text) ? arena_strdup(c->a, text) : NULL);
}

const char *compile_join(struct compile *c, const char *dir, const char *name) {
        size_t n = strlen(dir), size = n + strlen(name) + 2;
        const char *slash = n > 0 && dir[n - 1] == '/' ? "" : "/";
        char *text = arena_alloc(c->a, size);
        if (text)
                (void) snprintf(text, size, "%s%s%s", dir, slash, name);
        return or_empty(c, text);
}

const char *compile_home(struct compile *c, const char *name) {
        return compile_join(c, c->home, name);
}

/* Makes room for one more; false when memory is short. */
static bool room(struct compile *c, void **items, size_t n, size_t *cap, size_t size) {
        if (n < *cap)
                return true;
        size_t more = *cap ? *cap * 2 : 128; /* a usual plan has some 100 mounts */
        void *larger = arena_array(c->a, more, size);
        if (!larger) {
                c->no_memory = true;
                return false;
        }
        if (n > 0)
                memcpy(larger, *items, n * size);
        *items = larger;
        *cap = more;
        return true;
}

void compile_mount(struct compile *c, struct plan_mount m) {
        void *items = c->mounts;
        if (!room(c, &items, c->n_mounts, &c->room_mounts, sizeof(m)))
                return;
        c->mounts = items;
        c->mounts[c->n_mounts++] = m;
}

void compile_mask(struct compile *c, enum mount_kind kind, const char *path, const char *field) {
        struct plan_mount m = { .kind = kind, .target = path, .optional = true, .field = field };
        void *items = c->masks;
        if (!room(c, &items, c->n_masks, &c->room_masks, sizeof(m)))
                return;
        c->masks = items;
        c->masks[c->n_masks++] = m;
}

void compile_name_pattern(struct compile *c, const char *pattern, bool read_too,
                          const char *field) {
        struct plan_name name = { .pattern = pattern, .read_too = read_too, .field = field };
        void *items = c->names;
        if (!room(c, &items, c->n_names, &c->room_names, sizeof(name)))
                return;
        c->names = items;
        c->names[c->n_names++] = name;
}

void compile_trust_pattern(struct compile *c, const char *pattern, const char *field) {
        size_t n = c->n_names;
        compile_name_pattern(c, pattern, false, field);
        if (c->n_names > n)
                c->names[n].trust = true;
}

void compile_name(struct compile *c, const char *path, bool read_too, const char *field) {
        const char *pattern = path_escape(c->a, path);
        if (pattern)
                compile_name_pattern(c, pattern, read_too, field);
        else
                c->no_memory = true;
}

void compile_list(struct compile *c, struct strings *list, const char *path) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], path) == 0)
                        return;
        if (!arena_push(c->a, list, path))
                c->no_memory = true;
}

bool compile_may_exist(const struct strings *names, const char *path) {
        size_t n = strcspn(path, "/");
        for (size_t i = 0; i < names->n; i++)
                if (strncmp(names->items[i], path, n) == 0 && names->items[i][n] == '\0')
                        return true;
        return !names->set;
}

bool compile_protects(const struct compile *c, size_t offset) {
        return *(const enum tri *) (const void *) ((const char *) &c->policy->security + offset) ==
               TRI_YES;
}

void compile_lose(struct compile *c, enum loss loss, const char *field, const char *fmt, ...) {
        if (c->accepted[loss]) {
                c->plan->lost[loss] = true;
                return;
        }
        if (c->refused[loss])
                return;
        c->refused[loss] = true;
        if (c->n_refused++ > 0)
                return;
        char text[512];
        va_list ap;
        va_start(ap, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        c->refused_text = or_empty(c, arena_strdup(c->a, text));
        c->refused_field = field;
}

/* All that has to be accepted in one message: nobody wants to learn it word by word. */
static int refuse(const struct compile *c, struct error *e) {
        char words[256] = "", options[256] = "", guarantees[1024] = "";
        const char *fact = NULL;
        size_t w = 0, o = 0, g = 0;

        for (int i = 0; i < LOSS_N_; i++) {
                if (!c->refused[i])
                        continue;
                w += (size_t) snprintf(words + w, sizeof(words) - w, "%s\"%s\"", fact ? ", " : "",
                                       losses[i].name);
                o += (size_t) snprintf(options + o, sizeof(options) - o, "%s--accept %s",
                                       fact ? " " : "", losses[i].name);
                if (g < sizeof(guarantees))
                        g += (size_t) snprintf(guarantees + g, sizeof(guarantees) - g, " %s",
                                               losses[i].guarantee);
                if (!fact)
                        fact = losses[i].name;
        }
        int r = error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                          "%s. %s (\"accept\": [%s]) goes on all the same; what is lost then:%s",
                          c->refused_text, options, words, guarantees);
        if (e && fact)
                (void) snprintf(e->fact, sizeof(e->fact), "%s", fact);
        return error_under(e, c->refused_field, r);
}

/* parts */

static int compile_network(struct compile *c, struct error *e) {
        const struct policy_network *n = &c->policy->network;
        bool outside = n->mode != NETWORK_DENY && n->mode != NETWORK_UNSET;
        if (c->plan->native && (outside || n->local_ports.n > 0))
                return error_under(e, outside ? "/network/mode" : "/network/local_ports",
                                   error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                                             "this host has no network namespaces for leash, and "
                                             "without them only network.mode deny holds"));
        if (n->local_ports.n > GATE_LOCAL_MAX)
                return error_under(
                        e, "/network/local_ports",
                        error_set(e, ERROR_LIMIT, E2BIG, "at most %d local ports", GATE_LOCAL_MAX));
        c->plan->gate = outside || n->local_ports.n > 0;
        struct parent_proxy_url url;
        if (outside && n->proxy && parent_proxy_parse(n->proxy, &url, NULL) >= 0) {
                c->plan->proxy = compile_text(c, url.host.kind == HOST_IPV6 ? "[%s]:%u" : "%s:%u",
                                              url.host.name, url.port);
                c->plan->no_proxy = n->no_proxy;
        }
        int r = network_rules_compile(c->a, n, &c->plan->network, e);
        for (size_t i = 0; r >= 0 && i < c->plan->network.n_local_ports; i++) {
                uint16_t port = c->plan->network.local_ports[i];
                if (port >= GATE_PROXY_PORT && port <= GATE_DNS_PORT)
                        return error_under(e, "/network/local_ports",
                                           error_set(e, ERROR_PARAMS, EADDRINUSE,
                                                     "port %u is leash's own inside a sandbox",
                                                     port));
        }
        return r;
}

static uint64_t value_of(const struct limit *l) {
        return l->kind == LIMIT_VALUE ? l->value : 0;
}

/* A limit that only a controller holds: gone when that is accepted. */
static void need_controller(struct compile *c, uint64_t *value, bool have, const char *field,
                            const char *controller) {
        if (*value == 0 || have)
                return;
        *value = 0;
        compile_lose(c, LOSS_NO_CGROUP, field,
                     "this host gives leash no cgroup with the %s controller, and nothing else "
                     "can hold this limit (leashctl doctor says how to have one)",
                     controller);
}

static void compile_limits(struct compile *c) {
        const struct policy_limits *from = &c->policy->limits;
        const struct facts *f = c->facts;
        struct plan_limits l = {
                .memory_bytes = value_of(&from->memory_bytes),
                .processes = value_of(&from->processes),
                .cpu_millis = value_of(&from->cpus),
                .io_weight = value_of(&from->io_weight),
                .cpu_seconds = value_of(&from->cpu_seconds),
                .wall_ms = value_of(&from->wall_seconds) * 1000,
                .file_bytes = value_of(&from->file_bytes),
                .disk_bytes = c->plan->limits.disk_bytes, /* disk.c */
                .open_files = value_of(&from->open_files),
                .connections = value_of(&from->connections),
                .network_bytes = value_of(&from->network_bytes),
                .network_rate = value_of(&from->network_rate),
        };
        /* RLIMIT_NPROC is per user namespace and does not hold uid 0 (getrlimit(2)). */
        bool nproc = f->nproc_per_userns && !c->plan->native && c->subject->uid != 0;
        need_controller(c, &l.memory_bytes, f->cgroup_memory, "/limits/memory_bytes", "memory");
        need_controller(c, &l.processes, f->cgroup_pids || nproc, "/limits/processes", "pids");
        need_controller(c, &l.cpu_millis, f->cgroup_cpu, "/limits/cpus", "cpu");
        need_controller(c, &l.io_weight, f->cgroup_io, "/limits/io_weight", "io");
        c->plan->limits = l;
        c->plan->cgroup = l.memory_bytes > 0 || l.cpu_millis > 0 || l.io_weight > 0 ||
                          (l.processes > 0 && f->cgroup_pids) ||
                          /* It counts what is written, also to files without a name. */
                          (c->plan->disk == DISK_WATCHED && f->cgroup_v2);
}

/* Something to be read only, in a directory that may be written, private or not: there neither the
 * mount nor Landlock keeps anybody from writing into the host's pipes, only the supervisor does. */
static const struct plan_mount *read_below(const struct compile *c) {
        for (size_t i = 0; i < c->n_mounts; i++) {
                const struct plan_mount *m = &c->mounts[i];
                if (m->kind != MOUNT_BIND_RO || strncmp(m->field, "/filesystem/read/", 17) != 0)
                        continue;
                for (size_t k = 0; k < i; k++) {
                        enum mount_kind kind = c->mounts[k].kind;
                        if ((kind == MOUNT_TMPFS || kind == MOUNT_BIND_RW) &&
                            path_is_under(m->target, c->mounts[k].target))
                                return m;
                }
        }
        return NULL;
}

/* Who judges names and sockets: the supervisor, which the kernel must be able to ask. */
static void compile_supervisor(struct compile *c) {
        const struct facts *f = c->facts;
        struct plan *p = c->plan;
        bool notify = f->seccomp && f->seccomp_notify && f->pidfd_getfd;

        /* Where everything may be written, every socket may be talked to. */
        bool open = p->level == LEVEL_PERMISSIVE && !p->native;
        p->allow_unix_dgram = f->landlock_abi >= 9 || open;
        p->judge_unix = f->landlock_abi < 9 && !open;
        if (p->judge_unix && !notify) {
                p->judge_unix = false;
                compile_lose(c, LOSS_NO_UNIX_SOCKET_RULES, "/security/unix_sockets",
                             "this kernel has neither Landlock ABI 9 nor seccomp user "
                             "notification with pidfd_getfd, so services of the host could be "
                             "reached through their sockets");
        }
        const struct plan_mount *pipes = p->native ? NULL : read_below(c);
        if (pipes && !notify)
                compile_lose(c, LOSS_NO_DENIED_NAMES, pipes->field,
                             "this kernel has no seccomp user notification with pidfd_getfd, so "
                             "named pipes below a read-only directory could be written to");
        if (c->n_names > 0 && !notify) {
                compile_lose(c, LOSS_NO_DENIED_NAMES, c->names[0].field,
                             "this kernel has no seccomp user notification with pidfd_getfd, "
                             "so names that do not exist yet cannot be denied");
                c->n_names = 0; /* nobody would judge them */
        }
        if (c->subject->ipc_dir) {
                compile_list(c, &p->unix_sockets, compile_join(c, c->subject->ipc_dir, "socket"));
                if (p->native) { /* the socket need not exist yet: Landlock rules hold for all below
                                  */
                        compile_list(c, &p->unix_sockets, c->subject->ipc_dir);
                        compile_list(c, &p->read, c->subject->ipc_dir);
                        if (p->level == LEVEL_PERMISSIVE) /* all of the disk may be written */
                                compile_name(c, c->subject->ipc_dir, false, "/level");
                }
        }
        p->judge_writes = c->n_names > 0 || (pipes && notify);
        for (size_t i = 0; i < c->n_names; i++)
                if (c->names[i].read_too) /* a mask falls off when the host replaces the file */
                        p->judge_reads = true;
}

static void compile_walls(struct compile *c) {
        const struct facts *f = c->facts;
        struct plan *p = c->plan;
        p->seccomp = f->seccomp;
        if (!f->seccomp)
                compile_lose(c, LOSS_NO_SECCOMP, "/level", "this kernel has no seccomp filters");
        /* Decision 8: on ABI 1 every rename between directories would fail with EXDEV; the mount
         * view holds the same rules there. */
        p->landlock = f->landlock_abi >= 2 || (f->landlock_abi == 1 && p->native);
        p->log_denials = p->landlock && f->audit;
        if (f->landlock_abi < 1)
                compile_lose(c, LOSS_NO_LANDLOCK, "/level", "this kernel has no Landlock%s",
                             f->landlock_abi < 0 ? " (it is switched off at boot: add it to lsm=)"
                                                 : "");
}

static void compile_layers(struct compile *c) {
        const struct plan *p = c->plan;
        struct strings *layers = &c->plan->layers;
        if (p->cgroup)
                compile_list(c, layers, "cgroup");
        if (!p->native) {
                compile_list(c, layers, "namespaces");
                compile_list(c, layers, "network");
                if (p->gate)
                        compile_list(c, layers, "gate");
        }
        compile_list(c, layers, "no_new_privs");
        if (p->landlock)
                compile_list(c, layers, "landlock");
        if (p->seccomp)
                compile_list(c, layers, "seccomp");
        if (p->judge_writes || p->judge_unix)
                compile_list(c, layers, "supervisor");
}

static void compile_flags(struct compile *c) {
        struct plan *p = c->plan;
        p->allow_debug = PROTECTS(c, allow_debug);
        p->allow_userns = PROTECTS(c, allow_userns);
        p->allow_gpu = PROTECTS(c, allow_gpu);
        p->allow_npu = PROTECTS(c, allow_npu);
        p->allow_hardware = PROTECTS(c, allow_hardware);
}

static int compile_init(struct compile *c, struct error *e) {
        const struct policy *p = c->policy;
        for (size_t i = 0; i < p->accept.n; i++) {
                int loss = loss_from_name(p->accept.items[i]);
                if (loss >= 0)
                        c->accepted[loss] = true;
        }
        /* Decision 19: the daemon does not know the client's environment. */
        if (p->environment.pass.n > 0)
                return error_field(
                        e, "/environment/pass/0",
                        "the daemon does not know the caller's environment: put the value into "
                        "environment.set, or send client_environment beside the policy");

        /* user_namespaces(7): mapping uid 0 needs CAP_SETFCAP since Linux 5.12, which would let the
         * files in the working directory carry capabilities that hold on the host. */
        if (p->security.allow_userns == TRI_YES && c->subject->uid == 0)
                return error_under(
                        e, "/security/allow_userns",
                        error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                                  "user namespaces inside a sandbox of root's cannot have a user: "
                                  "the kernel maps uid 0 only for those with CAP_SETFCAP. Run "
                                  "leash as another user for this"));

        c->plan->level = p->level == LEVEL_UNSET ? LEVEL_DEFAULT : p->level;
        c->plan->subject = c->subject;
        c->plan->native = facts_native(c->facts);

        /* A home of "/" (system users) is no place that a view could make private. */
        const char *home = c->subject->home;
        c->home = home && home[0] == '/' && home[1] ? home : "";
        return 0;
}

int plan_compile(struct arena *a, const struct policy *policy, const struct facts *facts,
                 const struct subject *subject, struct plan **ret, struct error *e) {
        struct compile c = { .a = a, .policy = policy, .facts = facts, .subject = subject };
        c.plan = arena_alloc(a, sizeof(*c.plan));
        if (!c.plan)
                return error_nomem(e);

        int r = compile_init(&c, e);
        if (r >= 0)
                r = compile_grants(&c, e);
        if (r >= 0)
                r = compile_check_workdir(&c, e);
        if (r >= 0)
                r = compile_venv_check(&c, e);
        if (r >= 0)
                compile_disk(&c);
        if (r >= 0 && c.plan->native)
                r = compile_native(&c, e);
        if (r >= 0 && !c.plan->native) {
                compile_view(&c);
                r = compile_masks(&c, e);
        }
        if (r >= 0)
                r = compile_network(&c, e);
        if (r < 0)
                return r;
        compile_supervisor(&c);
        compile_walls(&c);
        compile_limits(&c);
        if (c.n_refused > 0)
                return c.no_memory ? error_nomem(e) : refuse(&c, e);

        compile_flags(&c);
        compile_landlock(&c);
        compile_environment(&c);
        compile_layers(&c);
        if (c.no_memory)
                return error_nomem(e);
        c.plan->mounts = c.mounts;
        c.plan->n_mounts = c.n_mounts;
        c.plan->names = c.names;
        c.plan->n_names = c.n_names;
        *ret = c.plan;
        return 0;
}
