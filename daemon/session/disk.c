/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A directory of the host has no size that the kernel would hold, so it is measured: free space of
 * its file system often, which is one system call, and the directory itself when that has shrunk,
 * or when some seconds have gone by. The walk is cut into slices, and its sum counts while it
 * grows.
 *
 * Code that moves a file, while the walk goes on, to where that has just been, is not found by it.
 * So where more has gone from the free space than would be left of the limit, the sandbox is
 * frozen for one walk, which is exact; not for longer than FREEZE_S, and seldom.
 *
 * In a directory of the user's own, what was there before is not the sandbox's; a file that was
 * made since is. What cannot be looked into, and a walk that does not come to its end, are no way
 * out: then the free space alone decides.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "../../backends/posix/measure.h"
#include "../../backends/posix/socket.h"
#include "process.h"
#include "sandbox.h"

#define LOOK_MS 100      /* at the free space: a fast disk writes 100 MB meanwhile */
#define REST_MS 1000     /* … while no command runs */
#define WALK_SECONDS 5   /* from one walk's end to the next, at the longest */
#define WALK_SHARE 8     /* … or when this part of the limit has gone from the free space */
#define SLICE 512        /* entries: a millisecond or two */
#define SLICE_MS 10      /* so that one walk takes a tenth or two of a processor */
#define PATIENCE_S 10    /* a walk that takes longer is taken for blind */
#define SEARCH_SECONDS 1 /* for what hides */
#define FREEZE_S 1.0     /* … a sandbox is frozen at once: some 500,000 entries */
#define STAND_S 0.05     /* so soon nearly all stands still */
#define STAND_MS 2       /* … and is looked at so often until then */
#define FREEZE_SHARE 20  /* and so many times as long it runs before it is frozen again */
#define PLACES 2         /* the working directory; and where /tmp is the host's, that one */

struct place_watch {
        int fd;
        uint64_t free_first, free_then; /* at the start, and when the last walk began */
        uint64_t free_exact, exact;     /* free space, and what was found, at the last exact walk */
        uint64_t base, grown;
        bool based, unseen;
};

struct disk_watch {
        struct sandbox *sb;
        struct event *timer;
        uint64_t limit;
        struct timespec since;
        struct place_watch places[PLACES];
        size_t n_places;
        struct measure *walk; /* of places[walking] */
        size_t walking;
        double search_at; /* not before then */
        bool frozen;
        bool walks, stands; /* while it is frozen: the walk has begun, and all stood still then */
        double frozen_at, freeze_at; /* since when; not before then */
        double began, ended;         /* monotonic: of the walk under way, of the last one */
};

/* Names are counted as measure.c does: they may take no block, and yet there is an end of them. */
static uint64_t free_bytes(int fd) {
        struct statvfs fs;

        return fstatvfs(fd, &fs) < 0 ? 0
                                     : (uint64_t) fs.f_bfree * fs.f_frsize +
                                               (uint64_t) fs.f_ffree * MEASURE_NAME_BYTES;
}

static uint64_t fell(uint64_t before, int fd) {
        uint64_t now = free_bytes(fd);

        return now < before ? before - now : 0;
}

static uint64_t total(const struct disk_watch *w) {
        const struct backend *b = w->sb->session->backend;
        uint64_t sum = 0;
        bool full;

        if (!b->box_disk || !b->box_disk(w->sb->box, &sum, &full))
                sum = 0;
        for (size_t i = 0; i < w->n_places; i++)
                sum += w->places[i].grown;
        return sum;
}

static void thaw(struct disk_watch *w) {
        double now = clock_monotonic(), took = now - w->frozen_at;

        w->sb->session->backend->box_thaw(w->sb->box);
        w->frozen = false;
        w->freeze_at =
                now + (took * FREEZE_SHARE > SEARCH_SECONDS ? took * FREEZE_SHARE : SEARCH_SECONDS);
}

