/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Relative paths and environment.pass: see localise.c. */
#pragma once

#include "../../policy/policy.h"

/* `base`: an absolute directory. Strings go into the arena, or stay the caller's. */
int path_localise(struct arena *a, const char *base, const char *path, const char **ret,
                  struct error *e);
int policy_localise(struct arena *a, const char *base, struct policy *p, struct error *e);
/* The proxy of the caller's environment, where the policy has a network and names none. */
int proxy_localise(struct arena *a, struct policy *p, struct error *e);
bool pairs_have(const struct pairs *p, const char *name);
