/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A record is built in one buffer and written with one write(2), so that records of two processes
 * on the same stderr never mix. Too long a record is cut, never split. */
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_words[] = {
        [LOG_ERROR] = "error",
        [LOG_WARN] = "warn",
        [LOG_INFO] = "info",
        [LOG_DEBUG] = "debug",
};

struct line {
        char text[1024];
        size_t n;
};

static void put(struct line *l, const char *s) {
        size_t room = sizeof l->text - 1 - l->n, len = strlen(s);
        if (len > room)
                len = room;
        memcpy(l->text + l->n, s, len);
        l->n += len;
}

static void put_escaped(struct line *l, const char *s) {
        char hex[8];
        put(l, "\"");
        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;
                if (c == '"' || c == '\\')
                        snprintf(hex, sizeof hex, "\\%c", c);
                else if (c < 0x20 || c >= 0x7f)
                        snprintf(hex, sizeof hex, "\\x%02x", c);
                else
                        snprintf(hex, sizeof hex, "%c", c);
                put(l, hex);
        }
        put(l, "\"");
}

void log_record(const struct log *l, enum log_level level, const char *message,
                const struct log_field *fields, size_t n) {
        struct line line = { .n = 0 };
        char number[32];

        if (l->fd < 0 || level > l->max)
                return;
        snprintf(number, sizeof number, "[%d] ", (int) getpid());
        put(&line, l->program);
        put(&line, number);
        put(&line, level_words[level]);
        put(&line, ": ");
        put(&line, message);
        for (size_t i = 0; i < n; i++) {
                put(&line, " ");
                put(&line, fields[i].key);
                put(&line, "=");
                if (fields[i].text) {
                        put_escaped(&line, fields[i].text);
                        continue;
                }
                snprintf(number, sizeof number, "%lld", (long long) fields[i].number);
                put(&line, number);
        }
        line.text[line.n++] = '\n'; /* put() leaves room for it */
        /* A log that cannot be written (EPIPE, ENOSPC) has nobody to tell. */
        ssize_t ignore = write(l->fd, line.text, line.n);
        (void) ignore;
}

enum log_level log_level_from_environment(void) {
        const char *word = getenv("LEASH_LOG");
        for (size_t i = 0; word && i < ELEMENTSOF(level_words); i++)
                if (strcmp(word, level_words[i]) == 0)
                        return (enum log_level) i;
        return LOG_WARN;
}
