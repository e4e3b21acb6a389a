/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* RULE, line end, HOST, and the length's low bits for a port: both readings of a rule agree. */
#include <assert.h>
#include <stdint.h>

#include "../../policy/host.h"
#include "host-reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint16_t ports[] = { 0, 80, 443, 5432 };
        uint16_t port = ports[size % ELEMENTSOF(ports)];
        char rule[1024] = { 0 }, host[1024] = { 0 };
        const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
        struct host_rule r;
        struct host h;
        size_t n = end ? (size_t) (end - data) : 0;

        if (!end || n >= sizeof(rule) || size - n - 1 >= sizeof(host))
                return 0;
        memcpy(rule, data, n);
        memcpy(host, end + 1, size - n - 1);
        if (host_rule_parse(rule, &r, NULL) < 0 || host_parse(host, size - n - 1, &h, NULL) < 0)
                return 0;
        assert(host_rule_matches(&r, &h, port) == reference_matches(rule, host, port));
        return 0;
}
