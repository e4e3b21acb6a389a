/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See common.h. */
#include "common.h"

struct arena *arena;

static void setup(void) {
        arena = arena_new();
        ck_assert_ptr_nonnull(arena);
}

static void teardown(void) {
        arena = arena_free(arena);
}

const struct fixture with_arena = { .setup = setup, .teardown = teardown, .timeout = 120 };

struct strings list_of(const char **items, size_t n) {
        struct strings list = { .set = true };
        for (size_t i = 0; i < n; i++)
                ck_assert(arena_push(arena, &list, items[i]));
        return list;
}

void assert_error(const struct error *e, enum error_code code, const char *where,
                  const char *part) {
        ck_assert_msg(e->code == code, "%s, not %s: %s", error_wire_name(e->code),
                      error_wire_name(code), e->message);
        ck_assert_str_eq(e->where, where);
        ck_assert_msg(strstr(e->message, part), "\"%s\" is not in \"%s\"", part, e->message);
        ck_assert_int_gt(e->err, 0);
        ck_assert_ptr_null(strchr(e->message, '\n'));
}

const struct plan *compile(const struct situation *s, struct error *e) {
        struct policy *p = arena_alloc(arena, sizeof(*p));
        struct situation *copy = arena_alloc(arena, sizeof(*copy));
        struct plan *plan = NULL;
        ck_assert(p && copy);
        *copy = *s; /* the plan points to the subject */
        *e = ERROR_NULL;
        int r = policy_resolve(arena, NULL, &copy->request, NULL, p, e);
        if (r >= 0)
                r = policy_check(p, e);
        if (r >= 0)
                r = plan_compile(arena, p, &copy->facts, &copy->subject, &plan, e);
        ck_assert_int_eq(r == 0, plan != NULL);
        ck_assert_int_eq(r < 0, e->code != ERROR_NONE);
        return plan;
}

const struct plan *compiled(const struct situation *s) {
        struct error e;
        const struct plan *plan = compile(s, &e);
        ck_assert_msg(plan, "%s at %s", e.message, e.where);
        return plan;
}

const struct plan_mount *mount_at(const struct plan *plan, enum mount_kind kind,
                                  const char *target) {
        for (size_t i = 0; i < plan->n_mounts; i++)
                if (plan->mounts[i].kind == kind && strcmp(plan->mounts[i].target, target) == 0)
                        return &plan->mounts[i];
        return NULL;
}

const struct plan_name *name_at(const struct plan *plan, const char *pattern) {
        for (size_t i = 0; i < plan->n_names; i++)
                if (strcmp(plan->names[i].pattern, pattern) == 0)
                        return &plan->names[i];
        return NULL;
}

enum verdict verdict(const struct plan *plan, const char *path, enum access_kind access) {
        struct decision d;
        plan_decide_path(plan, path, access, &d);
        ck_assert(d.rule && d.field && d.why[0] && d.field[0] == '/');
        return d.verdict;
}

bool has_string(const struct strings *list, const char *s) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], s) == 0)
                        return true;
        return false;
}
