/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One line of a guest: parsed, its params decoded, and, when it is a call, made arguments of and
 * checked, as the session does it, for a command with a schema and one without. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/guest.h"
#include "../../proto/host_command.h"
#include "../../proto/rpc.h"

static const char spec[] =
        "{\"name\":\"c\",\"positional\":[\"q\",\"l\"],\"stdin\":\"t\",\"params\":{\"type\":"
        "\"object\","
        "\"required\":[\"q\"],\"additionalProperties\":false,\"properties\":{\"q\":{\"type\":"
        "\"string\"},"
        "\"l\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"uniqueItems\":true},"
        "\"n\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"null\"}]},"
        "\"b\":{\"type\":\"boolean\"},\"o\":{\"type\":\"object\"},\"t\":{\"type\":\"string\"},"
        "\"r\":{\"$ref\":\"#/$defs/r\"}},"
        "\"$defs\":{\"r\":{\"items\":{\"$ref\":\"#/$defs/r\"}}}}}";

static void call(const struct ipc_command *c, const struct guest_call_params *p) {
        struct json *arguments = p->arguments ? json_ref(p->arguments) : NULL;
        struct error e;
        int r = arguments ? 0 : host_command_arguments(c, &p->argv, &arguments, &e);

        if (r == 0 && !p->arguments && host_command_wants_stdin(c, arguments))
                r = host_command_put_stdin(c, arguments, "text", 4, &e);
        if (r == 0)
                r = host_command_accepts(c, arguments, &e);
        assert(r >= 0 || e.message[0]);
        json_unref(arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct ipc_command raw = { .name = "raw" };
        _Alignas(16) char params[1024] = { 0 };
        struct ipc_command command = { 0 };
        struct arena *a = arena_new();
        struct json *j = NULL;
        struct rpc_message m;
        struct error e;
        int r = rpc_parse((const char *) data, size, &m, &e);
        int i = r >= 0 && m.method ? guest_method_find(m.method) : -1;

        if (i >= 0 && shape_decode(guest_methods[i].params, m.params, a, params, &e) >= 0 &&
            i == GUEST_CALL) {
                assert(json_parse(spec, strlen(spec), &j, &e) >= 0 &&
                       shape_decode(&ipc_command_shape, j, a, &command, &e) >= 0 &&
                       host_command_check(&command, &e) >= 0);
                call(&command, (const struct guest_call_params *) (const void *) params);
                call(&raw, (const struct guest_call_params *) (const void *) params);
        }
        json_unref(j);
        rpc_message_done(&m);
        arena_free(a);
        return 0;
}
