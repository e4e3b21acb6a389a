/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A schema on the first line, a value behind it. What passes as a schema must be enforced without
 * harm, whatever the value, and explained. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/host_command.h"
#include "../../proto/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
        size_t n = end ? (size_t) (end - data) : size;
        struct json *schema = NULL, *value = NULL;
        struct error e = { 0 };

        if (json_parse((const char *) data, n, &schema, NULL) >= 0 &&
            json_schema_check(schema, NULL) >= 0) {
                struct ipc_command c = { .name = "c", .params = schema };

                if (end)
                        (void) json_parse((const char *) end + 1, size - n - 1, &value, NULL);
                if (json_schema_accepts(schema, value, &e) < 0)
                        assert(e.message[0]);
                free(host_command_usage(&c));
                free(host_command_help(&c));
        }
        json_unref(value);
        json_unref(schema);
        return 0;
}
