/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The OpenRPC 1.3 document (https://spec.open-rpc.org): method rows, shapes and errors in one. */
#include <stdio.h>
#include <string.h>

#include "method.h"
#include "openrpc.h"

#define ERRORS "#/components/errors/"

/* An object is finished when all its members could be put; else it is freed. */
static struct json_object *finish(struct json_object *o, bool ok) {
        if (ok)
                return o;
        (void) json_object_put(o);
        return NULL;
}

static struct json_object *content(const char *name, const char *doc, bool required,
                                   struct json_object *schema) {
        struct json_object *o = json_object_new_object();

        if (!o) {
                (void) json_object_put(schema);
                return NULL;
        }
        return finish(o, json_put(o, "schema", schema) && json_put_string(o, "name", name) &&
                                 json_put_string(o, "description", doc) &&
                                 json_put(o, "required", json_object_new_boolean(required)));
}

static struct json_object *params_of(const struct shape *s) {
        struct json_object *params = json_object_new_array();
        bool ok = params;

        /* required ones first: OpenRPC asks for it */
        for (int pass = 0; pass < 2 && ok; pass++)
                for (size_t i = 0; i < s->n && ok; i++) {
                        const struct field *f = &s->fields[i];
                        bool required = f->flags & FIELD_REQUIRED;

                        if (required == (pass == 0))
                                ok = json_push(params,
                                               content(f->name, f->doc, required,
                                                       schema_of_field(f, SCHEMA_COMPONENTS)));
                }
        return finish(params, ok);
}

static struct json_object *errors_of_method(void) {
        static const enum error_code all[] = {
#define ERROR_ITEM(name, wire, number, text) ERROR_##name,
                ERROR_LIST(ERROR_ITEM)
#undef ERROR_ITEM
        };
        struct json_object *errors = json_object_new_array();
        bool ok = errors;

        for (size_t i = 0; i < ELEMENTSOF(all) && ok; i++)
                ok = json_push(errors, schema_reference(ERRORS, error_wire_name(all[i])));
        return finish(errors, ok);
}

static struct json_object *result_of(const struct method *m) {
        struct json_object *schema;

        if (m->result)
                return content("result", m->result->doc, true,
                               schema_reference(SCHEMA_COMPONENTS, m->result->name));
        /* the address that the OpenRPC specification gives for a document like this one */
        schema = schema_reference("https://raw.githubusercontent.com/open-rpc/meta-schema/master/",
                                  "schema.json");
        return schema ? content("OpenRPC Schema", "This document.", true, schema) : NULL;
}

static struct json_object *fds_of(const struct method *m) {
        struct json_object *o = json_object_new_object();

        return finish(
                o,
                o && json_put(o, "takes", json_object_new_boolean(m->flags & METHOD_TAKES_FDS)) &&
                        json_put(o, "gives", json_object_new_boolean(m->flags & METHOD_GIVES_FDS)));
}

static struct json_object *method_object(const struct method *m) {
        struct json_object *o = json_object_new_object();

        return finish(o, o && json_put_string(o, "name", m->name) &&
                                 json_put_string(o, "summary", m->doc) &&
                                 json_put_string(o, "paramStructure", "by-name") &&
                                 json_put(o, "params", params_of(m->params)) &&
                                 json_put(o, "result", result_of(m)) &&
                                 json_put(o, "errors", errors_of_method()) &&
                                 (!m->flags || json_put(o, "x-leash-fds", fds_of(m))));
}

static struct json_object *client_methods_array(void) {
        struct json_object *array = json_object_new_array();
        bool ok = array;

        for (size_t i = 0; i < CLIENT_METHOD_N_ && ok; i++)
                ok = json_push(array, method_object(&client_methods[i]));
        return finish(array, ok);
}

static struct json_object *methods_array(void) {
        struct json_object *array = json_object_new_array();
        bool ok = array;

        for (size_t i = 0; i < METHOD_N_ && ok; i++)
                ok = json_push(array, method_object(&methods[i]));
        return finish(array, ok);
}

static struct json_object *notifications_array(void) {
        struct json_object *array = json_object_new_array();
        bool ok = array;

        for (size_t i = 0; i < NOTIFY_N_ && ok; i++) {
                const struct notification *n = &notifications[i];
                struct json_object *o = json_object_new_object();

                ok = o && json_put_string(o, "name", n->name) &&
                     json_put_string(o, "summary", n->doc) &&
                     json_put_string(o, "paramStructure", "by-name") &&
                     json_put(o, "params", params_of(n->params));
                ok = json_push(array, finish(o, ok));
        }
        return finish(array, ok);
}

static struct json_object *planned_array(void) {
        struct json_object *array = json_object_new_array();
        bool ok = array;

        for (size_t i = 0; methods_planned[i] && ok; i++)
                ok = json_push(array, json_object_new_string(methods_planned[i]));
        return finish(array, ok);
}

/* Parameters are inline; what they refer to is not. */
static bool collect_method(struct json_object *all, const struct method *m) {
        bool ok = true;

        for (size_t k = 0; k < m->params->n && ok; k++)
                if (m->params->fields[k].shape)
                        ok = schema_collect(all, m->params->fields[k].shape, SCHEMA_COMPONENTS);
        return ok && (!m->result || schema_collect(all, m->result, SCHEMA_COMPONENTS));
}

static struct json_object *schemas_object(void) {
        struct json_object *all = json_object_new_object();
        bool ok = all;

        for (size_t i = 0; i < METHOD_N_ && ok; i++)
                ok = collect_method(all, &methods[i]);
        for (size_t i = 0; i < CLIENT_METHOD_N_ && ok; i++)
                ok = collect_method(all, &client_methods[i]);
        for (size_t i = 0; i < NOTIFY_N_ && ok; i++)
                for (size_t k = 0; k < notifications[i].params->n && ok; k++)
                        if (notifications[i].params->fields[k].shape)
                                ok = schema_collect(all, notifications[i].params->fields[k].shape,
                                                    SCHEMA_COMPONENTS);
        return finish(all, ok);
}

static bool put_error(struct json_object *errors, const char *wire, int number, const char *text) {
        struct json_object *o = json_object_new_object();
        bool ok = o && json_put(o, "code", json_object_new_int(number)) &&
                  json_put_string(o, "message", text);

        return json_put(errors, wire, finish(o, ok));
}

static struct json_object *errors_object(void) {
        struct json_object *errors = json_object_new_object();
        bool ok = errors;

#define ERROR_PUT(name, wire, number, text) ok = ok && put_error(errors, wire, number, text);
        ERROR_LIST(ERROR_PUT)
#undef ERROR_PUT
        return finish(errors, ok);
}

static struct json_object *info_object(void) {
        struct json_object *o = json_object_new_object(), *licence = json_object_new_object();
        bool ok = o && licence && json_put_string(licence, "name", "MIT OR Apache-2.0");

        if (!o) {
                (void) json_object_put(licence);
                return NULL;
        }
        return finish(o, json_put(o, "license", finish(licence, ok)) &&
                                 json_put_string(o, "title", "leash") &&
                                 json_put_string(o, "version", LEASH_VERSION) &&
                                 json_put_string(o, "description",
                                                 "Runs commands in sandboxes. JSON-RPC 2.0 on a "
                                                 "Unix stream socket, one "
                                                 "object a line; parameters by name; no batches. "
                                                 "Messages of errors are "
                                                 "for people, and their data tells programs the "
                                                 "rest: code (a word), "
                                                 "pointer (the field, a JSON pointer into params), "
                                                 "fact (the word for "
                                                 "policy.accept), errno."));
}

static struct json_object *components_object(void) {
        struct json_object *o = json_object_new_object();

        return finish(o, o && json_put(o, "schemas", schemas_object()) &&
                                 json_put(o, "errors", errors_object()));
}

struct json *method_openrpc(void) {
        struct json_object *o = json_object_new_object();

        return json_from_c(
                finish(o, o && json_put_string(o, "openrpc", "1.3.2") &&
                                  json_put(o, "info", info_object()) &&
                                  json_put(o, "methods", methods_array()) &&
                                  json_put(o, "x-leash-client-methods", client_methods_array()) &&
                                  json_put(o, "x-leash-notifications", notifications_array()) &&
                                  json_put(o, "x-leash-planned", planned_array()) &&
                                  json_put(o, "components", components_object())));
}
