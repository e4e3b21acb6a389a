/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Names of files, hosts and programs come from inside sandboxes: printed raw, they could drive the
 * user's terminal. setlocale() is not called, so the few questions about characters are answered
 * here.
 */
#include "print.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool env_is_utf8(void) {
        static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *v = getenv(names[i]);
                if (v && *v)
                        return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
        }
        return false;
}

struct style style_for(int fd) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        return (struct style){
                .colour = isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0,
                .utf8 = env_is_utf8(),
        };
}

const char *style_on(struct style s, enum colour c) {
        static const char *const codes[] = { "",         "\033[31m", "\033[32m",
                                             "\033[33m", "\033[1m",  "\033[2m" };

        return s.colour ? codes[c] : "";
}

const char *style_off(struct style s) {
        return s.colour ? "\033[0m" : "";
}

/* Length of the UTF-8 sequence at s (RFC 3629), 0 if it is none; its code point in *ret. */
static size_t decode_utf8(const unsigned char *s, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = s[0] < 0x80                   ? 1
                   : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                   : s[0] >= 0xE0                ? 3
                   : s[0] >= 0xC2                ? 2
                                                 : 0;
        uint32_t c = n == 1 ? s[0] : n > 0 ? s[0] & (0x7Fu >> n) : 0;

        if (n == 0 || s[0] >= 0xF5)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xC0) != 0x80) /* also stops at NUL */
                        return 0;
                c = c << 6 | (s[i] & 0x3F);
        }
        if (c < least[n] || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
                return 0;
        *ret = c;
        return n;
}

/* C0, DEL, C1, and the characters that re-order or hide text (Unicode TR 36, "Trojan Source"). */
static bool is_unprintable(uint32_t c) {
        return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
               (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF;
}

static size_t escape_one(const char *s, char *out, size_t *ret_len) {
        uint32_t c = 0;
        size_t n = decode_utf8((const unsigned char *) s, &c);

        if (n == 0) {
                *ret_len = (size_t) sprintf(out, "\\x%02x", (unsigned char) *s);
                return 1;
        }
        if (c == '\n' || c == '\t' || c == '\r')
                *ret_len = (size_t) sprintf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else if (c < 0x80 && is_unprintable(c))
                *ret_len = (size_t) sprintf(out, "\\x%02x", c);
        else if (is_unprintable(c))
                *ret_len = (size_t) sprintf(out, "\\u{%x}", c);
        else {
                memcpy(out, s, n);
                *ret_len = n;
        }
        return n;
}

const char *escape(const char *text, char *ret, size_t size) {
        static const char dots[] = "…";
        size_t used = 0;

        for (const char *s = text; *s;) {
                char one[16];
                size_t len;
                s += escape_one(s, one, &len);
                if (used + len + sizeof(dots) > size) {
                        memcpy(ret + used, dots, sizeof(dots));
                        return ret;
                }
                memcpy(ret + used, one, len);
                used += len;
        }
        ret[used] = '\0';
        return ret;
}

void print_escaped(FILE *f, const char *text) {
        for (const char *s = text; *s;) {
                char one[16];
                size_t len;
                s += escape_one(s, one, &len);
                fwrite(one, 1, len, f);
        }
}

void table_row(struct table *t, const char *const *cells) {
        char text[1024];
        char **more = realloc(t->cells, (t->rows + 1) * t->cols * sizeof(char *));

        if (!more) {
                t->failed = true;
                return;
        }
        t->cells = more;
        for (size_t i = 0; i < t->cols; i++)
                t->cells[t->rows * t->cols + i] =
                        strdup(escape(cells[i] ? cells[i] : "", text, sizeof(text)));
        t->rows++;
}

/* Columns on a screen: code points, which is exact for what leash itself prints. */
static size_t width(const char *s) {
        size_t n = 0;

        for (; s && *s; s++)
                n += ((unsigned char) *s & 0xC0) != 0x80;
        return n;
}

static bool is_rest_empty(const struct table *t, size_t row, size_t from) {
        for (size_t i = from; i < t->cols; i++)
                if (width(t->cells[row * t->cols + i]) > 0)
                        return false;
        return true;
}

void table_print(struct table *t, FILE *f) {
        for (size_t row = 0; row < t->rows; row++)
                for (size_t i = 0; i < t->cols; i++) {
                        const char *cell = t->cells[row * t->cols + i];
                        size_t widest = 0;
                        for (size_t k = 0; k < t->rows && i + 1 < t->cols; k++) {
                                size_t w = width(t->cells[k * t->cols + i]);
                                widest = w > widest ? w : widest;
                        }
                        fputs(cell ? cell : "?", f);
                        bool last = i + 1 == t->cols || is_rest_empty(t, row, i + 1);
                        for (size_t k = width(cell); k < widest + 2 && !last; k++)
                                fputc(' ', f);
                        if (!last)
                                continue;
                        fputc('\n', f);
                        break;
                }
}

void table_done(struct table *t) {
        for (size_t i = 0; i < t->rows * t->cols; i++)
                free(t->cells[i]);
        free(t->cells);
        *t = (struct table){ .cols = t->cols };
}
