/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A record of the kernel's, with hostile strings in it: whatever is accepted is within its bounds,
 * and says the same with padding behind it, and as a copy that ends where it ends. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/audit_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct audit_record r, again;

        for (unsigned type = AUDIT_TYPE_ACCESS; type <= AUDIT_TYPE_DOMAIN; type++) {
                memset(&r, 0x55, sizeof r);
                if (audit_record_parse(type, (const char *) data, size, &r) < 0)
                        continue;
                assert(r.domain != 0);
                assert(memchr(r.path, '\0', sizeof r.path) && memchr(r.comm, '\0', sizeof r.comm));
                assert((r.kind == AUDIT_DENIED) == (type == AUDIT_TYPE_ACCESS));
                assert((r.rights != 0) == (r.kind == AUDIT_DENIED));
                assert(r.rights < UINT32_C(1) << AUDIT_RIGHT_N_);
                assert(r.pid >= 0);
                if (size + 2 > AUDIT_TEXT_MAX)
                        continue;
                char *longer = malloc(size + 2);
                if (!longer)
                        continue;
                memcpy(longer, data, size);
                longer[size] = longer[size + 1] = '\0';
                memset(&again, 0x55, sizeof again);
                assert(audit_record_parse(type, longer, size + 2, &again) == 0);
                assert(again.domain == r.domain && again.rights == r.rights &&
                       strcmp(again.path, r.path) == 0);
                free(longer);
        }
        return 0;
}
