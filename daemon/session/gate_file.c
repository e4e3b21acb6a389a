/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the gate is told: a sandbox's rules, and the host's name servers and hosts file. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "../../backends/posix/socket.h"
#include "../../policy/host.h"
#include "../../proto/gate_wire.h"
#include "gate.h"
#include "sandbox.h"

#define FILE_MAX_BYTES (4u * 1024 * 1024) /* of hosts: lists of advertisers are some MiB */
#define NAMES_A_LINE 35                   /* hosts(5): what the C library reads, too */

static int seal(const void *data, size_t size) {
        _cleanup_(fd_closep) int fd = memfd_create("leash-gate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        for (size_t at = 0; at < size;) {
                ssize_t n = write(fd, (const char *) data + at, size - at);
                if (n < 0)
                        return -errno;
                at += (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int finish(struct wire_writer *w) {
        size_t size = 0;
        void *data = wire_writer_finish(w, &size);
        int fd = data ? seal(data, size) : -ENOMEM;
        free(data);
        wire_writer_done(w);
        return fd;
}

static uint64_t put_strings(struct wire_writer *w, const struct strings *list, uint64_t *ret_n) {
        uint64_t array = wire_writer_array(w, list->n, sizeof(uint64_t));
        for (size_t i = 0; i < list->n; i++) {
                uint64_t s = wire_writer_string(w, list->items[i]);
                uint64_t *items = wire_writer_at(w, array);
                if (items)
                        items[i] = s;
        }
        *ret_n = list->n;
        return array;
}

static int from_hex(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "Basic " and what RFC 7617 says of the user and password of a URL. */
static int put_credentials(struct wire_writer *w, const struct parent_proxy_url *url,
                           uint64_t *ret) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        char *plain = a ? arena_strndup(a, url->user, url->user_len) : NULL;
        size_t n = 0;
        if (!plain)
                return -ENOMEM;
        for (const char *s = plain; *s; s++) {
                int high = *s == '%' ? from_hex(s[1]) : -1, low = high >= 0 ? from_hex(s[2]) : -1;
                plain[n++] = low >= 0 ? (char) (high * 16 + low) : *s;
                s += low >= 0 ? 2 : 0;
        }
        char *encoded = base64_encode(plain, n);
        char *whole = encoded ? arena_printf(a, "Basic %s", encoded) : NULL;
        free(encoded);
        if (!whole)
                return -ENOMEM;
        *ret = wire_writer_string(w, whole);
        return 0;
}

static int put_proxy(struct wire_writer *w, const struct policy_network *n, struct gate_rules *r) {
        struct parent_proxy_url url;
        char text[sizeof url.host.name + 16];
        if (parent_proxy_parse(n->proxy, &url, NULL) < 0)
                return -EINVAL;
        snprintf(text, sizeof text, url.host.kind == HOST_IPV6 ? "[%s]:%u" : "%s:%u", url.host.name,
                 url.port);
        r->proxy = wire_writer_string(w, text);
        r->no_proxy = put_strings(w, &n->no_proxy, &r->n_no_proxy);
        return url.user ? put_credentials(w, &url, &r->proxy_authorization) : 0;
}

int gate_rules_file(const struct sandbox *sb) {
        const struct policy_network *n = &sb->place.policy.network;
        struct wire_writer w = { 0 };
        struct gate_rules r = { .version = GATE_VERSION };
        if (wire_writer_begin(&w, sizeof r) < 0)
                return -ENOMEM;
        r.mode = sb->place.plan->network.mode;
        r.allow = put_strings(&w, &n->allow, &r.n_allow);
        r.deny = put_strings(&w, &n->deny, &r.n_deny);
        r.local_ports = put_strings(&w, &n->local_ports, &r.n_local_ports);
        r.connections = sb->place.plan->limits.connections;
        r.bytes = sb->place.plan->limits.network_bytes;
        r.rate = sb->place.plan->limits.network_rate;
        int got = n->proxy ? put_proxy(&w, n, &r) : 0;
        if (got < 0) {
                wire_writer_done(&w);
                return got;
        }
        struct gate_rules *head = wire_writer_at(&w, 0);
        if (head)
                *head = r;
        return finish(&w);
}

/* The lines of a file, comments cut off: next() gives each word of a line in turn. */
struct words {
        char *at;
};

static char *next_word(struct words *w) {
        while (*w->at == ' ' || *w->at == '\t')
                w->at++;
        if (*w->at == 0 || *w->at == '\n' || *w->at == '#' || *w->at == ';')
                return NULL;
        char *word = w->at;
        w->at += strcspn(w->at, " \t\r\n#;");
        if (*w->at == '#' || *w->at == ';')
                *w->at = 0;
        else if (*w->at)
                *w->at++ = 0;
        return word;
}

static bool parse_address(const char *text, uint8_t ret[16], uint32_t *family) {
        memset(ret, 0, 16);
        if (inet_pton(AF_INET, text, ret) == 1)
                *family = 4;
        else if (inet_pton(AF_INET6, text, ret) == 1)
                *family = 6;
        else
                return false;
        return true;
}

static bool parse_server(char *text, struct gate_server *ret) {
        struct gate_server s = { .port = 53 };
        char *scope = strchr(text, '%');
        if (scope) {
                *scope++ = 0;
                s.scope = if_nametoindex(scope);
        }
        if (!parse_address(text, s.addr, &s.family))
                return false;
        *ret = s;
        return true;
}

/* Cuts a file into lines; each is given to fn with its words. */
static void each_line(char *text, void (*fn)(struct words *, void *), void *userdata) {
        for (char *line = text, *end; line && *line; line = end) {
                end = strchr(line, '\n');
                if (end)
                        *end++ = 0;
                struct words w = { line };
                fn(&w, userdata);
        }
}

struct servers {
        struct gate_server items[GATE_MAX_SERVERS];
        size_t n;
};

static void read_server(struct words *w, void *userdata) {
        struct servers *s = userdata;
        const char *key = next_word(w);
        char *value = key && strcmp(key, "nameserver") == 0 ? next_word(w) : NULL;
        if (value && s->n < GATE_MAX_SERVERS && parse_server(value, &s->items[s->n]))
                s->n++;
}

struct hosts {
        struct wire_writer *w;
        struct gate_host *items;
        size_t n, room;
};

static void read_hosts(struct words *w, void *userdata) {
        struct hosts *h = userdata;
        struct gate_host one = { 0 };
        const char *address = next_word(w), *name;
        if (!address || !parse_address(address, one.addr, &one.family))
                return;
        for (unsigned i = 0; i < NAMES_A_LINE && (name = next_word(w)); i++) {
                struct host canonical;
                if (h->n >= GATE_MAX_HOSTS ||
                    host_parse(name, strlen(name), &canonical, NULL) < 0 ||
                    canonical.kind != HOST_NAME)
                        continue;
                if (h->n == h->room) {
                        size_t room = h->room ? h->room * 2 : 64;
                        struct gate_host *more = realloc(h->items, room * sizeof *more);
                        if (!more)
                                return;
                        h->items = more;
                        h->room = room;
                }
                one.name = wire_writer_string(h->w, canonical.name);
                h->items[h->n++] = one;
        }
}

static char *read_config(const char *path) {
        char *text = NULL;
        size_t len;
        if (file_read(AT_FDCWD, path, FILE_MAX_BYTES, &text, &len) < 0)
                return NULL;
        return text;
}

int gate_resolver_file(void) {
        struct wire_writer w = { 0 };
        struct servers servers = { .n = 0 };
        struct hosts hosts = { .w = &w };
        struct gate_resolver r = { .version = GATE_VERSION };

        if (wire_writer_begin(&w, sizeof r) < 0)
                return -ENOMEM;
        char *text = read_config("/etc/resolv.conf");
        if (text)
                each_line(text, read_server, &servers);
        free(text);
        if (servers.n == 0) /* resolv.conf(5): then it is the local machine's */
                servers.items[servers.n++] =
                        (struct gate_server){ .addr = { 127, 0, 0, 1 }, .family = 4, .port = 53 };
        text = read_config("/etc/hosts");
        if (text)
                each_line(text, read_hosts, &hosts);
        free(text);
        r.servers = wire_writer_array(&w, servers.n, sizeof servers.items[0]);
        r.n_servers = servers.n;
        r.hosts = wire_writer_array(&w, hosts.n, sizeof *hosts.items);
        r.n_hosts = hosts.n;
        struct gate_resolver *head = wire_writer_at(&w, 0);
        if (head) {
                *head = r;
                memcpy(wire_writer_at(&w, r.servers), servers.items,
                       servers.n * sizeof servers.items[0]);
                if (hosts.n > 0)
                        memcpy(wire_writer_at(&w, r.hosts), hosts.items,
                               hosts.n * sizeof *hosts.items);
        }
        free(hosts.items);
        return finish(&w);
}
