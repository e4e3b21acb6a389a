/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What crosses the sandbox's wall: the first byte says which; all that a check lets pass is then
 * read. */
#include <stdlib.h>
#include <string.h>

#include "../../proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t kind = size > 0 ? data[0] & 3 : 0;
        char *copy = calloc(size > 1 ? size - 1 : 1, 1); /* aligned, and its end is watched */
        struct wire_plan *p = (void *) copy;
        struct wire_spawn *s = (void *) copy;
        size_t sum = 0;

        size = size > 1 ? size - 1 : 0;
        memcpy(copy, data + 1, size);
        if (kind < 2 && wire_frame_check(copy, size, kind ? WIRE_TO_INIT : WIRE_TO_SESSION) >= 0)
                sum += strlen(((struct wire_frame *) copy)->text) +
                       strlen(((struct wire_frame *) copy)->comm);
        if (kind == 2 && wire_plan_check(copy, size) >= 0) {
                for (uint64_t i = 0; i < p->n_env; i++)
                        sum += strlen(wire_string_at(p, p->env, i));
                for (uint64_t i = 0; i < p->n_rules; i++)
                        sum += strlen(wire_string(
                                p, ((const struct wire_rule *) wire_array(p, p->rules))[i].path));
        }
        for (uint64_t i = 0; kind == 3 && wire_spawn_check(copy, size) >= 0 && i < s->n_argv; i++)
                sum += strlen(wire_string_at(s, s->argv, i));
        free(copy);
        return sum == SIZE_MAX ? -1 : 0; /* the sum has a use, so that nothing is optimised away */
}
