/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is it a schema that can be enforced? Each keyword's value against what the table asks of it. */
#include "json_schema-internal.h"

static const char *const types[] = { "null",   "boolean", "object", "array",
                                     "number", "string",  "integer" };

static int check(struct check *c, struct json_object *schema);

static bool all_strings(struct json_object *list) {
        for (size_t i = 0; i < json_object_array_length(list); i++)
                if (!is_type(json_object_array_get_idx(list, i), json_type_string))
                        return false;
        return true;
}

static bool is_type_name(struct json_object *j) {
        for (size_t i = 0; i < ELEMENTSOF(types) && is_type(j, json_type_string); i++)
                if (strcmp(types[i], json_object_get_string(j)) == 0)
                        return true;
        return false;
}

static int check_types(struct check *c, struct json_object *demand) {
        bool ok = is_type_name(demand);

        if (is_type(demand, json_type_array)) {
                ok = json_object_array_length(demand) > 0;
                for (size_t i = 0; i < json_object_array_length(demand); i++)
                        ok = ok && is_type_name(json_object_array_get_idx(demand, i));
        }
        return ok ? 0
                  : refuse(c, "must be null, boolean, object, array, number, string, integer, or a "
                              "list of these");
}

static int check_schemas(struct check *c, struct json_object *demand) {
        int r = 0;

        if (!is_type(demand, json_type_array) || json_object_array_length(demand) == 0)
                return refuse(c, "must be a list of schemas");
        for (size_t i = 0; i < json_object_array_length(demand) && r >= 0; i++)
                r = under_index(c, i, check(c, json_object_array_get_idx(demand, i)));
        return r;
}

static int check_named(struct check *c, struct json_object *demand) {
        if (!is_type(demand, json_type_object))
                return refuse(c, "must be an object of schemas");
        json_object_object_foreach(demand, key, schema) {
                int r = under_name(c, key, check(c, schema));

                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_demand(struct check *c, enum demand kind, struct json_object *demand) {
        switch (kind) {
        case ANYTHING:
                return 0;
        case TYPES:
                return check_types(c, demand);
        case LIST:
                return is_type(demand, json_type_array) ? 0 : refuse(c, "must be a list");
        case NUMBER:
                return is_number(demand) ? 0 : refuse(c, "must be a number");
        case POSITIVE:
                return is_number(demand) && json_object_get_double(demand) > 0
                               ? 0
                               : refuse(c, "must be a number above 0");
        case COUNT:
                return is_type(demand, json_type_int) && json_object_get_int64(demand) >= 0
                               ? 0
                               : refuse(c, "must be an integer, 0 or more");
        case FLAG:
                return is_type(demand, json_type_boolean) ? 0 : refuse(c, "must be true or false");
        case NAMES:
                return is_type(demand, json_type_array) && all_strings(demand)
                               ? 0
                               : refuse(c, "must be a list of names");
        case SCHEMA:
                return check(c, demand);
        case SCHEMAS:
                return check_schemas(c, demand);
        case NAMED_SCHEMAS:
                return check_named(c, demand);
        case REFERENCE:
                return is_type(demand, json_type_string) &&
                                       schema_referred(c->root, json_object_get_string(demand))
                               ? 0
                               : refuse(c, "must lead to a part of this schema, like "
                                           "\"#/$defs/NAME\"");
        }
        return 0;
}

static int check(struct check *c, struct json_object *schema) {
        int r = 0;

        if (is_type(schema, json_type_boolean))
                return 0;
        if (!is_type(schema, json_type_object))
                return refuse(c, "must be a JSON Schema: an object, true or false");
        json_object_object_foreach(schema, key, demand) {
                const struct keyword *k = schema_keyword(key);

                if (!k && strncmp(key, "x-", 2) == 0)
                        continue;
                r = k ? check_demand(c, k->demand, demand)
                      : refuse(c, "leash cannot check this keyword: leave it out, and check in the "
                                  "handler");
                if (r < 0)
                        return under_name(c, key, r);
        }
        return 0;
}

int json_schema_check(const struct json *schema, struct error *e) {
        struct error e2 = ERROR_NULL;
        struct check c = { .root = json_to_c(schema), .e = e ? e : &e2 };

        return check(&c, c.root);
}
