/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What goes to people: colours only where they are wanted, and no byte of a sandbox unescaped. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "../../policy/base.h"

enum colour { COLOUR_NONE = 0, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BOLD, COLOUR_DIM };

struct style {
        bool colour; /* a terminal, and NO_COLOR (no-color.org) is not set */
        bool utf8;
};
struct style style_for(int fd);
/* The escape sequences of a colour, or "". */
const char *style_on(struct style s, enum colour c);
const char *style_off(struct style s);

/* Control characters, invalid UTF-8 and what re-orders text become \x.. or \u{..}. The result is
 * cut, with "…" in the end, when it does not fit. Returns ret. */
const char *escape(const char *text, char *ret, size_t size);
void print_escaped(FILE *f, const char *text);

/* Cells are escaped. Columns as wide as their widest cell; the last one is not padded. */
struct table {
        size_t cols, rows;
        char **cells; /* rows * cols, malloc'd */
        bool failed;
};
void table_row(struct table *t, const char *const *cells);
void table_print(struct table *t, FILE *f);
void table_done(struct table *t);
