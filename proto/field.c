/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What rows say to people: expectations in errors and in the manual, and guesses at what was meant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/limits.h"
#include "json.h"

#define SUGGEST_MAX 64 /* no field or word is longer; it bounds the rows of the table below */

/* The number of single-character edits between two words (Levenshtein), transpositions counting
 * two. */
static size_t edit_distance(const char *a, const char *b) {
        size_t row[SUGGEST_MAX + 1], n = strlen(a), m = strlen(b);

        if (n > SUGGEST_MAX || m > SUGGEST_MAX)
                return SIZE_MAX;
        for (size_t j = 0; j <= m; j++)
                row[j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        size_t best = diagonal + (a[i - 1] != b[j - 1]);

                        diagonal = row[j];
                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        row[j] = best;
                }
        }
        return row[m];
}

const char *json_suggest(const char *word, const char *(*words)(const void *p, size_t i),
                         const void *p) {
        /* a third of the letters, two at least: more than that is another word */
        size_t best = strlen(word) / 3 > 2 ? strlen(word) / 3 : 2;
        const char *found = NULL, *w;

        for (size_t i = 0; (w = words(p, i)); i++) {
                size_t distance = edit_distance(word, w);

                /* "timeout" for "timeout_ms": a missing end is no misspelling */
                if (strlen(word) > 2 && strncmp(w, word, strlen(word)) == 0)
                        distance = 0;

                /* "x" is not a misspelt "os": something of the word has to be left */
                if (distance <= best && distance < strlen(w) && distance < strlen(word)) {
                        if (distance < best || !found)
                                found = w;
                        best = distance;
                }
        }
        return found;
}

/* A buffer that things are appended to until it is full. */
struct phrase {
        char *buf;
        size_t size, n;
};

static _printf_(2, 3) void phrase_add(struct phrase *p, const char *fmt, ...) {
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(p->buf + p->n, p->size - p->n, fmt, ap);
        va_end(ap);
        if (n > 0)
                p->n = p->n + (size_t) n < p->size ? p->n + (size_t) n : p->size - 1;
}

static void add_words(struct phrase *p, const struct field *f) {
        const char *word;

        for (size_t i = 0;; i++) {
                if (f->word)
                        word = f->word(i);
                else
                        word = i + 1 < f->n_names ? f->names[i + 1] : NULL;
                if (!word)
                        break;
                phrase_add(p, "%s\"%s\"", i > 0 ? ", " : "", word);
        }
}

static void add_integer(struct phrase *p, const struct field *f, int64_t lowest) {
        int64_t min = f->min > lowest ? f->min : lowest;

        if (f->max > 0)
                phrase_add(p, "an integer from %lld to %lld",
                           (long long) (f->min || f->max ? min : 0), (long long) f->max);
        else if (min == 1)
                phrase_add(p, "a positive integer");
        else if (min == 0)
                phrase_add(p, "an integer that is not negative");
        else
                phrase_add(p, "an integer of at least %lld", (long long) min);
}

void field_expectation(const struct field *f, char *buf, size_t size) {
        struct phrase p = { .buf = buf, .size = size };

        *buf = 0;
        switch (f->kind) {
        case FIELD_BOOL:
        case FIELD_TRI:
                phrase_add(&p, "true or false");
                break;
        case FIELD_INT:
                if (f->min || f->max)
                        add_integer(&p, f, f->min);
                else
                        phrase_add(&p, "an integer");
                break;
        case FIELD_UINT:
                add_integer(&p, f, 0);
                break;
        case FIELD_NUMBER:
                phrase_add(&p, "a number");
                break;
        case FIELD_STRING:
        case FIELD_BYTES:
                phrase_add(&p, "a string");
                break;
        case FIELD_ENUM:
                phrase_add(&p, "one of ");
                add_words(&p, f);
                break;
        case FIELD_STRINGS:
                if (f->word) {
                        phrase_add(&p, "an array of ");
                        add_words(&p, f);
                } else
                        phrase_add(&p, "an array of strings");
                break;
        case FIELD_INTS:
                phrase_add(&p, "an array of integers from %lld to %lld", (long long) f->min,
                           (long long) f->max);
                break;
        case FIELD_PAIRS:
                phrase_add(&p, "an object of strings");
                break;
        case FIELD_LIMIT:
                add_integer(&p, f, 1);
                phrase_add(&p, ", null or \"unlimited\"");
                break;
        case FIELD_LIMIT_MILLI:
                phrase_add(&p, "a number from 0.001 to %lld, null or \"unlimited\"",
                           (long long) f->max);
                break;
        case FIELD_OBJECT:
        case FIELD_OPTIONAL:
                phrase_add(&p, "an object");
                break;
        case FIELD_LIST:
                phrase_add(&p, "an array of objects");
                break;
        case FIELD_STDIO:
                phrase_add(&p, "\"null\", \"pipe\", \"pty\" or {\"fd\": index}");
                break;
        case FIELD_JSON:
                phrase_add(&p, "any value");
                break;
        }
        if ((f->flags & FIELD_NULLABLE) && f->kind != FIELD_LIMIT && f->kind != FIELD_LIMIT_MILLI)
                phrase_add(&p, " or null");
}
