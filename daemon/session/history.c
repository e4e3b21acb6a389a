/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A record is the event as JSON text: it is written once, and read back through the table that
 * describes it. Sandboxes that run are found from the newest on, as the busy ones are moved to the
 * front.
 *
 * What outlives its sandbox moves into memory of its own: in pieces on the heap it would hold on to
 * the pages of all that was made and freed around it (a crowd of 500 sandboxes left 4 MiB).
 */
#include "history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "../../policy/limits.h"
#include "../common/list.h"
#include "session.h"

/* Of an argv. A script may come as one argument of megabytes; whoever started it knows it. */
#define ARGV_BYTES 1024
#define ARGV_ITEMS 32
/* What a record costs beside its text: itself, and malloc's part. */
#define RECORD_COST (sizeof(struct record) + 16)

struct record {
        TAILQ_ENTRY(record) link;
        uint64_t number;
        uint32_t len;
        char text[];
};
TAILQ_HEAD(record_list, record);

struct history {
        TAILQ_ENTRY(history) link;
        char sandbox[ID_BYTES];
        struct record *first; /* how it was made: never dropped */
        struct record_list records;
        size_t n, bytes;
        uint64_t dropped;
        double ended;  /* clock_wall(); 0 = it runs */
        size_t mapped; /* of those that have ended: they and their records are one mapping */
};
TAILQ_HEAD(history_list, history);

struct histories {
        struct history_list running, ended; /* newest first */
        size_t n_ended, bytes;
        uint64_t dropped; /* records, of all sandboxes */
};

struct histories *histories_new(void) {
        struct histories *h = calloc(1, sizeof *h);
        if (h) {
                TAILQ_INIT(&h->running);
                TAILQ_INIT(&h->ended);
        }
        return h;
}

static void record_free(struct histories *h, struct history *x, struct record *r) {
        x->bytes -= r->len + RECORD_COST;
        h->bytes -= r->len + RECORD_COST;
        free(r);
}

static void drop_oldest(struct histories *h, struct history *x) {
        struct record *r = TAILQ_TAKE_FIRST(&x->records, link);
        record_free(h, x, r);
        x->n--;
        x->dropped++;
        h->dropped++;
}

/* Of one that runs, and is in no list any more. */
static void history_free(struct histories *h, struct history *x) {
        struct record *r;
        for (; x->n > 0 && (r = TAILQ_TAKE_FIRST(&x->records, link)); x->n--)
                record_free(h, x, r);
        if (x->first)
                record_free(h, x, x->first);
        h->bytes -= sizeof *x;
        free(x);
}

static size_t aligned(size_t n) {
        return (n + _Alignof(struct record) - 1) & ~(_Alignof(struct record) - 1);
}

static struct record *move(const struct record *r, char **at) {
        struct record *copy = (struct record *) (void *) *at;
        memcpy(copy, r, sizeof *r + r->len);
        *at += aligned(sizeof *r + r->len);
        return copy;
}

/* The same in one piece; NULL: there is no memory, or nothing to remember. */
static struct history *pack(const struct history *x) {
        const struct record *r;
        size_t size = aligned(sizeof *x), page = (size_t) sysconf(_SC_PAGESIZE);

        if (!x->first)
                return NULL;
        size += aligned(sizeof *r + x->first->len);
        TAILQ_FOREACH(r, &x->records, link)
                size += aligned(sizeof *r + r->len);
        size = (size + page - 1) / page * page;
        char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
                return NULL;
        struct history *copy = (struct history *) (void *) at;
        *copy = *x;
        copy->mapped = size;
        TAILQ_INIT(&copy->records);
        at += aligned(sizeof *x);
        copy->first = move(x->first, &at);
        TAILQ_FOREACH(r, &x->records, link) {
                struct record *moved = move(r, &at);
                TAILQ_INSERT_TAIL(&copy->records, moved, link);
        }
        return copy;
}

