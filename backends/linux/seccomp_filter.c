/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From the table to a BPF program, through libseccomp.
 *
 * libseccomp's rules only know "and", and with "allow" as the default there can be no rule that
 * allows. So "any of these bits" becomes one rule per bit, and "not in this set" becomes the few
 * aligned blocks that make up the gaps between the set's values, as in a routing table: {0, 6, 17}
 * leaves 1, 2-3, 4-5, 7, 8-15, 16 and all from 18 on. Each block is one masked comparison of the
 * low 32 bits.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seccomp_filter.h"
#include "sys.h"

/* Gaps of a set with n values fall into at most 32 * (n + 1) blocks; the largest set has 7. */
#define MAX_BLOCKS 256

struct block {
        enum scmp_compare op;
        uint32_t mask, value; /* SCMP_CMP_GE: mask unused */
};

DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release)

unsigned seccomp_options_bits(const struct seccomp_options *o) {
        return (o->allow_debug ? SECCOMP_ALLOW_DEBUG : 0) |
               (o->allow_userns ? SECCOMP_ALLOW_USERNS : 0) |
               (o->allow_unix_dgram ? SECCOMP_ALLOW_UNIX_DGRAM : 0) |
               (o->native ? SECCOMP_NATIVE : 0) | (o->notify_names ? SECCOMP_NOTIFY_NAMES : 0) |
               (o->notify_reads ? SECCOMP_NOTIFY_READS : 0) |
               (o->notify_unix ? SECCOMP_NOTIFY_UNIX : 0) |
               (o->part == SECCOMP_COMMON ? SECCOMP_ONLY_COMMON : 0) |
               (o->part == SECCOMP_COMMAND ? SECCOMP_ONLY_COMMAND : 0);
}

int seccomp_row_number(const struct seccomp_row *row) {
        int nr = seccomp_syscall_resolve_name(row->name);

        /* An unknown name is -1, a name of another architecture a lower pseudo number. */
        return nr == __NR_SCMP_ERROR && row->number > 0 ? row->number : nr;
}

static struct block masked(uint32_t mask, uint32_t value) {
        return (struct block){ SCMP_CMP_MASKED_EQ, mask, value };
}

/* The range from lo to hi (inclusive, within mask) as aligned blocks. */
static size_t add_range(struct block *blocks, size_t n, uint64_t lo, uint64_t hi, uint32_t mask) {
        while (lo <= hi) {
                uint64_t size = lo == 0 ? (uint64_t) mask + 1 : lo & -lo;

                while (lo + size - 1 > hi)
                        size >>= 1;
                blocks[n++] = masked(mask & ~(uint32_t) (size - 1), (uint32_t) lo);
                lo += size;
        }
        return n;
}

/* The masked comparisons of which one holds when the condition holds. */
static size_t expand(const struct seccomp_condition *c, struct block blocks[MAX_BLOCKS]) {
        size_t n = 0;
        uint64_t lo = 0;

        switch (c->compare) {
        case COMPARE_NONE:
                break;
        case COMPARE_EQ:
                blocks[n++] = masked(c->mask, c->value);
                break;
        case COMPARE_ANY:
                for (uint32_t bit = 1; bit; bit <<= 1)
                        if (c->mask & bit)
                                blocks[n++] = masked(bit, bit);
                break;
        case COMPARE_NOT_IN:
                for (size_t i = 0; i < c->set->n; i++) {
                        if (c->set->values[i] > lo)
                                n = add_range(blocks, n, lo, c->set->values[i] - 1, c->mask);
                        lo = (uint64_t) c->set->values[i] + 1;
                }
                /* One comparison instead of some thirty: the program is installed for each command,
                 * and that takes time by its length. */
                if (c->mask == UINT32_MAX && lo <= c->mask)
                        blocks[n++] = (struct block){ SCMP_CMP_GE, 0, (uint32_t) lo };
                else if (lo <= c->mask)
                        n = add_range(blocks, n, lo, c->mask, c->mask);
                break;
        }
        return n;
}

