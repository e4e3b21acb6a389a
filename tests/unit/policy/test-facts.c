/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What plan_compile() does where the host lacks something: refuse with the loss named, or note it.
 */
#include <errno.h>
#include <stdio.h>

#include "../../../policy/gate.h"
#include "common.h"

static void refused(const struct situation *s, const char *fact, const char *where) {
        struct error e;
        ck_assert_ptr_null(compile(s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, where, fact);
        ck_assert_str_eq(e.fact, fact);
        ck_assert_int_eq(e.err, EOPNOTSUPP);
}

/* Refused, and with the loss accepted not: the plan, which notes it. */
static const struct plan *lost(struct situation *s, enum loss loss, const char *where) {
        refused(s, losses[loss].name, where);
        ck_assert(arena_push(arena, &s->request.accept, losses[loss].name));
        const struct plan *p = compiled(s);
        ck_assert(p->lost[loss]);
        return p;
}

START_TEST(nothing_is_lost_on_a_whole_host) {
        struct situation s = SITUATION;
        for (int i = 0; i < LOSS_N_; i++)
                ck_assert(arena_push(arena, &s.request.accept, losses[i].name));
        ck_assert(!has_string(&compiled(&s)->layers, "cgroup")); /* no limit needs one */
        s.request.limits.memory_bytes = (struct limit){ LIMIT_VALUE, 1 << 30 };
        const struct plan *p = compiled(&s);
        ck_assert(p->cgroup && p->seccomp && p->landlock && !p->native);
        for (int i = 0; i < LOSS_N_; i++) /* accepted is not lost */
                ck_assert_msg(!p->lost[i], "%s", losses[i].name);
        static const char *const layers[] = { "cgroup",   "namespaces", "network",   "no_new_privs",
                                              "landlock", "seccomp",    "supervisor" };
        ck_assert_uint_eq(p->layers.n, ELEMENTSOF(layers));
        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                ck_assert_str_eq(p->layers.items[i], layers[i]);
}
END_TEST

START_TEST(limits) {
        static const struct {
                size_t limit, fact, plan;
                const char *where;
                uint64_t value;
        } rows[] = {
                { offsetof(struct policy_limits, memory_bytes),
                  offsetof(struct facts, cgroup_memory), offsetof(struct plan_limits, memory_bytes),
                  "/limits/memory_bytes", 1 << 30 },
                { offsetof(struct policy_limits, processes), offsetof(struct facts, cgroup_pids),
                  offsetof(struct plan_limits, processes), "/limits/processes", 50 },
                { offsetof(struct policy_limits, cpus), offsetof(struct facts, cgroup_cpu),
                  offsetof(struct plan_limits, cpu_millis), "/limits/cpus", 1500 },
                { offsetof(struct policy_limits, io_weight), offsetof(struct facts, cgroup_io),
                  offsetof(struct plan_limits, io_weight), "/limits/io_weight", 20 },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct situation s = SITUATION;
                *(struct limit *) (void *) ((char *) &s.request.limits + rows[i].limit) =
                        (struct limit){ LIMIT_VALUE, rows[i].value };
                const struct plan *p = compiled(&s);
                const void *value = (const char *) &p->limits + rows[i].plan;
                ck_assert_uint_eq(*(const uint64_t *) value, rows[i].value);
                *((bool *) &s.facts + rows[i].fact) = false;
                p = lost(&s, LOSS_NO_CGROUP, rows[i].where);
                value = (const char *) &p->limits + rows[i].plan;
                ck_assert_uint_eq(*(const uint64_t *) value, 0); /* not promised any more */
        }
        /* no limit asked, no controller needed */
        struct situation s = SITUATION;
        s.facts.cgroup_v2 = s.facts.cgroup_memory = s.facts.cgroup_pids = s.facts.cgroup_cpu =
                false;
        const struct plan *p = compiled(&s);
        ck_assert(!has_string(&p->layers, "cgroup"));
        /* what rlimits and the session hold */
        s.request.limits.cpu_seconds = (struct limit){ LIMIT_VALUE, 30 };
        s.request.limits.wall_seconds = (struct limit){ LIMIT_VALUE, 60 };
        s.request.limits.file_bytes = (struct limit){ LIMIT_VALUE, 1000 };
        s.request.limits.open_files = (struct limit){ LIMIT_VALUE, 64 };
        p = compiled(&s);
        ck_assert_uint_eq(p->limits.cpu_seconds, 30);
        ck_assert_uint_eq(p->limits.wall_ms, 60000);
        ck_assert_uint_eq(p->limits.file_bytes, 1000);
        ck_assert_uint_eq(p->limits.open_files, 64);
}
END_TEST

START_TEST(disk) {
        struct situation s = SITUATION;
        s.facts.memory_bytes = 4u << 20;
        ck_assert_int_eq(compiled(&s)->disk, DISK_FREE);
        s.request.limits.disk_bytes = (struct limit){ LIMIT_VALUE, 1 << 20 };
        /* a directory of the user's is measured */
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(p->disk, DISK_WATCHED);
        ck_assert_uint_eq(p->limits.disk_bytes, 1 << 20);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/home/ann/w"));
        /* so is one that is looked at from outside */
        s.subject.workdir_fresh = true;
        p = compiled(&s);
        ck_assert_int_eq(p->disk, DISK_WATCHED);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/home/ann/w"));
        /* one that is not lies in memory */
        s.subject.workdir_unseen = true;
        p = compiled(&s);
        ck_assert_int_eq(p->disk, DISK_HARD);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_TMPFS, "/home/ann/w"));
        ck_assert_ptr_null(mount_at(p, MOUNT_BIND_RW, "/home/ann/w"));
        /* as long as it fits there */
        s.request.limits.disk_bytes.value = (2u << 20) + 1;
        ck_assert_int_eq(compiled(&s)->disk, DISK_WATCHED);
        /* without a limit everything is where it was */
        s.request.limits.disk_bytes = (struct limit){ LIMIT_UNLIMITED, 0 };
        p = compiled(&s);
        ck_assert_int_eq(p->disk, DISK_FREE);
        ck_assert_ptr_nonnull(mount_at(p, MOUNT_BIND_RW, "/home/ann/w"));
        /* where all of the disk may be written, nobody could measure */
        s.request.limits.disk_bytes = (struct limit){ LIMIT_VALUE, 1 << 20 };
        s.request.level = LEVEL_PERMISSIVE;
        p = lost(&s, LOSS_NO_DISK_QUOTA, "/limits/disk_bytes");
        ck_assert_uint_eq(p->limits.disk_bytes, 0);
        ck_assert_int_eq(p->disk, DISK_FREE);
}
END_TEST

