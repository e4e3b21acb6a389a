/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Log records: one line a record, a message and key=value pairs. Whatever a peer said is escaped
 * here and nowhere else, so that no peer can forge a line or drive a terminal. */
#pragma once

#include "../../policy/base.h"

enum log_level { LOG_ERROR = 0, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
        int fd;              /* where lines go; -1 = nowhere */
        const char *program; /* "leashd" */
        enum log_level max;
};

struct log_field {
        const char *key;
        const char *text; /* NULL: the number */
        int64_t number;
};
static inline struct log_field log_string(const char *key, const char *value) {
        return (struct log_field){ .key = key, .text = value ? value : "" };
}
#define LOG_STR(k, v) log_string((k), (v))
#define LOG_INT(k, v) ((struct log_field){ .key = (k), .number = (v) })

void log_record(const struct log *l, enum log_level level, const char *message,
                const struct log_field *fields, size_t n);
#define log_write(l, level, message, ...)                                              \
        log_record((l), (level), (message), (const struct log_field[]){ __VA_ARGS__ }, \
                   sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/* What LEASH_LOG says ("error", "warn", "info", "debug"), else LOG_WARN. */
enum log_level log_level_from_environment(void);