/* Everything in it: what goes on writing may be a child of a command that has ended. */
static void end(struct disk_watch *w) {
        struct process *p;

        LIST_FOREACH(p, &w->sb->processes, sandbox_link)
                if (p->reason == REASON_UNSET)
                        p->reason = REASON_DISK_LIMIT;
        log_write(&w->sb->session->log, LOG_INFO, "a sandbox has written too much",
                  LOG_STR("sandbox", w->sb->id), LOG_INT("limit", (int64_t) w->limit));
        if (w->frozen)
                thaw(w);
        sandbox_doom(w->sb);
}

/* More has gone than was found. Somebody else may have taken it: so the sandbox must be seen to
 * have it, or at least to have written as much. */
static bool hides(struct disk_watch *w) {
        const struct backend *b = w->sb->session->backend;
        double now = clock_monotonic();
        struct box_used used;

        for (size_t i = 0; i < w->n_places; i++) {
                const struct place_watch *p = &w->places[i];
                if (fell(p->free_first, p->fd) <= w->limit || now < w->search_at)
                        continue;
                w->search_at = now + SEARCH_SECONDS;
                if (b->box_used && b->box_used(w->sb->box, &used) && used.io_written > w->limit)
                        return true;
                if (b->box_pid && total(w) + disk_hidden(b->box_pid(w->sb->box), p->fd) > w->limit)
                        return true;
        }
        return false;
}

static bool is_over(struct disk_watch *w) {
        bool slow = w->walk && clock_monotonic() - w->began > PATIENCE_S;

        for (size_t i = 0; i < w->n_places; i++)
                if ((w->places[i].unseen || slow) &&
                    fell(w->places[i].free_first, w->places[i].fd) > w->limit)
                        return true;
        return total(w) > w->limit || hides(w);
}

static void note(struct place_watch *p, const struct measured *m, bool done) {
        /* What came into being while it was first looked at is the sandbox's; what was changed
         * then is not told from what it was before. */
        if (!p->based) {
                p->grown = m->new_bytes;
                p->base = m->old_bytes;
                p->based = done;
        } else if (m->old_bytes + m->new_bytes > p->base + p->grown || done)
                p->grown = m->old_bytes + m->new_bytes > p->base
                                   ? m->old_bytes + m->new_bytes - p->base
                                   : 0;
        p->unseen = m->unseen || (p->unseen && !done);
}

/* Whether a walk is still under way. */
static bool walk(struct disk_watch *w) {
        struct place_watch *p = &w->places[w->walking];
        struct measured found = { 0 };

        if (!w->walk) {
                if (w->walking == 0)
                        w->began = clock_monotonic();
                p->free_then = free_bytes(p->fd);
                if (measure_new(p->fd, &w->since, &w->walk) < 0) { /* no descriptors, say */
                        p->unseen = true;
                        w->ended = clock_monotonic();
                        return false;
                }
        }
        bool more = measure_step(w->walk, SLICE, &found) > 0;
        note(p, &found, !more);
        if (more)
                return true;
        w->walk = measure_free(w->walk);
        if (++w->walking < w->n_places)
                return true;
        w->walking = 0;
        w->ended = clock_monotonic();
        return false;
}

static bool is_due(const struct disk_watch *w) {
        if (w->walk || w->walking > 0 || clock_monotonic() - w->ended > WALK_SECONDS)
                return true;
        for (size_t i = 0; i < w->n_places; i++)
                if (fell(w->places[i].free_then, w->places[i].fd) >= w->limit / WALK_SHARE)
                        return true;
        return false;
}

/* Others write to that file system, too: it is no proof. */
static bool is_suspect(const struct disk_watch *w) {
        for (size_t i = 0; i < w->n_places; i++) {
                const struct place_watch *p = &w->places[i];
                if (p->based && p->exact + fell(p->free_exact, p->fd) > w->limit)
                        return true;
        }
        return false;
}

static void abandon_walk(struct disk_watch *w) {
        w->walk = measure_free(w->walk);
        w->walking = 0;
}

static void freeze(struct disk_watch *w) {
        const struct backend *b = w->sb->session->backend;

        if (w->frozen || !b->box_freeze || clock_monotonic() < w->freeze_at || !is_suspect(w))
                return;
        w->walks = false;
        w->frozen_at = clock_monotonic();
        w->frozen = b->box_freeze(w->sb->box) >= 0;
        if (w->frozen)
                abandon_walk(w);
        else
                w->freeze_at = w->frozen_at + SEARCH_SECONDS;
}

