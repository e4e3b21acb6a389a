/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tell.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "options.h"

const char *level_word(enum level l) {
        return l < LEVEL_N_ && level_names[l] ? level_names[l] : "?";
}

const char *network_word(enum network_mode m) {
        return m < NETWORK_N_ && network_mode_names[m] ? network_mode_names[m] : "?";
}

const char *state_word(enum sandbox_state s) {
        static const char *const names[SANDBOX_STATE_N_] = {
                [SANDBOX_STARTING] = "starting",
                [SANDBOX_READY] = "ready",
                [SANDBOX_ENDING] = "ending",
        };

        return s < SANDBOX_STATE_N_ && names[s] ? names[s] : "?";
}

void age_text(double seconds, char *ret, size_t size) {
        static const struct {
                double from;
                double by;
                char unit;
        } steps[] = {
                { 2 * 86400, 86400, 'd' },
                { 2 * 3600, 3600, 'h' },
                { 120, 60, 'm' },
                { 0, 1, 's' },
        };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (seconds >= steps[i].from || steps[i].unit == 's') {
                        snprintf(ret, size, "%.0f%c", seconds / steps[i].by, steps[i].unit);
                        return;
                }
}

void argv_text(const struct strings *argv, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < argv->n && used < size; i++) {
                char word[512];
                shell_quote(argv->items[i], word, sizeof(word));
                int n = snprintf(ret + used, size - used, "%s%s", i > 0 ? " " : "", word);
                if (n < 0)
                        return;
                used += (size_t) n;
        }
}

void size_text(uint64_t bytes, char *ret, size_t size) {
        static const char units[] = "BKMGTPE";
        double n = (double) bytes;
        size_t i = 0;

        for (; n >= 1024 && units[i + 1]; i++)
                n /= 1024;
        snprintf(ret, size, i == 0 || n >= 100 ? "%.0f%c" : "%.1f%c", n, units[i]);
        if (i == 0)
                snprintf(ret, size, "%llu", (unsigned long long) bytes);
}

void seconds_text(double seconds, char *ret, size_t size) {
        if (seconds < 1)
                snprintf(ret, size, "%.3g ms", seconds * 1000);
        else
                snprintf(ret, size, "%.3g s", seconds);
}

void time_text(double when, char *ret, size_t size) {
        time_t t = (time_t) when;
        struct tm tm;

        ret[0] = '\0';
        if (localtime_r(&t, &tm))
                (void) strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm);
}

void limits_text(const struct policy_limits *limits, char *ret, size_t size) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < policy_limits_shape.n && used < size; i++) {
                const struct field *f = &policy_limits_shape.fields[i];
                const struct limit *l =
                        (const struct limit *) (const void *) ((const char *) limits + f->offset);
                char value[32];
                if (l->kind != LIMIT_VALUE)
                        continue;
                if (f->kind == FIELD_LIMIT_MILLI)
                        snprintf(value, sizeof(value), "%.3g", (double) l->value / 1000);
                else if (strstr(f->name, "bytes") || strstr(f->name, "rate"))
                        size_text(l->value, value, sizeof(value));
                else
                        snprintf(value, sizeof(value), "%llu", (unsigned long long) l->value);
                int n = snprintf(ret + used, size - used, "%s%s %s", used > 0 ? ", " : "", f->name,
                                 value);
                used += n > 0 ? (size_t) n : 0;
        }
}
