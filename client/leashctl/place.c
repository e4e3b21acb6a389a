/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From the options to the four members that say where a command runs: the file's policy as `policy`
 * with the working directory put into it, the flags as `overrides`.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../libleash/localise.h"
#include "../../proto/rpc.h"
#include "commands.h"

static int existing_sandbox(struct options *o, struct place *ret, struct error *e) {
        if (o->policy || o->profile || o->fresh || o->workdir || o->keep || o->overridden)
                return error_set(e, ERROR_PARAMS, EINVAL,
                                 "--sandbox does not go with policy options: a sandbox's policy is "
                                 "fixed when it is made");
        *ret = (struct place){ .sandbox = o->sandbox };
        return 0;
}

/* Also done by the daemon, but on the merged policy: only here is it clear which option or line is
 * meant. */
static int check_layers(struct options *o, struct error *e) {
        int r = 0;

        if (o->overridden)
                r = error_under(e, "/overrides", policy_check(&o->overrides, e));
        if (r >= 0 && o->policy)
                r = error_under(e, "/policy", policy_check(o->policy, e));
        return r;
}

/* Only the daemon reads a profile, and only we have the variables that it may pass on. A preset
 * passes none. What is not UTF-8 cannot be said in JSON, and stays here. */
static int profile_environment(struct options *o, struct pairs *ret, struct error *e) {
        if (!o->profile || policy_preset(o->profile))
                return 0;
        ret->set = true;
        for (char **v = environ; *v; v++) {
                const char *equals = strchr(*v, '=');
                char *name = equals ? arena_strndup(o->arena, *v, (size_t) (equals - *v)) : NULL;

                if (equals && !name)
                        return error_nomem(e);
                if (name && ret->n < LIMIT_ENV_ITEMS && utf8_is_valid(*v, strlen(*v)) &&
                    !arena_push_pair(o->arena, ret, name, equals + 1))
                        return error_nomem(e);
        }
        return 0;
}

int options_place(struct options *o, struct place *ret, struct error *e) {
        if (o->sandbox)
                return existing_sandbox(o, ret, e);
        if (o->fresh && o->workdir)
                return error_set(e, ERROR_PARAMS, EINVAL,
                                 "--fresh and -C contradict each other: choose one directory");
        struct policy *p = o->policy ? o->policy : arena_alloc(o->arena, sizeof(*p));
        if (!p)
                return error_nomem(e);
        if (o->fresh)
                p->workdir = NULL;
        else if (o->workdir)
                p->workdir = o->workdir;
        else if (!p->workdir)
                p->workdir = o->cwd;
        const struct policy_network *n = &o->overrides.network;
        struct policy_venv *v = &o->overrides.python.venv;
        if (o->overrides.python.has_venv && !(o->policy && p->python.venv.index_url))
                v->index_url = venv_index_url(v);
        if (n->mode > NETWORK_DENY || n->allow.n > 0) {
                int r = network_localise(o->arena, p, e);
                if (r < 0)
                        return r;
        } else if (venv_may_be_made(o) && (!o->profile || policy_preset(o->profile))) {
                /* Packages come through the caller's proxy, too; beside a profile that is read by
                 * the daemon, it looks in the variables that it gets for that. */
                struct policy with = { .network = p->network };
                int r = network_localise(o->arena, &with, e);
                if (r < 0)
                        return r;
                p->network.proxy = with.network.proxy;
                p->network.no_proxy = with.network.no_proxy;
        }
        *ret = (struct place){
                .policy = p,
                .profile = o->profile,
                .overrides = o->overridden ? &o->overrides : NULL,
        };
        int r = profile_environment(o, &ret->client_environment, e);
        return r < 0 ? r : check_layers(o, e);
}
