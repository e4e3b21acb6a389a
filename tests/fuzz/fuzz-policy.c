/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A policy file; what decodes must encode, and read back to the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/shapes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena *a = arena_new();
        struct json *j = NULL;
        struct error e;
        char *text[2] = { NULL, NULL };
        size_t n[2];
        bool good = json_parse((const char *) data, size, &j, &e) >= 0;

        for (int i = 0; good && i < 2; i++) {
                struct policy p = { .level = LEVEL_UNSET };

                good = shape_decode(&policy_shape, j, a, &p, &e) >= 0;
                json_unref(j);
                j = NULL;
                if (good && shape_encode(&policy_shape, &p, &j, &e) >= 0)
                        text[i] = json_print(j, false, &n[i]);
                assert(i == 0 || (good && text[1]));
        }
        assert(!text[0] || strcmp(text[0], text[1]) == 0);
        free(text[0]);
        free(text[1]);
        json_unref(j);
        arena_free(a);
        return 0;
}
