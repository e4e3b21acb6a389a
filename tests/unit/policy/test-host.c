/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "../../../policy/host.h"
#include "common.h"

static bool parses(const char *text, struct host *ret) {
        struct error e;
        return host_parse(text, strlen(text), ret, &e) == 0;
}

START_TEST(one_form) {
        static const struct {
                const char *in, *out;
                int kind;
        } rows[] = {
                { "example.com", "example.com", HOST_NAME },
                { "EXAMPLE.Com.", "example.com", HOST_NAME },
                { "_dmarc.example.com", "_dmarc.example.com", HOST_NAME },
                { "r3---sn-4g5e.googlevideo.com", "r3---sn-4g5e.googlevideo.com", HOST_NAME },
                { "xn--bcher-kva.example", "xn--bcher-kva.example", HOST_NAME },
                { "1password.com", "1password.com", HOST_NAME },
                { "127.0.0.1.nip.io", "127.0.0.1.nip.io", HOST_NAME },
                { "localhost", "localhost", HOST_NAME },
                { "0xabc.example", "0xabc.example", HOST_NAME },
                { "127.0.0.1", "127.0.0.1", HOST_IPV4 },
                { "0.0.0.0", "0.0.0.0", HOST_IPV4 },
                { "255.255.255.255", "255.255.255.255", HOST_IPV4 },
                /* RFC 5952 */
                { "::", "::", HOST_IPV6 },
                { "::1", "::1", HOST_IPV6 },
                { "1::", "1::", HOST_IPV6 },
                { "2001:DB8::1", "2001:db8::1", HOST_IPV6 },
                { "2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1", HOST_IPV6 },
                { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", HOST_IPV6 },
                { "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1", HOST_IPV6 },
                { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1", HOST_IPV6 },
                { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", HOST_IPV6 },
                { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", HOST_IPV6 },
                { "64:ff9b::1.2.3.4", "64:ff9b::102:304", HOST_IPV6 },
                { "::ffff:1.2.3.4", "1.2.3.4", HOST_IPV4 },
                { "::FFFF:7f00:1", "127.0.0.1", HOST_IPV4 },
                { "0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1", HOST_IPV4 },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct host h, again;
                ck_assert_msg(parses(rows[i].in, &h), "%s", rows[i].in);
                ck_assert_str_eq(h.name, rows[i].out);
                ck_assert_int_eq(h.kind, rows[i].kind);
                /* The one form is a fixed point. */
                ck_assert(parses(h.name, &again));
                ck_assert_mem_eq(&h, &again, sizeof(h));
        }
}
END_TEST

START_TEST(refused) {
        static const char *const bad[] = {
                "",
                ".",
                "..",
                "a..b",
                ".a",
                "a b",
                "a\tb",
                "-a.com",
                "a-.com",
                "a.-b.c",
                "ex*mple.com",
                "*.a.com",
                "a/b",
                "a:b",
                "a@b",
                "a%00b",
                "b\303\274cher.example",
                "a,b",
                "a=b",
                "\"a\"",
                /* what inet_aton(3) and browsers would read as an address */
                "0x7f.1",
                "127.1",
                "127.0.1",
                "0177.0.0.1",
                "017700000001",
                "2130706433",
                "0x7f000001",
                "0x7f.0.0.1",
                "127.0.0.0x1",
                "1.2.3",
                "1.2.3.4.5",
                "256.1.1.1",
                "1.2.3.256",
                "01.2.3.4",
                "1.2.3.04",
                "1.2.3.4.",
                "1.2.3.",
                "1.2..3",
                "0000.0.0.1",
                "4294967296",
                "a.1",
                "a.0x",
                "a.0xff",
                " 1.2.3.4",
                "1.2.3.4 ",
                "+1.2.3.4",
                "1.2.3.-4",
                /* IPv6 */
                ":",
                ":::",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "1::2::3",
                "::1%lo",
                "fe80::1%eth0",
                "12345::",
                "::g",
                "[::1]",
                "::1]",
                "1:2:3:4:5:6:7:8::",
                "::1:2:3:4:5:6:7:8",
                ":1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:",
                "::1.2.3",
                "::1.2.3.256",
                "::01.2.3.4",
                "1.2.3.4::",
                "1:2:3:4:5:6:7:1.2.3.4",
                "::1.2.3.4:5",
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct host h;
                ck_assert_msg(!parses(bad[i], &h), "\"%s\" became \"%s\"", bad[i], h.name);
        }
}
END_TEST

START_TEST(every_byte) {
        for (int c = 0; c < 256; c++) {
                char text[] = { 'a', (char) c, 'b' };
                struct host h;
                struct error e;
                bool good = host_parse(text, 3, &h, &e) == 0;
                bool ldh = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                ck_assert_msg(good == ldh, "byte 0x%02x", c);
        }
        struct host h;
        struct error e;
        /* The name ends where it ends, not at a NUL in it. */
        ck_assert_int_lt(host_parse("ok.com\0.evil.com", 16, &h, &e), 0);
        ck_assert_int_eq(host_parse("ok.com.evil.com", 6, &h, &e), 0);
        ck_assert_str_eq(h.name, "ok.com");
}
END_TEST

START_TEST(lengths) {
        char text[300];
        struct host h;
        struct error e;
        memset(text, 'a', sizeof(text));
        ck_assert_int_eq(host_parse(text, 63, &h, &e), 0);
        ck_assert_int_lt(host_parse(text, 64, &h, &e), 0);
        for (size_t i = 60; i < sizeof(text); i += 60)
                text[i] = '.';
        ck_assert_int_eq(host_parse(text, 253, &h, &e), 0);
        ck_assert_uint_eq(strlen(h.name), 253);
        ck_assert_int_lt(host_parse(text, 254, &h, &e), 0);
        text[253] = '.'; /* the root label does not count */
        ck_assert_int_eq(host_parse(text, 254, &h, &e), 0);
}
END_TEST

START_TEST(classes) {
        static const struct {
                const char *addr;
                enum address_class class;
        } rows[] = {
                { "8.8.8.8", ADDRESS_PUBLIC },
                { "127.0.0.1", ADDRESS_LOOPBACK },
                { "127.255.255.255", ADDRESS_LOOPBACK },
                { "126.255.255.255", ADDRESS_PUBLIC },
                { "128.0.0.0", ADDRESS_PUBLIC },
                { "0.0.0.0", ADDRESS_UNSPECIFIED },
                { "0.0.0.1", ADDRESS_RESERVED },
                { "10.0.0.1", ADDRESS_PRIVATE },
                { "9.255.255.255", ADDRESS_PUBLIC },
                { "11.0.0.0", ADDRESS_PUBLIC },
                { "172.15.255.255", ADDRESS_PUBLIC },
                { "172.16.0.0", ADDRESS_PRIVATE },
                { "172.31.255.255", ADDRESS_PRIVATE },
                { "172.32.0.0", ADDRESS_PUBLIC },
                { "192.168.0.1", ADDRESS_PRIVATE },
                { "192.169.0.1", ADDRESS_PUBLIC },
                { "100.63.255.255", ADDRESS_PUBLIC },
                { "100.64.0.0", ADDRESS_CGNAT },
                { "100.127.255.255", ADDRESS_CGNAT },
                { "100.128.0.0", ADDRESS_PUBLIC },
                { "100.100.100.200", ADDRESS_METADATA },
                { "169.254.1.1", ADDRESS_LINK_LOCAL },
                { "169.254.169.254", ADDRESS_METADATA },
                { "169.254.170.2", ADDRESS_METADATA },
                { "168.63.129.16", ADDRESS_METADATA },
                { "192.0.0.192", ADDRESS_METADATA },
                { "192.0.2.1", ADDRESS_RESERVED },
                { "198.18.0.1", ADDRESS_RESERVED },
                { "198.20.0.1", ADDRESS_PUBLIC },
                { "224.0.0.1", ADDRESS_MULTICAST },
                { "239.255.255.255", ADDRESS_MULTICAST },
                { "240.0.0.1", ADDRESS_RESERVED },
                { "255.255.255.255", ADDRESS_RESERVED },
                { "2606:4700::1111", ADDRESS_PUBLIC },
                { "::", ADDRESS_UNSPECIFIED },
                { "::1", ADDRESS_LOOPBACK },
                { "::2", ADDRESS_RESERVED },
                { "::127.0.0.1", ADDRESS_RESERVED }, /* v4-compatible, of old */
                { "fc00::1", ADDRESS_PRIVATE },
                { "fdff::1", ADDRESS_PRIVATE },
                { "fd00:ec2::254", ADDRESS_METADATA },
                { "fd20:ce::254", ADDRESS_METADATA },
                { "fe80::1", ADDRESS_LINK_LOCAL },
                { "febf::1", ADDRESS_LINK_LOCAL },
                { "fec0::1", ADDRESS_PRIVATE },
                { "ff02::1", ADDRESS_MULTICAST },
                { "2001:db8::1", ADDRESS_RESERVED },
                { "2001::1", ADDRESS_RESERVED }, /* Teredo */
                { "3fff::1", ADDRESS_RESERVED },
                { "4000::1", ADDRESS_RESERVED },
                { "100::1", ADDRESS_RESERVED },
                { "64:ff9b:1::a00:1", ADDRESS_PRIVATE },
                /* through other addresses */
                { "::ffff:127.0.0.1", ADDRESS_LOOPBACK },
                { "::ffff:169.254.169.254", ADDRESS_METADATA },
                { "::ffff:8.8.8.8", ADDRESS_PUBLIC },
                { "64:ff9b::127.0.0.1", ADDRESS_LOOPBACK },
                { "64:ff9b::10.0.0.1", ADDRESS_PRIVATE },
                { "64:ff9b::169.254.169.254", ADDRESS_METADATA },
                { "64:ff9b::8.8.8.8", ADDRESS_PUBLIC },
                { "2002:7f00:1::", ADDRESS_LOOPBACK },
                { "2002:a00:1::1", ADDRESS_PRIVATE },
                { "2002:a9fe:a9fe::", ADDRESS_METADATA },
                { "2002:808:808::1", ADDRESS_PUBLIC },
                { "::ffff:0:127.0.0.1", ADDRESS_LOOPBACK },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct host h;
                ck_assert_msg(parses(rows[i].addr, &h), "%s", rows[i].addr);
                ck_assert_msg(host_address_class(&h) == rows[i].class, "%s is %s", rows[i].addr,
                              address_class_names[host_address_class(&h)]);
        }
        /* From raw bytes, where no parser has turned a mapped address into IPv4. */
        struct host raw = { .kind = HOST_IPV6,
                            .addr = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
        ck_assert_int_eq(host_address_class(&raw), ADDRESS_LOOPBACK);
        struct host name = { .kind = HOST_NAME, .name = "example.com" };
        ck_assert_int_ne(host_address_class(&name), ADDRESS_PUBLIC);
        for (int i = 0; i < ADDRESS_CLASS_N_; i++)
                ck_assert_ptr_nonnull(address_class_names[i]);
}
END_TEST

START_TEST(from_bytes) {
        static const uint8_t v4[4] = { 192, 0, 2, 7 };
        static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
        static const uint8_t mapped[16] = {
                [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7
        };
        struct host h;
        host_from_ipv4(v4, &h);
        ck_assert_str_eq(h.name, "192.0.2.7");
        host_from_ipv6(v6, &h);
        ck_assert_str_eq(h.name, "2001:db8::1");
        host_from_ipv6(mapped, &h);
        ck_assert_str_eq(h.name, "192.0.2.7");
        ck_assert_int_eq(h.kind, HOST_IPV4);
        struct host inner;
        ck_assert(!host_embedded_ipv4(&h, &inner));
}
END_TEST

int main(void) {
        return RUN_POLICY_TESTS("host", one_form, refused, every_byte, lengths, classes,
                                from_bytes);
}
