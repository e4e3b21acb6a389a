/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "words.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word to `out`; the text behind it, or NULL where a quote has no end. */
static const char *take_word(const char *s, char *out) {
        char quote = '\0';

        for (; *s && (quote || !is_blank(*s)); s++) {
                if (quote ? *s == quote : *s == '\'' || *s == '"') {
                        quote = quote ? '\0' : *s;
                } else if (*s == '\\' && quote != '\'') {
                        if (!s[1])
                                return NULL;
                        if (s[1] == '\n') /* a line that goes on */
                                s++;
                        else if (!quote || s[1] == '"' || s[1] == '\\')
                                *out++ = *++s;
                        else
                                *out++ = *s;
                } else {
                        *out++ = *s;
                }
        }
        *out = '\0';
        return quote ? NULL : s;
}

int words_split(struct arena *a, const char *text, struct strings *ret, struct error *e) {
        char *word = arena_alloc(a, strlen(text) + 1);
        struct strings list = { .set = true };

        if (!word)
                return error_nomem(e);
        for (;;) {
                while (is_blank(*text))
                        text++;
                if (!*text)
                        break;
                text = take_word(text, word);
                if (!text)
                        return error_set(e, ERROR_PARAMS, EINVAL,
                                         "a quote is not closed, or a backslash stands last");
                if (!arena_push(a, &list, word))
                        return error_nomem(e);
        }
        *ret = list;
        return 0;
}
