/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading a ClientHello where it lies: first the records are walked until the message is whole,
 * then its fields are read across the records' borders. A call costs a walk over at most
 * TLS_HELLO_MAX_RECORDS headers as long as bytes are missing, so that one byte at a time is no
 * attack.
 */
#include <errno.h>
#include <string.h>

#include "tls_hello.h"

#define RECORD_HEADER 5
#define RECORD_MAX (1u << 14) /* RFC 8446 5.1 */
#define TYPE_HANDSHAKE 0x16
#define MESSAGE_HEADER 4
#define MESSAGE_CLIENT_HELLO 1
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define EXTENSION_SUPPORTED_VERSIONS 43
#define EXTENSION_ECH 0xfe0d /* RFC 9849 */

#define bad(e, err, ...) error_set(e, ERROR_REFUSED, err, __VA_ARGS__)

/* The header of one record, as much of it as is there; a tls_hello_state or error. */
static int check_record(const uint8_t *at, size_t len, bool first, struct error *e) {
        bool tls = (len < 1 || at[0] == TYPE_HANDSHAKE) && (len < 2 || at[1] == 3) &&
                   (len < 3 || at[2] <= 4);
        size_t size;

        if (!tls && first)
                return TLS_HELLO_NOT_TLS;
        if (!tls)
                return bad(e, EPROTO, "the TLS handshake begins with something else than records");
        if (len < RECORD_HEADER)
                return TLS_HELLO_MORE;
        size = (size_t) at[3] << 8 | at[4];
        if (size == 0 || size > RECORD_MAX)
                return bad(e, EPROTO, "a TLS record is empty or too long");
        return TLS_HELLO_FOUND;
}

/* The message's type and length, as soon as they are there; *ret_need as far as it is known. */
static int check_message(const uint8_t head[MESSAGE_HEADER], size_t got, size_t *ret_need,
                         struct error *e) {
        size_t length;

        if (got >= 1 && head[0] != MESSAGE_CLIENT_HELLO)
                return bad(e, EPROTO, "the TLS handshake doesn't begin with a ClientHello");
        if (got < MESSAGE_HEADER)
                return 0;
        length = (size_t) head[1] << 16 | (size_t) head[2] << 8 | head[3];
        if (length > TLS_HELLO_MAX)
                return bad(e, EMSGSIZE, "the ClientHello is longer than %u bytes", TLS_HELLO_MAX);
        *ret_need = MESSAGE_HEADER + length;
        return 0;
}

static int walk(const uint8_t *data, size_t len, struct error *e) {
        uint8_t head[MESSAGE_HEADER];
        size_t total = 0, need = MESSAGE_HEADER, pos = 0;

        for (unsigned records = 0;; records++) {
                size_t size, have;
                int r = check_record(data + pos, len - pos, records == 0, e);

                if (r != TLS_HELLO_FOUND)
                        return r;
                if (records == TLS_HELLO_MAX_RECORDS)
                        return bad(e, EMSGSIZE, "the ClientHello is in more than %d records",
                                   TLS_HELLO_MAX_RECORDS);
                size = (size_t) data[pos + 3] << 8 | data[pos + 4];
                pos += RECORD_HEADER;
                have = size < len - pos ? size : len - pos;
                for (size_t i = 0; i < have && total + i < MESSAGE_HEADER; i++)
                        head[total + i] = data[pos + i];
                total += have;
                r = check_message(head, total < MESSAGE_HEADER ? total : MESSAGE_HEADER, &need, e);
                if (r < 0)
                        return r;
                if (total >= MESSAGE_HEADER && total >= need) {
                        if (total > need || have < size)
                                return bad(e, EPROTO,
                                           "something follows the ClientHello in its record");
                        return TLS_HELLO_FOUND;
                }
                if (have < size)
                        return TLS_HELLO_MORE;
                pos += size;
        }
}

/* The bytes of the message, across records that walk() has checked. */
struct reader {
        const uint8_t *data;
        size_t record; /* bytes left in this record */
        size_t left;   /* bytes left in the innermost field */
        bool failed;   /* a field was longer than what holds it */
};

static void take(struct reader *r, size_t n, uint8_t *ret) {
        if (n > r->left) {
                r->failed = true;
                r->left = 0;
                n = 0;
        }
        r->left -= n;
        while (n > 0) {
                size_t some;

                if (r->record == 0) {
                        r->record = (size_t) r->data[3] << 8 | r->data[4];
                        r->data += RECORD_HEADER;
                }
                some = n < r->record ? n : r->record;
                if (ret) {
                        memcpy(ret, r->data, some);
                        ret += some;
                }
                r->data += some;
                r->record -= some;
                n -= some;
        }
}

