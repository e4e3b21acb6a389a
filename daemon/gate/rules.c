/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What may be talked to. Nothing else in the gate decides, and this asks policy/ for everything. */
#include <stdio.h>
#include <string.h>

#include "gate.h"

void rules_decide(const struct sandbox *sb, const struct host *h, uint16_t port,
                  struct decision *ret) {
        network_decide(&sb->rules, h, port, ret);
}

bool rules_is_local(const struct host *h) {
        static const char suffix[] = ".localhost"; /* RFC 6761 section 6.3 */
        size_t n = strlen(h->name);
        if (h->kind != HOST_NAME)
                return host_address_class(h) == ADDRESS_LOOPBACK;
        return strcmp(h->name, suffix + 1) == 0 ||
               (n > sizeof(suffix) - 1 && strcmp(h->name + n - (sizeof(suffix) - 1), suffix) == 0);
}

bool rules_address(const struct sandbox *sb, const struct host *name, const struct host *address,
                   uint16_t port, struct decision *ret) {
        struct decision d;
        /* What asks comes with a name, or an address, that was asked about already. */
        network_decide_address(&sb->rules, name, address, port, &d);
        if (d.verdict != VERDICT_DENY)
                return true;
        *ret = d;
        return false;
}

bool rules_said(const struct sandbox *sb, const struct host *target, const struct host *said,
                uint16_t port, const char *where, struct decision *ret) {
        struct decision d;
        if (host_same(target, said))
                return true;
        if (target->kind == HOST_NAME) {
                *ret = (struct decision){ .verdict = VERDICT_DENY,
                                          .rule = "network.name-mismatch",
                                          .field = "" };
                (void) snprintf(ret->why, sizeof(ret->why),
                                "The connection is to %.60s, but its %s names %.60s.", target->name,
                                where, said->name);
                return false;
        }
        /* An address was allowed by itself; the names behind it are not known. What is denied by
         * name stays denied. */
        network_decide(&sb->rules, said, port, &d);
        if (d.verdict != VERDICT_DENY || !d.field || strcmp(d.field, "/network/deny") != 0)
                return true;
        *ret = d;
        return false;
}
