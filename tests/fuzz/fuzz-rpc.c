/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line of a peer: parsed, its params decoded by the method's row, encoded, and answered. */
#include <assert.h>
#include <stdlib.h>

#include "../../proto/method.h"
#include "../../proto/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _Alignas(16) char params[4096] = { 0 };
        struct arena *a = arena_new();
        struct rpc_message m;
        struct error e;
        struct json *j = NULL;
        size_t n;
        int r = rpc_parse((const char *) data, size, &m, &e);
        int i = r >= 0 && m.method ? method_find(m.method) : -1;

        if (i >= 0 && shape_decode(methods[i].params, m.params, a, params, &e) >= 0)
                assert(shape_encode(methods[i].params, params, &j, &e) >= 0);
        free(r < 0 ? rpc_format_error(m.id, &e, &n)
                   : rpc_format_result(m.id, j ? j : m.params, &n));
        json_unref(j);
        rpc_message_done(&m);
        arena_free(a);
        return 0;
}
