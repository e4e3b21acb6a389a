/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SOCKS5, the server's side (RFC 1928), CONNECT only.
 *
 * No authentication is the only method: the port is inside the sandbox, so whoever reaches it is
 * the sandbox, and a password that any password opens would only teach programs to send real ones.
 * SOCKS4 is refused: 4 has no names, and 4a's are behind an address that means nothing.
 *
 * Each reader is given all the bytes so far. > 0: that many are used up; 0: more are needed;
 * < 0: send `answer` (it may be empty) and close.
 */
#pragma once

#include "../policy/error.h"
#include "../policy/host.h"

#define SOCKS5_MAX_GREETING 257 /* version, count, 255 methods */
#define SOCKS5_MAX_REQUEST 262  /* a domain of 255 bytes */

/* RFC 1928 section 6 */
enum socks5_code {
        SOCKS5_GRANTED = 0,
        SOCKS5_FAILED = 1,
        SOCKS5_REFUSED = 2, /* by the rules */
        SOCKS5_NET_UNREACHABLE = 3,
        SOCKS5_HOST_UNREACHABLE = 4,
        SOCKS5_CONNECTION_REFUSED = 5,
        SOCKS5_TTL = 6,
        SOCKS5_COMMAND = 7, /* BIND, UDP ASSOCIATE */
        SOCKS5_ADDRESS_TYPE = 8,
};

struct socks5_answer {
        uint8_t bytes[22];
        size_t len;
};

struct socks5_request {
        struct host host; /* a domain that spells an address is that address */
        uint16_t port;
};

/* On success the answer picks "no authentication". */
int socks5_greeting(const uint8_t *data, size_t len, struct socks5_answer *ret, struct error *e);
/* `ret` is written on success, `answer` on failure. */
int socks5_request(const uint8_t *data, size_t len, struct socks5_request *ret,
                   struct socks5_answer *answer, struct error *e);
/* `bound`: the address that the gate connects from, NULL for 0.0.0.0:0 (clients don't look). */
void socks5_reply(enum socks5_code code, const struct host *bound, uint16_t port,
                  struct socks5_answer *ret);
/* From the errno of a failed connect(2). */
enum socks5_code socks5_code_for(int err);