START_TEST(processes_without_a_cgroup) {
        struct situation s = SITUATION;
        s.facts.cgroup_pids = false;
        s.facts.nproc_per_userns = true;
        s.request.limits.processes = (struct limit){ LIMIT_VALUE, 50 };
        ck_assert_uint_eq(compiled(&s)->limits.processes, 50);
        s.subject.uid = 0; /* RLIMIT_NPROC does not hold root */
        refused(&s, "no_cgroup", "/limits/processes");
}
END_TEST

START_TEST(names) {
        struct situation s = SITUATION;
        s.facts.landlock_abi = 9; /* so that sockets do not need the supervisor */
        s.facts.pidfd_getfd = false;
        const struct plan *p = lost(&s, LOSS_NO_DENIED_NAMES, "/security/protect_workspace");
        ck_assert_uint_eq(p->n_names, 0);
        ck_assert_ptr_nonnull(
                mount_at(p, MOUNT_READONLY, "/home/ann/w/.vscode")); /* what exists holds */
        ck_assert(!has_string(&p->layers, "supervisor"));
        /* a pattern needs it for what exists, too */
        s.request.filesystem.deny = LIST("**/.env");
        p = lost(&s, LOSS_NO_DENY_INSIDE_ALLOW, "/filesystem/deny/0");
        ck_assert(!p->judge_reads);
        /* nothing to judge, nothing lost */
        s = SITUATION;
        s.facts.landlock_abi = 9;
        s.facts.seccomp_notify = false;
        s.request.security.protect_workspace = TRI_NO;
        compiled(&s);
        s.request.filesystem.deny = LIST("/srv/x");
        refused(&s, "no_denied_names", "/filesystem/deny/0");
}
END_TEST

START_TEST(unix_sockets) {
        struct situation s = SITUATION;
        const struct plan *p = compiled(&s);
        ck_assert(p->judge_unix && !p->allow_unix_dgram);
        s.facts.landlock_abi = 9;
        p = compiled(&s);
        ck_assert(!p->judge_unix && p->allow_unix_dgram);
        s.facts.landlock_abi = 7;
        s.facts.seccomp_notify = false;
        s.request.security.protect_workspace = TRI_NO;
        p = lost(&s, LOSS_NO_UNIX_SOCKET_RULES, "/security/unix_sockets");
        ck_assert(!p->judge_unix && !p->allow_unix_dgram);
        s = SITUATION; /* all may be written, so all may be talked to */
        s.request.level = LEVEL_PERMISSIVE;
        s.facts.seccomp_notify = false;
        p = compiled(&s);
        ck_assert(!p->judge_unix && p->allow_unix_dgram);
}
END_TEST

