/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files are the user's or, in a repository, hostile: nothing is trusted but the length of the
 * buffer. Includes are not followed: what they could add is protected by name all the same. */
#include "ini.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *skip_blank(const char *s) {
        while (*s == ' ' || *s == '\t' || *s == '\r')
                s++;
        return s;
}

static const char *next_line(const char *s) {
        s += strcspn(s, "\n");
        return *s ? s + 1 : s;
}

/* "[name]" exactly, or, with `sub`, also "[name "anything"]". Returns what follows the bracket. */
static const char *section_is(const char *s, const char *section, bool sub, bool *ret) {
        size_t n = strlen(section);
        const char *end = s + strcspn(s, "]\n"), *rest;
        s = skip_blank(s + 1);
        *ret = strncasecmp(s, section, n) == 0;
        rest = *ret ? skip_blank(s + n) : s;
        if (*ret && !(*rest == ']' && rest == end)) {
                *ret = sub && *rest == '"';
                if (*ret) { /* a bracket may stand inside the quotes */
                        const char *quote = rest + 1;
                        while (*quote && *quote != '"' && *quote != '\n')
                                quote += *quote == '\\' && quote[1] ? 2 : 1;
                        end = quote + strcspn(quote, "]\n");
                }
        }
        return *end == ']' ? end + 1 : end;
}

/* The value up to the end of its line: quotes and backslashes undone, comments and blanks cut off.
 * A backslash before the line's end joins the next one. */
static const char *read_value(const char *s, char *ret, size_t size, bool *ok) {
        size_t n = 0, keep = 0;
        bool quoted = false;

        *ok = true;
        for (s = skip_blank(s); *s && (*s != '\n'); s++) {
                char c = *s;
                if (c == '"') {
                        quoted = !quoted;
                        keep = n;
                        continue;
                }
                if (!quoted && (c == '#' || c == ';'))
                        break;
                if (c == '\\' && s[1]) {
                        c = *++s;
                        if (c == '\n')
                                continue;
                        c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'b' ? '\b' : c;
                }
                if (n + 1 >= size) {
                        *ok = false;
                        break;
                }
                ret[n++] = c;
                if (quoted || !isspace((unsigned char) c))
                        keep = n;
        }
        ret[keep] = 0;
        return next_line(s);
}

void ini_each(const char *text, const char *section, bool sub, const char *key, ini_fn fn,
              void *userdata) {
        char value[1024];
        size_t key_len = strlen(key);
        bool inside = false;
        const char *s = text;

        while (*s) {
                bool ok = false;
                s = skip_blank(s);
                if (*s == '[') {
                        s = section_is(s, section, sub, &inside);
                        continue; /* a key may follow on the same line */
                }
                const char *after =
                        skip_blank(s + (strncasecmp(s, key, key_len) == 0 ? key_len : 0));
                if (!inside || after == s || *after != '=' || *s == '#' || *s == ';') {
                        s = next_line(s);
                        continue;
                }
                s = read_value(after + 1, value, sizeof value, &ok);
                if (ok)
                        fn(value, userdata);
        }
}

struct last {
        char *text;
        size_t size;
        bool found;
};

static void keep_last(const char *value, void *userdata) {
        struct last *l = userdata;
        size_t n = strlen(value) + 1;
        if (n > l->size)
                return;
        memcpy(l->text, value, n);
        l->found = true;
}

bool ini_get(const char *text, const char *section, const char *key, char *ret, size_t size) {
        struct last l = { .text = ret, .size = size };
        ini_each(text, section, false, key, keep_last, &l);
        return l.found;
}
