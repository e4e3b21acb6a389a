/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What plan_compile() makes of levels, grants, masks and names. The whole of it is in tests/golden.
 */
#include <stdio.h>

#include "../../../policy/path.h"
#include "common.h"

static size_t index_of(const struct plan *plan, const struct plan_mount *m) {
        return (size_t) (m - plan->mounts);
}

static struct situation at(enum level level) {
        struct situation s = SITUATION;
        s.request.level = level;
        return s;
}

/* Every target that needs something around it comes after what is around it. */
START_TEST(parents_come_first) {
        for (int level = LEVEL_STRICT; level < LEVEL_N_; level++) {
                struct situation s = at((enum level) level);
                s.request.filesystem.read = LIST("/srv/a/b", "/srv", "~/x/y", "~/x");
                s.request.filesystem.write = LIST("/srv/a", "/tmp/t", "/run/r", "/var/tmp/v");
                s.request.filesystem.deny = LIST("/srv/a/no", "$WORKDIR/secret/key");
                s.subject.git_dirs = LIST("/home/ann/w/.git");
                const struct plan *p = compiled(&s);
                size_t first_mask = p->n_mounts;
                for (size_t i = 0; i < p->n_mounts; i++) {
                        bool mask = p->mounts[i].kind == MOUNT_HIDE ||
                                    p->mounts[i].kind == MOUNT_READONLY ||
                                    p->mounts[i].kind == MOUNT_PIN;
                        ck_assert(p->mounts[i].target && p->mounts[i].field);
                        if (mask && first_mask == p->n_mounts)
                                first_mask = i;
                        ck_assert(mask == (i >= first_mask));
                        for (size_t k = 0; k < i; k++) {
                                bool same_part = mask == (k >= first_mask);
                                ck_assert_msg(!same_part ||
                                                      strcmp(p->mounts[i].target,
                                                             p->mounts[k].target) == 0 ||
                                                      !path_is_under(p->mounts[k].target,
                                                                     p->mounts[i].target),
                                              "%s before %s", p->mounts[k].target,
                                              p->mounts[i].target);
                        }
                }
        }
}
END_TEST

START_TEST(levels) {
        struct situation s = at(LEVEL_DEFAULT);
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(p->mounts[0].kind, MOUNT_ROOT_RO);
        ck_assert_int_eq(mount_at(p, MOUNT_TMPFS, "/tmp")->mode, 01777);
        ck_assert_int_eq(mount_at(p, MOUNT_TMPFS, "/var/tmp")->mode, 01777);
        ck_assert_int_eq(mount_at(p, MOUNT_TMPFS, "/run")->mode, 0755);
        ck_assert_int_eq(mount_at(p, MOUNT_DIR, "/run/user/1000")->mode, 0700);
        ck_assert_int_eq(mount_at(p, MOUNT_DIR, "/home/ann")->mode, 0700);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_TMPFS, "/home"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_TMPFS, "/root"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RO, "/home/ann/.cargo/bin"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/home/ann/w"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_DEV, "/dev"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PROC, "/proc"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_SYS, "/sys"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/etc/shadow"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/var/lib/leash"));
        ck_assert_ptr_null(mount_at(p, MOUNT_HIDE, "/run/leash")); /* /run is private */

        s = at(LEVEL_STRICT);
        p = compiled(&s);
        ck_assert_int_eq(p->mounts[0].kind, MOUNT_ROOT_EMPTY);
        ck_assert(mount_at(p, MOUNT_BIND_RO, "/usr")->optional);
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RO, "/var"));
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RO, "/home/ann/.cargo/bin"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_DIR, "/home/ann"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/etc/shadow"));

        s = at(LEVEL_PERMISSIVE);
        p = compiled(&s);
        ck_assert_int_eq(p->mounts[0].kind, MOUNT_ROOT_RW);
        ck_assert_ptr_null(mount_at(p, MOUNT_TMPFS, "/tmp"));
        ck_assert_ptr_null(mount_at(p, MOUNT_HIDE, "/etc/shadow"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, "/sys"));
        ck_assert_uint_eq(p->n_names, 0);
        /* leash's own are hidden at every level */
        static const char *const own[] = { "/run/leash", "/run/user/1000/leash", "/tmp/leash-1000",
                                           "/var/lib/leash", "/home/ann/.config/leash" };
        for (size_t i = 0; i < ELEMENTSOF(own); i++)
                ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, own[i]));
}
END_TEST

