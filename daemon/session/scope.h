/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A control group of our own, when somebody asks for what only that can hold. */
#pragma once

#include "session.h"

/* What is still to be had is had afterwards, and in s->facts. Takes no time but the first one. */
void scope_ensure(struct session *s);
/* The same, if this policy has a limit that needs it. */
void scope_for(struct session *s, const struct policy *p);
