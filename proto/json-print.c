/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * JSON values to text, in one pass into one buffer.
 *
 * Own code rather than json-c's, for four reasons: what goes out is always valid UTF-8 (paths and
 * program names of a sandbox need not be), numbers look the same in every locale, doubles are as
 * short as they can be, and a megabyte of output is copied once.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static bool text_reserve(struct json_text *t, size_t n) {
        size_t need, allocated;
        char *data;

        if (t->failed || __builtin_add_overflow(t->size, n, &need)) {
                t->failed = true;
                return false;
        }
        if (need <= t->allocated)
                return true;
        allocated = t->allocated > 128 ? t->allocated : 128;
        while (allocated < need && allocated <= SIZE_MAX / 2)
                allocated *= 2;
        data = allocated < need ? NULL : realloc(t->data, allocated);
        if (!data) {
                t->failed = true;
                return false;
        }
        t->data = data;
        t->allocated = allocated;
        return true;
}

void json_text_add(struct json_text *t, const void *data, size_t n) {
        if (n == 0 || !text_reserve(t, n) || !t->data)
                return;
        memcpy(t->data + t->size, data, n);
        t->size += n;
}

void json_text_adds(struct json_text *t, const char *s) {
        json_text_add(t, s, strlen(s));
}

static void add_escape(struct json_text *t, unsigned char c) {
        static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
        const char *sign = c ? strchr(from, c) : NULL;
        char text[8];

        if (sign) {
                text[0] = '\\';
                text[1] = to[sign - from];
                json_text_add(t, text, 2);
        } else {
                (void) snprintf(text, sizeof(text), "\\u%04x", c);
                json_text_add(t, text, 6);
        }
}

void json_text_string(struct json_text *t, const char *s, size_t n) {
        size_t begin = 0, i = 0;

        (void) text_reserve(t, n + 2);
        json_text_add(t, "\"", 1);
        while (i < n) {
                unsigned char c = (unsigned char) s[i];
                size_t len = 1;

                if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
                        i++;
                        continue;
                }
                if (c >= 0x80)
                        len = utf8_sequence(s + i, n - i);
                if (c >= 0x80 && len > 0) {
                        i += len;
                        continue;
                }
                json_text_add(t, s + begin, i - begin);
                if (c >= 0x80)
                        json_text_adds(t, "\xef\xbf\xbd"); /* U+FFFD: some byte stood here */
                else
                        add_escape(t, c);
                begin = ++i;
        }
        json_text_add(t, s + begin, n - begin);
        json_text_add(t, "\"", 1);
}

static void add_double(struct json_text *t, double d) {
        char text[40], *point = NULL;
        size_t n = 0;

        if (!isfinite(d)) { /* JSON has no word for it */
                json_text_adds(t, "null");
                return;
        }
        for (int digits = 15; digits <= 17; digits++) { /* 17 always suffice for an IEEE double */
                (void) snprintf(text, sizeof(text), "%.*g", digits, d);
                /* The locale's decimal point, whatever it is and however many bytes it has, becomes
                 * a ".". */
                n = 0;
                point = NULL;
                for (size_t i = 0; text[i]; i++) {
                        if (strchr("0123456789+-e", text[i]))
                                text[n++] = text[i];
                        else if (!point) {
                                point = text + n;
                                text[n++] = '.';
                        }
                }
                text[n] = 0;
                if (json_strtod(text) == d)
                        break;
        }
        if (!point && !strchr(text, 'e'))
                memcpy(text + n, ".0", 3); /* so that it is read as what it was */
        json_text_adds(t, text);
}

static void add_newline(struct json_text *t, unsigned depth) {
        json_text_add(t, "\n", 1);
        while (depth-- > 0)
                json_text_add(t, "  ", 2);
}

static void add_value(struct json_text *t, struct json_object *j, bool pretty, unsigned depth);

