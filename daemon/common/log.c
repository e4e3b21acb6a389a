/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A record is built in one buffer and written with one write(2), so that records of two processes
 * on the same stderr never mix. Too long a record is cut, never split.
 *
 * The journal is spoken to in its own protocol, which is one datagram of lines, for the same reason
 * as in leashd/host.c: libsystemd would bring five libraries into programs that users start on
 * demand. No value of ours holds a line feed, so its binary form is never needed.
 */
#include "log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct {
        const char *word;
        int priority; /* syslog(3) */
} levels[] = {
        [LOG_ERROR] = { "error", 3 },
        [LOG_WARN] = { "warn", 4 },
        [LOG_INFO] = { "info", 6 },
        [LOG_DEBUG] = { "debug", 7 },
};

static const struct {
        const char *event, *id;
} ids[LOG_ID_N_] = {
#define LOG_ID_ROW(name, event, id) [LOG_##name] = { event, id },
        LOG_ID_LIST(LOG_ID_ROW)
#undef LOG_ID_ROW
};

struct text {
        char *data;
        size_t n, size;
};

static void put(struct text *t, const char *s) {
        size_t room = t->size - 1 - t->n, len = strlen(s); /* the line feed's place is kept */
        if (len > room)
                len = room;
        memcpy(t->data + t->n, s, len);
        t->n += len;
}

static void put_escaped(struct text *t, const char *s) {
        char hex[8];
        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;
                if (c == '"' || c == '\\')
                        snprintf(hex, sizeof hex, "\\%c", c);
                else if (c < 0x20 || c >= 0x7f)
                        snprintf(hex, sizeof hex, "\\x%02x", c);
                else
                        snprintf(hex, sizeof hex, "%c", c);
                put(t, hex);
        }
}

static void put_value(struct text *t, const struct log_field *f, const char *quote) {
        char number[32];

        if (f->text) {
                put(t, quote);
                put_escaped(t, f->text);
                put(t, quote);
                return;
        }
        snprintf(number, sizeof number, "%lld", (long long) f->number);
        put(t, number);
}

static void put_message(struct text *t, const char *message, const struct log_field *fields,
                        size_t n) {
        put(t, message);
        for (size_t i = 0; i < n; i++) {
                put(t, " ");
                put(t, fields[i].key);
                put(t, "=");
                put_value(t, &fields[i], "\"");
        }
}

/* The journal */

static void end_line(struct text *t) {
        t->data[t->n++] = '\n';
}

/* Whole, or not at all. */
static void add_line(struct text *t, const char *name, const char *value) {
        size_t start = t->n;

        put(t, name);
        put(t, "=");
        put(t, value);
        if (t->n == t->size - 1)
                t->n = start;
        else
                end_line(t);
}

static void add_field(struct text *t, const struct log_field *f) {
        size_t start = t->n;
        char name[32];
        size_t i = 0;

        if (strcmp(f->key, "uid") == 0)
                snprintf(name, sizeof name, "USER_ID");
        else {
                for (; f->key[i] && i + 1 < sizeof name; i++)
                        name[i] = (char) (f->key[i] >= 'a' && f->key[i] <= 'z' ? f->key[i] & ~0x20
                                                                               : f->key[i]);
                name[i] = '\0';
        }
        put(t, "LEASH_");
        put(t, name);
        put(t, "=");
        put_value(t, f, "");
        if (t->n == t->size - 1)
                t->n = start;
        else
                end_line(t);
}

size_t log_datagram(const struct log *l, enum log_level level, enum log_id id, const char *message,
                    const struct log_field *fields, size_t n, char ret[static LOG_DATAGRAM]) {
        struct text t = { .data = ret, .size = LOG_DATAGRAM / 2 };
        char number[16];

        put(&t, "MESSAGE=");
        put_message(&t, message, fields, n);
        end_line(&t);
        t.size = LOG_DATAGRAM; /* the message left half of the room to them */
        snprintf(number, sizeof number, "%d", levels[level].priority);
        add_line(&t, "PRIORITY", number);
        add_line(&t, "SYSLOG_IDENTIFIER", l->program);
        if (id > LOG_ID_NONE && id < LOG_ID_N_) {
                add_line(&t, "MESSAGE_ID", ids[id].id);
                add_line(&t, "LEASH_EVENT", ids[id].event);
        }
        for (size_t i = 0; i < n && id > LOG_ID_NONE; i++)
                add_field(&t, &fields[i]);
        return t.n;
}

