/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A head is read alike in one piece and byte by byte; what we write of it reads the same; bodies.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/http.h"

static char out[2 * HTTP_MAX_HEAD];

static void rewrite(const struct http_request *q) {
        const struct http_upstream up = { .keep_alive = q->keep_alive, .absolute = q->has_host };
        struct http_scan s = HTTP_SCAN_NULL;
        struct http_request again;
        size_t n;

        assert(q->connect || http_request_write(q, &up, out, sizeof(out), &n, NULL) == 0);
        /* What we add may bring a head that is just small enough over our own caps. */
        if (q->connect || q->n_headers + 3 > HTTP_MAX_HEADERS || n > HTTP_MAX_LINE)
                return;
        assert(http_request_read(&s, out, n, &again, NULL) == (int) n);
        assert(again.body == q->body && again.length == q->length && again.minor == q->minor);
        assert(!q->has_host || strcmp(again.host.name, q->host.name) == 0);
        assert(again.upgrade == q->upgrade && again.keep_alive == (q->keep_alive || q->upgrade));
        for (size_t i = 0; i < again.n_headers; i++)
                assert(again.headers[i].name.len < 6 || again.headers[i].name.at[5] != '-' ||
                       memcmp(again.headers[i].name.at, "Proxy", 5) != 0);
}

/* Without its chunks a body ends at the same place, and what follows it stays. */
static void plain(struct http_body b, const char *text, size_t n, int same, size_t same_taken) {
        char *copy = malloc(n + 1);
        size_t taken, rest;
        int r;

        assert(copy);
        memcpy(copy, text, n);
        r = http_body_unchunk(&b, copy, n, &taken, &rest, NULL);
        assert(r == same && (r < 0 || (taken == same_taken && rest <= taken)));
        assert(r < 0 || memcmp(copy + taken, text + taken, n - taken) == 0);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct http_asked asked = { .minor = 1, .upgrade = size & 1, .head = size & 2 };
        struct http_scan once = HTTP_SCAN_NULL, bytes = HTTP_SCAN_NULL, answer = HTTP_SCAN_NULL;
        struct http_request q;
        struct http_response p;
        struct http_body b = { 0 }, b2, b3;
        const char *text = (const char *) data;
        size_t n, taken = 0, taken2 = 0, one, left;
        int r = http_request_read(&once, text, size, &q, NULL), step = 0;

        for (n = 0; n <= size && step == 0; n++)
                step = http_request_read(&bytes, text, n, &q, NULL);
        assert(step == r);
        if (r > 0)
                rewrite(&q), http_body_begin(&b, q.body, q.length);
        else if ((r = http_response_read(&answer, text, size, &asked, &p, NULL)) > 0) {
                assert(http_response_write(&p, true, out, sizeof(out), &n, NULL) == 0);
                http_body_begin(&b, p.body, p.length);
        } else
                http_body_begin(&b, HTTP_BODY_CHUNKED, r = 0);
        b2 = b3 = b;
        left = size - (size_t) r;
        step = http_body_feed(&b, text + r, size - (size_t) r, &taken, NULL);
        for (n = (size_t) r, r = http_body_complete(&b2); n < size && r == 0; n++, taken2++)
                r = http_body_feed(&b2, text + n, 1, &one, NULL);
        assert(r == step && (r < 0 || taken == taken2));
        plain(b3, text + size - left, left, step, taken);
        return 0;
}