static void add_array(struct json_text *t, struct json_object *j, bool pretty, unsigned depth) {
        size_t n = json_object_array_length(j);

        json_text_add(t, "[", 1);
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        json_text_add(t, ",", 1);
                if (pretty)
                        add_newline(t, depth + 1);
                add_value(t, json_object_array_get_idx(j, i), pretty, depth + 1);
        }
        if (pretty && n > 0)
                add_newline(t, depth);
        json_text_add(t, "]", 1);
}

static void add_object(struct json_text *t, struct json_object *j, bool pretty, unsigned depth) {
        bool first = true;

        json_text_add(t, "{", 1);
        for (struct lh_entry *entry = json_object_get_object(j)->head; entry; entry = entry->next) {
                const char *key = lh_entry_k(entry);

                if (!first)
                        json_text_add(t, ",", 1);
                if (pretty)
                        add_newline(t, depth + 1);
                json_text_string(t, key, strlen(key));
                json_text_add(t, ": ", pretty ? 2 : 1);
                add_value(t, (struct json_object *) (uintptr_t) lh_entry_v(entry), pretty,
                          depth + 1);
                first = false;
        }
        if (pretty && !first)
                add_newline(t, depth);
        json_text_add(t, "}", 1);
}

static void add_integer(struct json_text *t, struct json_object *j) {
        int64_t i = json_object_get_int64(j);
        char text[24];
        int n;

        if (i == INT64_MAX) /* what json-c gives for all that is larger, too */
                n = snprintf(text, sizeof(text), "%llu",
                             (unsigned long long) json_object_get_uint64(j));
        else
                n = snprintf(text, sizeof(text), "%lld", (long long) i);
        json_text_add(t, text, (size_t) n);
}

static void add_value(struct json_text *t, struct json_object *j, bool pretty, unsigned depth) {
        switch (json_object_get_type(j)) {
        case json_type_null:
                json_text_adds(t, "null");
                break;
        case json_type_boolean:
                json_text_adds(t, json_object_get_boolean(j) ? "true" : "false");
                break;
        case json_type_double:
                add_double(t, json_object_get_double(j));
                break;
        case json_type_int:
                add_integer(t, j);
                break;
        case json_type_string:
                json_text_string(t, json_object_get_string(j),
                                 (size_t) json_object_get_string_len(j));
                break;
        case json_type_array:
                add_array(t, j, pretty, depth);
                break;
        case json_type_object:
                add_object(t, j, pretty, depth);
                break;
        }
}

void json_text_value(struct json_text *t, struct json_object *j, bool pretty) {
        add_value(t, j, pretty, 0);
}

char *json_text_take(struct json_text *t, size_t *ret_len) {
        size_t n = t->size;

        json_text_add(t, "", 1);
        if (t->failed) {
                free(t->data);
                *t = (struct json_text){};
                return NULL;
        }
        *ret_len = n;
        return TAKE(t->data);
}

char *json_print(const struct json *j, bool pretty, size_t *ret_len) {
        struct json_text t = {};

        json_text_value(&t, json_to_c(j), pretty);
        if (pretty)
                json_text_add(&t, "\n", 1);
        return json_text_take(&t, ret_len);
}

bool json_put(struct json_object *o, const char *key, struct json_object *value) {
        if (!value)
                return false;
        if (json_object_object_add_ex(o, key, value,
                                      JSON_C_OBJECT_ADD_KEY_IS_NEW |
                                              JSON_C_OBJECT_KEY_IS_CONSTANT) == 0)
                return true;
        (void) json_object_put(value);
        return false;
}

bool json_put_string(struct json_object *o, const char *key, const char *s) {
        return json_put(o, key, json_object_new_string(s));
}

bool json_push(struct json_object *array, struct json_object *value) {
        if (!value)
                return false;
        if (json_object_array_add(array, value) == 0)
                return true;
        (void) json_object_put(value);
        return false;
}

const char *json_show(const char *s, size_t len, char *buf, size_t size) {
        size_t n = len < size - 1 ? len : size - 1;

        for (size_t i = 0; i < n; i++)
                buf[i] = s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?';
        buf[n] = 0;
        if (n < len && n >= 3)
                memcpy(buf + n - 3, "...", 3);
        return buf;
}
