/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Greeting and request, byte by byte and at once; a name that passes is in its one form. */
#include <assert.h>
#include <string.h>

#include "../../proto/socks5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct socks5_answer a;
        struct socks5_request q;
        struct host h;
        int r = socks5_greeting(data, size, &a, NULL), step = 0;

        assert(r <= (int) size && a.len <= sizeof(a.bytes));
        if (r > 0 && a.bytes[1] == 0)
                data += r, size -= (size_t) r;
        r = socks5_request(data, size, &q, &a, NULL);
        for (size_t n = 0; n <= size && step == 0; n++)
                step = socks5_request(data, n, &q, &a, NULL);
        assert(step == r && a.len <= sizeof(a.bytes));
        if (r > 0)
                assert(host_parse(q.host.name, strlen(q.host.name), &h, NULL) == 0 &&
                       strcmp(h.name, q.host.name) == 0 && q.port > 0);
        return 0;
}
