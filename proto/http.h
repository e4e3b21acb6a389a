/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/1.x (RFC 9110, RFC 9112) as a proxy that checks names must read it: one reading or none.
 *
 * Nothing here allocates or copies. A parsed head borrows from the caller's bytes, which must stay
 * where they are; what goes on is written anew from the parsed head (http_request_write), so that
 * no spelling which two programs read differently ever passes.
 *
 *   struct http_scan s = HTTP_SCAN_NULL;         one per head
 *   r = http_request_read(&s, bytes, n, &q, e);  0: read more and call again with all the bytes
 *                                                > 0: the head's length; the body begins there
 *                                                < 0: answer http_status(r) and close
 *   http_body_begin(&b, q.body, q.length);
 *   r = http_body_feed(&b, bytes, n, &taken, e); passes `taken` bytes on; 1: the body is complete
 */
#pragma once

#include "../policy/error.h"
#include "../policy/host.h"

#define HTTP_MAX_HEAD (64u * 1024)    /* cookies of 40 KiB exist; servers stop at 8 to 64 KiB */
#define HTTP_MAX_LINE (16u * 1024)    /* URLs of 8000 bytes must work (RFC 9112 3) */
#define HTTP_MAX_HEADERS 128          /* browsers send some 20, with many cookies some 60 */
#define HTTP_MAX_CHUNK_LINE 256       /* 16 digits of size, and extensions, which nobody uses */
#define HTTP_MAX_TRAILER (16u * 1024) /* checksums and gRPC-Web status, some hundred bytes */
#define HTTP_WRITE_EXTRA 1024u        /* Host, Connection and framing, which are written anew */
#define HTTP_MAX_ERROR 4096u          /* room for any answer of http_error_write */

struct http_text { /* borrowed, not NUL-terminated */
        const char *at;
        size_t len;
};

struct http_header {
        struct http_text name, value; /* the value without the whitespace around it */
        bool hop;                     /* for this hop only: never written to the next */
};

enum http_form {
        HTTP_FORM_ORIGIN = 1, /* "/path?query": to a server */
        HTTP_FORM_ABSOLUTE,   /* "http://host/path": to a proxy */
        HTTP_FORM_AUTHORITY,  /* "host:port": CONNECT, and nothing but CONNECT */
        HTTP_FORM_ASTERISK,   /* "*": OPTIONS, and nothing but OPTIONS */
};

