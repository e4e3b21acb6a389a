/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The virtual environment in the plan: read-only unless it may be changed, wherever it lies. */
#include <stdio.h>

#include "common.h"

#define CACHED "/home/ann/.cache/leash-venv/k"

static const char *variable(const struct plan *p, const char *name) {
        for (size_t i = 0; i < p->environment.n; i++)
                if (strcmp(p->environment.items[i].name, name) == 0)
                        return p->environment.items[i].value;
        return NULL;
}

START_TEST(inside_the_working_directory) {
        struct situation s = SITUATION;
        s.subject.venv = "/home/ann/w/.venv";
        const struct plan *p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, s.subject.venv));
        ck_assert_ptr_nonnull(name_at(p, s.subject.venv));
        ck_assert(!name_at(p, s.subject.venv)->read_too);
        ck_assert_str_eq(variable(p, "VIRTUAL_ENV"), s.subject.venv);
        ck_assert_str_eq(variable(p, "PYTHONDONTWRITEBYTECODE"), "1");
        ck_assert_int_eq(strncmp(variable(p, "PATH"), "/home/ann/w/.venv/bin:", 22), 0);
        const char *file = "/home/ann/w/.venv/lib/x.py";
        ck_assert_int_eq(verdict(p, file, ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, file, ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/w/x.py", ACCESS_WRITE), VERDICT_ALLOW);

        s.subject.venv_writable = true;
        p = compiled(&s);
        ck_assert_ptr_null(mount_at(p, MOUNT_READONLY, s.subject.venv));
        ck_assert_ptr_null(variable(p, "PYTHONDONTWRITEBYTECODE"));
        ck_assert_int_eq(verdict(p, file, ACCESS_WRITE), VERDICT_ALLOW);
}
END_TEST

START_TEST(elsewhere) {
        struct situation s = SITUATION;
        s.subject.venv = CACHED;
        s.subject.venv_ours = true;
        s.subject.venv_base = "/home/ann/.cache/leash-venv";
        for (int level = LEVEL_STRICT; level < LEVEL_N_; level++) {
                s.request.level = (enum level) level;
                const struct plan *p = compiled(&s);
                ck_assert_int_eq(verdict(p, CACHED "/bin/python", ACCESS_EXECUTE), VERDICT_ALLOW);
                ck_assert_int_eq(verdict(p, CACHED "/bin/python", ACCESS_WRITE), VERDICT_DENY);
                /* Nor those of others, nor the records, where the home itself may be written. */
                if (level == LEVEL_PERMISSIVE)
                        ck_assert_int_eq(
                                verdict(p, "/home/ann/.cache/leash-venv/other/x", ACCESS_WRITE),
                                VERDICT_DENY);
        }
        s.request.level = LEVEL_DEFAULT;
        s.subject.venv = "/srv/env";
        s.subject.venv_writable = true;
        const struct plan *p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/srv/env"));
        ck_assert_int_eq(verdict(p, "/srv/env/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/srv/x", ACCESS_WRITE), VERDICT_DENY);
}
END_TEST

/* While it is made its content lies elsewhere; what a package has no business with is there to be
 * refused. */
START_TEST(in_the_making) {
        struct situation s = SITUATION;
        s.request.level = LEVEL_STRICT;
        s.subject.venv = "/srv/env";
        s.subject.venv_source = "/srv/.leash-venv-x";
        s.subject.venv_writable = true;
        s.subject.venv_reads = LIST("/home/ann/.pyenv", "/home/ann/.ssh/python");
        s.subject.venv_decoys = LIST("/home/ann/.ssh/", "/home/ann/.ssh/id_rsa");
        const struct plan *p = compiled(&s);
        ck_assert_str_eq(mount_at(p, MOUNT_BIND_RW, "/srv/env")->source, "/srv/.leash-venv-x");
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RO, "/home/ann/.pyenv"));
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RO, "/home/ann/.ssh/python")); /* protected */
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_DIR, "/home/ann/.ssh"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_FILE, "/home/ann/.ssh/id_rsa"));
        ck_assert(name_at(p, "/home/ann/.ssh/id_rsa")->read_too);
        ck_assert(p->judge_reads);
        ck_assert_int_eq(verdict(p, "/srv/.leash-venv-x/y", ACCESS_READ), VERDICT_DENY);
}
END_TEST

START_TEST(refused_places) {
        static const struct {
                const char *path, *part;
        } bad[] = {
                { "/home/ann/.ssh/env", "protect_credentials" },
                { "/home/ann/.config/leash/env", "leash itself" },
                { "/proc/env", "kernel" },
                { "/dev/env", "kernel" },
                { "/home/ann/w", "working directory" },
                { "/home/ann", "working directory" },
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct situation s = SITUATION;
                struct error e;
                s.subject.venv = bad[i].path;
                ck_assert_msg(!compile(&s, &e), "%s", bad[i].path);
                ck_assert_str_eq(e.where, "/python/venv/path");
                ck_assert_msg(strstr(e.message, bad[i].part), "%s", e.message);
        }
}
END_TEST

START_TEST(without_namespaces) {
        struct situation s = SITUATION;
        struct error e;
        s.facts.fresh_proc = false;
        s.request.accept = LIST("no_namespaces", "no_deny_inside_allow");
        s.subject.venv = "/home/ann/w/.venv";
        const struct plan *p = compiled(&s);
        ck_assert_ptr_nonnull(name_at(p, s.subject.venv));
        s.subject.venv = "/srv/env";
        s.subject.venv_writable = true;
        p = compiled(&s);
        ck_assert(has_string(&p->write, "/srv/env"));
        s.subject.venv_source = "/srv/other"; /* which only a view could show there */
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/python/venv/path", "without namespaces");
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("python", inside_the_working_directory, elsewhere, in_the_making,
                                refused_places, without_namespaces);
}
