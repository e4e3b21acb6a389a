/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Fresh working directories lie in ~/.cache/leash/work/ as TAG-RANDOM, where the tag is the
 * session's and TAG.lock is held by it (flock(2), which the kernel drops however the session ends).
 * A tag whose lock is free belongs to a dead session: all of it is removed. NAME.keep beside a
 * directory says: hands off.
 */
#include "workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "../../backends/posix/socket.h"
#include "../../backends/posix/tree.h"

#define TAG_BYTES 13     /* 60 bits: two sessions never meet */
#define STEP_ENTRIES 256 /* about a millisecond; then the loop goes on */
#define TRIES 5          /* processes that are just being killed may still make files */
#define TRY_AGAIN_MS 100
#define CLOSE_SECONDS 8 /* leashd waits 10 for us */

struct workdir {
        char *path;
        char name[64];
};

struct removal {
        STAILQ_ENTRY(removal) link;
        char name[256];
        bool is_lock; /* a dead session's lock file: after everything that it guarded */
        unsigned tries;
        struct request *rq;
};
STAILQ_HEAD(removal_queue, removal);

struct workdirs {
        char base[PATH_MAX];
        int base_fd, lock_fd;
        char tag[TAG_BYTES];
        struct removal_queue queue;
        struct tree *tree; /* of the first in the queue */
        struct event *event;
        const struct log *log;
};

static void enqueue(struct workdirs *w, const char *name, bool is_lock, struct request *rq) {
        struct removal *x = calloc(1, sizeof *x);
        if (!x) { /* the next session finds it */
                if (rq)
                        request_reply(rq, NULL);
                return;
        }
        x->rq = rq;
        snprintf(x->name, sizeof x->name, "%s", name);
        x->is_lock = is_lock;
        STAILQ_INSERT_TAIL(&w->queue, x, link);
        if (w->event && !event_pending(w->event, EV_TIMEOUT, NULL))
                event_active(w->event, EV_TIMEOUT, 1);
}

static void drop_first(struct workdirs *w) {
        struct removal *x = STAILQ_FIRST(&w->queue);
        STAILQ_REMOVE_HEAD(&w->queue, link);
        if (x->rq)
                request_reply(x->rq, NULL);
        free(x);
}

/* 1: call again at once. 0: nothing to do. 2: call again later. */
static int step(struct workdirs *w) {
        struct removal *x = STAILQ_FIRST(&w->queue);
        int r = 0;

        if (!x)
                return 0;
        if (x->is_lock) {
                (void) unlinkat(w->base_fd, x->name, 0);
                drop_first(w);
                return 1;
        }
        if (!w->tree)
                r = tree_new(w->base_fd, x->name, &w->tree);
        if (r >= 0)
                r = tree_step(w->tree, STEP_ENTRIES);
        if (r > 0)
                return 1;
        w->tree = tree_free(w->tree);
        if (r < 0 && ++x->tries < TRIES)
                return 2;
        if (r < 0)
                log_write(w->log, LOG_WARN, "cannot remove a working directory",
                          LOG_STR("name", x->name), LOG_STR("errno", strerror(-r)));
        drop_first(w);
        return 1;
}

static void on_step(evutil_socket_t fd, short what, void *userdata) {
        struct workdirs *w = userdata;
        struct timeval delay = { 0 };
        int r = step(w);
        if (r == 2)
                delay.tv_usec = TRY_AGAIN_MS * 1000;
        if (r > 0)
                (void) event_add(w->event, &delay);
}

/* mkdir -p for the last parts of a path; these have to be private, what stands above is the user's.
 */
static int open_base(const char *top, const char *const *parts, char *ret) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s", top), fd = -1;

        (void) mkdir(top, 0700);
        for (size_t i = 0; parts[i]; i++) {
                fd = fd_close(fd);
                n += snprintf(path + n, sizeof path - (size_t) n, "/%s", parts[i]);
                if ((size_t) n >= sizeof path)
                        return -ENAMETOOLONG;
                int r = dir_private(path, &fd);
                if (r < 0)
                        return r;
        }
        if (!realpath(path, ret)) {
                int r = -errno;
                fd_close(fd);
                return r;
        }
        return fd;
}

static int find_base(struct session *s, struct workdirs *w) {
        static const char *const below_cache[] = { "leash", "work", NULL };
        char top[PATH_MAX - 64], own[32];
        const char *const below_tmp[] = { own, "work", NULL };
        const char *cache = getenv("XDG_CACHE_HOME");

        int n = cache && cache[0] == '/' ? snprintf(top, sizeof top, "%s", cache)
                                         : snprintf(top, sizeof top, "%s/.cache", s->user.home);
        int fd = n > 0 && (size_t) n < sizeof top ? open_base(top, below_cache, w->base)
                                                  : -ENAMETOOLONG;
        if (fd < 0) {
                /* No home, or one that cannot be written. */
                snprintf(own, sizeof own, "leash-%u", s->user.uid);
                fd = open_base("/tmp", below_tmp, w->base);
        }
        w->base_fd = fd;
        return fd < 0 ? fd : 0;
}

