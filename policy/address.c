/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What kind of place an address is. Rows of the IANA special-purpose registries (RFC 6890 and its
 * successors) in the order of looking: the first that fits wins, so single addresses stand before
 * the ranges around them.
 */
#include <string.h>

#include "host.h"

const char *const address_class_names[ADDRESS_CLASS_N_] = {
        [ADDRESS_PUBLIC] = "public",           [ADDRESS_LOOPBACK] = "loopback",
        [ADDRESS_PRIVATE] = "private",         [ADDRESS_LINK_LOCAL] = "link-local",
        [ADDRESS_METADATA] = "cloud metadata", [ADDRESS_CGNAT] = "carrier-grade NAT",
        [ADDRESS_MULTICAST] = "multicast",     [ADDRESS_UNSPECIFIED] = "unspecified",
        [ADDRESS_RESERVED] = "reserved",
};

struct range {
        uint8_t addr[16];
        unsigned prefix;
        enum address_class class;
};

static const struct range ranges4[] = {
        /* Where machines of a cloud fetch their keys, without a password. */
        { { 169, 254, 169, 254 }, 32, ADDRESS_METADATA }, /* AWS, Azure, GCP, DigitalOcean, ... */
        { { 169, 254, 170, 2 }, 32, ADDRESS_METADATA },   /* AWS ECS task credentials */
        { { 169, 254, 170, 23 }, 32, ADDRESS_METADATA },  /* AWS EKS pod identity */
        { { 169, 254, 0, 23 }, 32, ADDRESS_METADATA },    /* Tencent */
        { { 169, 254, 42, 42 }, 32, ADDRESS_METADATA },   /* Scaleway */
        { { 100, 100, 100, 200 }, 32, ADDRESS_METADATA }, /* Alibaba, inside 100.64/10 */
        { { 168, 63, 129, 16 }, 32, ADDRESS_METADATA },   /* Azure's wire server: looks public */
        { { 192, 0, 0, 192 }, 32, ADDRESS_METADATA },     /* Oracle */

        { { 0, 0, 0, 0 }, 32, ADDRESS_UNSPECIFIED }, /* connects to loopback on Linux */
        { { 0 }, 8, ADDRESS_RESERVED },              /* "this network" */
        { { 10 }, 8, ADDRESS_PRIVATE },              /* RFC 1918 */
        { { 100, 64 }, 10, ADDRESS_CGNAT },          /* RFC 6598 */
        { { 127 }, 8, ADDRESS_LOOPBACK },
        { { 169, 254 }, 16, ADDRESS_LINK_LOCAL }, /* RFC 3927 */
        { { 172, 16 }, 12, ADDRESS_PRIVATE },
        { { 192, 0, 0 }, 24, ADDRESS_RESERVED },   /* IETF protocol assignments */
        { { 192, 0, 2 }, 24, ADDRESS_RESERVED },   /* documentation, RFC 5737 */
        { { 192, 88, 99 }, 24, ADDRESS_RESERVED }, /* 6to4 relays, RFC 7526 */
        { { 192, 168 }, 16, ADDRESS_PRIVATE },
        { { 198, 18 }, 15, ADDRESS_RESERVED },      /* benchmarks, RFC 2544 */
        { { 198, 51, 100 }, 24, ADDRESS_RESERVED }, /* documentation */
        { { 203, 0, 113 }, 24, ADDRESS_RESERVED },  /* documentation */
        { { 224 }, 4, ADDRESS_MULTICAST },
        { { 240 }, 4, ADDRESS_RESERVED }, /* and the broadcast address */
};

static const struct range ranges6[] = {
        { { 0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 }, 128, ADDRESS_METADATA }, /* AWS */
        { { 0xfd, 0, 0x0e, 0xc2, [15] = 0x23 }, 128, ADDRESS_METADATA },              /* AWS EKS */
        { { 0xfd, 0x20, 0, 0xce, [14] = 0x02, [15] = 0x54 }, 128, ADDRESS_METADATA }, /* GCP */
        { { 0xfd, 0, 0, 0x42, [15] = 0x42 }, 128, ADDRESS_METADATA },                 /* Scaleway */

        { { 0 }, 128, ADDRESS_UNSPECIFIED },
        { { [15] = 1 }, 128, ADDRESS_LOOPBACK },
        { { 0xfc }, 7, ADDRESS_PRIVATE }, /* RFC 4193 */
        { { 0xfe, 0x80 }, 10, ADDRESS_LINK_LOCAL },
        { { 0xfe, 0xc0 }, 10, ADDRESS_PRIVATE }, /* site-local of old, RFC 3879 */
        { { 0xff }, 8, ADDRESS_MULTICAST },
        { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, ADDRESS_PRIVATE }, /* NAT64 of one site, RFC 8215 */
        { { 0x20, 0x01 }, 23, ADDRESS_RESERVED }, /* IETF assignments: Teredo, ORCHID, benchmarks */
        { { 0x20, 0x01, 0x0d, 0xb8 }, 32, ADDRESS_RESERVED }, /* documentation, RFC 3849 */
        { { 0x3f, 0xff }, 20, ADDRESS_RESERVED },             /* documentation, RFC 9637 */
        { { 0x20 }, 3, ADDRESS_PUBLIC }, /* all of global unicast that is in use */
        { { 0 }, 0, ADDRESS_RESERVED },  /* the rest of the space is nobody's */
};

static bool in_range(const uint8_t *addr, const uint8_t *base, unsigned prefix) {
        unsigned bytes = prefix / 8, bits = prefix % 8;
        if (memcmp(addr, base, bytes) != 0)
                return false;
        return bits == 0 || (addr[bytes] ^ base[bytes]) >> (8 - bits) == 0;
}

bool host_embedded_ipv4(const struct host *addr, struct host *ret) {
        static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };         /* RFC 6052 */
        static const uint8_t translated[12] = { [8] = 0xff, [9] = 0xff }; /* RFC 2765 */
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };   /* RFC 4291 */
        const uint8_t *a = addr->addr;
        if (addr->kind != HOST_IPV6)
                return false;
        if (a[0] == 0x20 && a[1] == 0x02) /* 6to4, RFC 3056 */
                host_from_ipv4(a + 2, ret);
        else if (memcmp(a, nat64, 12) == 0 || memcmp(a, translated, 12) == 0 ||
                 memcmp(a, mapped, 12) == 0)
                host_from_ipv4(a + 12, ret);
        else
                return false;
        return true;
}

enum address_class host_address_class(const struct host *addr) {
        struct host inner;
        if (addr->kind == HOST_NAME)
                return ADDRESS_RESERVED;
        if (host_embedded_ipv4(addr, &inner))
                addr = &inner;

        bool v4 = addr->kind == HOST_IPV4;
        const struct range *r = v4 ? ranges4 : ranges6;
        size_t n = v4 ? ELEMENTSOF(ranges4) : ELEMENTSOF(ranges6);
        for (size_t i = 0; i < n; i++)
                if (in_range(addr->addr, r[i].addr, r[i].prefix))
                        return r[i].class;
        return ADDRESS_PUBLIC;
}
