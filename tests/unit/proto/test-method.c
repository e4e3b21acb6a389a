/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tables are whole, and the documents made from them refer to nothing that is not there. */
#include "../../../proto/method.h"
#include "../../../proto/json.h"
#include "proto-test.h"

START_TEST(methods_are_found) {
        for (int i = 0; i < METHOD_N_; i++) {
                ck_assert_ptr_nonnull(methods[i].name);
                ck_assert_ptr_nonnull(methods[i].params);
                ck_assert(methods[i].result || i == METHOD_RPC_DISCOVER);
                ck_assert_int_eq(method_find(methods[i].name), i);
        }
        ck_assert_int_eq(method_find("sandbox"), -1);
        ck_assert_int_eq(method_find(""), -1);
        for (size_t i = 0; methods_planned[i]; i++)
                ck_assert_int_eq(method_find(methods_planned[i]), -1);
        for (size_t i = 0; i < NOTIFY_N_; i++)
                ck_assert_ptr_nonnull(notifications[i].params);
}
END_TEST

static void check_doc(const char *where, const char *doc) {
        size_t n = doc ? strlen(doc) : 0;

        ck_assert_msg(n > 8 && doc[n - 1] == '.', "%s: \"%s\" is not a sentence", where,
                      doc ? doc : "");
}

static void check_shape(const struct shape *s) {
        check_doc(s->name, s->doc);
        ck_assert_uint_le(s->n, SHAPE_MAX_FIELDS);
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];

                check_doc(f->name, f->doc);
                ck_assert_uint_lt(f->offset, s->size);
                if (f->kind == FIELD_ENUM)
                        for (size_t k = 1; k < f->n_names; k++)
                                ck_assert_msg(f->names[k], "%s.%s has no word for %zu", s->name,
                                              f->name, k);
                for (size_t k = 0; k < i; k++)
                        ck_assert_str_ne(f->name, s->fields[k].name);
                if (f->shape)
                        check_shape(f->shape);
        }
}

START_TEST(every_row_has_a_sentence) {
        for (int i = 0; i < METHOD_N_; i++) {
                check_doc(methods[i].name, methods[i].doc);
                check_shape(methods[i].params);
                if (methods[i].result)
                        check_shape(methods[i].result);
        }
        for (size_t i = 0; i < NOTIFY_N_; i++) {
                check_doc(notifications[i].name, notifications[i].doc);
                check_shape(notifications[i].params);
        }
}
END_TEST

/* Every "#/a/b" leads somewhere in the document. */
static void check_references(struct json_object *root, struct json_object *j, size_t *count) {
        if (json_object_is_type(j, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(j); i++)
                        check_references(root, json_object_array_get_idx(j, i), count);
        } else if (json_object_is_type(j, json_type_object)) {
                json_object_object_foreach(j, key, value) {
                        struct json_object *target = root;
                        char path[200], *step, *rest = path;

                        check_references(root, value, count);
                        if (strcmp(key, "$ref") != 0 ||
                            !json_object_is_type(value, json_type_string) ||
                            *json_object_get_string(value) != '#')
                                continue;
                        (*count)++;
                        snprintf(path, sizeof(path), "%s", json_object_get_string(value) + 2);
                        while ((step = strsep(&rest, "/")))
                                ck_assert_msg(json_object_object_get_ex(target, step, &target),
                                              "%s leads nowhere", json_object_get_string(value));
                }
        }
}

START_TEST(references_lead_somewhere) {
        struct json *documents[] = { method_openrpc(), policy_schema() };

        for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
                struct json_object *j = json_to_c(documents[i]);
                size_t count = 0;

                ck_assert_ptr_nonnull(j);
                check_references(j, j, &count);
                ck_assert_uint_gt(count, 5);
                json_unref(documents[i]);
        }
}
END_TEST

START_TEST(openrpc_says_what_the_rows_say) {
        struct json *doc = method_openrpc();
        struct json_object *list = json_to_c(json_get(doc, "methods"));

        ck_assert_uint_eq(json_object_array_length(list), METHOD_N_);
        for (size_t i = 0; i < METHOD_N_; i++) {
                struct json *m = json_from_c(json_object_array_get_idx(list, i));
                struct json_object *params = json_to_c(json_get(m, "params"));
                bool optional = false;

                ck_assert_str_eq(json_string(json_get(m, "name")), methods[i].name);
                ck_assert_str_eq(json_string(json_get(m, "paramStructure")), "by-name");
                ck_assert_uint_eq(json_object_array_length(params), methods[i].params->n);
                ck_assert_uint_eq(json_object_array_length(json_to_c(json_get(m, "errors"))),
                                  ERROR_N_ - 1);
                ck_assert_int_eq(json_get(m, "x-leash-fds") != NULL, methods[i].flags != 0);
                for (size_t k = 0; k < methods[i].params->n; k++) {
                        struct json *p = json_from_c(json_object_array_get_idx(params, k));
                        bool required = json_object_get_boolean(json_to_c(json_get(p, "required")));

                        ck_assert(!(required && optional)); /* OpenRPC: required ones come first */
                        optional = !required;
                }
        }
        ck_assert_uint_eq(
                json_object_array_length(json_to_c(json_get(doc, "x-leash-notifications"))),
                NOTIFY_N_);
        json_unref(doc);
}
END_TEST

START_TEST(one_shape_alone) {
        static const struct shape *const both[] = { &check_query_shape, &pty_size_shape };

        assert_prints(shape_schema(&pty_size_shape),
                      "{\"type\":\"object\",\"description\":\"Size of a "
                      "terminal.\",\"properties\":{\"rows\":{\"type\":"
                      "\"integer\",\"minimum\":1,\"maximum\":65535,\"description\":\"Lines of the "
                      "terminal.\"},\"cols\":{"
                      "\"type\":\"integer\",\"minimum\":1,\"maximum\":65535,\"description\":"
                      "\"Columns of the terminal.\"}},"
                      "\"required\":[\"rows\",\"cols\"],\"additionalProperties\":false}");
        {
                struct json *all = shape_schemas(both, 2, "#/x/");

                ck_assert_ptr_nonnull(json_get(all, "CheckQuery"));
                ck_assert_ptr_nonnull(json_get(all, "PtySize"));
                json_unref(all);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("method", methods_are_found, every_row_has_a_sentence,
                         references_lead_somewhere, openrpc_says_what_the_rows_say,
                         one_shape_alone);
}
