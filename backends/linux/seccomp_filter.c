/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From the table to a BPF program. libseccomp knows the numbers; the program is made here, since it
 * is installed for each command, and what that takes goes by its length: "any of these bits" is one
 * instruction (a rule for each bit with libseccomp), "not in this set" is one for each value (some
 * thirty).
 *
 *         is it our architecture?             no: killed
 *         which number?                       halves the ranges of numbers that are alike
 *             allowed                         most of them
 *             refused, or to be judged        always
 *             depends on arguments            one row after the other; the first that matches
 *
 * Jumps only go forward, so it is written from its end: whatever jumps knows where to, and nearly
 * all share a few verdicts.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp_filter.h"
#include "sys.h"

#ifdef __x86_64__
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0 /* clone()'s flags are its first argument on these two, not so on others */
#endif

/* Above all numbers that the table has (seccomp_table.h); tested. */
#define NUMBERS 1024
#define ROWS_MAX 256

unsigned seccomp_options_bits(const struct seccomp_options *o) {
        return (o->allow_debug ? SECCOMP_ALLOW_DEBUG : 0) |
               (o->allow_userns ? SECCOMP_ALLOW_USERNS : 0) |
               (o->allow_unix_dgram ? SECCOMP_ALLOW_UNIX_DGRAM : 0) |
               (o->native ? SECCOMP_NATIVE : 0) | (o->notify_names ? SECCOMP_NOTIFY_NAMES : 0) |
               (o->notify_reads ? SECCOMP_NOTIFY_READS : 0) |
               (o->notify_unix ? SECCOMP_NOTIFY_UNIX : 0) | (o->tell ? SECCOMP_TELL : 0) |
               (o->part == SECCOMP_COMMON ? SECCOMP_ONLY_COMMON : 0) |
               (o->part == SECCOMP_COMMAND ? SECCOMP_ONLY_COMMAND : 0);
}

int seccomp_row_number(const struct seccomp_row *row) {
        int nr = seccomp_syscall_resolve_name(row->name);

        /* An unknown name is -1, a name of another architecture a lower pseudo number. */
        return nr == __NR_SCMP_ERROR && row->number > 0 ? row->number : nr;
}

/* Instructions are counted from the end of the program. */
struct compiler {
        unsigned options;
        struct sock_filter code[BPF_MAXINSNS]; /* the last one comes first */
        size_t n;
        bool failed;
        int number[ROWS_MAX];  /* of each row; -1 = the row does not count */
        int refused[ROWS_MAX]; /* in a command's part: … = init's part refuses it, always */
        /* Where a range of numbers begins that have the same verdict, up to the next; the last one
         * has no end. */
        struct range {
                int first;
                bool conditional; /* then the range is one number */
                uint32_t verdict;
        } ranges[NUMBERS];
        size_t n_ranges;
};

static size_t add(struct compiler *c, uint16_t code, size_t jt, size_t jf, uint32_t k) {
        if (c->n == BPF_MAXINSNS || jt > UINT8_MAX || jf > UINT8_MAX) {
                c->failed = true;
                return 0;
        }
        c->code[c->n] = (struct sock_filter){ code, (uint8_t) jt, (uint8_t) jf, k };
        return c->n++;
}

static size_t load(struct compiler *c, size_t offset) {
        return add(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t) offset);
}

/* A conditional jump reaches 255 instructions; some are left for what comes in between. */
static bool is_near(const struct compiler *c, size_t target) {
        return c->n - target < UINT8_MAX - 4;
}

static size_t near(struct compiler *c, size_t target) {
        if (is_near(c, target))
                return target;
        return add(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t) (c->n - target - 1));
}

static size_t verdict(struct compiler *c, uint32_t action) {
        for (size_t i = c->n; i-- > 0 && is_near(c, i);)
                if (c->code[i].code == (BPF_RET | BPF_K) && c->code[i].k == action)
                        return i;
        return add(c, BPF_RET | BPF_K, 0, 0, action);
}

static size_t jump(struct compiler *c, uint16_t test, uint32_t k, size_t yes, size_t no) {
        yes = near(c, yes);
        no = near(c, no);
        return add(c, BPF_JMP | test | BPF_K, c->n - yes - 1, c->n - no - 1, k);
}

/* rows */

static uint32_t row_verdict(const struct seccomp_row *row, unsigned options) {
        if (!seccomp_row_notifies(row, options))
                return SECCOMP_RET_ERRNO | (uint32_t) row->err;
        /* In init's part it has to give way to the command's notification, which ERRNO does not,
         * and may not be a notification itself: leash-init, taken over, could listen. A trace
         * without a tracer is ENOSYS (seccomp(2)), and ptrace(2) is one of these calls. */
        return options & SECCOMP_ONLY_COMMON ? SECCOMP_RET_TRACE : SECCOMP_RET_USER_NOTIF;
}

static bool is_conditional(const struct seccomp_row *row) {
        return row->conditions[0].compare != COMPARE_NONE;
}

static size_t condition(struct compiler *c, const struct seccomp_condition *k, size_t yes,
                        size_t no) {
        size_t at = yes;

        switch (k->compare) {
        case COMPARE_NONE:
                return yes;
        case COMPARE_ANY:
                at = jump(c, BPF_JSET, k->mask, yes, no);
                break;
        case COMPARE_EQ:
                at = jump(c, BPF_JEQ, k->value, yes, no);
                break;
        case COMPARE_NOT_IN:
                for (size_t i = k->set->n; i-- > 0;)
                        at = jump(c, BPF_JEQ, k->set->values[i], no, at);
                break;
        }
        if (k->compare != COMPARE_ANY && k->mask != UINT32_MAX)
                add(c, BPF_ALU | BPF_AND | BPF_K, 0, 0, k->mask);
        /* The low half of the register: these machines are little-endian. */
        return load(c, offsetof(struct seccomp_data, args) + k->arg * sizeof(uint64_t));
}

