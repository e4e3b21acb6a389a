/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "../../../policy/host.h"
#include "common.h"

static struct host host(const char *text) {
        struct host h;
        struct error e;
        ck_assert_msg(host_parse(text, strlen(text), &h, &e) == 0, "%s: %s", text, e.message);
        return h;
}

START_TEST(rules_that_parse) {
        static const struct {
                const char *text;
                int kind;
                const char *host;
                unsigned prefix;
                size_t ports;
        } rows[] = {
                { "example.com", RULE_EXACT, "example.com", 0, 0 },
                { "Example.COM.", RULE_EXACT, "example.com", 0, 0 },
                { "*.example.com", RULE_WILDCARD, "example.com", 0, 0 },
                { "*.com", RULE_WILDCARD, "com", 0, 0 },
                { "example.com:443", RULE_EXACT, "example.com", 0, 1 },
                { "*.example.com:80,443,8080", RULE_WILDCARD, "example.com", 0, 3 },
                { "1.2.3.4", RULE_EXACT, "1.2.3.4", 0, 0 },
                { "10.0.0.0/8:5432", RULE_CIDR, "10.0.0.0", 8, 1 },
                { "0.0.0.0/0", RULE_CIDR, "0.0.0.0", 0, 0 },
                { "1.2.3.4/32", RULE_CIDR, "1.2.3.4", 32, 0 },
                { "[2001:db8::]/32", RULE_CIDR, "2001:db8::", 32, 0 },
                { "[::1]:80", RULE_EXACT, "::1", 0, 1 },
                { "[2001:db8::]/32:443,1", RULE_CIDR, "2001:db8::", 32, 2 },
                { "[::]/0", RULE_CIDR, "::", 0, 0 },
                { "[::ffff:10.0.0.0]/104", RULE_CIDR, "10.0.0.0", 8, 0 },
                { "[::ffff:1.2.3.4]", RULE_EXACT, "1.2.3.4", 0, 0 },
                { "a:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,65535", RULE_EXACT, "a", 0, 16 },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct host_rule r;
                struct error e = ERROR_NULL;
                ck_assert_msg(host_rule_parse(rows[i].text, &r, &e) == 0, "%s: %s", rows[i].text,
                              e.message);
                ck_assert_int_eq(r.kind, rows[i].kind);
                ck_assert_str_eq(r.host.name, rows[i].host);
                ck_assert_uint_eq(r.prefix, rows[i].prefix);
                ck_assert_uint_eq(r.n_ports, rows[i].ports);
                ck_assert_str_eq(r.text, rows[i].text);
        }
}
END_TEST

