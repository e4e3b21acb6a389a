/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For tests that put a filter on a child: installing one, and making calls that match a row. */
#pragma once

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../backends/linux/seccomp_filter.h"

#define MUST(x)                                                                               \
        do {                                                                                  \
                if (!(x)) {                                                                   \
                        fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #x, strerror(errno)); \
                        _exit(1);                                                             \
                }                                                                             \
        } while (0)

static inline int install(const struct seccomp_options *o, unsigned flags) {
        struct sock_fprog program;
        size_t n;
        int r;

        MUST(seccomp_compile(o, &program.filter, &n, NULL) == 0);
        program.len = (unsigned short) n;
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        r = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
        MUST(r >= 0);
        free(program.filter);
        return r;
}

static inline uint64_t matching_value(const struct seccomp_condition *c) {
        uint64_t v = 0;

        switch (c->compare) {
        case COMPARE_NONE:
                break;
        case COMPARE_EQ:
                return c->value;
        case COMPARE_ANY:
                return c->mask & -c->mask;
        case COMPARE_NOT_IN:
                for (size_t i = 0; i < c->set->n && c->set->values[i] == v; i++)
                        v++;
                return v;
        }
        return 0;
}

static inline void matching_args(const struct seccomp_row *row, uint64_t args[6]) {
        memset(args, 0, 6 * sizeof(*args));
        for (int k = 1; k >= 0; k--)
                if (row->conditions[k].compare)
                        args[row->conditions[k].arg] = matching_value(&row->conditions[k]);
}

static inline int call(int nr, const uint64_t a[6]) {
        return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}