START_TEST(homes) {
        struct situation s = SITUATION;
        s.subject.uid = s.subject.gid = 0;
        s.subject.user = "root";
        s.subject.home = "/root";
        s.subject.workdir = "/root/w";
        const struct plan *p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_TMPFS, "/root"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_TMPFS, "/home"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/root/w"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RO, "/root/.rustup"));

        s.subject.uid = 1000;
        s.subject.home = "/var/lib/jenkins";
        s.subject.workdir = "/var/lib/jenkins/job";
        p = compiled(&s);
        ck_assert(mount_at(p, MOUNT_TMPFS, "/var/lib/jenkins")->optional);
        ck_assert_int_eq(verdict(p, "/var/lib/jenkins/secret", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/var/lib/jenkins/job/x", ACCESS_WRITE), VERDICT_ALLOW);

        s.subject.home = "/var/home/ann"; /* Fedora Atomic: others' homes are beside it */
        s.subject.workdir = "/var/home/ann/w";
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/var/home/bob/x", ACCESS_READ), VERDICT_DENY);

        s.subject.home = "/tmp/home"; /* in a private part: it must be made, not found */
        s.subject.workdir = "/tmp/home/w";
        p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_DIR, "/tmp/home"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/tmp/home/w"));

        s.subject.home = "/"; /* daemons */
        s.subject.workdir = "/srv/w";
        p = compiled(&s);
        ck_assert_int_eq(p->mounts[0].kind, MOUNT_ROOT_RO);
        ck_assert_ptr_null(mount_at(p, MOUNT_TMPFS, "/"));
}
END_TEST

START_TEST(git_identity) {
        struct situation s = SITUATION;
        ck_assert_ptr_null(mount_at(compiled(&s), MOUNT_FILE, "/home/ann/.gitconfig"));
        s.subject.git_name = "Ann \"A\" \\ B\n[evil]";
        s.subject.git_email = "ann@example.org";
        const struct plan_mount *m = mount_at(compiled(&s), MOUNT_FILE, "/home/ann/.gitconfig");
        ck_assert_int_eq(m->mode, 0644);
        ck_assert_str_eq(m->content, "[user]\n\tname = \"Ann \\\"A\\\" \\\\ B[evil]\"\n\temail = "
                                     "\"ann@example.org\"\n");
        s.request.security.protect_user_home = TRI_NO; /* then the user's own is there */
        ck_assert_ptr_null(mount_at(compiled(&s), MOUNT_FILE, "/home/ann/.gitconfig"));
}
END_TEST

START_TEST(workdirs_anywhere) {
        static const char *const dirs[] = { "/tmp/x",
                                            "/run/x",
                                            "/var/tmp/x",
                                            "/srv/x",
                                            "/home/bob/x",
                                            "/home/ann/x",
                                            "/root/x",
                                            "/mnt/x",
                                            "/run/user/1000/x",
                                            "/home/ann/.local/bin/x",
                                            "/opt/x" };
        for (int level = LEVEL_STRICT; level < LEVEL_N_; level++)
                for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                        struct situation s = at((enum level) level);
                        s.subject.workdir = dirs[i];
                        const struct plan *p = compiled(&s);
                        char file[64];
                        (void) snprintf(file, sizeof(file), "%s/file", dirs[i]);
                        struct view v = plan_view_at(p->mounts, p->n_mounts, file);
                        ck_assert_msg(v.kind == VIEW_HOST_RW, "%s", dirs[i]);
                        ck_assert_int_eq(verdict(p, file, ACCESS_WRITE), VERDICT_ALLOW);
                        ck_assert_int_eq(verdict(p, file, ACCESS_EXECUTE), VERDICT_ALLOW);
                }
}
END_TEST

START_TEST(workdirs_that_are_refused) {
        static const char *const dirs[] = { "/",    "/home", "/root", "/tmp",     "/var",
                                            "/etc", "/usr",  "/run",  "/home/ann" };
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                struct situation s = SITUATION;
                struct error e;
                s.subject.workdir = dirs[i];
                ck_assert_msg(!compile(&s, &e), "%s", dirs[i]);
                assert_error(&e, ERROR_REFUSED, "/workdir", "--fresh");
                assert_error(&e, ERROR_REFUSED, "/workdir", "-C DIR");
                assert_error(&e, ERROR_REFUSED, "/workdir", "filesystem.write");
                s.request.filesystem.write = LIST(dirs[i]);
                const struct plan *p = compiled(&s);
                char file[64];
                (void) snprintf(file, sizeof(file), "%s/file", i == 0 ? "" : dirs[i]);
                ck_assert_int_eq(verdict(p, file, ACCESS_WRITE), VERDICT_ALLOW);
                s.subject.workdir_fresh = true; /* leash's own choice is not judged */
                compiled(&s);
        }
        static const char *const never[] = { "/proc",
                                             "/proc/self",
                                             "/sys",
                                             "/dev",
                                             "/dev/shm/x",
                                             "/home/ann/.ssh",
                                             "/home/ann/.config/gcloud/x",
                                             "/etc/ssl/private",
                                             "/run/leash",
                                             "/home/ann/.config/leash" };
        for (size_t i = 0; i < ELEMENTSOF(never); i++) {
                struct situation s = SITUATION;
                struct error e;
                s.subject.workdir = never[i];
                ck_assert_msg(!compile(&s, &e), "%s", never[i]);
                assert_error(&e, ERROR_REFUSED, "/workdir", "--fresh");
                s.request.filesystem.write = LIST(never[i]);
                if (i != 4) /* single devices can be granted; that does not make one a directory to
                               work in */
                        ck_assert(!compile(&s, &e));
        }
        struct situation s = SITUATION;
        struct error e;
        s.subject.home = "/export/people/ann";
        s.subject.workdir = "/export/people";
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_REFUSED, "/workdir", "home directory lies in it");
        s = SITUATION;
        s.subject.workdir = "/home/ann/.ssh";
        s.request.security.protect_credentials = TRI_NO;
        compiled(&s);
}
END_TEST

