/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON text to json-c's objects and back. Only for proto/: this header shows json-c. */
#pragma once

#include <json-c/json.h>

#include "field.h"

/* struct json is json-c's object under a name of ours. */
static inline struct json_object *json_to_c(const struct json *j) {
        return (struct json_object *) (uintptr_t) j;
}
static inline struct json *json_from_c(struct json_object *j) {
        return (struct json *) j;
}
static inline struct json_object *json_object_unref(struct json_object *j) {
        (void) json_object_put(j);
        return NULL;
}
DEFINE_CLEANUP(struct json_object *, json_object_unref)

/*
 * A reader over one text. Errors are filled once; every function then gives -errno. Whitespace
 * before a value is skipped by all of them.
 */
struct json_reader {
        const char *start, *p, *end;
        unsigned depth;
        size_t weight; /* of all values so far: LIMIT_JSON_WEIGHT */
        char *scratch; /* the last key */
        size_t scratch_size;
        struct error *e;
};
void json_reader_init(struct json_reader *r, const char *text, size_t len, struct error *e);
void json_reader_done(struct json_reader *r);
int json_read_value(struct json_reader *r, struct json_object **ret); /* null: NULL */
bool json_read_token(struct json_reader *r, char c);        /* consumes it if it comes next */
int json_read_key(struct json_reader *r, const char **ret); /* "name" and ":"; until the next key */
void json_read_space(struct json_reader *r);
int json_read_raw(
        struct json_reader *r); /* passes over one value: only its grammar and its depth count */
int json_read_end(struct json_reader *r); /* nothing but whitespace is left */
/* Pieces (json-scan.c). `p` stands behind the opening quote, or at the number. */
int json_scan_string(struct json_reader *r, const char **ret, size_t *ret_len, bool *ret_escapes);
int json_read_string(struct json_reader *r, struct json_object **ret);
size_t json_number_length(const char *p, const char *end, bool *ret_integer); /* 0: no number */
int json_read_number(struct json_reader *r, struct json_object **ret);
int json_refuse(struct json_reader *r, const char *what); /* an ERROR_PARSE here */

double json_strtod(const char *text); /* the locale does not matter */

/* Text that grows; `failed` is remembered. */
struct json_text {
        char *data;
        size_t size, allocated;
        bool failed;
};
void json_text_add(struct json_text *t, const void *data, size_t n);
void json_text_adds(struct json_text *t, const char *s);
void json_text_string(struct json_text *t, const char *s,
                      size_t n); /* quoted; never invalid UTF-8 */
void json_text_value(struct json_text *t, struct json_object *j, bool pretty);
char *json_text_take(struct json_text *t,
                     size_t *ret_len); /* NUL-terminated; NULL if anything failed */

/* Builders that free what they were given when they fail: false, and `o` stays as it was. The key
 * must be a constant, and not in the object yet. */
bool json_put(struct json_object *o, const char *key, struct json_object *value);
bool json_put_string(struct json_object *o, const char *key, const char *s);
bool json_push(struct json_object *array, struct json_object *value);

/* For messages: `s` with everything but printable ASCII replaced, cut to what fits. */
const char *json_show(const char *s, size_t len, char *buf, size_t size);
/* The member of `words` that `word` was probably meant to be, or NULL. */
const char *json_suggest(const char *word, const char *(*words)(const void *p, size_t i),
                         const void *p);

/* UTF-8 sequence at s (n bytes left): its length, or 0 if it is not one (RFC 3629: no surrogates,
 * no overlong forms, nothing above U+10FFFF). */
size_t utf8_sequence(const char *s, size_t n);
/* In place is fine (out == text); false: not base64. */
bool base64_decode_to(const char *text, size_t len, char *out, size_t *ret_len);
