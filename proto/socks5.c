/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SOCKS5 requests. The name goes through host_parse like every other: a NUL inside a domain is how
 * a proxy once compared one name and a resolver looked up another.
 */
#include <errno.h>
#include <string.h>

#include "socks5.h"

#define VERSION 5
#define METHOD_NONE_NEEDED 0
#define METHOD_NO_ACCEPTABLE 0xff
#define COMMAND_CONNECT 1
#define COMMAND_BIND 2
#define COMMAND_UDP_ASSOCIATE 3
#define TYPE_IPV4 1
#define TYPE_DOMAIN 3
#define TYPE_IPV6 4

#define bad(e, err, ...) error_set(e, ERROR_REFUSED, err, __VA_ARGS__)

int socks5_greeting(const uint8_t *data, size_t len, struct socks5_answer *ret, struct error *e) {
        size_t n;

        ret->len = 0;
        if (len > 0 && data[0] == 4) {
                /* The one answer a SOCKS4 client understands: request rejected (91). */
                *ret = (struct socks5_answer){ .bytes = { 0, 91 }, .len = 8 };
                return bad(e, EPROTONOSUPPORT,
                           "SOCKS4 has no names and no IPv6; use SOCKS5 (socks5h://)");
        }
        if (len > 0 && data[0] != VERSION)
                return bad(e, EPROTO, "this is not SOCKS5");
        if (len < 2)
                return 0;
        n = data[1];
        if (len < 2 + n)
                return 0;
        *ret = (struct socks5_answer){ .bytes = { VERSION, METHOD_NO_ACCEPTABLE }, .len = 2 };
        if (!memchr(data + 2, METHOD_NONE_NEEDED, n))
                return bad(e, EACCES,
                           "the SOCKS5 client insists on a password; none is wanted here");
        ret->bytes[1] = METHOD_NONE_NEEDED;
        return (int) (2 + n);
}

static int fail(struct socks5_answer *answer, enum socks5_code code, int r) {
        socks5_reply(code, NULL, 0, answer);
        return r;
}

/* How long the whole request is, as far as the bytes tell; 0: one more byte tells. */
static size_t request_size(const uint8_t *data, size_t len) {
        switch (data[3]) {
        case TYPE_IPV4:
                return 4 + 4 + 2;
        case TYPE_IPV6:
                return 4 + 16 + 2;
        case TYPE_DOMAIN:
                return len < 5 ? 0 : 4 + 1 + (size_t) data[4] + 2;
        }
        return 0;
}

static int check_head(const uint8_t *data, size_t len, struct socks5_answer *answer,
                      struct error *e) {
        if (data[0] != VERSION)
                return bad(e, EPROTO, "the SOCKS5 request doesn't begin with 5");
        if (len >= 2 && (data[1] == COMMAND_BIND || data[1] == COMMAND_UDP_ASSOCIATE))
                return fail(answer, SOCKS5_COMMAND,
                            bad(e, EOPNOTSUPP, "SOCKS5 %s is not offered, only CONNECT",
                                data[1] == COMMAND_BIND ? "BIND" : "UDP ASSOCIATE"));
        if (len >= 2 && data[1] != COMMAND_CONNECT)
                return fail(answer, SOCKS5_COMMAND,
                            bad(e, EPROTO, "there is no SOCKS5 command %u", data[1]));
        if (len >= 3 && data[2] != 0)
                return fail(answer, SOCKS5_FAILED,
                            bad(e, EPROTO, "the reserved byte of the SOCKS5 request is not 0"));
        if (len >= 4 && data[3] != TYPE_IPV4 && data[3] != TYPE_DOMAIN && data[3] != TYPE_IPV6)
                return fail(answer, SOCKS5_ADDRESS_TYPE,
                            bad(e, EPROTO, "there is no SOCKS5 address type %u", data[3]));
        return 0;
}

int socks5_request(const uint8_t *data, size_t len, struct socks5_request *ret,
                   struct socks5_answer *answer, struct error *e) {
        struct socks5_request q;
        size_t size;
        int r;

        answer->len = 0;
        if (len == 0)
                return 0;
        r = check_head(data, len, answer, e);
        if (r < 0)
                return r;
        size = len < 4 ? 0 : request_size(data, len);
        if (size == 0 || len < size)
                return 0;
        q.port = (uint16_t) (data[size - 2] << 8 | data[size - 1]);
        if (data[3] == TYPE_IPV4)
                host_from_ipv4(data + 4, &q.host);
        else if (data[3] == TYPE_IPV6)
                host_from_ipv6(data + 4, &q.host);
        else if (host_parse((const char *) data + 5, data[4], &q.host, e) < 0)
                return fail(answer, SOCKS5_REFUSED,
                            error_wrap(e, -EPROTO, "the host that the SOCKS5 request names"));
        if (q.port == 0)
                return fail(answer, SOCKS5_FAILED,
                            bad(e, EPROTO, "the SOCKS5 request names port 0"));
        *ret = q;
        return (int) size;
}

void socks5_reply(enum socks5_code code, const struct host *bound, uint16_t port,
                  struct socks5_answer *ret) {
        size_t n = bound && bound->kind == HOST_IPV6 ? 16 : 4;

        *ret = (struct socks5_answer){ .bytes = { VERSION, (uint8_t) code, 0,
                                                  n == 16 ? TYPE_IPV6 : TYPE_IPV4 } };
        if (bound && bound->kind != HOST_NAME) {
                memcpy(ret->bytes + 4, bound->addr, n);
                ret->bytes[4 + n] = (uint8_t) (port >> 8);
                ret->bytes[5 + n] = (uint8_t) port;
        }
        ret->len = 6 + n;
}

enum socks5_code socks5_code_for(int err) {
        switch (err < 0 ? -err : err) {
        case 0:
                return SOCKS5_GRANTED;
        case EACCES:
        case EPERM:
                return SOCKS5_REFUSED;
        case ENETUNREACH:
        case ENETDOWN:
                return SOCKS5_NET_UNREACHABLE;
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENOENT: /* the name has no address */
                return SOCKS5_HOST_UNREACHABLE;
        case ECONNREFUSED:
        case ECONNRESET:
                return SOCKS5_CONNECTION_REFUSED;
        case ETIMEDOUT:
                return SOCKS5_TTL;
        case EAFNOSUPPORT:
                return SOCKS5_ADDRESS_TYPE;
        }
        return SOCKS5_FAILED;
}
