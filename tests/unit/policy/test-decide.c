/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* plan_decide_path() and plan_view_at() on plans made by hand, and what they say to people. */
#include <stdio.h>

#include "../../../policy/path.h"
#include "common.h"

#define MOUNT(kind_, target_, ...) \
        { .kind = MOUNT_##kind_, .target = target_, .field = "/f" target_, __VA_ARGS__ }

START_TEST(later_mounts_cover_earlier_ones) {
        const struct plan_mount m[] = {
                MOUNT(ROOT_RO, "/"),
                MOUNT(TMPFS, "/a"),
                MOUNT(BIND_RW, "/a/b"),
                MOUNT(READONLY, "/a/b/c"),
                MOUNT(HIDE, "/a/b/d"),
                MOUNT(PIN, "/a/b/e"),
                MOUNT(DEV, "/dev"),
                MOUNT(PROC, "/proc"),
                MOUNT(SYS, "/sys"),
                MOUNT(FILE, "/a/ro", .mode = 0444),
                MOUNT(FILE, "/a/rw", .mode = 0644),
                MOUNT(BIND_RO, "/x", .noexec = true),
        };
        static const struct {
                const char *path;
                enum view_kind kind;
                bool noexec, readonly;
        } rows[] = {
                { "/", VIEW_HOST_RO, false, true },
                { "/z", VIEW_HOST_RO, false, true },
                { "/a", VIEW_PRIVATE, false, false },
                { "/a/x", VIEW_PRIVATE, false, false },
                { "/ab", VIEW_HOST_RO, false, true },
                { "/a/b", VIEW_HOST_RW, false, false },
                { "/a/b/x", VIEW_HOST_RW, false, false },
                { "/a/b/c/x", VIEW_HOST_RO, false, true },
                { "/a/b/d", VIEW_HIDDEN, true, true },
                { "/a/b/e/x", VIEW_HOST_RW, false, false },
                { "/dev/null", VIEW_DEVICE, true, false },
                { "/proc/1", VIEW_SYSTEM, true, false },
                { "/sys/x", VIEW_SYSTEM, true, true },
                { "/a/ro", VIEW_PRIVATE, true, true },
                { "/a/rw", VIEW_PRIVATE, true, false },
                { "/x/y", VIEW_HOST_RO, true, true },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct view v = plan_view_at(m, ELEMENTSOF(m), rows[i].path);
                ck_assert_msg(v.kind == rows[i].kind && v.noexec == rows[i].noexec &&
                                      v.readonly == rows[i].readonly && v.by,
                              "%s: %d", rows[i].path, v.kind);
        }
        ck_assert_int_eq(plan_view_at(m, 0, "/x").kind, VIEW_ABSENT);
        ck_assert_int_eq(plan_view_at(m, 2, "/a/b").kind, VIEW_PRIVATE);
}
END_TEST

START_TEST(reasons) {
        struct situation s = SITUATION;
        s.request.filesystem.deny = LIST("/opt/x");
        s.subject.git_name = "Ann";
        const struct plan *p = compiled(&s);
        static const struct {
                const char *path;
                enum access_kind access;
                enum verdict verdict;
                const char *rule, *field;
        } rows[] = {
                { "/usr/x", ACCESS_READ, VERDICT_ALLOW, "/", "/level" },
                { "/usr/x", ACCESS_WRITE, VERDICT_DENY, "/", "/filesystem/write" },
                { "/opt/x/y", ACCESS_READ, VERDICT_DENY, "/opt/x", "/filesystem/deny/0" },
                { "/home/bob/x", ACCESS_READ, VERDICT_DENY, "/home", "/filesystem/read" },
                { "/home/ann/x", ACCESS_WRITE, VERDICT_ALLOW, "/home/ann",
                  "/security/protect_user_home" },
                { "/home/ann/.gitconfig", ACCESS_READ, VERDICT_ALLOW, "/home/ann/.gitconfig",
                  "/security/protect_user_home" },
                { "/home/ann/.gitconfig", ACCESS_WRITE, VERDICT_ALLOW, "/home/ann/.gitconfig",
                  "/security/protect_user_home" },
                { "/home/ann/w/.vscode", ACCESS_WRITE, VERDICT_DENY, "/home/ann/w/.vscode",
                  "/security/protect_workspace" },
                { "/home/ann/w/a", ACCESS_WRITE, VERDICT_ALLOW, "/home/ann/w", "/workdir" },
                { "/etc/shadow", ACCESS_READ, VERDICT_DENY, "/etc/shadow", "/level" },
                { "/dev/null", ACCESS_WRITE, VERDICT_ALLOW, "/dev", "/level" },
                { "/proc/self/x", ACCESS_READ, VERDICT_ALLOW, "/proc", "/level" },
                { "/sys/x", ACCESS_WRITE, VERDICT_DENY, "/sys", "/level" },
                { "/tmp/x", ACCESS_WRITE, VERDICT_ALLOW, "/tmp", "/level" },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct decision d;
                plan_decide_path(p, rows[i].path, rows[i].access, &d);
                ck_assert_msg(d.verdict == rows[i].verdict, "%s: %s", rows[i].path, d.why);
                ck_assert_str_eq(d.rule, rows[i].rule);
                ck_assert_str_eq(d.field, rows[i].field);
                ck_assert_int_eq(d.why[strlen(d.why) - 1], '.');
        }
}
END_TEST

/* Whatever the mix of grants and denials: what is denied is denied, and nothing that no grant names
 * can be written on the host. */
START_TEST(promises_hold_in_any_mix) {
        static const char *const paths[] = {
                "/srv",          "/srv/a",          "/srv/a/b", "/tmp/x",     "/home/ann/d",
                "/home/ann/d/e", "/home/ann/w/sub", "/opt/o",   "/var/tmp/v", "/run/r",
                "/data"
        };
        unsigned state = 7;
        for (int round = 0; round < 400; round++) {
                struct situation s = SITUATION;
                struct strings *const lists[] = { &s.request.filesystem.read,
                                                  &s.request.filesystem.write,
                                                  &s.request.filesystem.execute,
                                                  &s.request.filesystem.deny };
                s.request.level = (enum level)(LEVEL_STRICT + round % 2);
                for (size_t l = 0; l < ELEMENTSOF(lists); l++)
                        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                                state = state * 1103515245u + 12345u;
                                if ((state >> 16) % 4 == 0)
                                        ck_assert(arena_push(arena, lists[l], paths[i]));
                        }
                const struct plan *p = compiled(&s);
                for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                        char file[64];
                        bool denied = false, writable = path_is_under(paths[i], "/home/ann/w"),
                             readable = writable;
                        (void) snprintf(file, sizeof(file), "%s/f", paths[i]);
                        for (size_t k = 0; k < lists[3]->n; k++)
                                denied |= path_is_under(file, lists[3]->items[k]);
                        for (size_t k = 0; k < lists[1]->n; k++)
                                writable |= path_is_under(file, lists[1]->items[k]);
                        readable |= writable;
                        for (size_t l = 0; l < 3; l += 2)
                                for (size_t k = 0; k < lists[l]->n; k++)
                                        readable |= path_is_under(file, lists[l]->items[k]);
                        struct view v = plan_view_at(p->mounts, p->n_mounts, file);
                        if (denied) {
                                ck_assert_int_eq(v.kind, VIEW_HIDDEN);
                                ck_assert_int_eq(verdict(p, file, ACCESS_READ), VERDICT_DENY);
                                ck_assert_int_eq(verdict(p, file, ACCESS_WRITE), VERDICT_DENY);
                                continue;
                        }
                        ck_assert_msg((v.kind == VIEW_HOST_RW) == writable, "%s", file);
                        if (readable)
                                ck_assert_msg(verdict(p, file, ACCESS_READ) == VERDICT_ALLOW, "%s",
                                              file);
                }
                ck_assert_int_eq(verdict(p, "/etc/passwd", ACCESS_WRITE), VERDICT_DENY);
                ck_assert_int_eq(verdict(p, "/home/ann/.ssh/id", ACCESS_READ), VERDICT_DENY);
        }
}
END_TEST

