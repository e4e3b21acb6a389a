/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The backends that this build has, in order of preference. The only #ifdef on the platform: below
 * it, meson chooses whole files. */
#include "backend.h"

#include <string.h>

#ifdef LEASH_BACKEND_LINUX
extern const struct backend backend_linux;
#endif
extern const struct backend backend_null;

const struct backend *const backends[] = {
#ifdef LEASH_BACKEND_LINUX
        &backend_linux,
#endif
        &backend_null,
        NULL,
};

const struct backend *backend_by_name(const char *name) {
        for (size_t i = 0; backends[i]; i++) {
                /* null enforces nothing: it is never what somebody gets who did not ask for it. */
                if (name ? strcmp(backends[i]->name, name) == 0 : backends[i] != &backend_null)
                        return backends[i];
        }
        return NULL;
}
