/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One cursor over one line of text. See audit_record.h. */
#include "audit_record.h"

#include <errno.h>
#include <string.h>

static const char *const rights[AUDIT_RIGHT_N_] = {
        [AUDIT_RIGHT_EXECUTE] = "fs.execute",
        [AUDIT_RIGHT_WRITE_FILE] = "fs.write_file",
        [AUDIT_RIGHT_READ_FILE] = "fs.read_file",
        [AUDIT_RIGHT_READ_DIR] = "fs.read_dir",
        [AUDIT_RIGHT_REMOVE_DIR] = "fs.remove_dir",
        [AUDIT_RIGHT_REMOVE_FILE] = "fs.remove_file",
        [AUDIT_RIGHT_MAKE_CHAR] = "fs.make_char",
        [AUDIT_RIGHT_MAKE_DIR] = "fs.make_dir",
        [AUDIT_RIGHT_MAKE_REG] = "fs.make_reg",
        [AUDIT_RIGHT_MAKE_SOCK] = "fs.make_sock",
        [AUDIT_RIGHT_MAKE_FIFO] = "fs.make_fifo",
        [AUDIT_RIGHT_MAKE_BLOCK] = "fs.make_block",
        [AUDIT_RIGHT_MAKE_SYM] = "fs.make_sym",
        [AUDIT_RIGHT_REFER] = "fs.refer",
        [AUDIT_RIGHT_TRUNCATE] = "fs.truncate",
        [AUDIT_RIGHT_IOCTL_DEV] = "fs.ioctl_dev",
        [AUDIT_RIGHT_RESOLVE_UNIX] = "fs.resolve_unix",
        [AUDIT_RIGHT_TOPOLOGY] = "fs.change_topology",
        [AUDIT_RIGHT_BIND_TCP] = "net.bind_tcp",
        [AUDIT_RIGHT_CONNECT_TCP] = "net.connect_tcp",
        [AUDIT_RIGHT_BIND_UDP] = "net.bind_udp",
        [AUDIT_RIGHT_CONNECT_UDP] = "net.connect_send_udp",
        [AUDIT_RIGHT_ABSTRACT_SOCKET] = "scope.abstract_unix_socket",
        [AUDIT_RIGHT_SIGNAL] = "scope.signal",
        [AUDIT_RIGHT_PTRACE] = "ptrace",
        [AUDIT_RIGHT_OTHER] = "unknown", /* the kernel's own word for the same thing */
};

const char *audit_right_name(enum audit_right right) {
        return (unsigned) right < AUDIT_RIGHT_N_ ? rights[right] : "unknown";
}

struct cursor {
        const char *at, *end;
};

struct word {
        const char *text;
        size_t len;
};

static bool take(struct cursor *c, const char *text) {
        size_t len = strlen(text);

        if ((size_t) (c->end - c->at) < len || memcmp(c->at, text, len) != 0)
                return false;
        c->at += len;
        return true;
}

