/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What crosses the socket between session and gate: the first byte says which; all that a check
 * lets pass is then read. */
#include <stdlib.h>
#include <string.h>

#include "../../proto/gate_wire.h"

static size_t read_strings(const void *base, uint64_t offset, uint64_t n) {
        size_t sum = 0;
        for (uint64_t i = 0; i < n; i++)
                sum += strlen(wire_string_at(base, offset, i));
        return sum;
}

static size_t read_rules(const struct gate_rules *r) {
        return read_strings(r, r->allow, r->n_allow) + read_strings(r, r->deny, r->n_deny) +
               read_strings(r, r->local_ports, r->n_local_ports) +
               read_strings(r, r->no_proxy, r->n_no_proxy) +
               (r->proxy ? strlen(wire_string(r, r->proxy)) : 0) +
               (r->proxy_authorization ? strlen(wire_string(r, r->proxy_authorization)) : 0);
}

static size_t read_resolver(const struct gate_resolver *r) {
        const struct gate_server *s = wire_array(r, r->servers);
        const struct gate_host *h = wire_array(r, r->hosts);
        size_t sum = 0;
        for (uint64_t i = 0; i < r->n_servers; i++)
                sum += s[i].port + s[i].addr[15];
        for (uint64_t i = 0; i < r->n_hosts; i++)
                sum += strlen(wire_string(r, h[i].name)) + h[i].addr[15];
        return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t kind = size > 0 ? data[0] & 3 : 0;
        size_t sum = 0, n = size > 1 ? size - 1 : 0;
        char *copy = calloc(n ? n : 1, 1); /* aligned, and its end is watched */
        const struct gate_frame *f = (void *) copy;

        if (n > 0)
                memcpy(copy, data + 1, n);
        if (kind < 2 && gate_frame_check(copy, n, kind ? GATE_TO_GATE : GATE_TO_SESSION) >= 0)
                sum += strlen(f->host) + strlen(f->address) + strlen(f->rule) + strlen(f->field) +
                       strlen(f->why) + (gate_via_names[f->via] ? 1 : 0);
        if (kind == 2 && gate_rules_check(copy, n) >= 0)
                sum += read_rules((void *) copy);
        if (kind == 3 && gate_resolver_check(copy, n) >= 0)
                sum += read_resolver((void *) copy);
        free(copy);
        return sum == SIZE_MAX ? -1 : 0; /* the sum has a use, so that nothing is optimised away */
}
