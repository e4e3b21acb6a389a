/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ~/.cache/leash-venv/ holds, for each environment, ID.json (the record) and ID.lock (held while it
 * is being made, by flock(2): of several daemons one makes it), and those without a path of their
 * own as ID/. Not below ~/.cache/leash, which is hidden from every sandbox.
 */
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
#include "venv.h"

#define RECORD_BYTES (1024 * 1024)
#define STEP_ENTRIES 256 /* about a millisecond; then the loop goes on */

struct venv_removal {
        STAILQ_ENTRY(venv_removal) link;
        int parent_fd;
        char name[NAME_MAX + 1];
        venv_removed_fn done;
        void *userdata;
};
STAILQ_HEAD(venv_removal_queue, venv_removal);

struct venvs {
        char base[PATH_MAX];
        int fd; /* -1: not made yet */
        struct session *session;
        struct venv_removal_queue removals;
        struct tree *tree; /* of the first */
        struct event *event;
};

static void drop_first(struct venvs *x, int r) {
        struct venv_removal *m = STAILQ_FIRST(&x->removals);
        STAILQ_REMOVE_HEAD(&x->removals, link);
        x->tree = tree_free(x->tree);
        fd_close(m->parent_fd);
        if (m->done)
                m->done(x->session, r, m->userdata);
        free(m);
}

/* true: there is more to do. */
static bool step(struct venvs *x) {
        struct venv_removal *m = STAILQ_FIRST(&x->removals);
        int r = 0;
        if (!m)
                return false;
        if (!x->tree)
                r = tree_new(m->parent_fd, m->name, &x->tree);
        if (r >= 0)
                r = tree_step(x->tree, STEP_ENTRIES);
        if (r <= 0)
                drop_first(x, r == -ENOENT ? 0 : r);
        return !STAILQ_EMPTY(&x->removals);
}

static void on_step(evutil_socket_t fd, short what, void *userdata) {
        struct venvs *x = userdata;
        const struct timeval now = { 0 };
        if (step(x))
                (void) event_add(x->event, &now);
}

void venv_remove_tree(struct session *s, int parent_fd, const char *name, venv_removed_fn done,
                      void *userdata) {
        struct venvs *x = s->venvs;
        struct venv_removal *m = calloc(1, sizeof *m);
        if (!m) { /* slow, but nothing may stay behind */
                int r = tree_remove(parent_fd, name);
                fd_close(parent_fd);
                if (done)
                        done(s, r, userdata);
                return;
        }
        *m = (struct venv_removal){ .parent_fd = parent_fd, .done = done, .userdata = userdata };
        snprintf(m->name, sizeof m->name, "%s", name);
        STAILQ_INSERT_TAIL(&x->removals, m, link);
        event_active(x->event, EV_TIMEOUT, 1);
}

