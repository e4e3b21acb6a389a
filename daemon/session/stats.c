/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The metrics: one row each, with the name, type and labels that Prometheus knows them by
 * (prometheus.io: Metric and label naming). Whatever is not a word of ours never becomes a label:
 * labels are for ever, and a sandbox could make as many as it likes.
 */
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "history.h"
#include "quota.h"
#include "process.h"
#include "sandbox.h"

/* Seconds. Starting a sandbox takes some tenths of a millisecond at best, and some seconds where a
 * machine is at its end. */
static const double bounds[HISTOGRAM_BUCKETS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1,     2.5,  10 };

void histogram_add(struct histogram *h, double seconds) {
        size_t i = 0;
        while (i < HISTOGRAM_BUCKETS && seconds > bounds[i])
                i++;
        h->buckets[i]++;
        h->sum += seconds;
}

/* The policy's fields, numbered as they come: a section, then what is in it. Returns false past
 * the end. */
static bool field_name(size_t index, char *ret, size_t size) {
        size_t n = 0;
        for (size_t i = 0; i < policy_shape.n; i++) {
                const struct field *f = &policy_shape.fields[i];
                if (n++ == index) {
                        snprintf(ret, size, "%s", f->name);
                        return true;
                }
                for (size_t k = 0; f->kind == FIELD_OBJECT && k < f->shape->n; k++)
                        if (n++ == index) {
                                snprintf(ret, size, "%s.%s", f->name, f->shape->fields[k].name);
                                return true;
                        }
        }
        return false;
}

/* Is `name` the whole first part of `pointer`? Returns what is behind it. */
static const char *behind(const char *pointer, const char *name) {
        size_t len = strlen(name);
        if (pointer[0] != '/' || strncmp(pointer + 1, name, len) != 0)
                return NULL;
        pointer += 1 + len;
        return *pointer == '/' || !*pointer ? pointer : NULL;
}

static size_t field_index(const char *pointer) {
        size_t n = 0;
        for (size_t i = 0; pointer && i < policy_shape.n; i++) {
                const struct field *f = &policy_shape.fields[i];
                const char *rest = behind(pointer, f->name);
                size_t section = n++, inner = f->kind == FIELD_OBJECT ? f->shape->n : 0;
                if (rest) {
                        for (size_t k = 0; k < inner; k++)
                                if (behind(rest, f->shape->fields[k].name))
                                        section = n + k;
                        return section < STATS_FIELDS_MAX ? section : STATS_FIELDS_MAX;
                }
                n += inner;
        }
        return STATS_FIELDS_MAX;
}

void stats_denial(struct stats *st, unsigned source, const char *field, uint64_t count) {
        st->denials[source][field_index(field)] += count;
}

/* making the list */

struct maker {
        struct session *session;
        struct arena *arena;
        struct metric_sample *samples; /* of the metric at hand */
        size_t n;
        bool failed;
};
#define SAMPLES_MAX ((METHOD_N_ + 1) * ERROR_N_)

static void add(struct maker *m, double value, const char *name, const char *label) {
        struct metric_sample *x = &m->samples[m->n++];
        *x = (struct metric_sample){ .value = value };
        if (name && !arena_push_pair(m->arena, &x->labels, name, label))
                m->failed = true;
}

static void add_two(struct maker *m, double value, const char *name, const char *label,
                    const char *name2, const char *label2) {
        add(m, value, name, label);
        if (!arena_push_pair(m->arena, &m->samples[m->n - 1].labels, name2, label2))
                m->failed = true;
}

static void add_histogram(struct maker *m, const struct histogram *h) {
        struct metric_bucket *b = arena_array(m->arena, HISTOGRAM_BUCKETS, sizeof *b);
        uint64_t sum = 0;
        if (!b) {
                m->failed = true;
                return;
        }
        for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
                sum += h->buckets[i];
                b[i] = (struct metric_bucket){ .le = bounds[i], .count = sum };
        }
        add(m, (double) (sum + h->buckets[HISTOGRAM_BUCKETS]), NULL, NULL);
        m->samples[m->n - 1].sum = h->sum;
        m->samples[m->n - 1].buckets = (struct list){ b, HISTOGRAM_BUCKETS, true };
}

