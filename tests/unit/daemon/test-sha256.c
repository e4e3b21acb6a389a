/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Against the examples of FIPS 180-4, and against itself in pieces. */
#include <stdlib.h>
#include <string.h>

#include "../../../daemon/common/sha256.h"
#include "../suite.h"

static const struct {
        const char *text;
        size_t times;
        const char *digest;
} cases[] = {
        { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

START_TEST(examples) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct sha256 x;
                char hex[SHA256_HEX];
                sha256_init(&x);
                for (size_t k = 0; k < cases[i].times; k++)
                        sha256_add(&x, cases[i].text, strlen(cases[i].text));
                sha256_hex(&x, hex);
                ck_assert_str_eq(hex, cases[i].digest);
        }
}
END_TEST

/* Every length about the edges of a block, whole and cut in two. */
START_TEST(pieces) {
        char data[200], whole[SHA256_HEX], halves[SHA256_HEX];
        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char) (i * 7);
        for (size_t n = 0; n <= sizeof(data); n++) {
                struct sha256 x;
                sha256_init(&x);
                sha256_add(&x, data, n);
                sha256_hex(&x, whole);
                for (size_t cut = 0; cut <= n; cut += 13) {
                        sha256_init(&x);
                        sha256_add(&x, data, cut);
                        sha256_add(&x, data + cut, n - cut);
                        sha256_hex(&x, halves);
                        ck_assert_str_eq(whole, halves);
                }
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("sha256", examples, pieces);
}
