/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The datagram is a struct nlmsghdr and the text behind it:
 *
 *   audit(1729738800.268:30): domain=195ba459b blockers=…
 *
 * The serial number has one to ten digits, so ")" is looked for where it can be; behind it the
 * domain's digits are compared, the blank at their end included. A load beyond the datagram's end
 * refuses it, but the shortest text behind "domain=" (a digit, " blockers=ptrace …") is longer than
 * what is compared.
 */
#include "audit_filter.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TEXT (uint32_t) sizeof(struct nlmsghdr)
#define SERIAL (TEXT + 21) /* behind "audit(1729738800.268:" */
#define SERIAL_DIGITS 10   /* of 32 bits */
#define TO_DOMAIN 10       /* from ")" to behind "): domain=" */
#define ALL UINT32_MAX

struct program {
        struct sock_filter *at;
        size_t n;
};

static void put(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k) {
        p->at[p->n++] = (struct sock_filter){ code, yes, no, k };
}

/* The types are numbers in the machine's order; the program loads what the network's would be. */
static uint32_t type_as_loaded(uint16_t type) {
        unsigned char bytes[2];

        memcpy(bytes, &type, sizeof bytes);
        return (uint32_t) bytes[0] << 8 | bytes[1];
}

/* The program's end when these characters are there, its next part when not. */
static void put_muted(struct program *p, uint64_t id) {
        size_t jumps[8], n_jumps = 0, at = 0, len;
        char text[24];

        len = (size_t) snprintf(text, sizeof text, "%" PRIx64 " ", id);
        while (at < len) {
                size_t left = len - at, size = left >= 4 ? 4 : left >= 2 ? 2 : 1;
                uint32_t value = 0;
                for (size_t i = 0; i < size; i++)
                        value = value << 8 | (unsigned char) text[at + i];
                put(p,
                    (uint16_t) (BPF_LD | BPF_IND |
                                (size == 4   ? BPF_W
                                 : size == 2 ? BPF_H
                                             : BPF_B)),
                    0, 0, TO_DOMAIN + (uint32_t) at);
                jumps[n_jumps++] = p->n;
                put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, value);
                at += size;
        }
        put(p, BPF_RET | BPF_K, 0, 0, 0);
        while (n_jumps > 0) {
                size_t j = jumps[--n_jumps];
                p->at[j].jf = (uint8_t) (p->n - j - 1);
        }
}

size_t audit_filter_build(const uint64_t *muted, size_t n_muted,
                          struct sock_filter ret[AUDIT_FILTER_MAX]) {
        struct program p = { ret, 0 };

        put(&p, BPF_LD | BPF_H | BPF_ABS, 0, 0, offsetof(struct nlmsghdr, nlmsg_type));
        put(&p, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, type_as_loaded(AUDIT_TYPE_DOMAIN));
        put(&p, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, type_as_loaded(AUDIT_TYPE_ACCESS));
        put(&p, BPF_RET | BPF_K, 0, 0, 0);
        put(&p, BPF_RET | BPF_K, 0, 0, ALL);
        if (n_muted == 0) {
                put(&p, BPF_RET | BPF_K, 0, 0, ALL);
                return p.n;
        }
        /* Four instructions a place, then straight to the comparisons. */
        for (uint32_t k = 1; k <= SERIAL_DIGITS; k++) {
                put(&p, BPF_LD | BPF_B | BPF_ABS, 0, 0, SERIAL + k);
                put(&p, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, ')');
                put(&p, BPF_LDX | BPF_IMM, 0, 0, SERIAL + k);
                put(&p, BPF_JMP | BPF_JA, 0, 0, 4 * (SERIAL_DIGITS - k) + 1);
        }
        put(&p, BPF_RET | BPF_K, 0, 0, ALL);
        for (size_t i = 0; i < n_muted && i < AUDIT_MUTED_MAX; i++)
                put_muted(&p, muted[i]);
        put(&p, BPF_RET | BPF_K, 0, 0, ALL);
        return p.n;
}

int audit_filter_attach(int fd, const uint64_t *muted, size_t n_muted) {
        struct sock_filter code[AUDIT_FILTER_MAX];
        struct sock_fprog program = {
                .len = (unsigned short) audit_filter_build(muted, n_muted, code), .filter = code
        };

        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno
                                                                                          : 0;
}
