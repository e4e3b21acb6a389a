/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Just enough of git's configuration format (git-config(1), SYNTAX) to read single values. */
#pragma once

#include "../../policy/base.h"

/* The last value of section.key (no subsection), both compared without case. false: not there, or
 * longer than the buffer. */
bool ini_get(const char *text, const char *section, const char *key, char *ret, size_t size);

/* Every value of section.key, with `sub` those of its subsections, too. */
typedef void (*ini_fn)(const char *value, void *userdata);
void ini_each(const char *text, const char *section, bool sub, const char *key, ini_fn fn,
              void *userdata);
