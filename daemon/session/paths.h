/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policy paths become canonical host paths, by the user's own rights. */
#pragma once

#include "session.h"

/* `path` is absolute. realpath(3) of the longest part that exists, and the rest as it is written.
 */
int path_canonical(struct arena *a, const char *path, const char **ret, struct error *e);
/* Every path list of `p`: "~", "$WORKDIR" and patterns expanded, symlinks resolved. */
int paths_canonical(struct arena *a, struct policy *p, const char *home, const char *workdir,
                    struct error *e);