static const char *level_label(unsigned level) {
        return level_names[level] ? level_names[level] : "none";
}

static void build_info(struct maker *m) {
        const struct session *s = m->session;
        add_two(m, 1, "version", LEASH_VERSION, "mode", s->system ? "system" : "user");
        if (!arena_push_pair(m->arena, &m->samples[0].labels, "backend", s->backend->name))
                m->failed = true;
}

static void start_time(struct maker *m) {
        add(m, m->session->stats.started, NULL, NULL);
}

/* proc_pid_statm(5): the second number, in pages. */
static void resident(struct maker *m) {
        char *text = NULL, *end;
        size_t len;
        if (file_read(AT_FDCWD, "/proc/self/statm", 4096, &text, &len) < 0)
                return;
        (void) strtoull(text, &end, 10);
        add(m, (double) (strtoull(end, NULL, 10) * (uint64_t) sysconf(_SC_PAGESIZE)), NULL, NULL);
        free(text);
}

static void cpu(struct maker *m) {
        struct rusage ru;
        if (getrusage(RUSAGE_SELF, &ru) < 0)
                return;
        add(m, (double) ru.ru_utime.tv_sec + (double) ru.ru_utime.tv_usec / 1e6, "mode", "user");
        add(m, (double) ru.ru_stime.tv_sec + (double) ru.ru_stime.tv_usec / 1e6, "mode", "system");
}

static void buffers(struct maker *m) {
        add(m, (double) m->session->captured_bytes, "buffer", "output");
        add(m, (double) m->session->input_bytes, "buffer", "input");
}

static void running(struct maker *m) {
        uint64_t n[LEVEL_N_] = { 0 };
        const struct sandbox *sb;
        LIST_FOREACH(sb, &m->session->sandboxes, link)
                n[sb->place.plan->level]++;
        for (unsigned i = 1; i < LEVEL_N_; i++)
                add(m, (double) n[i], "level", level_label(i));
}

static void created(struct maker *m) {
        for (unsigned i = 1; i < LEVEL_N_; i++)
                add(m, (double) m->session->stats.sandboxes_created[i], "level", level_label(i));
}

static void failed(struct maker *m) {
        for (unsigned i = 0; i < LEVEL_N_; i++)
                add(m, (double) m->session->stats.sandboxes_failed[i], "level", level_label(i));
}

static void sandbox_start(struct maker *m) {
        add_histogram(m, &m->session->stats.sandbox_start);
}

static void claimed(struct maker *m) {
        const struct session *s = m->session;
        struct engine_counts n = { 0 };
        if (!s->backend->engine_count)
                return;
        s->backend->engine_count(s->engine, &n);
        add(m, (double) n.rehearsed, "from", "rehearsed");
        add(m, (double) n.prepared, "from", "prepared");
        add(m, (double) n.fresh, "from", "fresh");
}

static void prepared(struct maker *m) {
        add(m, m->session->prepared, NULL, NULL);
}

static void commands_running(struct maker *m) {
        const struct sandbox *sb;
        size_t n = 0;
        LIST_FOREACH(sb, &m->session->sandboxes, link)
                n += sb->n_processes;
        add(m, (double) n, NULL, NULL);
}

static void commands_started(struct maker *m) {
        add(m, (double) m->session->stats.commands_started, NULL, NULL);
}

static void commands_ended(struct maker *m) {
        const uint64_t *n = m->session->stats.commands_ended;
        for (unsigned i = 1; i < REASON_N_; i++)
                add(m, (double) n[i], "reason", i == REASON_EXITED ? "ok" : exit_reason_names[i]);
        add(m, (double) n[END_NONZERO], "reason", "nonzero");
        add(m, (double) n[END_NOT_STARTED], "reason", "not_started");
}

static void command_start(struct maker *m) {
        add_histogram(m, &m->session->stats.command_start);
}

/* Only those that there are: most fields refuse nothing. */
static void denials(struct maker *m) {
        static const char *const sources[SOURCE_N_] = { "notify", "gate", "audit" };
        char name[128];
        for (unsigned k = 0; k < SOURCE_N_; k++)
                for (size_t i = 0; i <= STATS_FIELDS_MAX; i++) {
                        uint64_t n = m->session->stats.denials[k][i];
                        if (n == 0)
                                continue;
                        bool known = i < STATS_FIELDS_MAX && field_name(i, name, sizeof name);
                        add_two(m, (double) n, "source", sources[k], "field",
                                known ? name : "unknown");
                }
}

