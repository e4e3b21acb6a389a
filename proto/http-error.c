/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Answers of our own. Whoever meets one should learn at once that it was leash, which rule refused,
 * and what would allow it: in the reason phrase for tools that show no more of a refused CONNECT,
 * in Proxy-Status (RFC 9209) for programs, in the body for people or, where JSON is asked for, as
 * JSON.
 */
#include "http-internal.h"

/* Parts of a body are cut at this: with every byte escaped, all of them fit MAX_BODY. */
#define MAX_PART 400u
#define MAX_HINT 700u   /* twice the longest host and port, and the words around */
#define MAX_REASON 160u /* some clients read the status line into small buffers */
#define MAX_BODY 3072u

static const struct {
        unsigned status;
        const char *reason;
        const char *error; /* RFC 9209 section 2.3 */
        const char *code;  /* in the JSON body */
} statuses[] = {
        { 400, "Bad Request", "http_request_error", "bad_request" },
        { 403, "Forbidden", "http_request_denied", "refused" },
        { 408, "Request Timeout", "http_request_error", "timeout" },
        { 429, "Too Many Requests", "http_request_denied", "limit_exceeded" },
        { 431, "Request Header Fields Too Large", "http_request_error", "too_large" },
        { 501, "Not Implemented", "http_request_error", "unsupported" },
        { 502, "Bad Gateway", "destination_unavailable", "unreachable" },
        { 503, "Service Unavailable", "proxy_internal_error", "unavailable" },
        { 504, "Gateway Timeout", "connection_timeout", "timeout" },
        { 505, "HTTP Version Not Supported", "http_request_error", "unsupported" },
};

/* Which field would allow it, and the words around HOST:PORT that say how. */
static const struct {
        const char *field;
        const char *before, *middle, *after;
        bool local; /* the rule is a port alone */
} hints[] = {
        { "/network/allow", "To allow it, add \"", "\" to network.allow, or run with --allow-host ",
          ".", false },
        { "/network/mode", "To allow it, add \"", "\" to network.allow, or run with --allow-host ",
          ".", false },
        { "/network/deny", "To allow \"", "\", take the rule that names it out of network.deny",
          ".", false },
        { "/network/local_ports", "To allow it, add ",
          " to network.local_ports, or run with --local-port ", ".", true },
};

/* Fields that are no matter of the host. */
static const struct {
        const char *field, *text;
} plain_hints[] = {
        { "/limits/connections",
          "To allow more, raise limits.connections, or run with --connections N." },
        { "/limits/network_bytes",
          "To allow more, raise limits.network_bytes, or run with --net-bytes SIZE." },
};

/* Text of someone else's inside a line of ours: no controls, ASCII only; `quote` for JSON and
 * quoted strings. */
static void put_clean(struct http_out *o, const char *s, size_t max, bool quote) {
        for (size_t i = 0; i < max && s[i]; i++) {
                unsigned char c = (unsigned char) s[i];

                if (quote && (c == '"' || c == '\\'))
                        http_put(o, "\\", 1);
                if (c < 0x20)
                        http_put(o, " ", 1);
                else
                        http_put(o, c < 0x7f ? &s[i] : "?", 1);
        }
}

static void put_hint(struct http_out *o, const char *field, const struct host *h, uint16_t port) {
        for (size_t i = 0; field && i < ELEMENTSOF(plain_hints); i++)
                if (strcmp(plain_hints[i].field, field) == 0)
                        http_put_string(o, plain_hints[i].text);
        for (size_t i = 0; field && h && i < ELEMENTSOF(hints); i++) {
                if (strcmp(hints[i].field, field) != 0 || (hints[i].local && port == 0))
                        continue;
                http_put_string(o, hints[i].before);
                for (int again = 0; again < 2; again++) {
                        if (hints[i].local)
                                http_put_number(o, port);
                        else if (again == 0 || strcmp(field, "/network/deny") != 0)
                                http_put_authority(o, h, port);
                        http_put_string(o, again == 0 ? hints[i].middle : hints[i].after);
                }
                return;
        }
}