START_TEST(walls) {
        struct situation s = SITUATION;
        s.facts.landlock_abi = 0;
        const struct plan *p = lost(&s, LOSS_NO_LANDLOCK, "/level");
        ck_assert(!p->landlock && !has_string(&p->layers, "landlock"));
        s = SITUATION;
        s.facts.landlock_abi = -1;
        struct error e;
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/level", "lsm=");
        s.facts.landlock_abi = 1; /* decision 8: left out, and no loss */
        p = compiled(&s);
        ck_assert(!p->landlock && !p->lost[LOSS_NO_LANDLOCK]);
        ck_assert(!has_string(&p->layers, "landlock"));
        s.facts.landlock_abi = 2;
        ck_assert(compiled(&s)->landlock);

        s = SITUATION;
        s.request.level = LEVEL_PERMISSIVE;
        s.facts.seccomp = s.facts.seccomp_notify = false;
        p = lost(&s, LOSS_NO_SECCOMP, "/level");
        ck_assert(!has_string(&p->layers, "seccomp"));
}
END_TEST

static struct situation native(void) {
        struct situation s = SITUATION;
        s.facts.user_namespaces = false;
        strcpy(s.facts.reason, "clone: Operation not permitted");
        s.request.accept = LIST("no_namespaces", "no_deny_inside_allow");
        return s;
}

START_TEST(native_tier) {
        static const size_t needed[] = { offsetof(struct facts, user_namespaces),
                                         offsetof(struct facts, mount_namespaces),
                                         offsetof(struct facts, pid_namespaces),
                                         offsetof(struct facts, net_namespaces),
                                         offsetof(struct facts, fresh_proc) };
        for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
                struct situation s = SITUATION;
                *((bool *) &s.facts + needed[i]) = false;
                const struct plan *p = NULL;
                refused(&s, "no_namespaces", "/level");
                s.request.accept = LIST("no_namespaces", "no_deny_inside_allow");
                p = compiled(&s);
                ck_assert(p->native && p->lost[LOSS_NO_NAMESPACES]);
                ck_assert_uint_eq(p->n_mounts, 0);
                ck_assert(!has_string(&p->layers, "namespaces") &&
                          !has_string(&p->layers, "network"));
        }
        struct situation s = native();
        s.request.accept = (struct strings){ 0 };
        struct error e;
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/level", "Operation not permitted");
}
END_TEST

