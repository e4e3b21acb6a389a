/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A working directory as git makes them, and as somebody hostile would. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../backends/posix/tree.h"
#include "../../../daemon/session/workspace.h"
#include "../suite.h"

static char where[64];
static struct arena *arena;
static struct subject subject;

static void setup(void) {
        snprintf(where, sizeof where, "/tmp/leash-workspace-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(where));
        arena = arena_new();
        subject = (struct subject){ .workdir = arena_printf(arena, "%s/w", where) };
        ck_assert_int_eq(mkdir(subject.workdir, 0755), 0);
}

static void teardown(void) {
        int tmp = open("/tmp", O_RDONLY | O_DIRECTORY);
        ck_assert_int_eq(tree_remove(tmp, strrchr(where, '/') + 1), 0);
        close(tmp);
        arena_free(arena);
}

static const char *at(const char *name) {
        return arena_printf(arena, "%s/%s", where, name);
}

static void make_dir(const char *name) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s", at(name));
        for (char *p = path + strlen(where) + 1; (p = strchr(p, '/')); *p++ = '/') {
                *p = 0;
                (void) mkdir(path, 0755);
        }
        (void) mkdir(path, 0755);
}

static void make_file(const char *name, const char *text) {
        FILE *f = fopen(at(name), "w");
        ck_assert_ptr_nonnull(f);
        fputs(text, f);
        fclose(f);
}

static void make_git(const char *name) {
        make_dir(arena_printf(arena, "%s/objects", name));
        make_dir(arena_printf(arena, "%s/refs", name));
        make_file(arena_printf(arena, "%s/HEAD", name), "ref: refs/heads/main\n");
}

static void survey(void) {
        struct error e = ERROR_NULL;
        ck_assert_int_eq(workspace_survey(arena, &subject, "/root", &e), 0);
}

static bool has(const struct strings *list, const char *path) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], path) == 0)
                        return true;
        return false;
}

/* git removes what it keeps of a worktree whose .git file it does not see: so it is shown, but only
 * the file that git itself has made, never what an entry of the sandbox's own making names. */
START_TEST(other_worktrees_are_shown) {
        make_git("w/.git");
        make_dir("other");
        make_file("other/.git", arena_printf(arena, "gitdir: %s\n", at("w/.git/worktrees/o")));
        make_dir("w/.git/worktrees/o");
        make_file("w/.git/worktrees/o/commondir", "../..\n");
        make_file("w/.git/worktrees/o/gitdir", arena_printf(arena, "%s\n", at("other/.git")));
        /* forged: a file that is no .git, one that names another entry, a link, one inside */
        make_file("secret", arena_printf(arena, "gitdir: %s\n", at("w/.git/worktrees/a")));
        make_dir("third");
        ck_assert_int_eq(symlink("../secret", at("third/.git")), 0);
        static const char *const forged[][2] = { { "a", "secret" },
                                                 { "b", "other/.git" },
                                                 { "c", "third/.git" },
                                                 { "d", "w/inside/.git" } };
        make_dir("w/inside");
        make_file("w/inside/.git", arena_printf(arena, "gitdir: %s\n", at("w/.git/worktrees/d")));
        for (size_t i = 0; i < ELEMENTSOF(forged); i++) {
                const char *entry = arena_printf(arena, "w/.git/worktrees/%s", forged[i][0]);
                make_dir(entry);
                make_file(arena_printf(arena, "%s/commondir", entry), "../..\n");
                make_file(arena_printf(arena, "%s/gitdir", entry),
                          arena_printf(arena, "%s\n", at(forged[i][1])));
        }
        survey();
        ck_assert(has(&subject.git_worktrees, at("other/.git")));
        ck_assert_uint_eq(subject.git_worktrees.n, 1);
}
END_TEST

START_TEST(plain) {
        make_git("w/.git");
        make_dir("w/hooks");
        make_file("w/.git/config", "[core]\n\thooksPath = hooks\n");
        make_git("w/.git/modules/lib/inner");
        make_git("w/side/.git");
        survey();
        ck_assert(has(&subject.git_dirs, at("w/.git")));
        ck_assert(has(&subject.git_dirs, at("w/.git/modules/lib/inner")));
        ck_assert(has(&subject.git_dirs, at("w/side/.git")));
        ck_assert_uint_eq(subject.git_dirs.n, 3);
        ck_assert(has(&subject.hook_dirs, at("w/hooks")));
        ck_assert_uint_eq(subject.git_common_dirs.n, 0);
}
END_TEST

/* What git reads or runs through a link or an include lies in the tree, where it could be written.
 */
