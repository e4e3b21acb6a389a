/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One field table, four uses: decode, encode, JSON Schema, reference manual.
 *
 * A shape is a const array of fields of one C struct. FIELD_* macros check by _Generic that the
 * declared kind fits the member's type. json-c appears in no other folder than proto/: callers see
 * struct json, which is opaque to them.
 */
#pragma once

#include "../policy/arena.h"
#include "../policy/base.h"
#include "../policy/error.h"

struct json; /* a parsed JSON value (json-c's object under another name), reference counted */
struct json *json_ref(struct json *j);
struct json *json_unref(struct json *j); /* takes NULL, returns NULL */
DEFINE_CLEANUP(struct json *, json_unref)

enum field_kind {
        FIELD_BOOL = 0, /* bool; absent = false */
        FIELD_TRI,      /* enum tri */
        FIELD_INT,      /* int64_t, with min and max */
        FIELD_UINT,     /* uint64_t, with min and max */
        FIELD_NUMBER,   /* double */
        FIELD_STRING,   /* const char *; NULL = absent */
        FIELD_ENUM,     /* an enum whose 0 means absent; `names` */
        FIELD_STRINGS,  /* struct strings */
        FIELD_INTS,  /* struct strings holding decimal text, integers on the wire (local_ports) */
        FIELD_PAIRS, /* struct pairs; a JSON object of strings */
        FIELD_LIMIT, /* struct limit; number | "unlimited" | null */
        FIELD_LIMIT_MILLI, /* struct limit in thousandths; a decimal number on the wire */
        FIELD_OBJECT,      /* an embedded struct; `shape` */
        FIELD_OPTIONAL,    /* a pointer to a struct in the arena, NULL = absent; `shape` */
        FIELD_LIST,        /* struct list of structs; `shape` */
        FIELD_STDIO,       /* struct stdio_spec: "null" | "pipe" | "pty" | {"fd": n} */
        FIELD_BYTES, /* struct bytes: a string; goes out as UTF-8 text, or base64 beside "encoding"
                      */
        FIELD_JSON,  /* struct json *: passed through as it is */
};

struct list {        /* FIELD_LIST */
        void *items; /* array of the shape's struct */
        size_t n;
        bool set;
};

struct bytes {
        const char *data; /* NULL = absent */
        size_t len;
};

struct stdio_spec {
        enum { STDIO_UNSET = 0, STDIO_NULL, STDIO_PIPE, STDIO_PTY, STDIO_FD } kind;
        unsigned fd; /* index among the descriptors beside the line */
};

struct shape;
struct field {
        const char *name;
        enum field_kind kind;
        unsigned flags; /* FIELD_REQUIRED, … */
        size_t offset;
        size_t beside; /* 1 + offset of the member that goes with it, 0 = none. FIELD_BYTES: the
                          enum text_encoding; FIELD_OBJECT: a bool that says whether it was there */
        const char *const *names; /* FIELD_ENUM: [0] is NULL */
        size_t n_names;
        const char *(*word)(size_t i); /* FIELD_STRINGS: the i-th allowed word, NULL past the end */
        const struct shape
                *shape;   /* FIELD_OBJECT, _OPTIONAL, _LIST; FIELD_JSON: for the schema only */
        int64_t min, max; /* numbers: range, both 0 = the type's; strings: max length */
        size_t max_items; /* lists and pairs; 0 = LIMIT_LIST_ITEMS */
        const char *doc;  /* one sentence: schema description and manual */
};
enum { FIELD_REQUIRED = 1u << 0, FIELD_NULLABLE = 1u << 1 };

struct shape {
        const char *name; /* component key in the schema: "Policy" */
        size_t size;      /* of the struct */
        const struct field *fields;
        size_t n;
        unsigned flags; /* SHAPE_ONE */
        const char *doc;
};
enum {
        SHAPE_ONE = 1u << 0
};                          /* exactly one of its fields is there ({"code": 0} or {"signal": 9}) */
#define SHAPE_MAX_FIELDS 64 /* decode counts the fields that it saw in one word */

/* Strict: unknown, missing and mistyped fields are errors with a JSON pointer. `ret` is a zeroed
 * struct of shape->size; what it points to lives in the arena, but FIELD_JSON members, which are
 * borrowed from `j`. A NULL `j` counts as an empty object. */
int shape_decode(const struct shape *s, struct json *j, struct arena *a, void *ret,
                 struct error *e);
/* The same for what a daemon of another version sent: fields not known here are passed over. */
int shape_decode_lax(const struct shape *s, struct json *j, struct arena *a, void *ret,
                     struct error *e);
/* Exact: absent members are left out, and so are zeros and false, unless the field is required. A
 * required string or enum that is not there is an ERROR_INTERNAL. */
int shape_encode(const struct shape *s, const void *value, struct json **ret, struct error *e);
/* JSON Schema (2020-12) of one shape, nested shapes as "$ref" to "#/components/schemas/NAME"; NULL
 * when memory is short, as below. */
struct json *shape_schema(const struct shape *s);
/* {"NAME": schema, …} of the shapes given and of all below them; `prefix` as in "#/$defs/". */
struct json *shape_schemas(const struct shape *const *shapes, size_t n, const char *prefix);
/* The whole policy.schema.json. */
struct json *policy_schema(void);
struct json *admin_schema(void); /* of /etc/leash/leashd.json */
/* What a value of the field has to be, in words for a person ("an integer from 1 to 65535"). */
void field_expectation(const struct field *f, char *buf, size_t size);

/* Text <-> json for callers outside proto/ (leashctl --config, leashctl call, profiles, goldens).
 * One value, nothing behind it: depth-checked, UTF-8 only, no NaN, no duplicate names, no number
 * that would have to be rounded to be kept. A JSON null is a NULL. */
int json_parse(const char *text, size_t len, struct json **ret, struct error *e);
char *json_print(const struct json *j, bool pretty, size_t *ret_len); /* malloc'd, NUL-terminated */
/* Looking into a value whose shape is not known (`call`, `events`): NULL where there is no such
 * thing. */
struct json *json_get(const struct json *object, const char *name); /* borrowed */
const char *json_string(const struct json *j);            /* borrowed; NULL: not a string */
struct json *json_at(const struct json *array, size_t i); /* borrowed */
