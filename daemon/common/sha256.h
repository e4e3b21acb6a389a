/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 (FIPS 180-4): names what a virtual environment was made from. */
#pragma once

#include "../../policy/base.h"

struct sha256 {
        uint32_t h[8];
        uint64_t bytes;
        uint8_t block[64];
};
#define SHA256_HEX 65 /* with the NUL */

void sha256_init(struct sha256 *x);
void sha256_add(struct sha256 *x, const void *data, size_t len);
void sha256_hex(struct sha256 *x, char ret[SHA256_HEX]); /* ends it */
