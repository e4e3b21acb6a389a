/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A question, our answer to it, and that answer as our own resolver reads it; and any answer. */
#include <assert.h>
#include <string.h>

#include "../../proto/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct host name = { .kind = HOST_NAME, .name = "a.example" }, addr;
        struct dns_reply reply = { .ttl = 60, .addresses = &addr, .n_addresses = 1 };
        struct dns_result res;
        struct dns_query q;
        uint8_t buf[DNS_MAX_UDP];
        size_t n;
        int r = dns_query_parse(data, size, &q, NULL);

        host_from_ipv4((const uint8_t[4]){ 198, 18, 0, 1 }, &addr);
        reply.rcode = r > 0 ? (enum dns_rcode) r : DNS_NOERROR;
        assert(r < 0 || dns_reply_write(&q, &reply, dns_udp_room(&q), buf, sizeof(buf), &n) == 0);
        if (r == 0 && q.has_host && q.type == DNS_A && q.class == 1)
                assert(dns_response_parse(buf, n, q.id, &q.host, DNS_A, &res, NULL) == 0 &&
                       res.n_addresses == 1 && res.ttl == 60);
        if (r == 0)
                (void) dns_query_ptr(&q, &addr);
        if (dns_response_parse(data, size, 0x1234, &name, DNS_A, &res, NULL) == 0)
                assert(res.n_addresses <= DNS_MAX_ADDRESSES && res.ttl <= DNS_MAX_TTL);
        (void) dns_response_parse(data, size, 0x1234, &name, DNS_AAAA, &res, NULL);
        return 0;
}
