/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UTF-8 (RFC 3629) and base64 (RFC 4648 section 4): how bytes of a command become JSON strings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "rpc.h"
#include "shapes.h"

size_t utf8_sequence(const char *s, size_t n) {
        const unsigned char *u = (const unsigned char *) s;
        unsigned char low = 0x80, high = 0xbf;
        size_t len;

        if (n == 0)
                return 0;
        if (u[0] < 0x80)
                return 1;
        /* Table 3-7 of the Unicode standard: the second byte has a narrower range after some first
         * ones. */
        if (u[0] >= 0xc2 && u[0] <= 0xdf) {
                len = 2;
        } else if (u[0] >= 0xe0 && u[0] <= 0xef) {
                len = 3;
                if (u[0] == 0xe0)
                        low = 0xa0;
                else if (u[0] == 0xed)
                        high = 0x9f;
        } else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
                len = 4;
                if (u[0] == 0xf0)
                        low = 0x90;
                else if (u[0] == 0xf4)
                        high = 0x8f;
        } else
                return 0;
        if (n < len || u[1] < low || u[1] > high)
                return 0;
        for (size_t i = 2; i < len; i++)
                if (u[i] < 0x80 || u[i] > 0xbf)
                        return 0;
        return len;
}

/* Some byte of x is zero, or has its high bit set. */
static bool word_is_special(uint64_t x) {
        const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

        return (x & highs) || ((x - ones) & ~x & highs);
}

bool utf8_is_valid(const char *s, size_t len) {
        size_t i = 0, n;
        uint64_t word;

        while (i < len) {
                if (len - i >= sizeof(word)) { /* output is mostly ASCII */
                        memcpy(&word, s + i, sizeof(word));
                        if (!word_is_special(word)) {
                                i += sizeof(word);
                                continue;
                        }
                }
                if (s[i] == 0 || (n = utf8_sequence(s + i, len - i)) == 0)
                        return false;
                i += n;
        }
        return true;
}

size_t utf8_whole(const char *s, size_t len) {
        /* Only the last three bytes can begin a sequence that is cut; all else is left as it is. */
        for (size_t back = 1; back <= 3 && back <= len; back++) {
                unsigned char c = (unsigned char) s[len - back];
                size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

                if (c >= 0x80 && c < 0xc0)
                        continue;
                return need > back ? len - back : len;
        }
        return len;
}

enum text_encoding text_encoding_for(const struct bytes *items, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (items[i].data && !utf8_is_valid(items[i].data, items[i].len))
                        return ENCODING_BASE64;
        return ENCODING_UTF8;
}

static const char base64_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len) {
        const unsigned char *u = data;
        char *text, *out;
        size_t i;

        if (len > SIZE_MAX / 4 || !(text = malloc((len + 2) / 3 * 4 + 1)))
                return NULL;
        out = text;
        for (i = 0; len - i >= 3; i += 3) {
                uint32_t x = (uint32_t) u[i] << 16 | (uint32_t) u[i + 1] << 8 | u[i + 2];

                *out++ = base64_digits[x >> 18];
                *out++ = base64_digits[x >> 12 & 63];
                *out++ = base64_digits[x >> 6 & 63];
                *out++ = base64_digits[x & 63];
        }
        if (len - i > 0) {
                uint32_t x = (uint32_t) u[i] << 16 | (len - i == 2 ? (uint32_t) u[i + 1] << 8 : 0);

                *out++ = base64_digits[x >> 18];
                *out++ = base64_digits[x >> 12 & 63];
                *out++ = len - i == 2 ? base64_digits[x >> 6 & 63] : '=';
                *out++ = '=';
        }
        *out = 0;
        return text;
}

static int base64_value(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode_to(const char *text, size_t len, char *out, size_t *ret_len) {
        size_t pad = 0, n = 0;

        if (len % 4 != 0)
                return false;
        while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
                pad++;
        for (size_t i = 0; i < len; i += 4) {
                size_t digits = i + 4 == len ? 4 - pad : 4;
                uint32_t x = 0;

                for (size_t k = 0; k < 4; k++) {
                        int v = k < digits ? base64_value(text[i + k]) : 0;

                        if (v < 0)
                                return false;
                        x = x << 6 | (uint32_t) v;
                }
                /* RFC 4648 3.5: the bits that belong to no byte are zero, so that there is one
                 * spelling. */
                if ((digits == 2 && (x & 0xffff)) || (digits == 3 && (x & 0xff)))
                        return false;
                for (size_t k = 0; k < digits - 1; k++)
                        out[n++] = (char) (x >> (16 - 8 * k) & 0xff);
        }
        *ret_len = n;
        return true;
}

int base64_decode(const char *text, size_t len, char **ret, size_t *ret_len) {
        char *out = malloc(len / 4 * 3 + 1);
        size_t n;

        if (!out)
                return -ENOMEM;
        if (!base64_decode_to(text, len, out, &n)) {
                free(out);
                return -EINVAL;
        }
        out[n] = 0;
        *ret = out;
        *ret_len = n;
        return 0;
}
