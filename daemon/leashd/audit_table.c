/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Domains in a small hash table with chains. Numbers of domains are the kernel's, so nobody chooses
 * a chain. A user who makes more domains than he may loses his own oldest ones, nobody else's.
 */
#include "audit_table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024u
#define HOT 256u /* domains that are looked at for floods; two in one place take turns */

struct domain {
        struct domain *next;          /* in its bucket */
        struct domain *older, *newer; /* of all */
        struct domain *next_dirty;
        uint64_t id;
        uint32_t uid;
        int32_t pid;
        bool dirty; /* in the list of those that have something to tell at the next tick */
        bool has_last;
        /* the last one that was told, and how often it has come again */
        uint32_t rights;
        uint16_t port;
        char path[AUDIT_PATH_BYTES];
        uint64_t repeats, lost;
        uint64_t received;
        int64_t tokens, tokens_at;
};

/* How many records a domain has sent in this second, whosever it is. */
struct hot {
        uint64_t id;
        uint32_t n;
        bool foreign; /* nobody's whom we serve */
};

struct pending {
        struct audit_record record;
        int64_t at;
        uint64_t number, lost;
};

struct muted {
        uint64_t id;
        int64_t until;
};

struct audit_table {
        struct audit_sink sink;
        struct domain *buckets[BUCKETS];
        struct domain *oldest, *newest, *dirty;
        size_t n_domains;
        struct hot hot[HOT];
        int64_t second;
        struct pending pending[AUDIT_PENDING];
        size_t n_pending;
        uint64_t pended;
        struct muted muted[AUDIT_MUTED_MAX];
        size_t n_muted;
        unsigned mutes;
};

struct audit_table *audit_table_new(const struct audit_sink *sink) {
        struct audit_table *t = calloc(1, sizeof *t);

        if (t)
                t->sink = *sink;
        return t;
}

/* The kernel counts upwards in random steps: the low bits are as good as any. */
static struct domain **bucket(struct audit_table *t, uint64_t id) {
        return &t->buckets[id % BUCKETS];
}

static struct domain *find(struct audit_table *t, uint64_t id) {
        struct domain *d = *bucket(t, id);

        while (d && d->id != id)
                d = d->next;
        return d;
}

static void forget(struct audit_table *t, struct domain *d) {
        struct domain **p = bucket(t, d->id);

        while (*p != d)
                p = &(*p)->next;
        *p = d->next;
        for (p = &t->dirty; d->dirty && *p; p = &(*p)->next_dirty)
                if (*p == d) {
                        *p = d->next_dirty;
                        break;
                }
        *(d->older ? &d->older->newer : &t->oldest) = d->newer;
        *(d->newer ? &d->newer->older : &t->newest) = d->older;
        t->n_domains--;
        free(d);
}

struct audit_table *audit_table_free(struct audit_table *t) {
        while (t && t->oldest)
                forget(t, t->oldest);
        free(t);
        return NULL;
}

static void make_room(struct audit_table *t, uint32_t uid) {
        struct domain *first = NULL;
        size_t n = 0;

        for (struct domain *d = t->newest; d; d = d->older) {
                if (d->uid != uid)
                        continue;
                first = d;
                n++;
        }
        if (n >= AUDIT_DOMAINS_PER_USER)
                forget(t, first);
        else if (t->n_domains >= AUDIT_DOMAINS_MAX)
                forget(t, t->oldest);
}

static struct domain *add(struct audit_table *t, const struct audit_record *r, int64_t now) {
        struct domain *d = calloc(1, sizeof *d);

        if (!d)
                return NULL;
        make_room(t, r->uid);
        d->id = r->domain;
        d->uid = r->uid;
        d->pid = r->pid;
        d->tokens = AUDIT_BURST;
        d->tokens_at = now;
        d->next = *bucket(t, d->id);
        *bucket(t, d->id) = d;
        d->older = t->newest;
        *(t->newest ? &t->newest->newer : &t->oldest) = d;
        t->newest = d;
        t->n_domains++;
        return d;
}

/* telling */

static bool take_token(struct domain *d, int64_t now) {
        int64_t fresh = (now - d->tokens_at) * AUDIT_PER_SECOND / 1000;

        if (fresh > 0) {
                d->tokens = d->tokens + fresh > AUDIT_BURST ? AUDIT_BURST : d->tokens + fresh;
                d->tokens_at = now;
        }
        if (d->tokens == 0)
                return false;
        d->tokens--;
        return true;
}

static void tell(struct audit_table *t, struct domain *d, uint64_t count) {
        struct audit_told told = { .uid = d->uid,
                                   .pid = d->pid,
                                   .rights = count > 0 ? d->rights : 0,
                                   .port = count > 0 ? d->port : 0,
                                   .path = count > 0 ? d->path : "",
                                   .count = count,
                                   .lost = d->lost };

        d->lost = 0;
        t->sink.tell(&told, t->sink.userdata);
}

static void make_dirty(struct audit_table *t, struct domain *d) {
        if (d->dirty)
                return;
        d->dirty = true;
        d->next_dirty = t->dirty;
        t->dirty = d;
}

static bool is_last(const struct domain *d, const struct audit_record *r) {
        return d->has_last && d->rights == r->rights && d->port == r->port &&
               strcmp(d->path, r->path) == 0;
}