enum http_body_kind {
        HTTP_BODY_NONE = 0,
        HTTP_BODY_LENGTH,
        HTTP_BODY_CHUNKED,
        HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

/* How far the search for the end of a head has come: bytes that arrive one at a time cost no more
 * than all at once. */
struct http_scan {
        uint32_t pos;   /* looked at */
        uint32_t line;  /* where the line began */
        uint32_t lines; /* complete ones */
        uint32_t start; /* after an empty line before the request (RFC 9112 2.2) */
};
#define HTTP_SCAN_NULL ((struct http_scan){ 0 })

struct http_request {
        struct http_text method; /* case-sensitive */
        bool connect, head;      /* the two methods that change how messages are read */
        unsigned minor;          /* HTTP/1.0 or 1.1 */
        enum http_form form;
        /* Where it wants to go: from the target, else from Host, and both agree where both are
         * there. !has_host: HTTP/1.0 without Host. port 0: Host alone, and it names no port. The
         * caller may set these (a captured connection knows them) before http_request_write. */
        bool has_host;
        struct host host;
        uint16_t port;
        struct http_text path; /* "/…", "?…" (after no path), "*"; empty for CONNECT */
        enum http_body_kind body;
        uint64_t length;
        bool has_length;      /* Content-Length was there, if only as 0 */
        bool keep_alive;      /* the client would send another request on this connection */
        bool upgrade;         /* wants a protocol that a tunnel may carry: not h2c, not TLS */
        bool websocket;       /* upgrade, to websocket */
        bool wants_json;      /* Accept names JSON: shape of an error's body */
        bool has_credentials; /* Proxy-Authorization was there (it is never written on) */
        size_t n_headers;
        struct http_header headers[HTTP_MAX_HEADERS];
};

/* -EPROTO: malformed or ambiguous. -EMSGSIZE: beyond a cap. -EPROTONOSUPPORT: another version.
 * -EOPNOTSUPP: a scheme or coding that is not spoken here. `ret` means something when > 0 only. */
int http_request_read(struct http_scan *s, const char *data, size_t len, struct http_request *ret,
                      struct error *e);
/* The status that answers a negative result: 400, 431, 505, 501. */
unsigned http_status(int r);

/* What the answer answers. */
struct http_asked {
        bool head;      /* the answer to HEAD has no body whatever it says */
        bool connect;   /* a 2xx is a tunnel */
        bool upgrade;   /* a 101 is one, too; unasked, it is an error */
        unsigned minor; /* of the client; 0 can't read chunks */
};

struct http_response {
        unsigned status, minor;
        struct http_text reason;
        bool interim; /* 1xx except 101: write it on, then read the next head with a new scan */
        bool tunnel;  /* from here on the bytes are not HTTP */
        enum http_body_kind body;
        uint64_t length; /* also where there is no body to it: HEAD, 304 */
        bool has_length;
        bool unchunk;    /* chunked, for a client that knows no chunks: http_body_unchunk() */
        bool keep_alive; /* the server would take another request */
        size_t n_headers;
        struct http_header headers[HTTP_MAX_HEADERS];
};

/* As http_request_read; a lone LF ends a line here, since old servers send it and it is written on
 * as CR LF. `len` 0 bytes at end of file is the caller's case. */
int http_response_read(struct http_scan *s, const char *data, size_t len,
                       const struct http_asked *asked, struct http_response *ret, struct error *e);

/* First header of that name (any case), or NULL. */
const struct http_header *http_find(const struct http_header *headers, size_t n, const char *name);

/* Follows a body without copying or changing it. */
struct http_body {
        enum http_body_kind kind;
        uint8_t state;
        uint8_t n_name;   /* of a trailer's name */
        uint16_t line;    /* bytes of a chunk's line, or its digits */
        uint32_t trailer; /* bytes of the trailer section */
        uint64_t left;    /* bytes of data that pass without a look */
        char name[20];    /* long enough for the names that no trailer may have */
};
void http_body_begin(struct http_body *b, enum http_body_kind kind, uint64_t length);
/* *ret_taken: how many of the bytes belong to the body (all but what follows its end). 1: complete,
 * 0: more to come, < 0: not to be passed on. A body of length 0 is complete with no bytes fed. */
int http_body_feed(struct http_body *b, const char *data, size_t len, size_t *ret_taken,
                   struct error *e);
/* The same, and of what was taken only the data is left, *ret_data bytes at the beginning. */
int http_body_unchunk(struct http_body *b, char *data, size_t len, size_t *ret_taken,
                      size_t *ret_data, struct error *e);
bool http_body_complete(const struct http_body *b);
/* The stream ended: 0 where a body may end, -EPROTO where it is cut. */
int http_body_end(const struct http_body *b, struct error *e);
/* splice(2): this many next bytes need no look (UINT64_MAX: all); tell how many went. */
uint64_t http_body_blind(const struct http_body *b);
void http_body_skip(struct http_body *b, uint64_t n);

/* How a request goes on. */
struct http_upstream {
        bool keep_alive;                 /* what Connection says to the next server */
        bool absolute;                   /* the next hop is a parent proxy: absolute-form */
        const char *proxy_authorization; /* for the parent, "Basic …"; or NULL */
};
/* The head for upstream: checked Host first, hop-by-hop and Proxy-* fields left out, framing
 * written from what was parsed. -ENOBUFS: `size` is too small (HTTP_MAX_HEAD + HTTP_WRITE_EXTRA
 * always does). */
int http_request_write(const struct http_request *q, const struct http_upstream *up, char *buf,
                       size_t size, size_t *ret_len, struct error *e);
/* The head for the client; `keep_alive`: whether the client's connection goes on after the body. */
int http_response_write(const struct http_response *p, bool keep_alive, char *buf, size_t size,
                        size_t *ret_len, struct error *e);
/* CONNECT to a parent proxy. */
int http_connect_write(const struct host *h, uint16_t port, const char *proxy_authorization,
                       char *buf, size_t size, size_t *ret_len, struct error *e);
/* "HTTP/1.1 200 Connection established" to a CONNECT that is granted. */
extern const char http_connected[];

/* An answer of our own; always ends the connection. */
struct http_error {
        unsigned status;  /* 400, 403, 408, 429, 431, 501, 502, 503, 504, 505 */
        const char *why;  /* one sentence for a person; goes into the reason phrase, too, which is
                             all that pip, go and java show of a refused CONNECT */
        const char *rule; /* that refused, or NULL */
        const char
                *field; /* decision.field: gives the sentence that tells how to allow it; or NULL */
        const struct host *host; /* or NULL */
        uint16_t port;
        bool json; /* q.wants_json */
        bool head; /* q.head: no body */
};
/* -ENOBUFS only below HTTP_MAX_ERROR; long texts are cut. */
int http_error_write(const struct http_error *err, char *buf, size_t size, size_t *ret_len);
/* How to allow it, in the policy and on the command line; "" where nothing would. Also for events.
 */
void http_allow_hint(const char *field, const struct host *h, uint16_t port, char *buf,
                     size_t size);