static size_t take_number(struct reader *r, size_t bytes) {
        uint8_t b[3] = { 0 };
        size_t n = 0;

        take(r, bytes, b);
        for (size_t i = 0; i < bytes; i++)
                n = n << 8 | b[i];
        return n;
}

/* A field with its length before it: until leave(), the reader ends where the field does. */
static size_t enter(struct reader *r, size_t bytes) {
        size_t n = take_number(r, bytes), outer;

        if (n > r->left)
                r->failed = true, n = 0;
        outer = r->left - n;
        r->left = n;
        return outer;
}

static void leave(struct reader *r, size_t outer) {
        take(r, r->left, NULL);
        r->left = outer;
}

/* RFC 6066 3: one name of type host_name. The list allows others, which nobody ever defined. */
static int read_server_name(struct reader *r, struct tls_hello *h, struct error *e) {
        uint8_t text[256];
        size_t list = enter(r, 2), type = take_number(r, 1), n = take_number(r, 2);

        if (list != 0 || type != 0 || n != r->left || n == 0 || n >= sizeof(text) || r->failed)
                return bad(e, EPROTO, "the server name in the ClientHello is malformed");
        take(r, n, text);
        if (host_parse((const char *) text, n, &h->name, e) < 0)
                return error_wrap(e, -EPROTO, "the server name in the ClientHello");
        h->has_name = true;
        leave(r, list);
        return 0;
}

static void read_alpn(struct reader *r, struct tls_hello *h) {
        size_t list = enter(r, 2);

        h->alpn = true;
        r->failed |= list != 0 || r->left == 0;
        while (r->left > 0 && !r->failed) {
                uint8_t text[8] = { 0 };
                size_t outer = enter(r, 1), n = r->left;

                r->failed |= n == 0;
                if (n <= sizeof(text))
                        take(r, n, text);
                h->alpn_h2 |= n == 2 && memcmp(text, "h2", 2) == 0;
                h->alpn_http1 |= n == 8 && memcmp(text, "http/1.", 7) == 0;
                leave(r, outer);
        }
        leave(r, list);
}

static void read_versions(struct reader *r, struct tls_hello *h) {
        size_t list = enter(r, 1);

        r->failed |= list != 0 || r->left == 0 || r->left % 2 != 0;
        while (r->left > 0 && !r->failed)
                h->tls13 |= take_number(r, 2) == 0x0304;
        leave(r, list);
}

static int read_extensions(struct reader *r, struct tls_hello *h, struct error *e) {
        size_t list = enter(r, 2);
        bool versions = false;

        r->failed |= list != 0;
        while (r->left > 0 && !r->failed) {
                size_t type = take_number(r, 2), outer = enter(r, 2);
                bool again = false;
                int x = 0;

                switch (type) {
                case EXTENSION_SERVER_NAME:
                        again = h->has_name;
                        x = read_server_name(r, h, e);
                        break;
                case EXTENSION_ALPN:
                        again = h->alpn;
                        read_alpn(r, h);
                        break;
                case EXTENSION_SUPPORTED_VERSIONS:
                        again = versions;
                        versions = true;
                        read_versions(r, h);
                        break;
                case EXTENSION_ECH:
                        again = h->ech;
                        h->ech = true;
                        break;
                }
                if (x < 0)
                        return x;
                if (again)
                        return bad(e, EPROTO, "an extension of the ClientHello is there twice");
                leave(r, outer);
        }
        leave(r, list);
        return 0;
}

int tls_hello_parse(const uint8_t *data, size_t len, struct tls_hello *ret, struct error *e) {
        struct reader r = { .data = data, .left = MESSAGE_HEADER };
        struct tls_hello h = { .has_name = false };
        size_t outer;
        int x = walk(data, len, e);

        if (x != TLS_HELLO_FOUND)
                return x;
        take_number(&r, 1);
        r.left = take_number(&r, 3);
        r.failed |= take_number(&r, 2) >> 8 != 3; /* legacy_version */
        take(&r, 32, NULL);                       /* random */
        outer = enter(&r, 1);                     /* legacy_session_id */
        r.failed |= r.left > 32;
        leave(&r, outer);
        outer = enter(&r, 2); /* cipher_suites */
        r.failed |= r.left < 2 || r.left % 2 != 0;
        leave(&r, outer);
        outer = enter(&r, 1); /* legacy_compression_methods */
        r.failed |= r.left == 0;
        leave(&r, outer);
        if (r.left > 0 && !r.failed) { /* none before TLS 1.2, perhaps */
                x = read_extensions(&r, &h, e);
                if (x < 0)
                        return x;
        }
        if (r.failed)
                return bad(e, EPROTO, "the ClientHello is malformed");
        *ret = h;
        return TLS_HELLO_FOUND;
}