static void forget_ended(struct histories *h) {
        struct history *x = TAILQ_LAST(&h->ended, history_list);
        TAILQ_REMOVE(&h->ended, x, link);
        h->n_ended--;
        h->bytes -= x->mapped;
        (void) munmap(x, x->mapped);
}

struct histories *histories_free(struct histories *h) {
        struct history *x;
        if (!h)
                return NULL;
        while (h->n_ended > 0)
                forget_ended(h);
        while ((x = TAILQ_TAKE_FIRST(&h->running, link)))
                history_free(h, x);
        free(h);
        return NULL;
}

static struct history *find(const struct history_list *list, const char *sandbox) {
        struct history *x;
        TAILQ_FOREACH(x, list, link)
                if (strcmp(x->sandbox, sandbox) == 0)
                        return x;
        return NULL;
}

/* One that runs, at the front then; one that has ended, which an event may still be about; or a new
 * one. */
static struct history *take(struct histories *h, const char *sandbox) {
        struct history *x = find(&h->running, sandbox);
        struct history *ended = x ? NULL : find(&h->ended, sandbox);
        if (ended)
                return ended;
        if (x) {
                TAILQ_REMOVE(&h->running, x, link);
        } else {
                x = calloc(1, sizeof *x);
                if (!x)
                        return NULL;
                TAILQ_INIT(&x->records);
                snprintf(x->sandbox, sizeof x->sandbox, "%s", sandbox);
                h->bytes += sizeof *x;
        }
        TAILQ_INSERT_HEAD(&h->running, x, link);
        return x;
}

/* Those that have ended go first, then the sandbox's own past. False: there is no room even so. */
static bool make_room(struct histories *h, struct history *x, size_t want) {
        if (x->ended > 0) /* too late: it is packed */
                return false;
        while (x->n > 0 && (x->n >= LIMIT_HISTORY_RECORDS || x->bytes + want > LIMIT_HISTORY_BYTES))
                drop_oldest(h, x);
        while (h->n_ended > 0 && h->bytes + want > LIMIT_HISTORIES_BYTES)
                forget_ended(h);
        while (x->n > 0 && h->bytes + want > LIMIT_HISTORIES_BYTES)
                drop_oldest(h, x);
        return h->bytes + want <= LIMIT_HISTORIES_BYTES;
}

static bool is_long(const struct strings *argv) {
        size_t bytes = 0;
        for (size_t i = 0; i < argv->n && bytes <= ARGV_BYTES; i++)
                bytes += strlen(argv->items[i]) + 1;
        return argv->n > ARGV_ITEMS || bytes > ARGV_BYTES;
}

/* The beginning of it, cut between characters, with "…" in the end. */
static int shorten(struct arena *a, const struct strings *argv, struct strings *ret) {
        size_t room = ARGV_BYTES;
        for (size_t i = 0; i < argv->n && i < ARGV_ITEMS && room > 0; i++) {
                size_t len = strlen(argv->items[i]);
                if (len > room)
                        for (len = room; len > 0 && (argv->items[i][len] & 0xC0) == 0x80;)
                                len--;
                char *s = arena_strndup(a, argv->items[i], len);
                if (!s || !arena_push(a, ret, s))
                        return -ENOMEM;
                room -= len < room ? len + 1 : room;
        }
        return arena_push(a, ret, "…") ? 0 : -ENOMEM;
}

static char *encode(const struct event *ev, size_t *ret_len) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        _cleanup_(arena_freep) struct arena *a = NULL;
        struct event copy = *ev;

        if (is_long(&ev->argv)) {
                a = arena_new();
                copy.argv = (struct strings){ 0 };
                if (!a || shorten(a, &ev->argv, &copy.argv) < 0)
                        return NULL;
        }
        return shape_encode(&event_shape, &copy, &j, NULL) < 0 ? NULL
                                                               : json_print(j, false, ret_len);
}

