/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Words of the command line that stand for numbers. All return 0, or -EINVAL / -ERANGE. */
#pragma once

#include <stdint.h>

int parse_size(const char *text, uint64_t *ret); /* 512M, 1G, 64k, 1.5G, 4096: powers of 1024 */
int parse_duration(const char *text,
                   uint64_t *ret_ms);             /* 30s, 2m, 1h, 500ms, 1h30m; no unit: seconds */
int parse_count(const char *text, uint64_t *ret); /* a whole number > 0 */
int parse_milli(const char *text, uint64_t *ret); /* 1.5 -> 1500; > 0 */