/* Where it will be; the place itself is made when it is needed. */
static int find_place(struct session *s, char ret[static PATH_MAX]) {
        char top[PATH_MAX - 64], real[PATH_MAX];
        const char *cache = getenv("XDG_CACHE_HOME");
        int n = cache && cache[0] == '/' ? snprintf(top, sizeof top, "%s", cache)
                                         : snprintf(top, sizeof top, "%s/.cache", s->user.home);
        if (n < 0 || (size_t) n >= sizeof top)
                return -ENAMETOOLONG;
        const char *shown = realpath(top, real) ? real : top;
        n = snprintf(ret, PATH_MAX, "%s/leash-venv", shown);
        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int prepare(struct session *s) {
        if (s->venvs)
                return 0;
        struct venvs *x = calloc(1, sizeof *x);
        if (!x)
                return -ENOMEM;
        x->fd = -1;
        x->session = s;
        STAILQ_INIT(&x->removals);
        x->event = evtimer_new(s->base, on_step, x);
        if (!x->event) {
                free(x);
                return -ENOMEM;
        }
        if (find_place(s, x->base) < 0)
                x->base[0] = 0;
        s->venvs = x;
        return 0;
}

const char *venvs_base(struct session *s) {
        return prepare(s) < 0 ? "" : s->venvs->base;
}

int venvs_fd(const struct session *s) {
        return s->venvs->fd;
}

int venvs_open(struct session *s, struct error *e) {
        int r = prepare(s);
        if (r < 0)
                return error_nomem(e);
        struct venvs *x = s->venvs;
        if (x->fd >= 0)
                return 0;
        char *slash = strrchr(x->base, '/');
        if (slash && slash != x->base) { /* ~/.cache itself is the user's */
                *slash = 0;
                (void) mkdir(x->base, 0700);
                *slash = '/';
        }
        (void) find_place(s, x->base);
        r = dir_private(x->base, &x->fd);
        if (r < 0)
                return error_set(
                        e, ERROR_IO, -r,
                        "%s cannot hold virtual environments: %s (it has to be a directory "
                        "of yours that nobody else can write to)",
                        x->base, strerror(-r));
        return 0;
}

void venvs_close(struct session *s) {
        struct venvs *x = s->venvs;
        if (!x)
                return;
        while (step(x))
                ;
        event_free(x->event);
        fd_close(x->fd);
        free(x);
        s->venvs = NULL;
}

int venv_record_read(struct session *s, struct arena *a, const char *id, struct venv_info *ret) {
        char name[VENV_ID_BYTES + 8];
        _cleanup_(json_unrefp) struct json *j = NULL;
        char *text;
        size_t len;
        snprintf(name, sizeof name, "%s.json", id);
        int r = file_read(s->venvs->fd, name, RECORD_BYTES, &text, &len);
        if (r < 0)
                return r;
        r = json_parse(text, len, &j, NULL);
        free(text);
        *ret = (struct venv_info){ 0 };
        return r < 0 ? r : shape_decode_lax(&venv_info_shape, j, a, ret, NULL);
}

static int write_all(int fd, const char *text, size_t len) {
        while (len > 0) {
                ssize_t n = write(fd, text, len);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        text += n;
                        len -= (size_t) n;
                }
        }
        return 0;
}

int venv_record_write(struct session *s, const char *id, const struct venv_info *info,
                      struct error *e) {
        char name[VENV_ID_BYTES + 8], fresh[VENV_ID_BYTES + 8];
        _cleanup_(json_unrefp) struct json *j = NULL;
        size_t len = 0;
        int r = shape_encode(&venv_info_shape, info, &j, e);
        if (r < 0)
                return r;
        char *text = json_print(j, false, &len);
        if (!text)
                return error_nomem(e);
        snprintf(name, sizeof name, "%s.json", id);
        snprintf(fresh, sizeof fresh, "%s.new", id);
        _cleanup_(fd_closep) int fd = openat(
                s->venvs->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = fd < 0 ? -errno : write_all(fd, text, len);
        free(text);
        if (r >= 0 && renameat(s->venvs->fd, fresh, s->venvs->fd, name) < 0)
                r = -errno;
        if (r >= 0)
                return 0;
        (void) unlinkat(s->venvs->fd, fresh, 0);
        return error_set(e, ERROR_IO, -r, "cannot write %s/%s: %s", s->venvs->base, name,
                         strerror(-r));
}

void venv_record_remove(struct session *s, const char *id) {
        char name[VENV_ID_BYTES + 8];
        snprintf(name, sizeof name, "%s.json", id);
        (void) unlinkat(s->venvs->fd, name, 0);
}

int venv_lock(struct session *s, const char *id) {
        char name[VENV_ID_BYTES + 8];
        struct stat st;
        snprintf(name, sizeof name, "%s.lock", id);
        _cleanup_(fd_closep) int fd = openat(
                s->venvs->fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_nlink == 0) /* it was removed between open and flock: the next try has another */
                return -EWOULDBLOCK;
        return TAKE_FD(fd);
}

void venv_each(struct session *s, venv_each_fn fn, void *userdata) {
        int fd = openat(s->venvs->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *de;
        if (!d) {
                fd_close(fd);
                return;
        }
        while ((de = readdir(d))) {
                char id[VENV_ID_BYTES];
                size_t n = strlen(de->d_name);
                if (n < 6 || strcmp(de->d_name + n - 5, ".json") != 0 || n - 5 >= sizeof id)
                        continue;
                memcpy(id, de->d_name, n - 5);
                id[n - 5] = 0;
                fn(s, id, userdata);
        }
        closedir(d);
}