static void end(struct histories *h, struct history *x, double when) {
        struct history *packed = pack(x);
        TAILQ_REMOVE(&h->running, x, link);
        history_free(h, x);
        if (!packed)
                return;
        TAILQ_INSERT_HEAD(&h->ended, packed, link);
        packed->ended = when;
        h->bytes += packed->mapped;
        h->n_ended++;
        while (h->n_ended > LIMIT_HISTORIES_ENDED ||
               (h->n_ended > 1 && h->bytes > LIMIT_HISTORIES_BYTES))
                forget_ended(h);
}

void history_note(struct histories *h, const struct event *ev, bool last) {
        struct history *x = take(h, ev->sandbox);
        size_t len = 0;
        char *text = x ? encode(ev, &len) : NULL;
        size_t want = len + RECORD_COST;
        struct record *r = text && make_room(h, x, want) ? malloc(sizeof *r + len) : NULL;

        if (r) {
                r->number = ev->number;
                r->len = (uint32_t) len;
                memcpy(r->text, text, len);
                x->bytes += want;
                h->bytes += want;
                if (x->first)
                        TAILQ_INSERT_TAIL(&x->records, r, link);
                else
                        x->first = r;
                x->n += x->first != r;
        } else {
                h->dropped++;
                if (x)
                        x->dropped++;
        }
        free(text);
        if (x && last && x->ended == 0)
                end(h, x, ev->time);
}

/* reading */

static int decode(const struct record *r, struct arena *a, struct event *ret,
                  struct history_texts *texts, struct error *e) {
        struct json *j = NULL;
        int n = json_parse(r->text, r->len, &j, e);
        if (n < 0)
                return n;
        texts->items[texts->n++] = j;
        return shape_decode(&event_shape, j, a, ret, e);
}

int history_read(const struct histories *h, const char *sandbox, uint64_t after, struct arena *a,
                 struct sandbox_logs_result *ret, struct history_texts *ret_texts,
                 struct error *e) {
        const struct history *x = find(&h->running, sandbox);
        struct history_texts texts = { 0 };
        const struct record *r;
        size_t n = 0;
        int result = 0;

        x = x ? x : find(&h->ended, sandbox);
        if (!x) {
                result = error_set(
                        e, ERROR_NOT_FOUND, ENOENT,
                        "nothing is known of a sandbox %.40s; remembered are the last %u that "
                        "ended since this session started (leashctl status lists them)",
                        sandbox, LIMIT_HISTORIES_ENDED);
                return error_under(e, "/sandbox", result);
        }
        struct event *events = arena_array(a, x->n + 1, sizeof *events);
        texts.items = calloc(x->n + 1, sizeof(void *));
        if (!events || !texts.items) {
                history_done(&texts);
                return error_nomem(e);
        }
        if (x->first && x->first->number > after)
                result = decode(x->first, a, &events[n++], &texts, e);
        TAILQ_FOREACH(r, &x->records, link)
                if (result >= 0 && r->number > after)
                        result = decode(r, a, &events[n++], &texts, e);
        if (result < 0) {
                history_done(&texts);
                return result;
        }
        ret->events = (struct list){ events, n, true };
        ret->dropped = x->dropped;
        ret->ended = x->ended > 0;
        *ret_texts = texts;
        return 0;
}

void history_done(struct history_texts *t) {
        for (size_t i = 0; i < t->n; i++)
                json_unref(t->items[i]);
        free(t->items);
        *t = (struct history_texts){ 0 };
}

size_t histories_bytes(const struct histories *h) {
        return h->bytes;
}

uint64_t histories_dropped(const struct histories *h) {
        return h->dropped;
}

int histories_ended(const struct histories *h, size_t max, struct arena *a, struct list *ret) {
        struct ended_sandbox *rows = arena_array(a, max, sizeof *rows);
        const struct history *x;
        size_t n = 0;

        if (!rows)
                return -ENOMEM;
        TAILQ_FOREACH(x, &h->ended, link) {
                if (n == max)
                        break;
                rows[n++] = (struct ended_sandbox){ .sandbox = arena_strdup(a, x->sandbox),
                                                    .ended = x->ended };
                if (!rows[n - 1].sandbox)
                        return -ENOMEM;
        }
        *ret = (struct list){ rows, n, true };
        return 0;
}
