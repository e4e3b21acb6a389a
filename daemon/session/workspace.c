/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which repositories are in a working directory (decision 10), by git's own rules
 * (gitrepository-layout(5)): a .git directory; a .git file that names one elsewhere (worktrees,
 * submodules); core.hooksPath.
 *
 * Everything inside the working directory may have been written by sandboxed code. A .git file that
 * points outside opens that place for writing, so it is believed only when the place points back:
 * what git wrote there itself, and what code in a sandbox could not.
 */
#include "workspace.h"

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
#include "../../backends/posix/socket.h"
#include "../../policy/path.h"
#include "ini.h"
#include "paths.h"

#define CONFIG_BYTES (256 * 1024)
/* A folder of repositories; one stat each. Code in a sandbox can make more, so what is not looked
 * at is held by patterns (git_crowded). */
#define CHILDREN_MAX 4096
#define REPOSITORIES_MAX 512 /* some five mounts each */

struct survey {
        struct arena *arena;
        struct subject *subject;
        const char *home;
        bool nomem;
};

static void add(struct survey *x, struct strings *list, const char *path) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], path) == 0)
                        return;
        if (!arena_push(x->arena, list, path))
                x->nomem = true;
}

/* One line: "gitdir: PATH" without its key, or a bare path. Relative ones count from `base`.
 * Canonical. */
static bool read_pointer(const char *file, const char *key, const char *base, char real[PATH_MAX]) {
        char path[PATH_MAX], *text;
        size_t len, skip = strlen(key);
        bool ok = false;

        if (file_read(AT_FDCWD, file, PATH_MAX, &text, &len) < 0)
                return false;
        text[strcspn(text, "\r\n")] = 0;
        if (strncmp(text, key, skip) == 0) {
                const char *target = text + skip;
                while (*target == ' ')
                        target++;
                int n = *target == '/' ? snprintf(path, sizeof path, "%s", target)
                                       : snprintf(path, sizeof path, "%s/%s", base, target);
                ok = *target && n > 0 && (size_t) n < sizeof path && realpath(path, real);
        }
        free(text);
        return ok;
}

static bool read_config(const char *dir, const char *section, const char *key, char *ret,
                        size_t size) {
        char path[PATH_MAX], *text;
        size_t len;
        int n = snprintf(path, sizeof path, "%s/config", dir);

        if (n < 0 || (size_t) n >= sizeof path ||
            file_read(AT_FDCWD, path, CONFIG_BYTES, &text, &len) < 0)
                return false;
        bool found = ini_get(text, section, key, ret, size);
        free(text);
        return found;
}

/* A file that git reads or runs although it lies in the tree: kept, whether it exists or not. A
 * repository that was made inside may only have files of its own kept, and none may have
 * directories: or code in one sandbox could make the whole tree read-only for the next. */
static void add_file_inside(struct survey *x, const char *path, const char *tree) {
        const char *real;
        struct stat st;
        if (path_canonical(x->arena, path, &real, NULL) < 0 || strstr(real, "/../") ||
            !path_is_under(real, tree) || !path_is_under(real, x->subject->workdir) ||
            x->subject->git_files.n >= CHILDREN_MAX)
                return;
        if (lstat(real, &st) < 0 || !S_ISDIR(st.st_mode))
                add(x, &x->subject->git_files, real);
}

/* A hook that is a link into the tree (husky and the like): its target is what runs. */
static void add_linked_hooks(struct survey *x, const char *hooks, const char *tree) {
        char path[PATH_MAX + NAME_MAX + 2], target[PATH_MAX];
        struct dirent *de;
        DIR *d = opendir(hooks);

        for (size_t i = 0; d && i < CHILDREN_MAX && (de = readdir(d)); i++) {
                if (de->d_type != DT_LNK && de->d_type != DT_UNKNOWN)
                        continue;
                ssize_t n = readlinkat(dirfd(d), de->d_name, target, sizeof target - 1);
                if (n <= 0)
                        continue;
                target[n] = 0;
                snprintf(path, sizeof path, "%s/%s", target[0] == '/' ? "" : hooks, target);
                add_file_inside(x, path, tree);
        }
        if (d)
                closedir(d);
}

