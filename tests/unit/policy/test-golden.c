/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whole plans as text, against tests/golden/. A change of a plan shows as a change of these files,
 * where a reviewer sees it. Usage: test-policy-golden DIR [--update]
 */
#include <stdio.h>
#include <unistd.h>

#include "common.h"

static const char *const kinds[] = {
        [MOUNT_ROOT_RO] = "root-ro", [MOUNT_ROOT_RW] = "root-rw", [MOUNT_ROOT_EMPTY] = "root-empty",
        [MOUNT_BIND_RO] = "ro",      [MOUNT_BIND_RW] = "rw",      [MOUNT_TMPFS] = "tmpfs",
        [MOUNT_DIR] = "dir",         [MOUNT_FILE] = "file",       [MOUNT_SYMLINK] = "symlink",
        [MOUNT_HIDE] = "hide",       [MOUNT_READONLY] = "keep",   [MOUNT_PIN] = "pin",
        [MOUNT_DEV] = "dev",         [MOUNT_DEVICE] = "device",   [MOUNT_PROC] = "proc",
        [MOUNT_SYS] = "sys",
};

static void write_mount(FILE *f, const struct plan_mount *m) {
        fprintf(f, "%s%s %s", kinds[m->kind], m->optional ? "?" : "", m->target);
        if (m->source && strcmp(m->source, m->target) != 0)
                fprintf(f, " from=%s", m->source);
        if (m->mode)
                fprintf(f, " mode=%04o", m->mode);
        if (m->noexec)
                fprintf(f, " noexec");
        fprintf(f, " %s\n", m->field);
        for (const char *s = m->content; s && *s; s++) {
                if (s == m->content || s[-1] == '\n')
                        fprintf(f, "        | ");
                fputc(*s, f);
        }
}

static void write_plan(FILE *f, const struct plan *p) {
        fprintf(f, "level %s%s%s%s%s%s%s%s\n", level_names[p->level], p->native ? " native" : "",
                p->landlock ? " landlock" : "", p->seccomp ? " seccomp" : "",
                p->cgroup ? " cgroup" : "", p->judge_reads ? " judge-reads" : "",
                p->judge_unix ? " judge-unix" : "", p->allow_unix_dgram ? " unix-dgram" : "");
        fprintf(f, "layers");
        for (size_t i = 0; i < p->layers.n; i++)
                fprintf(f, " %s", p->layers.items[i]);
        fprintf(f, "\n");
        for (int i = 0; i < LOSS_N_; i++)
                if (p->lost[i])
                        fprintf(f, "lost %s\n", losses[i].name);
        for (size_t i = 0; i < p->n_mounts; i++)
                write_mount(f, &p->mounts[i]);
        for (size_t i = 0; i < p->n_names; i++)
                fprintf(f, "name %s %s %s\n",
                        p->names[i].trust      ? "report"
                        : p->names[i].read_too ? "no-read"
                                               : "no-write",
                        p->names[i].pattern, p->names[i].field);
        for (size_t i = 0; i < p->read.n; i++)
                fprintf(f, "may-read %s\n", p->read.items[i]);
        for (size_t i = 0; i < p->write.n; i++)
                fprintf(f, "may-write %s\n", p->write.items[i]);
        for (size_t i = 0; i < p->unix_sockets.n; i++)
                fprintf(f, "socket %s\n", p->unix_sockets.items[i]);
        for (size_t i = 0; i < p->environment.n; i++)
                fprintf(f, "env %s=%s\n", p->environment.items[i].name,
                        p->environment.items[i].value);
}

/* cases */

static void strict(struct situation *s) {
        s->request.level = LEVEL_STRICT;
        s->request.filesystem.read = LIST("/data");
}

static void normal(struct situation *s) {
        s->subject.git_dirs = LIST("/home/ann/w/.git");
        s->subject.git_name = "Ann";
        s->subject.git_email = "ann@example.org";
}

static void permissive(struct situation *s) {
        s->request.level = LEVEL_PERMISSIVE;
}

static void root_in_srv(struct situation *s) {
        s->subject = (struct subject){
                .user = "root", .home = "/root", .sandbox_id = "s2", .workdir = "/srv/w"
        };
        s->facts.privileged = true;
        s->facts.uid = 0;
}

