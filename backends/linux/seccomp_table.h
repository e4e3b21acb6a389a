/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every system call that a sandbox may not make, or that a supervisor judges, with the reason: one
 * table, from which the filter, `leash doctor` and the tests are made. What is not in it is
 * allowed: an allow-list would break on each new libc, which probes for new calls and takes only
 * ENOSYS for an answer, and the calls it would save are those that need a capability no command
 * has.
 */
#pragma once

#include "../../policy/base.h"

/* What a sandbox's filter depends on. Rows name these bits. */
enum seccomp_option {
        SECCOMP_ALLOW_DEBUG = 1u << 0,  /* ptrace and what debuggers need beside it */
        SECCOMP_ALLOW_USERNS = 1u << 1, /* Chromium's own sandbox; mounts stay refused */
        SECCOMP_ALLOW_UNIX_DGRAM = 1u
                                   << 2, /* Landlock ABI 9 judges them, or the policy allows it */
        SECCOMP_NATIVE = 1u << 3,        /* no network namespace */
        SECCOMP_NOTIFY_NAMES = 1u << 4,  /* calls that make, write, rename or remove a name */
        SECCOMP_NOTIFY_READS = 1u << 5,  /* every open */
        SECCOMP_NOTIFY_UNIX = 1u << 6,   /* connect */
        SECCOMP_TELL = 1u << 7, /* there is a supervisor anyhow: it refuses what has `told` */
        /* One half of the table, for a filter in two parts (seccomp_filter.h). */
        SECCOMP_ONLY_COMMON = 1u << 8,
        SECCOMP_ONLY_COMMAND = 1u << 9,
};

enum seccomp_compare {
        COMPARE_NONE = 0,
        COMPARE_EQ,     /* (argument & mask) == value */
        COMPARE_ANY,    /* (argument & mask) != 0 */
        COMPARE_NOT_IN, /* (argument & mask) is not in the set; mask is 2^n - 1 */
};

struct seccomp_set {
        const uint32_t *values; /* ascending */
        size_t n;
};

/* Masks are 32 bits wide because the kernel reads these arguments as int: a program may put
 * anything into the upper half of the register (CVE-2019-10063 was a filter that compared all 64
 * bits). */
struct seccomp_condition {
        enum seccomp_compare compare;
        unsigned arg;
        uint32_t mask, value;
        const struct seccomp_set *set;
};

#define SECCOMP_ERRNO_NOTIFY 0 /* the supervisor answers */

struct seccomp_row {
        const char *name;
        int number;      /* for a libseccomp that does not know the name; 0 = old enough */
        int err;         /* the errno it gets, or SECCOMP_ERRNO_NOTIFY */
        unsigned need;   /* the row counts only with one of these options; 0 = always */
        unsigned unless; /* … and with none of these */
        struct seccomp_condition conditions[2]; /* all must hold */
        const char *reason;
        bool command; /* not for init: it makes this call itself, or is the one who judges it */
        /* With SECCOMP_TELL the supervisor gives that errno, and reports the call. The policy field
         * that would allow it; "" = none would; NULL = not worth a word, or made too often to ask
         * anyone: what programs try and do without, and calls that are hot. */
        const char *told;
};

extern const struct seccomp_row seccomp_table[];
extern const size_t seccomp_table_n;

/* Does the row count under these options? */
bool seccomp_row_active(const struct seccomp_row *row, unsigned options);
/* Is it the supervisor who answers? */
bool seccomp_row_notifies(const struct seccomp_row *row, unsigned options);
/* Does the call with these arguments match the row's conditions? The reference that the compiled
 * filter is tested against. */
bool seccomp_row_matches(const struct seccomp_row *row, const uint64_t args[6]);
