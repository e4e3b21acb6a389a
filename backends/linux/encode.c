/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A plan, and a command, as the binary files that leash-init reads (proto/wire.h). */
#include "linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "landlock.h"

void plan_file_close(struct plan_file *f) {
        for (size_t i = 0; i < f->n_fds; i++)
                close(f->fds[i]);
        f->n_fds = 0;
}

void plan_file_done(struct plan_file *f) {
        plan_file_close(f);
        free(f->fds);
        free(f->found);
        free(f->data);
        *f = PLAN_FILE_NULL;
}

static bool kind_has_source(enum mount_kind kind) {
        return kind == MOUNT_BIND_RO || kind == MOUNT_BIND_RW || kind == MOUNT_DEVICE;
}

/* Opens what a mount shows, and remembers it; 1: it is optional, and not there. */
static int source_add(struct engine *en, int root, const struct plan_mount *m,
                      struct plan_file *file, struct wire_mount *out, struct error *e) {
        int fd = mount_resolve(en, root, m, e);

        if (fd == -ENOENT && m->optional)
                return 1;
        if (fd < 0)
                return fd;
        out->fd = (int32_t) file->n_fds;
        file->fds[file->n_fds++] = fd;
        int r = found_look(fd, "", AT_EMPTY_PATH, &file->found[file->n_found]);
        return r < 0 ? error_set(e, ERROR_IO, -r, "%s: %s", m->source, strerror(-r)) : 0;
}

/* One pass: a mount that is left out has no record. */
static int mounts_encode(struct engine *en, struct wire_writer *w, const struct plan *plan,
                         int root, struct plan_file *file, struct error *e) {
        struct wire_plan *header;
        uint64_t array;
        size_t n = 0, sys = SIZE_MAX;
        bool gpu = false;

        absent_begin(&en->absent);
        file->fds = calloc(plan->n_mounts + 1, sizeof(int));
        file->found = calloc(plan->n_mounts + 1, sizeof(struct found));
        array = wire_writer_array(w, plan->n_mounts, sizeof(struct wire_mount));
        if (!file->fds || !file->found ||
            (!array && plan->n_mounts > 0)) /* none in the native tier */
                return error_nomem(e);
        for (size_t i = 0; i < plan->n_mounts; i++) {
                const struct plan_mount *m = &plan->mounts[i];
                struct wire_mount out = { .kind = m->kind, .mode = m->mode, .fd = -1 };
                int r;

                if (mount_is_moot(en, root, m, &file->found[file->n_found]))
                        continue;
                r = kind_has_source(m->kind) ? source_add(en, root, m, file, &out, e) : 0;
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (m->kind == MOUNT_DEVICE && strcmp(m->field, "/security/allow_gpu") == 0)
                        gpu = true;
                if (m->kind == MOUNT_SYS)
                        sys = n;
                if (m->optional)
                        out.flags |= WIRE_MOUNT_OPTIONAL;
                if (m->noexec)
                        out.flags |= WIRE_MOUNT_NOEXEC;
                out.target = wire_writer_string(w, m->target);
                out.content = wire_writer_string(w, m->content);
                out.content_len = m->content ? strlen(m->content) : 0;

                struct wire_mount *at = wire_writer_at(w, array);

                if (!at)
                        return error_nomem(e);
                at[n++] = out;
                file->n_found = n;
        }
        header = wire_writer_at(w, 0);
        if (!header)
                return error_nomem(e);
        if (gpu && sys < n) /* /sys is wider where there is a GPU to be found through it */
                ((struct wire_mount *) wire_writer_at(w, array))[sys].mode |= 1;
        header->mounts = array;
        header->n_mounts = n;
        return 0;
}

static uint64_t rules_add(struct wire_writer *w, uint64_t array, uint64_t at,
                          const struct strings *paths, uint64_t access) {
        for (size_t i = 0; i < paths->n && access; i++) {
                struct wire_rule rule = { .path = wire_writer_string(w, paths->items[i]),
                                          .access = access };
                struct wire_rule *rules = wire_writer_at(w, array);

                if (!rules)
                        return at;
                rules[at++] = rule;
        }
        return at;
}

