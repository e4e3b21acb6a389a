/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of objects, and the two clocks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "session.h"

void id_new(const char *prefix, char ret[ID_BYTES]) {
        static const char alphabet[] =
                "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 6, lower case */
        unsigned char
                random[10]; /* 80 bits: nobody guesses one, and it is still short in a prompt */
        size_t n = strlen(prefix);
        unsigned bits = 0, have = 0;

        /* They come whole once the pool is initialised (getrandom(2)); only EINTR before that.
         */
        while (getrandom(random, sizeof random, 0) != (ssize_t) sizeof random)
                if (errno != EINTR)
                        abort();
        memcpy(ret, prefix, n);
        for (size_t i = 0; i < sizeof random; i++) {
                bits = bits << 8 | random[i];
                for (have += 8; have >= 5; have -= 5)
                        ret[n++] = alphabet[bits >> (have - 5) & 31];
        }
        ret[n] = 0; /* 3 + 16 + 1 bytes: 80 bits are 16 letters exactly */
}

static double read_clock(clockid_t clock) {
        struct timespec ts;
        clock_gettime(clock, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

double clock_monotonic(void) {
        return read_clock(CLOCK_MONOTONIC);
}

double clock_wall(void) {
        return read_clock(CLOCK_REALTIME);
}