static void note(struct audit_table *t, struct domain *d, const struct audit_record *r,
                 int64_t now) {
        d->received++;
        if (is_last(d, r)) {
                d->repeats++;
                make_dirty(t, d);
                return;
        }
        if (d->repeats > 0 && take_token(d, now))
                tell(t, d, d->repeats);
        else
                d->lost += d->repeats;
        d->repeats = 0;
        d->has_last = take_token(d, now);
        if (!d->has_last) {
                d->lost++;
                make_dirty(t, d);
                return;
        }
        d->rights = r->rights;
        d->port = r->port;
        memcpy(d->path, r->path, sizeof d->path);
        tell(t, d, 1);
}

static void mute(struct audit_table *t, uint64_t id, int64_t now) {
        if (t->n_muted == AUDIT_MUTED_MAX)
                return;
        for (size_t i = 0; i < t->n_muted; i++)
                if (t->muted[i].id == id)
                        return;
        t->muted[t->n_muted++] = (struct muted){ id, now + AUDIT_MUTE_MS };
        t->mutes++;
}

static struct hot *heat(struct audit_table *t, uint64_t id, int64_t now) {
        struct hot *h = &t->hot[id % HOT];

        if (now - t->second >= 1000 || now < t->second) {
                for (size_t i = 0; i < HOT; i++)
                        t->hot[i].n = 0;
                t->second = now;
        }
        if (h->id != id)
                *h = (struct hot){ .id = id };
        if (++h->n >= AUDIT_MUTE_AT)
                mute(t, id, now);
        return h;
}

static struct pending *pending_of(struct audit_table *t, uint64_t id) {
        for (size_t i = 0; i < t->n_pending; i++)
                if (t->pending[i].record.domain == id)
                        return &t->pending[i];
        return NULL;
}

static void drop_pending(struct audit_table *t, struct pending *p) {
        *p = t->pending[--t->n_pending];
}

static struct pending *longest_pending(struct audit_table *t) {
        struct pending *p = &t->pending[0];

        for (size_t i = 1; i < t->n_pending; i++)
                if (t->pending[i].number < p->number)
                        p = &t->pending[i];
        return p;
}

/* The first one of each domain: the kernel says whose the domain is right behind it. So where there
 * is no room the one that has waited longest goes: it is the least likely to be answered still, and
 * a user with many domains that nobody hears of must not keep others' out. */
static void wait_for_domain(struct audit_table *t, const struct audit_record *r, int64_t now) {
        struct pending *p = pending_of(t, r->domain);

        if (p) {
                p->lost++;
                return;
        }
        for (size_t i = 0; i < t->n_pending;)
                if (now - t->pending[i].at >= AUDIT_PENDING_MS)
                        drop_pending(t, &t->pending[i]);
                else
                        i++;
        if (t->n_pending == AUDIT_PENDING)
                drop_pending(t, longest_pending(t));
        t->pending[t->n_pending++] =
                (struct pending){ .record = *r, .at = now, .number = t->pended++ };
}

static void on_allocated(struct audit_table *t, const struct audit_record *r, int64_t now) {
        struct pending *p = pending_of(t, r->domain);
        struct domain *d = find(t, r->domain);

        if (d)
                return; /* two processors told it at the same time: landlock_log_denial() */
        /* leash-init makes a sandbox's domain, and is called so by then. Others of this user's
         * programs may have domains of their own. */
        bool ours = strcmp(r->comm, "leash-init") == 0 && t->sink.wants(r->uid, t->sink.userdata);
        if (ours)
                d = add(t, r, now);
        else
                heat(t, r->domain, now)->foreign = true;
        if (p && d) {
                d->lost = p->lost;
                note(t, d, &p->record, now);
        }
        if (p)
                drop_pending(t, p);
}

static void on_deallocated(struct audit_table *t, const struct audit_record *r) {
        struct domain *d = find(t, r->domain);

        if (!d)
                return;
        if (d->repeats > 0)
                tell(t, d, d->repeats);
        if (r->denials > d->received)
                d->lost += r->denials - d->received;
        if (d->lost > 0)
                tell(t, d, 0);
        forget(t, d);
}

void audit_table_record(struct audit_table *t, const struct audit_record *r, int64_t now) {
        if (r->kind == AUDIT_ALLOCATED) {
                on_allocated(t, r, now);
        } else if (r->kind == AUDIT_DEALLOCATED) {
                on_deallocated(t, r);
        } else {
                bool foreign = heat(t, r->domain, now)->foreign;
                struct domain *d = foreign ? NULL : find(t, r->domain);
                if (d)
                        note(t, d, r, now);
                else if (!foreign)
                        wait_for_domain(t, r, now);
        }
}

int audit_table_tick(struct audit_table *t, int64_t now) {
        struct domain *d = t->dirty, *next;
        int wait = -1;

        t->dirty = NULL;
        for (; d; d = next) {
                next = d->next_dirty;
                d->dirty = false;
                if (d->repeats == 0 && d->lost == 0)
                        continue;
                if (take_token(d, now)) {
                        tell(t, d, d->repeats);
                        d->repeats = 0;
                } else {
                        make_dirty(t, d);
                }
        }
        if (t->dirty)
                wait = AUDIT_TICK_MS;
        for (size_t i = 0; i < t->n_muted;) {
                int64_t left = t->muted[i].until - now;
                if (left <= 0) {
                        t->muted[i] = t->muted[--t->n_muted];
                        t->mutes++;
                        continue;
                }
                if (wait < 0 || left < wait)
                        wait = (int) left;
                i++;
        }
        return wait;
}

size_t audit_table_muted(const struct audit_table *t, uint64_t ret[AUDIT_MUTED_MAX]) {
        for (size_t i = 0; i < t->n_muted; i++)
                ret[i] = t->muted[i].id;
        return t->n_muted;
}

unsigned audit_table_mutes(const struct audit_table *t) {
        return t->mutes;
}