START_TEST(linked_and_included) {
        make_git("w/.git");
        make_dir("w/.git/hooks");
        make_file("w/hook.sh", "#!/bin/sh\n");
        ck_assert_int_eq(symlink("../../hook.sh", at("w/.git/hooks/pre-commit")), 0);
        ck_assert_int_eq(symlink("../../not-yet.sh", at("w/.git/hooks/pre-push")), 0);
        ck_assert_int_eq(symlink("../..", at("w/.git/hooks/all")), 0);
        make_file("w/.git/config", "[include]\n\tpath = ../extra.cfg\n\tpath = ../none.cfg\n"
                                   "[includeIf \"gitdir:[x]/**\"]\n\tpath = ../if.cfg\n"
                                   "[include]\n\tpath = /etc/hosts\n");
        make_file("w/extra.cfg", "[include]\n\tpath = deeper.cfg\n");
        make_file("w/if.cfg", "");
        /* made inside, say: it must not take the top's files away */
        make_git("w/side/.git");
        make_file("w/side/.git/config",
                  "[include]\n\tpath = ../../Makefile\n\tpath = ../own.cfg\n");
        survey();
        static const char *const kept[] = { "w/hook.sh",     "w/not-yet.sh", "w/extra.cfg",
                                            "w/none.cfg",    "w/if.cfg",     "w/deeper.cfg",
                                            "w/side/own.cfg" };
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                ck_assert_msg(has(&subject.git_files, at(kept[i])), "%s", kept[i]);
        ck_assert_uint_eq(subject.git_files.n, ELEMENTSOF(kept));
}
END_TEST

START_TEST(worktree) {
        make_git("repo/.git");
        make_git("repo/.git/worktrees/w");
        make_file("repo/.git/worktrees/w/commondir", "../..\n");
        make_file("repo/.git/worktrees/w/gitdir", arena_printf(arena, "%s\n", at("w/.git")));
        make_file("w/.git", arena_printf(arena, "gitdir: %s\n", at("repo/.git/worktrees/w")));
        survey();
        ck_assert(has(&subject.git_dirs, at("repo/.git/worktrees/w")));
        ck_assert(has(&subject.git_dirs, at("repo/.git")));
        ck_assert(has(&subject.git_common_dirs, at("repo/.git")));
        ck_assert_uint_eq(subject.git_common_dirs.n, 1);
}
END_TEST

START_TEST(submodule_as_workdir) {
        make_git("repo/.git/modules/w");
        make_file("repo/.git/modules/w/config",
                  arena_printf(arena, "[core]\n\tworktree = %s\n", at("w")));
        make_file("w/.git", "gitdir: ../repo/.git/modules/w\n");
        survey();
        ck_assert(has(&subject.git_common_dirs, at("repo/.git/modules/w")));
        ck_assert_uint_eq(subject.git_dirs.n, 1);
}
END_TEST

/* A sandbox that has worked in a worktree may have written there: still nothing else opens. */
START_TEST(worktree_with_another_commondir) {
        make_git("repo/.git");
        make_git("repo/.git/worktrees/w");
        make_file("repo/.git/worktrees/w/gitdir", arena_printf(arena, "%s\n", at("w/.git")));
        make_file("w/.git", arena_printf(arena, "gitdir: %s\n", at("repo/.git/worktrees/w")));
        static const char *const bad[] = { "../../..\n", "../../../..\n", "/\n", "/root\n", ".\n" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                make_file("repo/.git/worktrees/w/commondir", bad[i]);
                survey();
                ck_assert_uint_eq(subject.git_common_dirs.n, 1);
                ck_assert(has(&subject.git_common_dirs, at("repo/.git/worktrees/w")));
        }
}
END_TEST

/* What was written inside must not open anything outside. */
START_TEST(planted) {
        make_git("secret");
        make_file("secret/key", "x");
        make_file("w/.git", arena_printf(arena, "gitdir: %s\n", at("secret")));
        survey();
        ck_assert_uint_eq(subject.git_common_dirs.n, 0);
        ck_assert_uint_eq(subject.git_dirs.n, 0);

        /* Inside itself it may point, but its commondir must not lead out. */
        make_git("w/fake");
        make_file("w/fake/commondir", arena_printf(arena, "%s\n", at("secret")));
        make_file("w/.git", "gitdir: fake\n");
        survey();
        ck_assert_uint_eq(subject.git_common_dirs.n, 0);
}
END_TEST

/* A directory called "worktrees" around it proves nothing, not even below a real repository. */
START_TEST(planted_below_worktrees) {
        const char *around = at("around");
        subject.workdir = arena_printf(arena, "%s/worktrees/w", around);
        for (int real = 0; real < 2; real++) {
                make_git("around/worktrees/w");
                make_file("around/worktrees/w/.git", "gitdir: .\n");
                make_file("around/worktrees/w/commondir", arena_printf(arena, "%s\n", around));
                survey();
                ck_assert_uint_eq(subject.git_common_dirs.n, 0);
                make_git("around"); /* for the second round */
        }
}
END_TEST

START_TEST(odd_files) {
        ck_assert_int_eq(mkfifo(at("w/.git"), 0600), 0);
        survey();
        ck_assert_int_eq(unlink(at("w/.git")), 0);
        ck_assert_int_eq(symlink("/etc", at("w/.git")), 0);
        survey();
        ck_assert_int_eq(unlink(at("w/.git")), 0);
        make_file("w/.git", "gitdir:\n");
        survey();
        make_file("w/.git", "");
        survey();
        ck_assert_uint_eq(subject.git_dirs.n, 0);
        ck_assert_uint_eq(subject.git_common_dirs.n, 0);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup, .teardown = teardown };

        return RUN_TESTS_IN(&fixture, "workspace", other_worktrees_are_shown, plain,
                            linked_and_included, worktree, submodule_as_workdir,
                            worktree_with_another_commondir, planted, planted_below_worktrees,
                            odd_files);
}
