/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How both kinds of decision, on paths and on the network, are put. */
#pragma once

#include "host.h"

/* `rule` and `field` are borrowed; the rest is the sentence, cut to what fits. */
void decide(struct decision *ret, enum verdict verdict, const char *rule, const char *field,
            const char *fmt, ...) _printf_(5, 6);
