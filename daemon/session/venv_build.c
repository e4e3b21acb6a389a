/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Making an environment. What is installed runs code of strangers (setup.py, build back ends), so
 * all of it happens in a sandbox of its own: strict, no home, the network of the index alone, and
 * one directory to write to. That directory lies beside the place where the environment shall be,
 * and in the sandbox it shows there, since an environment cannot be moved (its scripts name their
 * interpreter). When nothing of the sandbox runs any more, one rename puts it into its place;
 * whatever failed is removed before anybody is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../../policy/path.h"
#include "events.h"
#include "venv_build.h"

#define LOCK_RETRY_MS 100

static void settle(struct venv_build *b);

static struct venv_build *find(struct session *s, const char *id) {
        struct venv_build *b;
        LIST_FOREACH(b, &s->venv_builds, link)
                if (strcmp(b->spec->id, id) == 0)
                        return b;
        return NULL;
}

/* the end */

static void unlock(struct venv_build *b) {
        char lock[VENV_ID_BYTES + 8];
        if (b->lock_fd >= 0) { /* while it is held: who has it open already finds it gone */
                snprintf(lock, sizeof lock, "%s.lock", b->spec->id);
                (void) unlinkat(venvs_fd(b->session), lock, 0);
        }
        b->lock_fd = fd_close(b->lock_fd);
}

static void build_free(struct venv_build *b) {
        if (b->timer)
                event_free(b->timer);
        unlock(b);
        fd_close(b->parent_fd);
        fd_close(b->staging_fd);
        b->arena = arena_free(b->arena);
        free(b);
}

struct list venv_copy_denials(struct arena *a, const struct list *from) {
        struct list to = { .set = true };
        const struct denial *d = from->items;
        struct denial *copy = arena_array(a, from->n + 1, sizeof *copy);
        for (size_t i = 0; copy && i < from->n; i++) {
                const char **const texts[] = { &copy[i].path,    &copy[i].host, &copy[i].syscall,
                                               &copy[i].process, &copy[i].rule, &copy[i].field };
                copy[i] = d[i];
                for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                        if (*texts[k])
                                *texts[k] = arena_strdup(a, *texts[k]);
        }
        to.items = copy;
        to.n = copy ? from->n : 0;
        return to;
}

void venv_tell(struct venv_build *b, const char *phase, const char *text) {
        struct venv_progress progress = { .path = b->spec->path, .phase = phase, .text = text };
        struct event_details d = { .sandbox = b->sandbox ? b->sandbox->id : NULL,
                                   .path = b->spec->path,
                                   .venv = &progress };
        events_emit(b->session, EVENT_VENV_PROGRESS, &d);
}

/* Everything is in its place, or gone: the answers. */
static void answer(struct venv_build *b) {
        unlock(b);
        venv_tell(b, b->ok ? "done" : "failed", b->ok ? "" : b->error.message);
        LIST_REMOVE(b, link); /* a request that is dispatched again must not find it */
        for (size_t i = 0; i < b->n_waiters; i++) {
                struct request *rq = b->waiters[i];
                struct venv_made *made = rq->arena ? arena_alloc(rq->arena, sizeof *made) : NULL;
                if (!rq->peer || !b->ok || !made) {
                        struct error e = b->error;
                        if (rq->method != METHOD_PYTHON_CREATE_VENV && e.where[0])
                                (void) error_under(&e, "/policy/python/venv", -EINVAL);
                        request_fail(rq, &e);
                        continue;
                }
                *made = b->made;
                made->joined = b->made.joined || i > 0;
                made->denials = venv_copy_denials(rq->arena, &b->made.denials);
                rq->made = made;
                request_again(rq);
        }
        build_free(b);
}

static void on_removed(struct session *s, int r, void *userdata) {
        struct venv_build *b = userdata;
        if (r < 0 && b->ok)
                log_write(&s->log, LOG_WARN, "an old virtual environment cannot be removed",
                          LOG_STR("name", b->staging), LOG_STR("errno", strerror(-r)));
        answer(b);
}

