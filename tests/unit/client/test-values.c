/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>

#include "../../../client/leashctl/values.h"
#include "../suite.h"

static const struct row {
        const char *text;
        int r;
        uint64_t value;
} sizes[] = {
        { "4096", 0, 4096 },          { "64k", 0, 65536 },       { "64K", 0, 65536 },
        { "512M", 0, 536870912 },     { "1G", 0, 1073741824 },   { "1.5G", 0, 1610612736 },
        { "2GiB", 0, 2147483648 },    { "1T", 0, 1099511627776 }, { "10B", 0, 10 },
        { "0.5k", 0, 512 },           { "1.0001k", 0, 1026 }, /* rounded up, in thousandths */
        { "", -EINVAL, 0 },           { "0", -EINVAL, 0 },       { "0M", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },         { "+1", -EINVAL, 0 },      { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },         { "1x", -EINVAL, 0 },      { "1MM", -EINVAL, 0 },
        { "1iB", -EINVAL, 0 },        { "1.", -EINVAL, 0 },      { ".5G", -EINVAL, 0 },
        { "0x10", -EINVAL, 0 },       { "1e3", -EINVAL, 0 },     { "inf", -EINVAL, 0 },
        { "99999999999999999999", -ERANGE, 0 }, { "16777216P", -ERANGE, 0 },
}, durations[] = {
        { "30s", 0, 30000 },  { "2m", 0, 120000 },   { "1h", 0, 3600000 },  { "500ms", 0, 500 },
        { "1d", 0, 86400000 }, { "1h30m", 0, 5400000 }, { "1.5s", 0, 1500 }, { "60", 0, 60000 },
        { "0.1ms", 0, 1 },    { "", -EINVAL, 0 },    { "0s", -EINVAL, 0 },  { "s", -EINVAL, 0 },
        { "5x", -EINVAL, 0 }, { "1h30", -EINVAL, 0 }, { "-1s", -EINVAL, 0 }, { "5 s", -EINVAL, 0 },
        { "5S", -EINVAL, 0 }, { "18446744073709551615h", -ERANGE, 0 },
}, counts[] = {
        { "1", 0, 1 }, { "4096", 0, 4096 }, { "0", -EINVAL, 0 }, { "1.5", -EINVAL, 0 },
        { "1.0", -EINVAL, 0 }, { "x", -EINVAL, 0 }, { "", -EINVAL, 0 }, { "1k", -EINVAL, 0 },
}, millis[] = {
        { "1.5", 0, 1500 }, { "2", 0, 2000 }, { "0.001", 0, 1 }, { "0.0001", 0, 1 },
        { "0", -EINVAL, 0 }, { "1,5", -EINVAL, 0 }, { "x", -EINVAL, 0 },
};

static void check_rows(const struct row *rows, size_t n, int (*parse)(const char *, uint64_t *)) {
        for (size_t i = 0; i < n; i++) {
                uint64_t value = 7;
                int r = parse(rows[i].text, &value);
                ck_assert_msg(r == rows[i].r, "\"%s\": %d", rows[i].text, r);
                ck_assert_msg(value == (r < 0 ? 7 : rows[i].value), "\"%s\": %llu", rows[i].text,
                              (unsigned long long) value);
        }
}
#define ROWS(a) a, sizeof(a) / sizeof(a[0])

START_TEST(test_sizes) {
        check_rows(ROWS(sizes), parse_size);
}
END_TEST

START_TEST(test_durations) {
        check_rows(ROWS(durations), parse_duration);
}
END_TEST

START_TEST(test_numbers) {
        check_rows(ROWS(counts), parse_count);
        check_rows(ROWS(millis), parse_milli);
}
END_TEST

int main(void) {
        return RUN_TESTS("values", test_sizes, test_durations, test_numbers);
}
