/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A file that the writer made passes; every one of its offsets and counts, bent, does not. */
#include "../../../policy/gate.h"
#include "../../../proto/wire.h"
#include "proto-test.h"

static struct wire_plan *make_plan(size_t *size) {
        struct wire_writer w;
        uint64_t mounts, rules, names, sockets, filter, refusals, env, local, remote, s[8];
        struct wire_plan *p;

        ck_assert_int_eq(wire_writer_begin(&w, sizeof(*p)), 0);
        mounts = wire_writer_array(&w, 2, sizeof(struct wire_mount));
        rules = wire_writer_array(&w, 1, sizeof(struct wire_rule));
        names = wire_writer_array(&w, 1, sizeof(struct wire_name));
        sockets = wire_writer_array(&w, 1, sizeof(uint64_t));
        filter = wire_writer_array(&w, 3, 8);
        refusals = wire_writer_array(&w, 2, sizeof(struct wire_refusal));
        env = wire_writer_array(&w, 2, sizeof(uint64_t));
        local = wire_writer_array(&w, 1, sizeof(struct wire_port));
        remote = wire_writer_array(&w, 2, sizeof(struct wire_port));
        s[0] = wire_writer_string(&w, "/target");
        s[1] = wire_writer_bytes(&w, "con\0tent", 8);
        s[2] = wire_writer_string(&w, "/usr");
        s[3] = wire_writer_string(&w, "/w/**/.env");
        s[4] = wire_writer_string(&w, "/run/s");
        s[5] = wire_writer_string(&w, "A=1");
        s[6] = wire_writer_string(&w, "B=");
        s[7] = wire_writer_string(&w, "/w");
        ck_assert_uint_eq(wire_writer_string(&w, NULL), 0);
        p = wire_writer_at(&w, 0);
        ck_assert_ptr_nonnull(p);
        p->mounts = mounts, p->n_mounts = 2;
        p->rules = rules, p->n_rules = 1;
        p->names = names, p->n_names = 1;
        p->sockets = sockets, p->n_sockets = 1;
        p->filter = filter, p->n_filter = 3;
        p->refusals = refusals, p->n_refusals = 2;
        p->env = env, p->n_env = 2;
        p->local_ports = local, p->n_local_ports = 1;
        p->remote_ports = remote, p->n_remote_ports = 2;
        p->workdir = s[7];
        {
                struct wire_mount *m = wire_writer_at(&w, mounts);

                m[0] = (struct wire_mount){
                        .fd = -1, .target = s[0], .content = s[1], .content_len = 8
                };
                m[1] = (struct wire_mount){ .fd = 0, .target = s[0] };
        }
        *(struct wire_rule *) wire_writer_at(&w, rules) =
                (struct wire_rule){ .path = s[2], .access = 1 };
        *(struct wire_name *) wire_writer_at(&w, names) = (struct wire_name){ .pattern = s[3] };
        ((struct wire_refusal *) wire_writer_at(&w, refusals))[0].nr = 101;
        ((struct wire_refusal *) wire_writer_at(&w, refusals))[1].nr = 101;
        *(struct wire_port *) wire_writer_at(&w, local) = (struct wire_port){ .port = 5432 };
        ((struct wire_port *) wire_writer_at(&w, remote))[0].port = 22;
        ((struct wire_port *) wire_writer_at(&w, remote))[1].port = 443;
        *(uint64_t *) wire_writer_at(&w, sockets) = s[4];
        ((uint64_t *) wire_writer_at(&w, env))[0] = s[5];
        ((uint64_t *) wire_writer_at(&w, env))[1] = s[6];
        p = wire_writer_finish(&w, size);
        ck_assert_ptr_nonnull(p);
        return p;
}

START_TEST(a_good_plan) {
        size_t size;
        struct wire_plan *p = make_plan(&size);

        ck_assert_uint_eq(size % 8, 0);
        ck_assert_int_eq(wire_plan_check(p, size), 0);
        ck_assert_str_eq(wire_string_at(p, p->env, 1), "B=");
        ck_assert_str_eq(wire_string(p, p->workdir), "/w");
        ck_assert_mem_eq(
                wire_string(p, ((const struct wire_mount *) wire_array(p, p->mounts))->content),
                "con\0tent", 8);
        free(p);
}
END_TEST

