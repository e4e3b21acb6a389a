/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * protect_workspace: the files of the working directory that the host runs or trusts later without
 * being asked, when a person opens the editor, changes into the directory, commits, or starts an
 * agent.
 *
 * Not here: what a person runs on purpose (Makefile, package.json, scripts, virtual environments),
 * since writing it is what the sandbox is for; CLAUDE.md, AGENTS.md and the like, which are text
 * that agents edit as part of the work; .gitmodules and .gitattributes, which git itself treats as
 * untrusted; .env and version files (.nvmrc, .tool-versions), which are data.
 */
#include <string.h>

#include "compile.h"

static const char field[] = "/security/protect_workspace";

static const char *const in_workdir[] = {
        /* editors: tasks, debuggers, interpreters and extensions that open with the folder */
        ".vscode",
        ".idea",
        ".fleet",
        ".zed",
        ".nova",
        ".sublime-project",
        ".devcontainer",
        ".devcontainer.json",
        ".exrc",
        ".vimrc",
        ".nvimrc",
        ".nvim.lua",
        ".lazy.lua",
        ".lvimrc",
        ".dir-locals.el",
        ".dir-locals-2.el",
        ".projectile",
        ".helix",
        /* agents: permissions, commands, hooks, tool servers */
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".claude/commands",
        ".claude/agents",
        ".claude/hooks",
        ".claude/skills",
        ".claude/plugins",
        ".mcp.json",
        ".codex",
        ".cursor",
        ".windsurf",
        ".gemini",
        ".aider.conf.yml",
        ".continue",
        ".roo",
        ".kilocode",
        ".opencode",
        "opencode.json",
        ".junie",
        ".kiro",
        ".amazonq",
        ".qwen",
        ".factory",
        "crush.json",
        ".crush.json",
        /* on changing into the directory */
        ".envrc",
        ".envrc.local", /* what an allowed .envrc sources is not checked again */
        ".envrc.private",
        ".direnv", /* and so is what it cached */
        ".mise.toml",
        ".mise.local.toml",
        "mise.toml",
        "mise.local.toml",
        ".mise",
        "mise/config.toml",
        ".config/mise.toml",
        ".config/mise",
        ".autoenv",
        ".autoenv.zsh",
        /* on committing */
        ".husky",
        ".githooks",
        ".pre-commit-config.yaml",
        "lefthook.yml",
        ".lefthook.yml",
        "lefthook.yaml",
        ".lefthook",
        ".overcommit.yml",
        /* rc files: read when the working directory is somebody's home, or by a program started
           here */
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".zlogout",
        ".config/fish",
        ".inputrc",
        ".gitconfig",
        ".ripgreprc",
        ".gdbinit",
        ".lldbinit",
        ".pdbrc",
        ".ghci",
        ".irbrc",
        ".tmux.conf",
        ".screenrc",
        /* leash's own */
        ".leash",
        "leash.json",
        ".leash.json",
};

/* In a git directory: what git runs, or what tells it where that is. The rest (index, refs,
 * objects, logs, HEAD, packed-refs, worktrees, info) stays writable, so that commit, branch,
 * rebase, gc and worktree work. info/attributes can only name what the configuration defines.
 * `commondir` does not exist in a main repository; made there, it would lead git to another
 * configuration. */
static const char *const in_git_dir[] = { "hooks", "config", "config.worktree", "commondir" };

/* Anywhere below: may be made, since new repositories and packages are part of the work, but the
 * caller is told (decision 10). A pattern means what it names and nothing below it, unless it ends
 * with "**". */
static const char *const reported[] = {
        /* repositories, whether .git is a directory, a file or a link; and what runs in them */
        ".git", ".git/config", ".git/config.worktree", ".git/commondir", ".git/hooks/*",
        ".git/modules/**/config", ".git/modules/**/hooks/*", ".git/worktrees/*/commondir",
        ".git/worktrees/*/config.worktree",
        /* a bare repository is any directory with this, objects/ and refs/: git asks for no name */
        "HEAD",
        /* editors and agents */
        ".vscode/**", ".idea/**", ".devcontainer/**", ".claude/**", ".cursor/**", ".mcp.json",
        /* on changing into the directory */
        ".envrc", ".envrc.local", ".direnv/*.rc", ".tool-versions", "mise.toml", ".mise.toml",
        /* on committing */
        ".husky/**", ".pre-commit-config.yaml",
        /* harmless subcommands run what these name, and send the user's tokens where they say */
        ".npmrc", ".yarnrc.yml", ".pnpmfile.cjs", ".cargo/config.toml", ".cargo/config"
};

bool subject_wants(const char *name) {
        struct strings one = { .items = &name, .n = 1, .set = true };
        if (strcmp(name, ".git") == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(in_workdir); i++)
                if (name[0] == in_workdir[i][0] && compile_may_exist(&one, in_workdir[i]))
                        return true;
        return false;
}