void http_allow_hint(const char *field, const struct host *h, uint16_t port, char *buf,
                     size_t size) {
        struct http_out o = { .buf = buf, .size = size > 0 ? size - 1 : 0 };

        put_hint(&o, field, h, port);
        if (size > 0)
                buf[o.n] = '\0';
}

static void put_member(struct http_out *o, const char *name, const char *value, size_t max) {
        http_put_string(o, ",\"");
        http_put_string(o, name);
        http_put_string(o, "\":\"");
        put_clean(o, value, max, true);
        http_put_string(o, "\"");
}

static void put_json(struct http_out *o, const struct http_error *err, const char *code,
                     const char *hint) {
        http_put_string(o, "{\"error\":{\"code\":\"");
        http_put_string(o, code);
        http_put_string(o, "\"");
        put_member(o, "by", "leash", MAX_PART);
        put_member(o, "message", err->why, MAX_PART);
        if (err->rule)
                put_member(o, "rule", err->rule, MAX_PART);
        if (err->field)
                put_member(o, "field", err->field, MAX_PART);
        if (err->host)
                put_member(o, "host", err->host->name, MAX_PART);
        if (err->port > 0) {
                http_put_string(o, ",\"port\":");
                http_put_number(o, err->port);
        }
        if (*hint)
                put_member(o, "hint", hint, MAX_HINT);
        http_put_string(o, "}}\n");
}

static void put_words(struct http_out *o, const struct http_error *err, const char *hint) {
        http_put_string(o, err->status == 403 ? "leash refused this" : "leash");
        if (err->host) {
                http_put_string(o, err->status == 403 ? " connection to " : ", connection to ");
                http_put_authority(o, err->host, err->port);
        }
        http_put_string(o, ": ");
        put_clean(o, err->why, MAX_PART, false);
        http_put_string(o, "\n");
        if (err->rule) {
                http_put_string(o, "Rule: ");
                put_clean(o, err->rule, MAX_PART, false);
                if (err->field) {
                        http_put_string(o, " (");
                        put_clean(o, err->field, MAX_PART, false);
                        http_put_string(o, ")");
                }
                http_put_string(o, "\n");
        }
        if (*hint) {
                http_put_string(o, hint);
                http_put_string(o, "\n");
        }
}

int http_error_write(const struct http_error *err, char *buf, size_t size, size_t *ret_len) {
        struct http_out o = { .buf = buf, .size = size };
        char text[MAX_BODY], hint[MAX_HINT];
        struct http_out body = { .buf = text, .size = sizeof(text) };
        size_t i = 0;

        while (i < ELEMENTSOF(statuses) && statuses[i].status != err->status)
                i++;
        if (i == ELEMENTSOF(statuses))
                return -EINVAL;
        http_allow_hint(err->field, err->host, err->port, hint, sizeof(hint));
        if (err->json)
                put_json(&body, err, statuses[i].code, hint);
        else
                put_words(&body, err, hint);
        http_put_string(&o, "HTTP/1.1 ");
        http_put_number(&o, err->status);
        http_put_string(&o, " ");
        http_put_string(&o, statuses[i].reason);
        http_put_string(&o, " by leash: ");
        put_clean(&o, err->why, MAX_REASON, false);
        http_put_string(&o, "\r\nProxy-Status: leash; error=");
        http_put_string(&o, statuses[i].error);
        if (err->rule) {
                http_put_string(&o, "; details=\"");
                put_clean(&o, err->rule, MAX_REASON, true);
                http_put_string(&o, "\"");
        }
        http_put_string(&o, err->json ? "\r\nContent-Type: application/json"
                                      : "\r\nContent-Type: text/plain; charset=utf-8");
        http_put_string(&o, "\r\nCache-Control: no-store\r\nContent-Length: ");
        http_put_number(&o, body.n);
        http_put_string(&o, "\r\nConnection: close\r\n\r\n");
        if (!err->head)
                http_put(&o, text, body.n);
        if (o.full || body.full)
                return -ENOBUFS;
        *ret_len = o.n;
        return 0;
}
