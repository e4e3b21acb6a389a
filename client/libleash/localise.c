/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What only the client knows is put into a policy before it leaves (decision 19): the directory
 * that relative paths start from, and the values of the variables that `environment.pass` names.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/path.h"
#include "localise.h"

static bool is_anchored(const char *path) {
        return path[0] == '/' || strcmp(path, "~") == 0 || strncmp(path, "~/", 2) == 0 ||
               strcmp(path, "$WORKDIR") == 0 || strncmp(path, "$WORKDIR/", 9) == 0;
}

static bool has_dotdot(const char *path) {
        for (const char *p = path; (p = strstr(p, "..")); p += 2)
                if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
                        return true;
        return false;
}

static const char *skip_dots(const char *path) {
        while (path[0] == '.' && path[1] == '/')
                for (path += 2; *path == '/'; path++)
                        ;
        return strcmp(path, ".") == 0 ? "" : path;
}

int path_localise(struct arena *a, const char *base, const char *path, const char **ret,
                  struct error *e) {
        char real[PATH_MAX];

        if (!*path) {
                *ret = path; /* policy_check() has the right words for it */
                return 0;
        }
        const char *full = path;
        if (!is_anchored(path)) {
                const char *rest = skip_dots(path);
                bool pattern = path_is_pattern(rest);
                /* "*.key" speaks of the working directory, wherever the caller stands. */
                const char *top = pattern ? "$WORKDIR" : strcmp(base, "/") == 0 ? "" : base;
                full = arena_printf(a, *rest || !*top ? "%s/%s" : "%s%s", top, rest);
                if (!full)
                        return error_nomem(e);
        }
        /* The wire takes no "..". Only the file system can say where it leads when a part is a
         * link. */
        if (full[0] == '/' && has_dotdot(full)) {
                if (!realpath(full, real))
                        return error_set(e, ERROR_PARAMS, errno,
                                         "%s: %s (a path with \"..\" must "
                                         "exist)",
                                         path, strerror(errno));
                full = arena_strdup(a, real);
                if (!full)
                        return error_nomem(e);
        }
        *ret = full;
        return 0;
}

static int localise_list(struct arena *a, const char *base, const char *where, struct strings *list,
                         struct error *e) {
        struct strings out = { .set = list->set };

        for (size_t i = 0; i < list->n; i++) {
                const char *path = NULL;
                int r = path_localise(a, base, list->items[i], &path, e);
                if (r < 0)
                        return error_under(e, where, r);
                if (!arena_push(a, &out, path))
                        return error_nomem(e);
        }
        *list = out;
        return 0;
}

/* A name that is not set here is not set there; one that `set` gives has its value already. */
static int resolve_pass(struct arena *a, struct policy_environment *env, struct error *e) {
        for (size_t i = 0; i < env->pass.n; i++) {
                const char *value = getenv(env->pass.items[i]);
                if (value && !pairs_get(&env->set, env->pass.items[i]) &&
                    !arena_push_pair(a, &env->set, env->pass.items[i], value))
                        return error_nomem(e);
        }
        env->pass = (struct strings){ 0 };
        return 0;
}

static const char *variable(void *userdata, const char *name) {
        (void) userdata;
        return getenv(name);
}

static const char *readable(void *userdata, const char *path, bool *ret_directory) {
        char *real = userdata;
        struct stat st;

        if (access(path, R_OK) < 0 || stat(path, &st) < 0 || !realpath(path, real) ||
            (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
                return NULL;
        *ret_directory = S_ISDIR(st.st_mode);
        return real;
}

int network_localise(struct arena *a, struct policy *p, struct error *e) {
        char real[PATH_MAX];
        const struct caller c = { .variable = variable, .readable = readable, .userdata = real };

        return policy_caller(a, &c, p, e);
}

static bool has_network(const struct policy *p) {
        return p->network.mode > NETWORK_DENY ||
               (p->network.mode == NETWORK_UNSET && p->network.allow.n > 0);
}

int policy_localise(struct arena *a, const char *base, struct policy *p, struct error *e) {
        struct {
                const char *where;
                struct strings *list;
        } lists[] = {
                { "/filesystem/read", &p->filesystem.read },
                { "/filesystem/write", &p->filesystem.write },
                { "/filesystem/execute", &p->filesystem.execute },
                { "/filesystem/deny", &p->filesystem.deny },
                { "/security/unix_sockets", &p->security.unix_sockets },
                { "/python/venv/requirements", &p->python.venv.requirements },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists) && r >= 0; i++)
                r = localise_list(a, base, lists[i].where, lists[i].list, e);
        struct pairs *certificates = &p->network.certificates;
        for (size_t i = 0; i < certificates->n && r >= 0; i++)
                r = error_under(e, "/network/certificates",
                                path_localise(a, base, certificates->items[i].value,
                                              &certificates->items[i].value, e));
        if (r >= 0 && p->workdir)
                r = error_under(e, "/workdir", path_localise(a, base, p->workdir, &p->workdir, e));
        if (r >= 0 && has_network(p))
                r = network_localise(a, p, e);
        return r < 0 ? r : resolve_pass(a, &p->environment, e);
}