static void connections(struct maker *m) {
        add(m, (double) m->session->stats.connections[1], "verdict", "allow");
        add(m, (double) m->session->stats.connections[0], "verdict", "deny");
}

static void network_bytes(struct maker *m) {
        add(m, (double) m->session->stats.bytes_in, "direction", "in");
        add(m, (double) m->session->stats.bytes_out, "direction", "out");
}

static void host_commands(struct maker *m) {
        const struct stats *st = &m->session->stats;
        add(m, (double) (st->host_commands - st->host_commands_failed), "outcome", "answered");
        add(m, (double) st->host_commands_failed, "outcome", "failed");
}

static void trusted_files(struct maker *m) {
        add(m, (double) m->session->stats.trusted_files, NULL, NULL);
}

static const char *method_label(unsigned i) {
        return i < METHOD_N_ ? methods[i].name : "unknown";
}

static void requests(struct maker *m) {
        for (unsigned i = 0; i <= METHOD_N_; i++)
                add(m, (double) m->session->stats.requests[i], "method", method_label(i));
}

static void errors(struct maker *m) {
        for (unsigned i = 0; i <= METHOD_N_; i++)
                for (unsigned k = 1; k < ERROR_N_; k++)
                        if (m->session->stats.errors[i][k] > 0)
                                add_two(m, (double) m->session->stats.errors[i][k], "method",
                                        method_label(i), "error",
                                        error_wire_name((enum error_code) k));
}

static void clients_connected(struct maker *m) {
        add(m, (double) m->session->n_peers, NULL, NULL);
}

static void clients(struct maker *m) {
        add(m, (double) m->session->received, NULL, NULL);
}

static void clients_dropped(struct maker *m) {
        add(m, (double) m->session->stats.clients_dropped, NULL, NULL);
}

static void gate_starts(struct maker *m) {
        add(m, (double) m->session->stats.gate_starts, NULL, NULL);
}

static void gate_lost(struct maker *m) {
        add(m, (double) m->session->stats.gate_events_lost, NULL, NULL);
}

static void history_bytes(struct maker *m) {
        add(m, (double) histories_bytes(m->session->histories), NULL, NULL);
}

static void history_dropped(struct maker *m) {
        add(m, (double) histories_dropped(m->session->histories), NULL, NULL);
}

/* Left out where nobody counts; a limit, where there is none. */
static void total(struct maker *m, bool memory, bool limit) {
        struct engine_totals all;

        quota_totals(m->session, &all);
        const struct engine_total *t = memory ? &all.memory_bytes : &all.processes;
        if (t->counted && (!limit || t->max > 0))
                add(m, (double) (limit ? t->max : t->used), NULL, NULL);
}

static void user_memory(struct maker *m) {
        total(m, true, false);
}

static void user_memory_limit(struct maker *m) {
        total(m, true, true);
}

static void user_processes(struct maker *m) {
        total(m, false, false);
}

static void user_processes_limit(struct maker *m) {
        total(m, false, true);
}

