/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The view: which part of it is the host's, and which is the sandbox's own. All parts are collected
 * first and then sorted by path, parents first, so that a part always lies on top of what is around
 * it; at the same path the sandbox's own comes first and what the policy names covers it.
 */
#include <stdio.h>
#include <string.h>

#include "compile.h"

/* sorting */

/* Order by components: "/a", "/a/b", "/a-b" ("/" counts as the smallest byte). */
static int path_order(const char *x, const char *y) {
        while (*x && *x == *y) {
                x++;
                y++;
        }
        int a = *x == '/' ? 1 : (unsigned char) *x + 1, b = *y == '/' ? 1 : (unsigned char) *y + 1;
        return (*x ? a : 0) - (*y ? b : 0);
}

/* At one path: what makes a directory before what changes it, pins before masks. */
static int kind_rank(enum mount_kind kind) {
        switch (kind) {
        case MOUNT_PIN:
                return 1;
        case MOUNT_READONLY:
                return 2;
        case MOUNT_HIDE:
                return 3;
        default:
                return 0;
        }
}

static int mount_order(const struct plan_mount *x, const struct plan_mount *y) {
        int d = path_order(x->target, y->target);
        return d ? d : kind_rank(x->kind) - kind_rank(y->kind);
}

/* Stable merge sort: the order of adding decides among equals. */
static void sort(struct plan_mount *m, size_t n, struct plan_mount *spare) {
        if (n < 2)
                return;
        size_t half = n / 2, i = 0, k = half, out = 0;
        sort(m, half, spare);
        sort(m + half, n - half, spare);
        memcpy(spare, m, half * sizeof(*m));
        while (i < half && k < n)
                m[out++] = mount_order(&m[k], &spare[i]) < 0 ? m[k++] : spare[i++];
        while (i < half)
                m[out++] = spare[i++];
}

static void sort_list(struct compile *c, struct plan_mount *m, size_t n) {
        struct plan_mount *spare = arena_array(c->a, n, sizeof(*spare));
        if (spare)
                sort(m, n, spare);
        else
                c->no_memory = true;
}

/* Does `m` add nothing to what is there, `v`? */
static bool redundant(struct view v, const struct plan_mount *m) {
        bool host = v.kind == VIEW_HOST_RO || v.kind == VIEW_HOST_RW;
        switch (m->kind) {
        case MOUNT_BIND_RO:
                return host && (!v.noexec || m->noexec);
        case MOUNT_BIND_RW:
                return v.kind == VIEW_HOST_RW && !v.noexec;
        case MOUNT_DIR: /* the host's own directory is there already */
        case MOUNT_FILE:
                return host;
        default:
                return false;
        }
}

void compile_sort_mounts(struct compile *c) {
        sort_list(c, c->mounts, c->n_mounts);
        /* The mounts that `m` lies in: parents come first, so they form a stack. */
        struct plan_mount *around = arena_array(c->a, c->n_mounts, sizeof(*around));
        if (!around) {
                c->no_memory = true;
                return;
        }
        size_t n = 0, depth = 0;
        for (size_t i = 0; i < c->n_mounts; i++) {
                struct plan_mount m = c->mounts[i];
                while (depth > 0 && !path_is_under(m.target, around[depth - 1].target))
                        depth--;
                if (redundant(plan_view_at(around, depth, m.target), &m))
                        continue;
                around[depth++] = m;
                c->mounts[n++] = m;
        }
        c->n_mounts = n;
}

void compile_sort_masks(struct compile *c) {
        sort_list(c, c->masks, c->n_masks);
        size_t n = 0;
        const struct plan_mount *top = NULL; /* the last mask with everything below it */
        for (size_t i = 0; i < c->n_masks; i++) {
                struct plan_mount *m = &c->masks[i];
                if (n > 0 && c->masks[n - 1].kind == m->kind &&
                    strcmp(c->masks[n - 1].target, m->target) == 0)
                        continue;
                if (top && path_is_under(m->target, top->target) &&
                    (top->kind == MOUNT_HIDE || m->kind != MOUNT_HIDE))
                        continue;
                c->masks[n] = *m;
                if (m->kind != MOUNT_PIN)
                        top = &c->masks[n];
                n++;
        }
        c->n_masks = n;
}

/* parts */

static void bind(struct compile *c, const char *path, bool optional, const char *field) {
        compile_mount(c, (struct plan_mount){ .kind = MOUNT_BIND_RO,
                                              .source = path,
                                              .target = path,
                                              .optional = optional,
                                              .field = field });
}

static void tmpfs(struct compile *c, const char *path, unsigned mode, bool optional,
                  const char *field) {
        compile_mount(c, (struct plan_mount){ .kind = MOUNT_TMPFS,
                                              .target = path,
                                              .mode = mode,
                                              .optional = optional,
                                              .field = field });
}