static void add_hooks(struct survey *x, const char *git_dir, const char *tree) {
        char value[1024], path[PATH_MAX], real[PATH_MAX];
        int n;
        if (!read_config(git_dir, "core", "hookspath", value, sizeof value) || !value[0])
                return;
        if (value[0] == '~' && value[1] == '/')
                n = snprintf(path, sizeof path, "%s%s", x->home, value + 1);
        else
                n = value[0] == '/' ? snprintf(path, sizeof path, "%s", value)
                                    : snprintf(path, sizeof path, "%s/%s", tree, value);
        if (n > 0 && (size_t) n < sizeof path && realpath(path, real)) {
                add(x, &x->subject->hook_dirs, real);
                add_linked_hooks(x, real, tree);
        }
}

/* include.path and includeIf.*.path: what they name is configuration, and its own includes are. */
#define INCLUDE_DEPTH 4

struct include {
        struct survey *x;
        const char *file; /* the including one: relative paths start at its directory */
        const char *tree;
        unsigned depth;
};

static void add_includes(struct survey *x, const char *file, const char *tree, unsigned depth);

static void add_include(const char *value, void *userdata) {
        const struct include *in = userdata;
        char path[PATH_MAX];
        size_t dir = (size_t) (strrchr(in->file, '/') - in->file);
        int n;

        if (value[0] == '~' && value[1] == '/')
                n = snprintf(path, sizeof path, "%s%s", in->x->home, value + 1);
        else
                n = value[0] == '/'
                            ? snprintf(path, sizeof path, "%s", value)
                            : snprintf(path, sizeof path, "%.*s/%s", (int) dir, in->file, value);
        if (n <= 0 || (size_t) n >= sizeof path || !value[0])
                return;
        add_file_inside(in->x, path, in->tree);
        add_includes(in->x, path, in->tree, in->depth + 1);
}

static void add_includes(struct survey *x, const char *file, const char *tree, unsigned depth) {
        struct include in = { .x = x, .file = file, .tree = tree, .depth = depth };
        char *text;
        size_t len;

        if (depth > INCLUDE_DEPTH || file_read(AT_FDCWD, file, CONFIG_BYTES, &text, &len) < 0)
                return;
        ini_each(text, "include", false, "path", add_include, &in);
        ini_each(text, "includeif", true, "path", add_include, &in);
        free(text);
}

static void add_modules(struct survey *x, const char *dir, const char *tree, unsigned depth);
static void add_worktrees(struct survey *x, const char *git_dir, const char *tree, unsigned depth);

static void add_git_dir_at(struct survey *x, const char *git_dir, const char *tree,
                           unsigned depth) {
        char path[PATH_MAX + 16];

        if (x->subject->git_dirs.n >= REPOSITORIES_MAX) {
                x->subject->git_crowded = true;
                return;
        }
        add(x, &x->subject->git_dirs, git_dir);
        add_hooks(x, git_dir, tree);
        snprintf(path, sizeof path, "%s/hooks", git_dir);
        add_linked_hooks(x, path, tree);
        snprintf(path, sizeof path, "%s/config", git_dir);
        add_includes(x, path, tree, 0);
        snprintf(path, sizeof path, "%s/modules", git_dir);
        add_modules(x, path, tree, depth);
        add_worktrees(x, git_dir, tree, depth);
}

static void add_git_dir(struct survey *x, const char *git_dir, const char *tree) {
        add_git_dir_at(x, git_dir, tree, 0);
}

