/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the policy tests share: a host that has everything, a user with a project, and checks of
 * errors. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "../../../policy/plan.h"
#include "../suite.h"

#define WHOLE_HOST                                   \
        ((struct facts){ .platform = "linux",        \
                         .uid = 1000,                \
                         .user_namespaces = true,    \
                         .mount_namespaces = true,   \
                         .pid_namespaces = true,     \
                         .net_namespaces = true,     \
                         .ipc_namespaces = true,     \
                         .uts_namespaces = true,     \
                         .cgroup_namespaces = true,  \
                         .fresh_proc = true,         \
                         .mount_setattr = true,      \
                         .seccomp = true,            \
                         .seccomp_notify = true,     \
                         .seccomp_addfd_send = true, \
                         .pidfd_getfd = true,        \
                         .cgroup_v2 = true,          \
                         .cgroup_memory = true,      \
                         .cgroup_pids = true,        \
                         .cgroup_cpu = true,         \
                         .cgroup_io = true,          \
                         .cgroup_kill = true,        \
                         .landlock_abi = 7 })

#define ANN                                     \
        ((struct subject){ .uid = 1000,         \
                           .gid = 1000,         \
                           .user = "ann",       \
                           .home = "/home/ann", \
                           .sandbox_id = "s1",  \
                           .workdir = "/home/ann/w" })

/* One arena for the test that runs; checked tests run in a process each, or free it in teardown. */
extern struct arena *arena;
extern const struct fixture with_arena;

#define LIST(...) \
        list_of((const char *[]){ __VA_ARGS__ }, ELEMENTSOF(((const char *[]){ __VA_ARGS__ })))
struct strings list_of(const char **items, size_t n);

/* `e` is an error of this code at this field, and its message contains `part`. */
void assert_error(const struct error *e, enum error_code code, const char *where, const char *part);

#define RUN_POLICY_TESTS(name, ...) RUN_TESTS_IN(&with_arena, name, __VA_ARGS__)

/* compile */
struct situation {
        struct policy request;
        struct facts facts;
        struct subject subject;
};
#define SITUATION ((struct situation){ .facts = WHOLE_HOST, .subject = ANN })
/* Resolves, checks and compiles; the plan, or NULL with *e filled. */
const struct plan *compile(const struct situation *s, struct error *e);
/* The same, but must work. */
const struct plan *compiled(const struct situation *s);
const struct plan_mount *mount_at(const struct plan *plan, enum mount_kind kind,
                                  const char *target);
const struct plan_name *name_at(const struct plan *plan, const char *pattern);
enum verdict verdict(const struct plan *plan, const char *path, enum access_kind access);
bool has_string(const struct strings *list, const char *s);
