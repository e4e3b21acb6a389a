/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a TLS client says in clear before anything is encrypted: the ClientHello (RFC 8446 4.1.2),
 * with its server_name (RFC 6066 3).
 *
 * `ech` can't tell Encrypted Client Hello from the grease that browsers send to every server (RFC
 * 9849 6.2), so it is no ground for refusal. The outer name is: with real ECH that is the
 * provider's public name, which differs from the name that was looked up.
 */
#pragma once

#include "../policy/error.h"
#include "../policy/host.h"

#define TLS_HELLO_MAX (16u * 1024) /* with post-quantum key shares and tickets some 4 KiB */
#define TLS_HELLO_MAX_RECORDS 32   /* one is usual, two with large key shares */
/* With more bytes than these the answer is never TLS_HELLO_MORE. */
#define TLS_HELLO_MAX_BYTES (TLS_HELLO_MAX + 4 + (TLS_HELLO_MAX_RECORDS + 1) * 5)

enum tls_hello_state {
        TLS_HELLO_MORE = 0, /* it may become one */
        TLS_HELLO_FOUND,
        TLS_HELLO_NOT_TLS, /* the first bytes are no TLS handshake record; at the latest
                              after 3 */
};

struct tls_hello {
        bool has_name;
        struct host name; /* may be an address: some clients say it though RFC 6066 forbids it */
        bool ech;
        bool alpn, alpn_h2, alpn_http1; /* there at all; offers h2; offers http/1.1 or http/1.0 */
        bool tls13;                     /* supported_versions has 1.3 */
};
/* All bytes so far. A tls_hello_state, `ret` written when TLS_HELLO_FOUND; < 0: begins as TLS and
 * is malformed, too long, or its name is no host name. No bytes at all: TLS_HELLO_MORE. */
int tls_hello_parse(const uint8_t *data, size_t len, struct tls_hello *ret, struct error *e);
