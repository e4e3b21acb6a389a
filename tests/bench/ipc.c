/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-ipc GUEST ROUNDS: host commands from inside to a C handler here and back. Prints
 * "name<TAB>nanoseconds" for each round: over the socket, as a command, and /bin/true for
 * comparison.
 */
#include <leash.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_ping(struct leash_ipc_call *c, void *userdata) {
        (void) userdata;
        (void) leash_ipc_answer(c, "pong", 4);
}

static int measure(struct leash *l, struct leash_sandbox *box, const char *name,
                   const char *const *argv) {
        struct leash_result *result = NULL;
        char *rest = NULL;

        if (leash_run(box, argv, NULL, &result) < 0 || result->exit_code != 0) {
                fprintf(stderr, "bench-ipc: %s: %s\n", name,
                        result ? result->err : leash_last_error(l)->message);
                leash_result_free(result);
                return -1;
        }
        for (char *line = strtok_r((char *) (uintptr_t) result->out, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest))
                printf("%s\t%s\n", name, line);
        leash_result_free(result);
        return 0;
}

int main(int argc, char **argv) {
        struct leash *l;
        struct leash_sandbox *box = NULL;
        char policy[4096], folder[2048];

        if (argc != 3)
                return 2;
        snprintf(folder, sizeof(folder), "%s", argv[1]);
        snprintf(policy, sizeof(policy), "{\"filesystem\":{\"read\":[\"%s\"]}}", dirname(folder));
        const char *const over_socket[] = { argv[1], "socket", argv[2], NULL };
        const char *const as_command[] = { argv[1], "command", argv[2], "ping", NULL };
        const char *const bare[] = { argv[1], "command", argv[2], "/bin/true", NULL };
        if (leash_connect(NULL, 0, &l) < 0) {
                fprintf(stderr, "bench-ipc: %s\n", leash_connect_error());
                return 1;
        }
        if (leash_sandbox_create(l, policy, &box) < 0 ||
            leash_ipc_register(box, "{\"name\":\"ping\",\"shadow\":true}", on_ping, NULL) < 0) {
                fprintf(stderr, "bench-ipc: %s\n", leash_last_error(l)->message);
                return 1;
        }
        int r = measure(l, box, "socket", over_socket);
        if (r >= 0)
                r = measure(l, box, "command", as_command);
        if (r >= 0)
                r = measure(l, box, "/bin/true", bare);
        leash_sandbox_free(box);
        leash_free(l);
        return r < 0 ? 1 : 0;
}