static void directory(struct compile *c, const char *path, unsigned mode, const char *field) {
        compile_mount(c, (struct plan_mount){
                                 .kind = MOUNT_DIR, .target = path, .mode = mode, .field = field });
}

/* What programs need to start at all, and nothing that tells of this machine's users. /nix and /gnu
 * hold the whole system there; /opt and /snap hold programs that packages put there; the
 * alternatives of Debian are in /etc. Not /var: it is state, and dpkg's part of it is of no use
 * read-only. */
const char *const compile_strict_roots[] = {
        "/usr",       "/bin", "/sbin", "/lib",  "/lib32",     "/lib64",
        "/libx32",    "/etc", "/opt",  "/snap", "/nix/store", "/nix/var/nix/profiles",
        "/gnu/store",
};
const size_t compile_strict_roots_n = ELEMENTSOF(compile_strict_roots);

static void add_root(struct compile *c) {
        enum mount_kind kind = c->plan->level == LEVEL_STRICT       ? MOUNT_ROOT_EMPTY
                               : c->plan->level == LEVEL_PERMISSIVE ? MOUNT_ROOT_RW
                                                                    : MOUNT_ROOT_RO;
        const char *field = "/level";
        /* A grant of "/" is about the disk, not about /dev or /tmp, which stay on top. */
        for (size_t i = 0; i < c->n_grants; i++) {
                const struct grant *g = &c->grants[i];
                if (strcmp(g->path, "/") != 0 || kind == MOUNT_ROOT_RW)
                        continue;
                kind = g->write ? MOUNT_ROOT_RW : MOUNT_ROOT_RO;
                field = g->field;
        }
        compile_mount(c, (struct plan_mount){ .kind = kind, .target = "/", .field = field });
        for (size_t i = 0; kind == MOUNT_ROOT_EMPTY && i < compile_strict_roots_n; i++)
                bind(c, compile_strict_roots[i], true, "/level");
        compile_mount(
                c, (struct plan_mount){ .kind = MOUNT_DEV, .target = "/dev", .field = "/level" });
        compile_mount(
                c, (struct plan_mount){ .kind = MOUNT_PROC, .target = "/proc", .field = "/level" });
        /* Permissive programs may look at all of /sys; nobody may write there (decision 4). */
        if (c->plan->level == LEVEL_PERMISSIVE)
                compile_mask(c, MOUNT_READONLY, "/sys", "/level");
        else
                compile_mount(c, (struct plan_mount){
                                         .kind = MOUNT_SYS, .target = "/sys", .field = "/level" });
}

/* Is it in one of the directories that add_private() makes? Then it does not exist yet. */
static bool in_private(const struct compile *c, const char *path) {
        return c->plan->level != LEVEL_PERMISSIVE &&
               (path_is_under(path, "/tmp") || path_is_under(path, "/var/tmp") ||
                path_is_under(path, "/run"));
}

static void add_private(struct compile *c) {
        if (c->plan->level == LEVEL_PERMISSIVE)
                return;
        tmpfs(c, "/tmp", 01777, false, "/level");
        tmpfs(c, "/var/tmp", 01777, c->plan->level != LEVEL_STRICT, "/level");
        tmpfs(c, "/run", 0755, false, "/level");
        directory(c, compile_text(c, "/run/user/%u", c->subject->uid), 0700, "/level");
        bind(c, "/run/current-system", true, "/level"); /* NixOS: where its programs are */
        if (PROTECTS(c, allow_gpu))
                bind(c, "/run/opengl-driver", true, "/security/allow_gpu"); /* and its drivers */
}

/* The directory that holds the homes of this system, when the user's lies in one: /home,
 * /var/home (Fedora Atomic), /export/home, ... */
static const char *home_parent(struct compile *c) {
        const char *last = strrchr(c->home, '/');
        if (!last || last == c->home)
                return NULL;
        const char *parent = arena_strndup(c->a, c->home, (size_t) (last - c->home));
        if (!parent) {
                c->no_memory = true;
                return NULL;
        }
        size_t n = strlen(parent);
        return n >= 5 && strcmp(parent + n - 5, "/home") == 0 ? parent : NULL;
}

