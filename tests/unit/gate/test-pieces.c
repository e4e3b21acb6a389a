/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of the gate that need no network: synthetic addresses, frames, and what a program may
 * say inside a connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../daemon/gate/gate.h"
#include "../suite.h"

static struct host host(const char *text) {
        struct host h;
        ck_assert_int_eq(host_parse(text, strlen(text), &h, NULL), 0);
        return h;
}

START_TEST(a_name_has_one_number) {
        struct names *n = names_new();
        struct host good = host("good.test"), back, a4, a6;
        uint32_t number, again;
        ck_assert_int_eq(names_number(n, &good, &number), 0);
        ck_assert_int_eq(names_number(n, &good, &again), 0);
        ck_assert_uint_eq(number, again);
        names_address(number, false, &a4);
        names_address(number, true, &a6);
        ck_assert_int_eq(a4.kind, HOST_IPV4);
        ck_assert_int_eq(strncmp(a4.name, "198.18.", 7), 0);
        ck_assert_int_eq(strncmp(a6.name, "fd6c:6561:7368::", 16), 0);
        ck_assert_int_eq(names_find(n, &a4, &back), 1);
        ck_assert_str_eq(back.name, "good.test");
        ck_assert_int_eq(names_find(n, &a6, &back), 1);
        ck_assert_str_eq(back.name, "good.test");
        names_free(n);
}
END_TEST

START_TEST(addresses_that_are_no_names) {
        static const struct {
                const char *address;
                int r;
        } rows[] = {
                { "93.184.216.34", 0 },
                { "198.17.255.255", 0 },
                { "198.20.0.0", 0 },
                { "198.18.0.0", -ENOENT },
                { "198.18.0.1", -ENOENT },
                { "198.19.255.255", -ENOENT },
                { "fd6c:6561:7368::1", -ENOENT },
                { "fd6c:6561:7368::", -ENOENT },
                { "fd6c:6561:7368:0:1::1", -ENOENT },
                { "fd6c:6561:7369::1", 0 },
        };
        struct names *n = names_new();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct host a = host(rows[i].address), back;
                ck_assert_msg(names_find(n, &a, &back) == rows[i].r, "%s", rows[i].address);
        }
        names_free(n);
}
END_TEST

/* Twice through the whole pool: the newest names keep theirs, the oldest are forgotten, and nobody
 * gets another one's. */
START_TEST(numbers_are_used_again) {
        struct names *n = names_new();
        char text[32];
        for (unsigned i = 0; i < GATE_MAX_NAMES * 2 + 100; i++) {
                struct host h, a, back;
                uint32_t number;
                snprintf(text, sizeof(text), "n%u.test", i);
                h = host(text);
                ck_assert_int_eq(names_number(n, &h, &number), 0);
                names_address(number, i % 2, &a);
                ck_assert_int_eq(names_find(n, &a, &back), 1);
                ck_assert_str_eq(back.name, text);
        }
        struct host a, back;
        for (unsigned i = 0; i < GATE_MAX_NAMES; i++) {
                names_address(i + 1, false, &a);
                ck_assert_int_eq(names_find(n, &a, &back), 1);
                unsigned want = i < 100 ? GATE_MAX_NAMES * 2 + i : GATE_MAX_NAMES + i;
                snprintf(text, sizeof(text), "n%u.test", want);
                ck_assert_str_eq(back.name, text);
        }
        names_free(n);
}
END_TEST

START_TEST(what_is_said_inside) {
        struct arena *arena = arena_new();
        struct policy_network p = { .mode = NETWORK_ALLOW };
        struct sandbox sb = { .number = 1 };
        struct decision d = { 0 };
        struct host good = host("good.test"), evil = host("evil.test"), other = host("other.test"),
                    address = host("93.184.216.34");
        arena_push(arena, &p.deny, "evil.test");
        ck_assert_int_eq(network_rules_compile(arena, &p, &sb.rules, NULL), 0);
        ck_assert(rules_said(&sb, &good, &good, 443, "SNI", &d));
        ck_assert(!rules_said(&sb, &good, &other, 443, "SNI", &d));
        ck_assert_str_eq(d.rule, "network.name-mismatch");
        ck_assert(!rules_said(&sb, &good, &address, 443, "SNI", &d));
        ck_assert(rules_said(&sb, &address, &other, 443, "SNI", &d));
        ck_assert(!rules_said(&sb, &address, &evil, 443, "SNI", &d));
        ck_assert_str_eq(d.rule, "evil.test");
        arena_free(arena);
}
END_TEST

START_TEST(buffers) {
        struct buffer b = { 0 };
        char piece[1000];
        memset(piece, 'x', sizeof(piece));
        for (unsigned i = 0; i < 100; i++) {
                ck_assert_int_eq(buffer_add(&b, piece, sizeof(piece)), 0);
                b.at += 990; /* what was sent makes room */
        }
        ck_assert_uint_eq(b.end - b.at, 1000);
        ck_assert_uint_eq(b.checked, b.end);
        ck_assert_uint_le(b.size, GATE_BUFFER * 2);
        buffer_done(&b);
}
END_TEST

int main(void) {
        return RUN_TESTS("gate", a_name_has_one_number, addresses_that_are_no_names,
                         numbers_are_used_again, what_is_said_inside, buffers);
}