static void rules_encode(struct wire_writer *w, const struct plan *plan, int abi) {
        size_t max = plan->read.n + plan->write.n + plan->unix_sockets.n;
        uint64_t array = wire_writer_array(w, max, sizeof(struct wire_rule)), n = 0;
        struct wire_plan *header;

        n = rules_add(w, array, n, &plan->read, landlock_read_mask(abi));
        n = rules_add(w, array, n, &plan->write, landlock_write_mask(abi));
        n = rules_add(w, array, n, &plan->unix_sockets, landlock_unix_mask(abi));
        header = wire_writer_at(w, 0);
        if (header) {
                header->rules = array;
                header->n_rules = n;
        }
}

static void names_encode(struct wire_writer *w, const struct plan *plan) {
        uint64_t names = wire_writer_array(w, plan->n_names, sizeof(struct wire_name));
        uint64_t sockets = wire_writer_array(w, plan->unix_sockets.n, sizeof(uint64_t));
        struct wire_plan *header;

        for (size_t i = 0; i < plan->n_names; i++) {
                struct wire_name name = { .pattern = wire_writer_string(w, plan->names[i].pattern),
                                          .read_too = plan->names[i].read_too,
                                          .trust = plan->names[i].trust };
                struct wire_name *at = wire_writer_at(w, names);

                if (at)
                        at[i] = name;
        }
        for (size_t i = 0; i < plan->unix_sockets.n; i++) {
                uint64_t s = wire_writer_string(w, plan->unix_sockets.items[i]);
                uint64_t *at = wire_writer_at(w, sockets);

                if (at)
                        at[i] = s;
        }
        header = wire_writer_at(w, 0);
        if (header) {
                header->names = names;
                header->n_names = plan->n_names;
                header->sockets = sockets;
                header->n_sockets = plan->unix_sockets.n;
        }
}

/* All but the sandbox's own name, which comes with each command (box_spawn): so the bytes are the
 * same for every sandbox of this plan. */
static void environment_encode(struct wire_writer *w, const struct plan *plan) {
        uint64_t env = wire_writer_array(w, plan->environment.n, sizeof(uint64_t)), n_env = 0;
        struct wire_plan *header;

        for (size_t i = 0; i < plan->environment.n; i++) {
                const struct pair *p = &plan->environment.items[i];

                if (strcmp(p->name, "LEASH_SANDBOX") == 0)
                        continue;

                size_t name = strlen(p->name), value = strlen(p->value);
                char *text = malloc(name + value + 2);
                uint64_t s, *at;

                if (!text) {
                        w->failed = true;
                        return;
                }
                memcpy(text, p->name, name);
                text[name] = '=';
                memcpy(text + name + 1, p->value, value + 1);
                s = wire_writer_string(w, text);
                free(text);
                at = wire_writer_at(w, env);
                if (at)
                        at[n_env++] = s;
        }
        header = wire_writer_at(w, 0);
        if (header) {
                header->env = env;
                header->n_env = n_env;
        }
}

void filter_done(struct filter *f) {
        free(f->common);
        free(f->command);
        free(f->refusals);
        *f = (struct filter){};
}

static int refusal_compare(const void *a, const void *b) {
        const struct wire_refusal *x = a, *y = b;

        return x->nr != y->nr ? (x->nr > y->nr) - (x->nr < y->nr)
                              : (x->row > y->row) - (x->row < y->row);
}