static void fresh(struct situation *s) {
        s->subject.workdir = "/tmp/leash-1000/work/s1";
        s->subject.workdir_fresh = true;
}

static void denying(struct situation *s) {
        s->request.filesystem.deny = LIST("**/.env", "$WORKDIR/a/key", "/opt/private");
        s->request.filesystem.write = LIST("/srv/out");
        s->request.security.unix_sockets = LIST("/var/run/docker.sock");
        s->request.security.protect_workspace = TRI_NO;
        s->request.limits.memory_bytes = (struct limit){ LIMIT_VALUE, 1 << 30 };
}

static void worktree(struct situation *s) {
        s->subject.git_dirs = LIST("/srv/main/.git", "/srv/main/.git/worktrees/w");
        s->subject.git_common_dirs = LIST("/srv/main/.git");
        s->subject.git_files = LIST("/home/ann/w/.git");
}

static void home_visible(struct situation *s) {
        s->request.security.protect_user_home = TRI_NO;
        s->request.filesystem.write = LIST("~/out");
}

static void native(struct situation *s) {
        s->facts.user_namespaces = false;
        s->request.accept = LIST("no_namespaces", "no_deny_inside_allow");
}

static const struct {
        const char *name;
        void (*set)(struct situation *s);
        bool explain; /* the text for people, too: two are enough to see its form */
} cases[] = {
        { "strict", strict },         { "default", normal, true },
        { "permissive", permissive }, { "root", root_in_srv },
        { "fresh", fresh },           { "denying", denying },
        { "worktree", worktree },     { "home-visible", home_visible },
        { "native", native, true },
};

static const char *directory;
static bool update;

/* A text of a plan: as it is now, or NULL and made so. */
static void compare(const char *name, const char *suffix, const char *text, size_t n) {
        char path[4096];
        (void) snprintf(path, sizeof(path), "%s/%s.%s", directory, name, suffix);
        FILE *f = fopen(path, update ? "w" : "r");
        ck_assert_msg(f, "%s cannot be opened (run with --update to make it)", path);
        if (update) {
                ck_assert_uint_eq(fwrite(text, 1, n, f), n);
                ck_assert_int_eq(fclose(f), 0);
                return;
        }
        char *golden = arena_alloc(arena, n + 2);
        size_t have = fread(golden, 1, n + 1, f);
        (void) fclose(f);
        size_t i = 0, line = 1;
        for (; i < n && i < have && golden[i] == text[i]; i++)
                line += text[i] == '\n';
        ck_assert_msg(
                i == n && have == n,
                "%s:%zu differs; if the change is meant, run `test-policy-golden %s --update` and "
                "look at the diff",
                path, line, directory);
}

START_TEST(plans) {
        char *text = NULL;
        size_t n = 0;
        struct situation s = SITUATION;
        cases[_i].set(&s);
        const struct plan *p = compiled(&s);
        FILE *f = open_memstream(&text, &n);
        ck_assert_ptr_nonnull(f);
        write_plan(f, p);
        ck_assert_int_eq(fclose(f), 0);
        compare(cases[_i].name, "plan", text, n);
        free(text);
        if (!cases[_i].explain)
                return;

        struct policy policy;
        struct error e;
        ck_assert_int_eq(policy_resolve(arena, NULL, &s.request, NULL, &policy, &e), 0);
        char *explained = plan_explain(arena, &policy, p);
        ck_assert_ptr_nonnull(explained);
        compare(cases[_i].name, "explain", explained, strlen(explained));
}
END_TEST

int main(int argc, char **argv) {
        if (argc < 2) {
                fprintf(stderr, "usage: %s DIR [--update]\n", argv[0]);
                return 2;
        }
        directory = argv[1];
        update = argc > 2 && strcmp(argv[2], "--update") == 0;

        Suite *suite = suite_create("golden");
        TCase *c = tcase_create("golden");
        tcase_add_checked_fixture(c, with_arena.setup, with_arena.teardown);
        tcase_add_loop_test(c, plans, 0, ELEMENTSOF(cases));
        suite_add_tcase(suite, c);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
