/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each keyword: values that fit, values that do not, and schemas that are none. */
#include "../../../proto/json_schema.h"
#include "../../../proto/json.h"
#include "proto-test.h"

static const struct {
        const char *schema, *good, *bad; /* values, with ; between them */
} rows[] = {
        { "true", "1;null;{}", "" },
        { "false", "", "1;null;{}" },
        { "{}", "1;null;[]", "" },
        { "{\"type\":\"integer\"}", "1;-1;3.0;1e3", "1.5;\"1\";null;true;1e300" },
        { "{\"type\":\"number\"}", "1;1.5", "\"1\";null" },
        { "{\"type\":\"null\"}", "null", "0;false;\"\"" },
        { "{\"type\":\"boolean\"}", "true;false", "0;1;null" },
        { "{\"type\":[\"string\",\"null\"]}", "\"a\";null", "1;[]" },
        { "{\"enum\":[1,\"a\",null,[1]]}", "1;1.0;\"a\";null;[1]", "2;\"b\";[2];false" },
        { "{\"const\":null}", "null", "0" },
        { "{\"const\":{\"a\":1}}", "{\"a\":1}", "{\"a\":2};{}" },
        { "{\"minimum\":1}", "1;1.0;2;\"a\"", "0;0.9;-9223372036854775808" },
        { "{\"maximum\":9007199254740993}", "9007199254740993", "9007199254740994" },
        { "{\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}", "0.5", "0;1" },
        { "{\"multipleOf\":3}", "0;3;-6;\"a\"", "1;4" },
        { "{\"multipleOf\":0.1}", "0.3;1;1e300", "0.25" },
        { "{\"minLength\":2,\"maxLength\":3}", "\"ab\";\"\u20ac\u20ac\u20ac\";1",
          "\"a\";\"abcd\";\"\u20ac\"" },
        { "{\"minItems\":1,\"maxItems\":2}", "[1];[1,2];1", "[];[1,2,3]" },
        { "{\"minProperties\":1,\"maxProperties\":1}", "{\"a\":1};1", "{};{\"a\":1,\"b\":2}" },
        { "{\"items\":{\"type\":\"integer\"}}", "[];[1,2];{}", "[\"a\"];[1,null]" },
        { "{\"uniqueItems\":true}", "[];[1,\"1\",[1]];1", "[1,1];[1,1.0];[[1],[1]];[null,null]" },
        { "{\"uniqueItems\":false}", "[1,1]", "" },
        { "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{};{\"a\":1,\"b\":2};[]",
          "{\"a\":\"x\"};{\"a\":null}" },
        { "{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{};{\"a\":1}",
          "{\"b\":1}" },
        { "{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"b\":1}", "{\"b\":\"x\"}" },
        { "{\"required\":[\"a\"]}", "{\"a\":null};[]", "{};{\"b\":1}" },
        { "{\"anyOf\":[{\"type\":\"integer\"},{\"const\":\"a\"}]}", "1;\"a\"", "\"b\";null" },
        { "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]}", "1;5.5;\"a\"", "7;4.5" },
        { "{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "1;2", "0;3" },
        { "{\"not\":{\"type\":\"integer\"}}", "\"a\"", "1" },
        { "{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"type\":\"integer\"}}}", "1", "\"a\"" },
        { "{\"$defs\":{\"t\":{\"anyOf\":[{\"type\":\"null\"},{\"items\":{\"$ref\":\"#/$defs/"
          "t\"},\"type\":\"array\"}]}},"
          "\"$ref\":\"#/$defs/t\"}",
          "null;[];[[],[[null]]]", "[1];[[[{}]]]" },
        { "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"$ref\":\"#/properties/a\"}}}",
          "{\"b\":1}", "{\"b\":\"x\"}" },
        { "{\"$ref\":\"#\"}", "", "1" }, /* without end: too much to check, not a hang */
        { "{\"title\":1,\"format\":\"uri\",\"x-mine\":{\"pattern\":1}}", "1", "" },
};

static void each(const char *schema, const char *values, bool good) {
        struct json *s = parse(schema);

        while (*values) {
                size_t n = strcspn(values, ";");
                char text[300];
                struct error e = ERROR_NULL;

                snprintf(text, sizeof(text), "%.*s", (int) n, values);
                struct json *j = parse(text);
                int r = json_schema_accepts(s, j, &e);
                ck_assert_msg((r >= 0) == good, "%s with %s: %s", schema, text, e.message);
                ck_assert_msg(good || e.message[0], "%s with %s: no message", schema, text);
                json_unref(j);
                values += n + (values[n] == ';');
        }
        json_unref(s);
}

START_TEST(values) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct json *s = parse(rows[i].schema);
                struct error e = ERROR_NULL;

                ck_assert_msg(json_schema_check(s, &e) >= 0, "%s: %s %s", rows[i].schema, e.where,
                              e.message);
                json_unref(s);
                each(rows[i].schema, rows[i].good, true);
                each(rows[i].schema, rows[i].bad, false);
        }
}
END_TEST