START_TEST(grants) {
        struct situation s = SITUATION;
        s.request.filesystem.read = LIST("/usr/share", "~/data", "/tmp/in", "/tmp/in");
        s.request.filesystem.write = LIST("/srv/out", "~/.cargo/registry");
        s.request.filesystem.execute = LIST("~/tools");
        const struct plan *p = compiled(&s);
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RO, "/usr/share")); /* there already */
        const struct plan_mount *m = mount_at(p, MOUNT_BIND_RO, "/home/ann/data");
        ck_assert(m && !m->optional && !m->noexec);
        ck_assert_str_eq(m->field, "/filesystem/read/1");
        ck_assert_str_eq(m->source, "/home/ann/data");
        ck_assert_str_eq(mount_at(p, MOUNT_BIND_RW, "/srv/out")->field, "/filesystem/write/0");
        /* a grant for writing beats the read-only toolchain at the same path */
        ck_assert_int_eq(verdict(p, "/home/ann/.cargo/registry/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/.cargo/bin/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/tools/x", ACCESS_EXECUTE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/tmp/in/x", ACCESS_READ), VERDICT_ALLOW);

        s = at(LEVEL_STRICT); /* reading is not running there */
        s.request.filesystem.read = LIST("/data", "/both");
        s.request.filesystem.execute = LIST("/both", "/prog");
        p = compiled(&s);
        ck_assert(mount_at(p, MOUNT_BIND_RO, "/data")->noexec);
        ck_assert_int_eq(verdict(p, "/data/x", ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/data/x", ACCESS_EXECUTE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/both/x", ACCESS_EXECUTE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/prog/x", ACCESS_EXECUTE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/other", ACCESS_READ), VERDICT_DENY);
}
END_TEST

START_TEST(grants_inside_each_other) {
        struct situation s = SITUATION;
        s.request.filesystem.read = LIST("/srv/a/b", "/srv/ro");
        s.request.filesystem.write = LIST("/srv/a", "/srv/ro/rw", "$WORKDIR/sub");
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/srv/a/b/x", ACCESS_WRITE), VERDICT_ALLOW); /* the wider one */
        ck_assert_int_eq(verdict(p, "/srv/ro/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/ro/rw/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RW, "/home/ann/w/sub"));

        s.request.filesystem.write = LIST("/"); /* the disk, not what is private */
        p = compiled(&s);
        ck_assert_int_eq(p->mounts[0].kind, MOUNT_ROOT_RW);
        ck_assert_int_eq(verdict(p, "/usr/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/tmp/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/etc/shadow", ACCESS_READ), VERDICT_DENY);
        ck_assert_ptr_nonnull(name_at(p, "/etc/shadow"));

        s.request.filesystem.write = LIST("/var");
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/var/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/var/tmp/x", ACCESS_READ), VERDICT_DENY);
}
END_TEST

START_TEST(grants_that_contradict) {
        static const struct {
                const char *path, *part;
        } rows[] = {
                { "~/.ssh", "--no-protect credentials" },
                { "~/.ssh/config", "--no-protect credentials" },
                { "~/.aws/config", "--no-protect cloud" },
                { "~/.npmrc", "--no-protect packages" },
                { "~/.bash_history", "--no-protect history" },
                { "~/.mozilla", "--no-protect browser" },
                { "~/.local/share/keyrings", "--no-protect keychain" },
                { "/etc/shadow", "secrets" },
                { "/run/leash/leash.sock", "leash itself" },
                { "/var/run/leash", "leash itself" },
                { "/proc", "/proc" },
                { "/proc/self", "/proc" },
                { "/sys/class", "/sys" },
                { "/dev", "/dev" },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct situation s = SITUATION;
                struct error e;
                s.request.filesystem.read = LIST("/ok", rows[i].path);
                ck_assert_msg(!compile(&s, &e), "%s", rows[i].path);
                assert_error(&e, ERROR_CONFLICT, "/filesystem/read/1", rows[i].part);
                s = SITUATION;
                s.request.filesystem.write = LIST(rows[i].path);
                ck_assert(!compile(&s, &e));
                assert_error(&e, ERROR_CONFLICT, "/filesystem/write/0", rows[i].part);
        }
        struct situation s = SITUATION;
        struct error e;
        s.request.security.unix_sockets = LIST("/run/user/1000/leash/leash.sock");
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_CONFLICT, "/security/unix_sockets/0", "leash itself");
        s = SITUATION;
        s.request.filesystem.write = LIST("/dev/ttyUSB7");
        ck_assert(!mount_at(compiled(&s), MOUNT_DEVICE, "/dev/ttyUSB7")->optional);
}
END_TEST

START_TEST(the_home_can_be_granted) {
        struct situation s = SITUATION;
        s.subject.workdir = s.subject.home;
        s.request.filesystem.write = LIST("~");
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ann/x", ACCESS_WRITE), VERDICT_ALLOW);
        /* minus what is protected, existing or not */
        static const char *const secret[] = { ".ssh/id_rsa",
                                              ".aws/x",
                                              ".npmrc",
                                              ".bash_history",
                                              ".cargo/credentials.toml",
                                              ".config/gh/hosts.yml",
                                              ".local/share/keyrings/x",
                                              ".mozilla/firefox" };
        for (size_t i = 0; i < ELEMENTSOF(secret); i++) {
                char path[128];
                (void) snprintf(path, sizeof(path), "/home/ann/%s", secret[i]);
                ck_assert_msg(verdict(p, path, ACCESS_READ) == VERDICT_DENY, "%s", path);
                ck_assert_msg(verdict(p, path, ACCESS_WRITE) == VERDICT_DENY, "%s", path);
        }
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/home/ann/.ssh"));
        ck_assert(name_at(p, "/home/ann/.ssh")->read_too);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PIN, "/home/ann/.config"));
        ck_assert_ptr_null(mount_at(p, MOUNT_PIN, "/home/ann")); /* a mount of its own */
        ck_assert(p->judge_reads); /* … since the host may replace what is masked */
}
END_TEST

