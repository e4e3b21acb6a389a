/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The network decision (decision 22). A name is judged by the rules alone. Each address that it
 * resolves to is judged again, by rules and by class, so that a public name cannot lead to the
 * inside of a network. Deny rules come first, everywhere.
 */
#include <stdio.h>
#include <string.h>

#include "decide.h"

#define FIELD_ALLOW "/network/allow"
#define FIELD_DENY "/network/deny"
#define FIELD_MODE "/network/mode"
#define FIELD_PORTS "/network/local_ports"

int network_rules_compile(struct arena *a, const struct policy_network *n,
                          struct network_rules *ret, struct error *e) {
        struct network_rules rules = {
                .mode = n->mode == NETWORK_UNSET ? NETWORK_DENY : n->mode,
                .allow = arena_array(a, n->allow.n, sizeof(struct host_rule)),
                .deny = arena_array(a, n->deny.n, sizeof(struct host_rule)),
                .local_ports = arena_array(a, n->local_ports.n, sizeof(uint16_t)),
        };
        if (!rules.allow || !rules.deny || !rules.local_ports)
                return error_nomem(e);

        for (size_t i = 0; i < n->allow.n + n->deny.n; i++) {
                bool allow = i < n->allow.n;
                const char *text = allow ? n->allow.items[i] : n->deny.items[i - n->allow.n];
                struct host_rule *rule =
                        allow ? &rules.allow[rules.n_allow] : &rules.deny[rules.n_deny];
                char where[64];
                (void) snprintf(where, sizeof(where), "%s/%zu", allow ? FIELD_ALLOW : FIELD_DENY,
                                allow ? i : i - n->allow.n);
                int r = host_rule_parse(text, rule, e);
                if (r < 0)
                        return error_under(e, where, r);
                rule->text = arena_strdup(a, text);
                if (!rule->text)
                        return error_nomem(e);
                if (allow)
                        rules.n_allow++;
                else
                        rules.n_deny++;
        }
        for (size_t i = 0; i < n->local_ports.n; i++) {
                unsigned port = 0;
                for (const char *s = n->local_ports.items[i]; *s; s++) {
                        if (*s < '0' || *s > '9' || port > 65535)
                                port = 65536;
                        else
                                port = port * 10 + (unsigned) (*s - '0');
                }
                if (port == 0 || port > 65535)
                        return error_field(e, FIELD_PORTS, "\"%s\" is not a port: 1 to 65535",
                                           n->local_ports.items[i]);
                rules.local_ports[rules.n_local_ports++] = (uint16_t) port;
        }
        *ret = rules;
        return 0;
}

static const char *mode_rule(enum network_mode mode) {
        switch (mode) {
        case NETWORK_ALLOW:
                return "network.mode=allow";
        case NETWORK_ALLOWLIST:
                return "network.mode=allowlist";
        case NETWORK_ASK:
                return "network.mode=ask";
        default:
                return "network.mode=deny";
        }
}

/* A rule for some ports only does not deny a question about no port. */
static const struct host_rule *find_deny(const struct network_rules *n, const struct host *h,
                                         uint16_t port) {
        for (size_t i = 0; i < n->n_deny; i++)
                if (host_rule_matches(&n->deny[i], h, port) &&
                    (port != 0 || n->deny[i].n_ports == 0))
                        return &n->deny[i];
        return NULL;
}

static const struct host_rule *find_allow(const struct network_rules *n, const struct host *h,
                                          uint16_t port) {
        for (size_t i = 0; i < n->n_allow; i++)
                if (host_rule_matches(&n->allow[i], h, port))
                        return &n->allow[i];
        return NULL;
}

static bool denied(const struct network_rules *n, const struct host *h, uint16_t port,
                   struct decision *ret) {
        const struct host_rule *r = find_deny(n, h, port);
        if (r)
                decide(ret, VERDICT_DENY, r->text, FIELD_DENY, "The rule \"%.80s\" denies it.",
                       r->text);
        return r;
}

/* Loopback inside the sandbox is its own and never asks; this is about the host's. */
static void decide_loopback(const struct network_rules *n, uint16_t port, struct decision *ret) {
        for (size_t i = 0; i < n->n_local_ports; i++)
                if (n->local_ports[i] == port || port == 0) {
                        decide(ret, VERDICT_ALLOW, "network.local_ports", FIELD_PORTS,
                               "The port of the host's loopback is listed in network.local_ports.");
                        return;
                }
        decide(ret, VERDICT_DENY, mode_rule(n->mode), FIELD_PORTS,
               "The sandbox has a loopback of its own; ports of the host's are reached through "
               "network.local_ports only.");
}

/* RFC 6761 section 6.3 */
static bool is_localhost(const struct host *h) {
        static const char suffix[] = ".localhost";
        size_t n = strlen(h->name);
        return strcmp(h->name, suffix + 1) == 0 ||
               (n > sizeof(suffix) - 1 && strcmp(h->name + n - (sizeof(suffix) - 1), suffix) == 0);
}

