/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Protections become masks and names; so do leash's own sockets and state, which are kept from
 * every sandbox whatever the policy says. The tables are in protected.c.
 */
#include <stdio.h>
#include <string.h>

#include "compile.h"

/* Where leash listens (decision 16) and what it keeps: whoever reaches its socket can ask for a
 * laxer sandbox; whoever writes a profile decides what the next one may do. */
static size_t own_paths(struct compile *c, const char *ret[static 13]) {
        static const char *const in_home[] = { ".config/leash", ".local/state/leash",
                                               ".local/share/leash", ".cache/leash" };
        size_t n = 0;
        if (c->subject->socket_path)
                ret[n++] = c->subject->socket_path;
        ret[n++] = "/run/leash";
        ret[n++] = compile_text(c, "/run/user/%u/leash", c->subject->uid);
        ret[n++] = compile_text(c, "/tmp/leash-%u", c->subject->uid);
        ret[n++] = "/var/lib/leash";
        ret[n++] = "/var/log/leash";
        ret[n++] = "/var/cache/leash";
        for (size_t i = 0; *c->home && i < ELEMENTSOF(in_home); i++)
                ret[n++] = compile_home(c, in_home[i]);
        return n;
}

const char *compile_protected_by(const struct compile *c, const char *path) {
        struct compile copy = *c; /* compile_text() notes a lack of memory there */
        const char *own[13];
        size_t n = own_paths(&copy, own);
        for (size_t i = 0; i < n; i++)
                if (path_is_under(path, own[i]))
                        return "it belongs to leash itself";
        for (size_t i = 0; c->plan->level != LEVEL_PERMISSIVE && i < system_secrets_n; i++)
                if (path_is_under(path, system_secrets[i]))
                        return "it holds secrets of the system";
        size_t home = strlen(c->home);
        if (home == 0 || !path_is_under(path, c->home) || path[home] != '/')
                return NULL;
        for (size_t i = 0; i < protected_paths_n; i++)
                for (size_t k = 0;
                     compile_protects(c, protected_paths[i].offset) && k < protected_paths[i].n;
                     k++)
                        if (path_is_under(path + home + 1, protected_paths[i].paths[k]))
                                return protected_paths[i].reason;
        return NULL;
}

/* The mounts that show something of the host in the home, as paths below it: few, so that looking a
 * hundred protected names up costs little. */
struct shown {
        const char **paths;
        size_t n;
        bool all; /* the home itself is the host's */
};

static struct shown shown_in_home(struct compile *c) {
        struct shown s = { .paths = arena_array(c->a, c->n_mounts, sizeof(char *)) };
        if (!s.paths) {
                c->no_memory = true;
                return s;
        }
        size_t home = strlen(c->home);
        for (size_t i = 0; i < c->n_mounts; i++) {
                const struct plan_mount *m = &c->mounts[i];
                bool bind = m->kind == MOUNT_BIND_RO || m->kind == MOUNT_BIND_RW;
                if (bind && path_is_under(m->target, c->home) && m->target[home] == '/')
                        s.paths[s.n++] = m->target + home + 1;
        }
        enum view_kind kind = plan_view_at(c->mounts, c->n_mounts, c->home).kind;
        s.all = kind == VIEW_HOST_RO || kind == VIEW_HOST_RW;
        return s;
}

static bool shows(const struct shown *s, const char *path) {
        for (size_t i = 0; i < s->n && !s->all; i++) {
                const char *p = s->paths[i];
                bool alike = p[0] == path[0] && (p[1] == path[1] || !p[1]); /* most are not */
                if (alike && path_is_under(path, p))
                        return true;
        }
        return s->all;
}

static void hide_own(struct compile *c) {
        const char *own[13];
        size_t n = own_paths(c, own);
        for (size_t i = 0; i < n; i++) {
                enum view_kind kind = plan_view_at(c->mounts, c->n_mounts, own[i]).kind;
                if (kind != VIEW_HOST_RO && kind != VIEW_HOST_RW)
                        continue;
                /* A throw-away working directory may lie there; the socket still must not be seen.
                 */
                bool around = path_is_under(c->subject->workdir, own[i]);
                compile_mask(c, MOUNT_HIDE, around ? compile_join(c, own[i], "leash.sock") : own[i],
                             "/level");
        }
}

void compile_protections(struct compile *c) {
        hide_own(c);
        compile_scope(c, "/etc"); /* where most of them are */
        for (size_t i = 0; c->plan->level != LEVEL_PERMISSIVE && i < system_secrets_n; i++)
                compile_mask_inside(c, MOUNT_HIDE, system_secrets[i], true, "/level");
        if (!*c->home)
                return;

        struct shown shown = shown_in_home(c);
        compile_scope(c, c->home);
        for (size_t i = 0; i < protected_paths_n; i++)
                for (size_t k = 0;
                     compile_protects(c, protected_paths[i].offset) && k < protected_paths[i].n;
                     k++)
                        if (shows(&shown, protected_paths[i].paths[k]))
                                compile_mask_inside(c, MOUNT_HIDE,
                                                    compile_home(c, protected_paths[i].paths[k]),
                                                    true, protected_paths[i].field);
}

bool compile_each_protected(struct compile *c,
                            bool (*visit)(struct compile *, const char *, const char *)) {
        bool found = false;
        for (size_t i = 0;
             c->plan->level != LEVEL_PERMISSIVE && c->subject->uid == 0 && i < system_secrets_n;
             i++)
                found |= visit(c, system_secrets[i], "/level");
        for (size_t i = 0; *c->home && i < protected_paths_n; i++)
                for (size_t k = 0;
                     compile_protects(c, protected_paths[i].offset) && k < protected_paths[i].n;
                     k++)
                        found |= visit(c, compile_home(c, protected_paths[i].paths[k]),
                                       protected_paths[i].field);
        return found;
}

bool compile_each_own(struct compile *c,
                      bool (*visit)(struct compile *, const char *, const char *)) {
        const char *own[13];
        size_t n = own_paths(c, own);
        bool found = false;

        for (size_t i = 0; i < n; i++) {
                /* What is thrown away with the sandbox lies there. */
                bool around = path_is_under(c->subject->workdir, own[i]) ||
                              (c->subject->tmpdir && path_is_under(c->subject->tmpdir, own[i]));
                found |=
                        visit(c, around ? compile_join(c, own[i], "leash.sock") : own[i], "/level");
        }
        return found;
}
