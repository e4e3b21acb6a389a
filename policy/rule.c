/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One rule of network.allow or network.deny: [*.]HOST[:PORT,PORT...] or ADDRESS[/PREFIX][:PORTS],
 * with IPv6 in brackets, so that a colon always begins the ports.
 */
#include <errno.h>
#include <string.h>

#include "host.h"
#include "limits.h"

static int parse_number(const char *s, size_t len, unsigned max, unsigned *ret) {
        unsigned value = 0;
        if (len == 0 || len > 5 || (len > 1 && s[0] == '0'))
                return -EINVAL;
        for (size_t i = 0; i < len; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return -EINVAL;
                value = value * 10 + (unsigned) (s[i] - '0');
        }
        if (value > max)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int parse_ports(const char *s, struct host_rule *rule, struct error *e) {
        for (;;) {
                size_t n = strcspn(s, ",");
                unsigned port;
                if (parse_number(s, n, 65535, &port) < 0 || port == 0)
                        return error_field(e, "",
                                           "\"%s\": after the colon come ports, 1 to 65535, with "
                                           "commas between them",
                                           rule->text);
                if (rule->n_ports == ELEMENTSOF(rule->ports))
                        return error_field(e, "",
                                           "\"%s\" lists more than %zu ports: write a second rule, "
                                           "or leave the ports out for all of them",
                                           rule->text, ELEMENTSOF(rule->ports));
                rule->ports[rule->n_ports++] = (uint16_t) port;
                if (!s[n])
                        return 0;
                s += n + 1;
        }
}

static bool has_host_bits(const uint8_t *addr, unsigned prefix, unsigned bits) {
        for (unsigned i = prefix; i < bits; i++)
                if (addr[i / 8] & 0x80 >> i % 8)
                        return true;
        return false;
}

/* `mapped`: written as an IPv6 address, read as the IPv4 address inside. */
static int parse_prefix(const char *s, size_t len, bool mapped, struct host_rule *rule,
                        struct error *e) {
        unsigned bits = rule->host.kind == HOST_IPV4 ? 32 : 128, prefix;
        unsigned outside = mapped ? 96 : 0; /* bits that are not part of the IPv4 address */
        if (parse_number(s, len, bits + outside, &prefix) < 0 || prefix < outside)
                return error_field(e, "", "\"%s\": after the slash comes a number from %u to %u",
                                   rule->text, outside, bits + outside);
        prefix -= outside;
        if (has_host_bits(rule->host.addr, prefix, bits))
                return error_field(e, "",
                                   "\"%s\" has bits beyond its prefix: write the first address of "
                                   "the range, or /%u for this one address",
                                   rule->text, bits + outside);
        rule->kind = RULE_CIDR;
        rule->prefix = prefix;
        return 0;
}

static int parse_host(const char *s, size_t len, bool brackets, struct host_rule *rule,
                      struct error *e) {
        int r = host_parse(s, len, &rule->host, e);
        if (r < 0)
                return r;
        if (brackets && !memchr(s, ':', len))
                return error_field(e, "", "\"%s\": only IPv6 addresses stand in brackets",
                                   rule->text);
        if (rule->kind == RULE_WILDCARD && rule->host.kind != HOST_NAME)
                return error_field(e, "",
                                   "\"%s\": \"*.\" goes before a name, not an address; for a "
                                   "range write ADDRESS/PREFIX",
                                   rule->text);
        return 0;
}

int host_rule_parse(const char *text, struct host_rule *ret, struct error *e) {
        struct host_rule rule = { .kind = RULE_EXACT, .text = text };
        const char *s = text;
        bool brackets = *s == '[';

        if (strcmp(text, "*") == 0)
                return error_field(e, "",
                                   "\"*\" is not a rule: network.mode \"allow\" (--net allow) "
                                   "means every public host");
        if (strlen(text) > LIMIT_HOST_BYTES * 2)
                return error_field(e, "", "the rule is too long");
        if (strstr(text, "://"))
                return error_field(e, "",
                                   "\"%s\" is a URL: write the host alone, as in "
                                   "\"example.com\" or \"example.com:443\"",
                                   text);
        if (s[0] == '*' && s[1] == '.') {
                rule.kind = RULE_WILDCARD;
                s += 2;
        }
        size_t n = brackets ? strcspn(++s, "]") : strcspn(s, ":/");
        if (brackets && !s[n])
                return error_field(e, "", "\"%s\": the closing bracket is missing", text);
        if (!brackets && s[n] == ':' && strchr(s + n + 1, ':'))
                return error_field(e, "",
                                   "\"%s\": IPv6 addresses stand in brackets, as in "
                                   "\"[2001:db8::1]:443\"",
                                   text);
        int r = parse_host(s, n, brackets, &rule, e);
        if (r < 0)
                return r;

        const char *rest = s + n + (brackets ? 1 : 0);
        if (*rest == '/') {
                if (rule.host.kind == HOST_NAME)
                        return error_field(e, "",
                                           "\"%s\": a path or prefix after a name means "
                                           "nothing here; leave it out",
                                           text);
                size_t len = strcspn(++rest, ":");
                r = parse_prefix(rest, len, brackets && rule.host.kind == HOST_IPV4, &rule, e);
                if (r < 0)
                        return r;
                rest += len;
        }
        if (*rest == ':') {
                r = parse_ports(rest + 1, &rule, e);
                if (r < 0)
                        return r;
        } else if (*rest)
                return error_field(e, "", "\"%s\": only \":PORT\" or \"/PREFIX\" can follow", text);

        *ret = rule;
        return 0;
}

static bool port_matches(const struct host_rule *r, uint16_t port) {
        if (r->n_ports == 0 || port == 0)
                return true;
        for (size_t i = 0; i < r->n_ports; i++)
                if (r->ports[i] == port)
                        return true;
        return false;
}

static bool name_matches(const struct host_rule *r, const struct host *h) {
        if (h->kind != HOST_NAME)
                return false;
        if (r->kind == RULE_EXACT)
                return strcmp(r->host.name, h->name) == 0;
        size_t n = strlen(h->name), suffix = strlen(r->host.name);
        return n > suffix + 1 && h->name[n - suffix - 1] == '.' &&
               strcmp(h->name + n - suffix, r->host.name) == 0;
}

static bool address_matches(const struct host_rule *r, const struct host *h) {
        unsigned bits = h->kind == HOST_IPV4 ? 32 : 128;
        unsigned prefix = r->kind == RULE_CIDR ? r->prefix : bits;
        if (r->host.kind != h->kind)
                return false;
        for (unsigned i = 0; i < prefix; i++)
                if ((r->host.addr[i / 8] ^ h->addr[i / 8]) & 0x80 >> i % 8)
                        return false;
        return true;
}

bool host_rule_matches(const struct host_rule *r, const struct host *h, uint16_t port) {
        bool host = r->host.kind == HOST_NAME ? name_matches(r, h) : address_matches(r, h);
        return host && port_matches(r, port);
}
