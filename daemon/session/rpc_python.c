/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* python.*: environments, and code that runs in them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "process.h"
#include "venv.h"

int rpc_python_create_venv(struct request *rq, struct error *e) {
        const struct python_create_venv_params *p = rq->params;
        const struct policy_venv want = { .path = p->path,
                                          .python = p->python,
                                          .packages = p->packages,
                                          .requirements = p->requirements,
                                          .index_url = p->index_url,
                                          .system_site_packages = p->system_site_packages };
        struct python_create_venv_result r = { .reused = !rq->made || rq->made->joined };
        struct venv_spec *v;
        enum venv_state state;
        int x = venv_spec(rq->session, rq->arena, &want, NULL, "", &v, e);
        if (x < 0)
                return x;
        v->proxy = p->proxy;
        v->no_proxy = p->no_proxy;
        v->accept = p->accept;
        v->timeout_ms = p->timeout_ms;
        x = venv_look(rq->session, rq->arena, v, &state, &r.venv, e);
        if (x < 0)
                return x;
        if (state == VENV_FOREIGN)
                return error_under(
                        e, "/path",
                        error_set(e, ERROR_STATE, EEXIST,
                                  "%.600s is a virtual environment that leash did not make; remove "
                                  "it, or choose another path",
                                  v->path));
        if (!rq->made && (state != VENV_READY || p->rebuild)) {
                x = venv_build(rq, v, e);
                return x < 0 ? x : 0;
        }
        if (state != VENV_READY)
                return error_set(e, ERROR_STATE, EAGAIN,
                                 "what %.500s is made from has changed meanwhile; try again",
                                 v->path);
        r.denials.set = true;
        if (rq->made) {
                r.seconds = rq->made->seconds;
                r.denials = rq->made->denials;
        }
        r.venv.device = r.venv.inode = 0;
        request_reply(rq, &r);
        return 0;
}

struct listing {
        struct request *rq;
        struct venv_info *rows;
        size_t n, room;
        const char *wanted; /* a path, or the begin of a key */
        char id[VENV_ID_BYTES];
        size_t matches;
};

static void count_one(struct session *s, const char *id, void *userdata) {
        struct listing *l = userdata;
        l->room++;
}

static void list_one(struct session *s, const char *id, void *userdata) {
        struct listing *l = userdata;
        struct venv_info *row = &l->rows[l->n];
        if (l->n >= l->room || venv_record_read(s, l->rq->arena, id, row) < 0)
                return;
        size_t n = l->wanted ? strlen(l->wanted) : 0;
        bool match = l->wanted && (strcmp(row->path, l->wanted) == 0 ||
                                   (n >= 8 && row->cached && strncmp(row->key, l->wanted, n) == 0));
        if (match) {
                l->matches++;
                snprintf(l->id, sizeof l->id, "%s", id);
                l->rows[0] = *row;
        }
        row->device = row->inode = 0;
        if (!l->wanted)
                l->n++;
}

static int list_all(struct request *rq, struct listing *l, struct error *e) {
        int r = venvs_open(rq->session, e);
        if (r < 0)
                return r;
        l->rq = rq;
        venv_each(rq->session, count_one, l);
        l->rows = arena_array(rq->arena, l->room + 1, sizeof *l->rows);
        if (!l->rows)
                return error_nomem(e);
        venv_each(rq->session, list_one, l);
        return 0;
}

int rpc_python_list_venvs(struct request *rq, struct error *e) {
        struct listing l = { 0 };
        struct python_list_venvs_result r = { .venvs = { .set = true } };
        int x = list_all(rq, &l, e);
        if (x < 0)
                return x;
        r.venvs.items = l.rows;
        r.venvs.n = l.n;
        request_reply(rq, &r);
        return 0;
}

struct removing {
        struct request *rq;
        int lock_fd;
        char id[VENV_ID_BYTES];
};

static void on_removed(struct session *s, int r, void *userdata) {
        struct removing *x = userdata;
        char lock[VENV_ID_BYTES + 8];
        struct error e = ERROR_NULL;
        snprintf(lock, sizeof lock, "%s.lock", x->id);
        (void) unlinkat(venvs_fd(s), lock, 0);
        fd_close(x->lock_fd);
        if (r < 0) {
                error_set(&e, ERROR_IO, -r, "not all of it can be removed: %s", strerror(-r));
                request_fail(x->rq, &e);
        } else
                request_reply(x->rq, NULL);
        free(x);
}

/* Out of its place at once, so that nobody meets half of it. */
static int take_away(const struct venv_info *v, char name[static ID_BYTES + 16], int *ret_parent,
                     struct error *e) {
        char parent[PATH_MAX], random[ID_BYTES];
        const char *slash = strrchr(v->path, '/');
        struct stat st;
        snprintf(parent, sizeof parent, "%.*s", (int) (slash - v->path) + (slash == v->path),
                 v->path);
        _cleanup_(fd_closep) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstatat(fd, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0
                                       : error_set(e, ERROR_IO, errno, "%.600s: %s", v->path,
                                                   strerror(errno));
        if (st.st_dev != v->device || st.st_ino != v->inode)
                return 0; /* something else stands there now, and is not ours to remove */
        id_new("", random);
        snprintf(name, ID_BYTES + 16, ".leash-venv-%.16s", random);
        if (renameat(fd, slash + 1, fd, name) < 0)
                return error_set(e, ERROR_IO, errno, "cannot remove %.600s: %s", v->path,
                                 strerror(errno));
        *ret_parent = TAKE_FD(fd);
        return 0;
}

int rpc_python_remove_venv(struct request *rq, struct error *e) {
        const struct python_remove_venv_params *p = rq->params;
        struct listing l = { .wanted = p->venv };
        char name[ID_BYTES + 16];
        struct venv_info record;
        int parent = -1, r = list_all(rq, &l, e);
        if (r < 0)
                return r;
        if (l.matches != 1)
                return error_under(e, "/venv",
                                   l.matches > 1
                                           ? error_set(e, ERROR_PARAMS, EEXIST,
                                                       "%zu virtual environments begin with that "
                                                       "key: give more of it",
                                                       l.matches)
                                           : error_set(e, ERROR_NOT_FOUND, ENOENT,
                                                       "leash has made no virtual environment "
                                                       "%.600s; python.list_venvs (leashctl venv "
                                                       "list) lists them",
                                                       p->venv));
        int lock = venv_lock(rq->session, l.id);
        if (lock < 0)
                return error_set(e, ERROR_STATE, -lock, "it is just being made: %s",
                                 strerror(-lock));
        struct removing *x = calloc(1, sizeof *x);
        r = x ? venv_record_read(rq->session, rq->arena, l.id, &record) : error_nomem(e);
        if (x && r >= 0)
                r = take_away(&record, name, &parent, e);
        if (!x || r < 0) {
                fd_close(lock);
                free(x);
                return r;
        }
        *x = (struct removing){ .rq = rq, .lock_fd = lock };
        snprintf(x->id, sizeof x->id, "%s", l.id);
        venv_record_remove(rq->session, l.id);
        if (parent < 0)
                on_removed(rq->session, 0, x);
        else
                venv_remove_tree(rq->session, parent, name, on_removed, x);
        return 0;
}
