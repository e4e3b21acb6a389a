/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * policy.check for paths. It asks the finished plan, never the policy: so it says what is enforced,
 * also where the compiler should have a bug.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decide.h"
#include "path.h"
#include "plan.h"

void decide(struct decision *ret, enum verdict verdict, const char *rule, const char *field,
            const char *fmt, ...) {
        *ret = (struct decision){ .verdict = verdict, .rule = rule, .field = field };
        va_list ap;
        va_start(ap, fmt);
        (void) vsnprintf(ret->why, sizeof(ret->why), fmt, ap);
        va_end(ap);
}

static const char *list_match(const struct strings *list, const char *path) {
        for (size_t i = 0; i < list->n; i++)
                if (path_is_under(path, list->items[i]))
                        return list->items[i];
        return NULL;
}

/* Without a view of its own: the lists decide. */
static void decide_native(const struct plan *plan, const char *path, enum access_kind access,
                          struct decision *ret) {
        const char *rule = list_match(&plan->write, path);
        if (rule) {
                decide(ret, VERDICT_ALLOW, rule, "/filesystem/write", "It may be written.");
                return;
        }
        rule = list_match(&plan->read, path);
        if (!rule)
                decide(ret, VERDICT_DENY, "/",
                       access == ACCESS_WRITE ? "/filesystem/write" : "/filesystem/read",
                       "Nothing grants it.");
        else if (access == ACCESS_WRITE)
                decide(ret, VERDICT_DENY, rule, "/filesystem/write", "It is readable only.");
        else
                decide(ret, VERDICT_ALLOW, rule, "/filesystem/read", "It may be read.");
}

static void decide_host(const struct view *v, enum access_kind access, struct decision *ret) {
        const char *rule = v->by->target, *field = v->by->field;
        if (access == ACCESS_EXECUTE && v->noexec)
                decide(ret, VERDICT_DENY, rule, "/filesystem/execute",
                       "It is readable, but nothing in it can be run.");
        else if (access != ACCESS_WRITE)
                decide(ret, VERDICT_ALLOW, rule, field, "It is part of the view.");
        else if (v->kind == VIEW_HOST_RW)
                decide(ret, VERDICT_ALLOW, rule, field, "It may be written.");
        else if (v->by->kind == MOUNT_READONLY)
                decide(ret, VERDICT_DENY, rule, field, "%s",
                       strcmp(field, "/level") == 0
                               ? "It is read-only at every level."
                               : "It is kept read-only, since the host runs or trusts it later.");
        else
                decide(ret, VERDICT_DENY, rule, "/filesystem/write", "It is readable only.");
}

static void decide_private(const struct view *v, enum access_kind access, struct decision *ret) {
        const char *rule = v->by->target;
        if (access == ACCESS_WRITE && !v->readonly)
                decide(ret, VERDICT_ALLOW, rule, v->by->field,
                       "It is in a private part of the view: what is written there stays in the "
                       "sandbox.");
        else if (access == ACCESS_WRITE)
                decide(ret, VERDICT_DENY, rule, v->by->field, "leash wrote it for the sandbox.");
        else if (v->by->kind == MOUNT_FILE || v->by->kind == MOUNT_SYMLINK)
                decide(ret, VERDICT_ALLOW, rule, v->by->field,
                       "The sandbox has one of its own there, not the host's.");
        else
                decide(ret, VERDICT_DENY, rule, "/filesystem/read",
                       "A private directory covers it: what the host has there is not visible.");
}

static void decide_view(const struct plan *plan, const char *path, enum access_kind access,
                        struct decision *ret) {
        struct view v = plan_view_at(plan->mounts, plan->n_mounts, path);
        switch (v.kind) {
        case VIEW_HOST_RO:
        case VIEW_HOST_RW:
                decide_host(&v, access, ret);
                return;
        case VIEW_PRIVATE:
                decide_private(&v, access, ret);
                return;
        case VIEW_HIDDEN:
                decide(ret, VERDICT_DENY, v.by->target, v.by->field,
                       "It is hidden, for reading and for writing.");
                return;
        case VIEW_DEVICE:
        case VIEW_SYSTEM:
                if (access == ACCESS_EXECUTE || (access == ACCESS_WRITE && v.readonly))
                        decide(ret, VERDICT_DENY, v.by->target, v.by->field,
                               "The sandbox has its own %s, where that is not possible.",
                               v.by->target);
                else
                        decide(ret, VERDICT_ALLOW, v.by->target, v.by->field,
                               "The sandbox has its own %s.", v.by->target);
                return;
        case VIEW_ABSENT:
                break;
        }
        decide(ret, VERDICT_DENY, "/",
               access == ACCESS_WRITE ? "/filesystem/write" : "/filesystem/read",
               "Nothing puts it into the view.");
}

void plan_decide_path(const struct plan *plan, const char *path, enum access_kind access,
                      struct decision *ret) {
        /* Names first: they are judged before the kernel looks at the view. */
        for (size_t i = 0; i < plan->n_names; i++) {
                const struct plan_name *name = &plan->names[i];
                if (name->trust || (access != ACCESS_WRITE && !name->read_too))
                        continue;
                if (!path_match(name->pattern, path))
                        continue;
                decide(ret, VERDICT_DENY, name->pattern, name->field, "%s",
                       name->read_too ? "It is denied, for reading and for writing."
                                      : "It is kept as it is, since the host runs or trusts it "
                                        "later.");
                return;
        }
        const char *ipc = plan->subject->ipc_dir;
        if (ipc && path_is_under(path, ipc))
                decide(ret, access == ACCESS_WRITE ? VERDICT_DENY : VERDICT_ALLOW, ipc, "/level",
                       "Host commands lie there; nothing inside can change them.");
        else if (plan->native)
                decide_native(plan, path, access, ret);
        else
                decide_view(plan, path, access, ret);
}
