/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The way from a request to a plan. Everything that touches the disk happens here and in the files
 * it calls; merging, checking and compiling are policy/'s and pure. */
#include "place.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/path.h"
#include "admin.h"
#include "paths.h"
#include "scope.h"
#include "venv.h"
#include "workdir.h"
#include "workspace.h"

static int given_workdir(struct session *s, struct place *p, struct error *e) {
        char real[PATH_MAX];
        struct stat st;
        const char *path = path_expand(p->arena, p->policy.workdir, s->user.home, NULL);

        if (!path)
                return error_nomem(e);
        if (!realpath(path, real))
                return error_field(e, "/policy/workdir", "%.512s: %s", path, strerror(errno));
        if (stat(real, &st) < 0 || !S_ISDIR(st.st_mode))
                return error_field(e, "/policy/workdir", "%.512s is no directory", path);
        p->subject.workdir = arena_strdup(p->arena, real);
        return p->subject.workdir ? 0 : error_nomem(e);
}

static int fresh_workdir(struct session *s, struct place *p, bool real, struct error *e) {
        int r = real ? workdir_new(s, &p->fresh, e) : workdirs_open(s, e);
        if (r < 0)
                return r;
        p->subject.workdir_fresh = true;
        p->subject.workdir = real ? workdir_path(p->fresh)
                                  : arena_printf(p->arena, "%s/fresh", workdirs_base(s));
        return p->subject.workdir ? 0 : error_nomem(e);
}

/* Where /tmp is the host's. Temporary files of two sandboxes shall not meet either. */
static int private_tmp(struct session *s, struct place *p, bool real, struct error *e) {
        if (!facts_native(&s->facts))
                return 0;
        int r = real ? workdir_new(s, &p->tmp, e) : workdirs_open(s, e);
        if (r < 0)
                return r;
        p->subject.tmpdir =
                real ? workdir_path(p->tmp) : arena_printf(p->arena, "%s/tmp", workdirs_base(s));
        return p->subject.tmpdir ? 0 : error_nomem(e);
}

/* Host commands lie where no command can write: in the view, or, where there is none, on the host.
 */
static int ipc_directory(struct session *s, struct place *p, bool real, struct error *e) {
        if (!facts_native(&s->facts) && s->backend->box_ipc) {
                p->subject.ipc_dir = IPC_DIRECTORY;
                return 0;
        }
        int r = real ? workdir_new(s, &p->ipc, e) : workdirs_open(s, e);
        if (r < 0)
                return r;
        p->subject.ipc_dir =
                real ? workdir_path(p->ipc) : arena_printf(p->arena, "%s/ipc", workdirs_base(s));
        return p->subject.ipc_dir ? 0 : error_nomem(e);
}

/* Decision 19: what `pass` names is looked up in what the caller sent; a variable that he has not
 * got is not set inside either. Without that, plan_compile() refuses. */
static int pass_variables(struct place *p, const struct pairs *from, struct error *e) {
        struct policy_environment *env = &p->policy.environment;

        if (!from || !from->set)
                return 0;
        for (size_t i = 0; i < env->pass.n; i++) {
                const char *value = pairs_get(from, env->pass.items[i]);
                if (value && !pairs_get(&env->set, env->pass.items[i]) &&
                    !arena_push_pair(p->arena, &env->set, env->pass.items[i], value))
                        return error_nomem(e);
        }
        env->pass = (struct strings){ 0 };
        return 0;
}

struct looked_up {
        const struct pairs *variables;
        char real[PATH_MAX];
};

static const char *variable(void *userdata, const char *name) {
        const struct looked_up *l = userdata;
        return pairs_get(l->variables, name);
}