static const struct row {
        const char *name;
        enum metric_kind kind;
        void (*fill)(struct maker *m);
        const char *help;
} rows[] = {
        { "leash_build_info", METRIC_GAUGE, build_info, "The program that answers; always 1" },
        { "leash_session_start_time_seconds", METRIC_GAUGE, start_time,
          "When the session started, in seconds since 1970" },
        { "leash_session_resident_memory_bytes", METRIC_GAUGE, resident,
          "Memory of the session's process" },
        { "leash_session_cpu_seconds_total", METRIC_COUNTER, cpu,
          "Processor time of the session's process" },
        { "leash_session_buffer_bytes", METRIC_GAUGE, buffers,
          "Captured output and waiting input of all commands" },
        { "leash_user_memory_bytes", METRIC_GAUGE, user_memory,
          "Memory of all sandboxes of the user, and of leash for them" },
        { "leash_user_memory_limit_bytes", METRIC_GAUGE, user_memory_limit,
          "The most of that there may be" },
        { "leash_user_processes", METRIC_GAUGE, user_processes,
          "Processes and threads of all sandboxes of the user, and of leash for them" },
        { "leash_user_processes_limit", METRIC_GAUGE, user_processes_limit,
          "The most of those there may be" },
        { "leash_sandboxes_running", METRIC_GAUGE, running, "Sandboxes that exist" },
        { "leash_sandboxes_created_total", METRIC_COUNTER, created, "Sandboxes that were begun" },
        { "leash_sandboxes_failed_total", METRIC_COUNTER, failed,
          "Sandboxes that could not be made, or (none) not even planned" },
        { "leash_sandbox_start_seconds", METRIC_HISTOGRAM, sandbox_start,
          "Time from a request until its sandbox is ready" },
        { "leash_sandboxes_claimed_total", METRIC_COUNTER, claimed,
          "Sandboxes by how much was done before they were asked for" },
        { "leash_sandboxes_prepared", METRIC_GAUGE, prepared, "Sandboxes in the pool" },
        { "leash_commands_running", METRIC_GAUGE, commands_running, "Commands that run" },
        { "leash_commands_started_total", METRIC_COUNTER, commands_started,
          "Commands that were started" },
        { "leash_commands_ended_total", METRIC_COUNTER, commands_ended,
          "Commands that have ended, by why they did" },
        { "leash_command_start_seconds", METRIC_HISTOGRAM, command_start,
          "Time until a command runs, with that of its sandbox" },
        { "leash_denials_total", METRIC_COUNTER, denials,
          "Refusals that were noticed, by the field that would allow it" },
        { "leash_connections_total", METRIC_COUNTER, connections,
          "Connections and look-ups of sandboxes" },
        { "leash_network_bytes_total", METRIC_COUNTER, network_bytes,
          "Bytes that sandboxes received and sent" },
        { "leash_host_commands_total", METRIC_COUNTER, host_commands,
          "Calls of host commands from inside" },
        { "leash_trusted_files_total", METRIC_COUNTER, trusted_files,
          "Files made inside that the host may come to trust" },
        { "leash_requests_total", METRIC_COUNTER, requests, "Requests of clients" },
        { "leash_request_errors_total", METRIC_COUNTER, errors,
          "Requests that were answered with an error" },
        { "leash_clients_connected", METRIC_GAUGE, clients_connected, "Connections of clients" },
        { "leash_clients_total", METRIC_COUNTER, clients, "Connections that clients have made" },
        { "leash_clients_dropped_total", METRIC_COUNTER, clients_dropped,
          "Clients that were dropped: they did not read" },
        { "leash_gate_starts_total", METRIC_COUNTER, gate_starts,
          "Starts of leash-gate; after the first, it had died" },
        { "leash_gate_events_lost_total", METRIC_COUNTER, gate_lost,
          "Connections that leash-gate had no room to report" },
        { "leash_history_bytes", METRIC_GAUGE, history_bytes,
          "Memory of what is remembered of sandboxes" },
        { "leash_history_dropped_total", METRIC_COUNTER, history_dropped,
          "Events that are not remembered any more while their sandbox is" },
};

int stats_list(struct session *s, struct arena *a, struct list *ret) {
        struct metric *list = arena_array(a, ELEMENTSOF(rows), sizeof *list);
        struct maker m = { .session = s,
                           .arena = a,
                           .samples = calloc(SAMPLES_MAX, sizeof *m.samples) };

        m.failed = !list || !m.samples;
        for (size_t i = 0; i < ELEMENTSOF(rows) && !m.failed; i++) {
                m.n = 0;
                rows[i].fill(&m);
                struct metric_sample *copy = arena_array(a, m.n + 1, sizeof *copy);
                if (!copy || m.failed) {
                        m.failed = true;
                        break;
                }
                memcpy(copy, m.samples, m.n * sizeof *copy);
                list[i] = (struct metric){ .name = rows[i].name,
                                           .help = rows[i].help,
                                           .kind = rows[i].kind,
                                           .samples = { copy, m.n, true } };
        }
        free(m.samples);
        if (m.failed)
                return -ENOMEM;
        *ret = (struct list){ list, ELEMENTSOF(rows), true };
        return 0;
}