START_TEST(host_commands_are_not_the_sandboxes) {
        for (int i = 0; i < 2; i++) {
                struct situation s = SITUATION;
                s.subject.ipc_dir = i ? IPC_DIRECTORY : NULL;
                const struct plan *p = compiled(&s);
                ck_assert_int_eq(verdict(p, "/dev/leash/bin/x", ACCESS_WRITE),
                                 i ? VERDICT_DENY : VERDICT_ALLOW);
                ck_assert_int_eq(verdict(p, "/dev/leash/bin/x", ACCESS_EXECUTE),
                                 i ? VERDICT_ALLOW : VERDICT_DENY);
                ck_assert_int_eq(verdict(p, "/dev/leashes", ACCESS_WRITE), VERDICT_ALLOW);
        }
}
END_TEST

START_TEST(explaining_shows_no_control_bytes) {
        struct situation s = SITUATION;
        s.subject.workdir = "/srv/a\x1b[31mb\n";
        struct policy policy;
        struct error e;
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(policy_resolve(arena, NULL, &s.request, NULL, &policy, &e), 0);
        const char *text = plan_explain(arena, &policy, p);
        ck_assert_ptr_null(strchr(text, '\x1b'));
        ck_assert_ptr_nonnull(strstr(text, "/srv/a\\x1b[31mb\\x0a"));
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("decide", later_mounts_cover_earlier_ones, reasons,
                                promises_hold_in_any_mix, host_commands_are_not_the_sandboxes,
                                explaining_shows_no_control_bytes);
}