/* The filter's rows that ask the supervisor only so that it can tell. */
static int refusals_list(struct filter *f, unsigned options) {
        f->refusals = calloc(seccomp_table_n, sizeof(*f->refusals));
        if (!f->refusals)
                return -ENOMEM;
        for (size_t i = 0; i < seccomp_table_n && (options & SECCOMP_TELL); i++) {
                const struct seccomp_row *row = &seccomp_table[i];
                int nr = seccomp_row_number(row);

                if (row->told && nr >= 0 && seccomp_row_active(row, options))
                        f->refusals[f->n_refusals++] =
                                (struct wire_refusal){ .nr = nr, .row = (uint32_t) i };
        }
        qsort(f->refusals, f->n_refusals, sizeof(*f->refusals), refusal_compare);
        return 0;
}

/* Compiling a filter takes tenths of a millisecond; the few combinations that occur are kept. */
static const struct filter *filter_get(struct engine *en, const struct seccomp_options *options,
                                       struct error *e) {
        unsigned bits = seccomp_options_bits(options);
        struct filter *f = en->filters;
        struct seccomp_options part = *options;

        for (size_t i = 0; i < en->n_filters; i++)
                if (f[i].options == bits)
                        return &f[i];
        if (en->n_filters == FILTERS_MAX) { /* the oldest goes */
                filter_done(&f[0]);
                memmove(f, f + 1, --en->n_filters * sizeof(*f));
        }
        f = &en->filters[en->n_filters];
        *f = (struct filter){ .options = bits };
        part.part = SECCOMP_COMMON;
        if (seccomp_compile(&part, &f->common, &f->n_common, e) < 0)
                return NULL;
        part.part = SECCOMP_COMMAND;
        if (seccomp_compile(&part, &f->command, &f->n_command, e) < 0) {
                filter_done(f);
                return NULL;
        }
        if (refusals_list(f, bits) < 0) {
                filter_done(f);
                (void) error_nomem(e);
                return NULL;
        }
        en->n_filters++;
        return f;
}

/* Where nftables cannot redirect, these have a listener. Few, since each takes the port from the
 * sandbox's own servers: what programs without proxy support connect to. */
static const uint16_t common_ports[] = { 22, 80, 443, 9418 /* git */ };

static size_t port_add(struct wire_port *ports, size_t n, size_t max, uint16_t port) {
        for (size_t i = 0; i < n; i++)
                if (ports[i].port == port)
                        return n;
        if (n == max)
                return n;
        ports[n].port = port;
        return n + 1;
}

static uint64_t ports_add(struct wire_writer *w, const struct wire_port *ports, size_t n) {
        uint64_t array = wire_writer_array(w, n, sizeof(*ports));
        void *at = n > 0 ? wire_writer_at(w, array) : NULL;

        if (at)
                memcpy(at, ports, n * sizeof(*ports));
        return array;
}

static void gate_encode(struct wire_writer *w, const struct engine *en, const struct plan *plan) {
        const struct network_rules *rules = &plan->network;
        struct wire_port local[GATE_LOCAL_MAX] = {}, remote[GATE_REMOTE_MAX] = {};
        size_t n_local = 0, n_remote = 0;
        uint64_t locals, remotes;
        struct wire_plan *header;

        if (!plan->gate)
                return;
        for (size_t i = 0; i < rules->n_local_ports; i++)
                n_local = port_add(local, n_local, GATE_LOCAL_MAX, rules->local_ports[i]);
        for (size_t i = 0; i < rules->n_allow && !en->facts.nft_redirect; i++)
                for (size_t k = 0; k < rules->allow[i].n_ports; k++)
                        n_remote = port_add(remote, n_remote,
                                            GATE_REMOTE_MAX - ELEMENTSOF(common_ports),
                                            rules->allow[i].ports[k]);
        for (size_t i = 0; i < ELEMENTSOF(common_ports) && !en->facts.nft_redirect; i++)
                n_remote = port_add(remote, n_remote, GATE_REMOTE_MAX, common_ports[i]);
        locals = ports_add(w, local, n_local);
        remotes = ports_add(w, remote, n_remote);
        header = wire_writer_at(w, 0);
        if (!header)
                return;
        header->flags |= WIRE_PLAN_GATE | (en->facts.nft_redirect ? WIRE_PLAN_REDIRECT : 0);
        header->local_ports = locals;
        header->n_local_ports = n_local;
        header->remote_ports = remotes;
        header->n_remote_ports = n_remote;
}

