/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The sandbox in which an environment is made: strict, without a home, with the network of the
 * index and one directory to write to. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/path.h"
#include "create_py.h"
#include "venv_build.h"
#include "workdir.h"

/* What a package has no business with. Nothing of the home is in the sandbox; but a name that is
 * not there fails without a trace, so each of these is there, empty, and denied: reaching for one
 * is reported. They are the same for everybody and tell nothing of this home. (Not .netrc,
 * .gitconfig or .config, which honest tools look at.) */
static const char *const decoys[] = {
        ".ssh/",
        ".ssh/id_rsa",
        ".ssh/id_ed25519",
        ".ssh/config",
        ".ssh/known_hosts",
        ".ssh/authorized_keys",
        ".gnupg/",
        ".aws/",
        ".aws/credentials",
        ".aws/config",
        ".azure/",
        ".kube/",
        ".kube/config",
        ".docker/",
        ".docker/config.json",
        ".password-store/",
        ".mozilla/",
        ".thunderbird/",
        ".bash_history",
        ".zsh_history",
        ".python_history",
        ".git-credentials",
        ".pypirc",
        ".npmrc",
        ".bashrc",
        ".bash_profile",
        ".profile",
        ".zshrc",
        ".vimrc",
        "Desktop/",
        "Documents/",
        "Downloads/",
        "Pictures/",
};

static int add_decoys(struct venv_build *b, struct place_venv *venv, struct error *e) {
        const char *home = b->session->user.home, *base = workdirs_base(b->session);
        for (size_t i = 0; strlen(home) > 1 && i < ELEMENTSOF(decoys); i++) {
                size_t n = strcspn(decoys[i], "/");
                const char *path = arena_printf(b->arena, "%s/%s", home, decoys[i]);
                const char *top = arena_printf(b->arena, "%s/%.*s", home, (int) n, decoys[i]);
                if (!path || !top)
                        return error_nomem(e);
                bool needed = path_is_under(b->spec->path, top) || path_is_under(base, top);
                for (size_t k = 0; k < b->spec->grants.n; k++)
                        needed = needed || path_is_under(b->spec->grants.items[k], top) ||
                                 path_is_under(top, b->spec->grants.items[k]);
                if (!needed && !arena_push(b->arena, &venv->decoys, path))
                        return error_nomem(e);
        }
        return 0;
}

static int set_network(struct venv_build *b, struct policy *p, struct venv_order *order,
                       struct error *e) {
        const struct venv_spec *v = b->spec;
        struct index_url url = { 0 };
        if (v->packages.n + v->texts.n == 0)
                return 0;
        p->network.proxy = v->proxy;
        p->network.no_proxy = v->no_proxy;
        for (size_t i = 0; i < v->hosts.n; i++)
                if (!arena_push(b->arena, &p->network.allow, v->hosts.items[i]))
                        return error_nomem(e);
        if (!v->index_url) {
                if (!arena_push(b->arena, &p->network.allow, "pypi.org:443") ||
                    !arena_push(b->arena, &p->network.allow, "files.pythonhosted.org:443"))
                        return error_nomem(e);
                return 0;
        }
        int r = index_url_parse(v->index_url, "/index_url", &url, e);
        if (r < 0)
                return r;
        char port[8];
        snprintf(port, sizeof port, "%u", url.port);
        bool v6 = strchr(url.host, ':');
        const char *host = arena_printf(b->arena, v6 ? "[%s]:%s" : "%s:%s", url.host, port);
        if (url.plain)
                order->trusted = arena_strdup(b->arena, url.host);
        if (!host || !order->trusted ||
            !arena_push(b->arena, url.loopback ? &p->network.local_ports : &p->network.allow,
                        url.loopback ? port : host))
                return error_nomem(e);
        return 0;
}

static int start_process(struct venv_build *b, const struct venv_order *order, struct error *e) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct process *p;
        size_t len = 0;
        int r = shape_encode(&venv_order_shape, order, &j, e);
        if (r < 0)
                return r;
        uint64_t wall = b->sandbox->place.plan->limits.wall_ms; /* an administrator's */
        b->allowed_ms = wall > 0 && wall < b->spec->timeout_ms ? wall : b->spec->timeout_ms;
        char *text = json_print(j, false, &len);
        struct process_wish wish = { .title = "leash: making a virtual environment",
                                     .timeout_ms = b->spec->timeout_ms,
                                     .run = true,
                                     .owns_sandbox = true,
                                     .stdio = { -1, -1, -1 },
                                     .pipes = { true, true, true },
                                     .text = text,
                                     .text_len = len,
                                     .hooks = &venv_hooks,
                                     .userdata = b };
        const char *const argv[] = { b->spec->interpreter, "-I", "-c", create_py };
        bool ok = text;
        for (size_t i = 0; i < ELEMENTSOF(argv); i++)
                ok = ok && arena_push(b->arena, &wish.argv, argv[i]);
        r = ok ? process_new_own(b->session, b->sandbox, &wish, &p, e) : error_nomem(e);
        free(text);
        return r;
}

int venv_start_sandbox(struct venv_build *b, struct error *e) {
        const struct venv_spec *v = b->spec;
        struct policy *p = arena_alloc(b->arena, sizeof *p);
        char staging[PATH_MAX];
        int r = workdirs_open(b->session, e);
        if (r < 0)
                return r;
        if (!p)
                return error_nomem(e);
        struct venv_order order = { .target = v->path,
                                    .index_url = v->index_url ? v->index_url : "",
                                    .trusted = "",
                                    .uv = v->uv ? v->uv : "",
                                    .packages = v->packages,
                                    .requirements = v->texts,
                                    .system_site_packages = v->system_site_packages };
        order.packages.set = order.requirements.set = true;
        p->level = LEVEL_STRICT;
        p->filesystem.execute = v->grants;
        p->accept = v->accept;
        r = set_network(b, p, &order, e);
        if (r < 0)
                return r;
        snprintf(staging, sizeof staging, "%.*s/%s", (int) (strrchr(v->path, '/') - v->path),
                 v->path, b->staging);
        struct place_venv venv = { .path = v->path, .source = staging, .ours = v->cached };
        r = add_decoys(b, &venv, e);
        if (r < 0)
                return r;
        const struct sandbox_wish wish = { .layers = { .policy = p, .venv = &venv },
                                           .name = "venv",
                                           .lifetime = LIFETIME_DETACHED };
        r = sandbox_new(b->session, NULL, &wish, NULL, &b->sandbox, e);
        if (r < 0)
                return r;
        r = start_process(b, &order, e);
        if (r < 0) {
                sandbox_free(b->sandbox, NULL);
                b->sandbox = NULL;
                return r;
        }
        b->sandbox->freed = venv_build_freed;
        b->sandbox->userdata = b;
        return 0;
}