static bool has(const struct strings *list, const char *s) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], s) == 0)
                        return true;
        return false;
}

/* The supervisor judges the name, whether it exists or not; without one, what is not there now may
 * still be when the mounts are made. */
static bool needs_mount(const struct compile *c, const char *name) {
        const struct facts *f = c->facts;
        return !f->seccomp || !f->seccomp_notify || !f->pidfd_getfd ||
               compile_may_exist(&c->subject->workdir_names, name);
}

/* More repositories than anybody looked at: all that could be one, whether it is there or not. */
static const char *const crowded[] = { "*/.git", ".git/modules/**", ".git/worktrees/*",
                                       "*/.git/modules/**", "*/.git/worktrees/*" };

static void keep_pattern(struct compile *c, const char *git_dir, const char *name) {
        const char *top = path_escape(c->a, c->subject->workdir);
        compile_name_pattern(c, compile_text(c, "%s/%s/%s", top ? top : "", git_dir, name), false,
                             field);
}

static void each(struct compile *c, void (*keep)(struct compile *, const char *)) {
        const struct subject *s = c->subject;
        bool writable = plan_view_at(c->mounts, c->n_mounts, s->workdir).kind == VIEW_HOST_RW;
        for (size_t i = 0; i < ELEMENTSOF(in_workdir); i++) {
                const char *path = compile_join(c, s->workdir, in_workdir[i]);
                if (c->plan->native || needs_mount(c, in_workdir[i]))
                        keep(c, path);
                else if (writable)
                        compile_name(c, path, false, field);
        }
        for (size_t i = 0; i < s->git_dirs.n; i++)
                for (size_t k = 0; k < ELEMENTSOF(in_git_dir); k++)
                        keep(c, compile_join(c, s->git_dirs.items[i], in_git_dir[k]));
        for (size_t i = 0; s->git_crowded && i < ELEMENTSOF(crowded); i++)
                for (size_t k = 0; k < ELEMENTSOF(in_git_dir); k++)
                        keep_pattern(c, crowded[i], in_git_dir[k]);
        for (size_t i = 0; i < s->hook_dirs.n; i++)
                keep(c, s->hook_dirs.items[i]);
        for (size_t i = 0; i < s->git_files.n; i++)
                keep(c, s->git_files.items[i]);
}

static void keep_mounted(struct compile *c, const char *path) {
        compile_mask_inside(c, MOUNT_READONLY, path, false, field);
}

static void keep_named(struct compile *c, const char *path) {
        compile_name(c, path, false, field);
}

/* After pushing, and only there. */
static const char *const reported_at_top[] = { ".github/workflows/*", ".gitlab-ci.yml" };

static void report_made(struct compile *c) {
        const char *top = path_escape(c->a, c->subject->workdir);
        for (size_t i = 0; i < ELEMENTSOF(reported_at_top); i++)
                compile_trust_pattern(
                        c, compile_text(c, "%s/%s", top ? top : "", reported_at_top[i]), field);
        for (size_t i = 0; i < ELEMENTSOF(reported); i++)
                compile_trust_pattern(c, compile_text(c, "%s/**/%s", top ? top : "", reported[i]),
                                      field);
}

/* A directory with HEAD, objects/ and refs/ is a bare repository to git, with its configuration
 * beside them, once the real .git no longer looks like one. HEAD is what nothing else needs. */
static void keep_from_being_bare(struct compile *c, const char *dot_git) {
        if (has(&c->subject->git_dirs, dot_git) || has(&c->subject->git_files, dot_git))
                keep_named(c, compile_join(c, c->subject->workdir, "HEAD"));
}

void compile_workspace(struct compile *c) {
        const struct subject *s = c->subject;
        if (s->workdir_fresh || !PROTECTS(c, protect_workspace))
                return;
        compile_scope(c, s->workdir);
        each(c, keep_mounted);
        if (plan_view_at(c->mounts, c->n_mounts, s->workdir).kind == VIEW_HOST_RW)
                report_made(c);
        /* A ".git" that is a file names the git directory: it must not be made to name another.
         * When it exists and is no git directory, it is that file. When it does not exist, it may
         * be made: so the name itself is not denied. */
        const char *dot_git = compile_join(c, s->workdir, ".git");
        keep_from_being_bare(c, dot_git);
        if (!has(&s->git_dirs, dot_git) && !has(&s->git_files, dot_git) &&
            plan_view_at(c->mounts, c->n_mounts, dot_git).kind == VIEW_HOST_RW)
                compile_mask(c, MOUNT_READONLY, dot_git, field);
}

void compile_workspace_names(struct compile *c) {
        if (c->subject->workdir_fresh || !PROTECTS(c, protect_workspace))
                return;
        each(c, keep_named);
        report_made(c);
        keep_from_being_bare(c, compile_join(c, c->subject->workdir, ".git"));
}
