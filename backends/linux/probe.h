/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What this host can enforce, found out by doing it: in a child process that makes the namespaces,
 * mounts and filters that a sandbox needs and then goes away with them.
 */
#pragma once

#include "../../policy/error.h"
#include "../../policy/facts.h"

/* Some milliseconds; leaves nothing behind. Fails only when it cannot even fork: a host that can do
 * nothing is a result. Not from a program with threads. */
int probe_facts(struct facts *ret, struct error *e);
/* Root's: what it can do for this user. The group must be ours already. */
int probe_facts_for(unsigned uid, unsigned gid, struct facts *ret, struct error *e);
