/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs a seccomp program as the kernel would: just the instructions such programs consist of. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "../../../policy/base.h"

struct bpf_run {
        uint32_t action; /* what the program returned */
        unsigned steps;
        bool looked_at_arguments; /* then the kernel cannot answer from its cache of constant
                                     verdicts */
        bool broken;              /* an instruction that is unknown, out of bounds, or no end */
};

static inline struct bpf_run bpf_run(const struct sock_filter *p, size_t n,
                                     const struct seccomp_data *data) {
        struct bpf_run run = { 0 };
        uint32_t a = 0;

        for (size_t pc = 0; pc < n; pc++) {
                const struct sock_filter *i = &p[pc];
                bool jump;

                run.steps++;
                switch (i->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        if (i->k % 4 || i->k + 4 > sizeof(*data)) {
                                run.broken = true;
                                return run;
                        }
                        if (i->k >= offsetof(struct seccomp_data, args))
                                run.looked_at_arguments = true;
                        memcpy(&a, (const char *) data + i->k, 4);
                        continue;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= i->k;
                        continue;
                case BPF_RET | BPF_K:
                        run.action = i->k;
                        return run;
                case BPF_JMP | BPF_JA:
                        pc += i->k;
                        continue;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        jump = a == i->k;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        jump = a > i->k;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        jump = a >= i->k;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        jump = (a & i->k) != 0;
                        break;
                default:
                        run.broken = true;
                        return run;
                }
                pc += jump ? i->jt : i->jf;
        }
        run.broken = true;
        return run;
}