/* The rows of one number, the first of which is asked first. */
static size_t rows_add(struct compiler *c, int nr) {
        size_t at = verdict(c, SECCOMP_RET_ALLOW);

        for (size_t i = seccomp_table_n; i-- > 0;) {
                const struct seccomp_row *row = &seccomp_table[i];
                size_t yes, second;

                if (c->number[i] != nr)
                        continue;
                yes = verdict(c, row_verdict(row, c->options));
                second = condition(c, &row->conditions[1], yes, at);
                at = condition(c, &row->conditions[0], second, at);
        }
        return at;
}

/* numbers */

/* In a command's part: init's part, which has the last word where it refuses, refuses all of it. */
static bool is_refused_anyhow(const struct compiler *c, int nr) {
        for (size_t i = 0; i < seccomp_table_n; i++)
                if (c->refused[i] == nr)
                        return true;
        return false;
}

static void numbers_find(struct compiler *c) {
        unsigned common = (c->options & ~(unsigned) SECCOMP_ONLY_COMMAND) | SECCOMP_ONLY_COMMON;

        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];
                bool active = seccomp_row_active(row, c->options);
                bool refused = (c->options & SECCOMP_ONLY_COMMAND) && !is_conditional(row) &&
                               !seccomp_row_notifies(row, common) &&
                               seccomp_row_active(row, common);
                int nr = active || refused ? seccomp_row_number(row) : -1; /* which takes a while */

                c->number[i] = active ? nr : -1;
                c->refused[i] = refused ? nr : -1;
                c->failed |= nr >= NUMBERS - 1;
        }
}

static void range_add(struct compiler *c, int nr) {
        struct range r = { .first = nr, .verdict = SECCOMP_RET_ALLOW };
        const struct range *last = c->n_ranges > 0 ? &c->ranges[c->n_ranges - 1] : NULL;
        bool known = false;

        for (size_t i = 0; i < seccomp_table_n && !known; i++) {
                known = c->number[i] == nr;
                r.conditional = known && is_conditional(&seccomp_table[i]);
                if (known)
                        r.verdict = row_verdict(&seccomp_table[i], c->options);
        }
        if (last && !last->conditional && !r.conditional &&
            (last->verdict == r.verdict || (!known && is_refused_anyhow(c, nr))))
                return;
        c->ranges[c->n_ranges++] = r;
}

/* The ranges from `from` up to `to`. */
static size_t tree_add(struct compiler *c, size_t from, size_t to) {
        size_t middle = from + (to - from) / 2, left, right;

        if (to - from == 1)
                return c->ranges[from].conditional ? rows_add(c, c->ranges[from].first)
                                                   : verdict(c, c->ranges[from].verdict);
        right = tree_add(c, middle, to);
        left = tree_add(c, from, middle);
        return jump(c, BPF_JGE, (uint32_t) c->ranges[middle].first, right, left);
}

static bool program_make(struct compiler *c) {
        size_t at, killed;

        if (seccomp_table_n > ROWS_MAX)
                return false;
        numbers_find(c);
        for (int nr = 0; nr < NUMBERS; nr++)
                range_add(c, nr);
        at = tree_add(c, 0, c->n_ranges);
        killed = verdict(c, SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__ /* the numbers of x32; -1 is what a tracer makes of a call that it skips */
        size_t skipped = jump(c, BPF_JEQ, UINT32_MAX, verdict(c, SECCOMP_RET_ALLOW), killed);
        at = jump(c, BPF_JGE, 0x40000000, skipped, at);
#endif
        /* A call by another door (int 0x80, x32) has other numbers: without this check, one such
         * call walks round every rule. Death, because no honest program gets here by chance. */
        at = near(c, at); /* the next instruction has to be the one that is gone on with */
        if (at != c->n - 1)
                at = add(c, BPF_JMP | BPF_JA, 0, 0, (uint32_t) (c->n - at - 1));
        at = load(c, offsetof(struct seccomp_data, nr));
        jump(c, BPF_JEQ, NATIVE_ARCH, at, killed);
        load(c, offsetof(struct seccomp_data, arch));
        return !c->failed;
}

static int compile(struct compiler *c, struct sock_filter **ret, size_t *ret_n, struct error *e) {
        struct sock_filter *program;

        if (!program_make(c))
                return error_set(e, ERROR_INTERNAL, E2BIG, "cannot build the system call filter");
        program = reallocarray(NULL, c->n, sizeof(*program));
        if (!program)
                return error_nomem(e);
        for (size_t i = 0; i < c->n; i++)
                program[i] = c->code[c->n - 1 - i];
        *ret = program;
        *ret_n = c->n;
        return 0;
}

int seccomp_compile(const struct seccomp_options *o, struct sock_filter **ret, size_t *ret_n,
                    struct error *e) {
        struct compiler *c;
        int r;

        if (NATIVE_ARCH == 0)
                return error_set(e, ERROR_UNSUPPORTED, EOPNOTSUPP,
                                 "leash has no system call filter for this processor");
        c = calloc(1, sizeof(*c));
        if (!c)
                return error_nomem(e);
        c->options = seccomp_options_bits(o);
        r = compile(c, ret, ret_n, e);
        free(c);
        return r;
}
