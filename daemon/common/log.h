/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Log records: a message and key=value pairs, one line each, or, where stderr is the journal, a
 * record of the journal's with the same as fields. Whatever a peer said is escaped here and nowhere
 * else, so that no peer can forge a line or a field, or drive a terminal.
 */
#pragma once

#include "../../policy/base.h"
#include "log_id.h"

enum log_level { LOG_ERROR = 0, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Of each record with an id, for each user that it names, LOG_BURST in LOG_BURST_SECONDS: callers
 * decide how often some of them come, and one user shall not silence what is said of another. What
 * was left out is counted, and the next one says so. */
#define LOG_BURST 20
#define LOG_BURST_SECONDS 10
#define LOG_RATE_USERS 16 /* at once; more share the first turn */
struct log_turn {
        int64_t uid;   /* -1: it names none */
        int64_t since; /* CLOCK_MONOTONIC, seconds */
        unsigned n;    /* 0: free */
        uint64_t left_out;
};
struct log_rate {
        struct log_turn turns[LOG_ID_N_][LOG_RATE_USERS];
};

struct log {
        int fd;              /* where lines go; -1 = nowhere */
        const char *program; /* "leashd" */
        enum log_level max;
        const char *journal;   /* journald's socket; NULL = lines alone */
        struct log_rate *rate; /* NULL = no limit */
};

struct log_field {
        const char *key;  /* a-z and _; "uid" is LEASH_USER_ID in the journal, "x" LEASH_X */
        const char *text; /* NULL: the number */
        int64_t number;
};
static inline struct log_field log_string(const char *key, const char *value) {
        return (struct log_field){ .key = key, .text = value ? value : "" };
}
#define LOG_STR(k, v) log_string((k), (v))
#define LOG_INT(k, v) ((struct log_field){ .key = (k), .number = (v) })

/* A program's own, at its start: lines on stderr, or the journal where stderr is that. What
 * LEASH_LOG says ("error", "warn", "info", "debug"), else LOG_WARN, or LOG_INFO in the journal,
 * which can be asked for less. */
struct log log_open(const char *program, struct log_rate *rate);

void log_record(const struct log *l, enum log_level level, enum log_id id, const char *message,
                const struct log_field *fields, size_t n);
#define log_fields_(...)                           \
        (const struct log_field[]){ __VA_ARGS__ }, \
                sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field)
#define log_write(l, level, message, ...) \
        log_record((l), (level), LOG_ID_NONE, (message), log_fields_(__VA_ARGS__))
#define log_event(l, level, id, message, ...) \
        log_record((l), (level), (id), (message), log_fields_(__VA_ARGS__))

/* One datagram of journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): its length.
 * Fields for which there is no room are left out. */
#define LOG_DATAGRAM 4096
size_t log_datagram(const struct log *l, enum log_level level, enum log_id id, const char *message,
                    const struct log_field *fields, size_t n, char ret[static LOG_DATAGRAM]);
