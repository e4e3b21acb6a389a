/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two conversations over netlink, written out by hand: libnftables and libmnl are much larger than
 * what they would say here. Formats: netlink(7), rtnetlink(7), linux/netfilter/nf_tables.h.
 *
 * The rules, as nft(8) would show them:
 *
 *         table inet leash {
 *                 chain raw {
 *                         type filter hook output priority -300; policy accept;
 *                         ip daddr 127.0.0.0/8 ip saddr 127.0.0.0/8 meta l4proto tcp
 *                         … tcp dport != { 53, 3129, 3130 } tcp sport != { 3129, 3130 } notrack
 *                 }
 *                 chain out {
 *                         type nat hook output priority -100; policy accept;
 *                         meta l4proto udp udp dport 53 redirect to :3130
 *                         meta l4proto tcp tcp dport 53 redirect to :3130
 *                         ip daddr 127.0.0.0/8 accept
 *                         ip daddr 192.0.0.8 accept
 *                         ip6 daddr ::1 accept
 *                         ip6 daddr fd6c:6561:7368:1::1 accept
 *                         meta l4proto tcp redirect to :3129
 *                 }
 *         }
 *
 * Questions to any resolver are taken, also to one on loopback: resolv.conf names 127.0.0.53 on
 * many hosts, and without that file it is 127.0.0.1. Nothing is rejected here: what is not
 * redirected goes to an address that is local, and if nothing listens there the kernel itself
 * refuses at once.
 *
 * Chain raw is for speed alone: connections that nothing redirects, those to the proxy above all,
 * need not be remembered. Both directions of a connection must agree on that, so what is or may
 * have been redirected shows in either: its answers come from the gate's ports. IPv6 is left out:
 * the proxy is 127.0.0.1, and each rule makes each sandbox later.
 */
#include "capture.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sys.h"

#define MESSAGE_MAX 8192 /* twice what the rules take */
#define LOOPBACK_INDEX 1 /* the first device of every namespace */

const struct capture_listener capture_listeners[GATE_LISTENER_N_] = {
        [GATE_PROXY4] = { AF_INET, SOCK_STREAM, GATE_PROXY_PORT },
        [GATE_PROXY6] = { AF_INET6, SOCK_STREAM, GATE_PROXY_PORT },
        [GATE_TCP4] = { AF_INET, SOCK_STREAM, GATE_TRANSPARENT_PORT },
        [GATE_TCP6] = { AF_INET6, SOCK_STREAM, GATE_TRANSPARENT_PORT },
        [GATE_DNS_UDP4] = { AF_INET, SOCK_DGRAM, GATE_DNS_PORT },
        [GATE_DNS_UDP6] = { AF_INET6, SOCK_DGRAM, GATE_DNS_PORT },
        [GATE_DNS_TCP4] = { AF_INET, SOCK_STREAM, GATE_DNS_PORT },
        [GATE_DNS_TCP6] = { AF_INET6, SOCK_STREAM, GATE_DNS_PORT },
};

struct message {
        _Alignas(struct nlmsghdr) char data[MESSAGE_MAX];
        size_t size, header; /* header: where the current one begins */
        bool failed;
};

static void *grow(struct message *m, size_t n) {
        size_t at = NLMSG_ALIGN(m->size);

        if (at + n > sizeof(m->data)) {
                m->failed = true;
                return NULL;
        }
        memset(m->data + m->size, 0, at + n - m->size);
        m->size = at + n;
        return m->data + at;
}

static void put(struct message *m, int type, const void *value, size_t n) {
        struct nlattr *a = grow(m, NLA_HDRLEN + n);

        if (!a)
                return;
        a->nla_type = (uint16_t) type;
        a->nla_len = (uint16_t) (NLA_HDRLEN + n);
        if (n > 0)
                memcpy((char *) a + NLA_HDRLEN, value, n);
}

static void put_be32(struct message *m, int type, uint32_t value) {
        uint32_t v = htonl(value);

        put(m, type, &v, sizeof(v));
}

static void put_string(struct message *m, int type, const char *s) {
        put(m, type, s, strlen(s) + 1);
}

static size_t nest(struct message *m, int type) {
        size_t at = NLMSG_ALIGN(m->size);

        put(m, type | NLA_F_NESTED, NULL, 0);
        return at;
}

