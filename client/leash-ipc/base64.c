/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* base64 (RFC 4648 4), for bytes that are no text. */
#include "ipc.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_add_base64(struct text *t, const void *data, size_t len) {
        const unsigned char *s = data;

        for (size_t i = 0; i < len; i += 3) {
                size_t n = len - i < 3 ? len - i : 3;
                uint32_t bits = (uint32_t) s[i] << 16 | (n > 1 ? (uint32_t) s[i + 1] << 8 : 0) |
                                (n > 2 ? s[i + 2] : 0);
                char four[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                                 n > 1 ? alphabet[bits >> 6 & 63] : '=',
                                 n > 2 ? alphabet[bits & 63] : '=' };

                text_add(t, four, sizeof(four));
        }
}

static int digit(char c) {
        for (int i = 0; i < 64; i++)
                if (alphabet[i] == c)
                        return i;
        return -1;
}

size_t base64_decode_in_place(char *s, size_t len) {
        size_t n = 0, bits = 0;
        uint32_t held = 0;

        for (size_t i = 0; i < len && digit(s[i]) >= 0; i++) {
                held = held << 6 | (uint32_t) digit(s[i]);
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        s[n++] = (char) (held >> bits & 0xff);
                }
        }
        return n;
}
