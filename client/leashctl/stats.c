/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * stats: what the session has counted, for people or in Prometheus' text format, version 0.0.4
 * (prometheus.io: Exposition formats). The daemon of another version may know metrics that this
 * program does not: they are printed all the same, once their names are such as may be printed.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "tell.h"

static bool is_name(const char *s) {
        if (!s || !(isalpha((unsigned char) *s) || *s == '_' || *s == ':'))
                return false;
        for (; *s; s++)
                if (!(isalnum((unsigned char) *s) || *s == '_' || *s == ':'))
                        return false;
        return true;
}

/* A label's value, or a help text: backslash and line feed are escaped, and in a value the quote,
 * too. All else is UTF-8, which JSON has seen to. */
static void put_escaped(FILE *f, const char *s, bool value) {
        for (; *s; s++)
                if (*s == '\n')
                        fputs("\\n", f);
                else if (*s == '\\' || (*s == '"' && value))
                        fprintf(f, "\\%c", *s);
                else
                        fputc(*s, f);
}

static void put_number(FILE *f, double d) {
        const double exact = 9007199254740992.0; /* 2^53: every whole number below is a double */
        bool whole = d > -exact && d < exact && (double) (long long) d == d;
        char text[32];

        if (whole)
                snprintf(text, sizeof(text), "%lld", (long long) d);
        for (int digits = 15; !whole && digits <= 17; digits++) { /* 17 always suffice */
                snprintf(text, sizeof(text), "%.*g", digits, d);
                if (strtod(text, NULL) == d)
                        break;
        }
        fputs(text, f);
}

static void put_labels(FILE *f, uint64_t uid, const struct pairs *labels, const double *le) {
        fprintf(f, "{uid=\"%llu\"", (unsigned long long) uid);
        for (size_t i = 0; i < labels->n; i++) {
                if (!is_name(labels->items[i].name) || strchr(labels->items[i].name, ':'))
                        continue;
                fprintf(f, ",%s=\"", labels->items[i].name);
                put_escaped(f, labels->items[i].value, true);
                fputc('"', f);
        }
        if (le && isinf(*le))
                fputs(",le=\"+Inf\"", f);
        else if (le)
                fprintf(f, ",le=\"%.15g\"", *le);
        fputs("} ", f);
}

static void put_histogram(FILE *f, uint64_t uid, const char *name, const struct metric_sample *x) {
        const struct metric_bucket *b = x->buckets.items;
        const double infinite = INFINITY;

        for (size_t i = 0; i < x->buckets.n; i++) {
                fprintf(f, "%s_bucket", name);
                put_labels(f, uid, &x->labels, &b[i].le);
                fprintf(f, "%llu\n", (unsigned long long) b[i].count);
        }
        fprintf(f, "%s_bucket", name);
        put_labels(f, uid, &x->labels, &infinite);
        put_number(f, x->value);
        fprintf(f, "\n%s_sum", name);
        put_labels(f, uid, &x->labels, NULL);
        put_number(f, x->sum);
        fprintf(f, "\n%s_count", name);
        put_labels(f, uid, &x->labels, NULL);
        put_number(f, x->value);
        fputc('\n', f);
}

/* leash_up is the one metric that is there without a daemon, too. */
static void put_up(FILE *f, uint64_t uid, int up) {
        fprintf(f,
                "# HELP leash_up A daemon answers\n# TYPE leash_up gauge\nleash_up{uid=\"%llu\"} "
                "%d\n",
                (unsigned long long) uid, up);
}

void stats_prometheus(FILE *f, const struct leash_stats_result *r) {
        const struct metric *m = r->metrics.items;

        put_up(f, r->uid, 1);
        for (size_t i = 0; i < r->metrics.n; i++) {
                const struct metric_sample *x = m[i].samples.items;
                if (!is_name(m[i].name) || m[i].kind >= METRIC_KIND_N_ ||
                    !metric_kind_names[m[i].kind])
                        continue;
                fprintf(f, "# HELP %s ", m[i].name);
                put_escaped(f, m[i].help ? m[i].help : "", false);
                fprintf(f, "\n# TYPE %s %s\n", m[i].name, metric_kind_names[m[i].kind]);
                for (size_t k = 0; k < m[i].samples.n; k++) {
                        if (m[i].kind == METRIC_HISTOGRAM) {
                                put_histogram(f, r->uid, m[i].name, &x[k]);
                                continue;
                        }
                        fputs(m[i].name, f);
                        put_labels(f, r->uid, &x[k].labels, NULL);
                        put_number(f, x[k].value);
                        fputc('\n', f);
                }
        }
}

