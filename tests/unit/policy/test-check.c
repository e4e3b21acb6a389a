/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every error of policy_check(), with its pointer. */
#include <stdio.h>

#include "../../../policy/limits.h"
#include "common.h"

static struct policy base(void) {
        return *policy_preset("default");
}

static void refused(const struct policy *p, enum error_code code, const char *where,
                    const char *part) {
        struct error e = ERROR_NULL;
        ck_assert_int_lt(policy_check(p, &e), 0);
        assert_error(&e, code, where, part);
}

static void accepted(const struct policy *p) {
        struct error e = ERROR_NULL;
        ck_assert_msg(policy_check(p, &e) == 0, "%s at %s", e.message, e.where);
}

START_TEST(paths) {
        static const struct {
                size_t offset;
                const char *where;
        } lists[] = {
                { offsetof(struct policy, filesystem.read), "/filesystem/read/1" },
                { offsetof(struct policy, filesystem.write), "/filesystem/write/1" },
                { offsetof(struct policy, filesystem.execute), "/filesystem/execute/1" },
                { offsetof(struct policy, filesystem.deny), "/filesystem/deny/1" },
                { offsetof(struct policy, security.unix_sockets), "/security/unix_sockets/1" },
        };
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                struct policy p = base();
                struct strings *list = (void *) ((char *) &p + lists[i].offset);
                *list = LIST("/ok", "/a/../b");
                refused(&p, ERROR_PARAMS, lists[i].where, "..");
                *list = LIST("/ok", "~/ok", "$WORKDIR/ok");
                accepted(&p);
                *list = LIST("/ok", "/a/*");
                if (strstr(lists[i].where, "deny"))
                        accepted(&p);
                else
                        refused(&p, ERROR_PARAMS, lists[i].where, "filesystem.deny only");
        }
        struct policy p = base();
        p.filesystem.deny = LIST("**/.env", "*.key");
        accepted(&p);
        p.filesystem.deny = LIST(".env");
        refused(&p, ERROR_PARAMS, "/filesystem/deny/0", "$WORKDIR/.env");
}
END_TEST

START_TEST(too_many) {
        struct policy p = base();
        static const char *items[LIMIT_LIST_ITEMS + 1];
        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                items[i] = "/x";
        p.filesystem.read = (struct strings){ items, LIMIT_LIST_ITEMS, true };
        accepted(&p);
        p.filesystem.read.n++;
        refused(&p, ERROR_PARAMS, "/filesystem/read", "4097");
}
END_TEST

START_TEST(workdir) {
        struct policy p = base();
        static const char *const good[] = { "/a", "~/x", "~" };
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                p.workdir = good[i];
                accepted(&p);
        }
        p.workdir = "x";
        refused(&p, ERROR_PARAMS, "/workdir", "relative");
        p.workdir = "$WORKDIR/x";
        refused(&p, ERROR_PARAMS, "/workdir", "by itself");
        p.workdir = "/a/*";
        refused(&p, ERROR_PARAMS, "/workdir", "*");
        p.workdir = "";
        refused(&p, ERROR_PARAMS, "/workdir", "empty");
}
END_TEST

START_TEST(level_and_mode) {
        struct policy p = base();
        p.level = LEVEL_N_;
        refused(&p, ERROR_PARAMS, "/level", "level");
        p = base();
        p.network.mode = NETWORK_N_;
        refused(&p, ERROR_PARAMS, "/network/mode", "mode");
}
END_TEST

START_TEST(network) {
        struct policy p = base();
        p.network.allow = LIST("example.com");
        refused(&p, ERROR_CONFLICT, "/network/allow", "allowlist");
        p.network.mode = NETWORK_ALLOWLIST;
        accepted(&p);
        p.network.allow = LIST("example.com", "127.1");
        refused(&p, ERROR_PARAMS, "/network/allow/1", "not an address");
        p = base();
        p.network.deny = LIST("*");
        refused(&p, ERROR_PARAMS, "/network/deny/0", "network.mode");
        static const char *const bad[] = {
                "0", "65536", "080", "x", "", "-1", "99999999999", "80 "
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                p = base();
                p.network.local_ports = LIST("80", bad[i]);
                refused(&p, ERROR_PARAMS, "/network/local_ports/1", "port");
        }
        p = base();
        p.network.local_ports = LIST("1", "65535");
        accepted(&p);
}
END_TEST

START_TEST(environment) {
        static const struct {
                const char *name, *where, *part;
        } bad[] = {
                { "", "/environment/set/", "empty" },
                { "A=B", "/environment/set/A=B", "=" },
                { "1A", "/environment/set/1A", "digit" },
                { "A B", "/environment/set/A B", "blank" },
                { "A\n", "/environment/set/A\n", "0x0a" },
                { "a/b~c=", "/environment/set/a~1b~0c=", "=" }, /* RFC 6901 */
                { "LEASH_SANDBOX", "/environment/set/LEASH_SANDBOX", "leash itself" },
                { "LEASH_IPC", "/environment/set/LEASH_IPC", "leash itself" },
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct policy p = base();
                ck_assert(arena_push_pair(arena, &p.environment.set, "GOOD", "x"));
                ck_assert(arena_push_pair(arena, &p.environment.set, bad[i].name, "x"));
                refused(&p, ERROR_PARAMS, bad[i].where, bad[i].part);
        }
        struct policy p = base();
        p.environment.pass = LIST("TERM", "A=");
        refused(&p, ERROR_PARAMS, "/environment/pass/1", "=");
        p = base();
        ck_assert(arena_push_pair(arena, &p.environment.set, "_a.b-c", "line\nline"));
        accepted(&p);
        char *large = arena_alloc(arena, LIMIT_ARGV_BYTES);
        memset(large, 'x', LIMIT_ARGV_BYTES - 1);
        ck_assert(arena_push_pair(arena, &p.environment.set, "BIG", large));
        refused(&p, ERROR_PARAMS, "/environment/set/BIG", "longer");
        char name[400];
        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        name[398] = '=';
        p = base();
        ck_assert(arena_push_pair(arena, &p.environment.set, name, "x"));
        struct error e;
        ck_assert_int_lt(policy_check(&p, &e), 0);
        ck_assert_uint_lt(strlen(e.where), sizeof(e.where));
}
END_TEST