static int take_lock(struct workdirs *w, const char *name, int flags) {
        struct stat st;
        _cleanup_(fd_closep) int fd = openat(
                w->base_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* Somebody who took us for dead between open and flock has unlinked it: no lock then. */
        if (st.st_nlink == 0)
                return -ESTALE;
        return TAKE_FD(fd);
}

static int lock_own_tag(struct workdirs *w) {
        for (unsigned i = 0; i < 8; i++) {
                char id[ID_BYTES], name[TAG_BYTES + 8];
                id_new("", id);
                snprintf(w->tag, sizeof w->tag, "%.*s", TAG_BYTES - 1, id);
                snprintf(name, sizeof name, "%s.lock", w->tag);
                w->lock_fd = take_lock(w, name, O_CREAT | O_EXCL);
                if (w->lock_fd >= 0)
                        return 0;
        }
        return w->lock_fd;
}

static bool ends_with(const char *name, const char *tail) {
        size_t n = strlen(name), k = strlen(tail);
        return n > k && strcmp(name + n - k, tail) == 0;
}

static bool is_kept(struct workdirs *w, const char *name) {
        char marker[300];
        snprintf(marker, sizeof marker, "%s.keep", name);
        return faccessat(w->base_fd, marker, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Is the session that made `name` ("TAG-…" or "TAG.lock") dead? */
static bool tag_is_dead(struct workdirs *w, const char *name) {
        char lock[TAG_BYTES + 8];
        size_t n = strcspn(name, "-.");
        if (n != TAG_BYTES - 1 || strncmp(name, w->tag, n) == 0)
                return false;
        snprintf(lock, sizeof lock, "%.*s.lock", (int) n, name);
        _cleanup_(fd_closep) int fd = take_lock(w, lock, 0);
        return fd >= 0 || fd == -ENOENT || fd == -ESTALE;
}

static void sweep(struct workdirs *w, bool locks) {
        int fd = openat(w->base_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *de;

        if (!d) {
                fd_close(fd);
                return;
        }
        while ((de = readdir(d))) {
                if (de->d_name[0] == '.' || ends_with(de->d_name, ".keep") ||
                    ends_with(de->d_name, ".lock") != locks || is_kept(w, de->d_name))
                        continue;
                if (tag_is_dead(w, de->d_name))
                        enqueue(w, de->d_name, locks, NULL);
        }
        closedir(d);
}

int workdirs_open(struct session *s, struct error *e) {
        if (s->workdirs)
                return 0;
        struct workdirs *w = calloc(1, sizeof *w);
        if (!w)
                return error_nomem(e);
        w->log = &s->log;
        w->lock_fd = -1;
        STAILQ_INIT(&w->queue);
        int r = find_base(s, w);
        if (r >= 0)
                r = lock_own_tag(w);
        w->event = evtimer_new(s->base, on_step, w);
        if (r < 0 || !w->event) {
                if (w->event)
                        event_free(w->event);
                fd_close(w->base_fd);
                free(w);
                return r < 0 ? error_set(e, ERROR_IO, -r,
                                         "no place for fresh working directories: "
                                         "~/.cache/leash/work and "
                                         "/tmp/leash-%u/work cannot be used (%s)",
                                         s->user.uid, strerror(-r))
                             : error_nomem(e);
        }
        s->workdirs = w;
        sweep(w, false);
        sweep(w, true); /* the queue keeps the order: locks go last */
        return 0;
}

const char *workdirs_base(const struct session *s) {
        return s->workdirs->base;
}

void workdirs_close(struct session *s) {
        struct workdirs *w = s->workdirs;
        double until = clock_monotonic() + CLOSE_SECONDS;
        char lock[TAG_BYTES + 8];
        int r;

        if (!w)
                return;
        while ((r = step(w)) > 0 && clock_monotonic() < until)
                if (r == 2)
                        usleep(TRY_AGAIN_MS * 1000);
        if (r == 0) {
                snprintf(lock, sizeof lock, "%s.lock", w->tag);
                (void) unlinkat(w->base_fd, lock, 0);
        }
        while (!STAILQ_EMPTY(&w->queue))
                drop_first(w);
        w->tree = tree_free(w->tree);
        event_free(w->event);
        fd_close(w->lock_fd);
        fd_close(w->base_fd);
        free(w);
        s->workdirs = NULL;
}

int workdir_new(struct session *s, struct workdir **ret, struct error *e) {
        char id[ID_BYTES];
        int r = workdirs_open(s, e);
        if (r < 0)
                return r;
        struct workdirs *w = s->workdirs;
        struct workdir *d = calloc(1, sizeof *d);
        if (!d)
                return error_nomem(e);
        id_new("", id);
        snprintf(d->name, sizeof d->name, "%s-%.16s", w->tag, id);
        if (asprintf(&d->path, "%s/%s", w->base, d->name) < 0) {
                free(d);
                return error_nomem(e);
        }
        if (mkdirat(w->base_fd, d->name, 0700) < 0) {
                r = error_set(e, ERROR_IO, errno, "cannot make %s: %s", d->path, strerror(errno));
                free(d->path);
                free(d);
                return r;
        }
        *ret = d;
        return 0;
}

const char *workdir_path(const struct workdir *w) {
        return w->path;
}

void workdir_release(struct session *s, struct workdir *d, bool keep, struct request *rq) {
        struct workdirs *w = s->workdirs;
        if (keep) {
                char marker[80];
                snprintf(marker, sizeof marker, "%s.keep", d->name);
                _cleanup_(fd_closep) int fd = openat(
                        w->base_fd, marker, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
                keep = fd >= 0;
        }
        if (!keep)
                enqueue(w, d->name, false, rq);
        else if (rq)
                request_reply(rq, NULL);
        free(d->path);
        free(d);
}
