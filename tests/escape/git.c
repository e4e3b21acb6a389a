/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the host's git, editor or shell later executes or trusts in the working directory: changing
 * it there is running code outside, with a delay. World: .git with config and
 * hooks/pre-commit.sample, a submodule's repository in sub/, .vscode/tasks.json, .bashrc; .mcp.json
 * and .git/hooks/pre-commit do not exist.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "escape.h"

#define PROTECT "--protect workspace"
#define EVIL "[core]\n\tfsmonitor = touch escaped\n"

/* The directory itself moved aside, and a friendlier one put in its place. */
static int replace_repository(const char *arg) {
        char hooks[4200];
        if (rename(arg, "old") < 0)
                return -errno;
        snprintf(hooks, sizeof(hooks), "%s/hooks", arg);
        if (mkdir(arg, 0755) < 0 || mkdir(hooks, 0755) < 0)
                return -errno;
        snprintf(hooks, sizeof(hooks), "%s/hooks/pre-commit", arg);
        return make_file(hooks, "#!/bin/sh\ntouch escaped\n", 0755);
}

static int replace_by_exchange(const char *arg) {
        if (mkdir("evil", 0755) < 0)
                return -errno;
        int r = make_file("evil/config", EVIL, 0644);
        return r < 0 ? r : result(renameat2(AT_FDCWD, "evil", AT_FDCWD, arg, RENAME_EXCHANGE));
}

static int replace_by_symlink(const char *arg) {
        if (mkdir("evil", 0755) < 0 || rename(arg, "old") < 0)
                return -errno;
        return result(symlink("evil", arg));
}

/* A directory is moved to where its files may be written, changed, and moved back. */
static int there_and_back(const char *arg) {
        if (rename(".git/hooks", "hooks-for-a-moment") < 0)
                return -errno;
        int r = make_file("hooks-for-a-moment/pre-commit", "#!/bin/sh\n", 0755);
        if (r < 0)
                return r;
        return result(rename("hooks-for-a-moment", ".git/hooks"));
}

/* The same for the parent: .git/hooks is busy when it is a mount point, .git may not be. */
static int parent_there_and_back(const char *arg) {
        if (rename(".git", "git-for-a-moment") < 0)
                return -errno;
        int r = make_file("git-for-a-moment/hooks/pre-commit", "#!/bin/sh\n", 0755);
        if (rename("git-for-a-moment", ".git") < 0)
                return -errno;
        return r;
}

/* git reads `commondir` first: config and hooks then come from where it points. */
static int common_directory(const char *arg) {
        if (mkdir("evil", 0755) < 0)
                return -errno;
        int r = make_file("evil/config", EVIL, 0644);
        return r < 0 ? r : make_file(".git/commondir", "../evil\n", 0644);
}

/* Without a HEAD, .git is no repository, and git takes the directory around it for a bare one. */
static int bare_around(const char *arg) {
        if (mkdir("objects", 0755) < 0 || mkdir("refs", 0755) < 0)
                return -errno;
        int r = make_file("config",
                          "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
                          "\tworktree = .\n\tfsmonitor = touch escaped\n",
                          0644);
        if (r == 0)
                r = make_file("HEAD", "ref: refs/heads/main\n", 0644);
        if (r == 0)
                r = result(rename(".git/HEAD", ".git/NO-HEAD"));
        return r;
}

static int bind_hook(const char *arg) {
        return op_bind(".git/hooks/s");
}

