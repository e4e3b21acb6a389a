/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ClientHello is read alike at once and byte by byte, and soon enough. */
#include <assert.h>
#include <string.h>

#include "../../proto/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct tls_hello h = { .has_name = false };
        struct host again;
        int r = tls_hello_parse(data, size, &h, NULL), step = 0;

        for (size_t n = 0; n <= size && step == TLS_HELLO_MORE; n++)
                step = tls_hello_parse(data, n, &h, NULL);
        assert(step == r);
        assert(r != TLS_HELLO_MORE || size < TLS_HELLO_MAX_BYTES);
        if (r == TLS_HELLO_FOUND && h.has_name)
                assert(host_parse(h.name.name, strlen(h.name.name), &again, NULL) == 0 &&
                       strcmp(again.name, h.name.name) == 0);
        return 0;
}
