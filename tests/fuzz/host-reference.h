/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a network rule means, said slowly and in another way than policy/: from the texts, names as
 * lists of labels, addresses as strings of bits. For rules and hosts that policy/ accepts.
 */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The labels of a name, last first; how many. */
static inline size_t reference_labels(char *name, char **ret) {
        size_t n = 0;

        if (*name && name[strlen(name) - 1] == '.')
                name[strlen(name) - 1] = '\0';
        for (char *dot; (dot = strrchr(name, '.')); *dot = '\0')
                ret[n++] = dot + 1;
        ret[n++] = name;
        return n;
}

/* 128 bits as text, IPv4 in the place where RFC 4291 maps it. false: no address. */
static inline bool reference_bits(const char *text, char *ret) {
        unsigned char a[16] = { [10] = 0xff, [11] = 0xff };

        if (inet_pton(AF_INET, text, a + 12) != 1 && inet_pton(AF_INET6, text, a) != 1)
                return false;
        for (size_t i = 0; i < 128; i++)
                ret[i] = a[i / 8] & 0x80 >> i % 8 ? '1' : '0';
        ret[128] = '\0';
        return true;
}

static inline bool reference_host(char *rule, char *host, const char *prefix) {
        char a[129], b[129], *left[256], *right[256], mapped[97];
        bool wildcard = strncmp(rule, "*.", 2) == 0;
        size_t n, m, bits;

        if (reference_bits(rule, a) != reference_bits(host, b))
                return false;
        if (reference_bits(rule, a)) {
                bits = prefix ? strtoul(prefix, NULL, 10) : 128;
                if (prefix && !strchr(rule, ':'))
                        bits += 96;
                memset(mapped, '0', 96), memset(mapped + 80, '1', 16);
                if ((memcmp(a, mapped, 96) == 0) != (memcmp(b, mapped, 96) == 0))
                        return false;
                return strncmp(a, b, bits) == 0;
        }
        n = reference_labels(rule + (wildcard ? 2 : 0), left);
        m = reference_labels(host, right);
        for (size_t i = 0; i < n; i++)
                if (i >= m || strcasecmp(left[i], right[i]) != 0)
                        return false;
        return wildcard ? m > n : m == n;
}

static inline bool reference_matches(char *rule, char *host, unsigned port) {
        char *ports, *prefix, *end = *rule == '[' ? strchr(rule, ']') : rule, *one;
        bool any;

        if ((ports = strchr(end, ':')))
                *ports++ = '\0';
        if ((prefix = strchr(end, '/')))
                *prefix++ = '\0';
        if (*rule == '[')
                *end = '\0', rule++;
        for (any = !ports || port == 0; ports && (one = strsep(&ports, ","));)
                any |= strtoul(one, NULL, 10) == port;
        return any && reference_host(rule, host, prefix);
}