static void scalars_encode(struct wire_writer *w, const struct engine *en,
                           const struct plan *plan) {
        struct wire_plan *header = wire_writer_at(w, 0);
        uint64_t workdir = wire_writer_string(w, plan->subject->workdir);

        header = wire_writer_at(w, 0);
        if (!header)
                return;
        header->workdir = workdir;
        header->landlock_abi = en->facts.landlock_abi;
        header->limit_nofile = plan->limits.open_files;
        header->soft_nofile = en->open_files;
        header->limit_fsize = plan->limits.file_bytes;
        header->limit_disk = plan->limits.disk_bytes;
        header->limit_cpu = plan->limits.cpu_seconds;
        /* Counted per user namespace, so per sandbox (decision 11); the cgroup is the better place.
         */
        header->limit_nproc = en->facts.cgroup_pids ? 0 : plan->limits.processes;
        header->flags = (plan->native ? WIRE_PLAN_NATIVE : 0) |
                        (plan->landlock ? WIRE_PLAN_LANDLOCK : 0) |
                        (plan->seccomp ? WIRE_PLAN_SECCOMP : 0) |
                        (plan->judge_writes || plan->judge_unix ? WIRE_PLAN_NOTIFY : 0) |
                        (plan->log_denials ? WIRE_PLAN_LOG : 0) |
                        (plan->judge_unix ? WIRE_PLAN_JUDGE_UNIX : 0) |
                        (plan->allow_userns ? WIRE_PLAN_KEEP_USERNS : 0);
}

static uint64_t program_encode(struct wire_writer *w, const struct sock_filter *program, size_t n) {
        uint64_t array = wire_writer_array(w, n, sizeof(*program));
        void *at = n > 0 ? wire_writer_at(w, array) : NULL;

        if (at)
                memcpy(at, program, n * sizeof(*program));
        return array;
}

static void filter_encode(struct wire_writer *w, const struct filter *f) {
        uint64_t common = program_encode(w, f->common, f->n_common);
        uint64_t command = program_encode(w, f->command, f->n_command);
        uint64_t refusals = wire_writer_array(w, f->n_refusals, sizeof(*f->refusals));
        void *at = f->n_refusals > 0 ? wire_writer_at(w, refusals) : NULL;
        struct wire_plan *header = wire_writer_at(w, 0);

        if (at)
                memcpy(at, f->refusals, f->n_refusals * sizeof(*f->refusals));

        if (!header)
                return;
        header->filter = common;
        header->n_filter = f->n_common;
        header->command_filter = command;
        header->n_command_filter = f->n_command;
        header->refusals = refusals;
        header->n_refusals = f->n_refusals;
}

static int options_filter(struct engine *en, const struct plan *plan, const struct filter **ret,
                          struct error *e) {
        const struct seccomp_options options = {
                .allow_debug = plan->allow_debug,
                .allow_userns = plan->allow_userns,
                .allow_unix_dgram = plan->allow_unix_dgram,
                .native = plan->native,
                .notify_names = plan->judge_writes,
                .notify_reads = plan->judge_reads,
                .notify_unix = plan->judge_unix,
                .tell = plan->judge_writes || plan->judge_unix, /* where it is there anyhow */
        };

        *ret = filter_get(en, &options, e);
        return *ret ? 0 : -EIO;
}