START_TEST(protections_in_a_visible_home) {
        struct situation s = SITUATION;
        s.request.security.protect_user_home = TRI_NO;
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ann/x", ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/.ssh/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/home/ann/.aws"));
        ck_assert_ptr_null(name_at(p, "/home/ann/.aws")); /* read-only: nobody can make it */
        s.request.security.protect_cloud_config = TRI_NO;
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ann/.aws", ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/.ssh", ACCESS_READ), VERDICT_DENY);

        s = at(LEVEL_PERMISSIVE); /* what the user switches on holds there, too */
        s.request.security.protect_credentials = TRI_YES;
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ann/.ssh/x", ACCESS_READ), VERDICT_DENY);
        ck_assert(name_at(p, "/home/ann/.ssh")->read_too);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PIN, "/home/ann")); /* up to the writable root */
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PIN, "/home"));

        s = SITUATION; /* a toolchain with credentials in it */
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ann/.local/share/uv/tools/x", ACCESS_READ),
                         VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/.local/share/uv/credentials/x", ACCESS_READ),
                         VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/.cargo/credentials.toml", ACCESS_READ),
                         VERDICT_DENY);

        s.subject.workdir = "/home/ann/.config"; /* around what is protected */
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ann/.config/gcloud/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/.config/nvim/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_ptr_nonnull(name_at(p, "/home/ann/.config/gcloud"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/home/ann/.config/leash"));
}
END_TEST

START_TEST(workspace) {
        struct situation s = SITUATION;
        s.subject.git_dirs = LIST("/home/ann/w/.git", "/home/ann/w/sub/.git");
        s.subject.hook_dirs = LIST("/home/ann/w/tools/hooks", "/usr/share/hooks");
        const struct plan *p = compiled(&s);
        static const char *const kept[] = { ".git/hooks/post-commit",
                                            ".git/config",
                                            "sub/.git/config",
                                            ".git/config.worktree",
                                            ".git/commondir",
                                            "tools/hooks/x",
                                            ".vscode/tasks.json",
                                            ".envrc",
                                            ".claude/settings.json",
                                            ".mcp.json",
                                            ".bashrc",
                                            ".pre-commit-config.yaml" };
        static const char *const free_[] = { ".git/index",
                                             ".git/HEAD",
                                             ".git/refs/heads/x",
                                             ".git/objects/pack/x",
                                             ".git/config.lock",
                                             ".git/worktrees/x",
                                             ".git/packed-refs",
                                             ".git/info/exclude",
                                             ".git/logs/HEAD",
                                             "new/.git/config",
                                             "new/.git/hooks/x",
                                             "CLAUDE.md",
                                             ".env",
                                             "Makefile",
                                             "src/.vscode/x",
                                             ".claude/todo.md",
                                             ".gitmodules" };
        char path[128];
        for (size_t i = 0; i < ELEMENTSOF(kept); i++) {
                (void) snprintf(path, sizeof(path), "/home/ann/w/%s", kept[i]);
                ck_assert_msg(verdict(p, path, ACCESS_WRITE) == VERDICT_DENY, "%s", path);
                ck_assert_msg(verdict(p, path, ACCESS_READ) == VERDICT_ALLOW, "%s", path);
                ck_assert_msg(verdict(p, path, ACCESS_EXECUTE) == VERDICT_ALLOW, "%s", path);
        }
        for (size_t i = 0; i < ELEMENTSOF(free_); i++) {
                (void) snprintf(path, sizeof(path), "/home/ann/w/%s", free_[i]);
                ck_assert_msg(verdict(p, path, ACCESS_WRITE) == VERDICT_ALLOW, "%s", path);
        }
        /* the mask holds only while what is above it stays where it is */
        static const char *const pins[] = { "/home/ann/w/.git", "/home/ann/w/sub",
                                            "/home/ann/w/sub/.git", "/home/ann/w/tools",
                                            "/home/ann/w/.claude" };
        for (size_t i = 0; i < ELEMENTSOF(pins); i++) {
                const struct plan_mount *m = mount_at(p, MOUNT_PIN, pins[i]);
                ck_assert_msg(m && m->optional, "%s", pins[i]);
        }
        ck_assert_ptr_null(mount_at(p, MOUNT_PIN, "/home/ann/w"));
        const struct plan_mount *mask = mount_at(p, MOUNT_READONLY, "/home/ann/w/.git/hooks");
        ck_assert(mask->optional);
        ck_assert_uint_lt(index_of(p, mount_at(p, MOUNT_PIN, "/home/ann/w/.git")),
                          index_of(p, mask));
        ck_assert(!name_at(p, "/home/ann/w/.git/hooks")->read_too);
        ck_assert_ptr_null(name_at(p, "/home/ann/w/.git"));
        ck_assert_ptr_null(name_at(p, "/usr/share/hooks"));
        ck_assert(!p->judge_reads);

        s.subject.workdir_fresh = true;
        ck_assert_uint_eq(compiled(&s)->n_names, 0);
        s.subject.workdir_fresh = false;
        s.request.security.protect_workspace = TRI_NO;
        ck_assert_uint_eq(compiled(&s)->n_names, 0);
}
END_TEST

/* What the session has seen makes the plan shorter, never weaker. */
START_TEST(what_is_known_to_exist) {
        struct situation s = SITUATION;
        s.subject.home_names = LIST(".cargo", ".ssh", "w");
        s.subject.workdir_names = LIST(".git", ".claude");
        s.subject.git_dirs = LIST("/home/ann/w/.git", "/home/ann/w/sub/.git");
        const struct plan *all = compiled(
                                  &(struct situation){ .facts = WHOLE_HOST, .subject = ANN }),
                          *p = compiled(&s);
        ck_assert_uint_lt(p->n_mounts + 100, all->n_mounts);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RO, "/home/ann/.cargo/bin"));
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RO, "/home/ann/.nvm"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, "/home/ann/w/.claude/settings.json"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, "/home/ann/w/.git/hooks"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, "/home/ann/w/sub/.git/hooks"));
        ck_assert_ptr_null(mount_at(p, MOUNT_READONLY, "/home/ann/w/.vscode"));
        ck_assert_int_eq(verdict(p, "/home/ann/w/.vscode/x", ACCESS_WRITE), VERDICT_DENY);
        for (size_t i = 0; i < all->n_names; i++)
                ck_assert_msg(name_at(p, all->names[i].pattern), "%s", all->names[i].pattern);
        for (size_t i = 0; i < p->environment.n; i++)
                if (strcmp(p->environment.items[i].name, "PATH") == 0)
                        ck_assert_int_eq(strncmp(p->environment.items[i].value,
                                                 "/home/ann/.cargo/bin:/usr/local/sbin:", 37),
                                         0);
        /* nobody judges names: then the mounts must be there for what comes in between */
        s.facts.landlock_abi = 9;
        s.facts.pidfd_getfd = false;
        s.request.accept = LIST("no_denied_names");
        p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, "/home/ann/w/.vscode"));
        ck_assert(subject_wants(".git") && subject_wants(".vscode") && subject_wants(".claude"));
        ck_assert(subject_wants("mise.toml") && !subject_wants("src") && !subject_wants(".claud"));
}
END_TEST

