/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A command line in one argument, split as a shell would, and nothing else of a shell: blanks
 * separate words, '…' keeps all in it, "…" keeps all but \" \\ and an escaped line end, \ keeps the
 * next character. $, *, ~, ;, |, > and # are characters like any other.
 */
#pragma once

#include "../../policy/arena.h"
#include "../../policy/error.h"

int words_split(struct arena *a, const char *text, struct strings *ret, struct error *e);
