/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The user's own proxy, as https_proxy and the like name it. Only its host and port matter, and the
 * credentials that some ask for. */
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define DEFAULT_PORT 80 /* of http URLs (RFC 9110 section 4.2.1) */

static int parse_port(const char *s, size_t n, uint16_t *ret) {
        unsigned port = 0;
        if (n < 1 || n > 5)
                return -1;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return -1;
                port = port * 10 + (unsigned) (s[i] - '0');
        }
        if (port < 1 || port > UINT16_MAX)
                return -1;
        *ret = (uint16_t) port;
        return 0;
}

int parent_proxy_parse(const char *url, struct parent_proxy_url *ret, struct error *e) {
        static const char scheme[] = "http://";
        struct parent_proxy_url p = { .port = DEFAULT_PORT };
        const char *at = url;
        if (strncmp(url, scheme, sizeof(scheme) - 1) == 0)
                at += sizeof(scheme) - 1;
        else if (strstr(url, "://"))
                return error_set(e, ERROR_PARAMS, 0,
                                 "only proxies with http:// URLs are supported (they carry https "
                                 "through CONNECT)");
        size_t n = strcspn(at, "/?#");
        if (at[n] && strcmp(at + n, "/") != 0)
                return error_set(e, ERROR_PARAMS, 0, "a proxy's URL has no path");
        const char *sign = NULL;
        for (size_t i = 0; i < n; i++)
                if (at[i] == '@')
                        sign = at + i;
        if (sign) {
                p.user = at;
                p.user_len = (size_t) (sign - at);
                n -= p.user_len + 1;
                at = sign + 1;
        }
        size_t host = n;
        for (size_t i = n; i > 0 && at[i - 1] != ']'; i--)
                if (at[i - 1] == ':')
                        host = i - 1;
        if (host < n && parse_port(at + host + 1, n - host - 1, &p.port) < 0)
                return error_set(e, ERROR_PARAMS, 0, "the proxy's port is not from 1 to 65535");
        if (host > 2 && at[0] == '[' && at[host - 1] == ']') {
                at++;
                host -= 2;
        }
        int r = host_parse(at, host, &p.host, e);
        if (r >= 0)
                *ret = p;
        return r;
}