START_TEST(worktrees) {
        struct situation s = SITUATION;
        s.subject.git_dirs = LIST("/srv/main/.git", "/srv/main/.git/worktrees/w");
        s.subject.git_common_dirs = LIST("/srv/main/.git");
        s.subject.git_files = LIST("/home/ann/w/.git");
        const struct plan *p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/srv/main/.git"));
        ck_assert_int_eq(verdict(p, "/srv/main/.git/objects/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/srv/main/.git/worktrees/w/index", ACCESS_WRITE),
                         VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/srv/main/.git/hooks/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/main/.git/config", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/main/.git/worktrees/w/commondir", ACCESS_WRITE),
                         VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/main/src/x", ACCESS_WRITE), VERDICT_DENY);
        /* the file that names the git directory must not be made to name another */
        ck_assert_int_eq(verdict(p, "/home/ann/w/.git", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_ptr_nonnull(name_at(p, "/home/ann/w/.git"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PIN, "/srv/main/.git/worktrees/w"));

        /* no repository yet: one may be made, but a file that the session missed is not replaced */
        s = SITUATION;
        p = compiled(&s);
        ck_assert_ptr_null(name_at(p, "/home/ann/w/.git"));
        ck_assert(mount_at(p, MOUNT_READONLY, "/home/ann/w/.git")->optional);

        static const char *const bad[] = { "/home/ann/.ssh", "/home/ann", "/", "/etc", "/proc/1" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct error e;
                s.subject.git_common_dirs = LIST(bad[i]);
                ck_assert_msg(!compile(&s, &e), "%s", bad[i]);
                assert_error(&e, ERROR_REFUSED, "/workdir", ".git file");
        }
}
END_TEST

START_TEST(denied_paths) {
        struct situation s = SITUATION;
        s.request.filesystem.deny = LIST("/opt/secret", "$WORKDIR/a/b/key", "~/x");
        const struct plan *p = compiled(&s);
        ck_assert(mount_at(p, MOUNT_HIDE, "/opt/secret")->optional);
        ck_assert_str_eq(mount_at(p, MOUNT_HIDE, "/home/ann/w/a/b/key")->field,
                         "/filesystem/deny/1");
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PIN, "/home/ann/w/a"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_PIN, "/home/ann/w/a/b"));
        ck_assert(name_at(p, "/home/ann/w/a/b/key")->read_too);
        ck_assert(p->judge_reads);
        for (int access = ACCESS_READ; access <= ACCESS_EXECUTE; access++) {
                ck_assert_int_eq(verdict(p, "/home/ann/w/a/b/key/x", (enum access_kind) access),
                                 VERDICT_DENY);
                ck_assert_int_eq(verdict(p, "/opt/secret/x", (enum access_kind) access),
                                 VERDICT_DENY);
        }
        ck_assert_int_eq(verdict(p, "/home/ann/w/a/b/keys", ACCESS_WRITE), VERDICT_ALLOW);

        /* deny wins over allow */
        s = SITUATION;
        s.request.filesystem.read = LIST("/data/x");
        s.request.filesystem.deny = LIST("/data");
        ck_assert_int_eq(verdict(compiled(&s), "/data/x/y", ACCESS_READ), VERDICT_DENY);

        /* an escaped star is that character, in the mask and in the name */
        s = SITUATION;
        s.request.filesystem.deny = LIST("/srv/a\\*b");
        p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_HIDE, "/srv/a*b"));
        ck_assert(p->judge_reads);
        ck_assert_int_eq(verdict(p, "/srv/a*b", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/aXb", ACCESS_READ), VERDICT_ALLOW);

        static const char *const too_much[] = { "/home/ann/w", "/home",   "/",
                                                "$WORKDIR",    "/home/*", "/**" };
        for (size_t i = 0; i < ELEMENTSOF(too_much); i++) {
                struct error e;
                s = SITUATION;
                s.request.filesystem.deny = LIST(too_much[i]);
                ck_assert_msg(!compile(&s, &e), "%s", too_much[i]);
                assert_error(&e, ERROR_CONFLICT, "/filesystem/deny/0", "working directory");
        }
}
END_TEST

START_TEST(denied_patterns) {
        struct situation s = SITUATION;
        s.request.filesystem.deny = LIST("**/.env", "/srv/*/key");
        const struct plan *p = compiled(&s);
        ck_assert(p->judge_reads);
        ck_assert(name_at(p, "/home/ann/w/**/.env")->read_too);
        ck_assert_int_eq(verdict(p, "/home/ann/w/.env", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/w/a/b/.env", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/x/key", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/x/keys", ACCESS_READ), VERDICT_ALLOW);
}
END_TEST

START_TEST(odd_characters_in_paths) {
        struct situation s = SITUATION;
        s.subject.workdir = "/srv/a*b\\c d";
        s.request.filesystem.deny = LIST("$WORKDIR/*.key");
        const struct plan *p = compiled(&s);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/srv/a*b\\c d"));
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_READONLY, "/srv/a*b\\c d/.vscode"));
        ck_assert_ptr_nonnull(name_at(p, "/srv/a\\*b\\\\c d/.vscode"));
        ck_assert_int_eq(verdict(p, "/srv/a*b\\c d/.vscode/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/a*b\\c d/x.key", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/srv/aXXb\\c d/x.key", ACCESS_READ), VERDICT_ALLOW);
}
END_TEST

START_TEST(sockets) {
        struct situation s = SITUATION;
        s.request.security.unix_sockets = LIST("/var/run/docker.sock", "/var/lib/mysql/mysql.sock");
        const struct plan *p = compiled(&s);
        ck_assert_uint_eq(p->unix_sockets.n, 2);
        ck_assert_str_eq(p->unix_sockets.items[0], "/run/docker.sock");
        const struct plan_mount *m = mount_at(p, MOUNT_BIND_RO, "/run/docker.sock");
        ck_assert(m && !m->optional);
        ck_assert_str_eq(m->field, "/security/unix_sockets/0");
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RO, "/var/lib/mysql/mysql.sock")); /* visible */
}
END_TEST

START_TEST(devices) {
        struct situation s = SITUATION;
        const struct plan *p = compiled(&s);
        ck_assert(mount_at(p, MOUNT_DEVICE, "/dev/dri")->optional);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_DEVICE, "/dev/accel"));
        ck_assert_ptr_null(mount_at(p, MOUNT_DEVICE, "/dev/snd"));
        ck_assert(p->allow_gpu && p->allow_npu && !p->allow_hardware && !p->allow_debug);
        s.request.security.allow_gpu = TRI_NO;
        s.request.security.allow_hardware = TRI_YES;
        p = compiled(&s);
        ck_assert_ptr_null(mount_at(p, MOUNT_DEVICE, "/dev/dri"));
        ck_assert_str_eq(mount_at(p, MOUNT_DEVICE, "/dev/snd")->field, "/security/allow_hardware");
}
END_TEST