START_TEST(native_paths) {
        struct situation s = native();
        s.request.filesystem.read = LIST("/data2/in");
        s.request.filesystem.write = LIST("/data2/out");
        const struct plan *p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/usr/bin/x", ACCESS_EXECUTE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/usr/bin/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/w/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/.ssh/id", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/.cargo/bin/x", ACCESS_EXECUTE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/.cargo/credentials", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/root/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/run/docker.sock", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/data2/in/x", ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/data2/in/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/data2/out/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/home/ann/w/.vscode/x", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/w/.vscode/x", ACCESS_READ), VERDICT_ALLOW);
        ck_assert(p->landlock);

        s.request.level = LEVEL_STRICT;
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/usr/bin/x", ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/var/lib/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/home/ann/.cargo/bin/x", ACCESS_READ), VERDICT_DENY);

        s.request.level = LEVEL_PERMISSIVE;
        p = compiled(&s);
        ck_assert(!has_string(&p->write, "/home"));
        ck_assert_int_eq(verdict(p, "/usr/bin/x", ACCESS_READ), VERDICT_ALLOW);
        s.subject.root_names = LIST("usr", "home", "dev", "proc", "sys", "data3");
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/home/ben/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/data3/x", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/proc/1/oom_score_adj", ACCESS_READ), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/proc/1/oom_score_adj", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/sys/power/state", ACCESS_WRITE), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/dev/null", ACCESS_WRITE), VERDICT_ALLOW);
        ck_assert_int_eq(verdict(p, "/dev/fuse", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/dev/pts/0", ACCESS_READ), VERDICT_DENY);

        s = native(); /* a home in a directory of the system */
        s.subject.home = "/var/lib/jenkins";
        s.subject.workdir = "/var/lib/jenkins/job";
        p = compiled(&s);
        ck_assert_int_eq(verdict(p, "/var/lib/jenkins/secrets/x", ACCESS_READ), VERDICT_DENY);
        ck_assert_int_eq(verdict(p, "/var/lib/jenkins/job/x", ACCESS_WRITE), VERDICT_ALLOW);
}
END_TEST

START_TEST(native_denying) {
        struct situation s = native();
        s.request.accept = LIST("no_namespaces");
        s.request.security.protect_package_credentials =
                TRI_NO; /* nothing protected in a toolchain */
        const struct plan *p = compiled(&s);
        ck_assert(!p->lost[LOSS_NO_DENY_INSIDE_ALLOW]);
        s.request.filesystem.deny = LIST("$WORKDIR/secret");
        p = lost(&s, LOSS_NO_DENY_INSIDE_ALLOW, "/filesystem/deny/0");
        /* still judged, as far as that goes */
        ck_assert(p->judge_reads);
        ck_assert_int_eq(verdict(p, "/home/ann/w/secret", ACCESS_READ), VERDICT_DENY);
        /* root owns the system's secrets */
        s = native();
        s.request.accept = LIST("no_namespaces");
        s.request.security.protect_package_credentials = TRI_NO;
        s.subject.uid = 0;
        p = lost(&s, LOSS_NO_DENY_INSIDE_ALLOW, "/security");
        ck_assert_int_eq(verdict(p, "/etc/shadow", ACCESS_READ), VERDICT_DENY);
}
END_TEST

START_TEST(native_needs_its_walls) {
        struct situation s = native();
        struct error e;
        for (int i = 0; i < LOSS_N_; i++)
                ck_assert(arena_push(arena, &s.request.accept, losses[i].name));
        s.facts.landlock_abi = 0;
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/level", "neither namespaces nor Landlock");
        ck_assert_ptr_nonnull(strstr(e.message, "clone: Operation not permitted"));
        ck_assert_str_eq(e.fact, ""); /* nothing to accept: nothing would be left */
        s.facts.landlock_abi = 1;
        ck_assert(compiled(&s)->landlock);
        s.facts.seccomp = false;
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/level", "seccomp");
        s = native(); /* RLIMIT_NPROC would count the user's own processes */
        s.facts.cgroup_pids = false;
        s.facts.nproc_per_userns = true;
        s.request.limits.processes = (struct limit){ LIMIT_VALUE, 9 };
        refused(&s, "no_cgroup", "/limits/processes");
}
END_TEST

START_TEST(network_of_other_modes) {
        static const enum network_mode modes[] = { NETWORK_ALLOW, NETWORK_ALLOWLIST, NETWORK_ASK };
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                struct situation s = native();
                struct error e;
                s.request.network.mode = modes[i];
                ck_assert(!compile(&s, &e)); /* decision 25: never there */
                assert_error(&e, ERROR_UNENFORCEABLE, "/network/mode", "network namespaces");
                s = SITUATION;
                s.request.network.mode = modes[i];
                const struct plan *p = compiled(&s);
                ck_assert(p->gate && has_string(&p->layers, "gate"));
        }
        struct situation s = SITUATION;
        struct error e;
        ck_assert(!compiled(&s)->gate && !has_string(&compiled(&s)->layers, "gate"));
        s.request.network.local_ports = LIST("5432");
        ck_assert(compiled(&s)->gate); /* in every mode */
        s = native();
        s.request.network.local_ports = LIST("5432");
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_UNENFORCEABLE, "/network/local_ports", "network namespaces");
        s = SITUATION;
        for (int port = 1; port <= GATE_LOCAL_MAX + 1; port++) {
                char text[8];
                snprintf(text, sizeof(text), "%d", port);
                ck_assert(arena_push(arena, &s.request.network.local_ports, text));
        }
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_LIMIT, "/network/local_ports", "16");
        s = SITUATION;
        s.request.network.local_ports = LIST("3128");
        ck_assert(!compile(&s, &e));
        assert_error(&e, ERROR_PARAMS, "/network/local_ports", "3128");
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("facts", nothing_is_lost_on_a_whole_host, limits, disk,
                                processes_without_a_cgroup, names, unix_sockets, walls, native_tier,
                                native_paths, native_denying, native_needs_its_walls,
                                network_of_other_modes);
}