static int digit(char ch) {
        if (ch >= '0' && ch <= '9')
                return ch - '0';
        if (ch >= 'a' && ch <= 'f')
                return ch - 'a' + 10;
        return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

/* At least one digit, and none too many. */
static bool number(struct cursor *c, unsigned base, uint64_t max, uint64_t *ret) {
        const char *from = c->at;
        uint64_t n = 0;

        for (; c->at < c->end; c->at++) {
                int d = digit(*c->at);
                if (d < 0 || (unsigned) d >= base)
                        break;
                if (n > (max - (unsigned) d) / base)
                        return false;
                n = n * base + (unsigned) d;
        }
        *ret = n;
        return c->at > from;
}

/* audit(1729738800.268:30): */
static bool stamp(struct cursor *c) {
        uint64_t n;

        return take(c, "audit(") && number(c, 10, UINT64_MAX, &n) && take(c, ".") &&
               number(c, 10, 999, &n) && take(c, ":") && number(c, 10, UINT64_MAX, &n) &&
               take(c, "): ");
}

static bool is_key_char(char ch) {
        return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
}

/* " key=value". The value is what its writer made of it: quoted, or up to the next blank. */
static bool field(struct cursor *c, struct word *key, struct word *value) {
        if (!take(c, " "))
                return false;
        key->text = c->at;
        while (c->at < c->end && is_key_char(*c->at))
                c->at++;
        key->len = (size_t) (c->at - key->text);
        if (key->len == 0 || !take(c, "="))
                return false;
        value->text = c->at;
        if (take(c, "\"")) {
                const char *close = memchr(c->at, '"', (size_t) (c->end - c->at));
                if (!close)
                        return false;
                c->at = close + 1;
        } else {
                while (c->at<c->end && * c->at> ' ' && *c->at < 0x7f && *c->at != '"')
                        c->at++;
        }
        value->len = (size_t) (c->at - value->text);
        return true;
}

static bool is(const struct word *w, const char *text) {
        return w->len == strlen(text) && memcmp(w->text, text, w->len) == 0;
}

static bool word_number(const struct word *w, unsigned base, uint64_t max, uint64_t *ret) {
        struct cursor c = { w->text, w->text + w->len };

        return number(&c, base, max, ret) && c.at == c.end;
}

/* audit_log_untrustedstring(): between quotes, or hexadecimal. NUL bytes, which an abstract
 * socket's name may hold, become '@'. */
static bool untrusted(const struct word *w, char *ret, size_t size, bool *cut) {
        bool quoted = w->len >= 2 && w->text[0] == '"';
        size_t len = quoted ? w->len - 2 : w->len / 2, n = len < size - 1 ? len : size - 1;

        if (!quoted && (w->len == 0 || w->len % 2))
                return false;
        for (size_t i = 0; i < len; i++) {
                int hi = quoted ? 0 : digit(w->text[2 * i]), lo = 0;
                char ch;
                if (quoted) {
                        ch = w->text[1 + i];
                        if (ch <= ' ' || ch >= 0x7f)
                                return false; /* it would have been written in digits */
                } else {
                        lo = digit(w->text[2 * i + 1]);
                        if (hi < 0 || lo < 0)
                                return false;
                        ch = (char) (hi << 4 | lo);
                }
                if (i < n)
                        ret[i] = ch ? ch : '@';
        }
        ret[n] = '\0';
        *cut = n < len;
        return true;
}

static bool blockers(const struct word *w, uint32_t *ret) {
        const char *at = w->text, *end = w->text + w->len;
        uint32_t mask = 0;

        while (at < end) {
                const char *comma = memchr(at, ',', (size_t) (end - at));
                struct word one = { at, (size_t) ((comma ? comma : end) - at) };
                unsigned k = 0;
                if (one.len == 0)
                        return false;
                while (k < AUDIT_RIGHT_OTHER && !is(&one, rights[k]))
                        k++;
                mask |= UINT32_C(1) << k;
                if (!comma)
                        break;
                at = comma + 1;
                if (at == end)
                        return false;
        }
        *ret = mask;
        return mask != 0;
}

/* An address that was bound to or connected to: digits, letters, dots, colons. */
static bool address(const struct word *w, char *ret, size_t size) {
        if (w->len == 0 || w->len >= size || w->len > 45)
                return false;
        for (size_t i = 0; i < w->len; i++)
                if (digit(w->text[i]) < 0 && w->text[i] != '.' && w->text[i] != ':')
                        return false;
        memcpy(ret, w->text, w->len);
        ret[w->len] = '\0';
        return true;
}

/* What was denied: audit_log_lsm_data(). Fields that are of no use here are only read. */
static bool denied(struct cursor *c, struct audit_record *r) {
        struct word key, value;
        uint64_t n;

        if (!field(c, &key, &value) || !is(&key, "blockers") || !blockers(&value, &r->rights))
                return false;
        while (c->at < c->end) {
                if (!field(c, &key, &value))
                        return false;
                if (is(&key, "path") || (is(&key, "name") && !r->path[0])) {
                        /* audit_log_d_path(): what it could not find out is in such brackets */
                        if (value.len > 2 && value.text[0] == '"' && value.text[1] == '<')
                                continue;
                        if (!untrusted(&value, r->path, sizeof r->path, &r->cut))
                                return false;
                } else if (is(&key, "daddr") || (is(&key, "saddr") && !r->path[0])) {
                        if (!address(&value, r->path, sizeof r->path))
                                return false;
                } else if (is(&key, "dest") || (is(&key, "src") && r->port == 0)) {
                        if (!word_number(&value, 10, UINT16_MAX, &n))
                                return false;
                        r->port = (uint16_t) n;
                }
        }
        return true;
}

static bool allocated(struct cursor *c, struct audit_record *r) {
        bool has_pid = false, has_uid = false, cut;
        struct word key, value;
        uint64_t n;

        while (c->at < c->end) {
                if (!field(c, &key, &value))
                        return false;
                if (is(&key, "pid") && !has_pid) {
                        if (!word_number(&value, 10, INT32_MAX, &n))
                                return false;
                        r->pid = (int32_t) n;
                        has_pid = true;
                } else if (is(&key, "uid") && !has_uid) {
                        if (!word_number(&value, 10, UINT32_MAX, &n))
                                return false;
                        r->uid = (uint32_t) n;
                        has_uid = true;
                } else if (is(&key, "comm")) {
                        if (!untrusted(&value, r->comm, sizeof r->comm, &cut))
                                return false;
                } else if (is(&key, "pid") || is(&key, "uid")) {
                        return false; /* one of each, or one of them is a lie */
                }
        }
        return has_pid && has_uid;
}

static bool domain_record(struct cursor *c, struct audit_record *r) {
        struct word key, value;

        if (!field(c, &key, &value) || !is(&key, "status"))
                return false;
        if (is(&value, "allocated")) {
                r->kind = AUDIT_ALLOCATED;
                return allocated(c, r);
        }
        r->kind = AUDIT_DEALLOCATED;
        return is(&value, "deallocated") && field(c, &key, &value) && is(&key, "denials") &&
               word_number(&value, 10, UINT64_MAX, &r->denials) && c->at == c->end;
}

int audit_record_parse(unsigned type, const char *text, size_t len, struct audit_record *ret) {
        struct cursor c = { text, text + len };
        struct audit_record r = { .kind = AUDIT_DENIED };
        bool good;

        if (len > AUDIT_TEXT_MAX || (type != AUDIT_TYPE_ACCESS && type != AUDIT_TYPE_DOMAIN))
                return -EINVAL;
        while (c.end > c.at && c.end[-1] == '\0') /* netlink pads */
                c.end--;
        if (!stamp(&c) || !take(&c, "domain=") || !number(&c, 16, UINT64_MAX, &r.domain) ||
            r.domain == 0)
                return -EINVAL;
        good = type == AUDIT_TYPE_ACCESS ? denied(&c, &r) : domain_record(&c, &r);
        if (!good)
                return -EINVAL;
        *ret = r;
        return 0;
}