START_TEST(rules_that_do_not) {
        static const struct {
                const char *text, *part;
        } rows[] = {
                { "", "empty" },
                { "*", "network.mode" },
                { "*.", "empty" },
                { "*.*.com", "character" },
                { "a.*.com", "character" },
                { "**.com", "character" },
                { "https://example.com", "URL" },
                { "example.com/path", "prefix after a name" },
                { "example.com/8", "prefix after a name" },
                { "example.com:", "ports" },
                { "example.com:0", "ports" },
                { "example.com:65536", "ports" },
                { "example.com:080", "ports" },
                { "example.com:80,", "ports" },
                { "example.com:80-90", "ports" },
                { "example.com:http", "ports" },
                { "example.com:80:90", "brackets" },
                { "a:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "more than 16" },
                { "::1", "brackets" },
                { "2001:db8::/32", "brackets" },
                { "[::1", "closing bracket" },
                { "[example.com]", "only IPv6" },
                { "[1.2.3.4]", "only IPv6" },
                { "[::1]x", "can follow" },
                { "[::]/129", "number from 0 to 128" },
                { "10.0.0.0/33", "number from 0 to 32" },
                { "10.0.0.0/", "number" },
                { "10.0.0.0/-1", "number" },
                { "10.0.0.0/08", "number" },
                { "10.0.0.0/255.0.0.0", "number" },
                { "10.0.0.1/8", "beyond its prefix" },
                { "[2001:db8::1]/32", "beyond its prefix" },
                { "[::ffff:10.0.0.0]/8", "number from 96 to 128" },
                { "*.1.2.3.4", "not an address" },
                { "127.1", "not an address" },
                { "0x7f000001:80", "not an address" },
                { "example.com\n", "0x0a" },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct host_rule r;
                struct error e = ERROR_NULL;
                ck_assert_msg(host_rule_parse(rows[i].text, &r, &e) < 0, "%s", rows[i].text);
                assert_error(&e, ERROR_PARAMS, "", rows[i].part);
        }
        struct host_rule r;
        struct error e;
        char text[2000];
        memset(text, 'a', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_lt(host_rule_parse(text, &r, &e), 0);
}
END_TEST

START_TEST(rules_match) {
        static const struct {
                const char *rule, *host;
                uint16_t port;
                bool match;
        } rows[] = {
                { "example.com", "example.com", 1, true },
                { "example.com", "EXAMPLE.com.", 1, true },
                { "example.com", "a.example.com", 1, false },
                { "example.com", "notexample.com", 1, false },
                { "example.com", "example.com.evil.org", 1, false },
                { "*.example.com", "example.com", 1, false }, /* every sub-domain, not the domain */
                { "*.example.com", "a.example.com", 1, true },
                { "*.example.com", "a.b.example.com", 1, true },
                { "*.example.com", "aexample.com", 1, false },
                { "*.example.com", "a.example.com.evil.org", 1, false },
                { "example.com:443", "example.com", 443, true },
                { "example.com:443", "example.com", 80, false },
                { "example.com:80,443", "example.com", 443, true },
                { "example.com:443", "example.com", 0, true }, /* 0: some port */
                { "1.2.3.4", "1.2.3.4", 1, true },
                { "1.2.3.4", "::ffff:1.2.3.4", 1, true },
                { "1.2.3.4", "1.2.3.5", 1, false },
                { "10.0.0.0/8", "10.255.0.1", 1, true },
                { "10.0.0.0/8", "11.0.0.0", 1, false },
                { "10.0.0.0/9", "10.128.0.0", 1, false },
                { "0.0.0.0/0", "200.1.2.3", 1, true },
                { "0.0.0.0/0", "2001:db8::1", 1, false },
                { "[2001:db8::]/33", "2001:db8:7fff::1", 1, true },
                { "[2001:db8::]/33", "2001:db8:8000::1", 1, false },
                { "[::]/0", "1.2.3.4", 1, false },
                { "[::ffff:10.0.0.0]/104", "10.1.2.3", 1, true },
                { "0.0.0.0/0", "example.com", 1, false },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct host_rule r;
                struct host h = host(rows[i].host);
                ck_assert_int_eq(host_rule_parse(rows[i].rule, &r, NULL), 0);
                ck_assert_msg(host_rule_matches(&r, &h, rows[i].port) == rows[i].match,
                              "%s on %s:%u", rows[i].rule, rows[i].host, rows[i].port);
        }
}
END_TEST

static struct network_rules rules(enum network_mode mode, struct strings allow,
                                  struct strings deny) {
        struct policy_network n = { .mode = mode, .allow = allow, .deny = deny };
        struct network_rules r;
        struct error e;
        n.local_ports = LIST("5432");
        ck_assert_msg(network_rules_compile(arena, &n, &r, &e) == 0, "%s %s", e.where, e.message);
        return r;
}

static enum verdict by_name(const struct network_rules *n, const char *text, uint16_t port) {
        struct host h = host(text);
        struct decision d;
        network_decide(n, &h, port, &d);
        ck_assert(d.rule && d.field && d.field[0] == '/' && d.why[0]);
        return d.verdict;
}

static enum verdict by_address(const struct network_rules *n, const char *name, const char *addr,
                               uint16_t port) {
        struct host h, a = host(addr);
        struct decision d;
        if (name)
                h = host(name);
        network_decide_address(n, name ? &h : NULL, &a, port, &d);
        ck_assert(d.rule && d.field && d.field[0] == '/' && d.why[0]);
        return d.verdict;
}

START_TEST(mode_deny) {
        struct network_rules n = rules(NETWORK_DENY, (struct strings){ 0 }, (struct strings){ 0 });
        ck_assert_int_eq(by_name(&n, "example.com", 443), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "8.8.8.8", 53), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "127.0.0.1", 80), VERDICT_DENY);
        /* local_ports work in every mode */
        ck_assert_int_eq(by_address(&n, NULL, "127.0.0.1", 5432), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, NULL, "::1", 5432), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "localhost", 5432), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "db.localhost", 5432), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "notlocalhost", 5432), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "0.0.0.0", 5432), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "64:ff9b::127.0.0.1", 5432), VERDICT_DENY);
        struct network_rules unset =
                rules(NETWORK_UNSET, (struct strings){ 0 }, (struct strings){ 0 });
        ck_assert_int_eq(unset.mode, NETWORK_DENY);
}
END_TEST