/* for people */

/* The lowest bound that this part of all did not exceed. */
static void quantile_text(const struct metric_sample *x, double part, char *ret, size_t size) {
        const struct metric_bucket *b = x->buckets.items;

        for (size_t i = 0; i < x->buckets.n; i++)
                if ((double) b[i].count >= part * x->value) {
                        seconds_text(b[i].le, ret, size);
                        return;
                }
        snprintf(ret, size, "longer");
}

static void histogram_text(const struct metric_sample *x, char *ret, size_t size) {
        char mean[32], half[32], most[32];

        if (x->value < 1) {
                snprintf(ret, size, "0");
                return;
        }
        seconds_text(x->sum / x->value, mean, sizeof(mean));
        quantile_text(x, 0.5, half, sizeof(half));
        quantile_text(x, 0.99, most, sizeof(most));
        snprintf(ret, size, "%.0f; mean %s, half of them within %s, 99 %% within %s", x->value,
                 mean, half, most);
}

static void value_text(const struct metric *m, const struct metric_sample *x, char *ret,
                       size_t size) {
        if (m->kind == METRIC_HISTOGRAM)
                histogram_text(x, ret, size);
        else if (strstr(m->name, "_bytes"))
                size_text((uint64_t) x->value, ret, size);
        else if (strstr(m->name, "start_time_seconds"))
                time_text(x->value, ret, size);
        else if (strstr(m->name, "_seconds"))
                seconds_text(x->value, ret, size);
        else
                snprintf(ret, size, "%.15g", x->value);
}

static void labels_text(const struct pairs *labels, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < labels->n && used < size; i++) {
                int n = snprintf(ret + used, size - used, "%s%s", i > 0 ? " " : "",
                                 labels->items[i].value);
                used += n > 0 ? (size_t) n : 0;
        }
}

/* One line a metric, and one each for what is in it, unless that is nothing. */
static void add_metric(struct table *t, const struct metric *m) {
        const struct metric_sample *x = m->samples.items;
        char value[256], label[256], indented[264];

        if (m->samples.n == 1 && x[0].labels.n == 0) {
                value_text(m, &x[0], value, sizeof(value));
                table_row(t, (const char *const[]){ m->help, value });
                return;
        }
        bool any = false;
        for (size_t i = 0; i < m->samples.n; i++)
                any |= x[i].value != 0;
        table_row(t, (const char *const[]){ m->help, any ? "" : "0" });
        for (size_t i = 0; i < m->samples.n; i++) {
                if (x[i].value == 0)
                        continue;
                labels_text(&x[i].labels, label, sizeof(label));
                snprintf(indented, sizeof(indented), "    %s", label);
                value_text(m, &x[i], value, sizeof(value));
                table_row(t, (const char *const[]){ indented, value });
        }
}

int cmd_stats(struct ctl *c) {
        struct leash_stats_result stats = { 0 };
        struct table t = { .cols = 2 };

        if (c->o.n_operands > 0)
                return ctl_usage(c, "stats takes no operands");
        if (c->o.prometheus && c->o.json)
                return ctl_usage(c, "--prometheus and --json are two formats: give one of them");
        int r = leash_connect(c->o.socket, LEASH_NO_START, &c->l);
        if (r < 0 && c->o.prometheus) { /* a scrape that finds nobody is an answer */
                put_up(stdout, getuid(), 0);
                return EXIT_OK;
        }
        if (r < 0)
                return status_absent(c, r);
        r = ctl_query(c, METHOD_LEASH_STATS, NULL, &stats);
        if (r != 0)
                return r < 0 ? -r : EXIT_OK;
        if (c->o.prometheus) {
                stats_prometheus(stdout, &stats);
                return EXIT_OK;
        }
        const struct metric *m = stats.metrics.items;
        for (size_t i = 0; i < stats.metrics.n; i++)
                add_metric(&t, &m[i]);
        table_print(&t, stdout);
        table_done(&t);
        return EXIT_OK;
}
