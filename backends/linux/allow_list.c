/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See allow_list.h. */
#include "allow_list.h"

#include <errno.h>
#include <sys/mman.h>

static int add(scmp_filter_ctx ctx, const char *name) {
        int number = seccomp_syscall_resolve_name(name);
        /* An unknown name is -1, a name of another architecture a lower pseudo number. */
        return number < 0 ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0);
}

static int add_memory(scmp_filter_ctx ctx) {
        int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r >= 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        return r;
}

int allow_list_enter(const char *const *calls, size_t n, allow_list_more more, const char *whose,
                     struct error *e) {
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        if (!ctx)
                return error_nomem(e);
        int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: 40 rules, 6 steps */
        if (r >= 0)
                r = more(ctx);
        if (r >= 0)
                r = add_memory(ctx);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = add(ctx, calls[i]);
        if (r >= 0)
                r = seccomp_load(ctx);
        seccomp_release(ctx);
        return r < 0 ? error_set(e, ERROR_INTERNAL, -r, "cannot install %s seccomp filter", whose)
                     : 0;
}
