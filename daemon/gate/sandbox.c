/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sandbox as the gate knows it: rules, listeners, names, and what is open. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate.h"

#define RULES_MAX (8u * 1024 * 1024) /* of a file: 4096 rules of each kind, and room */

struct sandbox *sandbox_by_number(struct gate *g, uint64_t number) {
        struct sandbox *sb;
        LIST_FOREACH(sb, &g->sandboxes, link)
                if (sb->number == number)
                        return sb;
        return NULL;
}

int sandbox_read_file(int fd, void **ret, size_t *ret_size) {
        off_t size = lseek(fd, 0, SEEK_END);
        if (size <= 0 || size > RULES_MAX)
                return -EBADMSG;
        char *data = malloc((size_t) size);
        if (!data)
                return -ENOMEM;
        for (off_t at = 0; at < size;) {
                ssize_t n = pread(fd, data + at, (size_t) (size - at), at);
                if (n <= 0) {
                        free(data);
                        return n < 0 ? -errno : -EBADMSG;
                }
                at += n;
        }
        *ret = data;
        *ret_size = (size_t) size;
        return 0;
}

static bool copy_strings(struct arena *a, const void *base, uint64_t offset, uint64_t n,
                         struct strings *ret) {
        for (uint64_t i = 0; i < n; i++)
                if (!arena_push(a, ret, wire_string_at(base, offset, i)))
                        return false;
        return true;
}

/* "host:port", as the session wrote it. */
static int read_parent(struct sandbox *sb, const struct gate_rules *r) {
        struct parent_proxy *p = &sb->parent;
        const char *text = wire_string(r, r->proxy);
        if (!text)
                return 0;
        const char *colon = strrchr(text, ':');
        long port = colon ? strtol(colon + 1, NULL, 10) : 0;
        size_t n = colon ? (size_t) (colon - text) : 0;
        if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
                text++;
                n -= 2;
        }
        if (port < 1 || port > 65535 || host_parse(text, n, &p->host, NULL) < 0)
                return -EBADMSG;
        p->port = (uint16_t) port;
        const char *auth = wire_string(r, r->proxy_authorization);
        p->authorization = auth ? arena_strdup(sb->arena, auth) : NULL;
        p->exceptions = arena_array(sb->arena, r->n_no_proxy * 2, sizeof(p->exceptions[0]));
        if (!p->exceptions || (auth && !p->authorization))
                return -ENOMEM;
        for (uint64_t i = 0; i < r->n_no_proxy; i++) {
                /* NO_PROXY has no standard: "x", ".x" and "*.x" all mean x and what is below it, as
                 * curl and go read them. What cannot be read excepts nothing. */
                const char *word = wire_string_at(r, r->no_proxy, i);
                if (strcmp(word, "*") == 0)
                        p->never = true;
                if (word[0] == '*' && word[1] == '.')
                        word++;
                if (word[0] == '.')
                        word++;
                char *copy = arena_strdup(sb->arena, word);
                char *below = arena_printf(sb->arena, "*.%s", word);
                if (!copy || !below)
                        return -ENOMEM;
                if (host_rule_parse(copy, &p->exceptions[p->n_exceptions], NULL) >= 0)
                        p->n_exceptions++;
                if (host_rule_parse(below, &p->exceptions[p->n_exceptions], NULL) >= 0)
                        p->n_exceptions++;
        }
        p->set = true;
        return 0;
}

static int read_rules(struct sandbox *sb, const void *base, size_t size) {
        const struct gate_rules *r = base;
        struct policy_network n = { .mode = NETWORK_DENY };
        if (gate_rules_check(base, size) < 0 || r->mode >= NETWORK_N_)
                return -EBADMSG;
        n.mode = (enum network_mode) r->mode;
        if (!copy_strings(sb->arena, base, r->allow, r->n_allow, &n.allow) ||
            !copy_strings(sb->arena, base, r->deny, r->n_deny, &n.deny) ||
            !copy_strings(sb->arena, base, r->local_ports, r->n_local_ports, &n.local_ports))
                return -ENOMEM;
        if (r->connections > 0 && r->connections < GATE_MAX_CONNS)
                sb->quota.connections = r->connections;
        if (r->bytes > 0)
                sb->quota.bytes = r->bytes;
        sb->quota.rate = r->rate;
        int got = network_rules_compile(sb->arena, &n, &sb->rules, NULL);
        return got < 0 ? got : read_parent(sb, r);
}

static int open_listeners(struct gate *g, struct sandbox *sb, const struct gate_frame *f, int *fds,
                          size_t n_fds) {
        size_t next = 0;
        sb->listeners = calloc(n_fds + 1, sizeof(*sb->listeners));
        if (!sb->listeners)
                return -ENOMEM;
        for (unsigned which = 0; which < GATE_LISTENER_N_ && next < n_fds; which++) {
                if (!(f->mask & (1u << which)))
                        continue;
                int r = listener_open(g, sb, fds[next], which);
                if (r < 0)
                        return r;
                fds[next++] = -1;
        }
        while (next < n_fds) {
                int r = listener_open(g, sb, fds[next], GATE_LISTENER_N_);
                if (r < 0)
                        return r;
                fds[next++] = -1;
        }
        return 0;
}

/* Takes those of `fds` that it sets to -1. fds[0] is the file. */
int sandbox_add(struct gate *g, const struct gate_frame *f, int *fds, size_t n_fds) {
        void *file = NULL;
        size_t size = 0;
        if (n_fds != 1 + (size_t) __builtin_popcount(f->mask) + f->more ||
            sandbox_by_number(g, f->sandbox))
                return -EBADMSG;
        int r = sandbox_read_file(fds[0], &file, &size);
        if (!file)
                return r;
        struct sandbox *sb = calloc(1, sizeof(*sb));
        if (!sb) {
                free(file);
                return -ENOMEM;
        }
        TAILQ_INIT(&sb->conns);
        sb->number = f->sandbox;
        sb->tokens = (uint64_t) GATE_QUESTIONS_BURST * 1000000;
        sb->tokens_at = g->now;
        sb->quota = (struct quota){ .connections = GATE_MAX_CONNS, .bytes = UINT64_MAX };
        sb->arena = arena_new();
        sb->names = names_new();
        LIST_INSERT_HEAD(&g->sandboxes, sb, link);
        r = sb->arena && sb->names ? read_rules(sb, file, size) : -ENOMEM;
        free(file);
        quota_start(g, &sb->quota);
        if (r >= 0)
                r = open_listeners(g, sb, f, fds + 1, n_fds - 1);
        if (r < 0)
                sandbox_remove(g, sb);
        return r;
}

void sandbox_remove(struct gate *g, struct sandbox *sb) {
        while (!TAILQ_EMPTY(&sb->conns))
                conn_end(TAILQ_FIRST(&sb->conns), ECONNRESET);
        conn_leave(g, NULL);
        control_hurry(g);
        timer_clear(g, &sb->quota.timer);
        dns_end(g, sb);
        ask_forget(g, sb);
        for (size_t i = 0; i < sb->n_listeners; i++) {
                io_close(&sb->listeners[i].io);
                timer_clear(g, &sb->listeners[i].timer);
        }
        LIST_REMOVE(sb, link);
        sb->names = names_free(sb->names);
        sb->arena = arena_free(sb->arena);
        /* Events of this round may still point at the listeners. */
        if (sb->listeners)
                gate_bury(g, &sb->listeners[0].grave);
        gate_bury(g, &sb->grave);
}
