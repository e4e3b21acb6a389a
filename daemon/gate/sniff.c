/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a program says first in a tunnel (decision 23). A ClientHello must name the host that the
 * tunnel is for; with Encrypted Client Hello the outer name is the provider's, so a real one is
 * refused, while its grease, which names the host in clear, passes. Without a server name the
 * tunnel is good for the name that it was opened by. On port 80 clear HTTP is read request by
 * request. What is neither goes through as it is: the name decided.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../proto/tls_hello.h"
#include "gate.h"

#define HTTP_PORT 80
#define METHOD_MAX 24 /* the longest registered one is UPDATEREDIRECTREF */

static int refuse(struct conn *c, const char *why) {
        c->decision =
                (struct decision){ .verdict = VERDICT_DENY, .rule = "network.tls", .field = "" };
        (void) snprintf(c->decision.why, sizeof(c->decision.why), "%s", why);
        return -EACCES;
}

/* RFC 9110 section 5.6.2 */
static bool is_token(unsigned char ch) {
        return ch > 0x20 && ch < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", ch);
}

/* A word and a space: a request line. */
static int looks_like_http(const char *data, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (data[i] == ' ')
                        return i > 0 ? SNIFF_HTTP : SNIFF_PASS;
                if (i >= METHOD_MAX || !is_token((unsigned char) data[i]))
                        return SNIFF_PASS;
        }
        return SNIFF_MORE;
}

int sniff(struct conn *c, bool ended) {
        const char *data = c->head.data + c->head.at;
        size_t n = c->head.end - c->head.at;
        struct tls_hello hello;
        struct error e = ERROR_NULL;

        if (n == 0)
                return ended ? SNIFF_PASS : SNIFF_MORE;
        int r = tls_hello_parse((const uint8_t *) data, n, &hello, &e);
        if (r < 0)
                return refuse(c, "It begins as TLS, but its ClientHello is malformed.");
        if (r == TLS_HELLO_FOUND) {
                if (hello.has_name && !rules_said(c->sb, &c->host, &hello.name, c->port,
                                                  "TLS server name", &c->decision))
                        return -EACCES;
                return SNIFF_PASS;
        }
        if (r == TLS_HELLO_NOT_TLS && c->port == HTTP_PORT) {
                r = looks_like_http(data, n);
                if (r != SNIFF_MORE || !ended)
                        return r;
        } else if (r == TLS_HELLO_NOT_TLS) {
                return SNIFF_PASS;
        }
        /* A beginning and then the end: no server makes anything of it. */
        return ended ? SNIFF_PASS : SNIFF_MORE;
}
