/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* python.run and python.session.start: which interpreter, with what, and where. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/path.h"
#include "venv.h"
#include "worker.h"

/* execve(2), MAX_ARG_STRLEN: what one argument may have. Warm interpreters and sessions take more.
 */
#define CODE_BYTES (128u * 1024 - 1)

/* What python.run and python.session.start have in common. */
struct what {
        const char *venv, *python, *cwd;
        struct pairs environment;
};

static int check_what(const struct python_run_params *p, struct error *e) {
        unsigned n = (p->code != NULL) + (p->script != NULL) + (p->module != NULL);
        if (n != 1)
                return error_field(e,
                                   n == 0      ? "/code"
                                   : p->module ? "/module"
                                               : "/script",
                                   "give one of code, script and module");
        if (p->code && !p->warm && strlen(p->code) > CODE_BYTES)
                return error_field(e, "/code",
                                   "%zu bytes are more than an interpreter can be given (%u): put "
                                   "them into a file, or say warm",
                                   strlen(p->code), CODE_BYTES);
        if (p->module && (p->module[0] == '-' || !p->module[0]))
                return error_field(e, "/module", "\"%.64s\" is no module's name", p->module);
        if (p->imports.n > 0 && !p->warm)
                return error_field(e, "/imports", "goes only with warm");
        if (p->warm && !p->sandbox)
                return error_field(e, "/warm",
                                   "goes only with a sandbox: the interpreter waits in it");
        return 0;
}

static int check_imports(const struct strings *imports, struct error *e) {
        for (size_t i = 0; i < imports->n; i++) {
                const char *s = imports->items[i];
                size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789_.");
                char at[64];
                snprintf(at, sizeof at, "/imports/%zu", i);
                if (n == 0 || s[n] || n > 200)
                        return error_field(e, at, "\"%.64s\" is no module's name", s);
        }
        return 0;
}

/* A path of the caller's, as the sandbox will see it. */
static int expand(struct request *rq, const char *path, const char *workdir, const char *where,
                  const char **ret, struct error *e) {
        if (!path)
                return 0;
        int r = path_check(path, false, where, e);
        if (r >= 0 && !workdir && strncmp(path, "$WORKDIR", 8) == 0)
                r = error_field(e, where, "there is no working directory yet");
        if (r < 0)
                return r;
        *ret = path_expand(rq->arena, path, rq->session->user.home, workdir);
        return *ret ? 0 : error_nomem(e);
}

static const char *plan_variable(const struct sandbox *sb, const char *name) {
        const struct pairs *env = &sb->place.plan->environment;
        for (size_t i = env->n; i > 0; i--)
                if (strcmp(env->items[i - 1].name, name) == 0)
                        return env->items[i - 1].value;
        return NULL;
}

/* The interpreter to be run; for a sandbox that is there and an environment that is not its own,
 * with the variables that its own would have. */
static int choose(struct request *rq, const struct sandbox *sb, struct what *x, const char **ret,
                  struct error *e) {
        struct arena *a = rq->arena;
        const char *venv = NULL;
        if (x->python && strchr(x->python, '/')) {
                int r = expand(rq, x->python, sb ? sb->place.subject.workdir : NULL, "/python", ret,
                               e);
                if (r < 0 || !*ret)
                        return r;
        } else
                *ret = x->python ? x->python : "python3";
        if ((*ret)[0] == '-' || !(*ret)[0])
                return error_field(e, "/python", "\"%.64s\" is no interpreter's name", *ret);
        if (!x->venv || !sb)
                return 0;
        int r = expand(rq, x->venv, sb->place.subject.workdir, "/venv", &venv, e);
        if (r < 0 || !venv)
                return r;
        const char *path = plan_variable(sb, "PATH");
        const char *joined = arena_printf(a, "%s/bin:%s", venv, path ? path : "/usr/bin:/bin");
        *ret = arena_printf(a, "%s/bin/python", venv);
        struct pairs env = { .set = true };
        bool ok = *ret && joined && arena_push_pair(a, &env, "VIRTUAL_ENV", venv) &&
                  arena_push_pair(a, &env, "PATH", joined);
        for (size_t i = 0; ok && i < x->environment.n; i++)
                ok = arena_push_pair(a, &env, x->environment.items[i].name,
                                     x->environment.items[i].value);
        x->environment = env;
        return ok ? 0 : error_nomem(e);
}

/* The command line's layer with what this call says itself: its environment, its script's
 * directory. */
static int add_layer(struct request *rq, const struct policy *overrides, const char *venv,
                     const char *script, const struct policy **ret, struct error *e) {
        struct policy *p = arena_alloc(rq->arena, sizeof *p);
        if (!p)
                return error_nomem(e);
        if (overrides)
                *p = *overrides;
        if (venv) {
                p->python.has_venv = true;
                p->python.venv.path = venv;
        }
        if (script) {
                char real[PATH_MAX];
                if (!realpath(script, real))
                        return error_field(e, "/script", "%.600s: %s", script, strerror(errno));
                struct strings read = { .set = true };
                for (size_t i = 0; i < p->filesystem.read.n; i++)
                        if (!arena_push(rq->arena, &read, p->filesystem.read.items[i]))
                                return error_nomem(e);
                char *slash = strrchr(real, '/');
                slash[slash == real] = 0;
                if (!arena_push(rq->arena, &read, real))
                        return error_nomem(e);
                p->filesystem.read = read;
        }
        *ret = p;
        return 0;
}

