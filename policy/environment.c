/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every command starts with. It starts empty: the caller's environment is full of tokens. Then
 * the few variables that programs cannot do without, then what the policy sets.
 */
#include <stdio.h>
#include <string.h>

#include "compile.h"
#include "gate.h"

/* The system's directories, with those for administration, since tools like ip and mkfs are there
 * on some systems and not on others. Then NixOS. */
static const char system_path[] =
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

static void set(struct compile *c, const char *name, const char *value) {
        struct pairs *env = &c->plan->environment;
        for (size_t i = 0; i < env->n; i++) {
                if (strcmp(env->items[i].name, name) != 0)
                        continue;
                env->items[i].value = value;
                return;
        }
        if (!arena_push_pair(c->a, env, name, value))
                c->no_memory = true;
}

/* The user's toolchains first, as in the user's own shell; they are read-only, so that nothing can
 * be put before the system's programs. Strict has none. */
static const char *make_path(struct compile *c) {
        if (c->plan->level == LEVEL_STRICT || !*c->home)
                return system_path;
        size_t size = sizeof(system_path);
        for (size_t i = 0; i < toolchains_n; i++)
                if (toolchains[i].bin)
                        size += strlen(c->home) + strlen(toolchains[i].bin) + 2;
        char *path = arena_alloc(c->a, size), *out = path;
        if (!path) {
                c->no_memory = true;
                return system_path;
        }
        for (size_t i = 0; i < toolchains_n; i++)
                if (toolchains[i].bin &&
                    compile_may_exist(&c->subject->home_names, toolchains[i].bin))
                        out += snprintf(out, size - (size_t) (out - path), "%s/%s:", c->home,
                                        toolchains[i].bin);
        memcpy(out, system_path, sizeof(system_path));
        return path;
}

/* The native tier has no private home with a .gitconfig, and git fails where it may not look. */
static void set_git(struct compile *c) {
        const struct subject *s = c->subject;
        if (!c->plan->native || !c->home_private)
                return;
        set(c, "GIT_CONFIG_GLOBAL", "/dev/null");
        if (s->git_name) {
                set(c, "GIT_AUTHOR_NAME", s->git_name);
                set(c, "GIT_COMMITTER_NAME", s->git_name);
        }
        if (s->git_email) {
                set(c, "GIT_AUTHOR_EMAIL", s->git_email);
                set(c, "GIT_COMMITTER_EMAIL", s->git_email);
        }
}

/* Programs that know of proxies get better errors through one, and need no name look-ups; what
 * knows of none is captured. ALL_PROXY is no SOCKS URL: Python's httpx and requests fail on one,
 * for want of a module. */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define PROXY_URL "http://127.0.0.1:" TEXT(GATE_PROXY_PORT)
#define NO_PROXY "localhost,127.0.0.1,::1" /* the sandbox's own servers */

static const struct pair proxy_variables[] = {
        { "HTTP_PROXY", PROXY_URL },
        { "http_proxy", PROXY_URL },
        { "HTTPS_PROXY", PROXY_URL },
        { "https_proxy", PROXY_URL }, /* cargo, apt, wget and git read this one */
        { "ALL_PROXY", PROXY_URL },
        { "all_proxy", PROXY_URL },
        { "NO_PROXY", NO_PROXY },
        { "no_proxy", NO_PROXY },
        { "NODE_USE_ENV_PROXY", "1" }, /* from Node 24 on; older ones are captured */
        { "npm_config_proxy", PROXY_URL },
        { "npm_config_https_proxy", PROXY_URL },
        { "npm_config_noproxy", NO_PROXY },
        { "PIP_PROXY", PROXY_URL },
};

/* Java reads no environment but this, and says so on stderr each time: only where nothing captures.
 */
#define JAVA_PROXY(scheme) \
        "-D" scheme ".proxyHost=127.0.0.1 -D" scheme ".proxyPort=" TEXT(GATE_PROXY_PORT) " "
static const char java_options[] =
        JAVA_PROXY("http") JAVA_PROXY("https") "-Dhttp.nonProxyHosts=localhost|127.*|[::1]";

static void set_proxy(struct compile *c) {
        if (c->plan->network.mode == NETWORK_DENY) {
                /* Trying again changes nothing, and npm would do so for minutes. */
                set(c, "npm_config_fetch_retries", "0");
                set(c, "PIP_RETRIES", "0");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(proxy_variables); i++)
                set(c, proxy_variables[i].name, proxy_variables[i].value);
        for (size_t i = 0; i < c->plan->certificates.n; i++)
                set(c, c->plan->certificates.items[i].name, c->plan->certificates.items[i].value);
        if (!c->facts->nft_redirect)
                set(c, "JAVA_TOOL_OPTIONS", java_options);
}

/* What an environment's `activate` would do. Byte code cannot be written where it is read-only. */
static void set_venv(struct compile *c) {
        const struct subject *s = c->subject;
        if (!s->venv)
                return;
        const char *bin = compile_join(c, s->venv, "bin"), *old = make_path(c);
        size_t size = strlen(bin) + strlen(old) + 2;
        char *path = arena_alloc(c->a, size);
        if (!path) {
                c->no_memory = true;
                return;
        }
        (void) snprintf(path, size, "%s:%s", bin, old);
        set(c, "PATH", path);
        set(c, "VIRTUAL_ENV", s->venv);
        if (!s->venv_writable)
                set(c, "PYTHONDONTWRITEBYTECODE", "1");
}

/* Host commands come first, and before what the policy sets, too: they may be registered at any
 * time, and nothing inside can put anything there. */
static void set_ipc(struct compile *c) {
        const char *dir = c->subject->ipc_dir;
        if (!dir)
                return;
        set(c, "LEASH_IPC", compile_join(c, dir, "socket"));
        for (size_t i = 0; i < c->plan->environment.n; i++) {
                struct pair *p = &c->plan->environment.items[i];
                if (strcmp(p->name, "PATH") != 0)
                        continue;
                p->value = arena_printf(c->a, "%s/bin:%s", dir, p->value);
                if (!p->value)
                        c->no_memory = true;
        }
}

void compile_environment(struct compile *c) {
        const struct subject *s = c->subject;
        set(c, "PATH", make_path(c));
        const char *tmp = c->plan->native && s->tmpdir ? s->tmpdir : "/tmp";
        set_venv(c);
        set(c, "HOME", *c->home ? c->home : tmp);
        set(c, "USER", s->user ? s->user : "nobody");
        set(c, "LOGNAME", s->user ? s->user : "nobody");
        set(c, "SHELL", "/bin/sh"); /* the one that is there on every system */
        set(c, "LANG", "C.UTF-8");
        set(c, "TERM", "xterm-256color");
        set(c, "TMPDIR", tmp);
        /* The home cannot be written there; compilers and package managers want a cache. */
        if (c->plan->native && c->home_private && s->tmpdir)
                set(c, "XDG_CACHE_HOME", compile_join(c, s->tmpdir, "cache"));
        if (!c->plan->native && c->plan->level != LEVEL_PERMISSIVE)
                set(c, "XDG_RUNTIME_DIR", compile_text(c, "/run/user/%u", s->uid));
        set_git(c);
        set_proxy(c);
        for (size_t i = 0; i < c->policy->environment.set.n; i++)
                set(c, c->policy->environment.set.items[i].name,
                    c->policy->environment.set.items[i].value);
        if (s->sandbox_id)
                set(c, "LEASH_SANDBOX", s->sandbox_id);
        set_ipc(c);
}