static void nest_end(struct message *m, size_t at) {
        if (!m->failed)
                ((struct nlattr *) (void *) (m->data + at))->nla_len = (uint16_t) (m->size - at);
}

static void header(struct message *m, int type, int flags, const void *body, size_t n) {
        struct nlmsghdr *h = grow(m, NLMSG_HDRLEN + n);

        if (!h)
                return;
        m->header = (size_t) ((char *) h - m->data);
        h->nlmsg_type = (uint16_t) type;
        h->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | flags);
        memcpy((char *) h + NLMSG_HDRLEN, body, n);
}

static void header_end(struct message *m) {
        if (!m->failed)
                ((struct nlmsghdr *) (void *) (m->data + m->header))->nlmsg_len =
                        (uint32_t) (m->size - m->header);
}

/* The kernel has answered when send() returns (netlink(7)): the first refusal counts, and at least
 * one message must have been acknowledged. */
static int answers(int fd) {
        _Alignas(struct nlmsghdr) char data[MESSAGE_MAX];
        bool acknowledged = false;

        for (;;) {
                ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
                struct nlmsghdr *h = (void *) data;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno != EAGAIN ? -errno : acknowledged ? 0 : -EPROTO;
                for (; NLMSG_OK(h, (size_t) n); h = NLMSG_NEXT(h, n)) {
                        const struct nlmsgerr *e = NLMSG_DATA(h);

                        if (h->nlmsg_type != NLMSG_ERROR)
                                continue;
                        if (e->error)
                                return e->error;
                        acknowledged = true;
                }
        }
}

static int converse(int protocol, const struct message *m) {
        _cleanup_close_ int fd = -1;

        if (m->failed)
                return -EMSGSIZE;
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (fd < 0 || send(fd, m->data, m->size, 0) < 0)
                return -errno;
        return answers(fd);
}

/* An address of our own on loopback, which whatever leaves comes from, and the route. Without the
 * source, IPv4 would answer itself: a packet to a local address comes from that very address. */
static int all_local(uint8_t family, const void *own, size_t n) {
        struct message m = {};
        const struct ifaddrmsg address = { .ifa_family = family,
                                           .ifa_prefixlen = (uint8_t) (8 * n),
                                           .ifa_flags = IFA_F_NODAD,
                                           .ifa_scope = RT_SCOPE_UNIVERSE,
                                           .ifa_index = LOOPBACK_INDEX };
        const struct rtmsg route = { .rtm_family = family,
                                     .rtm_table = RT_TABLE_LOCAL,
                                     .rtm_protocol = RTPROT_BOOT,
                                     .rtm_scope = RT_SCOPE_HOST,
                                     .rtm_type = RTN_LOCAL };
        const uint32_t device = LOOPBACK_INDEX;

        header(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &address, sizeof(address));
        put(&m, IFA_LOCAL, own, n);
        put(&m, IFA_ADDRESS, own, n);
        header_end(&m);
        header(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_ACK, &route, sizeof(route));
        put(&m, RTA_OIF, &device, sizeof(device));
        put(&m, RTA_PREFSRC, own, n);
        header_end(&m);
        return converse(NETLINK_ROUTE, &m);
}

static const uint8_t own6[16] = GATE_OWN6;

int capture_routes(void) {
        const uint32_t own4 = htonl(GATE_OWN4);
        int r = all_local(AF_INET, &own4, sizeof(own4));

        if (r < 0)
                return r;
        /* Refused where IPv6 is switched off: then there is no way to anything over it at all. */
        (void) all_local(AF_INET6, own6, sizeof(own6));
        return 0;
}

/* --- nftables --- */

static const char table_name[] = "leash";

static void nft_header(struct message *m, int type, int flags) {
        const struct nfgenmsg body = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };

        header(m, NFNL_SUBSYS_NFTABLES << 8 | type, flags, &body, sizeof(body));
}

static void batch(struct message *m, int type) {
        const struct nfgenmsg body = { .version = NFNETLINK_V0,
                                       .res_id = htons(NFNL_SUBSYS_NFTABLES) };

        header(m, type, 0, &body, sizeof(body));
        header_end(m);
}

