/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sizes, durations and counts. strtod() would depend on the locale and take "inf", "0x1p3" and "
 * 1". */
#include "values.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* digits[.digits] as thousandths, rounded up beyond the third place; *end is behind it. */
static int parse_decimal(const char *s, uint64_t *ret, const char **end) {
        uint64_t n = 0, unit = 1000;
        bool rest = false;

        if (*s < '0' || *s > '9')
                return -EINVAL;
        for (; *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(n, (uint64_t) 10, &n) ||
                    __builtin_add_overflow(n, (uint64_t) (*s - '0'), &n))
                        return -ERANGE;
        if (__builtin_mul_overflow(n, (uint64_t) 1000, &n))
                return -ERANGE;
        if (*s == '.') {
                if (s[1] < '0' || s[1] > '9')
                        return -EINVAL;
                for (s++; *s >= '0' && *s <= '9'; s++) {
                        unit /= 10;
                        n += unit * (uint64_t) (*s - '0');
                        rest = rest || (unit == 0 && *s != '0');
                }
        }
        *ret = n + rest;
        *end = s;
        return 0;
}

/* thousandths * scale / 1000 without losing the top bits to the multiplication. */
static int scale(uint64_t milli, uint64_t by, uint64_t *ret) {
        unsigned __int128 n = (unsigned __int128) milli * by;

        n = (n + 999) / 1000;
        if (n > UINT64_MAX)
                return -ERANGE;
        *ret = (uint64_t) n;
        return 0;
}

int parse_size(const char *text, uint64_t *ret) {
        static const char units[] = "KMGTP";
        uint64_t milli, by = 1, n;
        const char *s;
        int r = parse_decimal(text, &milli, &s);

        if (r < 0)
                return r;
        char c = *s >= 'a' && *s <= 'z' ? (char) (*s - 'a' + 'A') : *s;
        const char *unit = c ? strchr(units, c) : NULL;
        if (unit) {
                by = UINT64_C(1) << (10 * (unit - units + 1));
                s++;
        }
        if (strcmp(s, "") != 0 && strcmp(s, "B") != 0 && strcmp(s, "b") != 0 &&
            !(unit && strcmp(s, "iB") == 0))
                return -EINVAL;
        r = scale(milli, by, &n);
        if (r < 0 || n == 0)
                return r < 0 ? r : -EINVAL;
        *ret = n;
        return 0;
}

static const struct unit {
        const char *name;
        uint64_t ms;
} units[] = { { "ms", 1 },
              { "s", 1000 },
              { "m", 60 * 1000 },
              { "h", 60 * 60 * 1000 },
              { "d", 24 * 60 * 60 * 1000 } };

static const struct unit *find_unit(const char *s, size_t len) {
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (strlen(units[i].name) == len && strncmp(s, units[i].name, len) == 0)
                        return &units[i];
        return NULL;
}

int parse_duration(const char *text, uint64_t *ret_ms) {
        uint64_t total = 0;

        if (!*text)
                return -EINVAL;
        for (const char *s = text; *s;) {
                uint64_t milli, ms;
                int r = parse_decimal(s, &milli, &s);
                if (r < 0)
                        return r;
                size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz");
                const struct unit *u = find_unit(s, len);
                if (len == 0 && total == 0 && !*s)
                        u = &units[1];
                if (!u)
                        return -EINVAL;
                r = scale(milli, u->ms, &ms);
                if (r < 0 || __builtin_add_overflow(total, ms, &total))
                        return -ERANGE;
                s += len;
        }
        if (total == 0)
                return -EINVAL;
        *ret_ms = total;
        return 0;
}

int parse_count(const char *text, uint64_t *ret) {
        uint64_t milli;
        const char *end;
        int r = parse_decimal(text, &milli, &end);

        if (r < 0)
                return r;
        if (*end || strchr(text, '.') || milli == 0)
                return -EINVAL;
        *ret = milli / 1000;
        return 0;
}

int parse_milli(const char *text, uint64_t *ret) {
        uint64_t milli;
        const char *end;
        int r = parse_decimal(text, &milli, &end);

        if (r < 0)
                return r;
        if (*end || milli == 0)
                return -EINVAL;
        *ret = milli;
        return 0;
}
