/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the HTTP reader share. */
#pragma once

#include <errno.h>
#include <string.h>

#include "http.h"

#define http_bad(e, err, ...) error_set(e, ERROR_REFUSED, err, __VA_ARGS__)
#define HTTP_TEXT(literal) ((struct http_text){ (literal), sizeof(literal) - 1 })

static inline char http_lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}
static inline bool http_is_digit(char c) {
        return c >= '0' && c <= '9';
}
/* Ignoring case; `lower` is in lower case. */
bool http_text_is(struct http_text t, const char *lower);
bool http_text_starts(struct http_text t, const char *lower);
bool http_text_contains(struct http_text t, const char *lower);
bool http_is_token(struct http_text t); /* RFC 9110 5.6.2 */

/* The next element of a comma list (RFC 9110 5.6.1), without whitespace around it; empty ones are
 * passed over. false: no more. */
bool http_list_next(struct http_text *list, struct http_text *ret);

/* > 0: the head's length with the empty line; 0: more. `strict`: lines end in CR LF only. */
int http_scan_head(struct http_scan *s, const char *data, size_t len, bool strict, struct error *e);
/* The next line, without its end; *at moves on. For scanned heads only. */
struct http_text http_line_next(const char **at);

/* What the fields say together. */
struct http_facts {
        unsigned n_host, n_length, n_coding;
        struct http_text host;
        uint64_t length;
        bool chunked;       /* the last coding is chunked */
        bool chunked_alone; /* and the only one */
        bool close, keep_alive, upgrade_option;
        bool upgrade_unfit; /* Upgrade names a protocol that must not be tunnelled here */
        unsigned n_upgrade;
        bool websocket;
        bool json, credentials;
};
/* Splits and judges the lines of a scanned head after its first. */
int http_fields_read(const char *at, const char *end, bool request, struct http_header *headers,
                     size_t *ret_n, struct http_facts *ret, struct error *e);

/* HOST[:PORT] with IPv6 in brackets; no user, no empty port. *ret_port = 0: none given. */
int http_authority(struct http_text t, struct host *ret, uint16_t *ret_port, struct error *e);

/* Writing into a bounded buffer: once full, it stays full. */
struct http_out {
        char *buf;
        size_t size, n;
        bool full;
};
void http_put(struct http_out *o, const char *at, size_t len);
void http_put_text(struct http_out *o, struct http_text t);
void http_put_string(struct http_out *o, const char *s);
void http_put_number(struct http_out *o, uint64_t n);
/* port 0: none is written. */
void http_put_authority(struct http_out *o, const struct host *h, uint16_t port);
void http_put_field(struct http_out *o, const char *name, struct http_text value);