/* One expression; its attributes come between this and the end. */
struct expression {
        size_t item, data;
};

static struct expression expression(struct message *m, const char *name) {
        struct expression e;

        e.item = nest(m, NFTA_LIST_ELEM);
        put_string(m, NFTA_EXPR_NAME, name);
        e.data = nest(m, NFTA_EXPR_DATA);
        return e;
}

static void expression_end(struct message *m, struct expression e) {
        nest_end(m, e.data);
        nest_end(m, e.item);
}

static void compare(struct message *m, enum nft_cmp_ops op, const void *value, size_t n) {
        struct expression e = expression(m, "cmp");
        size_t data;

        put_be32(m, NFTA_CMP_SREG, NFT_REG_1);
        put_be32(m, NFTA_CMP_OP, op);
        data = nest(m, NFTA_CMP_DATA);
        put(m, NFTA_DATA_VALUE, value, n);
        nest_end(m, data);
        expression_end(m, e);
}

static void if_meta(struct message *m, enum nft_meta_keys key, uint8_t value) {
        struct expression e = expression(m, "meta");

        put_be32(m, NFTA_META_DREG, NFT_REG_1);
        put_be32(m, NFTA_META_KEY, key);
        expression_end(m, e);
        compare(m, NFT_CMP_EQ, &value, sizeof(value));
}

static void load(struct message *m, enum nft_payload_bases base, uint32_t offset, uint32_t n) {
        struct expression e = expression(m, "payload");

        put_be32(m, NFTA_PAYLOAD_DREG, NFT_REG_1);
        put_be32(m, NFTA_PAYLOAD_BASE, base);
        put_be32(m, NFTA_PAYLOAD_OFFSET, offset);
        put_be32(m, NFTA_PAYLOAD_LEN, n);
        expression_end(m, e);
}

static void if_payload(struct message *m, enum nft_payload_bases base, uint32_t offset,
                       const void *value, uint32_t n) {
        load(m, base, offset, n);
        compare(m, NFT_CMP_EQ, value, n);
}

/* A port at that offset of the header, and it is none of those. */
static void unless_port(struct message *m, uint32_t offset, const uint16_t *ports, size_t n) {
        load(m, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof(*ports));
        for (size_t i = 0; i < n; i++) {
                uint16_t port = htons(ports[i]);

                compare(m, NFT_CMP_NEQ, &port, sizeof(port));
        }
}

static void redirect(struct message *m, uint16_t port) {
        struct expression e = expression(m, "immediate");
        uint16_t value = htons(port);
        size_t data;

        put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_1);
        data = nest(m, NFTA_IMMEDIATE_DATA);
        put(m, NFTA_DATA_VALUE, &value, sizeof(value));
        nest_end(m, data);
        expression_end(m, e);
        e = expression(m, "redir");
        put_be32(m, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
        expression_end(m, e);
}

static void leave_alone(struct message *m) {
        struct expression e = expression(m, "immediate");
        size_t data, verdict;

        put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data = nest(m, NFTA_IMMEDIATE_DATA);
        verdict = nest(m, NFTA_DATA_VERDICT);
        put_be32(m, NFTA_VERDICT_CODE, NF_ACCEPT);
        nest_end(m, verdict);
        nest_end(m, data);
        expression_end(m, e);
}

static void rule_dns(struct message *m, uint8_t protocol) {
        const uint16_t port = htons(53);

        if_meta(m, NFT_META_L4PROTO, protocol);
        if_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 2, &port, sizeof(port)); /* both: offset 2 */
        redirect(m, GATE_DNS_PORT);
}

static void rule_dns_udp(struct message *m) {
        rule_dns(m, IPPROTO_UDP);
}

static void rule_dns_tcp(struct message *m) {
        rule_dns(m, IPPROTO_TCP);
}

/* What stays inside. Offsets of the destination: RFC 791, RFC 8200. */
static void rule_inside4(struct message *m, const void *start, uint32_t n) {
        if_meta(m, NFT_META_NFPROTO, NFPROTO_IPV4);
        if_payload(m, NFT_PAYLOAD_NETWORK_HEADER, 16, start, n);
        leave_alone(m);
}