static bool is_dots(const char *name) {
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

#define WORKTREES_SHOWN 64 /* a mount each */

/* "DIR/NAME/gitdir" may have been written in a sandbox: what it names is shown only when it is the
 * file that git has made for just this entry, which no sandbox could write. */
static void show_worktree(struct survey *x, const char *entry) {
        char file[PATH_MAX + NAME_MAX + 48], real[PATH_MAX], back[PATH_MAX], tree[PATH_MAX];
        char self[PATH_MAX];
        struct strings *shown = &x->subject->git_worktrees;
        struct stat st;
        char *name;

        int n = snprintf(file, sizeof file, "%s/gitdir", entry);
        if (n < 0 || (size_t) n >= sizeof file || shown->n >= WORKTREES_SHOWN ||
            !read_pointer(file, "", entry, real) || path_is_under(real, x->subject->workdir))
                return;
        snprintf(tree, sizeof tree, "%s", real);
        name = strrchr(tree, '/');
        if (!name || strcmp(name, "/.git") != 0 || lstat(real, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        *name = 0;
        if (read_pointer(real, "gitdir:", tree, back) && realpath(entry, self) &&
            strcmp(back, self) == 0)
                add(x, shown, real);
}

/* The user's other worktrees: when he stands in one, git follows `commondir` from here to its
 * configuration, and leash believes `gitdir` (points_back). They have submodules of their own. */
static void add_worktrees(struct survey *x, const char *git_dir, const char *tree, unsigned depth) {
        static const char *const files[] = { "commondir", "gitdir", "config.worktree" };
        char dir[PATH_MAX + 16], path[PATH_MAX + NAME_MAX + 48];
        struct dirent *de;
        DIR *d;
        int n = snprintf(dir, sizeof dir, "%s/worktrees", git_dir);

        d = n > 0 && n < PATH_MAX ? opendir(dir) : NULL;
        if (!d)
                return;
        while ((de = readdir(d))) {
                if (is_dots(de->d_name))
                        continue;
                if (x->subject->git_files.n >= CHILDREN_MAX) {
                        x->subject->git_crowded = true;
                        break;
                }
                snprintf(path, sizeof path, "%s/%s/commondir", dir, de->d_name);
                if (access(path, F_OK) < 0)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                        snprintf(path, sizeof path, "%s/%s/%.15s", dir, de->d_name, files[i]);
                        add(x, &x->subject->git_files, path);
                }
                snprintf(path, sizeof path, "%s/%s/modules", dir, de->d_name);
                add_modules(x, path, tree, depth);
                snprintf(path, sizeof path, "%s/%s", dir, de->d_name);
                show_worktree(x, path);
        }
        closedir(d);
}

/* Does the git directory outside say that `tree` is its own? A worktree's has a file "gitdir" that
 * names the .git file; a submodule's configuration has core.worktree. */
static bool points_back(const char *git_dir, const char *tree) {
        char file[PATH_MAX + 16], real[PATH_MAX], dot_git[PATH_MAX + 8], value[1024];
        snprintf(file, sizeof file, "%s/gitdir", git_dir);
        snprintf(dot_git, sizeof dot_git, "%s/.git", tree);
        if (read_pointer(file, "", git_dir, real))
                return strcmp(real, dot_git) == 0;
        if (!read_config(git_dir, "core", "worktree", value, sizeof value))
                return false;
        int n = value[0] == '/' ? snprintf(file, sizeof file, "%s", value)
                                : snprintf(file, sizeof file, "%s/%s", git_dir, value);
        return n > 0 && (size_t) n < sizeof file && realpath(file, real) && strcmp(real, tree) == 0;
}

/* As git sees one (gitrepository-layout(5)). */
static bool is_git_dir(const char *path) {
        static const char *const parts[] = { "HEAD", "objects", "refs" };
        char part[PATH_MAX + 16];
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                snprintf(part, sizeof part, "%s/%s", path, parts[i]);
                if (access(part, F_OK) < 0)
                        return false;
        }
        return true;
}

/* Only COMMON/worktrees/NAME, as git makes it, and only where COMMON is a repository: the file that
 * names the common directory can be written in a sandbox, and would otherwise open whatever it
 * names to the next one. People keep working directories in ~/worktrees: the names alone prove
 * nothing. */
static bool is_worktree_of(const char *git_dir, const char *common) {
        static const char below[] = "/worktrees/";
        size_t n = strlen(common);
        return strncmp(git_dir, common, n) == 0 &&
               strncmp(git_dir + n, below, sizeof below - 1) == 0 &&
               !strchr(git_dir + n + sizeof below - 1, '/') && is_git_dir(common);
}

static void follow(struct survey *x, const char *dot_git, const char *tree) {
        char git_dir[PATH_MAX], common[PATH_MAX], file[PATH_MAX + 16], head[PATH_MAX + 16];

        if (!read_pointer(dot_git, "gitdir:", tree, git_dir))
                return;
        bool inside = path_is_under(git_dir, x->subject->workdir);
        snprintf(head, sizeof head, "%s/HEAD", git_dir);
        if (!inside && (access(head, F_OK) < 0 || !points_back(git_dir, tree)))
                return;
        add_git_dir(x, git_dir, tree);
        /* The common directory of a worktree holds the objects, the refs, the hooks and the
         * configuration. A git directory inside cannot vouch for one outside: all of it may have
         * been written in a sandbox. */
        snprintf(file, sizeof file, "%s/commondir", git_dir);
        if (read_pointer(file, "", git_dir, common) && is_worktree_of(git_dir, common) &&
            (!inside || path_is_under(common, x->subject->workdir)))
                add_git_dir(x, common, tree);
        else
                snprintf(common, sizeof common, "%s", git_dir);
        if (!path_is_under(common, x->subject->workdir))
                add(x, &x->subject->git_common_dirs, common);
}

/* Where a submodule's files are, at whatever depth: there lies the .git file that leads to it. */
static void add_module_tree(struct survey *x, const char *git_dir) {
        char value[1024], path[2 * PATH_MAX];

        if (!read_config(git_dir, "core", "worktree", value, sizeof value))
                return;
        snprintf(path, sizeof path, "%s/%s/.git", value[0] == '/' ? "" : git_dir, value);
        add_file_inside(x, path, x->subject->workdir);
}

/* Git directories of submodules: .git/modules/NAME. Names may have slashes, and submodules their
 * own. */
static void add_modules(struct survey *x, const char *dir, const char *tree, unsigned depth) {
        char path[PATH_MAX + 16], head[PATH_MAX + 32];
        struct dirent *de;
        DIR *d = depth < 8 ? opendir(dir) : NULL;

        if (!d)
                return;
        while ((de = readdir(d))) {
                if ((de->d_type != DT_DIR && de->d_type != DT_UNKNOWN) || is_dots(de->d_name))
                        continue;
                snprintf(path, sizeof path, "%s/%s", dir, de->d_name);
                int n = snprintf(head, sizeof head, "%s/HEAD", path);
                if (n < 0 || (size_t) n >= sizeof path)
                        continue;
                if (access(head, F_OK) == 0) {
                        add_git_dir_at(x, path, tree, depth + 1);
                        add_module_tree(x, path);
                } else {
                        add_modules(x, path, tree, depth + 1);
                }
        }
        closedir(d);
}

static void look_at(struct survey *x, const char *tree) {
        char path[PATH_MAX + 16];
        struct stat st;
        int n = snprintf(path, sizeof path, "%s/.git", tree);

        if (n < 0 || (size_t) n >= sizeof path || lstat(path, &st) < 0)
                return;
        if (S_ISREG(st.st_mode)) {
                add(x, &x->subject->git_files, path);
                follow(x, path, tree);
        } else if (S_ISDIR(st.st_mode)) {
                add_git_dir(x, path, tree);
        }
}

/* Submodules and repositories side by side: one level below. Deeper ones are held by name only. On
 * the way, what is there that a plan may want to know of. */
static void look_at_children(struct survey *x) {
        char path[PATH_MAX];
        const char *tree = x->subject->workdir;
        unsigned seen = 0;
        struct dirent *de;
        DIR *d = opendir(tree);

        if (!d)
                return;
        x->subject->workdir_names.set = true;
        while ((de = readdir(d))) {
                if (subject_wants(de->d_name) &&
                    !arena_push(x->arena, &x->subject->workdir_names, de->d_name))
                        x->nomem = true;
                if ((de->d_type != DT_DIR && de->d_type != DT_UNKNOWN) || is_dots(de->d_name) ||
                    strcmp(de->d_name, ".git") == 0)
                        continue;
                if (seen++ >= CHILDREN_MAX) {
                        x->subject->git_crowded = true;
                        continue;
                }
                int n = snprintf(path, sizeof path, "%s/%s", strcmp(tree, "/") == 0 ? "" : tree,
                                 de->d_name);
                if (n > 0 && (size_t) n < sizeof path)
                        look_at(x, path);
        }
        closedir(d);
}

int workspace_survey(struct arena *a, struct subject *subject, const char *home, struct error *e) {
        struct survey x = { .arena = a, .subject = subject, .home = home };
        look_at(&x, subject->workdir);
        look_at_children(&x);
        return x.nomem ? error_nomem(e) : 0;
}

struct git_identity {
        struct timespec mtime[2];
        off_t size[2];
        char name[256], email[256];
};

/* git reads the XDG file first, then ~/.gitconfig (git-config(1), FILES): later wins. */
static const char *const config_files[2] = { ".config/git/config", ".gitconfig" };

static void read_identity(const char *home, struct git_identity *g) {
        char path[PATH_MAX], *text;
        size_t len;
        for (size_t i = 0; i < ELEMENTSOF(config_files); i++) {
                int n = snprintf(path, sizeof path, "%s/%s", home, config_files[i]);
                if (n < 0 || (size_t) n >= sizeof path ||
                    file_read(AT_FDCWD, path, CONFIG_BYTES, &text, &len) < 0)
                        continue;
                (void) ini_get(text, "user", "name", g->name, sizeof g->name);
                (void) ini_get(text, "user", "email", g->email, sizeof g->email);
                free(text);
        }
}

/* A home has some dozens of entries; one with more is not worth reading for this. */
#define HOME_NAMES_MAX 2048

static void list_names(struct arena *a, const char *path, struct strings *ret) {
        struct strings names = { .set = true };
        struct dirent *de;
        DIR *d = opendir(path);

        if (!d)
                return;
        while ((de = readdir(d)) && names.n < HOME_NAMES_MAX)
                if (!is_dots(de->d_name) && !arena_push(a, &names, de->d_name))
                        break;
        closedir(d);
        if (!de) /* all of it */
                *ret = names;
}

void workspace_identity(struct session *s, struct arena *a, struct subject *subject) {
        struct git_identity now = { 0 };
        char path[PATH_MAX];

        list_names(a, s->user.home, &subject->home_names);
        if (facts_native(&s->facts))
                list_names(a, "/", &subject->root_names);
        for (size_t i = 0; i < ELEMENTSOF(config_files); i++) {
                struct stat st;
                int n = snprintf(path, sizeof path, "%s/%s", s->user.home, config_files[i]);
                if (n > 0 && (size_t) n < sizeof path && stat(path, &st) == 0) {
                        now.mtime[i] = st.st_mtim;
                        now.size[i] = st.st_size;
                }
        }
        struct git_identity *known = s->git_identity;
        if (!known || memcmp(known->mtime, now.mtime, sizeof now.mtime) != 0 ||
            memcmp(known->size, now.size, sizeof now.size) != 0) {
                if (!known)
                        known = s->git_identity = calloc(1, sizeof *known);
                if (!known)
                        return;
                read_identity(s->user.home, &now);
                *known = now;
        }
        subject->git_name = known->name[0] ? arena_strdup(a, known->name) : NULL;
        subject->git_email = known->email[0] ? arena_strdup(a, known->email) : NULL;
}

void workspace_forget(struct session *s) {
        free(s->git_identity);
        s->git_identity = NULL;
}