START_TEST(mode_allow) {
        struct network_rules n = rules(NETWORK_ALLOW, (struct strings){ 0 },
                                       LIST("*.evil.org", "9.9.9.9", "10.0.0.0/8"));
        ck_assert_int_eq(by_name(&n, "example.com", 443), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "a.evil.org", 443), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "8.8.8.8", 53), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, "example.com", "9.9.9.9", 53), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, "a.evil.org", "8.8.8.8", 53), VERDICT_DENY);
        /* only public addresses */
        static const char *const inside[] = { "10.0.0.1",
                                              "192.168.1.1",
                                              "100.64.0.1",
                                              "169.254.169.254",
                                              "169.254.1.1",
                                              "127.0.0.1",
                                              "0.0.0.0",
                                              "fd00::1",
                                              "fe80::1",
                                              "::1",
                                              "::",
                                              "224.0.0.1",
                                              "64:ff9b::10.0.0.1",
                                              "2002:7f00:1::",
                                              "100.100.100.200",
                                              "168.63.129.16" };
        for (size_t i = 0; i < ELEMENTSOF(inside); i++) {
                ck_assert_msg(by_address(&n, NULL, inside[i], 80) == VERDICT_DENY, "%s", inside[i]);
                ck_assert_msg(by_address(&n, "rebind.example", inside[i], 80) == VERDICT_DENY, "%s",
                              inside[i]);
        }
}
END_TEST

START_TEST(mode_allowlist) {
        struct network_rules n = rules(
                NETWORK_ALLOWLIST,
                LIST("example.com:443", "*.wild.org", "intra.corp", "192.168.7.0/24:22", "1.2.3.4"),
                LIST("bad.wild.org", "1.2.3.4:25"));
        ck_assert_int_eq(by_name(&n, "example.com", 443), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "example.com", 80), VERDICT_DENY);
        ck_assert_int_eq(by_name(&n, "example.com", 0), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "a.wild.org", 80), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "bad.wild.org", 80), VERDICT_DENY);
        ck_assert_int_eq(by_name(&n, "other.org", 80), VERDICT_DENY);
        ck_assert_int_eq(by_name(&n, "1.2.3.4", 80), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "1.2.3.4", 25), VERDICT_DENY);
        ck_assert_int_eq(by_name(&n, "1.2.3.4", 0), VERDICT_ALLOW); /* a rule for one port only */
        /* a name leads to public addresses */
        ck_assert_int_eq(by_address(&n, "example.com", "93.184.216.34", 443), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, "example.com", "93.184.216.34", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "93.184.216.34", 443), VERDICT_DENY);
        /* private: by address, range, or exact name; never by wildcard */
        ck_assert_int_eq(by_address(&n, "intra.corp", "10.1.1.1", 80), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, "intra.corp", "100.64.1.1", 80), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, "intra.corp", "fd00::7", 80), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, "a.wild.org", "10.1.1.1", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "192.168.7.9", 22), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&n, NULL, "192.168.7.9", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, "a.wild.org", "192.168.7.9", 22), VERDICT_ALLOW);
        /* the inside of the machine and of the cloud: not even by an exact name */
        ck_assert_int_eq(by_address(&n, "intra.corp", "169.254.169.254", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, "intra.corp", "169.254.1.1", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, "intra.corp", "127.0.0.1", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, "intra.corp", "0.0.0.0", 80), VERDICT_DENY);
}
END_TEST