static const char *readable(void *userdata, const char *path, bool *ret_directory) {
        struct looked_up *l = userdata;
        struct stat st;

        if (access(path, R_OK) < 0 || stat(path, &st) < 0 || !realpath(path, l->real) ||
            (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
                return NULL;
        *ret_directory = S_ISDIR(st.st_mode);
        return l->real;
}

int layers_network(struct arena *a, const struct layers *l, struct policy *p, struct error *e) {
        struct looked_up found = { .variables = l->client_environment };
        const struct caller c = { .variable = variable, .readable = readable, .userdata = &found };

        struct policy packages = { .network = p->network };

        if (!l->profile || !l->client_environment || !l->client_environment->set)
                return 0;
        if (p->network.mode > NETWORK_DENY)
                return policy_caller(a, &c, p, e);
        if (!p->python.has_venv)
                return 0;
        int r = policy_caller(a, &c, &packages, e);
        p->network.proxy = packages.network.proxy;
        p->network.no_proxy = packages.network.no_proxy;
        return r;
}

/* Last of all: what the administrator says (policy/floor.h). */
static int apply_floor(struct session *s, struct place *p, const struct layers *l,
                       const struct policy *profile, struct error *e) {
        const struct policy *const asked[] = { profile, l->policy, l->overrides };
        const struct floor *f = &s->admin.config.floor;
        int r = admin_usable(s, e);

        for (size_t i = 0; i < ELEMENTSOF(asked) && r >= 0; i++)
                if (asked[i])
                        r = floor_asked(f, asked[i], e);
        if (r >= 0)
                r = floor_apply(p->arena, f, &p->policy, e);
        return error_under(e, "/policy", r);
}

static int resolve(struct session *s, struct place *p, const struct layers *l, struct error *e) {
        const struct policy *profile = NULL;
        int r = l->profile ? profile_load(s, p->arena, l->profile, &profile, e) : 0;
        if (r >= 0)
                r = policy_resolve(p->arena, profile, l->policy, l->overrides, &p->policy, e);
        if (r >= 0)
                r = pass_variables(p, l->client_environment, e);
        if (r >= 0)
                r = layers_network(p->arena, l, &p->policy, e);
        if (r >= 0)
                r = error_under(e, "/policy", policy_check(&p->policy, e));
        return r < 0 ? r : apply_floor(s, p, l, profile, e);
}

static int set_venv(struct session *s, struct place *p, const struct place_venv *venv, bool real,
                    struct error *e) {
        if (!venv)
                return venv_subject(s, p->arena, &p->policy, real, &p->subject, e);
        p->subject.venv = arena_strdup(p->arena, venv->path);
        p->subject.venv_source = arena_strdup(p->arena, venv->source);
        p->subject.venv_writable = true;
        p->subject.venv_ours = venv->ours;
        p->subject.venv_decoys = venv->decoys;
        return p->subject.venv && p->subject.venv_source ? 0 : error_nomem(e);
}

static int compile(struct session *s, struct place *p, const struct layers *l,
                   const char *sandbox_id, bool real, struct error *e) {
        p->subject.uid = s->user.uid;
        p->subject.gid = s->user.gid;
        p->subject.user = s->user.name;
        p->subject.home = s->user.home;
        p->subject.socket_path = s->socket_path;
        p->subject.workdir_unseen = l->unseen;
        p->subject.sandbox_id = arena_strdup(p->arena, sandbox_id ? sandbox_id : "none");
        if (!p->subject.sandbox_id)
                return error_nomem(e);
        int r = p->policy.workdir ? given_workdir(s, p, e) : fresh_workdir(s, p, real, e);
        if (r >= 0)
                r = private_tmp(s, p, real, e);
        if (r >= 0)
                r = ipc_directory(s, p, real, e);
        if (r >= 0)
                r = paths_canonical(p->arena, &p->policy, s->user.home, p->subject.workdir, e);
        if (r >= 0)
                r = set_venv(s, p, l->venv, real, e);
        if (r >= 0)
                r = error_under(e, "/policy",
                                floor_paths(&s->admin.config.floor, &p->policy,
                                            p->subject.workdir_fresh ? NULL : p->subject.workdir,
                                            e));
        if (r >= 0 && !p->subject.workdir_fresh)
                r = workspace_survey(p->arena, &p->subject, s->user.home, e);
        if (r < 0)
                return r;
        workspace_identity(s, p->arena, &p->subject);
        scope_for(s, &p->policy);
        r = plan_compile(p->arena, &p->policy, &s->facts, &p->subject, &p->plan, e);
        return error_under(e, "/policy", r);
}

/* `ret` is not moved afterwards without care: the plan points to ret->subject. */
int place_compile(struct session *s, const struct layers *layers, const char *sandbox_id, bool real,
                  struct place *ret, struct error *e) {
        *ret = (struct place){ .arena = arena_new() };
        if (!ret->arena)
                return error_nomem(e);
        int r = resolve(s, ret, layers, e);
        if (r >= 0)
                r = compile(s, ret, layers, sandbox_id, real, e);
        if (r < 0)
                place_done(s, ret, false, NULL);
        return r;
}

void place_done(struct session *s, struct place *p, bool keep, struct request *rq) {
        if (p->tmp) /* one after the other: the queue's order is that of the answers */
                workdir_release(s, p->tmp, false, p->fresh ? NULL : TAKE(rq));
        p->tmp = NULL;
        if (p->ipc)
                workdir_release(s, p->ipc, false, p->fresh ? NULL : TAKE(rq));
        p->ipc = NULL;
        if (p->fresh)
                workdir_release(s, p->fresh, keep, rq);
        else if (rq)
                request_reply(rq, NULL);
        p->fresh = NULL;
        p->plan = NULL;
        p->arena = arena_free(p->arena);
        p->request_arena = arena_free(p->request_arena);
}

void place_enforcement(const struct session *s, const struct place *p, struct arena *a,
                       struct enforcement *ret) {
        *ret = (struct enforcement){ .tier = p->plan->native ? "native" : "namespaces",
                                     .layers = p->plan->layers,
                                     .landlock_abi =
                                             p->plan->landlock ? s->facts.landlock_abi : 0 };
        ret->layers.set = true;
        ret->disk = disk_hold_names[p->plan->disk];
        for (int i = 0; i < LOSS_N_; i++)
                if (p->plan->lost[i])
                        (void) arena_push(a, &ret->losses, losses[i].name);
        ret->losses.set = true;
}