/* Where a policy of ours is refused, the fault lies in what the caller said. */
static void translate(struct error *e) {
        static const char *const prefixes[] = { "/policy", "/python/venv" };
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                if (strncmp(e->where, prefixes[i], n) == 0 && e->where[n] == '/')
                        memmove(e->where, e->where + n, strlen(e->where + n) + 1);
        }
        if (strncmp(e->where, "/network", 8) == 0)
                snprintf(e->where, sizeof e->where, "/index_url");
}

static int fail(struct venv_build *b, const struct error *e) {
        if (b->error.code == ERROR_NONE)
                b->error = *e;
        translate(&b->error);
        b->ok = false;
        return -(e->err ? e->err : EINVAL);
}

/* Puts the finished tree into its place. What was there before lies under the staging name then. */
static int publish(struct venv_build *b, struct error *e) {
        struct stat st, now;
        struct venv_info *x = &b->info;
        if (fstat(b->staging_fd, &st) < 0 ||
            fstatat(b->parent_fd, b->staging, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
            st.st_ino != now.st_ino || st.st_dev != now.st_dev)
                return error_set(e, ERROR_VENV, EIO, "%.500s was replaced while it was made",
                                 b->spec->path);
        if (fstatat(b->staging_fd, "bin/python", &now, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set(e, ERROR_VENV, ENOENT,
                                 "the tools ended well, but left no bin/python in %.500s",
                                 b->spec->path);
        x->device = st.st_dev;
        x->inode = st.st_ino;
        x->created = clock_wall();
        int r = venv_record_write(b->session, b->spec->id, x, e);
        if (r < 0)
                return r;
        if (renameat2(b->parent_fd, b->staging, b->parent_fd, b->name, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno == EEXIST &&
            renameat2(b->parent_fd, b->staging, b->parent_fd, b->name, RENAME_EXCHANGE) == 0)
                return 0;
        r = error_set(e, ERROR_VENV, errno, "cannot put the new environment at %.500s: %s",
                      b->spec->path, strerror(errno));
        venv_record_remove(b->session, b->spec->id);
        return r;
}

/* Nothing of its sandbox runs any more. */
static void settle(struct venv_build *b) {
        struct error e = ERROR_NULL;
        b->made.seconds = clock_monotonic() - b->started;
        translate(&b->error);
        if (b->ok && !b->ending && publish(b, &e) < 0)
                (void) fail(b, &e);
        int parent = b->staging[0] ? fcntl(b->parent_fd, F_DUPFD_CLOEXEC, 3) : -1;
        if (parent < 0 || faccessat(parent, b->staging, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
                fd_close(parent);
                answer(b);
                return;
        }
        venv_remove_tree(b->session, parent, b->staging, on_removed, b);
}

void venv_build_freed(void *userdata) {
        struct venv_build *b = userdata;
        b->sandbox = NULL;
        if (!b->ok && b->error.code == ERROR_NONE)
                error_set(&b->error, ERROR_VENV, EIO,
                          "the sandbox in which %.500s was being made has ended", b->spec->path);
        settle(b);
}

/* the place */

static int prepare_place(struct venv_build *b, struct error *e) {
        char parent[PATH_MAX], random[ID_BYTES];
        const char *slash = strrchr(b->spec->path, '/');
        snprintf(parent, sizeof parent, "%.*s",
                 slash == b->spec->path ? 1 : (int) (slash - b->spec->path), b->spec->path);
        b->name = slash + 1;
        b->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        id_new("", random);
        snprintf(b->staging, sizeof b->staging, ".leash-venv-%.16s", random);
        if (b->parent_fd < 0 || mkdirat(b->parent_fd, b->staging, 0755) < 0) {
                int r = error_set(e, ERROR_IO, errno, "cannot make a directory in %.500s: %s",
                                  parent, strerror(errno));
                b->staging[0] = 0;
                return error_under(e, "/path", r);
        }
        b->staging_fd =
                openat(b->parent_fd, b->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        /* As `python3 -m venv` makes it; the session's own umask lets nobody else in. */
        if (b->staging_fd >= 0 && !b->spec->cached)
                (void) fchmod(b->staging_fd, 0755);
        if (b->staging_fd < 0)
                return error_set(e, ERROR_IO, errno, "%.500s/%s: %s", parent, b->staging,
                                 strerror(errno));
        return 0;
}

static int begin(struct venv_build *b, struct error *e) {
        const struct venv_spec *v = b->spec;
        b->info = (struct venv_info){ .path = v->path,
                                      .key = v->key,
                                      .python = v->interpreter,
                                      .packages = v->packages,
                                      .requirements = v->files,
                                      .system_site_packages = v->system_site_packages,
                                      .cached = v->cached };
        b->info.packages.set = b->info.requirements.set = true;
        if (v->index_url) { /* without its password: records are shown */
                struct index_url url;
                if (index_url_parse(v->index_url, "", &url, NULL) >= 0)
                        b->info.index_url =
                                url.user_len == 0
                                        ? v->index_url
                                        : arena_printf(b->arena, "%.*s%s", (int) url.user_at,
                                                       v->index_url,
                                                       v->index_url + url.user_at + url.user_len);
        }
        int r = prepare_place(b, e);
        return r < 0 ? r : venv_start_sandbox(b, e);
}

static void on_timer(evutil_socket_t fd, short what, void *userdata) {
        struct venv_build *b = userdata;
        const struct timeval again = { .tv_usec = LOCK_RETRY_MS * 1000 };
        struct error e = ERROR_NULL;
        b->lock_fd = venv_lock(b->session, b->spec->id);
        if (b->lock_fd == -EWOULDBLOCK && !b->ending) {
                (void) event_add(b->timer, &again);
                return;
        }
        if (b->lock_fd >= 0) { /* somebody has made it meanwhile: perhaps it will do */
                enum venv_state state;
                struct venv_info record;
                if (venv_look(b->session, b->arena, b->spec, &state, &record, &e) >= 0 &&
                    state == VENV_READY) {
                        b->ok = b->made.joined = true;
                        answer(b);
                        return;
                }
                if (e.code == ERROR_NONE && begin(b, &e) >= 0)
                        return;
        } else
                error_set(&e, ERROR_IO, -b->lock_fd, "cannot lock a virtual environment: %s",
                          strerror(-b->lock_fd));
        (void) fail(b, &e);
        settle(b);
}

static struct strings copy_strings(struct arena *a, const struct strings *from) {
        struct strings to = { .set = true };
        for (size_t i = 0; i < from->n; i++)
                (void) arena_push(a, &to, from->items[i]);
        return to;
}

static const char *copy_text(struct arena *a, const char *text) {
        return text ? arena_strdup(a, text) : NULL;
}

static struct venv_build *build_new(struct session *s, const struct venv_spec *v) {
        struct venv_build *b = calloc(1, sizeof *b);
        if (!b)
                return NULL;
        b->arena = arena_new();
        b->spec = b->arena ? arena_alloc(b->arena, sizeof *b->spec) : NULL;
        b->timer = evtimer_new(s->base, on_timer, b);
        if (!b->spec || !b->timer) {
                if (b->timer)
                        event_free(b->timer);
                arena_free(b->arena);
                free(b);
                return NULL;
        }
        b->session = s;
        b->lock_fd = b->parent_fd = b->staging_fd = -1;
        b->started = clock_monotonic();
        struct venv_spec *to = b->spec; /* the request may go before this ends */
        *to = *v;
        const char **const texts[] = { &to->path, &to->python,    &to->interpreter,
                                       &to->uv,   &to->index_url, &to->proxy };
        struct strings *const lists[] = { &to->packages, &to->files, &to->texts, &to->no_proxy,
                                          &to->grants,   &to->hosts, &to->accept };
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                *texts[i] = copy_text(b->arena, *texts[i]);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                *lists[i] = copy_strings(b->arena, lists[i]);
        if (to->timeout_ms == 0)
                to->timeout_ms = VENV_TIMEOUT_MS;
        LIST_INSERT_HEAD(&s->venv_builds, b, link);
        return b;
}

int venv_build(struct request *rq, const struct venv_spec *v, struct error *e) {
        const struct timeval now = { 0 };
        int r = venvs_open(rq->session, e);
        if (r < 0)
                return r;
        if (strcmp(rq->session->backend->name, "null") == 0)
                return error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                                 "the null backend has no sandbox to make an environment in");
        struct venv_build *b = find(rq->session, v->id);
        if (b && strcmp(b->spec->key, v->key) != 0)
                return error_set(e, ERROR_STATE, EBUSY,
                                 "%.500s is being made from something else just now; try again "
                                 "when that is done",
                                 v->path);
        if (!b) {
                b = build_new(rq->session, v);
                if (!b)
                        return error_nomem(e);
                (void) event_add(b->timer, &now); /* never from within the caller */
        }
        if (b->n_waiters >= VENV_WAITERS_MAX)
                return error_set(e, ERROR_LIMIT, EAGAIN,
                                 "%u requests wait for this environment already", VENV_WAITERS_MAX);
        b->waiters[b->n_waiters++] = rq;
        return 1;
}

static void cancel(struct venv_build *b, const char *why) {
        if (b->error.code == ERROR_NONE)
                error_set(&b->error, ERROR_GONE, ECANCELED, "%s", why);
        b->ending = true;
        if (b->sandbox)
                sandbox_doom(b->sandbox); /* then venv_build_freed() */
        else if (event_pending(b->timer, EV_TIMEOUT, NULL))
                answer(b); /* it had not begun */
}

void venv_peer_gone(struct session *s) {
        struct venv_build *b, *next;
        for (b = LIST_FIRST(&s->venv_builds); b; b = next) {
                next = LIST_NEXT(b, link);
                bool wanted = false;
                for (size_t i = 0; i < b->n_waiters; i++)
                        wanted = wanted || b->waiters[i]->peer;
                if (!wanted)
                        cancel(b, "nobody waits for it any more");
        }
}

void venv_end_all(struct session *s) {
        struct venv_build *b, *next;
        for (b = LIST_FIRST(&s->venv_builds); b; b = next) {
                next = LIST_NEXT(b, link);
                for (size_t i = 0; i < b->n_waiters; i++)
                        if (b->waiters[i]->peer) { /* not dispatched again */
                                LIST_REMOVE(b->waiters[i], link);
                                b->waiters[i]->peer->n_requests--;
                                b->waiters[i]->peer = NULL;
                        }
                cancel(b, "leash is ending");
        }
}

int venv_need(struct request *rq, const struct layers *l, struct error *e) {
        struct session *s = rq->session;
        const struct policy *base = NULL;
        struct policy merged;
        struct venv_spec *v;
        struct venv_info record;
        enum venv_state state;
        char real[PATH_MAX];
        if (!l->profile && !(l->policy && l->policy->python.has_venv) &&
            !(l->overrides && l->overrides->python.has_venv))
                return 0;
        int r = l->profile ? profile_load(s, rq->arena, l->profile, &base, e) : 0;
        if (r >= 0)
                r = policy_resolve(rq->arena, base, l->policy, l->overrides, &merged, e);
        if (r < 0 || !merged.python.has_venv)
                return r;
        r = layers_network(rq->arena, l, &merged, e);
        if (r >= 0)
                r = error_under(e, "/policy", policy_check(&merged, e));
        if (r < 0)
                return r;
        const char *workdir =
                merged.workdir ? path_expand(rq->arena, merged.workdir, s->user.home, NULL) : NULL;
        if (workdir && !realpath(workdir, real))
                return 0; /* for place.c to complain about */
        r = venv_of_policy(s, rq->arena, &merged, workdir ? real : NULL, &v, e);
        if (r >= 0)
                r = venv_look(s, rq->arena, v, &state, &record, e);
        if (r < 0)
                return r;
        /* Once is enough: what changes while it is made changes for ever. */
        if (state == VENV_READY || state == VENV_FOREIGN || rq->made)
                return 0;
        return venv_build(rq, v, e);
}
