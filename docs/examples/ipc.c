/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libleash offers a command to code inside a sandbox: `weather Oslo` there is a C function here.
 *
 *     cc -o ipc ipc.c $(pkg-config --cflags --libs libleash)
 */
#include <leash.h>
#include <stdio.h>
#include <string.h>

static const char spec[] =
        "{\"name\": \"weather\", \"description\": \"Tells the temperature of a city.\","
        " \"positional\": [\"city\"],"
        " \"params\": {\"type\": \"object\", \"additionalProperties\": false, \"required\": "
        "[\"city\"],"
        "  \"properties\": {\"city\": {\"type\": \"string\", \"minLength\": 1}}}}";

/* The arguments are a JSON object that the schema has accepted. */
static void on_weather(struct leash_ipc_call *c, void *userdata) {
        int *calls = userdata;

        ++*calls;
        if (strstr(leash_ipc_arguments(c), "Atlantis"))
                (void) leash_ipc_fail(c, "this city is under water");
        else
                (void) leash_ipc_answer_json(c, "{\"degrees\": 7}");
}

int main(int argc, char **argv) {
        static const char script[] =
                "weather Oslo; weather --city Oslo; weather Atlantis 2>&1; weather 2>&1; echo $?";
        const char *const fallback[] = { "sh", "-c", script, NULL };
        const char *const *command = argc > 1 ? (const char *const *) argv + 1 : fallback;
        struct leash *l;
        struct leash_sandbox *box = NULL;
        struct leash_result *result = NULL;
        int calls = 0, failed = 0;

        if (leash_connect(NULL, 0, &l) < 0) {
                fprintf(stderr, "ipc: %s\n", leash_connect_error());
                return 1;
        }
        /* leash_run() waits, and calls on_weather() meanwhile; so does leash_dispatch(). */
        if (leash_sandbox_create(l, "{}", &box) < 0 ||
            leash_ipc_register(box, spec, on_weather, &calls) < 0 ||
            leash_run(box, command, NULL, &result) < 0) {
                fprintf(stderr, "ipc: %s\n", leash_last_error(l)->message);
                failed = 1;
        } else {
                printf("%s%s%d calls\n", result->out, result->err, calls);
        }
        leash_result_free(result);
        leash_sandbox_free(box);
        leash_free(l);
        return failed;
}