START_TEST(special_addresses_by_their_own_rule) {
        struct network_rules wide =
                rules(NETWORK_ALLOWLIST, LIST("0.0.0.0/0", "[::]/0"), (struct strings){ 0 });
        ck_assert_int_eq(by_address(&wide, NULL, "8.8.8.8", 1), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&wide, NULL, "10.0.0.1", 1),
                         VERDICT_ALLOW); /* a range names it */
        ck_assert_int_eq(by_address(&wide, NULL, "169.254.169.254", 1), VERDICT_DENY);
        ck_assert_int_eq(by_address(&wide, NULL, "169.254.1.1", 1), VERDICT_DENY);
        ck_assert_int_eq(by_address(&wide, NULL, "127.0.0.1", 1), VERDICT_DENY);
        ck_assert_int_eq(by_address(&wide, NULL, "fe80::1", 1), VERDICT_DENY);

        struct network_rules own = rules(NETWORK_ALLOW,
                                         LIST("169.254.169.254", "169.254.0.0/16", "127.0.0.1",
                                              "0.0.0.0", "[fe80::]/10", "[fd00:ec2::254]/128"),
                                         (struct strings){ 0 });
        ck_assert_int_eq(by_address(&own, NULL, "169.254.169.254", 1), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&own, NULL, "169.254.1.1", 1), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&own, NULL, "169.254.170.2", 1),
                         VERDICT_DENY); /* metadata: one by one */
        ck_assert_int_eq(by_address(&own, NULL, "fe80::1", 1), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&own, NULL, "fd00:ec2::254", 1), VERDICT_ALLOW);
        ck_assert_int_eq(by_address(&own, NULL, "127.0.0.1", 1),
                         VERDICT_DENY); /* local_ports only */
        ck_assert_int_eq(by_address(&own, NULL, "0.0.0.0", 1), VERDICT_DENY);
}
END_TEST

START_TEST(mode_ask) {
        struct network_rules n =
                rules(NETWORK_ASK, LIST("example.com"), LIST("evil.org", "10.0.0.9"));
        ck_assert_int_eq(by_name(&n, "example.com", 443), VERDICT_ALLOW);
        ck_assert_int_eq(by_name(&n, "evil.org", 443), VERDICT_DENY);
        ck_assert_int_eq(by_name(&n, "other.org", 443), VERDICT_ASK);
        ck_assert_int_eq(by_address(&n, NULL, "8.8.8.8", 53), VERDICT_ASK);
        ck_assert_int_eq(by_address(&n, "other.org", "8.8.8.8", 53), VERDICT_ASK);
        /* who is asked about a name does not see that it leads inside */
        ck_assert_int_eq(by_address(&n, "other.org", "10.0.0.1", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "10.0.0.1", 80), VERDICT_ASK);
        ck_assert_int_eq(by_address(&n, NULL, "10.0.0.9", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "169.254.169.254", 80), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "127.0.0.1", 80), VERDICT_DENY);
}
END_TEST

START_TEST(a_name_is_no_address) {
        struct network_rules n = rules(NETWORK_ALLOW, (struct strings){ 0 }, (struct strings){ 0 });
        struct host name = host("example.com");
        struct decision d;
        network_decide_address(&n, NULL, &name, 80, &d);
        ck_assert_int_eq(d.verdict, VERDICT_DENY);
}
END_TEST

START_TEST(denying_reaches_through_nat64) {
        struct network_rules n = rules(NETWORK_ALLOW, (struct strings){ 0 }, LIST("8.8.0.0/16"));
        ck_assert_int_eq(by_address(&n, NULL, "64:ff9b::8.8.8.8", 53), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "2002:808:808::1", 53), VERDICT_DENY);
        ck_assert_int_eq(by_address(&n, NULL, "64:ff9b::8.9.8.8", 53), VERDICT_ALLOW);
}
END_TEST

START_TEST(compile_errors_point) {
        struct network_rules r;
        struct error e;
        struct policy_network n = { .mode = NETWORK_ALLOWLIST, .allow = LIST("a.b", "127.1") };
        ck_assert_int_lt(network_rules_compile(arena, &n, &r, &e), 0);
        assert_error(&e, ERROR_PARAMS, "/network/allow/1", "not an address");
        n = (struct policy_network){ .mode = NETWORK_ALLOW, .deny = LIST("a b") };
        ck_assert_int_lt(network_rules_compile(arena, &n, &r, &e), 0);
        assert_error(&e, ERROR_PARAMS, "/network/deny/0", "0x20");
        n = (struct policy_network){ .mode = NETWORK_ALLOW, .local_ports = LIST("65536") };
        ck_assert_int_lt(network_rules_compile(arena, &n, &r, &e), 0);
        assert_error(&e, ERROR_PARAMS, "/network/local_ports", "65536");
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("network", rules_that_parse, rules_that_do_not, rules_match,
                                mode_deny, mode_allow, mode_allowlist,
                                special_addresses_by_their_own_rule, mode_ask, a_name_is_no_address,
                                denying_reaches_through_nat64, compile_errors_point);
}