START_TEST(limits) {
        static const struct {
                size_t offset;
                const char *where;
                uint64_t low, high; /* the first that is too small, and too large */
        } rows[] = {
                { offsetof(struct policy_limits, memory_bytes), "/limits/memory_bytes", 1024,
                  UINT64_MAX },
                { offsetof(struct policy_limits, processes), "/limits/processes", 0, 4194305 },
                { offsetof(struct policy_limits, cpus), "/limits/cpus", 9, 8192001 },
                { offsetof(struct policy_limits, cpu_seconds), "/limits/cpu_seconds", 0,
                  UINT64_MAX },
                { offsetof(struct policy_limits, wall_seconds), "/limits/wall_seconds", 0,
                  UINT64_MAX / 1000 },
                { offsetof(struct policy_limits, file_bytes), "/limits/file_bytes", 0, UINT64_MAX },
                { offsetof(struct policy_limits, disk_bytes), "/limits/disk_bytes", 1, UINT64_MAX },
                { offsetof(struct policy_limits, open_files), "/limits/open_files", 3, UINT64_MAX },
                { offsetof(struct policy_limits, connections), "/limits/connections", 0, 4097 },
                { offsetof(struct policy_limits, network_bytes), "/limits/network_bytes", 0,
                  UINT64_MAX },
                { offsetof(struct policy_limits, network_rate), "/limits/network_rate", 1023,
                  UINT64_MAX },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct policy p = base();
                struct limit *l = (void *) ((char *) &p.limits + rows[i].offset);
                *l = (struct limit){ LIMIT_VALUE, 0 };
                refused(&p, ERROR_PARAMS, rows[i].where, "unlimited");
                *l = (struct limit){ LIMIT_VALUE, rows[i].high };
                refused(&p, ERROR_PARAMS, rows[i].where, "out of range");
                if (rows[i].low > 0) {
                        *l = (struct limit){ LIMIT_VALUE, rows[i].low };
                        refused(&p, ERROR_PARAMS, rows[i].where, "out of range");
                }
                *l = (struct limit){ LIMIT_VALUE,
                                     rows[i].low < 1048576 && i == 0 ? 1048576 : 4096 };
                accepted(&p);
                *l = (struct limit){ LIMIT_UNLIMITED, 0 };
                accepted(&p);
        }
}
END_TEST

START_TEST(python) {
        struct policy p = base();
        p.python.has_venv = true;
        static const char *const good[] = { ".venv", "sub/env", "/x/venv", "~/venv", "$WORKDIR/v" };
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                p.python.venv.path = good[i];
                accepted(&p);
        }
        static const char *const bad[] = { "", "../venv", "a/../b", "~bob/x", "a*", "a\nb" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                p.python.venv.path = bad[i];
                refused(&p, ERROR_PARAMS, "/python/venv/path", "");
        }
        p.python.venv.path = ".venv";
        p.python.venv.packages = LIST("requests", "numpy>=2", "x @ https://e.org/x.whl");
        accepted(&p);
        p.python.venv.packages = LIST("requests", "--index-url=http://evil");
        refused(&p, ERROR_PARAMS, "/python/venv/packages/1", "requirement");
        p.python.venv.packages = LIST("");
        refused(&p, ERROR_PARAMS, "/python/venv/packages/0", "requirement");
        p.python.venv.packages = LIST("a\nb");
        refused(&p, ERROR_PARAMS, "/python/venv/packages/0", "control");
}
END_TEST

START_TEST(accept_names) {
        struct policy p = base();
        for (int i = 0; i < LOSS_N_; i++) {
                ck_assert(arena_push(arena, &p.accept, losses[i].name));
                ck_assert_int_eq(loss_from_name(losses[i].name), i);
                ck_assert(losses[i].guarantee && losses[i].needs);
                ck_assert_uint_lt(strlen(losses[i].name), sizeof(((struct error *) 0)->fact));
        }
        accepted(&p);
        p.accept = LIST("no_cgroup", "no_such_loss");
        refused(&p, ERROR_PARAMS, "/accept/1", "no_deny_inside_allow");
        ck_assert_int_eq(loss_from_name(""), -1);
}
END_TEST

START_TEST(an_error_is_not_needed) {
        struct policy p = base();
        p.workdir = "x";
        ck_assert_int_lt(policy_check(&p, NULL), 0);
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("check", paths, too_many, workdir, level_and_mode, network,
                                environment, limits, python, accept_names, an_error_is_not_needed);
}