/* Fills `file` as far as it comes. */
static int plan_write(struct engine *en, const struct plan *plan, int root, struct plan_file *file,
                      struct error *e) {
        struct wire_writer w = {};
        const struct filter *filter;
        int r = options_filter(en, plan, &filter, e);

        if (r < 0)
                return r;
        if (wire_writer_begin(&w, sizeof(struct wire_plan)) < 0)
                return error_nomem(e);
        r = mounts_encode(en, &w, plan, root, file, e);
        if (r >= 0) {
                rules_encode(&w, plan, en->facts.landlock_abi);
                names_encode(&w, plan);
                environment_encode(&w, plan);
                scalars_encode(&w, en, plan);
                gate_encode(&w, en, plan);
                filter_encode(&w, filter);
                file->data = wire_writer_finish(&w, &file->size);
                if (!file->data)
                        r = error_nomem(e);
        }
        wire_writer_done(&w);
        return r;
}

int plan_encode(struct engine *en, const struct plan *plan, int root, struct plan_file *ret,
                struct error *e) {
        struct plan_file file = PLAN_FILE_NULL;
        int r = plan_write(en, plan, root, &file, e);

        if (r < 0) {
                plan_file_done(&file);
                return r;
        }
        *ret = file;
        return 0;
}

/* Descriptors first, a few at a time, then the plan that refers to them. */
int plan_file_send(const struct plan_file *file, int control) {
        struct wire_frame fds = WIRE_FRAME(WIRE_FDS), plan = WIRE_FRAME(WIRE_PLAN);
        _cleanup_close_ int memfd = sealed_new("leash-plan", file->data, file->size);
        int r = memfd < 0 ? memfd : 0;

        for (size_t i = 0; i < file->n_fds && r >= 0; i += FRAME_FDS_MAX) {
                size_t n = file->n_fds - i;

                r = frame_send(control, &fds, file->fds + i, n < FRAME_FDS_MAX ? n : FRAME_FDS_MAX);
        }
        return r < 0 ? r : frame_send(control, &plan, &memfd, 1);
}

/* With `last` behind it, where that is not NULL. */
static uint64_t vector_encode(struct wire_writer *w, const char *const *v, const char *last,
                              uint64_t *ret_n) {
        uint64_t n = 0, array;

        while (v && v[n])
                n++;
        array = wire_writer_array(w, n + (last != NULL), sizeof(uint64_t));
        for (uint64_t i = 0; i < n + (last != NULL); i++) {
                uint64_t s = wire_writer_string(w, i < n ? v[i] : last);
                uint64_t *at = wire_writer_at(w, array);

                if (at)
                        at[i] = s;
        }
        *ret_n = n + (last != NULL);
        return array;
}

int spawn_encode(const struct spawn *s, const char *sandbox_id, void **ret, size_t *ret_size,
                 struct error *e) {
        char name[128]; /* ids are the session's own, and short */
        struct wire_writer w = {};
        uint64_t argv, env, cwd, n_argv, n_env;
        struct wire_spawn *header;
        void *data;
        size_t size;

        if (wire_writer_begin(&w, sizeof(struct wire_spawn)) < 0)
                return error_nomem(e);
        if (sandbox_id)
                snprintf(name, sizeof(name), "LEASH_SANDBOX=%s", sandbox_id);
        argv = vector_encode(&w, s->argv, NULL, &n_argv);
        env = vector_encode(&w, s->env, sandbox_id ? name : NULL, &n_env);
        cwd = wire_writer_string(&w, s->cwd);
        header = wire_writer_at(&w, 0);
        if (header) {
                header->argv = argv;
                header->n_argv = n_argv;
                header->env = env;
                header->n_env = n_env;
                header->cwd = cwd;
                header->rows = s->rows;
                header->cols = s->cols;
                for (int i = 0; i < 3; i++)
                        header->stdio[i] = s->stdio[i] == SPAWN_PTY ? WIRE_STDIO_PTY
                                           : s->stdio[i] < 0        ? WIRE_STDIO_NULL
                                                                    : WIRE_STDIO_FD;
        }
        data = wire_writer_finish(&w, &size);
        wire_writer_done(&w);
        if (!data)
                return error_nomem(e);
        *ret = data;
        *ret_size = size;
        return 0;
}