START_TEST(user_namespaces) {
        struct situation s = SITUATION;
        struct error e = ERROR_NULL;

        s.request.security.allow_userns = TRI_YES;
        ck_assert(compiled(&s)->allow_userns);
        s.subject.uid = 0;
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/security/allow_userns", "CAP_SETFCAP");
}
END_TEST

START_TEST(landlock_lists) {
        struct situation s = SITUATION;
        s.request.filesystem.write = LIST("/srv/out");
        const struct plan *p = compiled(&s);
        ck_assert(p->landlock);
        ck_assert(has_string(&p->read, "/"));
        ck_assert_uint_eq(p->read.n, 1);
        static const char *const write[] = { "/tmp",  "/var/tmp", "/run",  "/home",
                                             "/root", "/dev",     "/proc", "/srv/out" };
        for (size_t i = 0; i < ELEMENTSOF(write); i++)
                ck_assert_msg(has_string(&p->write, write[i]), "%s", write[i]);
        ck_assert(!has_string(&p->write, "/"));
        ck_assert(!has_string(&p->write, "/home/ann/w")); /* /home says it */
        s = at(LEVEL_STRICT);
        p = compiled(&s);
        ck_assert(has_string(&p->read, "/") && !has_string(&p->write, "/"));
        s = at(LEVEL_PERMISSIVE);
        p = compiled(&s);
        ck_assert(has_string(&p->write, "/"));
        ck_assert_uint_eq(p->write.n, 1);
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS(
                "compile", parents_come_first, levels, homes, git_identity, workdirs_anywhere,
                workdirs_that_are_refused, grants, grants_inside_each_other, grants_that_contradict,
                the_home_can_be_granted, protections_in_a_visible_home, workspace,
                what_is_known_to_exist, worktrees, denied_paths, denied_patterns,
                odd_characters_in_paths, sockets, devices, user_namespaces, landlock_lists);
}