/* Each 8-byte word of the header that is an offset or a count, set to what must not pass. */
START_TEST(bent_plans) {
        static const size_t offsets[] = {
                offsetof(struct wire_plan, mounts),      offsetof(struct wire_plan, rules),
                offsetof(struct wire_plan, names),       offsetof(struct wire_plan, sockets),
                offsetof(struct wire_plan, filter),      offsetof(struct wire_plan, env),
                offsetof(struct wire_plan, local_ports), offsetof(struct wire_plan, remote_ports),
                offsetof(struct wire_plan, refusals),
        };
        size_t size;
        struct wire_plan *p = make_plan(&size);

        for (size_t i = 0; i < ELEMENTSOF(offsets); i++) {
                uint64_t *array = (uint64_t *) ((char *) p + offsets[i]), good = array[0],
                         n = array[1];
                const uint64_t bad[] = {
                        0,    1,        good + 1,   good + 4,       size - 8 * n + 8,
                        size, size + 8, UINT64_MAX, UINT64_MAX - 7, sizeof(*p) - 8
                };
                const uint64_t counts[] = { size, UINT64_MAX, UINT64_MAX / 8 + 1, UINT64_C(1) << 61,
                                            (size - good) / 8 + 1 };

                for (size_t k = 0; k < ELEMENTSOF(bad); k++) {
                        array[0] = bad[k];
                        ck_assert_msg(wire_plan_check(p, size) == -EBADMSG, "array %zu at %zu", i,
                                      k);
                }
                array[0] = good;
                for (size_t k = 0; k < ELEMENTSOF(counts); k++) {
                        array[1] = counts[k];
                        ck_assert_msg(wire_plan_check(p, size) == -EBADMSG, "array %zu with %zu", i,
                                      k);
                }
                array[1] = n;
                ck_assert_int_eq(wire_plan_check(p, size), 0);
        }
        free(p);
}
END_TEST

/* A temporary change of one member, which must be refused. */
#define REFUSED(check, p, size, member, value)                                         \
        do {                                                                           \
                __typeof__(member) good_ = member;                                     \
                member = value;                                                        \
                ck_assert_msg(check(p, size) == -EBADMSG, "%s = %s", #member, #value); \
                member = good_;                                                        \
                ck_assert_int_eq(check(p, size), 0);                                   \
        } while (0)

START_TEST(bent_members) {
        size_t size;
        struct wire_plan *p = make_plan(&size);
        char *base = (char *) p;
        struct wire_mount *m = (struct wire_mount *) (base + p->mounts);
        struct wire_rule *r = (struct wire_rule *) (base + p->rules);
        struct wire_name *n = (struct wire_name *) (base + p->names);
        struct wire_port *local = (struct wire_port *) (base + p->local_ports);
        struct wire_port *remote = (struct wire_port *) (base + p->remote_ports);
        struct wire_refusal *refusals = (struct wire_refusal *) (base + p->refusals);
        uint64_t *env = (uint64_t *) (base + p->env), *sockets = (uint64_t *) (base + p->sockets);

        REFUSED(wire_plan_check, p, size, p->version, 2);
        REFUSED(wire_plan_check, p, size, p->size, size - 8);
        REFUSED(wire_plan_check, p, size, p->flags, 1u << 31);
        REFUSED(wire_plan_check, p, size, p->workdir, size);
        REFUSED(wire_plan_check, p, size, p->workdir, 8);
        REFUSED(wire_plan_check, p, size, p->n_filter, 4097);
        REFUSED(wire_plan_check, p, size, m[1].fd, -2);
        REFUSED(wire_plan_check, p, size, m[1].target, size);
        REFUSED(wire_plan_check, p, size, m[1].content, UINT64_MAX);
        REFUSED(wire_plan_check, p, size, m[1].content_len, 1); /* of what? */
        REFUSED(wire_plan_check, p, size, m[0].content_len, size);
        REFUSED(wire_plan_check, p, size, m[0].content_len, UINT64_MAX);
        REFUSED(wire_plan_check, p, size, local->port, 0);
        REFUSED(wire_plan_check, p, size, remote[1].port, 0);
        REFUSED(wire_plan_check, p, size, p->n_local_ports, GATE_LOCAL_MAX + 1);
        REFUSED(wire_plan_check, p, size, p->n_remote_ports, GATE_REMOTE_MAX + 1);
        REFUSED(wire_plan_check, p, size, refusals[0].nr, -1);
        REFUSED(wire_plan_check, p, size, refusals[1].nr, 100); /* they ascend */
        REFUSED(wire_plan_check, p, size, r->path, 0);
        REFUSED(wire_plan_check, p, size, n->pattern, 0);
        REFUSED(wire_plan_check, p, size, sockets[0], size);
        REFUSED(wire_plan_check, p, size, env[1], 0);
        REFUSED(wire_plan_check, p, size, env[1], p->workdir); /* no "=" */
        REFUSED(wire_plan_check, p, size, base[size - 1], 'x');
        ck_assert_int_eq(wire_plan_check(p, size - 8), -EBADMSG);
        ck_assert_int_eq(wire_plan_check(p, sizeof(*p) - 1), -EBADMSG);
        ck_assert_int_eq(wire_plan_check(p, 0), -EBADMSG);
        ck_assert_int_eq(wire_plan_check((char *) p + 4, size - 4), -EBADMSG);
        free(p);
}
END_TEST

START_TEST(spawns) {
        struct wire_writer w;
        struct wire_spawn *s;
        uint64_t argv, a, cwd;
        size_t size;

        ck_assert_int_eq(wire_writer_begin(&w, sizeof(*s)), 0);
        argv = wire_writer_array(&w, 1, sizeof(uint64_t));
        a = wire_writer_string(&w, "/bin/true");
        cwd = wire_writer_string(&w, "/w");
        *(uint64_t *) wire_writer_at(&w, argv) = a;
        s = wire_writer_at(&w, 0);
        s->argv = argv, s->n_argv = 1, s->cwd = cwd, s->rows = 24, s->cols = 80;
        s->stdio[0] = WIRE_STDIO_PTY;
        s = wire_writer_finish(&w, &size);
        ck_assert_int_eq(wire_spawn_check(s, size), 0);
        REFUSED(wire_spawn_check, s, size, s->n_argv, 0);
        REFUSED(wire_spawn_check, s, size, s->argv, 0);
        REFUSED(wire_spawn_check, s, size, s->flags, 1);
        REFUSED(wire_spawn_check, s, size, s->version, 0);
        REFUSED(wire_spawn_check, s, size, s->stdio[2], 3);
        REFUSED(wire_spawn_check, s, size, s->rows, 65536);
        REFUSED(wire_spawn_check, s, size, s->cwd, size);
        REFUSED(wire_spawn_check, s, size, s->n_env, 1);
        free(s);
}
END_TEST

START_TEST(frames) {
        struct wire_frame f = WIRE_FRAME(WIRE_EXITED), good;

        f.id = 1;
        f.value = 256;
        good = f;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), 0);
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_INIT), -EBADMSG);
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f) - 1, WIRE_TO_SESSION), -EBADMSG);
        ck_assert_int_eq(wire_frame_check(&f, 0, WIRE_TO_SESSION), -EBADMSG);
