/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Relative paths and environment.pass: see localise.c. */
#pragma once

#include "../../policy/policy.h"

/* `base`: an absolute directory. Strings go into the arena, or stay the caller's. */
int path_localise(struct arena *a, const char *base, const char *path, const char **ret,
                  struct error *e);
int policy_localise(struct arena *a, const char *base, struct policy *p, struct error *e);
/* For a policy with a network: the caller's own proxy, where it names none, and the certificate
 * authorities that the caller's environment names. */
int network_localise(struct arena *a, struct policy *p, struct error *e);