static int make_argv(struct request *rq, const struct python_run_params *p, const char *python,
                     const char *script, struct strings *ret, struct error *e) {
        struct arena *a = rq->arena;
        bool ok = arena_push(a, ret, python);
        if (p->code)
                ok = ok && arena_push(a, ret, "-c") && arena_push(a, ret, p->code);
        else if (p->module)
                ok = ok && arena_push(a, ret, "-m") && arena_push(a, ret, p->module);
        else
                ok = ok && arena_push(a, ret, script);
        for (size_t i = 0; ok && i < p->args.n; i++)
                ok = arena_push(a, ret, p->args.items[i]);
        return ok ? 0 : error_nomem(e);
}

static int run_warm(struct request *rq, struct sandbox *sb, const struct python_run_params *p,
                    const char *python, const char *script, const struct what *x,
                    struct process_wish *wish, struct error *e) {
        const char *cwd = sb->place.subject.workdir;
        int r = check_imports(&p->imports, e);
        if (r >= 0)
                r = expand(rq, p->cwd, sb->place.subject.workdir, "/cwd", &cwd, e);
        if (r < 0)
                return r;
        /* The variables of one call are set in its copy; those of an environment decide what is
         * imported. */
        struct worker_wish want = { .kind = WORKER_WARM, .python = python, .imports = p->imports };
        if (p->venv)
                want.environment = x->environment;
        const struct python_order order = { .code = p->code,
                                            .script = script,
                                            .module = p->module,
                                            .args = p->args,
                                            .cwd = cwd,
                                            .environment = p->environment };
        return warm_run(rq, sb, &want, wish, &order, e);
}

int rpc_python_run(struct request *rq, struct error *e) {
        const struct python_run_params *p = rq->params;
        struct sandbox_wish own = { .layers = LAYERS(p), .keep_workdir = p->keep_workdir };
        struct what x = { .venv = p->venv, .python = p->python, .environment = p->environment };
        struct process_wish wish = { WISH_OF(p), WISH_CAPTURED(p) };
        const char *python, *script = NULL;
        struct sandbox *sb = p->sandbox ? sandbox_find(rq->session, p->sandbox, e) : NULL;
        if (p->sandbox && !sb)
                return -ENOENT;
        int r = check_what(p, e);
        if (r >= 0)
                r = choose(rq, sb, &x, &python, e);
        if (r >= 0)
                r = expand(rq, p->script,
                           sb          ? sb->place.subject.workdir
                           : p->policy ? p->policy->workdir
                                       : NULL,
                           "/script", &script, e);
        if (r >= 0 && !sb && (p->venv || script))
                r = add_layer(rq, p->overrides, p->venv, script, &own.layers.overrides, e);
        if (r < 0)
                return r;
        wish.environment = x.environment;
        r = make_argv(rq, p, python, script, &wish.argv, e);
        if (r < 0)
                return r;
        return p->warm && sb ? run_warm(rq, sb, p, python, script, &x, &wish, e)
                             : process_launch(rq, p->sandbox, &own, &wish, e);
}

int rpc_python_session_start(struct request *rq, struct error *e) {
        const struct python_session_start_params *p = rq->params;
        struct sandbox_wish own = { .layers = LAYERS(p), .keep_workdir = p->keep_workdir };
        struct what x = { .venv = p->venv, .python = p->python, .environment = p->environment };
        const char *python;
        struct worker *w;
        struct sandbox *sb = p->sandbox ? sandbox_find(rq->session, p->sandbox, e) : NULL;
        bool made = !p->sandbox;
        if (p->sandbox && !sb)
                return -ENOENT;
        int r = check_imports(&p->imports, e);
        if (r >= 0)
                r = choose(rq, sb, &x, &python, e);
        if (r >= 0 && made && p->venv)
                r = add_layer(rq, p->overrides, p->venv, NULL, &own.layers.overrides, e);
        if (r >= 0 && made) {
                r = venv_need(rq, &own.layers, e);
                if (r > 0)
                        return 0;
        }
        if (r >= 0 && made)
                r = sandbox_new(rq->session, rq->peer, &own, NULL, &sb, e);
        if (r < 0)
                return r;
        const struct worker_wish want = { .kind = WORKER_SESSION,
                                          .python = python,
                                          .cwd = p->cwd,
                                          .imports = p->imports,
                                          .environment = x.environment };
        r = worker_new(rq->session, sb, &want, &w, e);
        if (r < 0) {
                if (made)
                        sandbox_free(sb, NULL);
                return r;
        }
        w->starting = rq;
        w->owns_sandbox = made;
        if (made) { /* the plan borrows from the request's arena, which ends with its answer */
                sb->place.request_arena = TAKE(rq->arena);
                rq->params = NULL;
        }
        return 0;
}