static int map_config(const char *arg) {
        int fd = open(".git/config", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (m == MAP_FAILED)
                return -errno;
        m[0] = '#';
        return 0;
}

/* Hard links: a second name for the file that is protected by its first. */
static int link_and_write(const char *arg) {
        if (link(arg, "second-name") < 0)
                return -errno;
        return scribble(open("second-name", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int sealed_hook_copy(const char *arg) {
        int in = open(".git/hooks/pre-commit.sample", O_RDONLY | O_CLOEXEC);
        int out = open(".git/hooks/pre-commit", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        if (in < 0 || out < 0)
                return -errno;
        return result(copy_file_range(in, NULL, out, NULL, 4096, 0));
}

/* Without .git/config there is nothing to protect any more; a new one can be made at leisure. */
static int remove_and_make(const char *arg) {
        if (unlink(arg) < 0)
                return -errno;
        return make_file(arg, EVIL, 0644);
}

#define A(name, run, arg, doc) \
        { name, run, arg, S | D | P, 0, PROTECT, doc }
// clang-format off
const struct attempt attempts_git[] = {
        A("config-overwrite", op_overwrite, ".git/config", "overwrite git's configuration"),
        A("config-append", op_append, ".git/config", "append to git's configuration"),
        A("config-truncate", op_cut, ".git/config", "truncate git's configuration"),
        A("config-openat2", op_by_openat2, ".git/config", "overwrite it by openat2"),
        A("config-unlink", remove_and_make, ".git/config", "remove git's configuration, make a new one"),
        A("config-rename-onto", op_rename_onto, ".git/config", "rename an own file onto it"),
        A("config-rename-away", op_rename_away, ".git/config", "rename it away"),
        A("config-exchange", op_exchange, ".git/config", "exchange it with an own file"),
        A("config-link-write", link_and_write, ".git/config", "hard-link it and write by the second name"),
        A("config-mapping", map_config, 0, "write it through a shared mapping"),
        A("config-slashes", op_append, ".//.git/./config", "append, with another spelling"),
        A("config-dotdot", op_append, "sub/../.git/config", "append, by way of a sub-directory"),
        A("config-symlink", op_append, "link-git/config", "append, through a symlink that was there"),
        A("config-proc-cwd", op_append, "/proc/self/cwd/.git/config", "append, through /proc/self/cwd"),
        A("config-proc-root", op_append, "/proc/self/root/@work@/.git/config", "append, through /proc/self/root"),
        A("config-chmod", op_change_mode, ".git/config", "change its mode"),
        A("config-worktree", op_create, ".git/config.worktree", "create the second file that git reads"),
        A("common-directory", common_directory, 0, "send git elsewhere by a commondir file"),
        A("bare-around", bare_around, 0, "make the working directory a bare repository"),
        A("hook-create", op_create, ".git/hooks/pre-commit", "create a hook"),
        A("hook-creat", op_creat, ".git/hooks/pre-commit", "create a hook by creat(2)"),
        A("hook-rename", op_rename_onto, ".git/hooks/pre-commit", "rename an own file to a hook"),
        A("hook-noreplace", op_rename_noreplace, ".git/hooks/pre-commit", "the same by renameat2"),
        A("hook-link", op_link_out, ".git/hooks/pre-commit", "hard-link an own file to a hook"),
        A("hook-symlink", op_make_symlink, ".git/hooks/pre-commit", "symlink a hook"),
        A("hook-tmpfile", op_tmpfile, ".git/hooks/pre-commit", "give an unnamed file a hook's name"),
        A("hook-mkdir", op_make_directory, ".git/hooks/d", "make a directory among the hooks"),
        A("hook-mkfifo", op_make_fifo, ".git/hooks/f", "make a fifo among the hooks"),
        A("hook-bind", bind_hook, 0, "bind a socket among the hooks"),
        A("hook-copy", sealed_hook_copy, 0, "copy a sample to a hook"),
        A("hook-overwrite", op_overwrite, ".git/hooks/pre-commit.sample", "change a file among the hooks"),
        A("hook-chmod", op_change_mode, ".git/hooks/pre-commit.sample", "make a hook executable"),
        A("hook-unlink", op_remove_file, ".git/hooks/pre-commit.sample", "remove a file among the hooks"),
        A("hook-dirfd", op_create_at, ".git/hooks/pre-commit", "create a hook by a directory descriptor"),
        A("hook-cwd", op_create_from_inside, ".git/hooks/pre-commit", "create a hook after chdir"),
        A("hook-magic-link", op_create_by_magic_link, ".git/hooks/pre-commit", "create a hook through /proc/self/fd"),
        A("hooks-rename", op_rename_away, ".git/hooks", "rename the hooks' directory away"),
        A("hooks-there-and-back", there_and_back, 0, "move the hooks' directory, change it, move it back"),
        A("hooks-exchange", replace_by_exchange, ".git/hooks", "exchange the hooks' directory with an own one"),
        A("git-there-and-back", parent_there_and_back, 0, "move .git, change it, move it back"),
        A("git-replace", replace_repository, ".git", "move .git away and make a new one"),
        A("git-exchange", replace_by_exchange, ".git", "exchange .git with an own directory"),
        A("git-symlink", replace_by_symlink, ".git", "replace .git by a symlink"),
        A("sub-config", op_append, "sub/.git/config", "change the configuration of a repository below"),
        A("sub-hook", op_create, "sub/.git/hooks/post-checkout", "create a hook in a repository below"),
        A("sub-replace", replace_repository, "sub/.git", "replace a repository below"),
        A("sub-rename-parent", replace_repository, "sub", "rename the directory that holds a repository"),
        A("editor-tasks", op_overwrite, ".vscode/tasks.json", "change what the editor runs"),
        A("editor-new", op_create, ".vscode/launch.json", "create what the editor runs"),
        A("editor-replace", replace_by_symlink, ".vscode", "replace the editor's directory"),
        A("shell-rc", op_append, ".bashrc", "change a shell's start-up file"),
        A("agent-config", op_create, ".mcp.json", "create an agent's configuration"),
        A("agent-config-rename", op_rename_onto, ".mcp.json", "rename a file to an agent's configuration"),
        A("agent-commands", op_rename_directory, ".claude", "bring in an agent's directory"),
        ATTEMPT_END
};
// clang-format on