START_TEST(schemas_that_are_none) {
        static const struct {
                const char *schema, *where;
        } bad[] = {
                { "1", "" },
                { "null", "" },
                { "[]", "" },
                { "\"string\"", "" },
                { "{\"type\":\"text\"}", "/type" },
                { "{\"type\":[]}", "/type" },
                { "{\"type\":[1]}", "/type" },
                { "{\"type\":null}", "/type" },
                { "{\"enum\":1}", "/enum" },
                { "{\"minimum\":\"1\"}", "/minimum" },
                { "{\"minimum\":null}", "/minimum" },
                { "{\"multipleOf\":0}", "/multipleOf" },
                { "{\"multipleOf\":-1}", "/multipleOf" },
                { "{\"maxLength\":-1}", "/maxLength" },
                { "{\"maxLength\":1.5}", "/maxLength" },
                { "{\"uniqueItems\":1}", "/uniqueItems" },
                { "{\"items\":[true]}", "/items" },
                { "{\"properties\":[]}", "/properties" },
                { "{\"properties\":{\"a\":1}}", "/properties/a" },
                { "{\"required\":\"a\"}", "/required" },
                { "{\"required\":[null]}", "/required" },
                { "{\"anyOf\":{}}", "/anyOf" },
                { "{\"anyOf\":[1]}", "/anyOf/0" },
                { "{\"not\":1}", "/not" },
                { "{\"$ref\":1}", "/$ref" },
                { "{\"$ref\":\"x\"}", "/$ref" },
                { "{\"$ref\":\"#/a\"}", "/$ref" },
                { "{\"$ref\":\"#/$defs/a\"}", "/$ref" },
                { "{\"$ref\":\"#/$defs\",\"$defs\":{}}", "/$ref" },
                { "{\"$ref\":\"#/default\",\"default\":{}}", "/$ref" },
                { "{\"$ref\":\"#/enum/0\",\"enum\":[{}]}", "/$ref" },
                { "{\"$ref\":\"#x\"}", "/$ref" },
                { "{\"$ref\":\"#/\"}", "/$ref" },
                { "{\"pattern\":\"a\"}", "/pattern" },
                { "{\"if\":true}", "/if" },
                { "{\"tpye\":\"string\"}", "/tpye" },
                { "{\"$defs\":{\"a\":{\"items\":{\"pattern\":\"\"}}}}", "/$defs/a/items/pattern" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct json *s = strcmp(bad[i].schema, "null") == 0 ? NULL : parse(bad[i].schema);
                struct error e = ERROR_NULL;

                ck_assert_msg(json_schema_check(s, &e) < 0, "%s is accepted", bad[i].schema);
                ck_assert_msg(strcmp(e.where, bad[i].where) == 0, "%s: %s", bad[i].schema, e.where);
                json_unref(s);
        }
}
END_TEST

/* Costly by nature: bounded, and refused. */
START_TEST(work_is_bounded) {
        struct json *s = parse("{\"uniqueItems\":true}");
        struct json_object *list = json_object_new_array();
        struct error e = ERROR_NULL;

        for (int i = 0; i < 20000; i++)
                json_object_array_add(list, json_object_new_int(i));
        ck_assert_int_lt(json_schema_accepts(s, json_from_c(list), &e), 0);
        ck_assert_ptr_nonnull(strstr(e.message, "too much"));
        json_unref(s);
        json_object_put(list);
        /* two alternatives a level, each tried */
        s = parse("{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"anyOf\":["
                  "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"},\"minItems\":2},"
                  "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"},\"minItems\":2}]}}}");
        struct json *deep = parse("[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]");
        ck_assert_int_lt(json_schema_accepts(s, deep, &e), 0);
        json_unref(deep);
        json_unref(s);
}
END_TEST

int main(void) {
        return RUN_TESTS("json-schema", values, schemas_that_are_none, work_is_bounded);
}