/* Never waits: a journal that hangs must not stop the daemon. */
static int send_datagram(const char *path, const char *data, size_t len) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
        ssize_t n = sendto(fd, data, len, MSG_NOSIGNAL, (const struct sockaddr *) &sa, sizeof sa);
        int r = n < 0 ? -errno : 0;
        (void) close(fd);
        return r;
}

/* How often */

static int64_t uid_in(const struct log_field *fields, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!fields[i].text && strcmp(fields[i].key, "uid") == 0)
                        return fields[i].number;
        return -1;
}

static bool is_over(const struct log_turn *t, int64_t now) {
        return t->n == 0 || now - t->since >= LOG_BURST_SECONDS;
}

/* This user's, or one that nobody needs any more. The first is for those who find none. */
static struct log_turn *find_turn(struct log_turn turns[static LOG_RATE_USERS], int64_t uid,
                                  int64_t now) {
        struct log_turn *old = &turns[0];

        for (size_t i = 1; i < LOG_RATE_USERS; i++)
                if (turns[i].n > 0 && turns[i].uid == uid)
                        return &turns[i];
        for (size_t i = 1; i < LOG_RATE_USERS && old == &turns[0]; i++)
                if (is_over(&turns[i], now))
                        old = &turns[i];
        if (old->uid != uid && old != &turns[0]) {
                turns[0].left_out += old->left_out; /* its user may never come again */
                *old = (struct log_turn){ .uid = uid };
        }
        return old;
}

/* Whether this one goes out; then *ret_left_out have not, since the last one that did. */
static bool take_turn(struct log_rate *r, enum log_id id, int64_t uid, uint64_t *ret_left_out) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        struct log_turn *t = find_turn(r->turns[id], uid, ts.tv_sec);
        if (is_over(t, ts.tv_sec)) {
                t->since = ts.tv_sec;
                t->n = 0;
        }
        if (t->n >= LOG_BURST) {
                t->left_out++;
                return false;
        }
        t->n++;
        *ret_left_out = t->left_out;
        t->left_out = 0;
        return true;
}

static void write_line(const struct log *l, enum log_level level, const char *message,
                       const struct log_field *fields, size_t n) {
        char data[1024], number[32];
        struct text t = { .data = data, .size = sizeof data };

        if (l->fd < 0)
                return;
        snprintf(number, sizeof number, "[%d] ", (int) getpid());
        put(&t, l->program);
        put(&t, number);
        put(&t, levels[level].word);
        put(&t, ": ");
        put_message(&t, message, fields, n);
        end_line(&t);
        /* The journal's end of stderr is a socket, and has to be no more waited for than its other
         * one. A log that cannot be written (EPIPE, ENOSPC) has nobody to tell. */
        ssize_t ignore = send(l->fd, t.data, t.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (ignore < 0 && errno == ENOTSOCK)
                ignore = write(l->fd, t.data, t.n);
        (void) ignore;
}

#define FIELDS_MAX 12

void log_record(const struct log *l, enum log_level level, enum log_id id, const char *message,
                const struct log_field *fields, size_t n) {
        struct log_field all[FIELDS_MAX + 1];
        char data[LOG_DATAGRAM];
        uint64_t left_out = 0;

        if (level > l->max)
                return;
        if (id > LOG_ID_NONE && l->rate && !take_turn(l->rate, id, uid_in(fields, n), &left_out))
                return;
        n = n < FIELDS_MAX ? n : FIELDS_MAX;
        for (size_t i = 0; i < n; i++)
                all[i] = fields[i];
        if (left_out > 0)
                all[n++] = LOG_INT("left_out", (int64_t) left_out);
        if (l->journal &&
            send_datagram(l->journal, data, log_datagram(l, level, id, message, all, n, data)) >= 0)
                return;
        write_line(l, level, message, all, n);
}

/* systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream that is the journal. Whoever
 * redirects stderr but hands the variable on must not lose what is said. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        char *end;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        unsigned long long dev = strtoull(stream, &end, 10);
        return end > stream && *end == ':' && st.st_dev == dev &&
               st.st_ino == strtoull(end + 1, NULL, 10);
}

struct log log_open(const char *program, struct log_rate *rate) {
        struct log l = { .fd = STDERR_FILENO, .program = program, .max = LOG_WARN, .rate = rate };
        const char *word = getenv("LEASH_LOG");

        if (stderr_is_journal()) {
                l.journal = JOURNAL_SOCKET;
                l.max = LOG_INFO;
        }
        for (size_t i = 0; word && i < ELEMENTSOF(levels); i++)
                if (strcmp(word, levels[i].word) == 0)
                        l.max = (enum log_level) i;
        return l;
}
