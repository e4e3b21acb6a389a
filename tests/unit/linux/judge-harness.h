/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The judge against a real kernel: a forked child with a filter of its own makes the calls, this
 * process answers them. The "view" is a fresh directory; paths in patterns that begin with "@" are
 * below it.
 */
#pragma once

#include "../../../backends/linux/init/judge-internal.h"

struct harness {
        struct init in;
        int session; /* the other end of in.control */
        void *plan;
        struct judge *judge;
        char dir[64];
        bool reads, refuses, tells;
        /* what came over the control socket */
        unsigned denied, trusted;
        char last[WIRE_TEXT];
        int last_access;
        unsigned words;    /* how often refused system calls were told of … */
        uint64_t refused;  /* … how many they were … */
        uint64_t untold;   /* … and how many there were no words for */
        uint32_t rows[64]; /* of the first of those words: which row of the table */
        pid_t pids[64];
        char comm[16]; /* of the last */
};

struct rule_of_test {
        const char *pattern;
        bool read_too, trust;
};

/* Ends with a NULL pattern. */
#define HARNESS_READS (1u << 31) /* beside the plan's flags: reads are judged, too */
void harness_begin(struct harness *h, const struct rule_of_test *rules, unsigned plan_flags);
/* Nothing is denied but what the filter refuses: the real one, in its two parts, with `tell`. */
void harness_begin_refused(struct harness *h, bool tell);
/* `sockets`: one path that may be connected to, or NULL */
void harness_begin_sockets(struct harness *h, const struct rule_of_test *rules, unsigned plan_flags,
                           const char *socket);
/* Runs `body` in a filtered child, in the directory; 0 when it returned 0. */
int harness_run(struct harness *h, int (*body)(void));
void harness_end(struct harness *h);

/* In a body: on failure says where, and ends it. */
int body_fail(const char *file, int line, const char *what);
#define EXPECT(x)                                                 \
        do {                                                      \
                if (!(x))                                         \
                        return body_fail(__FILE__, __LINE__, #x); \
        } while (0)
#define REFUSED(x) EXPECT((x) == -1 && errno == EACCES)
#define FAILS(x, e) EXPECT((x) == -1 && errno == (e))
