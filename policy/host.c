/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Host names and addresses in one form. Whatever two programs could read differently is refused at
 * the door: a resolver that takes "0x7f.1" for loopback never sees it.
 */
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "limits.h"

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static int hex_value(char c) {
        if (is_digit(c))
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* addresses */

/* Exactly four decimal numbers without leading zeros: the only spelling that inet_aton(3),
 * inet_pton(3) and browsers agree on. */
static bool read_ipv4(const char *s, size_t len, uint8_t ret[4]) {
        const char *end = s + len;
        for (size_t i = 0; i < 4; i++) {
                unsigned value = 0;
                size_t digits = 0;
                for (; s < end && is_digit(*s) && digits < 4; s++, digits++)
                        value = value * 10 + (unsigned) (*s - '0');
                if (digits == 0 || digits > 3 || value > 255 ||
                    (digits > 1 && *(s - digits) == '0'))
                        return false;
                ret[i] = (uint8_t) value;
                if (i < 3 && (s == end || *s++ != '.'))
                        return false;
        }
        return s == end;
}

/* RFC 4291 section 2.2, all three forms. No zone: it names an interface of one machine. */
static bool read_ipv6(const char *s, size_t len, uint8_t ret[16]) {
        const char *end = s + len;
        uint8_t bytes[16] = { 0 };
        size_t n = 0, gap = SIZE_MAX;

        if (len >= 2 && s[0] == ':' && s[1] == ':') {
                gap = 0;
                s += 2;
        }
        while (s < end) {
                const char *group = s;
                unsigned value = 0;
                for (; s < end && hex_value(*s) >= 0; s++)
                        value = (value << 4 | (unsigned) hex_value(*s)) & 0xfffff;
                if (s < end && *s == '.') {
                        if (n > 12 || !read_ipv4(group, (size_t) (end - group), bytes + n))
                                return false;
                        n += 4;
                        s = end;
                        break;
                }
                if (s == group || s - group > 4 || n > 14)
                        return false;
                bytes[n++] = (uint8_t) (value >> 8);
                bytes[n++] = (uint8_t) value;
                if (s == end)
                        break;
                if (*s++ != ':' || s == end)
                        return false;
                if (*s == ':') {
                        if (gap != SIZE_MAX)
                                return false;
                        gap = n;
                        s++;
                }
        }
        if (gap == SIZE_MAX ? n != 16 : n > 14)
                return false;
        if (gap != SIZE_MAX) {
                memmove(bytes + 16 - (n - gap), bytes + gap, n - gap);
                memset(bytes + gap, 0, 16 - n);
        }
        memcpy(ret, bytes, 16);
        return true;
}

void host_from_ipv4(const uint8_t bytes[4], struct host *ret) {
        *ret = (struct host){ .kind = HOST_IPV4 };
        memcpy(ret->addr, bytes, 4);
        (void) snprintf(ret->name, sizeof(ret->name), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
                        bytes[3]);
}

/* RFC 5952: lower case, no leading zeros, the first longest run of at least two zero groups is
 * "::". */
static void write_ipv6(const uint8_t bytes[16], char *ret, size_t size) {
        unsigned groups[8];
        size_t best = 8, best_len = 1, n = 0;
        for (size_t i = 0; i < 8; i++)
                groups[i] = (unsigned) bytes[2 * i] << 8 | bytes[2 * i + 1];
        for (size_t i = 0; i < 8; i++) {
                size_t k = i;
                while (k < 8 && groups[k] == 0)
                        k++;
                if (k - i > best_len) {
                        best = i;
                        best_len = k - i;
                }
        }
        for (size_t i = 0; i < 8;) {
                if (i == best) {
                        n += (size_t) snprintf(ret + n, size - n, "::");
                        i += best_len;
                        continue;
                }
                bool colon = i > 0 && i != best + best_len;
                n += (size_t) snprintf(ret + n, size - n, "%s%x", colon ? ":" : "", groups[i]);
                i++;
        }
}

void host_from_ipv6(const uint8_t bytes[16], struct host *ret) {
        static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
        if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
                host_from_ipv4(bytes + 12, ret);
                return;
        }
        *ret = (struct host){ .kind = HOST_IPV6 };
        memcpy(ret->addr, bytes, 16);
        write_ipv6(bytes, ret->name, sizeof(ret->name));
}

/* names */

/* Would some resolver read the name as a number? The rule of the WHATWG URL standard ("ends in a
 * number"): the last label is all digits, or 0x and hex digits. */
static bool ends_in_number(const char *name) {
        const char *last = strrchr(name, '.');
        last = last ? last + 1 : name;
        if (last[0] == '0' && last[1] == 'x') {
                for (last += 2; hex_value(*last) >= 0;)
                        last++;
                return *last == '\0';
        }
        while (is_digit(*last))
                last++;
        return *last == '\0';
}

/* RFC 1123 section 2.1 and RFC 1035 section 2.3.4; "_" since services use it (_dmarc, DNS-SD). */
static int check_labels(const char *name, struct error *e) {
        for (const char *label = name;; label++) {
                size_t n = strcspn(label, ".");
                if (n == 0)
                        return error_field(e, "", "\"%s\": a label between two dots is empty",
                                           name);
                if (n > 63)
                        return error_field(e, "", "\"%s\": a label is longer than 63 bytes", name);
                if (label[0] == '-' || label[n - 1] == '-')
                        return error_field(e, "", "\"%s\": a label begins or ends with \"-\"",
                                           name);
                label += n;
                if (*label == '\0')
                        return 0;
        }
}

static int read_name(const char *text, size_t len, struct host *ret, struct error *e) {
        if (len > 0 && text[len - 1] == '.')
                len--;
        if (len == 0)
                return error_field(e, "", "the host name is empty");
        if (len > LIMIT_HOST_BYTES)
                return error_field(e, "", "the host name is longer than %u bytes",
                                   LIMIT_HOST_BYTES);

        struct host h = { .kind = HOST_NAME };
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char) text[i];
                if (c >= 'A' && c <= 'Z')
                        c = (unsigned char) (c - 'A' + 'a');
                bool good = (c >= 'a' && c <= 'z') || is_digit((char) c) || c == '-' || c == '_' ||
                            c == '.';
                if (c >= 0x80)
                        return error_field(e, "",
                                           "the host name has a byte outside ASCII (0x%02x): write "
                                           "its xn-- form",
                                           c);
                if (!good)
                        return error_field(e, "",
                                           "the host name has a character that no host name "
                                           "has (0x%02x)",
                                           c);
                h.name[i] = (char) c;
        }
        int r = check_labels(h.name, e);
        if (r < 0)
                return r;
        if (ends_in_number(h.name))
                return error_field(e, "",
                                   "\"%s\" is not an address in its plain spelling: four decimal "
                                   "numbers without leading zeros, as in 192.0.2.1",
                                   h.name);
        *ret = h;
        return 0;
}

int host_parse(const char *text, size_t len, struct host *ret, struct error *e) {
        uint8_t bytes[16];
        if (read_ipv4(text, len, bytes)) {
                host_from_ipv4(bytes, ret);
                return 0;
        }
        if (memchr(text, ':', len)) {
                if (!read_ipv6(text, len, bytes))
                        return error_field(e, "",
                                           "this is neither a host name nor an IPv6 address");
                host_from_ipv6(bytes, ret);
                return 0;
        }
        return read_name(text, len, ret, e);
}
