/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The corpora of what the gate reads: files named y_* are accepted, n_* are refused, with an error
 * that says something. The folder comes as the first argument.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../../proto/audit_record.h"
#include "../../../proto/dns.h"
#include "../../../proto/http.h"
#include "../../../proto/socks5.h"
#include "../../../proto/tls_hello.h"
#include "../../../policy/base.h"
#include "../suite.h"

static int incomplete(struct error *e) {
        return error_set(e, ERROR_REFUSED, EPROTO, "it is not complete");
}

/* Requests one after the other with their bodies; a file that begins with HTTP/ is a response. */
static int try_http(const char *text, size_t len, struct error *e) {
        static struct http_request q;
        static struct http_response p;
        const struct http_asked asked = { .minor = 1, .upgrade = true };
        struct http_body b;
        size_t at = 0, taken;
        int r;

        do {
                struct http_scan s = HTTP_SCAN_NULL;
                bool response = len - at > 5 && memcmp(text + at, "HTTP/", 5) == 0;

                r = response ? http_response_read(&s, text + at, len - at, &asked, &p, e)
                             : http_request_read(&s, text + at, len - at, &q, e);
                if (r <= 0)
                        return r < 0 ? r : incomplete(e);
                at += (size_t) r;
                http_body_begin(&b, response ? p.body : q.body, response ? p.length : q.length);
                r = http_body_feed(&b, text + at, len - at, &taken, e);
                if (r < 0 || http_body_end(&b, e) < 0)
                        return -EPROTO;
                at += taken;
        } while (at < len);
        return 0;
}

static int try_socks5(const char *text, size_t len, struct error *e) {
        const uint8_t *data = (const uint8_t *) text;
        struct socks5_request q;
        struct socks5_answer a;
        int n = socks5_greeting(data, len, &a, e), r;

        if (n <= 0)
                return n < 0 ? n : incomplete(e);
        r = socks5_request(data + n, len - (size_t) n, &q, &a, e);
        return r == 0 ? incomplete(e) : r;
}

/* Questions; answers are those to 0x1234, a.example, A. */
static int try_dns(const char *text, size_t len, struct error *e) {
        const struct host name = { .kind = HOST_NAME, .name = "a.example" };
        const uint8_t *data = (const uint8_t *) text;
        struct dns_result res;
        struct dns_query q;
        int r;

        if (len > 2 && data[2] & 0x80)
                return dns_response_parse(data, len, 0x1234, &name, DNS_A, &res, e);
        r = dns_query_parse(data, len, &q, e);
        return r > 0 ? error_set(e, ERROR_REFUSED, EPROTO, "code %d", r) : r;
}

static int try_tls(const char *text, size_t len, struct error *e) {
        struct tls_hello h;
        int r = tls_hello_parse((const uint8_t *) text, len, &h, e);

        return r == TLS_HELLO_FOUND || r < 0 ? r : incomplete(e);
}

/* Not the gate's, but as hostile: what the kernel's audit records hold. */
static int try_audit(const char *text, size_t len, struct error *e) {
        struct audit_record r;

        if (audit_record_parse(AUDIT_TYPE_ACCESS, text, len, &r) == 0 ||
            audit_record_parse(AUDIT_TYPE_DOMAIN, text, len, &r) == 0)
                return 0;
        return error_set(e, ERROR_REFUSED, EINVAL, "no record");
}

static const char *root;

static void replay(const char *name, int (*try_one)(const char *, size_t, struct error *)) {
        static char path[4096], text[1 << 17];
        size_t counts[2] = { 0 };
        struct dirent *entry;
        DIR *dir;

        snprintf(path, sizeof(path), "%s/%s", root, name);
        dir = opendir(path);
        ck_assert_msg(dir, "%s", path);
        while ((entry = readdir(dir))) {
                struct error e = ERROR_NULL;
                bool good = strncmp(entry->d_name, "y_", 2) == 0;
                size_t len;
                FILE *f;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                ck_assert_msg(good || strncmp(entry->d_name, "n_", 2) == 0, "%s", entry->d_name);
                snprintf(path, sizeof(path), "%s/%s/%s", root, name, entry->d_name);
                f = fopen(path, "rb");
                ck_assert_msg(f, "%s", path);
                len = fread(text, 1, sizeof(text), f);
                fclose(f);
                r = try_one(text, len, &e);
                ck_assert_msg((r >= 0) == good, "%s/%s: %d %s", name, entry->d_name, r, e.message);
                ck_assert_msg(good || *e.message, "%s/%s: no message", name, entry->d_name);
                counts[good]++;
        }
        closedir(dir);
        ck_assert(counts[0] > 0 && counts[1] > 0);
}

START_TEST(http) {
        replay("http", try_http);
}
END_TEST

START_TEST(socks5) {
        replay("socks5", try_socks5);
}
END_TEST

START_TEST(dns) {
        replay("dns", try_dns);
}
END_TEST

START_TEST(tls) {
        replay("tls", try_tls);
}
END_TEST

START_TEST(audit) {
        replay("audit", try_audit);
}
END_TEST

int main(int argc, char **argv) {
        if (argc != 2)
                return 2;
        root = argv[1];
        return RUN_TESTS("gate-corpus", http, socks5, dns, tls, audit);
}
