/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From what a policy or a request says of an environment to a path and a key, and what is there.
 * All that is read here is read with the user's rights, and nothing is run. */
#include "venv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "../../policy/compile.h"
#include "../../policy/path.h"
#include "paths.h"
#include "place.h"

#define REQUIREMENTS_BYTES (1024 * 1024)
/* In the key: to be raised when what is made from the same things changes. */
#define FORMAT "leash-venv 1"

static const char *field(struct arena *a, const char *where, const char *name) {
        const char *text = arena_printf(a, "%s/%s", where, name);
        return text ? text : name;
}

/* interpreters */

static const char *const system_bins[] = { "/usr/local/bin", "/usr/bin", "/bin",
                                           "/run/current-system/sw/bin" };

static bool is_program(const char *path) {
        struct stat st;
        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* In the order of PATH inside: toolchains of the user's first. NULL: not there. */
static const char *find_program(struct session *s, struct arena *a, const char *name) {
        for (size_t i = 0; i < toolchains_n; i++) {
                const char *path = toolchains[i].bin ? arena_printf(a, "%s/%s/%s", s->user.home,
                                                                    toolchains[i].bin, name)
                                                     : NULL;
                if (path && is_program(path))
                        return path;
        }
        for (size_t i = 0; i < ELEMENTSOF(system_bins); i++) {
                const char *path = arena_printf(a, "%s/%s", system_bins[i], name);
                if (path && is_program(path))
                        return path;
        }
        return NULL;
}

static int find_interpreter(struct session *s, struct arena *a, struct venv_spec *v,
                            const char *where, struct error *e) {
        const char *at = field(a, where, "python");
        size_t n = strspn(v->python, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789._-+");
        if (v->python[n] == 0) {
                if (n == 0 || v->python[0] == '-')
                        return error_field(e, at, "\"%.64s\" is no interpreter's name", v->python);
                v->interpreter = find_program(s, a, v->python);
                if (!v->interpreter)
                        return error_field(e, at,
                                           "there is no %.64s on the PATH of a sandbox; give the "
                                           "interpreter's whole path",
                                           v->python);
                return 0;
        }
        int r = path_check(v->python, false, at, e);
        if (r < 0)
                return r;
        v->interpreter = path_expand(a, v->python, s->user.home, NULL);
        if (!v->interpreter)
                return error_nomem(e);
        if (is_program(v->interpreter))
                return 0;
        struct stat st;
        if (stat(v->interpreter, &st) < 0)
                return error_field(e, at, "%.600s: %s", v->interpreter, strerror(errno));
        return error_field(e, at, "%.600s cannot be executed", v->interpreter);
}

/* What has to be shown of the home, so that this program runs: the toolchain that it belongs to, or
 * the tree that it was installed in. */
static int grant_program(struct session *s, struct arena *a, struct venv_spec *v,
                         const char *program, struct error *e) {
        char real[PATH_MAX];
        const char *home = s->user.home;
        size_t len = strlen(home);
        const char *const both[] = { program, realpath(program, real) ? real : program };
        for (size_t i = 0; i < ELEMENTSOF(both); i++) {
                const char *p = both[i], *grant = NULL;
                if (len < 2 || !path_is_under(p, home))
                        continue;
                for (size_t k = 0; k < toolchains_n && !grant; k++)
                        if (path_is_under(p + len + 1, toolchains[k].path) &&
                            strcmp(toolchains[k].path, ".local/bin") != 0 &&
                            strcmp(toolchains[k].path, "bin") != 0)
                                grant = arena_printf(a, "%s/%s", home, toolchains[k].path);
                if (!grant) {
                        char *dir = arena_strdup(a, p);
                        char *bin = dir ? strrchr(dir, '/') : NULL;
                        if (bin)
                                *bin = 0;
                        char *up = dir ? strrchr(dir, '/') : NULL;
                        bool tree = up && strcmp(up, "/bin") == 0;
                        if (tree)
                                *up = 0;
                        /* ~/bin/python3: the file alone, not the home. */
                        grant = tree && dir && !path_is_under(home, dir) ? dir : arena_strdup(a, p);
                }
                bool have = false;
                for (size_t k = 0; grant && k < v->grants.n; k++)
                        have = have || strcmp(v->grants.items[k], grant) == 0;
                if (!grant || (!have && !arena_push(a, &v->grants, grant)))
                        return error_nomem(e);
        }
        return 0;
}

/* requirements */

static int read_requirements(struct session *s, struct arena *a, struct venv_spec *v,
                             const struct strings *files, const char *where, struct error *e) {
        char at[256];
        for (size_t i = 0; i < files->n; i++) {
                char *text;
                size_t len;
                snprintf(at, sizeof at, "%s/requirements/%zu", where, i);
                int r = path_check(files->items[i], false, at, e);
                if (r < 0)
                        return r;
                const char *path = path_expand(a, files->items[i], s->user.home, NULL);
                if (!path)
                        return error_nomem(e);
                r = file_read(AT_FDCWD, path, REQUIREMENTS_BYTES, &text, &len);
                if (r < 0)
                        return error_field(e, at, "%.600s: %s", path, strerror(-r));
                r = strlen(text) != len || !utf8_is_valid(text, len)
                            ? error_field(e, at, "%.600s is not a text file", path)
                            : requirements_check(text, at, e);
                bool kept =
                        r >= 0 && arena_push(a, &v->texts, text) && arena_push(a, &v->files, path);
                free(text);
                if (r < 0)
                        return error_wrap(e, r, "%.300s", path);
                if (!kept)
                        return error_nomem(e);
        }
        return 0;
}

static int take_packages(struct arena *a, struct venv_spec *v, const struct strings *packages,
                         const char *where, struct error *e) {
        char at[256];
        for (size_t i = 0; i < packages->n; i++) {
                struct index_url url;
                snprintf(at, sizeof at, "%s/packages/%zu", where, i);
                int r = requirement_check(packages->items[i], at, &url, e);
                if (r < 0)
                        return r;
                if (!arena_push(a, &v->packages, packages->items[i]) ||
                    (url.host[0] && !arena_push(a, &v->hosts, url.host)))
                        return error_nomem(e);
        }
        return 0;
}

/* the path */

static int check_directory(struct venv_spec *v, const char *at, struct error *e) {
        struct stat st;
        if (lstat(v->path, &st) < 0)
                return errno == ENOENT ? 0
                                       : error_field(e, at, "%.600s: %s", v->path, strerror(errno));
        if (S_ISLNK(st.st_mode))
                return error_field(e, at, "%.600s is a symbolic link; name what it points to",
                                   v->path);
        if (!S_ISDIR(st.st_mode))
                return error_field(e, at, "%.600s exists and is no directory", v->path);
        return 0;
}

static int place_path(struct session *s, struct arena *a, struct venv_spec *v, const char *path,
                      const char *workdir, const char *where, struct error *e) {
        const char *at = field(a, where, "path"), *text = path, *dir = NULL;
        bool relative = *path && !strchr("/~$", *path);
        if (relative || strncmp(path, "$WORKDIR", 8) == 0) {
                if (!workdir)
                        return error_field(e, at,
                                           "there is no working directory: give an "
                                           "absolute path");
                text = relative ? arena_printf(a, "$WORKDIR/%s", path) : path;
        }
        if (!text)
                return error_nomem(e);
        int r = path_check(text, false, at, e);
        if (r < 0)
                return r;
        char *whole = path_expand(a, text, s->user.home, workdir);
        char *slash = whole ? strrchr(whole, '/') : NULL;
        if (!slash)
                return error_nomem(e);
        if (slash == whole)
                return error_field(e, at, "%.600s cannot be a virtual environment", whole);
        const char *name = slash + 1;
        *slash = 0;
        struct stat st;
        if (stat(whole, &st) < 0 || !S_ISDIR(st.st_mode))
                return error_field(e, at, "%.600s: %s; make that directory first", whole,
                                   errno == ENOTDIR || errno == ENOENT ? "no such directory"
                                                                       : strerror(errno));
        r = path_canonical(a, whole, &dir, e);
        if (r < 0 || !dir)
                return error_under(e, at, r < 0 ? r : -ENOMEM);
        /* As for every path (paths.c): code that ran here may have planted the link. */
        if (workdir && path_is_under(whole, workdir) && strcmp(whole, dir) != 0)
                return error_field(e, at,
                                   "%.256s leads through a symlink to %.256s; name that "
                                   "instead",
                                   whole, dir);
        v->path = arena_printf(a, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
        return v->path ? check_directory(v, at, e) : error_nomem(e);
}

/* the key */

static void add(struct sha256 *x, const char *text) {
        sha256_add(x, text, strlen(text) + 1); /* with the NUL: no two lists run together */
}

static int by_text(const void *x, const void *y) {
        return strcmp(*(const char *const *) x, *(const char *const *) y);
}

static int make_key(struct arena *a, struct venv_spec *v, struct error *e) {
        struct sha256 x;
        struct stat st = { 0 };
        char real[PATH_MAX] = "", stamp[128];
        sha256_init(&x);
        add(&x, FORMAT);
        add(&x, v->interpreter);
        /* Another interpreter under the same name makes another environment. */
        add(&x, realpath(v->interpreter, real) ? real : "");
        (void) stat(v->interpreter, &st);
        snprintf(stamp, sizeof stamp, "%lld.%ld %lld", (long long) st.st_mtim.tv_sec,
                 st.st_mtim.tv_nsec, (long long) st.st_size);
        add(&x, stamp);
        add(&x, v->system_site_packages ? "site" : "");
        add(&x, v->index_url ? v->index_url : "");
        const struct strings *const lists[] = { &v->packages, &v->texts };
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                size_t n = lists[i]->n;
                const char **sorted = arena_array(a, n + 1, sizeof *sorted);
                if (!sorted)
                        return error_nomem(e);
                if (n > 0) {
                        memcpy(sorted, lists[i]->items, n * sizeof *sorted);
                        qsort(sorted, n, sizeof *sorted, by_text);
                }
                snprintf(stamp, sizeof stamp, "%zu", n);
                add(&x, stamp);
                for (size_t k = 0; k < n; k++)
                        add(&x, sorted[k]);
        }
        sha256_hex(&x, v->key);
        return 0;
}

static int place_cached(struct session *s, struct arena *a, struct venv_spec *v, struct error *e) {
        snprintf(v->id, sizeof v->id, "%.40s", v->key);
        v->cached = true;
        v->path = arena_printf(a, "%s/%s", venvs_base(s), v->id);
        return v->path ? check_directory(v, "/path", e) : error_nomem(e);
}

static void name_record(struct venv_spec *v) {
        struct sha256 x;
        char hex[SHA256_HEX];
        sha256_init(&x);
        add(&x, v->path);
        sha256_hex(&x, hex);
        snprintf(v->id, sizeof v->id, "p%.40s", hex);
}

int venv_spec(struct session *s, struct arena *a, const struct policy_venv *want,
              const char *workdir, const char *where, struct venv_spec **ret, struct error *e) {
        struct venv_spec *v = arena_alloc(a, sizeof *v);
        if (!v)
                return error_nomem(e);
        v->python = want->python ? want->python : "python3";
        v->index_url = want->index_url;
        v->system_site_packages = want->system_site_packages == TRI_YES;
        struct index_url url;
        int r = v->index_url ? index_url_parse(v->index_url, field(a, where, "index_url"), &url, e)
                             : 0;
        if (r >= 0)
                r = find_interpreter(s, a, v, where, e);
        if (r >= 0)
                r = grant_program(s, a, v, v->interpreter, e);
        v->uv = find_program(s, a, "uv");
        if (r >= 0 && v->uv)
                r = grant_program(s, a, v, v->uv, e);
        if (r >= 0)
                r = take_packages(a, v, &want->packages, where, e);
        if (r >= 0)
                r = read_requirements(s, a, v, &want->requirements, where, e);
        if (r >= 0)
                r = make_key(a, v, e);
        if (r >= 0)
                r = want->path ? place_path(s, a, v, want->path, workdir, where, e)
                               : place_cached(s, a, v, e);
        if (r < 0)
                return r;
        if (!v->cached)
                name_record(v);
        *ret = v;
        return 0;
}

/* what is there */

static bool is_empty(const char *path) {
        DIR *d = opendir(path);
        struct dirent *de;
        size_t n = 0;
        while (d && n <= 2 && (de = readdir(d)))
                n++;
        if (d)
                closedir(d);
        return d && n <= 2; /* "." and ".." */
}

/* Something that we have no record of. */
static int look_foreign(const struct venv_spec *v, enum venv_state *ret, struct error *e) {
        char name[PATH_MAX + 32];
        struct stat st;
        snprintf(name, sizeof name, "%s/pyvenv.cfg", v->path);
        bool config = lstat(name, &st) == 0 && S_ISREG(st.st_mode);
        snprintf(name, sizeof name, "%s/bin/python", v->path);
        bool python = lstat(name, &st) == 0;
        if (config && python && stat(name, &st) < 0 && errno == ENOENT)
                return error_set(e, ERROR_STATE, ENOENT,
                                 "the interpreter of the virtual environment %.500s is gone; "
                                 "remove that directory, and leash makes a new one",
                                 v->path);
        if (config && python) {
                *ret = VENV_FOREIGN;
                return 0;
        }
        if (config)
                return error_set(e, ERROR_STATE, EEXIST,
                                 "the virtual environment %.500s is half made, by something else "
                                 "than leash; remove that directory, and leash makes a new one",
                                 v->path);
        if (is_empty(v->path)) {
                *ret = VENV_ABSENT;
                return 0;
        }
        return error_set(e, ERROR_STATE, EEXIST,
                         "%.600s exists and is no virtual environment; choose another path",
                         v->path);
}

int venv_look(struct session *s, struct arena *a, const struct venv_spec *v, enum venv_state *ret,
              struct venv_info *record, struct error *e) {
        char python[PATH_MAX + 32];
        struct stat st;
        int r = venvs_open(s, e);
        if (r < 0)
                return r;
        if (lstat(v->path, &st) < 0 || !S_ISDIR(st.st_mode)) {
                *ret = VENV_ABSENT;
                return 0;
        }
        r = venv_record_read(s, a, v->id, record);
        bool ours = r >= 0 && record->device == st.st_dev && record->inode == st.st_ino &&
                    strcmp(record->path, v->path) == 0;
        if (!ours && v->cached) { /* what else could be there: left by a crash */
                *ret = VENV_STALE;
                return 0;
        }
        if (!ours)
                return look_foreign(v, ret, e);
        snprintf(python, sizeof python, "%s/bin/python", v->path);
        bool works = stat(python, &st) == 0;
        if (v->whatever && !works)
                return error_set(e, ERROR_STATE, ENOENT,
                                 "the interpreter of the virtual environment %.500s is gone; make "
                                 "it anew, with what it shall hold (leashctl venv create)",
                                 v->path);
        *ret = works && (v->whatever || strcmp(record->key, v->key) == 0) ? VENV_READY : VENV_STALE;
        return 0;
}

/* policies */

int venv_of_policy(struct session *s, struct arena *a, const struct policy *p, const char *workdir,
                   struct venv_spec **ret, struct error *e) {
        *ret = NULL;
        if (!p->python.has_venv)
                return 0;
        struct policy_venv want = p->python.venv;
        bool relative = want.path && *want.path &&
                        (!strchr("/~$", *want.path) || strncmp(want.path, "$WORKDIR", 8) == 0);
        if (relative && !workdir)
                want.path = NULL; /* a directory that is thrown away: then rather a shared one */
        int r = venv_spec(s, a, &want, workdir, "/policy/python/venv", ret, e);
        if (*ret) {
                (*ret)->whatever = want.path && !want.python && want.packages.n == 0 &&
                                   want.requirements.n == 0;
                (*ret)->proxy = p->network.proxy;
                (*ret)->no_proxy = p->network.no_proxy;
                (*ret)->accept = p->accept;
        }
        return r;
}

static int need_no_packages(const struct venv_spec *v, struct error *e) {
        if (v->packages.n + v->texts.n == 0)
                return 0;
        return error_under(e, "/policy/python/venv/packages",
                           error_set(e, ERROR_STATE, EEXIST,
                                     "%.500s is a virtual environment that leash did not make, so "
                                     "it installs nothing there; choose another path, remove it, "
                                     "or name no packages",
                                     v->path));
}

int venv_subject(struct session *s, struct arena *a, const struct policy *p, bool real,
                 struct subject *subject, struct error *e) {
        struct venv_spec *v;
        struct venv_info record = { 0 };
        enum venv_state state = VENV_READY;
        const char *base = venvs_base(s);
        subject->venv_base = *base ? arena_strdup(a, base) : NULL;
        int r = venv_of_policy(s, a, p, subject->workdir_fresh ? NULL : subject->workdir, &v, e);
        if (r < 0 || !v)
                return r;
        if (real)
                r = venv_look(s, a, v, &state, &record, e);
        if (r >= 0 && state == VENV_FOREIGN)
                r = need_no_packages(v, e);
        if (r < 0)
                return r;
        if (state == VENV_ABSENT || state == VENV_STALE)
                return error_set(e, ERROR_STATE, EAGAIN,
                                 "the virtual environment %.500s has changed meanwhile; try again",
                                 v->path);
        subject->venv = v->path;
        subject->venv_ours = v->cached;
        subject->venv_writable = !v->cached && p->python.allow_pip_install == TRI_YES;
        subject->venv_reads = v->grants;
        if (record.prefix && path_is_under(record.prefix, s->user.home) &&
            strcmp(record.prefix, s->user.home) != 0 &&
            !arena_push(a, &subject->venv_reads, record.prefix))
                return error_nomem(e);
        return 0;
}