#define BENT(member, x)                                                                        \
        f = good;                                                                              \
        f.member = x;                                                                          \
        ck_assert_msg(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION) == -EBADMSG, "%s = %s", \
                      #member, #x)
        BENT(version, 0);
        BENT(type, 0);
        BENT(type, WIRE_UNTOLD + 1);
        BENT(type, WIRE_SPAWN);
        BENT(type, UINT32_MAX);
        BENT(id, 0);
        BENT(value, -1);
        BENT(value, 65536);
        BENT(err, -1);
        BENT(err, 4096);
        BENT(stage, -1);
        BENT(stage, WIRE_STAGE_PROTOCOL + 1);
        f = good;
        memset(f.text, 'x', sizeof(f.text));
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), -EBADMSG);
        f = good;
        memset(f.comm, 'x', sizeof(f.comm));
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), -EBADMSG);
        f = WIRE_FRAME(WIRE_SPAWNED);
        f.id = 1;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), -EBADMSG); /* pid 0 */
        f.value = (int64_t) INT32_MAX + 1;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), -EBADMSG);
        f.value = 2;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), 0);
        f = good = WIRE_FRAME(WIRE_READY);
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), 0);
        BENT(value, -1);
        BENT(value, 1 << GATE_LISTENER_N_);
        BENT(usage[0], GATE_OTHERS_MAX + 1);
        f = WIRE_FRAME(WIRE_REFUSED);
        f.value = UINT32_MAX;
        f.usage[0] = 300;
        good = f;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), 0);
        BENT(value, 0);
        BENT(value, (int64_t) UINT32_MAX + 1);
        BENT(pid, -1);
        BENT(usage[0], UINT64_MAX);
        f = good = WIRE_FRAME(WIRE_UNTOLD);
        BENT(value, 0);
        BENT(value, (int64_t) UINT32_MAX + 1);
        f.value = 1;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION), 0);
        f = WIRE_FRAME(WIRE_SIGNAL);
        f.value = 65;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_INIT), -EBADMSG);
        f.value = 9;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_INIT), 0);
}
END_TEST

START_TEST(texts_are_cut) {
        struct wire_frame f = WIRE_FRAME(WIRE_TRUST);
        char text[WIRE_TEXT + 10];

        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = 0;
        wire_frame_text(&f, text);
        ck_assert_uint_eq(strlen(f.text), WIRE_TEXT - 1);
        wire_frame_text(&f, "a");
        ck_assert_str_eq(f.text, "a");
        for (size_t i = 1; i < WIRE_TEXT; i++) /* nothing of the earlier text goes over the wall */
                ck_assert_int_eq(f.text[i], 0);
        wire_frame_text(&f, NULL);
        ck_assert_str_eq(f.text, "");
}
END_TEST

START_TEST(writers_remember_failure) {
        struct wire_writer w;
        size_t size;

        ck_assert_int_eq(wire_writer_begin(&w, sizeof(struct wire_plan)), 0);
        ck_assert_uint_eq(wire_writer_array(&w, SIZE_MAX, 16), 0);
        ck_assert_uint_eq(wire_writer_string(&w, "x"), 0);
        ck_assert_ptr_null(wire_writer_at(&w, 0));
        ck_assert_ptr_null(wire_writer_finish(&w, &size));
        ck_assert_int_eq(wire_writer_begin(&w, sizeof(struct wire_plan)), 0);
        ck_assert_uint_eq(wire_writer_array(&w, SIZE_MAX / 16, 16), 0);
        wire_writer_done(&w);
}
END_TEST

int main(void) {
        return RUN_TESTS("wire", a_good_plan, bent_plans, bent_members, spawns, frames,
                         texts_are_cut, writers_remember_failure);
}