/* What the mode says about something that no rule names. */
static void decide_by_mode(const struct network_rules *n, struct decision *ret) {
        switch (n->mode) {
        case NETWORK_ALLOW:
                decide(ret, VERDICT_ALLOW, mode_rule(n->mode), FIELD_MODE,
                       "Every public host is allowed.");
                return;
        case NETWORK_ASK:
                decide(ret, VERDICT_ASK, mode_rule(n->mode), FIELD_ALLOW,
                       "No rule names it; the client is asked.");
                return;
        case NETWORK_ALLOWLIST:
                decide(ret, VERDICT_DENY, mode_rule(n->mode), FIELD_ALLOW,
                       "No rule in network.allow names it.");
                return;
        default:
                decide(ret, VERDICT_DENY, mode_rule(n->mode), FIELD_MODE,
                       "The sandbox has no network.");
        }
}

void network_decide(const struct network_rules *n, const struct host *h, uint16_t port,
                    struct decision *ret) {
        if (h->kind != HOST_NAME) {
                network_decide_address(n, NULL, h, port, ret);
                return;
        }
        if (denied(n, h, port, ret))
                return;
        if (is_localhost(h)) {
                decide_loopback(n, port, ret);
                return;
        }
        const struct host_rule *r = n->mode == NETWORK_DENY ? NULL : find_allow(n, h, port);
        if (r)
                decide(ret, VERDICT_ALLOW, r->text, FIELD_ALLOW, "The rule \"%.80s\" allows it.",
                       r->text);
        else
                decide_by_mode(n, ret);
}

/* Is there a rule that is meant for an address of this class? `name` led to `addr`, or is NULL. */
static const struct host_rule *find_special(const struct network_rules *n, enum address_class class,
                                            const struct host *name, const struct host *addr,
                                            uint16_t port) {
        for (size_t i = 0; i < n->n_allow; i++) {
                const struct host_rule *r = &n->allow[i];
                bool by_addr = host_rule_matches(r, addr, port);
                bool by_name = name && r->kind == RULE_EXACT && host_rule_matches(r, name, port);
                switch (class) {
                case ADDRESS_PRIVATE:
                case ADDRESS_CGNAT:
                        if (by_addr || by_name)
                                return r;
                        break;
                case ADDRESS_METADATA: /* this one address: no range was ever meant for it */
                        if (by_addr && (r->kind == RULE_EXACT ||
                                        r->prefix == (addr->kind == HOST_IPV4 ? 32 : 128)))
                                return r;
                        break;
                default: /* a range must lie in the class: 0.0.0.0/0 does not mean link-local */
                        if (by_addr && host_address_class(&r->host) == class)
                                return r;
                        break;
                }
        }
        return NULL;
}

void network_decide_address(const struct network_rules *n, const struct host *name,
                            const struct host *addr, uint16_t port, struct decision *ret) {
        enum address_class class = host_address_class(addr);
        struct host inner;
        if (addr->kind == HOST_NAME) { /* a caller's mistake must not open anything */
                decide(ret, VERDICT_DENY, mode_rule(n->mode), FIELD_MODE,
                       "This is not an address.");
                return;
        }
        if (denied(n, addr, port, ret) || (name && denied(n, name, port, ret)))
                return;
        bool embedded = host_embedded_ipv4(addr, &inner);
        if (embedded && denied(n, &inner, port, ret))
                return;
        if (class == ADDRESS_LOOPBACK && !embedded) {
                decide_loopback(n, port, ret);
                return;
        }
        if (n->mode == NETWORK_DENY) {
                decide_by_mode(n, ret);
                return;
        }
        const struct host_rule *r = NULL;
        if (class == ADDRESS_PUBLIC) {
                r = find_allow(n, addr, port);
                if (!r && name)
                        r = find_allow(n, name, port);
        } else if (class != ADDRESS_LOOPBACK && class != ADDRESS_UNSPECIFIED)
                r = find_special(n, class, name, addr, port);

        if (r)
                decide(ret, VERDICT_ALLOW, r->text, FIELD_ALLOW, "The rule \"%.80s\" allows it.",
                       r->text);
        else if (class == ADDRESS_PUBLIC)
                decide_by_mode(n, ret);
        else if (!name && n->mode == NETWORK_ASK &&
                 (class == ADDRESS_PRIVATE || class == ADDRESS_CGNAT))
                decide_by_mode(n, ret); /* the client sees the very address it is asked about */
        else
                decide(ret, VERDICT_DENY, mode_rule(n->mode), FIELD_ALLOW,
                       "%.64s is a %s address: only a rule made for it allows that.", addr->name,
                       address_class_names[class]);
}
