/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sha256.h"

#include <stdio.h>
#include <string.h>

/* FIPS 180-4, 4.2.2: the first bits of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2,
};

static uint32_t ror(uint32_t x, unsigned n) {
        return x >> n | x << (32 - n);
}

static void compress(struct sha256 *x) {
        uint32_t w[64], v[8];
        for (size_t i = 0; i < 16; i++) {
                const uint8_t *b = x->block + i * 4;
                w[i] = (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];
        }
        for (size_t i = 16; i < 64; i++) {
                uint32_t a = w[i - 15], b = w[i - 2];
                w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] +
                       (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
        }
        memcpy(v, x->h, sizeof(v));
        for (size_t i = 0; i < 64; i++) {
                uint32_t s1 = ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25);
                uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
                uint32_t t1 = v[7] + s1 + choice + k[i] + w[i];
                uint32_t s0 = ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22);
                uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
                memmove(v + 1, v, 7 * sizeof(*v));
                v[4] += t1;
                v[0] = t1 + s0 + majority;
        }
        for (size_t i = 0; i < 8; i++)
                x->h[i] += v[i];
}

void sha256_init(struct sha256 *x) {
        *x = (struct sha256){ .h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                     0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_add(struct sha256 *x, const void *data, size_t len) {
        const uint8_t *p = data;
        while (len > 0) {
                size_t at = x->bytes % 64, n = 64 - at < len ? 64 - at : len;
                memcpy(x->block + at, p, n);
                x->bytes += n;
                p += n;
                len -= n;
                if (x->bytes % 64 == 0)
                        compress(x);
        }
}

void sha256_hex(struct sha256 *x, char ret[SHA256_HEX]) {
        uint64_t bits = x->bytes * 8;
        uint8_t length[8];
        for (size_t i = 0; i < 8; i++)
                length[i] = (uint8_t) (bits >> (56 - 8 * i));
        sha256_add(x, "\x80", 1);
        while (x->bytes % 64 != 56)
                sha256_add(x, "", 1);
        sha256_add(x, length, 8);
        for (size_t i = 0; i < 8; i++)
                (void) snprintf(ret + i * 8, 9, "%08x", x->h[i]);
}