static void add_git_identity(struct compile *c) {
        const char *name = c->subject->git_name, *email = c->subject->git_email;
        char text[1024];
        size_t n = 0;
        const char *const values[] = { name, email }, *const keys[] = { "name", "email" };
        n += (size_t) snprintf(text, sizeof(text), "[user]\n");
        for (size_t i = 0; i < 2; i++) {
                if (!values[i] || strlen(values[i]) > 200)
                        continue;
                n += (size_t) snprintf(text + n, sizeof(text) - n, "\t%s = \"", keys[i]);
                for (const char *s = values[i]; *s; s++) { /* git-config(1), Syntax */
                        if ((unsigned char) *s < 0x20)
                                continue;
                        if (*s == '"' || *s == '\\')
                                text[n++] = '\\';
                        text[n++] = *s;
                }
                n += (size_t) snprintf(text + n, sizeof(text) - n, "\"\n");
        }
        if (!name && !email)
                return;
        const char *content = arena_strdup(c->a, text);
        if (!content) {
                c->no_memory = true;
                return;
        }
        /* A normal file, so that `git config --global` works inside. */
        compile_mount(c, (struct plan_mount){ .kind = MOUNT_FILE,
                                              .target = compile_home(c, ".gitconfig"),
                                              .content = content,
                                              .mode = 0644,
                                              .optional = true, /* as the home */
                                              .field = "/security/protect_user_home" });
}

static void add_home(struct compile *c) {
        const char *field = "/security/protect_user_home";
        if (!c->home_private)
                return;
        bool strict = c->plan->level == LEVEL_STRICT;
        const char *parent = home_parent(c);

        /* Other people's homes, too. Strict has nothing there that would need a cover. */
        if (!strict || (parent && strcmp(parent, "/home") == 0))
                tmpfs(c, "/home", 0755, !strict, field);
        if (!strict && strcmp(c->home, "/root") != 0)
                tmpfs(c, "/root", 0700, true, field);
        if (parent && strcmp(parent, "/home") != 0)
                tmpfs(c, parent, 0755, false, field);
        if (!*c->home)
                return;
        if (parent || in_private(c, c->home))
                directory(c, c->home, 0700, field);
        else /* a home that the password file names need not exist */
                tmpfs(c, c->home, 0700, !strict, field);
        add_git_identity(c);
        if (strict)
                return;
        for (size_t i = 0; i < toolchains_n; i++)
                if (compile_may_exist(&c->subject->home_names, toolchains[i].path))
                        bind(c, compile_home(c, toolchains[i].path), true, field);
        bind(c, "/home/linuxbrew/.linuxbrew", true, field); /* where Homebrew lives for all users */
}

static void add_granted(struct compile *c) {
        const struct subject *s = c->subject;
        for (size_t i = 0; i < c->n_grants; i++) {
                const struct grant *g = &c->grants[i];
                if (strcmp(g->path, "/") == 0)
                        continue;
                bool device = path_is_under(g->path, "/dev");
                compile_mount(c, (struct plan_mount){ .kind = device     ? MOUNT_DEVICE
                                                              : g->write ? MOUNT_BIND_RW
                                                                         : MOUNT_BIND_RO,
                                                      .source = g->path,
                                                      .target = g->path,
                                                      .noexec = !g->execute && !device,
                                                      .field = g->field });
        }
        if (c->plan->disk == DISK_HARD)
                tmpfs(c, s->workdir, 0700, false, "/workdir");
        else
                compile_mount(c, (struct plan_mount){ .kind = MOUNT_BIND_RW,
                                                      .source = s->workdir,
                                                      .target = s->workdir,
                                                      .field = "/workdir" });
        for (size_t i = 0; i < s->git_common_dirs.n; i++)
                compile_mount(c, (struct plan_mount){ .kind = MOUNT_BIND_RW,
                                                      .source = s->git_common_dirs.items[i],
                                                      .target = s->git_common_dirs.items[i],
                                                      .field = "/workdir" });
}

/* Where the view shows nothing of the host's; elsewhere they can be seen as it is. */
static void add_worktrees(struct compile *c) {
        const struct strings *list = &c->subject->git_worktrees;
        size_t n = c->n_mounts;
        for (size_t i = 0; i < list->n; i++) {
                enum view_kind kind = plan_view_at(c->mounts, n, list->items[i]).kind;
                if (kind != VIEW_HOST_RO && kind != VIEW_HOST_RW)
                        bind(c, list->items[i], true, "/workdir");
        }
}

static void add_sockets(struct compile *c) {
        const struct strings *list = &c->policy->security.unix_sockets;
        for (size_t i = 0; i < list->n; i++) {
                const char *path = c->plan->unix_sockets.items[i];
                /* Read-only is enough: connect(2) asks for the socket's own permission only. */
                bind(c, path, false, compile_text(c, "/security/unix_sockets/%zu", i));
        }
}

void compile_view(struct compile *c) {
        add_root(c);
        add_private(c);
        add_home(c);
        compile_devices(c);
        add_granted(c);
        compile_venv_view(c);
        add_sockets(c);
        compile_sort_mounts(c);
        add_worktrees(c);
        compile_sort_mounts(c);
}