/* Code decides whether all of it ever stands still: a call that waits for the supervisor, which is
 * frozen as well, does not. Such a thread makes one call at the most, and cannot see when: what is
 * found is what there is, though no proof that there is no more. */
static bool may_walk(struct disk_watch *w) {
        if (w->walks)
                return true;
        w->stands = w->sb->session->backend->box_is_frozen(w->sb->box);
        w->walks = w->stands || clock_monotonic() - w->frozen_at > STAND_S;
        return w->walks;
}

/* One slice of it; whether there is more to do. */
static bool walk_frozen(struct disk_watch *w) {
        if (!may_walk(w))
                return true;
        bool more = walk(w);

        if (more && clock_monotonic() - w->frozen_at < FREEZE_S)
                return true;
        for (size_t i = 0; !more && w->stands && i < w->n_places; i++) {
                w->places[i].free_exact = free_bytes(w->places[i].fd);
                w->places[i].exact = w->places[i].grown;
        }
        if (more) /* it would have to be frozen for longer than is good for it */
                abandon_walk(w);
        thaw(w);
        return false;
}

static void on_time(evutil_socket_t fd, short what, void *userdata) {
        struct disk_watch *w = userdata;
        if (!w->frozen)
                freeze(w);
        bool walking = w->frozen ? walk_frozen(w) : is_due(w) && walk(w);

        if (is_over(w)) {
                end(w);
                return;
        }
        unsigned ms = w->frozen                ? w->walks ? 0 : STAND_MS
                      : walking                ? SLICE_MS
                      : w->sb->n_processes > 0 ? LOOK_MS
                                               : REST_MS;
        const struct timeval next = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
        (void) event_add(w->timer, &next);
}

static int add_place(struct disk_watch *w, const char *path, bool fresh, struct error *e) {
        struct place_watch *p = &w->places[w->n_places];

        p->fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (p->fd < 0)
                return error_set(e, ERROR_IO, errno, "%s: %s", path, strerror(errno));
        w->n_places++;
        p->free_first = p->free_then = p->free_exact = free_bytes(p->fd);
        p->based = fresh; /* it is empty */
        return 0;
}

struct disk_watch *disk_watch_free(struct disk_watch *w) {
        if (w) {
                measure_free(w->walk);
                if (w->timer)
                        event_free(w->timer);
                while (w->n_places > 0)
                        fd_close(w->places[--w->n_places].fd);
                free(w);
        }
        return NULL;
}
DEFINE_CLEANUP(struct disk_watch *, disk_watch_free)

int disk_watch_start(struct sandbox *sb, struct error *e) {
        const struct plan *plan = sb->place.plan;
        const struct timeval soon = { .tv_usec = LOOK_MS * 1000 };

        if (plan->disk != DISK_WATCHED)
                return 0;
        _cleanup_(disk_watch_freep) struct disk_watch *w = calloc(1, sizeof *w);
        if (!w)
                return error_nomem(e);
        w->sb = sb;
        w->limit = plan->limits.disk_bytes;
        /* The clock that file systems take their times from. */
        (void) clock_gettime(CLOCK_REALTIME_COARSE, &w->since);
        int r = add_place(w, plan->subject->workdir, plan->subject->workdir_fresh, e);
        if (r >= 0 && plan->subject->tmpdir)
                r = add_place(w, plan->subject->tmpdir, true, e);
        if (r < 0)
                return r;
        w->timer = evtimer_new(sb->session->base, on_time, w);
        if (!w->timer || event_add(w->timer, &soon) < 0)
                return error_nomem(e);
        sb->disk_watch = TAKE(w);
        return 0;
}

bool disk_is_full(const struct sandbox *sb) {
        const struct backend *b = sb->session->backend;
        uint64_t bytes;
        bool full = false;

        return sb->box && b->box_disk && b->box_disk(sb->box, &bytes, &full) && full;
}