static void rule_inside6(struct message *m, const void *address) {
        if_meta(m, NFT_META_NFPROTO, NFPROTO_IPV6);
        if_payload(m, NFT_PAYLOAD_NETWORK_HEADER, 24, address, 16);
        leave_alone(m);
}

static void rule_loopback4(struct message *m) {
        const uint8_t first = 127;

        rule_inside4(m, &first, sizeof(first));
}

static void rule_own4(struct message *m) {
        const uint32_t own4 = htonl(GATE_OWN4);

        rule_inside4(m, &own4, sizeof(own4));
}

static void rule_loopback6(struct message *m) {
        rule_inside6(m, &in6addr_loopback);
}

static void rule_own6(struct message *m) {
        rule_inside6(m, own6);
}

static void rule_tcp(struct message *m) {
        if_meta(m, NFT_META_L4PROTO, IPPROTO_TCP);
        redirect(m, GATE_TRANSPARENT_PORT);
}

static void rule_untracked(struct message *m) {
        static const uint16_t to[] = { 53, GATE_TRANSPARENT_PORT, GATE_DNS_PORT };
        static const uint16_t from[] = { GATE_TRANSPARENT_PORT, GATE_DNS_PORT };
        const uint8_t first = 127;

        if_meta(m, NFT_META_NFPROTO, NFPROTO_IPV4);
        if_payload(m, NFT_PAYLOAD_NETWORK_HEADER, 16, &first, sizeof(first));
        if_payload(m, NFT_PAYLOAD_NETWORK_HEADER, 12, &first, sizeof(first));
        if_meta(m, NFT_META_L4PROTO, IPPROTO_TCP);
        unless_port(m, 2, to, ELEMENTSOF(to));
        unless_port(m, 0, from, ELEMENTSOF(from));
        expression_end(m, expression(m, "notrack"));
}

static void add_table(struct message *m) {
        nft_header(m, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
        put_string(m, NFTA_TABLE_NAME, table_name);
        header_end(m);
}

struct chain {
        const char *name, *type;
        int priority;
        void (*const *rules)(struct message *m);
        size_t n_rules;
};

static void add_rule(struct message *m, const struct chain *c, void (*content)(struct message *m)) {
        size_t list;

        nft_header(m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        put_string(m, NFTA_RULE_TABLE, table_name);
        put_string(m, NFTA_RULE_CHAIN, c->name);
        list = nest(m, NFTA_RULE_EXPRESSIONS);
        content(m);
        nest_end(m, list);
        header_end(m);
}

static void add_chain(struct message *m, const struct chain *c) {
        size_t hook;

        nft_header(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        put_string(m, NFTA_CHAIN_TABLE, table_name);
        put_string(m, NFTA_CHAIN_NAME, c->name);
        hook = nest(m, NFTA_CHAIN_HOOK);
        put_be32(m, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
        put_be32(m, NFTA_HOOK_PRIORITY, (uint32_t) c->priority);
        nest_end(m, hook);
        put_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
        put_string(m, NFTA_CHAIN_TYPE, c->type);
        header_end(m);
        for (size_t i = 0; i < c->n_rules; i++)
                add_rule(m, c, c->rules[i]);
}

static int add_all(const struct chain *chains, size_t n) {
        struct message m = {};

        batch(&m, NFNL_MSG_BATCH_BEGIN);
        add_table(&m);
        for (size_t i = 0; i < n; i++)
                add_chain(&m, &chains[i]);
        batch(&m, NFNL_MSG_BATCH_END);
        return converse(NETLINK_NETFILTER, &m);
}

int capture_redirect(void) {
        static void (*const out[])(struct message * m) = {
                rule_dns_udp,   rule_dns_tcp, rule_loopback4, rule_own4,
                rule_loopback6, rule_own6,    rule_tcp,
        };
        static void (*const raw[])(struct message * m) = { rule_untracked };
        static const struct chain chains[] = {
                { "out", "nat", NF_IP_PRI_NAT_DST, out, ELEMENTSOF(out) },
                { "raw", "filter", NF_IP_PRI_RAW, raw, ELEMENTSOF(raw) },
        };
        int r = add_all(chains, ELEMENTSOF(chains));

        /* All or nothing is done, and a kernel may lack what only saves time (CONFIG_NFT_CT). */
        return r < 0 ? add_all(chains, 1) : r;
}
