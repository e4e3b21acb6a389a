/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SOCKS5 on the proxy's port: greeting, request, then a tunnel like any other. */
#include <errno.h>
#include <string.h>

#include "../../proto/socks5.h"
#include "gate.h"

static void consume(struct conn *c, size_t n) {
        c->head.at += n;
        if (c->head.at == c->head.end)
                c->head.at = c->head.end = 0;
}

static void run_request(struct conn *c) {
        const uint8_t *data = (const uint8_t *) c->head.data + c->head.at;
        struct socks5_request q;
        struct socks5_answer answer = { .len = 0 };
        struct error e = ERROR_NULL;
        int r = socks5_request(data, c->head.end - c->head.at, &q, &answer, &e);
        if (r < 0)
                conn_answer(c, answer.bytes, answer.len);
        if (r <= 0)
                return;
        consume(c, (size_t) r);
        conn_target(c, &q.host, q.port);
}

void socks_run(struct conn *c) {
        ssize_t n = conn_read_head(c, HTTP_MAX_HEAD);
        if (n < 0 && n != -EMSGSIZE && (n != -EPIPE || c->head.at == c->head.end)) {
                conn_end(c, n == -EPIPE ? 0 : (int) -n);
                return;
        }
        bool ended = n == -EPIPE;
        if (!c->greeted && c->head.end > c->head.at) {
                struct socks5_answer answer = { .len = 0 };
                struct error e = ERROR_NULL;
                int r = socks5_greeting((const uint8_t *) c->head.data + c->head.at,
                                        c->head.end - c->head.at, &answer, &e);
                if (r < 0) {
                        conn_answer(c, answer.bytes, answer.len);
                        return;
                }
                if (r > 0) {
                        c->greeted = true;
                        consume(c, (size_t) r);
                        if (buffer_add(&c->in.out, answer.bytes, answer.len) < 0) {
                                conn_end(c, ENOMEM);
                                return;
                        }
                }
        }
        /* Also when only this is new, that it can be written: a greeting may come before the first
         * word of epoll(7) about that, and its sender says nothing more until it has the answer. */
        if (half_flush(c->gate, &c->in) < 0) {
                conn_end(c, ECONNRESET);
                return;
        }
        if (c->greeted && c->head.end > c->head.at)
                run_request(c);
        if (ended && !c->dead && c->state == CONN_SOCKS)
                conn_end(c, 0);
}

void socks_refuse(struct conn *c, int err) {
        struct socks5_answer answer;
        enum socks5_code code = err == 0        ? SOCKS5_REFUSED
                                : err == ENOENT ? SOCKS5_HOST_UNREACHABLE
                                                : socks5_code_for(err);
        socks5_reply(code, NULL, 0, &answer);
        conn_answer(c, answer.bytes, answer.len);
}

int socks_granted(struct conn *c) {
        struct socks5_answer answer;
        socks5_reply(SOCKS5_GRANTED, NULL, 0, &answer);
        return buffer_add(&c->in.out, answer.bytes, answer.len);
}