static struct scmp_arg_cmp comparison(const struct seccomp_condition *c, const struct block *b) {
        if (b->op == SCMP_CMP_GE)
                return (struct scmp_arg_cmp){ c->arg, b->op, b->value, 0 };
        return (struct scmp_arg_cmp){ c->arg, b->op, b->mask, b->value };
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, int nr, unsigned n,
                    const struct scmp_arg_cmp *args) {
        int r = seccomp_rule_add_exact_array(ctx, action, nr, n, args);

        /* Two rows that say the same are no mistake. */
        return r == -EEXIST ? 0 : r;
}

static int add_row(scmp_filter_ctx ctx, const struct seccomp_row *row) {
        uint32_t action =
                row->err == SECCOMP_ERRNO_NOTIFY ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(row->err);
        const struct seccomp_condition *c = row->conditions;
        struct block first[MAX_BLOCKS], second[MAX_BLOCKS];
        size_t n_first, n_second;
        int nr = seccomp_row_number(row);

        if (nr < 0)
                return 0;
        n_first = expand(&c[0], first);
        n_second = expand(&c[1], second);
        if (n_first == 0)
                return add_rule(ctx, action, nr, 0, NULL);
        for (size_t i = 0; i < n_first; i++) {
                struct scmp_arg_cmp args[2] = { comparison(&c[0], &first[i]) };
                int r = 0;

                if (n_second == 0)
                        r = add_rule(ctx, action, nr, 1, args);
                for (size_t j = 0; j < n_second && r == 0; j++) {
                        args[1] = comparison(&c[1], &second[j]);
                        r = add_rule(ctx, action, nr, 2, args);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int build(scmp_filter_ctx ctx, unsigned options) {
        int r;

        /* A call by another door (int 0x80, x32) has other numbers: without this check, one such
         * call walks round every rule. Death, because no honest program gets here by chance. */
        r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r < 0)
                return r;
        /* A tree over the numbers: some seven comparisons for any call instead of one per rule. */
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r < 0)
                return r;
        for (size_t i = 0; i < seccomp_table_n; i++) {
                if (!seccomp_row_active(&seccomp_table[i], options))
                        continue;
                r = add_row(ctx, &seccomp_table[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int export(scmp_filter_ctx ctx, struct sock_filter **ret, size_t *ret_n) {
        _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
        _cleanup_(freep) struct sock_filter *program = NULL;
        struct stat st;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = seccomp_export_bpf(ctx, fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        size = (size_t) st.st_size;
        if (size == 0 || size % sizeof(*program) || size / sizeof(*program) > BPF_MAXINSNS)
                return -E2BIG;
        program = malloc(size);
        if (!program)
                return -ENOMEM;
        if (pread(fd, program, size, 0) != (ssize_t) size)
                return -EIO;
        *ret = TAKE(program);
        *ret_n = size / sizeof(**ret);
        return 0;
}

int seccomp_compile(const struct seccomp_options *o, struct sock_filter **ret, size_t *ret_n,
                    struct error *e) {
        _cleanup_(seccomp_releasep) scmp_filter_ctx ctx = NULL;
        uint32_t arch = seccomp_arch_native();
        int r;

        /* clone()'s flags are its first argument on these two, its second on others. */
        if (arch != SCMP_ARCH_X86_64 && arch != SCMP_ARCH_AARCH64)
                return error_set(e, ERROR_UNSUPPORTED, EOPNOTSUPP,
                                 "leash has no system call filter for this processor");
        ctx = seccomp_init(SCMP_ACT_ALLOW);
        if (!ctx)
                return error_nomem(e);
        r = build(ctx, seccomp_options_bits(o));
        if (r == 0)
                r = export(ctx, ret, ret_n);
        if (r < 0)
                return error_set(e, ERROR_INTERNAL, -r, "cannot build the system call filter");
        return 0;
}
